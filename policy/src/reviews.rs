//! The requests that the policy reviews, as a webhook configuration states them.
//!
//! The match conditions may only filter out requests that the policy would allow without a finding; a test evaluates
//! them on every case. A condition must not fail on any object that the API server stores, so it tests every optional
//! field with `has` first. On CREATE there is no `oldObject`.

use ordinance_contract::{FailurePolicy, MatchCondition, Operation, Phase, ReviewScope};

use FailurePolicy::{Fail, Ignore};
use Operation::{Create, Update};
use Phase::{Mutate, Validate};

const NOT_DELETED: (&str, &str) = ("is-not-being-deleted", "!has(object.metadata.deletionTimestamp)");

const SHARED_VOLUMES: (&str, &str) = (
    "has-volumes-that-replicas-can-share",
    "has(object.spec.volumeClaimTemplates) && size(object.spec.volumeClaimTemplates) > 0 || \
     has(object.spec.template.spec.volumes) && object.spec.template.spec.volumes.exists(v, \
     has(v.persistentVolumeClaim) || has(v.nfs) || has(v.cephfs) || has(v.glusterfs) || has(v.azureFile) || \
     has(v.quobyte) || has(v.csi) || has(v.awsElasticBlockStore) || has(v.azureDisk) || has(v.cinder) || has(v.fc) || \
     has(v.gcePersistentDisk) || has(v.iscsi) || has(v.photonPersistentDisk) || has(v.portworxVolume) || has(v.rbd) || \
     has(v.scaleIO) || has(v.storageos) || has(v.vsphereVolume)) || \
     has(object.metadata.annotations) && object.metadata.annotations.exists(k, k.startsWith(\"ordinance.dev/\"))",
);

/// The API server increments `metadata.generation` with every change of the spec, but after the mutating call.
const CHANGED_SPEC: &str = "object.metadata.generation != oldObject.metadata.generation";

const PROVISIONED: &str = "has(OBJECT.metadata.annotations) && \
     \"pv.kubernetes.io/provisioned-by\" in OBJECT.metadata.annotations && \
     OBJECT.metadata.annotations[\"pv.kubernetes.io/provisioned-by\"] != \"\" && \
     has(OBJECT.spec.claimRef) && has(OBJECT.spec.claimRef.uid) && OBJECT.spec.claimRef.uid != \"\"";

/// Includes every CSI driver, since two volumes with the same handle are one. A directory of a node counts with the node only.
const ON_A_DIRECTORY: (&str, &str) = (
    "can-be-on-a-directory-of-another",
    "has(object.spec.nfs) || has(object.spec.csi) || has(object.spec.cephfs) || has(object.spec.glusterfs) || \
     has(object.spec.azureFile) || has(object.spec.quobyte) || \
     has(object.spec.nodeAffinity) && (has(object.spec.local) || has(object.spec.hostPath))",
);

/// A few provisioners make no directory for a claim unless a parameter says so.
const SHARING_CLASS: (&str, &str) = (
    "can-give-claims-one-directory",
    "has(object.parameters) || object.provisioner in [\"csi-rclone\", \"ossplugin.csi.alibabacloud.com\", \
     \"rclone.csi.veloxpack.io\", \"smb.csi.k8s.io\"]",
);

/// Only a claim of an ordinal that has no mark gets one.
const UNMARKED_CLAIM: [(&str, &str); 2] = [
    ("is-an-ordinals", "has(object.metadata.name) && object.metadata.name.matches(\"^.+-[0-9]+$\")"),
    (
        "has-no-mark",
        "!(has(object.metadata.annotations) && 'ordinance.dev/sub-path' in object.metadata.annotations)",
    ),
];

/// The name of the condition on StatefulSets.
const CHANGES_MOUNTS: &str = "changes-what-replicas-mount";

