//! A Kubernetes cluster as the store: a Secret for the CA, webhook configurations that trust it, and a Lease for the writer.
//!
//! Every read gets one object by name from the API server and not from a cache, so that no read is older than a write that
//! has completed.

mod conditional;
mod configurations;
mod lease;
mod secret;

pub use configurations::{ClusterConfigurations, FIELD_MANAGER, INTENDED_POLICIES, PATHS};
pub use lease::Lease;
pub use secret::SecretStore;
