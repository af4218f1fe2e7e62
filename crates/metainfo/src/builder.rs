//! Making a torrent out of facts: names, lengths and piece hashes. Who reads the files and
//! hashes them is somebody else; [`Builder::plan`] tells them which bytes make which piece.
//!
//! Deterministic: the same facts give the same bytes on every machine. Files are sorted by
//! the names of their paths, bytewise, and no clock is read.

use bytes::Bytes;
use librqbit_bencode::ByteBuf;
use model::ByteCount;
use serde::Serialize;

use crate::error::MetainfoError;
use crate::file::{Metainfo, to_bencode};
use crate::geometry::{FileEntry, Geometry, LayoutError};
use crate::info::Info;
use crate::path::{NameError, RelativePath, shown};
use crate::piece_length::piece_length_for;

/// A torrent in the making. Fill in the fields, then [`plan`](Self::plan), hash the pieces in
/// order, and [`build`](Self::build).
///
/// ```
/// # use swarmlab_metainfo::Builder;
/// let mut builder = Builder::single_file("hello.txt", 5);
/// builder.announce = vec![vec!["udp://10.0.0.1:6969".to_owned()]];
/// let plan = builder.plan()?;
/// assert_eq!(plan.piece_count(), 1);
/// let torrent = builder.build(&[[7; 20]])?;
/// assert_eq!(torrent.info.name(), "hello.txt");
/// # Ok::<(), swarmlab_metainfo::BuildError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builder {
    /// Name of the file or folder.
    pub name: String,
    /// Bytes in a piece: a power of two, or a multiple of 16 KiB.
    pub piece_length: u32,
    /// Files and their lengths in bytes, in any order; of a folder the paths below it.
    pub files: Vec<(RelativePath, u64)>,
    /// True for one file that lies in no folder of its own. It is called `name`; its path in
    /// `files` is not looked at.
    pub single_file: bool,
    /// BEP 27: peers come from the torrent's own trackers only.
    pub private: bool,
    /// Makes the hash different from the same content's elsewhere.
    pub source: Option<String>,
    /// Free text for people.
    pub comment: Option<String>,
    /// The program that makes the file.
    pub created_by: Option<String>,
    /// Seconds since 1970; left out of the file when `None`.
    pub creation_date: Option<i64>,
    /// Trackers by tier (BEP 12). Empty tiers are left out.
    pub announce: Vec<Vec<String>>,
    /// BEP 19: HTTP or FTP addresses of the same content.
    pub web_seeds: Vec<String>,
}

/// Why no torrent can be made. Fits after "failed to make a torrent of x: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The torrent's own name cannot be the name of a file or folder.
    #[error("the name {name} {why}")]
    Name {
        /// The name, quoted.
        name: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// A single file, but not one file given; holds their number.
    #[error("{0} files are not a single file")]
    NotSingle(usize),
    /// A piece length that other clients refuse.
    #[error("a piece length of {0} bytes is neither a power of two nor a multiple of 16 KiB")]
    OddPieceLength(u32),
    /// Files that do not go together.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Not one hash a piece.
    #[error("{found} piece hashes were given where the files need {wanted}")]
    HashCount {
        /// Hashes given.
        found: usize,
        /// Pieces planned.
        wanted: u32,
    },
    /// What came out would be refused by every reader: so many files or pieces that the info
    /// dictionary is too large. Longer pieces help.
    #[error("the torrent would be refused by its readers: {0}")]
    Unreadable(MetainfoError),
}

impl Builder {
    /// One file, with the automatic piece length.
    pub fn single_file(name: &str, length: u64) -> Self {
        let files = RelativePath::from_components([name]).map(|path| (path, length));
        Self {
            name: name.to_owned(),
            piece_length: piece_length_for(ByteCount(length)),
            // A bad name is the plan's to report.
            files: files.into_iter().collect(),
            single_file: true,
            ..Self::default()
        }
    }

    /// A folder with these files, with the automatic piece length.
    pub fn folder(name: &str, files: Vec<(RelativePath, u64)>) -> Self {
        let total = files.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
        Self { name: name.to_owned(), piece_length: piece_length_for(ByteCount(total)), files, ..Self::default() }
    }

