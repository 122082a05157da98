//! A StorageClass, its old object, and another one.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ordinance_testkit::input::storage_class(bytes));
