//! What a StatefulSet mounts where: borrowed views of the Kubernetes objects that say so, and how the kubelet reads them.
//!
//! A view is a struct of the few fields that a caller reads, borrowed from the object's JSON; fields that few callers
//! read stay raw text, and a method parses them. On top of the views: the volumes of a pod with all their mounts
//! ([`MountedVolume`]), the expansion of `subPathExpr` ([`Environment::resolve`]), and variables that nothing has filled in yet
//! ([`Placeholder`]). The crate knows no rule, no
//! setting and no name of Ordinance.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod expression;
pub mod json;
pub mod path;

mod claim;
mod container;
mod environment;
mod metadata;
mod mount_options;
mod mounted_volume;
mod persistent_volume;
mod placeholder;
mod pod_volume;
mod source;
mod stateful_set;
mod stored_pod;

pub use claim::{ClaimSpec, ClaimTemplate, PersistentVolumeClaim, Selector};
pub use container::{Container, EnvFrom, EnvVar, SecurityContext, SubPath, VolumeDevice, VolumeMount};
pub use environment::{
    AddedVariables, Declaration, Environment, ExpressionClass, ImplicitVariable, MissingVariable, Piece,
    ResolvedExpression, Steps, VariableSource,
};
pub use metadata::{Metadata, NoAnnotations, OtherAnnotations};
pub use mount_options::MountOptions;
pub use mounted_volume::{MountedVolume, PlacedContainer, PlacedDevice, PlacedMount, VolumeKind};
pub use persistent_volume::{
    ClaimReference, NodeName, PersistentVolume, PersistentVolumeSpec, VolumeAnnotations,
};
pub use placeholder::{DecidingKind, Placeholder};
pub use pod_volume::{ClaimSource, PodVolume, VolumeSource};
pub use source::{
    AttributeValue, Attributes, AzureFileSource, CephfsSource, CsiSource, GlusterfsSource, NfsSource,
    NodePath, QuobyteSource, SecretReference,
};
pub use stateful_set::{PodSpec, PodTemplate, RawTemplate, StatefulSet, StatefulSetSpec};
pub use stored_pod::missing_part;
