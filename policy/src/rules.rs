//! Every rule of the policy: its id, its default severity, and what changes or silences it.
//!
//! A finding names one of these. The explanation of a rule is a file of `policy/rules`, whose examples a test runs.

use ordinance_contract::{Rule, Severity};

/// Opts a StatefulSet out.
const ISOLATION: &str = "ordinance.dev/isolation";
/// Opts volumes of a StatefulSet out, by name.
const SHARED_VOLUMES: &str = "ordinance.dev/shared-volumes";
/// Lets PersistentVolumes share a directory, by name.
const SHARED_WITH: &str = "ordinance.dev/shared-with";
/// Lets a PersistentVolume take over the directory of one that is released or being deleted.
const TAKES_OVER: &str = "ordinance.dev/takes-over";

/// Defines the rules: a variant, its id, the default severity, the setting that changes it, the annotations that
/// silence it, and its title.
macro_rules! rules {
    ($($variant:ident $id:literal $severity:ident $setting:literal [$($annotation:ident)*] $title:literal;)*) => {
        /// A rule of the storage policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum StorageRule {
            $(#[doc = $title] $variant,)*
        }

        impl StorageRule {
            /// The id that findings name.
            pub(crate) const fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }
        }

        /// Describes all rules, in the order in which they are listed here.
        pub(crate) fn all() -> Vec<Rule> {
            vec![$(Rule {
                id: $id.to_owned(),
                title: $title.to_owned(),
                severity: Severity::$severity,
                setting: $setting.to_owned(),
                annotations: vec![$($annotation.to_owned()),*],
                explanation: include_str!(concat!("../rules/", $id, ".md")).to_owned(),
            }),*]
        }
    };
}

