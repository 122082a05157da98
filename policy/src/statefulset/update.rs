//! An update of a StatefulSet.
//!
//! Most updates leave the pod template as it was, so it is parsed only if something that matters changes.

use super::keys::SetKeys;
use super::metadata::StatefulSet;
use super::old_volumes::OldVolumes;
use super::opt_out::{OptOut, volume_names};
use super::previous_mounts::{PreviousMounts, previous_volume, replaced_directory};
use super::review::{self, Set, SetReview};
use super::scale_up::{ScaleUp, SharedVolume};
use super::verdict;
use super::volume::{SetVolume, placed_containers};
use super::{existing_volume, new_volume, overlap, reserved_declarations, sub_path_findings};
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Request, Verdict};
use ordinance_storage::{PodSpec, PodTemplate, RawTemplate, json};

/// A StatefulSet whose pod template is not parsed yet.
type RawSet<'a> = StatefulSet<'a, RawTemplate<'a>>;

/// A request to update a StatefulSet.
pub(super) struct SetUpdate<'a> {
    request: &'a Request<'a>,
    new: RawSet<'a>,
    old: RawSet<'a>,
    template: TemplateChange<'a>,
    /// The size of both states.
    bytes: usize,
    settings: &'a Settings,
}

/// A request to update a StatefulSet without its old state, so that nothing can be compared.
pub(super) struct UncomparedUpdate<'a> {
    pub(super) settings: &'a Settings,
}

/// How an update changes the pod template.
enum TemplateChange<'a> {
    /// Nothing changes that the rules look at.
    Irrelevant,
    /// The template stays; the set is scaled up, or its Ordinance annotations change.
    Unchanged(PodTemplate<'a>),
    Changed {
        new: PodTemplate<'a>,
        old: PodTemplate<'a>,
    },
}

// === impl TemplateChange ===

impl<'a> TemplateChange<'a> {
    fn of(new: &RawSet<'a>, old: &RawSet<'a>) -> Result<Self, serde_json::Error> {
        if new.is_being_deleted() {
            return Ok(Self::Irrelevant);
        }
        if !new.spec.template.is_equal_to(old.spec.template) {
            let old = old.spec.template.read()?;
            super::check_stored(&old.spec)?;
            return Ok(Self::Changed { new: new.spec.template.read()?, old });
        }
        let scales_up = ScaleUp::of(old.replicas(), new.replicas()) != ScaleUp::None;
        if scales_up || new.metadata.annotations != old.metadata.annotations {
            return Ok(Self::Unchanged(new.spec.template.read()?));
        }
        Ok(Self::Irrelevant)
    }
}

// === impl SetUpdate ===

impl<'a> SetUpdate<'a> {
    /// Parses both states of the set.
    pub(super) fn parse(
        request: &'a Request<'_>,
        object: &'a str,
        old: &'a str,
        settings: &'a Settings,
    ) -> Result<Self, serde_json::Error> {
        let bytes = object.len() + old.len();
        let (new, old): (RawSet<'a>, RawSet<'a>) = (json::read(object)?, json::read(old)?);
        let template = TemplateChange::of(&new, &old)?;
        Ok(Self { request, new, old, template, bytes, settings })
    }

