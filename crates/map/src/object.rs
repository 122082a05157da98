//! An object of the cluster, as JSON before and after the policy's patch.

use ordinance_contract::Scope;
use std::borrow::Cow;

/// An object of the cluster.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Its kind, namespace and name.
    pub scope: Scope<'a>,
    /// The JSON before the policy's patch.
    pub before: Cow<'a, str>,
    /// The JSON after the policy's patch.
    pub after: Cow<'a, str>,
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Returns an object that the policy does not patch.
    pub fn new(scope: Scope<'a>, text: impl Into<Cow<'a, str>>) -> Self {
        let before = text.into();
        Self { scope, after: before.clone(), before }
    }

    /// Returns the object after the policy's patch.
    pub(crate) fn patched(&self) -> Object<'_> {
        Object { scope: self.scope.borrowed(), before: Cow::Borrowed(&self.after), after: Cow::Borrowed("") }
    }
}

impl Object<'_> {
    pub(crate) fn is(&self, group: &str, resource: &str) -> bool {
        self.scope.group == group && self.scope.resource == resource
    }
}
