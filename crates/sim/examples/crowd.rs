//! One seed and a crowd of equals, for figures: how long the swarm takes in its own time, beside the least that any
//! distribution could (Kumar and Ross, 2006), and what it costs us. Time it from outside:
//!
//! ```text
//! time cargo run --release -p swarmlab-sim --example crowd -- 200 16
//! ```
//! for 200 leechers and 16 MiB; `200 16 elided` plays the same without keeping a byte of it. Everybody has 1 MB/s up
//! and 10 MB/s down.

use std::process::ExitCode;

use events::Event;
use swarmlab_sim::{Play, content};

const UP: u64 = 1_000_000;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let &[leechers, mib] = numbers.as_slice() else {
        eprintln!("usage: crowd LEECHERS MIB [elided]");
        return ExitCode::from(2);
    };
    let text = format!(
        "scenario: 1\ntitle: Crowd\nworlds: [sim]\ndeadline: 2 h\ncontent: {{ size: {mib} MiB, piece: 256 KiB }}\n\
         net: {{ dsl: {{ up: {UP} B/s, down: 10 MB/s }} }}\n\
         cast: {{ seed: {{ role: seed }}, leecher: {{ role: leech, count: {leechers} }} }}\n\
         check:\n  - {{ complete: leecher, within: 1 h }}\n  - {{ hash-ok: leecher }}\n"
    );
    let plan = match scenario::parse("crowd", &text) {
        Ok(plan) => plan,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(2);
        }
    };
    let mut play = if std::env::args().any(|arg| arg == "elided") {
        Play::elided(&plan, content::torrent(&plan.content, "crowd.bin", plan.seed).expect("it is small enough"))
    } else {
        let (metainfo, bytes) = content::make(&plan.content, "crowd.bin", plan.seed).expect("it is small enough");
        Play::new(&plan, metainfo, bytes).expect("it was just made")
    };
    let (mut lines, mut last) = (0u64, 0);
    for record in play.by_ref() {
        lines += 1;
        if matches!(record.event, Event::Complete { .. }) {
            last = record.time.as_micros();
        }
    }
    let size = mib << 20;
    // max(F/u_s, F/d_min, N·F/(u_s+Σu_i)), in microseconds.
    let bound = (size * 1_000_000 / UP).max(leechers * size / (leechers + 1) * 1_000_000 / UP);
    let happened = play.world().happened();
    let blocks = leechers * size / (16 << 10);
    println!(
        "all complete after {}.{:03} s, {} % of the fluid bound",
        last / 1_000_000,
        last / 1_000 % 1_000,
        last * 100 / bound
    );
    println!("{blocks} blocks delivered; {happened} happenings, {lines} lines of log");
    for verdict in play.verdicts() {
        println!("{}: {}", verdict.outcome, verdict.text);
    }
    ExitCode::SUCCESS
}
