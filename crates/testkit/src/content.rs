//! Content and torrents for tests.

use metainfo::{Builder, Metainfo, RelativePath};
use model::Rng;
use sha1::{Digest, Sha1};

/// Bytes that are a function of the seed.
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Rng::from_seed(seed).fill(&mut bytes);
    bytes
}

/// A single-file torrent of these bytes, announced at `tracker`.
pub fn torrent_of(bytes: &[u8], piece_length: u32, tracker: &str) -> Metainfo {
    finish(Builder::single_file("lesson.bin", bytes.len() as u64), bytes, piece_length, tracker)
}

/// A folder torrent whose files are consecutive parts of these bytes.
pub fn folder_torrent(bytes: &[u8], lengths: &[u64], piece_length: u32, tracker: &str) -> Metainfo {
    assert_eq!(lengths.iter().sum::<u64>(), bytes.len() as u64, "the files are the content");
    let path = |i: usize| RelativePath::from_components([format!("part-{i:03}.bin").as_str()]).unwrap();
    let files = lengths.iter().enumerate().map(|(i, &length)| (path(i), length)).collect();
    finish(Builder::folder("lesson", files), bytes, piece_length, tracker)
}

fn finish(mut builder: Builder, bytes: &[u8], piece_length: u32, tracker: &str) -> Metainfo {
    builder.piece_length = piece_length;
    builder.announce = vec![vec![tracker.to_owned()]];
    let hashes: Vec<[u8; 20]> = bytes.chunks(piece_length as usize).map(|piece| Sha1::digest(piece).into()).collect();
    builder.build(&hashes).unwrap()
}
