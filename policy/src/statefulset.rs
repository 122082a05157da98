//! StatefulSets: replicas must not overwrite each other's files.
//!
//! A new set's shared volumes get a directory for each ordinal (`create`); an update moves no data (`update`); more
//! replicas must not begin to share (`growth`, `scale`). Where the files of a set that is made again lie, its claims
//! say (`mark`). `view` is what is read, `pod` and `survey` bring it in order, `patch` is what is added.

mod create;
mod env;
mod expression;
mod growth;
mod mark;
mod optout;
mod patch;
mod pod;
mod review;
mod scale;
mod survey;
mod told;
mod update;
mod view;
mod volumes;

pub(crate) use scale::open as open_scale;

use crate::findings::Findings;
use crate::settings::Settings;
use crate::{Subject, claim, persistent_volume};
use env::{Declaration, Ours};
use growth::Growth;
use optout::OptOut;
use ordinance_contract::{Holding, Key, Operation, Phase, Request, Scope, Stance, Verdict};
use pod::{Kind, Site, Unit};
use review::{Review, Set};
use survey::Survey;
use view::{ClaimTemplate, Part, Pod, RawTemplate, StatefulSet, Template};

/// The keys of a stored set.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    let set: StatefulSet<'_, Template<'_>> = serde_json::from_str(object)?;
    let name = if scope.name.is_empty() { &*set.metadata.name } else { &*scope.name };
    let parts = Parts { name, replicas: set.replicas(), opt_out: OptOut::of(&set.metadata.annotations) };
    let keys = parts.keys(scope, &set.spec.template.spec, &set.spec.volume_claim_templates, settings);
    Ok(keys.into_iter().filter(|key| key.stance != Stance::Looks).collect())
}

/// Reads a request.
pub(crate) fn open<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn Subject + 'a>, serde_json::Error> {
    if request.operation != Operation::Update {
        let set = serde_json::from_str(object)?;
        return Ok(Box::new(Creation { request, set, settings }));
    }
    let Some(old) = request.old_object.as_deref() else { return Ok(Box::new(NotCompared { settings })) };
    let (new, old): (StatefulSet<'_, RawTemplate<'_>>, StatefulSet<'_, RawTemplate<'_>>) =
        (serde_json::from_str(object)?, serde_json::from_str(old)?);
    let pods = Pods::of(&new, &old)?;
    Ok(Box::new(Change { request, new, old, pods, settings }))
}

/// A new set.
struct Creation<'a> {
    request: &'a Request<'a>,
    set: StatefulSet<'a, Template<'a>>,
    settings: &'a Settings,
}

/// A change of a stored set.
struct Change<'a> {
    request: &'a Request<'a>,
    new: StatefulSet<'a, RawTemplate<'a>>,
    old: StatefulSet<'a, RawTemplate<'a>>,
    pods: Pods<'a>,
    settings: &'a Settings,
}

/// A change of a set of which the API server did not send the old state.
struct NotCompared<'a> {
    settings: &'a Settings,
}

/// The pod templates of a change.
enum Pods<'a> {
    /// Nothing that matters changes.
    Idle,
    /// The template stays; replicas or our annotations change.
    Same(Template<'a>),
    /// The template changes.
    Changed { new: Template<'a>, old: Template<'a> },
}

/// What the keys of a set depend on, beside its pod.
struct Parts<'a> {
    name: &'a str,
    replicas: i64,
    opt_out: OptOut<'a>,
}

// === impl Parts ===

