//! A volume that is new to the StatefulSet: the set is created, or an update mounts the volume for the first time.
//!
//! All replicas share a named volume: its mounts without a sub-path are isolated, and a sub-path that is the same in
//! every replica is denied. A claim template gives each replica a volume, and two of these volumes are one directory
//! only if the storage is misconfigured: its mounts are isolated too, but such a sub-path is not denied.

use super::claim_mark::{self, FileLocation};
use super::mount_groups::MountGroups;
use super::patch::PatchReason;
use super::proposal::{self, Proposal, isolates};
use super::replica_directory::ReplicaDirectory;
use super::review::SetReview;
use super::sub_path_findings::{sub_path_text, unisolated_template_text};
use super::volume::SetVolume;
use super::{overlap, reserved_declarations, sub_path_findings, windows};
use crate::catalogue;
use crate::display::{Quoted, Shown};
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode, NamedVolumes};
use ordinance_storage::{PlacedMount, SubPath, VolumeKind, VolumeSource};

/// Judges a used volume that the replicas did not mount before, and warns if its export overlaps another object's.
pub(super) fn judge_with_overlaps<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    if !volume.is_mounted() && volume.device.is_none() {
        return;
    }
    note_unknown_driver(volume, review);
    judge(volume, review);
    sub_path_findings::warn_duplicate_variables(volume, review);
    overlap::warn_inline_export_overlaps(volume, review);
}

/// Notes that nothing is known of the driver of an inline volume: its replicas may share the files.
pub(super) fn note_unknown_driver(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let VolumeKind::Named(VolumeSource::Csi(source)) = volume.kind else { return };
    let is_known = catalogue::find_located(&source.driver, &review.settings.drivers).is_some();
    if is_known || volume.is_shared(review.settings) {
        return;
    }
    let fact = format!(
        "{}: Ordinance does not know the driver {}, so it can't tell whether the replicas share its files",
        volume.title(),
        Quoted(&source.driver)
    );
    let remedy = "Add a row for the driver to the setting `drivers`, with `inline: true` if they do";
    let field = format!("{}.csi.driver", volume.field());
    review.findings.add(StorageRule::UnknownDriver.note(field, fact).remedy(remedy));
}

/// Judges the sub-paths of a volume that the replicas did not mount before.
fn judge<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    let location = if review.set.restore.is_some() {
        FileLocation::Unknown
    } else {
        claim_mark::location(volume, review)
    };
    let is_marked = location.is_marked();
    if !volume.is_shared(review.settings) && !is_marked {
        return warn_single_node_disk(volume, review);
    }
    let groups = MountGroups::of(volume);
    groups.deny_unstartable(volume, review);
    if volume.has_no_writers() && !is_marked {
        return;
    }
    groups.warn_unstable_or_unproven(volume, review);
    if review.set.is_windows && !is_marked {
        return windows::judge(volume, &groups, review);
    }
    match volume.kind {
        VolumeKind::Template(_) => judge_template(volume, &groups, location, review),
        VolumeKind::Named(_) => judge_named(volume, &groups, location, review),
    }
}

/// Judges a volume that all replicas share.
fn judge_named<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    location: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    if location.is_marked() {
        claim_mark::apply(volume, groups, location, review);
    } else if groups.is_mixed() {
        isolate_like_siblings(volume, groups, review);
    } else if review.checks_sharing() {
        isolate_named(volume, groups, review);
    }
    if review.checks_sharing() {
        deny_fixed_sub_paths(volume, groups, review);
        deny_shared_device(volume, review);
        return;
    }
    // Without such a directory, no expression can be proposed: the denial of the mixed mounts says so.
    let can_propose = !groups.is_mixed() || groups.common_directory().is_some();
    if can_propose && review.patch.leaves_shared_writers(volume) {
        warn_single_replica(volume, groups, review);
    }
}

