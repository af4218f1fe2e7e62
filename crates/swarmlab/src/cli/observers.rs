//! `swarmlab observers`: its flags.

use std::path::PathBuf;

use clap::Args;

/// Shows what tracker, provider, members and outsiders learned in a run, and by what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab observers                          the newest run
  swarmlab observers runs/encryption-off-1 runs/encryption-on-1    what encryption changed
  swarmlab observers --json | jq 'select(.observer == \"isp\" and .learned == \"yes\")'

The provider carries every packet of the run, announces to the tracker among them. Numbers behind a
sentence are lines of the run's events.jsonl.")]
pub(crate) struct Observers {
    /// The folder of a run.
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    pub(crate) run: PathBuf,
    /// The folder of a second run, to compare.
    #[arg(value_name = "RUN2")]
    pub(crate) second: Option<PathBuf>,
    /// One JSON object for each observer and item of each run.
    #[arg(long)]
    pub(crate) json: bool,
}
