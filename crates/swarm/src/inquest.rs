//! Who sent the wrong block? A piece carries one hash, so of several senders of a piece that fails
//! none is proven guilty. What each of them sent is remembered by its digest, the piece is fetched
//! again, and once it verifies, whoever's block differs from the right one is guilty. Clients call
//! this a smart ban; no BEP defines it.
//!
//! The inquest keeps no block and reads no disk. In order:
//! 1. The piece fails: [`Inquest::open`] says who is guilty at once (a single sender), or which
//!    blocks to read back. Each goes to [`Inquest::evidence`], and only then is the piece fetched anew:
//!    otherwise new blocks would overwrite the proof.
//! 2. The piece verifies: [`Inquest::verified`] says which blocks to read, and [`Inquest::compare`]
//!    who had sent something else.
//!
//! `K` names a culprit for as long as the torrent lives, which is longer than its connection.
//!
//! Left out: suspicion. A peer is guilty or nothing; one that took part in many failed pieces is
//! proven guilty by the first of them that verifies. And doubt of our own disk: what is read back is taken for what was
//! sent, so one that corrupts what it is given makes us accuse honest peers. To tell, a digest of each
//! block as it comes would have to be kept, for which such disks are too rare.

use std::collections::{BTreeMap, BTreeSet};

use model::{Block, PieceIndex};
use sha1::{Digest as _, Sha1};

/// The open cases of one torrent. The oldest are dropped beyond [`CASES_MAX`] pieces or
/// [`STATEMENTS_MAX`] blocks: who goes on sending wrong blocks is caught by a later one.
#[derive(Debug)]
pub struct Inquest<K> {
    cases: BTreeMap<PieceIndex, Case<K>>,
    /// Cases ever opened: numbers them by age.
    opened: u64,
}

/// What is to be done about a piece that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement<K> {
    /// All of it came from one: proven. The piece may be fetched anew at once.
    Guilty(K),
    /// Several sent it. Read these blocks and hand each to [`Inquest::evidence`] (or
    /// [`Inquest::unreadable`]); the piece may be fetched anew when that says so.
    ReadBack(Vec<Block>),
}

#[derive(Debug)]
struct Case<K> {
    opened: u64,
    statements: Vec<Statement<K>>,
    /// Blocks of the latest failure that are still to be read back, and who sent them.
    awaited: BTreeMap<Block, K>,
    /// The piece has verified: blocks that are still to be compared.
    disputed: BTreeSet<Block>,
}

/// One block as one peer sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Statement<K> {
    block: Block,
    by: K,
    digest: Fingerprint,
}

/// Eight bytes of a SHA-1. To find a wrong block with the right one's takes 2^64 tries, and wins no
/// more than to go unpunished.
type Fingerprint = [u8; 8];

impl<K: Ord + Copy> Inquest<K> {
    pub fn new() -> Self {
        Self { cases: BTreeMap::new(), opened: 0 }
    }

    /// A piece does not match its hash; `senders` is who sent which block of it.
    pub fn open(&mut self, piece: PieceIndex, senders: Vec<(Block, K)>) -> Judgement<K> {
        let suspects: BTreeSet<K> = senders.iter().map(|&(_, by)| by).collect();
        if let (1, Some(&only)) = (suspects.len(), suspects.first()) {
            return Judgement::Guilty(only);
        }
        if senders.is_empty() {
            return Judgement::ReadBack(Vec::new());
        }
        self.opened += 1;
        let opened = self.opened;
        let case = self.cases.entry(piece).or_insert_with(|| Case::new(opened));
        case.awaited = senders.into_iter().collect();
        let blocks = case.awaited.keys().copied().collect();
        self.drop_oldest(piece);
        Judgement::ReadBack(blocks)
    }

    /// A block of a failed piece was read back. True when that was the last: the piece may be fetched anew.
    pub fn evidence(&mut self, block: Block, data: &[u8]) -> bool {
        if let Some(case) = self.cases.get_mut(&block.piece)
            && let Some(by) = case.awaited.remove(&block)
        {
            let statement = Statement { block, by, digest: fingerprint(data) };
            if !case.statements.contains(&statement) && case.statements.len() < STATEMENTS_MAX {
                case.statements.push(statement);
            }
        }
        !self.needs(block.piece)
    }

