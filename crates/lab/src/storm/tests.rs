//! What a storm over seeds finds, and what it leaves behind.

use super::*;
use crate::unsupported;

#[tokio::test]
async fn a_seed_ends_as_the_run_with_that_seed_does_and_only_failures_leave_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(LUCKY);
    let storm = storm(&plan, &settings(dir.path()), seeds(1, 12), 2, &mut (), never()).await.unwrap();
    let passed = storm.count(Outcome::Passed);
    assert!((1..12).contains(&passed), "{passed} of 12: who is first is a matter of luck");
    assert_eq!(storm.count(Outcome::Failed), 12 - passed);
    assert_eq!(storm.outcome(), Outcome::Failed);
    assert_eq!(storm.lines.iter().map(|line| line.seed).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    for line in &storm.lines {
        assert_eq!(line.folder.is_some(), line.outcome == Outcome::Failed, "{line:?}");
        let alone = tempfile::tempdir().unwrap();
        let run = play(&with_seed(&plan, line.seed), &settings(alone.path()), &mut (), never()).await.unwrap();
        assert_eq!(run.outcome, line.outcome, "seed {}", line.seed);
        assert_eq!(run.events, line.events + run.checks.len() as u64);
        let last = run.peers.iter().filter_map(|peer| peer.finished_at).fold(0.0, f64::max);
        assert_eq!(line.complete_at, Some(last));
        if let Some(folder) = &line.folder {
            let log = |folder: &std::path::Path| std::fs::read(folder.join("events.jsonl")).unwrap();
            assert!(log(folder) == log(run.folder.as_deref().unwrap()), "seed {}", line.seed);
        }
    }
    let tally = storm.checks_not_held();
    assert_eq!(tally.len(), 1);
    assert_eq!((tally[0].check, tally[0].failed.len() as u64), (2, 12 - passed));
    assert!(tally[0].undecided.is_empty() && tally[0].example.contains("b was first"), "{tally:?}");
}

#[tokio::test]
async fn asked_to_keep_every_seed_leaves_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { keep: true, ..settings(dir.path()) };
    let storm = storm(&plan(SURE), &settings, seeds(3, 4), 1, &mut (), never()).await.unwrap();
    assert_eq!(storm.outcome(), Outcome::Passed);
    assert!(storm.lines.iter().all(|line| line.folder.as_ref().is_some_and(|folder| folder.is_dir())));
}

#[tokio::test]
async fn an_interrupt_ends_it_and_what_was_not_played_is_not_green() {
    let dir = tempfile::tempdir().unwrap();
    let (ctrl_c, interrupts) = watch::channel(0);
    let mut impatient = Impatient { ctrl_c, after: 3 };
    let (plan, settings) = (plan(SURE), settings(dir.path()));
    let storm = storm(&plan, &settings, seeds(1, 100_000), 2, &mut impatient, interrupts).await.unwrap();
    assert_eq!(storm.outcome(), Outcome::Stopped);
    assert!((3..1_000).contains(&storm.lines.len()), "{}", storm.lines.len());
}

#[tokio::test]
async fn content_of_the_users_is_the_same_for_every_seed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.bin");
    std::fs::write(&file, vec![7; 300_000]).unwrap();
    let settings = Settings { content: Some(file.clone()), ..settings(dir.path()) };
    let played = storm(&plan(SURE), &settings, seeds(1, 3), 2, &mut (), never()).await.unwrap();
    assert_eq!(played.count(Outcome::Passed), 3, "{played:?}");
    std::fs::remove_file(file).unwrap();
    assert!(storm(&plan(SURE), &settings, seeds(1, 3), 2, &mut (), never()).await.is_err());
}

#[test]
fn a_row_of_seeds_has_two_ends_and_a_bound() {
    assert_eq!("1..100".parse(), Ok(seeds(1, 100)));
    assert_eq!((seeds(1, 100).count(), seeds(7, 7).count()), (100, 1));
    assert_eq!((seeds(7, 8).nth(1), seeds(7, 8).nth(2)), (Some(8), None));
    let end = u64::MAX;
    assert_eq!((seeds(end, end).nth(0), seeds(end, end).nth(1)), (Some(end), None));
    let error = |text: &str| text.parse::<Seeds>().unwrap_err();
    assert_eq!(error("9..1"), SeedsError::Backwards { first: 9, last: 1 });
    assert_eq!(error("0..100000"), SeedsError::TooMany);
    assert_eq!(error("0..18446744073709551615"), SeedsError::TooMany);
    for wrong in ["7", "", "..", "1..", "a..b", "1..=3", "-1..3"] {
        assert_eq!(error(wrong), SeedsError::Form, "{wrong}");
    }
}

