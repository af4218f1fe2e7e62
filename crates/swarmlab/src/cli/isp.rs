//! `swarmlab isp`: its flags.

use std::path::PathBuf;

use clap::Args;

/// Shows what an inspecting provider takes a run's flows for, and how often it is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab isp                                the newest run
  swarmlab isp runs/encryption-on-1 --reasons    why, for every flow
  swarmlab isp --json | jq 'select(.shape.suspects | not)'

The signature compares the first bytes with known patterns. The shape weighs what encryption leaves:
sizes, order, evenness, company. Flows of other programs come along, recorded once, to count whom
each would suspect wrongly. A flow's number is that of `swarmlab inspect`.")]
pub(crate) struct Isp {
    /// The folder of a run.
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    pub(crate) run: PathBuf,
    /// The reasons of every flow, in place of one of each kind.
    #[arg(long)]
    pub(crate) reasons: bool,
    /// One JSON object a flow and one a classifier.
    #[arg(long)]
    pub(crate) json: bool,
}
