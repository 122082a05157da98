//! What a review adds to a StatefulSet, as a JSON Patch.
//!
//! The patch consists of `add` operations on existing parents: expressions on mounts without a sub-path, and
//! variables at the end of a container's `env`, or the whole list if there is none.

use super::replica_directory::ReplicaDirectory;
use super::reserved_variable::ReservedVariable;
use super::volume::SetVolume;
use ordinance_storage::{
    AddedVariables, Declaration, PlacedContainer, PlacedMount, ResolvedExpression, json,
};
use std::collections::BTreeSet;
use std::rc::Rc;

/// The additions of a review before they become JSON.
#[derive(Debug)]
pub(super) struct PatchDraft<'a> {
    expressions: Vec<(PlacedMount<'a>, &'a str)>,
    /// The mounts of these expressions, by the places of their containers and their indexes.
    patched_mounts: BTreeSet<(usize, usize)>,
    /// Indexed by [`PlacedContainer::place`].
    variables: Vec<AddedVariables<'a>>,
    /// The place of the container of each added variable, in the order of their addition.
    additions: Vec<usize>,
    patched: Vec<PatchedVolume<'a>>,
}

/// The extent of a [`PatchDraft`] at one moment, to return to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PatchExtent {
    expressions: usize,
    additions: usize,
    patched: usize,
}

/// A volume that gets an expression, and why.
#[derive(Clone, Debug)]
pub(super) struct PatchedVolume<'a> {
    pub(super) volume: &'a str,
    pub(super) noun: &'static str,
    /// The claim that the volume names; `None` for a claim template or another source.
    pub(super) claim: Option<&'a str>,
    /// The first mount that gets the expression; findings name it.
    pub(super) first: PlacedMount<'a>,
    pub(super) expression: &'a str,
    pub(super) reason: PatchReason,
}

/// Why a volume gets an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchReason {
    /// The replicas would share it.
    Shared,
    /// Other mounts of the volume are in this directory of the replica.
    Siblings,
    /// The update adds a mount beside isolated ones.
    AddedMount,
    /// The update dropped the expression.
    LostExpression,
    /// The mark of a claim names the expression.
    ClaimMark,
}

/// The text of a JSON Patch. Pointers and the names of added members contain nothing that JSON escapes.
#[derive(Default)]
struct PatchText {
    json: String,
}

// === impl PatchDraft ===

impl<'a> PatchDraft<'a> {
    /// Returns an empty patch for this many containers.
    pub(super) fn new(containers: usize) -> Self {
        Self {
            expressions: Vec::new(),
            patched_mounts: BTreeSet::new(),
            variables: (0..containers).map(|_| AddedVariables::default()).collect(),
            additions: Vec::new(),
            patched: Vec::new(),
        }
    }

