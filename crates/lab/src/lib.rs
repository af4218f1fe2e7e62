//! Plays scenarios: starts a tracker and the peers as processes of their own, carries out the
//! script, watches what they report, decides the checks and writes the run folder.
//!
//! ```text
//! play      one run from the call to its summary      performance: the loop in between
//! stage     the programs: who is up, who must go, who went unasked
//! process   one program: control lines in, events out, never an orphan
//! local     how the world `local` starts them                 address: who listens where
//! simulation  the world `sim`, which has no programs: the same loop in virtual time
//! content   what is shared       torrent: made and verified   folder, log: what is written
//! order     what many programs report, in the order of time
//! storm     many runs of one plan, in world `sim`, each with a seed of its own
//! summary   what came of it      describe: events as sentences for people
//! audience  who watches
//! ```
//! Worlds `local` and `sim` are there; what they can't do is reported as unsupported, by name.

pub mod address;
mod audience;
pub mod content;
pub mod describe;
pub mod folder;
pub mod guard;
pub mod interrupt;
mod local;
mod log;
mod order;
mod parcel;
mod performance;
mod play;
pub mod process;
mod report;
mod simulation;
mod stage;
pub mod storm;
pub mod summary;
mod torrent;

pub use audience::Audience;
pub use play::{PlayError, Settings, play, unsupported};
pub use stage::StageError;
pub use summary::{Outcome, Summary};
pub use torrent::TorrentError;

/// Who reports as the tracker.
pub const TRACKER_NAME: &str = "tracker";

/// Who reports as the lab itself.
pub const LAB_NAME: &str = "lab";
