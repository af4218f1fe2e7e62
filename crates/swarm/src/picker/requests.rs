//! Which blocks each peer was asked for, and which it was asked for once.

use std::collections::{BTreeMap, VecDeque};

use model::Block;

use crate::ConnId;

#[derive(Debug, Default)]
pub(super) struct Requests {
    by_conn: BTreeMap<ConnId, Asked>,
    /// Over all peers.
    in_flight: usize,
}

#[derive(Debug, Default)]
struct Asked {
    /// In the order they were made, which is about the order they are answered in: the one that is
    /// looked for stands near the front.
    in_flight: VecDeque<Block>,
    /// Given up or cancelled, but the answer may be on its way.
    lapsed: VecDeque<Block>,
}

/// What a block that came was to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    InFlight,
    Lapsed,
    Never,
}

impl Requests {
    pub(super) fn add(&mut self, conn: ConnId, block: Block) {
        self.by_conn.entry(conn).or_default().in_flight.push_back(block);
        self.in_flight += 1;
    }

    /// Takes out the request that a block answers.
    pub(super) fn claim(&mut self, conn: ConnId, block: Block) -> Claim {
        let Some(asked) = self.by_conn.get_mut(&conn) else { return Claim::Never };
        if take(&mut asked.in_flight, block) {
            self.in_flight -= 1;
            Claim::InFlight
        } else if take(&mut asked.lapsed, block) {
            Claim::Lapsed
        } else {
            Claim::Never
        }
    }

    /// Gives up a request; false when it is not in flight.
    pub(super) fn lapse(&mut self, conn: ConnId, block: Block) -> bool {
        let Some(asked) = self.by_conn.get_mut(&conn) else { return false };
        if !take(&mut asked.in_flight, block) {
            return false;
        }
        self.in_flight -= 1;
        if asked.lapsed.len() == LAPSED_MAX {
            asked.lapsed.pop_front();
        }
        asked.lapsed.push_back(block);
        true
    }

    /// Forgets a peer; returns what was in flight to it.
    pub(super) fn forget(&mut self, conn: ConnId) -> Vec<Block> {
        let asked = self.by_conn.remove(&conn).unwrap_or_default();
        self.in_flight -= asked.in_flight.len();
        asked.in_flight.into()
    }

    /// What is in flight to a peer, in the order it was asked for.
    pub(super) fn to(&self, conn: ConnId) -> Vec<Block> {
        self.by_conn.get(&conn).map_or_else(Vec::new, |asked| asked.in_flight.iter().copied().collect())
    }

    pub(super) fn in_flight(&self, conn: ConnId) -> usize {
        self.by_conn.get(&conn).map_or(0, |asked| asked.in_flight.len())
    }

    pub(super) fn any(&self) -> bool {
        self.in_flight > 0
    }
}

fn take(blocks: &mut VecDeque<Block>, block: Block) -> bool {
    let found = blocks.iter().position(|&b| b == block);
    found.and_then(|i| blocks.remove(i)).is_some()
}

/// Requests remembered for one peer after they were given up: as many as can be in flight to it.
const LAPSED_MAX: usize = 512;
