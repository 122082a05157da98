//! A volume that the replicas mounted before the update.
//!
//! An update moves no files, so it is denied only for what it makes worse. A volume that was isolated stays isolated:
//! a mount that lost its expression gets it back, with the variables that the expression uses. A volume that was not
//! isolated is never patched.

use super::mount_groups::MountGroups;
use super::new_writers;
use super::old_volumes::OldVolumes;
use super::patch::PatchReason;
use super::previous_mounts::PreviousMounts;
use super::replica_directory::ReplicaDirectory;
use super::review::SetReview;
use super::sub_path_findings::{
    deny_both_fields, deny_missing_variable, sub_path_text, unisolated_template_text,
};
use super::volume::SetVolume;
use crate::display::{Quoted, Shown};
use crate::rules::StorageRule;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, SubPath};
use std::collections::BTreeSet;

/// Judges a volume of the new template by its mounts in the old one.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, previous: &PreviousMounts<'a>, review: &mut SetReview<'a>) {
    let denials = review.findings.denials();
    if !previous.isolated.is_empty() {
        judge_isolated(volume, previous, review);
    } else if volume.is_shared(review.settings) {
        judge_unisolated(volume, previous, review);
    }
    let is_denied = review.findings.denials() > denials;
    if !is_denied && new_writers::are_added(volume, previous, review) {
        new_writers::deny(volume, review);
    }
}

/// Warns of a lost expression that is not restored, since the volume is opted out.
pub(super) fn warn_lost_expression(
    volume: &SetVolume<'_>,
    old: &OldVolumes<'_, '_>,
    review: &mut SetReview<'_>,
) {
    let Some(previous) = PreviousMounts::find(volume, old, review) else {
        return;
    };
    let has_lost_expression = |mount: &&PlacedMount<'_>| {
        let had_mount = previous.same_mount(mount).is_some() || previous.has_removed_mounts();
        had_mount && !mount.is_isolated() && !previous.keeps_sub_path(mount)
    };
    if let (Some(mount), Some(old)) =
        (volume.mounts.iter().find(has_lost_expression), previous.isolated.first())
    {
        let fact = format!(
            "{} lost its {} in container {}, and is opted out, so it is not restored: the files stay there, and the \
             pods see {}",
            volume.title(),
            sub_path_text(old),
            Quoted(mount.container.name()),
            sub_path_text(mount)
        );
        review.findings.add(StorageRule::LostSubPath.warn(mount.part_field(), fact));
    }
}

// === a volume that was isolated ===

/// Judges the mounts of a volume that was isolated: the replicas keep their directories.
fn judge_isolated<'a>(volume: &SetVolume<'a>, previous: &PreviousMounts<'a>, review: &mut SetReview<'a>) {
    for mount in &volume.mounts {
        match mount.part() {
            SubPath::Root | SubPath::Both if previous.keeps_sub_path(mount) => {}
            SubPath::Root => restore_expression(volume, *mount, previous, review),
            SubPath::Both => deny_both_fields(volume, mount, previous.previous_expression(mount), review),
            SubPath::Fixed(_) => deny_common_directory(volume, mount, previous, review),
            SubPath::Expression(expression) => judge_expression(volume, *mount, expression, previous, review),
        }
    }
}

/// Gives a mount its lost expression back or, if the update adds the mount, the directory of the replica.
fn restore_expression<'a>(
    volume: &SetVolume<'a>,
    mount: PlacedMount<'a>,
    previous: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(donor) = previous.donor(&mount) else { return };
    let (directory, reason) = match previous.directory_of_added(&mount) {
        Some(directory) => (Some(directory), PatchReason::AddedMount),
        None => (ReplicaDirectory::of(donor), PatchReason::LostExpression),
    };
    let Some(directory) = directory else { return };
    if reason == PatchReason::LostExpression && previous.has_ambiguous_donor(&mount) {
        return deny_unknown_directory(volume, &mount, review);
    }
    if !review.patch.copy_expression(volume, mount, directory, reason) {
        deny_changed_variables(volume, &mount, &donor, review);
    }
}

