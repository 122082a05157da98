//! The mark of a claim: the annotation `ordinance.dev/sub-path`, which says where in the claim the files are.
//!
//! A set that is created again finds its files by the marks of the claims that the deleted set left behind. A mark
//! takes precedence over the settings and the number of replicas. A sub-path that the user wrote takes precedence
//! over the mark, with a finding.

use super::mount_groups::MountGroups;
use super::patch::PatchReason;
use super::reserved_variable::ReservedVariable;
use super::review::SetReview;
use super::sub_path_findings::sub_path_text;
use super::volume::SetVolume;
use crate::claim;
use crate::display::Quoted;
use crate::findings::FindingBuilder;
use crate::rules::StorageRule;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, SubPath, VolumeKind, expression};

/// Where the files of a volume are, according to its claims.
#[derive(Debug)]
pub(super) enum FileLocation<'a> {
    /// No claim is known, or the volume names a claim without a mark.
    Unknown,
    /// At the root. Without a mark, the claim of a template counts as used from its root.
    Root { claim: &'a str, mark: Option<&'a str> },
    /// In a directory per ordinal.
    Directory { claim: &'a str, expression: &'a str },
    /// Two claims of one template have different marks.
    Conflicting { one: &'a str, other: &'a str },
}

/// How the containers of the pod interpret a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MarkMeaning<'a> {
    /// The root of the volume; also if the mark is not a relative path per ordinal.
    Root,
    /// The directory that this expression names for each ordinal.
    Directory(&'a str),
}

// === impl FileLocation ===

impl FileLocation<'_> {
    /// Returns whether a mark decides the location.
    pub(super) fn is_marked(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Root { mark, .. } => mark.is_some(),
            Self::Directory { .. } | Self::Conflicting { .. } => true,
        }
    }
}

/// Returns where the claims of a volume say that its files are.
pub(super) fn location<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> FileLocation<'a> {
    match volume.kind {
        VolumeKind::Template(_) => location_in_template(volume, review),
        VolumeKind::Named(_) => {
            volume.claim().map_or(FileLocation::Unknown, |claim| location_in_claim(volume, claim, review))
        }
    }
}

/// Returns whether a claim of this name exists already, so that it may have files.
pub(super) fn exists(claim: &str, review: &SetReview<'_>) -> bool {
    review.holdings.claim(claim).is_some_and(|holding| !claim::ClaimNote::parse(&holding.note).is_new)
}

fn location_in_claim<'a>(volume: &SetVolume<'a>, claim: &'a str, review: &SetReview<'a>) -> FileLocation<'a> {
    let mark = review.holdings.claim(claim).and_then(|holding| claim::ClaimNote::parse(&holding.note).mark);
    match mark.map(|mark| (mark, interpret(mark, volume))) {
        None => FileLocation::Unknown,
        Some((mark, MarkMeaning::Root)) => FileLocation::Root { claim, mark: Some(mark) },
        Some((_, MarkMeaning::Directory(expression))) => FileLocation::Directory { claim, expression },
    }
}

fn location_in_template<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> FileLocation<'a> {
    let mut claims = template_claims(volume.name, review);
    claims.sort_unstable_by_key(|(name, _)| *name);
    let mut location = FileLocation::Unknown;
    // Most claims of a template have the mark of the one before.
    let mut last = (None, MarkMeaning::Root);
    for (name, mark) in claims {
        if mark != last.0 {
            last = (mark, mark.map_or(MarkMeaning::Root, |mark| interpret(mark, volume)));
        }
        location = match (location, last.1) {
            (FileLocation::Unknown, MarkMeaning::Root) => FileLocation::Root { claim: name, mark },
            (FileLocation::Unknown, MarkMeaning::Directory(expression)) => {
                FileLocation::Directory { claim: name, expression }
            }
            (FileLocation::Root { mark: Some(mark), claim }, MarkMeaning::Root) => {
                FileLocation::Root { claim, mark: Some(mark) }
            }
            (FileLocation::Root { claim, mark: None }, MarkMeaning::Root) if mark.is_none() => {
                FileLocation::Root { claim, mark }
            }
            (FileLocation::Root { mark: None, .. }, MarkMeaning::Root) => {
                FileLocation::Root { claim: name, mark }
            }
            (FileLocation::Directory { claim, expression }, MarkMeaning::Directory(other))
                if expression == other =>
            {
                FileLocation::Directory { claim, expression }
            }
            (FileLocation::Root { claim, .. } | FileLocation::Directory { claim, .. }, _) => {
                return FileLocation::Conflicting { one: claim, other: name };
            }
            (conflicting @ FileLocation::Conflicting { .. }, _) => conflicting,
        };
    }
    location
}

