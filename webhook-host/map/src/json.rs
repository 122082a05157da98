//! The map for scripts: `writers` as they are afterwards, and `before`.

use crate::overlap::Relation;
use crate::{Bound, Map, Omitted, Pod, Writer};
use serde::Serialize;
use serde_json::{Value, json};

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
    /// Whether the claim and the volume name each other; absent where there is no volume.
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

/// The map as one JSON object, indented, with a line break at its end.
pub fn json(map: &Map) -> String {
    let entries = |writers: &'_ [Writer]| writers.iter().map(entry).map(|entry| json!(entry)).collect();
    let writers: Vec<Value> = entries(&map.after.writers);
    let before: Vec<Value> = entries(&map.before.writers);
    let map = json!({
        "writers": writers,
        "before": before,
        "omitted": map.after.omitted.iter().map(omitted).collect::<Vec<_>>(),
        "refused": map.refused.iter().map(|refused| json!({
            "resource": refused.object.resource,
            "namespace": refused.object.namespace,
            "name": refused.object.name,
            "message": refused.message,
        })).collect::<Vec<_>>(),
    });
    format!("{map:#}\n")
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
        overlap: writer.overlap.as_ref().map(|overlap| Overlap {
            relation: match overlap.relation {
                Relation::Equal => "equal",
                Relation::Inside => "inside",
                Relation::Around => "around",
            },
            with: ordinal(&overlap.with),
            location: overlap.location.to_string(),
            others: overlap.others,
        }),
    }
}

fn ordinal(pod: &Pod) -> Ordinal<'_> {
    Ordinal { namespace: &pod.namespace, stateful_set: &pod.stateful_set, ordinal: pod.ordinal }
}

fn omitted(omitted: &Omitted) -> Value {
    json!({
        "namespace": omitted.namespace,
        "statefulSet": omitted.stateful_set,
        "from": omitted.ordinals.start,
        "to": omitted.ordinals.end.saturating_sub(1),
    })
}