/// Denies a mount that lost its expression, if the mounts that it may continue had different ones.
fn deny_unknown_directory(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "the mounts of {} that are removed had different directories: which one container {} needs at {} is unknown",
        volume.title(),
        Quoted(mount.container.name()),
        Quoted(&mount.mount.mount_path)
    );
    let remedy = "Write the subPathExpr of each mount that stays";
    review.findings.add(StorageRule::LostSubPath.deny(mount.field(), fact).remedy(remedy));
}

/// Denies an expression that names another directory with the variables of the mount's container.
fn deny_changed_variables(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    donor: &PlacedMount<'_>,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "the files of {} are at {}, but the variables of container {} name another directory",
        volume.title(),
        sub_path_text(donor),
        Quoted(mount.container.name())
    );
    let remedy = format!(
        "Declare the variables of the expression in its env, as container {} did before",
        Quoted(donor.container.name())
    );
    let field = format!("{}.env", mount.container.field());
    review.findings.add(StorageRule::LostSubPath.deny(field, fact).remedy(remedy));
}

/// Judges a mount with an expression, whether it is the same as before or a new one.
fn judge_expression<'a>(
    volume: &SetVolume<'a>,
    mount: PlacedMount<'a>,
    expression: &'a str,
    previous: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let old = previous.mount_with_expression_of(&mount);
    if old.is_some_and(|old| review.patch.copy_variables(mount, old, expression)) {
        if previous.same_mount(&mount).is_some() {
            warn_if_moved(volume, &mount, previous, review);
        }
        return;
    }
    let Some(resolved) = review.patch.resolve(mount.container, expression) else { return };
    match (resolved.class(), old) {
        (ExpressionClass::Unresolved, _) => {}
        (ExpressionClass::Missing(MissingVariable::Undeclared(_)), Some(old)) => {
            deny_changed_variables(volume, &mount, &old, review)
        }
        (ExpressionClass::Missing(missing), _) => deny_missing_variable(volume, &mount, missing, review),
        (ExpressionClass::Same, _) => deny_common_directory(volume, &mount, previous, review),
        (ExpressionClass::PerOrdinal | ExpressionClass::Unstable | ExpressionClass::Unproved, _) => {
            warn_if_moved(volume, &mount, previous, review);
        }
    }
}

/// Warns if an expression names another directory than before: the user may choose that.
fn warn_if_moved<'a>(
    volume: &SetVolume<'a>,
    mount: &PlacedMount<'a>,
    previous: &PreviousMounts<'a>,
    review: &mut SetReview<'a>,
) {
    let Some(old) = previous.same_mount(mount).or_else(|| previous.donor(mount)) else { return };
    let now = mount.expression().and_then(|now| review.patch.resolve(mount.container, now));
    let is_now =
        |place: ReplicaDirectory<'a>| now.as_ref().is_some_and(|now| now.is_same_as(&place.resolved()));
    let expected = [ReplicaDirectory::of(old), previous.directory_of_added(mount)];
    if !expected.into_iter().flatten().any(is_now) {
        warn_moved(volume, mount, Some(&old), review);
        MountGroups::of_one(*mount).warn_unstable_or_unproven(volume, review);
    }
}

/// Denies a mount whose sub-path is the same in every replica, if each had a directory of its own.
fn deny_common_directory(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    previous: &PreviousMounts<'_>,
    review: &mut SetReview<'_>,
) {
    let is_unchanged =
        previous.keeps_sub_path(mount) && previous.same_mount(mount).is_some_and(|old| !old.is_isolated());
    if is_unchanged || reads_common_files(mount, previous) {
        return;
    }
    let expression = Shown(previous.previous_expression(mount));
    let fact = format!(
        "{} has a directory for each replica ({expression}), but {} in container {} is the same for all replicas",
        volume.title(),
        sub_path_text(mount),
        Quoted(mount.container.name())
    );
    let remedy = if previous.keeps_sub_path(mount) {
        "Declare its variables as before".to_owned()
    } else {
        format!(
            "Write only subPathExpr: {expression} to keep the files, or another expression with the pod's name"
        )
    };
    review.findings.add(StorageRule::LostSubPath.deny(mount.part_field(), fact).remedy(remedy));
}

