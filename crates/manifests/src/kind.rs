//! From a part of a text to the object that it is: its kind, its resource, its namespace.

use crate::{Found, Manifest, Unreadable, Wanted};
use ordinance_contract::Scope;
use std::borrow::Cow;
use std::ops::Range;

/// A document, or an element of a list.
pub(crate) struct Part<'t> {
    pub(crate) json: Cow<'t, str>,
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) bytes: Range<usize>,
    /// `apiVersion`, if it is a text.
    pub(crate) api_version: Option<String>,
    /// `kind`, if it is a text.
    pub(crate) kind: Option<String>,
    /// The elements of `items`, if it is a list of them.
    pub(crate) items: Option<Vec<Part<'t>>>,
}

/// What is read of every object.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Default, serde::Deserialize)]
struct Metadata {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
}

/// The object that a JSON text is, which stands in no file.
///
/// # Errors
///
/// That it is none.
pub fn parse(json: &str, line: u64, namespace: &str) -> Result<Manifest, Unreadable> {
    let part =
        Part { json: json.into(), line, column: 1, bytes: 0..0, api_version: None, kind: None, items: None };
    part.into_manifest(namespace)
}

/// The resource of a kind: kubectl's guess when it cannot ask a cluster.
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
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| singular.ends_with(end));
    singular + if hisses { "es" } else { "s" }
}

/// Whether objects of this kind have no namespace. Kinds that Kubernetes does not ship are taken to have one.
pub fn cluster_scoped(group: &str, kind: &str) -> bool {
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

// === impl Part ===

impl Part<'_> {
    /// Adds the object, or those of the list.
    pub(crate) fn sort(mut self, namespace: &str, wanted: Wanted<'_>, found: &mut Found) {
        match (self.is_list(), self.items.take()) {
            (true, Some(items)) => {
                for mut item in items {
                    self.lend_kind(&mut item);
                    item.sort(namespace, wanted, found);
                }
            }
            _ if self.is_passed(wanted) => found.passed += 1,
            _ => found.objects.push(self.into_manifest(namespace)),
        }
    }

    fn is_list(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.ends_with("List"))
    }

    /// The API server leaves the kind of the elements out of a list of one kind.
    fn lend_kind(&self, item: &mut Self) {
        let element = self.kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
        if let (Some(element), None, None) =
            (element.filter(|kind| !kind.is_empty()), &item.kind, &item.api_version)
        {
            item.kind = Some(element.to_owned());
            item.api_version.clone_from(&self.api_version);
        }
    }

    fn is_passed(&self, wanted: Wanted<'_>) -> bool {
        match (&self.api_version, &self.kind) {
            (Some(api_version), Some(kind)) => !kind.is_empty() && !wanted(api_version, kind),
            _ => false,
        }
    }

    fn into_manifest(self, namespace: &str) -> Result<Manifest, Unreadable> {
        let mut reader = serde_json::Deserializer::from_str(&self.json);
        let head: Head = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| self.fault(not_an_object(&self.json, &error)))?;
        let missing = |field: &str| self.fault(format!("not a Kubernetes object: {field} is not set"));
        let kind = head.kind.or_else(|| self.kind.clone()).filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| missing("kind"))?;
        let api_version = head.api_version.or_else(|| self.api_version.clone());
        let api_version = api_version.ok_or_else(|| missing("apiVersion"))?;
        let scope = scope(&api_version, &kind, head.metadata.unwrap_or_default(), namespace);
        let Self { json, line, column, bytes, .. } = self;
        Ok(Manifest { scope, kind, json: json.into_owned(), line, column, bytes })
    }

    fn fault(&self, message: String) -> Unreadable {
        Unreadable { line: self.line, column: self.column, message }
    }
}

fn scope(api_version: &str, kind: &str, metadata: Metadata, namespace: &str) -> Scope<'static> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let namespace = match metadata.namespace.filter(|own| !own.is_empty()) {
        _ if cluster_scoped(group, kind) => String::new(),
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

/// A fault of JSON with its field, without its position, which is that of a part of the text.
fn not_an_object(json: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    if !json.starts_with('{') {
        return "not a Kubernetes object: a mapping with apiVersion and kind belongs here".to_owned();
    }
    let text = error.inner().to_string();
    let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
    match error.path().to_string() {
        path if path == "." => format!("not a Kubernetes object: {reason}"),
        path => format!("not a Kubernetes object: {path}: {reason}"),
    }
}
