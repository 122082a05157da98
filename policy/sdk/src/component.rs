//! The exported interface: moves values between the generated types and the contract's.
//!
//! The SDK keeps nothing that a review allocated, so that an instance can serve another one.

use crate::bindings::exports::ordinance::policy::rules;
use crate::crossing;
use crate::raw_policy::{PendingVerdict, RawPolicy, Step};
use ordinance_contract::{Holding, Request, Scope, Verdict};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

thread_local! {
    /// The review for which `review` last answered `needs`.
    static PENDING: Cell<Option<Box<dyn PendingVerdict>>> = const { Cell::new(None) };
}

/// The exported interface of a policy; [`export!`](crate::export) exports it.
pub struct Component<P>(PhantomData<P>);

/// A review that waits for holdings, with what it borrows.
struct KeptReview<P: RawPolicy> {
    pending: P::Pending<'static>,
    /// Dropped after `pending`, which borrows from it.
    _inputs: Inputs<P>,
}

/// The request and the settings of a review, which stay where they are.
struct Inputs<P: RawPolicy>(NonNull<(Request<'static>, P::Settings)>);

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
        let settings = match P::read_settings(settings) {
            Ok(settings) => settings,
            Err(reason) => return rules::Outcome::Decided(P::invalid_settings(&reason).into()),
        };
        let inputs = Inputs::<P>::new(request.into(), settings);
        #[expect(unsafe_code, reason = "a review borrows what is kept beside it")]
        // SAFETY: whatever borrows from the inputs is dropped before them: here, or as the first field of `KeptReview`. A policy
        // can't keep a reference, since its `review` takes any lifetime.
        let (request, settings) = unsafe { inputs.0.as_ref() };
        let (keys, review) = match P::review(request, settings) {
            Step::Decided(verdict) => return rules::Outcome::Decided(verdict.into()),
            Step::Needs(keys, pending) => (keys, KeptReview { pending, _inputs: inputs }),
        };
        if let Some(holdings) = holdings {
            return rules::Outcome::Decided(answer(&review, holdings));
        }
        PENDING.set(Some(Box::new(review)));
        rules::Outcome::Needs(crossing::all(keys))
    }

    fn resume(holdings: Vec<rules::Holding>) -> rules::Verdict {
        match PENDING.take() {
            Some(pending) => answer(&*pending, holdings),
            None => std::process::abort(),
        }
    }
}

fn answer(pending: &dyn PendingVerdict, holdings: Vec<rules::Holding>) -> rules::Verdict {
    let holdings: Vec<Holding> = crossing::all(holdings);
    pending.verdict(&holdings).into()
}

// === impl KeptReview ===

impl<P: RawPolicy> PendingVerdict for KeptReview<P> {
    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        self.pending.verdict(holdings)
    }
}

// === impl Inputs ===

impl<P: RawPolicy> Inputs<P> {
    fn new(request: Request<'static>, settings: P::Settings) -> Self {
        Self(NonNull::from(Box::leak(Box::new((request, settings)))))
    }
}

impl<P: RawPolicy> Drop for Inputs<P> {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a review borrows what is kept beside it")]
        // SAFETY: `new` leaked the box, and nothing else frees it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
