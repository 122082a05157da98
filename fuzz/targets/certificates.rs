//! Files with certificates and keys, as `ordinance certs` reads them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_tests::input::certificates(bytes));
