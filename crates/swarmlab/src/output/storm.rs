//! A storm over seeds, for people: how far it is while it goes on, and at the end what held, how often, and
//! by which command a seed that did not pass is played again.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style as Ink};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::Outcome;
use lab::storm::{CheckTally, FOLDERS_MAX, SeedLine, Seeds, Spread, Storm, StormAudience};
use model::Time;

use super::verdict::shortest;
use super::{Align, Style, is_terminal, line, table};

const GREEN: Ink = AnsiColor::Green.on_default();
const RED: Ink = AnsiColor::Red.on_default();
const YELLOW: Ink = AnsiColor::Yellow.on_default();
const BOLD: Ink = Ink::new().bold();
const DIM: Ink = Ink::new().dimmed();

// ---- while it goes on ----

/// The audience for a storm in this style.
pub(crate) fn storm_audience(style: Style, seeds: Seeds) -> Box<dyn StormAudience> {
    match style {
        Style::Json | Style::Quiet => Box::new(()),
        Style::Fitting => Box::new(Watch::new(is_terminal(), seeds)),
    }
}

/// A bar on a terminal; in a pipe a line now and then.
struct Watch {
    bar: Option<ProgressBar>,
    began: Instant,
    spoke: Instant,
    played: u64,
    all: u64,
    /// Seeds that did not pass.
    bad: u64,
    told: u64,
    /// How many had been played when that was last said.
    said: u64,
}

impl Watch {
    fn new(is_terminal: bool, seeds: Seeds) -> Self {
        let bar = is_terminal.then(|| {
            let template = "{pos} of {len} seeds {bar:28.cyan} {msg}  {elapsed}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let target = ProgressDrawTarget::stderr_with_hz(10);
            ProgressBar::with_draw_target(Some(seeds.count()), target).with_style(style.progress_chars("█▉▊▋▌▍▎▏ "))
        });
        let now = Instant::now();
        Self { bar, began: now, spoke: now, played: 0, all: seeds.count(), bad: 0, told: 0, said: 0 }
    }

    fn say(&mut self, text: &str) {
        self.spoke = Instant::now();
        let text = line(Time::from_micros(self.began.elapsed().as_micros() as u64), text);
        match &self.bar {
            Some(bar) if anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never => {
                bar.println(anstream::adapter::strip_str(&text).to_string());
            }
            Some(bar) => bar.println(text),
            None => anstream::println!("{text}"),
        }
    }

    fn state(&self) -> String {
        if self.bad == 0 { "all passed so far".to_owned() } else { format!("{} did not pass", self.bad) }
    }
}

