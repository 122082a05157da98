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

/// The export `describe`, which returns the policy's description.
pub(super) enum Describe {}

/// The export `check-settings`, which returns the settings as the policy reads them fastest.
pub(super) enum CheckSettings {}

/// The export `keys`, which returns the keys of a stored object.
pub(super) enum Keys {}

/// The export `review`, which returns the verdict on a request, or the keys that it depends on.
pub(super) enum Review {}

/// The export `resume`, which returns the verdict of a review that got the holdings it asked for.
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
