//! Maps of manifests, with the policy as a plain library.

mod claims;
mod drawings;
mod manifests;
mod properties;
mod scenes;
