//! What is handed over: an archive with its torrent, or for a plain share the torrent of the folder
//! itself. And a note beside it, with which a later call finds it again.
//!
//! ```text
//! NAME.7z             the archive
//! NAME.7z.torrent     its torrent: one file, not private, no date, no program's name
//! NAME.7z.share       the note: which folder, and what it was like. For this machine's user alone
//! ```
//! The torrent of an archive needs no second read: its pieces are hashed while it is written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use metainfo::{BuildError, Builder, Metainfo, piece_length_for};
use model::bound::TORRENT_FILE_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::Password;
use crate::archive::{self, PackError, PackOptions, Survey, Watch};

/// What is shared, ready to be seeded.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The archive; of a plain share the file or folder itself.
    pub content: PathBuf,
    /// Where the torrent lies.
    pub torrent_file: PathBuf,
    /// The torrent.
    pub torrent: Metainfo,
    /// What it was made of.
    pub note: Note,
}

/// What a later call needs to know. Holds no secret, but the name of a folder that nobody else needs to
/// know: it is readable for its user alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Note {
    /// The file or folder that was shared.
    pub of: PathBuf,
    /// The archive; of a plain share the same as `of`.
    pub content: PathBuf,
    /// Of names, sizes and times of change, as they were. See [`Survey::fingerprint`].
    pub fingerprint: String,
    /// Straight from the folder, without encryption.
    pub plain: bool,
    /// The port that the magnet link names.
    pub port: u16,
}

/// Where a parcel goes and what its torrent says.
#[derive(Debug, Clone)]
pub struct Wrapping {
    /// The archive, or of a plain share the torrent without its ending: `dir/burly-duckbill-aviation.7z`.
    pub name: PathBuf,
    /// Trackers by tier (BEP 12).
    pub announce: Vec<Vec<String>>,
    /// The port that it will be seeded from.
    pub port: u16,
    /// Replace what has these names.
    pub replace: bool,
}

/// Why there is no parcel. Fits after "failed to share x: ".
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// No archive.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// No torrent of a folder.
    #[error(transparent)]
    Create(#[from] net::CreateError),
    /// No torrent of an archive: it is too large for one, most likely.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The torrent or the note cannot be written; the system's words are its source. An archive that was
    /// made is whole, and stays.
    #[error("write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Something has the torrent's name.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
}

/// Why an earlier parcel cannot be used. Fits after "failed to share x again: ".
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The torrent cannot be read.
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It is no torrent.
    #[error("{} is no torrent: {source}", path.display())]
    Torrent { path: PathBuf, source: Box<metainfo::MetainfoError> },
    /// What it describes is not where it was.
    #[error("{} is gone: share the folder again", .0.display())]
    Gone(PathBuf),
}

/// Packs what the survey found, and makes the torrent of it. The password is the caller's to show.
pub fn pack(
    survey: &Survey,
    password: &Password,
    options: &PackOptions,
    wrapping: &Wrapping,
    watch: Watch<'_>,
) -> Result<Parcel, ParcelError> {
    let torrent_file = check_torrent_file(wrapping)?;
    // Bytes of the archive are not known yet, but what goes in bounds them nearly.
    let piece_length = options.piece_length.unwrap_or_else(|| piece_length_for(survey.total()));
    let options = PackOptions { piece_length: Some(piece_length), replace: wrapping.replace, ..*options };
    let packed = archive::pack(survey, &wrapping.name, password, &options, watch)?;
    let name = wrapping.name.file_name().unwrap_or_default().to_string_lossy();
    let mut builder = Builder::single_file(&name, packed.length.0);
    builder.piece_length = piece_length;
    builder.announce.clone_from(&wrapping.announce);
    let hashes = packed.pieces.expect("the pieces were to be hashed").hashes;
    let note = Note {
        of: survey.root().to_owned(),
        content: absolute(&packed.path),
        fingerprint: survey.fingerprint(),
        plain: false,
        port: wrapping.port,
    };
    Parcel { content: packed.path, torrent_file, torrent: builder.build(&hashes)?, note }.written()
}

/// Makes the torrent of a file or folder as it is. Everybody who has the torrent can read all of it.
pub fn pack_plain(
    content: &net::Content,
    survey: &Survey,
    wrapping: &Wrapping,
    progress: impl FnMut(net::HashProgress),
) -> Result<Parcel, ParcelError> {
    let torrent_file = check_torrent_file(wrapping)?;
    let mut builder = content.builder();
    builder.announce.clone_from(&wrapping.announce);
    let torrent = content.make(&builder, progress)?;
    let note = Note {
        of: survey.root().to_owned(),
        content: survey.root().to_owned(),
        fingerprint: survey.fingerprint(),
        plain: true,
        port: wrapping.port,
    };
    Parcel { content: survey.root().to_owned(), torrent_file, torrent, note }.written()
}

