//! Maps of manifests, with the policy as a plain library.

mod golden;
mod manifests;
mod properties;
mod storage;
