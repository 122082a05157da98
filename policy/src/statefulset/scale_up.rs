//! Scaling up beyond one replica: the second replica overwrites the files that the first one has had for itself.

use super::mount_groups::MountGroups;
use super::proposal::{self, Proposal};
use super::review::SetReview;
use super::volume::SetVolume;
use crate::findings::{FindingBuilder, Findings};
use crate::rules::StorageRule;
use crate::settings::DenyOrWarn;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The field of the findings.
const REPLICAS: &str = "spec.replicas";

/// A change of the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScaleUp {
    /// From one replica to more.
    FromOne,
    /// From zero replicas to more than one: a restart, since the set has had several replicas before.
    FromZero,
    /// Any other change; it makes nothing worse.
    None,
}

// === impl ScaleUp ===

impl ScaleUp {
    /// Compares two numbers of replicas.
    pub(super) fn of(old: i64, new: i64) -> Self {
        match (old, new) {
            (1, 2..) => Self::FromOne,
            (..=0, 2..) => Self::FromZero,
            _ => Self::None,
        }
    }

    /// Reports the volumes that the replicas will share.
    pub(super) fn report(self, volumes: &[SharedVolume<'_>], outcome: DenyOrWarn, findings: &mut Findings) {
        for volume in volumes {
            let fact = format!(
                "a second replica would share volume {:?} with the first one and overwrite its files",
                volume.name
            );
            match self {
                Self::FromOne => findings.add(denial(volume, fact, outcome)),
                Self::FromZero => findings.add(
                    StorageRule::ScaleBeyondOne
                        .warn(
                            REPLICAS,
                            format!(
                                "all replicas share volume {:?}: they overwrite each other's files",
                                volume.name
                            ),
                        )
                        .remedy("Migrate the files to isolate the replicas: this is not refused only because scaling up from 0 counts as a restart"),
                ),
                Self::None => {}
            }
        }
    }
}

/// A volume that all replicas share, without isolation.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SharedVolume<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    pub(super) isolation: VolumeIsolation,
}

/// What isolates a shared volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum VolumeIsolation {
    /// To write this in its mounts, e.g. `subPathExpr: $(ORDINANCE_POD_NAME)`.
    Write(String),
    /// Nothing: a block device has no sub-paths.
    Device,
    /// Nothing: Windows has no sub-paths.
    Windows,
}

// === impl SharedVolume ===

impl<'a> SharedVolume<'a> {
    /// Returns those of some volumes that all replicas share without isolation, even with the patch of the review.
    pub(super) fn of_replicas(
        volumes: impl Iterator<Item = &'a SetVolume<'a>>,
        review: &SetReview<'_>,
    ) -> Vec<Self> {
        let is_shared = |volume: &&SetVolume<'a>| {
            volume.is_named()
                && volume.is_shared(review.settings)
                && review.patch.leaves_shared_writers(volume)
        };
        let shared = |volume: &'a SetVolume<'a>| Self {
            name: Cow::Borrowed(volume.name),
            isolation: VolumeIsolation::of(volume, review.set.is_windows),
        };
        volumes.filter(is_shared).map(shared).collect()
    }
}

// === impl VolumeIsolation ===

impl VolumeIsolation {
    fn of(volume: &SetVolume<'_>, is_windows: bool) -> Self {
        if is_windows {
            Self::Windows
        } else if volume.device.is_some() {
            Self::Device
        } else {
            let proposals = Proposal::of_shared(volume, &MountGroups::of(volume));
            let own = || format!("subPathExpr: {}", volume.default_expression());
            Self::Write(if proposals.is_empty() { own() } else { proposal::text(&proposals) })
        }
    }
}

fn denial(volume: &SharedVolume<'_>, fact: String, outcome: DenyOrWarn) -> FindingBuilder {
    let share =
        format!("annotate the set ordinance.dev/shared-volumes: {} to share it on purpose", volume.name);
    let remedy = match &volume.isolation {
        VolumeIsolation::Write(write) => format!(
            "Migrate first: scale to 0, move the files into ordinal 0's directory, write {write}, then scale up; or \
             {share}"
        ),
        VolumeIsolation::Device => {
            format!("A block device has no sub-paths: use a claim template, or {share}")
        }
        VolumeIsolation::Windows => format!("Windows has no sub-paths: use a claim template, or {share}"),
    };
    StorageRule::ScaleBeyondOne.deny_or_warn(outcome, REPLICAS, fact).remedy(remedy)
}
