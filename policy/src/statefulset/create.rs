//! A volume that is new to the StatefulSet: by CREATE, or by an update that mounts it for the first time.
//!
//! A named volume is one for all replicas: it is isolated, or refused where the user wrote what all replicas have
//! alike. Through a claim template replicas meet only by accident: it is isolated too, but never refused for that.

use super::fix;
use super::mark::{self, FileLocation};
use super::mount_groups::{MountGroups, isolating_expression, sub_path_text};
use super::patch::PatchReason;
use super::reserved_declarations;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode, NamedVolumes};
use ordinance_storage::{ExpressionClass, PlacedMount, SubPath, VolumeKind, VolumeSource};

/// Judges a volume that the replicas had not mounted before.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    let data = if review.set.restore.is_some() { FileLocation::Unknown } else { mark::data(volume, review) };
    let is_marked = data.is_marked();
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
        VolumeKind::Template(_) => template(volume, &groups, data, review),
        VolumeKind::Named(_) => named(volume, &groups, data, review),
    }
}

/// One volume for all replicas.
fn named<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    data: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    if data.is_marked() {
        mark::follow(volume, groups, data, review);
    } else if !groups.without_sub_path.is_empty() && !groups.isolated.is_empty() {
        copy_sibling_expression(volume, groups, review);
    } else if review.checks_sharing() {
        isolate_named(volume, groups, review);
    }
    if review.checks_sharing() {
        deny_fixed_sub_paths(volume, groups, review);
        deny_shared_device(volume, review);
    } else if has_shared_writers(volume, review) {
        warn_single_replica(volume, groups, review);
    }
}

/// A claim of each ordinal.
fn template<'a>(
    volume: &SetVolume<'a>,
    groups: &MountGroups<'a>,
    data: FileLocation<'a>,
    review: &mut SetReview<'a>,
) {
    let is_marked = data.is_marked();
    if is_marked || !matches!(data, FileLocation::Unknown) && !groups.without_sub_path.is_empty() {
        mark::follow(volume, groups, data, review);
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
    for mount in groups.shared() {
        let fact = format!(
            "{} is left at {}, which is the same in every replica: two volumes on one directory would mix their files",
            volume.title(),
            sub_path_text(mount)
        );
        let report = StorageRule::FixedSubPath
            .warn(mount.part_field(), fact)
            .remedy(format!("subPathExpr: {} keeps them apart", isolating_expression(volume, mount)))
            .fix(fix::replace_sub_path(mount, &isolating_expression(volume, mount)));
        review.findings.add(report);
    }
}

/// Mounts with neither field get the expression of the others, so that all see the same files.
fn copy_sibling_expression<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(sibling) = groups.common_expression() else {
        return deny_mixed_sub_paths(volume, groups, review);
    };
    if let Some(reason) = review.reason_not_to_patch() {
        let fact =
            format!("{} has mounts with and without {}; {reason}", volume.title(), sub_path_text(&sibling));
        let report = StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy("Write it on all of them");
        return review.findings.add(report);
    }
    let before = review.draft.clone();
    let reason = PatchReason::Siblings;
    let differs = |mount: &&PlacedMount<'a>| !copy_expression(volume, **mount, sibling, reason, review);
    if let Some(mount) = groups.without_sub_path.iter().find(differs) {
        review.draft = before;
        deny_different_meaning(volume, mount, &sibling, review);
    }
}

/// An expression that leads elsewhere with the variables of another container.
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
        "{} is mounted at {}, which is another place with the variables of container {:?}: which files it is to see \
         can't be known",
        volume.title(),
        sub_path_text(sibling),
        mount.container.name()
    );
    review.deny_sharing(
        StorageRule::MixedSubPaths
            .deny(mount.field(), fact)
            .remedy("Write a subPathExpr on every mount of it"),
    );
}

