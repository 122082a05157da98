//! Drafts, writes and verifies the changes to the objects of one chunk of a text.
//!
//! An object gets all of its changes or none, and no other object changes. Whether an anchor that several objects share
//! may change is only known once the result is read again; if it may not, the objects that share it stay unchanged.

use crate::change::FieldChange;
use crate::draft::DraftedChanges;
use crate::error::AmendError;
use crate::objects::{ObjectNode, objects};
use crate::splice::apply;
use crate::tree::SyntaxTree;
use crate::{parse, render, template};
use ordinance_manifests::{BYTE_ORDER_MARK, Chunk, Manifest};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The most drafts of a chunk; each one leaves out the changes that contradicted others in the draft before it.
const ROUNDS: usize = 8;

/// The requested changes of one object of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectEdits<'c> {
    /// The object's index in the chunk.
    pub(crate) object: usize,
    pub(crate) changes: &'c [FieldChange],
}

/// Whether changes have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Some,
    None,
}

/// A new text, with the field of each object whose change goes through an anchor.
struct WrittenChunk {
    text: String,
    repeated: BTreeMap<usize, String>,
}

/// The changes of one chunk.
pub(crate) struct Attempt<'a> {
    tree: SyntaxTree<'a>,
    /// The byte order mark, or empty.
    mark: &'a str,
    before: &'a [Manifest],
    objects: Vec<ObjectNode>,
    /// The objects that stay unchanged, by index.
    unchanged: BTreeMap<usize, AmendError>,
}

/// Reads the objects of a text.
///
/// # Errors
///
/// If any of them cannot be read.
pub(crate) fn read(text: &str) -> Result<Vec<Manifest>, AmendError> {
    let objects = ordinance_manifests::read(text, "default").into_iter().collect::<Result<_, _>>();
    objects.map_err(|error| AmendError::Unreadable(error.to_string()))
}

// === impl Attempt ===

impl<'a> Attempt<'a> {
    pub(crate) fn new(chunk: &Chunk<'a>, before: &'a [Manifest]) -> Result<Self, AmendError> {
        let body = chunk.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(chunk.text);
        let mark = &chunk.text[..chunk.text.len() - body.len()];
        let tree = parse::text(body, usize::try_from(chunk.line).unwrap_or(usize::MAX))?;
        let objects = objects(&tree);
        if objects.len() != before.len() {
            return Err(AmendError::Unverified);
        }
        Ok(Self { tree, mark, before, objects, unchanged: BTreeMap::new() })
    }

    /// Returns the new text, and the objects that stay unchanged, by index.
    pub(crate) fn run(
        mut self,
        edits: Vec<ObjectEdits<'_>>,
    ) -> Result<(String, BTreeMap<usize, AmendError>), AmendError> {
        let mut edits = self.possible(edits);
        loop {
            let written = self.write(&mut edits)?;
            let wrong = self.wrong(&written.text, &edits);
            if wrong.is_empty() {
                return Ok((written.text, self.unchanged));
            }
            self.give_up(&mut edits, &wrong, &written.repeated);
        }
    }

