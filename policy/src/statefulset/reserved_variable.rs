//! The two variables whose names are reserved. The mutating call adds their declarations to containers whose
//! expressions use them.

use ordinance_storage::{Declaration, ImplicitVariable, expression};

/// A reserved variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReservedVariable {
    /// `ORDINANCE_POD_NAME`.
    PodName,
    /// `ORDINANCE_POD_NAMESPACE`.
    PodNamespace,
}

/// The reserved variables, which expressions may use without a declaration.
pub(super) const IMPLICIT: &[ImplicitVariable] = &[POD_NAME, POD_NAMESPACE];

const POD_NAME: ImplicitVariable =
    ImplicitVariable { name: "ORDINANCE_POD_NAME", field_path: "metadata.name" };

const POD_NAMESPACE: ImplicitVariable =
    ImplicitVariable { name: "ORDINANCE_POD_NAMESPACE", field_path: "metadata.namespace" };

// === impl ReservedVariable ===

impl ReservedVariable {
    const ALL: [Self; 2] = [Self::PodName, Self::PodNamespace];

    /// Returns the reserved variable of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reserved| reserved.name() == name)
    }

    /// Returns the reserved variable with the value of a field of the pod.
    pub(super) fn of_field(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reserved| reserved.field_path() == path)
    }

    /// Iterates over the reserved variables that an expression uses.
    pub(super) fn used_by(expression: &str) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|reserved| expression::variables(expression).any(|name| name == reserved.name()))
    }

    /// The variable's name.
    pub(super) const fn name(self) -> &'static str {
        self.implicit().name
    }

    /// The field of the pod that its value comes from.
    pub(super) const fn field_path(self) -> &'static str {
        self.implicit().field_path
    }

    /// Returns its declaration in `env`.
    pub(super) const fn declaration<'a>(self) -> Declaration<'a> {
        Declaration::Implicit(self.implicit())
    }

    const fn implicit(self) -> &'static ImplicitVariable {
        match self {
            Self::PodName => &POD_NAME,
            Self::PodNamespace => &POD_NAMESPACE,
        }
    }
}
