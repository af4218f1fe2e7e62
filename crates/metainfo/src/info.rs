//! The info dictionary (BEP 3): what the info-hash is the hash of, and all that peers have to
//! agree on. It comes out of a `.torrent` file, or from peers by BEP 9.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use librqbit_bencode as bencode;
use model::bound::{FILES_MAX, METADATA_BYTES_MAX, PATH_DEPTH_MAX};
use model::{Block, ByteCount, InfoHash, PieceIndex};
use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::error::MetainfoError;
use crate::field::{Bounded, Number, Present, Text};
use crate::geometry::{FileEntry, FileSlice, Geometry, LayoutError};
use crate::path::{RelativePath, decode_name, shown};

/// A checked info dictionary. Its bytes are kept as they came, with unknown keys and in
/// whatever order, so its hash is the one everybody else computes. Wrap it in an `Arc` to
/// share it.
///
/// The geometry's methods are repeated here; see [`Geometry`] for when they panic.
#[derive(Clone, PartialEq, Eq)]
pub struct Info {
    raw: Bytes,
    hash: InfoHash,
    root: RelativePath,
    private: bool,
    source: Option<String>,
    /// Twenty bytes a piece; a view into `raw`.
    pieces: Bytes,
    single_file: bool,
    geometry: Geometry,
}

impl Info {
    /// From the bencoded info dictionary. Its hash is taken, not compared: who asked peers
    /// for a given hash compares [`info_hash`](Self::info_hash) (BEP 9).
    pub fn from_bytes(raw: Bytes) -> Result<Self, MetainfoError> {
        if raw.len() > METADATA_BYTES_MAX {
            let (what, found, max) = ("its info dictionary", raw.len(), METADATA_BYTES_MAX);
            return Err(MetainfoError::TooLarge { what, found, max });
        }
        crate::bencode::check(&raw)?;
        if raw.first() != Some(&b'd') {
            return Err(MetainfoError::NotADictionary("the field \"info\""));
        }
        let dict: Dict<'_> = bencode::from_bytes(&raw)
            .map_err(|e| MetainfoError::Shape(format!("wrong in the info dictionary: {e}")))?;
        let pieces = dict.hashes()?;
        let root = dict.name()?;
        let (single_file, files) = dict.files(&root)?;
        let geometry = Geometry::new(dict.piece_length()?, files)?;
        check_piece_count(pieces, &geometry)?;
        Ok(Self {
            hash: InfoHash(Sha1::digest(&raw).into()),
            root,
            private: dict.private.is_some_and(|Number(n)| n != 0),
            source: dict.source.map(|Text(t)| String::from_utf8_lossy(t).into_owned()),
            pieces: raw.slice_ref(pieces),
            single_file,
            geometry,
            raw,
        })
    }

    /// SHA-1 of [`raw`](Self::raw): the torrent's name among peers.
    pub fn info_hash(&self) -> InfoHash {
        self.hash
    }

    /// The dictionary as it came: what BEP 9 hands to peers.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Name of the file or folder, fit for a disk.
    pub fn name(&self) -> &str {
        self.root.as_str()
    }

    /// BEP 27: peers come from the torrent's own trackers only.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// What some trackers put in to make the hash their own.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// True when the torrent is one file, false when it is a folder (even with one file in it).
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    /// Where a file lies when the torrent is kept in the folder `save`: `save/name` for a
    /// single file, `save/name/path` for a folder's.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn disk_path(&self, save: &Path, file: usize) -> PathBuf {
        let top = self.root.under(save);
        match self.single_file {
            true => top,
            false => self.files()[file].path.under(&top),
        }
    }

    /// The SHA-1 that this piece's bytes have to have.
    ///
    /// # Panics
    /// When there is no such piece.
    pub fn piece_hash(&self, piece: PieceIndex) -> [u8; 20] {
        let mut hash = [0; 20];
        hash.copy_from_slice(&self.pieces[piece.as_usize() * 20..][..20]);
        hash
    }

    /// How the torrent's bytes are cut.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// See [`Geometry::piece_length`].
    pub fn piece_length(&self) -> u32 {
        self.geometry.piece_length()
    }

    /// See [`Geometry::piece_count`].
    pub fn piece_count(&self) -> u32 {
        self.geometry.piece_count()
    }

    /// See [`Geometry::total_length`].
    pub fn total_length(&self) -> ByteCount {
        self.geometry.total_length()
    }

    /// See [`Geometry::piece_size`].
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        self.geometry.piece_size(piece)
    }

    /// See [`Geometry::block_count`].
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.geometry.block_count(piece)
    }

    /// See [`Geometry::block`].
    pub fn block(&self, piece: PieceIndex, n: u32) -> Block {
        self.geometry.block(piece, n)
    }

    /// See [`Geometry::blocks`].
    pub fn blocks(&self, piece: PieceIndex) -> impl ExactSizeIterator<Item = Block> + '_ {
        self.geometry.blocks(piece)
    }

    /// See [`Geometry::contains`].
    pub fn contains(&self, block: Block) -> bool {
        self.geometry.contains(block)
    }

    /// See [`Geometry::files`].
    pub fn files(&self) -> &[FileEntry] {
        self.geometry.files()
    }

    /// See [`Geometry::slices`].
    pub fn slices(
        &self,
        piece: PieceIndex,
        offset_in_piece: u32,
        length: u32,
    ) -> impl Iterator<Item = FileSlice> + use<'_> {
        self.geometry.slices(piece, offset_in_piece, length)
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Info({:?} {}, {} files, {} pieces)", self.name(), self.hash, self.files().len(), self.piece_count())
    }
}

