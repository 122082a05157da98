//! Claims.

use crate::Subject;
use crate::findings::Findings;
use crate::settings::Settings;
use ordinance_contract::{Holding, Key, Request, Scope, Verdict};

/// The keys of a stored object.
pub(crate) fn keys(
    _scope: &Scope<'_>,
    _object: &str,
    _settings: &Settings,
) -> Result<Vec<Key>, serde_json::Error> {
    Ok(Vec::new())
}

/// Reads a request.
pub(crate) fn open<'a>(
    _request: &'a Request<'_>,
    _object: &'a str,
    settings: &'a Settings,
) -> Result<Box<dyn Subject + 'a>, serde_json::Error> {
    Ok(Box::new(Unread { settings }))
}

struct Unread<'a> {
    settings: &'a Settings,
}

impl Subject for Unread<'_> {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn verdict(&self, _holdings: &[Holding]) -> Verdict {
        Findings::new(self.settings.mode).into_verdict(None)
    }
}
