//! The verdict on a StatefulSet, from the patch and the findings of its review.

use super::review::SetReview;
use super::volume::SetVolume;
use super::{migration, patch_findings};
use ordinance_contract::{Phase, Verdict};
use ordinance_storage::{PlacedContainer, PodSpec};

/// Returns the verdict: in the mutating call with the patch and its findings, in the validating call with a denial if
/// the patch is missing, in an audit with the steps of a migration.
pub(super) fn conclude<'a>(
    mut review: SetReview<'a>,
    phase: Phase,
    pod: &PodSpec<'_>,
    containers: &'a [PlacedContainer<'a>],
    volumes: &[SetVolume<'_>],
) -> Verdict {
    if phase == Phase::Audit {
        patch_findings::report_lacking(&mut review);
        let migration = migration::steps(&review);
        return Verdict { migration, ..review.into_verdict(None) };
    }
    if !review.findings.is_allowed() {
        return review.into_verdict(None);
    }
    if phase == Phase::Validate {
        patch_findings::deny_missing_patch(containers, &mut review);
        return review.into_verdict(None);
    }
    patch_findings::report(pod, containers, volumes, &mut review);
    let patch = review.patch.to_json(containers);
    review.into_verdict(patch)
}
