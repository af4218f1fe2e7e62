//! What a seed suggests to whom, until the swarm has a copy (BEP 6, *Suggest Piece*: "the intended usage is
//! for 'super-seeding' without throughput reduction, to avoid redundant downloads").
//!
//! Peers choose what is rarest, and to all of them what only the seed has is as rare. They see what
//! others have, not what others have asked for: so two ask for the same piece, ever more often the
//! fewer are left, and what the seed sends twice the swarm waits for. The seed knows whom it gives
//! which piece, and so it suggests to each one that nobody else is given. Who does not know of suggestions, or
//! has a better idea, picks by its own rules.
//!
//! Left out: hiding pieces, as super-seeding (BEP 16) does.

use std::collections::BTreeMap;

use model::{PieceIndex, Rng};

use crate::{ConnId, Picker};

/// Which pieces that nobody else has are given to whom.
#[derive(Debug)]
pub(crate) struct Handout {
    given: BTreeMap<PieceIndex, Given>,
    /// All pieces by lot: the order in which they are handed out.
    order: Vec<PieceIndex>,
    /// Where in `order` to look for the next.
    at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Given {
    to: ConnId,
    /// They asked for it. Otherwise it is suggested only.
    asked: bool,
}

/// Suggestions that a peer may have before it, besides one for each piece that it is busy with.
const AHEAD_MAX: usize = 8;

impl Handout {
    pub(crate) fn new(pieces: u32, rng: &mut Rng) -> Self {
        let mut order: Vec<PieceIndex> = (0..pieces).map(PieceIndex).collect();
        rng.shuffle(&mut order);
        Self { given: BTreeMap::new(), order, at: 0 }
    }

    /// A peer asks for a block of this piece. True when it was not known to.
    pub(crate) fn asked(&mut self, conn: ConnId, piece: PieceIndex, picker: &Picker) -> bool {
        if !picker.is_with_seeds_alone(piece) {
            return false;
        }
        let given = self.given.entry(piece).or_insert(Given { to: conn, asked: false });
        given.to == conn && !std::mem::replace(&mut given.asked, true)
    }

    /// A peer has the piece: it is the swarm's.
    pub(crate) fn passed_on(&mut self, piece: PieceIndex) {
        self.given.remove(&piece);
    }

    /// A peer is gone or choked: it will not fetch what it was given.
    pub(crate) fn taken_back(&mut self, conn: ConnId) {
        self.given.retain(|_, given| given.to != conn);
    }

    /// What to suggest to a peer: it always has one piece to go on with, and as many as it is busy with.
    pub(crate) fn suggest(&mut self, conn: ConnId, picker: &Picker) -> Vec<PieceIndex> {
        let theirs = || self.given.values().filter(|given| given.to == conn);
        let (busy, ahead) =
            (theirs().filter(|given| given.asked).count(), theirs().filter(|given| !given.asked).count());
        let wanted = busy.clamp(1, AHEAD_MAX).saturating_sub(ahead);
        (0..wanted).map_while(|_| self.next(conn, picker)).collect()
    }

    fn next(&mut self, conn: ConnId, picker: &Picker) -> Option<PieceIndex> {
        for _ in 0..self.order.len() {
            let piece = self.order[self.at];
            self.at = (self.at + 1) % self.order.len();
            if picker.is_with_seeds_alone(piece) && !self.given.contains_key(&piece) {
                self.given.insert(piece, Given { to: conn, asked: false });
                return Some(piece);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use model::{ByteCount, PieceSet};

    use super::*;
    use crate::Picking;

    #[test]
    fn no_two_peers_are_given_the_same_piece() {
        let (picker, mut handout) = seed(6);
        let mut given = Vec::new();
        for peer in 1..=6 {
            given.extend(handout.suggest(ConnId(peer), &picker));
        }
        given.sort_unstable();
        assert_eq!(given, (0..6).map(PieceIndex).collect::<Vec<_>>());
        assert!(handout.suggest(ConnId(7), &picker).is_empty(), "all are given");
    }

    #[test]
    fn a_peer_always_has_a_piece_to_go_on_with() {
        let (picker, mut handout) = seed(9);
        let first = handout.suggest(ConnId(1), &picker)[0];
        assert!(handout.suggest(ConnId(1), &picker).is_empty(), "one is enough");
        assert!(handout.asked(ConnId(1), first, &picker));
        assert!(!handout.asked(ConnId(1), first, &picker), "that is known");
        assert_eq!(handout.suggest(ConnId(1), &picker).len(), 1);
    }

    #[test]
    fn what_a_peer_takes_without_being_asked_to_is_given_to_nobody_else() {
        let (picker, mut handout) = seed(2);
        handout.asked(ConnId(1), PieceIndex(0), &picker);
        assert_eq!(handout.suggest(ConnId(2), &picker), [PieceIndex(1)]);
        assert!(!handout.asked(ConnId(2), PieceIndex(0), &picker), "it is another's");
    }

    #[test]
    fn what_a_choked_peer_did_not_fetch_is_given_to_another() {
        let (picker, mut handout) = seed(1);
        assert_eq!(handout.suggest(ConnId(1), &picker), [PieceIndex(0)]);
        handout.taken_back(ConnId(1));
        assert_eq!(handout.suggest(ConnId(2), &picker), [PieceIndex(0)]);
    }

    #[test]
    fn what_others_have_is_not_suggested() {
        let (mut picker, mut handout) = seed(2);
        picker.peer_has(PieceIndex(1));
        handout.passed_on(PieceIndex(1));
        assert_eq!(handout.suggest(ConnId(1), &picker), [PieceIndex(0)]);
        assert!(handout.suggest(ConnId(2), &picker).is_empty());
        assert!(!handout.asked(ConnId(2), PieceIndex(1), &picker));
    }

    /// A seed of so many pieces, alone.
    fn seed(pieces: u32) -> (Picker, Handout) {
        let total = ByteCount(u64::from(pieces) * 16_384);
        let picker = Picker::new(16_384, total, PieceSet::full(pieces), Picking::RarestFirst);
        (picker, Handout::new(pieces, &mut Rng::from_seed(1)))
    }
}
