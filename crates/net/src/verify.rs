//! Comparing a folder with a torrent: which pieces are right, and what is wrong with which file.
//! Nothing is changed on disk. Symbolic links inside the torrent's folder are not followed, as
//! when downloading.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metainfo::Info;
use model::{ByteCount, PieceIndex, PieceSet};
use node::{DiskError, TorrentKey};
use sha1::{Digest, Sha1};

use crate::piecework::{HashProgress, for_all_pieces};
use crate::storage::{Handles, Storage};

/// What was found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The pieces that are right.
    pub pieces: PieceSet,
    /// Every file that takes room on a disk, in the torrent's order.
    pub files: Vec<VerifiedFile>,
}

/// One file, as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Where it should lie.
    pub path: PathBuf,
    /// How long it should be.
    pub length: ByteCount,
    /// What is wrong with it, if anything.
    pub state: FileState,
}

/// What is wrong with a file, if anything. Fits after its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileState {
    /// Every byte is right.
    #[error("is right")]
    Right,
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It ends too early; holds its length in bytes.
    #[error("is too short: {0}")]
    TooShort(ByteCount),
    /// It goes on past its end; holds its length in bytes.
    #[error("is too long: {0}")]
    TooLong(ByteCount),
    /// So many pieces with bytes of it have a wrong hash.
    #[error("is wrong in {0} pieces")]
    Wrong(u32),
    /// Nothing wrong was found, but so many pieces with bytes of it could not be checked, for
    /// another file in them is missing or too short.
    #[error("could not be checked in {0} pieces: they reach into files that are not there")]
    Unproven(u32),
    /// The system refused, or something else is there; in words for a person.
    #[error("could not be read: {0}")]
    Unreadable(String),
}

/// Of one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PieceState {
    Right,
    Wrong,
    Absent,
    Failed(String),
}

impl Verified {
    /// True when every file is there with every byte right.
    pub fn is_right(&self) -> bool {
        self.pieces.is_full() && self.files.iter().all(|file| file.state == FileState::Right)
    }
}

/// Reads what lies in `dir` and compares it with the torrent.
pub fn verify(info: &Arc<Info>, dir: &Path, mut progress: impl FnMut(HashProgress)) -> Verified {
    let storage = Storage::new(TorrentKey(0), dir.to_owned(), Arc::clone(info));
    let mut states = vec![PieceState::Absent; info.piece_count() as usize];
    let (mut done, total) = (ByteCount::ZERO, info.total_length());
    let work = |(handles, scratch): &mut (Handles, Vec<u8>), piece| check(&storage, handles, scratch, piece);
    for_all_pieces(info.piece_count(), Default::default, work, |piece, state| {
        states[piece.as_usize()] = state;
        done += ByteCount(info.piece_size(piece).into());
        progress(HashProgress { done, total });
        ControlFlow::Continue(())
    });
    let mut pieces = PieceSet::empty(info.piece_count());
    for (n, _) in states.iter().enumerate().filter(|(_, state)| **state == PieceState::Right) {
        pieces.insert(PieceIndex(n as u32));
    }
    let files = (0..info.files().len()).filter(|&file| !info.files()[file].pad);
    let files = files.map(|file| judge(info, dir, file, &states)).collect();
    Verified { pieces, files }
}

fn check(storage: &Storage, handles: &mut Handles, scratch: &mut Vec<u8>, piece: PieceIndex) -> PieceState {
    match storage.hash(handles, scratch, piece, (Sha1::new(), 0)) {
        Ok(hash) if hash == storage.info().piece_hash(piece) => PieceState::Right,
        Ok(_) => PieceState::Wrong,
        Err(DiskError::Absent) => PieceState::Absent,
        Err(DiskError::Failed(why)) => PieceState::Failed(why),
    }
}

