//! What a torrent knows of one connected peer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use events::{Remote, UnchokeSlot};
use model::{Block, ByteCount, PeerId, PieceIndex, PieceSet, Time};
use wire::Reserved;

use crate::pipeline::Pipeline;
use crate::rate::RateMeter;
use crate::{Candidate, ConnId};

/// Who is at the other end, as the handshake told.
#[derive(Debug, Clone, Copy)]
pub struct Introduction {
    pub conn: ConnId,
    /// The address of the connection: of one that dialled in, a passing port.
    pub remote: SocketAddr,
    /// Where it can be dialled, when that is known: for connections that we dialled.
    pub listen: Option<SocketAddr>,
    pub peer_id: PeerId,
    pub reserved: Reserved,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) intro: Introduction,
    pub(crate) connected_at: Time,
    pub(crate) has: Has,
    /// The slot we gave them; `None` is choked.
    pub(crate) slot: Option<UnchokeSlot>,
    pub(crate) unchoked_at: Option<Time>,
    pub(crate) sent_since_unchoke: ByteCount,
    /// The last block that they were sent is not the end of a piece.
    pub(crate) amid_piece: bool,
    pub(crate) we_want: bool,
    pub(crate) chokes_us: bool,
    pub(crate) wants: bool,
    /// BEP 21: complete or not downloading.
    pub(crate) upload_only: bool,
    /// Pieces they serve us while choked (BEP 6).
    pub(crate) allowed_fast: BTreeSet<PieceIndex>,
    /// What they would rather be asked for (BEP 6), since they last unchoked us.
    pub(crate) suggested: Vec<PieceIndex>,
    pub(crate) extensions: BTreeMap<String, u8>,
    pub(crate) metadata_size: Option<u32>,
    /// Parts of the info dictionary that they may still ask for.
    pub(crate) metadata_credit: u32,
    pub(crate) pipeline: Pipeline,
    /// When the last block came, or when requests went out after none were in flight.
    pub(crate) fed_at: Time,
    pub(crate) snubs_us: bool,
    /// It rejected a request, and is asked for nothing before this.
    pub(crate) asks_again_at: Time,
    /// Blocks they asked for, in order.
    pub(crate) asked: VecDeque<Block>,
    /// Blocks of theirs being read from disk.
    pub(crate) reading: Vec<Block>,
    /// Bytes handed to the connection that the kernel has not taken yet.
    pub(crate) unsent: usize,
    pub(crate) down: RateMeter,
    pub(crate) up: RateMeter,
    pub(crate) received: ByteCount,
    pub(crate) sent: ByteCount,
    pub(crate) heard_at: Time,
    pub(crate) spoke_at: Time,
    pub(crate) pex_told: BTreeMap<SocketAddr, u8>,
    pub(crate) pex_due: Option<Time>,
    /// What was told last of where it stands: pieces, sent, received, and whether it stood still.
    pub(crate) progress_told: Option<(u32, ByteCount, ByteCount, bool)>,
    /// Broken rules that are forgiven once or twice.
    pub(crate) strikes: u32,
}

/// What a peer has. Before the torrent's size is known, only what it said.
#[derive(Debug)]
pub(crate) enum Has {
    Unread(Vec<Claim>),
    Known(PieceSet),
}

/// A statement about pieces that can't be read yet.
#[derive(Debug, Clone)]
pub(crate) enum Claim {
    Bitfield(Bytes),
    All,
    None,
    One(PieceIndex),
}

impl Peer {
    pub(crate) fn new(now: Time, intro: Introduction, has: Has) -> Self {
        Self {
            intro,
            connected_at: now,
            has,
            slot: None,
            unchoked_at: None,
            sent_since_unchoke: ByteCount::ZERO,
            amid_piece: false,
            we_want: false,
            chokes_us: true,
            wants: false,
            upload_only: false,
            allowed_fast: BTreeSet::new(),
            suggested: Vec::new(),
            extensions: BTreeMap::new(),
            metadata_size: None,
            metadata_credit: 0,
            pipeline: Pipeline::new(now),
            fed_at: now,
            snubs_us: false,
            asks_again_at: now,
            asked: VecDeque::new(),
            reading: Vec::new(),
            unsent: 0,
            down: RateMeter::new(now),
            up: RateMeter::new(now),
            received: ByteCount::ZERO,
            sent: ByteCount::ZERO,
            heard_at: now,
            spoke_at: now,
            pex_told: BTreeMap::new(),
            pex_due: None,
            progress_told: None,
            strikes: 0,
        }
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote::Addr(self.intro.remote)
    }

    pub(crate) fn fast(&self) -> bool {
        self.intro.reserved.fast()
    }

    /// The pieces it has; `None` while the torrent's size is unknown.
    pub(crate) fn pieces(&self) -> Option<&PieceSet> {
        match &self.has {
            Has::Known(set) => Some(set),
            Has::Unread(_) => None,
        }
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.pieces().is_some_and(PieceSet::is_full)
    }

    /// The number under which they want an extension's messages (BEP 10).
    pub(crate) fn extension(&self, name: &str) -> Option<u8> {
        self.extensions.get(name).copied().filter(|&id| id != 0)
    }

    /// What the choker needs to know.
    pub(crate) fn candidate(&mut self, now: Time) -> Candidate {
        Candidate {
            conn: self.intro.conn,
            interested: self.wants,
            unchoked: self.slot,
            received: self.down.rate(now),
            sent: self.up.rate(now),
            sent_since_unchoke: self.sent_since_unchoke,
            amid_piece: self.amid_piece,
            unchoked_at: self.unchoked_at,
            connected_at: self.connected_at,
            snubbing_us: self.snubs_us,
            upload_only: self.upload_only,
        }
    }
}
