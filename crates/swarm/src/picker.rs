//! Which block to ask whom for: BEP 3's piece picking, as Cohen described it in "Incentives Build
//! Robustness in BitTorrent" (2003).
//!
//! 1. *Finish what is begun.* Only a whole piece can be verified and passed on, so each peer first goes on
//!    with the piece that was begun with it, or that another peer left half done. A new piece is opened
//!    only when there is none, which bounds the begun pieces: about one a peer more than the requests
//!    in flight fill. What was begun with another peer is left to that one while there is something
//!    new to open: otherwise a seed, the only one to have many pieces, would be asked for the rest of
//!    pieces that others could send. For the same reason a seed that has pieces which nobody else has is
//!    not asked for the rest of what others have. When nothing new is left, all help with what is begun.
//! 2. *Random first.* The first four pieces are drawn by lot from all that the peer has: a rare
//!    piece comes from few, so it comes slowly, and who has nothing yet has nothing to trade.
//! 3. *Rarest first.* Then what the fewest connected peers have, ties by lot. So copies spread
//!    evenly, and a piece that only one peer has is fetched before that peer leaves. Of those as rare, and of
//!    the first four, one that the peer suggests (BEP 6) goes before the lot.
//! 4. *Endgame.* When every missing block is in flight, it is asked once more from idle peers, so
//!    that the last blocks do not wait for the slowest. Whoever delivers first wins; the others
//!    get a cancel.
//!
//! [`Picking::Sequential`] replaces 2 and 3 by the lowest index, as a media player would have it.
//!
//! A piece that failed its hash is fetched *alone*: while one peer has requests in flight for it,
//! no other gets any. If it fails again, there is one suspect ([`crate::Inquest`]).
//!
//! Left out: priorities of files, and choosing slow peers' pieces apart from fast ones'.
//!
//! A block of a piece that we lack is free, asked for or there, never two of them. The picker
//! trusts its caller for the geometry: sets of the right length, indexes inside it.

mod availability;
mod partial;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use events::Strategy;
use model::{BLOCK_SIZE, Block, BlockOffset, ByteCount, PieceIndex, PieceSet, Rng};

use crate::{ConnId, Picking};
use availability::Availability;
use partial::Partial;
use requests::{Claim, Requests};

/// What is missing, who has it, and who was asked for it.
#[derive(Debug)]
pub struct Picker {
    piece_length: u32,
    total: ByteCount,
    picking: Picking,
    have: PieceSet,
    /// Had or begun: what can't be opened.
    closed: PieceSet,
    availability: Availability,
    begun: BTreeMap<PieceIndex, Partial>,
    /// The begun pieces with a free block.
    open: BTreeSet<PieceIndex>,
    requests: Requests,
    missing_blocks: u32,
    left: ByteCount,
}

/// A block to ask for, and why this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    pub block: Block,
    /// For the blocks that follow the first of a new piece: [`Strategy::Partial`].
    pub strategy: Strategy,
    /// Connected peers that have the piece.
    pub availability: u32,
    /// First block of a newly opened piece.
    pub opened: bool,
    /// Of an opened piece, for people: "2 of 5 peers have it; 3 pieces are as rare, drawn by lot".
    /// Otherwise empty.
    pub why: String,
}

/// What a block that came is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// To be kept.
    New {
        /// The last block of its piece: time to check the hash.
        piece_done: bool,
        /// Others that were asked for the same block, each to be told not to bother.
        cancel: Vec<ConnId>,
    },
    /// Asked for once, but it is there already, or its piece is being judged: thrown away. Nobody's fault.
    Late,
    /// Never asked from this peer, or delivered by it before: thrown away.
    Unrequested,
}

