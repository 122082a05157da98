//! The configuration of `ordinance serve`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_tests::input::config(bytes));
