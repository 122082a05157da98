//! What every pod template has that the API server has stored. A part of a template lacks it.

use crate::{ClaimTemplate, Container, PodSpec, VolumeSource};
use std::collections::BTreeSet;

/// Returns what a pod template lacks that every stored one has; `None` if it lacks nothing.
pub fn missing_part<R>(pod: &PodSpec<'_, R>, templates: &[ClaimTemplate<'_, R>]) -> Option<&'static str> {
    if !pod.has_containers() {
        return Some("a container");
    }
    if pod.volumes.iter().any(|volume| volume.name.is_empty()) {
        return Some("the name of a volume");
    }
    if pod.volumes.iter().any(|volume| !volume.has_source || is_unnamed_claim(&volume.source)) {
        return Some("the source of a volume");
    }
    let volumes = pod.volumes.iter().map(|volume| &*volume.name);
    let names: BTreeSet<&str> = volumes.chain(templates.iter().map(ClaimTemplate::name)).collect();
    pod.all_containers().find_map(|(_, _, container)| missing_part_of(container, &names))
}

fn is_unnamed_claim(source: &VolumeSource<'_>) -> bool {
    matches!(source, VolumeSource::Claim(claim) if claim.claim_name.is_empty())
}

fn missing_part_of(container: &Container<'_>, volumes: &BTreeSet<&str>) -> Option<&'static str> {
    if container.name.is_empty() {
        return Some("the name of a container");
    }
    let mut used = container.volume_mounts.iter().map(|mount| &mount.name);
    let mut devices = container.volume_devices.iter().map(|device| &device.name);
    if !used.all(|name| volumes.contains(&**name)) || !devices.all(|name| volumes.contains(&**name)) {
        return Some("the volume of a mount");
    }
    let is_placed = container.volume_mounts.iter().all(|mount| !mount.mount_path.is_empty());
    (!is_placed).then_some("the path of a mount")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn missing(containers: &str, volumes: &str) -> Option<&'static str> {
        let pod = format!(r#"{{"containers":{containers},"volumes":{volumes}}}"#);
        let template = r#"{"metadata":{"name":"own"}}"#;
        let pod: PodSpec<'_> = json::read(&pod).expect("a pod");
        missing_part(&pod, &[json::read(template).expect("a template")])
    }

    #[test]
    fn each_part_of_a_stored_template_is_required() {
        let mounts = |mounts: &str| format!(r#"[{{"name":"app","volumeMounts":{mounts}}}]"#);
        let volumes = r#"[{"name":"data","persistentVolumeClaim":{"claimName":"shared"}}]"#;
        let whole = mounts(r#"[{"name":"data","mountPath":"/data"},{"name":"own","mountPath":"/own"}]"#);
        assert_eq!(missing(&whole, volumes), None);
        for (containers, volumes, part) in [
            ("[]", volumes, "a container"),
            ("[null]", volumes, "the name of a container"),
            (&mounts("[{}]"), volumes, "the volume of a mount"),
            (&mounts(r#"[{"name":"data"}]"#), volumes, "the path of a mount"),
            (&whole, "[]", "the volume of a mount"),
            (&whole, r#"[{"name":"data"}]"#, "the source of a volume"),
            (&whole, r#"[{"name":"data","persistentVolumeClaim":null}]"#, "the source of a volume"),
            (&whole, r#"[{"name":"data","persistentVolumeClaim":{}}]"#, "the source of a volume"),
            (&whole, r#"[{"emptyDir":{}}]"#, "the name of a volume"),
            (r#"[{"name":"app","volumeDevices":[{"name":"disk"}]}]"#, volumes, "the volume of a mount"),
        ] {
            assert_eq!(missing(containers, volumes), Some(part), "{containers} {volumes}");
        }
    }
}
