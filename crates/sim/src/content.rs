//! What a simulated swarm shares, made in memory. Made-up content is the same, byte for byte, that the
//! other worlds write to disk for the same scenario and seed: its info-hash does not tell worlds apart.

use bytes::{Bytes, BytesMut};
use metainfo::{BuildError, Builder, Metainfo, RelativePath};
use model::{ByteCount, Rng};
use scenario::{Content, ContentSource};
use sha1::{Digest, Sha1};

/// The most that is made up: all of it lies in memory, once.
pub const CONTENT_MAX: ByteCount = ByteCount(2 << 30);

/// Why content could not be made.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ContentError {
    #[error("{0} of content do not fit the simulator's memory: {CONTENT_MAX} are the most")]
    TooLarge(ByteCount),
    #[error("the content lies on a disk, and must be read by whoever plays this")]
    OnDisk,
    #[error(transparent)]
    Torrent(#[from] BuildError),
}

/// Makes up what a scenario asks for: the torrent, which names no tracker yet, and its files in a row.
///
/// # Errors
/// Content that is not made up but found on a disk is not for this function.
pub fn make(content: &Content, name: &str, seed: u64) -> Result<(Metainfo, Bytes), ContentError> {
    let size = content.source.size().ok_or(ContentError::OnDisk)?;
    if size > CONTENT_MAX {
        return Err(ContentError::TooLarge(size));
    }
    let (mut builder, bytes) = match content.source {
        ContentSource::Tree { files, size } => tree(name, files, size, seed)?,
        _ => (Builder::single_file(name, size.0), file(size.0, &mut Rng::stream(seed, "content"))),
    };
    if let Some(piece) = content.piece {
        builder.piece_length = u32::try_from(piece.0).unwrap_or(u32::MAX);
    }
    Ok((build(&builder, &bytes)?, bytes))
}

/// One made-up file of `size` bytes.
///
/// # Errors
/// The name or the piece length suits no torrent.
pub fn made_up(name: &str, size: u64, piece_length: u32, seed: u64) -> Result<(Metainfo, Bytes), BuildError> {
    let mut builder = Builder::single_file(name, size);
    builder.piece_length = piece_length;
    let bytes = file(size, &mut Rng::stream(seed, "content"));
    Ok((build(&builder, &bytes)?, bytes))
}

fn build(builder: &Builder, bytes: &[u8]) -> Result<Metainfo, BuildError> {
    let pieces = bytes.chunks(builder.plan()?.piece_length() as usize);
    let hashes: Vec<[u8; 20]> = pieces.map(|piece| Sha1::digest(piece).into()).collect();
    builder.build(&hashes)
}

fn file(size: u64, rng: &mut Rng) -> Bytes {
    let mut bytes = vec![0; size as usize];
    rng.fill(&mut bytes);
    bytes.into()
}

/// A folder of made-up files, in the order of the torrent.
fn tree(name: &str, files: u32, size: ByteCount, seed: u64) -> Result<(Builder, Bytes), BuildError> {
    let sizes = sizes(files, size, &mut Rng::stream(seed, "tree"));
    let mut entries = Vec::new();
    for (i, &size) in sizes.iter().enumerate() {
        let folder = format!("part-{:02}", i / 16 + 1);
        let file = format!("file-{:03}.bin", i + 1);
        let path = RelativePath::from_components([folder.as_str(), file.as_str()]);
        entries.push((path.expect("letters, digits and dashes"), size, i));
    }
    entries.sort();
    let mut bytes = BytesMut::with_capacity(size.0 as usize);
    for (_, size, i) in &entries {
        bytes.extend_from_slice(&file(*size, &mut Rng::stream(seed, &format!("content {i}"))));
    }
    let files = entries.into_iter().map(|(path, size, _)| (path, size)).collect();
    Ok((Builder::folder(name, files), bytes.freeze()))
}

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
    fn what_is_too_large_or_elsewhere_is_refused() {
        let huge = make(&content(ContentSource::Size(ByteCount(1 << 40))), "x", 1);
        assert_eq!(huge.unwrap_err(), ContentError::TooLarge(ByteCount(1 << 40)));
        assert_eq!(make(&content(ContentSource::Given), "x", 1).unwrap_err(), ContentError::OnDisk);
    }

    fn content(source: ContentSource) -> Content {
        Content { source, piece: None, name: None, elide: false }
    }
}
