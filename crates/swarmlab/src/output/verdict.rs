//! The end of a run, for people: a verdict for each check, who finished when, from whom each got
//! how much, and where to look next.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use lab::summary::{CheckLine, CheckResult, Outcome, PeerLine, Summary, is_source};
use model::ByteCount;

use super::{Align, table};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Prints the whole of it to standard output.
pub(crate) fn print_summary(summary: &Summary, next: &[String]) {
    anstream::print!("{}", render(summary, next));
}

fn render(summary: &Summary, next: &[String]) -> String {
    let mut parts = vec![checks(&summary.checks)];
    if summary.peers.iter().any(|peer| peer.pieces > 0) {
        parts.push(peers(&summary.peers));
    }
    parts.extend(share(summary));
    parts.push(verdict(summary));
    parts.extend(folder(summary));
    if !next.is_empty() {
        let lines: Vec<String> = next.iter().map(|line| format!("  {line}\n")).collect();
        parts.push(format!("{BOLD}What to try next{BOLD:#}\n{}", lines.concat()));
    }
    parts.retain(|part| !part.is_empty());
    format!("\n{}", parts.join("\n"))
}

fn checks(checks: &[CheckLine]) -> String {
    let line = |check: &CheckLine| {
        let (style, mark) = match check.result {
            CheckResult::Pass => (GREEN, "✓"),
            CheckResult::Fail if check.warning => (YELLOW, "!"),
            CheckResult::Fail => (RED, "✗"),
            CheckResult::Unknown => (YELLOW, "?"),
            CheckResult::Unsupported => (YELLOW, "–"),
        };
        let doubt = match check.result {
            CheckResult::Unknown => " (unknown: no evidence either way)",
            CheckResult::Unsupported => " (unsupported here)",
            CheckResult::Fail if check.warning => " (a warning only)",
            _ => "",
        };
        let why = check.why.as_deref().map(|why| format!("  {DIM}{why}{DIM:#}\n")).unwrap_or_default();
        format!("{style}{mark}{style:#} {}{doubt}{DIM}{}{DIM:#}\n{why}", check.text, evidence(&check.evidence))
    };
    if checks.is_empty() {
        return format!("{YELLOW}?{YELLOW:#} Nothing was checked: the scenario has no checks.\n");
    }
    checks.iter().map(line).collect()
}

/// Where to look it up, a few lines of many.
fn evidence(lines: &[u64]) -> String {
    let some: Vec<String> = lines.iter().take(EVIDENCE_MAX).map(u64::to_string).collect();
    match lines.len() {
        0 => String::new(),
        1 => format!("  events.jsonl:{}", some[0]),
        n if n > EVIDENCE_MAX => format!("  events.jsonl:{} and {} more", some.join(","), n - EVIDENCE_MAX),
        _ => format!("  events.jsonl:{}", some.join(",")),
    }
}

fn peers(peers: &[PeerLine]) -> String {
    let headings = [
        ("peer", Align::Left),
        ("finished", Align::Right),
        ("got from seeds", Align::Right),
        ("got from others", Align::Right),
        ("gave", Align::Right),
    ];
    let is_seed = |name: &str| peers.iter().any(|peer| peer.name == name && is_source(&peer.role));
    let rows: Vec<Vec<String>> = peers.iter().take(ROWS_MAX).map(|peer| row(peer, &is_seed)).collect();
    let mut text = table(&headings, &rows);
    if peers.len() > ROWS_MAX {
        text.push_str(&format!("and {} more: see summary.json\n", peers.len() - ROWS_MAX));
    }
    text
}

fn row(peer: &PeerLine, is_seed: &dyn Fn(&str) -> bool) -> Vec<String> {
    let finished = match peer.finished_at {
        Some(at) => format!("{at:.1} s"),
        None if is_source(&peer.role) => peer.role.clone(),
        None => format!("{} %", super::percent(peer.have, peer.pieces)),
    };
    let sum = |seeds: bool| -> ByteCount {
        peer.got.iter().filter(|(from, _)| is_seed(from) == seeds).map(|(_, &bytes)| bytes).sum()
    };
    let or_dash = |bytes: ByteCount| if bytes == ByteCount::ZERO { "–".to_owned() } else { bytes.to_string() };
    let others = match peer.got_of_unknown_origin {
        ByteCount::ZERO => or_dash(sum(false)),
        unknown => format!("{} + {unknown} of unknown origin", sum(false)),
    };
    vec![peer.name.clone(), finished, or_dash(sum(true)), others, or_dash(peer.gave)]
}

fn share(summary: &Summary) -> Option<String> {
    let percent = (summary.seeders_share? * 100.0).round();
    let seeds = summary.peers.iter().filter(|peer| is_source(&peer.role)).count();
    let who = if seeds == 1 { "The seed" } else { "The seeds" };
    Some(if percent >= 100.0 {
        format!("{who} gave every byte that was fetched.\n")
    } else {
        format!("{who} gave {percent} % of all bytes fetched; the leechers gave each other the rest.\n")
    })
}

