//! Claims, and their mark: the annotation `ordinance.dev/sub-path`, which says where in the claim the files are.
//!
//! The claim of an ordinal gets a mark when it is created, or updated without one, if every set that it can belong to
//! mounts it by one expression of the reserved variables. An audit warns of a claim that lacks such a mark. A claim is never
//! denied.

use crate::display::{Quoted, Shown};
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::rules::StorageRule;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Phase, Request, Scope, Stance, Verdict};
use ordinance_storage::json::{self, Members, Raw, Text};
use ordinance_storage::{Metadata, PersistentVolumeClaim};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use std::fmt;

/// The plural of the kind.
const RESOURCE: &str = "persistentvolumeclaims";

/// The mark.
const SUB_PATH: &str = "ordinance.dev/sub-path";

/// Precedes the mark in a note.
const SUB_PATH_PREFIX: &str = "sub-path=";

/// Begins the note of a claim that is being deleted.
const DELETED_PREFIX: &str = "going ";

/// Begins the note of a claim that is not stored yet.
const NEW_PREFIX: &str = "new ";

/// The note of a claim, or of a StatefulSet that mounts the claims of a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClaimNote<'a> {
    /// The mark, or the expression of the set's mounts.
    pub(crate) mark: Option<&'a str>,
    /// Whether the claim is being deleted.
    pub(crate) is_being_deleted: bool,
    /// Whether the claim is not stored yet: the same input creates it.
    pub(crate) is_new: bool,
}

/// Returns the keys that a stored claim uses.
pub(crate) fn keys(
    scope: &Scope<'_>,
    object: &str,
    _settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    let claim = Claim(json::read(object)?);
    Ok(vec![claim.key(scope)])
}

/// Parses a request for a claim.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    Ok(Box::new(ClaimReview { request, claim: Claim(json::read(object)?), settings }))
}

/// Returns the realm of the claims in a namespace.
pub(crate) fn realm(namespace: &str) -> String {
    format!("claim/{namespace}")
}

/// Returns the path of a claim. A name that ends in `-<digits>` has two segments, so that `www-web-0` lies below
/// `www-web`.
pub(crate) fn path(name: &str) -> Vec<String> {
    match name.rsplit_once('-') {
        Some((prefix, ordinal)) if is_ordinal(ordinal) && !prefix.is_empty() => {
            vec![prefix.to_owned(), ordinal.to_owned()]
        }
        _ => vec![name.to_owned()],
    }
}

/// Returns the first segment of the paths of a template's claims.
pub(crate) fn prefix(template: &str, set: &str) -> String {
    format!("{template}-{set}")
}

/// Returns the scope of a claim.
pub(crate) fn scope<'a>(namespace: &'a str, name: &'a str) -> Scope<'a> {
    Scope {
        version: "v1".into(),
        resource: RESOURCE.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Scope::default()
    }
}

/// Returns whether an object is a claim.
pub(crate) fn is_claim(scope: &Scope<'_>) -> bool {
    scope.group.is_empty() && scope.resource == RESOURCE
}

fn is_ordinal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A claim; its annotations are `None` if a patch has to add the object `annotations`.
struct Claim<'a>(PersistentVolumeClaim<ClaimMetadata<'a>>);

type ClaimMetadata<'a> = Metadata<'a, Option<Members<ClaimAnnotations<'a>>>, IgnoredAny, Raw<'a>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimAnnotations<'a> {
    #[serde(borrow, rename = "ordinance.dev/sub-path")]
    sub_path: Option<Text<'a>>,
}

/// A request to create or update a claim.
struct ClaimReview<'a> {
    request: &'a Request<'a>,
    claim: Claim<'a>,
    settings: &'a Settings,
}

/// A mark that a claim lacks.
struct LackingMark<'h> {
    /// The value of the annotation.
    expression: &'h str,
    /// A StatefulSet that mounts the claim by this expression.
    set: &'h Scope<'static>,
}

// === impl ClaimNote ===

impl<'a> ClaimNote<'a> {
    /// Parses a note that [`fmt::Display`] wrote.
    pub(crate) fn parse(note: &'a str) -> Self {
        let (note, is_new) = without_prefix(note, NEW_PREFIX);
        let (note, is_being_deleted) = without_prefix(note, DELETED_PREFIX);
        Self { mark: note.strip_prefix(SUB_PATH_PREFIX), is_being_deleted, is_new }
    }
}

impl fmt::Display for ClaimNote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_new {
            f.write_str(NEW_PREFIX)?;
        }
        if self.is_being_deleted {
            f.write_str(DELETED_PREFIX)?;
        }
        match self.mark {
            Some(mark) => write!(f, "{SUB_PATH_PREFIX}{mark}"),
            None => f.write_str("unmarked"),
        }
    }
}

/// Returns the text without a prefix, and whether it had the prefix.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> (&'a str, bool) {
    text.strip_prefix(prefix).map_or((text, false), |rest| (rest, true))
}

// === impl Claim ===

