//! `swarmlab test`: plays many scenarios, some at a time, and tells one line of each.

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, bail};
use lab::storm::{Seeds, Storm};
use lab::summary::{CheckLine, CheckResult};
use lab::{Outcome, Settings, Summary};
use model::ByteCount;
use scenario::ContentSource;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};

use super::run::{clients, own_program, world};
use super::storm;
use crate::junit::{Case, CaseResult, junit};
use crate::source::{self, Source};
use lab::interrupt;

use crate::cli;

/// One scenario of many, read or not.
struct Item {
    name: String,
    source: anyhow::Result<Source>,
}

/// What came of one.
struct Done {
    name: String,
    code: u8,
    seconds: f64,
    /// A sentence, and for a bad end more lines.
    text: String,
    folder: Option<PathBuf>,
}

pub(crate) fn test(args: &cli::Test) -> anyhow::Result<ExitCode> {
    let items = items(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let done = runtime.block_on(LocalSet::new().run_until(play_all(args, items)))?;
    if let Some(path) = &args.junit {
        let cases: Vec<Case> = done.iter().map(case).collect();
        std::fs::write(path, junit(&cases)).with_context(|| format!("write {}", path.display()))?;
    }
    runtime.shutdown_background();
    let worst = done.iter().map(|done| done.code).max_by_key(|code| badness(*code)).unwrap_or(0);
    if !args.json {
        let passed = done.iter().filter(|done| done.code == 0).count();
        anstream::println!("\n{passed} of {} scenarios passed", done.len());
    }
    Ok(ExitCode::from(worst))
}

fn items(args: &cli::Test) -> anyhow::Result<Vec<Item>> {
    let Some(dir) = &args.dir else {
        let item = |name: &str| Item { name: name.to_owned(), source: source::shipped(name) };
        return Ok(scenario::shipped().iter().map(|(name, _)| item(name)).collect());
    };
    let files = source::files_in(dir)?;
    if files.is_empty() {
        bail!("there is no scenario (*.yaml) in {}", dir.display());
    }
    Ok(files.iter().map(|file| Item { name: file.display().to_string(), source: source::from_file(file) }).collect())
}

async fn play_all(args: &cli::Test, items: Vec<Item>) -> anyhow::Result<Vec<Done>> {
    let interrupts = interrupt::count();
    // A storm has all threads for itself.
    let (at_a_time, threads) = match (args.seeds, args.jobs.map(usize::from)) {
        (None, jobs) => (jobs.unwrap_or_else(default_jobs), 1),
        (Some(_), jobs) => (1, jobs.unwrap_or_else(storm::all_cores)),
    };
    let gate = Rc::new(Semaphore::new(at_a_time));
    let mut running = JoinSet::new();
    for (place, item) in items.into_iter().enumerate() {
        let (gate, interrupts) = (Rc::clone(&gate), interrupts.clone());
        let play = Play {
            seed: args.seed,
            storm: args.seeds.map(|seeds| (seeds, threads)),
            world: args.world.clone(),
            runs: args.runs.clone(),
            keep: args.keep,
            program: own_program()?,
        };
        running.spawn_local(async move {
            let _turn = gate.acquire().await;
            (place, play.one(item, interrupts).await)
        });
    }
    let mut done = Vec::new();
    while let Some(finished) = running.join_next().await {
        let (place, one) = finished.context("play a scenario")?;
        tell(&one, args.json);
        done.push((place, one));
    }
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, one)| one).collect())
}

/// What all scenarios of one call have in common.
struct Play {
    seed: Option<u64>,
    /// The seeds of a storm, and how many threads play them.
    storm: Option<(Seeds, usize)>,
    world: Option<String>,
    runs: PathBuf,
    keep: bool,
    program: PathBuf,
}