/// Returns all reviews, for default settings.
pub(crate) fn all() -> Vec<ReviewScope> {
    let sets = [NOT_DELETED, SHARED_VOLUMES];
    vec![
        ReviewScope {
            match_conditions: conditions(&sets, (CHANGES_MOUNTS, &changed_set(&template_or_scale_up()))),
            ..scope("statefulsets", "apps", "statefulsets", &[Create, Update], Mutate, Ignore)
        },
        ReviewScope {
            match_conditions: [NOT_DELETED].iter().chain(&UNMARKED_CLAIM).map(condition).collect(),
            ..scope("claims", "", "persistentvolumeclaims", &[Create, Update], Mutate, Ignore)
        },
        ReviewScope {
            match_conditions: conditions(
                &sets,
                (CHANGES_MOUNTS, &changed_set(&format!("{CHANGED_SPEC} && ({})", template_or_scale_up()))),
            ),
            ..scope("statefulsets", "apps", "statefulsets", &[Create, Update], Validate, Fail)
        },
        ReviewScope {
            subresource: "scale".to_owned(),
            match_conditions: conditions(&[], ("grows-beyond-one-replica", &scales_up("0"))),
            ..scope("scale", "apps", "statefulsets", &[Update], Validate, Fail)
        },
        volumes("volumes", ("is-not-provisioned", &format!("!({})", provisioned("object"))), Fail),
        // Some provisioners answer a denial by deleting the directory, which may be that of another volume.
        volumes("provisioned-volumes", ("is-provisioned", &provisioned("object")), Ignore),
        ReviewScope {
            namespaced: false,
            match_conditions: conditions(
                &[NOT_DELETED, ON_A_DIRECTORY],
                ("changes-how-it-is-shared", &changed_volume()),
            ),
            ..scope("volume-updates", "", "persistentvolumes", &[Update], Validate, Ignore)
        },
        ReviewScope {
            namespaced: false,
            match_conditions: [SHARING_CLASS].iter().map(condition).collect(),
            ..scope("storageclasses", "storage.k8s.io", "storageclasses", &[Create], Validate, Ignore)
        },
    ]
}

fn volumes(name: &str, last: (&str, &str), failure_policy: FailurePolicy) -> ReviewScope {
    ReviewScope {
        namespaced: false,
        match_conditions: conditions(&[ON_A_DIRECTORY], last),
        ..scope(name, "", "persistentvolumes", &[Create], Validate, failure_policy)
    }
}

fn scope(
    name: &str,
    group: &str,
    resource: &str,
    operations: &[Operation],
    phase: Phase,
    failure_policy: FailurePolicy,
) -> ReviewScope {
    ReviewScope {
        name: name.to_owned(),
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        subresource: String::new(),
        namespaced: true,
        operations: operations.to_vec(),
        phases: vec![phase],
        failure_policy,
        match_conditions: Vec::new(),
    }
}

fn condition((name, expression): &(&str, &str)) -> MatchCondition {
    MatchCondition { name: (*name).to_owned(), expression: (*expression).to_owned() }
}

fn conditions(first: &[(&str, &str)], last: (&str, &str)) -> Vec<MatchCondition> {
    first.iter().chain([&last]).map(condition).collect()
}

/// Returns a condition on StatefulSets: the set is new, one of its Ordinance annotations changes, or `changed` holds.
fn changed_set(changed: &str) -> String {
    let annotations = changed_annotations(&["ordinance.dev/isolation", "ordinance.dev/shared-volumes"]);
    format!("request.operation == \"CREATE\" || {annotations} || {changed}")
}

fn template_or_scale_up() -> String {
    format!("object.spec.template != oldObject.spec.template || {}", scales_up("1"))
}

/// Returns a condition on scaling from one replica or none to more. `absent` is the number that a missing field means.
fn scales_up(absent: &str) -> String {
    let replicas = |object: &str| {
        format!("(has({object}.spec) && has({object}.spec.replicas) ? {object}.spec.replicas : {absent})")
    };
    format!("{} > 1 && {} <= 1", replicas("object"), replicas("oldObject"))
}

/// Returns a condition: one of these annotations is added, changed or removed.
fn changed_annotations(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let value = |object: &str| {
        format!(
            "(has({object}.metadata.annotations) && k in {object}.metadata.annotations ? \
             {object}.metadata.annotations[k] : null)"
        )
    };
    format!("[{}].exists(k, {} != {})", names.join(", "), value("object"), value("oldObject"))
}

/// Returns a condition: a field of the spec is added, changed or removed.
fn changed_field(field: &str) -> String {
    let value = |object: &str| format!("(has({object}.spec.{field}) ? {object}.spec.{field} : null)");
    format!("{} != {}", value("object"), value("oldObject"))
}

/// Returns a condition on PersistentVolumes: the sharing of the volume may change.
fn changed_volume() -> String {
    let annotations = changed_annotations(&[
        "ordinance.dev/shared-with",
        "ordinance.dev/takes-over",
        "volume.beta.kubernetes.io/mount-options",
    ]);
    let fields =
        ["mountOptions", "accessModes", "persistentVolumeReclaimPolicy"].map(changed_field).join(" || ");
    format!("{annotations} || {fields} || {} && !({})", provisioned("oldObject"), provisioned("object"))
}

fn provisioned(object: &str) -> String {
    PROVISIONED.replace("OBJECT", object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_names_the_provisioners_that_share_without_a_parameter() {
        let names = format!("{:?}", crate::catalogue::sharing_provisioners());
        assert!(SHARING_CLASS.1.ends_with(&names), "{names}");
    }
}