/// Returns the names and marks of a template's claims that are not being deleted.
fn template_claims<'a>(template: &str, review: &SetReview<'a>) -> Vec<(&'a str, Option<&'a str>)> {
    if review.set.name.is_empty() {
        return Vec::new();
    }
    let claims = review.holdings.template_claims(template, review.set.name);
    claims.map(|(name, note)| (name, note.mark)).collect()
}

/// Interprets a mark in the containers that mount the volume without a sub-path, or in all if none does.
fn interpret<'a>(mark: &'a str, volume: &SetVolume<'a>) -> MarkMeaning<'a> {
    let is_per_ordinal = |mount: &PlacedMount<'a>| {
        matches!(
            mount.container.env.resolve(mark).class(),
            ExpressionClass::PerOrdinal | ExpressionClass::Missing(MissingVariable::Undeclared(_))
        )
    };
    let is_without_sub_path = |mount: &&PlacedMount<'a>| mount.part() == SubPath::Root;
    let all = if volume.mounts.iter().any(|mount| is_without_sub_path(&mount)) {
        volume.mounts.iter().filter(is_without_sub_path).all(is_per_ordinal)
    } else {
        volume.mounts.iter().all(is_per_ordinal)
    };
    if all && is_below_root(mark) { MarkMeaning::Directory(mark) } else { MarkMeaning::Root }
}

/// Returns whether the API server accepts a path as `subPathExpr`: relative and without `..`.
fn is_below_root(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|segment| segment != "..")
}

/// Patches or leaves the mounts without a sub-path as the claims say.
pub(super) fn apply<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    location: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    match location {
        FileLocation::Unknown => {}
        FileLocation::Root { claim, mark } => leave_at_root(volume, groups, claim, mark, review),
        FileLocation::Directory { claim, expression } => {
            isolate_as_marked(volume, groups, claim, expression, review)
        }
        FileLocation::Conflicting { one, other } => {
            deny_conflicting_marks(volume, groups, one, other, review)
        }
    }
}

fn leave_at_root(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    claim: &str,
    mark: Option<&str>,
    review: &mut SetReview<'_>,
) {
    if let Some(mark) = mark.filter(|mark| *mark != ".") {
        let fact = format!(
            "claim {claim:?} is annotated ordinance.dev/sub-path: {mark:?}, which is neither a path for each ordinal \
             nor \".\": it counts as \".\""
        );
        review.findings.add(warning(volume.field(), fact, claim, review.set.namespace));
    }
    if !groups.without_sub_path.is_empty() {
        let fact = format!("{} is not patched: the files of claim {claim:?} are at its root", volume.title());
        let finding = warning(volume.field(), fact, claim, review.set.namespace);
        review
            .findings
            .add(finding.remedy("If they are elsewhere, annotate the claims with ordinance.dev/sub-path"));
    }
    if mark.is_some() {
        warn_other_location(volume, groups, claim, None, review);
    }
}

