//! The body of an admission review.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_tests::input::envelope(bytes));
