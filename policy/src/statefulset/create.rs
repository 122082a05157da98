//! A volume that is new to the StatefulSet: by CREATE, or by an update that mounts it for the first time.
//!
//! A named volume is one for all replicas: it is isolated, or refused where the user wrote what all replicas have
//! alike. Through a claim template replicas meet only by accident: it is isolated too, but never refused for that.

use super::fix;
use super::mark::{self, Data};
use super::mount_groups::{Survey, proposal, written};
use super::patch::PatchReason;
use super::reserved_declarations;
use super::review::Review;
use super::volume::JudgedVolume;
use crate::rules::StorageRule;
use crate::settings::{DenyOrWarn, Mode, NamedVolumes};
use ordinance_storage::{ExpressionClass, PlacedMount, SubPath, VolumeKind, VolumeSource};

/// Judges a volume that the replicas had not mounted before.
pub(super) fn judge<'a>(unit: &JudgedVolume<'a>, review: &mut Review<'a>) {
    let data = if review.set.restore.is_some() { Data::Unknown } else { mark::data(unit, review) };
    let is_marked = data.is_marked();
    if !unit.is_shared(review.settings) && !is_marked {
        return warn_of_disk(unit, review);
    }
    let survey = Survey::of(unit);
    survey.refuse_impossible(unit, review);
    if unit.has_no_writers() && !is_marked {
        return;
    }
    survey.warn_of_doubts(unit, review);
    match unit.kind {
        VolumeKind::Template(_) => template(unit, &survey, data, review),
        VolumeKind::Named(_) => named(unit, &survey, data, review),
    }
}

/// One volume for all replicas.
fn named<'a>(unit: &JudgedVolume<'a>, survey: &Survey<'a>, data: Data<'a>, review: &mut Review<'a>) {
    if data.is_marked() {
        mark::obey(unit, survey, data, review);
    } else if !survey.bare.is_empty() && !survey.apart.is_empty() {
        join_siblings(unit, survey, review);
    } else if review.judges_sharing() {
        isolate_named(unit, survey, review);
    }
    if review.judges_sharing() {
        refuse_alike(unit, survey, review);
        refuse_device(unit, review);
    } else if has_shared_writers(unit, review) {
        warn_of_growth(unit, survey, review);
    }
}

/// A claim of each ordinal.
fn template<'a>(unit: &JudgedVolume<'a>, survey: &Survey<'a>, data: Data<'a>, review: &mut Review<'a>) {
    let is_marked = data.is_marked();
    if is_marked || !matches!(data, Data::Unknown) && !survey.bare.is_empty() {
        mark::obey(unit, survey, data, review);
    } else if let (VolumeKind::Template(template), false) = (unit.kind, survey.bare.is_empty()) {
        match template.filled_by() {
            Some(field) => warn_of_filled(unit, field, review),
            None if !survey.apart.is_empty() => join_siblings(unit, survey, review),
            None if survey.alike.is_empty() && survey.unproved.is_empty() => isolate(unit, survey, review),
            None => warn_of_mixture(unit, review),
        }
    }
    if is_marked {
        return;
    }
    for mounted in survey.sharing() {
        let fact = format!(
            "{} is left at {}, which is the same in every replica: two volumes on one directory would mix their files",
            unit.titled(),
            written(mounted)
        );
        let report = StorageRule::FixedSubPath
            .warn(mounted.part_field(), fact)
            .remedy(format!("subPathExpr: {} keeps them apart", proposal(unit, mounted)))
            .fix(fix::replace_sub_path(mounted, &proposal(unit, mounted)));
        review.findings.add(report);
    }
}

/// Mounts with neither field get the expression of the others, so that all see the same files.
fn join_siblings<'a>(unit: &JudgedVolume<'a>, survey: &Survey<'a>, review: &mut Review<'a>) {
    let Some(sibling) = survey.one_expression() else { return refuse_mixture(unit, survey, review) };
    if let Some(reason) = review.reason_to_leave() {
        let fact = format!("{} has mounts with and without {}; {reason}", unit.titled(), written(&sibling));
        let report = StorageRule::MixedSubPaths.warn(unit.field(), fact).remedy("Write it on all of them");
        return review.findings.add(report);
    }
    let before = review.draft.clone();
    let reason = PatchReason::Siblings;
    let differs = |mounted: &&PlacedMount<'a>| !carry_one(unit, **mounted, sibling, reason, review);
    if let Some(mounted) = survey.bare.iter().find(differs) {
        review.draft = before;
        refuse_another_place(unit, mounted, &sibling, review);
    }
}

