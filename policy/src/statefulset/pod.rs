//! A pod template taken apart: its containers, and the volumes that may matter with everything that mounts them.
//!
//! All mounts of one volume are a unit, whichever containers they are in: files that one of them writes are those that
//! the others read.

use super::env::{Class, Declaration, Environment, Resolved};
use super::view::{ClaimTemplate, Container, Mount, Part, Pod};
use super::volumes::{Source, Volume};
use crate::settings::{Settings, Templates};

/// A container and where it stands.
#[derive(Debug)]
pub(super) struct Site<'a> {
    /// `initContainers` or `containers`.
    list: &'static str,
    index: usize,
    /// Its place among all containers of the pod.
    pub(super) place: usize,
    pub(super) container: &'a Container<'a>,
    pub(super) env: Environment<'a>,
}

/// A volume and all its mounts.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub(super) name: &'a str,
    /// Its place in the list that declares it: the pod's `volumes`, or the set's `volumeClaimTemplates`.
    pub(super) index: usize,
    pub(super) kind: Kind<'a>,
    pub(super) mounts: Vec<Mounted<'a>>,
    /// The field of the first container that uses it as a block device.
    pub(super) device: Option<String>,
}

/// What a volume is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// A claim of each ordinal.
    Template(&'a ClaimTemplate<'a>),
    /// One of the pod's `volumes`.
    Named(&'a Source<'a>),
}

/// An entry of a container's `volumeMounts`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mounted<'a> {
    pub(super) site: &'a Site<'a>,
    index: usize,
    pub(super) mount: &'a Mount<'a>,
}

// === impl Site ===

impl<'a> Site<'a> {
    /// All containers of a pod: init containers, then the others.
    pub(super) fn all(pod: &'a Pod<'a>) -> Vec<Self> {
        let site = |(place, (list, index, container))| Self {
            list,
            index,
            place,
            container,
            env: Environment::new(container),
        };
        pod.all_containers().enumerate().map(site).collect()
    }

    /// Writes where it is, as a JSON pointer.
    pub(super) fn point(&self, pointer: &mut String) {
        pointer.extend(["/spec/template/spec/", self.list, "/", &self.index.to_string()]);
    }

    /// Where it is, as messages write it.
    pub(super) fn field(&self) -> String {
        format!("spec.template.spec.{}[{}]", self.list, self.index)
    }

    /// The container's mounts.
    pub(super) fn mounts(&'a self) -> impl Iterator<Item = Mounted<'a>> {
        let mounts = self.container.volume_mounts.iter().enumerate();
        mounts.map(|(index, mount)| Mounted { site: self, index, mount })
    }
}

// === impl Unit ===

impl<'a> Unit<'a> {
    /// The volumes of a pod that replicas may share; a claim template shadows a volume of the same name.
    pub(super) fn all(
        pod: &'a Pod<'a>,
        templates: &'a [ClaimTemplate<'a>],
        sites: &'a [Site<'a>],
    ) -> Vec<Self> {
        let unit = |index, name, kind| Self { name, index, kind, mounts: Vec::new(), device: None };
        let named = templates.iter().enumerate().filter(|(_, template)| !template.name().is_empty());
        let mut units: Vec<Self> =
            named.map(|(index, template)| unit(index, template.name(), Kind::Template(template))).collect();
        let mut by_name: Vec<(&str, usize)> = Vec::new();
        index(&units, &mut by_name);
        let is_some =
            |volume: &Volume<'_>| !volume.name.is_empty() && !matches!(volume.source, Source::Other);
        for (index, volume) in pod.volumes.iter().enumerate().filter(|(_, volume)| is_some(volume)) {
            if find(&by_name, &volume.name).is_none() {
                units.push(unit(index, &volume.name, Kind::Named(&volume.source)));
            }
        }
        index(&units, &mut by_name);
        for site in sites {
            fill(&mut units, &by_name, site);
        }
        units
    }

    /// Whether what the replicas write may meet in it.
    pub(super) fn is_shared(&self, settings: &Settings) -> bool {
        match self.kind {
            Kind::Template(template) => match settings.isolation.claim_templates {
                Templates::ReadWriteMany => template.is_read_write_many(),
                Templates::Always => true,
                Templates::Never => false,
            },
            Kind::Named(source) => source.is_shared(settings),
        }
    }

    /// Whether it is one volume for all replicas.
    pub(super) fn is_named(&self) -> bool {
        matches!(self.kind, Kind::Named(_))
    }

    /// Whether both are one volume by its source, whatever it is called.
    pub(super) fn has_source_of(&self, other: &Unit<'_>, settings: &Settings) -> bool {
        match (self.kind, other.kind) {
            (Kind::Named(source), Kind::Named(other)) => source.is_same_as(other, settings),
            _ => false,
        }
    }

    /// The claim that the pod names.
    pub(super) fn claim(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Named(Source::Claim(claim)) => Some(&claim.claim_name),
            _ => None,
        }
    }

    /// Whether the volume, or every mount of it, is read-only.
    pub(super) fn nobody_writes(&self) -> bool {
        let is_read_only = matches!(self.kind, Kind::Named(source) if source.is_read_only());
        is_read_only || self.device.is_none() && self.mounts.iter().all(|mounted| mounted.mount.read_only)
    }

    /// Whether some container sees it as a directory.
    pub(super) fn is_mounted(&self) -> bool {
        !self.mounts.is_empty()
    }

    /// What messages call it.
    pub(super) fn noun(&self) -> &'static str {
        if self.is_named() { "volume" } else { "claim template" }
    }

    /// The expression by which each ordinal gets a directory of its own: storage that a pod mounts without a claim
    /// reaches beyond a namespace.
    pub(super) fn default_expression(&self) -> &'static str {
        match self.kind {
            Kind::Template(_) | Kind::Named(Source::Claim(_)) => "$(ORDINANCE_POD_NAME)",
            Kind::Named(_) => "$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)",
        }
    }
}

