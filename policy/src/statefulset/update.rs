//! A volume that the replicas mounted before the update: it moves no data, and is refused only for what it makes worse.
//!
//! What was isolated stays so: a mount that lost its expression gets it back, with the variables that it takes. What
//! was not isolated is never patched.

use super::create::{self, carry_one, declare_as, has_shared_writers};
use super::mount_groups::{MountGroups, refuse_both, refuse_missing, written};
use super::patch::PatchReason;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use ordinance_storage::{
    ExpressionClass, MissingVariable, PlacedMount, ResolvedExpression, SubPath, VolumeKind, VolumeSource,
};

/// A volume as it was mounted before the update.
struct Before<'a> {
    /// By container and path.
    mounts: Vec<PlacedMount<'a>>,
    /// Those that kept the replicas apart.
    isolated: Vec<PlacedMount<'a>>,
    /// Of each of these, whether its container mounts nothing there any more.
    is_gone: Vec<bool>,
    /// Whether every mount that writes keeps the replicas apart now.
    writers_are_apart: bool,
}

/// Judges a volume of the new template by the volumes of the old one.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, old: &[SetVolume<'a>], review: &mut SetReview<'a>) {
    let Some(before) = counterpart(volume, old, review).map(|old| Before::of(old, volume)) else {
        return create::judge(volume, review);
    };
    if !before.isolated.is_empty() {
        keep(volume, &before, review);
    } else if volume.is_shared(review.settings) {
        leave(volume, &before, review);
    }
}

/// Tells that an expression is gone which an opt-out keeps from being put back.
pub(super) fn tell_gone(volume: &SetVolume<'_>, old: &[SetVolume<'_>], review: &mut SetReview<'_>) {
    let Some(before) = counterpart(volume, old, review).map(|old| Before::of(old, volume)) else { return };
    let is_gone = |mounted: &&PlacedMount<'_>| {
        let may_be_another = before.same(mounted).is_some() || before.is_gone.contains(&true);
        may_be_another && !mounted.is_isolated() && !before.stays(mounted)
    };
    if let (Some(mounted), Some(old)) = (volume.mounts.iter().find(is_gone), before.isolated.first()) {
        let fact = format!(
            "{} lost its {} in container {:?}, and is opted out, so it is not put back: the files stay there, and pods see \
             {}",
            volume.titled(),
            written(old),
            mounted.container.name(),
            written(mounted)
        );
        review.findings.add(StorageRule::LostSubPath.warn(mounted.part_field(), fact));
    }
}

/// The volume that it was: of the same name, else of the same source, and in use.
pub(super) fn counterpart<'u, 'a>(
    volume: &SetVolume<'_>,
    old: &'u [SetVolume<'a>],
    review: &SetReview<'_>,
) -> Option<&'u SetVolume<'a>> {
    let is_disk = |volume: &SetVolume<'_>| matches!(volume.kind, VolumeKind::Named(VolumeSource::Disk { .. }));
    let is_used = |other: &&SetVolume<'_>| other.is_mounted() || other.device.is_some();
    let has_name = |other: &&SetVolume<'_>| other.name == volume.name && is_disk(other) == is_disk(volume);
    let has_source = |other: &&SetVolume<'_>| volume.has_source_of(other, review.settings);
    let used = || old.iter().filter(is_used);
    used().find(has_name).or_else(|| used().find(has_source))
}

// === impl Before ===

impl<'a> Before<'a> {
    fn of(old: &SetVolume<'a>, new: &SetVolume<'_>) -> Self {
        let mut mounts = old.mounts.clone();
        mounts.sort_by_key(PlacedMount::identity);
        let isolated: Vec<PlacedMount<'a>> =
            old.mounts.iter().filter(|mounted| mounted.is_isolated()).copied().collect();
        let mut now: Vec<(&str, &str)> = new.mounts.iter().map(PlacedMount::identity).collect();
        now.sort_unstable();
        let is_gone = isolated.iter().map(|old| now.binary_search(&old.identity()).is_err()).collect();
        let mut before = Self { mounts, isolated, is_gone, writers_are_apart: true };
        let shares = |mounted: &PlacedMount<'_>| !mounted.is_read_only() && before.shares(mounted);
        before.writers_are_apart = !new.mounts.iter().any(shares);
        before
    }

    /// Whether a mount shows what all replicas have alike, once what it lost is put back.
    fn shares(&self, mounted: &PlacedMount<'_>) -> bool {
        match mounted.resolved() {
            Some(resolved) => resolved.class() == ExpressionClass::Same,
            None => mounted.part() != SubPath::Root || self.stays(mounted),
        }
    }

    /// The mount of the same container at the same path.
    fn same(&self, mounted: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let place = self.mounts.binary_search_by_key(&mounted.identity(), |old| old.identity()).ok()?;
        self.mounts.get(place).copied()
    }

