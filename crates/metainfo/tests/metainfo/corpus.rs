//! The fuzzer's corpus, replayed: what once was interesting stays harmless.

use std::path::Path;

#[test]
fn the_fuzzers_corpus_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/metainfo");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        swarmlab_metainfo::fuzz::exercise(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 15, "{replayed} files in {}", folder.display());
}