/// Judges a claim template, which gives each ordinal a claim of its own.
fn judge_template<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    location: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    let is_marked = location.is_marked();
    if is_marked || !matches!(location, FileLocation::Unknown) && !groups.without_sub_path.is_empty() {
        claim_mark::apply(volume, groups, location, review);
    } else if let (VolumeKind::Template(template), false) = (volume.kind, groups.without_sub_path.is_empty())
    {
        match template.filled_by() {
            Some(field) => warn_prefilled(volume, field, review),
            None if groups.is_mixed() => isolate_like_siblings(volume, groups, review),
            None if groups.same_for_all.is_empty() && groups.unproven.is_empty() => {
                isolate(volume, groups, review)
            }
            None => warn_mixed_sub_paths(volume, groups, review),
        }
    }
    if is_marked {
        return;
    }
    for mount in groups.shared_sub_paths() {
        warn_fixed_sub_path(volume, &Proposal::of(volume, groups, *mount), review);
    }
}

/// Warns of a sub-path that is the same in every replica, in a claim template.
fn warn_fixed_sub_path(volume: &SetVolume<'_>, proposal: &Proposal<'_>, review: &mut SetReview<'_>) {
    let (mount, expression) = (&proposal.mount, Shown(&proposal.expression));
    let fact = format!(
        "{} is mounted at {} in every replica: if two of its volumes are one directory, they mix their files",
        volume.title(),
        sub_path_text(mount)
    );
    let finding = StorageRule::FixedSubPath
        .warn(mount.part_field(), fact)
        .remedy(format!("Write subPathExpr: {expression} to isolate the replicas"))
        .fix(proposal.fix(&review.set));
    review.findings.add(finding);
}

/// Gives the mounts without a sub-path the directory of the replica that the isolated mounts are in.
fn isolate_like_siblings<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(directory) = groups.common_directory() else {
        return deny_no_common_directory(volume, groups, review);
    };
    let has_writer = groups.without_sub_path.iter().any(|mount| !mount.is_read_only());
    if review.set.is_stored && has_writer && volume.is_named() && review.checks_sharing() {
        return deny_shared_now(volume, groups, review);
    }
    if let Some(reason) = review.reason_not_to_patch() {
        return warn_unpatched_siblings(volume, groups, directory, reason, review);
    }
    let unpatched = review.mode_that_patches_nothing().map(|reason| (reason, review.patch.extent()));
    let reason = PatchReason::Siblings;
    if let Err(mount) = review.patch.copy_to_all(volume, &groups.without_sub_path, directory, reason) {
        deny_different_meaning(volume, mount, directory.expression, review);
    } else if let Some((reason, before)) = unpatched {
        review.patch.return_to(before);
        warn_unpatched_siblings(volume, groups, directory, reason, review);
    }
}

/// Warns of mounts without a sub-path that are not patched, beside isolated ones.
fn warn_unpatched_siblings(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    directory: ReplicaDirectory<'_>,
    reason: &str,
    review: &mut SetReview<'_>,
) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let expression = directory.expression;
    let fact = format!(
        "{} has mounts below subPathExpr {expression:?} and mounts without a sub-path; {reason}",
        volume.title()
    );
    let remedy = format!("Write subPathExpr: {expression} on the mounts without a sub-path");
    review.findings.add(StorageRule::MixedSubPaths.warn(first.field(), fact).remedy(remedy));
}

/// Denies an expression that, in the container of another mount, names another directory.
fn deny_different_meaning(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    expression: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "{} is mounted at subPathExpr {expression:?}, but that names another directory in container {}: Ordinance \
         can't know which files the container needs",
        volume.title(),
        Quoted(mount.container.name())
    );
    deny_mixed_sub_paths(volume, mount, fact, review);
}

/// Denies a mount without a sub-path beside isolated mounts that have no directory of the replica in common.
fn deny_no_common_directory(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    let Some(mount) = groups.without_sub_path.first() else { return };
    let fact = format!(
        "{} has mounts with different expressions, and one without in container {}: Ordinance can't know which files \
         the container needs",
        volume.title(),
        Quoted(mount.container.name())
    );
    deny_mixed_sub_paths(volume, mount, fact, review);
}

/// Denies a mount of a named volume whose files can't be known, and warns of one of a claim template.
fn deny_mixed_sub_paths(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    fact: String,
    review: &mut SetReview<'_>,
) {
    let remedy = "Write a subPathExpr on every mount of the volume";
    if volume.is_named() {
        review.deny_sharing(StorageRule::MixedSubPaths.deny(mount.field(), fact).remedy(remedy));
    } else {
        review.findings.add(StorageRule::MixedSubPaths.warn(mount.field(), fact).remedy(remedy));
    }
}

