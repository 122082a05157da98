//! The writers of one volume of one StatefulSet, before and after, as a drawing shows them together.
//!
//! Of many ordinals that are alike, a drawing shows the first few and the last.

use crate::{Map, OmittedOrdinals, Relation, Snapshot, UnmappedObject, VolumeWriter};
use std::collections::HashMap;

/// The most rows of one kind that are all shown.
const ALL: usize = 6;

/// The rows that are shown before the last one if there are more than [`ALL`].
const FIRST: usize = 3;

/// The writers of one volume of one set.
#[derive(Clone, Debug)]
pub(crate) struct VolumeGroup<'m> {
    pub(crate) namespace: &'m str,
    pub(crate) stateful_set: &'m str,
    pub(crate) volume: &'m str,
    pub(crate) before: &'m [VolumeWriter],
    pub(crate) after: &'m [VolumeWriter],
}

/// A row of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row<'m> {
    One(&'m VolumeWriter),
    /// Several writers that are like those around them; never empty.
    More(&'m [VolumeWriter]),
}

/// Returns the groups of a map, in the order of its writers.
pub(crate) fn groups(map: &Map) -> Vec<VolumeGroup<'_>> {
    let mut groups: Vec<VolumeGroup<'_>> = Vec::new();
    let mut places = HashMap::new();
    for (is_after, snapshot) in [(false, &map.before), (true, &map.after)] {
        for writers in snapshot.writers.chunk_by(|one, other| one.group() == other.group()) {
            let Some((namespace, stateful_set, volume)) = writers.first().map(VolumeWriter::group) else {
                continue;
            };
            let place = *places.entry((namespace, stateful_set, volume)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(VolumeGroup { namespace, stateful_set, volume, before: &[], after: &[] });
            }
            let side = if is_after { &mut groups[place].after } else { &mut groups[place].before };
            *side = writers;
        }
    }
    groups
}

/// Returns the rows of writers.
pub(crate) fn rows(writers: &[VolumeWriter]) -> Vec<Row<'_>> {
    writers.chunk_by(VolumeWriter::is_like).flat_map(folded).collect()
}

fn folded(alike: &[VolumeWriter]) -> Vec<Row<'_>> {
    let middle = alike.len().saturating_sub(FIRST + 1);
    if alike.len() <= ALL {
        return alike.iter().map(Row::One).collect();
    }
    let (first, rest) = alike.split_at(FIRST);
    let (more, last) = rest.split_at(middle);
    first.iter().map(Row::One).chain([Row::More(more)]).chain(last.iter().map(Row::One)).collect()
}

// === impl VolumeWriter ===

impl VolumeWriter {
    fn group(&self) -> (&str, &str, &str) {
        (&self.pod.namespace, &self.pod.stateful_set, &self.volume)
    }

    /// Returns whether a drawing would say the same of both.
    fn is_like(&self, other: &Self) -> bool {
        match (&self.overlap, &other.overlap) {
            (None, None) => true,
            (Some(one), Some(other_overlap)) if one.relation == other_overlap.relation => {
                one.relation != Relation::Equal || self.location == other.location
            }
            _ => false,
        }
    }

    /// Describes the overlap, e.g. `shared with web-1 and 2 more`.
    pub(crate) fn overlap_text(&self) -> String {
        let Some(overlap) = &self.overlap else { return "its own".to_owned() };
        let other = self.relative_name(&overlap.with);
        let more = match overlap.others {
            0 | 1 => String::new(),
            others => format!(" and {} more", others - 1),
        };
        match overlap.relation {
            Relation::Equal => format!("shared with {other}{more}"),
            Relation::Inside => format!("inside the directory of {other}{more}"),
            Relation::Around => format!("contains the directory of {other}{more}"),
        }
    }

