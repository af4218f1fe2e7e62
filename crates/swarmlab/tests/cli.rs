//! The program as its users meet it: started, read, interrupted, killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

#[test]
fn every_verb_explains_itself_with_an_example() {
    let verbs = ["run", "check", "list", "test", "show", "events", "diff", "inspect", "isp", "observers", "nat-matrix"];
    let verbs = verbs.into_iter().chain(["tracker", "peer", "torrent"]);
    let of_torrent = ["create", "show", "magnet", "verify"].map(|verb| vec!["torrent", verb]);
    for verb in verbs.map(|verb| vec![verb]).chain(of_torrent) {
        let output = swarmlab(&[&verb[..], &["--help"]].concat());
        let text = stdout(&output);
        assert_eq!(code(&output), 0, "{verb:?}");
        assert!(text.contains("Examples:\n  swarmlab "), "{verb:?} has no example:\n{text}");
    }
    let text = stdout(&swarmlab(&["--help"]));
    assert!(text.contains("swarmlab run first-swarm") && text.contains("Exit codes:"), "{text}");
    assert!(!text.contains("rqbit"), "hidden verbs stay hidden");
}

#[test]
fn the_single_programs_are_the_same_verbs() {
    for (program, flag) in
        [(env!("CARGO_BIN_EXE_swarmlab-tracker"), "--allow"), (env!("CARGO_BIN_EXE_swarmlab-peer"), "--dir")]
    {
        let output = Command::new(program).arg("--help").output().unwrap();
        assert!(output.status.success() && stdout(&output).contains(flag), "{program}");
    }
}

#[test]
fn a_broken_scenario_is_named_by_file_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.yaml"), dir.path().join("bad.yaml"));
    fs::write(&good, SLOW).unwrap();
    fs::write(&bad, SLOW.replace("content:", "contnet:")).unwrap();
    let output = swarmlab(&["check", path(&good), path(&bad)]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("good.yaml: right (3 peers"), "{}", stdout(&output));
    let text = stderr(&output);
    assert!(text.contains("bad.yaml:4:1") && text.contains("did you mean `content`"), "{text}");
    // Running it says the same and starts nothing.
    let output = swarmlab(&["run", path(&bad), "--runs", path(&dir.path().join("runs"))]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("bad.yaml:4:1") && !dir.path().join("runs").exists());
    assert_eq!(code(&swarmlab(&["check", path(&good)])), 0);
}

#[test]
fn a_wrong_call_says_what_a_right_one_is() {
    let said = |args: &[&str]| {
        let output = swarmlab(args);
        assert_eq!(code(&output), 2, "{args:?}");
        stderr(&output)
    };
    assert!(said(&["run", "first-swam"]).contains("did you mean `first-swarm`?"));
    assert!(said(&["show", "first-swam"]).contains("did you mean `first-swarm`?"));
    assert!(said(&["run", "first-swarm", "--world", "locl"]).contains("did you mean `local`?"));
    assert!(said(&["run", "first-swarm", "--speed", "1x"]).contains("add --world sim"));
    assert!(said(&["run", "first-swarm", "--seeds", "9..1"]).contains("comes before the first"));
    assert!(said(&["run", "first-swarm", "--seeds", "9"]).contains("such as `1..100`"));
    assert!(said(&["run", "first-swarm", "--seeds", "1..2", "--world", "local"]).contains("not for world local"));
    assert!(said(&["run", "first-swarm", "--seeds", "1..2", "--speed", "1x"]).contains("--speed"));
    assert!(said(&["run", "first-swarm", "--seeds", "1..2", "--seed", "1"]).contains("--seed"));
    assert!(said(&["run", "first-swarm", "--jobs", "2"]).contains("--seeds"));
    assert!(said(&["diff", "latest", "no-such-run", "--runs", "/nowhere"]).contains("find the run latest"));
    assert!(said(&["nat-matrix", "hoem"]).contains("there is no place \"hoem\", but open, "));
    assert!(said(&["run", "nowhere/x.yaml"]).contains("swarmlab list"));
    assert!(said(&["run", "your-own-file"]).contains("--content PATH"));
    assert!(said(&["run", "your-own-file", "--content", "/no/such/thing"]).contains("/no/such/thing"));
    assert!(said(&["tracker"]).contains("--allow FILE.torrent"));
    assert!(said(&["peer", "x.torrent", "--up", "500"]).contains("500 kB/s"));
    assert!(said(&["peer", "no-such.torrent"]).contains("no-such.torrent"));
    assert!(said(&["torrent", "create", "/no/such/thing"]).contains("/no/such/thing"));
}

