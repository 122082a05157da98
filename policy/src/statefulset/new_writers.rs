//! An update that lets several replicas write files which they only read before.

use super::mount_groups::MountGroups;
use super::previous_mounts::PreviousMounts;
use super::proposal::{self, Proposal};
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use ordinance_storage::PlacedMount;

/// Returns whether replicas that wrote no common files of a volume would do so after the update.
pub(super) fn are_added<'a>(
    volume: &SetVolume<'a>,
    previous: &PreviousMounts<'_>,
    review: &SetReview<'a>,
) -> bool {
    !previous.had_shared_writers
        && volume.is_named()
        && volume.is_shared(review.settings)
        && review.checks_sharing()
        && review.patch.leaves_shared_writers(volume)
}

/// Denies the new writers as the growth from one replica to more, or warns of them if the setting says so.
pub(super) fn deny(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
    let is_new_writer = |mount: &&PlacedMount<'_>| !mount.is_read_only() && !mount.is_isolated();
    let mount = volume.mounts.iter().find(is_new_writer);
    let field = mount.map_or_else(|| volume.field(), PlacedMount::field);
    let fact = format!(
        "so far the {} replicas only read the common files of {}: with this update they overwrite each other's files",
        review.set.replicas,
        volume.title()
    );
    let outcome = review.settings.isolation.growth;
    let finding = StorageRule::UnisolatedMount.deny_or_warn(outcome, field, fact);
    review.deny_sharing(finding.remedy(remedy(volume, review)));
}

fn remedy(volume: &SetVolume<'_>, review: &SetReview<'_>) -> String {
    if volume.device.is_some() || review.set.is_windows {
        return format!("Keep it read-only, or: {}", volume.replace_or_share_remedy());
    }
    let proposals = Proposal::of_shared(volume, &MountGroups::of(volume));
    format!(
        "Keep it read-only; or migrate first: scale to 0, copy the files into each ordinal's directory, write {}, then \
         scale up; or {}",
        proposal::text(&proposals),
        volume.share_remedy()
    )
}
