//! A volume that is new to the StatefulSet: by CREATE, or by an update that mounts it for the first time.
//!
//! A named volume is one for all replicas: it is isolated, or refused where the user wrote what all replicas have
//! alike. Through a claim template replicas meet only by accident: it is isolated too, but never refused for that.

use super::fix;
use super::mark::{self, Data};
use super::mount_groups::{MountGroups, proposal, written};
use super::patch::PatchReason;
use super::reserved_declarations;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode, NamedVolumes};
use ordinance_storage::{ExpressionClass, PlacedMount, SubPath, VolumeKind, VolumeSource};

/// Judges a volume that the replicas had not mounted before.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    let data = if review.set.restore.is_some() { Data::Unknown } else { mark::data(volume, review) };
    let is_marked = data.is_marked();
    if !volume.is_shared(review.settings) && !is_marked {
        return warn_of_disk(volume, review);
    }
    let groups = MountGroups::of(volume);
    groups.refuse_impossible(volume, review);
    if volume.has_no_writers() && !is_marked {
        return;
    }
    groups.warn_of_doubts(volume, review);
    match volume.kind {
        VolumeKind::Template(_) => template(volume, &groups, data, review),
        VolumeKind::Named(_) => named(volume, &groups, data, review),
    }
}

/// One volume for all replicas.
fn named<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, data: Data<'a>, review: &mut SetReview<'a>) {
    if data.is_marked() {
        mark::obey(volume, groups, data, review);
    } else if !groups.without_sub_path.is_empty() && !groups.isolated.is_empty() {
        join_siblings(volume, groups, review);
    } else if review.judges_sharing() {
        isolate_named(volume, groups, review);
    }
    if review.judges_sharing() {
        refuse_alike(volume, groups, review);
        refuse_device(volume, review);
    } else if has_shared_writers(volume, review) {
        warn_of_growth(volume, groups, review);
    }
}

/// A claim of each ordinal.
fn template<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, data: Data<'a>, review: &mut SetReview<'a>) {
    let is_marked = data.is_marked();
    if is_marked || !matches!(data, Data::Unknown) && !groups.without_sub_path.is_empty() {
        mark::obey(volume, groups, data, review);
    } else if let (VolumeKind::Template(template), false) = (volume.kind, groups.without_sub_path.is_empty()) {
        match template.filled_by() {
            Some(field) => warn_of_filled(volume, field, review),
            None if !groups.isolated.is_empty() => join_siblings(volume, groups, review),
            None if groups.same_for_all.is_empty() && groups.unproven.is_empty() => isolate(volume, groups, review),
            None => warn_of_mixture(volume, review),
        }
    }
    if is_marked {
        return;
    }
    for mounted in groups.sharing() {
        let fact = format!(
            "{} is left at {}, which is the same in every replica: two volumes on one directory would mix their files",
            volume.titled(),
            written(mounted)
        );
        let report = StorageRule::FixedSubPath
            .warn(mounted.part_field(), fact)
            .remedy(format!("subPathExpr: {} keeps them apart", proposal(volume, mounted)))
            .fix(fix::replace_sub_path(mounted, &proposal(volume, mounted)));
        review.findings.add(report);
    }
}

/// Mounts with neither field get the expression of the others, so that all see the same files.
fn join_siblings<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(sibling) = groups.one_expression() else { return refuse_mixture(volume, groups, review) };
    if let Some(reason) = review.reason_to_leave() {
        let fact = format!("{} has mounts with and without {}; {reason}", volume.titled(), written(&sibling));
        let report = StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy("Write it on all of them");
        return review.findings.add(report);
    }
    let before = review.draft.clone();
    let reason = PatchReason::Siblings;
    let differs = |mounted: &&PlacedMount<'a>| !carry_one(volume, **mounted, sibling, reason, review);
    if let Some(mounted) = groups.without_sub_path.iter().find(differs) {
        review.draft = before;
        refuse_another_place(volume, mounted, &sibling, review);
    }
}

/// An expression that leads elsewhere with the variables of another container.
fn refuse_another_place(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    sibling: &PlacedMount<'_>,
    review: &mut SetReview<'_>,
) {
    if !volume.is_named() {
        return warn_of_mixture(volume, review);
    }
    let fact = format!(
        "{} is mounted at {}, which is another place with the variables of container {:?}: which files it is to see \
         can't be known",
        volume.titled(),
        written(sibling),
        mounted.container.name()
    );
    review.refuse_sharing(
        StorageRule::MixedSubPaths
            .deny(mounted.field(), fact)
            .remedy("Write a subPathExpr on every mount of it"),
    );
}

