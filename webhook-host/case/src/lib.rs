//! Cases as files: what a policy must answer, and a runner for any build of it.
