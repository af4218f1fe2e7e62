//! What a swarm shares, as it should be, and how much of it is kept.
//!
//! Ordinary content is kept as it is, once for all peers. *Elided* content is kept by name only: the
//! torrent is the same, down to its info-hash, but in place of the real bytes each block of 16 KiB has a *tag* that names
//! torrent and block, and behind it the same filling everywhere. So the bytes of any range are known without being
//! kept, and whatever differs from them, be it by one bit, is wrong content, as ever. What is right is then
//! remembered on disks as one bit a block, and on its way as two numbers ([`Chunk`]); what is wrong, or
//! encrypted, as the bytes it is. A piece that is right has the torrent's hash, which nobody computes. So peers see blocks
//! of the right length and pieces that verify or fail, and a run is the same event for event.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use metainfo::Info;
use model::{BLOCK_SIZE, ByteCount, PieceIndex};
use sha1::{Digest, Sha1};

/// What is shared, as it should be.
#[derive(Debug)]
pub struct Original {
    info: Arc<Info>,
    /// `None` where it is elided.
    bytes: Option<Bytes>,
    /// How a tag begins.
    torrent: [u8; 8],
}

/// The bytes are not what the torrent describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    #[error("the torrent describes {wanted}, and the content has {found}")]
    Size { wanted: ByteCount, found: ByteCount },
    #[error("piece {} of the content does not match its hash", .0.0)]
    Piece(PieceIndex),
}

/// Some of what a connection carries.
#[derive(Debug)]
pub(crate) enum Chunk {
    Bytes(Bytes),
    /// This range of an elided original.
    Named(Arc<Original>, Range<u64>),
}

pub(crate) const BLOCK: u64 = BLOCK_SIZE as u64;

/// Half names the torrent, half the block.
const TAG: usize = 16;

/// What follows a tag.
static FILLING: [u8; BLOCK as usize] = filling();

impl Original {
    /// `bytes` are the torrent's files in a row.
    ///
    /// # Errors
    /// They are not what `info` describes.
    pub fn new(info: Arc<Info>, bytes: Bytes) -> Result<Self, OriginalError> {
        let (wanted, found) = (info.total_length(), ByteCount(bytes.len() as u64));
        if wanted != found {
            return Err(OriginalError::Size { wanted, found });
        }
        let pieces = (0..info.piece_count()).map(PieceIndex);
        let mut chunks = pieces.zip(bytes.chunks(info.piece_length() as usize));
        let wrong = chunks.find(|(piece, chunk)| <[u8; 20]>::from(Sha1::digest(chunk)) != info.piece_hash(*piece));
        match wrong {
            Some((piece, _)) => Err(OriginalError::Piece(piece)),
            None => Ok(Self { bytes: Some(bytes), ..Self::elided(info) }),
        }
    }

    /// The torrent's content, none of which is kept.
    pub fn elided(info: Arc<Info>) -> Self {
        let mut torrent = [0; 8];
        torrent.copy_from_slice(&info.info_hash().0[..8]);
        Self { info, bytes: None, torrent }
    }

    pub fn info(&self) -> &Arc<Info> {
        &self.info
    }

    pub fn is_elided(&self) -> bool {
        self.bytes.is_none()
    }

    /// The bytes of this range of the files in a row.
    pub fn bytes(&self, range: Range<u64>) -> Bytes {
        self.range(range).freeze()
    }

    /// Bytes of content.
    pub(crate) fn len(&self) -> u64 {
        self.info.total_length().0
    }

    /// A copy of a range, which the original has.
    pub(crate) fn range(&self, range: Range<u64>) -> BytesMut {
        let mut bytes = BytesMut::with_capacity((range.end - range.start) as usize);
        self.append_to(&mut bytes, range);
        bytes
    }

    pub(crate) fn append_to(&self, bytes: &mut BytesMut, range: Range<u64>) {
        match &self.bytes {
            Some(original) => bytes.extend_from_slice(&original[range.start as usize..range.end as usize]),
            None => self.parts(range, |part| {
                bytes.extend_from_slice(part);
                true
            }),
        }
    }

    /// True when `data` is what the original has from `start` on.
    pub(crate) fn has(&self, start: u64, data: &[u8]) -> bool {
        let range = start..start.saturating_add(data.len() as u64);
        if range.end > self.len() {
            return false;
        }
        match &self.bytes {
            Some(original) => original[range.start as usize..range.end as usize] == *data,
            None => {
                let (mut rest, mut same) = (data, true);
                self.parts(range, |part| {
                    let (here, behind) = rest.split_at(part.len());
                    rest = behind;
                    same = here == part;
                    same
                });
                same
            }
        }
    }

