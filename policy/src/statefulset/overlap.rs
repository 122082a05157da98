//! One directory that a pod, or the cluster, knows by two names.

use super::opt_out::OptOut;
use super::review::Review;
use super::volume::JudgedVolume;
use crate::persistent_volume;
use crate::rules::StorageRule;
use ordinance_contract::Holding;

/// Two volumes of one claim.
pub(super) fn warn_of_twins(
    units: &[JudgedVolume<'_>],
    old: &[JudgedVolume<'_>],
    opt_out: &OptOut<'_>,
    review: &mut Review<'_>,
) {
    let claims = |units: &[JudgedVolume<'_>]| -> Vec<String> {
        let judged = units.iter().filter(|unit| !opt_out.covers(unit.name));
        let mut claims: Vec<String> = judged.filter_map(|unit| Some(unit.claim()?.to_owned())).collect();
        claims.sort_unstable();
        let mut twins: Vec<String> = claims
            .windows(2)
            .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().cloned())?)
            .collect();
        twins.dedup();
        twins
    };
    let before = claims(old);
    for claim in claims(units).into_iter().filter(|claim| !before.contains(claim)) {
        let fact = format!(
            "two volumes of the pod are claim {claim:?}: such a pod does not start (kubernetes#127004)"
        );
        let report = StorageRule::DuplicateClaim.warn("spec.template.spec.volumes", fact);
        review.findings.add(report.remedy("Mount one volume at both places"));
    }
}

/// Exports that PersistentVolumes have, too.
pub(super) fn warn_of_volumes(unit: &JudgedVolume<'_>, review: &mut Review<'_>) {
    let Some(export) = unit.inline_export(review.settings).filter(|_| unit.is_mounted()) else { return };
    let is_volume = |holding: &&Holding| holding.holder.resource == "persistentvolumes";
    let owner = review.set.title();
    for holding in review.holdings.iter().filter(is_volume) {
        if let Some(fact) = persistent_volume::inline_overlap(&owner, &export, holding) {
            review.findings.add(StorageRule::InlineExport.warn(unit.field(), fact).related(&holding.holder));
        }
    }
}
