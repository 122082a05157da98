//! The claims, each with its PersistentVolume and the location of its files.
//!
//! [`binding`] finds the volume of each claim; the policy says where that volume lies.

use crate::Location;
use crate::binding::{self, BindableClaim, BindableVolume, Bound, ClaimRequest, ClaimVolume};
use crate::object::MappedObject;
use crate::reader::{Keys, Reader};
use crate::stateful_set::MappedSet;
use ordinance_storage::json::{self, Raw, Text};
use ordinance_storage::{Metadata, PersistentVolumeClaim};
use serde::de::IgnoredAny;
use std::collections::{HashMap, HashSet};

/// Namespace and name of a claim.
type ClaimName = (String, String);

/// The volume of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedVolume {
    /// Name of a PersistentVolume, which need not be among the objects.
    pub name: String,
    /// How the volume was found.
    pub bound: Bound,
}

/// The location of a volume's files.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedVolume {
    pub(crate) location: Location,
    pub(crate) volume: Option<ClaimedVolume>,
    /// Whether the mount options of the volume refuse writes.
    pub(crate) is_read_only: bool,
}

/// The claims whose volume is known.
#[derive(Debug, Default)]
pub(crate) struct ResolvedClaims {
    volumes: HashMap<ClaimName, ResolvedVolume>,
}

/// `metadata` of a claim, of which only the uid is read.
type ClaimMetadata<'a> = Metadata<'a, IgnoredAny, IgnoredAny, Raw<'a>>;

/// A claim that exists.
struct StoredClaim<'a> {
    object: &'a MappedObject<'a>,
    uid: Text<'a>,
    request: ClaimRequest<'a>,
}

// === impl ResolvedClaims ===

impl ResolvedClaims {
    /// Resolves the claims that exist, and those that the StatefulSet controller makes of the sets' templates.
    pub(crate) fn new(
        objects: &[MappedObject<'_>],
        sets: &[MappedSet<'_>],
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Self {
        let volumes = reader.all(objects, "", "persistentvolumes", BindableVolume::read);
        let stored = reader.all(objects, "", "persistentvolumeclaims", StoredClaim::read);
        let claims = claims(&stored, sets);
        let choices = binding::bind(&claims, &volumes);
        let resolved = claims.iter().zip(choices).filter_map(|(claim, choice)| {
            let volume = match choice? {
                ClaimVolume::Known(volume, bound) => volume.resolve(claim, bound, keys, reader),
                ClaimVolume::Absent(name) => {
                    ResolvedVolume::of_claim(&claim.namespace, &claim.name).bound_to(name, Bound::Named)
                }
            };
            Some(((claim.namespace.clone(), claim.name.clone()), volume))
        });
        Self { volumes: resolved.collect() }
    }

    /// Returns the volume of a claim. If it is not known, the claim's own name stands for its location.
    pub(crate) fn volume(&self, namespace: &str, name: &str) -> ResolvedVolume {
        let known = self.volumes.get(&(namespace.to_owned(), name.to_owned()));
        known.cloned().unwrap_or_else(|| ResolvedVolume::of_claim(namespace, name))
    }
}

/// Returns the claims that exist, then those of templates, in the order in which the controller creates their pods.
fn claims<'a>(stored: &'a [StoredClaim<'a>], sets: &'a [MappedSet<'a>]) -> Vec<BindableClaim<'a>> {
    let mut claims: Vec<BindableClaim<'a>> = stored.iter().map(StoredClaim::claim).collect();
    let known: HashSet<ClaimName> =
        claims.iter().map(|claim| (claim.namespace.clone(), claim.name.clone())).collect();
    let made = sets.iter().flat_map(MappedSet::template_claims);
    claims.extend(made.filter(|claim| !known.contains(&(claim.namespace.clone(), claim.name.clone()))));
    claims
}

// === impl StoredClaim ===

impl<'a> StoredClaim<'a> {
    fn read(object: &'a MappedObject<'a>) -> serde_json::Result<Self> {
        let claim: PersistentVolumeClaim<ClaimMetadata<'a>, Raw<'a>> = json::read(&object.before)?;
        let uid = claim.metadata.as_ref().map(|metadata| metadata.uid()).transpose()?;
        Ok(Self { object, uid: uid.unwrap_or_default(), request: ClaimRequest::read(claim.spec()?)? })
    }

    fn claim(&self) -> BindableClaim<'_> {
        BindableClaim {
            namespace: self.object.scope.namespace.to_string(),
            name: self.object.scope.name.to_string(),
            uid: &self.uid,
            request: &self.request,
        }
    }
}

// === impl ResolvedVolume ===

impl ResolvedVolume {
    /// Returns the volume of a claim of which only the name is known.
    pub(crate) fn of_claim(namespace: &str, name: &str) -> Self {
        Self::at(Location::of_claim(namespace, name))
    }

    /// Returns a writable volume.
    pub(crate) fn at(location: Location) -> Self {
        Self { location, volume: None, is_read_only: false }
    }

    fn bound_to(self, volume: &str, bound: Bound) -> Self {
        Self { volume: Some(ClaimedVolume { name: volume.to_owned(), bound }), ..self }
    }
}

// === impl BindableVolume ===

impl BindableVolume<'_> {
    /// Returns the volume with the location that the policy names; if the policy does not know it, that of the claim.
    fn resolve(
        &self,
        claim: &BindableClaim<'_>,
        bound: Bound,
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> ResolvedVolume {
        let held = reader.location(self.object, keys);
        let location = held.unwrap_or_else(|| Location::of_claim(&claim.namespace, &claim.name));
        // Drivers that take options from an attribute call it so.
        let attribute = self.view.spec.csi.as_ref().and_then(|csi| csi.attribute("mountOptions"));
        let is_read_only = self.view.mount_options().followed_by(attribute).is_read_only();
        ResolvedVolume { is_read_only, ..ResolvedVolume::at(location) }
            .bound_to(&self.object.scope.name, bound)
    }
}
