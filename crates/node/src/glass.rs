//! Under glass: the beginning of each connection, byte for byte as it is on the wire, for whoever
//! wants to look at it later ([`Chunk`]), and what an inspecting provider makes of it.

use std::net::SocketAddr;

use events::{Chunk, Direction};

/// What is recorded besides events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Glass {
    /// The first bytes of each connection ([`crate::Command::Wire`]), and how a provider that compares
    /// them with signatures classifies the flow.
    pub wire: bool,
    /// What opens encrypted connections ([`crate::Command::Key`]). For the lab only.
    pub keys: bool,
}

/// Watches one connection until its beginning is over.
#[derive(Debug)]
pub(crate) struct Recorder {
    conn: u64,
    remote: SocketAddr,
    sent: Track,
    received: Track,
    classified: bool,
}

/// One direction so far.
#[derive(Debug, Default)]
struct Track {
    /// Bytes that have crossed.
    at: u64,
    chunks: u32,
    /// The first of them, for the signatures.
    front: Vec<u8>,
}

impl Recorder {
    pub(crate) fn new(conn: u64, remote: SocketAddr) -> Self {
        Self { conn, remote, sent: Track::default(), received: Track::default(), classified: false }
    }

    /// These bytes cross. `None` when this direction's record is full.
    pub(crate) fn record(&mut self, direction: Direction, bytes: &[u8]) -> Option<Chunk> {
        let track = match direction {
            Direction::Out => &mut self.sent,
            Direction::In => &mut self.received,
        };
        if track.chunks >= Chunk::CHUNKS_MAX {
            return None;
        }
        let at = track.at;
        let room = Chunk::BYTES_MAX.saturating_sub(at) as usize;
        let kept = &bytes[..bytes.len().min(room)];
        track.chunks += 1;
        track.at += bytes.len() as u64;
        if !self.classified {
            track.front.extend_from_slice(kept);
        }
        let (conn, remote) = (self.conn, self.remote);
        Some(Chunk { conn, remote, direction, at, len: bytes.len() as u32, bytes: kept.to_vec() })
    }

    /// The beginning is over: there is nothing more to record or to say.
    pub(crate) fn is_done(&self) -> bool {
        let full = |track: &Track| track.chunks >= Chunk::CHUNKS_MAX;
        self.classified && full(&self.sent) && full(&self.received)
    }

    /// The provider's verdict, once: when the bytes suffice, or when no more will come (`ended`).
    pub(crate) fn classify(&mut self, ended: bool) -> Option<isp::Verdict> {
        if self.classified || self.sent.at + self.received.at == 0 {
            return None;
        }
        let full = |track: &Track| track.at >= Chunk::BYTES_MAX || track.chunks >= Chunk::CHUNKS_MAX;
        let ended = ended || full(&self.sent) && full(&self.received);
        let verdict = isp::signature(&self.sent.front, &self.received.front, ended)?;
        self.classified = true;
        (self.sent.front, self.received.front) = (Vec::new(), Vec::new());
        Some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_first_bytes_of_each_direction_and_then_sizes_and_then_nothing() {
        let mut recorder = Recorder::new(7, "10.0.0.1:6881".parse().unwrap());
        let first = recorder.record(Direction::Out, &[1; 2000]).unwrap();
        assert_eq!((first.at, first.len, first.bytes.len()), (0, 2000, 2000));
        let second = recorder.record(Direction::Out, &[2; 16_384]).unwrap();
        assert_eq!((second.at, second.len, second.bytes.len()), (2000, 16_384, 48));
        let third = recorder.record(Direction::Out, &[3; 10]).unwrap();
        assert_eq!((third.at, third.len, third.bytes.len()), (18_384, 10, 0));
        assert_eq!(recorder.record(Direction::In, &[4]).unwrap().at, 0, "the other direction has its own");
        let more = (0..1000).filter_map(|_| recorder.record(Direction::Out, &[5; 100])).count();
        assert_eq!(more as u32, Chunk::CHUNKS_MAX - 3);
    }
}
