//! What a node asks of the world that drives it, and what the world answers about disks.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use events::{Chunk, Event, LabKey};
use metainfo::Info;
pub use swarm::{ConnId, DiskDone, DiskError, DiskOp};

/// One torrent of a node, never used twice in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TorrentKey(pub u32);

/// A wish of the node. Wishes about one connection are carried out in order.
#[derive(Debug)]
pub enum Command {
    /// Open a connection; answer with [`crate::Node::handle_dialled`].
    Dial { conn: ConnId, addr: SocketAddr },
    /// Append to what the connection sends. As bytes leave for the kernel, tell it by
    /// [`crate::Node::handle_sent`]: that is the node's back-pressure.
    Send { conn: ConnId, bytes: Bytes },
    /// Send what is queued, then close. No fact about this connection is wanted any more.
    Close { conn: ConnId },
    /// One UDP datagram.
    Datagram { to: SocketAddr, bytes: Bytes },
    /// Look a host name up; answer with [`crate::Node::handle_resolved`].
    Resolve { token: u64, host: String, port: u16 },
    /// The info dictionary is known: this torrent's files have this shape. Comes once, before the
    /// first [`Command::Disk`] of the torrent.
    Open { torrent: TorrentKey, info: Arc<Info> },
    /// Something for the disk; answer with [`crate::Node::handle_disk`]. Operations on the same
    /// piece are carried out in the order given.
    Disk { torrent: TorrentKey, op: DiskOp },
    /// Put this in the log.
    Event(Event),
    /// Bytes as they are on the wire, for a wire record ([`crate::Glass::wire`]).
    Wire(Chunk),
    /// What opens an encrypted connection ([`crate::Glass::keys`]). It belongs in a key log, in no other.
    Key(LabKey),
    /// Every torrent has said goodbye after [`crate::Node::leave`]: the program can end.
    Finished,
}
