//! How many connected peers have each piece, and the pieces that could be opened in that order.

use model::{PieceIndex, PieceSet, Rng};

/// Counts by piece, and lists of pieces by count: a change moves one piece from one list to the
/// next, and the rarest are at hand without looking at all.
#[derive(Debug)]
pub(super) struct Availability {
    /// Peers that have each piece, complete peers apart: they would only shift all counts alike.
    counts: Vec<u32>,
    /// Peers that came with all pieces.
    complete: u32,
    peers: u32,
    /// Pieces with a count of zero.
    uncounted: u32,
    /// The pieces that could be opened, by count; in no order within a level.
    levels: Vec<Vec<PieceIndex>>,
    /// Where in its level each piece stands; [`UNLISTED`] for those had or begun.
    places: Vec<u32>,
}

const UNLISTED: u32 = u32::MAX;

impl Availability {
    /// All pieces but those in `have` are listed.
    pub(super) fn new(have: &PieceSet) -> Self {
        let len = have.len() as usize;
        let mut places = vec![UNLISTED; len];
        let missing: Vec<PieceIndex> = have.missing().collect();
        for (place, piece) in missing.iter().enumerate() {
            places[piece.as_usize()] = place as u32;
        }
        Self { counts: vec![0; len], complete: 0, peers: 0, uncounted: have.len(), levels: vec![missing], places }
    }

    pub(super) fn of(&self, piece: PieceIndex) -> u32 {
        self.counts[piece.as_usize()] + self.complete
    }

    /// How many of those that are counted have it: complete peers are apart.
    pub(super) fn besides_complete(&self, piece: PieceIndex) -> u32 {
        self.counts[piece.as_usize()]
    }

    pub(super) fn lists_what_only_seeds_have(&self) -> bool {
        !self.levels[0].is_empty()
    }

    pub(super) fn covers_all(&self) -> bool {
        self.uncounted == 0 || self.complete > 0
    }

    pub(super) fn joined(&mut self, theirs: &PieceSet) {
        self.peers += 1;
        if theirs.is_full() {
            self.complete += 1;
        } else {
            theirs.iter().for_each(|piece| self.gained(piece));
        }
    }

    pub(super) fn gained(&mut self, piece: PieceIndex) {
        let count = self.counts[piece.as_usize()];
        self.uncounted -= u32::from(count == 0);
        self.recount(piece, count + 1);
    }

    /// One that was completed piece by piece is counted in each; that it may be taken off `complete`
    /// instead is all the same to the sums.
    pub(super) fn left(&mut self, theirs: &PieceSet) {
        self.peers = self.peers.saturating_sub(1);
        if theirs.is_full() && self.complete > 0 {
            self.complete -= 1;
            return;
        }
        for piece in theirs.iter() {
            let count = self.counts[piece.as_usize()];
            assert!(count > 0, "a peer left with piece {piece}, which nobody was said to have");
            self.uncounted += u32::from(count == 1);
            self.recount(piece, count - 1);
        }
    }

    /// The piece could be opened.
    pub(super) fn list(&mut self, piece: PieceIndex) {
        if self.is_listed(piece) {
            return;
        }
        let level = self.counts[piece.as_usize()] as usize;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.places[piece.as_usize()] = self.levels[level].len() as u32;
        self.levels[level].push(piece);
    }

    /// The piece is had or begun.
    pub(super) fn unlist(&mut self, piece: PieceIndex) {
        let place = std::mem::replace(&mut self.places[piece.as_usize()], UNLISTED);
        if place == UNLISTED {
            return;
        }
        let level = &mut self.levels[self.counts[piece.as_usize()] as usize];
        level.swap_remove(place as usize);
        if let Some(moved) = level.get(place as usize) {
            self.places[moved.as_usize()] = place;
        }
    }

    /// Of the listed pieces in `theirs` one that the fewest peers have: the first of these that is `suggested`,
    /// else each as likely; and why, for people.
    pub(super) fn rarest(
        &self,
        theirs: &PieceSet,
        suggested: &[PieceIndex],
        rng: &mut Rng,
    ) -> Option<(PieceIndex, String)> {
        // Level 0 is what only complete peers have: long in a young swarm, and nothing for others to send
        // (unless `theirs` is but the part of a complete peer that it allows while it chokes us).
        let from = usize::from(!theirs.is_full()).min(self.levels.len());
        let (first, then) = self.levels.split_at(from);
        let mut levels = then.iter().chain(first);
        let (drawn, level) = levels.find_map(|level| Some((draw(level, theirs, rng)?, level)))?;
        let as_rare = |piece: &PieceIndex| self.is_listed(*piece) && self.of(*piece) == self.of(drawn);
        let favoured = suggested.iter().copied().find(|piece| theirs.has(*piece) && as_rare(piece));
        let piece = favoured.unwrap_or(drawn);
        let (of, has) = (self.of(piece), if self.of(piece) == 1 { "has" } else { "have" });
        let rarity = match level.len() {
            1 => "no other that we lack is as rare".to_owned(),
            n if favoured.is_some() => format!("{n} pieces are as rare, and the peer suggests this one"),
            n => format!("{n} pieces are as rare, drawn by lot"),
        };
        Some((piece, format!("{of} of {} peers {has} it; {rarity}", self.peers)))
    }

    fn is_listed(&self, piece: PieceIndex) -> bool {
        self.places[piece.as_usize()] != UNLISTED
    }

    fn recount(&mut self, piece: PieceIndex, count: u32) {
        let listed = self.is_listed(piece);
        self.unlist(piece);
        self.counts[piece.as_usize()] = count;
        if listed {
            self.list(piece);
        }
    }
}

/// One of the pieces in both, each as likely. In a long list, drawing until one fits is quickest;
/// where few fit, they are counted out.
fn draw(level: &[PieceIndex], theirs: &PieceSet, rng: &mut Rng) -> Option<PieceIndex> {
    if level.len() > DRAWS {
        for _ in 0..DRAWS {
            let piece = *rng.choose(level)?;
            if theirs.has(piece) {
                return Some(piece);
            }
        }
    }
    let usable = || level.iter().copied().filter(|&piece| theirs.has(piece));
    match usable().count() {
        0 => None,
        count => usable().nth(rng.below(count as u64) as usize),
    }
}

const DRAWS: usize = 32;