impl Claim<'_> {
    fn note(&self) -> ClaimNote<'_> {
        let Some(metadata) = &self.0.metadata else { return ClaimNote::default() };
        ClaimNote {
            mark: metadata.annotations.as_ref().and_then(|annotations| annotations.sub_path.as_deref()),
            is_being_deleted: metadata.is_being_deleted(),
            is_new: metadata.uid().is_ok_and(|uid| uid.is_empty()),
        }
    }

    fn name<'s>(&'s self, scope: &'s Scope<'_>) -> &'s str {
        match &self.0.metadata {
            Some(metadata) if scope.name.is_empty() => &metadata.name,
            _ => &scope.name,
        }
    }

    fn key(&self, scope: &Scope<'_>) -> Key {
        Key {
            realm: realm(&scope.namespace),
            path: path(self.name(scope)),
            stance: Stance::Uses,
            note: self.note().to_string(),
        }
    }

    /// Returns the patch that adds a mark.
    fn mark_patch(&self, mark: &str) -> Option<String> {
        let annotations = &self.0.metadata.as_ref()?.annotations;
        let add = match annotations {
            Some(_) => json!({
                "op": "add",
                "path": format!("/metadata/annotations/{}", pointer_segment(SUB_PATH)),
                "value": mark,
            }),
            None => json!({"op": "add", "path": "/metadata/annotations", "value": {SUB_PATH: mark}}),
        };
        Some(json!([add]).to_string())
    }
}

/// Escapes a name as a segment of a JSON pointer.
fn pointer_segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

// === impl ClaimReview ===

impl ClaimReview<'_> {
    /// Returns whether the claim may lack a mark: its name is that of an ordinal, and it neither has a mark nor is being
    /// deleted. Nothing is left to do for the validating call.
    fn may_lack_mark(&self) -> bool {
        let is_of_ordinal = path(self.claim.name(&self.request.scope)).len() == 2;
        let note = self.claim.note();
        let may_be_marked = note.mark.is_none() && !note.is_being_deleted;
        is_of_ordinal && may_be_marked && self.request.phase != Phase::Validate
    }

    /// Returns the mark that the claim lacks: the expression by which all sets that the claim can belong to mount it, with the
    /// first of these sets.
    fn lacking_mark<'h>(&self, holdings: &'h [Holding]) -> Option<LackingMark<'h>> {
        let key = self.claim.key(&self.request.scope);
        let is_set = |holding: &&Holding| {
            holding.holder.group == "apps"
                && holding.holder.resource == "statefulsets"
                && holding.realm == key.realm
                && holding.path.len() == 1
                && holding.path.first() == key.path.first()
        };
        let mut sets =
            holdings.iter().filter(is_set).map(|holding| (holding, ClaimNote::parse(&holding.note).mark));
        let (first, expression) = sets.next()?;
        let expression = expression?;
        sets.all(|(_, mark)| mark == Some(expression))
            .then_some(LackingMark { expression, set: &first.holder })
    }

    /// Warns of a stored claim without the mark that it would get. An update adds it, but nothing may ever update the claim.
    fn warn_of_lacking(&self, mark: &LackingMark<'_>, findings: &mut Findings) {
        let LackingMark { expression, set } = mark;
        let fact = format!(
            "PersistentVolumeClaim {} lacks the annotation {SUB_PATH}, although StatefulSet {} mounts it at {}: a set that is \
             created again without it looks for the files at the root",
            Quoted(self.claim.name(&self.request.scope)),
            Quoted(&set.name),
            Shown(expression)
        );
        let remedy = format!("Annotate the claim {SUB_PATH}: {}", Shown(expression));
        findings
            .add(StorageRule::UnmarkedClaim.warn("metadata.annotations", fact).remedy(remedy).related(set));
    }
}

impl ParsedRequest for ClaimReview<'_> {
    fn keys(&self) -> Vec<Key> {
        if self.may_lack_mark() { vec![self.claim.key(&self.request.scope)] } else { Vec::new() }
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        let mark = if self.may_lack_mark() { self.lacking_mark(holdings) } else { None };
        let Some(mark) = mark else { return findings.into_verdict(None) };
        if self.request.phase == Phase::Audit {
            self.warn_of_lacking(&mark, &mut findings);
            return findings.into_verdict(None);
        }
        findings.into_verdict(self.claim.mark_patch(mark.expression))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_after_the_last_dash_are_an_ordinal() {
        assert_eq!(path("www-web-10"), ["www-web", "10"]);
        assert_eq!(path("www-web-1a"), ["www-web-1a"]);
        assert_eq!(path("www"), ["www"]);
        assert_eq!(path("www-"), ["www-"]);
        assert_eq!(path("7"), ["7"]);
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        for mark in [None, Some("."), Some("$(ORDINANCE_POD_NAME)/going x"), Some("")] {
            for (is_being_deleted, is_new) in [(false, false), (false, true), (true, false), (true, true)] {
                let note = ClaimNote { mark, is_being_deleted, is_new };
                assert_eq!(ClaimNote::parse(&note.to_string()), note);
            }
        }
    }

    #[test]
    fn the_annotation_is_escaped_in_a_pointer() {
        assert_eq!(pointer_segment(SUB_PATH), "ordinance.dev~1sub-path");
    }
}
