//! Reviews of any size, each with one thing in great number: what a client can send to make a review slow.
//!
//! Every shape has the size of its text as a parameter, so that the cost of a review can be compared with its size.

mod claims;
mod drivers;
mod expressions;
mod updates;
mod volumes;

use ordinance_contract::{Holding, Operation, Phase, Request, Scope, Stance};
use serde_json::{Value, json};

/// A kind of review of any size.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What there is in great number, as a fact.
    pub name: &'static str,
    build: fn(usize) -> ShapedReview,
}

/// A request, and the holdings that overlap its keys.
#[derive(Clone, Debug)]
pub struct ShapedReview {
    /// The request; its phase is `Mutate`.
    pub request: Request<'static>,
    /// The holdings of other objects.
    pub holdings: Vec<Holding>,
    /// The policy's settings as JSON; empty for the defaults.
    pub settings: &'static str,
}

/// Returns all shapes.
pub fn shapes() -> Vec<Shape> {
    [volumes::SHAPES, drivers::SHAPES, expressions::SHAPES, updates::SHAPES, claims::SHAPES].concat()
}

// === impl Shape ===

impl Shape {
    /// Returns a review whose texts have at least this many bytes, and less than twice as many.
    pub fn of_bytes(&self, bytes: usize) -> ShapedReview {
        let mut count = 8;
        loop {
            let review = (self.build)(count);
            let size = review.bytes();
            if size >= bytes {
                return review;
            }
            count = (count * bytes / size).max(count + 1);
        }
    }
}

// === impl ShapedReview ===

impl ShapedReview {
    /// Returns the number of bytes of the objects and of the holdings.
    pub fn bytes(&self) -> usize {
        let objects = [&self.request.object, &self.request.old_object];
        let holdings = self.holdings.iter().map(|holding| {
            let path: usize = holding.path.iter().map(String::len).sum();
            holding.realm.len() + path + holding.note.len() + holding.holder.name.len()
        });
        objects.into_iter().flatten().map(|object| object.len()).sum::<usize>() + holdings.sum::<usize>()
    }

    /// Returns the AdmissionReview that the API server would send.
    pub fn body(&self) -> String {
        let Request { operation, scope, kind, object, old_object, .. } = &self.request;
        let parsed = |text: &Option<std::borrow::Cow<'static, str>>| {
            text.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default())
        };
        let version = json!({"group": scope.group, "version": scope.version});
        let mut resource = version.clone();
        let mut group_kind = version;
        resource["resource"] = json!(scope.resource);
        group_kind["kind"] = json!(kind);
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": group_kind,
                "resource": resource,
                "name": scope.name,
                "namespace": scope.namespace,
                "operation": operation,
                "userInfo": {"username": "tenant"},
                "object": parsed(object),
                "oldObject": parsed(old_object),
                "dryRun": false,
            },
        })
        .to_string()
    }

    /// Returns the review of a StatefulSet in other circumstances: with one replica, on Windows, and restored from a backup.
    pub fn variants(&self) -> Vec<Self> {
        let changes: [(&str, Value); 3] = [
            ("/spec", json!({"replicas": 1})),
            ("/spec/template/spec", json!({"os": {"name": "windows"}})),
            ("/metadata", json!({"labels": {"velero.io/restore-name": "r"}})),
        ];
        if self.request.scope.resource != "statefulsets" {
            return Vec::new();
        }
        changes.iter().map(|(pointer, members)| self.with_members(pointer, members)).collect()
    }

    /// Sets members of a part of the object.
    fn with_members(&self, pointer: &str, members: &Value) -> Self {
        let text = self.request.object.as_deref().unwrap_or_default();
        let mut object: Value = serde_json::from_str(text).unwrap_or_default();
        let part = object.pointer_mut(pointer).and_then(Value::as_object_mut);
        if let (Some(part), Some(members)) = (part, members.as_object()) {
            part.extend(members.clone());
        }
        let mut review = self.clone();
        review.request.object = Some(object.to_string().into());
        review
    }

    fn with_holdings(self, holdings: Vec<Holding>) -> Self {
        Self { holdings, ..self }
    }

    fn with_settings(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    fn of(resource: [&'static str; 3], namespace: &'static str, object: &Value) -> Self {
        let [group, resource, kind] = resource;
        let request = Request {
            operation: Operation::Create,
            phase: Phase::Mutate,
            scope: Scope {
                group: group.into(),
                version: "v1".into(),
                resource: resource.into(),
                subresource: "".into(),
                namespace: namespace.into(),
                name: "web".into(),
            },
            kind: kind.into(),
            dry_run: false,
            user_info: r#"{"username":"tenant"}"#.into(),
            object: Some(object.to_string().into()),
            old_object: None,
        };
        Self { request, holdings: Vec::new(), settings: "" }
    }
}

/// Returns the creation of a StatefulSet.
fn created(set: &Value) -> ShapedReview {
    ShapedReview::of(["apps", "statefulsets", "StatefulSet"], "default", set)
}

/// Returns the update of a StatefulSet.
fn updated(old: &Value, new: &Value) -> ShapedReview {
    let mut review = created(new);
    review.request.operation = Operation::Update;
    review.request.old_object = Some(old.to_string().into());
    review
}

/// Returns the creation of a PersistentVolume.
fn volume(annotations: &Value, spec: &Value) -> ShapedReview {
    let object = json!({"metadata": {"name": "web", "annotations": annotations}, "spec": spec});
    ShapedReview::of(["", "persistentvolumes", "PersistentVolume"], "", &object)
}

/// Returns a StatefulSet with these containers and volumes.
fn set(containers: Vec<Value>, volumes: Vec<Value>) -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 3, "template": {"spec": {"containers": containers, "volumes": volumes}}},
    })
}

/// Returns a container with these mounts.
fn container(name: &str, mounts: Vec<Value>) -> Value {
    json!({"name": name, "volumeMounts": mounts})
}

/// Returns the mount of the volume `data` at an expression; the root of the volume if it is empty.
fn mount(at: usize, expression: &str) -> Value {
    mount_of("data", at, expression)
}

fn mount_of(volume: &str, at: usize, expression: &str) -> Value {
    json!({"name": volume, "mountPath": format!("/m/{at}"), "subPathExpr": expression})
}

/// Returns a volume that names a claim.
fn claim(volume: &str, claim: &str) -> Value {
    json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}})
}

/// Returns the volume `data` of a claim of the same name.
fn data() -> Vec<Value> {
    vec![claim("data", "data")]
}

/// Returns a variable with a value.
fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// Returns the variable `POD` with the pod's name.
fn pod_name() -> Value {
    json!({"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
}

/// Returns `count` values.
fn many<T>(count: usize, of: impl FnMut(usize) -> T) -> Vec<T> {
    (0..count).map(of).collect()
}

/// Returns the holding of another object.
fn holding(resource: &'static str, name: String, realm: &str, path: &[&str], note: &str) -> Holding {
    Holding {
        realm: realm.to_owned(),
        path: path.iter().map(ToString::to_string).collect(),
        stance: Stance::Holds,
        note: note.to_owned(),
        holder: Scope {
            version: "v1".into(),
            resource: resource.into(),
            name: name.into(),
            ..Scope::default()
        },
        count: 1,
    }
}
