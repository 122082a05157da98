//! The map for scripts: `writers` after the policy's patches, and those `before`.

use crate::{Bound, Map, Omitted, Pod, Refused, Relation, Writer};
use serde::Serialize;

#[derive(Serialize)]
struct Document<'m> {
    writers: Vec<Entry<'m>>,
    before: Vec<Entry<'m>>,
    refused: Vec<Refusal<'m>>,
    omitted: Vec<Span<'m>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'m> {
    #[serde(flatten)]
    pod: Ordinal<'m>,
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
    overlap: Option<Overlap<'m>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ordinal<'m> {
    namespace: &'m str,
    stateful_set: &'m str,
    ordinal: u64,
}

#[derive(Serialize)]
struct Overlap<'m> {
    relation: &'static str,
    with: Ordinal<'m>,
    location: String,
    others: usize,
}

#[derive(Serialize)]
struct Refusal<'m> {
    resource: &'m str,
    namespace: &'m str,
    name: &'m str,
    message: &'m str,
}

/// Ordinals that are left out; both ends are included.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'m> {
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
    let document = Document {
        writers: map.after.writers.iter().map(entry).collect(),
        before: map.before.writers.iter().map(entry).collect(),
        refused: map.refused.iter().map(refusal).collect(),
        omitted: map.after.omitted.iter().map(span).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn entry(writer: &Writer) -> Entry<'_> {
    let volume = writer.persistent_volume.as_ref();
    Entry {
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

fn overlap(overlap: &crate::Overlap) -> Overlap<'_> {
    Overlap {
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

fn ordinal(pod: &Pod) -> Ordinal<'_> {
    Ordinal { namespace: &pod.namespace, stateful_set: &pod.stateful_set, ordinal: pod.ordinal }
}

fn refusal(refused: &Refused) -> Refusal<'_> {
    let Refused { object, message } = refused;
    Refusal { resource: &object.resource, namespace: &object.namespace, name: &object.name, message }
}

fn span(omitted: &Omitted) -> Span<'_> {
    let Omitted { namespace, stateful_set, ordinals } = omitted;
    Span { namespace, stateful_set, from: ordinals.start, to: ordinals.end.saturating_sub(1) }
}
