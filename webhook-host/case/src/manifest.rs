//! Manifests: the objects in YAML or JSON text, as kubectl would read them.
//!
//! Several documents, `List`s (also nested), a byte order mark and Windows line ends are understood; the booleans and
//! octal numbers of YAML 1.1 mean what they mean to kubectl. An object is JSON text with its keys in their order: text
//! that is JSON already is passed on byte for byte.

use crate::json::Json;
use ordinance_contract::Scope;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_saphyr::Spanned;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which object it is: the resource is guessed from the kind, as kubectl does without a cluster.
    pub scope: Scope<'static>,
    /// e.g. `StatefulSet`.
    pub kind: String,
    /// The object as JSON.
    pub json: String,
    /// Where it begins, from 1.
    pub line: u64,
}

/// Text that is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Unreadable {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// One line.
    pub message: String,
}

/// How deep an object may nest; as deep as the server lets an admission review.
const DEPTH: usize = 128;

/// How many parts of a text aliases may repeat: thousands of containers, but no bomb.
const REPLAYED: usize = 100_000;

/// The objects of a text in their order. What can't be read is an error in its place; after a fault of the syntax the
/// rest of the text is lost.
///
/// An object of a namespaced kind that names no namespace is in `namespace`.
pub fn read(text: &str, namespace: &str) -> Vec<Result<Manifest, Unreadable>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = json_documents(text).unwrap_or_else(|| yaml_documents(text));
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Ok(document) => document.flatten(namespace, &mut objects),
            Err(error) => objects.push(Err(error)),
        }
    }
    objects
}

