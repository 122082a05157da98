//! Variables that a patch adds to a container.

use super::Declaration;
use super::resolved_expressions::ResolvedExpressions;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Variables that a patch adds to a container, in the order of the patch; each has another name.
#[derive(Clone, Debug, Default)]
pub struct AddedVariables<'a> {
    declarations: Vec<Declaration<'a>>,
    by_name: BTreeMap<&'a str, usize>,
    /// The expressions that take one of them, resolved since the last one was added or removed.
    pub(super) resolved: RefCell<ResolvedExpressions>,
}

// === impl AddedVariables ===

impl<'a> AddedVariables<'a> {
    /// The variables, in the order of the patch.
    pub fn declarations(&self) -> &[Declaration<'a>] {
        &self.declarations
    }

    /// Adds a variable, unless there is one of its name; returns whether it is added.
    pub fn add(&mut self, declaration: Declaration<'a>) -> bool {
        if self.by_name.contains_key(declaration.name()) {
            return false;
        }
        self.by_name.insert(declaration.name(), self.declarations.len());
        self.declarations.push(declaration);
        self.resolved.get_mut().clear();
        true
    }

    /// Removes the variable that was added last.
    pub fn remove_last(&mut self) {
        if let Some(last) = self.declarations.pop() {
            self.by_name.remove(last.name());
            self.resolved.get_mut().clear();
        }
    }

    /// Returns the variable of a name, and its index among the added ones.
    pub(super) fn find(&self, name: &str) -> Option<(usize, Declaration<'a>)> {
        let index = *self.by_name.get(name)?;
        self.declarations.get(index).map(|declaration| (index, *declaration))
    }

    /// Returns whether one of the names is that of a copied variable. An implicit one has the same value whether or not it
    /// is added.
    pub(super) fn has_copy_of<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        let is_copy = |(_, declaration)| matches!(declaration, Declaration::Copy(_));
        !self.declarations.is_empty() && names.any(|name| self.find(name).is_some_and(is_copy))
    }
}
