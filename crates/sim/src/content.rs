//! What a simulated swarm shares, made in memory. Made-up content is the same, byte for byte, that the
//! other worlds write to disk for the same scenario and seed: its info-hash does not tell worlds apart.

use bytes::{Bytes, BytesMut};
use metainfo::{BuildError, Builder, Metainfo, RelativePath};
use model::{ByteCount, Rng};
use scenario::{Content, ContentSource};
use sha1::{Digest, Sha1};

/// The most that is made up and kept: all of it lies in memory, once.
pub const CONTENT_MAX: ByteCount = ByteCount(2 << 30);

/// The most that is made up to be elided: its hashes cost a second a gigabyte, or a little more.
pub const ELIDED_MAX: ByteCount = ByteCount(64 << 30);

/// Why content could not be made.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ContentError {
    #[error(
        "{0} of content do not fit the simulator's memory: {CONTENT_MAX} are the most, and {ELIDED_MAX} with `elide: true`"
    )]
    TooLarge(ByteCount),
    #[error("the content lies on a disk, and must be read by whoever plays this")]
    OnDisk,
    #[error(transparent)]
    Torrent(#[from] BuildError),
}

/// What is to be made up.
struct MadeUp {
    builder: Builder,
    /// In the order of the torrent: sizes, and where the bytes come from.
    files: Vec<(u64, Rng)>,
}

/// Makes up what a scenario asks for: the torrent, which names no tracker yet, and its files in a row, or no bytes at
/// all where the scenario elides them.
///
/// # Errors
/// Content that is not made up but found on a disk is not for this function.
pub fn make(content: &Content, name: &str, seed: u64) -> Result<(Metainfo, Bytes), ContentError> {
    if content.elide {
        return Ok((torrent(content, name, seed)?, Bytes::new()));
    }
    Ok(MadeUp::new(content, name, seed, CONTENT_MAX)?.make()?)
}

/// The same torrent alone. Its content is made to know its hashes, piece by piece, and not kept: for
/// [`crate::Play::elided`].
///
/// # Errors
/// As [`make`].
pub fn torrent(content: &Content, name: &str, seed: u64) -> Result<Metainfo, ContentError> {
    let mut made_up = MadeUp::new(content, name, seed, ELIDED_MAX)?;
    let hashes = made_up.hashes()?;
    Ok(made_up.builder.build(&hashes)?)
}

/// One made-up file of `size` bytes.
///
/// # Errors
/// The name or the piece length suits no torrent.
pub fn made_up(name: &str, size: u64, piece_length: u32, seed: u64) -> Result<(Metainfo, Bytes), BuildError> {
    let mut made_up = MadeUp::file(name, size, seed);
    made_up.builder.piece_length = piece_length;
    made_up.make()
}

impl MadeUp {
    fn new(content: &Content, name: &str, seed: u64, most: ByteCount) -> Result<Self, ContentError> {
        let size = content.source.size().ok_or(ContentError::OnDisk)?;
        if size > most {
            return Err(ContentError::TooLarge(size));
        }
        let mut made_up = match content.source {
            ContentSource::Tree { files, size } => Self::tree(name, files, size, seed),
            _ => Self::file(name, size.0, seed),
        };
        if let Some(piece) = content.piece {
            made_up.builder.piece_length = u32::try_from(piece.0).unwrap_or(u32::MAX);
        }
        Ok(made_up)
    }

    fn file(name: &str, size: u64, seed: u64) -> Self {
        Self { builder: Builder::single_file(name, size), files: vec![(size, Rng::stream(seed, "content"))] }
    }

    /// A folder of made-up files.
    fn tree(name: &str, files: u32, size: ByteCount, seed: u64) -> Self {
        let sizes = sizes(files, size, &mut Rng::stream(seed, "tree"));
        let mut entries = Vec::new();
        for (i, &size) in sizes.iter().enumerate() {
            let folder = format!("part-{:02}", i / 16 + 1);
            let file = format!("file-{:03}.bin", i + 1);
            let path = RelativePath::from_components([folder.as_str(), file.as_str()]);
            entries.push((path.expect("letters, digits and dashes"), size, i));
        }
        entries.sort();
        let made = |&(_, size, i): &(_, u64, usize)| (size, Rng::stream(seed, &format!("content {i}")));
        let made = entries.iter().map(made).collect();
        let named = entries.into_iter().map(|(path, size, _)| (path, size)).collect();
        Self { builder: Builder::folder(name, named), files: made }
    }

