//! Which volume a claim is bound to, or will be.
//!
//! What names the other goes first, for all claims; then a volume of the claim's own name; then what the control plane
//! would choose: of the volumes that fit the smallest, of equal ones the first by name. No volume is given twice.

use crate::map::Object;
use crate::quantity;
use crate::set::{ClaimSpec, Storage};
use crate::storage::{Bound, VolumeView};
use crate::view::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

/// A claim that is there, or that a template will make.
pub(crate) struct Claim<'a> {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Empty while it is not stored.
    pub(crate) uid: &'a str,
    pub(crate) spec: &'a ClaimSpec<'a>,
}

/// A PersistentVolume.
pub(crate) struct Volume<'a> {
    pub(crate) object: &'a Object<'a>,
    pub(crate) view: VolumeView<'a>,
}

/// The volume of a claim.
#[derive(Clone, Copy)]
pub(crate) enum Choice<'a> {
    Known(&'a Volume<'a>, Bound),
    /// The claim names it, but it is not here.
    Absent(&'a str),
}

/// The volumes, and which of them are given already.
struct Pool<'a> {
    volumes: &'a [Volume<'a>],
    given: Vec<bool>,
    by_name: HashMap<&'a str, usize>,
    /// Those that name a claim, by the claim.
    reserved: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// Those that nobody has with their sizes, the smallest first, by their class.
    free: HashMap<&'a str, Vec<(f64, usize)>>,
}

/// What a claim wants of the labels of its volume.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector<'a> {
    #[serde(borrow)]
    match_labels: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow)]
    match_expressions: Option<&'a RawValue>,
}

/// A way to find a volume.
type Search<'a> = fn(&Pool<'a>, &Claim<'a>) -> Option<usize>;

/// The volume of each claim, in the order of the claims.
pub(crate) fn bind<'a>(claims: &[Claim<'a>], volumes: &'a [Volume<'a>]) -> Vec<Option<Choice<'a>>> {
    let mut pool = Pool::new(volumes);
    let mut choices: Vec<Option<Choice<'a>>> = claims.iter().map(|claim| pool.named_by(claim)).collect();
    let searches: [(Search<'a>, Bound); 3] = [
        (Pool::naming, Bound::Named),
        (Pool::of_the_same_name, Bound::Expected),
        (Pool::fitting, Bound::Expected),
    ];
    for (search, bound) in searches {
        let open = claims.iter().zip(&mut choices);
        for (claim, choice) in open.filter(|(claim, choice)| choice.is_none() && claim.is_open()) {
            *choice = search(&pool, claim).map(|index| pool.give(index, bound));
        }
    }
    choices
}

// === impl Pool ===

impl<'a> Pool<'a> {
    fn new(volumes: &'a [Volume<'a>]) -> Self {
        let by_name = volumes.iter().enumerate().map(|(index, volume)| (&*volume.object.scope.name, index));
        let by_name = by_name.collect();
        let given = vec![false; volumes.len()];
        Self { volumes, given, by_name, reserved: reserved(volumes), free: free(volumes) }
    }

    fn give(&mut self, index: usize, bound: Bound) -> Choice<'a> {
        self.given[index] = true;
        Choice::Known(&self.volumes[index], bound)
    }

    fn is_given(&self, index: usize) -> bool {
        self.given.get(index).is_none_or(|given| *given)
    }

    /// The volume that the claim names, unless it belongs to another.
    fn named_by(&mut self, claim: &Claim<'a>) -> Option<Choice<'a>> {
        let name: &'a str = &claim.spec.volume_name;
        if name.is_empty() {
            return None;
        }
        let Some(&index) = self.by_name.get(name) else { return Some(Choice::Absent(name)) };
        let is_its_own = self.volumes[index].claim_name().is_none_or(|_| self.volumes[index].is_of(claim));
        (is_its_own && !self.is_given(index)).then(|| self.give(index, Bound::Named))
    }

    /// A volume that names the claim.
    fn naming(&self, claim: &Claim<'a>) -> Option<usize> {
        let mut naming = self.reserved.get(&(&*claim.namespace, &*claim.name))?.iter().copied();
        naming.find(|index| !self.is_given(*index) && self.volumes[*index].is_of(claim))
    }

    /// A free volume with the claim's name.
    fn of_the_same_name(&self, claim: &Claim<'a>) -> Option<usize> {
        let index = *self.by_name.get(&*claim.name)?;
        (!self.is_given(index) && self.volumes[index].is_free()).then_some(index)
    }

    /// The first free volume that fits.
    fn fitting(&self, claim: &Claim<'a>) -> Option<usize> {
        let free = self.free.get(&*claim.spec.storage_class_name)?;
        let wanted = claim.spec.wanted();
        let candidates = &free[free.partition_point(|(size, _)| *size < wanted)..];
        let mut candidates = candidates.iter().map(|(_, index)| *index);
        candidates.find(|index| !self.is_given(*index) && self.volumes[*index].fits(claim.spec))
    }
}

