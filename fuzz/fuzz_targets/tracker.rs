//! Datagrams of trackers and clients out of arbitrary bytes, into codec, tracker and announcer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracker::fuzz::exercise(bytes));
