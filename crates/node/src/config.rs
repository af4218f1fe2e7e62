//! What a node is told once, at its birth, and what a torrent is told when it is joined.

use std::sync::Arc;

use events::Detail;
use metainfo::{Magnet, Metainfo};
use model::{PeerId, Rate};
use swarm::{Persona, Picking};

use crate::{Encryption, Glass};

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    pub peer_id: PeerId,
    /// Name and version, told to others in the extension handshake (BEP 10, `v`).
    pub client: String,
    pub persona: Persona,
    /// Upload limit of the whole node, in bytes per second.
    pub up: Option<Rate>,
    /// Download limit of the whole node, in bytes per second.
    pub down: Option<Rate>,
    /// Upload slots of one torrent, the optimistic one among them.
    pub slots: usize,
    /// Connections of one torrent, dialled and accepted. It dials while it has fewer than half of them.
    pub connections_max: usize,
    pub detail: Detail,
    /// Tell peers about peers (BEP 11). Private torrents never do (BEP 27).
    pub pex: bool,
    /// Tell how far each connected peer is (`peer-progress`), for who counts its recipients.
    pub peer_progress: bool,
    /// Which connections are encrypted (MSE).
    pub encryption: Encryption,
    /// What is recorded beside the events.
    pub glass: Glass,
}

impl NodeConfig {
    pub fn new(peer_id: PeerId) -> Self {
        Self {
            peer_id,
            client: concat!("Swarmlab ", env!("CARGO_PKG_VERSION")).to_owned(),
            persona: Persona::Honest,
            up: None,
            down: None,
            slots: 5,
            connections_max: 50,
            detail: Detail::Piece,
            pex: true,
            peer_progress: false,
            encryption: Encryption::default(),
            glass: Glass::default(),
        }
    }
}

/// Where a torrent comes from.
#[derive(Debug, Clone)]
pub enum TorrentSource {
    /// Everything is known.
    Metainfo(Arc<Metainfo>),
    /// Only the name of the swarm: the info dictionary comes from peers (BEP 9).
    Magnet(Magnet),
}

/// How to take part in one torrent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JoinOptions {
    pub picking: Picking,
}
