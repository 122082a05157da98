//! StorageClasses whose provisioner gives several claims the same directory.
//!
//! They are judged on creation only, since the parameters of a class are immutable.

use crate::catalogue::{
    self, ClassRow, FoundDriver, NFS_SUBDIR, PatternVariables, Reference, Value, Values, condition_names,
    holds, wanted_value,
};
use crate::display::shorten;
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::rules::StorageRule;
use crate::settings::{ClassOutcome, Settings};
use ordinance_contract::{Holding, Key, Operation, Request, Verdict};
use ordinance_storage::MountOptions;
use ordinance_storage::json::{self, Text};
use ordinance_storage::path::{joined, segments};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The longest value of a parameter in a message, in characters.
const VALUE_CHARS: usize = 60;

/// Parses a request for a StorageClass.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    let class = ordinance_json::read(object)?;
    Ok(Box::new(ClassReview { class, name: &request.scope.name, operation: request.operation, settings }))
}

/// A request for a StorageClass.
struct ClassReview<'a> {
    class: StorageClass<'a>,
    name: &'a str,
    operation: Operation,
    settings: &'a Settings,
}

/// The fields of a StorageClass that the rules read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StorageClass<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    metadata: ClassMetadata<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    provisioner: Text<'a>,
    #[serde(borrow, deserialize_with = "json::strings")]
    parameters: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    reclaim_policy: Text<'a>,
    #[serde(borrow, deserialize_with = "json::list")]
    mount_options: Vec<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClassMetadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    generate_name: Text<'a>,
}

/// A class with the row of its provisioner.
struct KnownClass<'a> {
    class: &'a StorageClass<'a>,
    options: MountOptions<'a>,
    row: ClassRow<'a>,
}

/// The pattern of the directories.
struct Pattern<'a> {
    /// The parameter without which there is none.
    first: &'a str,
    /// The last of the parameters that make it.
    key: &'a str,
    /// Their values, joined.
    text: String,
}

/// Whether two volumes of a class get different directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectoryUniqueness {
    /// They always do.
    Unique,
    /// They do unless namespace and name of two claims are the same when joined.
    Ambiguous,
    /// They do if annotations or labels of the claims differ, which a claim need not have.
    Optional,
    /// Some do: the pattern contains the namespace or the name of the claim.
    Partial,
    /// They never do.
    Constant,
}

/// A parameter that makes volumes share a directory.
struct ClassFault {
    field: String,
    /// The beginning of the fact; the consequence follows.
    fact: String,
    remedy: String,
}

// === impl ClassReview ===

impl ParsedRequest for ClassReview<'_> {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn verdict(&self, _holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if self.operation == Operation::Create && self.settings.storage_classes != ClassOutcome::Off {
            self.review(&mut findings);
        }
        findings.into_verdict(None)
    }
}

impl ClassReview<'_> {
    /// Reports what the row of the provisioner knows to be wrong with the class.
    fn review(&self, findings: &mut Findings) {
        let Some(row) = row(&self.class, self.settings) else { return };
        let options = MountOptions::of(self.class.mount_options.iter().map(|option| &**option));
        let known = KnownClass { class: &self.class, options, row: row.class };
        for fault in known.faults() {
            self.report(findings, &known, &fault);
        }
        if let Some((field, ambiguity)) = known.ambiguity() {
            findings.add(StorageRule::AmbiguousClass.warn(field, format!("{} {ambiguity}", self.title())));
        }
    }

    fn report(&self, findings: &mut Findings, known: &KnownClass<'_>, fault: &ClassFault) {
        let fact = format!("{} {}", self.title(), fault.fact);
        let loss = "volumes of this class overwrite each other's files";
        if self.settings.storage_classes == ClassOutcome::Deny && !known.keeps_files() {
            let fact = format!("{fact}: {loss}, and a deleted claim deletes those of the others");
            let remedy = format!("{}, or set reclaimPolicy: Retain", fault.remedy);
            findings.add(StorageRule::CollapsingClass.deny(&fault.field, fact).remedy(remedy));
        } else {
            let finding = StorageRule::CollapsingClass.warn(&fault.field, format!("{fact}: {loss}"));
            findings.add(finding.remedy(&fault.remedy));
        }
    }

    fn title(&self) -> String {
        let name = match (self.name, &*self.class.metadata.name) {
            ("", "") => format!("{}*", &*self.class.metadata.generate_name),
            ("", name) | (name, _) => name.to_owned(),
        };
        format!("StorageClass {:?}", shorten(&name, VALUE_CHARS))
    }
}

