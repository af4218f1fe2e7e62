//! Torrent files, info dictionaries and magnet links out of arbitrary bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| metainfo::fuzz::exercise(bytes));
