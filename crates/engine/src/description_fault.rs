//! What is wrong with a policy's description, so that no webhook could be made of it.

use ordinance_contract::{Description, MatchCondition, NAME_CHARS, Phase, ReviewScope, Rule, Watch, acts};

/// What a DNS label is, for errors.
const LABEL: &str = "it must be a DNS label: lower-case letters, digits and `-`";

/// Returns the first fault, as the object of "describes itself with"; `None` if there is none.
pub(crate) fn description_fault(description: &Description) -> Option<String> {
    let Description { name, watches, reviews, rules, .. } = description;
    let unlabelled = (!is_label(name)).then(|| format!("the name {name:?}, which is not a DNS label"));
    unlabelled
        .or_else(|| watches.iter().find_map(watch_fault))
        .or_else(|| reviews.iter().find_map(review_fault))
        .or_else(|| repeated_name(reviews))
        .or_else(|| reviews.iter().flat_map(|scope| &scope.match_conditions).find_map(condition_fault))
        .or_else(|| rules.iter().find_map(rule_fault))
}

fn watch_fault(watch: &Watch) -> Option<String> {
    let Watch { group, version, resource, .. } = watch;
    let fault = kind_fault(group, version, resource)?;
    Some(format!("a watch that can't be used, of {resource:?}: {fault}"))
}

fn review_fault(scope: &ReviewScope) -> Option<String> {
    let ReviewScope { group, version, resource, subresource, .. } = scope;
    let fault = kind_fault(group, version, resource)
        .or_else(|| (!subresource.is_empty()).then(|| label_fault("subresource", subresource)).flatten())
        .or_else(|| label_fault("name", &scope.name))
        .or_else(|| scope.operations.is_empty().then(|| "it has no operation".to_owned()))
        .or_else(|| scope.phases.is_empty().then(|| "it has no phase".to_owned()))?;
    Some(format!("a review that can't be used, {:?}: {fault}", scope.name))
}

fn kind_fault(group: &str, version: &str, resource: &str) -> Option<String> {
    if !is_group(group) {
        let remedy = wildcard(group).unwrap_or("it must be DNS labels with dots between them");
        return Some(format!("the group {group:?} is not valid: {remedy}"));
    }
    label_fault("version", version).or_else(|| label_fault("resource", resource))
}

/// Returns why a part is no DNS label.
fn label_fault(part: &str, text: &str) -> Option<String> {
    (!is_label(text))
        .then(|| format!("the {part} {text:?} is not valid: {}", wildcard(text).unwrap_or(LABEL)))
}

fn wildcard(text: &str) -> Option<&'static str> {
    text.contains('*').then_some("wildcards are not supported, name each resource")
}

/// Returns the first two reviews of one phase with the same name, of which webhooks with the same name would be made.
fn repeated_name(reviews: &[ReviewScope]) -> Option<String> {
    for (position, scope) in reviews.iter().enumerate() {
        let is_in = |phase: &&Phase, other: &ReviewScope| other.phases.contains(phase);
        let earlier = reviews.iter().take(position).filter(|other| other.name == scope.name);
        for other in earlier {
            let Some(phase) = scope.phases.iter().find(|phase| is_in(phase, other)) else { continue };
            return Some(format!(
                "two reviews {:?} in the phase {}, of {} ({}) and of {} ({}): give each a name of its own, `.named(\"…\")` in the SDK",
                scope.name,
                phase.word(),
                other.group_resource(),
                other.version,
                scope.group_resource(),
                scope.version
            ));
        }
    }
    None
}

/// Returns whether a text is an API group: DNS labels with dots between them, or empty for the core group.
fn is_group(group: &str) -> bool {
    group.is_empty() || group.len() <= NAME_CHARS && group.split('.').all(is_label)
}

/// A reader must see every character of a condition, so that it means what it seems to mean.
fn condition_fault(MatchCondition { name, expression }: &MatchCondition) -> Option<String> {
    let is_unseen = |c: char| acts(c) && !matches!(c, '\n' | '\t');
    expression
        .contains(is_unseen)
        .then(|| format!("a match condition with characters that can't be seen: {name:?}"))
}

fn rule_fault(Rule { id, .. }: &Rule) -> Option<String> {
    (!is_label(id)).then(|| format!("a rule of the id {id:?}, which is not in kebab case"))
}

/// Returns whether a name can be part of a webhook's path: whether it is a DNS label (RFC 1123).
pub fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::{FailurePolicy, Operation};

    fn review(name: &str, group: &str, resource: &str, phase: Phase) -> ReviewScope {
        ReviewScope {
            name: name.to_owned(),
            group: group.to_owned(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
            subresource: String::new(),
            namespaced: true,
            operations: vec![Operation::Create],
            phases: vec![phase],
            failure_policy: FailurePolicy::Fail,
            match_conditions: Vec::new(),
        }
    }

    fn fault(reviews: Vec<ReviewScope>) -> Option<String> {
        description_fault(&Description {
            name: "mine".to_owned(),
            version: "1.0.0".to_owned(),
            watches: Vec::new(),
            reviews,
            rules: Vec::new(),
            settings_schema: "{}".to_owned(),
        })
    }

    #[test]
    fn names_the_part_of_a_review_that_is_not_valid_and_the_way_out() {
        let sets = || review("sets", "apps", "statefulsets", Phase::Validate);
        for (invalid, expected) in [
            (
                review("*", "*", "*", Phase::Validate),
                "a review that can't be used, \"*\": the group \"*\" is not valid: wildcards are not supported, name each resource",
            ),
            (
                review("Sets", "apps", "statefulsets", Phase::Validate),
                "a review that can't be used, \"Sets\": the name \"Sets\" is not valid: it must be a DNS label: lower-case letters, digits and `-`",
            ),
            (
                ReviewScope { operations: Vec::new(), ..sets() },
                "a review that can't be used, \"sets\": it has no operation",
            ),
            (
                ReviewScope { subresource: "*".to_owned(), ..sets() },
                "a review that can't be used, \"sets\": the subresource \"*\" is not valid: wildcards are not supported, name each resource",
            ),
        ] {
            assert_eq!(fault(vec![sets(), invalid]).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_name_may_stand_for_one_review_of_each_phase() {
        let one = review("sets", "apps", "statefulsets", Phase::Validate);
        let other_phase = ReviewScope { phases: vec![Phase::Mutate], ..one.clone() };
        assert_eq!(fault(vec![one.clone(), other_phase]), None);
        let scale = ReviewScope { subresource: "scale".to_owned(), ..one.clone() };
        let expected = "two reviews \"sets\" in the phase validate, of statefulsets.apps (v1) and of statefulsets.apps/scale (v1): give each a name of its own, `.named(\"…\")` in the SDK";
        assert_eq!(fault(vec![one, scale]).as_deref(), Some(expected));
    }
}
