//! The result of an expansion.

use super::{POD_INDEX_LABEL, POD_NAME, Steps, UNSTABLE};

/// An expression with the values of its variables, as far as the pod template tells them.
#[derive(Clone, Debug)]
pub struct ResolvedExpression {
    pub(super) pieces: Vec<Piece>,
    /// How the pieces differ between pods, apart from what is missing.
    pub(super) class: ExpressionClass<'static>,
    /// The first missing variable.
    pub(super) missing: Option<MissingVariable>,
    pub(super) repeated: Option<String>,
    /// Whether the steps lasted to its end.
    pub(super) is_complete: bool,
    /// Bytes of its texts and sources.
    pub(super) bytes: usize,
    pub(super) steps: Steps,
}

/// A part of a resolved expression.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// The value of a variable that the pod template does not tell.
    Variable {
        /// The variable's name; through others, that of the innermost one.
        name: String,
        /// Where its value comes from.
        source: VariableSource,
    },
}

/// Where the value of a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// A field of the pod, e.g. `metadata.name`.
    Field(String),
    /// Something else that is the same for all replicas, such as a resource limit.
    Same(String),
    /// Another object or a file.
    Elsewhere(String),
    /// Nowhere: the variable stops the container.
    Missing(MissingVariable),
}

/// A variable of an expression with which the kubelet does not start the container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissingVariable {
    /// It is not declared.
    Undeclared(String),
    /// Its value is empty.
    Empty(String),
}

/// How the value of an expression differs between the pods of a StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpressionClass<'r> {
    /// Each ordinal has its own value and keeps it.
    PerOrdinal,
    /// Each pod has its own value, and its successor has another one.
    Unstable,
    /// All pods have the same value.
    Same,
    /// The value comes from outside the pod template, so nothing can be proved.
    Unproved,
    /// No pod starts.
    Missing(&'r MissingVariable),
    /// The [`Steps`] were spent before its end.
    Unresolved,
}

// === impl ResolvedExpression ===

impl ResolvedExpression {
    /// The pieces, from left to right.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns how the value differs between the pods of a StatefulSet.
    pub fn class(&self) -> ExpressionClass<'_> {
        match &self.missing {
            _ if !self.is_complete => ExpressionClass::Unresolved,
            Some(missing) => ExpressionClass::Missing(missing),
            None => self.class,
        }
    }

    /// Returns a variable that it takes and that is declared twice.
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }

    /// Returns whether both have the same value in every pod, whatever their variables are called. False if the steps do
    /// not last.
    pub fn is_same_as(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) {
            return self.is_complete;
        }
        let pieces = self.pieces.len();
        pieces == other.pieces.len()
            && self.is_complete
            && other.is_complete
            && self.steps.spend(pieces)
            && self.steps.spend_on(self.bytes.min(other.bytes))
            && self.pieces.iter().zip(&other.pieces).all(|(one, other)| one.is_same_as(other))
    }
}

// === impl VariableSource ===

impl VariableSource {
    /// Returns the class of an expression that takes the variable, if it had `before` without it. The class that says most
    /// about the expression wins.
    pub(super) fn class(&self, before: ExpressionClass<'static>) -> ExpressionClass<'static> {
        let own = match self {
            Self::Field(path) if UNSTABLE.contains(&&**path) => ExpressionClass::Unstable,
            Self::Field(path) if is_per_ordinal(path) => ExpressionClass::PerOrdinal,
            Self::Elsewhere(_) => ExpressionClass::Unproved,
            Self::Field(_) | Self::Same(_) | Self::Missing(_) => ExpressionClass::Same,
        };
        let weight = |class| match class {
            ExpressionClass::Unstable => 3,
            ExpressionClass::PerOrdinal => 2,
            ExpressionClass::Unproved => 1,
            ExpressionClass::Same | ExpressionClass::Missing(_) | ExpressionClass::Unresolved => 0,
        };
        if weight(own) > weight(before) { own } else { before }
    }

    /// Returns how many bytes a comparison reads.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Field(text)
            | Self::Same(text)
            | Self::Elsewhere(text)
            | Self::Missing(MissingVariable::Undeclared(text) | MissingVariable::Empty(text)) => text.len(),
        }
    }
}

// === impl Piece ===

impl Piece {
    /// Returns whether both have the same value in every pod: names do not matter.
    fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Variable { source: one, .. }, Self::Variable { source: other, .. }) => one == other,
            _ => false,
        }
    }
}

/// Returns whether each ordinal has its own value of a field and keeps it.
fn is_per_ordinal(path: &str) -> bool {
    path == POD_NAME || path == POD_INDEX_LABEL
}
