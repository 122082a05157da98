//! A volume that the replicas mounted before the update: it moves no data, and is refused only for what it makes worse.
//!
//! What was isolated stays so: a mount that lost its expression gets it back, with the variables that it takes. What
//! was not isolated is never patched.

use super::create::{self, copy_expression, copy_variables, has_shared_writers};
use super::mount_groups::{MountGroups, deny_both_fields, deny_missing_variable, sub_path_text};
use super::patch::PatchReason;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use ordinance_storage::{
    ExpressionClass, MissingVariable, PlacedMount, ResolvedExpression, SubPath, VolumeKind, VolumeSource,
};

/// A volume as it was mounted before the update.
struct PreviousMounts<'a> {
    /// By container and path.
    mounts: Vec<PlacedMount<'a>>,
    /// Those that kept the replicas apart.
    isolated: Vec<PlacedMount<'a>>,
    /// Of each of these, whether its container mounts nothing there any more.
    is_gone: Vec<bool>,
    /// Whether every mount that writes keeps the replicas apart now.
    writers_are_isolated: bool,
}

/// Judges a volume of the new template by the volumes of the old one.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, old: &[SetVolume<'a>], review: &mut SetReview<'a>) {
    let Some(before) = previous_volume(volume, old, review).map(|old| PreviousMounts::of(old, volume)) else {
        return create::judge(volume, review);
    };
    if !before.isolated.is_empty() {
        keep(volume, &before, review);
    } else if volume.is_shared(review.settings) {
        leave(volume, &before, review);
    }
}

/// Tells that an expression is gone which an opt-out keeps from being put back.
pub(super) fn warn_lost_expression(
    volume: &SetVolume<'_>,
    old: &[SetVolume<'_>],
    review: &mut SetReview<'_>,
) {
    let Some(before) = previous_volume(volume, old, review).map(|old| PreviousMounts::of(old, volume)) else {
        return;
    };
    let is_gone = |mount: &&PlacedMount<'_>| {
        let may_be_another = before.same(mount).is_some() || before.is_gone.contains(&true);
        may_be_another && !mount.is_isolated() && !before.keeps_sub_path(mount)
    };
    if let (Some(mount), Some(old)) = (volume.mounts.iter().find(is_gone), before.isolated.first()) {
        let fact = format!(
            "{} lost its {} in container {:?}, and is opted out, so it is not put back: the files stay there, and pods see \
             {}",
            volume.title(),
            sub_path_text(old),
            mount.container.name(),
            sub_path_text(mount)
        );
        review.findings.add(StorageRule::LostSubPath.warn(mount.part_field(), fact));
    }
}

/// The volume that it was: of the same name, else of the same source, and in use.
pub(super) fn previous_volume<'u, 'a>(
    volume: &SetVolume<'_>,
    old: &'u [SetVolume<'a>],
    review: &SetReview<'_>,
) -> Option<&'u SetVolume<'a>> {
    let is_disk =
        |volume: &SetVolume<'_>| matches!(volume.kind, VolumeKind::Named(VolumeSource::Disk { .. }));
    let is_used = |other: &&SetVolume<'_>| other.is_mounted() || other.device.is_some();
    let has_name = |other: &&SetVolume<'_>| other.name == volume.name && is_disk(other) == is_disk(volume);
    let has_source = |other: &&SetVolume<'_>| volume.has_same_source(other, review.settings);
    let used = || old.iter().filter(is_used);
    used().find(has_name).or_else(|| used().find(has_source))
}

// === impl PreviousMounts ===

impl<'a> PreviousMounts<'a> {
    fn of(old: &SetVolume<'a>, new: &SetVolume<'_>) -> Self {
        let mut mounts = old.mounts.clone();
        mounts.sort_by_key(PlacedMount::identity);
        let isolated: Vec<PlacedMount<'a>> =
            old.mounts.iter().filter(|mount| mount.is_isolated()).copied().collect();
        let mut now: Vec<(&str, &str)> = new.mounts.iter().map(PlacedMount::identity).collect();
        now.sort_unstable();
        let is_gone = isolated.iter().map(|old| now.binary_search(&old.identity()).is_err()).collect();
        let mut before = Self { mounts, isolated, is_gone, writers_are_isolated: true };
        let shares = |mount: &PlacedMount<'_>| !mount.is_read_only() && before.shares(mount);
        before.writers_are_isolated = !new.mounts.iter().any(shares);
        before
    }

    /// Whether a mount shows what all replicas have alike, once what it lost is put back.
    fn shares(&self, mount: &PlacedMount<'_>) -> bool {
        match mount.resolved() {
            Some(resolved) => resolved.class() == ExpressionClass::Same,
            None => mount.part() != SubPath::Root || self.keeps_sub_path(mount),
        }
    }

    /// The mount of the same container at the same path.
    fn same(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let place = self.mounts.binary_search_by_key(&mount.identity(), |old| old.identity()).ok()?;
        self.mounts.get(place).copied()
    }