fn check_piece_count(pieces: &[u8], geometry: &Geometry) -> Result<(), MetainfoError> {
    let (found, wanted) = (pieces.len() / 20, geometry.piece_count());
    match found == wanted as usize {
        true => Ok(()),
        false => Err(MetainfoError::PieceCount { found, wanted }),
    }
}

/// The dictionary as written. Everything is optional here, so that what is missing can be
/// named well.
#[derive(Deserialize)]
struct Dict<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "name.utf-8")]
    name_utf8: Option<Text<'a>>,
    #[serde(rename = "piece length")]
    piece_length: Option<Number>,
    #[serde(borrow)]
    pieces: Option<Text<'a>>,
    length: Option<Number>,
    #[serde(borrow)]
    files: Option<Bounded<DictFile<'a>, FILES_MAX>>,
    #[serde(borrow)]
    attr: Option<Text<'a>>,
    private: Option<Number>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(rename = "meta version")]
    meta_version: Option<Number>,
    #[serde(rename = "file tree")]
    file_tree: Option<Present>,
}

/// One entry of `files`. Names past the depth allowed are refused while they are read.
#[derive(Deserialize)]
struct DictFile<'a> {
    length: Option<Number>,
    #[serde(borrow)]
    path: Option<Bounded<Text<'a>, NAMES_MAX>>,
    #[serde(borrow, rename = "path.utf-8")]
    path_utf8: Option<Bounded<Text<'a>, NAMES_MAX>>,
    #[serde(borrow)]
    attr: Option<Text<'a>>,
}

const NAMES_MAX: usize = PATH_DEPTH_MAX + 1;

impl<'a> Dict<'a> {
    fn hashes(&self) -> Result<&'a [u8], MetainfoError> {
        let is_v2 = self.file_tree.is_some() || matches!(self.meta_version, Some(Number(2)));
        match self.pieces {
            Some(Text(pieces)) if pieces.len() % 20 == 0 => Ok(pieces),
            Some(Text(pieces)) => Err(MetainfoError::RaggedPieces(pieces.len())),
            None if is_v2 => Err(MetainfoError::V2Only),
            None => Err(MetainfoError::Missing("pieces")),
        }
    }

    fn name(&self) -> Result<RelativePath, MetainfoError> {
        let utf8 = self.name_utf8.filter(|Text(name)| std::str::from_utf8(name).is_ok());
        let Text(name) = utf8.or(self.name).ok_or(MetainfoError::Missing("name"))?;
        let name = decode_name(name);
        RelativePath::from_components([&*name]).map_err(|why| MetainfoError::Name { name: shown(&name), why })
    }

    fn piece_length(&self) -> Result<u32, MetainfoError> {
        let Number(length) = self.piece_length.ok_or(MetainfoError::Missing("piece length"))?;
        u32::try_from(length).map_err(|_| LayoutError::PieceLength(length).into())
    }

    /// Whether it is a single file, and the files.
    fn files(&self, root: &RelativePath) -> Result<(bool, Vec<FileEntry>), MetainfoError> {
        match (self.length, &self.files) {
            (Some(_), Some(_)) => Err(MetainfoError::FileAndFolder),
            (None, None) => Err(MetainfoError::Missing("length")),
            (Some(length), None) => {
                let length = file_length(length, 0)?;
                let executable = has_attr(self.attr, b'x');
                Ok((true, vec![FileEntry { path: root.clone(), length, offset: 0, pad: false, executable }]))
            }
            (None, Some(Bounded(files))) => {
                let mut entries = Vec::with_capacity(files.len());
                for (index, file) in files.iter().enumerate() {
                    entries.extend(file.entry(index)?);
                }
                Ok((false, entries))
            }
        }
    }
}

impl DictFile<'_> {
    /// The file, or `None` for a symbolic link (BEP 47). Links are left out: they have no
    /// bytes, and to follow them could lead out of the folder.
    fn entry(&self, index: usize) -> Result<Option<FileEntry>, MetainfoError> {
        if has_attr(self.attr, b'l') {
            return Ok(None);
        }
        let missing = MetainfoError::MissingInFile { file: index, field: "length" };
        let length = file_length(self.length.ok_or(missing)?, index)?;
        let pad = has_attr(self.attr, b'p');
        let path = match self.names() {
            [] if pad => RelativePath::from_components([".pad", &length.to_string()]),
            names => {
                let names: Vec<_> = names.iter().map(|Text(name)| decode_name(name)).collect();
                RelativePath::from_components(names.iter().map(|name| &**name))
            }
        };
        let path = path.map_err(|why| MetainfoError::Path { file: index, path: self.shown_path(), why })?;
        Ok(Some(FileEntry { path, length, offset: 0, pad, executable: has_attr(self.attr, b'x') }))
    }

    /// `path.utf-8` where it keeps its promise, else `path`.
    fn names(&self) -> &[Text<'_>] {
        let all_utf8 = |names: &&Bounded<Text<'_>, NAMES_MAX>| {
            !names.0.is_empty() && names.0.iter().all(|Text(name)| std::str::from_utf8(name).is_ok())
        };
        let names = self.path_utf8.as_ref().filter(all_utf8).or(self.path.as_ref());
        names.map_or(&[], |names| &names.0)
    }

    fn shown_path(&self) -> String {
        let names: Vec<_> = self.names().iter().map(|Text(name)| decode_name(name)).collect();
        shown(&names.join("/"))
    }
}

fn file_length(Number(length): Number, file: usize) -> Result<u64, MetainfoError> {
    u64::try_from(length).map_err(|_| MetainfoError::NegativeLength { file, length })
}

/// BEP 47: each letter of `attr` says one thing about a file.
fn has_attr(attr: Option<Text<'_>>, letter: u8) -> bool {
    attr.is_some_and(|Text(letters)| letters.contains(&letter))
}
