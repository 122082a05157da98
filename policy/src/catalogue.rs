//! The catalogue of storage drivers: how each finds the files of a volume.
//!
//! A row is data: [`built_in`](mod@built_in) has those that are compiled in, the setting `drivers` adds others in the same form. A
//! [template] spells the directory of a volume, so that two drivers which mount one export give the same text.
//! Nothing is looked up outside of the object.

mod built_in;
mod condition;
mod handle;
#[cfg(test)]
mod page;
mod setting;
mod template;
mod template_check;
mod texts;

pub(crate) use built_in::{AZURE_SECRET, NFS_SUBDIR};
pub(crate) use setting::{DriverSetting, Drivers, repeated_names};
use std::ops::Deref;

pub(crate) use condition::{condition_names, holds, wanted_value};
pub(crate) use template::{Reference, Unfilled, Value, Values, fill};
pub(crate) use texts::Texts;

/// The scheme of a volume that is no directory of a server: the text after it identifies it among those of its driver.
pub(crate) const VOLUME_SCHEME: &str = "volume";

/// How a driver, or a provisioner, finds the files of its volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Driver<'a> {
    /// Names, in which a first or last part `*` stands for any prefix or suffix, e.g. `*.cephfs.csi.ceph.com`.
    pub(crate) names: Texts<'a>,
    /// The driver as people call it; empty in a row of the settings.
    pub(crate) title: &'a str,
    /// Templates of the place of a volume; the first one that applies counts.
    pub(crate) location: Texts<'a>,
    /// The parts of a `volumeHandle` with their separators, e.g. `group#account#share`.
    pub(crate) handle: &'a str,
    /// Words that may stand before the parts, e.g. `efs` of `efs:fs-1`.
    pub(crate) handle_types: Texts<'a>,
    /// What separates a handle from a text that does not matter, e.g. `:`; empty if the whole handle matters.
    pub(crate) handle_suffix: &'a str,
    /// The attribute with more mount options; empty if the driver has none.
    pub(crate) options: &'a str,
    /// Whether several nodes can write to a volume at once.
    pub(crate) shared: bool,
    /// Whether a pod may name a volume without a claim, and with it files that other pods name too.
    pub(crate) inline: bool,
    /// What the parameters of a StorageClass say.
    pub(crate) class: ClassRow<'a>,
    /// Where the source or the documentation of the driver shows it.
    pub(crate) sources: Texts<'a>,
    /// What the row leaves out, in sentences; empty if nothing is known.
    pub(crate) remark: &'a str,
}

/// How the parameters of a StorageClass choose the directories of its volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassRow<'a> {
    /// The parameters that name the directory of a claim, outermost first. Without the first one the provisioner makes a
    /// directory of its own for each claim.
    pub(crate) directory: Texts<'a>,
    /// A value of the first of them that gives each claim a directory of its own; empty for the claim's namespace and name.
    pub(crate) proposal: &'a str,
    /// The variables that the provisioner fills in there.
    pub(crate) variables: PatternVariables<'a>,
    /// Conditions under which these parameters alone name the directory; empty for always.
    pub(crate) only_if: &'a str,
    /// Conditions, one of which is enough, under which claims share a directory.
    pub(crate) shared_if: Texts<'a>,
    /// Which claims share it, as a message continues; empty for all of them, since the provisioner makes none of its own.
    pub(crate) shared_by: &'a str,
    /// Conditions, one of which is enough, under which the files of a deleted claim stay.
    pub(crate) keeps_files_if: Texts<'a>,
}

/// The variables that a provisioner replaces in a pattern; empty where it has none. Spellings are separated by `|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PatternVariables<'a> {
    pub(crate) volume: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) claim: &'a str,
}

/// Returns the row of a driver: a built-in one, else one of the settings. `None` if nothing is known of the driver.
pub(crate) fn find<'a>(name: &str, own: &'a Drivers) -> Option<FoundDriver<'a>> {
    let own = || own.find(name).map(|row| FoundDriver::Own(Box::new(row)));
    built_in(name).map(FoundDriver::BuiltIn).or_else(own)
}

/// Returns the row of a driver as [`find`] does, unless it is one of the settings that says nothing of volumes.
pub(crate) fn find_located<'a>(name: &str, own: &'a Drivers) -> Option<FoundDriver<'a>> {
    find(name, own).filter(|row| match row {
        FoundDriver::BuiltIn(_) => true,
        FoundDriver::Own(row) => row.location.iter().next().is_some(),
    })
}

/// Returns the built-in row of a driver.
pub(crate) fn built_in(name: &str) -> Option<&'static Driver<'static>> {
    built_in::rows().find(|row| row.names.list().iter().any(|pattern| is_named(pattern, name)))
}

/// Returns whether the inline volumes of a driver have files that other pods name too.
pub(crate) fn is_inline(name: &str) -> bool {
    built_in(name).is_some_and(|row| row.inline && row.shared)
}

