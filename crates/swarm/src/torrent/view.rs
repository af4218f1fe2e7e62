//! What a torrent knows of its peers, for whoever looks on: a table of peers, a test that watches.
//! Looking changes nothing.

use std::net::SocketAddr;

use events::UnchokeSlot;
use model::{PeerId, PieceSet};

use super::{Stage, Torrent};
use crate::ConnId;

/// One connected peer as the torrent sees it.
#[derive(Debug, Clone, Copy)]
pub struct PeerView<'a> {
    pub conn: ConnId,
    pub peer_id: PeerId,
    /// The address of the connection: of one that dialled in, a passing port.
    pub remote: SocketAddr,
    /// The pieces it said it has; `None` while the torrent's size is unknown.
    pub pieces: Option<&'a PieceSet>,
    /// The slot we gave it; `None` is choked.
    pub slot: Option<UnchokeSlot>,
    /// It wants pieces of ours, and fetches at all (BEP 21).
    pub wants: bool,
    /// It has pieces that we want.
    pub we_want: bool,
    pub chokes_us: bool,
    /// Blocks we asked it for and that have not come.
    pub in_flight: usize,
    /// Blocks it asked us for and that wait to be read.
    pub asked: usize,
    /// Bytes handed to the connection that have not left for the kernel.
    pub unsent: usize,
}

impl Torrent {
    /// Everybody who is connected, in the order of connections.
    pub fn peers(&self) -> impl Iterator<Item = PeerView<'_>> {
        self.peers.values().map(|peer| PeerView {
            conn: peer.intro.conn,
            peer_id: peer.intro.peer_id,
            remote: peer.intro.remote,
            pieces: peer.pieces(),
            slot: peer.slot,
            wants: peer.wants && !peer.upload_only,
            we_want: peer.we_want,
            chokes_us: peer.chokes_us,
            in_flight: match &self.stage {
                Stage::Active(picker) => picker.in_flight(peer.intro.conn),
                _ => 0,
            },
            asked: peer.asked.len(),
            unsent: peer.unsent,
        })
    }
}
