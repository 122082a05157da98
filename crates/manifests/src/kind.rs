//! Converts a part of a text to an object with its kind, resource and namespace.

use crate::manifest::{KindFilter, Manifest, ManifestError, ManifestErrorKind, ReadObjects};
use ordinance_contract::{Scope, without_position};
use rayon::prelude::*;
use serde::de::{Deserialize as _, Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Range;

/// The items from which on a list is read in parallel.
const PARALLEL_ITEMS: usize = 1_000;

/// A document, or an element of a list.
pub(crate) struct DocumentPart<'t> {
    pub(crate) json: Cow<'t, str>,
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) bytes: Range<usize>,
    /// `apiVersion`, if it is a string.
    pub(crate) api_version: Option<String>,
    /// `kind`, if it is a string.
    pub(crate) kind: Option<String>,
    /// The elements of `items`, if it is a list.
    pub(crate) items: Option<Vec<DocumentPart<'t>>>,
}

/// The members that are read of every object.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<ManifestMetadata>,
    /// Of a list, also of one whose `kind` is missing because the text was cut off.
    #[serde(default)]
    items: Option<IgnoredAny>,
}

/// What the `items` of an object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListForm {
    /// The object is no list. A custom resource may have a kind like `AllowList`, and no `items`.
    None,
    /// A list.
    Items,
    /// Null, which the API server makes of no objects.
    Null,
    /// Anything else.
    Broken,
}

/// The member of a list.
#[derive(serde::Deserialize)]
struct ListItems<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    items: Option<&'a RawValue>,
}

#[derive(Default, serde::Deserialize)]
struct ManifestMetadata {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
}

/// Reads an object from JSON text that is not part of a file.
///
/// # Errors
///
/// If the text is not a Kubernetes object.
pub fn parse(json: &str, line: u64, namespace: &str) -> Result<Manifest, ManifestError> {
    let part = DocumentPart {
        json: json.into(),
        line,
        column: 1,
        bytes: 0..0,
        api_version: None,
        kind: None,
        items: None,
    };
    part.into_manifest(namespace)
}

/// Returns whether a kind is a list of objects, e.g. `List` or `PodList`.
pub fn is_list_kind(kind: &str) -> bool {
    kind.ends_with("List")
}

/// Returns the resource of a kind, as kubectl guesses it without a cluster: `networkpolicies` for `NetworkPolicy`.
pub fn plural(kind: &str) -> String {
    let singular = kind.to_ascii_lowercase();
    if singular.ends_with("endpoints") {
        return singular;
    }
    if let Some(stem) = singular.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        return format!("{stem}ies");
    }
    let is_sibilant = ["s", "x", "z", "ch", "sh"].iter().any(|end| singular.ends_with(end));
    singular + if is_sibilant { "es" } else { "s" }
}

/// Returns whether a kind has no namespace. Kinds that are not part of Kubernetes count as namespaced.
fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(kind, "ComponentStatus" | "Namespace" | "Node" | "PersistentVolume"),
        "admissionregistration.k8s.io"
        | "apiextensions.k8s.io"
        | "apiregistration.k8s.io"
        | "flowcontrol.apiserver.k8s.io"
        | "internal.apiserver.k8s.io"
        | "node.k8s.io"
        | "scheduling.k8s.io"
        | "storagemigration.k8s.io" => true,
        "certificates.k8s.io" => matches!(kind, "CertificateSigningRequest" | "ClusterTrustBundle"),
        "networking.k8s.io" => matches!(kind, "IPAddress" | "IngressClass" | "ServiceCIDR"),
        "rbac.authorization.k8s.io" => matches!(kind, "ClusterRole" | "ClusterRoleBinding"),
        "resource.k8s.io" => matches!(kind, "DeviceClass" | "ResourceSlice"),
        "storage.k8s.io" => kind != "CSIStorageCapacity",
        _ => false,
    }
}

/// Deserialises a member that is there, also if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

// === impl DocumentPart ===

