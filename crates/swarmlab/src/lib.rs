//! The command line of Swarmlab. Reads what is asked for, lets the crates below do it, and shows
//! what came of it to people (bars, sentences, a table), pipes (lines) or programs (JSON lines).
//!
//! ```text
//! cli      every verb and flag        verb     one module a verb
//! output   how a run is shown         source   where scenarios come from
//! ```
//! Three programs come of it: `swarmlab` can do everything, `swarmlab-tracker` and `swarmlab-peer`
//! are single verbs.

mod amount;
mod ask;
mod cli;
mod cli_archive;
mod cli_share;
mod junit;
mod our_peer;
mod output;
mod password;
mod source;
mod verb;
mod work;

use std::process::ExitCode;

use clap::Parser;
use scenario::Diagnostics;

/// Every verb.
pub fn swarmlab() -> ExitCode {
    let cli = cli::Cli::parse();
    log_to_stderr();
    exit(verb::perform(cli.verb))
}

/// `swarmlab tracker` alone.
pub fn swarmlab_tracker() -> ExitCode {
    let cli = cli::TrackerCli::parse();
    log_to_stderr();
    exit(verb::perform(cli::Verb::Tracker(cli.tracker)))
}

/// `swarmlab peer` alone.
pub fn swarmlab_peer() -> ExitCode {
    let cli = cli::PeerCli::parse();
    log_to_stderr();
    exit(verb::perform(cli::Verb::Peer(cli.peer)))
}

/// Diagnostics of our own, as `SWARMLAB_LOG` wants them: `SWARMLAB_LOG=debug`, `net=trace`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SWARMLAB_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}

fn exit(result: anyhow::Result<ExitCode>) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    let red = anstyle::AnsiColor::Red.on_default().bold();
    match error.downcast_ref::<Diagnostics>() {
        Some(diagnostics) => anstream::eprint!("{diagnostics}"),
        None => anstream::eprintln!("{red}error{red:#}: {error:#}"),
    }
    match error.downcast_ref::<lab::PlayError>() {
        Some(error) => ExitCode::from(error.exit_code()),
        None => ExitCode::from(WRONG_CALL),
    }
}

/// The scenario or the call is wrong.
const WRONG_CALL: u8 = 2;
