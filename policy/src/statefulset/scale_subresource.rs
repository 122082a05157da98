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
use serde::{Deserialize, Serialize};

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
    let read = |text: &str| ordinance_json::read::<Scale>(text).map(|scale| scale.spec.replicas);
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
    Key { realm: [REALM_PREFIX, namespace].concat(), path: vec![name.to_owned()], stance, note }
}

/// Returns whether a key is that of a StatefulSet's name, which only the review of a Scale looks at.
pub(super) fn is_scale_key(key: &Key) -> bool {
    key.realm.starts_with(REALM_PREFIX)
}

/// The note of a StatefulSet, as JSON.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScaleNote<'a> {
    pub(super) replicas: Option<i64>,
    /// The volumes that the replicas would share.
    #[serde(borrow)]
    pub(super) shared: Vec<SharedVolume<'a>>,
}

// === impl ScaleNote ===

impl<'a> ScaleNote<'a> {
    fn parse(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
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
            let ScaleNote { replicas, shared } = ScaleNote::parse(&set.note);
            let old = self.old.or(replicas).unwrap_or(self.new);
            let outcome = self.settings.isolation.growth;
            ScaleUp::of(old, self.new).report(&shared, outcome, &mut findings);
        }
        findings.name_first_denial(&format!("StatefulSet {:?}", &*self.scope.name));
        findings.into_verdict(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scale_up::VolumeIsolation;
    use super::*;

    #[test]
    fn a_parsed_note_is_equal_to_the_written_one() {
        let write = VolumeIsolation::Write("subPathExpr: $(ORDINANCE_POD_NAME)/\"a b\"".to_owned());
        let shared = [write, VolumeIsolation::Device, VolumeIsolation::Windows]
            .map(|isolation| SharedVolume { name: "data".into(), isolation });
        let note = ScaleNote { replicas: Some(1), shared: shared.into() };
        assert_eq!(ScaleNote::parse(&note.to_json()), note);
    }

    #[test]
    fn an_unreadable_note_has_no_volumes() {
        assert_eq!(ScaleNote::parse("replicas=1 data"), ScaleNote::default());
    }
}
