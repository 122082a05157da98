//! Claims and the PersistentVolumes that they are bound to.
//!
//! A claim is followed by the volume's `claimRef`, by its own `volumeName`, by its name — and where nothing says so, to
//! the volume that the control plane is expected to bind it to. What is only expected says so.

use crate::binding::{self, Choice, Claim, Volume};
use crate::map::{Object, Reader};
use crate::member::Member;
use crate::set::{ClaimSpec, Strings};
use crate::view::{self, Text};
use crate::{Keys, Location};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};

/// Namespace and name of a claim.
pub(crate) type ClaimName = (String, String);

/// The volume of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistentVolume {
    /// Its name; it need not be among the objects.
    pub name: String,
    /// How it is known.
    pub bound: Bound,
}

/// How the volume of a claim is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The claim or the volume names the other.
    Named,
    /// It has the claim's name, or is the one that the control plane would choose.
    Expected,
}

/// Where a claim's files are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) location: Location,
    pub(crate) volume: Option<PersistentVolume>,
    /// Whether the volume is mounted so that nobody writes.
    pub(crate) is_read_only: bool,
}

/// All claims whose volume is known.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    places: HashMap<ClaimName, Place>,
}

/// What is read of a PersistentVolume.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeView<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) metadata: VolumeMetadata<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) spec: VolumeSpec<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) status: Status<'a>,
}

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VolumeMetadata<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) uid: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) labels: Strings<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    annotations: MountOptions<'a>,
    #[serde(borrow)]
    pub(crate) deletion_timestamp: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MountOptions<'a> {
    #[serde(borrow, rename = "volume.beta.kubernetes.io/mount-options")]
    options: Option<Text<'a>>,
}

/// `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VolumeSpec<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) access_modes: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) capacity: crate::set::Storage<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) storage_class_name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) volume_mode: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    mount_options: Vec<Text<'a>>,
    #[serde(borrow)]
    pub(crate) claim_ref: Option<ClaimRef<'a>>,
}

/// `claimRef`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimRef<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) namespace: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) name: Text<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) uid: Text<'a>,
}

/// `status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    pub(crate) phase: Text<'a>,
}

/// What is read of a claim.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimView<'a> {
    #[serde(borrow, deserialize_with = "view::lenient")]
    metadata: VolumeMetadata<'a>,
    #[serde(borrow, deserialize_with = "view::lenient")]
    spec: ClaimSpec<'a>,
}

// === impl Storage ===

impl Storage {
    /// Follows the claims that are there, and those that the sets' templates make.
    pub(crate) fn new(
        objects: &[Object<'_>],
        members: &[Member<'_>],
        keys: &Keys<'_>,
        reader: &mut Reader,
    ) -> Self {
        let volumes: Vec<Volume<'_>> = reader
            .all(objects, "", "persistentvolumes")
            .into_iter()
            .map(|(object, view)| Volume { object, view })
            .collect();
        let stored = reader.all::<ClaimView<'_>>(objects, "", "persistentvolumeclaims");
        let claims = claims(&stored, members);
        let choices = binding::bind(&claims, &volumes);
        let places = claims.iter().zip(choices).filter_map(|(claim, choice)| {
            let place = match choice? {
                Choice::Known(volume, bound) => volume.place(claim, bound, keys, reader),
                Choice::Absent(name) => {
                    Place::of_claim(&claim.namespace, &claim.name).bound_to(name, Bound::Named)
                }
            };
            Some(((claim.namespace.clone(), claim.name.clone()), place))
        });
        Self { places: places.collect() }
    }

    /// Where a claim's files are: below the claim's name if no more is known.
    pub(crate) fn place(&self, namespace: &str, name: &str) -> Place {
        let known = self.places.get(&(namespace.to_owned(), name.to_owned()));
        known.cloned().unwrap_or_else(|| Place::of_claim(namespace, name))
    }
}

/// The claims that are there, then those of templates in the order in which their pods are made.
fn claims<'a>(stored: &'a [(&Object<'_>, ClaimView<'_>)], members: &'a [Member<'_>]) -> Vec<Claim<'a>> {
    let mut claims: Vec<Claim<'a>> = stored
        .iter()
        .map(|(object, view)| Claim {
            namespace: object.scope.namespace.to_string(),
            name: object.scope.name.to_string(),
            uid: &view.metadata.uid,
            spec: &view.spec,
        })
        .collect();
    let known: HashSet<ClaimName> =
        claims.iter().map(|claim| (claim.namespace.clone(), claim.name.clone())).collect();
    let made = members.iter().flat_map(Member::template_claims);
    claims.extend(made.filter(|claim| !known.contains(&(claim.namespace.clone(), claim.name.clone()))));
    claims
}

// === impl Place ===

impl Place {
    /// A claim of which no more is known.
    pub(crate) fn of_claim(namespace: &str, name: &str) -> Self {
        Self::at(Location::of_claim(namespace, name))
    }

    /// A place that can be written.
    pub(crate) fn at(location: Location) -> Self {
        Self { location, volume: None, is_read_only: false }
    }

    fn bound_to(self, volume: &str, bound: Bound) -> Self {
        Self { volume: Some(PersistentVolume { name: volume.to_owned(), bound }), ..self }
    }
}

// === impl Volume ===

impl Volume<'_> {
    /// Where the policy says that it lies; of a volume of which the policy says nothing only the claim is known.
    fn place(&self, claim: &Claim<'_>, bound: Bound, keys: &Keys<'_>, reader: &mut Reader) -> Place {
        let held = reader.held(self.object, keys);
        let location = held.unwrap_or_else(|| Location::of_claim(&claim.namespace, &claim.name));
        let place = Place { is_read_only: self.view.is_read_only(), ..Place::at(location) };
        place.bound_to(&self.object.scope.name, bound)
    }
}

// === impl VolumeView ===

impl VolumeView<'_> {
    /// Whether it is mounted with the option `ro`.
    fn is_read_only(&self) -> bool {
        let mut options = match &self.metadata.annotations.options {
            Some(annotated) => vec![annotated],
            None => self.spec.mount_options.iter().collect(),
        }
        .into_iter()
        .flat_map(|options| options.split(','));
        options.any(|option| option.trim() == "ro")
    }
}