// === impl StorageClass ===

impl StorageClass<'_> {
    /// Returns a parameter's name as written and its value, for a name in any case. `None` if the value is empty.
    fn parameter(&self, name: &str) -> Option<(&str, &str)> {
        self.parameters
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(key, value)| (&**key, &**value))
    }
}

/// Returns the row of the provisioner of a class.
fn row<'a>(class: &StorageClass<'_>, settings: &'a Settings) -> Option<FoundDriver<'a>> {
    let name = &*class.provisioner;
    catalogue::find(name, &settings.drivers).or_else(|| {
        // The operator chooses the name of this provisioner, but only its patterns have such variables.
        let has_variables =
            || class.parameter("pathPattern").is_some_and(|(_, pattern)| pattern.contains("${.PVC."));
        (name.contains("nfs-subdir-external-provisioner") || has_variables())
            .then_some(FoundDriver::BuiltIn(&NFS_SUBDIR))
    })
}

// === impl KnownClass ===

impl Values for KnownClass<'_> {
    fn value(&self, reference: Reference<'_>) -> Value<'_> {
        match reference {
            Reference::Attribute(name) => Value::of(self.class.parameter(name).map(|(_, value)| value)),
            // A flag such as `guest` has no value.
            Reference::Option(name) if self.options.has(name) => Value::Known("true"),
            Reference::Option(name) => Value::of(self.options.value(name)),
            _ => Value::Absent,
        }
    }
}

