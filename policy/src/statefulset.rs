//! StatefulSets: replicas must not overwrite each other's files.
//!
//! A new set's shared volumes get a directory for each ordinal (`create`); an update moves no data (`update`); more
//! replicas must not begin to share (`growth`, `scale`). Where the files of a set that is made again lie, its claims
//! say (`mark`). `volume` and `groups` sort what `ordinance_storage` reads, and `patch` is what is added.

mod create;
mod fix;
mod keys;
mod mark;
mod metadata;
mod migration;
mod mount_groups;
mod opt_out;
mod overlap;
mod patch;
mod patch_findings;
mod reserved_declarations;
mod reserved_variable;
mod review;
mod scale_subresource;
mod scale_up;
mod update;
mod volume;

pub(crate) use scale_subresource::parse as parse_scale;

use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use keys::SetKeys;
use metadata::{ParsedStatefulSet, StatefulSet};
use mount_groups::MountGroups;
use opt_out::OptOut;
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Stance, Verdict};
use ordinance_storage::{ClaimTemplate, PlacedContainer, PodSpec, PodTemplate, RawTemplate, json};
use review::{Set, SetReview};
use scale_up::ScaleUp;
use volume::{SetVolume, placed_containers};

/// The keys of a stored set.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    let set: ParsedStatefulSet<'_> = json::read(object)?;
    let owner = SetKeys {
        set: Set::new(scope, &set.metadata, set.replicas()),
        opt_out: OptOut::of(&set.metadata.annotations),
        settings,
    };
    let keys = owner.keys(&set.spec.template.0.spec, &set.spec.volume_claim_templates);
    let is_known = |key: &Key| {
        key.stance != Stance::Looks && !(set.is_being_deleted() && scale_subresource::is_scale_key(key))
    };
    Ok(keys.into_iter().filter(is_known).collect())
}

/// Reads a request.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    if request.operation != Operation::Update {
        let set = json::read(object)?;
        return Ok(Box::new(SetCreation { request, set, settings }));
    }
    let Some(old) = request.old_object.as_deref() else { return Ok(Box::new(UncomparedUpdate { settings })) };
    let (new, old): (StatefulSet<'_, RawTemplate<'_>>, StatefulSet<'_, RawTemplate<'_>>) =
        (json::read(object)?, json::read(old)?);
    let template = TemplateChange::of(&new, &old)?;
    Ok(Box::new(SetUpdate { request, new, old, template, settings }))
}

/// A new set.
struct SetCreation<'a> {
    request: &'a Request<'a>,
    set: ParsedStatefulSet<'a>,
    settings: &'a Settings,
}

/// A change of a stored set.
struct SetUpdate<'a> {
    request: &'a Request<'a>,
    new: StatefulSet<'a, RawTemplate<'a>>,
    old: StatefulSet<'a, RawTemplate<'a>>,
    template: TemplateChange<'a>,
    settings: &'a Settings,
}

/// A change of a set of which the API server did not send the old state.
struct UncomparedUpdate<'a> {
    settings: &'a Settings,
}

/// Whether the object under review is stored already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    New,
    /// The verdict tells how to migrate it.
    Stored,
}

/// The pod templates of a change.
enum TemplateChange<'a> {
    /// Nothing that matters changes.
    Irrelevant,
    /// The template stays; replicas or our annotations change.
    Same(PodTemplate<'a>),
    /// The template changes.
    Changed { new: PodTemplate<'a>, old: PodTemplate<'a> },
}

// === impl SetCreation ===

impl SetCreation<'_> {
    fn set(&self) -> Set<'_> {
        Set::new(&self.request.scope, &self.set.metadata, self.set.replicas())
    }

    fn opt_out(&self) -> OptOut<'_> {
        OptOut::of(&self.set.metadata.annotations)
    }

    /// An object gets its uid when it is stored: offline, people pass stored objects as new ones.
    fn existence(&self) -> Existence {
        match self.set.metadata.uid() {
            Ok(uid) if !uid.is_empty() => Existence::Stored,
            _ => Existence::New,
        }
    }
}

impl ParsedRequest for SetCreation<'_> {
    fn keys(&self) -> Vec<Key> {
        let owner = SetKeys { set: self.set(), opt_out: self.opt_out(), settings: self.settings };
        owner.keys(&self.set.spec.template.0.spec, &self.set.spec.volume_claim_templates)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let pod = &self.set.spec.template.0.spec;
        let containers = placed_containers(pod);
        let volumes = SetVolume::all(pod, &self.set.spec.volume_claim_templates, &containers);
        let set = Set {
            restore: self.set.metadata.labels.restore.as_deref(),
            is_windows: pod.is_windows(),
            ..self.set()
        };
        let mut review = SetReview::new(self.settings, set, holdings, &containers);
        let opt_out = self.opt_out();
        opt_out.report(&annotatable_names(pod, &self.set.spec.volume_claim_templates), &mut review.findings);
        reserved_declarations::declare(&containers, &opt_out, &mut review);
        reserved_declarations::deny_misuse(&containers, &[], &volumes, &opt_out, &mut review);
        for volume in volumes.iter().filter(|volume| !opt_out.covers(volume.name)) {
            judge_new_volume(volume, &mut review);
        }
        overlap::warn_duplicate_claims(&volumes, &[], &opt_out, &mut review);
        conclude(review, self.request.phase, pod, &containers, &volumes, self.existence())
    }
}

