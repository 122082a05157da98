//! Which writers overlap: the location of one pod is equal to, inside of or around that of another pod.
//!
//! A tree of all locations by their segments keeps the pods that write at each node and below it, so the cost is the
//! length of all locations and not the number of pairs.

use crate::Location;
use crate::writer::{Pod, Relation, VolumeWriter, WriterOverlap};
use std::collections::{HashMap, HashSet};

/// Sets the overlap of every writer.
pub(crate) fn mark(writers: &mut [VolumeWriter]) {
    let overlaps: Vec<Option<WriterOverlap>> = {
        let tree = LocationTree::of(writers);
        (0..writers.len()).map(|writer| tree.overlap(writer)).collect()
    };
    for (writer, overlap) in writers.iter_mut().zip(overlaps) {
        writer.overlap = overlap;
    }
}

/// A tree of all locations by their segments.
struct LocationTree<'w> {
    writers: &'w [VolumeWriter],
    edges: HashMap<(usize, &'w str), usize>,
    nodes: Vec<LocationNode<'w>>,
    /// The nodes of each writer, from its realm to its location.
    paths: Vec<Vec<usize>>,
}

/// A directory.
#[derive(Default)]
struct LocationNode<'w> {
    here: PodSet<'w>,
    /// Includes those here.
    at_or_below: PodSet<'w>,
}

/// Pods that write to a directory, and the first writers of two of them: one of these is another pod than any given
/// one.
#[derive(Default)]
struct PodSet<'w> {
    pods: HashSet<&'w Pod>,
    first: Option<&'w VolumeWriter>,
    second: Option<&'w VolumeWriter>,
}

// === impl LocationTree ===

impl<'w> LocationTree<'w> {
    fn of(writers: &'w [VolumeWriter]) -> Self {
        let mut tree =
            Self { writers, edges: HashMap::new(), nodes: vec![LocationNode::default()], paths: Vec::new() };
        for writer in writers {
            let path = tree.path(&writer.location);
            for node in &path {
                tree.nodes[*node].at_or_below.add(writer);
            }
            if let Some(place) = path.last() {
                tree.nodes[*place].here.add(writer);
            }
            tree.paths.push(path);
        }
        tree
    }

    /// Returns the nodes of a location, and makes those that do not exist.
    fn path(&mut self, location: &'w Location) -> Vec<usize> {
        let segments = std::iter::once(location.realm()).chain(location.path().iter().map(String::as_str));
        let mut node = 0;
        let mut path = Vec::new();
        for segment in segments {
            let next = self.nodes.len();
            node = *self.edges.entry((node, segment)).or_insert(next);
            if node == next {
                self.nodes.push(LocationNode::default());
            }
            path.push(node);
        }
        path
    }

    /// Returns the overlap of a writer.
    fn overlap(&self, writer: usize) -> Option<WriterOverlap> {
        let (place, above) = self.paths[writer].split_last()?;
        let place = &self.nodes[*place];
        let pod = &self.writers[writer].pod;
        let found = |relation, pods: &PodSet<'_>| pods.overlap(pod, relation);
        found(Relation::Equal, &place.here)
            .or_else(|| above.iter().rev().find_map(|node| found(Relation::Inside, &self.nodes[*node].here)))
            .or_else(|| found(Relation::Around, &place.at_or_below))
    }
}

// === impl PodSet ===

impl<'w> PodSet<'w> {
    fn add(&mut self, writer: &'w VolumeWriter) {
        if self.pods.insert(&writer.pod) {
            let free = if self.first.is_none() { &mut self.first } else { &mut self.second };
            free.get_or_insert(writer);
        }
    }

    /// Returns the overlap of a pod with the others here.
    fn overlap(&self, pod: &Pod, relation: Relation) -> Option<WriterOverlap> {
        let other = [self.first, self.second].into_iter().flatten().find(|other| other.pod != *pod)?;
        let others = self.pods.len() - usize::from(self.pods.contains(pod));
        Some(WriterOverlap { relation, with: other.pod.clone(), location: other.location.clone(), others })
    }
}
