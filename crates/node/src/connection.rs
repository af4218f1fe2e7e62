//! One connection before and after its handshake.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use events::{Cipher, Direction, Remote};
use model::{InfoHash, PeerId, Time};
use wire::mse::Rc4;
use wire::{Decoder, Message};

use crate::TorrentKey;
use crate::glass::Recorder;
use crate::securing::Machine;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) remote: SocketAddr,
    pub(crate) direction: Direction,
    /// The torrent it is for: known from the start when we dialled.
    pub(crate) torrent: Option<TorrentKey>,
    pub(crate) stage: Stage,
    pub(crate) since: Time,
    /// When bytes came last.
    pub(crate) heard_at: Time,
    pub(crate) decoder: Decoder,
    /// Small messages wait here until the fact that caused them is dealt with, and leave together.
    outbox: BytesMut,
    /// We dial it, and encrypted.
    pub(crate) encrypts: bool,
    /// The encrypted handshake while it lasts.
    pub(crate) machine: Option<Box<Machine>>,
    pub(crate) cipher: Cipher,
    /// The torrent that the encrypted handshake was about.
    pub(crate) skey: Option<InfoHash>,
    /// What turns our bytes into those on the wire.
    pub(crate) send_key: Option<Rc4>,
    /// What turns their bytes back.
    pub(crate) receive_key: Option<Rc4>,
    /// Bytes that they said within the encrypted handshake.
    pub(crate) sheltered: usize,
    /// Bytes at the front of the world's buffer that were there before: recorded and decrypted.
    pub(crate) left_over: usize,
    /// Until the beginning of the connection is over, where it is wanted.
    pub(crate) recorder: Option<Box<Recorder>>,
    /// Bytes handed to the world that have not left for the kernel.
    pub(crate) unsent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Dialling,
    /// They dialled us: their first bytes are awaited, and will show what they speak.
    Sniffing,
    /// The encrypted handshake is under way.
    Securing,
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
            Direction::In => Stage::Sniffing,
        };
        Self {
            remote,
            direction,
            torrent,
            stage,
            since: now,
            heard_at: now,
            decoder: Decoder::new(),
            outbox: BytesMut::new(),
            encrypts: false,
            machine: None,
            cipher: Cipher::Plaintext,
            skey: None,
            send_key: None,
            receive_key: None,
            sheltered: 0,
            left_over: 0,
            recorder: None,
            unsent: 0,
        }
    }

    pub(crate) fn name(&self) -> Remote {
        Remote::Addr(self.remote)
    }

    pub(crate) fn peer_id(&self) -> Option<PeerId> {
        match self.stage {
            Stage::Joined { peer_id } => Some(peer_id),
            _ => None,
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

    /// Takes what has gathered, as it is to be on the wire.
    pub(crate) fn flush(&mut self) -> Option<Bytes> {
        if self.outbox.is_empty() {
            return None;
        }
        let bytes = self.outbox.split();
        Some(self.seal(bytes))
    }

    /// Encrypts in place, where the connection is.
    pub(crate) fn seal(&mut self, mut bytes: BytesMut) -> Bytes {
        if let Some(key) = &mut self.send_key {
            key.apply(&mut bytes);
        }
        bytes.freeze()
    }
}
