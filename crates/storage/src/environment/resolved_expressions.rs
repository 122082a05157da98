//! Resolved expressions by their texts.

use super::ResolvedExpression;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

/// Resolved expressions by their texts.
///
/// They are found by a hash first: texts may be long and begin alike, and a search compares many. The hash is in a tree
/// and not in a table, whose buckets an attacker could fill.
#[derive(Clone, Debug, Default)]
pub(super) struct ResolvedExpressions(BTreeMap<u64, Vec<(String, Rc<ResolvedExpression>)>>);

// === impl ResolvedExpressions ===

impl ResolvedExpressions {
    /// Returns an expression if it is resolved already.
    pub(super) fn find(&self, expression: &str) -> Option<Rc<ResolvedExpression>> {
        let known = self.0.get(&hash(expression))?;
        known.iter().find(|(text, _)| text == expression).map(|(_, resolved)| Rc::clone(resolved))
    }

    /// Adds an expression that is not there.
    pub(super) fn add(&mut self, expression: &str, resolved: Rc<ResolvedExpression>) {
        self.0.entry(hash(expression)).or_default().push((expression.to_owned(), resolved));
    }

    /// Removes all expressions.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn hash(expression: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    expression.hash(&mut hasher);
    hasher.finish()
}
