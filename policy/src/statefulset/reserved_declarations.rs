//! The declarations of the reserved variables: added to containers whose expressions use them, and denied if a
//! container gives one of the names another value.

use super::opt_out::OptOut;
use super::reserved_variable::ReservedVariable;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::display::Quoted;
use crate::rules::StorageRule;
use ordinance_storage::{EnvVar, PlacedContainer};
use std::collections::BTreeSet;

/// Adds the declarations of reserved variables to containers whose expressions use them without declaring them.
pub(super) fn add_missing<'a>(
    containers: &'a [PlacedContainer<'a>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'a>,
) {
    for mount in containers.iter().flat_map(PlacedContainer::mounts) {
        let Some(expression) = mount.expression() else { continue };
        if opt_out.covers(&mount.mount.name) {
            continue;
        }
        for reserved in ReservedVariable::used_by(expression)
            .filter(|reserved| !mount.container.env.declares(reserved.name()))
        {
            match review.set.restore {
                None => review.patch.add_variable(mount.container, reserved.declaration()),
                Some(_) => warn_undeclared(mount.container, reserved, review),
            }
        }
    }
}

fn warn_undeclared(container: &PlacedContainer<'_>, reserved: ReservedVariable, review: &mut SetReview<'_>) {
    let fact = format!(
        "container {} uses {} and does not declare it, so no pod can start; not patched, since a backup restores \
         the set",
        Quoted(container.name()),
        reserved.name()
    );
    let finding = StorageRule::UndeclaredVariable.warn(format!("{}.env", container.field()), fact);
    review.findings.add(finding.remedy(format!("Declare it from {}", reserved.field_path())));
}

/// Denies new declarations of a reserved name with another value, in containers that mount a judged volume.
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
    let mut mounts_judged = vec![false; containers.len()];
    for mount in mounts {
        if let Some(mounts_judged) = mounts_judged.get_mut(mount.container.place) {
            *mounts_judged = true;
        }
    }
    let misused_before: BTreeSet<_> = old
        .iter()
        .flat_map(|container| container.env.misuses())
        .map(|(_, misused)| misused.meaning())
        .collect();
    for (container, _) in containers.iter().zip(mounts_judged).filter(|(_, mounts_judged)| *mounts_judged) {
        let is_unchanged = |variable: &EnvVar<'_>| misused_before.contains(&variable.meaning());
        for (index, variable) in container.env.misuses().filter(|(_, variable)| !is_unchanged(variable)) {
            deny_misused_variable(container, index, variable, review);
        }
    }
}

/// Denies every declaration of a reserved name with another value in a container.
pub(super) fn deny_misuse_in(container: &PlacedContainer<'_>, review: &mut SetReview<'_>) {
    if !review.misuse_denied.insert(container.place) {
        return;
    }
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
        "container {} declares {} differently than Ordinance does, and the name is reserved",
        Quoted(container.name()),
        &*variable.name
    );
    let remedy = "Remove it: Ordinance declares it where it is needed; give your own variable another name";
    let field = format!("{}.env[{index}]", container.field());
    review.deny_sharing(StorageRule::ReservedVariable.deny(field, fact).remedy(remedy));
}