// === impl Mounted ===

impl<'a> Mounted<'a> {
    /// Which part of the volume it shows.
    pub(super) fn part(&self) -> Part<'a> {
        self.mount.part()
    }

    /// The expression with its values; none if it has none.
    pub(super) fn resolved(&self) -> Option<Resolved<'a>> {
        self.resolved_with(&[])
    }

    /// The same, given what a patch declares.
    pub(super) fn resolved_with(&self, added: &[Declaration<'a>]) -> Option<Resolved<'a>> {
        match self.part() {
            Part::Expression(expression) => Some(self.site.env.resolve(expression, added)),
            Part::Root | Part::Fixed(_) | Part::Both => None,
        }
    }

    /// Whether its expression keeps the replicas apart, as far as anybody can tell.
    pub(super) fn is_isolated(&self) -> bool {
        self.is_isolated_with(&[])
    }

    /// The same, given what a patch declares.
    pub(super) fn is_isolated_with(&self, added: &[Declaration<'a>]) -> bool {
        self.resolved_with(added).is_some_and(|resolved| {
            matches!(resolved.class(), Class::PerOrdinal | Class::Unstable | Class::Unproved)
        })
    }

    /// Where it is, as a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.point(&mut pointer);
        pointer
    }

    /// Writes where it is, as a JSON pointer.
    pub(super) fn point(&self, pointer: &mut String) {
        self.site.point(pointer);
        pointer.extend(["/volumeMounts/", &self.index.to_string()]);
    }

    /// Where it is, as messages write it.
    pub(super) fn field(&self) -> String {
        format!("{}.volumeMounts[{}]", self.site.field(), self.index)
    }

    /// The field that says which part of the volume it shows, as messages write it.
    pub(super) fn part_field(&self) -> String {
        let field = self.field();
        match self.part() {
            Part::Root => field,
            Part::Fixed(_) | Part::Both => format!("{field}.subPath"),
            Part::Expression(_) => format!("{field}.subPathExpr"),
        }
    }

    /// What makes a mount the same after an update: container and path.
    pub(super) fn identity(&self) -> (&'a str, &'a str) {
        (&self.site.container.name, &self.mount.mount_path)
    }
}

/// The units by name.
fn index<'a>(units: &[Unit<'a>], by_name: &mut Vec<(&'a str, usize)>) {
    by_name.clear();
    by_name.extend(units.iter().enumerate().map(|(index, unit)| (unit.name, index)));
    by_name.sort_unstable();
}

fn find(by_name: &[(&str, usize)], name: &str) -> Option<usize> {
    let place = by_name.binary_search_by_key(&name, |(name, _)| name).ok()?;
    by_name.get(place).map(|(_, index)| *index)
}

/// Gives the units what a container mounts of them.
fn fill<'a>(units: &mut [Unit<'a>], by_name: &[(&str, usize)], site: &'a Site<'a>) {
    for mounted in site.mounts() {
        if let Some(unit) = find(by_name, &mounted.mount.name).and_then(|index| units.get_mut(index)) {
            unit.mounts.push(mounted);
        }
    }
    for (index, device) in site.container.volume_devices.iter().enumerate() {
        if let Some(unit) = find(by_name, &device.name).and_then(|index| units.get_mut(index)) {
            unit.device.get_or_insert_with(|| format!("{}.volumeDevices[{index}]", site.field()));
        }
    }
}
