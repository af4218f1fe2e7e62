//! Whatever is in the file, the answer is a plan or a list of faults, and it comes soon.

use std::path::Path;

use proptest::prelude::*;
use swarmlab_scenario::{fuzz, shipped};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::exercise(&bytes);
    }

    #[test]
    fn any_yaml_like_text_is_read_or_refused(text in "([a-z0-9 ]{0,6}[-:,{}\\[\\]\"'#|>&*!%\n\t]){0,60}") {
        fuzz::exercise(text.as_bytes());
    }

    #[test]
    fn shipped_scenarios_with_a_few_bytes_changed_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8),
    ) {
        let mut bytes = which.get(&scenarios()).as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        fuzz::exercise(&bytes);
    }

    #[test]
    fn shipped_scenarios_with_words_moved_about_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let scenarios = scenarios();
        let text = which.get(&scenarios);
        let mut words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(words.len()), b.index(words.len()));
            words.swap(a, b);
        }
        fuzz::exercise(words.concat().as_bytes());
    }
}

/// Those that are shipped, and one that has everything in it.
fn scenarios() -> Vec<&'static str> {
    let everything = include_str!("../../../../fuzz/corpus/scenario/everything.yaml");
    shipped().iter().map(|(_, text)| *text).chain([everything; 3]).collect()
}

#[test]
fn files_made_to_take_long_do_not() {
    let long = |line: &str| {
        let head = "scenario: 1\ntitle: x\ncontent: { size: 1 MiB }\n";
        format!("{head}{}", line.repeat((TEXT_BYTES - head.len()) / line.len()))
    };
    let many_names: String = (0..400).map(|i| format!("  n{i}: {{ role: leech }}\n")).collect();
    let many_words = "zzzzzzzz, ".repeat(18_000);
    let texts = [
        long("x: 1\n"),
        long("- a\n"),
        long("a"),
        long("\"a\": {b: [c, {d: e}]}\n"),
        format!("cast:\n{many_names}script: [{{ at: 0 s, do: join, who: [{many_words}] }}]\n"),
        format!("check: [{{ complete: [{many_words}], within: 1 s }}]\ncast:\n{many_names}"),
        format!("worlds: [{many_words}]\n"),
        format!("net:\n{}", (0..9_000).map(|i| format!("  n{i}: {{}}\n")).collect::<String>()),
    ];
    for text in texts {
        fuzz::exercise(text.as_bytes());
    }
}

const TEXT_BYTES: usize = 250 * 1024;

#[test]
fn the_fuzzers_corpus_replays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/scenario");
    let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() >= 10, "{} has only {} files", folder.display(), entries.len());
    for path in entries {
        fuzz::exercise(&std::fs::read(&path).unwrap());
    }
}

#[test]
fn a_byte_that_is_no_text_is_named() {
    let refused = swarmlab_scenario::parse_bytes("f", b"scenario: 1\ntitle: \xff\n").unwrap_err();
    assert_eq!((refused.0[0].line, refused.0[0].column), (2, 8));
}

#[test]
fn the_number_of_faults_is_bounded() {
    let text = format!("scenario: 1\n{}", (0..5_000).map(|i| format!("x{i}: 1\n")).collect::<String>());
    let refused = swarmlab_scenario::parse("f", &text).unwrap_err();
    assert_eq!(refused.0.len(), 50);
}

#[test]
fn a_huge_cast_is_refused_without_being_built() {
    let text = "scenario: 1\ntitle: x\ncontent: { size: 1 MiB }\ncast: { seed: { role: seed }, a: { role: leech, count: 2000 }, b: { role: leech, count: 2000 } }\ncheck: [{ complete: all, within: 1 s }]\n";
    let refused = swarmlab_scenario::parse("f", text).unwrap_err().to_string();
    assert!(refused.contains("at most 2500 play together"), "{refused}");
}
