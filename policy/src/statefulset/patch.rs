//! What a review would add to a StatefulSet, as a JSON Patch.
//!
//! Only `add`, and only where the parent exists: expressions on mounts that have neither field, and variables at the
//! end of a container's `env`, or the whole list where there is none.

use super::reserved_variable::ReservedVariable;
use super::volume::SetVolume;
use ordinance_storage::{Declaration, PlacedContainer, PlacedMount, json};

/// Additions, not written yet.
#[derive(Clone, Debug)]
pub(super) struct PatchDraft<'a> {
    expressions: Vec<(PlacedMount<'a>, &'a str)>,
    /// By the container's place.
    declarations: Vec<Vec<Declaration<'a>>>,
    patched: Vec<PatchedVolume<'a>>,
}

/// A volume that gets an expression, and why.
#[derive(Clone, Debug)]
pub(super) struct PatchedVolume<'a> {
    pub(super) volume: &'a str,
    pub(super) noun: &'static str,
    /// The claim that the pod names.
    pub(super) claim: Option<&'a str>,
    pub(super) first: PlacedMount<'a>,
    pub(super) expression: &'a str,
    pub(super) reason: PatchReason,
}

/// Why a volume gets an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchReason {
    /// Its replicas would share it.
    SharedVolume,
    /// Other mounts of it have the expression.
    Siblings,
    /// It had the expression before the update.
    PreviousMounts,
    /// A claim says that the files are there.
    Mark,
}

/// A JSON Patch, written as it grows: neither pointers nor what is ours hold anything that JSON escapes.
#[derive(Default)]
struct Patch {
    json: String,
}

// === impl PatchDraft ===

impl<'a> PatchDraft<'a> {
    /// Nothing to add yet.
    pub(super) fn new(containers: &[PlacedContainer<'a>]) -> Self {
        Self {
            expressions: Vec::new(),
            declarations: vec![Vec::new(); containers.len()],
            patched: Vec::new(),
        }
    }

    /// What a container is to declare.
    pub(super) fn added_variables(&self, container: &PlacedContainer<'_>) -> &[Declaration<'a>] {
        self.declarations.get(container.place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Declares a variable, unless the container does or will.
    pub(super) fn declare(&mut self, container: &PlacedContainer<'_>, declaration: Declaration<'a>) {
        let Some(declarations) = self.declarations.get_mut(container.place) else { return };
        let is_there = declarations.iter().any(|other| other.name() == declaration.name());
        if !is_there && !container.env.declares(declaration.name()) {
            declarations.push(declaration);
        }
    }

    /// Adds an expression to mounts without a sub-path, and the reserved variables that it uses to their containers.
    pub(super) fn isolate(
        &mut self,
        volume: &SetVolume<'a>,
        mounts: &[PlacedMount<'a>],
        expression: &'a str,
        reason: PatchReason,
    ) {
        for mount in mounts {
            for reserved in ReservedVariable::used_by(expression) {
                self.declare(mount.container, reserved.declaration());
            }
            self.add_expression(volume, *mount, expression, reason);
        }
    }

    /// Gives a mount an expression; the findings name the first mount of a volume.
    pub(super) fn add_expression(
        &mut self,
        volume: &SetVolume<'a>,
        mount: PlacedMount<'a>,
        expression: &'a str,
        reason: PatchReason,
    ) {
        self.expressions.push((mount, expression));
        if self
            .patched
            .last()
            .is_some_and(|patched| patched.volume == volume.name && patched.expression == expression)
        {
            return;
        }
        let (volume, noun, claim) = (volume.name, volume.noun(), volume.claim());
        self.patched.push(PatchedVolume { volume, noun, claim, first: mount, expression, reason });
    }

    /// Whether a mount gets an expression.
    pub(super) fn gets_expression(&self, mount: &PlacedMount<'_>) -> bool {
        self.expressions.iter().any(|(other, _)| std::ptr::eq(other.mount, mount.mount))
    }

    /// The mounts that get an expression.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (&PlacedMount<'a>, &str)> {
        self.expressions.iter().map(|(mount, expression)| (mount, *expression))
    }

    /// The volumes that get an expression.
    pub(super) fn patched_volumes(&self) -> &[PatchedVolume<'a>] {
        &self.patched
    }

    /// The containers that get a variable but no expression.
    pub(super) fn containers_with_only_variables(
        &self,
        containers: &'a [PlacedContainer<'a>],
    ) -> impl Iterator<Item = &'a PlacedContainer<'a>> {
        let mut is_expressed = vec![false; containers.len()];
        for (mount, _) in &self.expressions {
            if let Some(is_expressed) = is_expressed.get_mut(mount.container.place) {
                *is_expressed = true;
            }
        }
        let without = containers.iter().zip(is_expressed).filter(|(_, is_expressed)| !is_expressed);
        without
            .map(|(container, _)| container)
            .filter(|container| !self.added_variables(container).is_empty())
    }

    /// How far the draft has come with one container.
    pub(super) fn checkpoint(&self, container: &PlacedContainer<'_>) -> usize {
        self.added_variables(container).len()
    }

    /// Takes back what was declared in one container since then.
    pub(super) fn roll_back(&mut self, container: &PlacedContainer<'_>, checkpoint: usize) {
        if let Some(declarations) = self.declarations.get_mut(container.place) {
            declarations.truncate(checkpoint);
        }
    }

    /// The names of the variables that a container gets from elsewhere.
    pub(super) fn copied_variables(&self, container: &PlacedContainer<'_>) -> Vec<&str> {
        let is_copy = |declaration: &&Declaration<'_>| matches!(declaration, Declaration::Copy(_));
        self.added_variables(container).iter().filter(is_copy).map(Declaration::name).collect()
    }

    /// Returns the JSON Patch, or `None` if it is empty.
    pub(super) fn to_json(&self, containers: &[PlacedContainer<'_>]) -> Option<String> {
        let mut patch = Patch::default();
        for container in containers {
            patch.variables(container, self.added_variables(container));
        }
        for (mount, expression) in &self.expressions {
            patch.add(|pointer| mount.point(pointer), "/subPathExpr", &json::quoted(expression));
        }
        patch.finish()
    }
}

// === impl Patch ===

impl Patch {
    /// The variables of one container: one by one at the end of its list, or the list.
    fn variables(&mut self, container: &PlacedContainer<'_>, declarations: &[Declaration<'_>]) {
        let entries: Vec<String> = declarations.iter().copied().map(Declaration::to_json).collect();
        if container.container.env.is_some() {
            for entry in &entries {
                self.add(|pointer| container.point(pointer), "/env/-", entry);
            }
        } else if !entries.is_empty() {
            self.add(|pointer| container.point(pointer), "/env", &["[", &entries.join(","), "]"].concat());
        }
    }

    /// Adds a value, which is JSON, at a member of what a pointer leads to.
    fn add(&mut self, point: impl FnOnce(&mut String), member: &str, value: &str) {
        let begun = if self.json.is_empty() { "[" } else { "," };
        self.json.extend([begun, r#"{"op":"add","path":""#]);
        point(&mut self.json);
        self.json.extend([member, r#"","value":"#, value, "}"]);
    }

    fn finish(mut self) -> Option<String> {
        self.json.push(']');
        (self.json.len() > 1).then_some(self.json)
    }
}
