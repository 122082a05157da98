//! The trait that a policy implements, and how its functions answer the questions of the contract.

use super::object::{Object, ObjectError};
use super::review::Review;
use super::settings;
use crate::description::{PolicyDescription, PolicyRule};
use crate::raw_policy::{PendingVerdict, RawPolicy, Step};
use ordinance_contract::{
    Description, Holding, INVALID_SETTINGS, Key, Problem, Request, Scope, Verdict, WARNING_CHARS, one_line,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// The rules that every policy has, since the SDK reports their findings.
const SETTINGS_RULE: PolicyRule = PolicyRule::deny(INVALID_SETTINGS, "The settings of the policy are invalid")
    .explanation("The policy denies every request while its settings are invalid. A host checks them when it loads the policy.");

const OBJECT_RULE: PolicyRule = PolicyRule::deny("unreadable-object", "The policy cannot read the object")
    .explanation("A field has another type than the policy expects, so that the policy cannot decide. Correct the field.");

/// A policy: a pure function of a request, the settings and the holdings of other objects.
pub trait Policy: 'static {
    /// The settings. `#[serde(deny_unknown_fields, default)]` refuses a misspelt one, and gives each its default.
    type Settings: DeserializeOwned + JsonSchema + Default + 'static;

    /// Describes the policy: its name and version, what it watches and reviews, and its rules. The SDK adds the JSON Schema of
    /// the settings, and the rules `invalid-settings` and `unreadable-object`.
    fn describe() -> PolicyDescription;

    /// Checks what the type of the settings cannot express. Returns one problem for each setting that cannot be used.
    fn check(_settings: &Self::Settings) -> Vec<Problem> {
        Vec::new()
    }

    /// Returns the keys that an object of a watched kind holds, uses or looks at: they, and nothing else, decide which
    /// holdings of other objects a review gets.
    ///
    /// # Errors
    ///
    /// The object can't be read. The host leaves a stored one out of the index; a request about it is denied.
    fn keys(_object: &Object<'_>, _settings: &Self::Settings) -> Result<Vec<Key>, ObjectError> {
        Ok(Vec::new())
    }

    /// Returns the verdict on a request.
    ///
    /// # Errors
    ///
    /// The object can't be read: the request is denied.
    fn review(review: &Review<'_>, settings: &Self::Settings) -> Result<Verdict, ObjectError>;
}

/// A review of a [`Policy`] that waits for holdings.
pub struct PendingTypedReview<'a, P: Policy> {
    request: &'a Request<'a>,
    settings: &'a P::Settings,
    object: Option<Object<'a>>,
    old_object: Option<Object<'a>>,
}

/// Returns the verdict of a policy on a request, given the holdings that overlap the object's keys: for tests.
pub fn review<P: Policy>(request: &Request<'_>, settings: &P::Settings, holdings: &[Holding]) -> Verdict {
    match P::start(request, settings) {
        Step::Decided(verdict) => verdict,
        Step::Needs(_, pending) => pending.verdict(holdings),
    }
}

/// The first step of a review, with the lifetimes that a test has.
trait StartedPolicy: Policy + Sized {
    fn start<'a>(
        request: &'a Request<'a>,
        settings: &'a Self::Settings,
    ) -> Step<PendingTypedReview<'a, Self>> {
        let object = |text: &'a Option<_>| text.as_deref().map(|text| Object::new(&request.scope, text));
        let (object, old_object) = (object(&request.object), object(&request.old_object));
        let pending = PendingTypedReview::<Self> { request, settings, object, old_object };
        match pending.keys() {
            Ok(keys) if keys.is_empty() => Step::Decided(pending.verdict(&[])),
            Ok(keys) => Step::Needs(keys, pending),
            Err(error) => Step::Decided(unreadable(request, &error)),
        }
    }
}

impl<P: Policy> StartedPolicy for P {}

impl<P: Policy> RawPolicy for P {
    type Settings = <P as Policy>::Settings;
    type Pending<'a> = PendingTypedReview<'a, P>;

    fn describe() -> Description {
        <P as Policy>::describe()
            .rule_unless_described(SETTINGS_RULE)
            .rule_unless_described(OBJECT_RULE)
            .with_settings_schema(settings::schema::<<P as Policy>::Settings>())
    }

    fn check_settings(text: &str) -> Result<String, Vec<Problem>> {
        let settings = settings::read(text).map_err(|problem| vec![problem])?;
        let problems = P::check(&settings);
        if problems.is_empty() { Ok(text.to_owned()) } else { Err(problems) }
    }

    fn read_settings(text: String) -> Result<<P as Policy>::Settings, String> {
        settings::read(&text).map_err(|Problem { field, message }| ObjectError { field, message }.to_string())
    }

    fn keys(scope: &Scope<'_>, object: &str, settings: &<P as Policy>::Settings) -> Result<Vec<Key>, String> {
        let object = Object::new(scope, object);
        <P as Policy>::keys(&object, settings).map_err(|error| unreadable_line(&object, &error))
    }

    fn review<'a>(
        request: &'a Request<'a>,
        settings: &'a <P as Policy>::Settings,
    ) -> Step<PendingTypedReview<'a, P>> {
        P::start(request, settings)
    }
}

// === impl PendingTypedReview ===

impl<P: Policy> PendingTypedReview<'_, P> {
    fn keys(&self) -> Result<Vec<Key>, ObjectError> {
        self.object.as_ref().map_or_else(|| Ok(Vec::new()), |object| P::keys(object, self.settings))
    }
}

impl<P: Policy> PendingVerdict for PendingTypedReview<'_, P> {
    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let review = Review {
            request: self.request,
            object: self.object.as_ref(),
            old_object: self.old_object.as_ref(),
            holdings,
        };
        P::review(&review, self.settings).unwrap_or_else(|error| unreadable(self.request, &error))
    }
}

/// Denies a request about an object that can't be read: the policy can't know whether it would admit it.
fn unreadable(request: &Request<'_>, error: &ObjectError) -> Verdict {
    let text = request.object.as_deref().or(request.old_object.as_deref()).unwrap_or_default();
    let fact = unreadable_line(&Object::new(&request.scope, text), error);
    let finding = OBJECT_RULE.finding(fact).field(error.field.clone());
    Verdict { findings: vec![finding.remedy("Correct the field").into()], ..Verdict::allow() }
}

fn unreadable_line(object: &Object<'_>, error: &ObjectError) -> String {
    let line = format!("{} {} can't be read: {error}", object.scope().resource, object.quoted_name());
    one_line(&line, WARNING_CHARS).into_owned()
}
