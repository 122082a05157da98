//! Handles that are made of parts, e.g. `resourceGroup#account#share`.
//!
//! A pattern spells the handle: names of parts, with the separators that stand between them. The last part takes the
//! rest; parts at the end may be missing.

use super::Texts;

/// Returns a part of a handle; `None` if the handle has no such part, or an empty one. `types` are words that may stand in
/// front of the handle, before a first separator.
pub(super) fn part<'v>(pattern: &str, types: Texts<'_>, handle: &'v str, name: &str) -> Option<&'v str> {
    let mut rest = without_type(pattern, types, handle);
    let mut pattern = pattern;
    loop {
        let (part, separator, after) = next(pattern);
        let (value, more) = match separator {
            "" => (rest, None),
            separator => rest.split_once(separator).map_or((rest, None), |(value, more)| (value, Some(more))),
        };
        if part == name {
            return Some(value).filter(|value| !value.is_empty());
        }
        rest = more?;
        pattern = after;
    }
}

/// Returns the names of a pattern's parts.
pub(super) fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty())
}

/// Splits a pattern into its first part, the separator after it, and the rest.
fn next(pattern: &str) -> (&str, &str, &str) {
    let end = pattern.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(pattern.len());
    let (part, rest) = pattern.split_at(end);
    let end = rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (separator, rest) = rest.split_at(end);
    (part, separator, rest)
}

fn without_type<'v>(pattern: &str, types: Texts<'_>, handle: &'v str) -> &'v str {
    let (_, separator, _) = next(pattern);
    types.iter().find_map(|word| handle.strip_prefix(word)?.strip_prefix(separator)).unwrap_or(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_between_separators() {
        for (pattern, handle, name, expected) in [
            ("group#account#share", "rg#acme#web", "account", Some("acme")),
            ("group#account#share", "rg##web", "account", None),
            ("group#account#share", "rg#acme", "share", None),
            ("group#account#share", "one", "account", None),
            ("group#account#share", "rg#a#web#more", "share", Some("web#more")),
            ("scheme://host/path", "beegfs://mgmt/a/b", "host", Some("mgmt")),
            ("scheme://host/path", "beegfs://mgmt/a/b", "path", Some("a/b")),
            ("name=_=_=id=_=_=zone", "v=_=_=19=_=_=System", "id", Some("19")),
        ] {
            assert_eq!(part(pattern, Texts::NONE, handle, name), expected, "{handle}");
        }
    }

    #[test]
    fn a_type_in_front_is_no_part() {
        for (handle, expected) in [
            ("fs-1", "fs-1"),
            ("efs:fs-1", "fs-1"),
            ("s3files:fs-1:/a:fsap-2", "fs-1"),
            ("efsfs-1", "efsfs-1"),
        ] {
            assert_eq!(
                part("fileSystem:path:accessPoint", Texts::List(&["efs", "s3files"]), handle, "fileSystem"),
                Some(expected)
            );
        }
    }

    #[test]
    fn a_pattern_names_its_parts() {
        assert_eq!(parts("scheme://host/path").collect::<Vec<_>>(), ["scheme", "host", "path"]);
    }
}