#[test]
fn a_recorded_connection_is_inspected() {
    let dir = tempfile::tempdir().unwrap();
    let run = path(dir.path());
    testkit::record_run(dir.path(), node::Policy::Preferred, node::Policy::Disabled).unwrap();
    let inspect = |args: &[&str]| swarmlab(&[&["inspect", run], args].concat());

    // Encryption was refused, so there are two: the try and the one after it.
    let list = stdout(&inspect(&[]));
    assert!(list.contains("1  0.010 s  alice -> bob  failed") && list.contains("  plaintext  "), "{list}");
    assert!(list.contains(&format!("`swarmlab inspect {run} --connection 1`")), "{list}");
    let second = stdout(&inspect(&["--connection", "2"]));
    assert!(second.starts_with("Connection 2: alice -> bob, plaintext\n"), "{second}");
    assert!(!second.contains('\x1b'), "no colours in a pipe");

    let json: Value = serde_json::from_str(&stdout(&inspect(&["--connection", "2", "--json"]))).unwrap();
    let handshake = &json["streams"][0]["spans"][0];
    assert_eq!(
        (&json["cipher"], &handshake["name"], &handshake["len"]),
        (&"plaintext".into(), &"handshake".into(), &68.into())
    );
    assert_eq!(stdout(&inspect(&["--json", "--peer", "bob"])).lines().count(), 2);

    let wrong = |args: &[&str]| {
        let output = inspect(args);
        assert_eq!(code(&output), 2, "{args:?}");
        stderr(&output)
    };
    let text = wrong(&["--connection", "3"]);
    assert!(text.contains("there is no connection 3, but these:") && text.contains("alice -> bob"), "{text}");
    assert!(wrong(&["--peer", "carol"]).contains("has carol at an end, but alice, bob"));
    fs::remove_dir_all(dir.path().join("wire")).unwrap();
    assert!(wrong(&[]).contains("no wire record: `swarmlab run` makes one"));
    assert!(stderr(&swarmlab(&["inspect", "/no/such/run"])).contains("there is no run"));
}

#[test]
fn a_world_that_is_not_there_is_unsupported_and_not_green() {
    let dir = tempfile::tempdir().unwrap();
    let output = swarmlab(&["run", "first-swarm", "--world", "netns", "--runs", path(&dir.path().join("runs"))]);
    assert_eq!(code(&output), 3);
    assert!(stdout(&output).contains("unsupported here"), "{}", stdout(&output));
    assert!(!dir.path().join("runs").exists());
}

