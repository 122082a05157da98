//! StorageClasses whose provisioner gives several claims the same directory.
//!
//! They are judged on creation only, since the parameters of a class are immutable.

use crate::display::shorten;
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::rules::StorageRule;
use crate::settings::{ClassOutcome, Settings};
use ordinance_contract::{Holding, Key, Operation, Request, Verdict};
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
    let class = serde_json::from_str(object)?;
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
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClassMetadata<'a> {
    #[serde(borrow, deserialize_with = "json::lenient")]
    name: Text<'a>,
    #[serde(borrow, deserialize_with = "json::lenient")]
    generate_name: Text<'a>,
}

/// The provisioners whose parameters the policy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provisioner {
    /// `nfs.csi.k8s.io` and `smb.csi.k8s.io`.
    SubDirectory,
    /// nfs-subdir-external-provisioner, under any name.
    PathPattern,
    /// `efs.csi.aws.com`.
    Efs,
    Unknown,
}

/// The variables that a provisioner replaces in a pattern.
struct PatternVariables {
    volume: &'static str,
    namespace: &'static str,
    claim: &'static str,
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

const SUB_DIRECTORY: PatternVariables = PatternVariables {
    volume: "${pv.metadata.name}",
    namespace: "${pvc.metadata.namespace}",
    claim: "${pvc.metadata.name}",
};

/// nfs-subdir-external-provisioner does not know the volume's name.
const PATH_PATTERN: PatternVariables =
    PatternVariables { volume: "", namespace: "${.PVC.namespace}", claim: "${.PVC.name}" };

const EFS: PatternVariables =
    PatternVariables { volume: "${.PV.name}", namespace: "${.PVC.namespace}", claim: "${.PVC.name}" };

// === impl ClassReview ===

impl ParsedRequest for ClassReview<'_> {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn verdict(&self, _holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if self.operation == Operation::Create && self.settings.storage_classes != ClassOutcome::Off {
            for fault in self.class.faults() {
                self.report(&mut findings, &fault);
            }
            if let Some((field, ambiguity)) = self.class.ambiguity() {
                findings
                    .add(StorageRule::AmbiguousClass.warn(field, format!("{} {ambiguity}", self.title())));
            }
        }
        findings.into_verdict(None)
    }
}

