//! The rules that keep the replicas of a StatefulSet out of each other's files.
//!
//! [`keys`] returns the keys of a stored object. [`review`] returns the verdict on a request, given the overlapping
//! holdings of other objects. [`start_review`] is `review` in two steps, so that an object is parsed only once: it
//! decides at once, or returns a [`PendingReview`] that needs holdings. Each kind of object has a module of its own.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod catalogue;
mod claim;
mod display;
mod export;
mod findings;
mod parsed_request;
mod persistent_volume;
mod placeholder;
mod reviews;
mod rules;
mod settings;
mod settings_check;
mod statefulset;
mod storage_class;

pub use settings::Settings;

use findings::Findings;
use ordinance_contract::{
    Description, Holding, Key, Operation, Problem, Request, Scope, Verdict, WARNING_CHARS, Watch, one_line,
    without_position,
};
use parsed_request::ParsedRequest;
use rules::StorageRule;
use settings::Mode;

/// A parsed request whose verdict depends on the holdings that overlap its keys.
pub struct PendingReview<'a> {
    parsed: Box<dyn ParsedRequest + 'a>,
}

/// The result of [`start_review`].
pub enum StartedReview<'a> {
    /// The verdict depends on no other object.
    Decided(Verdict),
    /// The verdict depends on the holdings that overlap these keys.
    NeedsHoldings(Vec<Key>, PendingReview<'a>),
}

/// Describes the policy: its name and version, what it watches and reviews, its rules, and the schema of its settings.
pub fn describe() -> Description {
    let watch = |group: &str, resource: &str| Watch {
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        metadata_only: false,
        precedes: false,
    };
    Description {
        name: "storage".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        watches: vec![
            watch("", "persistentvolumes"),
            watch("apps", "statefulsets"),
            Watch { metadata_only: true, precedes: true, ..watch("", "persistentvolumeclaims") },
        ],
        reviews: reviews::all(),
        rules: rules::all(),
        settings_schema: settings::SCHEMA.to_owned(),
    }
}

/// Checks settings, and returns them as [`Settings::parse`] reads them fastest; an empty text means the defaults.
///
/// # Errors
///
/// Every setting that is unknown or has an invalid value.
pub fn check_settings(settings: &str) -> Result<String, Vec<Problem>> {
    settings_check::check(settings)
}

/// Returns the keys that a stored object holds or uses.
///
/// # Errors
///
/// One line, if the object can't be parsed.
pub fn keys(scope: &Scope<'_>, object: &str, settings: &Settings) -> Result<Vec<Key>, String> {
    if placeholder::is_in(scope, object) {
        return Ok(Vec::new());
    }
    let keys = match kind(scope) {
        ObjectKind::StatefulSet => statefulset::keys(scope, object, settings),
        ObjectKind::Claim => claim::keys(scope, object, settings),
        ObjectKind::PersistentVolume => persistent_volume::keys(scope, object, settings),
        ObjectKind::Scale | ObjectKind::StorageClass | ObjectKind::Other => Ok(Vec::new()),
    };
    keys.map_err(|error| unreadable(scope, &error))
}

/// Returns the verdict on a request, given all holdings that overlap its keys.
pub fn review(request: &Request<'_>, settings: &Settings, holdings: &[Holding]) -> Verdict {
    match start_review(request, settings) {
        StartedReview::Decided(verdict) => verdict,
        StartedReview::NeedsHoldings(_, pending) => pending.verdict(holdings),
    }
}

/// Parses a request, and decides it if the verdict depends on no other object.
pub fn start_review<'a>(request: &'a Request<'_>, settings: &'a Settings) -> StartedReview<'a> {
    if let Some(verdict) = placeholder::verdict(request, settings) {
        return StartedReview::Decided(verdict);
    }
    let parsed = match parse(request, settings) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return StartedReview::Decided(Verdict::allow()),
        Err(error) => return StartedReview::Decided(unreadable_verdict(request, settings, &error)),
    };
    let keys = parsed.keys();
    if keys.is_empty() {
        return StartedReview::Decided(parsed.verdict(&[]));
    }
    StartedReview::NeedsHoldings(keys, PendingReview { parsed })
}

// === impl PendingReview ===

impl PendingReview<'_> {
    /// Returns the verdict, given all holdings that overlap the keys.
    pub fn verdict(&self, holdings: &[Holding]) -> Verdict {
        self.parsed.verdict(holdings)
    }
}

/// The kinds of objects that the policy knows.
enum ObjectKind {
    StatefulSet,
    Scale,
    Claim,
    PersistentVolume,
    StorageClass,
    Other,
}

fn kind(scope: &Scope<'_>) -> ObjectKind {
    match (&*scope.group, &*scope.resource, &*scope.subresource) {
        ("apps", "statefulsets", "") => ObjectKind::StatefulSet,
        ("apps", "statefulsets", "scale") => ObjectKind::Scale,
        ("", "persistentvolumeclaims", "") => ObjectKind::Claim,
        ("", "persistentvolumes", "") => ObjectKind::PersistentVolume,
        ("storage.k8s.io", "storageclasses", "") => ObjectKind::StorageClass,
        _ => ObjectKind::Other,
    }
}

/// Parses a request, or returns `None` if the policy reviews no such request.
fn parse<'a>(
    request: &'a Request<'_>,
    settings: &'a Settings,
) -> Result<Option<Box<dyn ParsedRequest + 'a>>, serde_json::Error> {
    if !matches!(request.operation, Operation::Create | Operation::Update) {
        return Ok(None);
    }
    let Some(object) = request.object.as_deref() else { return Ok(None) };
    match kind(&request.scope) {
        ObjectKind::StatefulSet => statefulset::parse(request, object, settings).map(Some),
        ObjectKind::Scale => statefulset::parse_scale(request, object, settings).map(Some),
        ObjectKind::Claim => claim::parse(request, object, settings).map(Some),
        ObjectKind::PersistentVolume => persistent_volume::parse(request, object, settings).map(Some),
        ObjectKind::StorageClass => storage_class::parse(request, object, settings).map(Some),
        ObjectKind::Other => Ok(None),
    }
}

/// Allows an object that can't be parsed, with a warning that it was not checked: the API server will reject it anyway.
fn unreadable_verdict(request: &Request<'_>, settings: &Settings, error: &serde_json::Error) -> Verdict {
    let mut findings = Findings::new(settings.mode);
    let fact = format!("Ordinance did not check this object: {}", unreadable(&request.scope, error));
    findings.add(StorageRule::UnreadableObject.warn("", fact));
    findings.audit("unreadable", without_position(&error.to_string()));
    findings.into_verdict(None)
}

/// Describes in one line why an object can't be parsed.
fn unreadable(scope: &Scope<'_>, error: &serde_json::Error) -> String {
    let reason = error.to_string();
    let line = format!("{} {:?} can't be read: {}", scope.resource, scope.name, without_position(&reason));
    one_line(&line, WARNING_CHARS).into_owned()
}

/// Denies a request because the settings are invalid. A host checks settings first, so only other callers see it.
pub fn invalid_settings(reason: &str) -> Verdict {
    let mut findings = Findings::new(Mode::Enforce);
    let fact = format!("the settings of the policy are invalid: {reason}");
    findings.add(StorageRule::InvalidSettings.deny("", fact));
    findings.into_verdict(None)
}
