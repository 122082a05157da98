//! The built-in policy, compiled ahead and embedded.
