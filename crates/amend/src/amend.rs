//! Changes the objects of a text, document by document.
//!
//! Only documents with changes are parsed into a tree; the text of the others is copied.

use crate::attempt::{Attempt, ObjectEdits, read};
use crate::change::ObjectChanges;
use crate::error::AmendError;
use ordinance_manifests::{Chunk, Manifest, documents};
use std::collections::BTreeMap;

/// A text with the changes that could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmendedText {
    /// The new text; equal to the old one if nothing was changed.
    pub text: String,
    /// The objects that could not be changed, in the order of the text.
    pub unchanged: Vec<Unchanged>,
}

/// An object that could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The object's [`ObjectChanges::start`].
    pub start: usize,
    /// Why the object could not be changed.
    pub reason: AmendError,
}

/// Makes the requested changes in a text where that is safe.
///
/// An object gets all of its changes or none. Costs one read of the text, plus a few reads of each document that
/// changes.
///
/// # Errors
///
/// If any part of the text cannot be parsed; then nothing is changed.
pub fn amend(text: &str, requested: &[ObjectChanges]) -> Result<AmendedText, AmendError> {
    let before = read(text)?;
    let edits = edits(&before, requested)?;
    let mut amended = AmendedText { text: String::with_capacity(text.len()), unchanged: Vec::new() };
    let (mut first, mut edits) = (0, &edits[..]);
    for chunk in documents(text) {
        let end = chunk.offset + chunk.text.len();
        let next = first + before[first..].partition_point(|object| object.bytes.start < end);
        let (own, later) = edits.split_at(edits.partition_point(|edit| edit.object < next));
        let own = own.iter().map(|edit| ObjectEdits { object: edit.object - first, ..*edit });
        amended.add(&chunk, &before[first..next], own.collect());
        (first, edits) = (next, later);
    }
    Ok(amended)
}

/// Returns the requested changes by the index of the object in the text, sorted.
fn edits<'c>(
    objects: &[Manifest],
    requested: &'c [ObjectChanges],
) -> Result<Vec<ObjectEdits<'c>>, AmendError> {
    // Reversed, so that of two objects at one offset the first is found.
    let starts = objects.iter().enumerate().rev().map(|(index, object)| (object.bytes.start, index));
    let indices: BTreeMap<usize, usize> = starts.collect();
    let edit = |requested: &'c ObjectChanges| {
        let object = indices.get(&requested.start).copied();
        object.map(|object| ObjectEdits { object, changes: &requested.changes }).ok_or(AmendError::Unverified)
    };
    let mut edits: Vec<ObjectEdits<'c>> = requested.iter().map(edit).collect::<Result<_, _>>()?;
    edits.sort_by_key(|edit| edit.object);
    Ok(edits)
}

// === impl AmendedText ===

