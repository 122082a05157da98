//! A volume that is new to the StatefulSet: the set is created, or an update mounts the volume for the first time.
//!
//! All replicas share a named volume: its mounts without a sub-path are isolated, and a sub-path that is the same in
//! every replica is denied. A claim template gives each replica a volume, and two of these volumes are one directory
//! only if the storage is misconfigured: its mounts are isolated too, but such a sub-path is not denied.

use super::claim_mark::{self, FileLocation};
use super::fix;
use super::mount_groups::MountGroups;
use super::patch::PatchReason;
use super::review::{Set, SetReview};
use super::sub_path_findings::{isolating_expression, sub_path_text, unisolated_template_text};
use super::volume::SetVolume;
use super::{overlap, reserved_declarations, sub_path_findings};
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode, NamedVolumes};
use ordinance_contract::Fix;
use ordinance_storage::{ExpressionClass, PlacedMount, VolumeKind, VolumeSource};

/// Judges a used volume that the replicas did not mount before, and warns if its export overlaps another object's.
pub(super) fn judge_with_overlaps<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    if !volume.is_mounted() && volume.device.is_none() {
        return;
    }
    judge(volume, review);
    sub_path_findings::warn_duplicate_variables(volume, review);
    overlap::warn_inline_export_overlaps(volume, review);
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
    } else if !groups.without_sub_path.is_empty() && !groups.isolated.is_empty() {
        copy_sibling_expression(volume, groups, review);
    } else if review.checks_sharing() {
        isolate_named(volume, groups, review);
    }
    if review.checks_sharing() {
        deny_fixed_sub_paths(volume, groups, review);
        deny_shared_device(volume, review);
    } else if review.patch.leaves_shared_writers(volume) {
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
            None if !groups.isolated.is_empty() => copy_sibling_expression(volume, groups, review),
            None if groups.same_for_all.is_empty() && groups.unproven.is_empty() => {
                isolate(volume, groups, review)
            }
            None => warn_mixed_sub_paths(volume, review),
        }
    }
    if is_marked {
        return;
    }
    for mount in groups.shared_sub_paths() {
        warn_fixed_sub_path(volume, mount, review);
    }
}

/// Warns of a sub-path that is the same in every replica, in a claim template.
fn warn_fixed_sub_path(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "{} is mounted at {} in every replica: if two of its volumes are one directory, they mix their files",
        volume.title(),
        sub_path_text(mount)
    );
    let expression = isolating_expression(volume, mount);
    let finding = StorageRule::FixedSubPath
        .warn(mount.part_field(), fact)
        .remedy(format!("Write subPathExpr: {expression} to isolate the replicas"))
        .fix(isolating_fix(mount, &expression, &review.set));
    review.findings.add(finding);
}

/// Gives the mounts without a sub-path the expression of the other mounts, so that all see the same files.
fn copy_sibling_expression<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(sibling) = groups.common_expression() else {
        return deny_mixed_sub_paths(volume, groups, review);
    };
    if let Some(reason) = review.reason_not_to_patch() {
        return warn_unpatched_siblings(volume, &sibling, reason, review);
    }
    let before = review.patch.clone();
    let reason = PatchReason::Siblings;
    let differs = |mount: &&PlacedMount<'a>| !review.patch.copy_expression(volume, **mount, sibling, reason);
    if let Some(mount) = groups.without_sub_path.iter().find(differs) {
        review.patch = before;
        deny_different_meaning(volume, mount, &sibling, review);
    } else if let Some(reason) = review.mode_that_patches_nothing() {
        review.patch = before;
        warn_unpatched_siblings(volume, &sibling, reason, review);
    }
}

/// Warns of mounts without the expression of the other mounts that are not patched.
fn warn_unpatched_siblings(
    volume: &SetVolume<'_>,
    sibling: &PlacedMount<'_>,
    reason: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!("{} has mounts with and without {}; {reason}", volume.title(), sub_path_text(sibling));
    let finding = StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy("Write it on all mounts");
    review.findings.add(finding);
}