impl Parts<'_> {
    /// What the set uses and looks at: its name, the claims of its templates, claims by name, exports.
    fn keys(
        &self,
        scope: &Scope<'_>,
        pod: &Pod<'_>,
        templates: &[ClaimTemplate<'_>],
        settings: &Settings,
    ) -> Vec<Key> {
        let sites = Site::all(pod);
        let units = Unit::all(pod, templates, &sites);
        let mut keys: Vec<Key> = self.shared(scope, &units, &sites, settings).into_iter().collect();
        for unit in units.iter().filter(|unit| unit.is_mounted()) {
            keys.extend(self.key(unit, scope, settings));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The set's name, for a Scale, if its replicas would share something.
    fn shared(
        &self,
        scope: &Scope<'_>,
        units: &[Unit<'_>],
        sites: &[Site<'_>],
        settings: &Settings,
    ) -> Option<Key> {
        let set = Set::of(scope, self.name, self.replicas);
        let review = Review::new(settings, set, &[], sites);
        let shared = growth::shared(units.iter().filter(|unit| !self.opt_out.covers(unit.name)), &review);
        let note = scale::note(self.replicas, &shared);
        let is_worth_a_key = !shared.is_empty() && !self.name.is_empty();
        is_worth_a_key.then(|| scale::key(&scope.namespace, self.name, Stance::Uses, note))
    }

    /// What says where the files of a volume are, or who else has them.
    fn key(&self, unit: &Unit<'_>, scope: &Scope<'_>, settings: &Settings) -> Option<Key> {
        let claim = |path, stance, note| Key { realm: claim::realm(&scope.namespace), path, stance, note };
        match unit.kind {
            Kind::Template(_) if self.name.is_empty() => None,
            Kind::Template(_) => {
                Some(claim(vec![claim::prefix(unit.name, self.name)], Stance::Uses, mark::note(unit)))
            }
            Kind::Named(source) => match unit.claim() {
                Some(name) => Some(claim(claim::path(name), Stance::Looks, String::new())),
                None => source.inline_export(settings).map(|export| Key {
                    realm: export.realm(),
                    path: export.segments().to_vec(),
                    stance: Stance::Uses,
                    note: String::new(),
                }),
            },
        }
    }
}

// === impl Creation ===

impl Creation<'_> {
    fn name(&self) -> &str {
        named(self.request, &self.set)
    }
}

impl Subject for Creation<'_> {
    fn keys(&self) -> Vec<Key> {
        let opt_out = OptOut::of(&self.set.metadata.annotations);
        let parts = Parts { name: self.name(), replicas: self.set.replicas(), opt_out };
        let spec = &self.set.spec;
        parts.keys(&self.request.scope, &spec.template.spec, &spec.volume_claim_templates, self.settings)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let pod = &self.set.spec.template.spec;
        let sites = Site::all(pod);
        let units = Unit::all(pod, &self.set.spec.volume_claim_templates, &sites);
        let set = Set {
            restore: self.set.metadata.labels.restore.as_deref(),
            is_windows: pod.is_windows(),
            ..Set::of(&self.request.scope, self.name(), self.set.replicas())
        };
        let mut review = Review::new(self.settings, set, holdings, &sites);
        let opt_out = OptOut::of(&self.set.metadata.annotations);
        opt_out.tell(&names(pod, &self.set.spec.volume_claim_templates), &mut review.findings);
        declare_ours(&sites, &opt_out, &mut review);
        refuse_misuse(&sites, &[], &units, &opt_out, &mut review);
        for unit in units.iter().filter(|unit| !opt_out.covers(unit.name)) {
            judge_new(unit, &mut review);
        }
        warn_of_twins(&units, &[], &opt_out, &mut review);
        concluded(review, self.request.phase, pod, &sites, &units)
    }
}

// === impl Pods ===

impl<'a> Pods<'a> {
    fn of(
        new: &StatefulSet<'a, RawTemplate<'a>>,
        old: &StatefulSet<'a, RawTemplate<'a>>,
    ) -> Result<Self, serde_json::Error> {
        if new.is_going() {
            return Ok(Self::Idle);
        }
        if !new.spec.template.says_the_same(old.spec.template) {
            return Ok(Self::Changed { new: new.spec.template.read()?, old: old.spec.template.read()? });
        }
        let grows = Growth::of(old.replicas(), new.replicas()) != Growth::None;
        if grows || new.metadata.annotations != old.metadata.annotations {
            return Ok(Self::Same(new.spec.template.read()?));
        }
        Ok(Self::Idle)
    }
}

// === impl Change ===

impl<'a> Change<'a> {
    fn opt_out(&self) -> OptOut<'_> {
        OptOut::of(&self.new.metadata.annotations)
    }

    fn set(&self, is_windows: bool) -> Set<'_> {
        let name = named(self.request, &self.new);
        Set { is_windows, ..Set::of(&self.request.scope, name, self.new.replicas()) }
    }

    fn growth(&self) -> Growth {
        Growth::of(self.old.replicas(), self.new.replicas())
    }

    /// What a change of our own annotations does.
    fn tell_opt_out(&self, pod: &Pod<'_>, review: &mut Review<'_>) {
        let opt_out = self.opt_out();
        opt_out.tell(&names(pod, &self.new.spec.volume_claim_templates), &mut review.findings);
        opt_out.tell_change(&OptOut::of(&self.old.metadata.annotations), &mut review.findings);
    }

    /// The template stays: only more replicas can make anything worse.
    fn same(&self, template: &Template<'_>, holdings: &[Holding]) -> Verdict {
        let pod = &template.spec;
        let sites = Site::all(pod);
        let units = Unit::all(pod, &self.new.spec.volume_claim_templates, &sites);
        let mut review = Review::new(self.settings, self.set(pod.is_windows()), holdings, &sites);
        if self.new.metadata.annotations != self.old.metadata.annotations {
            self.tell_opt_out(pod, &mut review);
        }
        let opt_out = self.opt_out();
        let units = units.iter().filter(|unit| !opt_out.covers(unit.name));
        judge_growth(self.growth(), units, &mut review);
        review.findings.into_verdict(None)
    }

    fn changed(&self, new: &Template<'_>, old: &Template<'_>, holdings: &[Holding]) -> Verdict {
        let (pod, old_pod) = (&new.spec, &old.spec);
        let (sites, old_sites) = (Site::all(pod), Site::all(old_pod));
        let units = Unit::all(pod, &self.new.spec.volume_claim_templates, &sites);
        let old_units = Unit::all(old_pod, &self.old.spec.volume_claim_templates, &old_sites);
        let mut review = Review::new(self.settings, self.set(pod.is_windows()), holdings, &sites);
        let opt_out = self.opt_out();
        self.tell_opt_out(pod, &mut review);
        declare_ours(&sites, &opt_out, &mut review);
        refuse_misuse(&sites, &old_sites, &units, &opt_out, &mut review);
        for unit in units.iter().filter(|unit| unit.is_mounted() || unit.device.is_some()) {
            judge_changed(unit, &old_units, &opt_out, &mut review);
        }
        warn_of_twins(&units, &old_units, &opt_out, &mut review);
        let before = units.iter().filter(|unit| {
            !opt_out.covers(unit.name) && update::counterpart(unit, &old_units, &review).is_some()
        });
        let before: Vec<&Unit<'_>> = before.collect();
        judge_growth(self.growth(), before.into_iter(), &mut review);
        concluded(review, self.request.phase, pod, &sites, &units)
    }
}