#[test]
fn a_spread_names_the_seeds_at_its_ends() {
    let line = |(seed, at): (u64, f64)| SeedLine { complete_at: Some(at), ..SeedLine::broke(seed, String::new()) };
    let times = [(1, 3.0), (2, 1.0), (3, 2.0), (4, 3.0)];
    let mut lines: Vec<SeedLine> = times.map(line).into();
    lines.push(SeedLine::broke(5, String::new()));
    let storm = Storm { seeds: seeds(1, 5), jobs: 1, lines, checks: Vec::new(), seconds: 0.0 };
    let spread = storm.spread(|line| line.complete_at).unwrap();
    assert_eq!((spread.least, spread.least_seed, spread.median), (1.0, 2, 2.0));
    assert_eq!((spread.most, spread.most_seed, spread.count), (3.0, 1, 4));
    assert_eq!((spread.bins[0], spread.bins[6], spread.bins[11]), (1, 1, 2));
    assert_eq!(storm.spread(|_| None), None);
}

#[test]
fn the_worst_seed_decides() {
    let of = |outcomes: &[Outcome], asked| {
        let line =
            |(seed, outcome): (u64, &Outcome)| SeedLine { outcome: *outcome, ..SeedLine::broke(seed, String::new()) };
        let lines = (1..).zip(outcomes).map(line).collect();
        Storm { seeds: seeds(1, asked), jobs: 1, lines, checks: Vec::new(), seconds: 0.0 }.outcome()
    };
    use Outcome::*;
    assert_eq!(of(&[Passed, Passed], 2), Passed);
    assert_eq!(of(&[Passed, Undecided], 2), Undecided);
    assert_eq!(of(&[Failed, Undecided], 2), Failed);
    assert_eq!(of(&[Failed, Broke], 2), Broke);
    assert_eq!(of(&[Passed], 2), Stopped);
    assert_eq!(of(&[Failed], 2), Failed, "a failure that was found is one");
}

#[test]
fn content_that_is_large_is_not_held_many_times_over() {
    let with = |size: &str| room_for(&plan(&SURE.replace("256 KiB", size)));
    assert_eq!((with("2 GiB"), with("1 GiB")), (2, 4));
    assert!(with("256 KiB") > 1_000);
}

/// Somebody who presses Ctrl-C after so many seeds.
struct Impatient {
    ctrl_c: watch::Sender<u32>,
    after: u64,
}

impl StormAudience for Impatient {
    fn line(&mut self, _: &SeedLine, played: u64, _: u64) {
        if played == self.after {
            self.ctrl_c.send_modify(|count| *count += 1);
        }
    }

    fn tick(&mut self) {}

    fn remark(&mut self, _: &str) {}
}

fn plan(text: &str) -> Plan {
    scenario::parse("t", text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn settings(runs: &std::path::Path) -> Settings {
    let settings = Settings {
        scenario: "t".to_owned(),
        base: ".".into(),
        world: scenario::World::Sim,
        content: None,
        runs: runs.to_owned(),
        keep: false,
        program: PathBuf::new(),
        clients: vec![scenario::Client::Swarmlab],
        speed: None,
    };
    assert!(unsupported(&plan(SURE), &settings).is_empty());
    settings
}

fn seeds(first: u64, last: u64) -> Seeds {
    Seeds::new(first, last).unwrap()
}

/// Nobody interrupts.
fn never() -> watch::Receiver<u32> {
    watch::channel(0).1
}

const SURE: &str = "\
scenario: 1
title: T
worlds: [sim]
content: { size: 256 KiB, piece: 32 KiB }
cast: { s: { role: seed }, a: { role: leech } }
check: [{ complete: a, within: 60 s }]
";

/// Who of two equals is first.
const LUCKY: &str = "\
scenario: 1
title: T
worlds: [sim]
content: { size: 256 KiB, piece: 32 KiB }
net: { dsl: { rtt: 30 ms, jitter: 20 ms, up: 500 kB/s } }
cast: { s: { role: seed }, a: { role: leech }, b: { role: leech } }
check:
  - { hash-ok: all }
  - { order: [a.complete, b.complete], fail: b was first }
";