impl<'a> KnownClass<'a> {
    /// Returns the pattern of the directories, if the class has one.
    fn pattern(&self) -> Option<Pattern<'a>> {
        if !holds(self.row.only_if, self) {
            return None;
        }
        let mut values = self.row.directory.iter().map(|name| self.class.parameter(name));
        let first = values.next()??;
        let (key, text) = values
            .flatten()
            .fold((first.0, first.1.to_owned()), |(_, text), (key, value)| (key, format!("{text}/{value}")));
        Some(Pattern { first: first.0, key, text })
    }

    fn faults(&self) -> Vec<ClassFault> {
        let shared = self.row.shared_if.iter().filter(|condition| holds(condition, self));
        self.shared_pattern().into_iter().chain(shared.map(|condition| self.shared(condition))).collect()
    }

    fn shared_pattern(&self) -> Option<ClassFault> {
        let pattern = self.pattern()?;
        let reason = uniqueness(&pattern.text, &self.row.variables).reason()?;
        let key = pattern.key;
        let leave_out = if self.may_leave_out(key) { ", or leave it out" } else { "" };
        let remedy = match self.proposal().filter(|_| key == pattern.first) {
            Some(proposal) => format!("Write {key}: {proposal}{leave_out}"),
            None => format!("Leave {} out", pattern.first),
        };
        Some(ClassFault {
            field: format!("parameters.{key}"),
            fact: format!("has {key} {:?}, {reason}", shorten(&pattern.text, VALUE_CHARS)),
            remedy,
        })
    }

    /// Returns a pattern that gives every claim its own directory, if the provisioner fills in any variables.
    fn proposal(&self) -> Option<String> {
        let (namespace, claim) =
            (first_spelling(self.row.variables.namespace), first_spelling(self.row.variables.claim));
        match self.row.proposal {
            "" if namespace.is_empty() || claim.is_empty() => None,
            "" => Some(format!("{namespace}/{claim}")),
            proposal => Some(proposal.to_owned()),
        }
    }

    /// Returns whether the provisioner makes a directory of its own for each claim without a parameter.
    fn may_leave_out(&self, name: &str) -> bool {
        let without = Without { class: self, name };
        !self.row.shared_if.iter().any(|condition| holds(condition, &without))
    }

    /// Returns the fault of a class for which a condition of its row holds.
    fn shared(&self, condition: &str) -> ClassFault {
        let names: Vec<&str> = condition_names(condition).collect();
        let set = names.iter().find_map(|name| self.class.parameter(name));
        let because = match self.row.shared_by {
            "" => "so that its provisioner makes no directory of its own for a claim",
            reason => reason,
        };
        let fact = match set {
            Some((key, value)) => format!("has {key} {:?}, {because}", shorten(value, VALUE_CHARS)),
            None => format!("has no {}, {because}", names.first().copied().unwrap_or_default()),
        };
        let directory = self.row.directory.iter().next();
        let proposal = directory.zip(self.proposal());
        let (field, remedy) = match (set, proposal) {
            (_, Some((name, proposal))) if names.contains(&name) => {
                ("parameters".to_owned(), format!("Write {name}: {proposal}"))
            }
            (set, _) => {
                let field =
                    set.map_or_else(|| "parameters".to_owned(), |(key, _)| format!("parameters.{key}"));
                let remedy = match (wanted_value(condition), set) {
                    (Some((name, value)), _) => format!("Write {name}: {value}"),
                    (None, Some((key, _))) => format!("Leave {key} out"),
                    (None, None) => format!("Set {}", names.join(" or ")),
                };
                (field, remedy)
            }
        };
        ClassFault { field, fact, remedy }
    }

    /// Returns the field and the fact of a pattern that joins namespace and name without a separator.
    fn ambiguity(&self) -> Option<(String, String)> {
        let pattern = self.pattern()?;
        (uniqueness(&pattern.text, &self.row.variables) == DirectoryUniqueness::Ambiguous).then(|| {
            let (key, value) = (pattern.key, shorten(&pattern.text, VALUE_CHARS));
            let ambiguity = format!(
                "has {key} {value:?}, in which namespace a-b and claim c give the same directory as a and b-c: \
                 separate them by a slash"
            );
            (format!("parameters.{key}"), ambiguity)
        })
    }

    /// Returns whether the files of a deleted claim stay.
    fn keeps_files(&self) -> bool {
        &*self.class.reclaim_policy == "Retain"
            || self.row.keeps_files_if.iter().any(|condition| holds(condition, self))
    }
}

/// A class as it would be without a parameter.
struct Without<'a> {
    class: &'a KnownClass<'a>,
    name: &'a str,
}

impl Values for Without<'_> {
    fn value(&self, reference: Reference<'_>) -> Value<'_> {
        match reference {
            Reference::Attribute(name) if name.eq_ignore_ascii_case(self.name) => Value::Absent,
            reference => self.class.value(reference),
        }
    }
}

fn first_spelling(variable: &str) -> &str {
    variable.split('|').next().unwrap_or_default()
}

/// Returns where a variable begins and ends in a pattern, in whichever spelling.
fn find(pattern: &str, variable: &str) -> Option<(usize, usize)> {
    let spellings = variable.split('|').filter(|spelling| !spelling.is_empty());
    spellings.filter_map(|spelling| pattern.find(spelling).map(|at| (at, at + spelling.len()))).min()
}

// === impl DirectoryUniqueness ===

impl DirectoryUniqueness {
    /// Returns why volumes share a directory, or `None` if they do not.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unique | Self::Ambiguous => None,
            Self::Optional => Some("made of annotations or labels that a claim may lack"),
            Self::Partial => Some("which is the same for several claims"),
            Self::Constant => Some("which is the same for every claim"),
        }
    }
}

