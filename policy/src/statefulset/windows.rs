//! Pods on Windows, which has no sub-paths: nothing is patched, and no finding proposes one.

use super::mount_groups::MountGroups;
use super::new_volume::{deny_shared_device, sharing_fact, warn_single_replica};
use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use crate::settings::DenyOrWarn;

/// Judges a volume that the replicas did not mount before.
pub(super) fn judge<'a>(volume: &SetVolume<'a>, groups: &MountGroups<'a>, review: &mut SetReview<'a>) {
    if volume.is_named() && !review.checks_sharing() {
        if review.patch.leaves_shared_writers(volume) {
            warn_single_replica(volume, groups, review);
        }
        return;
    }
    deny_shared_device(volume, review);
    let mut shared = groups.without_sub_path.iter().chain(groups.shared_sub_paths());
    let Some(first) = shared.next() else { return };
    let fact = format!("{}; Windows has no sub-paths to isolate them", sharing_fact(volume));
    let outcome = if !volume.is_named() {
        DenyOrWarn::Warn
    } else if review.set.is_stored {
        DenyOrWarn::Deny
    } else {
        review.settings.isolation.named_volumes.without_isolation()
    };
    let finding = StorageRule::UnisolatedMount.deny_or_warn(outcome, first.field(), fact);
    review.deny_sharing(finding.remedy(volume.replace_or_share_remedy()));
}
