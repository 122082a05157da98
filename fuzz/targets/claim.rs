//! A claim, its old object, and another claim.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_testkit::input::claim(bytes));
