//! What a review would add to a StatefulSet, as a JSON Patch.
//!
//! Only `add`, and only where the parent exists: expressions on mounts that have neither field, and variables at the
//! end of a container's `env`, or the whole list where there is none.

use super::volume::JudgedVolume as Unit;
use ordinance_storage::{Declaration, PlacedContainer as Site, PlacedMount as Mounted, json};
use std::borrow::Cow;

/// Additions, not written yet.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    expressions: Vec<(Mounted<'a>, Cow<'a, str>)>,
    /// By the container's place.
    declarations: Vec<Vec<Declaration<'a>>>,
    told: Vec<Told<'a>>,
}

/// A volume that gets an expression, and why.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    pub(super) volume: &'a str,
    pub(super) noun: &'static str,
    /// The claim that the pod names.
    pub(super) claim: Option<&'a str>,
    pub(super) first: Mounted<'a>,
    pub(super) expression: Cow<'a, str>,
    pub(super) because: Because,
}

/// Why a volume gets an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// Its replicas would share it.
    Shared,
    /// Other mounts of it have the expression.
    Siblings,
    /// It had the expression before the update.
    Before,
    /// A claim says that the files are there.
    Mark,
}

/// A JSON Patch, written as it grows: neither pointers nor what is ours hold anything that JSON escapes.
#[derive(Default)]
struct Patch {
    json: String,
}

// === impl Draft ===

impl<'a> Draft<'a> {
    /// Nothing to add yet.
    pub(super) fn new(sites: &[Site<'a>]) -> Self {
        Self { expressions: Vec::new(), declarations: vec![Vec::new(); sites.len()], told: Vec::new() }
    }

    /// What a container is to declare.
    pub(super) fn declared(&self, site: &Site<'_>) -> &[Declaration<'a>] {
        self.declarations.get(site.place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Declares a variable, unless the container does or will.
    pub(super) fn declare(&mut self, site: &Site<'_>, declaration: Declaration<'a>) {
        let Some(declarations) = self.declarations.get_mut(site.place) else { return };
        let is_there = declarations.iter().any(|other| other.name() == declaration.name());
        if !is_there && !site.env.declares(declaration.name()) {
            declarations.push(declaration);
        }
    }

    /// Gives a mount an expression; the first of a volume is told for all.
    pub(super) fn express(
        &mut self,
        unit: &Unit<'a>,
        mounted: Mounted<'a>,
        expression: Cow<'a, str>,
        because: Because,
    ) {
        self.expressions.push((mounted, expression.clone()));
        if self.told.last().is_some_and(|told| told.volume == unit.name && told.expression == expression) {
            return;
        }
        let (volume, noun, claim) = (unit.name, unit.noun(), unit.claim());
        self.told.push(Told { volume, noun, claim, first: mounted, expression, because });
    }

    /// Whether a mount gets an expression.
    pub(super) fn expresses(&self, mounted: &Mounted<'_>) -> bool {
        self.expressions.iter().any(|(other, _)| std::ptr::eq(other.mount, mounted.mount))
    }

    /// The mounts that get an expression.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (&Mounted<'a>, &str)> {
        self.expressions.iter().map(|(mounted, expression)| (mounted, &**expression))
    }

    /// The volumes that get an expression.
    pub(super) fn told(&self) -> &[Told<'a>] {
        &self.told
    }

    /// The containers that get a variable but no expression.
    pub(super) fn only_declared(&self, sites: &'a [Site<'a>]) -> impl Iterator<Item = &'a Site<'a>> {
        let mut is_expressed = vec![false; sites.len()];
        for (mounted, _) in &self.expressions {
            if let Some(is_expressed) = is_expressed.get_mut(mounted.site.place) {
                *is_expressed = true;
            }
        }
        let without = sites.iter().zip(is_expressed).filter(|(_, is_expressed)| !is_expressed);
        without.map(|(site, _)| site).filter(|site| !self.declared(site).is_empty())
    }

    /// How far the draft has come with one container.
    pub(super) fn checkpoint(&self, site: &Site<'_>) -> usize {
        self.declared(site).len()
    }

    /// Takes back what was declared in one container since then.
    pub(super) fn take_back(&mut self, site: &Site<'_>, checkpoint: usize) {
        if let Some(declarations) = self.declarations.get_mut(site.place) {
            declarations.truncate(checkpoint);
        }
    }

    /// The names of the variables that a container gets from elsewhere.
    pub(super) fn copied(&self, site: &Site<'_>) -> Vec<&str> {
        let is_copy = |declaration: &&Declaration<'_>| matches!(declaration, Declaration::Copy(_));
        self.declared(site).iter().filter(is_copy).map(Declaration::name).collect()
    }

    /// The JSON Patch; none if nothing is added.
    pub(super) fn to_json(&self, sites: &[Site<'_>]) -> Option<String> {
        let mut patch = Patch::default();
        for site in sites {
            patch.variables(site, self.declared(site));
        }
        for (mounted, expression) in &self.expressions {
            patch.add(|pointer| mounted.point(pointer), "/subPathExpr", &json::quoted(expression));
        }
        patch.finish()
    }
}

// === impl Patch ===

impl Patch {
    /// The variables of one container: one by one at the end of its list, or the list.
    fn variables(&mut self, site: &Site<'_>, declarations: &[Declaration<'_>]) {
        let entries: Vec<String> = declarations.iter().copied().map(Declaration::to_json).collect();
        if site.container.env.is_some() {
            for entry in &entries {
                self.add(|pointer| site.point(pointer), "/env/-", entry);
            }
        } else if !entries.is_empty() {
            self.add(|pointer| site.point(pointer), "/env", &["[", &entries.join(","), "]"].concat());
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
