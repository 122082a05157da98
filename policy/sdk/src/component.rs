//! The exported interface: moves values between the generated types and the contract's.
//!
//! Values that live until `resume` are leaked: an instance serves one review, or its memory is freed at once after each.

use crate::bindings::exports::ordinance::policy::rules;
use crate::crossing;
use crate::raw_policy::{PendingVerdict, RawPolicy, Step};
use ordinance_contract::{Holding, Request, Scope};
use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    /// The review for which `review` last answered `needs`.
    static PENDING: Cell<Option<&'static dyn PendingVerdict>> = const { Cell::new(None) };
}

/// The exported interface of a policy; [`export!`](crate::export) exports it.
pub struct Component<P>(PhantomData<P>);

impl<P: RawPolicy> rules::Guest for Component<P> {
    fn describe() -> rules::Description {
        P::describe().into()
    }

    fn check_settings(settings: String) -> Result<String, Vec<rules::Problem>> {
        P::check_settings(&settings).map_err(crossing::all)
    }

    fn keys(scope: rules::Scope, object: String, settings: String) -> Result<Vec<rules::Key>, String> {
        let settings = P::read_settings(settings)?;
        P::keys(&Scope::from(scope), &object, &settings).map(crossing::all)
    }

    fn review(
        request: rules::Request,
        settings: String,
        holdings: Option<Vec<rules::Holding>>,
    ) -> rules::Outcome {
        let settings: &'static P::Settings = match P::read_settings(settings) {
            Ok(settings) => Box::leak(Box::new(settings)),
            Err(reason) => return rules::Outcome::Decided(P::invalid_settings(&reason).into()),
        };
        let request: &'static Request<'static> = Box::leak(Box::new(request.into()));
        let (keys, pending): (_, &'static P::Pending<'static>) = match P::review(request, settings) {
            Step::Decided(verdict) => return rules::Outcome::Decided(verdict.into()),
            Step::Needs(keys, pending) => (keys, Box::leak(Box::new(pending))),
        };
        if let Some(holdings) = holdings {
            return rules::Outcome::Decided(answer(pending, holdings));
        }
        PENDING.set(Some(pending));
        rules::Outcome::Needs(crossing::all(keys))
    }

    fn resume(holdings: Vec<rules::Holding>) -> rules::Verdict {
        match PENDING.take() {
            Some(pending) => answer(pending, holdings),
            None => std::process::abort(),
        }
    }
}

fn answer(pending: &dyn PendingVerdict, holdings: Vec<rules::Holding>) -> rules::Verdict {
    let holdings: Vec<Holding> = crossing::all(holdings);
    pending.verdict(&holdings).into()
}
