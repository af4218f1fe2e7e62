//! One torrent as a state machine: who is connected and what they have ([`Torrent`]), which
//! piece to fetch next ([`Picker`]), whom to serve ([`Choker`]), and who sent what when a piece
//! turns out wrong ([`Inquest`]). BEP 3, with BEP 6, 9, 10, 11 and 21 on top.
//!
//! It is told facts (a message came, the disk is done, it is now) and asked for commands. It holds
//! no socket, file, clock or die.
//!
//! Left out: super-seeding (BEP 16; seeds suggest pieces instead, see `handout`), web seeds (BEP 19), granting allowed-fast pieces (BEP 6; they are
//! accepted: granting would give a free rider pieces and blur the lesson).

mod choker;
mod disk;
mod handout;
mod inquest;
mod metadata;
mod peer;
mod persona;
mod picker;
mod pipeline;
mod rate;
mod torrent;

pub use choker::{Candidate, Choker, ChokerConfig, Verdict};
pub use disk::{DiskDone, DiskError, DiskOp};
pub use inquest::{Inquest, Judgement};
pub use peer::Introduction;
pub use persona::{Persona, Picking};
pub use picker::{Arrival, Pick, Picker};
pub use rate::{Bucket, Limits, RateMeter};
pub use torrent::{PeerView, Status, Torrent, TorrentCommand, TorrentConfig, Turn};

/// One connection of a node, never used twice in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);
