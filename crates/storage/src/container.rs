//! Containers: their environment, mounts and block devices.

use crate::json::{self, Text};
use ordinance_json::RawText;
use serde::Deserialize;

/// A container, an init container or a sidecar.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container<'a> {
    /// Unique in the pod.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
    /// `env`, or `None` if there is no list that a patch could append to.
    #[serde(borrow, deserialize_with = "json::maybe_objects")]
    pub env: Option<Vec<EnvVar<'a>>>,
    /// `envFrom`.
    #[serde(borrow, deserialize_with = "json::objects")]
    pub env_from: Vec<EnvFrom<'a>>,
    /// `volumeMounts`.
    #[serde(borrow, deserialize_with = "json::objects")]
    pub volume_mounts: Vec<VolumeMount<'a>>,
    /// `volumeDevices`.
    #[serde(borrow, deserialize_with = "json::objects")]
    pub volume_devices: Vec<VolumeDevice<'a>>,
    /// `securityContext`.
    #[serde(deserialize_with = "json::object")]
    pub security_context: SecurityContext,
}

/// An entry of `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar<'a> {
    /// The variable's name.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
    /// Text with `$(NAME)` for variables that are declared before it.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub value: Text<'a>,
    /// Raw, since it is parsed only where an expression takes the variable.
    #[serde(borrow)]
    pub(crate) value_from: Option<RawText<'a>>,
}

/// An entry of `envFrom`: beyond their prefix, the names of the variables are in another object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EnvFrom<'a> {
    /// Empty if any name may come from it.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub prefix: Text<'a>,
}

/// An entry of `volumeMounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeMount<'a> {
    /// The name of the volume or claim template.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
    /// The path in the container.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub mount_path: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    sub_path: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    sub_path_expr: Text<'a>,
    /// `readOnly`, which the kubelet enforces.
    #[serde(deserialize_with = "json::lenient")]
    pub read_only: bool,
    /// e.g. `Bidirectional`.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub mount_propagation: Text<'a>,
}

/// An entry of `volumeDevices`: a volume as a block device.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeDevice<'a> {
    /// The name of the volume or claim template.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub name: Text<'a>,
}

/// The user that processes run as.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityContext {
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
}

/// The directory of a volume that a mount shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubPath<'a> {
    /// Neither field is set: the root of the volume.
    Root,
    /// `subPath`, in which `$` is an ordinary character.
    Fixed(&'a str),
    /// `subPathExpr`, which the kubelet expands.
    Expression(&'a str),
    /// Both fields; the API server rejects that.
    Both,
}

// === impl SecurityContext ===

impl SecurityContext {
    /// Returns the field that keeps the process from running as root, or `None` if it may.
    pub fn not_root(&self) -> Option<&'static str> {
        if self.run_as_user.is_some_and(|user| user != 0) {
            return Some("runAsUser");
        }
        self.run_as_non_root.filter(|non_root| *non_root).map(|_| "runAsNonRoot")
    }
}

// === impl VolumeMount ===

impl VolumeMount<'_> {
    /// Returns which directory of the volume is shown; an empty field is unset.
    pub fn part(&self) -> SubPath<'_> {
        match (&*self.sub_path, &*self.sub_path_expr) {
            ("", "") => SubPath::Root,
            (path, "") => SubPath::Fixed(path),
            ("", expression) => SubPath::Expression(expression),
            _ => SubPath::Both,
        }
    }

    /// `subPathExpr`, also beside `subPath`; empty if it is unset.
    pub fn sub_path_expr(&self) -> &str {
        &self.sub_path_expr
    }
}
