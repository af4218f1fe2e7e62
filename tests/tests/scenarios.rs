//! Every scenario that comes with the program, played as a person would, in the real world and in the
//! simulated one: no lesson rots, and both worlds tell the same story.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use events::{Event, Record};
use swarmlab_tests::program;

#[test]
fn every_shipped_scenario_passes_and_leaves_nothing_but_its_run_folder_and_the_worlds_agree() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(["test", "--jobs", "4", "--junit", "report.xml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let list = Command::new(program()).args(["list", "--json"]).output().unwrap();
    let names = String::from_utf8_lossy(&list.stdout);
    let names: Vec<&str> =
        names.lines().filter_map(|line| line.split("\"name\":\"").nth(1)?.split('"').next()).collect();
    assert!(names.len() >= 14, "{names:?}");
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    for name in names {
        assert!(said.contains(name), "{name} was not played:\n{said}");
        assert!(report.contains(name), "{name} is not in the report:\n{report}");
    }
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["report.xml", "runs"]);
    simulated_runs_agree_with(&folder.path().join("runs"));
}

/// Who finished, who was banned by whom, and what came before what: the same in both worlds.
/// Milliseconds and ranks among equals are not.
fn simulated_runs_agree_with(real: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let (simulated, _) = simulate(folder.path(), &[]);
    let real = logs(real);
    for name in ["first-swarm", "tit-for-tat", "rarest-first", "poisoner", "magnet"] {
        assert_eq!(story(&simulated[name]), story(&real[name]), "{name}");
    }
}

#[test]
fn a_simulated_scenario_gives_the_same_bytes_in_every_process_whatever_else_the_machine_does() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (quiet, played) = simulate(folders[0].path(), &["--jobs", "1"]);
    let mut load = Command::new(program())
        .args(["test", "--world", "sim", "--seed", "99", "--runs", "load"])
        .current_dir(folders[1].path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (busy, _) = simulate(folders[1].path(), &["--jobs", "4"]);
    load.wait().unwrap();
    assert!(played >= 12, "{played} scenarios were simulated");
    assert_eq!(quiet.keys().collect::<Vec<_>>(), busy.keys().collect::<Vec<_>>());
    for (name, path) in &quiet {
        let same = std::fs::read(path).unwrap() == std::fs::read(&busy[name]).unwrap();
        assert!(same, "{name} differs: {} and {}", path.display(), busy[name].display());
    }
}

/// Plays everything that can be simulated; answers with the logs by scenario, and how many passed.
fn simulate(folder: &Path, more: &[&str]) -> (BTreeMap<String, PathBuf>, usize) {
    let output = Command::new(program())
        .args(["test", "--world", "sim", "--json", "--keep"])
        .args(more)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut passed = 0;
    for line in said.lines() {
        // 3 is for what this world can't show.
        let done: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!([0, 3].contains(&done["exit-code"].as_u64().unwrap()), "{line}");
        passed += usize::from(done["exit-code"] == 0);
    }
    (logs(&folder.join("runs")), passed)
}

/// The logs of run folders, by scenario.
fn logs(runs: &Path) -> BTreeMap<String, PathBuf> {
    let folders = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap());
    let of_runs = folders.filter(|entry| entry.file_name() != "latest");
    let by_scenario = of_runs.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        let scenario = name.split_once("Z-").expect("a run is called by its time and scenario").1;
        (scenario.to_owned(), entry.path().join("events.jsonl"))
    });
    by_scenario.collect()
}

/// What a class would retell of a run.
#[derive(Debug, PartialEq)]
struct Story {
    finished: BTreeSet<String>,
    /// Who was banned by anybody.
    banned: BTreeSet<String>,
    /// Who had something wrong sent to it, and noticed.
    somebody_was_lied_to: bool,
    /// Of each member, what it did in which order, each kind by its first time.
    causes: BTreeMap<String, Vec<&'static str>>,
    verdicts: Vec<String>,
}

fn story(log: &Path) -> Story {
    let text = std::fs::read_to_string(log).unwrap();
    let records: Vec<Record> = text.lines().map(|line| line.parse().unwrap()).collect();
    let mut story = Story {
        finished: BTreeSet::new(),
        banned: BTreeSet::new(),
        somebody_was_lied_to: false,
        causes: BTreeMap::new(),
        verdicts: Vec::new(),
    };
    for Record { peer, event, .. } in records {
        match &event {
            // Whether it is done when the others are is no outcome: no check waits for it.
            Event::Complete { .. } if peer == "rider" => continue,
            Event::Complete { .. } => drop(story.finished.insert(peer.clone())),
            Event::PeerBanned { remote, .. } => drop(story.banned.insert(remote.to_string())),
            Event::PieceFailed { .. } => story.somebody_was_lied_to = true,
            Event::CheckPassed { .. } | Event::CheckFailed { .. } | Event::CheckUndecided { .. } => {
                story.verdicts.push(event.kind().to_owned());
            }
            _ => {}
        }
        if let Some(kind) = CAUSES.iter().find(|kind| **kind == event.kind()) {
            let done = story.causes.entry(peer).or_default();
            if !done.contains(kind) {
                done.push(kind);
            }
        }
    }
    story
}

/// Each is the condition of the next, in every world.
const CAUSES: &[&str] = &[
    "started",
    "joined",
    "announce-sent",
    "announce-answered",
    "metadata-complete",
    "piece-verified",
    "complete",
    "left",
];
