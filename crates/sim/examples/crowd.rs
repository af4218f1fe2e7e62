//! One seed and a crowd of equals in the simulated world, for figures: `cargo xtask bench swarm` and `bench sim` run it.
//! How long the swarm takes in its own time stands beside the least that any distribution could (Kumar and Ross,
//! "Peer-Assisted File Distribution: The Minimum Distribution Time", 2006), and beside what the run costs us. One
//! line of JSON for one run:
//!
//! ```text
//! cargo run --release -p swarmlab-sim --example crowd -- 30 64 1
//! ```
//! for 30 leechers, 64 MiB and the plan's seed 1. With a fourth number they join within so many seconds, else all at
//! once. The content is elided, but for a last word `kept`. Everybody has 1 MB/s up and 10 MB/s down. All stay to the end, so that who is done helps the others.
#![expect(clippy::disallowed_types, reason = "what measures time reads a clock")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use events::{Event, Record, Remote};
use scenario::Plan;
use swarmlab_sim::{Play, content};

const UP: u64 = 1_000_000;
const BLOCK: u64 = 16 << 10;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (&[leechers, mib, seed] | &[leechers, mib, seed, _]) = numbers.as_slice() else {
        eprintln!("usage: crowd LEECHERS MIB SEED [JOIN-WITHIN-SECONDS]");
        return ExitCode::from(2);
    };
    let plan = match scenario::parse("crowd", &text(leechers, mib, seed, numbers.get(3).copied())) {
        Ok(plan) => plan,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let (watch, happened) = play(&plan);
    let wall = start.elapsed();
    // max(F/u_s, F/d_min, N·F/(u_s+Σu_i)), in microseconds; the second is the least here.
    let size = mib << 20;
    let bound = (size * 1_000_000 / UP).max(leechers * size / (leechers + 1) * 1_000_000 / UP);
    let (low, high) = watch.served_percent();
    println!(
        "{{\"complete\":{},\"seconds\":{},\"bound_seconds\":{},\"seed_copies\":{},\"served_low_percent\":{low},\
         \"served_high_percent\":{high},\"chokes\":{},\"blocks\":{},\"happened\":{happened},\"lines\":{},\
         \"wall_seconds\":{},\"peak_kib\":{}}}",
        watch.complete,
        watch.last as f64 / 1e6,
        bound as f64 / 1e6,
        watch.seed_sent as f64 / size as f64,
        watch.chokes,
        leechers * size.div_ceil(BLOCK),
        watch.lines,
        wall.as_secs_f64(),
        peak_kib(),
    );
    ExitCode::SUCCESS
}

fn text(leechers: u64, mib: u64, seed: u64, join_within: Option<u64>) -> String {
    let mut text = format!(
        "scenario: 1\ntitle: Crowd\nworlds: [sim]\nseed: {seed}\ndeadline: 2 h\n\
         content: {{ size: {mib} MiB, piece: 256 KiB }}\nnet: {{ dsl: {{ up: {UP} B/s, down: 10 MB/s }} }}\n\
         cast: {{ seed: {{ role: seed }}, leecher: {{ role: leech, count: {leechers} }} }}\n\
         check:\n  - {{ complete: leecher, within: 1 h }}\n"
    );
    if let Some(seconds) = join_within {
        text.push_str("script:\n  - { at: 0 s, do: join, who: seed }\n");
        let _ = writeln!(text, "  - {{ at: 0 s, do: join, who: leecher, over: {seconds} s }}");
    }
    text
}

fn play(plan: &Plan) -> (Watch, u64) {
    let mut play = if std::env::args().any(|arg| arg == "kept") {
        let (metainfo, bytes) = content::make(&plan.content, "crowd.bin", plan.seed).expect("it is small enough");
        Play::new(plan, metainfo, bytes).expect("it was just made")
    } else {
        Play::elided(plan, content::torrent(&plan.content, "crowd.bin", plan.seed).expect("it is small enough"))
    };
    let mut watch = Watch::default();
    for record in play.by_ref() {
        watch.observe(&record);
    }
    (watch, play.world().happened())
}

/// What the log tells.
#[derive(Default)]
struct Watch {
    lines: u64,
    complete: u64,
    /// When the last was complete, in microseconds.
    last: u64,
    seed_sent: u64,
    chokes: u64,
    /// Who has a slot with whom, and since when.
    slots: BTreeMap<(String, String), u64>,
    /// For how long others had a slot for each leecher, all of them together, until it was complete.
    served: BTreeMap<String, u64>,
}

impl Watch {
    fn observe(&mut self, record: &Record) {
        self.lines += 1;
        let (now, peer) = (record.time.as_micros(), &record.peer);
        match &record.event {
            Event::Complete { .. } => {
                self.complete += 1;
                self.last = now;
                let mine: Vec<_> = self.slots.keys().filter(|(_, to)| to == peer).cloned().collect();
                mine.into_iter().for_each(|slot| self.close(slot, now));
            }
            Event::Progress { uploaded, .. } if peer == "seed" => self.seed_sent = uploaded.0,
            Event::Unchoked { remote: Remote::Name(to), .. } => {
                self.slots.entry((peer.clone(), to.clone())).or_insert(now);
            }
            Event::Choked { remote: Remote::Name(to), .. } => {
                self.chokes += 1;
                self.close((peer.clone(), to.clone()), now);
            }
            _ => {}
        }
    }

    fn close(&mut self, slot: (String, String), now: u64) {
        if let Some(since) = self.slots.remove(&slot) {
            *self.served.entry(slot.1).or_default() += now - since;
        }
    }

    /// How long the one that was served the shortest and the one that was served the longest were, in per cent
    /// of the mean.
    fn served_percent(&self) -> (u64, u64) {
        let mean = (self.served.values().sum::<u64>() / (self.served.len() as u64).max(1)).max(1);
        let percent = |time: Option<&u64>| time.map_or(0, |time| time * 100 / mean);
        (percent(self.served.values().min()), percent(self.served.values().max()))
    }
}

/// The most memory that this process had, where /proc tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
