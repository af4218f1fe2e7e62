//! The fuzzer's corpus, replayed, and streams of chance beside it.

use std::path::Path;

use proptest::prelude::{any, prop};
use proptest::proptest;
use proptest::test_runner::Config;

#[test]
fn the_corpus_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/tracker");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        tracker::fuzz::exercise(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 10, "{replayed} files in {}", folder.display());
}

proptest! {
    #![proptest_config(Config::with_cases(300))]

    /// Any bytes, and such as begin like a datagram of BEP 15.
    #[test]
    fn any_bytes_keep_every_promise(
        id: u64, action in 0_u32..6, body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        tracker::fuzz::exercise(&body);
        let head: Vec<u8> = id.to_be_bytes().into_iter().chain(action.to_be_bytes()).collect();
        tracker::fuzz::exercise(&[head.as_slice(), &body].concat());
        tracker::fuzz::exercise(&[&head[8..], &body].concat());
    }
}