    /// The variables that are added to a container.
    pub(super) fn added_variables(&self, container: &PlacedContainer<'_>) -> Option<&AddedVariables<'a>> {
        self.variables.get(container.place)
    }

    /// The declarations that are added to a container, in the order of the patch.
    pub(super) fn declarations(&self, container: &PlacedContainer<'_>) -> &[Declaration<'a>] {
        self.added_variables(container).map(AddedVariables::declarations).unwrap_or_default()
    }

    /// Adds a variable to a container, unless the container declares it or it is already added.
    pub(super) fn add_variable(&mut self, container: &PlacedContainer<'_>, declaration: Declaration<'a>) {
        let Some(variables) = self.variables.get_mut(container.place) else { return };
        if !container.env.declares(declaration.name()) && variables.add(declaration) {
            self.additions.push(container.place);
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
        let Some(first) = mounts.first() else { return };
        let used: Vec<ReservedVariable> = ReservedVariable::used_by(expression).collect();
        for mount in mounts {
            for reserved in &used {
                self.add_variable(mount.container, reserved.declaration());
            }
        }
        for mount in mounts {
            self.push_expression(*mount, expression);
        }
        self.add_patched(volume, *first, expression, reason);
    }

    /// Adds an expression to a mount.
    pub(super) fn add_expression(
        &mut self,
        volume: &SetVolume<'a>,
        mount: PlacedMount<'a>,
        expression: &'a str,
        reason: PatchReason,
    ) {
        self.push_expression(mount, expression);
        self.add_patched(volume, mount, expression, reason);
    }

    /// Adds an expression to the text of the patch, which repeats it for each mount.
    fn push_expression(&mut self, mount: PlacedMount<'a>, expression: &'a str) {
        if mount.container.env.steps().spend_on(expression.len()) {
            self.patched_mounts.insert(mount.place());
            self.expressions.push((mount, expression));
        }
    }

    /// Notes that a volume gets an expression, unless that was the last volume with the same expression.
    fn add_patched(
        &mut self,
        volume: &SetVolume<'a>,
        first: PlacedMount<'a>,
        expression: &'a str,
        reason: PatchReason,
    ) {
        let is_same = |last: &PatchedVolume<'_>| last.volume == volume.name && last.expression == expression;
        if !self.patched.last().is_some_and(is_same) {
            let (volume, noun, claim) = (volume.name, volume.noun(), volume.claim());
            self.patched.push(PatchedVolume { volume, noun, claim, first, expression, reason });
        }
    }

    /// Gives a mount the expression of a directory, and its container the variables of the expression. Returns false and
    /// adds nothing if the expression would name another directory in that container.
    pub(super) fn copy_expression(
        &mut self,
        volume: &SetVolume<'a>,
        to: PlacedMount<'a>,
        directory: ReplicaDirectory<'a>,
        reason: PatchReason,
    ) -> bool {
        let ReplicaDirectory { mount: from, expression } = directory;
        let is_same = self.copy_variables(to, from, expression);
        if is_same {
            self.add_expression(volume, to, expression, reason);
        }
        is_same
    }

    /// Gives mounts the expression of a directory, as [`Self::copy_expression`] does.
    ///
    /// # Errors
    ///
    /// The first mount in whose container the expression would name another directory; then nothing is added.
    pub(super) fn copy_to_all<'m>(
        &mut self,
        volume: &SetVolume<'a>,
        mounts: &'m [PlacedMount<'a>],
        directory: ReplicaDirectory<'a>,
        reason: PatchReason,
    ) -> Result<(), &'m PlacedMount<'a>> {
        let before = self.extent();
        let differs = |mount: &&PlacedMount<'a>| !self.copy_expression(volume, **mount, directory, reason);
        match mounts.iter().find(differs) {
            None => Ok(()),
            Some(mount) => {
                self.return_to(before);
                Err(mount)
            }
        }
    }

    /// Copies the variables that an expression uses from the container of one mount to that of another. Returns false
    /// and adds nothing if the expression would name another directory there.
    pub(super) fn copy_variables(
        &mut self,
        to: PlacedMount<'a>,
        from: PlacedMount<'a>,
        expression: &'a str,
    ) -> bool {
        let (source, target) = (&from.container.env, to.container);
        let Some(added) = self.added_variables(target) else { return false };
        let before = self.extent();
        for declaration in source.carried(expression, &target.env, added) {
            self.add_variable(target, declaration);
        }
        let copied = self.resolve(target, expression);
        let is_same = copied.is_some_and(|copied| copied.is_same_as(&source.resolve(expression)));
        if !is_same {
            self.return_to(before);
        }
        is_same
    }

    /// Resolves an expression in a container with the variables that are added to it.
    pub(super) fn resolve(
        &self,
        container: &PlacedContainer<'_>,
        expression: &str,
    ) -> Option<Rc<ResolvedExpression>> {
        Some(container.env.resolve_with(expression, self.added_variables(container)?))
    }

