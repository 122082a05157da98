//! The findings about a patch. The mutating call reports where the files are from now on; the validating call denies
//! a set that still lacks the patch.

use super::claim_mark;
use super::patch::{PatchReason, PatchedVolume};
use super::review::SetReview;
use super::volume::SetVolume;
use crate::claim;
use crate::display::Quoted;
use crate::rules::StorageRule;
use ordinance_storage::{Declaration, PlacedContainer, PodSpec};

/// Reports every volume that the mutating call patches, and what the patch means for the pod.
pub(super) fn report<'a>(
    pod: &PodSpec<'_>,
    containers: &'a [PlacedContainer<'a>],
    volumes: &[SetVolume<'_>],
    review: &mut SetReview<'a>,
) {
    let patched = review.patch.patched_volumes().to_vec();
    for patched in &patched {
        let purpose = format!(
            "To share it on purpose, annotate the set ordinance.dev/shared-volumes: {}",
            patched.volume
        );
        let field = format!("{}.subPathExpr", patched.first.field());
        review.findings.add(patched.reason.rule().warn(field, new_location(patched)).remedy(purpose));
    }
    report_restored_variables(containers, review);
    if !patched.is_empty() {
        report_hidden_files(&patched, review);
        report_root_owner(pod, containers, review);
        report_propagation(volumes, review);
    }
}

/// Reports every volume that a stored set mounts elsewhere than its claims say: nothing can be added to it any more.
pub(super) fn report_lacking(review: &mut SetReview<'_>) {
    for patched in review.patch.patched_volumes().to_vec() {
        let (noun, volume, expression) = (patched.noun, patched.volume, patched.expression);
        let fact = format!(
            "{noun} {volume:?} is mounted at the root, but its claims say that the files are at {expression}"
        );
        let remedy = format!(
            "Write subPathExpr: {expression} into the manifest that the set is applied from, or correct the claims"
        );
        review.findings.add(patched.reason.rule().warn(patched.first.field(), fact).remedy(remedy));
    }
}

impl PatchReason {
    /// The rule that adds the expression.
    fn rule(self) -> StorageRule {
        match self {
            Self::Shared => StorageRule::UnisolatedMount,
            Self::Siblings | Self::AddedMount => StorageRule::MixedSubPaths,
            Self::LostExpression => StorageRule::LostSubPath,
            Self::ClaimMark => StorageRule::ClaimMark,
        }
    }
}

/// Returns the fact where the files of a volume are from now on.
fn new_location(patched: &PatchedVolume<'_>) -> String {
    let (noun, volume, expression) = (patched.noun, patched.volume, &patched.expression);
    match patched.reason {
        PatchReason::Shared => {
            format!("{noun} {volume:?}: each replica's files are in subPathExpr {expression} from now on")
        }
        PatchReason::Siblings => {
            format!(
                "{noun} {volume:?}: the mounts without a sub-path get subPathExpr {expression}, the directory of the \
                 other mounts"
            )
        }
        PatchReason::AddedMount => {
            format!(
                "{noun} {volume:?}: the new mounts without a sub-path get subPathExpr {expression}, where each \
                 replica's files are"
            )
        }
        PatchReason::LostExpression => {
            format!("{noun} {volume:?}: subPathExpr {expression} is restored, where each replica's files are")
        }
        PatchReason::ClaimMark => {
            format!(
                "{noun} {volume:?} gets subPathExpr {expression}, where its claims say that the files are"
            )
        }
    }
}

