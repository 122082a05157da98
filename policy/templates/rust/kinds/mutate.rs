//! Gives the pods of a Deployment no token of the API server, unless the Deployment asks for one.

use ordinance_policy_sdk::prelude::*;

const NAME: &str = "{{name}}";

const DEPLOYMENTS: Resource = Resource::namespaced("apps", "v1", "deployments");

const UNDECIDED_TOKEN: PolicyRule =
    PolicyRule::deny("undecided-token", "A Deployment does not say whether its pods get a token")
        .setting("automount")
        .explanation(
            "Kubernetes mounts a token of the API server into every pod that does not refuse it.\n\n\
             The mutating webhook adds `automountServiceAccountToken`; write the field if it was not called.",
        );

/// Where a Deployment says whether its pods get a token.
const FIELD: [&str; 4] = ["spec", "template", "spec", "automountServiceAccountToken"];

/// The settings of the policy.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Whether pods get a token if their Deployment does not say so.
    pub automount: bool,
}

/// The policy.
pub struct NoToken;

ordinance_policy_sdk::export!(NoToken);

impl Policy for NoToken {
    type Settings = Settings;

    fn describe() -> PolicyDescription {
        PolicyDescription::new(NAME, env!("CARGO_PKG_VERSION"))
            .review(DEPLOYMENTS.review().and_mutate())
            .rule(UNDECIDED_TOKEN)
    }

    fn review(review: &Review<'_>, settings: &Settings) -> Result<Verdict, ObjectError> {
        let Some(object) = review.object() else { return Ok(Verdict::allow()) };
        let mut verdict = review.verdict();
        let mut patch = Patch::of(object)?;
        patch.add_missing(&FIELD, settings.automount)?;
        let fact = format!("Deployment {} does not say whether its pods get a token", object.quoted_name());
        let remedy = format!("Set {} to {}", FIELD.join("."), settings.automount);
        // The mutating webhook patches; the validating one denies what still lacks the patch.
        verdict.demand(&mut patch, UNDECIDED_TOKEN.finding(fact).field(FIELD.join(".")).remedy(remedy));
        Ok(verdict.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patched_object_needs_no_patch() {
        let object = r#"{"spec": {"template": {"spec": {}}}}"#;
        let request = Request { phase: Phase::Mutate, ..DEPLOYMENTS.creation("default", "web", object) };
        let verdict = review::<NoToken>(&request, &Settings::default(), &[]);
        let patch =
            r#"[{"op":"add","path":"/spec/template/spec/automountServiceAccountToken","value":false}]"#;
        assert_eq!(verdict, Verdict { patch: Some(patch.to_owned()), ..Verdict::allow() });

        let patched = r#"{"spec": {"template": {"spec": {"automountServiceAccountToken": false}}}}"#;
        let request = Request { object: Some(patched.into()), ..request };
        assert_eq!(review::<NoToken>(&request, &Settings::default(), &[]), Verdict::allow());
    }
}
