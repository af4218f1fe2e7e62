//! The stock `librqbit` session as a member of the cast: a client that somebody else wrote, which
//! our own engine must get along with.
//!
//! [`run_controlled`] reads [`events::Control`] lines from standard input and writes
//! [`events::Record`] lines to standard output, as `swarmlab peer --control` does. It ends when the
//! input does. The session does all the BitTorrent; nothing here touches its choices.
//!
//! # What keeps it in the lab
//! No DHT, no local discovery (LSD), no UPnP, no uTP, no state kept on disk, no HTTP: torrents are
//! handed over as bytes, and the trackers in them are replaced (below). It listens for peers only at
//! the address given; librqbit opens its UDP socket for trackers on all interfaces, but speaks from it
//! to relays on loopback alone. Peers outside the lab are refused by the session's own allowlist, which is applied
//! to every address dialled but not while a magnet link is looked up; addresses from trackers and
//! from the script are therefore checked against the [fence](net::Fence) before the session hears
//! of them. Web seeds are not spoken by librqbit.
//!
//! # The window on its trackers
//! librqbit takes the source address of an announce from the system, so on loopback the tracker
//! would list every session as 127.0.0.1, wherever it listens; and it does not tell what it announces.
//! Therefore each tracker of a torrent is replaced by a relay in this process, which
//! sends the session's own datagrams on from the address that the session listens at, reports
//! them as events, and keeps addresses outside the lab out of the answers. One field is put right on the
//! way: while it has only a magnet link, librqbit announces 0 bytes left, which makes it a seed
//! that private trackers tell of leechers only. HTTP trackers are left out, with a note.
//!
//! Peers added by the script reach the session the same way, because librqbit has no other door for
//! them: a tracker that answers with what was added. The first added peers arrive at once, later
//! ones within five seconds, which is how seldom librqbit asks.
//!
//! # What is different about it
//! - It dials from an address of the system's choice: on loopback from 127.0.0.1. Others know it by
//!   its peer id, which `started` tells.
//! - It says `started` with every announce until it is complete and `completed` with every one after,
//!   when they are due and not when it happens, and never `stopped`: a tracker forgets it only after a while.
//!   A seed whose first announce overtakes the check of its files is listed as a leecher until the next.
//! - It has no choker (everybody is served), picks pieces in the order of its files' names, and connects to
//!   nobody twice for ten seconds after a failure, then sixty and longer.
//! - With a magnet link it turns callers away until it has the metadata: it must hear of somebody from the
//!   tracker, and one that asked before the others came asks again after the tracker's interval.
//! - Of private torrents it uses the first tracker only. Two complete peers part at once.
//! - A rate limit is a bucket of one second that must hold a block: below 16 KiB/s librqbit would
//!   stop for ever, so that is the least.
//! - Per peer it counts bytes, but does not tell the peer id, nor who ended a connection and why,
//!   nor anything about single pieces. Only the kinds in [`REPORTS`] are told.

mod control;
mod found;
mod given;
mod ledger;
mod member;
mod session;
mod source;
mod storage;
mod torrent;
mod voice;
mod window;

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;

use model::Rate;

pub use session::SessionError;
pub use source::SourceError;

/// How a session takes part in a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The member of the cast, as events name it.
    pub name: String,
    /// Where to listen for peers. Port 0 is the system's choice.
    pub listen: SocketAddr,
    /// Limit in bytes per second; absent means unlimited.
    pub up: Option<Rate>,
    /// Limit in bytes per second; absent means unlimited.
    pub down: Option<Rate>,
    /// When the run began: microseconds since 1970.
    pub epoch_micros: u64,
    /// Of the peer id. All other chance is librqbit's own.
    pub seed: u64,
    /// Deal with addresses outside the lab too.
    pub public: bool,
}

/// Why the session ended otherwise than asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("start a runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("start the session: {0}")]
    Session(#[from] SessionError),
    #[error("join {torrent}: {why}")]
    Join { torrent: String, why: SourceError },
}

/// What a stock rqbit can't be told to do, by the names of the control lines and their fields. Such
/// a command is answered with a note that begins with [`UNSUPPORTED_PREFIX`].
pub const UNSUPPORTED: &[&str] = &["set-persona", "sequential", "allow", "forbid"];

/// How the note about an unsupported command begins; the command's name in [`UNSUPPORTED`] follows.
pub const UNSUPPORTED_PREFIX: &str = "unsupported by client rqbit: ";

/// The kinds of event that it reports. What a check wants to know from others is unknown.
pub const REPORTS: &[&str] = &[
    "started",
    "joined",
    "checked",
    "progress",
    "complete",
    "stopped",
    "disk-failed",
    "exchanged",
    "left",
    "changed",
    "announce-sent",
    "announce-answered",
    "announce-refused",
    "announce-failed",
    "peer-found",
    "fenced",
    "dialled",
    "dial-failed",
    "connected",
    "closed",
    "metadata-complete",
    "note",
];

/// Runs a session under control of standard input and output until told to leave.
pub fn run_controlled(options: Options) -> Result<(), Error> {
    run_between(options, BufReader::new(io::stdin()), io::stdout())
}

/// As [`run_controlled`], between any two pipes.
pub fn run_between(
    options: Options,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), Error> {
    // One thread: librqbit moves twice the bytes per processor second that way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let result = runtime.block_on(member::run(options, control::orders_from(input), output));
    // Not waited for: what the session still does in the background is of no interest.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_is_in_the_vocabulary() {
        for kind in REPORTS {
            assert!(events::KINDS.iter().any(|known| known.name == *kind), "{kind}");
        }
    }
}