#[test]
fn a_storm_tells_which_seeds_failed_and_each_is_played_again_by_the_command_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let (scenario, runs) = (dir.path().join("lucky.yaml"), dir.path().join("runs"));
    fs::write(&scenario, LUCKY).unwrap();
    let storm =
        |more: &[&str]| swarmlab(&[&["run", path(&scenario), "--seeds", "1..8", "--runs", path(&runs)], more].concat());
    let output = storm(&["--json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (all, seeds) = lines.split_last().unwrap();
    assert_eq!((seeds.len(), &all["played"]), (8, &8.into()));
    let (failed, passed): (Vec<&Value>, Vec<&Value>) = seeds.iter().partition(|line| line["outcome"] == "failed");
    assert_eq!((&all["failed"], &all["passed"]), (&failed.len().into(), &passed.len().into()));
    assert!(!passed.is_empty() && failed.len() >= 2, "{all}");
    assert!(passed.iter().all(|line| line["folder"].is_null()), "only failures leave a folder");
    let folder = |line: &Value| line["folder"].as_str().unwrap().to_owned();

    // The command that it prints plays the very run.
    let words: Vec<&str> = failed[0]["replay"].as_str().unwrap().split(' ').skip(1).collect();
    let again = dir.path().join("again");
    assert_eq!(code(&swarmlab(&[&words[..], &["--runs", path(&again), "--quiet"]].concat())), 1);
    let output = swarmlab(&["diff", &folder(failed[0]), "latest", "--runs", path(&again)]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(stdout(&output).contains("The events are the same"), "{}", stdout(&output));

    // Two seeds part somewhere, and what they were told differs in the seed alone.
    let two = [&folder(failed[0])[..], &folder(failed[1])[..]];
    let output = swarmlab(&[&["diff"], &two[..]].concat());
    assert_eq!(code(&output), 1);
    let text = stdout(&output);
    assert!(text.contains("What they were told differs\n  A  seed ") && text.contains(" of events.jsonl)\n"), "{text}");
    assert!(!text.contains("plan.yaml") && !text.contains('\x1b'), "{text}");
    let output = swarmlab(&[&["diff", "--json"], &two[..]].concat());
    assert_eq!(
        (code(&output), &json(&output)["equal"], &json(&output)["plan"][0]["what"]),
        (1, &false.into(), &"seed".into())
    );

    let text = stdout(&storm(&["--jobs", "1"]));
    let counts = format!("Failed: {} of 8 seeds passed, {} failed", passed.len(), failed.len());
    assert!(text.contains(&counts) && text.contains("one at a time"), "{text}");
    assert!(text.contains(&format!(" --world sim --seed {}\n", failed[0]["seed"])), "{text}");
    assert!(text.contains(&format!("  failed {} of 8: seed", failed.len())) && text.contains("b was first"), "{text}");
}

#[test]
fn many_scenarios_are_tested_under_many_seeds() {
    let dir = tempfile::tempdir().unwrap();
    let labs = dir.path().join("labs");
    fs::create_dir(&labs).unwrap();
    for (name, text) in [("lucky", LUCKY), ("real", QUICK)] {
        fs::write(labs.join(format!("{name}.yaml")), text).unwrap();
    }
    let report = dir.path().join("report.xml");
    let runs = dir.path().join("runs");
    let output = swarmlab(&["test", path(&labs), "--seeds", "1..8", "--junit", path(&report), "--runs", path(&runs)]);
    let text = stdout(&output);
    assert_eq!(code(&output), 1, "{text}");
    assert!(text.contains("✗ failed") && text.contains(" of 8 seeds passed\n"), "{text}");
    assert!(text.contains("play it again: ") && text.contains("lucky.yaml --world sim --seed "), "{text}");
    assert!(text.contains("? undecided") && text.contains("made for world local"), "{text}");
    assert!(fs::read_to_string(report).unwrap().contains("of 8 seeds passed"));
}

#[test]
fn who_can_connect_to_whom_is_printed_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let (html, svg) = (dir.path().join("matrix.html"), dir.path().join("matrix.svg"));
    let output = swarmlab(&["nat-matrix", "--html", path(&html), "--svg", path(&svg)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).starts_with("wrote "), "{}", stdout(&output));
    assert!(fs::read_to_string(html).unwrap().starts_with("<!DOCTYPE html>"));
    assert!(fs::read_to_string(svg).unwrap().starts_with("<svg "));
    let text = stdout(&swarmlab(&["nat-matrix"]));
    assert!(text.contains("no-mapping at the border of who is dialled") && !text.contains('\x1b'), "{text}");
    let text = stdout(&swarmlab(&["nat-matrix", "home", "open"]));
    assert!(text.starts_with("home → open  only the row can dial\n"), "{text}");
    let lines = stdout(&swarmlab(&["nat-matrix", "--json"]));
    assert_eq!(lines.lines().count(), 13 * 14 * 2);
    let line: Value =
        serde_json::from_str(stdout(&swarmlab(&["nat-matrix", "open", "home", "--json"])).lines().next().unwrap())
            .unwrap();
    assert_eq!(
        (&line["method"], &line["connected"], &line["rule"]),
        (&"tcp-out".into(), &false.into(), &"no-mapping".into())
    );
}

#[test]
fn what_comes_with_the_program_is_listed_and_shown() {
    let output = swarmlab(&["list"]);
    assert!(stdout(&output).contains("first-swarm") && code(&output) == 0);
    for line in stdout(&swarmlab(&["list", "--json"])).lines() {
        let listed: Value = serde_json::from_str(line).unwrap();
        let shown = stdout(&swarmlab(&["show", listed["name"].as_str().unwrap()]));
        assert!(shown.contains("scenario: 1"), "{shown}");
    }
    assert!(stdout(&swarmlab(&["events"])).contains("piece-verified"));
    assert!(stdout(&swarmlab(&["events", "--markdown", "choking"])).contains("| `unchoked` |"));
    assert_eq!(code(&swarmlab(&["events", "no-such-kind"])), 2);
}

#[test]
fn a_torrent_is_made_shown_linked_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("holiday");
    fs::create_dir_all(folder.join("beach")).unwrap();
    fs::write(folder.join("beach/sand.txt"), vec![b's'; 100_000]).unwrap();
    fs::write(folder.join("read me.txt"), "hello").unwrap();
    let torrent = dir.path().join("holiday.torrent");
    let create = ["torrent", "create", path(&folder), "-o", path(&torrent), "--json", "--no-date"];
    let options =
        ["--announce", "udp://127.0.0.1:6969,udp://127.0.0.1:6970", "--announce", "udp://127.0.0.1:7", "--private"];
    let more = ["--comment", "Summer", "--piece", "32 KiB", "--web-seed", "http://127.0.0.1/x", "--source", "us"];
    let made = json(&swarmlab(&[&create[..], &options, &more].concat()));
    assert_eq!(made["pieces"], 4);
    assert_eq!(made["announce"][0], serde_json::json!(["udp://127.0.0.1:6969", "udp://127.0.0.1:6970"]));
    assert_eq!(made["announce"][1], serde_json::json!(["udp://127.0.0.1:7"]));
    let again = swarmlab(&[&create[..], &options, &more].concat());
    assert!(code(&again) == 2 && stderr(&again).contains("--force"));

    let shown = stdout(&swarmlab(&["torrent", "show", path(&torrent)]));
    for part in ["holiday", made["info-hash"].as_str().unwrap(), "beach/sand.txt", "100000", "Summer", "BEP 27", "us"] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    assert_eq!(json(&swarmlab(&["torrent", "show", path(&torrent), "--json"]))["files"][1]["path"], "read me.txt");
    let magnet = stdout(&swarmlab(&["torrent", "magnet", path(&torrent)]));
    assert!(magnet.starts_with(&format!("magnet:?xt=urn:btih:{}", made["info-hash"].as_str().unwrap())));

    let verify = ["torrent", "verify", path(&torrent), path(dir.path())];
    assert_eq!(code(&swarmlab(&verify)), 0);
    fs::write(folder.join("read me.txt"), "jello").unwrap();
    let output = swarmlab(&verify);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("3 of 4 pieces are right"), "{}", stdout(&output));
    assert_eq!(json(&swarmlab(&[&verify[..], &["--json"]].concat()))["right"], false);
}