    fn opt_out(&self) -> OptOut<'_> {
        OptOut::of(&self.new.metadata.annotations)
    }

    fn set(&self, is_windows: bool) -> Set<'_> {
        let set = Set::new(&self.request.scope, &self.new.metadata, self.new.replicas());
        Set { is_windows, ..set }
    }

    fn namespace(&self) -> &str {
        self.set(false).namespace
    }

    fn scale_up(&self) -> ScaleUp {
        ScaleUp::of(self.old.replicas(), self.new.replicas())
    }

    /// Reports the opt-out annotations and their changes.
    fn report_opt_out(&self, pod: &PodSpec<'_>, review: &mut SetReview<'_>) {
        let opt_out = self.opt_out();
        let names = volume_names(pod, &self.new.spec.volume_claim_templates);
        opt_out.report(&names, &mut review.findings);
        opt_out.report_change(&OptOut::of(&self.old.metadata.annotations), &names, &mut review.findings);
    }

    /// Judges an update that keeps the template: only additional replicas can make anything worse.
    fn judge_unchanged_template(&self, template: &PodTemplate<'_>, holdings: &[Holding]) -> Verdict {
        let (pod, steps) = (&template.spec, review::steps(self.bytes));
        let containers = placed_containers(pod, &steps);
        let volumes =
            SetVolume::all(pod, &self.new.spec.volume_claim_templates, &containers, self.namespace());
        let set = self.set(pod.is_windows());
        let mut review = SetReview::new(self.settings, set, holdings, &containers, &steps);
        if self.new.metadata.annotations != self.old.metadata.annotations {
            self.report_opt_out(pod, &mut review);
        }
        let opt_out = self.opt_out();
        let volumes = volumes.iter().filter(|volume| !opt_out.covers(volume.name));
        judge_scale_up(self.scale_up(), volumes, &mut review);
        review.deny_unresolved(&opt_out);
        review.into_verdict(None)
    }

    /// Judges an update that changes the template.
    fn judge_changed_template(
        &self,
        new: &PodTemplate<'_>,
        old: &PodTemplate<'_>,
        holdings: &[Holding],
    ) -> Verdict {
        let (pod, old_pod, steps) = (&new.spec, &old.spec, review::steps(self.bytes));
        let containers = placed_containers(pod, &steps);
        let old_containers = placed_containers(old_pod, &steps);
        let volumes =
            SetVolume::all(pod, &self.new.spec.volume_claim_templates, &containers, self.namespace());
        let old_volumes =
            SetVolume::all(old_pod, &self.old.spec.volume_claim_templates, &old_containers, self.namespace());
        let set = self.set(pod.is_windows());
        let mut review = SetReview::new(self.settings, set, holdings, &containers, &steps);
        let old_volumes = OldVolumes::new(&old_volumes, self.settings);
        let opt_out = self.opt_out();
        self.report_opt_out(pod, &mut review);
        reserved_declarations::add_missing(&containers, &opt_out, &mut review);
        reserved_declarations::deny_misuse(&containers, &old_containers, &volumes, &opt_out, &mut review);
        for volume in volumes.iter().filter(|volume| volume.is_mounted() || volume.device.is_some()) {
            judge_volume(volume, &old_volumes, &opt_out, &mut review);
        }
        overlap::warn_duplicate_claims(&volumes, old_volumes.all(), &opt_out, &mut review);
        let is_judged_for_scaling = |volume: &&SetVolume<'_>| {
            !opt_out.covers(volume.name) && previous_volume(volume, &old_volumes, &review).is_some()
        };
        let existing: Vec<&SetVolume<'_>> = volumes.iter().filter(is_judged_for_scaling).collect();
        judge_scale_up(self.scale_up(), existing.into_iter(), &mut review);
        review.deny_unresolved(&opt_out);
        verdict::conclude(review, self.request.phase, pod, &containers, &volumes)
    }
}

impl ParsedRequest for SetUpdate<'_> {
    fn keys(&self) -> Vec<Key> {
        let TemplateChange::Changed { new, .. } = &self.template else { return Vec::new() };
        let (set, opt_out) = (self.set(false), self.opt_out());
        let keys = SetKeys { set, opt_out, settings: self.settings, bytes: self.bytes };
        keys.of_pod(&new.spec, &self.new.spec.volume_claim_templates)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        match &self.template {
            TemplateChange::Irrelevant => Verdict::allow(),
            TemplateChange::Unchanged(template) => self.judge_unchanged_template(template, holdings),
            TemplateChange::Changed { new, old } => self.judge_changed_template(new, old, holdings),
        }
    }
}

// === impl UncomparedUpdate ===

impl ParsedRequest for UncomparedUpdate<'_> {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn verdict(&self, _holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        findings.audit("not-compared", "an update without oldObject");
        findings.into_verdict(None)
    }
}

/// Judges a volume of the new template.
fn judge_volume<'a>(
    volume: &SetVolume<'a>,
    old: &OldVolumes<'_, 'a>,
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'a>,
) {
    if opt_out.covers(volume.name) {
        return existing_volume::warn_lost_expression(volume, old, review);
    }
    let Some(previous) = PreviousMounts::find(volume, old, review) else {
        review.replaced = replaced_directory(volume, old);
        new_volume::judge_with_overlaps(volume, review);
        review.replaced = None;
        return;
    };
    existing_volume::judge(volume, &previous, review);
    sub_path_findings::warn_duplicate_variables(volume, review);
    if !old.have_files_of(volume, review.settings) {
        new_volume::note_unknown_driver(volume, review);
        overlap::warn_inline_export_overlaps(volume, review);
    }
}

/// Judges volumes that the replicas share once there are more of them.
fn judge_scale_up<'a>(
    scale_up: ScaleUp,
    volumes: impl Iterator<Item = &'a SetVolume<'a>>,
    review: &mut SetReview<'_>,
) {
    if scale_up != ScaleUp::None {
        let shared = SharedVolume::of_replicas(volumes, review);
        scale_up.report(&shared, review.settings.isolation.growth, &mut review.findings);
    }
}
