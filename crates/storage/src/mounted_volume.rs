//! The containers of a pod by their place, and its volumes with everything that mounts them.
//!
//! All mounts of a volume belong together, whichever containers they are in: a file that one container writes is the
//! file that the others read.

use crate::environment::{
    AddedVariables, Environment, ExpressionClass, ImplicitVariable, ResolvedExpression, Steps,
};
use crate::{ClaimTemplate, Container, PodSpec, PodVolume, SubPath, VolumeMount, VolumeSource};
use serde::de::IgnoredAny;
use std::rc::Rc;

/// A container and its place in the pod.
#[derive(Debug)]
pub struct PlacedContainer<'a> {
    /// `initContainers` or `containers`.
    list: &'static str,
    index: usize,
    /// The index among all containers of the pod.
    pub place: usize,
    /// The container.
    pub container: &'a Container<'a>,
    /// Its environment.
    pub env: Environment<'a>,
}

/// A volume of a pod, or a claim template, with all its mounts.
#[derive(Debug)]
pub struct MountedVolume<'a, R = IgnoredAny> {
    /// The name that mounts use.
    pub name: &'a str,
    /// The index in the list that declares it: the pod's `volumes`, or the set's `volumeClaimTemplates`.
    pub index: usize,
    /// A claim template or one of the pod's volumes.
    pub kind: VolumeKind<'a, R>,
    /// The mounts, in the order of the pod.
    pub mounts: Vec<PlacedMount<'a>>,
    /// The first use as a block device.
    pub device: Option<PlacedDevice<'a>>,
}

/// A claim template, or one of the pod's volumes.
#[derive(Clone, Copy, Debug)]
pub enum VolumeKind<'a, R = IgnoredAny> {
    /// Each ordinal has its own claim.
    Template(&'a ClaimTemplate<'a, R>),
    /// An entry of the pod's `volumes`, which is the same for all replicas.
    Named(&'a VolumeSource<'a>),
}

/// An entry of a container's `volumeMounts`, with its place.
#[derive(Clone, Copy, Debug)]
pub struct PlacedMount<'a> {
    /// The container.
    pub container: &'a PlacedContainer<'a>,
    /// The index in `volumeMounts`.
    pub index: usize,
    /// The entry.
    pub mount: &'a VolumeMount<'a>,
}

/// An entry of a container's `volumeDevices`, by its place.
#[derive(Clone, Copy, Debug)]
pub struct PlacedDevice<'a> {
    /// The container.
    pub container: &'a PlacedContainer<'a>,
    /// The index in `volumeDevices`.
    pub index: usize,
}

// === impl PlacedContainer ===

impl<'a> PlacedContainer<'a> {
    /// Returns the containers of a pod: init containers, then the others. Their expressions may take `implicit`
    /// variables without declaring them, and that many steps together.
    pub fn all<R>(
        pod: &'a PodSpec<'a, R>,
        implicit: &'static [ImplicitVariable],
        steps: &Steps,
    ) -> Vec<Self> {
        let placed = |(place, (list, index, container))| Self {
            list,
            index,
            place,
            container,
            env: Environment::new(container, implicit, steps),
        };
        pod.all_containers().enumerate().map(placed).collect()
    }

    /// The container's name.
    pub fn name(&self) -> &'a str {
        &self.container.name
    }

    /// Appends the JSON pointer of the container in a StatefulSet.
    pub fn point(&self, pointer: &mut String) {
        pointer.extend(["/spec/template/spec/", self.list, "/", &self.index.to_string()]);
    }

    /// Returns the field of a StatefulSet that the container is, e.g. `spec.template.spec.containers[0]`.
    pub fn field(&self) -> String {
        format!("spec.template.spec.{}[{}]", self.list, self.index)
    }

    /// Iterates over the container's mounts.
    pub fn mounts(&'a self) -> impl Iterator<Item = PlacedMount<'a>> {
        let mounts = self.container.volume_mounts.iter().enumerate();
        mounts.map(|(index, mount)| PlacedMount { container: self, index, mount })
    }
}

// === impl MountedVolume ===