    /// Whether a mount shows the part that it showed.
    fn keeps_sub_path(&self, mount: &PlacedMount<'_>) -> bool {
        self.same(mount).is_some_and(|old| old.part() == mount.part())
    }

    /// The mount whose expression one with neither field is to have: the same, else one of the same container, first
    /// one that is no longer there, else any, first one at the same path.
    fn donor(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        let (container, path) = mount.identity();
        let rank = |(old, is_gone): &(&PlacedMount<'a>, &bool)| match old.identity() {
            identity if identity == (container, path) => 0,
            (there, _) if there == container => 1 + u8::from(!**is_gone),
            (_, at) => 3 + u8::from(at != path),
        };
        self.isolated.iter().zip(&self.is_gone).min_by_key(rank).map(|(old, _)| *old)
    }

    /// What stopped the containers before.
    fn missing_variables(&self) -> Vec<MissingVariable<'a>> {
        let mut missing_variables = Vec::new();
        for resolved in self.mounts.iter().filter_map(PlacedMount::resolved) {
            if let ExpressionClass::Missing(missing) = resolved.class()
                && !missing_variables.contains(&missing)
            {
                missing_variables.push(missing);
            }
        }
        missing_variables
    }

    /// Where the files of a mount are.
    fn previous_expression(&self, mount: &PlacedMount<'_>) -> &'a str {
        match self.donor(mount).map(|donor| donor.part()) {
            Some(SubPath::Expression(expression)) => expression,
            _ => "",
        }
    }

    /// The mount that had an expression before: the same, else one of the same container, else any.
    fn mount_with_sub_path_of(&self, mount: &PlacedMount<'_>) -> Option<PlacedMount<'a>> {
        if let Some(same) = self.same(mount).filter(|old| old.part() == mount.part()) {
            return Some(same);
        }
        let mut same_for_all = self.isolated.iter().filter(|old| old.part() == mount.part());
        let container = mount.identity().0;
        same_for_all
            .clone()
            .find(|old| old.identity().0 == container)
            .or_else(|| same_for_all.next())
            .copied()
    }
}

// === a volume that was isolated ===

/// Keeps the replicas apart, where they were.
fn keep<'a>(volume: &SetVolume<'a>, before: &PreviousMounts<'a>, review: &mut SetReview<'a>) {
    for mount in &volume.mounts {
        match mount.part() {
            SubPath::Root | SubPath::Both if before.keeps_sub_path(mount) => {}
            SubPath::Root => restore_expression(volume, *mount, before, review),
            SubPath::Both => deny_both_fields(volume, mount, before.previous_expression(mount), review),
            SubPath::Fixed(_) => deny_same_for_all(volume, mount, before, review),
            SubPath::Expression(expression) => keep_expression(volume, *mount, expression, before, review),
        }
    }
}

/// A mount that lost its expression gets it back.
fn restore_expression<'a>(
    volume: &SetVolume<'a>,
    mount: PlacedMount<'a>,
    before: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(donor) = before.donor(&mount) else { return };
    if !copy_expression(volume, mount, donor, PatchReason::PreviousMounts, review) {
        refuse_unresolved(volume, &mount, &donor, review);
    }
}

fn refuse_unresolved(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    donor: &PlacedMount<'_>,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "the files of {} are at {}, and with the variables of container {:?} that would be another place",
        volume.title(),
        sub_path_text(donor),
        mount.container.name()
    );
    let remedy = format!(
        "Declare in its env what the expression takes, as container {:?} had it before",
        donor.container.name()
    );
    let field = format!("{}.env", mount.container.field());
    review.findings.add(StorageRule::LostSubPath.deny(field, fact).remedy(remedy));
}

/// A mount with an expression: as it was, or another one.
fn keep_expression<'a>(
    volume: &SetVolume<'a>,
    mount: PlacedMount<'a>,
    expression: &'a str,
    before: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let old = before.mount_with_sub_path_of(&mount);
    if old.is_some_and(|old| copy_variables(mount, old, expression, review)) {
        if before.same(&mount).is_some() {
            warn_if_moved(volume, &mount, before, review);
        }
        return;
    }
    let resolved = mount.container.env.resolve(expression, review.draft.added_variables(mount.container));
    match (resolved.class(), old) {
        (ExpressionClass::Missing(MissingVariable::Undeclared(_)), Some(old)) => {
            refuse_unresolved(volume, &mount, &old, review)
        }
        (ExpressionClass::Missing(missing), _) => deny_missing_variable(volume, &mount, missing, review),
        (ExpressionClass::Same, _) => deny_same_for_all(volume, &mount, before, review),
        (ExpressionClass::PerOrdinal | ExpressionClass::Unstable | ExpressionClass::Unproved, _) => {
            warn_if_moved(volume, &mount, before, review);
        }
    }
}

