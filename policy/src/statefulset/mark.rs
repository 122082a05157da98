//! Where the files of a claim lie: the annotation `ordinance.dev/sub-path`, the mark.
//!
//! A set that is made again finds its data by the marks of the claims that it left behind. A mark goes before the
//! settings and the number of replicas; what the user wrote overrides the mark, with a finding.

use super::mount_groups::{MountGroups, sub_path_text};
use super::patch::PatchReason;
use super::reserved_variable::ReservedVariable;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::claim;
use crate::findings::FindingBuilder;
use crate::rules::StorageRule;
use ordinance_contract::Holding;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, SubPath, VolumeKind, expression};

/// Where the claims of a volume say that its files are.
#[derive(Debug)]
pub(super) enum FileLocation<'a> {
    /// No claim is known, or one by name that says nothing.
    Unknown,
    /// At the root; the mark, if one says so.
    Root { claim: &'a str, mark: Option<&'a str> },
    /// In a directory for each ordinal.
    Directory { claim: &'a str, expression: &'a str },
    /// Two claims of one template disagree.
    Conflicting { one: &'a str, other: &'a str },
}

/// What a mark means in the containers at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MarkMeaning<'a> {
    Root,
    Directory(&'a str),
}

// === impl FileLocation ===

impl FileLocation<'_> {
    /// Whether a claim says something.
    pub(super) fn is_marked(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Root { mark, .. } => mark.is_some(),
            Self::Directory { .. } | Self::Conflicting { .. } => true,
        }
    }
}

/// What the claims of a volume say.
pub(super) fn data<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> FileLocation<'a> {
    match volume.kind {
        VolumeKind::Template(_) => template_data(volume, review),
        VolumeKind::Named(_) => {
            volume.claim().map_or(FileLocation::Unknown, |claim| named_data(volume, claim, review))
        }
    }
}

/// The claim of this name, if it is known.
pub(super) fn known_claim<'a>(name: &str, review: &SetReview<'a>) -> Option<&'a Holding> {
    let path = claim::path(name);
    let realm = claim::realm(review.set.namespace);
    review
        .holdings
        .iter()
        .find(|holding| claim::is_claim(&holding.holder) && holding.realm == realm && holding.path == path)
}

fn named_data<'a>(volume: &SetVolume<'a>, claim: &'a str, review: &SetReview<'a>) -> FileLocation<'a> {
    let mark = known_claim(claim, review).and_then(|holding| claim::ClaimNote::read(&holding.note).mark);
    match mark.map(|mark| (mark, read(mark, volume))) {
        None => FileLocation::Unknown,
        Some((mark, MarkMeaning::Root)) => FileLocation::Root { claim, mark: Some(mark) },
        Some((_, MarkMeaning::Directory(expression))) => FileLocation::Directory { claim, expression },
    }
}

fn template_data<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> FileLocation<'a> {
    let mut claims = template_claims(volume.name, review);
    claims.sort_unstable_by_key(|(name, _)| *name);
    let mut data = FileLocation::Unknown;
    for (name, mark) in claims {
        data = match (data, mark.map_or(MarkMeaning::Root, |mark| read(mark, volume))) {
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
    data
}

/// The claims of a template that stay: their names, and what they say.
fn template_claims<'a>(template: &str, review: &SetReview<'a>) -> Vec<(&'a str, Option<&'a str>)> {
    if review.set.name.is_empty() {
        return Vec::new();
    }
    let realm = claim::realm(review.set.namespace);
    let prefix = claim::prefix(template, review.set.name);
    let is_of_template = |holding: &&Holding| {
        claim::is_claim(&holding.holder)
            && holding.realm == realm
            && matches!(holding.path.as_slice(), [first, _] if *first == prefix)
    };
    review
        .holdings
        .iter()
        .filter(is_of_template)
        .map(|holding| (&*holding.holder.name, claim::ClaimNote::read(&holding.note)))
        .filter(|(_, note)| !note.is_being_deleted)
        .map(|(name, note)| (name, note.mark))
        .collect()
}

/// What a mark means to the containers whose mounts it is for.
fn read<'a>(mark: &'a str, volume: &SetVolume<'a>) -> MarkMeaning<'a> {
    let means_an_ordinal = |mount: &PlacedMount<'a>| {
        matches!(
            mount.container.env.resolve(mark, &[]).class(),
            ExpressionClass::PerOrdinal | ExpressionClass::Missing(MissingVariable::Undeclared(_))
        )
    };
    let is_bare = |mount: &&PlacedMount<'a>| mount.part() == SubPath::Root;
    let all = if volume.mounts.iter().any(|mount| is_bare(&mount)) {
        volume.mounts.iter().filter(is_bare).all(means_an_ordinal)
    } else {
        volume.mounts.iter().all(means_an_ordinal)
    };
    if all && is_below_root(mark) { MarkMeaning::Directory(mark) } else { MarkMeaning::Root }
}

