//! The guest side of Ordinance's contract: what a policy in Rust needs to become a WebAssembly component.
//!
//! A policy implements [`Policy`], and [`export!`] exports it. `ordinance new` writes such a crate, `ordinance build` makes
//! the component. Settings are a type of the policy's own, from which the SDK derives their JSON Schema:
//!
//! ```
//! use ordinance_policy_sdk::prelude::*;
//!
//! const DEPLOYMENTS: Resource = Resource::namespaced("apps", "v1", "deployments");
//!
//! const TOO_MANY_REPLICAS: PolicyRule =
//!     PolicyRule::deny("too-many-replicas", "A Deployment has more replicas than allowed").setting("maxReplicas");
//!
//! /// The settings of the policy.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
//! struct Settings {
//!     /// The most replicas that a Deployment may have.
//!     max_replicas: u32,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { max_replicas: 10 }
//!     }
//! }
//!
//! /// The fields of a Deployment that the policy reads.
//! #[derive(Deserialize)]
//! struct Deployment {
//!     spec: Spec,
//! }
//!
//! #[derive(Deserialize)]
//! struct Spec {
//!     replicas: Option<u32>,
//! }
//!
//! struct FewReplicas;
//!
//! impl Policy for FewReplicas {
//!     type Settings = Settings;
//!
//!     fn describe() -> PolicyDescription {
//!         PolicyDescription::new("few-replicas", env!("CARGO_PKG_VERSION"))
//!             .review(DEPLOYMENTS.review())
//!             .rule(TOO_MANY_REPLICAS)
//!     }
//!
//!     fn review(review: &Review<'_>, settings: &Settings) -> Result<Verdict, ObjectError> {
//!         let Some(object) = review.object() else { return Ok(Verdict::allow()) };
//!         let mut verdict = review.verdict();
//!         let replicas = object.read::<Deployment>()?.spec.replicas.unwrap_or(1);
//!         if replicas > settings.max_replicas {
//!             let fact = format!("Deployment {} has {replicas} replicas", object.quoted_name());
//!             let remedy = format!("Set spec.replicas to {} or less", settings.max_replicas);
//!             verdict.report(TOO_MANY_REPLICAS.finding(fact).field("spec.replicas").remedy(remedy));
//!         }
//!         Ok(verdict.build())
//!     }
//! }
//!
//! ordinance_policy_sdk::export!(FewReplicas);
//!
//! // A policy is a pure function, so that a test calls it directly.
//! let object = r#"{"metadata": {"name": "web"}, "spec": {"replicas": 11}}"#;
//! let request = DEPLOYMENTS.creation("shop", "web", object);
//! let verdict = review::<FewReplicas>(&request, &Settings::default(), &[]);
//! assert_eq!(verdict.findings[0].fact, "Deployment \"web\" has 11 replicas");
//! assert!(!verdict.is_allowed());
//! ```
//!
//! [`RawPolicy`] is the interface below, without the feature `typed`: a policy that reads settings and objects in its own
//! way, e.g. with borrowed views.

#[doc(hidden)]
#[expect(unsafe_code, clippy::allow_attributes, reason = "generated from policy.wit")]
#[rustfmt::skip]
pub mod bindings;
#[cfg(any(test, all(target_family = "wasm", target_os = "unknown")))]
#[expect(unsafe_code, reason = "an allocator")]
mod bump;
mod component;
mod crossing;
mod description;
mod finding;
mod raw_policy;
#[cfg(feature = "typed")]
mod typed;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use bump::Bump;
pub use component::Component;
pub use description::{PolicyDescription, PolicyRule, Resource, ReviewedResource};
pub use finding::RuleFinding;
pub use ordinance_contract::{
    Annotation, Description, FailurePolicy, Finding, Fix, Holding, Key, MatchCondition, Operation, Phase,
    Problem, Request, ReviewScope, Rule, Scope, Severity, Stance, Verdict, Watch,
};
pub use raw_policy::{PendingVerdict, RawPolicy, Step};
#[cfg(feature = "typed")]
pub use typed::{Object, ObjectError, Patch, PendingTypedReview, Policy, Review, VerdictBuilder, review};
#[cfg(feature = "typed")]
#[doc(no_inline)]
pub use {schemars, serde, serde_json};

/// Everything that a typical policy uses.
#[cfg(feature = "typed")]
pub mod prelude {
    pub use crate::{
        FailurePolicy, Finding, Holding, Key, Object, ObjectError, Operation, Patch, Phase, Policy,
        PolicyDescription, PolicyRule, Problem, Request, Resource, Review, Scope, Severity, Stance, Verdict,
        VerdictBuilder, review,
    };
    #[doc(no_inline)]
    pub use schemars::JsonSchema;
    #[doc(no_inline)]
    pub use serde::Deserialize;
}

/// Exports a policy as the component's only interface, and gives the component an allocator that never frees, since
/// an instance serves one review (not for a target of WASI, whose C library has its own).
///
/// The type implements [`Policy`] or [`RawPolicy`]. Where the target is not WebAssembly, e.g. in unit tests, the macro only
/// checks that.
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type ExportedComponent = $crate::Component<$policy>;
    $crate::bindings::export!(ExportedComponent with_types_in $crate::bindings);

            // The C library of WASI has an allocator of its own, which expects no other one in its heap.
            #[cfg(target_os = "unknown")]
            #[global_allocator]
            static MEMORY: $crate::Bump = $crate::Bump::new();
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::assert_exportable::<$policy>();
    };
}

/// Fails to compile for a type that is no policy.
#[doc(hidden)]
pub const fn assert_exportable<P: RawPolicy>() {}

/// The pages for authors, whose examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/authors/cookbook.md")]
mod cookbook {}
