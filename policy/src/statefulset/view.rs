//! What the rules read of a StatefulSet, borrowed from its JSON.
//!
//! The pod template is generic: a review of an update reads it as raw text first, since most updates leave it as it
//! was. Volumes are in `volumes`, where their kinds matter.

use super::volumes::Volume;
use crate::json::{self, Members, Text};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A StatefulSet, its pod template read as `T`.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Default + Deserialize<'de>", serialize = ""))]
pub(super) struct StatefulSet<'a, T> {
    #[serde(borrow, default, deserialize_with = "json::object")]
    pub(super) metadata: Metadata<'a>,
    #[serde(borrow, default = "Spec::none", deserialize_with = "spec")]
    pub(super) spec: Spec<'a, T>,
}

/// A StatefulSet that is read as a whole.
pub(super) type Whole<'a> = StatefulSet<'a, Members<Template<'a>>>;

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) generate_name: Text<'a>,
    /// Empty until the object is stored.
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) uid: Text<'a>,
    #[serde(borrow, deserialize_with = "json::object")]
    pub(super) annotations: Annotations<'a>,
    #[serde(borrow, deserialize_with = "json::object")]
    pub(super) labels: Labels<'a>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
}

/// The annotations that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Annotations<'a> {
    #[serde(borrow, rename = "ordinance.dev/isolation")]
    pub(super) isolation: Option<Text<'a>>,
    #[serde(borrow, rename = "ordinance.dev/shared-volumes")]
    pub(super) shared_volumes: Option<Text<'a>>,
}

/// The labels that matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labels<'a> {
    #[serde(borrow, rename = "velero.io/restore-name")]
    pub(super) restore: Option<Text<'a>>,
}

/// `spec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Default + Deserialize<'de>", serialize = ""))]
pub(super) struct Spec<'a, T> {
    /// Absent counts as 1.
    #[serde(default)]
    pub(super) replicas: Option<i64>,
    #[serde(default, deserialize_with = "json::lenient")]
    pub(super) template: T,
    #[serde(borrow, default, deserialize_with = "json::objects")]
    pub(super) volume_claim_templates: Vec<ClaimTemplate<'a>>,
}

/// A claim template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimTemplate<'a> {
    #[serde(borrow, deserialize_with = "json::object")]
    metadata: TemplateMetadata<'a>,
    #[serde(borrow, deserialize_with = "json::object")]
    spec: ClaimSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClaimSpec<'a> {
    #[serde(borrow, deserialize_with = "json::list")]
    access_modes: Vec<Text<'a>>,
    data_source: Option<IgnoredAny>,
    data_source_ref: Option<IgnoredAny>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    volume_name: Text<'a>,
}

/// A pod template as it stands in the text.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct RawTemplate<'a>(#[serde(borrow)] Option<&'a RawValue>);

/// A pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template<'a> {
    #[serde(borrow, deserialize_with = "json::object")]
    pub(super) spec: Pod<'a>,
}

/// The pod's `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Pod<'a> {
    #[serde(borrow, deserialize_with = "json::list")]
    pub(super) volumes: Vec<Volume<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    pub(super) init_containers: Vec<Container<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    pub(super) containers: Vec<Container<'a>>,
    #[serde(deserialize_with = "json::object")]
    pub(super) security_context: SecurityContext,
    #[serde(borrow, deserialize_with = "json::object")]
    os: Os<'a>,
    #[serde(borrow, deserialize_with = "json::object")]
    node_selector: NodeSelector<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Os<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSelector<'a> {
    #[serde(borrow, rename = "kubernetes.io/os", deserialize_with = "json::lenient")]
    os: Text<'a>,
}

/// Whose files a process makes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SecurityContext {
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
}

/// A container, an init container or a sidecar.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
    /// None if there is no list to append to.
    #[serde(borrow, deserialize_with = "maybe_list")]
    pub(super) env: Option<Vec<EnvVar<'a>>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    pub(super) env_from: Vec<EnvFrom<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    pub(super) volume_mounts: Vec<Mount<'a>>,
    #[serde(borrow, deserialize_with = "json::objects")]
    pub(super) volume_devices: Vec<Device<'a>>,
    #[serde(deserialize_with = "json::object")]
    pub(super) security_context: SecurityContext,
}

