//! Denies an Ingress with a host that another Ingress has.
//!
//! A host name is a key: the server indexes the keys of the stored objects, and gives a review those that overlap. So the policy
//! lists nothing, and two Ingresses that arrive together cannot both be admitted.

use ordinance_policy_sdk::prelude::*;
use std::collections::BTreeMap;

const NAME: &str = "{{name}}";

const INGRESSES: Resource = Resource::namespaced("networking.k8s.io", "v1", "ingresses");

const SHARED_HOST: PolicyRule =
    PolicyRule::deny("shared-host", "Two Ingresses have one host").setting("sharedHosts").explanation(
        "Which of two Ingresses gets the requests to one host depends on the controller.\n\n\
         Give each Ingress a host of its own, or name the host in the setting `sharedHosts`.",
    );

/// The tree of all keys of this policy.
const REALM: &str = "ingress-host";

/// The settings of the policy.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Hosts that several Ingresses may have.
    pub shared_hosts: Vec<String>,
}

/// The fields of an Ingress that the policy reads.
#[derive(Deserialize)]
struct Ingress {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    rules: Vec<IngressRule>,
}

#[derive(Deserialize)]
struct IngressRule {
    #[serde(default)]
    host: String,
}

/// The policy.
pub struct UniqueHosts;

ordinance_policy_sdk::export!(UniqueHosts);

impl Policy for UniqueHosts {
    type Settings = Settings;

    fn describe() -> PolicyDescription {
        PolicyDescription::new(NAME, env!("CARGO_PKG_VERSION"))
            .watch(INGRESSES.watch())
            .review(INGRESSES.review())
            .rule(SHARED_HOST)
    }

    fn keys(object: &Object<'_>, settings: &Settings) -> Result<Vec<Key>, ObjectError> {
        Ok(hosts(object, settings)?.into_keys().map(|host| Key::holds(REALM, [host])).collect())
    }

    fn review(review: &Review<'_>, settings: &Settings) -> Result<Verdict, ObjectError> {
        let Some(object) = review.object() else { return Ok(Verdict::allow()) };
        let mut verdict = review.verdict();
        let hosts = hosts(object, settings)?;
        for holding in review.holdings() {
            // The path of a key is the host.
            let Some((host, position)) = holding.path.first().and_then(|host| hosts.get_key_value(host))
            else {
                continue;
            };
            let other = &holding.holder;
            let fact = format!(
                "Ingress {} has the host {host:?}, which Ingress {:?} in namespace {:?} has",
                object.quoted_name(),
                other.name,
                other.namespace
            );
            verdict.report(
                SHARED_HOST
                    .finding(fact)
                    .field(format!("spec.rules[{position}].host"))
                    .remedy("Choose another host")
                    .related(other),
            );
        }
        Ok(verdict.build())
    }
}

/// Returns the hosts that must be unique, each with the position of its first rule.
fn hosts(object: &Object<'_>, settings: &Settings) -> Result<BTreeMap<String, usize>, ObjectError> {
    let mut hosts = BTreeMap::new();
    for (position, IngressRule { host }) in object.read::<Ingress>()?.spec.rules.into_iter().enumerate() {
        // A rule without a host is for all hosts that no other rule names.
        if !host.is_empty() && !settings.shared_hosts.contains(&host) {
            hosts.entry(host).or_insert(position);
        }
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_two_rules_is_one_key() {
        let object = r#"{"spec": {"rules": [{"host": "a.example.com"}, {"host": "a.example.com"}, {}]}}"#;
        let scope = INGRESSES.object("default", "web");
        let keys = UniqueHosts::keys(&Object::new(&scope, object), &Settings::default());
        assert_eq!(keys, Ok(vec![Key::holds(REALM, ["a.example.com"])]));
    }
}
