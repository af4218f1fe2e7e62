//! `swarmlab diff`: its flags.

use std::path::PathBuf;

use clap::Args;

/// Names the first event in which two runs differ, and what differs in their plans.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab diff latest runs/2026-11-21T08-19-03Z-tit-for-tat
  swarmlab diff before.jsonl after.jsonl
  swarmlab diff my-run your-run --ignore t      runs in real time: what happened, not when

In world sim the same scenario, seed and version give the same events.jsonl, byte for byte, on every
machine: a difference there is one of code, scenario or luck. In other worlds every run has its own.

Exit code 0 when the events are the same, 1 when they differ, 2 when a run can't be read.")]
pub(crate) struct Diff {
    /// A run: its folder, its name under runs/, `latest`, or an events.jsonl.
    #[arg(value_name = "RUN")]
    pub(crate) a: PathBuf,
    /// The run to compare it with.
    #[arg(value_name = "RUN")]
    pub(crate) b: PathBuf,
    /// Where runs are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Leave this field of events out of account, `t` for example; repeatable.
    #[arg(long, value_name = "FIELD")]
    pub(crate) ignore: Vec<String>,
    /// The result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