/// Whether a path can stand in `subPathExpr`: relative, and never upwards.
fn is_below_root(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|segment| segment != "..")
}

/// Does as the claims say.
pub(super) fn follow<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    data: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    match data {
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
            "claim {claim:?} is annotated ordinance.dev/sub-path: {mark:?}, which is neither a path for each ordinal nor \
             \".\": it counts as \".\""
        );
        review.findings.add(mark_warning(volume.field(), fact, claim, review.set.namespace));
    }
    if !groups.without_sub_path.is_empty() {
        let fact =
            format!("{} is left as it is: the files of claim {claim:?} are at its root", volume.title());
        let report = mark_warning(volume.field(), fact, claim, review.set.namespace);
        review
            .findings
            .add(report.remedy("If they lie elsewhere, annotate the claims: ordinance.dev/sub-path"));
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
        match mount.container.env.resolve(expression, review.draft.added_variables(mount.container)).class() {
            ExpressionClass::Missing(MissingVariable::Undeclared(name)) => Some((*mount, name)),
            _ => None,
        }
    });
    match undeclared {
        Some((mount, name)) => deny_undeclared_variable(volume, &mount, claim, expression, name, review),
        None => review.draft.isolate(volume, &groups.without_sub_path, expression, PatchReason::Mark),
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
        "claim {claim:?} of {} says that its files are in {expression:?}, which takes {name}, and container {:?} does \
         not declare it",
        volume.title(),
        mount.container.name()
    );
    let report = StorageRule::UndeclaredVariable
        .deny(format!("{}.env", mount.container.field()), fact)
        .remedy(format!("Declare {name} in env as it was, e.g. from metadata.name"))
        .related(&claim::scope(review.set.namespace, claim));
    review.findings.add(report);
}

fn deny_conflicting_marks(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    one: &str,
    other: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "claims {one:?} and {other:?} of {} disagree where their files are (annotation ordinance.dev/sub-path)",
        volume.title()
    );
    let remedy = format!(
        "Annotate both alike: ordinance.dev/sub-path: {} if each has a directory of its own, else \".\" for the root",
        volume.default_expression()
    );
    let report = match groups.without_sub_path.first() {
        Some(without_sub_path) => StorageRule::ConflictingMarks.deny(without_sub_path.field(), fact),
        None => StorageRule::ConflictingMarks.warn(volume.field(), fact),
    };
    let namespace = review.set.namespace;
    let report = report.related(&claim::scope(namespace, one)).related(&claim::scope(namespace, other));
    review.findings.add(report.remedy(remedy));
}

/// Warns of what the user wrote where a claim says something else.
fn warn_other_location(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    claim: &str,
    mark: Option<&str>,
    review: &mut SetReview<'_>,
) {
    let differs = |mount: &&PlacedMount<'_>| match (mount.resolved(), mark) {
        (Some(resolved), Some(mark)) => !resolved.is_same_as(&mount.container.env.resolve(mark, &[])),
        _ => true,
    };
    let isolated = groups.isolated.iter().map(|(mount, _)| mount);
    if let Some(mount) = isolated.chain(&groups.unproven).chain(&groups.same_for_all).find(differs) {
        let place = mark.map_or("at its root".to_owned(), |mark| format!("in {mark:?}"));
        let fact = format!(
            "{} is mounted at {}, but claim {claim:?} says that its files are {place}: what is there is not seen",
            volume.title(),
            sub_path_text(mount)
        );
        review.findings.add(mark_warning(mount.part_field(), fact, claim, review.set.namespace));
    }
}

/// A warning about what a claim's mark says.
fn mark_warning(field: String, fact: String, claim: &str, namespace: &str) -> FindingBuilder {
    StorageRule::ClaimMark.warn(field, fact).related(&claim::scope(namespace, claim))
}

/// What others may know of a claim template's mounts: their one expression, if it takes our two names alone.
pub(super) fn note(volume: &SetVolume<'_>) -> String {
    let other = || "other".to_owned();
    let Some((first, rest)) = volume.mounts.split_first() else { return other() };
    let SubPath::Expression(expression) = first.part() else { return other() };
    let is_ours = expression::variables(expression).all(|name| ReservedVariable::named(name).is_some());
    let is_one = rest.iter().all(|mount| mount.part() == first.part());
    let isolates = |mount: &PlacedMount<'_>| {
        mount.resolved().is_some_and(|resolved| resolved.class() == ExpressionClass::PerOrdinal)
    };
    if is_ours && is_one && volume.mounts.iter().all(isolates) {
        return claim::ClaimNote { mark: Some(expression), is_being_deleted: false }.to_string();
    }
    other()
}
