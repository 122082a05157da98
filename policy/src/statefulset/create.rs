//! A StatefulSet that is created, or an offline manifest of one.

use super::keys::SetKeys;
use super::metadata::ParsedStatefulSet;
use super::opt_out::{OptOut, volume_names};
use super::review::{self, Set, SetReview};
use super::verdict;
use super::volume::{SetVolume, placed_containers};
use super::{new_volume, overlap, reserved_declarations};
use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Phase, Request, Verdict};
use ordinance_storage::json;

/// A request to create a StatefulSet.
pub(super) struct SetCreation<'a> {
    request: &'a Request<'a>,
    set: ParsedStatefulSet<'a>,
    /// The size of the set.
    bytes: usize,
    settings: &'a Settings,
}

// === impl SetCreation ===

impl<'a> SetCreation<'a> {
    /// Parses the set.
    pub(super) fn parse(
        request: &'a Request<'_>,
        object: &'a str,
        settings: &'a Settings,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self { request, set: json::read(object)?, bytes: object.len(), settings })
    }

    fn set(&self) -> Set<'_> {
        Set::new(&self.request.scope, &self.set.metadata, self.set.replicas())
    }

    fn opt_out(&self) -> OptOut<'_> {
        OptOut::of(&self.set.metadata.annotations)
    }
}

impl ParsedRequest for SetCreation<'_> {
    fn keys(&self) -> Vec<Key> {
        let (set, opt_out) = (self.set(), self.opt_out());
        let keys = SetKeys { set, opt_out, settings: self.settings, bytes: self.bytes };
        keys.of_pod(&self.set.spec.template.0.spec, &self.set.spec.volume_claim_templates)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let pod = &self.set.spec.template.0.spec;
        let steps = review::steps(self.bytes);
        let containers = placed_containers(pod, &steps);
        let volumes =
            SetVolume::all(pod, &self.set.spec.volume_claim_templates, &containers, self.set().namespace);
        let set = Set {
            restore: self.set.metadata.labels.restore.as_deref(),
            is_windows: pod.is_windows(),
            is_stored: self.request.phase == Phase::Audit,
            ..self.set()
        };
        let mut review = SetReview::new(self.settings, set, holdings, &containers, &steps);
        let opt_out = self.opt_out();
        opt_out.report(&volume_names(pod, &self.set.spec.volume_claim_templates), &mut review.findings);
        if !review.set.is_stored {
            reserved_declarations::add_missing(&containers, &opt_out, &mut review);
        }
        reserved_declarations::deny_misuse(&containers, &[], &volumes, &opt_out, &mut review);
        for volume in volumes.iter().filter(|volume| !opt_out.covers(volume.name)) {
            new_volume::judge_with_overlaps(volume, &mut review);
        }
        overlap::warn_duplicate_claims(&volumes, &[], &opt_out, &mut review);
        review.deny_unresolved(&opt_out);
        verdict::conclude(review, self.request.phase, pod, &containers, &volumes)
    }
}