    fn make(mut self) -> Result<(Metainfo, Bytes), BuildError> {
        let pieces = self.builder.plan()?.piece_length() as usize;
        let size: u64 = self.files.iter().map(|(size, _)| size).sum();
        let mut bytes = BytesMut::with_capacity(size as usize);
        self.portions(|portion| bytes.extend_from_slice(portion));
        let hashes: Vec<[u8; 20]> = bytes.chunks(pieces).map(|piece| Sha1::digest(piece).into()).collect();
        Ok((self.builder.build(&hashes)?, bytes.freeze()))
    }

    /// The hashes of its pieces.
    fn hashes(&mut self) -> Result<Vec<[u8; 20]>, BuildError> {
        let length = self.builder.plan()?.piece_length() as usize;
        let (mut hashes, mut piece, mut room) = (Vec::new(), Sha1::new(), length);
        self.portions(|mut portion| {
            while !portion.is_empty() {
                let (here, rest) = portion.split_at(room.min(portion.len()));
                piece.update(here);
                (portion, room) = (rest, room - here.len());
                if room == 0 {
                    hashes.push(std::mem::take(&mut piece).finalize().into());
                    room = length;
                }
            }
        });
        if room < length {
            hashes.push(piece.finalize().into());
        }
        Ok(hashes)
    }

    /// Makes its bytes, a portion after the other.
    fn portions(&mut self, mut take: impl FnMut(&[u8])) {
        let mut portion = vec![0; PORTION];
        for (size, rng) in &mut self.files {
            let mut left = *size;
            while left > 0 {
                let portion = &mut portion[..left.min(PORTION as u64) as usize];
                rng.fill(portion);
                take(portion);
                left -= portion.len() as u64;
            }
        }
    }
}

/// Bytes made at once: of whole numbers, so that they are those of a file made in one go.
const PORTION: usize = 64 << 10;

/// So many sizes, `total` altogether. Each weighs as the square of a lot drawn, so that a few are
/// large and many small.
pub fn sizes(files: u32, total: ByteCount, rng: &mut Rng) -> Vec<u64> {
    let weights: Vec<u64> = (0..files).map(|_| (rng.below(100) + 1).pow(2)).collect();
    let sum: u64 = weights.iter().sum();
    let part = |weight: u64| (u128::from(total.0) * u128::from(weight) / u128::from(sum.max(1))) as u64;
    let mut sizes: Vec<u64> = weights.into_iter().map(part).collect();
    let given: u64 = sizes.iter().sum();
    if let Some(last) = sizes.last_mut() {
        *last += total.0 - given;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_the_size_and_the_files_asked_for() {
        let wanted = ContentSource::Tree { files: 40, size: ByteCount(100_001) };
        let (metainfo, bytes) = make(&content(wanted), "tree", 1).unwrap();
        assert_eq!((metainfo.info.files().len(), bytes.len()), (40, 100_001));
    }

    #[test]
    fn the_torrent_of_what_is_not_kept_is_the_same() {
        for source in [
            ContentSource::Size(ByteCount(300_001)),
            ContentSource::Size(ByteCount(1 << 18)),
            ContentSource::Tree { files: 40, size: ByteCount(1_000_001) },
        ] {
            let content = Content { piece: Some(ByteCount(32 << 10)), ..content(source) };
            let (kept, _) = make(&content, "lesson", 3).unwrap();
            let alone = torrent(&content, "lesson", 3).unwrap();
            assert_eq!(kept.info.info_hash(), alone.info.info_hash(), "{content:?}");
        }
    }

    #[test]
    fn what_is_too_large_or_elsewhere_is_refused() {
        let huge = make(&content(ContentSource::Size(ByteCount(1 << 40))), "x", 1);
        assert_eq!(huge.unwrap_err(), ContentError::TooLarge(ByteCount(1 << 40)));
        assert_eq!(make(&content(ContentSource::Given), "x", 1).unwrap_err(), ContentError::OnDisk);
    }

    fn content(source: ContentSource) -> Content {
        Content { source, piece: None, name: None, archive: false, elide: false }
    }
}
