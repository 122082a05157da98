//! PersistentVolumeClaims, and the templates that a StatefulSet makes them of.

use crate::Metadata;
use crate::json::{self, Text};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A PersistentVolumeClaim, its metadata read as `M`. A watch that asks for metadata only delivers no `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "M: Default + Deserialize<'de>"))]
pub struct PersistentVolumeClaim<'a, M = Metadata<'a>> {
    /// `None` if there is no object that an annotation could be added to.
    #[serde(deserialize_with = "json::maybe_object")]
    pub metadata: Option<M>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
}

/// A claim template of a StatefulSet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimTemplate<'a> {
    #[serde(borrow, deserialize_with = "json::object")]
    metadata: TemplateMetadata<'a>,
    /// `spec` of the claims.
    #[serde(borrow, deserialize_with = "json::object")]
    pub spec: ClaimSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
}

/// `spec` of a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec<'a> {
    /// e.g. `ReadWriteMany`.
    #[serde(borrow, deserialize_with = "json::list")]
    pub access_modes: Vec<Text<'a>>,
    /// The PersistentVolume that the claim is bound to, or asks for.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub volume_name: Text<'a>,
    data_source: Option<IgnoredAny>,
    data_source_ref: Option<IgnoredAny>,
    #[serde(borrow)]
    storage_class_name: Option<&'a RawValue>,
    #[serde(borrow)]
    volume_mode: Option<&'a RawValue>,
    #[serde(borrow)]
    resources: Option<&'a RawValue>,
    #[serde(borrow)]
    selector: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resources<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    requests: Quantities<'a>,
}

/// Amounts by resource. An amount stays JSON text, since it may be a string or a number.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quantities<'a> {
    #[serde(borrow)]
    pub(crate) storage: Option<&'a RawValue>,
}

/// `selector`: the labels that a claim wants its volume to have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector<'a> {
    /// Labels that the volume must have.
    #[serde(borrow, deserialize_with = "json::strings")]
    pub match_labels: BTreeMap<Text<'a>, Text<'a>>,
    match_expressions: Option<IgnoredAny>,
}

// === impl PersistentVolumeClaim ===

impl<'a, M> PersistentVolumeClaim<'a, M> {
    /// Parses `spec`; empty if it is absent.
    ///
    /// # Errors
    ///
    /// It is not the `spec` of a claim.
    pub fn spec(&self) -> Result<ClaimSpec<'a>, serde_json::Error> {
        self.spec.map_or_else(|| Ok(ClaimSpec::default()), |raw| json::read(raw.get()))
    }
}

// === impl ClaimTemplate ===

impl ClaimTemplate<'_> {
    /// The template's name, which mounts use like that of a volume.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Returns whether several nodes may use a claim at once.
    pub fn is_read_write_many(&self) -> bool {
        self.spec.access_modes.iter().any(|mode| &**mode == "ReadWriteMany")
    }

    /// Returns the field that makes the claims' volumes come with files in them, e.g. `dataSource`.
    pub fn filled_by(&self) -> Option<&'static str> {
        let spec = &self.spec;
        [
            (spec.data_source_ref.is_some(), "dataSourceRef"),
            (spec.data_source.is_some(), "dataSource"),
            (!spec.volume_name.is_empty(), "volumeName"),
        ]
        .into_iter()
        .find_map(|(is_set, field)| is_set.then_some(field))
    }
}

// === impl ClaimSpec ===

/// Each parser fails if the field has another type than the API says.
impl<'a> ClaimSpec<'a> {
    /// Returns whether the volume is a copy of another object: no volume that exists can be bound then.
    pub fn has_data_source(&self) -> bool {
        self.data_source.is_some() || self.data_source_ref.is_some()
    }

    /// Parses `storageClassName`; empty means none.
    pub fn storage_class(&self) -> Result<Text<'a>, serde_json::Error> {
        json::parse(self.storage_class_name)
    }

    /// Parses `volumeMode`; empty means `Filesystem`.
    pub fn volume_mode(&self) -> Result<Text<'a>, serde_json::Error> {
        json::parse(self.volume_mode)
    }

    /// Parses `resources.requests.storage`, e.g. `5Gi`.
    pub fn requested_storage(&self) -> Result<Option<&'a str>, serde_json::Error> {
        json::parse::<Resources<'a>>(self.resources).map(|resources| resources.requests.storage())
    }

    /// Parses `selector`; `None` selects every volume.
    pub fn selector(&self) -> Result<Option<Selector<'a>>, serde_json::Error> {
        json::parse(self.selector)
    }
}

// === impl Quantities ===

impl<'a> Quantities<'a> {
    /// The amount of `storage`, without quotes.
    pub(crate) fn storage(&self) -> Option<&'a str> {
        self.storage.map(|amount| amount.get().trim_matches('"'))
    }
}

// === impl Selector ===

impl Selector<'_> {
    /// Returns whether the selector has `matchExpressions`, which this view does not read.
    pub fn has_expressions(&self) -> bool {
        self.match_expressions.is_some()
    }
}
