//! The subresource `scale`, which has a number of replicas but no pod template.
//!
//! A StatefulSet uses the key of its name, with a note that lists the volumes that its replicas would share. The
//! review of a Scale reads that note.

use super::scale_up::{ScaleUp, SharedVolume};
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Request, Scope, Stance, Verdict};
use ordinance_storage::json;
use serde::Deserialize;
use std::fmt::Write as _;

/// A Scale object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scale {
    #[serde(deserialize_with = "json::lenient")]
    spec: ScaleSpec,
}

/// `spec` of a Scale; an absent number is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScaleSpec {
    #[serde(deserialize_with = "json::lenient")]
    replicas: i64,
}

/// A request to scale a StatefulSet.
struct ScaleRequest<'a> {
    scope: &'a Scope<'a>,
    new: i64,
    /// `None` if the API server did not send the old state.
    old: Option<i64>,
    settings: &'a Settings,
}

/// Parses a request for the subresource `scale`.
pub(crate) fn parse<'a>(
    request: &'a Request<'_>,
    object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn ParsedRequest + 'a>, serde_json::Error> {
    let read = |text: &str| serde_json::from_str::<Scale>(text).map(|scale| scale.spec.replicas);
    Ok(Box::new(ScaleRequest {
        scope: &request.scope,
        new: read(object)?,
        old: request.old_object.as_deref().map(read).transpose()?,
        settings,
    }))
}

/// The prefix of the realm of a namespace's StatefulSets.
const REALM_PREFIX: &str = "set/";

/// Returns the key of a StatefulSet's name.
pub(super) fn key(namespace: &str, name: &str, stance: Stance, note: String) -> Key {
    Key { realm: format!("{REALM_PREFIX}{namespace}"), path: vec![name.to_owned()], stance, note }
}

/// Returns whether a key is that of a StatefulSet's name, which only the review of a Scale looks at.
pub(super) fn is_scale_key(key: &Key) -> bool {
    key.realm.starts_with(REALM_PREFIX)
}

/// Returns the note of a StatefulSet, e.g. `replicas=1 data uploads/ disk!`: its replicas and the volumes that they
/// would share. A slash follows the name of a volume whose storage is not bound to a namespace, an exclamation mark
/// that of a block device.
pub(super) fn note(replicas: i64, shared: &[SharedVolume<'_>]) -> String {
    let mut note = format!("replicas={replicas}");
    for volume in shared {
        let kind = SUFFIXES.into_iter().find(|(_, expression)| *expression == volume.expression);
        let _ = write!(note, " {}{}", volume.name, kind.map_or("", |(suffix, _)| suffix));
    }
    note
}

/// The suffixes of the names in a note, with the expression that isolates such a volume.
const SUFFIXES: [(&str, Option<&str>); 3] = [
    ("!", None),
    ("/", Some("$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)")),
    ("", Some("$(ORDINANCE_POD_NAME)")),
];

/// Parses a note: the replicas, and the volumes that they would share.
fn parse_note(note: &str) -> (Option<i64>, Vec<SharedVolume<'_>>) {
    let mut words = note.split(' ');
    let replicas = words.next().and_then(|word| word.strip_prefix("replicas=")?.parse().ok());
    let shared = words.filter_map(|word| {
        SUFFIXES.into_iter().find_map(|(suffix, expression)| {
            word.strip_suffix(suffix).map(|name| SharedVolume { name, expression })
        })
    });
    (replicas, shared.collect())
}

// === impl ScaleRequest ===

impl ScaleRequest<'_> {
    fn set<'h>(&self, holdings: &'h [Holding]) -> Option<&'h Holding> {
        let key = self.key();
        holdings.iter().find(|holding| holding.realm == key.realm && holding.path == key.path)
    }

    fn key(&self) -> Key {
        key(&self.scope.namespace, &self.scope.name, Stance::Looks, String::new())
    }
}

impl ParsedRequest for ScaleRequest<'_> {
    fn keys(&self) -> Vec<Key> {
        let may_scale_up = self.old.is_none_or(|old| ScaleUp::of(old, self.new) != ScaleUp::None);
        if may_scale_up && self.new > 1 { vec![self.key()] } else { Vec::new() }
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if let Some(set) = self.set(holdings) {
            let (noted, shared) = parse_note(&set.note);
            let old = self.old.or(noted).unwrap_or(self.new);
            let outcome = self.settings.isolation.growth;
            ScaleUp::of(old, self.new).report(&shared, outcome, &mut findings);
        }
        findings.name_first_denial(&format!("StatefulSet {:?}", &*self.scope.name));
        findings.into_verdict(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_note_has_the_expressions_of_its_volumes() {
        let shared = SUFFIXES.map(|(_, expression)| SharedVolume { name: "data", expression });
        let note = note(1, &shared);
        let (replicas, parsed) = parse_note(&note);
        assert_eq!(replicas, Some(1));
        assert_eq!(parsed.iter().map(|volume| volume.name).collect::<Vec<_>>(), ["data"; 3]);
        assert_eq!(
            parsed.iter().map(|volume| volume.expression).collect::<Vec<_>>(),
            SUFFIXES.map(|(_, e)| e)
        );
    }
}
