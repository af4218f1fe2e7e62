//! How a torrent's bytes are cut: into pieces for the hashes, into blocks for the wire, into
//! files for the disk. Pieces do not care where files end (BEP 3: "the files are
//! concatenated in the order they appear"), so one block may touch many files.

use model::bound::{FILES_MAX, PIECE_BYTES_MAX, PIECES_MAX};
use model::{BLOCK_SIZE, Block, BlockOffset, ByteCount, PieceIndex};

use crate::path::{RelativePath, shown};

/// Files in a row, cut into pieces. Known before any hash is.
///
/// Exists only with at least one byte, offsets that follow from the lengths, and paths of
/// which no disk would take two for the same. Methods that take a [`PieceIndex`] panic when
/// it is not below [`piece_count`](Self::piece_count), except [`contains`](Self::contains),
/// which is the question to ask of numbers from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    piece_length: u32,
    piece_count: u32,
    total: u64,
    files: Vec<FileEntry>,
}

/// One file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Of a folder torrent the path below the folder; of a single file its name.
    pub path: RelativePath,
    /// Bytes.
    pub length: u64,
    /// Where the file begins in the torrent, in bytes.
    pub offset: u64,
    /// BEP 47: zeros that align the next file to a piece. Part of the pieces, not of the
    /// disk; paths of pad files may repeat.
    pub pad: bool,
    /// BEP 47: the file is a program.
    pub executable: bool,
}

/// A range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSlice {
    /// Which file, counted from 0.
    pub file: usize,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// Bytes; never zero.
    pub length: u64,
}

/// Why files and a piece length make no torrent. Files are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// No file, or only empty ones.
    #[error("there is nothing to share: all files together have no bytes")]
    NoBytes,
    /// More than [`FILES_MAX`] files; holds their number.
    #[error("{0} files are more than the {FILES_MAX} allowed")]
    TooManyFiles(usize),
    /// Zero, negative or more than [`PIECE_BYTES_MAX`].
    #[error("a piece length of {0} bytes is not between 1 and {PIECE_BYTES_MAX}")]
    PieceLength(i64),
    /// More bytes than [`PIECES_MAX`] pieces of this length hold.
    #[error("pieces of {piece_length} bytes are too short: more than {PIECES_MAX} pieces up to files[{file}]")]
    TooManyPieces {
        /// The piece length, in bytes.
        piece_length: u32,
        /// The file at which the sum grows too large.
        file: usize,
    },
    /// Two files with one name, at least for disks that know no case or for Windows.
    #[error("files[{first}] {first_path} and files[{second}] {second_path} are the same file on some disks")]
    Duplicate {
        /// The earlier file.
        first: usize,
        /// Its path, quoted.
        first_path: String,
        /// The later file.
        second: usize,
        /// Its path, quoted.
        second_path: String,
    },
    /// A file where another file needs a folder.
    #[error("files[{file}] {path} would have to be a folder, too, for files[{inside}] {inside_path}")]
    FileIsFolder {
        /// The file.
        file: usize,
        /// Its path, quoted.
        path: String,
        /// The file inside it.
        inside: usize,
        /// Its path, quoted.
        inside_path: String,
    },
}

impl Geometry {
    /// Cuts files into pieces of `piece_length` bytes. The offsets in `files` are set here.
    pub(crate) fn new(piece_length: u32, mut files: Vec<FileEntry>) -> Result<Self, LayoutError> {
        if piece_length == 0 || piece_length > PIECE_BYTES_MAX {
            return Err(LayoutError::PieceLength(i64::from(piece_length)));
        }
        if files.len() > FILES_MAX {
            return Err(LayoutError::TooManyFiles(files.len()));
        }
        let total_max = u64::from(piece_length) * u64::from(PIECES_MAX);
        let mut total = 0u64;
        for (file, entry) in files.iter_mut().enumerate() {
            entry.offset = total;
            total = total
                .checked_add(entry.length)
                .filter(|&t| t <= total_max)
                .ok_or(LayoutError::TooManyPieces { piece_length, file })?;
        }
        if total == 0 {
            return Err(LayoutError::NoBytes);
        }
        refuse_clashes(&files)?;
        // Fits: total is at most PIECES_MAX pieces.
        let piece_count = total.div_ceil(u64::from(piece_length)) as u32;
        Ok(Self { piece_length, piece_count, total, files })
    }

