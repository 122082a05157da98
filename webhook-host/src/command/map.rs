//! `ordinance map`: which ordinal writes where, before and after.
//!
//! Everything given is judged as `ordinance check` does; afterwards is what the patches make of it.

use super::given::GivenArgs;
use super::policies::ServedPolicy;
use super::{Color, CommonArgs, Exit, check, output, print};
use anyhow::{Error, Result, anyhow};
use clap::{Args, ValueEnum};
use ordinance_contract::Scope;
use ordinance_json::applied;
use ordinance_manifests::Manifest;
use ordinance_map::{Charset, Map, MappedObject, RefusedObject, TextOptions as Look};
use ordinance_report::{AdmissionOutcome, CheckReport, CheckedObject};
use std::io;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Show which ordinal of a StatefulSet writes where, before and after
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance map web.yaml volumes/
  helm template shop | ordinance map -
  kubectl get statefulsets,pvc,pv -A -o yaml | ordinance map --output svg > map.svg
  ordinance map --output json web.yaml | jq -r '.writers[] | select(.exclusive | not).location'

Before is what the manifests say, after is with the policy's patches. A claim is followed to its
volume by claimRef, volumeName or name, else to the one that it is expected to get (marked *).

Exit codes: 0 nothing refused, 1 something refused, 2 something could not be read or judged.")]
pub(super) struct MapArgs {
    /// How to draw it
    #[arg(long, value_enum, default_value_t, env = "ORDINANCE_OUTPUT", hide_env = true)]
    output: Output,
    /// Draw with ASCII alone, as where the locale is not UTF-8
    #[arg(long, env = "ORDINANCE_ASCII", hide_env = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    ascii: bool,
    /// Columns of text; without it those of the terminal, or 80
    #[arg(long, value_name = "COLUMNS", env = "ORDINANCE_WIDTH", hide_env = true)]
    width: Option<u16>,
    #[command(flatten)]
    given: GivenArgs,
}

/// How a map is drawn.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// For a terminal
    #[default]
    Text,
    /// A drawing, in light and dark
    Svg,
    /// For scripts: `writers` as they are afterwards, and `before`
    Json,
}

pub(super) fn run(args: &MapArgs, common: CommonArgs) -> Result<Exit> {
    let (state, judged) = args.given.load()?;
    check::reported(&args.given, &judged, common, |report| {
        complain(report, common.color);
        let map = map(&state, report, &judged)?;
        print(&drawn(&map, args, common.color)?)?;
        Ok(if map.unread.is_empty() { check::exit(report) } else { Exit::Unjudged })
    })
}

/// Says what could not be read or judged.
fn complain(report: &CheckReport<'_>, color: Color) {
    for error in &report.errors {
        output::error(color, &anyhow!("{}: {}", error.place(), error.message));
    }
    for checked in report.objects.iter().filter(|checked| checked.outcome == AdmissionOutcome::Failed) {
        output::error(color, &anyhow!("{}: {}", checked.place(), checked.message.message));
    }
}

/// What is there before and after.
fn map(state: &[Manifest], report: &CheckReport<'_>, judged: &ServedPolicy) -> Result<Map> {
    let existing = state.iter().map(|object| Ok(MappedObject::new(object.scope.borrowed(), &*object.json)));
    let given = report.objects.iter().map(patched);
    let objects = existing.chain(given).collect::<Result<Vec<_>>>()?;
    let policy = judged.judge.policy();
    let keys = |scope: &Scope<'_>, object: &str| {
        policy.keys(scope, object).unwrap_or_else(|failure| Err(failure.to_string()))
    };
    let refused =
        report.objects.iter().filter(|checked| checked.outcome == AdmissionOutcome::Denied).map(refused);
    Ok(Map { refused: refused.collect(), ..Map::new(&objects, &keys) })
}

fn patched<'r>(checked: &'r CheckedObject<'_>) -> Result<MappedObject<'r>> {
    let object = checked.object;
    let after = applied(&object.json, &checked.patch).map_err(Error::msg)?;
    Ok(MappedObject { after: after.into(), ..MappedObject::new(object.scope.borrowed(), &*object.json) })
}

fn refused(checked: &CheckedObject<'_>) -> RefusedObject {
    RefusedObject { object: checked.object.scope.clone(), message: checked.message.message.clone() }
}

/// The map in the wanted shape.
fn drawn(map: &Map, args: &MapArgs, color: Color) -> Result<Vec<u8>> {
    Ok(match args.output {
        Output::Json => ordinance_map::json(map)?.into_bytes(),
        Output::Svg => ordinance_map::svg(map)?,
        Output::Text => ordinance_map::text(map, look(args, color)).into_bytes(),
    })
}

fn look(args: &MapArgs, color: Color) -> Look {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = || Some(usize::from(terminal_size::terminal_size_of(io::stdout())?.0.0));
    let width = args.width.map(usize::from).or_else(terminal).or_else(columns).unwrap_or(COLUMNS);
    let charset = if args.ascii || !is_utf8() { Charset::Ascii } else { Charset::Unicode };
    Look { width, is_colored: color.on_stdout(), charset }
}

/// Whether the locale says so, as libc reads it.
fn is_utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = said.into_iter().find(|locale| !locale.is_empty()).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

// === impl MapArgs ===

impl MapArgs {
    /// Why this can't be run.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        self.given.conflict()
    }
}