fn reserved<'a>(volumes: &'a [Volume<'a>]) -> HashMap<(&'a str, &'a str), Vec<usize>> {
    let mut reserved: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        if let Some(claim) = volume.claim_name() {
            reserved.entry(claim).or_default().push(index);
        }
    }
    reserved
}

fn free<'a>(volumes: &'a [Volume<'a>]) -> HashMap<&'a str, Vec<(f64, usize)>> {
    let free = volumes.iter().enumerate().filter(|(_, volume)| volume.is_free());
    let mut by_class: HashMap<_, Vec<(f64, usize)>> = HashMap::new();
    for (index, volume) in free {
        by_class.entry(&*volume.view.spec.storage_class_name).or_default().push((volume.size(), index));
    }
    let name = |index: usize| &volumes[index].object.scope.name;
    for free in by_class.values_mut() {
        free.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| name(one.1).cmp(name(other.1))));
    }
    by_class
}

// === impl Claim ===

impl Claim<'_> {
    /// Whether the control plane looks for a volume of this claim.
    fn is_open(&self) -> bool {
        self.spec.volume_name.is_empty()
    }
}

// === impl ClaimSpec ===

impl ClaimSpec<'_> {
    /// Bytes.
    fn wanted(&self) -> f64 {
        amount(&self.resources.requests).unwrap_or(0.0)
    }
}

// === impl Volume ===

impl<'a> Volume<'a> {
    /// The claim that it is for.
    fn claim_name(&self) -> Option<(&str, &str)> {
        let claim = self.view.spec.claim_ref.as_ref()?;
        (!claim.name.is_empty()).then_some((&*claim.namespace, &*claim.name))
    }

    /// Bytes.
    fn size(&self) -> f64 {
        amount(&self.view.spec.capacity).unwrap_or(0.0)
    }

    /// Whether it is for this claim, and not for an earlier one of the same name.
    fn is_of(&self, claim: &Claim<'_>) -> bool {
        let Some(reference) = &self.view.spec.claim_ref else { return false };
        let is_earlier = if claim.uid.is_empty() {
            &*self.view.status.phase == "Released"
        } else {
            !reference.uid.is_empty() && *reference.uid != *claim.uid
        };
        *reference.namespace == *claim.namespace && *reference.name == *claim.name && !is_earlier
    }

    /// Whether the control plane may give it to a claim.
    fn is_free(&self) -> bool {
        let is_open = matches!(&*self.view.status.phase, "" | "Available" | "Pending");
        is_open && self.claim_name().is_none() && self.view.metadata.deletion_timestamp.is_none()
    }

    /// Whether it has what a claim of its class asks for.
    fn fits(&self, claim: &ClaimSpec<'_>) -> bool {
        let spec = &self.view.spec;
        mode(&claim.volume_mode) == mode(&spec.volume_mode)
            && claim.access_modes.iter().all(|mode| spec.access_modes.contains(mode))
            && amount(&spec.capacity).is_some_and(|capacity| capacity >= claim.wanted())
            && claim.data_source.is_none()
            && claim.data_source_ref.is_none()
            && claim.selector.is_none_or(|selector| self.is_selected(selector))
    }

    /// Whether it has the labels; a selector of another shape is not followed.
    fn is_selected(&self, selector: &RawValue) -> bool {
        let Ok(selector) = serde_json::from_str::<Selector<'_>>(selector.get()) else { return false };
        let labels = &self.view.metadata.labels;
        let has = |(name, value)| labels.get(name).and_then(Option::as_ref) == Some(value);
        selector.match_expressions.is_none() && selector.match_labels.iter().all(has)
    }
}

/// Absent is a file system.
fn mode<'m>(mode: &'m Text<'_>) -> &'m str {
    if mode.is_empty() { "Filesystem" } else { mode }
}

/// Bytes.
fn amount(storage: &Storage<'_>) -> Option<f64> {
    quantity::bytes(storage.storage?.get().trim_matches('"'))
}