/// Gives one mount the expression of another one, if it means the same there.
pub(super) fn carry_one<'a>(
    volume: &SetVolume<'a>,
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    reason: PatchReason,
    review: &mut SetReview<'a>,
) -> bool {
    let SubPath::Expression(expression) = from.part() else { return false };
    if !declare_as(to, from, expression, review) {
        return false;
    }
    review.draft.express(volume, to, expression, reason);
    true
}

/// Declares in one container what an expression takes in another one, if it means the same then; else nothing.
pub(super) fn declare_as<'a>(
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    expression: &'a str,
    review: &mut SetReview<'a>,
) -> bool {
    let checkpoint = review.draft.checkpoint(to.container);
    let there = from.container.env.resolve(expression, &[]);
    for declaration in
        from.container.env.carried(expression, &to.container.env, review.draft.declared(to.container))
    {
        review.draft.declare(to.container, declaration);
    }
    let is_same =
        to.container.env.resolve(expression, review.draft.declared(to.container)).is_same_as(&there);
    if !is_same {
        review.draft.take_back(to.container, checkpoint);
    }
    is_same
}

/// Refuses mounts with neither field beside mounts with different expressions: which one they mean can't be known.
fn refuse_mixture(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    if !volume.is_named() {
        return warn_of_mixture(volume, review);
    }
    let Some(without_sub_path) = groups.without_sub_path.first() else { return };
    let fact = format!(
        "{} has mounts with different expressions, and one with none in container {:?}: which files it is to see can't \
         be known",
        volume.titled(),
        without_sub_path.container.name()
    );
    review.refuse_sharing(
        StorageRule::MixedSubPaths
            .deny(without_sub_path.field(), fact)
            .remedy("Write a subPathExpr on every mount of it"),
    );
}

fn warn_of_mixture(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let fact = format!("{} is left as it is: its mounts differ, and some have no sub-path", volume.titled());
    let own = volume.default_expression();
    let remedy = format!("Write subPathExpr: {own} on all of them to keep the replicas apart");
    review.findings.add(StorageRule::MixedSubPaths.warn(volume.field(), fact).remedy(remedy));
}

/// Mounts with neither field on a volume that all replicas share.
fn isolate_named<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    let Some(first) = groups.without_sub_path.first() else { return };
    let is_whole = groups.same_for_all.is_empty() && groups.unproven.is_empty();
    match review.settings.isolation.named_volumes {
        NamedVolumes::Isolate if is_whole => isolate(volume, groups, review),
        NamedVolumes::Deny => {
            let report = StorageRule::UnisolatedMount.deny(first.field(), shares(volume));
            review.refuse_sharing(report.remedy(volume.ways_out(&review.set)));
        }
        NamedVolumes::Isolate | NamedVolumes::Warn => {
            let report = StorageRule::UnisolatedMount.warn(first.field(), shares(volume));
            review.findings.add(report.remedy(volume.ways_out(&review.set)));
        }
    }
}

/// Gives every mount of a volume a directory for each ordinal.
fn isolate<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    if let Some(reason) = review.reason_to_leave() {
        let fact = format!("{}; {reason}", shares(volume));
        let report = StorageRule::UnisolatedMount.warn(volume.field(), fact);
        return review.findings.add(report.remedy(volume.ways_out(&review.set)));
    }
    let expression = volume.default_expression();
    if let Some(mounted) = groups.without_sub_path.iter().find(|mounted| !is_apart(mounted, expression)) {
        return reserved_declarations::refuse(mounted.container, review);
    }
    review.draft.isolate(volume, &groups.without_sub_path, expression, PatchReason::SharedVolume);
}

/// Whether an expression of our names means what it says in a container.
fn is_apart(mounted: &PlacedMount<'_>, expression: &str) -> bool {
    mounted.container.env.resolve(expression, &[]).class() == ExpressionClass::PerOrdinal
}

/// That replicas meet in a volume.
fn shares(volume: &SetVolume<'_>) -> String {
    if volume.is_named() {
        format!("all replicas share {}: they overwrite each other's files", volume.titled())
    } else {
        format!("{} is not isolated: two of its volumes may be one directory", volume.titled())
    }
}

