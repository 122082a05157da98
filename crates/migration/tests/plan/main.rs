//! Plans of sets with every kind of storage, and the script and the manifests that they print.

mod kinds;
mod output;
mod plans;
mod refusals;