fn verdict(summary: &Summary) -> String {
    let count = |wanted| summary.checks.iter().filter(|check| check.result == wanted).count();
    let (style, word) = match summary.outcome {
        Outcome::Passed => (GREEN, "Passed"),
        Outcome::Failed => (RED, "Failed"),
        Outcome::Undecided => (YELLOW, "Undecided"),
        Outcome::Broke => (RED, "The lab broke"),
        Outcome::Stopped => (YELLOW, "Stopped by you"),
    };
    let style = style.bold();
    let held = format!("{} of {} checks held", count(CheckResult::Pass), summary.checks.len());
    let mut text = format!("{style}{word}{style:#}: {held}, {:.1} s in all.\n", summary.seconds);
    if let Some(why) = &summary.ended_because {
        text.push_str(why.trim_end());
        text.push('\n');
    }
    text
}

fn folder(summary: &Summary) -> Option<String> {
    let shown = shortest(summary.folder.as_deref()?);
    let mut text = format!("The run is in {shown} (events.jsonl: {} lines).\n", summary.events);
    match (summary.kept, summary.outcome) {
        (false, _) => {}
        (true, Outcome::Passed) => text.push_str("Content and downloads are kept there, as asked.\n"),
        (true, _) => text.push_str("Content and downloads are kept there, for a look; delete the folder when done.\n"),
    }
    Some(text)
}

/// The path from here, where that is shorter.
pub(crate) fn shortest(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let relative = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    relative.unwrap_or(path).display().to_string()
}

/// Lines of evidence named for one check.
const EVIDENCE_MAX: usize = 3;

/// Peers in the table; a crowd is for `summary.json`.
const ROWS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_beginner_reads_what_held_who_gave_what_and_where_to_look() {
        let text = plain(&summary(Outcome::Failed));
        let wanted = [
            "✓ all have it  events.jsonl:7\n",
            "✗ the seed gave too much  events.jsonl:1,2,3 and 1 more\n  sharing spreads the load\n",
            "peer  finished  got from seeds  got from others     gave\n",
            "seed      seed               –                –  1.5 KiB\n",
            "bob      2.5 s         1.5 KiB            512 B        –\n",
            "The seed gave 75 % of all bytes fetched; the leechers gave each other the rest.\n",
            "Failed: 1 of 2 checks held, 3.0 s in all.\n",
            "The run is in /runs/x (events.jsonl: 9 lines).\n",
            "What to try next\n  swarmlab list\n",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn a_broken_lab_says_why_and_nothing_checked_is_said() {
        let broken = Summary {
            checks: Vec::new(),
            ended_because: Some("bob ended unasked".to_owned()),
            ..summary(Outcome::Broke)
        };
        let text = plain(&broken);
        assert!(text.contains("Nothing was checked") && text.contains("The lab broke"), "{text}");
        assert!(text.contains("\nbob ended unasked\n"), "{text}");
    }

    fn plain(summary: &Summary) -> String {
        anstream::adapter::strip_str(&render(summary, &["swarmlab list".to_owned()])).to_string()
    }

    fn summary(outcome: Outcome) -> Summary {
        let check = |result, text: &str, why: Option<&str>, evidence: Vec<u64>| CheckLine {
            result,
            text: text.to_owned(),
            why: why.map(str::to_owned),
            evidence,
            warning: false,
        };
        let got = BTreeMap::from([("seed".to_owned(), ByteCount(1536)), ("alice".to_owned(), ByteCount(512))]);
        Summary {
            scenario: "x".to_owned(),
            title: "X".to_owned(),
            world: "local".to_owned(),
            seed: 1,
            version: String::new(),
            started_at: String::new(),
            seconds: 3.0,
            outcome,
            exit_code: outcome.exit_code(),
            checks: vec![
                check(CheckResult::Pass, "all have it", None, vec![7]),
                check(CheckResult::Fail, "the seed gave too much", Some("sharing spreads the load"), vec![1, 2, 3, 4]),
            ],
            ended_because: None,
            content: lab::summary::ContentLine::default(),
            peers: vec![peer("seed", None, BTreeMap::new(), 1536), peer("bob", Some(2.5), got, 0)],
            seeders_share: Some(0.75),
            events: 9,
            processes: Vec::new(),
            folder: Some("/runs/x".into()),
            kept: true,
        }
    }

    fn peer(name: &str, finished_at: Option<f64>, got: BTreeMap<String, ByteCount>, gave: u64) -> PeerLine {
        PeerLine {
            name: name.to_owned(),
            role: if finished_at.is_none() { "seed" } else { "leech" }.to_owned(),
            client: "swarmlab".to_owned(),
            finished_at,
            have: 4,
            pieces: 4,
            got,
            got_of_unknown_origin: ByteCount::ZERO,
            gave: ByteCount(gave),
            gone: None,
        }
    }
}
