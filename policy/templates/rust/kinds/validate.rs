//! Denies a Deployment with more replicas than the settings allow.

use ordinance_policy_sdk::prelude::*;

const NAME: &str = "{{name}}";

const DEPLOYMENTS: Resource = Resource::namespaced("apps", "v1", "deployments");

const TOO_MANY_REPLICAS: PolicyRule =
    PolicyRule::deny("too-many-replicas", "A Deployment has more replicas than allowed")
        .setting("maxReplicas")
        .explanation(
            "Every replica costs memory and a share of the quota.\n\n\
             Set `spec.replicas` to the number that the service needs.",
        );

/// The settings of the policy.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The most replicas that a Deployment may have.
    #[schemars(range(min = 1))]
    pub max_replicas: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_replicas: 10 }
    }
}

/// The fields of a Deployment that the policy reads.
#[derive(Deserialize)]
struct Deployment {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    replicas: Option<u32>,
}

/// The policy.
pub struct FewReplicas;

ordinance_policy_sdk::export!(FewReplicas);

impl Policy for FewReplicas {
    type Settings = Settings;

    fn describe() -> PolicyDescription {
        PolicyDescription::new(NAME, env!("CARGO_PKG_VERSION"))
            .review(DEPLOYMENTS.review())
            .rule(TOO_MANY_REPLICAS)
    }

    fn check(settings: &Settings) -> Vec<Problem> {
        match settings.max_replicas {
            0 => vec![Problem { field: "maxReplicas".to_owned(), message: "must be 1 or more".to_owned() }],
            _ => Vec::new(),
        }
    }

    fn review(review: &Review<'_>, settings: &Settings) -> Result<Verdict, ObjectError> {
        let Some(object) = review.object() else { return Ok(Verdict::allow()) };
        let mut verdict = review.verdict();
        // The API server sets one replica if the field is missing.
        let replicas = object.read::<Deployment>()?.spec.replicas.unwrap_or(1);
        let most = settings.max_replicas;
        if replicas > most {
            let fact = format!(
                "Deployment {} has {replicas} replicas, and at most {most} are allowed",
                object.quoted_name()
            );
            verdict.report(
                TOO_MANY_REPLICAS
                    .finding(fact)
                    .field("spec.replicas")
                    .remedy(format!("Set spec.replicas to {most} or less")),
            );
        }
        Ok(verdict.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_missing_field_as_one_replica() {
        let request = DEPLOYMENTS.creation("default", "web", r#"{"spec": {}}"#);
        assert_eq!(review::<FewReplicas>(&request, &Settings { max_replicas: 1 }, &[]), Verdict::allow());
    }
}