rules! {
    // PersistentVolumes
    SharedExport "shared-export" Deny "exports.equal" [SHARED_WITH TAKES_OVER]
        "Two PersistentVolumes share one directory";
    NestedExport "nested-export" Warn "exports.nested" [SHARED_WITH TAKES_OVER]
        "The directory of one PersistentVolume contains another's";
    RecycleShared "recycle-shared" Deny "" [SHARED_WITH TAKES_OVER]
        "Recycling one PersistentVolume deletes another one's files";
    IntendedSharing "intended-sharing" Warn "exports.shared" []
        "PersistentVolumes share a directory on purpose";
    InlineExport "inline-export" Warn "" []
        "A PersistentVolume and an inline volume of a StatefulSet overlap";
    DuplicateHandle "duplicate-handle" Warn "" []
        "Two PersistentVolumes have the same volumeHandle";
    UnresolvedExport "unresolved-export" Warn "" []
        "The directory of a PersistentVolume cannot be known";
    EqualAttributes "equal-attributes" Warn "drivers" []
        "Two PersistentVolumes have the same attributes, and it is unknown where their files are";
    UnknownDriver "unknown-driver" Note "drivers" []
        "Nothing is known of the driver of a volume";

    // StorageClasses
    CollapsingClass "collapsing-class" Warn "storageClasses" []
        "A StorageClass gives several claims the same directory";
    AmbiguousClass "ambiguous-class" Warn "storageClasses" []
        "A StorageClass joins namespace and claim name without a separator";

    // StatefulSets: directories
    UnisolatedMount "unisolated-mount" Warn "isolation.namedVolumes" [ISOLATION SHARED_VOLUMES]
        "All replicas of a StatefulSet would write to the same directory";
    FixedSubPath "fixed-sub-path" Deny "isolation.fixedSubPath" [ISOLATION SHARED_VOLUMES]
        "All replicas mount a shared volume at the same sub-path";
    MixedSubPaths "mixed-sub-paths" Deny "" [ISOLATION SHARED_VOLUMES]
        "The mounts of one volume disagree about where its files are";
    SharedDevice "shared-device" Warn "isolation.namedVolumes" [ISOLATION SHARED_VOLUMES]
        "All replicas share a volume as a block device";
    ScaleBeyondOne "scale-beyond-one" Deny "isolation.growth" [ISOLATION SHARED_VOLUMES]
        "Scaling beyond one replica would share files that one replica owns";
    LostSubPath "lost-sub-path" Deny "" [ISOLATION SHARED_VOLUMES]
        "An update drops the sub-path that keeps the replicas apart";
    MovedSubPath "moved-sub-path" Warn "" [ISOLATION SHARED_VOLUMES]
        "An update mounts another directory than before";
    HiddenFiles "hidden-files" Warn "" [ISOLATION SHARED_VOLUMES]
        "Files at the root of an existing claim are no longer visible";
    PrefilledTemplate "prefilled-template" Warn "" [ISOLATION SHARED_VOLUMES]
        "The volumes of a claim template come with files in them";
    SingleNodeDisk "single-node-disk" Warn "" [ISOLATION SHARED_VOLUMES]
        "A disk that one node can attach is used by several replicas";
    RootOwnedDirectory "root-owned-directory" Warn "" [ISOLATION SHARED_VOLUMES]
        "The kubelet creates the replica's directory as root";
    BidirectionalMount "bidirectional-mount" Warn "" [ISOLATION SHARED_VOLUMES]
        "A mount that propagates to the host moves to the replica's directory";
    DuplicateClaim "duplicate-claim" Warn "" [ISOLATION SHARED_VOLUMES]
        "A pod mounts one claim as two volumes";

    // StatefulSets: variables of sub-paths
    UndeclaredVariable "undeclared-variable" Deny "" [ISOLATION SHARED_VOLUMES]
        "A sub-path uses a variable that the container does not declare";
    ConflictingSubPaths "conflicting-sub-paths" Deny "" [ISOLATION SHARED_VOLUMES]
        "A mount sets both subPath and subPathExpr";
    DuplicateVariable "duplicate-variable" Warn "" [ISOLATION SHARED_VOLUMES]
        "A sub-path uses a variable that is declared twice";
    UnstableSubPath "unstable-sub-path" Warn "" [ISOLATION SHARED_VOLUMES]
        "A sub-path changes with every pod";
    UnprovenSubPath "unproven-sub-path" Warn "" [ISOLATION SHARED_VOLUMES]
        "A sub-path uses a variable from outside the pod";
    UnresolvedSubPath "unresolved-sub-path" Deny "" [ISOLATION]
        "The sub-paths of a set take too many steps to resolve";
    ReservedVariable "reserved-variable" Deny "" [ISOLATION SHARED_VOLUMES]
        "A container declares a reserved variable differently";

    // StatefulSets: what claims, patches and annotations say
    ClaimMark "claim-mark" Warn "" [ISOLATION SHARED_VOLUMES]
        "A claim says where its files are";
    UnmarkedClaim "unmarked-claim" Warn "" []
        "A claim of an isolated StatefulSet does not say where its files are";
    ConflictingMarks "conflicting-marks" Deny "" [ISOLATION SHARED_VOLUMES]
        "The claims of one template disagree about where their files are";
    MissingPatch "missing-patch" Deny "" [ISOLATION SHARED_VOLUMES]
        "A StatefulSet lacks what the mutating webhook should have added";
    UnknownOptOut "unknown-opt-out" Warn "" []
        "An opt-out annotation names something that does not exist";
    ChangedOptOut "changed-opt-out" Warn "" []
        "An opt-out annotation was added or removed";

    // Any object
    UnresolvedPlaceholder "unresolved-placeholder" Warn "" []
        "A variable that envsubst or Flux should have filled in decides where files are";
    UnreadableObject "unreadable-object" Warn "" []
        "The policy cannot read the object";
    InvalidSettings "invalid-settings" Deny "" []
        "The settings cannot be used";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_kebab_case() {
        let rules = all();
        for (index, rule) in rules.iter().enumerate() {
            let is_kebab = rule
                .id
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
            assert!(is_kebab, "{}", rule.id);
            assert!(rules.iter().skip(index + 1).all(|other| other.id != rule.id), "{}", rule.id);
        }
    }

    #[test]
    fn a_setting_of_a_rule_is_one_of_the_settings() {
        let defaults = serde_json::to_value(crate::Settings::default()).expect("JSON");
        for rule in all().iter().filter(|rule| !rule.setting.is_empty()) {
            let pointer = format!("/{}", rule.setting.replace('.', "/"));
            assert!(defaults.pointer(&pointer).is_some(), "{}: {}", rule.id, rule.setting);
        }
    }
}
