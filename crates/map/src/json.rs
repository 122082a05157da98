//! The map for scripts: `writers` after the policy's patches, and those `before`.

use crate::{Bound, Map, OmittedOrdinals, Pod, RefusedObject, Relation, UnmappedObject, VolumeWriter};
use serde::Serialize;

#[derive(Serialize)]
struct JsonMap<'m> {
    writers: Vec<WriterEntry<'m>>,
    before: Vec<WriterEntry<'m>>,
    refused: Vec<RefusalEntry<'m>>,
    omitted: Vec<OmittedEntry<'m>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<UnknownEntry<'m>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriterEntry<'m> {
    #[serde(flatten)]
    pod: PodEntry<'m>,
    volume: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistent_volume: Option<&'m str>,
    /// Whether the claim or the volume names the other; absent without a volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<bool>,
    location: String,
    exclusive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<OverlapEntry<'m>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodEntry<'m> {
    namespace: &'m str,
    stateful_set: &'m str,
    ordinal: u64,
}

#[derive(Serialize)]
struct OverlapEntry<'m> {
    relation: &'static str,
    with: PodEntry<'m>,
    location: String,
    others: usize,
}

#[derive(Serialize)]
struct RefusalEntry<'m> {
    resource: &'m str,
    namespace: &'m str,
    name: &'m str,
    stored: bool,
    message: &'m str,
}

/// An object with placeholders.
#[derive(Serialize)]
struct UnknownEntry<'m> {
    resource: &'m str,
    namespace: &'m str,
    name: &'m str,
    reason: &'m str,
}

/// Ordinals that are left out; both ends are included.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OmittedEntry<'m> {
    namespace: &'m str,
    stateful_set: &'m str,
    from: u64,
    to: u64,
}

/// Renders the map as one indented JSON object with a line break at its end.
///
/// # Errors
///
/// None in practice: every value of a map has a JSON form.
pub fn json(map: &Map) -> serde_json::Result<String> {
    let document = JsonMap {
        writers: map.after.writers.iter().map(entry).collect(),
        before: map.before.writers.iter().map(entry).collect(),
        refused: map.refused.iter().map(refusal).collect(),
        omitted: map.after.omitted.iter().map(span).collect(),
        unknown: map.unknown.iter().map(unknown).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn entry(writer: &VolumeWriter) -> WriterEntry<'_> {
    let volume = writer.persistent_volume.as_ref();
    WriterEntry {
        pod: ordinal(&writer.pod),
        volume: &writer.volume,
        claim: writer.claim.as_deref(),
        persistent_volume: volume.map(|volume| &*volume.name),
        bound: volume.map(|volume| volume.bound == Bound::Named),
        location: writer.location.to_string(),
        exclusive: writer.is_exclusive(),
        overlap: writer.overlap.as_ref().map(overlap),
    }
}

fn overlap(overlap: &crate::WriterOverlap) -> OverlapEntry<'_> {
    OverlapEntry {
        relation: match overlap.relation {
            Relation::Equal => "equal",
            Relation::Inside => "inside",
            Relation::Around => "around",
        },
        with: ordinal(&overlap.with),
        location: overlap.location.to_string(),
        others: overlap.others,
    }
}

fn ordinal(pod: &Pod) -> PodEntry<'_> {
    PodEntry { namespace: &pod.namespace, stateful_set: &pod.stateful_set, ordinal: pod.ordinal }
}

fn refusal(refused: &RefusedObject) -> RefusalEntry<'_> {
    let RefusedObject { object, is_stored, message } = refused;
    let (resource, namespace, name) = (&object.resource, &object.namespace, &object.name);
    RefusalEntry { resource, namespace, name, stored: *is_stored, message }
}

fn unknown(unknown: &UnmappedObject) -> UnknownEntry<'_> {
    let UnmappedObject { object, reason } = unknown;
    let (resource, namespace, name) = (&object.resource, &object.namespace, &object.name);
    UnknownEntry { resource, namespace, name, reason }
}

fn span(omitted: &OmittedOrdinals) -> OmittedEntry<'_> {
    let OmittedOrdinals { namespace, stateful_set, ordinals } = omitted;
    OmittedEntry { namespace, stateful_set, from: ordinals.start, to: ordinals.end.saturating_sub(1) }
}