impl DocumentPart<'_> {
    /// Adds the object, or the objects of a list, to those of the wanted kinds.
    pub(crate) fn collect(mut self, namespace: &str, wanted: KindFilter<'_>, found: &mut ReadObjects) {
        match (self.list_form(), self.items.take()) {
            (ListForm::Items, Some(items)) => found.append(self.collect_items(items, namespace, wanted)),
            (ListForm::Null, _) => {}
            (ListForm::Broken, _) => found.objects.push(Err(self.broken_list())),
            _ if self.is_skipped(wanted) => found.skipped += 1,
            _ => found.objects.push(self.into_manifest(namespace)),
        }
    }

    /// Returns the objects of a list. The items of a large one are read in parallel.
    fn collect_items(&self, items: Vec<Self>, namespace: &str, wanted: KindFilter<'_>) -> ReadObjects {
        let add = |mut found: ReadObjects, mut item: Self| {
            self.set_kind_of(&mut item);
            item.collect(namespace, wanted, &mut found);
            found
        };
        if items.len() < PARALLEL_ITEMS {
            return items.into_iter().fold(ReadObjects::default(), add);
        }
        let parts = items.into_par_iter().with_min_len(PARALLEL_ITEMS / 2);
        parts.fold(ReadObjects::default, add).reduce(ReadObjects::default, ReadObjects::joined)
    }

    fn list_form(&self) -> ListForm {
        let Some(kind) = self.kind.as_deref().filter(|kind| is_list_kind(kind)) else {
            return ListForm::None;
        };
        if self.items.is_some() {
            return ListForm::Items;
        }
        let items: Option<ListItems<'_>> = serde_json::from_str(&self.json).ok();
        match items.and_then(|list| list.items).map(RawValue::get) {
            Some("null") => ListForm::Null,
            None if kind != "List" => ListForm::None,
            _ => ListForm::Broken,
        }
    }

    fn broken_list(&self) -> ManifestError {
        let message = "a list without a list of `items`; the text may have been cut off";
        self.error(ManifestErrorKind::Object, message.to_owned())
    }

    /// Sets the kind of a list's element, which the API server omits in a list of one kind.
    fn set_kind_of(&self, item: &mut Self) {
        let element = self.kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
        if let (Some(element), None, None) =
            (element.filter(|kind| !kind.is_empty()), &item.kind, &item.api_version)
        {
            item.kind = Some(element.to_owned());
            item.api_version.clone_from(&self.api_version);
        }
    }

    fn is_skipped(&self, wanted: KindFilter<'_>) -> bool {
        match (&self.api_version, &self.kind) {
            (Some(api_version), Some(kind)) => !kind.is_empty() && !wanted(api_version, kind),
            _ => false,
        }
    }

    fn into_manifest(self, namespace: &str) -> Result<Manifest, ManifestError> {
        if !self.json.starts_with('{') {
            let message = "not a Kubernetes object: expected a mapping with apiVersion and kind";
            return Err(self.error(ManifestErrorKind::NoObject, message.to_owned()));
        }
        let mut reader = serde_json::Deserializer::from_str(&self.json);
        let head: Head = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| self.error(self.identification(), self.not_an_object(&error)))?;
        let has_api_version = head.api_version.is_some() || self.api_version.is_some();
        let is_object =
            has_api_version && (head.kind.is_some() || head.metadata.is_some() || head.items.is_some());
        let error_kind = if is_object { ManifestErrorKind::Object } else { ManifestErrorKind::NoObject };
        let missing =
            |field: &str| self.error(error_kind, format!("not a Kubernetes object: {field} is not set"));
        let kind = head.kind.or_else(|| self.kind.clone()).filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| missing("kind"))?;
        let api_version = head.api_version.or_else(|| self.api_version.clone());
        let api_version = api_version.ok_or_else(|| missing("apiVersion"))?;
        let scope = scope(&api_version, &kind, head.metadata.unwrap_or_default(), namespace);
        let Self { json, line, column, bytes, .. } = self;
        Ok(Manifest { scope, kind, json: json.into_owned(), line, column, bytes })
    }

    /// Returns what is wrong with a part whose members have the wrong types.
    fn identification(&self) -> ManifestErrorKind {
        match (&self.api_version, &self.kind) {
            (Some(_), Some(_)) => ManifestErrorKind::Object,
            _ => ManifestErrorKind::NoObject,
        }
    }

    /// The message of a JSON error, with its field but without its position, which counts from the object's beginning. Only an
    /// object is quoted: other files may have secrets.
    fn not_an_object(&self, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
        let text = error.inner().to_string();
        let reason = match self.identification() {
            ManifestErrorKind::Object => without_position(&text),
            _ => "it has another type than in Kubernetes",
        };
        match error.path().to_string() {
            path if path == "." => format!("not a Kubernetes object: {reason}"),
            path => format!("not a Kubernetes object: {path}: {reason}"),
        }
    }

    fn error(&self, kind: ManifestErrorKind, message: String) -> ManifestError {
        ManifestError { line: self.line, column: self.column, message, kind, is_quotable: false }
    }
}

fn scope(api_version: &str, kind: &str, metadata: ManifestMetadata, namespace: &str) -> Scope<'static> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let namespace = match metadata.namespace.filter(|own| !own.is_empty()) {
        _ if is_cluster_scoped(group, kind) => String::new(),
        Some(own) => own,
        None => namespace.to_owned(),
    };
    Scope {
        group: group.to_owned().into(),
        version: version.to_owned().into(),
        resource: plural(kind).into(),
        namespace: namespace.into(),
        name: metadata.name.unwrap_or_default().into(),
        ..Scope::default()
    }
}