/// Returns whether a pattern gives volumes different directories, with `..` resolved.
fn uniqueness(pattern: &str, variables: &PatternVariables<'_>) -> DirectoryUniqueness {
    // The variables of Go templates may have spaces in their braces.
    let spaceless = pattern.contains("{{").then(|| pattern.replace(' ', ""));
    let pattern = joined(&segments(spaceless.as_deref().unwrap_or(pattern)));
    let has_volume = find(&pattern, variables.volume).is_some();
    match (find(&pattern, variables.namespace), find(&pattern, variables.claim)) {
        _ if has_volume => DirectoryUniqueness::Unique,
        (Some(namespace), Some(claim)) => {
            let (first, second) = if namespace < claim { (namespace, claim) } else { (claim, namespace) };
            if pattern.get(first.1..second.0).unwrap_or_default().chars().any(ends_dns_label) {
                DirectoryUniqueness::Unique
            } else {
                DirectoryUniqueness::Ambiguous
            }
        }
        _ if pattern.contains(".annotations") || pattern.contains(".labels") => DirectoryUniqueness::Optional,
        (Some(_), None) | (None, Some(_)) => DirectoryUniqueness::Partial,
        (None, None) => DirectoryUniqueness::Constant,
    }
}

/// Returns whether a character cannot be part of a DNS label, so that the name of a namespace ends before it.
fn ends_dns_label(c: char) -> bool {
    !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB_DIRECTORY: PatternVariables<'static> = PatternVariables {
        volume: "${pv.metadata.name}",
        namespace: "${pvc.metadata.namespace}",
        claim: "${pvc.metadata.name}",
    };

    #[test]
    fn a_pattern_with_the_volume_or_with_namespace_and_claim_is_unique() {
        for (pattern, expected) in [
            ("${pv.metadata.name}", DirectoryUniqueness::Unique),
            ("a/${pvc.metadata.namespace}/${pvc.metadata.name}", DirectoryUniqueness::Unique),
            ("${pvc.metadata.name}.${pvc.metadata.namespace}", DirectoryUniqueness::Unique),
            ("${pvc.metadata.namespace}-${pvc.metadata.name}", DirectoryUniqueness::Ambiguous),
            ("${pvc.metadata.namespace}${pvc.metadata.name}", DirectoryUniqueness::Ambiguous),
            ("${pvc.metadata.name}", DirectoryUniqueness::Partial),
            ("${pvc.metadata.namespace}/data", DirectoryUniqueness::Partial),
            ("${pvc.metadata.namespace}/../${pvc.metadata.name}", DirectoryUniqueness::Partial),
            ("${pv.metadata.name}/..", DirectoryUniqueness::Constant),
            ("shared", DirectoryUniqueness::Constant),
            ("${.PV.name}", DirectoryUniqueness::Constant),
        ] {
            assert_eq!(uniqueness(pattern, &SUB_DIRECTORY), expected, "{pattern}");
        }
    }

    #[test]
    fn a_variable_may_have_several_spellings_and_spaces() {
        let variables =
            PatternVariables { volume: "", namespace: "${.pvc.ns}|${.PVC.ns}", claim: "{{.PVC.Name}}" };
        for (pattern, expected) in [
            ("${.PVC.ns}/{{ .PVC.Name }}", DirectoryUniqueness::Unique),
            ("{{.PVC.Name}}_${.pvc.ns}", DirectoryUniqueness::Unique),
            ("{{ .PVC.Name }}", DirectoryUniqueness::Partial),
        ] {
            assert_eq!(uniqueness(pattern, &variables), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_annotations_is_optional() {
        for (pattern, expected) in [
            ("${.PVC.annotations.nfs.io/storage-path}", DirectoryUniqueness::Optional),
            ("${.PVC.namespace}/${.PVC.labels.app}", DirectoryUniqueness::Optional),
            ("${.PVC.namespace}/${.PVC.name}/${.PVC.annotations.x}", DirectoryUniqueness::Unique),
            ("${.PV.name}", DirectoryUniqueness::Constant),
        ] {
            assert_eq!(uniqueness(pattern, &NFS_SUBDIR.class.variables), expected, "{pattern}");
        }
    }
}
