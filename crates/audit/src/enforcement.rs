//! Whether it is safe to enforce: what the webhooks would have refused or changed, from the stored state.

use crate::object_audit::{ExpectedAnswer, ObjectAudit};
use serde::Serialize;
use std::collections::BTreeMap;

/// The counts of what the webhooks would answer with a policy that enforces its rules, over all audited objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforcement {
    /// The objects that were audited.
    pub objects: u64,
    /// The answers if each object were created again beside the others.
    pub creations: RequestCounts,
    /// The answers to an update of each object that changes nothing.
    pub updates: RequestCounts,
    /// The objects that would be refused or changed by one of the requests.
    pub affected: u64,
    /// The objects for which the policy gave no verdict on one of the requests.
    pub without_answer: u64,
    /// The number of affected objects by namespace; empty for objects of no namespace.
    namespaces: BTreeMap<String, u64>,
}

/// The counts of the answers to one kind of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestCounts {
    /// Requests that would be refused.
    pub refused: u64,
    /// Requests that would be admitted with a patch.
    pub changed: u64,
    /// The number of refused requests by rule.
    pub rules: BTreeMap<String, u64>,
}

// === impl Enforcement ===

impl Enforcement {
    /// Counts an object. `namespace` returns the one that the object belongs to, and is called for an affected object only.
    pub fn add(&mut self, audit: &ObjectAudit, namespace: impl FnOnce() -> String) {
        self.objects += 1;
        self.creations.add(&audit.creation);
        self.updates.add(&audit.update);
        self.without_answer += u64::from(audit.reason_without_answer().is_some());
        if is_affected(&audit.creation) || is_affected(&audit.update) {
            self.affected += 1;
            *self.namespaces.entry(namespace()).or_default() += 1;
        }
    }

    /// Adds the counts of other objects.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.objects += other.objects;
        self.creations.merge(other.creations);
        self.updates.merge(other.updates);
        self.affected += other.affected;
        self.without_answer += other.without_answer;
        for (namespace, count) in other.namespaces {
            *self.namespaces.entry(namespace).or_default() += count;
        }
        self
    }

    /// Returns whether nothing stored would be refused or changed, and every object has an answer.
    pub fn is_safe(&self) -> bool {
        self.affected == 0 && self.without_answer == 0
    }

    /// Returns the namespaces with the most affected objects, at most `limit`, with their number; the most first.
    pub fn top_namespaces(&self, limit: usize) -> Vec<(&str, u64)> {
        let mut namespaces: Vec<(&str, u64)> =
            self.namespaces.iter().map(|(namespace, count)| (namespace.as_str(), *count)).collect();
        namespaces.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        namespaces.truncate(limit);
        namespaces
    }
}

// === impl RequestCounts ===

impl RequestCounts {
    fn add(&mut self, answer: &ExpectedAnswer) {
        match answer {
            ExpectedAnswer::Unchanged | ExpectedAnswer::Failed(_) => {}
            ExpectedAnswer::Changed(_) => self.changed += 1,
            ExpectedAnswer::Refused(rules) => {
                self.refused += 1;
                for rule in rules {
                    *self.rules.entry(rule.clone()).or_default() += 1;
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.refused += other.refused;
        self.changed += other.changed;
        for (rule, count) in other.rules {
            *self.rules.entry(rule).or_default() += count;
        }
    }
}

const fn is_affected(answer: &ExpectedAnswer) -> bool {
    matches!(answer, ExpectedAnswer::Changed(_) | ExpectedAnswer::Refused(_))
}

/// Returns the namespace of an object for a message; objects of no namespace have none.
pub(crate) fn namespace_title(namespace: &str) -> &str {
    if namespace.is_empty() { "(no namespace)" } else { namespace }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Verdict;

    fn audited(creation: ExpectedAnswer, update: ExpectedAnswer) -> ObjectAudit {
        ObjectAudit::new(Verdict::allow(), creation, update)
    }

    fn refused(rule: &str) -> ExpectedAnswer {
        ExpectedAnswer::Refused(vec![rule.to_owned()])
    }

    #[test]
    fn an_object_is_affected_once_and_counts_for_its_namespace() {
        let mut counts = Enforcement::default();
        counts.add(&audited(refused("a"), refused("a")), || "shop".to_owned());
        counts.add(&audited(ExpectedAnswer::Unchanged, ExpectedAnswer::Unchanged), || "shop".to_owned());
        counts.add(&audited(ExpectedAnswer::Changed(Vec::new()), ExpectedAnswer::Unchanged), || {
            "data".to_owned()
        });
        counts.add(&audited(refused("b"), ExpectedAnswer::Unchanged), || "data".to_owned());
        assert_eq!((counts.objects, counts.affected, counts.is_safe()), (4, 3, false));
        assert_eq!((counts.creations.refused, counts.creations.changed, counts.updates.refused), (2, 1, 1));
        assert_eq!(counts.creations.rules, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]));
        assert_eq!(counts.top_namespaces(1), [("data", 2)]);
        assert_eq!(counts.clone().merged(counts).top_namespaces(9), [("data", 4), ("shop", 2)]);
    }

    #[test]
    fn an_object_without_an_answer_is_not_safe() {
        let mut counts = Enforcement::default();
        counts.add(&audited(ExpectedAnswer::Unchanged, ExpectedAnswer::Unchanged), || "".to_owned());
        assert!(counts.is_safe());
        counts.add(&ObjectAudit::failed("too large".to_owned()), || "".to_owned());
        assert_eq!((counts.is_safe(), counts.affected, counts.without_answer), (false, 0, 1));
    }
}
