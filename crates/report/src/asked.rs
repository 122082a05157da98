//! Whether a policy is asked about a request, as text.

use ordinance_contract::{Description, Operation, Phase, Request};

/// Returns the statement that `policy` is asked about a request in none of these phases; `None` if it is asked in one.
pub fn unasked(
    policy: &str,
    description: &Description,
    request: &Request<'_>,
    phases: &[Phase],
) -> Option<String> {
    let Request { operation, scope, .. } = request;
    if phases.iter().any(|phase| description.is_asked(scope, *operation, *phase)) {
        return None;
    }
    let place = match phases {
        [phase] => format!(" in the phase {}", phase.word()),
        _ => String::new(),
    };
    Some(format!("the API server does not ask {policy} about {}{place}", asked_about(request)))
}

/// Returns what a policy is asked about by a request, e.g. `CREATE of statefulsets.apps (v1)`.
pub fn asked_about(Request { operation, scope, .. }: &Request<'_>) -> String {
    format!("{} of {} ({})", operation.word(), scope.group_resource(), scope.version)
}

/// Returns the requests about which the API server asks a policy, e.g. `CREATE, UPDATE of statefulsets.apps (v1), phase validate`.
pub fn asked_requests(description: &Description) -> Vec<String> {
    let mut requests: Vec<String> = Vec::new();
    for scope in &description.reviews {
        let operations: Vec<&str> = scope.operations.iter().copied().map(Operation::word).collect();
        let phases: Vec<&str> = scope.phases.iter().copied().map(Phase::word).collect();
        let text = format!(
            "{} of {} ({}), phase {}",
            operations.join(", "),
            scope.group_resource(),
            scope.version,
            phases.join(", ")
        );
        if !requests.contains(&text) {
            requests.push(text);
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{FailurePolicy, ReviewScope, Scope};

    fn description() -> Description {
        let review = |subresource: &str, operations: &[Operation], phases: &[Phase]| ReviewScope {
            name: "sets".to_owned(),
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            resource: "statefulsets".to_owned(),
            subresource: subresource.to_owned(),
            namespaced: true,
            operations: operations.to_vec(),
            phases: phases.to_vec(),
            failure_policy: FailurePolicy::Fail,
            match_conditions: Vec::new(),
        };
        Description {
            name: "mine".to_owned(),
            version: "1.0.0".to_owned(),
            watches: Vec::new(),
            reviews: vec![
                review("", &[Operation::Create, Operation::Update], &[Phase::Validate]),
                review("scale", &[Operation::Update], &[Phase::Mutate, Phase::Validate]),
            ],
            rules: Vec::new(),
            settings_schema: "{}".to_owned(),
        }
    }

    fn request(version: &'static str, operation: Operation) -> Request<'static> {
        let scope = Scope {
            group: "apps".into(),
            version: version.into(),
            resource: "statefulsets".into(),
            ..Scope::default()
        };
        Request {
            operation,
            phase: Phase::Validate,
            scope,
            kind: "StatefulSet".into(),
            dry_run: false,
            user_info: "".into(),
            object: None,
            old_object: None,
        }
    }

    #[test]
    fn says_about_which_request_in_which_phase_a_policy_is_not_asked() {
        let description = description();
        let says = |request: &Request<'_>, phases: &[Phase]| unasked("mine", &description, request, phases);
        let both = [Phase::Mutate, Phase::Validate];
        let create = request("v1", Operation::Create);
        assert_eq!(says(&create, &both), None);
        assert_eq!(says(&create, &[Phase::Audit]), None);
        assert_eq!(
            says(&create, &[Phase::Mutate]).as_deref(),
            Some(
                "the API server does not ask mine about CREATE of statefulsets.apps (v1) in the phase mutate"
            )
        );
        assert_eq!(
            says(&request("v1", Operation::Delete), &both).as_deref(),
            Some("the API server does not ask mine about DELETE of statefulsets.apps (v1)")
        );
        assert_eq!(
            says(&request("v2", Operation::Create), &both).as_deref(),
            Some("the API server does not ask mine about CREATE of statefulsets.apps (v2)")
        );
    }

    #[test]
    fn lists_what_a_policy_is_asked_about() {
        assert_eq!(
            asked_requests(&description()),
            [
                "CREATE, UPDATE of statefulsets.apps (v1), phase validate",
                "UPDATE of statefulsets.apps/scale (v1), phase mutate, validate",
            ]
        );
    }
}
