//! `ordinance map`: which ordinal writes where, before and after.
//!
//! The manifests are reviewed as by `ordinance check`. "Before" is the map of the manifests, "after" that of the patched
//! manifests.

use super::check::{self, Explanations, StoredObjects};
use super::drawing;
use super::exit::Exit;
use super::manifest_args::ManifestArgs;
use super::output::{self, Color, CommonArgs, print};
use super::policies::ServedPolicy;
use anyhow::{Error, Result, anyhow};
use clap::{Args, ValueEnum};
use ordinance_contract::{Identity, Scope};
use ordinance_json::applied;
use ordinance_manifests::Manifest;
use ordinance_map::{Map, MappedObject, RefusedObject};
use ordinance_report::{AdmissionOutcome, CheckReport, CheckedObject, StoredSign, plain_json};
use std::collections::BTreeSet;

/// Show which ordinal of a StatefulSet writes where, before and after
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance map web.yaml volumes/
  ordinance map . --render --exclude 'test/'
  helm template shop | ordinance map -
  kubectl get statefulsets,pvc,pv -A -o yaml | ordinance map --output svg > map.svg
  ordinance map --output json web.yaml | jq -r '.writers[] | select(.exclusive | not).location'

The map shows the manifests as they are (before) and with the policy's patches (after). A claim is
followed to the volume that claimRef, volumeName or name determines, else to the volume that it is
expected to get (marked *).

Exit codes: 0 nothing refused, 1 something refused, 2 something could not be read or judged.")]
pub(super) struct MapArgs {
    /// The output format
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: MapFormat,
    /// Draw with ASCII characters only [default: if the locale is not UTF-8]
    #[arg(long, env = "ORDINANCE_ASCII", hide_env = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    ascii: bool,
    /// The width of the text in columns [default: that of the terminal, or 80]
    #[arg(long, value_name = "COLUMNS", env = "ORDINANCE_WIDTH", hide_env = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    width: Option<u16>,
    #[command(flatten)]
    manifests: ManifestArgs,
}

/// The output format of a map.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum MapFormat {
    /// For a terminal
    #[default]
    Text,
    /// A drawing, in light and dark
    Svg,
    /// For scripts: `writers` has the writers after, `before` those before
    Json,
}

pub(super) fn run(args: &MapArgs, common: CommonArgs) -> Result<Exit> {
    let (state, policy) = args.manifests.load()?;
    let stored = StoredObjects::new(&state, &policy);
    let explanations = Explanations::Omitted;
    check::with_report(&args.manifests, &policy, &stored, explanations, common, |report| {
        print_errors(report, common.color);
        let map = map(&state.objects, &stored, report, &policy)?;
        print(&draw(&map, args, common.color)?)?;
        if !common.quiet {
            output::print_to_stderr(&report.notes(common.verbose > 0));
        }
        Ok(if map.unread.is_empty() { check::exit_code(report) } else { Exit::Error })
    })
}

/// Prints the errors of reading, and the failures of the policy.
fn print_errors(report: &CheckReport<'_>, color: Color) {
    for error in &report.errors {
        output::error(color, &anyhow!("{}: {}", error.place(), error.message));
    }
    for checked in report.objects.iter().filter(|checked| checked.outcome == AdmissionOutcome::Failed) {
        output::error(color, &anyhow!("{}: {}", checked.place(), checked.message.message));
    }
}

/// Returns the map of the existing and the reviewed objects.
fn map(
    existing: &[Manifest],
    stored: &StoredObjects<'_>,
    report: &CheckReport<'_>,
    policy: &ServedPolicy,
) -> Result<Map> {
    let reviewed: BTreeSet<Identity<'_>> =
        report.objects.iter().map(|checked| checked.object.scope.identity()).collect();
    let existing = existing.iter().filter(|object| !reviewed.contains(&object.scope.identity()));
    let existing = existing.map(|object| Ok(MappedObject::new(object.scope.borrowed(), &*object.json)));
    let reviewed = report.objects.iter().map(|checked| patched(checked, stored));
    let objects = existing.chain(reviewed).collect::<Result<Vec<_>>>()?;
    let policy = policy.admission.policy();
    let keys = |scope: &Scope<'_>, object: &str| policy.readable_keys(scope, object);
    let refused =
        report.objects.iter().filter(|checked| checked.outcome == AdmissionOutcome::Denied).map(refused);
    Ok(Map { refused: refused.collect(), ..Map::new(&objects, &keys) })
}

/// Returns an object as it is before and after the policy's patch; before, and if its update is denied, a stored one is as
/// it is stored.
fn patched<'r>(checked: &'r CheckedObject<'_>, stored: &StoredObjects<'r>) -> Result<MappedObject<'r>> {
    let object = checked.object;
    let before = stored.find(&object.scope).unwrap_or(object);
    let is_denied = checked.outcome == AdmissionOutcome::Denied;
    let after = if is_denied { before } else { object };
    let after = applied(&after.json, &checked.patch).map_err(Error::msg)?;
    Ok(MappedObject { after: after.into(), ..MappedObject::new(object.scope.borrowed(), &*before.json) })
}

fn refused(checked: &CheckedObject<'_>) -> RefusedObject {
    RefusedObject {
        object: checked.object.scope.clone(),
        is_stored: checked.stored == Some(StoredSign::Uid),
        message: checked.message.message.clone(),
    }
}

/// Returns the map in the requested format.
fn draw(map: &Map, args: &MapArgs, color: Color) -> Result<Vec<u8>> {
    Ok(match args.output {
        MapFormat::Json => plain_json(ordinance_map::json(map)?).into_bytes(),
        MapFormat::Svg => ordinance_map::svg(map)?,
        MapFormat::Text => drawing::text(map, drawing::options(args.width, args.ascii, color)),
    })
}

// === impl MapArgs ===

impl MapArgs {
    /// Returns why these arguments can't be combined.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        self.manifests.conflict()
    }
}