/// An expression that leads elsewhere with the variables of another container.
fn refuse_another_place(
    unit: &JudgedVolume<'_>,
    mounted: &PlacedMount<'_>,
    sibling: &PlacedMount<'_>,
    review: &mut Review<'_>,
) {
    if !unit.is_named() {
        return warn_of_mixture(unit, review);
    }
    let fact = format!(
        "{} is mounted at {}, which is another place with the variables of container {:?}: which files it is to see \
         can't be known",
        unit.titled(),
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
    unit: &JudgedVolume<'a>,
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    reason: PatchReason,
    review: &mut Review<'a>,
) -> bool {
    let SubPath::Expression(expression) = from.part() else { return false };
    if !declare_as(to, from, expression, review) {
        return false;
    }
    review.draft.express(unit, to, expression, reason);
    true
}

/// Declares in one container what an expression takes in another one, if it means the same then; else nothing.
pub(super) fn declare_as<'a>(
    to: PlacedMount<'a>,
    from: PlacedMount<'a>,
    expression: &'a str,
    review: &mut Review<'a>,
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
fn refuse_mixture(unit: &JudgedVolume<'_>, survey: &Survey<'_>, review: &mut Review<'_>) {
    if !unit.is_named() {
        return warn_of_mixture(unit, review);
    }
    let Some(bare) = survey.bare.first() else { return };
    let fact = format!(
        "{} has mounts with different expressions, and one with none in container {:?}: which files it is to see can't \
         be known",
        unit.titled(),
        bare.container.name()
    );
    review.refuse_sharing(
        StorageRule::MixedSubPaths
            .deny(bare.field(), fact)
            .remedy("Write a subPathExpr on every mount of it"),
    );
}

fn warn_of_mixture(unit: &JudgedVolume<'_>, review: &mut Review<'_>) {
    let fact = format!("{} is left as it is: its mounts differ, and some have no sub-path", unit.titled());
    let own = unit.default_expression();
    let remedy = format!("Write subPathExpr: {own} on all of them to keep the replicas apart");
    review.findings.add(StorageRule::MixedSubPaths.warn(unit.field(), fact).remedy(remedy));
}

/// Mounts with neither field on a volume that all replicas share.
fn isolate_named<'a>(unit: &JudgedVolume<'a>, survey: &Survey<'a>, review: &mut Review<'a>) {
    let Some(first) = survey.bare.first() else { return };
    let is_whole = survey.alike.is_empty() && survey.unproved.is_empty();
    match review.settings.isolation.named_volumes {
        NamedVolumes::Isolate if is_whole => isolate(unit, survey, review),
        NamedVolumes::Deny => {
            let report = StorageRule::UnisolatedMount.deny(first.field(), shares(unit));
            review.refuse_sharing(report.remedy(unit.ways_out(&review.set)));
        }
        NamedVolumes::Isolate | NamedVolumes::Warn => {
            let report = StorageRule::UnisolatedMount.warn(first.field(), shares(unit));
            review.findings.add(report.remedy(unit.ways_out(&review.set)));
        }
    }
}

/// Gives every mount of a volume a directory for each ordinal.
fn isolate<'a>(unit: &JudgedVolume<'a>, survey: &Survey<'a>, review: &mut Review<'a>) {
    if let Some(reason) = review.reason_to_leave() {
        let fact = format!("{}; {reason}", shares(unit));
        let report = StorageRule::UnisolatedMount.warn(unit.field(), fact);
        return review.findings.add(report.remedy(unit.ways_out(&review.set)));
    }
    let expression = unit.default_expression();
    if let Some(mounted) = survey.bare.iter().find(|mounted| !is_apart(mounted, expression)) {
        return reserved_declarations::refuse(mounted.container, review);
    }
    review.draft.isolate(unit, &survey.bare, expression, PatchReason::Shared);
}

/// Whether an expression of our names means what it says in a container.
fn is_apart(mounted: &PlacedMount<'_>, expression: &str) -> bool {
    mounted.container.env.resolve(expression, &[]).class() == ExpressionClass::PerOrdinal
}

/// That replicas meet in a volume.
fn shares(unit: &JudgedVolume<'_>) -> String {
    if unit.is_named() {
        format!("all replicas share {}: they overwrite each other's files", unit.titled())
    } else {
        format!("{} is not isolated: two of its volumes may be one directory", unit.titled())
    }
}