    /// The name of bytes that are right and begin with a block, where content is elided.
    pub(crate) fn name_of(&self, bytes: &[u8]) -> Option<Range<u64>> {
        let (tag, rest) = bytes.split_first_chunk::<TAG>()?;
        if self.bytes.is_some() || tag[..8] != self.torrent || rest.is_empty() {
            return None;
        }
        let block = u64::from_be_bytes(tag[8..].try_into().ok()?);
        let start = block.checked_mul(BLOCK)?;
        self.has(start, bytes).then(|| start..start + bytes.len() as u64)
    }

    /// Visits what an elided range consists of, in order, for as long as the visitor wishes.
    fn parts(&self, range: Range<u64>, mut visit: impl FnMut(&[u8]) -> bool) {
        let mut at = range.start;
        while at < range.end {
            let (block, inside) = (at / BLOCK, (at % BLOCK) as usize);
            let end = range.end.min((block + 1) * BLOCK);
            let mut tag = [0; TAG];
            tag[..8].copy_from_slice(&self.torrent);
            tag[8..].copy_from_slice(&block.to_be_bytes());
            let until = inside + (end - at) as usize;
            let goes_on = inside >= TAG || visit(&tag[inside..until.min(TAG)]);
            if !goes_on || (until > TAG && !visit(&FILLING[inside.max(TAG)..until])) {
                return;
            }
            at = end;
        }
    }
}

impl Chunk {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Named(_, range) => range.end - range.start,
        }
    }

    /// Takes the first `length` bytes off, of at least as many.
    pub(crate) fn split_to(&mut self, length: u64) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.split_to(length as usize)),
            Self::Named(original, range) => {
                let front = range.start..range.start + length;
                range.start = front.end;
                Self::Named(Arc::clone(original), front)
            }
        }
    }

    /// Keeps the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: u64) {
        match self {
            Self::Bytes(bytes) => bytes.truncate(length as usize),
            Self::Named(_, range) => range.end = range.end.min(range.start + length),
        }
    }

    pub(crate) fn append_to(&self, buf: &mut BytesMut) {
        match self {
            Self::Bytes(bytes) => buf.extend_from_slice(bytes),
            Self::Named(original, range) => original.append_to(buf, range.clone()),
        }
    }
}

/// Bytes of all values, in no order: what looks at traffic shall not take it for text or silence.
const fn filling() -> [u8; BLOCK as usize] {
    let mut bytes = [0; BLOCK as usize];
    let (mut state, mut i) = (1u32, 0);
    while i < bytes.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes[i] = (state >> 24) as u8;
        i += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::made_up;

    #[test]
    fn an_elided_range_is_the_same_however_it_is_asked_for() {
        let original = elided();
        let whole = original.range(0..original.len());
        assert_eq!(whole.len() as u64, original.len());
        for range in [0..1, 5..20, 16_380..16_400, 10..40_000, 16_384..32_768, original.len() - 3..original.len()] {
            let part = original.range(range.clone());
            assert_eq!(part, whole[range.start as usize..range.end as usize], "{range:?}");
            assert!(original.has(range.start, &part));
        }
    }

    #[test]
    fn a_single_wrong_bit_is_seen() {
        let original = elided();
        for at in [0, 15, 16, 9_000, 16_383] {
            let mut block = original.range(16_384..32_768);
            block[at] ^= 1;
            assert!(!original.has(16_384, &block), "byte {at}");
            assert_ne!(original.name_of(&block), Some(16_384..32_768), "byte {at}");
        }
    }

    #[test]
    fn a_block_tells_its_name_and_what_is_none_has_none() {
        let original = elided();
        let end = original.len();
        assert_eq!(original.name_of(&original.range(16_384..32_768)), Some(16_384..32_768));
        assert_eq!(original.name_of(&original.range(16_384..20_000)), Some(16_384..20_000));
        assert_eq!(original.name_of(&original.range(49_152..end)), Some(49_152..end));
        assert_eq!(original.name_of(&original.range(5..16_389)), None, "it does not begin with a block");
        assert_eq!(original.name_of(b"\0\0\0\x05\x04\0\0\0\x01"), None);
        let mut beyond = original.range(0..16_384);
        beyond[8..16].copy_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(original.name_of(&beyond), None, "there is no such block");
    }

    #[test]
    fn a_named_chunk_is_cut_as_its_bytes_would_be() {
        let original = Arc::new(elided());
        let bytes = original.range(16_384..32_768).freeze();
        let mut chunks = [Chunk::Named(Arc::clone(&original), 16_384..32_768), Chunk::Bytes(bytes)];
        let [named, real] = chunks.each_mut().map(|chunk| {
            let front = chunk.split_to(10);
            chunk.truncate(100);
            let mut out = BytesMut::new();
            front.append_to(&mut out);
            chunk.append_to(&mut out);
            (front.len(), chunk.len(), out)
        });
        assert_eq!(named, real);
        assert_eq!((named.0, named.1), (10, 100));
    }

    fn elided() -> Original {
        let (metainfo, _) = made_up("lesson.bin", 50_000, 32_768, 7).unwrap();
        Original::elided(Arc::new(metainfo.info))
    }
}
