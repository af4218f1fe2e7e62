//! `swarmlab inspect`: its flags.

use std::path::PathBuf;

use clap::Args;

/// Shows a recorded connection byte by byte: what the wire showed beside what the two ends meant.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab inspect                            the connections of the newest run
  swarmlab inspect --connection 1             the two views, the first of a kind in full
  swarmlab inspect --connection 1 --bytes     every byte and every field
  swarmlab inspect runs/first-swarm-1 --peer alice
  swarmlab inspect --connection 1 --json | jq '.streams[].spans[].name'

`swarmlab run` records the first 2 KiB of each direction of our own clients' connections, and the
keys of encrypted ones: everybody's keys are everybody's here. `swarmlab peer` does with
--wire-record and --keylog.")]
pub(crate) struct Inspect {
    /// The folder of a run.
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    pub(crate) run: PathBuf,
    /// Show this connection, by its number in the list. Without it: the list.
    #[arg(long, short, value_name = "NUMBER")]
    pub(crate) connection: Option<usize>,
    /// Only connections with this member of the cast at one end.
    #[arg(long, value_name = "NAME")]
    pub(crate) peer: Option<String>,
    /// Leave nothing out: all bytes, decrypted ones beside them, and the fields of every message.
    #[arg(long)]
    pub(crate) bytes: bool,
    /// One JSON object a connection: the list, or with --connection every span.
    #[arg(long)]
    pub(crate) json: bool,
}
