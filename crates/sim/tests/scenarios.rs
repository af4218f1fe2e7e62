//! Scenarios that come with the kit, played in the simulated world.

use scenario::{Client, ContentSource, Outcome, Plan, World};
use swarmlab_sim::{Play, content};

#[test]
fn every_shipped_scenario_that_can_be_simulated_passes() {
    let mut played = 0;
    for (name, _) in scenario::shipped() {
        let plan = plan(name);
        let reasons = plan.unsupported_in(World::Sim);
        if plan.cast.iter().any(|member| member.client != Client::Swarmlab) {
            assert!(!reasons.is_empty(), "{name} has a client that needs real sockets");
            continue;
        }
        if plan.content.archive {
            assert!(!reasons.is_empty(), "{name} has an archive, with fresh keys each time");
            continue;
        }
        assert!(reasons.is_empty(), "{name}: {reasons:?}");
        let (log, verdicts) = play(&plan);
        for verdict in verdicts {
            assert_eq!(verdict.outcome, Outcome::Pass, "{name}: {}\n{}", verdict.text, log.join("\n"));
        }
        played += 1;
    }
    assert!(played >= 12, "{played}");
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_gives_another() {
    let mut plan = plan("tit-for-tat");
    let (first, _) = play(&plan);
    assert_eq!(first, play(&plan).0);
    plan.seed += 1;
    assert_ne!(first, play(&plan).0);
}

#[test]
fn who_has_left_can_be_started_again_and_a_tracker_too() {
    let text = "
scenario: 1
title: Comings and goings
worlds: [sim]
content: { size: 4 MiB, piece: 64 KiB }
cast:
  seed: { role: seed, up: 1 MB/s }
  leecher: { role: leech, count: 2, knows: magnet }
script:
  - { at: 0 s, do: join, who: all }
  - { at: 1 s, do: leave, who: leecher-1 }
  - { at: 1 s, do: restart, who: leecher-1 }
  - { at: 2 s, do: stop-tracker }
  - { at: 3 s, do: start-tracker }
  - { at: 3 s, do: set-persona, who: leecher-2, persona: free-rider }
check:
  - { complete: leecher, within: 60 s }
  - { hash-ok: leecher }
  - { count: joined, who: leecher-1, min: 2, max: 2 }
";
    let plan = scenario::parse("comings.yaml", text).unwrap_or_else(|faults| panic!("{faults}"));
    let (log, verdicts) = play(&plan);
    assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass), "{verdicts:?}");
    let started = log.iter().filter(|line| line.contains(r#""peer":"tracker","ev":"started""#)).count();
    assert_eq!(started, 2);
}

#[test]
fn elided_content_makes_the_same_events_byte_for_byte() {
    for name in ["first-swarm", "poisoner", "rarest-first", "encryption-on", "magnet"] {
        let plan = plan(name);
        let (kept, verdicts) = play(&plan);
        let torrent = content::torrent(&plan.content, "lesson", plan.seed).unwrap();
        let (elided, same_verdicts) = listen(Play::elided(&plan, torrent).under_glass());
        let differs = kept.iter().zip(&elided).find(|(kept, elided)| kept != elided);
        assert_eq!(differs, None, "{name}");
        assert_eq!(kept.len(), elided.len(), "{name}");
        assert_eq!(verdicts, same_verdicts, "{name}");
    }
}

fn plan(name: &str) -> Plan {
    let text = scenario::find(name).unwrap();
    let mut plan = scenario::parse(name, text).unwrap_or_else(|faults| panic!("{faults}"));
    if plan.content.source == ContentSource::Given {
        plan.content.source = ContentSource::Tree { files: 20, size: model::ByteCount(8 << 20) };
    }
    plan
}

/// The lines of the log, and the verdicts.
fn play(plan: &Plan) -> (Vec<String>, Vec<scenario::Verdict>) {
    let (metainfo, bytes) = content::make(&plan.content, "lesson", plan.seed).unwrap();
    listen(Play::new(plan, metainfo, bytes).unwrap().under_glass())
}

fn listen(mut play: Play) -> (Vec<String>, Vec<scenario::Verdict>) {
    let log = play.by_ref().map(|record| record.to_string()).collect();
    (log, play.verdicts())
}