impl Subject for Change<'_> {
    fn keys(&self) -> Vec<Key> {
        let Pods::Changed { new, .. } = &self.pods else { return Vec::new() };
        let name = named(self.request, &self.new);
        let parts = Parts { name, replicas: self.new.replicas(), opt_out: self.opt_out() };
        parts.keys(&self.request.scope, &new.spec, &self.new.spec.volume_claim_templates, self.settings)
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        match &self.pods {
            Pods::Idle => Verdict::allow(),
            Pods::Same(template) => self.same(template, holdings),
            Pods::Changed { new, old } => self.changed(new, old, holdings),
        }
    }
}

// === impl NotCompared ===

impl Subject for NotCompared<'_> {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn verdict(&self, _holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        findings.audit("not-compared", "an update without oldObject");
        findings.into_verdict(None)
    }
}

// === impl Set ===

impl<'a> Set<'a> {
    fn of(scope: &'a Scope<'_>, name: &'a str, replicas: i64) -> Self {
        Self { name, namespace: &scope.namespace, replicas, restore: None, is_windows: false }
    }
}

/// The set's name; empty while it is not generated.
fn named<'a, T>(request: &'a Request<'_>, set: &'a StatefulSet<'_, T>) -> &'a str {
    if request.scope.name.is_empty() { &set.metadata.name } else { &request.scope.name }
}

/// The names that an annotation may name.
fn names<'a>(pod: &'a Pod<'_>, templates: &'a [ClaimTemplate<'_>]) -> Vec<&'a str> {
    pod.volumes.iter().map(|volume| &*volume.name).chain(templates.iter().map(ClaimTemplate::name)).collect()
}

/// Judges a volume that is new, on what it overlaps too.
fn judge_new<'a>(unit: &Unit<'a>, review: &mut Review<'a>) {
    if !unit.is_mounted() && unit.device.is_none() {
        return;
    }
    create::judge(unit, review);
    Survey::warn_of_repeated(unit, review);
    warn_of_overlap(unit, review);
}

fn judge_changed<'a>(unit: &Unit<'a>, old: &[Unit<'a>], opt_out: &OptOut<'_>, review: &mut Review<'a>) {
    if opt_out.covers(unit.name) {
        return update::tell_gone(unit, old, review);
    }
    if update::counterpart(unit, old, review).is_none() {
        return judge_new(unit, review);
    }
    update::judge(unit, old, review);
    Survey::warn_of_repeated(unit, review);
}

fn judge_growth<'a>(growth: Growth, units: impl Iterator<Item = &'a Unit<'a>>, review: &mut Review<'_>) {
    if growth != Growth::None {
        let shared = growth::shared(units, review);
        growth.judge(&shared, review.settings.isolation.growth, &mut review.findings);
    }
}

