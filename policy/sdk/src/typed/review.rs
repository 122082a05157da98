//! A request under review.

use super::object::Object;
use super::verdict_builder::VerdictBuilder;
use ordinance_contract::{Holding, Operation, Phase, Request, Scope};

/// A request, its objects, and what other objects hold.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) object: Option<&'a Object<'a>>,
    pub(super) old_object: Option<&'a Object<'a>>,
    pub(super) holdings: &'a [Holding],
}

// === impl Review ===

impl<'a> Review<'a> {
    /// Returns the request, with whatever has no method here.
    pub fn request(&self) -> &'a Request<'a> {
        self.request
    }

    /// Returns why the policy is asked.
    pub fn phase(&self) -> Phase {
        self.request.phase
    }

    /// Returns what happens to the object.
    pub fn operation(&self) -> Operation {
        self.request.operation
    }

    /// Returns the names of the object and of its kind.
    pub fn scope(&self) -> &'a Scope<'a> {
        &self.request.scope
    }

    /// Returns the object; `None` on `DELETE`.
    pub fn object(&self) -> Option<&'a Object<'a>> {
        self.object
    }

    /// Returns the stored object; `None` on `CREATE`.
    pub fn old_object(&self) -> Option<&'a Object<'a>> {
        self.old_object
    }

    /// Returns the keys of other objects that overlap this object's; empty for an object without keys.
    pub fn holdings(&self) -> &'a [Holding] {
        self.holdings
    }

    /// Begins the verdict.
    pub fn verdict(&self) -> VerdictBuilder {
        VerdictBuilder::new(self.request.phase)
    }
}
