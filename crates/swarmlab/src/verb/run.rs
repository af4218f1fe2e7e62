//! `swarmlab run`: plays one scenario and shows it.

use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use lab::{Outcome, Settings, Summary};
use scenario::{Client, Plan, World};

use super::storm;
use crate::output::{self, Style};
use crate::source::{self, Source};
use lab::interrupt;

use crate::cli;

pub(crate) fn run(args: &cli::Run) -> anyhow::Result<ExitCode> {
    let Source { name, base, mut plan } = source::load(&args.scenario)?;
    if let Some(seed) = args.seed {
        plan.seed = seed;
    }
    if let Some(detail) = args.detail {
        plan.cast.iter_mut().for_each(|member| member.detail = detail.into());
    }
    let world = match (args.seeds, args.world.as_deref()) {
        (Some(_), asked) => storm::world(asked)?,
        (None, asked) => world(&plan, asked)?,
    };
    if args.speed.0.is_some() && world != World::Sim {
        bail!("--speed is for world sim, and this run is in world {world}: add --world sim, or leave --speed away");
    }
    if args.speed.0.is_some() && args.seeds.is_some() {
        bail!("--speed is for a run that is watched, and a storm over seeds is not: leave --speed away");
    }
    let settings = Settings {
        scenario: name,
        base,
        world,
        content: args.content.clone(),
        runs: args.runs.clone(),
        keep: args.keep,
        program: own_program()?,
        clients: clients(),
        speed: args.speed.0,
    };
    let style = match (args.json, args.quiet) {
        (true, _) => Style::Json,
        (_, true) => Style::Quiet,
        _ => Style::Fitting,
    };
    if style == Style::Fitting {
        introduce(&plan);
    }
    // What is unsupported is so with every seed.
    if let Some(seeds) = args.seeds
        && lab::unsupported(&plan, &settings).is_empty()
    {
        return storm::run(args, &plan, &settings, seeds, style);
    }
    let summary = play(&plan, &settings, style)?;
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        output::print_summary(&summary, &next_steps(&args.scenario, &settings, &summary));
    }
    Ok(ExitCode::from(summary.exit_code))
}

/// A runtime of one thread is enough for the orchestrator: the work is done by other processes.
fn play(plan: &Plan, settings: &Settings, style: Style) -> anyhow::Result<Summary> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let mut audience = output::audience(style);
    // Inside, because listening for Ctrl-C needs the runtime.
    let played = runtime.block_on(async { lab::play(plan, settings, &mut *audience, interrupt::count()).await });
    // Content that is still being made when Ctrl-C comes is not waited for.
    runtime.shutdown_background();
    Ok(played?)
}

/// The world asked for; else the scenario's first that can be played here; else its first.
pub(crate) fn world(plan: &Plan, asked: Option<&str>) -> anyhow::Result<World> {
    match asked {
        Some(name) => name.parse().map_err(|unknown: scenario::UnknownName| anyhow!("{unknown}: {}", unknown.help())),
        None => {
            let here = plan.worlds.iter().find(|world| matches!(world, World::Local | World::Sim));
            Ok(*here.unwrap_or(&plan.worlds[0]))
        }
    }
}

/// This executable: it can be any member of a cast.
pub(crate) fn own_program() -> anyhow::Result<std::path::PathBuf> {
    std::env::current_exe().context("find the program that is running")
}

/// The clients that this executable can be.
pub(crate) fn clients() -> Vec<Client> {
    let mut clients = vec![Client::Swarmlab];
    if cfg!(feature = "rqbit") {
        clients.push(Client::Rqbit);
    }
    clients
}

fn introduce(plan: &Plan) {
    let bold = anstyle::Style::new().bold();
    anstream::println!("{bold}{}{bold:#}", plan.title);
    if !plan.about.is_empty() {
        anstream::println!("{}", wrap(&plan.about, TEXT_WIDTH));
    }
    anstream::println!();
}

/// Breaks text at blanks, so that no line has more than `width` characters unless a word has.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Characters in a line of running text.
const TEXT_WIDTH: usize = 96;

/// What someone who has just seen this could do next.
fn next_steps(asked: &str, settings: &Settings, summary: &Summary) -> Vec<String> {
    let mut steps = Vec::new();
    let me = invocation();
    let mut add = |rest: String, what: &str| steps.push(format!("{:<44} {what}", format!("{me} {rest}")));
    match summary.outcome {
        Outcome::Passed => {
            if let Some(next) = following(&settings.scenario) {
                add(format!("run {next}"), "the next lesson");
            }
            add(format!("run {asked} --seed {}", summary.seed.wrapping_add(1)), "other luck, same rules");
            if scenario::find(asked).is_ok() {
                add(format!("show {asked}"), "how the scenario is written");
            }
        }
        Outcome::Failed => {
            add(format!("run {asked} --detail block"), "the same, with every block in the log");
            add("events".to_owned(), "what the lines of events.jsonl mean");
        }
        Outcome::Undecided if summary.folder.is_none() => {
            add("list".to_owned(), "scenarios that can be played here");
        }
        Outcome::Undecided | Outcome::Stopped => add(format!("run {asked}"), "once more"),
        Outcome::Broke => {
            add(format!("run {asked} --keep"), "once more; with SWARMLAB_LOG=debug set, the logs say more");
        }
    }
    steps
}

/// How this program is called again: one that was built here and not installed, through cargo.
pub(crate) fn invocation() -> &'static str {
    let program = std::env::current_exe().unwrap_or_default();
    let built_in = |profile: &str| program.parent().is_some_and(|dir| dir.ends_with(format!("target/{profile}")));
    match (built_in("release"), built_in("debug")) {
        (true, _) => "cargo run --release --",
        (_, true) => "cargo run --",
        _ => "swarmlab",
    }
}

/// The shipped scenario after this one.
fn following(name: &str) -> Option<&'static str> {
    let mut names = scenario::shipped().iter().map(|(name, _)| *name).skip_while(|known| *known != name);
    names.nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_blanks() {
        assert_eq!(wrap("one two  three\nfour", 9), "one two\nthree\nfour");
        assert_eq!(wrap("unbreakable", 4), "unbreakable");
    }
}
