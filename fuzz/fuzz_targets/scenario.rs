//! Any bytes as a scenario file: a plan that reads back as it was written, or faults with reasons.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scenario::fuzz::exercise(bytes));
