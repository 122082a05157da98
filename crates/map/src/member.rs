//! A StatefulSet of the map: what its pods write, and which of its ordinals are shown.

use crate::binding::Claim;
use crate::map::Object;
use crate::pod::{Pods, Written};
use crate::set::{Set, Volume};
use std::ops::Range;

/// Ordinals of one set that a map shows; the others are only counted.
pub const ORDINALS: u64 = 1000;

/// Writers that a map shows; of sets for which there is no room the ordinals are only counted.
pub const WRITERS: u64 = 100_000;

/// A StatefulSet.
pub(crate) struct Member<'a> {
    pub(crate) object: &'a Object<'a>,
    pub(crate) set: Set<'a>,
    pub(crate) name: String,
    pub(crate) written: Vec<Written>,
    pub(crate) ordinals: Range<u64>,
    pub(crate) omitted: Range<u64>,
}

/// What a volume of a pod is.
pub(crate) enum Kind<'m, 'a> {
    /// A claim of each ordinal.
    Template,
    /// One of the pod's `volumes`.
    Named(&'m Volume<'a>),
}

/// The sets, each with as many ordinals as there is room for.
pub(crate) fn all<'a>(sets: Vec<(&'a Object<'a>, Set<'a>)>) -> Vec<Member<'a>> {
    let mut room = WRITERS;
    sets.into_iter()
        .map(|(object, set)| {
            let member = Member::new(object, set, room);
            room = room.saturating_sub(member.size());
            member
        })
        .collect()
}

// === impl Member ===

impl<'a> Member<'a> {
    fn new(object: &'a Object<'a>, set: Set<'a>, room: u64) -> Self {
        let written = Pods { namespace: &object.scope.namespace, set: &set }.written();
        let all = set.spec.ordinals();
        let shown = ORDINALS.min(room / cost(&written)).min(all.end - all.start);
        let end = all.start + shown;
        Self { name: set.name(), object, set, written, ordinals: all.start..end, omitted: end..all.end }
    }

    /// The writers that it makes at most.
    fn size(&self) -> u64 {
        (self.ordinals.end - self.ordinals.start).saturating_mul(cost(&self.written))
    }

    /// The name of a pod.
    pub(crate) fn pod(&self, ordinal: u64) -> String {
        format!("{}-{ordinal}", self.name)
    }

    /// The names of the volumes that are written, each with what it is; a claim template shadows a volume.
    pub(crate) fn volumes(&self) -> Vec<(&str, Kind<'_, 'a>)> {
        let mut volumes: Vec<(&str, Kind<'_, 'a>)> = Vec::new();
        for Written { volume, .. } in &self.written {
            if volumes.iter().all(|(name, _)| name != volume) {
                volumes.extend(self.kind(volume).map(|kind| (volume.as_str(), kind)));
            }
        }
        volumes
    }

    fn kind(&self, name: &str) -> Option<Kind<'_, 'a>> {
        let spec = &self.set.spec;
        if spec.volume_claim_templates.iter().any(|template| *template.metadata.name == *name) {
            return Some(Kind::Template);
        }
        let mut volumes = spec.template.spec.volumes.iter();
        volumes.find(|volume| volume.name() == name).map(Kind::Named)
    }

    /// The claim that the controller makes of a template for an ordinal.
    pub(crate) fn claim_name(&self, template: &str, ordinal: u64) -> String {
        format!("{template}-{}", self.pod(ordinal))
    }

    /// The claims that the controller makes for the ordinals that are shown.
    pub(crate) fn template_claims(&self) -> impl Iterator<Item = Claim<'_>> {
        let templates = self.set.spec.volume_claim_templates.iter();
        templates.flat_map(move |template| {
            self.ordinals.clone().map(move |ordinal| Claim {
                namespace: self.object.scope.namespace.to_string(),
                name: self.claim_name(&template.metadata.name, ordinal),
                uid: "",
                spec: &template.spec,
            })
        })
    }
}

/// Writers for each ordinal, and at least one, so that many sets without any have an end.
fn cost(written: &[Written]) -> u64 {
    (written.len() as u64).max(1)
}