// === impl TemplateChange ===

impl<'a> TemplateChange<'a> {
    fn of(
        new: &StatefulSet<'a, RawTemplate<'a>>,
        old: &StatefulSet<'a, RawTemplate<'a>>,
    ) -> Result<Self, serde_json::Error> {
        if new.is_being_deleted() {
            return Ok(Self::Irrelevant);
        }
        if !new.spec.template.says_the_same(old.spec.template) {
            return Ok(Self::Changed { new: new.spec.template.read()?, old: old.spec.template.read()? });
        }
        let grows = ScaleUp::of(old.replicas(), new.replicas()) != ScaleUp::None;
        if grows || new.metadata.annotations != old.metadata.annotations {
            return Ok(Self::Same(new.spec.template.read()?));
        }
        Ok(Self::Irrelevant)
    }
}

// === impl SetUpdate ===

impl<'a> SetUpdate<'a> {
    fn opt_out(&self) -> OptOut<'_> {
        OptOut::of(&self.new.metadata.annotations)
    }

    fn set(&self, is_windows: bool) -> Set<'_> {
        let set = Set::new(&self.request.scope, &self.new.metadata, self.new.replicas());
        Set { is_windows, ..set }
    }

    fn scale_up(&self) -> ScaleUp {
        ScaleUp::of(self.old.replicas(), self.new.replicas())
    }

    /// What a change of our own annotations does.
    fn report_opt_out(&self, pod: &PodSpec<'_>, review: &mut SetReview<'_>) {
        let opt_out = self.opt_out();
        let names = annotatable_names(pod, &self.new.spec.volume_claim_templates);
        opt_out.report(&names, &mut review.findings);
        opt_out.report_change(&OptOut::of(&self.old.metadata.annotations), &names, &mut review.findings);
    }

    /// The template stays: only more replicas can make anything worse.
    fn same(&self, template: &PodTemplate<'_>, holdings: &[Holding]) -> Verdict {
        let pod = &template.spec;
        let containers = placed_containers(pod);
        let volumes = SetVolume::all(pod, &self.new.spec.volume_claim_templates, &containers);
        let mut review = SetReview::new(self.settings, self.set(pod.is_windows()), holdings, &containers);
        if self.new.metadata.annotations != self.old.metadata.annotations {
            self.report_opt_out(pod, &mut review);
        }
        let opt_out = self.opt_out();
        let volumes = volumes.iter().filter(|volume| !opt_out.covers(volume.name));
        judge_scale_up(self.scale_up(), volumes, &mut review);
        review.into_verdict(None)
    }

    fn changed(&self, new: &PodTemplate<'_>, old: &PodTemplate<'_>, holdings: &[Holding]) -> Verdict {
        let (pod, old_pod) = (&new.spec, &old.spec);
        let (containers, old_containers) = (placed_containers(pod), placed_containers(old_pod));
        let volumes = SetVolume::all(pod, &self.new.spec.volume_claim_templates, &containers);
        let old_volumes = SetVolume::all(old_pod, &self.old.spec.volume_claim_templates, &old_containers);
        let mut review = SetReview::new(self.settings, self.set(pod.is_windows()), holdings, &containers);
        let opt_out = self.opt_out();
        self.report_opt_out(pod, &mut review);
        reserved_declarations::declare(&containers, &opt_out, &mut review);
        reserved_declarations::deny_misuse(&containers, &old_containers, &volumes, &opt_out, &mut review);
        for volume in volumes.iter().filter(|volume| volume.is_mounted() || volume.device.is_some()) {
            judge_updated_volume(volume, &old_volumes, &opt_out, &mut review);
        }
        overlap::warn_duplicate_claims(&volumes, &old_volumes, &opt_out, &mut review);
        let before = volumes.iter().filter(|volume| {
            !opt_out.covers(volume.name) && update::previous_volume(volume, &old_volumes, &review).is_some()
        });
        let before: Vec<&SetVolume<'_>> = before.collect();
        judge_scale_up(self.scale_up(), before.into_iter(), &mut review);
        conclude(review, self.request.phase, pod, &containers, &volumes, Existence::New)
    }
}

