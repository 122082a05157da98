//! The map of an audit: which ordinal writes where as the objects are stored, and as the webhooks would create them.

use super::stored_input::{StoredInput, StoredObject};
use crate::audit::Auditor;
use anyhow::{Error, Result};
use ordinance_audit::{AuditReport, AuditedObject};
use ordinance_contract::{Scope, Severity};
use ordinance_json::applied;
use ordinance_manifests::Manifest;
use ordinance_map::{Map, MappedObject, RefusedObject};
use rayon::prelude::*;

/// Maps the audited objects. The shown findings that deny an object are its remarks.
pub(super) fn map(
    input: &StoredInput,
    auditor: &Auditor<'_>,
    report: &AuditReport<'_>,
    is_shown: impl Fn(&str) -> bool,
) -> Result<Map> {
    let object = |stored: &StoredObject| recreated(input.manifest(*stored), auditor);
    let objects: Vec<MappedObject<'_>> = input.objects.par_iter().map(object).collect::<Result<_>>()?;
    let policy = auditor.enforcing.policy();
    let keys = |scope: &Scope<'_>, object: &str| policy.readable_keys(scope, object);
    let refused = report.objects.iter().filter_map(denied).collect();
    let mut map = Map { refused, ..Map::new(&objects, &keys) };
    map.retain_namespaces(is_shown);
    Ok(map)
}

/// Returns an object as it is stored, and as it would be if it were created again. One on which the policy gives no verdict is an error
/// of the report, and stays as it is.
fn recreated<'o>(object: &'o Manifest, auditor: &Auditor<'_>) -> Result<MappedObject<'o>> {
    let patch = auditor.patch_at_creation(object).unwrap_or_default();
    let mapped = MappedObject::new(object.scope.borrowed(), &*object.json);
    if patch.is_empty() {
        return Ok(mapped);
    }
    Ok(MappedObject { after: applied(&object.json, &patch).map_err(Error::msg)?.into(), ..mapped })
}

fn denied(audited: &AuditedObject<'_>) -> Option<RefusedObject> {
    let denial = audited.audit.findings.iter().find(|finding| finding.severity == Severity::Deny)?;
    Some(RefusedObject {
        object: audited.object.scope.clone(),
        is_stored: true,
        message: denial.fact.clone(),
    })
}
