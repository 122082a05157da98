//! What is said of a patch: by the mutating call, where the files are from now on; by the validating call, that the
//! patch is still due, which is a refusal.

use super::mark;
use super::patch::{Because, Told};
use super::review::Review;
use super::volume::{JudgedVolume as Unit, containers};
use crate::claim;
use crate::rules::StorageRule;
use ordinance_storage::{PlacedContainer as Site, PodSpec as Pod};

/// Tells every volume that the mutating call patches, and what that means for the pod.
pub(super) fn tell<'a>(pod: &Pod<'_>, sites: &'a [Site<'a>], units: &[Unit<'_>], review: &mut Review<'a>) {
    let told = review.draft.told().to_vec();
    for told in &told {
        let purpose =
            format!("To share it on purpose, annotate the set ordinance.dev/shared-volumes: {}", told.volume);
        let field = format!("{}.subPathExpr", told.first.field());
        review.findings.add(told.because.rule().warn(field, where_now(told)).remedy(purpose));
    }
    tell_of_variables(sites, review);
    if !told.is_empty() {
        tell_of_roots(&told, review);
        tell_of_owner(pod, review);
        tell_of_propagation(units, review);
    }
}

impl Because {
    /// The rule that gives a volume its expression.
    fn rule(self) -> StorageRule {
        match self {
            Self::Shared => StorageRule::UnisolatedMount,
            Self::Siblings => StorageRule::MixedSubPaths,
            Self::Before => StorageRule::LostSubPath,
            Self::Mark => StorageRule::ClaimMark,
        }
    }
}

/// Where the files of a volume are from now on.
fn where_now(told: &Told<'_>) -> String {
    let (noun, volume, expression) = (told.noun, told.volume, &told.expression);
    match told.because {
        Because::Shared => {
            format!("{noun} {volume:?}: each replica's files are in subPathExpr {expression} from now on")
        }
        Because::Siblings => {
            format!(
                "{noun} {volume:?}: the mounts without a sub-path get subPathExpr {expression} like the others"
            )
        }
        Because::Before => {
            format!("{noun} {volume:?}: subPathExpr {expression} is put back, where each replica's files are")
        }
        Because::Mark => {
            format!("{noun} {volume:?}: subPathExpr {expression}, where its claims say that the files are")
        }
    }
}

/// Variables of the user's own that expressions take, and that the containers lost.
fn tell_of_variables<'a>(sites: &'a [Site<'a>], review: &mut Review<'a>) {
    let lost: Vec<(&Site<'_>, String)> =
        review.draft.only_declared(sites).map(|site| (site, review.draft.copied(site).join(", "))).collect();
    for (site, names) in lost.into_iter().filter(|(_, names)| !names.is_empty()) {
        let fact = format!(
            "container {:?} gets {names} back in its env: a subPathExpr takes it, and the files are where it leads",
            &*site.container.name
        );
        review.findings.add(StorageRule::LostSubPath.warn(format!("{}.env", site.field()), fact));
    }
}

/// Files that are there already are out of sight.
fn tell_of_roots(told: &[Told<'_>], review: &mut Review<'_>) {
    let mut claims: Vec<&str> = told
        .iter()
        .filter(|told| matches!(told.because, Because::Shared | Because::Siblings))
        .filter_map(|told| told.claim)
        .filter(|claim| mark::known_claim(claim, review).is_some())
        .collect();
    claims.dedup();
    if claims.is_empty() {
        return;
    }
    let names: Vec<String> = claims.iter().map(|claim| format!("{claim:?}")).collect();
    let fact = format!("files at the root of the existing claim {} are no longer seen", names.join(", "));
    let remedy = format!("Move each ordinal's into its directory, e.g. {}", first_ordinal(review.set.name));
    let report = StorageRule::HiddenFiles.warn("spec.template.spec.volumes", fact).remedy(remedy);
    let namespace = review.set.namespace;
    let related = claims.iter().fold(report, |report, name| report.related(&claim::scope(namespace, name)));
    review.findings.add(related);
}

fn first_ordinal(set: &str) -> String {
    if set.is_empty() { "the pod's name".to_owned() } else { format!("{set}-0") }
}

/// The kubelet makes the directories, and it is root.
fn tell_of_owner(pod: &Pod<'_>, review: &mut Review<'_>) {
    let pods =
        pod.security_context.not_root().map(|field| format!("spec.template.spec.securityContext.{field}"));
    let of_containers = || {
        containers(pod).iter().find_map(|site| {
            let field = site.container.security_context.not_root()?;
            Some(format!("{}.securityContext.{field}", site.field()))
        })
    };
    if let Some(field) = pods.or_else(of_containers) {
        let fact =
            format!("the kubelet makes each replica's directory as root, and by {field} the pod is not root");
        let remedy = "Make the directories beforehand, or chown them in an init container that runs as root";
        review.findings.add(StorageRule::RootOwnedDirectory.warn(field, fact).remedy(remedy));
    }
}

fn tell_of_propagation(units: &[Unit<'_>], review: &mut Review<'_>) {
    let mounts = units.iter().flat_map(|unit| unit.mounts.iter().map(move |mounted| (unit, mounted)));
    let bidirectional: Vec<_> = mounts
        .filter(|(_, mounted)| &*mounted.mount.mount_propagation == "Bidirectional")
        .filter(|(_, mounted)| review.draft.expresses(mounted))
        .collect();
    for (unit, mounted) in bidirectional {
        let fact = format!(
            "{} is mounted with mountPropagation: Bidirectional in container {:?}: that concerns the replica's directory \
             from now on, not the whole volume",
            unit.titled(),
            &*mounted.site.container.name
        );
        let field = format!("{}.mountPropagation", mounted.field());
        review.findings.add(StorageRule::BidirectionalMount.warn(field, fact));
    }
}

/// Refuses what the mutating call should have patched.
pub(super) fn refuse_due<'a>(sites: &'a [Site<'a>], review: &mut Review<'a>) {
    for told in review.draft.told().to_vec() {
        let fact = format!(
            "{} {:?} lacks subPathExpr: {}, which the mutating call of policy {} should have added",
            told.noun,
            told.volume,
            told.expression,
            policy()
        );
        let field = format!("{}.subPathExpr", told.first.field());
        review.findings.add(StorageRule::MissingPatch.deny(field, fact).remedy(TRY_AGAIN));
    }
    let undeclared: Vec<&Site<'_>> = review.draft.only_declared(sites).collect();
    for site in undeclared {
        let names: Vec<&str> =
            review.draft.declared(site).iter().map(|declaration| declaration.name()).collect();
        let fact = format!(
            "container {:?} does not declare {}, which the mutating call of policy {} should have added",
            &*site.container.name,
            names.join(" and "),
            policy()
        );
        let field = format!("{}.env", site.field());
        review.findings.add(StorageRule::MissingPatch.deny(field, fact).remedy(TRY_AGAIN));
    }
}

/// What to do where the mutating call did not run, or was undone.
const TRY_AGAIN: &str =
    "Try again; if it stays so, Ordinance's mutating webhook is not called, or another one undoes it";

/// The policy and its version.
fn policy() -> &'static str {
    concat!("storage ", env!("CARGO_PKG_VERSION"))
}