/// Reports containers that get lost variables back, without an expression.
fn report_restored_variables<'a>(containers: &'a [PlacedContainer<'a>], review: &mut SetReview<'a>) {
    let lost: Vec<(&PlacedContainer<'_>, String)> = review
        .patch
        .containers_with_only_variables(containers)
        .map(|container| (container, review.patch.copied_variables(container).join(", ")))
        .collect();
    for (container, names) in lost.into_iter().filter(|(_, names)| !names.is_empty()) {
        let fact = format!(
            "container {} gets {names} back in its env: the subPathExpr that leads to the files uses it",
            Quoted(container.name())
        );
        review.findings.add(StorageRule::LostSubPath.warn(format!("{}.env", container.field()), fact));
    }
}

/// Warns that the pods no longer see the files at the root of existing claims.
fn report_hidden_files(patched: &[PatchedVolume<'_>], review: &mut SetReview<'_>) {
    let hides_root = |patched: &&PatchedVolume<'_>| {
        matches!(patched.reason, PatchReason::Shared | PatchReason::Siblings)
            && patched.claim.is_some_and(|claim| claim_mark::exists(claim, review))
    };
    let hiding: Vec<&PatchedVolume<'_>> = patched.iter().filter(hides_root).collect();
    let Some(first) = hiding.first() else { return };
    let field = first.first.field();
    let mut claims: Vec<&str> = hiding.iter().filter_map(|patched| patched.claim).collect();
    claims.dedup();
    let names: Vec<String> = claims.iter().map(|claim| format!("{claim:?}")).collect();
    let fact =
        format!("the pods no longer see the files at the root of the existing claim {}", names.join(", "));
    let remedy =
        format!("Move each ordinal's files into its directory, e.g. {}", first_ordinal(review.set.name));
    let finding = StorageRule::HiddenFiles.warn(field, fact).remedy(remedy);
    let namespace = review.set.namespace;
    let related =
        claims.iter().fold(finding, |finding, name| finding.related(&claim::scope(namespace, name)));
    review.findings.add(related);
}

fn first_ordinal(set: &str) -> String {
    if set.is_empty() { "the pod's name".to_owned() } else { format!("{set}-0") }
}

/// Warns of pods that do not run as root: the kubelet creates the directories as root.
fn report_root_owner(pod: &PodSpec<'_>, containers: &[PlacedContainer<'_>], review: &mut SetReview<'_>) {
    let template =
        pod.security_context.not_root().map(|field| format!("spec.template.spec.securityContext.{field}"));
    let of_containers = || {
        containers.iter().find_map(|container| {
            let field = container.container.security_context.not_root()?;
            Some(format!("{}.securityContext.{field}", container.field()))
        })
    };
    if let Some(field) = template.or_else(of_containers) {
        let fact =
            format!("the kubelet creates each replica's directory as root, but the pod isn't root ({field})");
        let remedy =
            "Create the directories beforehand, or chown them in an init container that runs as root";
        review.findings.add(StorageRule::RootOwnedDirectory.warn(field, fact).remedy(remedy));
    }
}

/// Warns of mounts that propagate to the host.
fn report_propagation(volumes: &[SetVolume<'_>], review: &mut SetReview<'_>) {
    let mounts = volumes.iter().flat_map(|volume| volume.mounts.iter().map(move |mount| (volume, mount)));
    let bidirectional: Vec<_> = mounts
        .filter(|(_, mount)| &*mount.mount.mount_propagation == "Bidirectional")
        .filter(|(_, mount)| review.patch.gets_expression(mount))
        .collect();
    for (volume, mount) in bidirectional {
        let fact = format!(
            "{} is mounted with mountPropagation: Bidirectional in container {}: from now on it \
             propagates the replica's directory, not the whole volume",
            volume.title(),
            Quoted(mount.container.name())
        );
        let field = format!("{}.mountPropagation", mount.field());
        review.findings.add(StorageRule::BidirectionalMount.warn(field, fact));
    }
}

/// Denies a set that lacks what the mutating call should have added.
pub(super) fn deny_missing_patch<'a>(containers: &'a [PlacedContainer<'a>], review: &mut SetReview<'a>) {
    for patched in review.patch.patched_volumes().to_vec() {
        let fact = format!(
            "{} {:?} lacks subPathExpr: {}, which the mutating call of policy {} should have added",
            patched.noun,
            patched.volume,
            patched.expression,
            policy()
        );
        let field = format!("{}.subPathExpr", patched.first.field());
        review.findings.add(StorageRule::MissingPatch.deny(field, fact).remedy(TRY_AGAIN));
    }
    let undeclared: Vec<&PlacedContainer<'_>> =
        review.patch.containers_with_only_variables(containers).collect();
    for container in undeclared {
        let names: Vec<&str> = review.patch.declarations(container).iter().map(Declaration::name).collect();
        let fact = format!(
            "container {} does not declare {}, which the mutating call of policy {} should have added",
            Quoted(container.name()),
            names.join(" and "),
            policy()
        );
        let field = format!("{}.env", container.field());
        review.findings.add(StorageRule::MissingPatch.deny(field, fact).remedy(TRY_AGAIN));
    }
}

/// The remedy if the mutating call did not run, or its patch was undone.
const TRY_AGAIN: &str = "Try again; if that fails, check that Ordinance's mutating webhook is called and that no \
                         other one undoes its patch";

/// The name and version of the policy.
fn policy() -> &'static str {
    concat!("storage ", env!("CARGO_PKG_VERSION"))
}
