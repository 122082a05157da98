//! A limit on the work that expressions cause.

use std::cell::Cell;
use std::rc::Rc;

/// Bytes of text that one step reads or copies.
const STEP_BYTES: usize = 64;

/// The steps that expressions may still take. Clones share them.
///
/// A step is a variable, a text of up to 64 bytes, or a comparison of either. Values may take values, so a small
/// template can name a large one as often as it has mounts. Once the steps are spent, every expression is
/// [unresolved](super::ExpressionClass::Unresolved).
#[derive(Clone, Debug)]
pub struct Steps(Rc<Cell<Option<usize>>>);

// === impl Steps ===

impl Steps {
    /// Returns that many steps.
    pub fn new(steps: usize) -> Self {
        Self(Rc::new(Cell::new(Some(steps))))
    }

    /// Returns steps that are never spent, for the templates of the offline commands.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// Returns whether more steps were wanted than there were.
    pub fn are_spent(&self) -> bool {
        self.0.get().is_none()
    }

    /// Spends the steps for a text of that many bytes; returns false if there were too few.
    pub fn spend_on(&self, bytes: usize) -> bool {
        self.spend(1 + bytes / STEP_BYTES)
    }

    /// Spends steps; returns false if there were too few, and then none is left.
    pub fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().and_then(|left| left.checked_sub(steps));
        self.0.set(left);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_their_steps() {
        let steps = Steps::new(2);
        assert!(steps.clone().spend_on(STEP_BYTES));
        assert!(!steps.are_spent());
        assert!(!steps.spend_on(0));
        assert!(steps.are_spent());
    }
}
