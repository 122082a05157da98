//! Placeholders such as `${NFS_PATH}`, which envsubst or Flux fills in before an object is sent.
//!
//! Where one stands in a string that decides where files are, nothing is known about the object yet: it is neither
//! compared with others nor patched, and a warning says so. That holds for manifests only: what a user sends to a cluster is
//! stored as it is written.

use crate::findings::Findings;
use crate::rules::StorageRule;
use crate::settings::{ClassOutcome, Settings};
use crate::{ObjectKind, kind};
use ordinance_contract::{Operation, Phase, Request, Scope, Verdict};
use ordinance_storage::json::{self, Members, Raw};
use ordinance_storage::{DecidingKind, Metadata, Placeholder};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// The number of placeholders that a warning names; it counts the others.
const NAMED: usize = 2;

/// An object as far as it shows whether it is stored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredObject<'a> {
    #[serde(borrow)]
    metadata: Members<Metadata<'a, IgnoredAny, IgnoredAny, Raw<'a>>>,
}

/// Returns whether a placeholder leaves unknown which keys an object holds. In a stored object it is text.
pub(crate) fn is_in(scope: &Scope<'_>, object: &str) -> bool {
    !placeholders(scope, object).is_empty() && !is_stored(object)
}

/// Returns whether the API server has stored an object, and with it given it a uid.
fn is_stored(object: &str) -> bool {
    let object: StoredObject<'_> = json::read(object).unwrap_or_default();
    object.metadata.0.uid().is_ok_and(|uid| !uid.is_empty())
}

/// Returns the verdict on an object with placeholders that its old state does not have; `None` without any. What is
/// stored already, or is sent by a user, is text, since nothing will fill it in.
pub(crate) fn verdict(request: &Request<'_>, settings: &Settings) -> Option<Verdict> {
    let is_written = matches!(request.operation, Operation::Create | Operation::Update);
    let is_off = settings.storage_classes == ClassOutcome::Off
        && matches!(kind(&request.scope), ObjectKind::StorageClass);
    let is_sent = !request.user_info.is_empty();
    if !is_written || is_off || is_sent || request.phase == Phase::Audit {
        return None;
    }
    let mut found = placeholders(&request.scope, request.object.as_deref()?);
    found.retain(|placeholder| !is_own_variable(&placeholder.text, settings));
    if let Some(old) = request.old_object.as_deref() {
        let stored = BTreeSet::from_iter(placeholders(&request.scope, old));
        found.retain(|placeholder| !stored.contains(placeholder));
    }
    let first = found.first()?;
    let mut findings = Findings::new(settings.mode);
    let finding = StorageRule::UnresolvedPlaceholder.warn(first.field.clone(), fact(&found));
    findings.add(finding.remedy("Substitute it first, e.g. envsubst < FILE | ordinance check -"));
    findings.audit("unresolved", listed(&found));
    Some(findings.into_verdict(None))
}

/// Returns whether a row of the settings says that a provisioner fills in a text.
fn is_own_variable(text: &str, settings: &Settings) -> bool {
    settings.drivers.rows().any(|row| {
        let variables = row.class.variables;
        [variables.volume, variables.namespace, variables.claim].contains(&text)
    })
}

fn fact(found: &[Placeholder]) -> String {
    let verb = if found.len() == 1 { "is" } else { "are" };
    format!("{} {verb} not substituted: which files the object shares is unknown", listed(found))
}

fn listed(found: &[Placeholder]) -> String {
    let named: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
    match found.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn placeholders(scope: &Scope<'_>, object: &str) -> Vec<Placeholder> {
    let kind = match kind(scope) {
        ObjectKind::PersistentVolume => DecidingKind::PersistentVolume,
        ObjectKind::StatefulSet => DecidingKind::StatefulSet,
        ObjectKind::StorageClass => DecidingKind::StorageClass,
        ObjectKind::Scale | ObjectKind::Claim | ObjectKind::Other => return Vec::new(),
    };
    Placeholder::all(kind, object, |annotation| annotation.starts_with("ordinance.dev/"))
}