/// Parts of a volume that are the same for all replicas.
fn refuse_alike(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    for mounted in groups.sharing() {
        let fact = format!(
            "all replicas mount {} at the same {}: they overwrite each other's files",
            volume.titled(),
            written(mounted)
        );
        let expression = proposal(volume, mounted);
        let remedy = format!("Write subPathExpr: {expression} instead, or {}", volume.share_on_purpose());
        let report = StorageRule::FixedSubPath
            .deny_or_warn(review.settings.isolation.fixed_sub_path, mounted.part_field(), fact)
            .remedy(remedy)
            .fix(fix::replace_sub_path(mounted, &expression));
        review.proposals.push((mounted.field(), expression));
        review.refuse_sharing(report);
    }
}

/// A block device has no sub-paths.
fn refuse_device(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(device) = &volume.device else { return };
    let fact = format!("all replicas share {} as a block device, which has no sub-paths", volume.titled());
    let remedy = format!("Use a claim template, or {}", volume.share_on_purpose());
    let outcome = match review.settings.isolation.named_volumes {
        NamedVolumes::Deny => DenyOrWarn::Deny,
        NamedVolumes::Isolate | NamedVolumes::Warn => DenyOrWarn::Warn,
    };
    let report = StorageRule::SharedDevice.deny_or_warn(outcome, device.field(), fact).remedy(remedy);
    review.refuse_sharing(report);
}

/// Whether two replicas would write the same files, once everything is added that is to be added.
pub(super) fn has_shared_writers<'a>(volume: &SetVolume<'a>, review: &SetReview<'a>) -> bool {
    let is_isolated = |mounted: &PlacedMount<'a>| {
        mounted.is_isolated_with(review.draft.declared(mounted.container)) || review.draft.expresses(mounted)
    };
    let shares = |mounted: &PlacedMount<'a>| !mounted.is_read_only() && !is_isolated(mounted);
    !volume.has_no_writers() && (volume.device.is_some() || volume.mounts.iter().any(shares))
}

/// With one replica, nothing is overwritten yet.
fn warn_of_growth(volume: &SetVolume<'_>, groups: &MountGroups<'_>, review: &mut SetReview<'_>) {
    let outcome = match (review.settings.mode, review.settings.isolation.growth) {
        (Mode::Enforce, DenyOrWarn::Deny) => "growth beyond one replica will be refused",
        (Mode::Warn, _) | (_, DenyOrWarn::Warn) => "replicas beyond the first will overwrite its files",
    };
    let fact = format!("{} is shared by all replicas: {outcome}", volume.titled());
    let remedy = if volume.device.is_some() || review.set.is_windows {
        format!("To allow it, use a claim template, or {}", volume.share_on_purpose())
    } else {
        let expression = match groups.sharing().first() {
            Some(mounted) if groups.without_sub_path.is_empty() => proposal(volume, mounted),
            _ => volume.default_expression().to_owned(),
        };
        format!("To allow it, write subPathExpr: {expression} now, or {}", volume.share_on_purpose())
    };
    review.findings.add(StorageRule::ScaleBeyondOne.warn(volume.field(), fact).remedy(remedy));
}

/// A claim template whose volumes come with files in them.
fn warn_of_filled(volume: &SetVolume<'_>, field: &str, review: &mut SetReview<'_>) {
    let fact = format!(
        "{} is left as it is: its volumes come filled ({field}), and the files at their root must stay in sight",
        volume.titled()
    );
    let own = volume.default_expression();
    let remedy = format!("For directories of their own write subPathExpr: {own} on its mounts");
    review.findings.add(StorageRule::PrefilledTemplate.warn(volume.field(), fact).remedy(remedy));
}

/// A disk that several nodes would attach.
fn warn_of_disk(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let VolumeKind::Named(VolumeSource::Disk { kind, read_only: false }) = volume.kind else { return };
    if review.set.replicas > 1 && volume.is_mounted() {
        let fact = format!(
            "{} is one disk ({kind}) for {} replicas: it can't be attached to several nodes, or its file system breaks",
            volume.titled(),
            review.set.replicas
        );
        review
            .findings
            .add(StorageRule::SingleNodeDisk.warn(volume.field(), fact).remedy("Use a claim template"));
    }
}
