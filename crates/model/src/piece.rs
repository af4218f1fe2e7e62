//! Pieces, the blocks they travel in, and sets of pieces.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much one request asks for: 2^14 bytes, by BEP 3's "all current implementations".
pub const BLOCK_SIZE: u32 = 16 * 1024;

/// Which piece, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PieceIndex(pub u32);

/// Where in its piece a block begins, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockOffset(pub u32);

/// A range of bytes inside one piece: what a request, a cancel or a reject names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    pub piece: PieceIndex,
    pub offset: BlockOffset,
    /// Length in bytes.
    pub length: u32,
}

/// A set of pieces of one torrent: BEP 3's bitfield. The number of pieces is fixed;
/// bits past it are always zero.
#[derive(Clone, PartialEq, Eq)]
pub struct PieceSet {
    len: u32,
    held: u32,
    words: Vec<u64>,
}

/// Why bytes are not a bitfield for this torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceSetError {
    /// Bytes found, and bytes wanted.
    Length { found: usize, wanted: usize },
    /// BEP 3: "Spare bits at the end are set to zero."
    SpareBits,
}

impl PieceIndex {
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl PieceSet {
    /// No pieces out of `len`.
    pub fn empty(len: u32) -> Self {
        Self { len, held: 0, words: vec![0; (len as usize).div_ceil(64)] }
    }

    /// All `len` pieces.
    pub fn full(len: u32) -> Self {
        let mut set = Self { len, held: len, words: vec![u64::MAX; (len as usize).div_ceil(64)] };
        if let Some(last) = set.words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last = (1 << (len % 64)) - 1;
        }
        set
    }

    /// From BEP 3's bitfield: the high bit of the first byte is piece 0.
    pub fn from_wire(bytes: &[u8], len: u32) -> Result<Self, PieceSetError> {
        let wanted = (len as usize).div_ceil(8);
        if bytes.len() != wanted {
            return Err(PieceSetError::Length { found: bytes.len(), wanted });
        }
        let mut set = Self::empty(len);
        for (i, byte) in bytes.iter().enumerate() {
            let bits = u64::from(byte.reverse_bits());
            set.words[i / 8] |= bits << (i % 8 * 8);
        }
        if !len.is_multiple_of(64) && set.words.last().is_some_and(|last| last >> (len % 64) != 0) {
            return Err(PieceSetError::SpareBits);
        }
        set.held = set.words.iter().map(|w| w.count_ones()).sum();
        Ok(set)
    }

    /// BEP 3's bitfield: `ceil(len / 8)` bytes.
    pub fn to_wire(&self) -> Vec<u8> {
        (0..(self.len as usize).div_ceil(8))
            .map(|i| ((self.words[i / 8] >> (i % 8 * 8)) as u8).reverse_bits())
            .collect()
    }

    /// Pieces in the torrent (not in the set: that is [`Self::count`]).
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Pieces in the set.
    pub fn count(&self) -> u32 {
        self.held
    }

    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    pub fn is_full(&self) -> bool {
        self.held == self.len
    }

    /// False for an index past the end.
    pub fn has(&self, piece: PieceIndex) -> bool {
        piece.0 < self.len && self.words[piece.as_usize() / 64] >> (piece.0 % 64) & 1 == 1
    }

    /// Adds a piece; true when it was missing.
    ///
    /// # Panics
    /// When the torrent has no such piece: whoever parsed the index has checked it.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        assert!(piece.0 < self.len, "piece {} of {}", piece.0, self.len);
        let missing = !self.has(piece);
        self.words[piece.as_usize() / 64] |= 1 << (piece.0 % 64);
        self.held += u32::from(missing);
        missing
    }

    /// Takes a piece out; true when it was there.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        let there = self.has(piece);
        if there {
            self.words[piece.as_usize() / 64] &= !(1 << (piece.0 % 64));
            self.held -= 1;
        }
        there
    }

    /// The pieces in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.words.iter().enumerate().flat_map(|(i, &word)| bits(word, i))
    }

    /// The pieces not in the set, ascending.
    pub fn missing(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        (0..self.len).map(PieceIndex).filter(|&p| !self.has(p))
    }

    /// The pieces of `other` that are not in `self`, ascending: what `other` has for us.
    pub fn missing_from<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        self.words.iter().zip(&other.words).enumerate().flat_map(|(i, (&mine, &theirs))| bits(theirs & !mine, i))
    }

    /// True when `other` has a piece that `self` lacks.
    pub fn lacks_any_of(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(mine, theirs)| theirs & !mine != 0)
    }
}

fn bits(mut word: u64, index: usize) -> impl Iterator<Item = PieceIndex> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word - 1;
        Some(PieceIndex(index as u32 * 64 + bit))
    })
}

impl fmt::Debug for PieceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PieceSet({}/{})", self.held, self.len)
    }
}

impl fmt::Display for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "piece {} bytes {}+{}", self.piece, self.offset.0, self.length)
    }
}

impl fmt::Display for PieceSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found, wanted } => write!(f, "bitfield of {found} bytes where {wanted} are right"),
            Self::SpareBits => write!(f, "bitfield with spare bits set"),
        }
    }
}

impl std::error::Error for PieceSetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_zero_is_the_high_bit_of_the_first_byte() {
        let mut set = PieceSet::empty(10);
        set.insert(PieceIndex(0));
        set.insert(PieceIndex(9));
        assert_eq!(set.to_wire(), [0b1000_0000, 0b0100_0000]);
        assert_eq!(PieceSet::from_wire(&[0b1000_0000, 0b0100_0000], 10), Ok(set));
    }

    #[test]
    fn spare_bits_and_wrong_lengths_are_refused() {
        assert_eq!(PieceSet::from_wire(&[0, 0b0010_0000], 10), Err(PieceSetError::SpareBits));
        assert_eq!(PieceSet::from_wire(&[0], 10), Err(PieceSetError::Length { found: 1, wanted: 2 }));
    }

    #[test]
    fn a_full_set_survives_the_wire_at_every_length() {
        for len in 0..200 {
            let full = PieceSet::full(len);
            assert_eq!(PieceSet::from_wire(&full.to_wire(), len).as_ref(), Ok(&full));
            assert_eq!(full.iter().count(), len as usize);
            assert_eq!(full.missing().count(), 0);
        }
    }

    #[test]
    fn what_the_other_has_and_we_lack() {
        let mut ours = PieceSet::empty(130);
        let mut theirs = PieceSet::empty(130);
        for piece in [0, 64, 129] {
            theirs.insert(PieceIndex(piece));
        }
        ours.insert(PieceIndex(64));
        assert_eq!(ours.missing_from(&theirs).collect::<Vec<_>>(), [PieceIndex(0), PieceIndex(129)]);
        assert!(ours.lacks_any_of(&theirs));
        assert!(!theirs.lacks_any_of(&ours));
    }
}
