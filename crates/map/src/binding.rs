//! Which PersistentVolume a claim is bound to, or is expected to get.
//!
//! In this order, over all claims: the volume that the claim names (`volumeName`); the volume that names the claim
//! (`claimRef`); the volume with the claim's own name; the volume that the control plane would choose, which is the
//! smallest that fits, and of equally large ones the first by name. No volume is assigned twice.

use crate::object::MappedObject;
use crate::quantity;
use ordinance_storage::json::{self, Raw, Text};
use ordinance_storage::{ClaimSpec, NoAnnotations, PersistentVolume, Selector};
use std::collections::{BTreeMap, HashMap};

/// A claim that exists, or that the controller is going to make of a template.
pub(crate) struct BindableClaim<'a> {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Empty while the claim is not stored.
    pub(crate) uid: &'a str,
    pub(crate) request: &'a ClaimRequest<'a>,
}

/// What a claim asks for.
#[derive(Debug, Default)]
pub(crate) struct ClaimRequest<'a> {
    spec: ClaimSpec<'a, Raw<'a>>,
    storage_class: Text<'a>,
    volume_mode: Text<'a>,
    bytes: f64,
    selector: Selection<'a>,
}

/// The volumes that a claim accepts by their labels.
#[derive(Debug, Default)]
enum Selection<'a> {
    #[default]
    All,
    Labels(Selector<'a>),
    /// The selector has expressions, which are not evaluated, or can't be parsed.
    Unknown,
}

/// A PersistentVolume, with the fields that decide whether a claim can be bound to it.
pub(crate) struct BindableVolume<'a> {
    pub(crate) object: &'a MappedObject<'a>,
    pub(crate) view: VolumeView<'a>,
    storage_class: Text<'a>,
    volume_mode: Text<'a>,
    bytes: Option<f64>,
}

/// A PersistentVolume with its labels.
pub(crate) type VolumeView<'a> =
    PersistentVolume<'a, NoAnnotations, BTreeMap<Text<'a>, Option<Text<'a>>>, Raw<'a>>;

/// The volume of a claim.
#[derive(Clone, Copy)]
pub(crate) enum ClaimVolume<'a> {
    Known(&'a BindableVolume<'a>, Bound),
    /// The claim names a volume that is not among the objects.
    Absent(&'a str),
}

/// How the volume of a claim was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The claim or the volume names the other.
    Named,
    /// It has the claim's name, or is the one that the control plane would choose.
    Expected,
}

/// The volumes, and which of them are assigned to a claim already.
struct VolumePool<'a> {
    volumes: &'a [BindableVolume<'a>],
    assigned: Vec<bool>,
    by_name: HashMap<&'a str, usize>,
    /// Volumes that name a claim, by namespace and name of the claim.
    reserved: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// Free volumes with their sizes, the smallest first, by storage class.
    free: HashMap<&'a str, Vec<(f64, usize)>>,
}

/// A way to find a volume.
type Search<'a> = fn(&VolumePool<'a>, &BindableClaim<'a>) -> Option<usize>;

/// Returns the volume of each claim, in the order of the claims.
pub(crate) fn bind<'a>(
    claims: &[BindableClaim<'a>],
    volumes: &'a [BindableVolume<'a>],
) -> Vec<Option<ClaimVolume<'a>>> {
    let mut pool = VolumePool::new(volumes);
    let mut choices: Vec<Option<ClaimVolume<'a>>> = claims.iter().map(|claim| pool.named_by(claim)).collect();
    let searches: [(Search<'a>, Bound); 3] = [
        (VolumePool::naming, Bound::Named),
        (VolumePool::of_the_same_name, Bound::Expected),
        (VolumePool::fitting, Bound::Expected),
    ];
    for (search, bound) in searches {
        let open = claims.iter().zip(&mut choices);
        for (claim, choice) in open.filter(|(claim, choice)| choice.is_none() && claim.is_open()) {
            *choice = search(&pool, claim).map(|index| pool.assign(index, bound));
        }
    }
    choices
}

// === impl VolumePool ===

impl<'a> VolumePool<'a> {
    fn new(volumes: &'a [BindableVolume<'a>]) -> Self {
        let by_name = volumes.iter().enumerate().map(|(index, volume)| (&*volume.object.scope.name, index));
        let by_name = by_name.collect();
        let assigned = vec![false; volumes.len()];
        Self { volumes, assigned, by_name, reserved: reserved(volumes), free: free(volumes) }
    }

    fn assign(&mut self, index: usize, bound: Bound) -> ClaimVolume<'a> {
        self.assigned[index] = true;
        ClaimVolume::Known(&self.volumes[index], bound)
    }

    fn is_assigned(&self, index: usize) -> bool {
        self.assigned.get(index).is_none_or(|assigned| *assigned)
    }

    /// Returns the volume that the claim names, unless it belongs to another claim.
    fn named_by(&mut self, claim: &BindableClaim<'a>) -> Option<ClaimVolume<'a>> {
        let name: &'a str = &claim.request.spec.volume_name;
        if name.is_empty() {
            return None;
        }
        let Some(&index) = self.by_name.get(name) else { return Some(ClaimVolume::Absent(name)) };
        let is_its_own = self.volumes[index].claim_name().is_none_or(|_| self.volumes[index].is_of(claim));
        (is_its_own && !self.is_assigned(index)).then(|| self.assign(index, Bound::Named))
    }

    /// Finds a volume that names the claim.
    fn naming(&self, claim: &BindableClaim<'a>) -> Option<usize> {
        let mut naming = self.reserved.get(&(&*claim.namespace, &*claim.name))?.iter().copied();
        naming.find(|index| !self.is_assigned(*index) && self.volumes[*index].is_of(claim))
    }

    /// Finds a free volume with the claim's name.
    fn of_the_same_name(&self, claim: &BindableClaim<'a>) -> Option<usize> {
        let index = *self.by_name.get(&*claim.name)?;
        (!self.is_assigned(index) && self.volumes[index].is_free()).then_some(index)
    }

    /// Finds the first free volume that fits.
    fn fitting(&self, claim: &BindableClaim<'a>) -> Option<usize> {
        let request = claim.request;
        let free = self.free.get(&*request.storage_class)?;
        let candidates = &free[free.partition_point(|(bytes, _)| *bytes < request.bytes)..];
        let mut candidates = candidates.iter().map(|(_, index)| *index);
        candidates.find(|index| !self.is_assigned(*index) && self.volumes[*index].fits(request))
    }
}