impl AmendedText {
    /// Appends one chunk of the text, changed where that is safe.
    fn add(&mut self, chunk: &Chunk<'_>, before: &[Manifest], edits: Vec<ObjectEdits<'_>>) {
        if edits.is_empty() {
            return self.text.push_str(chunk.text);
        }
        let starts: Vec<usize> = edits.iter().map(|edit| before[edit.object].bytes.start).collect();
        match Attempt::new(chunk, before).and_then(|attempt| attempt.run(edits)) {
            Ok((text, unchanged)) => {
                self.text.push_str(&text);
                let unchanged = unchanged.into_iter();
                self.unchanged.extend(
                    unchanged.map(|(object, reason)| Unchanged { start: before[object].bytes.start, reason }),
                );
            }
            Err(reason) => {
                self.text.push_str(chunk.text);
                self.unchanged
                    .extend(starts.into_iter().map(|start| Unchanged { start, reason: reason.clone() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::FieldChange;
    use crate::preview::splices;
    use crate::tree::NODE_READS;
    use serde_json::{Value, json};

    /// The first object does not show how its file indents lists, the second does.
    const OBJECTS: [&str; 2] = [
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: a\nspec: {}\n",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: a\nspec:\n  a:\n  - b: c\n    d:\n    - e: f\n",
    ];

    fn documents(object: &str, number: usize) -> String {
        vec![object; number].join("---\n")
    }

    /// The directive keeps the text in one chunk.
    fn one_chunk(object: &str, number: usize) -> String {
        format!("%YAML 1.2\n---\n{}", documents(object, number))
    }

    fn list(object: &str, number: usize) -> String {
        let item = format!("- {}\n", object.trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(number))
    }

    fn json(object: &str, number: usize) -> String {
        let object: Value = serde_json::from_str(&read(object).expect("readable")[0].json).expect("JSON");
        json!({"apiVersion": "v1", "kind": "List", "items": vec![object; number]}).to_string()
    }

    fn additions() -> Vec<FieldChange> {
        vec![FieldChange::Add {
            path: "/metadata/annotations".to_owned(),
            value: json!({"a": ["b", {"c": "d"}]}),
        }]
    }

    fn replacements() -> Vec<FieldChange> {
        vec![
            FieldChange::Replace { path: "/spec".to_owned(), value: json!({"b": ["c"]}) },
            FieldChange::Add { path: "/status".to_owned(), value: json!({"d": "e"}) },
        ]
    }

    fn removals() -> Vec<FieldChange> {
        vec![
            FieldChange::Remove { path: "/spec".to_owned() },
            FieldChange::Remove { path: "/metadata".to_owned() },
        ]
    }

    fn node_reads(run: impl FnOnce()) -> usize {
        NODE_READS.set(0);
        run();
        NODE_READS.get()
    }

    #[test]
    fn the_work_grows_linearly_with_the_text() {
        for changes in [additions, replacements, removals] {
            for layout in [documents, one_chunk, list, json] {
                for object in OBJECTS {
                    let reads = |number| {
                        let text = layout(object, number);
                        let objects = read(&text).expect("readable").into_iter();
                        let start = |object: Manifest| object.bytes.start;
                        let requested: Vec<_> = objects
                            .map(start)
                            .map(|start| ObjectChanges { start, changes: changes() })
                            .collect();
                        node_reads(|| assert_eq!(amend(&text, &requested).expect("readable").unchanged, []))
                    };
                    let (few, many) = (reads(50), reads(200));
                    assert!(many <= 4 * few + few / 2, "{few}, {many}: {}", layout(object, 2));
                }
            }
        }
    }

    #[test]
    fn one_object_costs_the_same_however_many_are_around_it() {
        for layout in [documents, one_chunk, list, json] {
            for object in OBJECTS {
                let reads = |number| {
                    let text = layout(object, number);
                    let object = read(&text).expect("readable").pop().expect("an object");
                    let splices = || splices(&text, &object, &additions()).map(|splices| splices.len());
                    node_reads(|| assert_eq!(splices(), Ok(1)))
                };
                assert_eq!(reads(1), reads(50), "{}", layout(object, 2));
            }
        }
    }

    /// Objects that share a list: one half requests the same element, each of the others a different one.
    fn contradictory(number: usize) -> (String, Vec<ObjectChanges>) {
        let set = "- apiVersion: v1\n  kind: A\n  metadata: {name: a}\n";
        let others = format!("{set}  spec: *s\n").repeat(number - 1);
        let text = format!("kind: List\napiVersion: v1\nitems:\n{set}  spec: &s [a]\n{others}");
        let objects = read(&text).expect("readable").into_iter().enumerate();
        let requested = objects.map(|(index, object)| {
            let value = index.max(number / 2).into();
            ObjectChanges {
                start: object.bytes.start,
                changes: vec![FieldChange::Add { path: "/spec/-".to_owned(), value }],
            }
        });
        (text, requested.collect())
    }

    #[test]
    fn contradictory_objects_are_left_without_a_try_for_each() {
        let reads = |number| {
            let (text, requested) = contradictory(number);
            node_reads(|| {
                let amended = amend(&text, &requested).expect("readable");
                assert_eq!((amended.text == text, amended.unchanged.len()), (true, number));
            })
        };
        let (few, many) = (reads(100), reads(400));
        assert!(many <= 4 * few + few / 2, "{few}, {many}");
    }
}