/// Warns of a claim template with mounts without a sub-path beside mounts with one that is the same in every replica.
fn warn_mixed_sub_paths<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'_>) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let fact = format!("{} is not patched: its mounts differ, and some have no sub-path", volume.title());
    let write = proposal::text(&Proposal::of_shared(volume, groups));
    let remedy = format!("Write {write} to isolate the replicas");
    review.findings.add(StorageRule::MixedSubPaths.warn(first.field(), fact).remedy(remedy));
}

/// Isolates, denies or reports mounts without a sub-path of a volume that all replicas share, as the setting says.
fn isolate_named<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let can_isolate = groups.same_for_all.is_empty() && groups.unproven.is_empty();
    match review.settings.isolation.named_volumes {
        NamedVolumes::Isolate if can_isolate => isolate(volume, groups, review),
        NamedVolumes::Deny => {
            let finding = StorageRule::UnisolatedMount.deny(first.field(), sharing_fact(volume));
            review.deny_sharing(finding.remedy(volume.isolate_or_share_remedy()));
        }
        NamedVolumes::Isolate | NamedVolumes::Warn => {
            let finding = StorageRule::UnisolatedMount.warn(first.field(), sharing_fact(volume));
            review.findings.add(finding.remedy(volume.isolate_or_share_remedy()));
        }
    }
}

/// Gives every mount without a sub-path a directory per ordinal.
fn isolate<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    if review.set.is_stored {
        return deny_shared_now(volume, groups, review);
    }
    if let Some(reason) = review.reason_not_to_patch() {
        return warn_unpatched(volume, groups, reason, review);
    }
    let expression = volume.default_expression();
    if let Some(mount) = groups.without_sub_path.iter().find(|mount| !isolates(mount, expression)) {
        return reserved_declarations::deny_misuse_in(mount.container, review);
    }
    match review.mode_that_patches_nothing() {
        Some(reason) => warn_unpatched(volume, groups, reason, review),
        None if isolate_like_replaced(volume, groups, review) => {}
        None => review.patch.isolate(volume, &groups.without_sub_path, expression, PatchReason::Shared),
    }
}

/// Gives the mounts without a sub-path the directory of the replica in the volume that this one replaces. Returns false
/// and adds nothing if there is none, or if it would be another one in some container.
fn isolate_like_replaced<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    review: &mut SetReview<'a>,
) -> bool {
    let Some(directory) = review.replaced else { return false };
    let mounts = &groups.without_sub_path;
    review.patch.copy_to_all(volume, mounts, directory, PatchReason::Shared).is_ok()
}

/// Warns of mounts without a sub-path that are not patched.
fn warn_unpatched(
    volume: &SetVolume<'_>,
    groups: &MountGroups<'_>,
    reason: &str,
    review: &mut SetReview<'_>,
) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let fact = format!("{}; {reason}", sharing_fact(volume));
    let finding = StorageRule::UnisolatedMount.warn(first.field(), fact);
    review.findings.add(finding.remedy(volume.isolate_or_share_remedy()));
}

/// Denies that the replicas of a stored set share a volume now. The volumes of a claim template are not shared.
fn deny_shared_now<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'_>) {
    let Some(first) = groups.without_sub_path.first().filter(|_| volume.is_named()) else { return };
    let proposals = Proposal::of_shared(volume, groups);
    let write = proposal::text(&proposals);
    let place = match (volume.inline_export(review.settings), volume.claim()) {
        (Some(export), _) => export.to_string(),
        (None, Some(claim)) => format!("claim {claim:?}"),
        (None, None) => "it".to_owned(),
    };
    let fact = format!(
        "the replicas share {} now: {} of them write {place} and overwrite each other's files",
        volume.title(),
        review.set.replicas
    );
    let remedy = format!(
        "Move each replica's files into a directory of its own, and then write {write}, or {}",
        volume.share_remedy()
    );
    let is_at_root = |proposal: &Proposal<'_>| proposal.mount.part() == SubPath::Root;
    let at_root = proposals.into_iter().filter(is_at_root);
    review.proposals.extend(at_root.map(|proposal| (proposal.mount.field(), proposal.expression)));
    review.deny_sharing(StorageRule::UnisolatedMount.deny(first.field(), fact).remedy(remedy));
}