    /// How the files will be cut into pieces. Its [`files`](Geometry::files) are in the order
    /// of the torrent, which is the order to read them in.
    pub fn plan(&self) -> Result<Geometry, BuildError> {
        let name = self.checked_name()?;
        let length = self.piece_length;
        if length != 0 && !length.is_power_of_two() && !length.is_multiple_of(model::BLOCK_SIZE) {
            return Err(BuildError::OddPieceLength(length));
        }
        if self.single_file && self.files.len() != 1 {
            return Err(BuildError::NotSingle(self.files.len()));
        }
        let entry = |path: &RelativePath, length: u64| {
            let path = path.clone();
            FileEntry { path, length, offset: 0, pad: false, executable: false }
        };
        let mut files: Vec<FileEntry> = match self.single_file {
            true => self.files.iter().map(|(_, length)| entry(&name, *length)).collect(),
            false => self.files.iter().map(|(path, length)| entry(path, *length)).collect(),
        };
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Geometry::new(length, files)?)
    }

    /// The torrent, from the SHA-1 of every piece of the [`plan`](Self::plan), in order.
    pub fn build(&self, hashes: &[[u8; 20]]) -> Result<Metainfo, BuildError> {
        let plan = self.plan()?;
        if hashes.len() != plan.piece_count() as usize {
            return Err(BuildError::HashCount { found: hashes.len(), wanted: plan.piece_count() });
        }
        let raw = to_bencode(&self.dictionary(&plan, hashes)?);
        let info = Info::from_bytes(Bytes::from(raw)).map_err(BuildError::Unreadable)?;
        assert!(*info.geometry() == plan, "a torrent has the geometry it was planned with");
        Ok(Metainfo {
            info,
            announce: self.announce.iter().filter(|tier| !tier.is_empty()).cloned().collect(),
            comment: self.comment.clone(),
            created_by: self.created_by.clone(),
            creation_date: self.creation_date,
            web_seeds: self.web_seeds.clone(),
        })
    }

    fn dictionary<'a>(&'a self, plan: &'a Geometry, hashes: &'a [[u8; 20]]) -> Result<InfoOut<'a>, BuildError> {
        let files = plan.files().iter();
        let (length, files) = match self.single_file {
            true => (Some(plan.total_length().0), None),
            false => (None, Some(files.map(|f| FileOut { length: f.length, path: Names(&f.path) }).collect())),
        };
        Ok(InfoOut {
            files,
            length,
            name: self.checked_name()?.as_str().to_owned(),
            piece_length: plan.piece_length(),
            pieces: ByteBuf(hashes.as_flattened()),
            private: self.private.then_some(1),
            source: self.source.as_deref(),
        })
    }

    fn checked_name(&self) -> Result<RelativePath, BuildError> {
        RelativePath::from_components([self.name.as_str()])
            .map_err(|why| BuildError::Name { name: shown(&self.name), why })
    }
}

#[derive(Serialize)]
struct InfoOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    name: String,
    #[serde(rename = "piece length")]
    piece_length: u32,
    pieces: ByteBuf<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct FileOut<'a> {
    length: u64,
    path: Names<'a>,
}

/// A path as a list of its names.
struct Names<'a>(&'a RelativePath);

impl Serialize for Names<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.components())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, u64)]) -> Builder {
        Builder::folder("album", files.iter().map(|&(path, length)| (path.parse().unwrap(), length)).collect())
    }

    #[test]
    fn files_are_sorted_the_same_way_on_every_machine() {
        let plan = folder(&[("c", 1), ("a.b", 2), ("a/z", 3), ("B", 4)]).plan().unwrap();
        let order: Vec<_> = plan.files().iter().map(|f| (f.path.as_str(), f.offset)).collect();
        assert_eq!(order, [("B", 0), ("a/z", 4), ("a.b", 7), ("c", 9)]);
    }

    #[test]
    fn what_other_clients_would_refuse_is_not_made() {
        let make = |change: fn(&mut Builder)| {
            let mut builder = folder(&[("a", 100)]);
            change(&mut builder);
            builder.build(&[[0; 20]]).map(|_| ()).unwrap_err().to_string()
        };
        assert_eq!(make(|b| b.name = "..".into()), "the name \"..\" has a name of dots that means another folder");
        assert_eq!(make(|b| b.piece_length = 0), "a piece length of 0 bytes is not between 1 and 268435456");
        assert_eq!(
            make(|b| b.piece_length = 1000),
            "a piece length of 1000 bytes is neither a power of two nor a multiple of 16 KiB"
        );
        assert_eq!(make(|b| b.piece_length = 64), "1 piece hashes were given where the files need 2");
        assert_eq!(make(|b| b.files.clear()), "there is nothing to share: all files together have no bytes");
        assert_eq!(
            make(|b| b.files.push(("A".parse().unwrap(), 1))),
            "files[0] \"A\" and files[1] \"a\" are the same file on some disks"
        );
    }

    #[test]
    fn a_single_file_is_one_file_called_as_the_torrent() {
        let mut builder = Builder::single_file("a", 7);
        builder.name = "b".into();
        assert_eq!(builder.build(&[[1; 20]]).unwrap().info.files()[0].path.as_str(), "b");
        builder.files.push(("c".parse().unwrap(), 7));
        assert_eq!(builder.plan(), Err(BuildError::NotSingle(2)));
        assert!(matches!(Builder::single_file("a/b", 7).plan(), Err(BuildError::Name { .. })));
    }
}