fn isolate_as_marked<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    claim: &str,
    expression: &'a str,
    review: &mut SetReview<'a>,
) {
    warn_other_location(volume, groups, claim, Some(expression), review);
    let undeclared = groups.without_sub_path.iter().find_map(|mount| {
        match review.patch.resolve(mount.container, expression)?.class() {
            ExpressionClass::Missing(MissingVariable::Undeclared(name)) => Some((*mount, name.clone())),
            _ => None,
        }
    });
    match undeclared {
        Some((mount, name)) => deny_undeclared_variable(volume, &mount, claim, expression, &name, review),
        None => review.patch.isolate(volume, &groups.without_sub_path, expression, PatchReason::ClaimMark),
    }
}

fn deny_undeclared_variable(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    claim: &str,
    expression: &str,
    name: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "claim {claim:?} of {} says that its files are in {expression:?}, which uses {name}, but container {} does \
         not declare it",
        volume.title(),
        Quoted(mount.container.name())
    );
    let finding = StorageRule::UndeclaredVariable
        .deny(format!("{}.env", mount.container.field()), fact)
        .remedy(format!("Declare {name} in env as it was, e.g. from metadata.name"))
        .related(&claim::scope(review.set.namespace, claim));
    review.findings.add(finding);
}

fn deny_conflicting_marks(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    one: &str,
    other: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "claims {one:?} and {other:?} of {} disagree about where their files are (annotation ordinance.dev/sub-path)",
        volume.title()
    );
    let remedy = format!(
        "Annotate both alike: ordinance.dev/sub-path: {} if each has a directory of its own, else \".\" for the root",
        volume.default_expression()
    );
    let finding = match groups.without_sub_path.first() {
        Some(without_sub_path) => StorageRule::ConflictingMarks.deny(without_sub_path.field(), fact),
        None => StorageRule::ConflictingMarks.warn(volume.field(), fact),
    };
    let namespace = review.set.namespace;
    let finding = finding.related(&claim::scope(namespace, one)).related(&claim::scope(namespace, other));
    review.findings.add(finding.remedy(remedy));
}

/// Warns if the user mounts another directory than the one that the claim names.
fn warn_other_location(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    claim: &str,
    mark: Option<&str>,
    review: &mut SetReview<'_>,
) {
    let differs = |mount: &&PlacedMount<'_>| match (mount.resolved(), mark) {
        (Some(resolved), Some(mark)) => !resolved.is_same_as(&mount.container.env.resolve(mark)),
        _ => true,
    };
    let isolated = groups.isolated.iter().map(|(mount, _)| mount);
    if let Some(mount) = isolated.chain(&groups.unproven).chain(&groups.same_for_all).find(differs) {
        let place = mark.map_or("at its root".to_owned(), |mark| format!("in {mark:?}"));
        let fact = format!(
            "{} is mounted at {}, but claim {claim:?} says that its files are {place}: the pods won't see them",
            volume.title(),
            sub_path_text(mount)
        );
        review.findings.add(warning(mount.part_field(), fact, claim, review.set.namespace));
    }
}

/// Returns a warning about the mark of a claim.
fn warning(field: String, fact: String, claim: &str, namespace: &str) -> FindingBuilder {
    StorageRule::ClaimMark.warn(field, fact).related(&claim::scope(namespace, claim))
}

/// Returns the note of a claim template: the expression of its mounts if they all have the same one and it uses only
/// the reserved variables, otherwise `other`. The review of a new claim copies the expression into the claim's mark.
pub(super) fn note(volume: &SetVolume<'_>) -> String {
    let other = || "other".to_owned();
    let Some((first, rest)) = volume.mounts.split_first() else { return other() };
    let Some(expression) = first.expression() else { return other() };
    let is_ours = expression::variables(expression).all(|name| ReservedVariable::named(name).is_some());
    let is_one = rest.iter().all(|mount| mount.part() == first.part());
    let isolates = |mount: &PlacedMount<'_>| {
        mount.resolved().is_some_and(|resolved| resolved.class() == ExpressionClass::PerOrdinal)
    };
    if is_ours && is_one && volume.mounts.iter().all(isolates) {
        return claim::ClaimNote { mark: Some(expression), ..claim::ClaimNote::default() }.to_string();
    }
    other()
}
