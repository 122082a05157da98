//! A StatefulSet of the map: the volumes that its pods write, and the ordinals that the map shows.

use crate::binding::{BindableClaim, ClaimRequest};
use crate::object::MappedObject;
use crate::reader::Reader;
use crate::sub_path::{PodFields, SubPathPattern};
use ordinance_storage::json::{self, Members, Raw};
use ordinance_storage::{
    AzureFileSource, Metadata, MountedVolume, PlacedContainer, PodTemplate, StatefulSet, Steps, VolumeKind,
    VolumeSource,
};
use serde_json::json;
use std::ops::Range;

/// The most ordinals of one set that a map shows; the others are only counted.
const ORDINALS: u64 = 1000;

/// The most writers that a map shows; ordinals for which there is no room are only counted.
const WRITERS: u64 = 100_000;

/// A StatefulSet.
pub(crate) struct MappedSet<'a> {
    pub(crate) object: &'a MappedObject<'a>,
    /// The name, or `<generateName>*` while the API server has not generated it.
    pub(crate) name: String,
    /// In the order in which the pod mounts them.
    pub(crate) volumes: Vec<WrittenVolume>,
    pub(crate) ordinals: Range<u64>,
    /// The ordinals that the map does not show.
    pub(crate) omitted: Range<u64>,
    /// The claim templates by their names.
    templates: Vec<(String, ClaimRequest<'a>)>,
}

/// A volume that the pods of a set write.
#[derive(Debug)]
pub(crate) struct WrittenVolume {
    pub(crate) name: String,
    pub(crate) source: WrittenSource,
    /// The directories below its root that are written, each once.
    pub(crate) sub_paths: Vec<SubPathPattern>,
}

/// The source of a written volume.
#[derive(Debug)]
pub(crate) enum WrittenSource {
    /// In a claim for each ordinal, made of the template.
    Template,
    /// In the claim of this name.
    Claim(String),
    /// On an export that pods mount without a claim; the JSON of a PersistentVolume with the same source.
    Export(String),
}

/// A StatefulSet with its pod template and all fields that can be parsed.
type WholeSet<'a> = StatefulSet<'a, Members<PodTemplate<'a, Raw<'a>>>, Metadata<'a>, Raw<'a>>;

// === impl MappedSet ===

impl<'a> MappedSet<'a> {
    /// Returns the StatefulSets that can be read, in the order of [`Reader::all`]. Together they show at most
    /// [`WRITERS`] writers: a set for which there is less room shows only its first ordinals.
    pub(crate) fn all(objects: &'a [MappedObject<'a>], reader: &mut Reader) -> Vec<Self> {
        let mut sets = reader.all(objects, "apps", "statefulsets", Self::read);
        let mut room = WRITERS;
        for set in &mut sets {
            set.cut(room);
            room = room.saturating_sub(set.size());
        }
        sets
    }

    /// Reads a StatefulSet with all its ordinals.
    pub(crate) fn read(object: &'a MappedObject<'a>) -> serde_json::Result<Self> {
        let set: WholeSet<'a> = json::read(&object.before)?;
        let name = match &*set.metadata.name {
            "" => format!("{}*", &*set.metadata.generate_name),
            name => name.to_owned(),
        };
        let ordinals = set.ordinals()?;
        let volumes = written_volumes(&set, &object.scope.namespace)?;
        let templates = set.spec.volume_claim_templates.into_iter();
        let templates = templates
            .map(|template| Ok((template.name().to_owned(), ClaimRequest::read(template.spec)?)))
            .collect::<serde_json::Result<_>>()?;
        let omitted = ordinals.end..ordinals.end;
        Ok(Self { object, name, volumes, ordinals, omitted, templates })
    }

    /// Keeps as many ordinals as there is room for writers.
    fn cut(&mut self, room: u64) {
        let Range { start, end } = self.ordinals;
        let shown = ORDINALS.min(room / self.writers_per_ordinal()).min(end - start);
        self.ordinals = start..start + shown;
        self.omitted = start + shown..end;
    }

    /// Returns the most writers that the set makes.
    fn size(&self) -> u64 {
        (self.ordinals.end - self.ordinals.start).saturating_mul(self.writers_per_ordinal())
    }

    /// Returns at least 1, so that many sets without a writer fill the map too.
    fn writers_per_ordinal(&self) -> u64 {
        self.volumes.iter().map(|volume| volume.sub_paths.len() as u64).sum::<u64>().max(1)
    }

    /// Returns the name of a pod.
    pub(crate) fn pod(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.name)
    }

    /// Returns the name of the claim that the controller makes of a template for an ordinal.
    pub(crate) fn claim_name(&self, template: &str, ordinal: u64) -> String {
        format!("{template}-{}", self.pod(ordinal))
    }

    /// Iterates over the claims that the controller makes for the ordinals that are shown.
    pub(crate) fn template_claims(&self) -> impl Iterator<Item = BindableClaim<'_>> {
        self.templates.iter().flat_map(move |(template, request)| {
            self.ordinals.clone().map(move |ordinal| BindableClaim {
                namespace: self.object.scope.namespace.to_string(),
                name: self.claim_name(template, ordinal),
                uid: "",
                request,
            })
        })
    }
}