    /// Returns whether two replicas would write the same files even with this patch.
    pub(super) fn leaves_shared_writers(&self, volume: &SetVolume<'a>) -> bool {
        let is_isolated = |mount: &PlacedMount<'a>| {
            let added = self.added_variables(mount.container);
            self.gets_expression(mount) || added.is_some_and(|added| mount.is_isolated_with(added))
        };
        let shares = |mount: &PlacedMount<'a>| !mount.is_read_only() && !is_isolated(mount);
        !volume.has_no_writers() && (volume.device.is_some() || volume.mounts.iter().any(shares))
    }

    /// Returns whether a mount gets an expression.
    pub(super) fn gets_expression(&self, mount: &PlacedMount<'_>) -> bool {
        self.patched_mounts.contains(&mount.place())
    }

    /// The volumes that get an expression.
    pub(super) fn patched_volumes(&self) -> &[PatchedVolume<'a>] {
        &self.patched
    }

    /// Iterates over the containers that get variables but no expression.
    pub(super) fn containers_with_only_variables(
        &self,
        containers: &'a [PlacedContainer<'a>],
    ) -> impl Iterator<Item = &'a PlacedContainer<'a>> {
        let mut has_expression = vec![false; containers.len()];
        for (mount, _) in &self.expressions {
            if let Some(has_expression) = has_expression.get_mut(mount.container.place) {
                *has_expression = true;
            }
        }
        let without = containers.iter().zip(has_expression).filter(|(_, has_expression)| !has_expression);
        without.map(|(container, _)| container).filter(|container| !self.declarations(container).is_empty())
    }

    /// Returns the extent of the patch so far.
    pub(super) fn extent(&self) -> PatchExtent {
        PatchExtent {
            expressions: self.expressions.len(),
            additions: self.additions.len(),
            patched: self.patched.len(),
        }
    }

    /// Removes what was added since the patch had an extent.
    pub(super) fn return_to(&mut self, before: PatchExtent) {
        for place in self.additions.drain(before.additions..).rev() {
            if let Some(variables) = self.variables.get_mut(place) {
                variables.remove_last();
            }
        }
        for (mount, _) in self.expressions.drain(before.expressions..) {
            self.patched_mounts.remove(&mount.place());
        }
        self.patched.truncate(before.patched);
    }

    /// Returns the names of the variables that are copied into a container; the reserved variables do not count.
    pub(super) fn copied_variables(&self, container: &PlacedContainer<'_>) -> Vec<&str> {
        let is_copy = |declaration: &&Declaration<'_>| matches!(declaration, Declaration::Copy(_));
        self.declarations(container).iter().filter(is_copy).map(Declaration::name).collect()
    }

    /// Returns the JSON Patch, or `None` if it is empty.
    pub(super) fn to_json(&self, containers: &[PlacedContainer<'_>]) -> Option<String> {
        let mut patch = PatchText::default();
        for container in containers {
            patch.variables(container, self.declarations(container));
        }
        for mounts in self.expressions.chunk_by(|(_, one), (_, other)| std::ptr::eq(*one, *other)) {
            let expression =
                mounts.first().map(|(_, expression)| json::quoted(expression)).unwrap_or_default();
            for (mount, _) in mounts {
                patch.add(|pointer| mount.point(pointer), "/subPathExpr", &expression);
            }
        }
        patch.finish()
    }
}

// === impl Patch ===

impl PatchText {
    /// Adds variables to a container: each at the end of `env`, or the whole list if there is none.
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

    /// Adds an operation. `point` appends the pointer of the object that gets the member; `value` is JSON.
    fn add(&mut self, point: impl FnOnce(&mut String), member: &str, value: &str) {
        let separator = if self.json.is_empty() { "[" } else { "," };
        self.json.extend([separator, r#"{"op":"add","path":""#]);
        point(&mut self.json);
        self.json.extend([member, r#"","value":"#, value, "}"]);
    }

    fn finish(mut self) -> Option<String> {
        self.json.push(']');
        (self.json.len() > 1).then_some(self.json)
    }
}