    /// Bytes in a piece; the last may have fewer.
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// Number of pieces; at least one.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Bytes of all files together, pads included; at least one.
    pub fn total_length(&self) -> ByteCount {
        ByteCount(self.total)
    }

    /// All files in torrent order.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Where a piece begins in the torrent, in bytes.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        assert!(piece.0 < self.piece_count, "piece {piece} of {}", self.piece_count);
        u64::from(piece.0) * u64::from(self.piece_length)
    }

    /// Bytes of this piece: the piece length, or what is left for the last.
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        let left = self.total - self.piece_offset(piece);
        left.min(u64::from(self.piece_length)) as u32
    }

    /// Blocks of 16 KiB in this piece, the last of which may be shorter.
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_size(piece).div_ceil(BLOCK_SIZE)
    }

    /// Block number `n` of a piece.
    ///
    /// # Panics
    /// When the piece has no such block.
    pub fn block(&self, piece: PieceIndex, n: u32) -> Block {
        let size = self.piece_size(piece);
        assert!(n < size.div_ceil(BLOCK_SIZE), "block {n} of piece {piece}, which has {size} bytes");
        let offset = n * BLOCK_SIZE;
        Block { piece, offset: BlockOffset(offset), length: BLOCK_SIZE.min(size - offset) }
    }

    /// All blocks of a piece, in order.
    pub fn blocks(&self, piece: PieceIndex) -> impl ExactSizeIterator<Item = Block> + '_ {
        (0..self.block_count(piece)).map(move |n| self.block(piece, n))
    }

    /// True when the piece exists and the whole range, of at least one byte, lies inside it.
    pub fn contains(&self, block: Block) -> bool {
        block.length > 0
            && block.piece.0 < self.piece_count
            && block.offset.0.checked_add(block.length).is_some_and(|end| end <= self.piece_size(block.piece))
    }

    /// The file ranges that a range of a piece consists of, in order and without gaps. Pad
    /// files are among them: their bytes are zeros, to be neither read nor written.
    ///
    /// # Panics
    /// When the range reaches past the end of its piece.
    pub fn slices(
        &self,
        piece: PieceIndex,
        offset_in_piece: u32,
        length: u32,
    ) -> impl Iterator<Item = FileSlice> + use<'_> {
        let size = self.piece_size(piece);
        assert!(
            offset_in_piece.checked_add(length).is_some_and(|end| end <= size),
            "bytes {offset_in_piece}+{length} of piece {piece}, which has {size}"
        );
        let start = self.piece_offset(piece) + u64::from(offset_in_piece);
        let end = start + u64::from(length);
        let first = self.files.partition_point(|f| f.offset + f.length <= start);
        self.files[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, f)| f.offset < end)
            .filter(|(_, f)| f.length > 0)
            .map(move |(i, f)| {
                let from = start.max(f.offset);
                let to = end.min(f.offset + f.length);
                FileSlice { file: first + i, offset: from - f.offset, length: to - from }
            })
            .filter(|slice| slice.length > 0)
    }
}

