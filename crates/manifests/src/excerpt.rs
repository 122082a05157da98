//! Which lines of a text an error may quote.
//!
//! What is read may be no manifest at all: a repository can have a link to a file of secrets, and a shell expands globs to
//! more than was meant. So a line is quoted only if it is part of a manifest, as far as the text shows it.

use crate::kind::is_list_kind;
use crate::manifest::{BYTE_ORDER_MARK, KindFilter, ReadObjects};
use crate::yaml::documents;

/// The errors of a text whose lines are looked at. Reports show fewer.
const ERRORS: usize = 64;

/// A kind whose manifests are not quoted, in a list neither.
const SECRET: &str = "Secret";

/// The keys that a manifest begins with.
const FIRST_KEYS: [&str; 2] = ["apiVersion", "kind"];

/// Marks the errors whose lines may be quoted.
pub(crate) fn mark_quotable(text: &str, wanted: KindFilter<'_>, found: &mut ReadObjects) {
    let errors: Vec<_> =
        found.objects.iter_mut().filter_map(|object| object.as_mut().err()).take(ERRORS).collect();
    if errors.is_empty() || text.contains('\0') || !begins_as_manifest(text) {
        return;
    }
    let documents = documents(text);
    for error in errors {
        let next = documents.partition_point(|document| document.line <= error.line);
        let document = next.checked_sub(1).and_then(|position| documents.get(position));
        error.is_quotable = document.is_some_and(|document| is_manifest(document.text, wanted));
    }
}

/// Returns whether a document begins as a manifest, has an object of a wanted kind first, and has no Secret.
fn is_manifest(document: &str, wanted: KindFilter<'_>) -> bool {
    let (kinds, versions) = (values(document, "kind"), values(document, "apiVersion"));
    let is_wanted = |kind: &&str| versions.iter().any(|version| wanted(version, kind));
    let first = kinds.iter().find(|kind| !is_list_kind(kind));
    begins_as_manifest(document) && first.is_some_and(is_wanted) && !kinds.contains(&SECRET)
}

/// Returns whether the first line that is neither empty, a comment nor a marker begins with one of the first keys.
fn begins_as_manifest(text: &str) -> bool {
    let lines = text.trim_start_matches(BYTE_ORDER_MARK).lines().map(str::trim_end);
    let content = |line: &&str| !line.is_empty() && !line.starts_with(['#', '%']) && !is_marker(line);
    let mut lines = lines.filter(content);
    let Some(first) = lines.next() else { return false };
    let in_brackets = first.strip_prefix('{').map(str::trim_start);
    // An opening bracket may stand alone.
    let first = match in_brackets {
        Some("") => lines.next().map(str::trim_start).unwrap_or_default(),
        Some(rest) => rest,
        None => first,
    };
    FIRST_KEYS.iter().any(|key| after_key(first, key).is_some())
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| {
        rest.is_empty() || rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#')
    })
}

/// Returns the values of a key, wherever it is in the text.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let found = text
        .match_indices(key)
        .filter(|(at, _)| !text.get(..*at).is_some_and(|before| before.ends_with(is_inside)));
    let value = |(at, _): (usize, &str)| after_key(text.get(at..)?, key).map(plain_value);
    found.filter_map(value).filter(|value| !value.is_empty()).collect()
}

/// Returns what follows a key and its colon, in the same line.
fn after_key<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let quote = |text: &'t str| text.trim_start_matches(['"', '\'']);
    let rest = quote(quote(text).strip_prefix(key)?);
    rest.trim_start_matches([' ', '\t']).strip_prefix(':')
}

/// Returns the value at the beginning of a text, without quotes.
fn plain_value(text: &str) -> &str {
    let value = text.trim_start_matches([' ', '\t', '"', '\'']);
    value
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | ']'))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::read_wanted;

    /// Returns whether the line of each error may be quoted.
    fn quotable(text: &str) -> Vec<bool> {
        let wanted = |_: &str, kind: &str| kind == "Pod";
        let found = read_wanted(text, "default", &wanted);
        found
            .objects
            .iter()
            .filter_map(|object| object.as_ref().err())
            .map(|error| error.is_quotable)
            .collect()
    }

    #[test]
    fn quotes_broken_manifests_of_wanted_kinds() {
        for text in [
            "apiVersion: v1\nkind: Pod\nspec: a: b\n",
            "# a comment\n---\nkind: Pod\napiVersion: v1\nspec: [\n",
            "\u{feff}--- # a comment\n\"apiVersion\": v1\n'kind' : 'Pod' # a comment\nspec: a: b\n",
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{",
            "{\n  \"apiVersion\": \"v1\",\n  \"items\": [{\"kind\": \"Pod\", \"spec\": {",
            "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: a: b\n",
        ] {
            assert!(quotable(text).iter().all(|quotable| *quotable) && !quotable(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn quotes_nothing_of_other_files() {
        for text in [
            "AWS_SECRET_ACCESS_KEY=abc\nDATABASE=postgres://me:secret@host/db\n",
            "PATH=/bin\0SECRET=abc\0",
            "apiVersion: v1\nkind: Pod\nx: [\0SECRET=abc\0",
            "password: \"secret\nkind: Pod\napiVersion: v1\n",
            "-----BEGIN PRIVATE KEY-----\nsecret: x: y\n-----END PRIVATE KEY-----\n",
            "[core]\n\ttoken = secret\n",
            "{\"type\": \"service_account\", \"private_key\": \"secret\", \"kind\": \"Pod\"",
            "\"secret\"",
            "secret",
        ] {
            assert_eq!(quotable(text), vec![false; quotable(text).len()], "{text}");
            assert!(!quotable(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn quotes_no_secret_and_no_kind_that_is_not_read() {
        for text in [
            "apiVersion: v1\nkind: Secret\nstringData: {password: secret: x}\n",
            "apiVersion: v1\nkind: Config\nusers: [{token: secret: x\n",
            "apiVersion: v1\nitems:\n- kind: Pod\n- kind: Secret\n  data: a: b\n",
            "apiVersion: v1\nkind: [\n",
        ] {
            assert_eq!(quotable(text), [false], "{text}");
        }
    }

    #[test]
    fn a_document_among_others_counts_by_itself() {
        let pod = "apiVersion: v1\nkind: Pod\nspec: a: b\n";
        assert_eq!(quotable(&format!("{pod}---\npassword: a: b\n---\n{pod}")), [true, false, true]);
        // What follows in a file that does not begin as a manifest may have been put there.
        assert_eq!(quotable(&format!("password: a: b\n---\n{pod}")), [false, false]);
    }
}