/// Gives one mount the expression of another one, if it means the same there.
pub(super) fn copy_expression<'a>(
    volume: &SetVolume<'a>,
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    reason: PatchReason,
    review: &mut SetReview<'a>,
) -> bool {
    let SubPath::Expression(expression) = from.part() else { return false };
    if !copy_variables(to, from, expression, review) {
        return false;
    }
    review.draft.add_expression(volume, to, expression, reason);
    true
}

/// Declares in one container what an expression takes in another one, if it means the same then; else nothing.
pub(super) fn copy_variables<'a>(
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    expression: &'a str,
    review: &mut SetReview<'a>,
) -> bool {
    let checkpoint = review.draft.checkpoint(to.container);
    let there = from.container.env.resolve(expression, &[]);
    for declaration in
        from.container.env.carried(expression, &to.container.env, review.draft.added_variables(to.container))
    {
        review.draft.declare(to.container, declaration);
    }
    let is_same =
        to.container.env.resolve(expression, review.draft.added_variables(to.container)).is_same_as(&there);
    if !is_same {
        review.draft.roll_back(to.container, checkpoint);
    }
    is_same
}

/// Refuses mounts with neither field beside mounts with different expressions: which one they mean can't be known.
fn deny_mixed_sub_paths(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    if !volume.is_named() {
        return warn_mixed_sub_paths(volume, review);
    }
    let Some(without_sub_path) = groups.without_sub_path.first() else { return };
    let fact = format!(
        "{} has mounts with different expressions, and one with none in container {:?}: which files it is to see can't \
         be known",
        volume.title(),
        without_sub_path.container.name()
    );
    review.deny_sharing(
        StorageRule::MixedSubPaths
            .deny(without_sub_path.field(), fact)
            .remedy("Write a subPathExpr on every mount of it"),
    );
}

fn warn_mixed_sub_paths(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = format!("{} is left as it is: its mounts differ, and some have no sub-path", volume.title());
    let own = volume.default_expression();
    let remedy = format!("Write subPathExpr: {own} on all of them to keep the replicas apart");
    review.findings.add(StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy(remedy));
}

/// Mounts with neither field on a volume that all replicas share.
fn isolate_named<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let covers_set = groups.same_for_all.is_empty() && groups.unproven.is_empty();
    match review.settings.isolation.named_volumes {
        NamedVolumes::Isolate if covers_set => isolate(volume, groups, review),
        NamedVolumes::Deny => {
            let report = StorageRule::UnisolatedMount.deny(first.field(), shares(volume));
            review.deny_sharing(report.remedy(volume.ways_out(&review.set)));
        }
        NamedVolumes::Isolate | NamedVolumes::Warn => {
            let report = StorageRule::UnisolatedMount.warn(first.field(), shares(volume));
            review.findings.add(report.remedy(volume.ways_out(&review.set)));
        }
    }
}

/// Gives every mount of a volume a directory for each ordinal.
fn isolate<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    if let Some(reason) = review.reason_not_to_patch() {
        let fact = format!("{}; {reason}", shares(volume));
        let report = StorageRule::UnisolatedMount.warn(volume.field(), fact);
        return review.findings.add(report.remedy(volume.ways_out(&review.set)));
    }
    let expression = volume.default_expression();
    if let Some(mount) = groups.without_sub_path.iter().find(|mount| !isolates(mount, expression)) {
        return reserved_declarations::refuse(mount.container, review);
    }
    review.draft.isolate(volume, &groups.without_sub_path, expression, PatchReason::SharedVolume);
}

/// Whether an expression of our names means what it says in a container.
fn isolates(mount: &PlacedMount<'_>, expression: &str) -> bool {
    mount.container.env.resolve(expression, &[]).class() == ExpressionClass::PerOrdinal
}

/// That replicas meet in a volume.
fn shares(volume: &SetVolume<'_>) -> String {
    if volume.is_named() {
        format!("all replicas share {}: they overwrite each other's files", volume.title())
    } else {
        format!("{} is not isolated: two of its volumes may be one directory", volume.title())
    }
}