fn check_torrent_file(wrapping: &Wrapping) -> Result<PathBuf, ParcelError> {
    let path = with_ending(&wrapping.name, ".torrent");
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !wrapping.replace { Err(ParcelError::Exists(path)) } else { Ok(path) }
}

impl Parcel {
    /// The parcel that an earlier call left, by its torrent. Nothing is compared yet: who seeds it does.
    pub fn again(torrent_file: &Path) -> Result<Self, AgainError> {
        let failed = |source| AgainError::Read { path: torrent_file.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(torrent_file).map_err(failed)?;
        file.take(TORRENT_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        let torrent = Metainfo::from_bytes(&bytes)
            .map_err(|source| AgainError::Torrent { path: torrent_file.to_owned(), source: Box::new(source) })?;
        let beside = torrent_file.with_file_name(torrent.info.name());
        let note = Note::read(&note_of(torrent_file));
        let noted = note.as_ref().map(|note| note.content.clone()).filter(|content| content.exists());
        let content = if beside.exists() { Some(beside.clone()) } else { noted };
        let content = content.ok_or(AgainError::Gone(beside))?;
        let note = note.unwrap_or_else(|| Note {
            of: content.clone(),
            content: absolute(&content),
            fingerprint: String::new(),
            plain: content.extension().is_none_or(|ending| ending != "7z"),
            port: 0,
        });
        Ok(Self { content, torrent_file: torrent_file.to_owned(), torrent, note })
    }

    /// The parcel of this file or folder that an earlier call left in the folder `dir`, if it is still
    /// there: the newest, and whether what was shared is still as it was.
    pub fn of(survey: &Survey, plain: bool, dir: &Path) -> Option<(Self, bool)> {
        let is_note = |path: &Path| path.extension().is_some_and(|ending| ending == "share");
        let mut notes: Vec<PathBuf> =
            fs::read_dir(dir).ok()?.take(DIR_ENTRIES_MAX).filter_map(|entry| Some(entry.ok()?.path())).collect();
        notes.retain(|path| is_note(path));
        notes.sort_by_key(|path| std::cmp::Reverse(path.metadata().and_then(|metadata| metadata.modified()).ok()));
        notes.into_iter().find_map(|path| {
            let note = Note::read(&path).filter(|note| note.of == survey.root() && note.plain == plain)?;
            let parcel = Self::again(&path.with_extension("torrent")).ok()?;
            Some((parcel, note.fingerprint == survey.fingerprint()))
        })
    }

    /// Writes the torrent and the note, with other trackers or another port. A torrent that says the same stays
    /// as it is: somebody else may have made it, and have said more.
    pub fn written(self) -> Result<Self, ParcelError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ParcelError::Write { path, source }
        };
        let note = note_of(&self.torrent_file);
        if !fs::read(&self.torrent_file)
            .is_ok_and(|bytes| Metainfo::from_bytes(&bytes).ok() == Some(self.torrent.clone()))
        {
            replace(&self.torrent_file, &self.torrent.to_bytes(), false).map_err(failed(&self.torrent_file))?;
        }
        let text = serde_json::to_vec(&self.note).expect("a note is plain data");
        replace(&note, &text, true).map_err(failed(&note))?;
        Ok(self)
    }

    /// The folder that a peer seeds it from.
    pub fn folder(&self) -> PathBuf {
        match self.content.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

impl Note {
    /// `None` for what is no note, or none that can be read.
    fn read(path: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(path).ok()?.take(NOTE_BYTES_MAX).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// `x.7z.share` beside `x.7z.torrent`.
pub fn note_of(torrent_file: &Path) -> PathBuf {
    torrent_file.with_extension("share")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// All or nothing: who looks meanwhile sees the old file or the new one.
fn replace(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let unfinished = with_ending(path, ".swarmlab-new");
    // A killed try may have left one.
    let _mostly_absent = fs::remove_file(&unfinished);
    let file = if private { archive::create_private(&unfinished) } else { File::create_new(&unfinished) };
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&unfinished, path));
    if done.is_err() {
        let _already_failing = fs::remove_file(&unfinished);
    }
    done
}

/// A note is some paths and a hash.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// Files looked at for a note.
const DIR_ENTRIES_MAX: usize = 100_000;
