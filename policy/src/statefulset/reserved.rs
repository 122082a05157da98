//! The two reserved variables: declared where an expression takes them, and never anything else.

use super::optout::OptOut;
use super::reserved_variable::ReservedVariable as Ours;
use super::review::Review;
use super::volume::JudgedVolume as Unit;
use crate::rules::StorageRule;
use ordinance_storage::{EnvVar, PlacedContainer as Site, SubPath as Part};

/// An expression may take the reserved names without declaring them.
pub(super) fn declare<'a>(sites: &'a [Site<'a>], opt_out: &OptOut<'_>, review: &mut Review<'a>) {
    for mounted in sites.iter().flat_map(Site::mounts) {
        let Part::Expression(expression) = mounted.part() else { continue };
        if opt_out.covers(&mounted.mount.name) {
            continue;
        }
        for ours in Ours::taken_by(expression).filter(|ours| !mounted.site.env.declares(ours.name())) {
            match review.set.restore {
                None => review.draft.declare(mounted.site, ours.declaration()),
                Some(_) => warn_undeclared(mounted.site, ours, review),
            }
        }
    }
}

fn warn_undeclared(site: &Site<'_>, ours: Ours, review: &mut Review<'_>) {
    let fact = format!(
        "container {:?} takes {} and does not declare it; it is left as the backup has it, and no pod can start",
        &*site.container.name,
        ours.name()
    );
    let report = StorageRule::UndeclaredVariable.warn(format!("{}.env", site.field()), fact);
    review.findings.add(report.remedy(format!("Declare it from {}", ours.field_path())));
}

/// The reserved names mean the pod's, unless they meant something else before.
pub(super) fn refuse_misuse(
    sites: &[Site<'_>],
    old: &[Site<'_>],
    units: &[Unit<'_>],
    opt_out: &OptOut<'_>,
    review: &mut Review<'_>,
) {
    let is_judged = |unit: &&Unit<'_>| unit.is_shared(review.settings) && !opt_out.covers(unit.name);
    let mounts = units.iter().filter(is_judged).flat_map(|unit| &unit.mounts);
    let mut is_concerned = vec![false; sites.len()];
    for mounted in mounts {
        if let Some(concerned) = is_concerned.get_mut(mounted.site.place) {
            *concerned = true;
        }
    }
    for (site, _) in sites.iter().zip(is_concerned).filter(|(_, is_concerned)| *is_concerned) {
        let was_there = |variable: &EnvVar<'_>| old.iter().any(|site| site.env.has_just(variable));
        for (index, variable) in site.env.misuses().filter(|(_, variable)| !was_there(variable)) {
            refuse_one(site, index, variable, review);
        }
    }
}

/// Refuses a container's own use of the reserved names.
pub(super) fn refuse(site: &Site<'_>, review: &mut Review<'_>) {
    for (index, variable) in site.env.misuses() {
        refuse_one(site, index, variable, review);
    }
}

fn refuse_one(site: &Site<'_>, index: usize, variable: &EnvVar<'_>, review: &mut Review<'_>) {
    let fact = format!(
        "container {:?} declares {} otherwise than Ordinance does, and the name is reserved",
        &*site.container.name, &*variable.name
    );
    let remedy = "Remove it: Ordinance declares it where it is needed; for your own use take another name";
    let field = format!("{}.env[{index}]", site.field());
    review.refuse_sharing(StorageRule::ReservedVariable.deny(field, fact).remedy(remedy));
}