/// Parts of a volume that are the same for all replicas.
fn refuse_alike(unit: &JudgedVolume<'_>, survey: &Survey<'_>, review: &mut Review<'_>) {
    for mounted in survey.sharing() {
        let fact = format!(
            "all replicas mount {} at the same {}: they overwrite each other's files",
            unit.titled(),
            written(mounted)
        );
        let expression = proposal(unit, mounted);
        let remedy = format!("Write subPathExpr: {expression} instead, or {}", unit.share_on_purpose());
        let report = StorageRule::FixedSubPath
            .deny_or_warn(review.settings.isolation.fixed_sub_path, mounted.part_field(), fact)
            .remedy(remedy)
            .fix(fix::replace_sub_path(mounted, &expression));
        review.proposals.push((mounted.field(), expression));
        review.refuse_sharing(report);
    }
}

/// A block device has no sub-paths.
fn refuse_device(unit: &JudgedVolume<'_>, review: &mut Review<'_>) {
    let Some(device) = &unit.device else { return };
    let fact = format!("all replicas share {} as a block device, which has no sub-paths", unit.titled());
    let remedy = format!("Use a claim template, or {}", unit.share_on_purpose());
    let outcome = match review.settings.isolation.named_volumes {
        NamedVolumes::Deny => DenyOrWarn::Deny,
        NamedVolumes::Isolate | NamedVolumes::Warn => DenyOrWarn::Warn,
    };
    let report = StorageRule::SharedDevice.deny_or_warn(outcome, device.field(), fact).remedy(remedy);
    review.refuse_sharing(report);
}

/// Whether two replicas would write the same files, once everything is added that is to be added.
pub(super) fn has_shared_writers<'a>(unit: &JudgedVolume<'a>, review: &Review<'a>) -> bool {
    let is_isolated = |mounted: &PlacedMount<'a>| {
        mounted.is_isolated_with(review.draft.declared(mounted.container)) || review.draft.expresses(mounted)
    };
    let shares = |mounted: &PlacedMount<'a>| !mounted.is_read_only() && !is_isolated(mounted);
    !unit.has_no_writers() && (unit.device.is_some() || unit.mounts.iter().any(shares))
}

/// With one replica, nothing is overwritten yet.
fn warn_of_growth(unit: &JudgedVolume<'_>, survey: &Survey<'_>, review: &mut Review<'_>) {
    let outcome = match (review.settings.mode, review.settings.isolation.growth) {
        (Mode::Enforce, DenyOrWarn::Deny) => "growth beyond one replica will be refused",
        (Mode::Warn, _) | (_, DenyOrWarn::Warn) => "replicas beyond the first will overwrite its files",
    };
    let fact = format!("{} is shared by all replicas: {outcome}", unit.titled());
    let remedy = if unit.device.is_some() || review.set.is_windows {
        format!("To allow it, use a claim template, or {}", unit.share_on_purpose())
    } else {
        let expression = match survey.sharing().first() {
            Some(mounted) if survey.bare.is_empty() => proposal(unit, mounted),
            _ => unit.default_expression().to_owned(),
        };
        format!("To allow it, write subPathExpr: {expression} now, or {}", unit.share_on_purpose())
    };
    review.findings.add(StorageRule::ScaleBeyondOne.warn(unit.field(), fact).remedy(remedy));
}

/// A claim template whose volumes come with files in them.
fn warn_of_filled(unit: &JudgedVolume<'_>, field: &str, review: &mut Review<'_>) {
    let fact = format!(
        "{} is left as it is: its volumes come filled ({field}), and the files at their root must stay in sight",
        unit.titled()
    );
    let own = unit.default_expression();
    let remedy = format!("For directories of their own write subPathExpr: {own} on its mounts");
    review.findings.add(StorageRule::PrefilledTemplate.warn(unit.field(), fact).remedy(remedy));
}

/// A disk that several nodes would attach.
fn warn_of_disk(unit: &JudgedVolume<'_>, review: &mut Review<'_>) {
    let VolumeKind::Named(VolumeSource::Disk { kind, read_only: false }) = unit.kind else { return };
    if review.set.replicas > 1 && unit.is_mounted() {
        let fact = format!(
            "{} is one disk ({kind}) for {} replicas: it can't be attached to several nodes, or its file system breaks",
            unit.titled(),
            review.set.replicas
        );
        review
            .findings
            .add(StorageRule::SingleNodeDisk.warn(unit.field(), fact).remedy("Use a claim template"));
    }
}