/// An expression may take the reserved names without declaring them.
fn declare_ours<'a>(sites: &'a [Site<'a>], opt_out: &OptOut<'_>, review: &mut Review<'a>) {
    for mounted in sites.iter().flat_map(Site::mounts) {
        let Part::Expression(expression) = mounted.part() else { continue };
        if opt_out.covers(&mounted.mount.name) {
            continue;
        }
        for ours in Ours::taken_by(expression).filter(|ours| !mounted.site.env.declares(ours.name())) {
            match review.set.restore {
                None => review.draft.declare(mounted.site, Declaration::Ours(ours)),
                Some(_) => warn_undeclared(mounted.site, ours, review),
            }
        }
    }
}

fn warn_undeclared(site: &Site<'_>, ours: Ours, review: &mut Review<'_>) {
    review.findings.warn(format!(
        "container {:?} takes {} and does not declare it; it is left as the backup has it, and no pod can start. Declare it \
         from {}",
        &*site.container.name,
        ours.name(),
        ours.field_path()
    ));
}

/// The reserved names mean the pod's, unless they meant something else before.
fn refuse_misuse(
    sites: &[Site<'_>],
    old: &[Site<'_>],
    units: &[Unit<'_>],
    opt_out: &OptOut<'_>,
    review: &mut Review<'_>,
) {
    let is_judged = |unit: &&Unit<'_>| unit.is_shared(review.settings) && !opt_out.covers(unit.name);
    let mounts = units.iter().filter(is_judged).flat_map(|unit| &unit.mounts);
    let mut is_concerned = vec![false; sites.len()];
    for mounted in mounts {
        if let Some(concerned) = is_concerned.get_mut(mounted.site.place) {
            *concerned = true;
        }
    }
    for (site, _) in sites.iter().zip(is_concerned).filter(|(_, is_concerned)| *is_concerned) {
        let Some((index, variable)) = site.env.misuse() else { continue };
        if !old.iter().any(|site| site.env.has_just(variable)) {
            let fact = format!(
                "container {:?} declares {} otherwise than Ordinance does, and the name is reserved",
                &*site.container.name, &*variable.name
            );
            let remedy =
                "Remove it: Ordinance declares it where it is needed; for your own use take another name";
            review.findings.deny_with(format!("{}.env[{index}]", site.field()), &fact, remedy);
        }
    }
}

/// Two volumes of one claim.
fn warn_of_twins(units: &[Unit<'_>], old: &[Unit<'_>], opt_out: &OptOut<'_>, review: &mut Review<'_>) {
    let claims = |units: &[Unit<'_>]| -> Vec<String> {
        let judged = units.iter().filter(|unit| !opt_out.covers(unit.name));
        let mut claims: Vec<String> = judged.filter_map(|unit| Some(unit.claim()?.to_owned())).collect();
        claims.sort_unstable();
        let mut twins: Vec<String> = claims
            .windows(2)
            .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().cloned())?)
            .collect();
        twins.dedup();
        twins
    };
    let before = claims(old);
    for claim in claims(units).into_iter().filter(|claim| !before.contains(claim)) {
        review.findings.warn(format!(
            "two volumes of the pod are claim {claim:?}: such a pod does not start (kubernetes#127004). Mount one volume at \
             both places"
        ));
    }
}

/// Exports that PersistentVolumes have, too.
fn warn_of_overlap(unit: &Unit<'_>, review: &mut Review<'_>) {
    let Kind::Named(source) = unit.kind else { return };
    let Some(export) = source.inline_export(review.settings).filter(|_| unit.is_mounted()) else { return };
    let is_volume = |holding: &&Holding| holding.holder.resource == "persistentvolumes";
    let owner = format!("StatefulSet {:?}", review.set.name);
    for holding in review.holdings.iter().filter(is_volume) {
        if let Some(warning) = persistent_volume::inline_overlap(&owner, &export, holding) {
            review.findings.warn(warning);
        }
    }
}

/// The verdict: a patch that is told, or, in the validating call, one that is refused as still due.
fn concluded<'a>(
    mut review: Review<'a>,
    phase: Phase,
    pod: &Pod<'_>,
    sites: &'a [Site<'a>],
    units: &[Unit<'_>],
) -> Verdict {
    if phase == Phase::Validate {
        told::refuse_due(sites, &mut review);
        return review.findings.into_verdict(None);
    }
    told::tell(pod, units, &mut review);
    let patch = review.draft.to_json(sites);
    review.findings.into_verdict(patch)
}