/// Returns the drivers whose inline volumes have files that other pods name too.
pub(crate) fn inline_drivers() -> impl Iterator<Item = &'static str> {
    built_in::rows().filter(|row| row.inline && row.shared).flat_map(|row| row.names.iter())
}

/// Returns the provisioners of which even a class without parameters gives several claims one directory.
#[cfg(test)]
pub(crate) fn sharing_provisioners() -> Vec<&'static str> {
    struct NoParameters;
    impl Values for NoParameters {
        fn value(&self, _: Reference<'_>) -> Value<'_> {
            Value::Absent
        }
    }
    let shares =
        |row: &&Driver<'_>| row.class.shared_if.iter().any(|condition| holds(condition, &NoParameters));
    let mut names: Vec<&str> = built_in::rows().filter(shares).flat_map(|row| row.names.iter()).collect();
    names.sort_unstable();
    names
}

/// Returns whether a name is the one of a row. Every review of a volume asks that of many rows: few need more than to compare
/// lengths.
#[inline]
fn is_named(pattern: &str, name: &str) -> bool {
    match pattern.as_bytes() {
        [b'*', ..] => {
            pattern.get(1..).and_then(|suffix| name.strip_suffix(suffix)).is_some_and(|rest| !rest.is_empty())
        }
        [.., b'*'] => {
            let prefix = pattern.get(..pattern.len() - 1);
            prefix.and_then(|prefix| name.strip_prefix(prefix)).is_some_and(|rest| !rest.is_empty())
        }
        _ => pattern == name,
    }
}

// === impl Driver ===

impl<'a> Driver<'a> {
    /// A row that says nothing, from which others are made.
    pub(crate) const NONE: Self = Self {
        names: Texts::NONE,
        title: "",
        location: Texts::NONE,
        handle: "",
        handle_types: Texts::NONE,
        handle_suffix: "",
        options: "",
        shared: true,
        inline: false,
        class: ClassRow::NONE,
        sources: Texts::NONE,
        remark: "",
    };

    /// Returns a part of a handle.
    pub(crate) fn handle_part<'v>(&self, handle: &'v str, part: &str) -> Option<&'v str> {
        handle::part(self.handle, self.handle_types, handle, part)
    }

    /// Returns whether the handle can say where the files are.
    #[cfg(test)]
    fn is_located_by_handle(&self) -> bool {
        self.location.iter().any(|template| template::handle_parts(template).next().is_some())
    }
}

impl Default for Driver<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

/// The row of a driver, which is large.
#[derive(Clone, Debug)]
pub(crate) enum FoundDriver<'a> {
    BuiltIn(&'static Driver<'static>),
    /// A row of the settings.
    Own(Box<Driver<'a>>),
}

// === impl FoundDriver ===

impl<'a> Deref for FoundDriver<'a> {
    type Target = Driver<'a>;

    #[inline]
    fn deref(&self) -> &Driver<'a> {
        match self {
            Self::BuiltIn(row) => row,
            Self::Own(row) => row,
        }
    }
}

// === impl ClassRow ===
impl ClassRow<'_> {
    /// A class whose provisioner makes a directory of its own for each claim.
    pub(crate) const NONE: Self = Self {
        directory: Texts::NONE,
        proposal: "",
        variables: PatternVariables { volume: "", namespace: "", claim: "" },
        only_if: "",
        shared_if: Texts::NONE,
        shared_by: "",
        keeps_files_if: Texts::NONE,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_match_as_a_whole_or_by_prefix_and_suffix() {
        for (pattern, name, expected) in [
            ("nfs.csi.k8s.io", "nfs.csi.k8s.io", true),
            ("nfs.csi.k8s.io", "my.nfs.csi.k8s.io", false),
            ("*.cephfs.csi.ceph.com", "rook-ceph.cephfs.csi.ceph.com", true),
            ("*.cephfs.csi.ceph.com", ".cephfs.csi.ceph.com", false),
            ("*.cephfs.csi.ceph.com", "mycephfs.csi.ceph.com", false),
            ("org.democratic-csi.*", "org.democratic-csi.nfs", true),
        ] {
            assert_eq!(is_named(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn every_built_in_row_is_valid_and_cites_its_source() {
        for row in built_in::rows() {
            let problems = setting::problems(row);
            assert!(problems.is_empty(), "{}: {problems:?}", row.title);
            assert!(!row.title.is_empty() && row.sources.iter().next().is_some(), "{:?}", row.names);
            assert!(row.sources.iter().all(|source| source.starts_with("https://")), "{}", row.title);
        }
    }

    #[test]
    fn a_driver_has_one_row() {
        let mut names = BTreeSet::new();
        for name in built_in::rows().flat_map(|row| row.names.iter()) {
            assert!(names.insert(name), "{name}");
            let matching =
                built_in::rows().filter(|row| row.names.iter().any(|pattern| is_named(pattern, name)));
            assert_eq!(matching.count(), 1, "{name}");
        }
    }
}
