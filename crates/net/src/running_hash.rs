//! Hashing while writing: SHA-1 of a piece's beginning, fed with blocks as they are written, while
//! their bytes are still in the processor's cache. When a piece's blocks come in order, its hash is
//! done with the last write; what came out of order is read back from the file.
//!
//! What counts is what lies on disk. A state covers the bytes from 0 to `upto`, each of which was
//! hashed at its last write: writing below `upto` again, or failing to write, forgets the state.

use std::collections::BTreeMap;

use model::{Block, PieceIndex};
use node::TorrentKey;
use sha1::{Digest, Sha1};

/// The hashes that one disk worker has begun.
#[derive(Debug, Default)]
pub(crate) struct RunningHashes {
    states: BTreeMap<(TorrentKey, PieceIndex), State>,
    begun: u64,
}

#[derive(Debug)]
struct State {
    sha: Sha1,
    upto: u32,
    /// A running number: the lowest is the oldest.
    begun: u64,
}

/// States of one worker. A peer works on few pieces at once; one that does on more reads back.
const STATES_MAX: usize = 64;

impl RunningHashes {
    /// A block was written whole.
    pub(crate) fn wrote(&mut self, torrent: TorrentKey, block: Block, data: &[u8]) {
        let id = (torrent, block.piece);
        match self.states.get_mut(&id) {
            Some(state) if block.offset.0 == state.upto => {
                state.sha.update(data);
                state.upto += block.length;
                return;
            }
            // Ahead of what is hashed: it will be read back.
            Some(state) if block.offset.0 > state.upto => return,
            Some(_) => self.disturbed(torrent, block.piece),
            None => {}
        }
        if block.offset.0 == 0 {
            self.begin(id, block, data);
        }
    }

    fn begin(&mut self, id: (TorrentKey, PieceIndex), block: Block, data: &[u8]) {
        if self.states.len() == STATES_MAX
            && let Some(oldest) = self.states.iter().min_by_key(|(_, state)| state.begun).map(|(id, _)| *id)
        {
            self.states.remove(&oldest);
        }
        self.begun += 1;
        let state = State { sha: Sha1::new_with_prefix(data), upto: block.length, begun: self.begun };
        self.states.insert(id, state);
    }

    /// Something may have been written there; nobody knows what.
    pub(crate) fn disturbed(&mut self, torrent: TorrentKey, piece: PieceIndex) {
        self.states.remove(&(torrent, piece));
    }

    /// The hash begun for a piece and how many of its bytes are in it; a fresh one for zero bytes
    /// otherwise.
    pub(crate) fn take(&mut self, torrent: TorrentKey, piece: PieceIndex) -> (Sha1, u32) {
        self.states.remove(&(torrent, piece)).map_or_else(|| (Sha1::new(), 0), |state| (state.sha, state.upto))
    }
}
