//! `swarmlab nat-matrix`: its flags.

use std::path::PathBuf;

use clap::Args;

/// Shows who can connect to whom through which NATs and firewalls, and what stops those who can't.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  swarmlab nat-matrix                         the whole table
  swarmlab nat-matrix home                    a home and all others, packet by packet
  swarmlab nat-matrix home cgnat              these two
  swarmlab nat-matrix --html matrix.html      a page for the projector; --svg for a slide
  swarmlab nat-matrix --json | jq -c 'select(.connected | not) | [.dialler, .dialled, .rule]'

No cell is looked up in a book: for each two peers that run the real engine dial each other in the
simulated world, at the address a tracker would have told them.")]
pub(crate) struct NatMatrix {
    /// Only this row, with every packet that was translated or stopped.
    #[arg(value_name = "PLACE")]
    pub(crate) row: Option<String>,
    /// Only this column of it; `same-network` is a neighbour.
    #[arg(value_name = "PLACE")]
    pub(crate) column: Option<String>,
    /// Write the table as one web page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the table as a picture.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// One JSON object for each pair and way to connect.
    #[arg(long)]
    pub(crate) json: bool,
}
