//! Manifests to amend.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_testkit::input::amend(bytes));
