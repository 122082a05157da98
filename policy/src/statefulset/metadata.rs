//! StatefulSets with the annotations and labels that the rules read.

use ordinance_storage::PodTemplate;
use ordinance_storage::json::{Members, Text};
use serde::Deserialize;

/// A StatefulSet whose pod template is parsed as `T`.
pub(super) type StatefulSet<'a, T> = ordinance_storage::StatefulSet<'a, T, Metadata<'a>>;

/// A StatefulSet with its parsed pod template.
pub(super) type ParsedStatefulSet<'a> = StatefulSet<'a, Members<PodTemplate<'a>>>;

/// `metadata` of a StatefulSet.
pub(super) type Metadata<'a> =
    ordinance_storage::Metadata<'a, Members<SetAnnotations<'a>>, Members<SetLabels<'a>>>;

/// The opt-out annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct SetAnnotations<'a> {
    #[serde(borrow, rename = "ordinance.dev/isolation")]
    pub(super) isolation: Option<Text<'a>>,
    #[serde(borrow, rename = "ordinance.dev/shared-volumes")]
    pub(super) shared_volumes: Option<Text<'a>>,
}

/// The labels that backup tools set on what they restore.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SetLabels<'a> {
    #[serde(borrow, rename = "velero.io/restore-name")]
    pub(super) restore: Option<Text<'a>>,
}
