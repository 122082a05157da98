//! A policy with faults that its settings plant. Without one it is sound: a host stands once, and an Ingress gets a mark.

use ordinance_policy_sdk::prelude::*;
use ordinance_policy_sdk::serde_json::{Value, json};

const INGRESSES: Resource = Resource::namespaced("networking.k8s.io", "v1", "ingresses");

const SHARED_HOST: PolicyRule = PolicyRule::deny("shared-host", "Two Ingresses have one host");

const UNMARKED: PolicyRule = PolicyRule::deny("unmarked", "An Ingress has no mark");

/// The tree of all keys of this policy.
const REALM: &str = "ingress-host";

const MARK: [&str; 3] = ["metadata", "annotations", "mark"];

/// The settings of the policy.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// What is wrong with the policy.
    pub fault: Option<Fault>,
}

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// An Ingress excludes only those that precede it by name.
    OneDirection,
    /// No replica reserves a host, so that two reviews at a time see nothing of each other.
    Unreserved,
    /// The second review counts the labels of other webhooks, and the third one patches again because of that.
    ThirdReview,
}

/// The policy.
pub struct Faults;

ordinance_policy_sdk::export!(Faults);

impl Policy for Faults {
    type Settings = Settings;

    fn describe() -> PolicyDescription {
        PolicyDescription::new("faults", "1.0.0")
            .watch(INGRESSES.watch())
            .review(INGRESSES.review().and_mutate())
            .rule(SHARED_HOST)
            .rule(UNMARKED)
    }

    fn keys(object: &Object<'_>, settings: &Settings) -> Result<Vec<Key>, ObjectError> {
        let host = object.json()?.pointer("/spec/rules/0/host").and_then(Value::as_str);
        let stance = match settings.fault {
            Some(Fault::Unreserved) => Stance::Uses,
            _ => Stance::Holds,
        };
        Ok(host.map(|host| Key { stance, ..Key::holds(REALM, [host]) }).into_iter().collect())
    }

    fn review(review: &Review<'_>, settings: &Settings) -> Result<Verdict, ObjectError> {
        let Some(object) = review.object() else { return Ok(Verdict::allow()) };
        let mut verdict = review.verdict();
        let mut patch = Patch::of(object)?;
        patch.add_missing(&MARK, "1")?;
        if settings.fault == Some(Fault::ThirdReview) {
            count_labels(object.json()?, &mut patch)?;
        }
        verdict.demand(&mut patch, UNMARKED.finding("an Ingress has no mark"));
        let excludes = |other: &&Holding| match settings.fault {
            Some(Fault::OneDirection) => *other.holder.name < *review.scope().name,
            _ => true,
        };
        for other in review.holdings().iter().filter(excludes) {
            let fact = format!("{} has the host of {}", object.quoted_name(), other.holder.name);
            verdict.report(SHARED_HOST.finding(fact).related(&other.holder));
        }
        Ok(verdict.build())
    }
}

/// Marks an object with labels at its second review, and marks that mark at the third one.
fn count_labels(object: &Value, patch: &mut Patch) -> Result<(), ObjectError> {
    let annotation = |name: &str| object.pointer(&format!("/metadata/annotations/{name}"));
    if annotation("mark").is_some() && object.pointer("/metadata/labels").is_some() {
        patch.add_missing(&["metadata", "annotations", "labels"], json!("1"))?;
    }
    if annotation("labels").is_some() {
        patch.add_missing(&["metadata", "annotations", "settled"], json!("1"))?;
    }
    Ok(())
}
