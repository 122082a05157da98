//! The subresource `scale`: replicas without a pod template.
//!
//! A set leaves a note under its name with the volumes that its replicas would share; a Scale looks at it.

use super::scale_up::{ScaleUp, SharedVolume};
use crate::findings::Findings;
use crate::parsed_request::ParsedRequest;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Request, Scope, Stance, Verdict};
use ordinance_storage::json;
use serde::Deserialize;
use std::fmt::Write as _;

/// A Scale.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scale {
    #[serde(deserialize_with = "json::lenient")]
    spec: ScaleSpec,
}

/// `spec` of a Scale: absent means none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScaleSpec {
    #[serde(deserialize_with = "json::lenient")]
    replicas: i64,
}

/// A set that is scaled.
struct ScaleRequest<'a> {
    scope: &'a Scope<'a>,
    new: i64,
    /// None if the API server did not send it.
    old: Option<i64>,
    settings: &'a Settings,
}

/// Reads a request for the subresource `scale`.
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

/// The realms of sets by their names.
const REALM_PREFIX: &str = "set/";

/// The place of a set by its name.
pub(super) fn key(namespace: &str, name: &str, stance: Stance, note: String) -> Key {
    Key { realm: format!("{REALM_PREFIX}{namespace}"), path: vec![name.to_owned()], stance, note }
}

/// Whether a key is what a Scale looks at: replicas of a set that is being deleted share nothing any more.
pub(super) fn is_scale_key(key: &Key) -> bool {
    key.realm.starts_with(REALM_PREFIX)
}

/// What a Scale must know of a set: `replicas=1 data uploads/ disk!`. A slash follows the name of a volume whose storage
/// reaches beyond a namespace, an exclamation mark that of a block device.
pub(super) fn note(replicas: i64, shared: &[SharedVolume<'_>]) -> String {
    let mut note = format!("replicas={replicas}");
    for volume in shared {
        let kind = KINDS.into_iter().find(|(_, expression)| *expression == volume.expression);
        let _ = write!(note, " {}{}", volume.name, kind.map_or("", |(suffix, _)| suffix));
    }
    note
}

/// How a note says by which expression a volume would be isolated.
const KINDS: [(&str, Option<&str>); 3] = [
    ("!", None),
    ("/", Some("$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)")),
    ("", Some("$(ORDINANCE_POD_NAME)")),
];

/// Reads a note: how many replicas there were, and what they share.
fn read(note: &str) -> (Option<i64>, Vec<SharedVolume<'_>>) {
    let mut words = note.split(' ');
    let replicas = words.next().and_then(|word| word.strip_prefix("replicas=")?.parse().ok());
    let shared = words.filter_map(|word| {
        KINDS.into_iter().find_map(|(suffix, expression)| {
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
        let may_grow = self.old.is_none_or(|old| ScaleUp::of(old, self.new) != ScaleUp::None);
        if may_grow && self.new > 1 { vec![self.key()] } else { Vec::new() }
    }

    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        let mut findings = Findings::new(self.settings.mode);
        if let Some(set) = self.set(holdings) {
            let (noted, shared) = read(&set.note);
            let old = self.old.or(noted).unwrap_or(self.new);
            let outcome = self.settings.isolation.growth;
            ScaleUp::of(old, self.new).judge(&shared, outcome, &mut findings);
        }
        findings.name_first_denial(&format!("StatefulSet {:?}", &*self.scope.name));
        findings.into_verdict(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_by_which_expression_a_volume_would_be_isolated() {
        let shared = KINDS.map(|(_, expression)| SharedVolume { name: "data", expression });
        let note = note(1, &shared);
        let (replicas, read) = read(&note);
        assert_eq!(replicas, Some(1));
        assert_eq!(read.iter().map(|volume| volume.name).collect::<Vec<_>>(), ["data"; 3]);
        assert_eq!(read.iter().map(|volume| volume.expression).collect::<Vec<_>>(), KINDS.map(|(_, e)| e));
    }
}
