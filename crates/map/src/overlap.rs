//! Which writers meet: what one pod writes is equal to, inside of, or around what another does.
//!
//! All locations are put into a tree of their segments, which knows at each node who writes there and who writes below;
//! so marking all of them costs their length, however many there are.

use crate::Location;
use crate::snapshot::{Pod, Writer};
use std::collections::{HashMap, HashSet};

/// What another pod writes of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How its place lies to this one; of several the closest.
    pub relation: Relation,
    /// The first of the other pods of that relation.
    pub with: Pod,
    /// Where that one writes.
    pub location: Location,
    /// How many other pods there are of that relation.
    pub others: usize,
}

/// How a place lies to another pod's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are one.
    Equal,
    /// It is inside of the other's.
    Inside,
    /// The other's is inside of it.
    Around,
}

/// Says of every writer with whom it overlaps, if with anybody.
pub(crate) fn mark(writers: &mut [Writer]) {
    let overlaps: Vec<Option<Overlap>> = {
        let tree = Tree::of(writers);
        (0..writers.len()).map(|writer| tree.overlap(writer)).collect()
    };
    for (writer, overlap) in writers.iter_mut().zip(overlaps) {
        writer.overlap = overlap;
    }
}

/// All locations by their segments.
struct Tree<'w> {
    writers: &'w [Writer],
    edges: HashMap<(usize, &'w str), usize>,
    nodes: Vec<Node<'w>>,
    /// The nodes of each writer, from its realm to its place.
    ways: Vec<Vec<usize>>,
}

/// A place.
#[derive(Default)]
struct Node<'w> {
    here: Crowd<'w>,
    /// Those here, too.
    at_or_below: Crowd<'w>,
}

/// The pods that write somewhere, and the first writers of two of them.
#[derive(Default)]
struct Crowd<'w> {
    pods: HashSet<&'w Pod>,
    first: Option<&'w Writer>,
    second: Option<&'w Writer>,
}

// === impl Tree ===

impl<'w> Tree<'w> {
    fn of(writers: &'w [Writer]) -> Self {
        let mut tree =
            Self { writers, edges: HashMap::new(), nodes: vec![Node::default()], ways: Vec::new() };
        for writer in writers {
            let way = tree.way(&writer.location);
            for node in &way {
                tree.nodes[*node].at_or_below.add(writer);
            }
            if let Some(place) = way.last() {
                tree.nodes[*place].here.add(writer);
            }
            tree.ways.push(way);
        }
        tree
    }

    /// The nodes of a location; they are made where there are none.
    fn way(&mut self, location: &'w Location) -> Vec<usize> {
        let segments = std::iter::once(location.realm()).chain(location.path().iter().map(String::as_str));
        let mut node = 0;
        let mut way = Vec::new();
        for segment in segments {
            let next = self.nodes.len();
            node = *self.edges.entry((node, segment)).or_insert(next);
            if node == next {
                self.nodes.push(Node::default());
            }
            way.push(node);
        }
        way
    }

    /// With whom a writer overlaps.
    fn overlap(&self, writer: usize) -> Option<Overlap> {
        let (place, above) = self.ways[writer].split_last()?;
        let place = &self.nodes[*place];
        let pod = &self.writers[writer].pod;
        let found = |relation, crowd: &Crowd<'_>| crowd.overlap(pod, relation);
        found(Relation::Equal, &place.here)
            .or_else(|| above.iter().rev().find_map(|node| found(Relation::Inside, &self.nodes[*node].here)))
            .or_else(|| found(Relation::Around, &place.at_or_below))
    }
}

// === impl Crowd ===

impl<'w> Crowd<'w> {
    fn add(&mut self, writer: &'w Writer) {
        if self.pods.insert(&writer.pod) {
            let free = if self.first.is_none() { &mut self.first } else { &mut self.second };
            free.get_or_insert(writer);
        }
    }

    /// What others than this pod do here.
    fn overlap(&self, pod: &Pod, relation: Relation) -> Option<Overlap> {
        let other = [self.first, self.second].into_iter().flatten().find(|other| other.pod != *pod)?;
        let others = self.pods.len() - usize::from(self.pods.contains(pod));
        Some(Overlap { relation, with: other.pod.clone(), location: other.location.clone(), others })
    }
}
