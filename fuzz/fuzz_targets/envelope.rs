//! The outside of 7z archives, where it shows without the password, out of arbitrary bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| share::fuzz::exercise(bytes));