impl ClassReview<'_> {
    fn report(&self, findings: &mut Findings, fault: &ClassFault) {
        let fact = format!("{} {}", self.title(), fault.fact);
        let loss = "volumes of this class overwrite each other's files";
        if self.settings.storage_classes == ClassOutcome::Deny && !self.class.keeps_files() {
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

impl<'a> StorageClass<'a> {
    fn provisioner(&self) -> Provisioner {
        match &*self.provisioner {
            "nfs.csi.k8s.io" | "smb.csi.k8s.io" => Provisioner::SubDirectory,
            "efs.csi.aws.com" => Provisioner::Efs,
            name if name.contains("nfs-subdir-external-provisioner") => Provisioner::PathPattern,
            // The operator chooses the name of this provisioner, but only its patterns have such variables.
            _ if self.parameter("pathPattern").is_some_and(|(_, pattern)| pattern.contains("${.PVC.")) => {
                Provisioner::PathPattern
            }
            _ => Provisioner::Unknown,
        }
    }

    /// Returns a parameter's name as written and its value, for a name in any case. `None` if the value is empty.
    fn parameter(&self, name: &str) -> Option<(&str, &str)> {
        self.parameters
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(key, value)| (&**key, &**value))
    }

    fn is(&self, parameter: &str, values: &[&str]) -> bool {
        self.parameter(parameter)
            .is_some_and(|(_, value)| values.iter().any(|wanted| value.eq_ignore_ascii_case(wanted)))
    }

    /// Returns the parameter with the pattern of the directories, if the class has one, and its variables.
    fn pattern(&self) -> Option<((&str, &str), &'static PatternVariables)> {
        match self.provisioner() {
            Provisioner::SubDirectory => Some((self.parameter("subDir")?, &SUB_DIRECTORY)),
            Provisioner::PathPattern => Some((self.parameter("pathPattern")?, &PATH_PATTERN)),
            Provisioner::Efs => Some((self.parameter("subPathPattern")?, &EFS)),
            Provisioner::Unknown => None,
        }
    }

    fn faults(&self) -> Vec<ClassFault> {
        match self.provisioner() {
            Provisioner::SubDirectory | Provisioner::PathPattern => {
                self.shared_pattern().into_iter().collect()
            }
            Provisioner::Efs => {
                [self.shared_directory(), self.shared_access_point()].into_iter().flatten().collect()
            }
            Provisioner::Unknown => Vec::new(),
        }
    }

    fn shared_pattern(&self) -> Option<ClassFault> {
        let ((key, value), variables) = self.pattern()?;
        let reason = uniqueness(value, variables).reason()?;
        Some(ClassFault {
            field: format!("parameters.{key}"),
            fact: format!("has {key} {:?}, {reason}", shorten(value, VALUE_CHARS)),
            remedy: format!("Write {key}: {}, or leave it out", variables.proposal()),
        })
    }

    /// Returns the parameter by which EFS does not make directories unique, if it is set.
    fn not_unique(&self) -> Option<&str> {
        let (key, _) = self.parameter("ensureUniqueDirectory")?;
        self.is(key, &["false", "f", "0"]).then_some(key)
    }

    fn shared_directory(&self) -> Option<ClassFault> {
        let key = self.not_unique()?;
        let is_unique = self
            .pattern()
            .is_some_and(|((_, value), variables)| uniqueness(value, variables).reason().is_none());
        (!is_unique).then(|| ClassFault {
            field: format!("parameters.{key}"),
            fact: format!("has {key} \"false\" and no subPathPattern that is unique to a claim"),
            remedy: format!("Write subPathPattern: {}, or leave {key} out", EFS.proposal()),
        })
    }

    /// Returns the parameter by which EFS reuses access points: it finds them by the name of the claim, in any
    /// namespace.
    fn shared_access_point(&self) -> Option<ClassFault> {
        let (key, _) =
            self.parameter("reuseAccessPoint").filter(|(key, _)| self.is(key, &["true", "t", "1"]))?;
        Some(ClassFault {
            field: format!("parameters.{key}"),
            fact: format!(
                "has {key} \"true\", which gives claims of the same name in two namespaces one access point"
            ),
            remedy: format!("Leave {key} out"),
        })
    }

    /// Returns the field and the fact of a pattern that joins namespace and name without a separator.
    fn ambiguity(&self) -> Option<(String, String)> {
        if self.provisioner() == Provisioner::Efs && self.not_unique().is_none() {
            return None;
        }
        let ((key, value), variables) = self.pattern()?;
        (uniqueness(value, variables) == DirectoryUniqueness::Ambiguous).then(|| {
            let value = shorten(value, VALUE_CHARS);
            let ambiguity = format!(
                "has {key} {value:?}, in which namespace a-b and claim c give the same directory as a and b-c: \
                 separate them by a slash"
            );
            (format!("parameters.{key}"), ambiguity)
        })
    }

    /// Returns whether the files of a deleted claim stay.
    fn keeps_files(&self) -> bool {
        if &*self.reclaim_policy == "Retain" || self.is("onDelete", &["retain", "archive"]) {
            return true;
        }
        self.provisioner() == Provisioner::PathPattern
            && self.parameter("onDelete").is_none()
            && !self.is("archiveOnDelete", &["false", "f", "0"])
    }
}

// === impl PatternVariables ===

impl PatternVariables {
    /// Returns a pattern that gives every claim its own directory.
    fn proposal(&self) -> String {
        format!("{}/{}", self.namespace, self.claim)
    }
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
fn uniqueness(pattern: &str, variables: &PatternVariables) -> DirectoryUniqueness {
    let pattern = joined(&segments(pattern));
    let volume = !variables.volume.is_empty() && pattern.contains(variables.volume);
    let (namespace, claim) = (pattern.find(variables.namespace), pattern.find(variables.claim));
    match (namespace, claim) {
        _ if volume => DirectoryUniqueness::Unique,
        (Some(namespace), Some(claim)) => {
            let between = if namespace < claim {
                pattern.get(namespace + variables.namespace.len()..claim)
            } else {
                pattern.get(claim + variables.claim.len()..namespace)
            };
            if between.unwrap_or_default().chars().any(ends_dns_label) {
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
    fn a_pattern_of_annotations_is_optional() {
        for (pattern, expected) in [
            ("${.PVC.annotations.nfs.io/storage-path}", DirectoryUniqueness::Optional),
            ("${.PVC.namespace}/${.PVC.labels.app}", DirectoryUniqueness::Optional),
            ("${.PVC.namespace}/${.PVC.name}/${.PVC.annotations.x}", DirectoryUniqueness::Unique),
            ("${.PV.name}", DirectoryUniqueness::Constant),
        ] {
            assert_eq!(uniqueness(pattern, &PATH_PATTERN), expected, "{pattern}");
        }
    }
}
