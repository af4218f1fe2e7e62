//! Why bytes are not a torrent that we take.

use model::bound::PIECES_MAX;

use crate::bencode::SyntaxError;
use crate::geometry::LayoutError;
use crate::path::NameError;

/// Why a `.torrent` file or an info dictionary was refused. Fits after "failed to read
/// x.torrent: ". Files are counted from 0; text out of the file is quoted and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// Larger than anybody's torrent.
    #[error("{what} of {found} bytes is larger than the {max} allowed")]
    TooLarge {
        /// What is too large: the file, or its info dictionary.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not bencode at all, or cut short.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// Bencode, but something other than a dictionary stands here.
    #[error("{0} is not a dictionary")]
    NotADictionary(&'static str),
    /// A field of the wrong kind, twice the same field, or a list that is too long. Says
    /// which, and what was expected.
    #[error("{0}")]
    Shape(String),
    /// A field that every torrent has is not there.
    #[error("the field {0:?} is missing")]
    Missing(&'static str),
    /// A field that every file of a folder has is not there.
    #[error("the field {field:?} of files[{file}] is missing")]
    MissingInFile {
        /// Which file.
        file: usize,
        /// Which field.
        field: &'static str,
    },
    /// BEP 52: no `pieces`, so only a client of version 2 can fetch it.
    #[error("this is a torrent of version 2 only (BEP 52); version 1 or a hybrid is needed")]
    V2Only,
    /// Both `length` and `files`: clients would disagree on what this is.
    #[error("has both \"length\" and \"files\": a torrent is one file or a folder, not both")]
    FileAndFolder,
    /// The torrent's own name cannot be the name of a file or folder.
    #[error("the name {name} {why}")]
    Name {
        /// The name, quoted.
        name: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// A file's path cannot be a path below the torrent's folder.
    #[error("the path of files[{file}], {path}, {why}")]
    Path {
        /// Which file.
        file: usize,
        /// Its path, quoted.
        path: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// A negative length.
    #[error("the length of files[{file}], {length}, is negative")]
    NegativeLength {
        /// Which file; 0 for a single file.
        file: usize,
        /// The length found.
        length: i64,
    },
    /// `pieces` is not a whole number of SHA-1 hashes.
    #[error("the field \"pieces\" has {0} bytes, which is not a multiple of 20")]
    RaggedPieces(usize),
    /// `pieces` does not fit the lengths.
    #[error("has {found} piece hashes where its files need {wanted}")]
    PieceCount {
        /// Hashes found.
        found: usize,
        /// Pieces by the files' lengths; at most [`PIECES_MAX`].
        wanted: u32,
    },
    /// Lengths or names that make no torrent.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

const _: () = assert!(PIECES_MAX < u32::MAX, "a piece count fits its type");