/// Denies an expression that, in the container of another mount, names another directory.
fn deny_different_meaning(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    sibling: &PlacedMount<'_>,
    review: &mut SetReview<'_>,
) {
    if !volume.is_named() {
        return warn_mixed_sub_paths(volume, review);
    }
    let fact = format!(
        "{} is mounted at {}, but that names another directory in container {:?}: Ordinance can't know which files the \
         container needs",
        volume.title(),
        sub_path_text(sibling),
        mount.container.name()
    );
    review.deny_sharing(
        StorageRule::MixedSubPaths
            .deny(mount.field(), fact)
            .remedy("Write a subPathExpr on every mount of the volume"),
    );
}

/// Denies a mount without a sub-path beside mounts with different expressions: the policy cannot know which of them to
/// copy.
fn deny_mixed_sub_paths(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    if !volume.is_named() {
        return warn_mixed_sub_paths(volume, review);
    }
    let Some(without_sub_path) = groups.without_sub_path.first() else { return };
    let fact = format!(
        "{} has mounts with different expressions, and one without in container {:?}: Ordinance can't know which files \
         the container needs",
        volume.title(),
        without_sub_path.container.name()
    );
    review.deny_sharing(
        StorageRule::MixedSubPaths
            .deny(without_sub_path.field(), fact)
            .remedy("Write a subPathExpr on every mount of the volume"),
    );
}

fn warn_mixed_sub_paths(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = format!("{} is not patched: its mounts differ, and some have no sub-path", volume.title());
    let own = volume.default_expression();
    let remedy = format!("Write subPathExpr: {own} on all mounts to isolate the replicas");
    review.findings.add(StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy(remedy));
}

/// Isolates, denies or reports mounts without a sub-path of a volume that all replicas share, as the setting says.
fn isolate_named<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let can_isolate = groups.same_for_all.is_empty() && groups.unproven.is_empty();
    match review.settings.isolation.named_volumes {
        NamedVolumes::Isolate if can_isolate => isolate(volume, groups, review),
        NamedVolumes::Deny => {
            let finding = StorageRule::UnisolatedMount.deny(first.field(), sharing_fact(volume));
            review.deny_sharing(finding.remedy(volume.isolate_or_share_remedy(review.set.is_windows)));
        }
        NamedVolumes::Isolate | NamedVolumes::Warn => {
            let finding = StorageRule::UnisolatedMount.warn(first.field(), sharing_fact(volume));
            review.findings.add(finding.remedy(volume.isolate_or_share_remedy(review.set.is_windows)));
        }
    }
}

/// Gives every mount without a sub-path a directory per ordinal.
fn isolate<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    if review.set.is_stored {
        return deny_shared_now(volume, groups, review);
    }
    if let Some(reason) = review.reason_not_to_patch() {
        return warn_unpatched(volume, reason, review);
    }
    let expression = volume.default_expression();
    if let Some(mount) = groups.without_sub_path.iter().find(|mount| !isolates(mount, expression)) {
        return reserved_declarations::deny_misuse_in(mount.container, review);
    }
    match review.mode_that_patches_nothing() {
        Some(reason) => warn_unpatched(volume, reason, review),
        None => review.patch.isolate(volume, &groups.without_sub_path, expression, PatchReason::Shared),
    }
}

/// Warns of mounts without a sub-path that are not patched.
fn warn_unpatched(volume: &SetVolume<'_>, reason: &str, review: &mut SetReview<'_>) {
    let fact = format!("{}; {reason}", sharing_fact(volume));
    let finding = StorageRule::UnisolatedMount.warn(volume.field(), fact);
    review.findings.add(finding.remedy(volume.isolate_or_share_remedy(review.set.is_windows)));
}

