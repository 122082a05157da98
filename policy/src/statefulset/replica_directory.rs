//! The directory of a replica in a volume, which replaces the root of the volume for all mounts of the replica.
//!
//! A mount without a sub-path shows the root, and a mount at `$(POD_NAME)/data` shows what it calls `data`. The mounts
//! keep this relation if the first one gets `$(POD_NAME)`.

use super::reserved_variable::ReservedVariable;
use ordinance_storage::{
    ExpressionClass, Piece, PlacedContainer, PlacedMount, ResolvedExpression, VariableSource, expression,
};
use std::borrow::Cow;
use std::rc::Rc;

/// A directory per replica, as the expressions of other mounts begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplicaDirectory<'a> {
    /// The mount that the expression is taken from.
    pub(super) mount: PlacedMount<'a>,
    pub(super) expression: &'a str,
}

// === impl ReplicaDirectory ===

impl<'a> ReplicaDirectory<'a> {
    /// Returns the whole expression of a mount.
    pub(super) fn of(mount: PlacedMount<'a>) -> Option<Self> {
        mount.expression().map(|expression| Self { mount, expression })
    }

    /// Returns the longest common beginning of the mounts' expressions that ends with a segment which differs from
    /// replica to replica.
    pub(super) fn common(mounts: impl IntoIterator<Item = PlacedMount<'a>>) -> Option<Self> {
        let mut mounts = mounts.into_iter();
        let mount = mounts.next()?;
        let expression = mount.expression()?;
        let segments = expression::segments(expression);
        let mut resolved: Vec<Rc<ResolvedExpression>> =
            segments.iter().map(|segment| mount.container.env.resolve(segment)).collect();
        let is_other = |other: &PlacedMount<'a>| {
            other.container.place != mount.container.place || other.part() != mount.part()
        };
        for other in mounts.filter(is_other) {
            resolved.truncate(common_segments(&resolved, &other));
        }
        let last = resolved.iter().rposition(|segment| differs_per_replica(segment))?;
        let end: usize = segments.iter().take(last + 1).map(|segment| segment.len() + 1).sum();
        Some(Self { mount, expression: expression.get(..end - 1)? })
    }

    /// Returns the resolved expression.
    pub(super) fn resolved(&self) -> Rc<ResolvedExpression> {
        self.mount.container.env.resolve(self.expression)
    }

    /// Returns the expression of the directory in another container: as the mount spells it or, if that means something
    /// else there, with the reserved variables.
    pub(super) fn expression_in(&self, container: &PlacedContainer<'a>) -> Cow<'a, str> {
        let meaning = self.resolved();
        if container.env.resolve(self.expression).is_same_as(&meaning) {
            return Cow::Borrowed(self.expression);
        }
        let spelled: Option<String> = meaning.pieces().iter().map(spelled_with_reserved_variables).collect();
        spelled.map_or(Cow::Borrowed(self.expression), Cow::Owned)
    }
}

/// Returns how many segments the expression of a mount has in common with these.
fn common_segments(segments: &[Rc<ResolvedExpression>], mount: &PlacedMount<'_>) -> usize {
    let own = mount.expression().map(expression::segments).unwrap_or_default();
    let is_same =
        |(one, own): &(&Rc<ResolvedExpression>, &&str)| one.is_same_as(&mount.container.env.resolve(own));
    segments.iter().zip(&own).take_while(is_same).count()
}

fn differs_per_replica(segment: &ResolvedExpression) -> bool {
    matches!(segment.class(), ExpressionClass::PerOrdinal | ExpressionClass::Unstable)
}

/// Returns a piece of an expression, or `None` if no reserved variable has its value.
fn spelled_with_reserved_variables(piece: &Piece) -> Option<String> {
    match piece {
        Piece::Text(text) => Some(expression::escaped(text)),
        Piece::Variable { source: VariableSource::Field(path), .. } => {
            ReservedVariable::of_field(path).map(|reserved| format!("$({})", reserved.name()))
        }
        Piece::Variable { .. } => None,
    }
}