    /// Whether a mount shows the part that it showed.
    fn stays(&self, mounted: &PlacedMount<'_>) -> bool {
        self.same(mounted).is_some_and(|old| old.part() == mounted.part())
    }

    /// The mount whose expression one with neither field is to have: the same, else one of the same container, first
    /// one that is no longer there, else any, first one at the same path.
    fn donor(&self, mounted: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let (container, path) = mounted.identity();
        let rank = |(old, is_gone): &(&PlacedMount<'a>, &bool)| match old.identity() {
            identity if identity == (container, path) => 0,
            (there, _) if there == container => 1 + u8::from(!**is_gone),
            (_, at) => 3 + u8::from(at != path),
        };
        self.isolated.iter().zip(&self.is_gone).min_by_key(rank).map(|(old, _)| *old)
    }

    /// What stopped the containers before.
    fn lacking(&self) -> Vec<MissingVariable<'a>> {
        let mut lacking = Vec::new();
        for resolved in self.mounts.iter().filter_map(PlacedMount::resolved) {
            if let ExpressionClass::Missing(missing) = resolved.class()
                && !lacking.contains(&missing)
            {
                lacking.push(missing);
            }
        }
        lacking
    }

    /// Where the files of a mount are.
    fn expression_for(&self, mounted: &PlacedMount<'_>) -> &'a str {
        match self.donor(mounted).map(|donor| donor.part()) {
            Some(SubPath::Expression(expression)) => expression,
            _ => "",
        }
    }

    /// The mount that had an expression before: the same, else one of the same container, else any.
    fn with_expression(&self, mounted: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        if let Some(same) = self.same(mounted).filter(|old| old.part() == mounted.part()) {
            return Some(same);
        }
        let mut same_for_all = self.isolated.iter().filter(|old| old.part() == mounted.part());
        let container = mounted.identity().0;
        same_for_all.clone().find(|old| old.identity().0 == container).or_else(|| same_for_all.next()).copied()
    }
}

// === a volume that was isolated ===

/// Keeps the replicas apart, where they were.
fn keep<'a>(volume: &SetVolume<'a>, before: &Before<'a>, review: &mut SetReview<'a>) {
    for mounted in &volume.mounts {
        match mounted.part() {
            SubPath::Root | SubPath::Both if before.stays(mounted) => {}
            SubPath::Root => put_back(volume, *mounted, before, review),
            SubPath::Both => refuse_both(volume, mounted, before.expression_for(mounted), review),
            SubPath::Fixed(_) => keep_from_moving(volume, mounted, before, review),
            SubPath::Expression(expression) => keep_expression(volume, *mounted, expression, before, review),
        }
    }
}

/// A mount that lost its expression gets it back.
fn put_back<'a>(
    volume: &SetVolume<'a>,
    mounted: PlacedMount<'a>,
    before: &Before<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(donor) = before.donor(&mounted) else { return };
    if !carry_one(volume, mounted, donor, PatchReason::Before, review) {
        refuse_unresolved(volume, &mounted, &donor, review);
    }
}

fn refuse_unresolved(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    donor: &PlacedMount<'_>,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "the files of {} are at {}, and with the variables of container {:?} that would be another place",
        volume.titled(),
        written(donor),
        mounted.container.name()
    );
    let remedy = format!(
        "Declare in its env what the expression takes, as container {:?} had it before",
        donor.container.name()
    );
    let field = format!("{}.env", mounted.container.field());
    review.findings.add(StorageRule::LostSubPath.deny(field, fact).remedy(remedy));
}

/// A mount with an expression: as it was, or another one.
fn keep_expression<'a>(
    volume: &SetVolume<'a>,
    mounted: PlacedMount<'a>,
    expression: &'a str,
    before: &Before<'a>,
    review: &mut SetReview<'a>,
) {
    let old = before.with_expression(&mounted);
    if old.is_some_and(|old| declare_as(mounted, old, expression, review)) {
        if before.same(&mounted).is_some() {
            tell_moved(volume, &mounted, before, review);
        }
        return;
    }
    let resolved = mounted.container.env.resolve(expression, review.draft.declared(mounted.container));
    match (resolved.class(), old) {
        (ExpressionClass::Missing(MissingVariable::Undeclared(_)), Some(old)) => {
            refuse_unresolved(volume, &mounted, &old, review)
        }
        (ExpressionClass::Missing(missing), _) => refuse_missing(volume, &mounted, missing, review),
        (ExpressionClass::Same, _) => keep_from_moving(volume, &mounted, before, review),
        (ExpressionClass::PerOrdinal | ExpressionClass::Unstable | ExpressionClass::Unproved, _) => {
            tell_moved(volume, &mounted, before, review);
        }
    }
}