fn reserved<'a>(volumes: &'a [BindableVolume<'a>]) -> HashMap<(&'a str, &'a str), Vec<usize>> {
    let mut reserved: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        if let Some(claim) = volume.claim_name() {
            reserved.entry(claim).or_default().push(index);
        }
    }
    reserved
}

fn free<'a>(volumes: &'a [BindableVolume<'a>]) -> HashMap<&'a str, Vec<(f64, usize)>> {
    let free = volumes.iter().enumerate().filter(|(_, volume)| volume.is_free());
    let mut by_class: HashMap<_, Vec<(f64, usize)>> = HashMap::new();
    for (index, volume) in free {
        let bytes = volume.bytes.unwrap_or(0.0);
        by_class.entry(&*volume.storage_class).or_default().push((bytes, index));
    }
    let name = |index: usize| &volumes[index].object.scope.name;
    for free in by_class.values_mut() {
        free.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| name(one.1).cmp(name(other.1))));
    }
    by_class
}

// === impl BindableClaim ===

impl BindableClaim<'_> {
    /// Returns whether the control plane looks for a volume of this claim.
    fn is_open(&self) -> bool {
        self.request.spec.volume_name.is_empty()
    }
}

// === impl ClaimRequest ===

impl<'a> ClaimRequest<'a> {
    /// Parses the fields of a claim that decide which volume it gets.
    pub(crate) fn read(spec: ClaimSpec<'a, Raw<'a>>) -> serde_json::Result<Self> {
        Ok(Self {
            storage_class: spec.storage_class()?,
            volume_mode: spec.volume_mode()?,
            bytes: spec.requested_storage()?.and_then(quantity::bytes).unwrap_or(0.0),
            selector: Selection::of(&spec),
            spec,
        })
    }
}

// === impl Selection ===

impl<'a> Selection<'a> {
    fn of(spec: &ClaimSpec<'a, Raw<'a>>) -> Self {
        match spec.selector() {
            Ok(None) => Self::All,
            Ok(Some(selector)) if !selector.has_expressions() => Self::Labels(selector),
            Ok(Some(_)) | Err(_) => Self::Unknown,
        }
    }

    fn accepts(&self, volume: &VolumeView<'_>) -> bool {
        let labels = &volume.metadata.labels;
        let has = |(name, value)| labels.get(name).and_then(Option::as_ref) == Some(value);
        match self {
            Self::All => true,
            Self::Labels(selector) => selector.match_labels.iter().all(has),
            Self::Unknown => false,
        }
    }
}

// === impl BindableVolume ===

impl<'a> BindableVolume<'a> {
    /// Reads a PersistentVolume.
    pub(crate) fn read(object: &'a MappedObject<'a>) -> serde_json::Result<Self> {
        let view: VolumeView<'a> = json::read(&object.before)?;
        Ok(Self {
            storage_class: view.spec.storage_class()?,
            volume_mode: view.spec.volume_mode()?,
            bytes: view.spec.storage()?.and_then(quantity::bytes),
            object,
            view,
        })
    }

    /// Returns namespace and name of the claim that the volume names.
    fn claim_name(&self) -> Option<(&str, &str)> {
        let claim = &self.view.spec.claim_ref;
        (!claim.name.is_empty()).then_some((&*claim.namespace, &*claim.name))
    }

    /// Returns whether it names this claim, and not an earlier claim of the same name.
    fn is_of(&self, claim: &BindableClaim<'_>) -> bool {
        let reference = &self.view.spec.claim_ref;
        let is_earlier = if claim.uid.is_empty() {
            self.view.phase() == "Released"
        } else {
            !reference.uid.is_empty() && *reference.uid != *claim.uid
        };
        *reference.namespace == *claim.namespace && *reference.name == *claim.name && !is_earlier
    }

    /// Returns whether the control plane may assign it to a claim.
    fn is_free(&self) -> bool {
        let is_open = matches!(self.view.phase(), "" | "Available" | "Pending");
        is_open && self.claim_name().is_none() && !self.view.metadata.is_being_deleted()
    }

    /// Returns whether it has what a claim of its class asks for.
    fn fits(&self, claim: &ClaimRequest<'_>) -> bool {
        mode(&claim.volume_mode) == mode(&self.volume_mode)
            && claim.spec.access_modes.iter().all(|mode| self.view.spec.access_modes.contains(mode))
            && self.bytes.is_some_and(|bytes| bytes >= claim.bytes)
            && !claim.spec.has_data_source()
            && claim.selector.accepts(&self.view)
    }
}

/// Returns the volume mode, of which the default is `Filesystem`.
fn mode<'m>(mode: &'m Text<'_>) -> &'m str {
    if mode.is_empty() { "Filesystem" } else { mode }
}
