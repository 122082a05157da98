//! The storage policy as a WebAssembly component: the SDK around the crate `ordinance-policy`.
//!
//! A shell without logic.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[expect(unsafe_code, reason = "an allocator")]
mod reused;

use ordinance_policy::{PendingReview, Settings, StartedReview};
use ordinance_policy_sdk::{
    Description, Holding, Key, PendingVerdict, Problem, RawPolicy, Request, Scope, Step, Verdict,
};

/// The policy, which `reused.rs` exports.
struct StoragePolicy;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
const _: () = ordinance_policy_sdk::assert_exportable::<StoragePolicy>();

/// A review that waits for holdings.
struct PendingStorageReview<'a>(PendingReview<'a>);

impl RawPolicy for StoragePolicy {
    type Settings = Settings;
    type Pending<'a> = PendingStorageReview<'a>;

    fn describe() -> Description {
        ordinance_policy::describe()
    }

    fn check_settings(settings: &str) -> Result<String, Vec<Problem>> {
        ordinance_policy::check_settings(settings)
    }

    fn read_settings(settings: String) -> Result<Settings, String> {
        Settings::read(settings).map_err(|error| error.to_string())
    }

    fn invalid_settings(reason: &str) -> Verdict {
        ordinance_policy::invalid_settings(reason)
    }

    fn keys(scope: &Scope<'_>, object: &str, settings: &Settings) -> Result<Vec<Key>, String> {
        ordinance_policy::keys(scope, object, settings)
    }

    fn review<'a>(request: &'a Request<'a>, settings: &'a Settings) -> Step<PendingStorageReview<'a>> {
        match ordinance_policy::start_review(request, settings) {
            StartedReview::Decided(verdict) => Step::Decided(verdict),
            StartedReview::NeedsHoldings(keys, pending) => Step::Needs(keys, PendingStorageReview(pending)),
        }
    }
}

impl PendingVerdict for PendingStorageReview<'_> {
    fn verdict(&self, holdings: &[Holding]) -> Verdict {
        self.0.verdict(holdings)
    }
}
