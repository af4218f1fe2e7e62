//! `swarmlab run --seeds`: one scenario under the luck of many seeds.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use lab::storm::{CheckTally, Seeds, Spread, Storm};
use lab::{Outcome, Settings, interrupt};
use scenario::{Plan, World};
use serde_json::{Value, json};

use super::run::invocation;
use crate::cli;
use crate::output::{self, Style};

/// The only world that can, unless another was asked for.
pub(crate) fn world(asked: Option<&str>) -> anyhow::Result<World> {
    match asked {
        None => Ok(World::Sim),
        Some(name) if name == World::Sim.name() => Ok(World::Sim),
        Some(name) => bail!("--seeds is for world sim, where a seed decides all luck, and not for world {name}"),
    }
}

pub(crate) fn run(
    args: &cli::Run,
    plan: &Plan,
    settings: &Settings,
    seeds: Seeds,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let mut audience = output::storm_audience(style, seeds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let jobs = args.jobs.map_or_else(all_cores, usize::from);
    let played = runtime
        .block_on(async { lab::storm::storm(plan, settings, seeds, jobs, &mut *audience, interrupt::count()).await });
    drop(audience);
    // A run that is being broken off is not waited for.
    runtime.shutdown_background();
    let storm = played?;
    let replay = Replay::of(args);
    if args.json {
        for line in &storm.lines {
            let mut value = serde_json::to_value(line)?;
            value["replay"] = replay.command("swarmlab", line.seed).into();
            println!("{value}");
        }
        println!("{}", summary(&settings.scenario, plan, &storm));
    } else {
        let command = |seed| replay.command(invocation(), seed);
        output::print(&output::storm(&storm, &command))?;
    }
    Ok(ExitCode::from(storm.outcome().exit_code()))
}

/// One thread for each core.
pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The command line that plays one seed of a storm again.
#[derive(Debug)]
pub(crate) struct Replay {
    scenario: String,
    /// What follows the seed.
    rest: String,
}

impl Replay {
    fn of(args: &cli::Run) -> Self {
        let mut rest = String::new();
        if args.detail == Some(cli::DetailArg::Block) {
            rest.push_str(" --detail block");
        }
        if let Some(content) = &args.content {
            rest.push_str(&format!(" --content {}", quoted(&content.to_string_lossy())));
        }
        Self { scenario: quoted(&args.scenario), rest }
    }

    /// For a scenario by itself, with what it says.
    pub(crate) fn of_scenario(name: &str) -> Self {
        Self { scenario: quoted(name), rest: String::new() }
    }

    /// `program` is how this one is called.
    pub(crate) fn command(&self, program: &str, seed: u64) -> String {
        format!("{program} run {} --world sim --seed {seed}{}", self.scenario, self.rest)
    }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/\\:+,@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The last line for programs: all seeds together.
fn summary(scenario: &str, plan: &Plan, storm: &Storm) -> Value {
    let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Undecided, Outcome::Broke].map(|one| storm.count(one));
    let check = |tally: &CheckTally<'_>| {
        json!({
            "check": tally.check, "text": tally.text, "warning": tally.warning, "example": tally.example,
            "failed": tally.failed, "undecided": tally.undecided,
        })
    };
    let spread = |spread: Option<Spread>| {
        spread.map(|spread| {
            json!({
                "count": spread.count, "least": spread.least, "least_seed": spread.least_seed,
                "median": spread.median, "most": spread.most, "most_seed": spread.most_seed,
            })
        })
    };
    json!({
        "scenario": scenario, "title": plan.title, "world": "sim", "version": env!("CARGO_PKG_VERSION"),
        "first_seed": storm.seeds.first(), "last_seed": storm.seeds.last(),
        "outcome": storm.outcome(), "exit_code": storm.outcome().exit_code(),
        "played": storm.lines.len(), "passed": outcomes[0], "failed": outcomes[1], "undecided": outcomes[2],
        "broke": outcomes[3], "checks_not_held": storm.checks_not_held().iter().map(check).collect::<Vec<Value>>(),
        "complete_at": spread(storm.spread(|line| line.complete_at)),
        "over_at": spread(storm.spread(|line| Some(line.over_at))),
        "jobs": storm.jobs, "seconds": storm.seconds,
    })
}

/// What a storm of `swarmlab test` comes to, in lines of text, and the first folder that it left.
pub(crate) fn in_short(name: &str, storm: &Storm) -> (String, Option<PathBuf>) {
    let (passed, all) = (storm.count(Outcome::Passed), storm.seeds.count());
    let mut text = format!("{passed} of {all} seeds passed");
    for tally in storm.checks_not_held().iter().filter(|tally| !tally.warning) {
        for (mark, seeds) in [("✗", &tally.failed), ("?", &tally.undecided)] {
            if !seeds.is_empty() {
                text.push_str(&format!(
                    "\n{mark} {}: {} of {all}, {}",
                    tally.text,
                    seeds.len(),
                    output::seeds_named(seeds)
                ));
            }
        }
    }
    let bad = storm.lines.iter().find(|line| line.outcome != Outcome::Passed);
    if let Some(why) = bad.and_then(|line| line.ended_because.as_deref()) {
        text.push_str(&format!("\n{why}"));
    }
    if let Some(line) = bad {
        text.push_str(&format!("\nplay it again: {}", Replay::of_scenario(name).command(invocation(), line.seed)));
    }
    (text, bad.and_then(|line| line.folder.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_played_again_by_one_command_that_a_shell_understands() {
        let replay = Replay { scenario: quoted("my labs/it's.yaml"), rest: " --detail block".to_owned() };
        assert_eq!(
            replay.command("swarmlab", 17),
            r"swarmlab run 'my labs/it'\''s.yaml' --world sim --seed 17 --detail block"
        );
        assert_eq!(
            Replay::of_scenario("tit-for-tat").command("swarmlab", 3),
            "swarmlab run tit-for-tat --world sim --seed 3"
        );
    }
}