impl Play {
    async fn one(self, item: Item, interrupts: watch::Receiver<u32>) -> Done {
        let Source { name, base, mut plan } = match item.source {
            Ok(source) => source,
            Err(error) => return wrong(item.name, 2, format!("{error:#}")),
        };
        if *interrupts.borrow() > 0 {
            return wrong(item.name, Outcome::Stopped.exit_code(), "not begun".to_owned());
        }
        plan.seed = self.seed.unwrap_or(plan.seed);
        if plan.content.source == ContentSource::Given {
            plan.content.source = STAND_IN;
        }
        let asked = self.world.as_deref();
        let world = match self.storm.map_or_else(|| world(&plan, asked), |_| storm::world(asked)) {
            Ok(world) => world,
            Err(error) => return wrong(item.name, 2, format!("{error:#}")),
        };
        let settings = Settings {
            scenario: name,
            base,
            world,
            content: None,
            runs: self.runs,
            keep: self.keep,
            program: self.program,
            clients: clients(),
            speed: None,
        };
        if let Some((seeds, threads)) = self.storm
            && lab::unsupported(&plan, &settings).is_empty()
        {
            return match lab::storm::storm(&plan, &settings, seeds, threads, &mut (), interrupts).await {
                Ok(storm) => many_done(item.name, &storm),
                Err(error) => wrong(item.name, error.exit_code(), error.to_string()),
            };
        }
        match lab::play(&plan, &settings, &mut (), interrupts).await {
            Ok(summary) => done(item.name, summary),
            Err(error) => wrong(item.name, error.exit_code(), error.to_string()),
        }
    }
}

fn wrong(name: String, code: u8, text: String) -> Done {
    Done { name, code, seconds: 0.0, text, folder: None }
}

fn done(name: String, summary: Summary) -> Done {
    let held = summary.checks.iter().filter(|check| check.result == CheckResult::Pass).count();
    let mut text = format!("{held} of {} checks held", summary.checks.len());
    if let Some(why) = &summary.ended_because {
        text = format!("{why}\n{text}");
    }
    let bad = |check: &&CheckLine| check.result != CheckResult::Pass;
    for check in summary.checks.iter().filter(bad) {
        text.push_str(&format!("\n{} {}", mark(check.result), check.text));
    }
    Done { name, code: summary.exit_code, seconds: summary.seconds, text, folder: summary.folder }
}

fn many_done(name: String, storm: &Storm) -> Done {
    let (text, folder) = storm::in_short(&name, storm);
    Done { name, code: storm.outcome().exit_code(), seconds: storm.seconds, text, folder }
}

fn mark(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Pass => "✓",
        CheckResult::Fail => "✗",
        CheckResult::Unknown => "?",
        CheckResult::Unsupported => "–",
    }
}

fn tell(done: &Done, as_json: bool) {
    if as_json {
        let Done { name, code, seconds, text, folder } = done;
        println!(
            "{}",
            json!({ "scenario": name, "exit-code": code, "seconds": seconds, "text": text, "folder": folder })
        );
        return;
    }
    let (style, word) = match done.code {
        0 => (anstyle::AnsiColor::Green, "✓ passed     "),
        1 => (anstyle::AnsiColor::Red, "✗ failed     "),
        2 => (anstyle::AnsiColor::Red, "✗ wrong      "),
        3 => (anstyle::AnsiColor::Yellow, "? undecided  "),
        130 => (anstyle::AnsiColor::Yellow, "– stopped    "),
        _ => (anstyle::AnsiColor::Red, "✗ lab broke  "),
    };
    let style = style.on_default();
    let mut lines = done.text.lines();
    let first = lines.next().unwrap_or_default();
    anstream::println!("{style}{word}{style:#}{:<22} {:>6.1} s  {first}", done.name, done.seconds);
    lines.for_each(|line| anstream::println!("    {line}"));
    if let (Some(folder), true) = (&done.folder, done.code != 0) {
        anstream::println!("    the run is in {}", folder.display());
    }
}

fn case(done: &Done) -> Case {
    let text = match &done.folder {
        Some(folder) => format!("{}\nThe run is in {}.", done.text, folder.display()),
        None => done.text.clone(),
    };
    let result = match done.code {
        0 => CaseResult::Passed,
        1 => CaseResult::Failed(text),
        3 | 130 => CaseResult::Skipped(text),
        _ => CaseResult::Error(text),
    };
    Case { name: done.name.clone(), seconds: done.seconds, result }
}

/// A broken lab says least about the scenario, so it is the worst; a doubt is better than a failure.
fn badness(code: u8) -> u8 {
    match code {
        0 => 0,
        3 => 1,
        1 => 2,
        2 => 3,
        130 => 4,
        _ => 5,
    }
}

/// What is shared where a scenario wants a file or folder of the user's, and nobody is there to ask.
const STAND_IN: ContentSource = ContentSource::Tree { files: 20, size: ByteCount(8 << 20) };

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_is_the_exit_code() {
        let worst = |codes: &[u8]| codes.iter().copied().max_by_key(|code| badness(*code));
        assert_eq!(worst(&[0, 3, 0]), Some(3));
        assert_eq!(worst(&[3, 1, 0]), Some(1));
        assert_eq!(worst(&[4, 1, 2]), Some(4));
    }
}