/// Returns the volumes that some container writes and whose files outlive the pod.
fn written_volumes(set: &WholeSet<'_>, namespace: &str) -> serde_json::Result<Vec<WrittenVolume>> {
    let template = &set.spec.template;
    let fields = PodFields::read(namespace, template)?;
    let containers = PlacedContainer::all(&template.spec, &[], &Steps::unlimited());
    let mut volumes = MountedVolume::all(&template.spec, &set.spec.volume_claim_templates, &containers);
    volumes.sort_by_key(first_write);
    let written = volumes.iter().filter(|volume| first_write(volume).is_some());
    let written = written.filter_map(|volume| {
        let source = WrittenSource::of(volume.kind, namespace)?;
        Some(WrittenVolume { name: volume.name.to_owned(), source, sub_paths: sub_paths(volume, &fields) })
    });
    Ok(written.collect())
}

/// Returns the position in the pod of the first mount that is not read-only, or of the block device, which comes after
/// the mounts of its container; `None` if no container writes to the volume.
fn first_write(volume: &MountedVolume<'_, Raw<'_>>) -> Option<(usize, bool, usize)> {
    let mounts = volume.mounts.iter().filter(|mounted| !mounted.mount.read_only);
    let mounts = mounts.map(|mounted| (mounted.container.place, false, mounted.index));
    mounts.chain(volume.device.map(|device| (device.container.place, true, device.index))).min()
}

/// Returns the directories that are written; a block device counts as the root.
fn sub_paths(volume: &MountedVolume<'_, Raw<'_>>, fields: &PodFields<'_>) -> Vec<SubPathPattern> {
    let mounts = volume.mounts.iter().filter(|mounted| !mounted.mount.read_only);
    let mounts = mounts.map(|mounted| SubPathPattern::of(mounted, fields));
    let mut sub_paths = Vec::new();
    for sub_path in mounts.chain(volume.device.map(|_| SubPathPattern::default())) {
        if !sub_paths.contains(&sub_path) {
            sub_paths.push(sub_path);
        }
    }
    sub_paths
}

// === impl WrittenSource ===

impl WrittenSource {
    /// Returns `None` for a source that is read-only, or whose files no other pod has.
    fn of(kind: VolumeKind<'_, Raw<'_>>, namespace: &str) -> Option<Self> {
        let VolumeKind::Named(source) = kind else { return Some(Self::Template) };
        if source.is_read_only() {
            return None;
        }
        let export = |source| Some(Self::Export(json!({"metadata": {}, "spec": source}).to_string()));
        match source {
            VolumeSource::Claim(claim) if claim.claim_name.is_empty() => None,
            VolumeSource::Claim(claim) => Some(Self::Claim(claim.claim_name.to_string())),
            VolumeSource::Nfs(nfs) => export(json!({"nfs": nfs})),
            VolumeSource::Cephfs(cephfs) => export(json!({"cephfs": cephfs})),
            VolumeSource::Csi(csi) => export(json!({"csi": csi})),
            VolumeSource::Glusterfs(glusterfs) => export(json!({"glusterfs": glusterfs})),
            VolumeSource::AzureFile(share) => {
                // A pod takes the Secret of its own namespace.
                let secret = AzureFileSource { secret_namespace: namespace.into(), ..share.clone() };
                export(json!({"azureFile": secret}))
            }
            VolumeSource::Quobyte(quobyte) => export(json!({"quobyte": quobyte})),
            VolumeSource::Disk { .. } | VolumeSource::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordinance_contract::Scope;

    #[test]
    fn a_set_writes_its_volumes_in_the_order_of_its_mounts() {
        let text = r#"{"metadata":{"generateName":"web-"},"spec":{
            "template":{"spec":{
                "initContainers":[{"volumeMounts":[{"name":"late","readOnly":true},{"name":"files","subPath":"a"}]}],
                "containers":[{
                    "volumeMounts":[{"name":"tmp"},{"name":"data"},{"name":"files"},{"name":"files","subPath":"a"},{"name":"late"},{"name":"gone"}],
                    "volumeDevices":[{"name":"raw"}]}],
                "volumes":[
                    {"name":"tmp","emptyDir":{}},{"name":"late","nfs":{"server":"s","path":"/"}},
                    {"name":"raw","persistentVolumeClaim":{"claimName":"c"}},
                    {"name":"files","glusterfs":{"endpoints":"e","path":"v"}}]}},
            "volumeClaimTemplates":[{"metadata":{"name":"data"}}]}}"#;
        let object = MappedObject::new(Scope::default(), text);
        let set = MappedSet::read(&object).expect("a StatefulSet");
        let shown = |volume: &WrittenVolume| (volume.name.clone(), volume.sub_paths.len());
        let volumes: Vec<(String, usize)> = set.volumes.iter().map(shown).collect();
        let expected = [("files", 2), ("data", 1), ("late", 1), ("raw", 1)];
        assert_eq!(volumes, expected.map(|(name, sub_paths)| (name.to_owned(), sub_paths)));
        assert_eq!(set.pod(0), "web-*-0");
    }
}
