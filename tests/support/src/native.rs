//! The policy as a plain library.

use ordinance_case::PolicyFunctions;
use ordinance_contract::{Holding, Key, Outcome, Request, Scope};
use ordinance_policy::{Settings, StartedReview};

/// Calls the policy's functions directly.
#[derive(Clone, Copy, Debug)]
pub struct Native;

// === impl Native ===

impl PolicyFunctions for Native {
    fn keys(&self, scope: &Scope<'_>, object: &str, settings: &str) -> Result<Vec<Key>, String> {
        ordinance_policy::keys(scope, object, &parsed(settings)?)
    }

    fn review(
        &self,
        request: &Request<'_>,
        settings: &str,
        holdings: Option<&[Holding]>,
    ) -> Result<Outcome, String> {
        let settings = parsed(settings)?;
        Ok(match (ordinance_policy::start_review(request, &settings), holdings) {
            (StartedReview::Decided(verdict), _) => Outcome::Decided(verdict),
            (StartedReview::NeedsHoldings(keys, _), None) => Outcome::Needs(keys),
            (StartedReview::NeedsHoldings(_, pending), Some(holdings)) => {
                Outcome::Decided(pending.verdict(holdings))
            }
        })
    }
}

fn parsed(settings: &str) -> Result<Settings, String> {
    Settings::parse(settings).map_err(|error| format!("settings: {error}"))
}