impl StormAudience for Watch {
    fn line(&mut self, line: &SeedLine, played: u64, all: u64) {
        (self.played, self.all) = (played, all);
        if line.outcome != Outcome::Passed {
            self.bad += 1;
            if self.told < TOLD_MAX {
                self.told += 1;
                self.say(&seed_that_did_not_pass(line));
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(played);
            bar.set_message(self.state());
        }
    }

    fn tick(&mut self) {
        match &self.bar {
            Some(bar) => bar.tick(),
            None if self.spoke.elapsed() >= if self.said == self.played { PATIENCE } else { SILENCE } => {
                self.said = self.played;
                self.say(&format!("{} of {} seeds played, {}", self.played, self.all, self.state()));
            }
            None => {}
        }
    }

    fn remark(&mut self, what: &str) {
        self.say(what);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn seed_that_did_not_pass(line: &SeedLine) -> String {
    let bad = line.not_held.iter().find(|one| !one.line.warning).map(|one| one.line.text.as_str());
    let why = line.ended_because.as_deref().or(bad).unwrap_or("nothing was checked");
    format!("seed {} {}: {why}", line.seed, word(line.outcome))
}

/// Seeds told of while it goes on; the table has all.
const TOLD_MAX: u64 = 5;

/// How long a pipe hears nothing, while seeds are finished and while none is.
const SILENCE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

// ---- at the end ----

/// The whole page. `command` plays a seed again.
pub(crate) fn storm(storm: &Storm, command: &dyn Fn(u64) -> String) -> String {
    let mut parts = vec![checks(storm), spreads(storm), again(storm, command), verdict(storm)];
    parts.retain(|part| !part.is_empty());
    format!("\n{}", parts.join("\n"))
}

/// What did not hold every time. What always held is one line.
fn checks(storm: &Storm) -> String {
    let tallies = storm.checks_not_held();
    let (all, always) = (storm.lines.len(), storm.checks.len() - tallies.len());
    let mut text = String::new();
    if always > 0 && all > 0 {
        let those = if tallies.is_empty() { "every check" } else { "other checks" };
        let _infallible = writeln!(text, "{GREEN}✓{GREEN:#} {those}: held with all seeds {DIM}({always}){DIM:#}");
    }
    for tally in &tallies {
        let (ink, mark) = mark(tally);
        let _infallible = writeln!(text, "{ink}{mark}{ink:#} {}", tally.text);
        for (what, seeds) in [("failed", &tally.failed), ("undecided", &tally.undecided)] {
            if let Some(first) = seeds.first() {
                let _infallible = writeln!(text, "  {what} {} of {all}: {}", seeds.len(), seeds_named(seeds));
                if tally.failed.first().or(tally.undecided.first()) == Some(first) {
                    let _infallible = writeln!(text, "  {DIM}seed {first}: {}{DIM:#}", tally.example);
                }
            }
        }
    }
    text
}

fn mark(tally: &CheckTally<'_>) -> (Ink, &'static str) {
    match (tally.warning, tally.failed.is_empty()) {
        (true, _) => (YELLOW, "!"),
        (false, false) => (RED, "✗"),
        (false, true) => (YELLOW, "?"),
    }
}

/// `seed 17`, `seeds 17, 63 and 5 more`.
pub(crate) fn seeds_named(seeds: &[u64]) -> String {
    let some: Vec<String> = seeds.iter().take(SEEDS_NAMED).map(u64::to_string).collect();
    let more = seeds.len().saturating_sub(SEEDS_NAMED);
    let word = if seeds.len() == 1 { "seed" } else { "seeds" };
    if more > 0 { format!("{word} {} and {more} more", some.join(", ")) } else { format!("{word} {}", some.join(", ")) }
}

/// Seeds named for one check.
const SEEDS_NAMED: usize = 8;

fn spreads(storm: &Storm) -> String {
    let rows = [
        ("all leechers have it after", storm.spread(|line| line.complete_at)),
        ("the run is over after", storm.spread(|line| (line.outcome != Outcome::Broke).then_some(line.over_at))),
    ];
    let row = |(what, spread): (&str, Option<Spread>)| {
        let spread = spread?;
        let secs = |value: f64| format!("{value:.1} s");
        let ends = match spread.least_seed == spread.most_seed {
            true => format!("seed {}", spread.least_seed),
            false => format!("seeds {} … {}", spread.least_seed, spread.most_seed),
        };
        Some(vec![
            what.to_owned(),
            spread.count.to_string(),
            secs(spread.least),
            secs(spread.median),
            secs(spread.most),
            bars(&spread.bins),
            ends,
        ])
    };
    let rows: Vec<Vec<String>> = rows.into_iter().filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let headings = [
        ("in the run's own time", Align::Left),
        ("seeds", Align::Right),
        ("least", Align::Right),
        ("median", Align::Right),
        ("most", Align::Right),
        ("spread", Align::Left),
        ("least … most", Align::Left),
    ];
    table(&headings, &rows)
}

/// A row of bars, the largest full; what is not zero is seen.
fn bars(bins: &[u64]) -> String {
    const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    bins.iter().map(|count| HEIGHTS[(count * 8).div_ceil(most) as usize]).collect()
}

/// The seeds that did not pass: where their folders are, and how each is played again.
fn again(storm: &Storm, command: &dyn Fn(u64) -> String) -> String {
    let bad: Vec<&SeedLine> = storm.lines.iter().filter(|line| line.outcome != Outcome::Passed).collect();
    let kept = storm.lines.iter().filter(|line| line.outcome == Outcome::Passed && line.folder.is_some()).count();
    let mut text = String::new();
    if !bad.is_empty() {
        let _infallible = writeln!(text, "{BOLD}To play again what did not pass{BOLD:#}");
    }
    for line in bad.iter().take(FOLDERS_MAX) {
        let _infallible = writeln!(text, "  {}", command(line.seed));
        let why = line.ended_because.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let folder = line.folder.as_deref().map(|path| format!(", in {}", shortest(path))).unwrap_or_default();
        let _infallible = writeln!(text, "    {DIM}{}{why}{folder}{DIM:#}", word(line.outcome));
    }
    if bad.len() > FOLDERS_MAX {
        let _infallible = writeln!(text, "  and {} more: any seed named above", bad.len() - FOLDERS_MAX);
    }
    if kept > 0 {
        let _infallible = writeln!(text, "{kept} seeds that passed left run folders too, as asked.");
    }
    text
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Undecided => "stayed undecided",
        Outcome::Broke => "broke the lab",
        Outcome::Stopped => "was stopped",
    }
}

fn verdict(storm: &Storm) -> String {
    let (ink, word) = match storm.outcome() {
        Outcome::Passed => (GREEN, "Passed"),
        Outcome::Failed => (RED, "Failed"),
        Outcome::Undecided => (YELLOW, "Undecided"),
        Outcome::Broke => (RED, "The lab broke"),
        Outcome::Stopped => (YELLOW, "Stopped by you"),
    };
    let ink = ink.bold();
    let mut counts = format!("{} of {} seeds passed", storm.count(Outcome::Passed), storm.seeds.count());
    for (outcome, word) in [(Outcome::Failed, "failed"), (Outcome::Undecided, "undecided"), (Outcome::Broke, "broke")] {
        if storm.count(outcome) > 0 {
            let _infallible = write!(counts, ", {} {word}", storm.count(outcome));
        }
    }
    match storm.seeds.count() - storm.lines.len() as u64 {
        0 => {}
        left => {
            let _infallible = write!(counts, ", {left} not played");
        }
    }
    let threads = if storm.jobs == 1 { "one at a time".to_owned() } else { format!("{} at a time", storm.jobs) };
    format!("{ink}{word}{ink:#}: {counts}; {:.1} s, {threads}.\n", storm.seconds)
}

#[cfg(test)]
mod tests {
    use lab::storm::NotHeld;
    use lab::summary::{CheckLine, CheckResult};

    use super::*;

    #[test]
    fn a_reader_sees_what_failed_how_often_and_how_to_see_it_again() {
        let text =
            plain(&of([None, Some(CheckResult::Fail), None, Some(CheckResult::Unknown), Some(CheckResult::Fail)]));
        let wanted = [
            "✓ other checks: held with all seeds (1)\n",
            "✗ b is last\n  failed 2 of 5: seeds 2, 5\n  seed 2: b was first\n  undecided 1 of 5: seed 4\n",
            "all leechers have it after      5   1.0 s   3.0 s   5.0 s  █  █  █  █ █  seeds 1 … 5\n",
            "  swarmlab run x --seed 2\n    failed, in /runs/2\n",
            "Failed: 2 of 5 seeds passed, 2 failed, 1 undecided; 9.0 s, 2 at a time.\n",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn when_all_is_well_there_is_little_to_say() {
        let text = plain(&of([None; 3]));
        assert!(text.starts_with("\n✓ every check: held with all seeds (2)\n\n"), "{text}");
        assert!(text.ends_with("Passed: 3 of 3 seeds passed; 9.0 s, 2 at a time.\n"), "{text}");
        assert!(!text.contains("play again"), "{text}");
    }

    #[test]
    fn of_many_seeds_some_are_named() {
        assert_eq!(seeds_named(&[7]), "seed 7");
        assert_eq!(seeds_named(&(1..=10).collect::<Vec<_>>()), "seeds 1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
    }

    #[test]
    fn what_is_rare_is_still_seen() {
        assert_eq!(bars(&[0, 1, 100, 50]), " ▁█▄");
    }

    fn plain(of: &Storm) -> String {
        anstream::adapter::strip_str(&storm(of, &|seed| format!("swarmlab run x --seed {seed}"))).to_string()
    }

    /// A storm of two checks, of which the second ended so with each seed.
    fn of<const N: usize>(results: [Option<CheckResult>; N]) -> Storm {
        let line = |(seed, result): (u64, &Option<CheckResult>)| {
            let outcome = match result {
                None => Outcome::Passed,
                Some(CheckResult::Fail) => Outcome::Failed,
                Some(_) => Outcome::Undecided,
            };
            let text = "b was first".to_owned();
            let not_held = result.map(|result| NotHeld {
                check: 2,
                line: CheckLine { result, text, why: None, evidence: Vec::new(), warning: false },
            });
            SeedLine {
                seed,
                outcome,
                exit_code: outcome.exit_code(),
                complete_at: Some(seed as f64),
                over_at: 10.0,
                events: 9,
                seconds: 0.1,
                not_held: not_held.into_iter().collect(),
                ended_because: None,
                folder: result.map(|_| format!("/runs/{seed}").into()),
            }
        };
        Storm {
            seeds: Seeds::new(1, N as u64).unwrap(),
            jobs: 2,
            lines: (1..).zip(&results).map(line).collect(),
            checks: vec!["a is whole".to_owned(), "b is last".to_owned()],
            seconds: 9.0,
        }
    }
}