/// Returns whether a mount only reads files that all replicas have in common, while every writer stays isolated.
fn reads_common_files(mount: &PlacedMount<'_>, previous: &PreviousMounts<'_>) -> bool {
    let was_isolated = previous.same_mount(mount).is_some_and(|old| old.is_isolated());
    mount.is_read_only() && !was_isolated && previous.writers_are_isolated
}

// === a volume that was not isolated ===

/// Judges the mounts of a volume that was not isolated: they are never patched, and moved ones are reported.
fn judge_unisolated<'a>(volume: &SetVolume<'a>, previous: &PreviousMounts<'a>, review: &mut SetReview<'a>) {
    let mut has_finding = false;
    let missing_variables = previous.missing_variables();
    for mount in &volume.mounts {
        let old = previous.same_mount(mount);
        if deny_newly_unstartable(volume, mount, previous, &missing_variables, review) {
            has_finding = true;
        } else if is_moved(mount, old.as_ref()) {
            has_finding = true;
            warn_moved(volume, mount, old.as_ref(), review);
            MountGroups::of_one(*mount).warn_unstable_or_unproven(volume, review);
        }
    }
    let is_shared = review.patch.leaves_shared_writers(volume);
    if !has_finding && is_shared && !new_writers::are_added(volume, previous, review) {
        warn_unisolated(volume, review);
    }
}

/// Denies a mount with which no pod starts, unless none started before. Returns whether it is denied.
fn deny_newly_unstartable(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    previous: &PreviousMounts<'_>,
    missing_variables: &BTreeSet<MissingVariable>,
    review: &mut SetReview<'_>,
) -> bool {
    let had_both = previous.same_mount(mount).is_some_and(|old| old.part() == SubPath::Both);
    if mount.part() == SubPath::Both && !had_both {
        deny_both_fields(volume, mount, volume.default_expression(), review);
        return true;
    }
    let resolved = mount.resolved();
    let Some(ExpressionClass::Missing(missing)) = resolved.as_ref().map(|resolved| resolved.class()) else {
        return false;
    };
    let is_new = !missing_variables.contains(missing);
    if is_new {
        deny_missing_variable(volume, mount, missing, review);
    }
    is_new
}

/// Returns whether a mount shows another directory than before, or is new and not at the root.
fn is_moved(mount: &PlacedMount<'_>, old: Option<&PlacedMount<'_>>) -> bool {
    let Some(old) = old else { return mount.part() != SubPath::Root };
    match (mount.resolved(), old.resolved()) {
        (Some(new), Some(old)) => !new.is_same_as(&old),
        _ => mount.part() != old.part(),
    }
}

/// Warns that the pods see another directory than before; `old` is the mount that they had.
fn warn_moved(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    old: Option<&PlacedMount<'_>>,
    review: &mut SetReview<'_>,
) {
    let previous = match old {
        None => "at the root".to_owned(),
        Some(old) if old.part() == mount.part() => "where its variables pointed before".to_owned(),
        Some(old) => format!("at {}", sub_path_text(old)),
    };
    let fact = format!(
        "{} is mounted at {} in container {} from now on",
        volume.title(),
        sub_path_text(mount),
        Quoted(mount.container.name())
    );
    let remedy =
        format!("Move the files of {} if the pods need them: so far they are {previous}", volume.title());
    review.findings.add(StorageRule::MovedSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

/// Warns that a volume is still shared after a change of the template.
fn warn_unisolated(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = if volume.is_named() {
        format!("{} is shared by all replicas and not isolated", volume.title())
    } else {
        unisolated_template_text(volume)
    };
    let remedy = if review.set.is_windows {
        volume.replace_or_share_remedy()
    } else {
        "An update moves no files: to isolate it, move each ordinal's files into its directory and write a subPathExpr"
            .to_owned()
    };
    review.findings.add(StorageRule::UnisolatedMount.warn(volume.field(), fact).remedy(remedy));
}