    /// Returns the edits that succeed when each is tried by itself, and stores the reasons of the others.
    fn possible<'c>(&mut self, edits: Vec<ObjectEdits<'c>>) -> Vec<ObjectEdits<'c>> {
        let documents: BTreeSet<usize> =
            edits.iter().map(|edit| self.objects[edit.object].document).collect();
        let refused =
            |document| template::refuse(&self.tree, document).err().map(|reason| (document, reason));
        let templates: BTreeMap<usize, AmendError> = documents.into_iter().filter_map(refused).collect();
        let mut possible = Vec::new();
        for edit in edits {
            match self.try_alone(edit, &templates) {
                Ok(Effect::None) => {}
                Ok(Effect::Some) => possible.push(edit),
                Err(reason) => {
                    self.unchanged.insert(edit.object, reason);
                }
            }
        }
        possible
    }

    fn try_alone(
        &self,
        edit: ObjectEdits<'_>,
        templates: &BTreeMap<usize, AmendError>,
    ) -> Result<Effect, AmendError> {
        if self.expected(edit)? == value(&self.before[edit.object])? {
            return Ok(Effect::None);
        }
        if let Some(reason) = templates.get(&self.objects[edit.object].document) {
            return Err(reason.clone());
        }
        let mut draft = DraftedChanges::new(&self.tree);
        self.draft(&mut draft, edit)?;
        render::splices(&self.tree, &draft).map(|_| Effect::Some)
    }

    fn draft(&self, draft: &mut DraftedChanges<'_, '_>, edit: ObjectEdits<'_>) -> Result<(), AmendError> {
        let node = self.objects[edit.object].node;
        edit.changes.iter().try_for_each(|change| draft.apply(edit.object, node, change))
    }

    /// Returns the object with its changes applied.
    fn expected(&self, edit: ObjectEdits<'_>) -> Result<Value, AmendError> {
        let mut value = value(&self.before[edit.object])?;
        edit.changes.iter().try_for_each(|change| change.apply(&mut value))?;
        Ok(value)
    }

    /// Writes all edits. An object whose edit contradicts an earlier one stays unchanged.
    fn write(&mut self, edits: &mut Vec<ObjectEdits<'_>>) -> Result<WrittenChunk, AmendError> {
        for _ in 0..ROUNDS {
            let mut draft = DraftedChanges::new(&self.tree);
            let drafted = edits.iter().map(|edit| (edit.object, self.draft(&mut draft, *edit)));
            let contradictions: BTreeMap<usize, AmendError> =
                drafted.filter_map(|(object, drafted)| Some((object, drafted.err()?))).collect();
            if contradictions.is_empty() {
                let text = apply(self.tree.text.all, render::splices(&self.tree, &draft)?);
                let text = format!("{}{}", self.mark, text.ok_or(AmendError::Unverified)?);
                return Ok(WrittenChunk { text, repeated: draft.repeated });
            }
            edits.retain(|edit| !contradictions.contains_key(&edit.object));
            self.unchanged.extend(contradictions);
        }
        Err(AmendError::Unverified)
    }

    /// Returns the objects of a new text that differ from the expected ones; all objects if the text cannot be read.
    fn wrong(&self, text: &str, edits: &[ObjectEdits<'_>]) -> BTreeSet<usize> {
        let all = || (0..self.before.len()).collect();
        let Ok(after) = read(text) else { return all() };
        if after.len() != self.before.len() {
            return all();
        }
        let mut wrong: BTreeSet<usize> =
            (0..after.len()).filter(|object| !is_same(&self.before[*object], &after[*object])).collect();
        for edit in edits {
            match self.is_expected(*edit, &after[edit.object]) {
                true => wrong.remove(&edit.object),
                false => wrong.insert(edit.object),
            };
        }
        wrong
    }

    fn is_expected(&self, edit: ObjectEdits<'_>, after: &Manifest) -> bool {
        self.expected(edit).is_ok_and(|expected| value(after).is_ok_and(|after| after == expected))
    }

    /// Gives up the objects that go through an anchor in the documents with a wrong object; all objects of these
    /// documents if none goes through an anchor.
    fn give_up(
        &mut self,
        edits: &mut Vec<ObjectEdits<'_>>,
        wrong: &BTreeSet<usize>,
        repeated: &BTreeMap<usize, String>,
    ) {
        let documents: BTreeSet<usize> = wrong.iter().map(|object| self.objects[*object].document).collect();
        let is_near = |edit: &&ObjectEdits<'_>| documents.contains(&self.objects[edit.object].document);
        let near: Vec<usize> = edits.iter().filter(is_near).map(|edit| edit.object).collect();
        let shared: Vec<usize> =
            near.iter().copied().filter(|object| repeated.contains_key(object)).collect();
        let mut given_up = if shared.is_empty() { near } else { shared };
        if given_up.is_empty() {
            given_up = edits.iter().map(|edit| edit.object).collect();
        }
        edits.retain(|edit| !given_up.contains(&edit.object));
        for object in given_up {
            let shared = repeated.get(&object).map(|field| AmendError::Repeated { field: field.clone() });
            self.unchanged.insert(object, shared.unwrap_or(AmendError::Unverified));
        }
    }
}

fn value(manifest: &Manifest) -> Result<Value, AmendError> {
    serde_json::from_str(&manifest.json).map_err(|error| AmendError::Unreadable(error.to_string()))
}

/// Whether two objects are equal apart from their position.
fn is_same(one: &Manifest, other: &Manifest) -> bool {
    (&one.scope, &one.json) == (&other.scope, &other.json)
}
