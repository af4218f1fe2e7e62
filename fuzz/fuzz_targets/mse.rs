//! Both roles of an encrypted handshake against arbitrary bytes, plain or under the right keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::exercise_mse(bytes));
