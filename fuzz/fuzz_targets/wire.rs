//! Handshake, messages and extension bodies out of arbitrary bytes, in arbitrary portions.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::exercise(bytes));
