//! The scenarios that come with the program, and the page that documents their format.

use std::collections::BTreeSet;
use std::path::Path;

use events::KINDS;
use swarmlab_scenario::{CHECK_KINDS, COMMON_KEYS, World, find, parse, shipped, vocabulary};

#[test]
fn every_shipped_scenario_is_a_plan() {
    for (name, text) in shipped() {
        let plan = parse(&format!("{name}.yaml"), text).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(plan.about.len() > 60, "{name} explains itself to a beginner");
        for world in &plan.worlds {
            assert!(matches!(world, World::Local | World::Sim), "{name} runs on any machine");
            assert_eq!(plan.unsupported_in(*world), Vec::<String>::new(), "{name} can be played where it says");
        }
        for check in &plan.checks {
            assert!(check.pass.is_some() && check.fail.is_some(), "{name} has a sentence for each outcome: {check:?}");
        }
    }
}

#[test]
fn the_binary_has_what_the_folder_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let in_folder: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let inside: BTreeSet<String> = shipped().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(inside, in_folder);
}

#[test]
fn a_misspelt_name_finds_the_scenario() {
    assert!(find("tit-for-tat").is_ok());
    let error = find("titfortat").unwrap_err().to_string();
    assert_eq!(error, "no scenario is called `titfortat`; did you mean `tit-for-tat`?");
    assert!(find("zzz").unwrap_err().to_string().contains("one of: first-swarm, tit-for-tat"));
}

#[test]
fn the_page_mentions_every_key_and_word() {
    let page = page();
    let keys = [
        vocabulary::TOP_KEYS,
        vocabulary::CONTENT_KEYS,
        vocabulary::TREE_KEYS,
        vocabulary::NET_KEYS,
        vocabulary::NAT_KEYS,
        vocabulary::FIREWALL_KEYS,
        vocabulary::ISP_KEYS,
        vocabulary::TRACKER_KEYS,
        vocabulary::CAST_KEYS,
        vocabulary::STEP_KEYS,
        vocabulary::ALIASES,
        COMMON_KEYS,
    ];
    let verbs = vocabulary::VERBS.iter().map(|(verb, _)| *verb);
    let checks = CHECK_KINDS.iter().flat_map(|kind| [kind.name].into_iter().chain(kind.keys.iter().copied()));
    for rule in swarmlab_scenario::RULES {
        assert!(page.contains(&format!("`{rule}`")), "labs/SCENARIOS.md does not mention rule `{rule}`");
    }
    for word in keys.into_iter().flatten().copied().chain(verbs).chain(checks) {
        assert!(page.contains(&format!("`{word}`")), "labs/SCENARIOS.md does not mention `{word}`");
    }
    for kind in CHECK_KINDS {
        assert!(page.contains(&format!("`{}`", kind.example)), "labs/SCENARIOS.md lacks the example {}", kind.example);
    }
}

#[test]
fn every_whole_scenario_on_the_page_is_a_plan() {
    let page = page();
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let whole: Vec<&&str> = blocks.iter().filter(|block| block.contains("scenario: 1")).collect();
    assert!(!whole.is_empty());
    for block in whole {
        parse("SCENARIOS.md", block).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn every_example_of_a_check_is_right() {
    for kind in CHECK_KINDS {
        let text = format!(
            "scenario: 1\ntitle: x\ncontent: {{ size: 1 MiB, archive: true }}\ncast:\n  seed: {{ role: seed }}\n  friend: {{ role: recipient }}\n  eve: {{ role: leech }}\n  sharer: {{ role: leech }}\n  leecher: {{ role: leech }}\n  rider: {{ role: leech }}\n  mallory: {{ role: seed, persona: poisoner }}\ncheck:\n  - {}\n",
            kind.example
        );
        parse("example", &text).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

/// Events named in shipped scenarios exist; that `block` kinds are those documented so is checked here too.
#[test]
fn the_block_level_kinds_are_those_of_the_vocabulary() {
    let documented: BTreeSet<&str> = KINDS
        .iter()
        .filter(|kind| kind.doc.iter().any(|line| line.contains("Detail: block")))
        .map(|kind| kind.name)
        .collect();
    assert_eq!(documented, vocabulary::BLOCK_KINDS.iter().copied().collect());
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/SCENARIOS.md");
    std::fs::read_to_string(path).unwrap()
}
