//! The storage policy as a WebAssembly component: the world `policy` around the crate `ordinance-policy`.
//!
//! A shell without logic: values are moved from the generated types into the contract's types, and back. Values that must
//! live until `resume` are leaked, since an instance serves one review.

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "an allocator")]
mod bump;
mod crossing;

use ordinance_contract::{Holding, Request, Scope};
use ordinance_policy::{PendingReview, Settings, StartedReview};
use std::cell::Cell;

use bindings::exports::ordinance::policy::rules;

#[expect(unsafe_code, reason = "generated from policy.wit")]
#[rustfmt::skip]
#[expect(clippy::allow_attributes, reason = "generated")]
mod bindings;

#[expect(unsafe_code, reason = "the exported functions")]
mod exports {
    use super::{StoragePolicy, bindings};

    bindings::export!(StoragePolicy with_types_in bindings);
}

#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: bump::Bump = bump::Bump::new();

thread_local! {
    /// The request for which `review` last answered `needs`.
    static PENDING: Cell<Option<PendingReview<'static>>> = const { Cell::new(None) };
}

/// The exported interface.
struct StoragePolicy;

impl rules::Guest for StoragePolicy {
    fn describe() -> rules::Description {
        ordinance_policy::describe().into()
    }

    fn check_settings(settings: String) -> Result<String, Vec<rules::Problem>> {
        ordinance_policy::check_settings(&settings).map_err(crossing::all)
    }

    fn keys(scope: rules::Scope, object: String, settings: String) -> Result<Vec<rules::Key>, String> {
        let settings = Settings::read(settings).map_err(|error| error.to_string())?;
        let scope = Scope::from(scope);
        ordinance_policy::keys(&scope, &object, &settings).map(crossing::all)
    }

    fn review(
        request: rules::Request,
        settings: String,
        holdings: Option<Vec<rules::Holding>>,
    ) -> rules::Outcome {
        let settings: &'static Settings = match Settings::read(settings) {
            Ok(settings) => Box::leak(Box::new(settings)),
            Err(error) => return rules::Outcome::Decided(ordinance_policy::invalid_settings(&error).into()),
        };
        let request: &'static Request<'static> = Box::leak(Box::new(request.into()));
        match (ordinance_policy::start_review(request, settings), holdings) {
            (StartedReview::Decided(verdict), _) => rules::Outcome::Decided(verdict.into()),
            (StartedReview::NeedsHoldings(_, pending), Some(holdings)) => {
                rules::Outcome::Decided(answer(&pending, holdings))
            }
            (StartedReview::NeedsHoldings(keys, pending), None) => {
                PENDING.set(Some(pending));
                rules::Outcome::Needs(crossing::all(keys))
            }
        }
    }

    fn resume(holdings: Vec<rules::Holding>) -> rules::Verdict {
        match PENDING.take() {
            Some(pending) => answer(&pending, holdings),
            None => std::process::abort(),
        }
    }
}

fn answer(pending: &PendingReview<'_>, holdings: Vec<rules::Holding>) -> rules::Verdict {
    let holdings: Vec<Holding> = crossing::all(holdings);
    pending.verdict(&holdings).into()
}