    /// A block that was to be read can't be: its sender gets away with it. True when nothing else is
    /// awaited: the piece may be fetched anew.
    pub fn unreadable(&mut self, block: Block) -> bool {
        if let Some(case) = self.cases.get_mut(&block.piece) {
            case.awaited.remove(&block);
        }
        self.settle(block);
        !self.needs(block.piece)
    }

    /// True while blocks of the failed piece are to be read back: it must not be fetched anew yet.
    pub fn needs(&self, piece: PieceIndex) -> bool {
        self.cases.get(&piece).is_some_and(|case| !case.awaited.is_empty())
    }

    /// A piece matches its hash. Returns the blocks to be read for comparison: none where none is in dispute.
    pub fn verified(&mut self, piece: PieceIndex) -> Vec<Block> {
        let Some(case) = self.cases.get_mut(&piece) else { return Vec::new() };
        case.awaited.clear();
        case.disputed = case.statements.iter().map(|s| s.block).collect();
        let blocks: Vec<Block> = case.disputed.iter().copied().collect();
        if blocks.is_empty() {
            self.cases.remove(&piece);
        }
        blocks
    }

    /// A block of the verified piece was read. Returns who had sent another one: proven guilty.
    pub fn compare(&mut self, block: Block, data: &[u8]) -> Vec<K> {
        let Some(case) = self.cases.get(&block.piece).filter(|case| case.disputed.contains(&block)) else {
            return Vec::new();
        };
        let right = fingerprint(data);
        let wrong = case.statements.iter().filter(|s| s.block == block && s.digest != right);
        let guilty: BTreeSet<K> = wrong.map(|s| s.by).collect();
        self.settle(block);
        guilty.into_iter().collect()
    }

    /// The block is compared, as far as it can be; a case without disputes is closed.
    fn settle(&mut self, block: Block) {
        if let Some(case) = self.cases.get_mut(&block.piece)
            && case.disputed.remove(&block)
            && case.disputed.is_empty()
        {
            self.cases.remove(&block.piece);
        }
    }

    fn drop_oldest(&mut self, keep: PieceIndex) {
        while self.cases.len() > CASES_MAX || self.statements() > STATEMENTS_MAX {
            let others = self.cases.iter().filter(|&(&piece, _)| piece != keep);
            let Some((&oldest, _)) = others.min_by_key(|(_, case)| case.opened) else { return };
            self.cases.remove(&oldest);
        }
    }

    /// Kept and to come.
    fn statements(&self) -> usize {
        self.cases.values().map(|case| case.statements.len() + case.awaited.len()).sum()
    }
}

impl<K: Ord + Copy> Default for Inquest<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Case<K> {
    fn new(opened: u64) -> Self {
        Self { opened, statements: Vec::new(), awaited: BTreeMap::new(), disputed: BTreeSet::new() }
    }
}

fn fingerprint(data: &[u8]) -> Fingerprint {
    let digest = Sha1::digest(data);
    std::array::from_fn(|i| digest[i])
}

/// Pieces under inquiry at a time.
const CASES_MAX: usize = 64;