impl Picker {
    /// A torrent of `total` bytes in pieces of `piece_length`, of which `have` is verified.
    ///
    /// # Panics
    /// When `have` is not a set of as many pieces as that makes.
    pub fn new(piece_length: u32, total: ByteCount, have: PieceSet, picking: Picking) -> Self {
        assert!(piece_length > 0, "pieces of no length");
        assert_eq!(u64::from(have.len()), total.0.div_ceil(u64::from(piece_length)), "pieces in {total}");
        let mut picker = Self {
            piece_length,
            total,
            picking,
            closed: have.clone(),
            availability: Availability::new(&have),
            begun: BTreeMap::new(),
            open: BTreeSet::new(),
            requests: Requests::default(),
            missing_blocks: 0,
            left: ByteCount::ZERO,
            have,
        };
        for piece in picker.have.missing() {
            let size = picker.piece_size(piece);
            picker.missing_blocks += size.div_ceil(BLOCK_SIZE);
            picker.left += ByteCount(size.into());
        }
        picker
    }

    /// The verified pieces.
    pub fn have(&self) -> &PieceSet {
        &self.have
    }

    /// Changes the order of what is opened from here on.
    pub fn set_picking(&mut self, picking: Picking) {
        self.picking = picking;
    }

    /// A connected peer has one more piece: its `have` message. Once for each piece it did not have.
    pub fn peer_has(&mut self, piece: PieceIndex) {
        self.availability.gained(piece);
    }

    /// A peer came with these pieces: once for each peer, with an empty set for one that has nothing yet.
    pub fn peer_has_set(&mut self, theirs: &PieceSet) {
        self.availability.joined(theirs);
    }

    /// A peer went; `theirs` is all that it had in the end. Its requests are [`Self::released_all`]'s.
    pub fn peer_left(&mut self, theirs: &PieceSet) {
        self.availability.left(theirs);
    }

