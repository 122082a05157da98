//! The functions of the contract, with their types.

use super::bindings::rules;
use super::guest::Exports;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

/// A function that a policy exports.
pub(super) trait Function {
    /// What it takes, in order.
    type Arguments<'a>: ComponentNamedList + Lower;
    /// What it returns.
    type Answer: Lift + 'static;

    /// Returns where the component exports it.
    fn export(exports: &Exports) -> ComponentExportIndex;
}

/// What the policy is.
pub(super) enum Describe {}

/// Whether it can use settings.
pub(super) enum CheckSettings {}

/// The keys of a stored object.
pub(super) enum Keys {}

/// The verdict on a request, or what it depends on.
pub(super) enum Review {}

/// The verdict on the request under review, with what it depends on.
pub(super) enum Resume {}

impl Function for Describe {
    type Arguments<'a> = ();
    type Answer = rules::Description;

    fn export(exports: &Exports) -> ComponentExportIndex {
        exports.describe
    }
}

impl Function for CheckSettings {
    type Arguments<'a> = (&'a str,);
    type Answer = Result<String, Vec<rules::Problem>>;

    fn export(exports: &Exports) -> ComponentExportIndex {
        exports.check_settings
    }
}

impl Function for Keys {
    type Arguments<'a> = (rules::ScopeParam<'a>, &'a str, &'a str);
    type Answer = Result<Vec<rules::Key>, String>;

    fn export(exports: &Exports) -> ComponentExportIndex {
        exports.keys
    }
}

impl Function for Review {
    type Arguments<'a> = (rules::Request<'a>, &'a str, Option<&'a [rules::Holding<'a>]>);
    type Answer = rules::Outcome;

    fn export(exports: &Exports) -> ComponentExportIndex {
        exports.review
    }
}

impl Function for Resume {
    type Arguments<'a> = (&'a [rules::Holding<'a>],);
    type Answer = rules::Verdict;

    fn export(exports: &Exports) -> ComponentExportIndex {
        exports.resume
    }
}