/// Returns the fact that replicas share a volume.
pub(super) fn sharing_fact(volume: &SetVolume<'_>) -> String {
    if volume.is_named() {
        format!("all replicas share {}: they overwrite each other's files", volume.title())
    } else {
        unisolated_template_text(volume)
    }
}

/// Denies sub-paths that are the same in every replica.
fn deny_fixed_sub_paths<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'_>) {
    for mount in groups.shared_sub_paths() {
        let fact = format!(
            "all replicas mount {} at the same {}: they overwrite each other's files",
            volume.title(),
            sub_path_text(mount)
        );
        let proposal = Proposal::of(volume, groups, *mount);
        let remedy = format!(
            "Write subPathExpr: {} instead, or {}",
            Shown(&proposal.expression),
            volume.share_remedy()
        );
        let finding = StorageRule::FixedSubPath
            .deny_or_warn(review.settings.isolation.fixed_sub_path, mount.part_field(), fact)
            .remedy(remedy)
            .fix(proposal.fix(&review.set));
        review.proposals.push((mount.field(), proposal.expression));
        review.deny_sharing(finding);
    }
}

/// Denies or reports a block device that all replicas share: it cannot be isolated, since it has no sub-paths.
pub(super) fn deny_shared_device(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(device) = &volume.device else { return };
    let fact = format!("all replicas share {} as a block device, which has no sub-paths", volume.title());
    let remedy = format!("Use a claim template, or {}", volume.share_remedy());
    let outcome = review.settings.isolation.named_volumes.without_isolation();
    let finding = StorageRule::SharedDevice.deny_or_warn(outcome, device.field(), fact).remedy(remedy);
    review.deny_sharing(finding);
}

/// Warns that a second replica would overwrite the files of the only one.
pub(super) fn warn_single_replica<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    review: &mut SetReview<'_>,
) {
    let outcome = match (review.settings.mode, review.settings.isolation.growth) {
        _ if review.set.replicas == 0 => {
            "scaling up from 0 is not refused, and replicas beyond the first will overwrite its files"
        }
        (Mode::Enforce, DenyOrWarn::Deny) => "scaling beyond one replica will be refused",
        (Mode::Isolate | Mode::Warn, _) | (_, DenyOrWarn::Warn) => {
            "replicas beyond the first will overwrite its files"
        }
    };
    let fact = format!("{} is shared by all replicas: {outcome}", volume.title());
    let remedy = if volume.device.is_some() || review.set.is_windows {
        format!("To allow it, use a claim template, or {}", volume.share_remedy())
    } else {
        let proposals = Proposal::of_shared(volume, groups);
        if proposals.is_empty() {
            // No pod starts, and the findings about that say how to isolate the mounts.
            return;
        }
        format!("To allow it, write {} now, or {}", proposal::text(&proposals), volume.share_remedy())
    };
    review.findings.add(StorageRule::ScaleBeyondOne.warn(volume.field(), fact).remedy(remedy));
}

/// Warns that a claim template is not isolated, since its volumes are created with files in their roots.
fn warn_prefilled(volume: &SetVolume<'_>, field: &str, review: &mut SetReview<'_>) {
    let fact = format!(
        "{} is not isolated: its volumes are created with files in them ({field}), which the pods must see at the root",
        volume.title()
    );
    let own = volume.default_expression();
    let remedy = format!("To isolate the replicas, write subPathExpr: {own} on its mounts");
    review.findings.add(StorageRule::PrefilledTemplate.warn(volume.field(), fact).remedy(remedy));
}

/// Warns of a disk that several nodes would attach.
fn warn_single_node_disk(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let VolumeKind::Named(VolumeSource::Disk { kind, read_only: false }) = volume.kind else { return };
    if review.set.replicas > 1 && volume.is_mounted() {
        let fact = format!(
            "{} is one disk ({kind}) for {} replicas: several nodes can't attach it, or they corrupt its file system",
            volume.title(),
            review.set.replicas
        );
        review
            .findings
            .add(StorageRule::SingleNodeDisk.warn(volume.field(), fact).remedy("Use a claim template"));
    }
}