impl<'a, R> MountedVolume<'a, R> {
    /// Returns the claim templates, then the pod's volumes whose files outlive a pod. A claim template shadows a volume
    /// of the same name.
    pub fn all(
        pod: &'a PodSpec<'a, R>,
        templates: &'a [ClaimTemplate<'a, R>],
        containers: &'a [PlacedContainer<'a>],
    ) -> Vec<Self> {
        let unmounted = |index, name, kind| Self { name, index, kind, mounts: Vec::new(), device: None };
        let named = templates.iter().enumerate().filter(|(_, template)| !template.name().is_empty());
        let mut volumes: Vec<Self> = named
            .map(|(index, template)| unmounted(index, template.name(), VolumeKind::Template(template)))
            .collect();
        let mut by_name: Vec<(&str, usize)> = Vec::new();
        index(&volumes, &mut by_name);
        let outlives_pods =
            |volume: &PodVolume<'_>| !volume.name.is_empty() && !matches!(volume.source, VolumeSource::Other);
        let named = pod.volumes.iter().enumerate().filter(|(_, volume)| outlives_pods(volume));
        for (index, volume) in named {
            if find(&by_name, &volume.name).is_none() {
                volumes.push(unmounted(index, &volume.name, VolumeKind::Named(&volume.source)));
            }
        }
        index(&volumes, &mut by_name);
        for container in containers {
            add_mounts(&mut volumes, &by_name, container);
        }
        volumes
    }

    /// Returns whether all replicas have this one volume.
    pub fn is_named(&self) -> bool {
        matches!(self.kind, VolumeKind::Named(_))
    }

    /// Returns the claim that the pod names, or `None` for a claim template and for any other source.
    pub fn claim(&self) -> Option<&'a str> {
        match self.kind {
            VolumeKind::Named(VolumeSource::Claim(claim)) => Some(&claim.claim_name),
            _ => None,
        }
    }

    /// Returns whether the volume, or every mount of it, is read-only.
    pub fn has_no_writers(&self) -> bool {
        let is_read_only = matches!(self.kind, VolumeKind::Named(source) if source.is_read_only());
        is_read_only || self.device.is_none() && self.mounts.iter().all(PlacedMount::is_read_only)
    }

    /// Returns whether all pods that mount it write the same files.
    pub fn has_shared_writers(&self) -> bool {
        let shares = |mount: &PlacedMount<'_>| !mount.is_read_only() && !mount.is_isolated();
        !self.has_no_writers() && (self.device.is_some() || self.mounts.iter().any(shares))
    }

    /// Returns whether a container mounts it as a directory.
    pub fn is_mounted(&self) -> bool {
        !self.mounts.is_empty()
    }
}

// === impl PlacedMount ===

impl<'a> PlacedMount<'a> {
    /// Returns whether the container cannot write through the mount.
    pub fn is_read_only(&self) -> bool {
        self.mount.read_only
    }

    /// Returns which directory of the volume the mount shows.
    pub fn part(&self) -> SubPath<'a> {
        self.mount.part()
    }

    /// Returns the expression, or `None` if the mount has another sub-path or none.
    pub fn expression(&self) -> Option<&'a str> {
        match self.part() {
            SubPath::Expression(expression) => Some(expression),
            SubPath::Root | SubPath::Fixed(_) | SubPath::Both => None,
        }
    }

    /// Returns the resolved expression, or `None` if the mount has none.
    pub fn resolved(&self) -> Option<Rc<ResolvedExpression>> {
        Some(self.container.env.resolve(self.expression()?))
    }

    /// Like [`PlacedMount::resolved`], with variables that are going to be added to the container.
    pub fn resolved_with(&self, added: &AddedVariables<'_>) -> Option<Rc<ResolvedExpression>> {
        Some(self.container.env.resolve_with(self.expression()?, added))
    }

    /// Returns whether the expression may give each replica its own directory.
    pub fn is_isolated(&self) -> bool {
        self.resolved().is_some_and(may_isolate)
    }

    /// Like [`PlacedMount::is_isolated`], with variables that are going to be added to the container.
    pub fn is_isolated_with(&self, added: &AddedVariables<'_>) -> bool {
        self.resolved_with(added).is_some_and(may_isolate)
    }

    /// Returns the JSON pointer of the mount in a StatefulSet.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.point(&mut pointer);
        pointer
    }

    /// Appends the JSON pointer of the mount in a StatefulSet.
    pub fn point(&self, pointer: &mut String) {
        self.container.point(pointer);
        pointer.extend(["/volumeMounts/", &self.index.to_string()]);
    }

    /// Returns the field of a StatefulSet that the mount is.
    pub fn field(&self) -> String {
        format!("{}.volumeMounts[{}]", self.container.field(), self.index)
    }

    /// Returns the field that says which directory of the volume the mount shows.
    pub fn part_field(&self) -> String {
        let field = self.field();
        match self.part() {
            SubPath::Root => field,
            SubPath::Fixed(_) | SubPath::Both => format!("{field}.subPath"),
            SubPath::Expression(_) => format!("{field}.subPathExpr"),
        }
    }

    /// Returns the place of the container and the index in it, which identify the mount in its pod.
    pub fn place(&self) -> (usize, usize) {
        (self.container.place, self.index)
    }

    /// Returns container and path, which identify the mount after an update.
    pub fn identity(&self) -> (&'a str, &'a str) {
        (self.container.name(), &self.mount.mount_path)
    }
}

