//! Settings of the policy.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_testkit::input::settings(bytes));
