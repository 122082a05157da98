//! Volumes of one pod with the same claim, and inline volumes whose exports PersistentVolumes have too.

use super::opt_out::OptOut;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::persistent_volume;
use crate::rules::StorageRule;
use ordinance_contract::Holding;

/// Warns of claims that two judged volumes name, unless the old template had them.
pub(super) fn warn_duplicate_claims(
    volumes: &[SetVolume<'_>],
    old: &[SetVolume<'_>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'_>,
) {
    let claims = |volumes: &[SetVolume<'_>]| -> Vec<String> {
        let judged = volumes.iter().filter(|volume| !opt_out.covers(volume.name));
        let mut claims: Vec<String> = judged.filter_map(|volume| Some(volume.claim()?.to_owned())).collect();
        claims.sort_unstable();
        let mut duplicates: Vec<String> = claims
            .windows(2)
            .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().cloned())?)
            .collect();
        duplicates.dedup();
        duplicates
    };
    let before = claims(old);
    for claim in claims(volumes).into_iter().filter(|claim| !before.contains(claim)) {
        let fact = format!(
            "two volumes of the pod name claim {claim:?}: such a pod does not start (kubernetes#127004)"
        );
        let finding = StorageRule::DuplicateClaim.warn("spec.template.spec.volumes", fact);
        review.findings.add(finding.remedy("Mount one volume at both places"));
    }
}

/// Warns if the inline export of a volume overlaps the exports of PersistentVolumes.
pub(super) fn warn_inline_export_overlaps(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(export) = volume.inline_export(review.settings).filter(|_| volume.is_mounted()) else { return };
    let is_volume = |holding: &&Holding| holding.holder.resource == "persistentvolumes";
    let owner = review.set.title();
    for holding in review.holdings.iter().filter(is_volume) {
        if let Some(fact) = persistent_volume::inline_overlap(&owner, &export, holding) {
            review
                .findings
                .add(StorageRule::InlineExport.warn(volume.field(), fact).related(&holding.holder));
        }
    }
}
