//! The two reserved variables: declared where an expression takes them, and never anything else.

use super::opt_out::OptOut;
use super::reserved_variable::ReservedVariable;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use ordinance_storage::{EnvVar, PlacedContainer, SubPath};

/// An expression may take the reserved names without declaring them.
pub(super) fn declare<'a>(
    containers: &'a [PlacedContainer<'a>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'a>,
) {
    for mount in containers.iter().flat_map(PlacedContainer::mounts) {
        let SubPath::Expression(expression) = mount.part() else { continue };
        if opt_out.covers(&mount.mount.name) {
            continue;
        }
        for reserved in ReservedVariable::used_by(expression)
            .filter(|reserved| !mount.container.env.declares(reserved.name()))
        {
            match review.set.restore {
                None => review.draft.declare(mount.container, reserved.declaration()),
                Some(_) => warn_undeclared(mount.container, reserved, review),
            }
        }
    }
}

fn warn_undeclared(container: &PlacedContainer<'_>, reserved: ReservedVariable, review: &mut SetReview<'_>) {
    let fact = format!(
        "container {:?} takes {} and does not declare it; it is left as the backup has it, and no pod can start",
        container.name(),
        reserved.name()
    );
    let report = StorageRule::UndeclaredVariable.warn(format!("{}.env", container.field()), fact);
    review.findings.add(report.remedy(format!("Declare it from {}", reserved.field_path())));
}

/// The reserved names mean the pod's, unless they meant something else before.
pub(super) fn deny_misuse(
    containers: &[PlacedContainer<'_>],
    old: &[PlacedContainer<'_>],
    volumes: &[SetVolume<'_>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'_>,
) {
    let is_judged =
        |volume: &&SetVolume<'_>| volume.is_shared(review.settings) && !opt_out.covers(volume.name);
    let mounts = volumes.iter().filter(is_judged).flat_map(|volume| &volume.mounts);
    let mut is_concerned = vec![false; containers.len()];
    for mount in mounts {
        if let Some(concerned) = is_concerned.get_mut(mount.container.place) {
            *concerned = true;
        }
    }
    for (container, _) in containers.iter().zip(is_concerned).filter(|(_, is_concerned)| *is_concerned) {
        let was_there = |variable: &EnvVar<'_>| old.iter().any(|container| container.env.has_just(variable));
        for (index, variable) in container.env.misuses().filter(|(_, variable)| !was_there(variable)) {
            deny_misused_variable(container, index, variable, review);
        }
    }
}

/// Refuses a container's own use of the reserved names.
pub(super) fn refuse(container: &PlacedContainer<'_>, review: &mut SetReview<'_>) {
    for (index, variable) in container.env.misuses() {
        deny_misused_variable(container, index, variable, review);
    }
}

fn deny_misused_variable(
    container: &PlacedContainer<'_>,
    index: usize,
    variable: &EnvVar<'_>,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "container {:?} declares {} otherwise than Ordinance does, and the name is reserved",
        container.name(),
        &*variable.name
    );
    let remedy = "Remove it: Ordinance declares it where it is needed; for your own use take another name";
    let field = format!("{}.env[{index}]", container.field());
    review.deny_sharing(StorageRule::ReservedVariable.deny(field, fact).remedy(remedy));
}
