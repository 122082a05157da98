//! PersistentVolumeClaims, and the templates that a StatefulSet makes them of.

use crate::json::{self, Raw, Text};
use ordinance_json::RawText;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A PersistentVolumeClaim, its metadata read as `M` and its spec as `R`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "M: Default + Deserialize<'de>, R: Default + Deserialize<'de>"))]
pub struct PersistentVolumeClaim<M, R = IgnoredAny> {
    /// `None` if there is no object that an annotation could be added to.
    #[serde(deserialize_with = "json::maybe_object")]
    pub metadata: Option<M>,
    spec: R,
}

/// A claim template of a StatefulSet; `R` reads the fields that only the control plane needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct ClaimTemplate<'a, R = IgnoredAny> {
    #[serde(borrow, deserialize_with = "json::object")]
    metadata: TemplateMetadata<'a>,
    /// `spec` of the claims.
    #[serde(borrow, deserialize_with = "json::object")]
    pub spec: ClaimSpec<'a, R>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
}

/// `spec` of a claim; `R` reads the fields that only the control plane needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "R: Default + Deserialize<'de>"))]
pub struct ClaimSpec<'a, R = IgnoredAny> {
    /// e.g. `ReadWriteMany`.
    #[serde(borrow, deserialize_with = "json::list")]
    pub access_modes: Vec<Text<'a>>,
    /// The PersistentVolume that the claim is bound to, or asks for.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub volume_name: Text<'a>,
    data_source: Option<IgnoredAny>,
    data_source_ref: Option<IgnoredAny>,
    storage_class_name: R,
    volume_mode: R,
    resources: R,
    selector: R,
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
    pub(crate) storage: Option<RawText<'a>>,
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

impl<'a, M> PersistentVolumeClaim<M, Raw<'a>> {
    /// Parses `spec`; empty if it is absent.
    ///
    /// # Errors
    ///
    /// It is not the `spec` of a claim.
    pub fn spec(&self) -> Result<ClaimSpec<'a, Raw<'a>>, serde_json::Error> {
        self.spec.parse()
    }
}

// === impl ClaimTemplate ===

impl<R> ClaimTemplate<'_, R> {
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

impl<R> ClaimSpec<'_, R> {
    /// Returns whether the volume is a copy of another object: no volume that exists can be bound then.
    pub fn has_data_source(&self) -> bool {
        self.data_source.is_some() || self.data_source_ref.is_some()
    }
}

/// Each parser fails if the field has another type than the API says.
impl<'a> ClaimSpec<'a, Raw<'a>> {
    /// Parses `storageClassName`; empty means none.
    pub fn storage_class(&self) -> Result<Text<'a>, serde_json::Error> {
        self.storage_class_name.parse()
    }

    /// Parses `volumeMode`; empty means `Filesystem`.
    pub fn volume_mode(&self) -> Result<Text<'a>, serde_json::Error> {
        self.volume_mode.parse()
    }

    /// Parses `resources.requests.storage`, e.g. `5Gi`.
    pub fn requested_storage(&self) -> Result<Option<&'a str>, serde_json::Error> {
        self.resources.parse::<Resources<'a>>().map(|resources| resources.requests.storage())
    }

    /// Parses `selector`; `None` selects every volume.
    pub fn selector(&self) -> Result<Option<Selector<'a>>, serde_json::Error> {
        self.selector.parse()
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