/// Blocks remembered over all cases: half a megabyte. One piece may have as many by itself.
const STATEMENTS_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use model::{BLOCK_SIZE, BlockOffset};

    use super::*;

    #[test]
    fn a_single_sender_is_guilty_at_once() {
        let mut inquest = Inquest::new();
        let senders = vec![(block(0, 0), 'm'), (block(0, 1), 'm')];
        assert_eq!(inquest.open(PieceIndex(0), senders), Judgement::Guilty('m'));
        assert!(!inquest.needs(PieceIndex(0)));
    }

    #[test]
    fn of_several_senders_the_one_whose_block_differs_is_guilty() {
        let mut inquest = Inquest::new();
        fail(&mut inquest, &[('a', RIGHT), ('m', WRONG), ('b', RIGHT)]);
        assert_eq!(verify(&mut inquest), ['m']);
    }

    #[test]
    fn the_piece_may_be_fetched_anew_only_after_the_last_block_was_read() {
        let mut inquest = Inquest::new();
        inquest.open(PieceIndex(0), vec![(block(0, 0), 'a'), (block(0, 1), 'b')]);
        assert!(inquest.needs(PieceIndex(0)));
        assert!(!inquest.evidence(block(0, 1), b"x"));
        assert!(inquest.evidence(block(0, 0), b"y"));
        assert!(!inquest.needs(PieceIndex(0)));
    }

    #[test]
    fn a_piece_that_fails_twice_convicts_the_liars_of_both_times() {
        let mut inquest = Inquest::new();
        fail(&mut inquest, &[('a', RIGHT), ('m', WRONG)]);
        fail(&mut inquest, &[('n', WRONG), ('a', RIGHT)]);
        assert_eq!(verify(&mut inquest), ['n', 'm']);
    }

    #[test]
    fn an_innocent_helper_is_never_convicted() {
        let mut inquest = Inquest::new();
        fail(&mut inquest, &[('a', RIGHT), ('m', WRONG)]);
        // The same liar alone the second time: proven at once, and the first case stays open.
        let alone = vec![(block(0, 0), 'm'), (block(0, 1), 'm')];
        assert_eq!(inquest.open(PieceIndex(0), alone), Judgement::Guilty('m'));
        assert_eq!(verify(&mut inquest), ['m']);
    }

    #[test]
    fn a_piece_without_a_case_needs_no_reading() {
        let mut inquest: Inquest<char> = Inquest::new();
        assert!(inquest.verified(PieceIndex(3)).is_empty());
        assert!(inquest.compare(block(3, 0), b"x").is_empty());
        assert!(inquest.evidence(block(3, 0), b"x"), "nothing holds it back");
    }

    #[test]
    fn a_block_that_can_not_be_read_does_not_hold_the_piece_back() {
        let mut inquest = Inquest::new();
        inquest.open(PieceIndex(0), vec![(block(0, 0), 'a'), (block(0, 1), 'm')]);
        assert!(!inquest.unreadable(block(0, 0)));
        assert!(inquest.evidence(block(0, 1), b"wrong"));
        assert_eq!(inquest.verified(PieceIndex(0)), [block(0, 1)]);
        assert!(inquest.unreadable(block(0, 1)));
        assert!(inquest.cases.is_empty());
    }

    #[test]
    fn a_closed_case_is_forgotten() {
        let mut inquest = Inquest::new();
        fail(&mut inquest, &[('a', RIGHT), ('m', WRONG)]);
        verify(&mut inquest);
        assert!(inquest.cases.is_empty());
        assert!(inquest.verified(PieceIndex(0)).is_empty());
    }

    #[test]
    fn the_oldest_cases_make_room() {
        let mut inquest = Inquest::new();
        for piece in 0..=CASES_MAX as u32 {
            inquest.open(PieceIndex(piece), vec![(block(piece, 0), 'a'), (block(piece, 1), 'm')]);
        }
        assert!(!inquest.needs(PieceIndex(0)));
        assert!(inquest.needs(PieceIndex(1)));
        assert_eq!(inquest.cases.len(), CASES_MAX);
    }

    /// Piece 0 fails with these blocks, and they are read back.
    fn fail(inquest: &mut Inquest<char>, sent: &[(char, &[u8])]) {
        let senders = sent.iter().enumerate().map(|(i, &(by, _))| (block(0, i as u32), by)).collect();
        let Judgement::ReadBack(blocks) = inquest.open(PieceIndex(0), senders) else { panic!("one sender only") };
        for (block, (_, data)) in blocks.into_iter().zip(sent) {
            inquest.evidence(block, data);
        }
    }

    /// Piece 0 verifies; who is guilty?
    fn verify(inquest: &mut Inquest<char>) -> Vec<char> {
        let blocks = inquest.verified(PieceIndex(0));
        blocks.into_iter().flat_map(|block| inquest.compare(block, RIGHT)).collect()
    }

    fn block(piece: u32, index: u32) -> Block {
        Block { piece: PieceIndex(piece), offset: BlockOffset(index * BLOCK_SIZE), length: BLOCK_SIZE }
    }

    const RIGHT: &[u8] = b"right";
    const WRONG: &[u8] = b"wrong";
}
