//! From one replica to more: files that one replica had for itself are overwritten by the next.

use super::create::has_shared_writers;
use super::review::SetReview;
use super::volume::SetVolume;
use crate::findings::Findings;
use crate::rules::StorageRule;
use crate::settings::DenyOrWarn;

/// The field at fault.
const REPLICAS: &str = "spec.replicas";

/// A change of the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScaleUp {
    /// From one to more.
    FromOne,
    /// From none to more than one: those were there before.
    FromZero,
    /// None that makes anything worse.
    None,
}

// === impl ScaleUp ===

impl ScaleUp {
    /// The growth from one number of replicas to another.
    pub(super) fn of(old: i64, new: i64) -> Self {
        match (old, new) {
            (1, 2..) => Self::FromOne,
            (..=0, 2..) => Self::FromZero,
            _ => Self::None,
        }
    }

    /// Judges volumes, by name, that the replicas share and that are not isolated.
    pub(super) fn judge(self, volumes: &[SharedVolume<'_>], outcome: DenyOrWarn, findings: &mut Findings) {
        for volume in volumes {
            let fact = format!(
                "beyond one replica the set would share volume {:?}: replicas overwrite each other's files",
                volume.name
            );
            match self {
                Self::FromOne => refuse(volume, fact, outcome, findings),
                Self::FromZero => findings.add(
                    StorageRule::ScaleBeyondOne
                        .warn(
                            REPLICAS,
                            format!(
                                "all replicas share volume {:?}: they overwrite each other's files",
                                volume.name
                            ),
                        )
                        .remedy("Nothing is refused, since a start from 0 is a restart"),
                ),
                Self::None => {}
            }
        }
    }
}

/// A volume that all replicas share.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedVolume<'a> {
    pub(super) name: &'a str,
    /// The expression that would isolate it; none for a block device.
    pub(super) expression: Option<&'a str>,
}

fn refuse(volume: &SharedVolume<'_>, fact: String, outcome: DenyOrWarn, findings: &mut Findings) {
    let share =
        format!("annotate the set ordinance.dev/shared-volumes: {} to share it on purpose", volume.name);
    let remedy = match volume.expression {
        Some(expression) => format!(
            "Migrate first: scale to 0, move the files into ordinal 0's directory, write subPathExpr: {expression}, then \
             grow; or {share}"
        ),
        None => format!("A block device has no sub-paths: use a claim template, or {share}"),
    };
    findings.add(StorageRule::ScaleBeyondOne.deny_or_warn(outcome, REPLICAS, fact).remedy(remedy));
}

/// The volumes that all replicas share and that are not isolated, once everything is added that is to be added.
pub(super) fn shared<'a>(
    volumes: impl Iterator<Item = &'a SetVolume<'a>>,
    review: &SetReview<'_>,
) -> Vec<SharedVolume<'a>> {
    volumes
        .filter(|volume| {
            volume.is_named() && volume.is_shared(review.settings) && has_shared_writers(volume, review)
        })
        .map(|volume| SharedVolume {
            name: volume.name,
            expression: volume.device.is_none().then(|| volume.default_expression()),
        })
        .collect()
}