// === impl PlacedDevice ===

impl PlacedDevice<'_> {
    /// Returns the field of a StatefulSet that the device is.
    pub fn field(&self) -> String {
        format!("{}.volumeDevices[{}]", self.container.field(), self.index)
    }
}

fn may_isolate(resolved: Rc<ResolvedExpression>) -> bool {
    match resolved.class() {
        ExpressionClass::PerOrdinal | ExpressionClass::Unstable | ExpressionClass::Unproved => true,
        ExpressionClass::Same | ExpressionClass::Missing(_) | ExpressionClass::Unresolved => false,
    }
}

/// Fills `by_name` with the volumes by their names.
fn index<'a, R>(volumes: &[MountedVolume<'a, R>], by_name: &mut Vec<(&'a str, usize)>) {
    by_name.clear();
    by_name.extend(volumes.iter().enumerate().map(|(index, volume)| (volume.name, index)));
    by_name.sort_unstable();
}

fn find(by_name: &[(&str, usize)], name: &str) -> Option<usize> {
    let place = by_name.binary_search_by_key(&name, |(name, _)| name).ok()?;
    by_name.get(place).map(|(_, index)| *index)
}

/// Adds the mounts and block devices of a container to the volumes.
fn add_mounts<'a, R>(
    volumes: &mut [MountedVolume<'a, R>],
    by_name: &[(&str, usize)],
    container: &'a PlacedContainer<'a>,
) {
    for mounted in container.mounts() {
        if let Some(volume) = find(by_name, &mounted.mount.name).and_then(|index| volumes.get_mut(index)) {
            volume.mounts.push(mounted);
        }
    }
    for (index, device) in container.container.volume_devices.iter().enumerate() {
        if let Some(volume) = find(by_name, &device.name).and_then(|index| volumes.get_mut(index)) {
            volume.device.get_or_insert(PlacedDevice { container, index });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn mounts_of_all_containers_belong_to_one_volume() {
        let pod: PodSpec<'_> = json::read(
            r#"{"volumes":[{"name":"data","nfs":{"server":"s","path":"/"}},{"name":"tmp","emptyDir":{}},
                {"name":"raw","persistentVolumeClaim":{"claimName":"c"}}],
            "initContainers":[{"name":"i","volumeMounts":[{"name":"data","mountPath":"/i","readOnly":true}]}],
            "containers":[{"name":"c","volumeMounts":[{"name":"tmp","mountPath":"/t"},{"name":"data","mountPath":"/c","subPath":"x"}],
                "volumeDevices":[{"name":"raw","devicePath":"/dev/x"}]}]}"#,
        )
        .expect("a pod");
        let templates = [];
        let containers = PlacedContainer::all(&pod, &[], &Steps::unlimited());
        let volumes = MountedVolume::all(&pod, &templates, &containers);
        let [data, raw] = volumes.as_slice() else { panic!("{volumes:?}") };
        let fields: Vec<String> = data.mounts.iter().map(PlacedMount::part_field).collect();
        assert_eq!(
            fields,
            [
                "spec.template.spec.initContainers[0].volumeMounts[0]",
                "spec.template.spec.containers[0].volumeMounts[1].subPath"
            ]
        );
        assert!(!data.has_no_writers());
        let device = raw.device.map(|device| device.field());
        assert_eq!(device.as_deref(), Some("spec.template.spec.containers[0].volumeDevices[0]"));
    }

    #[test]
    fn a_claim_template_shadows_a_volume_of_its_name() {
        let pod: PodSpec<'_> =
            json::read(r#"{"volumes":[{"name":"data","nfs":{"server":"s","path":"/"}}]}"#).expect("a pod");
        let templates: [ClaimTemplate<'_>; 1] =
            [json::read(r#"{"metadata":{"name":"data"}}"#).expect("a template")];
        let volumes = MountedVolume::all(&pod, &templates, &[]);
        assert!(matches!(volumes.as_slice(), [volume] if !volume.is_named()));
    }
}