fn judge(info: &Info, dir: &Path, file: usize, states: &[PieceState]) -> VerifiedFile {
    let entry = &info.files()[file];
    let path = info.disk_path(dir, file);
    let state = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Missing,
        Err(error) => FileState::Unreadable(error.to_string()),
        Ok(what) if what.is_symlink() => FileState::Unreadable("a symbolic link is not followed".to_owned()),
        Ok(what) if !what.is_file() => FileState::Unreadable("it is not a file".to_owned()),
        Ok(what) if what.len() < entry.length => FileState::TooShort(ByteCount(what.len())),
        Ok(what) if what.len() > entry.length => FileState::TooLong(ByteCount(what.len())),
        Ok(_) => judge_content(&states[pieces_of(info, file)]),
    };
    VerifiedFile { path, length: ByteCount(entry.length), state }
}

fn judge_content(states: &[PieceState]) -> FileState {
    let count = |state: PieceState| states.iter().filter(|s| **s == state).count() as u32;
    if let Some(PieceState::Failed(why)) = states.iter().find(|s| matches!(s, PieceState::Failed(_))) {
        return FileState::Unreadable(why.clone());
    }
    match (count(PieceState::Wrong), count(PieceState::Absent)) {
        (0, 0) => FileState::Right,
        (0, absent) => FileState::Unproven(absent),
        (wrong, _) => FileState::Wrong(wrong),
    }
}

/// The pieces that hold bytes of a file; none for an empty one.
fn pieces_of(info: &Info, file: usize) -> std::ops::Range<usize> {
    let entry = &info.files()[file];
    let piece_length = u64::from(info.piece_length());
    let first = entry.offset / piece_length;
    let end = (entry.offset + entry.length).div_ceil(piece_length);
    match entry.length {
        0 => 0..0,
        _ => first as usize..end as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::Content;
    use crate::testing::Sample;

    #[test]
    fn what_was_made_of_a_folder_verifies_there() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::folder(16_384, &[("a/one", 50_000), ("b", 16_384), ("none", 0), ("z/y/x", 3)]);
        sample.save(dir.path());
        std::fs::create_dir(dir.path().join("stuff/empty folder")).unwrap();
        let content = Content::find(&dir.path().join("stuff")).unwrap();
        assert_eq!((content.file_count(), content.total()), (4, ByteCount(66_387)));
        let mut builder = content.builder();
        builder.piece_length = 16_384;
        let mut last = None;
        let torrent = content.make(&builder, |progress| last = Some(progress)).unwrap();
        assert_eq!(torrent.info, *sample.info, "the same content gives the same torrent");
        assert_eq!(last.map(|p| (p.done, p.total)), Some((ByteCount(66_387), ByteCount(66_387))));

        let found = verify(&Arc::new(torrent.info), dir.path(), |_| {});
        assert!(found.is_right(), "{found:?}");
    }

    #[test]
    fn every_fault_is_told_for_the_file_it_is_in() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["good", "long", "missing", "short", "wrong"];
        // Each file has a piece of its own, but for `neighbour`, which shares one with `missing`.
        let mut lengths: Vec<(&str, u64)> = files.iter().map(|name| (*name, 16_384)).collect();
        lengths[2].1 = 16_284;
        lengths.push(("neighbour", 100));
        let sample = Sample::folder(16_384, &lengths);
        sample.save(dir.path());
        let at = |name: &str| dir.path().join("stuff").join(name);
        std::fs::remove_file(at("missing")).unwrap();
        let open = |name| fs::OpenOptions::new().write(true).open(at(name)).unwrap();
        open("long").set_len(20_000).unwrap();
        open("short").set_len(7).unwrap();
        std::fs::write(at("wrong"), [0; 16_384]).unwrap();
        let found = verify(&sample.info, dir.path(), |_| {});
        let state = |name: &str| {
            let file = found.files.iter().find(|file| file.path == at(name)).unwrap();
            file.state.clone()
        };
        assert_eq!(state("good"), FileState::Right);
        assert_eq!(state("long"), FileState::TooLong(ByteCount(20_000)));
        assert_eq!(state("missing"), FileState::Missing);
        assert_eq!(state("short"), FileState::TooShort(ByteCount(7)));
        assert_eq!(state("wrong"), FileState::Wrong(1));
        assert_eq!(state("neighbour"), FileState::Unproven(1));
        assert!(!found.is_right());
        assert_eq!(found.pieces.count(), 2);
    }
}