impl ParsedRequest for SetUpdate<'_> {
    fn keys(&self) -> Vec<Key> {
        let TemplateChange::Changed { new, .. } = &self.template else { return Vec::new() };
        let owner = SetKeys { set: self.set(false), opt_out: self.opt_out(), settings: self.settings };
        owner.keys(&new.spec, &self.new.spec.volume_claim_templates)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        match &self.template {
            TemplateChange::Irrelevant => Verdict::allow(),
            TemplateChange::Same(template) => self.same(template, holdings),
            TemplateChange::Changed { new, old } => self.changed(new, old, holdings),
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

/// The names that an annotation may name.
fn annotatable_names<'a>(pod: &'a PodSpec<'_>, templates: &'a [ClaimTemplate<'_>]) -> Vec<&'a str> {
    pod.volumes.iter().map(|volume| &*volume.name).chain(templates.iter().map(ClaimTemplate::name)).collect()
}

/// Judges a volume that is new, on what it overlaps too.
fn judge_new_volume<'a>(volume: &SetVolume<'a>, review: &mut SetReview<'a>) {
    if !volume.is_mounted() && volume.device.is_none() {
        return;
    }
    create::judge(volume, review);
    MountGroups::warn_duplicate_variables(volume, review);
    overlap::warn_inline_export_overlaps(volume, review);
}

fn judge_updated_volume<'a>(
    volume: &SetVolume<'a>,
    old: &[SetVolume<'a>],
    opt_out: &OptOut<'_>,
    review: &mut SetReview<'a>,
) {
    if opt_out.covers(volume.name) {
        return update::warn_lost_expression(volume, old, review);
    }
    if update::previous_volume(volume, old, review).is_none() {
        return judge_new_volume(volume, review);
    }
    update::judge(volume, old, review);
    MountGroups::warn_duplicate_variables(volume, review);
    if !old.iter().any(|old| volume.has_same_source(old, review.settings)) {
        overlap::warn_inline_export_overlaps(volume, review);
    }
}

fn judge_scale_up<'a>(
    growth: ScaleUp,
    volumes: impl Iterator<Item = &'a SetVolume<'a>>,
    review: &mut SetReview<'_>,
) {
    if growth != ScaleUp::None {
        let shared = scale_up::shared(volumes, review);
        growth.judge(&shared, review.settings.isolation.growth, &mut review.findings);
    }
}

/// Returns the verdict: in the mutating call the patch and its findings, in the validating call a denial if the patch is missing.
fn conclude<'a>(
    mut review: SetReview<'a>,
    phase: Phase,
    pod: &PodSpec<'_>,
    containers: &'a [PlacedContainer<'a>],
    volumes: &[SetVolume<'_>],
    existence: Existence,
) -> Verdict {
    let migration = match (existence, phase) {
        (Existence::Stored, Phase::Mutate) => migration::steps(&review),
        _ => Vec::new(),
    };
    if !review.findings.is_allowed() {
        return Verdict { migration, ..review.into_verdict(None) };
    }
    if phase == Phase::Validate {
        patch_findings::deny_missing_patch(containers, &mut review);
        return review.into_verdict(None);
    }
    patch_findings::report(pod, containers, volumes, &mut review);
    let patch = review.draft.to_json(containers);
    Verdict { migration, ..review.into_verdict(patch) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// 50 containers with 20 mounts each, of as many claims.
    fn large(root: &str, expression: Option<&str>) -> Value {
        let mount = |at: usize| {
            let mut mount = json!({"name": format!("v{at}"), "mountPath": format!("{root}/{at}")});
            if let (Some(expression), Some(members)) = (expression, mount.as_object_mut()) {
                members.insert("subPathExpr".to_owned(), expression.into());
            }
            mount
        };
        let mounts: Vec<Value> = (0..20).map(mount).collect();
        let containers: Vec<Value> =
            (0..50).map(|at| json!({"name": format!("c{at}"), "volumeMounts": mounts})).collect();
        let volume =
            |at| json!({"name": format!("v{at}"), "persistentVolumeClaim": {"claimName": format!("c{at}")}});
        let volumes: Vec<Value> = (0..20).map(volume).collect();
        json!({
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": containers, "volumes": volumes}}},
        })
    }

    fn additions(object: &Value, old: Option<&Value>) -> usize {
        let scope = Scope {
            group: "apps".into(),
            version: "v1".into(),
            resource: "statefulsets".into(),
            name: "web".into(),
            ..Scope::default()
        };
        let request = Request {
            operation: if old.is_some() { Operation::Update } else { Operation::Create },
            phase: Phase::Mutate,
            scope,
            kind: "StatefulSet".into(),
            dry_run: false,
            user_info: "".into(),
            object: Some(object.to_string().into()),
            old_object: old.map(|old| old.to_string().into()),
        };
        let verdict = crate::review(&request, &Settings::default(), &[]);
        let patch: Vec<Value> =
            verdict.patch.map(|patch| serde_json::from_str(&patch).expect("JSON")).unwrap_or_default();
        patch.len()
    }

    #[test]
    fn a_large_set_is_isolated_as_a_whole() {
        assert_eq!(additions(&large("/data", None), None), 1_000 + 50);
    }

    #[test]
    fn a_large_set_gets_back_what_it_lost() {
        let old = large("/data", Some("$(ORDINANCE_POD_NAME)/x"));
        assert_eq!(additions(&large("/other", None), Some(&old)), 1_000 + 50);
    }
}
