//! One connection before and after its handshake.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use events::{Direction, Remote};
use model::{PeerId, Time};
use wire::{Decoder, Message};

use crate::TorrentKey;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) remote: SocketAddr,
    pub(crate) direction: Direction,
    /// The torrent it is for: known from the start when we dialled.
    pub(crate) torrent: Option<TorrentKey>,
    pub(crate) stage: Stage,
    pub(crate) since: Time,
    pub(crate) decoder: Decoder,
    /// Small messages wait here until the fact that caused them is dealt with, and leave together.
    outbox: BytesMut,
    /// Bytes handed to the world that have not left for the kernel.
    pub(crate) unsent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Dialling,
    /// Connected; their handshake is awaited.
    Greeting,
    Joined {
        peer_id: PeerId,
    },
}

impl Connection {
    pub(crate) fn new(now: Time, remote: SocketAddr, direction: Direction, torrent: Option<TorrentKey>) -> Self {
        let stage = match direction {
            Direction::Out => Stage::Dialling,
            Direction::In => Stage::Greeting,
        };
        Self {
            remote,
            direction,
            torrent,
            stage,
            since: now,
            decoder: Decoder::new(),
            outbox: BytesMut::new(),
            unsent: 0,
        }
    }

    pub(crate) fn name(&self) -> Remote {
        Remote::Addr(self.remote)
    }

    pub(crate) fn peer_id(&self) -> Option<PeerId> {
        match self.stage {
            Stage::Joined { peer_id } => Some(peer_id),
            Stage::Dialling | Stage::Greeting => None,
        }
    }

    /// Writes a message into the outbox.
    pub(crate) fn write(&mut self, message: &Message) {
        message.encode(&mut self.outbox);
    }

    /// Writes bytes into the outbox.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Takes what has gathered, to be sent.
    pub(crate) fn flush(&mut self) -> Option<Bytes> {
        if self.outbox.is_empty() {
            return None;
        }
        let bytes = self.outbox.split().freeze();
        self.unsent += bytes.len();
        Some(bytes)
    }
}