    /// How many connected peers have the piece.
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        self.availability.of(piece)
    }

    /// True when no connected peer has the piece, but for complete ones.
    pub(crate) fn is_with_seeds_alone(&self, piece: PieceIndex) -> bool {
        self.availability.besides_complete(piece) == 0
    }

    /// True when each piece of the torrent is at one connected peer at least: together they have a copy.
    pub fn copies_out(&self) -> bool {
        self.availability.covers_all()
    }

    /// True when they have a piece that we lack.
    pub fn interesting(&self, theirs: &PieceSet) -> bool {
        self.have.lacks_any_of(theirs)
    }

    /// Up to `want` blocks to ask `conn` for; they count as in flight from here on. `theirs` is what the
    /// peer may be asked for: all that it has, or of a peer that chokes us what it allows (BEP 6).
    /// `suggested` is what it would rather be asked for, the first first (BEP 6).
    pub fn pick(
        &mut self,
        conn: ConnId,
        theirs: &PieceSet,
        suggested: &[PieceIndex],
        want: usize,
        rng: &mut Rng,
    ) -> Vec<Pick> {
        let mut picks = Vec::new();
        while picks.len() < want {
            let before = picks.len();
            let whose = if self.offers_what_only_seeds_have(theirs) { Whose::OwnOrScarce } else { Whose::OwnOrLeft };
            if let Some(piece) = self.begun_for(conn, theirs, whose) {
                self.take_free(conn, piece, want, None, &mut picks);
            } else if let Some((piece, strategy, why)) = self.draw_new(theirs, suggested, rng) {
                self.begin(piece, conn);
                self.take_free(conn, piece, want, Some((strategy, why)), &mut picks);
            } else if let Some(piece) = self.begun_for(conn, theirs, Whose::Anybodys) {
                self.take_free(conn, piece, want, None, &mut picks);
            } else {
                break;
            }
            assert!(picks.len() > before, "an open piece without a free block");
        }
        if picks.len() < want && self.endgame() {
            self.take_asked(conn, theirs, want, rng, &mut picks);
        }
        picks
    }

    /// A block came from `conn`. Nothing else need be said about that request.
    pub fn received(&mut self, conn: ConnId, block: Block) -> Arrival {
        let claim = self.requests.claim(conn, block);
        if claim == Claim::Never {
            return Arrival::Unrequested;
        }
        if self.have.has(block.piece) {
            return Arrival::Late;
        }
        if claim == Claim::Lapsed && !self.begun.contains_key(&block.piece) {
            self.begin(block.piece, conn);
        }
        let Some(partial) = self.begun.get_mut(&block.piece) else { return Arrival::Late };
        let Some(cancel) = partial.arrive(index_of(block), conn) else { return Arrival::Late };
        let piece_done = partial.is_whole();
        for &other in &cancel {
            self.requests.lapse(other, block);
        }
        self.missing_blocks -= 1;
        self.left = self.left - ByteCount(block.length.into());
        self.settle(block.piece);
        Arrival::New { piece_done, cancel }
    }

    /// A request is lost: rejected, timed out, taken back. Others may be asked for the block. Should it
    /// come after all while it is missing, it is welcome.
    pub fn released(&mut self, conn: ConnId, block: Block) {
        if self.requests.lapse(conn, block) {
            self.give_back(conn, block);
        }
    }

    /// All requests to `conn` are lost: it is gone, or it choked us and drops them (BEP 3; with BEP 6 it
    /// rejects each instead). Nothing of them will come any more. Returns them in the order they were made.
    pub fn released_all(&mut self, conn: ConnId) -> Vec<Block> {
        let lost = self.requests.forget(conn);
        for &block in &lost {
            self.give_back(conn, block);
        }
        self.leave_begun(conn);
        lost
    }

    /// All requests to `conn` have waited for too long: others may be asked for the blocks. Should some
    /// come after all while they are missing, they are welcome. Returns them in the order they were made.
    pub fn timed_out(&mut self, conn: ConnId) -> Vec<Block> {
        let late = self.requests.to(conn);
        for &block in &late {
            self.released(conn, block);
        }
        self.leave_begun(conn);
        late
    }

    /// Requests in flight to `conn`.
    pub fn in_flight(&self, conn: ConnId) -> usize {
        self.requests.in_flight(conn)
    }

    /// The piece on disk matches its hash: it is had.
    pub fn verified(&mut self, piece: PieceIndex) {
        if !self.have.insert(piece) {
            return;
        }
        let size = self.piece_size(piece);
        let partial = self.begun.remove(&piece);
        let (blocks, bytes) = partial.as_ref().map_or((size.div_ceil(BLOCK_SIZE), size), Partial::missing);
        self.missing_blocks -= blocks;
        self.left = self.left - ByteCount(bytes.into());
        self.open.remove(&piece);
        if let Some(partial) = partial {
            self.lapse_asked(piece, &partial);
        } else {
            self.closed.insert(piece);
            self.availability.unlist(piece);
        }
    }

    /// The piece on disk does not match its hash. Returns who sent which block, by offset. Nothing of it
    /// is asked for before [`Self::reopen`].
    pub fn failed(&mut self, piece: PieceIndex) -> Vec<(Block, ConnId)> {
        let Some(mut partial) = self.begun.remove(&piece) else { return Vec::new() };
        self.lapse_asked(piece, &partial);
        let (blocks, bytes) = partial.missing();
        partial.fail();
        self.missing_blocks += partial.missing().0 - blocks;
        self.left += ByteCount((partial.missing().1 - bytes).into());
        self.open.remove(&piece);
        let senders = partial.senders().map(|(i, conn)| (block_at(piece, partial.size(), i), conn)).collect();
        self.begun.insert(piece, partial);
        senders
    }

    /// Fetches a failed piece anew, from one peer alone where that is possible.
    pub fn reopen(&mut self, piece: PieceIndex) {
        let size = self.piece_size(piece);
        if let Some(partial) = self.begun.get_mut(&piece).filter(|p| p.has_failed()) {
            *partial = Partial::alone(size);
            self.open.insert(piece);
        }
    }

    /// Who sent how many bytes of a begun piece: to be asked before [`Self::verified`].
    pub fn contributors(&self, piece: PieceIndex) -> Vec<(ConnId, u32)> {
        let Some(partial) = self.begun.get(&piece) else { return Vec::new() };
        let mut bytes = BTreeMap::new();
        for (i, conn) in partial.senders() {
            *bytes.entry(conn).or_default() += block_at(piece, partial.size(), i).length;
        }
        bytes.into_iter().collect()
    }

    /// True when every missing block is in flight (and one at least is).
    pub fn endgame(&self) -> bool {
        self.closed.is_full() && self.open.is_empty() && self.requests.any()
    }

    /// Blocks that have not arrived, those in flight among them. A failed piece's count again.
    pub fn missing_blocks(&self) -> u32 {
        self.missing_blocks
    }

    /// Bytes that have not arrived: blocks of pieces yet unverified count as there.
    pub fn left(&self) -> ByteCount {
        self.left
    }

    /// Bytes in the piece; the last one may be shorter.
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        let start = u64::from(piece.0) * u64::from(self.piece_length);
        (self.total.0 - start).min(self.piece_length.into()) as u32
    }

    /// The begun piece for this peer to go on with: the one with the fewest free blocks, so that it is
    /// whole soonest; in sequence the lowest.
    fn begun_for(&self, conn: ConnId, theirs: &PieceSet, whose: Whose) -> Option<PieceIndex> {
        let ours = |p: &PieceIndex| match whose {
            Whose::OwnOrScarce if self.begun[p].is_left() => self.is_with_seeds_alone(*p),
            Whose::OwnOrScarce | Whose::OwnOrLeft => self.begun[p].is_for(conn),
            Whose::Anybodys => true,
        };
        let mut usable = self.open.iter().copied().filter(|p| theirs.has(*p) && self.begun[p].may_ask(conn));
        match self.picking {
            Picking::RarestFirst => usable.filter(ours).min_by_key(|p| self.begun[p].free()),
            Picking::Sequential => {
                let new = self.closed.missing_from(theirs).next();
                usable.next().filter(|&begun| new.is_none_or(|new| begun < new))
            }
        }
    }

    /// True for a seed while there are pieces to open that no other peer has.
    fn offers_what_only_seeds_have(&self, theirs: &PieceSet) -> bool {
        theirs.is_full() && self.availability.lists_what_only_seeds_have()
    }

    fn draw_new(
        &self,
        theirs: &PieceSet,
        suggested: &[PieceIndex],
        rng: &mut Rng,
    ) -> Option<(PieceIndex, Strategy, String)> {
        let lowest = self.closed.missing_from(theirs).next()?;
        if self.picking == Picking::Sequential {
            return Some((lowest, Strategy::Sequential, "the lowest piece that we lack and this peer has".to_owned()));
        }
        if self.closed.count() < RANDOM_FIRST {
            let fits = |piece: &&PieceIndex| theirs.has(**piece) && !self.closed.has(**piece);
            if let Some(&piece) = suggested.iter().find(fits) {
                let why = format!("one of our first {RANDOM_FIRST}: any will do, and the peer suggests this one");
                return Some((piece, Strategy::RandomFirst, why));
            }
            let all = self.closed.missing_from(theirs);
            let count = all.count();
            let piece = self.closed.missing_from(theirs).nth(rng.below(count as u64) as usize)?;
            let why = format!("one of our first {RANDOM_FIRST}: any will do, drawn by lot from {count}");
            return Some((piece, Strategy::RandomFirst, why));
        }
        let (piece, why) = self.availability.rarest(theirs, suggested, rng)?;
        Some((piece, Strategy::RarestFirst, why))
    }

    fn begin(&mut self, piece: PieceIndex, conn: ConnId) {
        self.closed.insert(piece);
        self.availability.unlist(piece);
        self.begun.insert(piece, Partial::with(self.piece_size(piece), conn));
        self.open.insert(piece);
    }

    /// Takes free blocks of one piece, in order. `opened` is why it was opened, if it was.
    fn take_free(
        &mut self,
        conn: ConnId,
        piece: PieceIndex,
        want: usize,
        mut opened: Option<(Strategy, String)>,
        picks: &mut Vec<Pick>,
    ) {
        let availability = self.availability.of(piece);
        let Some(partial) = self.begun.get_mut(&piece) else { return };
        while picks.len() < want
            && let Some(index) = partial.take_free(conn)
        {
            let block = block_at(piece, partial.size(), index);
            self.requests.add(conn, block);
            let first = opened.take();
            let opened = first.is_some();
            let (strategy, why) = first.unwrap_or((Strategy::Partial, String::new()));
            picks.push(Pick { block, strategy, availability, opened, why });
        }
        if partial.free() == 0 {
            self.open.remove(&piece);
        }
    }

    /// Endgame: takes blocks that others were asked for, those with the fewest askers first. Only a peer
    /// with next to nothing else to send is asked, which keeps what arrives twice small. Begins at a piece
    /// drawn by lot and at a piece's end: its first blocks are likely to be on their way.
    fn take_asked(&mut self, conn: ConnId, theirs: &PieceSet, want: usize, rng: &mut Rng, picks: &mut Vec<Pick>) {
        let room = ENDGAME_IN_FLIGHT.saturating_sub(self.requests.in_flight(conn));
        let want = want.min(picks.len() + room);
        let usable =
            |(&piece, partial): (&PieceIndex, &Partial)| (theirs.has(piece) && partial.shared()).then_some(piece);
        let mut pieces: Vec<PieceIndex> = self.begun.iter().filter_map(usable).collect();
        if picks.len() >= want || pieces.is_empty() {
            return;
        }
        let sequential = self.picking == Picking::Sequential;
        if !sequential {
            let start = rng.below(pieces.len() as u64) as usize;
            pieces.rotate_left(start);
        }
        for askers in 1..ASKERS_MAX {
            for &piece in &pieces {
                let availability = self.availability.of(piece);
                let Some(partial) = self.begun.get_mut(&piece) else { continue };
                while picks.len() < want
                    && let Some(index) = partial.take_asked(conn, askers, sequential)
                {
                    let block = block_at(piece, partial.size(), index);
                    self.requests.add(conn, block);
                    let strategy = Strategy::Endgame;
                    picks.push(Pick { block, strategy, availability, opened: false, why: String::new() });
                }
            }
        }
    }

    fn leave_begun(&mut self, conn: ConnId) {
        for partial in self.begun.values_mut() {
            partial.leave(conn);
        }
    }

    fn give_back(&mut self, conn: ConnId, block: Block) {
        if let Some(partial) = self.begun.get_mut(&block.piece) {
            partial.give_back(index_of(block), conn);
            self.settle(block.piece);
        }
    }

    /// After blocks of a begun piece changed: is it open, and is it still begun at all? One of which
    /// nothing is there or in flight goes back among the others, where its rarity counts.
    fn settle(&mut self, piece: PieceIndex) {
        let Some(partial) = self.begun.get(&piece) else { return };
        if partial.is_untouched() {
            self.begun.remove(&piece);
            self.open.remove(&piece);
            self.closed.remove(piece);
            self.availability.list(piece);
        } else if partial.free() > 0 {
            self.open.insert(piece);
        } else {
            self.open.remove(&piece);
        }
    }

    fn lapse_asked(&mut self, piece: PieceIndex, partial: &Partial) {
        for (index, conn) in partial.asked() {
            self.requests.lapse(conn, block_at(piece, partial.size(), index));
        }
    }
}

/// Which begun pieces a peer may go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Begun with it; or left by whom it was begun with, and only seeds have it.
    OwnOrScarce,
    /// Begun with it, or left by whom it was begun with.
    OwnOrLeft,
    Anybodys,
}

fn block_at(piece: PieceIndex, size: u32, index: usize) -> Block {
    let offset = index as u32 * BLOCK_SIZE;
    Block { piece, offset: BlockOffset(offset), length: BLOCK_SIZE.min(size - offset) }
}

fn index_of(block: Block) -> usize {
    (block.offset.0 / BLOCK_SIZE) as usize
}

/// Pieces that are drawn from all instead of the rarest: libtorrent's default as well.
const RANDOM_FIRST: u32 = 4;

/// A block is in flight to so many peers at most.
const ASKERS_MAX: usize = partial::ASKERS_MAX;

/// In the endgame a peer is asked for others' blocks until so many are in flight to it.
const ENDGAME_IN_FLIGHT: usize = 4;