    /// Returns the name of another pod, with its namespace if that is another one.
    fn relative_name(&self, other: &crate::Pod) -> String {
        if other.namespace == self.pod.namespace {
            other.name()
        } else {
            format!("{}/{}", other.namespace, other.name())
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Summarizes the writers, e.g. `3 writers, 2 of them overlap`.
    pub(crate) fn summary(&self) -> String {
        let all = self.writers.len();
        let writers = if all == 1 { "writer" } else { "writers" };
        match self.overlapping() {
            0 if all == 0 => "no writers".to_owned(),
            0 if all == 1 => "1 writer, in a directory of its own".to_owned(),
            0 => format!("{all} {writers}, each in a directory of its own"),
            1 => format!("{all} {writers}, 1 of them overlaps"),
            some if some == all => format!("{all} {writers}, all of them overlap"),
            some => format!("{all} {writers}, {some} of them overlap"),
        }
    }
}

// === impl Map ===

impl Map {
    /// Returns what a drawing leaves out, a line each.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let refused = self.refused.iter().map(|refused| {
            let outcome = if refused.is_stored { "wrong now" } else { "refused" };
            format!("{outcome}: {}", refused.message)
        });
        let unread = self.unread.iter().map(|unread| unread.remark("not drawn"));
        let unknown = self.unknown.iter().map(|unknown| unknown.remark("unknown"));
        refused
            .chain(unread)
            .chain(unknown)
            .chain(self.after.omitted.iter().map(OmittedOrdinals::remark))
            .collect()
    }

    /// Explains the mark of an expected volume, if there is one.
    pub(crate) fn footnote(&self) -> Option<&'static str> {
        let mut writers = self.before.writers.iter().chain(&self.after.writers);
        writers
            .any(VolumeWriter::is_expected)
            .then_some("* not bound yet: the volume that the claim is expected to get")
    }
}

// === impl UnmappedObject ===

impl UnmappedObject {
    fn remark(&self, what: &str) -> String {
        let Self { object, reason } = self;
        format!("{what}: {} {:?}: {reason}", object.resource, object.name)
    }
}

// === impl OmittedOrdinals ===

impl OmittedOrdinals {
    fn remark(&self) -> String {
        let Self { namespace, stateful_set, ordinals } = self;
        format!(
            "not drawn: ordinals {} to {} of StatefulSet {namespace}/{stateful_set}",
            ordinals.start,
            ordinals.end.saturating_sub(1)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Location, Pod};

    fn writers(locations: impl IntoIterator<Item = String>) -> Vec<VolumeWriter> {
        let writer = |(ordinal, location): (usize, String)| VolumeWriter {
            pod: Pod { namespace: "n".to_owned(), stateful_set: "s".to_owned(), ordinal: ordinal as u64 },
            volume: "v".to_owned(),
            claim: None,
            persistent_volume: None,
            location: Location::of("r".to_owned(), &location),
            overlap: None,
        };
        let mut writers: Vec<VolumeWriter> = locations.into_iter().enumerate().map(writer).collect();
        crate::overlap::mark(&mut writers);
        writers
    }

    #[test]
    fn folds_ordinals_that_are_alike_and_shows_the_others() {
        let mut locations: Vec<String> = (0..20).map(|ordinal| ordinal.to_string()).collect();
        locations[10] = "3".to_owned();
        let writers = writers(locations);
        let shown: Vec<String> = rows(&writers)
            .iter()
            .map(|row| match row {
                Row::One(writer) => writer.pod.ordinal.to_string(),
                Row::More(more) => format!("+{}", more.len()),
            })
            .collect();
        assert_eq!(
            shown,
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "+5", "19"]
        );
    }

    #[test]
    fn names_the_pods_that_a_writer_overlaps() {
        let writers = writers(["a", "a", "a", "b", "b/c", "d"].map(str::to_owned));
        let texts: Vec<String> = writers.iter().map(VolumeWriter::overlap_text).collect();
        assert_eq!(
            texts,
            [
                "shared with s-1 and 1 more",
                "shared with s-0 and 1 more",
                "shared with s-0 and 1 more",
                "contains the directory of s-4",
                "inside the directory of s-3",
                "its own"
            ]
        );
    }
}
