//! A piece that is begun: what became of each of its blocks.

use model::BLOCK_SIZE;

use crate::ConnId;

/// A block is in flight to so many peers at most.
pub(super) const ASKERS_MAX: usize = 3;

#[derive(Debug)]
pub(super) struct Partial {
    /// In bytes.
    size: u32,
    blocks: Vec<State>,
    free: u32,
    arrived: u32,
    /// No block before this one is free.
    first_free: usize,
    /// One peer at a time, after the piece failed.
    alone: bool,
    /// Whole, wrong, and not opened anew.
    failed: bool,
    /// Who is to send the rest, until it loses a request.
    owner: Option<ConnId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Asked(Askers),
    /// From whom.
    Arrived(ConnId),
}

/// One to [`ASKERS_MAX`] peers, without a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Askers {
    conns: [ConnId; ASKERS_MAX],
    len: usize,
}

impl Partial {
    /// Begun with this peer.
    pub(super) fn with(size: u32, owner: ConnId) -> Self {
        Self { owner: Some(owner), ..Self::new(size) }
    }

    fn new(size: u32) -> Self {
        let count = size.div_ceil(BLOCK_SIZE);
        let blocks = vec![State::Free; count as usize];
        Self { size, blocks, free: count, arrived: 0, first_free: 0, alone: false, failed: false, owner: None }
    }

    /// Was it begun with this peer, or left by whom it was begun with?
    pub(super) fn is_for(&self, conn: ConnId) -> bool {
        self.owner.is_none_or(|owner| owner == conn)
    }

    /// Whom it was begun with will not send the rest.
    pub(super) fn is_left(&self) -> bool {
        self.owner.is_none()
    }

    /// This peer will not send the rest.
    pub(super) fn leave(&mut self, conn: ConnId) {
        self.owner = self.owner.filter(|&owner| owner != conn);
    }

    /// To be fetched from one peer at a time.
    pub(super) fn alone(size: u32) -> Self {
        Self { alone: true, ..Self::new(size) }
    }

    /// In bytes.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Blocks that nobody is asked for and that are not there.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    pub(super) fn is_whole(&self) -> bool {
        self.arrived as usize == self.blocks.len()
    }

    /// Nothing there, nothing in flight, and no need to remember that it failed.
    pub(super) fn is_untouched(&self) -> bool {
        self.free as usize == self.blocks.len() && !self.alone
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The piece is wrong: all of it is missing again.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// Blocks and bytes that are missing.
    pub(super) fn missing(&self) -> (u32, u32) {
        if self.failed {
            return (self.blocks.len() as u32, self.size);
        }
        let bytes = |i: usize| BLOCK_SIZE.min(self.size - i as u32 * BLOCK_SIZE);
        let arrived: u32 = self.senders().map(|(i, _)| bytes(i)).sum();
        (self.blocks.len() as u32 - self.arrived, self.size - arrived)
    }

    /// May this peer be asked for free blocks?
    pub(super) fn may_ask(&self, conn: ConnId) -> bool {
        !self.alone || self.asked().all(|(_, other)| other == conn)
    }

    /// Has it blocks in flight that may be asked from further peers?
    pub(super) fn shared(&self) -> bool {
        !self.alone && !self.failed && self.free + self.arrived < self.blocks.len() as u32
    }

    /// The first free block, which is then in flight to `conn`.
    pub(super) fn take_free(&mut self, conn: ConnId) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        let index = self.first_free + self.blocks[self.first_free..].iter().position(|b| *b == State::Free)?;
        self.blocks[index] = State::Asked(Askers::new(conn));
        self.first_free = index + 1;
        self.free -= 1;
        Some(index)
    }

    /// A block in flight to just so many others, which is then in flight to `conn` too: the last such
    /// block, or the first.
    pub(super) fn take_asked(&mut self, conn: ConnId, askers: usize, first: bool) -> Option<usize> {
        let fits = |state: &State| matches!(state, State::Asked(a) if a.len == askers && !a.list().contains(&conn));
        let index = if first { self.blocks.iter().position(fits) } else { self.blocks.iter().rposition(fits) }?;
        if let State::Asked(askers) = &mut self.blocks[index] {
            askers.add(conn);
        }
        Some(index)
    }

    /// The request to `conn` is lost.
    pub(super) fn give_back(&mut self, index: usize, conn: ConnId) {
        self.leave(conn);
        if let State::Asked(askers) = &mut self.blocks[index] {
            askers.remove(conn);
            if askers.len == 0 {
                self.blocks[index] = State::Free;
                self.first_free = self.first_free.min(index);
                self.free += 1;
            }
        }
    }

    /// The block came from `conn`. Returns who else was asked for it, or `None` when it is there already
    /// or the piece is being judged.
    pub(super) fn arrive(&mut self, index: usize, conn: ConnId) -> Option<Vec<ConnId>> {
        if self.failed {
            return None;
        }
        let others = match self.blocks[index] {
            State::Arrived(_) => return None,
            State::Asked(askers) => askers.list().iter().copied().filter(|&other| other != conn).collect(),
            State::Free => {
                self.free -= 1;
                Vec::new()
            }
        };
        self.blocks[index] = State::Arrived(conn);
        self.arrived += 1;
        Some(others)
    }

    /// Blocks in flight, once for each peer that was asked.
    pub(super) fn asked(&self) -> impl Iterator<Item = (usize, ConnId)> + '_ {
        self.blocks.iter().enumerate().flat_map(|(i, state)| {
            let askers = if let State::Asked(askers) = state { askers.list() } else { &[] };
            askers.iter().map(move |&conn| (i, conn))
        })
    }

    /// Blocks that are there, and from whom.
    pub(super) fn senders(&self) -> impl Iterator<Item = (usize, ConnId)> + '_ {
        let sender =
            |(i, state): (usize, &State)| if let State::Arrived(conn) = state { Some((i, *conn)) } else { None };
        self.blocks.iter().enumerate().filter_map(sender)
    }
}

impl Askers {
    fn new(conn: ConnId) -> Self {
        Self { conns: [conn; ASKERS_MAX], len: 1 }
    }

    fn list(&self) -> &[ConnId] {
        &self.conns[..self.len]
    }

    fn add(&mut self, conn: ConnId) {
        self.conns[self.len] = conn;
        self.len += 1;
    }

    fn remove(&mut self, conn: ConnId) {
        if let Some(at) = self.list().iter().position(|&c| c == conn) {
            self.conns.copy_within(at + 1..self.len, at);
            self.len -= 1;
        }
    }
}