/// An entry of `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvVar<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) value: Text<'a>,
    /// Read only where an expression takes it.
    #[serde(borrow)]
    pub(super) value_from: Option<&'a RawValue>,
}

/// An entry of `envFrom`: which names come from it is not known, beyond their prefix.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvFrom<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) prefix: Text<'a>,
}

/// An entry of `volumeMounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mount<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) mount_path: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    sub_path: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    sub_path_expr: Text<'a>,
    #[serde(deserialize_with = "json::lenient")]
    pub(super) read_only: bool,
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) mount_propagation: Text<'a>,
}

/// An entry of `volumeDevices`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Device<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    pub(super) name: Text<'a>,
}

/// Which part of its volume a mount shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Neither field is set: the root.
    Root,
    /// `subPath`.
    Fixed(&'a str),
    /// `subPathExpr`.
    Expression(&'a str),
    /// Both fields, which exclude each other.
    Both,
}

// === impl StatefulSet ===

impl<T> StatefulSet<'_, T> {
    /// How many replicas are asked for.
    pub(super) fn replicas(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether it is on its way out.
    pub(super) fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}

// === impl Spec ===

impl<T: Default> Spec<'_, T> {
    fn none() -> Self {
        Self { replicas: None, template: T::default(), volume_claim_templates: Vec::new() }
    }
}

// === impl RawTemplate ===

impl<'a> RawTemplate<'a> {
    /// The template, read.
    pub(super) fn read(self) -> Result<Template<'a>, serde_json::Error> {
        self.0.map_or_else(|| Ok(Template::default()), |raw| json::read(raw.get()))
    }

    /// Whether both say the same, in whatever order; `null` is absent.
    pub(super) fn says_the_same(self, other: Self) -> bool {
        let text = |raw: Self| raw.0.map_or("null", RawValue::get);
        text(self) == text(other) || json::says_the_same(text(self), text(other))
    }
}

// === impl ClaimTemplate ===

impl ClaimTemplate<'_> {
    /// The template's name, which is that of a volume of the pod.
    pub(super) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether the claims may be used on several nodes.
    pub(super) fn is_read_write_many(&self) -> bool {
        self.spec.access_modes.iter().any(|mode| &**mode == "ReadWriteMany")
    }

    /// The field by which the claims' volumes come with files in them.
    pub(super) fn filled_by(&self) -> Option<&'static str> {
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

// === impl Pod ===

impl<'a> Pod<'a> {
    /// Whether the pod runs on Windows.
    pub(super) fn is_windows(&self) -> bool {
        &*self.os.name == "windows" || &*self.node_selector.os == "windows"
    }

    /// All containers, with the list that each is in and its place there.
    pub(super) fn all_containers(&self) -> impl Iterator<Item = (&'static str, usize, &Container<'a>)> {
        let init = self.init_containers.iter().enumerate().map(|(i, c)| ("initContainers", i, c));
        init.chain(self.containers.iter().enumerate().map(|(i, c)| ("containers", i, c)))
    }
}

// === impl SecurityContext ===

impl SecurityContext {
    /// The field that says that the process is not root.
    pub(super) fn not_root(&self) -> Option<&'static str> {
        if self.run_as_user.is_some_and(|user| user != 0) {
            return Some("runAsUser");
        }
        self.run_as_non_root.filter(|non_root| *non_root).map(|_| "runAsNonRoot")
    }
}

// === impl Mount ===

impl Mount<'_> {
    /// Which part of the volume is shown; an empty field is unset.
    pub(super) fn part(&self) -> Part<'_> {
        match (&*self.sub_path, &*self.sub_path_expr) {
            ("", "") => Part::Root,
            (path, "") => Part::Fixed(path),
            ("", expression) => Part::Expression(expression),
            _ => Part::Both,
        }
    }
}

/// Reads `spec`, of which `null` is absent.
fn spec<'de, D, T>(deserializer: D) -> Result<Spec<'de, T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(json::maybe_object(deserializer)?.unwrap_or_else(Spec::none))
}

/// Reads a list, or none where it is absent or `null`.
fn maybe_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    let elements: Option<Vec<Option<Members<T>>>> = Option::deserialize(deserializer)?;
    Ok(elements.map(|list| list.into_iter().map(|element| element.unwrap_or_default().0).collect()))
}
