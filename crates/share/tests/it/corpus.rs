//! What the fuzzer found worth keeping, again.

use std::fs;
use std::path::Path;

use swarmlab_share::fuzz::exercise;

#[test]
fn every_file_of_the_corpus_keeps_the_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/envelope");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        exercise(&bytes);
        // Cut off and bent everywhere, without a fuzzer.
        for at in 0..bytes.len().min(400) {
            exercise(&bytes[..at]);
            let mut bent = bytes.clone();
            bent[at] ^= 0x55;
            exercise(&bent);
        }
        count += 1;
    }
    assert!(count >= 5, "the corpus is there");
}
