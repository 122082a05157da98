//! Volumes of one pod with the same claim, and inline volumes whose exports PersistentVolumes have too.

use super::opt_out::OptOut;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::export::Export;
use crate::persistent_volume;
use crate::rules::StorageRule;
use crate::settings::NameOrCount;
use ordinance_contract::Holding;

/// Warns of claims that two judged volumes name, unless the old template had them.
pub(super) fn warn_duplicate_claims(
    volumes: &[SetVolume<'_>],
    old: &[SetVolume<'_>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'_>,
) {
    let before = duplicate_claims(old, opt_out);
    let is_new = |(claim, _): &(&str, &SetVolume<'_>)| !before.iter().any(|(other, _)| other == claim);
    for (claim, volume) in duplicate_claims(volumes, opt_out).into_iter().filter(is_new) {
        let fact = format!(
            "two volumes of the pod name claim {claim:?}: such a pod does not start (kubernetes#127004)"
        );
        let finding = StorageRule::DuplicateClaim.warn(volume.field(), fact);
        review.findings.add(finding.remedy("Mount one volume at both places"));
    }
}

/// Returns the claims that two judged volumes name, each with the second one.
fn duplicate_claims<'v>(
    volumes: &'v [SetVolume<'_>],
    opt_out: &OptOut<'_>,
) -> Vec<(&'v str, &'v SetVolume<'v>)> {
    let judged = volumes.iter().filter(|volume| !opt_out.covers(volume.name));
    let mut claims: Vec<(&str, &SetVolume<'_>)> =
        judged.filter_map(|volume| Some((volume.claim()?, volume))).collect();
    claims.sort_by_key(|(claim, _)| *claim);
    let of_one_claim = claims.chunk_by(|(one, _), (other, _)| one == other);
    of_one_claim.filter_map(|volumes| volumes.get(1).copied()).collect()
}

/// Warns if the inline export of a volume overlaps the exports of PersistentVolumes.
pub(super) fn warn_inline_export_overlaps(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let Some(export) = volume.inline_export(review.settings).filter(|_| volume.is_mounted()) else { return };
    let is_volume = |holding: &&Holding| holding.holder.resource == "persistentvolumes";
    let owner = review.set.title();
    let volumes = review.holdings.iter().filter(is_volume);
    let mut overlaps = volumes
        .filter_map(|holding| Some((holding, persistent_volume::inline_overlap(&owner, &export, holding)?)));
    let warn = |fact| StorageRule::InlineExport.warn(volume.field(), fact);
    match review.settings.exports.inline_overlaps {
        NameOrCount::Name => {
            for (holding, fact) in overlaps {
                review.findings.add(warn(fact).related(&holding.holder));
            }
        }
        NameOrCount::Count => {
            let count = overlaps.try_fold(0_u32, |count, (holding, _)| count.checked_add(holding.count));
            match count.unwrap_or(u32::MAX) {
                0 => {}
                count => review.findings.add(warn(counted_overlap(&owner, &export, count))),
            }
        }
    }
}

fn counted_overlap(owner: &str, export: &Export, count: u32) -> String {
    let volumes = if count == 1 {
        "the export of a PersistentVolume".to_owned()
    } else {
        format!("the exports of {count} PersistentVolumes")
    };
    format!("{owner} ({export}) overlaps {volumes}: they overwrite each other's files")
}
