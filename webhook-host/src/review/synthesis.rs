//! Makes the AdmissionReview that an API server would send about a manifest.

use super::envelope::{API_VERSION, KIND};
use ordinance_contract::Operation;
use ordinance_manifests::Manifest;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The user and the groups of kubeadm's `admin.conf`.
const ADMIN: (&str, &str) = ("kubernetes-admin", "kubeadm:cluster-admins");

/// The group of every authenticated user.
const AUTHENTICATED: &str = "system:authenticated";

/// The prefix of a service account's user name.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// What happens to the object of a manifest.
#[derive(Clone, Copy, Debug)]
pub enum ManifestChange<'a> {
    /// It is created.
    Create,
    /// It is applied to this stored object.
    Update(&'a Manifest),
    /// It is stored, and deleted.
    Delete,
}

/// An AdmissionReview with its members in the order of the API server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SynthesizedReview<'a> {
    kind: &'static str,
    api_version: &'static str,
    request: SynthesizedRequest<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SynthesizedRequest<'a> {
    uid: String,
    kind: &'a Value,
    resource: &'a Value,
    request_kind: &'a Value,
    request_resource: &'a Value,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    operation: &'static str,
    user_info: Value,
    object: Value,
    old_object: Value,
    dry_run: bool,
    options: Value,
}

/// Who sends a request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    name: String,
    groups: Vec<String>,
}

// === impl Requester ===

impl Requester {
    /// Returns a user with these groups and those that the API server adds. Without a name, it is the administrator.
    pub fn new(name: Option<&str>, groups: &[String]) -> Self {
        let mut groups = groups.to_vec();
        if name.is_none() && groups.is_empty() {
            groups.push(ADMIN.1.to_owned());
        }
        let name = name.unwrap_or(ADMIN.0);
        if let Some((namespace, _)) = name.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'))
        {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.to_owned(), groups }
    }
}

/// Returns the AdmissionReview of a change, as JSON in one line. The same input has the same uid.
pub fn review_of(manifest: &Manifest, change: ManifestChange<'_>, requester: &Requester) -> String {
    let scope = &manifest.scope;
    let (operation, object, old_object) = match change {
        ManifestChange::Create => (Operation::Create, Some(Cow::Borrowed(&*manifest.json)), None),
        ManifestChange::Update(stored) => {
            (Operation::Update, Some(manifest.applied_json(stored)), Some(stored.stored_json()))
        }
        ManifestChange::Delete => (Operation::Delete, None, Some(manifest.stored_json())),
    };
    let [object, old_object] = [object, old_object].map(|json| parsed(json.as_deref(), &scope.namespace));
    let kind = json!({"group": scope.group, "version": scope.version, "kind": manifest.kind});
    let resource = json!({"group": scope.group, "version": scope.version, "resource": scope.resource});
    let mut request = SynthesizedRequest {
        uid: String::new(),
        kind: &kind,
        resource: &resource,
        request_kind: &kind,
        request_resource: &resource,
        name: &scope.name,
        namespace: &scope.namespace,
        operation: operation.word(),
        user_info: json!({"username": requester.name, "groups": requester.groups}),
        object,
        old_object,
        dry_run: false,
        options: options(operation),
    };
    request.uid = uid(&as_json(&request));
    as_json(&SynthesizedReview { kind: KIND, api_version: API_VERSION, request })
}

/// Returns a value as JSON. Strings and maps of strings can't fail.
fn as_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns an object with its namespace, which the API server sets before the webhooks are called.
fn parsed(json: Option<&str>, namespace: &str) -> Value {
    let mut object: Value = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let Some(members) = object.as_object_mut() else { return object };
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    if let (Some(metadata), false) = (metadata.as_object_mut(), namespace.is_empty()) {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    object
}

/// Returns the options that `kubectl` sends with a request.
fn options(operation: Operation) -> Value {
    let kind = match operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => {
            return json!({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "propagationPolicy": "Background"});
        }
        Operation::Connect => return Value::Null,
    };
    json!({"kind": kind, "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-client-side-apply", "fieldValidation": "Strict"})
}

/// Returns a uid of the form that the API server uses (RFC 9562, version 8), made of a request's text.
fn uid(text: &str) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(Sha256::digest(text)).for_each(|(byte, hash)| *byte = hash);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::AdmissionReview;
    use ordinance_contract::Phase;
    use ordinance_manifests::parse;

    fn manifest(json: &str) -> Manifest {
        parse(json, 1, "default").unwrap()
    }

    #[test]
    fn the_request_of_a_review_is_that_of_the_manifest() {
        let set =
            manifest(r#"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web"},"spec":{}}"#);
        let text = review_of(&set, ManifestChange::Create, &Requester::new(None, &[]));
        let review = AdmissionReview::parse(text.as_bytes(), 128).unwrap();
        let request = review.request(Phase::Mutate);
        assert_eq!((&request.scope, &*request.kind), (&set.scope, "StatefulSet"));
        let object: Value = serde_json::from_str(request.object.as_deref().unwrap()).unwrap();
        assert_eq!(object["metadata"], json!({"name": "web", "namespace": "default"}));
        assert_eq!(request.old_object, None);
    }

    #[test]
    fn the_uid_depends_on_the_request_and_is_a_uuid() {
        let review = |name: &str, requester: &Requester| -> Value {
            let text =
                format!(r#"{{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{"name":"{name}"}}}}"#);
            serde_json::from_str(&review_of(&manifest(&text), ManifestChange::Delete, requester)).unwrap()
        };
        let admin = Requester::new(None, &[]);
        let uid = review("a", &admin)["request"]["uid"].as_str().unwrap().to_owned();
        assert_eq!(review("a", &admin)["request"]["uid"], *uid);
        assert_ne!(review("b", &admin)["request"]["uid"], *uid);
        assert_ne!(review("a", &Requester::new(Some("eve"), &[]))["request"]["uid"], *uid);
        assert_eq!((uid.len(), uid.as_bytes()[14], uid.matches('-').count()), (36, b'8', 4), "{uid}");
    }

    #[test]
    fn a_service_account_has_the_groups_that_the_api_server_adds() {
        let requester = Requester::new(Some("system:serviceaccount:shop:deployer"), &["ops".to_owned()]);
        let groups = ["ops", "system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"];
        assert_eq!(requester.groups, groups);
    }
}