/// Another directory for each ordinal: the user's choice.
fn warn_if_moved<'a>(
    volume: &SetVolume<'a>,
    mount: &PlacedMount<'a>,
    before: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(old) = before.same(mount).or_else(|| before.donor(mount)) else { return };
    let is_same = match (mount.resolved_with(review.draft.added_variables(mount.container)), old.resolved()) {
        (Some(now), Some(old)) => now.is_same_as(&old),
        _ => false,
    };
    if !is_same {
        warn_moved(volume, mount, Some(&old), review);
        MountGroups::of_one(*mount).warn_unstable_or_unproven(volume, review);
    }
}

/// A part that all replicas have alike, on a volume where each has its own.
fn deny_same_for_all(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    before: &PreviousMounts<'_>,
    review: &mut SetReview<'_>,
) {
    let is_as_it_was =
        before.keeps_sub_path(mount) && before.same(mount).is_some_and(|old| !old.is_isolated());
    if is_as_it_was || is_new_reader(mount, before) {
        return;
    }
    let expression = before.previous_expression(mount);
    let fact = format!(
        "{} has a directory for each replica ({expression}), but {} in container {:?} is the same for all",
        volume.title(),
        sub_path_text(mount),
        mount.container.name()
    );
    let remedy = if before.keeps_sub_path(mount) {
        "Declare its variables as before".to_owned()
    } else {
        format!(
            "Write subPathExpr: {expression} alone to stay with the files, or another with the pod's name"
        )
    };
    review.findings.add(StorageRule::LostSubPath.deny(mount.part_field(), fact).remedy(remedy));
}

/// Whether a mount is new, only reads what all have in common, and leaves every writer where it is.
fn is_new_reader(mount: &PlacedMount<'_>, before: &PreviousMounts<'_>) -> bool {
    let was_isolated = before.same(mount).is_some_and(|old| old.is_isolated());
    mount.is_read_only() && !was_isolated && before.writers_are_isolated
}

// === a volume that was not isolated ===

/// Patches nothing, and says where the data is.
fn leave<'a>(volume: &SetVolume<'a>, before: &PreviousMounts<'a>, review: &mut SetReview<'a>) {
    let mut has_moved = false;
    let missing_variables = before.missing_variables();
    for mount in &volume.mounts {
        let old = before.same(mount);
        if deny_newly_unstartable(volume, mount, before, &missing_variables, review) {
            has_moved = true;
        } else if is_moved(mount, old.as_ref()) {
            has_moved = true;
            warn_moved(volume, mount, old.as_ref(), review);
            MountGroups::of_one(*mount).warn_unstable_or_unproven(volume, review);
        }
    }
    if !has_moved && has_shared_writers(volume, review) {
        warn_unisolated(volume, review);
    }
}

/// Refuses a mount with which no pod could start, unless it was so before; whether it did.
fn deny_newly_unstartable(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    before: &PreviousMounts<'_>,
    missing_variables: &[MissingVariable<'_>],
    review: &mut SetReview<'_>,
) -> bool {
    let had_both = before.same(mount).is_some_and(|old| old.part() == SubPath::Both);
    if mount.part() == SubPath::Both && !had_both {
        deny_both_fields(volume, mount, volume.default_expression(), review);
        return true;
    }
    let resolved = mount.resolved();
    let Some(ExpressionClass::Missing(missing)) = resolved.as_ref().map(ResolvedExpression::class) else {
        return false;
    };
    let is_new = !missing_variables.contains(&missing);
    if is_new {
        deny_missing_variable(volume, mount, missing, review);
    }
    is_new
}

/// Whether a mount shows another place than the same one did, or is a new one below the root.
fn is_moved(mount: &PlacedMount<'_>, old: Option<&PlacedMount<'_>>) -> bool {
    let Some(old) = old else { return mount.part() != SubPath::Root };
    match (mount.resolved(), old.resolved()) {
        (Some(new), Some(old)) => !new.is_same_as(&old),
        _ => mount.part() != old.part(),
    }
}

fn warn_moved(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    old: Option<&PlacedMount<'_>>,
    review: &mut SetReview<'_>,
) {
    let before = match old {
        None => "at the root".to_owned(),
        Some(old) if old.part() == mount.part() => "where its variables led before".to_owned(),
        Some(old) => format!("at {}", sub_path_text(old)),
    };
    let fact = format!(
        "{} is mounted at {} in container {:?} from now on",
        volume.title(),
        sub_path_text(mount),
        mount.container.name()
    );
    let remedy = format!("Files of {} that were written so far stay {before}", volume.title());
    review.findings.add(StorageRule::MovedSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

/// A changed template of a set that shares a volume: nothing is moved, nothing is hidden.
fn warn_unisolated(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = if volume.is_named() {
        format!("{} is shared by all replicas and not isolated", volume.title())
    } else {
        format!("{} is not isolated: two of its volumes may be one directory", volume.title())
    };
    let remedy = "An update moves no files: to isolate it, move each ordinal's files into its directory and write a \
                  subPathExpr";
    review.findings.add(StorageRule::UnisolatedMount.warn(volume.field(), fact).remedy(remedy));
}