/// Another directory for each ordinal: the user's choice.
fn tell_moved<'a>(
    volume: &SetVolume<'a>,
    mounted: &PlacedMount<'a>,
    before: &Before<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(old) = before.same(mounted).or_else(|| before.donor(mounted)) else { return };
    let is_same = match (mounted.resolved_with(review.draft.declared(mounted.container)), old.resolved()) {
        (Some(now), Some(old)) => now.is_same_as(&old),
        _ => false,
    };
    if !is_same {
        tell_place(volume, mounted, Some(&old), review);
        MountGroups::of_one(*mounted).warn_of_doubts(volume, review);
    }
}

/// A part that all replicas have alike, on a volume where each has its own.
fn keep_from_moving(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    before: &Before<'_>,
    review: &mut SetReview<'_>,
) {
    let is_as_it_was = before.stays(mounted) && before.same(mounted).is_some_and(|old| !old.is_isolated());
    if is_as_it_was || is_common(mounted, before) {
        return;
    }
    let expression = before.expression_for(mounted);
    let fact = format!(
        "{} has a directory for each replica ({expression}), but {} in container {:?} is the same for all",
        volume.titled(),
        written(mounted),
        mounted.container.name()
    );
    let remedy = if before.stays(mounted) {
        "Declare its variables as before".to_owned()
    } else {
        format!(
            "Write subPathExpr: {expression} alone to stay with the files, or another with the pod's name"
        )
    };
    review.findings.add(StorageRule::LostSubPath.deny(mounted.part_field(), fact).remedy(remedy));
}

/// Whether a mount is new, only reads what all have in common, and leaves every writer where it is.
fn is_common(mounted: &PlacedMount<'_>, before: &Before<'_>) -> bool {
    let was_isolated = before.same(mounted).is_some_and(|old| old.is_isolated());
    mounted.is_read_only() && !was_isolated && before.writers_are_apart
}

// === a volume that was not isolated ===

/// Patches nothing, and says where the data is.
fn leave<'a>(volume: &SetVolume<'a>, before: &Before<'a>, review: &mut SetReview<'a>) {
    let mut has_moved = false;
    let lacking = before.lacking();
    for mounted in &volume.mounts {
        let old = before.same(mounted);
        if refuse_newly_impossible(volume, mounted, before, &lacking, review) {
            has_moved = true;
        } else if is_moved(mounted, old.as_ref()) {
            has_moved = true;
            tell_place(volume, mounted, old.as_ref(), review);
            MountGroups::of_one(*mounted).warn_of_doubts(volume, review);
        }
    }
    if !has_moved && has_shared_writers(volume, review) {
        tell_shared(volume, review);
    }
}

/// Refuses a mount with which no pod could start, unless it was so before; whether it did.
fn refuse_newly_impossible(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    before: &Before<'_>,
    lacking: &[MissingVariable<'_>],
    review: &mut SetReview<'_>,
) -> bool {
    let had_both = before.same(mounted).is_some_and(|old| old.part() == SubPath::Both);
    if mounted.part() == SubPath::Both && !had_both {
        refuse_both(volume, mounted, volume.default_expression(), review);
        return true;
    }
    let resolved = mounted.resolved();
    let Some(ExpressionClass::Missing(missing)) = resolved.as_ref().map(ResolvedExpression::class) else {
        return false;
    };
    let is_new = !lacking.contains(&missing);
    if is_new {
        refuse_missing(volume, mounted, missing, review);
    }
    is_new
}

/// Whether a mount shows another place than the same one did, or is a new one below the root.
fn is_moved(mounted: &PlacedMount<'_>, old: Option<&PlacedMount<'_>>) -> bool {
    let Some(old) = old else { return mounted.part() != SubPath::Root };
    match (mounted.resolved(), old.resolved()) {
        (Some(new), Some(old)) => !new.is_same_as(&old),
        _ => mounted.part() != old.part(),
    }
}

fn tell_place(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    old: Option<&PlacedMount<'_>>,
    review: &mut SetReview<'_>,
) {
    let before = match old {
        None => "at the root".to_owned(),
        Some(old) if old.part() == mounted.part() => "where its variables led before".to_owned(),
        Some(old) => format!("at {}", written(old)),
    };
    let fact = format!(
        "{} is mounted at {} in container {:?} from now on",
        volume.titled(),
        written(mounted),
        mounted.container.name()
    );
    let remedy = format!("Files of {} that were written so far stay {before}", volume.titled());
    review.findings.add(StorageRule::MovedSubPath.warn(mounted.part_field(), fact).remedy(remedy));
}

/// A changed template of a set that shares a volume: nothing is moved, nothing is hidden.
fn tell_shared(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = if volume.is_named() {
        format!("{} is shared by all replicas and not isolated", volume.titled())
    } else {
        format!("{} is not isolated: two of its volumes may be one directory", volume.titled())
    };
    let remedy = "An update moves no files: to isolate it, move each ordinal's files into its directory and write a \
                  subPathExpr";
    review.findings.add(StorageRule::UnisolatedMount.warn(volume.field(), fact).remedy(remedy));
}
