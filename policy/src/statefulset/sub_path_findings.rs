//! Findings about the sub-path of one mount, and the texts that they have in common.

use super::proposal::Proposal;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::display::{Quoted, Shown};
use crate::rules::StorageRule;
use ordinance_storage::{MissingVariable, PlacedMount, SubPath};

/// Warns of expressions that use a variable which the container declares twice.
pub(super) fn warn_duplicate_variables(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    for mount in &volume.mounts {
        let resolved = mount.resolved();
        if let Some(name) = resolved.as_ref().and_then(|resolved| resolved.repeated()) {
            let (container, name) = (Quoted(mount.container.name()), Shown(name));
            let fact = format!(
                "container {container} declares {name} twice, and an expression of {} uses it: the last declaration \
                 counts",
                volume.title()
            );
            let finding = StorageRule::DuplicateVariable.warn(mount.part_field(), fact);
            review.findings.add(finding.remedy("Remove the other declaration"));
        }
    }
}

/// Denies a mount with both `subPath` and `subPathExpr`; `keep` is the expression that the remedy proposes.
pub(super) fn deny_both_fields(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    keep: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "container {} sets both subPath and subPathExpr on a mount of {}, and they exclude each other",
        Quoted(mount.container.name()),
        volume.title()
    );
    let finding = StorageRule::ConflictingSubPaths.deny(mount.part_field(), fact);
    review.findings.add(finding.remedy(format!("Keep one, e.g. subPathExpr: {}", Shown(keep))));
}

/// Denies an expression that uses a missing or empty variable, with which the kubelet starts no container.
pub(super) fn deny_missing_variable(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    missing: &MissingVariable,
    review: &mut SetReview<'_>,
) {
    let container = Quoted(mount.container.name());
    let (name, fault) = match missing {
        MissingVariable::Undeclared(name) => (name, "does not declare"),
        MissingVariable::Empty(name) => (name, "declares without a value"),
    };
    let shown = Shown(name);
    let fact = format!(
        "the subPathExpr of {} uses $({shown}), which container {container} {fault}: no pod can start (missing value \
         for {shown})",
        volume.title()
    );
    let finding = StorageRule::UndeclaredVariable.deny(mount.part_field(), fact);
    review.findings.add(finding.remedy(missing_variable_remedy(name)));
}

fn missing_variable_remedy(name: &str) -> String {
    let reserved = "or write $(ORDINANCE_POD_NAME), which Ordinance declares";
    if name == "HOSTNAME" {
        return format!(
            "The kubelet does not expand HOSTNAME: declare it in env from metadata.name, {reserved}"
        );
    }
    format!("Declare it in env, e.g. from metadata.name, {reserved}")
}

pub(super) fn warn_unstable(volume: &SetVolume<'_>, proposal: &Proposal<'_>, review: &mut SetReview<'_>) {
    let (mount, expression) = (&proposal.mount, Shown(&proposal.expression));
    let fact = format!(
        "the files of {} are lost at every restart: {} changes with each pod",
        volume.title(),
        sub_path_text(mount)
    );
    let remedy = format!("Write subPathExpr: {expression}");
    review.findings.add(StorageRule::UnstableSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

pub(super) fn warn_unproven(volume: &SetVolume<'_>, proposal: &Proposal<'_>, review: &mut SetReview<'_>) {
    let (mount, expression) = (&proposal.mount, Shown(&proposal.expression));
    let fact = format!(
        "Ordinance can't know whether replicas share {}: {} uses a variable from outside the pod",
        volume.title(),
        sub_path_text(mount)
    );
    let remedy = format!("Write subPathExpr: {expression} to be certain");
    review.findings.add(StorageRule::UnprovenSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

/// Returns the sub-path of a mount as messages show it, e.g. `subPath "data"`.
pub(super) fn sub_path_text(mount: &PlacedMount<'_>) -> String {
    match mount.part() {
        SubPath::Root | SubPath::Both => "the root".to_owned(),
        SubPath::Fixed(path) => format!("subPath {}", Quoted(path)),
        SubPath::Expression(expression) => format!("subPathExpr {}", Quoted(expression)),
    }
}

/// Returns the fact that the volumes of a claim template may be one directory.
pub(super) fn unisolated_template_text(volume: &SetVolume<'_>) -> String {
    format!("{} is not isolated: two of its volumes may be one directory", volume.title())
}