#[test]
fn the_first_swarm_passes_and_leaves_its_folder_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    let output = swarmlab(&["run", "first-swarm", "--runs", path(&runs)]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{text}\n{}", stderr(&output));
    assert!(text.contains("Passed") && text.contains("leecher-4") && text.contains("What to try next"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");

    let run = only_run(&runs);
    let summary: Value = serde_json::from_str(&fs::read_to_string(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["outcome"], "passed");
    assert_eq!(summary["peers"].as_array().unwrap().len(), 5);
    let events = fs::read(run.join("events.jsonl")).unwrap();
    let records: Vec<_> = events::read(&events[..]).map(Result::unwrap).collect();
    assert_eq!(records.len() as u64, summary["events"].as_u64().unwrap());
    assert!(records.iter().any(|record| record.event.kind() == "check-passed"));
    let started = records.iter().filter(|record| record.event.kind() == "started").map(|record| record.time);
    assert!(started.max().unwrap() < model::Time::from_secs(1), "five programs start within a second");
    assert!(run.join("logs/seed.log").exists());
    assert!(!run.join("content").exists() && !run.join("peers").exists(), "the bulk of a passed run goes");
    let plan = swarmlab(&["check", path(&run.join("plan.yaml"))]);
    assert_eq!(code(&plan), 0, "{}", stderr(&plan));
    for process in summary["processes"].as_array().unwrap() {
        assert!(is_gone(process["pid"].as_u64().unwrap()), "{process} is still there");
    }
    if cfg!(unix) {
        assert_eq!(fs::canonicalize(runs.join("latest")).unwrap(), fs::canonicalize(&run).unwrap());
    }
}

#[test]
fn content_of_the_users_is_shared_where_it_lies_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("holiday");
    fs::create_dir_all(folder.join("beach")).unwrap();
    fs::write(folder.join("beach/sand.txt"), vec![b's'; 300_000]).unwrap();
    fs::write(folder.join("water.txt"), vec![b'w'; 70_000]).unwrap();
    let scenario = dir.path().join("quick.yaml");
    fs::write(&scenario, QUICK).unwrap();
    let runs = dir.path().join("runs");
    let args = ["run", path(&scenario), "--content", path(&folder), "--runs", path(&runs), "--keep", "--quiet"];
    let output = swarmlab(&args);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let fetched = only_run(&runs).join("peers/leecher-1/holiday/beach/sand.txt");
    assert_eq!(fs::read(fetched).unwrap(), vec![b's'; 300_000]);
    assert!(!only_run(&runs).join("content").exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn for_programs_there_is_json_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("quick.yaml");
    fs::write(&scenario, QUICK).unwrap();
    let runs = dir.path().join("runs");
    let output = swarmlab(&["run", path(&scenario), "--runs", path(&runs), "--json", "--detail", "block"]);
    assert_eq!(code(&output), 0);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["outcome"], "passed");
    assert!(lines.iter().any(|line| line["ev"] == "block-received"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_run_is_read_again_as_the_provider_and_the_others_saw_it() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    assert_eq!(code(&swarmlab(&["run", "isp-signature", "--quiet", "--runs", path(&runs)])), 0);
    let run = only_run(&runs);

    let lines = |args: &[&str]| -> Vec<Value> {
        let output = swarmlab(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let judged = lines(&["isp", path(&run), "--json"]);
    let suspected = |kind: &str| {
        let flows = judged.iter().filter(|flow| flow["kind"] == kind);
        Vec::from_iter(flows.map(|flow| (flow["signature"]["class"].clone(), flow["shape"]["suspects"].clone())))
    };
    for kind in ["rc4", "plaintext-after-handshake"] {
        assert!(!suspected(kind).is_empty(), "{judged:?}");
        assert!(suspected(kind).iter().all(|seen| *seen == ("obfuscated-unknown".into(), true.into())), "{judged:?}");
    }
    assert!(suspected("plaintext").iter().all(|seen| seen.0 == "plaintext-bittorrent"), "{judged:?}");
    let learned = lines(&["observers", path(&run), "--json"]);
    assert_eq!(learned.len(), 24);
    assert!(learned.iter().all(|line| line["learned"] == "no" || line["evidence"][0].is_u64()), "{learned:?}");

    for args in [&["isp", path(&run)][..], &["observers", path(&run)], &["observers", path(&run), path(&run)]] {
        let text = stdout(&swarmlab(args));
        assert!(text.lines().all(|line| line.chars().count() <= 100) && !text.contains('\u{1b}'), "{text}");
    }
    let output = swarmlab(&["observers", path(&runs)]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("there is no run"), "{}", stderr(&output));
}

#[test]
fn a_folder_of_scenarios_is_tested_with_a_line_for_each_and_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("labs");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a-quick.yaml"), QUICK).unwrap();
    fs::write(
        folder.join("b-fails.yaml"),
        QUICK.replace("announce-count: seed, event: started, min: 1", "never: joined"),
    )
    .unwrap();
    fs::write(folder.join("c-wrong.yaml"), "scenario: 2\n").unwrap();
    let junit = dir.path().join("report.xml");
    let runs = dir.path().join("runs");
    let output = swarmlab(&["test", path(&folder), "--junit", path(&junit), "--runs", path(&runs), "--jobs", "2"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 2, "{text}");
    assert!(text.contains("✓ passed") && text.contains("✗ failed") && text.contains("✗ wrong"), "{text}");
    assert!(text.contains("1 of 3 scenarios passed"), "{text}");
    let xml = fs::read_to_string(junit).unwrap();
    assert!(xml.contains(r#"tests="3" failures="1" errors="1" skipped="0""#), "{xml}");
}

/// Programs that are watched while they run, and ended from outside.
#[cfg(unix)]
mod live {
    use std::io::{BufRead, BufReader, Lines};
    use std::process::{Child, ChildStdout, ExitStatus};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn killing_the_orchestrator_leaves_no_program_behind() {
        let mut run = Running::start();
        run.until_something_is_fetched();
        let pids = run.pids();
        assert_eq!(pids.len(), 4, "a tracker and three peers");
        assert!(pids.iter().all(|&pid| !is_gone(pid)));
        run.child.kill().unwrap();
        run.child.wait().unwrap();
        for pid in pids {
            within(Duration::from_secs(10), || is_gone(pid));
        }
    }

    #[test]
    fn ctrl_c_ends_everything_in_good_order() {
        let mut run = Running::start();
        run.until_something_is_fetched();
        let pids = run.pids();
        signal("INT", u64::from(run.child.id()));
        let (status, rest) = run.end();
        assert_eq!(status.code(), Some(130));
        assert!(pids.into_iter().all(is_gone));
        let summary: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
        assert_eq!(summary["outcome"], "stopped");
        let log = fs::read_to_string(only_run(&run.runs).join("events.jsonl")).unwrap();
        assert_eq!(log.matches(r#""ev":"left""#).count(), 4, "each said goodbye");
    }

    #[test]
    fn a_program_that_dies_unasked_breaks_the_lab_by_name() {
        let mut run = Running::start();
        run.until_something_is_fetched();
        let log = only_run(&run.runs).join("logs/leecher-2.log");
        signal("KILL", pid_in(&log));
        let pids = run.pids();
        let (status, rest) = run.end();
        assert_eq!(status.code(), Some(4));
        let summary: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
        let why = summary["ended_because"].as_str().unwrap();
        assert!(why.contains("leecher-2 ended unasked"), "{why}");
        assert!(pids.into_iter().all(is_gone));
    }

    #[test]
    fn tracker_and_peers_work_without_a_scenario() {
        let dir = tempfile::tempdir().unwrap();
        let content = dir.path().join("song.bin");
        fs::write(&content, (0..400_000u32).map(|i| (i % 251) as u8).collect::<Vec<u8>>()).unwrap();
        let torrent = dir.path().join("song.torrent");
        let hash = json(&swarmlab(&["torrent", "create", path(&content), "-o", path(&torrent), "--json"]));
        let mut tracker = spawn(&["tracker", "--listen", "127.0.0.1:0", "--allow", path(&torrent), "--json"]);
        let started = next_json(&mut tracker.lines, |line| line["ev"] == "started");
        let announce = format!("udp://{}/announce", started["listen"].as_str().unwrap());
        fs::remove_file(&torrent).unwrap();
        swarmlab(&["torrent", "create", path(&content), "-o", path(&torrent), "--announce", &announce]);

        let listen = ["--listen", "127.0.0.1:0", "--json"];
        let seed = [&["peer", path(&torrent), "--dir", path(dir.path())][..], &listen].concat();
        let mut seed = spawn(&seed);
        next_json(&mut seed.lines, |line| line["ev"] == "announce-answered");
        let here = dir.path().join("here");
        let magnet = stdout(&swarmlab(&["torrent", "magnet", path(&torrent)]));
        let fetch = ["peer", magnet.trim(), "--dir", path(&here), "--listen", "127.0.0.1:0", "--exit-when-complete"];
        let output = swarmlab(&fetch);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("has the file"), "{}", stdout(&output));
        assert_eq!(fs::read(here.join("song.bin")).unwrap(), fs::read(&content).unwrap());
        assert!(hash["info-hash"].is_string());

        for mut program in [seed, tracker] {
            signal("INT", u64::from(program.child.id()));
            assert!(program.child.wait().unwrap().success(), "Ctrl-C says goodbye");
        }
    }

    /// A run that takes a while, with its events on a pipe.
    struct Running {
        child: Child,
        lines: Lines<BufReader<ChildStdout>>,
        runs: PathBuf,
        _dir: tempfile::TempDir,
    }

    impl Running {
        fn start() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let scenario = dir.path().join("slow.yaml");
            fs::write(&scenario, SLOW).unwrap();
            let runs = dir.path().join("runs");
            let Spawned { child, lines } = spawn(&["run", path(&scenario), "--runs", path(&runs), "--json"]);
            Self { child, lines, runs, _dir: dir }
        }

        fn until_something_is_fetched(&mut self) {
            next_json(&mut self.lines, |line| line["ev"] == "piece-verified");
        }

        fn pids(&self) -> Vec<u64> {
            let logs = fs::read_dir(only_run(&self.runs).join("logs")).unwrap();
            logs.map(|log| pid_in(&log.unwrap().path())).collect()
        }

        fn end(&mut self) -> (ExitStatus, Vec<String>) {
            let rest = self.lines.by_ref().map(Result::unwrap).collect();
            (self.child.wait().unwrap(), rest)
        }
    }

    /// Whatever a test does, nothing of it stays behind.
    impl Drop for Running {
        fn drop(&mut self) {
            let _ended = self.child.kill();
            let _reaped = self.child.wait();
        }
    }

    struct Spawned {
        child: Child,
        lines: Lines<BufReader<ChildStdout>>,
    }

    fn spawn(args: &[&str]) -> Spawned {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarmlab"));
        let mut child = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Spawned { child, lines }
    }

    fn next_json(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut values = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        values.find(wanted).expect("the output ended before it came")
    }

    /// From the line that the lab writes at the head of each log.
    fn pid_in(log: &Path) -> u64 {
        let text = fs::read_to_string(log).unwrap();
        let pid = text.lines().rev().find_map(|line| line.strip_prefix("[lab] process ")).unwrap();
        pid.split(':').next().unwrap().parse().unwrap()
    }

    fn signal(name: &str, pid: u64) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(status.success());
    }

    /// Asks again and again until it is so, or the time is up.
    fn within(limit: Duration, so: impl Fn() -> bool) {
        let end = Instant::now() + limit;
        while !so() {
            assert!(Instant::now() < end, "not so within {limit:?}");
            std::thread::yield_now();
        }
    }
}

/// True when no such process runs; one that has ended and that nobody has reaped yet does not run.
fn is_gone(pid: u64) -> bool {
    if cfg!(target_os = "linux") {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'));
    }
    if cfg!(windows) {
        let filter = format!("PID eq {pid}");
        let list = Command::new("tasklist").args(["/NH", "/FI", &filter]).output().unwrap();
        return !String::from_utf8_lossy(&list.stdout).contains(&pid.to_string());
    }
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    state.is_empty() || state.starts_with('Z')
}

fn only_run(runs: &Path) -> PathBuf {
    let folders = fs::read_dir(runs).unwrap().map(|entry| entry.unwrap());
    let mut runs: Vec<PathBuf> =
        folders.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

fn swarmlab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swarmlab")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

const QUICK: &str = "\
scenario: 1
title: Quick
worlds: [local]
content: { size: 1 MiB, piece: 64 KiB }
cast:
  seed: { role: seed }
  leecher: { role: leech, count: 2 }
check:
  - { complete: leecher, within: 20 s }
  - { announce-count: seed, event: started, min: 1 }

";

/// Who of two equals is first.
const LUCKY: &str = "\
scenario: 1
title: Lucky
worlds: [sim]
content: { size: 256 KiB, piece: 32 KiB }
net: { dsl: { rtt: 30 ms, jitter: 20 ms, up: 500 kB/s } }
cast: { s: { role: seed }, a: { role: leech }, b: { role: leech } }
check:
  - { hash-ok: all }
  - { order: [a.complete, b.complete], fail: b was first }
";

const SLOW: &str = "\
scenario: 1
title: Slow
worlds: [local]
content: { size: 4 MiB, piece: 32 KiB }
cast:
  seed: { role: seed, up: 200 kB/s }
  leecher: { role: leech, count: 2 }
check:
  - { complete: leecher, within: 60 s }
";