/// Denies that the replicas of a stored set share a volume now. The volumes of a claim template are not shared.
fn deny_shared_now(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    let Some(first) = groups.without_sub_path.first().filter(|_| volume.is_named()) else { return };
    let expression = volume.default_expression();
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
        "Move each replica's files into a directory of its own, and then write subPathExpr: {expression}, or {}",
        volume.share_remedy()
    );
    let proposals = groups.without_sub_path.iter().map(|mount| (mount.field(), expression.to_owned()));
    review.proposals.extend(proposals);
    review.deny_sharing(StorageRule::UnisolatedMount.deny(first.field(), fact).remedy(remedy));
}

/// Returns whether an expression of reserved variables isolates a mount; not if its container declares one of them
/// differently.
fn isolates(mount: &PlacedMount<'_>, expression: &str) -> bool {
    mount.container.env.resolve(expression, &[]).class() == ExpressionClass::PerOrdinal
}

/// Returns a fix that isolates a mount; `None` if the set is stored, since its files would not move, or if the expression
/// would not isolate the mount, which a finding about its variables explains.
fn isolating_fix(mount: &PlacedMount<'_>, expression: &str, set: &Set<'_>) -> Option<Fix> {
    let is_fix = !set.is_stored && isolates(mount, expression);
    is_fix.then(|| fix::replace_sub_path(mount, expression)).flatten()
}

/// Returns the fact that replicas share a volume.
fn sharing_fact(volume: &SetVolume<'_>) -> String {
    if volume.is_named() {
        format!("all replicas share {}: they overwrite each other's files", volume.title())
    } else {
        unisolated_template_text(volume)
    }
}

/// Denies sub-paths that are the same in every replica.
fn deny_fixed_sub_paths(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    for mount in groups.shared_sub_paths() {
        let fact = format!(
            "all replicas mount {} at the same {}: they overwrite each other's files",
            volume.title(),
            sub_path_text(mount)
        );
        let expression = isolating_expression(volume, mount);
        let remedy = format!("Write subPathExpr: {expression} instead, or {}", volume.share_remedy());
        let finding = StorageRule::FixedSubPath
            .deny_or_warn(review.settings.isolation.fixed_sub_path, mount.part_field(), fact)
            .remedy(remedy)
            .fix(isolating_fix(mount, &expression, &review.set));
        review.proposals.push((mount.field(), expression));
        review.deny_sharing(finding);
    }
}

/// Denies or reports a block device that all replicas share: it cannot be isolated, since it has no sub-paths.
fn deny_shared_device(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(device) = &volume.device else { return };
    let fact = format!("all replicas share {} as a block device, which has no sub-paths", volume.title());
    let remedy = format!("Use a claim template, or {}", volume.share_remedy());
    let outcome = match review.settings.isolation.named_volumes {
        NamedVolumes::Deny => DenyOrWarn::Deny,
        NamedVolumes::Isolate | NamedVolumes::Warn => DenyOrWarn::Warn,
    };
    let finding = StorageRule::SharedDevice.deny_or_warn(outcome, device.field(), fact).remedy(remedy);
    review.deny_sharing(finding);
}

/// Warns that a second replica would overwrite the files of the only one.
fn warn_single_replica(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    let outcome = match (review.settings.mode, review.settings.isolation.growth) {
        (Mode::Enforce, DenyOrWarn::Deny) => "scaling beyond one replica will be refused",
        (Mode::Isolate | Mode::Warn, _) | (_, DenyOrWarn::Warn) => {
            "replicas beyond the first will overwrite its files"
        }
    };
    let fact = format!("{} is shared by all replicas: {outcome}", volume.title());
    let remedy = if volume.device.is_some() || review.set.is_windows {
        format!("To allow it, use a claim template, or {}", volume.share_remedy())
    } else {
        let expression = match groups.shared_sub_paths().first() {
            Some(mount) if groups.without_sub_path.is_empty() => isolating_expression(volume, mount),
            _ => volume.default_expression().to_owned(),
        };
        format!("To allow it, write subPathExpr: {expression} now, or {}", volume.share_remedy())
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