/// Refuses two files that some disk would take for one, and a file inside a file. Pad files
/// never reach a disk, and makers give them all the same name.
fn refuse_clashes(files: &[FileEntry]) -> Result<(), LayoutError> {
    let mut keys: Vec<(String, usize)> =
        files.iter().enumerate().filter(|(_, f)| !f.pad).map(|(i, f)| (f.path.sameness_key(), i)).collect();
    keys.sort_unstable();
    // Sorted, whatever equals a path or lies below it follows directly.
    for pair in keys.windows(2) {
        let [(above, a), (below, b)] = pair else { continue };
        let quoted = |i: usize| shown(files[i].path.as_str());
        if above == below {
            let (first, second) = (*a, *b);
            return Err(LayoutError::Duplicate {
                first,
                first_path: quoted(first),
                second,
                second_path: quoted(second),
            });
        }
        if below.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('\0')) {
            return Err(LayoutError::FileIsFolder { file: *a, path: quoted(*a), inside: *b, inside_path: quoted(*b) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(piece_length: u32, files: &[(&str, u64)]) -> Result<Geometry, LayoutError> {
        Geometry::new(piece_length, files.iter().map(|&(path, length)| entry(path, length)).collect())
    }

    fn entry(path: &str, length: u64) -> FileEntry {
        FileEntry { path: path.parse().unwrap(), length, offset: 0, pad: false, executable: false }
    }

    #[test]
    fn the_last_piece_and_the_last_block_are_shorter() {
        let g = geometry(40_000, &[("a", 100_000)]).unwrap();
        assert_eq!(g.piece_count(), 3);
        assert_eq!(g.piece_size(PieceIndex(1)), 40_000);
        assert_eq!(g.piece_size(PieceIndex(2)), 20_000);
        assert_eq!(g.block_count(PieceIndex(0)), 3);
        let lengths: Vec<u32> = g.blocks(PieceIndex(0)).map(|b| b.length).collect();
        assert_eq!(lengths, [16_384, 16_384, 7_232]);
        assert_eq!(g.block(PieceIndex(2), 1).length, 3_616);
    }

    #[test]
    fn a_block_from_outside_is_inside_only_as_a_whole() {
        let g = geometry(40_000, &[("a", 100_000)]).unwrap();
        let block = |piece, offset, length| Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length };
        assert!(g.contains(block(0, 0, 40_000)));
        assert!(g.contains(block(2, 19_999, 1)));
        for outside in [block(0, 0, 0), block(0, 1, 40_000), block(2, 20_000, 1), block(3, 0, 1)] {
            assert!(!g.contains(outside), "{outside}");
        }
        assert!(!g.contains(block(0, u32::MAX, u32::MAX)));
    }

    #[test]
    fn a_block_touches_every_file_it_covers_and_no_empty_one() {
        let g = geometry(10, &[("a", 4), ("none", 0), ("b", 3), ("c", 8), ("last", 0)]).unwrap();
        let slices: Vec<_> = g.slices(PieceIndex(0), 2, 8).map(|s| (s.file, s.offset, s.length)).collect();
        assert_eq!(slices, [(0, 2, 2), (2, 0, 3), (3, 0, 3)]);
        let slices: Vec<_> = g.slices(PieceIndex(1), 0, 5).map(|s| (s.file, s.offset, s.length)).collect();
        assert_eq!(slices, [(3, 3, 5)]);
        assert_eq!(g.slices(PieceIndex(1), 5, 0).count(), 0);
    }

    #[test]
    fn names_that_some_disk_takes_for_one_are_refused() {
        for pair in [["a", "a"], ["Dir/README", "dir/Readme"], ["what?", "what*"], ["x/aux", "X/_aux"], ["É", "é"]] {
            let error = geometry(16, &[(pair[0], 1), ("between", 1), (pair[1], 1)]).unwrap_err();
            assert!(matches!(error, LayoutError::Duplicate { first: 0, second: 2, .. }), "{pair:?}: {error}");
        }
    }

    #[test]
    fn a_file_is_not_a_folder_of_another() {
        let error = geometry(16, &[("a/b/c", 1), ("a b", 1), ("A/B", 1)]).unwrap_err();
        assert!(matches!(error, LayoutError::FileIsFolder { file: 2, inside: 0, .. }), "{error}");
        assert!(geometry(16, &[("a/b", 1), ("A/c", 1), ("ab", 1)]).is_ok());
    }

    #[test]
    fn sums_stop_before_they_overflow() {
        let error = geometry(16, &[("a", u64::MAX), ("b", u64::MAX)]).unwrap_err();
        assert_eq!(error, LayoutError::TooManyPieces { piece_length: 16, file: 0 });
        assert_eq!(geometry(0, &[("a", 1)]), Err(LayoutError::PieceLength(0)));
        assert_eq!(geometry(16, &[("a", 0)]), Err(LayoutError::NoBytes));
        assert_eq!(geometry(16, &[]), Err(LayoutError::NoBytes));
    }
}
