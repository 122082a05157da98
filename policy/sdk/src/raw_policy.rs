//! The interface of a policy that reads settings and objects in its own way.

use ordinance_contract::{
    Description, Finding, Holding, INVALID_SETTINGS, Key, Problem, Request, Scope, Severity, Verdict,
};

/// A policy that reads settings and objects in its own way. [`Policy`](crate::Policy) is simpler to implement.
///
/// The functions are those of the contract, except that settings are read in one place and that `review` and `resume` share
/// a value.
pub trait RawPolicy: 'static {
    /// Settings, read.
    type Settings: 'static;

    /// A review that waits for holdings: the parsed object and whatever else `resume` needs.
    type Pending<'a>: PendingVerdict + 'a;

    /// Describes the policy. The result is constant.
    fn describe() -> Description;

    /// Checks settings, and returns them in the form that [`read_settings`](Self::read_settings) reads fastest. An empty text
    /// stands for the defaults.
    ///
    /// # Errors
    ///
    /// Every setting that cannot be used.
    fn check_settings(settings: &str) -> Result<String, Vec<Problem>>;

    /// Reads settings, in the form of the operator or in that of [`check_settings`](Self::check_settings).
    ///
    /// # Errors
    ///
    /// In one line why they can't be read.
    fn read_settings(settings: String) -> Result<Self::Settings, String>;

    /// Returns the verdict on a request whose settings can't be read: a denial. A host checks settings first, so that only
    /// other callers see it.
    fn invalid_settings(reason: &str) -> Verdict {
        let fact = format!("the settings of the policy are invalid: {reason}");
        let finding = Finding::new(INVALID_SETTINGS, Severity::Deny, &fact);
        Verdict { findings: vec![finding], ..Verdict::allow() }
    }

    /// Returns the keys that a stored object holds, uses or looks at.
    ///
    /// # Errors
    ///
    /// In one line why the object can't be read.
    fn keys(scope: &Scope<'_>, object: &str, settings: &Self::Settings) -> Result<Vec<Key>, String>;

    /// Parses a request, and decides it if no other object matters.
    fn review<'a>(request: &'a Request<'a>, settings: &'a Self::Settings) -> Step<Self::Pending<'a>>;
}

/// The first step of a review.
pub enum Step<P> {
    /// The verdict depends on no other object.
    Decided(Verdict),
    /// The verdict depends on the holdings that overlap these keys. If the object has keys of its own, they are among these,
    /// exactly as [`RawPolicy::keys`] returns them.
    Needs(Vec<Key>, P),
}

/// A review that waits for holdings.
pub trait PendingVerdict {
    /// Returns the verdict, given all holdings that overlap the keys.
    fn verdict(&self, holdings: &[Holding]) -> Verdict;
}
