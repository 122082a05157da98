//! Volumes of one pod with the same claim, and inline volumes whose exports PersistentVolumes have too.

use super::opt_out::OptOut;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::display::Quoted;
use crate::export::Export;
use crate::persistent_volume;
use crate::rules::StorageRule;
use crate::settings::NameOrCount;
use ordinance_contract::Holding;
use std::collections::BTreeSet;

/// PersistentVolumes that findings about one volume name. The last finding counts the others.
const MAX_DETAILED: usize = 3;

/// Warns of claims that two judged volumes name, unless the old template had them.
pub(super) fn warn_duplicate_claims(
    volumes: &[SetVolume<'_>],
    old: &[SetVolume<'_>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'_>,
) {
    let before: BTreeSet<&str> = duplicate_claims(old, opt_out).into_iter().map(|(claim, _)| claim).collect();
    let is_new = |(claim, _): &(&str, &SetVolume<'_>)| !before.contains(claim);
    for (claim, volume) in duplicate_claims(volumes, opt_out).into_iter().filter(is_new) {
        let fact = format!(
            "two volumes of the pod name claim {}: such a pod does not start (kubernetes#127004)",
            Quoted(claim)
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
    let overlaps = |holding: &&Holding| persistent_volume::is_on(export, holding);
    let mut overlapping = review.holdings.exports(&export.realm()).iter().copied().filter(overlaps);
    let owner = review.set.title();
    let warn = |fact| StorageRule::InlineExport.warn(volume.field(), fact);
    if review.settings.exports.inline_overlaps == NameOrCount::Count {
        if let Some(fact) = counted_overlap(&owner, export, number(overlapping)) {
            review.findings.add(warn(fact));
        }
        return;
    }
    for holding in overlapping.by_ref().take(MAX_DETAILED) {
        if let Some(fact) = persistent_volume::inline_overlap(&owner, export, holding) {
            review.findings.add(warn(fact).related(&holding.holder));
        }
    }
    if let Some(next) = overlapping.next() {
        let rest = number(std::iter::once(next).chain(overlapping));
        let fact = format!("{owner} ({export}) overlaps {rest} more PersistentVolumes");
        review.findings.add(warn(fact).related(&next.holder));
    }
}

/// Returns the number of objects that some holdings stand for.
fn number<'h>(holdings: impl Iterator<Item = &'h Holding>) -> u64 {
    holdings.map(|holding| u64::from(holding.count)).sum()
}

/// Returns the fact that an export overlaps those of this number of volumes, or `None` if there are none.
fn counted_overlap(owner: &str, export: &Export, volumes: u64) -> Option<String> {
    let volumes = match volumes {
        0 => return None,
        1 => "the export of a PersistentVolume".to_owned(),
        more => format!("the exports of {more} PersistentVolumes"),
    };
    Some(format!("{owner} ({export}) overlaps {volumes}: they overwrite each other's files"))
}