/// Parts of a volume that are the same for all replicas.
fn deny_fixed_sub_paths(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    for mount in groups.shared() {
        let fact = format!(
            "all replicas mount {} at the same {}: they overwrite each other's files",
            volume.title(),
            sub_path_text(mount)
        );
        let expression = isolating_expression(volume, mount);
        let remedy = format!("Write subPathExpr: {expression} instead, or {}", volume.share_on_purpose());
        let report = StorageRule::FixedSubPath
            .deny_or_warn(review.settings.isolation.fixed_sub_path, mount.part_field(), fact)
            .remedy(remedy)
            .fix(fix::replace_sub_path(mount, &expression));
        review.proposals.push((mount.field(), expression));
        review.deny_sharing(report);
    }
}

/// A block device has no sub-paths.
fn deny_shared_device(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(device) = &volume.device else { return };
    let fact = format!("all replicas share {} as a block device, which has no sub-paths", volume.title());
    let remedy = format!("Use a claim template, or {}", volume.share_on_purpose());
    let outcome = match review.settings.isolation.named_volumes {
        NamedVolumes::Deny => DenyOrWarn::Deny,
        NamedVolumes::Isolate | NamedVolumes::Warn => DenyOrWarn::Warn,
    };
    let report = StorageRule::SharedDevice.deny_or_warn(outcome, device.field(), fact).remedy(remedy);
    review.deny_sharing(report);
}

/// Whether two replicas would write the same files, once everything is added that is to be added.
pub(super) fn has_shared_writers<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> bool {
    let is_isolated = |mount: &PlacedMount<'a>| {
        mount.is_isolated_with(review.draft.added_variables(mount.container))
            || review.draft.gets_expression(mount)
    };
    let shares = |mount: &PlacedMount<'a>| !mount.is_read_only() && !is_isolated(mount);
    !volume.has_no_writers() && (volume.device.is_some() || volume.mounts.iter().any(shares))
}

/// With one replica, nothing is overwritten yet.
fn warn_single_replica(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    let outcome = match (review.settings.mode, review.settings.isolation.growth) {
        (Mode::Enforce, DenyOrWarn::Deny) => "growth beyond one replica will be refused",
        (Mode::Warn, _) | (_, DenyOrWarn::Warn) => "replicas beyond the first will overwrite its files",
    };
    let fact = format!("{} is shared by all replicas: {outcome}", volume.title());
    let remedy = if volume.device.is_some() || review.set.is_windows {
        format!("To allow it, use a claim template, or {}", volume.share_on_purpose())
    } else {
        let expression = match groups.shared().first() {
            Some(mount) if groups.without_sub_path.is_empty() => isolating_expression(volume, mount),
            _ => volume.default_expression().to_owned(),
        };
        format!("To allow it, write subPathExpr: {expression} now, or {}", volume.share_on_purpose())
    };
    review.findings.add(StorageRule::ScaleBeyondOne.warn(volume.field(), fact).remedy(remedy));
}

/// A claim template whose volumes come with files in them.
fn warn_prefilled(volume: &SetVolume<'_>, field: &str, review: &mut SetReview<'_>) {
    let fact = format!(
        "{} is left as it is: its volumes come filled ({field}), and the files at their root must stay in sight",
        volume.title()
    );
    let own = volume.default_expression();
    let remedy = format!("For directories of their own write subPathExpr: {own} on its mounts");
    review.findings.add(StorageRule::PrefilledTemplate.warn(volume.field(), fact).remedy(remedy));
}

/// A disk that several nodes would attach.
fn warn_single_node_disk(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let VolumeKind::Named(VolumeSource::Disk { kind, read_only: false }) = volume.kind else { return };
    if review.set.replicas > 1 && volume.is_mounted() {
        let fact = format!(
            "{} is one disk ({kind}) for {} replicas: it can't be attached to several nodes, or its file system breaks",
            volume.title(),
            review.set.replicas
        );
        review
            .findings
            .add(StorageRule::SingleNodeDisk.warn(volume.field(), fact).remedy("Use a claim template"));
    }
}