/// The object that a JSON text is.
pub(crate) fn parse(json: &str, line: u64, namespace: &str) -> Result<Manifest, Unreadable> {
    let head: Head = serde_json::from_str(json).map_err(|error| Unreadable {
        line,
        column: 1,
        message: format!("not an object: {}", reason(&error)),
    })?;
    head.into_manifest(json, line, namespace)
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

/// A document, or an element of a list.
struct Document {
    json: String,
    line: u64,
    items: Option<Vec<Document>>,
}

// === impl Document ===

impl Document {
    /// Adds the object, or those of the list.
    fn flatten(self, namespace: &str, objects: &mut Vec<Result<Manifest, Unreadable>>) {
        match self.items {
            Some(items) => items.into_iter().for_each(|item| item.flatten(namespace, objects)),
            None => objects.push(parse(&self.json, self.line, namespace)),
        }
    }
}

// === impl Head ===

impl Head {
    fn into_manifest(self, json: &str, line: u64, namespace: &str) -> Result<Manifest, Unreadable> {
        let missing = |field: &str| Unreadable {
            line,
            column: 1,
            message: format!("not a Kubernetes object: {field} is not set"),
        };
        let kind = self.kind.filter(|kind| !kind.is_empty()).ok_or_else(|| missing("kind"))?;
        let api_version = self.api_version.ok_or_else(|| missing("apiVersion"))?;
        let metadata = self.metadata.unwrap_or_default();
        let scope = scope(&api_version, &kind, metadata, namespace);
        Ok(Manifest { scope, kind, json: json.to_owned(), line })
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

/// A fault of JSON without its position, which is that of a part of the text.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// The members that make a list.
#[derive(serde::Deserialize)]
struct List<'a> {
    kind: String,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// The objects of a `List`, or a `StatefulSetList`; none if the text is another object.
fn list_items(json: &str) -> Option<Vec<&RawValue>> {
    let list = serde_json::from_str::<List<'_>>(json).ok()?;
    list.kind.ends_with("List").then_some(list.items)
}

// --- JSON ---

/// The documents, if the text is JSON: one value after the other.
fn json_documents(text: &str) -> Option<Vec<Result<Document, Unreadable>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values
        .map(|value| {
            let value = value.ok()?;
            // Raw values may nest without end, these may not.
            serde_json::from_str::<Json>(value.get()).ok()?;
            Some(Ok(json_document(text, value)))
        })
        .collect()
}

fn json_document(text: &str, value: &RawValue) -> Document {
    let items = list_items(value.get())
        .map(|items| items.into_iter().map(|item| json_document(text, item)).collect());
    Document { json: value.get().to_owned(), line: line_of(text, value.get()), items }
}

/// The line of a part of a text.
fn line_of(text: &str, part: &str) -> u64 {
    let offset = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

// --- YAML ---

/// Where the objects of a list begin, a list for a list.
#[derive(Default, serde::Deserialize)]
struct Lines {
    #[serde(default)]
    items: Vec<Spanned<Lines>>,
}

fn yaml_documents(text: &str) -> Vec<Result<Document, Unreadable>> {
    let documents: Vec<_> = yaml::<Spanned<Json>>(text).collect();
    let mut lines = yaml::<Lines>(text);
    let any_list = documents.iter().flatten().any(|document| list_items(&document.value.0).is_some());
    documents
        .into_iter()
        .map(|document| {
            let lines = if any_list { lines.next().and_then(Result::ok) } else { None };
            let document = document.map_err(|error| unreadable(&error))?;
            Ok(yaml_document(&document.value.0, document.referenced.line(), &lines.unwrap_or_default()))
        })
        .collect()
}

/// The documents of a text but those that are null.
fn yaml<T: DeserializeOwned>(text: &str) -> impl Iterator<Item = Result<T, serde_saphyr::Error>> {
    let mut bytes = text.as_bytes();
    let documents: Vec<_> = serde_saphyr::read_with_options(&mut bytes, options()).collect();
    documents.into_iter()
}

fn yaml_document(json: &str, line: u64, lines: &Lines) -> Document {
    let items = list_items(json).map(|items| {
        let places = lines.items.iter().map(Some).chain(std::iter::repeat(None));
        items
            .into_iter()
            .zip(places)
            .map(|(item, place)| match place {
                Some(place) => yaml_document(item.get(), place.referenced.line(), &place.value),
                None => yaml_document(item.get(), line, &Lines::default()),
            })
            .collect()
    });
    Document { json: json.to_owned(), line, items }
}

/// How YAML is read. The sizes are an operator's own: a dump of a whole cluster is no attack, a bomb of aliases is.
pub(crate) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_documents: usize::MAX,
            max_reader_input_bytes: None,
            max_total_scalar_bytes: usize::MAX,
            max_total_comment_bytes: usize::MAX,
            max_buffered_comment_events: usize::MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
        legacy_octal_numbers: true,
        emit_comments: false,
        with_snippet: false,
    }
}

/// The fault with its position.
pub(crate) fn unreadable(error: &serde_saphyr::Error) -> Unreadable {
    let location = error.location();
    Unreadable {
        line: location.map_or(1, |location| location.line()),
        column: location.map_or(1, |location| location.column()),
        message: message(error),
    }
}

/// The fault in one line, without its position.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().collect::<Vec<_>>().join(" ");
    line.split_once(" at line ").map_or(line.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> Vec<Manifest> {
        read(text, "default").into_iter().collect::<Result<_, _>>().expect("readable")
    }

    fn fault(text: &str) -> Unreadable {
        read(text, "default").into_iter().find_map(Result::err).expect("unreadable")
    }

    fn names(text: &str) -> Vec<(String, u64)> {
        objects(text).iter().map(|object| (object.scope.name.to_string(), object.line)).collect()
    }

    const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: c\n";

    #[test]
    fn reads_an_object_with_its_keys_in_their_order() {
        let text = "# first\nkind: StatefulSet\napiVersion: apps/v1\nmetadata: {namespace: shop, name: web}\nspec: {b: 1, a: 0.5}\n";
        assert_eq!(
            objects(text),
            [Manifest {
                scope: Scope {
                    group: "apps".into(),
                    version: "v1".into(),
                    resource: "statefulsets".into(),
                    subresource: "".into(),
                    namespace: "shop".into(),
                    name: "web".into(),
                },
                kind: "StatefulSet".to_owned(),
                json: r#"{"kind":"StatefulSet","apiVersion":"apps/v1","metadata":{"namespace":"shop","name":"web"},"spec":{"b":1,"a":0.5}}"#.to_owned(),
                line: 2,
            }]
        );
    }

    #[test]
    fn passes_json_on_byte_for_byte() {
        let text =
            "{\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n\t\"big\": 123456789012345678901234567890}";
        assert_eq!(objects(text)[0].json, text);
    }

    #[test]
    fn puts_an_object_without_a_namespace_into_the_default_one_unless_its_kind_has_none() {
        assert_eq!(objects(CLAIM)[0].scope.namespace, "default");
        let volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv, namespace: wrong}";
        assert_eq!(objects(volume)[0].scope.namespace, "");
    }

    #[test]
    fn reads_documents_and_lists_in_their_order_with_their_lines() {
        let text = "---\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n\
            - apiVersion: apps/v1\n  kind: StatefulSetList\n  items:\n  - kind: StatefulSet\n    apiVersion: apps/v1\n    metadata: {name: b}\n\
            ---\napiVersion: v1\nkind: Pod\nmetadata: {name: c}\n";
        assert_eq!(names(text), [("a".to_owned(), 8), ("b".to_owned(), 14), ("c".to_owned(), 18)]);
    }

    #[test]
    fn reads_a_list_of_json_with_its_lines() {
        let text = "{\"kind\":\"List\",\"items\":[\n {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}},\n\
             {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}]}\n\
            {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"c\"}}";
        assert_eq!(names(text), [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 4)]);
    }

    #[test]
    fn takes_items_for_a_list_only_in_a_list() {
        let text = "apiVersion: v1\nkind: Odd\nmetadata: {name: o}\nitems: [1, {a: b}]\n";
        assert_eq!(
            objects(text)[0].json,
            r#"{"apiVersion":"v1","kind":"Odd","metadata":{"name":"o"},"items":[1,{"a":"b"}]}"#
        );
    }

    #[test]
    fn reads_a_byte_order_mark_and_windows_line_ends() {
        let windows = format!("\u{feff}{}", CLAIM.replace('\n', "\r\n"));
        assert_eq!(objects(&windows), objects(CLAIM));
    }

    #[test]
    fn reads_yaml_as_kubectl_does() {
        let text =
            format!("{CLAIM}spec: {{a: yes, b: 0644, c: off, d: '0644', e: 1e3, 8080: x, f: !!str 1}}\n");
        let json = &objects(&text)[0].json;
        assert!(
            json.ends_with(
                r#""spec":{"a":true,"b":420,"c":false,"d":"0644","e":1000.0,"8080":"x","f":"1"}}"#
            ),
            "{json}"
        );
    }

    #[test]
    fn names_line_and_column_of_a_fault() {
        let error = fault("apiVersion: v1\nkind: Pod\n  metadata: {}\n");
        assert_eq!((error.line, error.column > 0), (3, true), "{error}");
        let error = fault("{\"apiVersion\": \"v1\",\n \"kind\" \"Pod\"}");
        assert_eq!(error.line, 2, "{error}");
    }

    #[test]
    fn refuses_a_key_that_is_there_twice() {
        let error = fault(&format!("{CLAIM}kind: Pod\n"));
        assert_eq!((error.line, error.column), (5, 1), "{error}");
    }

    #[test]
    fn reads_on_after_a_document_that_is_no_object() {
        let read = read(&format!("metadata: {{}}\n---\nhello\n---\n{CLAIM}"), "default");
        let errors: Vec<String> =
            read.iter().flat_map(|one| one.as_ref().err()).map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "line 1, column 1: not a Kubernetes object: kind is not set",
                "line 3, column 1: not an object: invalid type: string \"hello\", expected struct Head",
            ]
        );
        assert!(read[2].is_ok());
    }

    #[test]
    fn refuses_to_nest_without_end() {
        let deep = format!("apiVersion: v1\nkind: Pod\nspec: {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(fault(&deep).line > 0);
        let deep = format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(fault(&deep).line > 0);
    }

    #[test]
    fn refuses_a_bomb_of_aliases() {
        let mut text = String::from("apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(9);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
        }
        assert!(fault(&text).line > 0);
    }

    #[test]
    fn guesses_resources_as_kubectl_does() {
        let plurals =
            ["StatefulSet", "StorageClass", "Ingress", "NetworkPolicy", "Endpoints", "Gateway", "Switch"]
                .map(plural);
        assert_eq!(
            plurals,
            [
                "statefulsets",
                "storageclasses",
                "ingresses",
                "networkpolicies",
                "endpoints",
                "gateways",
                "switches"
            ]
        );
    }
}
