//! The flags that choose which findings are shown.

use crate::config::namespace;
use clap::Args;
use ordinance_audit::FindingFilter;
use ordinance_contract::Rule;
use std::time::SystemTime;

/// The findings to show.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterArgs {
    /// Show findings about objects of this namespace, and about volumes of its claims; may be repeated
    #[arg(short, long, value_name = "NAME", value_parser = namespace, env = "ORDINANCE_NAMESPACE", hide_env = true)]
    namespace: Vec<String>,
    /// Show findings of this rule; may be repeated
    #[arg(long, value_name = "RULE", env = "ORDINANCE_RULE", hide_env = true)]
    rule: Vec<String>,
    /// Show findings about objects created since, e.g. 7d or 2027-01-31T12:00:00Z; of two that overlap the newer counts
    #[arg(long, value_name = "TIME", value_parser = since, env = "ORDINANCE_SINCE", hide_env = true)]
    since: Option<SystemTime>,
}

// === impl FilterArgs ===

impl FilterArgs {
    /// Returns the first rule that does not exist.
    pub(super) fn unknown_rule(&self, rules: &[Rule]) -> Option<String> {
        self.rule.iter().find(|id| rules.iter().all(|rule| rule.id != **id)).cloned()
    }

    pub(super) fn filter(&self) -> FindingFilter {
        FindingFilter {
            namespaces: self.namespace.iter().cloned().collect(),
            rules: self.rule.iter().cloned().collect(),
            since: self.since,
        }
    }

    /// Returns whether objects of a namespace are shown.
    pub(super) fn shows_namespace(&self, namespace: &str) -> bool {
        self.namespace.is_empty() || self.namespace.iter().any(|shown| shown == namespace)
    }

    /// Returns whether a flag chooses among the findings of one namespace.
    pub(super) fn chooses_findings(&self) -> bool {
        !self.rule.is_empty() || self.since.is_some()
    }

    /// Returns the names of the given flags for a message; empty if there are none.
    pub(super) fn names(&self) -> String {
        let flags = [
            ("--namespace", !self.namespace.is_empty()),
            ("--rule", !self.rule.is_empty()),
            ("--since", self.since.is_some()),
        ];
        let given: Vec<&str> =
            flags.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
        given.join(", ")
    }
}

/// Parses a value of `--since`: a time, or how long ago it was.
fn since(text: &str) -> Result<SystemTime, String> {
    since_at(text, SystemTime::now())
}

fn since_at(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let midnight = format!("{text}T00:00:00Z");
    if let Ok(time) = humantime::parse_rfc3339_weak(text).or_else(|_| humantime::parse_rfc3339(&midnight)) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).ok().and_then(|duration| now.checked_sub(duration));
    ago.ok_or_else(|| {
        format!("`{text}` is neither a duration nor a time; write e.g. 7d or 2027-01-31T12:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_absolute_or_a_duration_ago() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * 86_400);
        let day = |days: u64| Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400));
        assert_eq!(since_at("7d", now), day(93));
        assert_eq!(since_at("1970-01-03T00:00:00Z", now), day(2));
        assert_eq!(since_at("1970-01-03 00:00:00", now), day(2));
        assert_eq!(since_at("1970-01-03", now), day(2));
        for text in ["", "yesterday", "7", "-1d"] {
            assert!(since_at(text, now).is_err(), "{text}");
        }
    }
}
