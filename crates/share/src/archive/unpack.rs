//! From an archive to a folder, or to nothing but the knowledge that it would work.
//!
//! Where it goes is known before anything is written: an archive with one file or folder on top
//! unpacks to that name, any other to a folder with the archive's own name. All is unpacked below
//! `NAME.swarmlab-part`, whose folders were made here, so no link lies in the way, and which nobody
//! else may look into; then it gets its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use metainfo::RelativePath;
use model::ByteCount;
use model::bound::FILES_MAX;

use super::disk::{folder_modified, free_space, open_new, restrict, set_modified, sync_folder};
use super::entry::{Entry, Kind};
use super::open::{Archive, ReadError, plain};
use super::part::{Part, PartError, exists, part_path};
use super::probe::fill;
use super::progress::{Progress, Watch};

/// How to unpack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnpackOptions {
    /// Replace the file or folder that is there, and take away an unfinished one.
    pub replace: bool,
    /// The most bytes that may come out. Without it an archive that claims to grow a thousandfold,
    /// and to more than 8 GiB, is refused.
    pub most: Option<ByteCount>,
}

/// What was unpacked, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The file or folder; none was written by a test.
    pub path: Option<PathBuf>,
    /// Number of files.
    pub files: usize,
    /// Number of folders.
    pub folders: usize,
    /// Bytes of the files.
    pub content: ByteCount,
    /// Links, special files and deletions, by their names in the archive. Not made.
    pub skipped: Vec<(String, Kind)>,
    /// Files that the archive has no checksum of: whether they are whole cannot be told.
    pub unchecked: usize,
    /// What was replaced and could not be removed; by this name it can still be found.
    pub left: Option<PathBuf>,
}

/// Why nothing was unpacked. Nothing is left of it then. Fits after "failed to unpack x: ".
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The contents are encrypted and no password was given.
    #[error("its contents are encrypted: it takes a password")]
    PasswordNeeded,
    /// The contents do not decrypt, and nothing has proven the password before: names show in this
    /// archive, and no encrypted file has matched its checksum yet.
    #[error("wrong password (or, less likely, a damaged archive)")]
    WrongPassword,
    /// Names that would lead out of the folder, or that no disk holds. Nothing honest has them.
    #[error("{}", names(.0))]
    Names(Vec<String>),
    /// Two entries with one name.
    #[error("it has {0:?} twice: whichever came last would win")]
    Twice(String),
    /// A file with files below it.
    #[error("{0:?} is both a file and a folder in it")]
    FileAndFolder(String),
    /// More than [`FILES_MAX`] folders, most of them only there because a path leads through them.
    #[error("its paths lead through more than {FILES_MAX} folders")]
    TooManyFolders,
    /// It would replace something.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// What would be replaced has the archive in it.
    #[error("the archive lies in {}, which it would replace: move it, or unpack somewhere else", .0.display())]
    ReplacesItself(PathBuf),
    /// There is no place beside it for what is not finished yet.
    #[error(transparent)]
    Part(#[from] PartError),
    /// An archive bomb, or just more than was allowed.
    #[error("its {packed} would grow to {unpacked}, and {most} are allowed")]
    TooLarge {
        /// Bytes of the archive.
        packed: ByteCount,
        /// Bytes it claims to hold.
        unpacked: ByteCount,
        /// Bytes it may hold.
        most: ByteCount,
    },
    /// Not enough space.
    #[error("the disk has {free} free and {needed} are needed, in {}", at.display())]
    NoRoom {
        /// Bytes that come out.
        needed: ByteCount,
        /// What there is.
        free: ByteCount,
        /// Where.
        at: PathBuf,
    },
    /// What comes out is not what was packed. The password is right.
    #[error("it is damaged at {name:?}: {why}")]
    Damaged {
        /// The entry.
        name: String,
        /// The library's words.
        why: String,
    },
    /// The archive cannot be read; the system's words are its source.
    #[error("read it")]
    Read(#[source] io::Error),
    /// The system refused to write; its words are its source.
    #[error("write {}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Broken off by the user.
    #[error("broken off")]
    Cancelled,
}

impl Archive {
    /// Where it would be unpacked to, in `folder`.
    pub fn destination(&self, folder: &Path) -> Result<PathBuf, UnpackError> {
        Ok(Layout::of(self)?.destination(folder))
    }

    /// Unpacks into `folder`, which is made if need be.
    pub fn unpack(&self, folder: &Path, options: &UnpackOptions, watch: Watch<'_>) -> Result<Unpacked, UnpackError> {
        let layout = Layout::of(self)?;
        let destination = layout.destination(folder);
        self.check_growth(options)?;
        let replaces = exists(&destination);
        if replaces && !options.replace {
            return Err(UnpackError::Exists(destination));
        }
        let lies_in = |folder: &Path| {
            let (archive, folder) = (self.path().canonicalize(), folder.canonicalize());
            archive.is_ok_and(|archive| folder.is_ok_and(|folder| archive.starts_with(folder)))
        };
        if lies_in(&destination) || lies_in(&part_path(&destination)) {
            return Err(UnpackError::ReplacesItself(destination));
        }
        self.check_password()?;

        fs::create_dir_all(folder).map_err(writing(folder))?;
        let part = Part::begin(&destination, options.replace)?;
        self.check_room(folder)?;
        let below = part.content();
        fs::create_dir(&below).map_err(writing(&below))?;
        // What is replaced is gone afterwards, so the new has to outlive a power cut before.
        let unpacked = layout.write(self, &below, replaces, watch)?;
        let from = match layout.top {
            Top::One(name) => below.join(name),
            Top::Many => below,
        };
        let left = part.hand_over(&from, &destination, options.replace).map_err(writing(&destination))?;
        if let Some(top) = layout.top_folder(self) {
            // Only now: a folder that its owner may not write cannot be moved.
            restrict(&destination, top.permissions).map_err(writing(&destination))?;
        }
        Ok(Unpacked { path: Some(destination), left, ..unpacked })
    }

    /// Decodes everything and compares it with its checksums. Writes nothing, and does not mind names
    /// that could not be unpacked.
    pub fn test(&self, options: &UnpackOptions, watch: Watch<'_>) -> Result<Unpacked, UnpackError> {
        self.check_growth(options)?;
        self.check_password()?;
        let mut work = Work::new(self, watch);
        work.all(|_, _| Ok(()))?;
        Ok(summary(self))
    }

    /// Whether the password opens the contents too. Costs the beginning of one file where the names
    /// show, and nothing where they do not, for then the password has proven itself. Where the names
    /// show, and the file is large and stored, a wrong password passes: only the checksum at the
    /// file's end tells. Nothing has its final name before that.
    pub fn check_password(&self) -> Result<(), UnpackError> {
        if self.needs_password() {
            return Err(UnpackError::PasswordNeeded);
        }
        if self.password_fits() { Ok(()) } else { Err(UnpackError::WrongPassword) }
    }

    fn check_growth(&self, options: &UnpackOptions) -> Result<(), UnpackError> {
        let (packed, unpacked) = (self.envelope().length, self.content());
        let most = options.most.unwrap_or(ByteCount(packed.0.saturating_mul(GROWTH_MAX).max(GROWTH_FREE)));
        if unpacked > most { Err(UnpackError::TooLarge { packed, unpacked, most }) } else { Ok(()) }
    }

    fn check_room(&self, folder: &Path) -> Result<(), UnpackError> {
        let needed = self.content();
        let free = free_space(folder).map_err(writing(folder))?;
        if needed > free { Err(UnpackError::NoRoom { needed, free, at: folder.to_owned() }) } else { Ok(()) }
    }
}

/// Where each entry goes. Exists only where none leads out of its folder and no two meet.
struct Layout<'a> {
    /// By the number of the entry.
    places: Vec<Option<&'a RelativePath>>,
    top: Top<'a>,
    stem: PathBuf,
}

/// What lies on top of an archive.
enum Top<'a> {
    /// One file or folder, of this name.
    One(&'a str),
    Many,
}

impl<'a> Layout<'a> {
    fn of(archive: &'a Archive) -> Result<Self, UnpackError> {
        let mut refused = Vec::new();
        let mut places = Vec::with_capacity(archive.entries().len());
        for entry in archive.entries() {
            let wanted = matches!(entry.kind, Kind::File | Kind::Folder);
            match &entry.path {
                Ok(path) => places.push(wanted.then_some(path)),
                Err(why) => refused.push(format!("{:?} {why}", entry.name)),
            }
        }
        if !refused.is_empty() {
            return Err(UnpackError::Names(refused));
        }
        let placed = archive.entries().iter().zip(&places).filter_map(|(entry, place)| Some((entry.kind, (*place)?)));
        check_apart(placed.clone())?;
        if folders_exceed(placed.clone(), FILES_MAX) {
            return Err(UnpackError::TooManyFolders);
        }
        let mut tops: Vec<&str> = placed.filter_map(|(_, path)| path.components().next()).collect();
        tops.sort_unstable();
        tops.dedup();
        let top = if let [one] = tops[..] { Top::One(one) } else { Top::Many };
        let name = archive.path().file_stem().filter(|stem| !stem.is_empty());
        let stem = PathBuf::from(name.unwrap_or("archive".as_ref()));
        Ok(Self { places, top, stem })
    }

    fn destination(&self, folder: &Path) -> PathBuf {
        match self.top {
            Top::One(name) => folder.join(name),
            Top::Many => folder.join(&self.stem),
        }
    }

    /// Writes all entries below `below`, a folder that is empty. With `lasting`, forces them to the disk.
    fn write(&self, archive: &Archive, below: &Path, lasting: bool, watch: Watch<'_>) -> Result<Unpacked, UnpackError> {
        let entries =
            || archive.entries().iter().zip(&self.places).filter_map(|(entry, place)| Some((entry, (*place)?)));
        for (_, place) in entries().filter(|(entry, _)| entry.kind == Kind::Folder) {
            let progress = Progress { done: ByteCount::ZERO, total: archive.content(), current: place.as_str() };
            if watch(progress).is_break() {
                return Err(UnpackError::Cancelled);
            }
            let folder = place.under(below);
            fs::create_dir_all(&folder).map_err(writing(&folder))?;
        }
        let mut work = Work::new(archive, watch);
        work.all(|number, content| match (self.places[number], archive.entries()[number].kind) {
            (Some(place), Kind::File) => write_file(&archive.entries()[number], &place.under(below), lasting, content),
            _ => Ok(()),
        })?;
        // What is in a folder changes its time and needs its permissions, so folders come last, and
        // inner ones first.
        let mut folders: Vec<_> = entries().filter(|(entry, _)| entry.kind == Kind::Folder).collect();
        folders.sort_by(|(_, a), (_, b)| b.cmp(a));
        for (entry, place) in folders {
            let folder = place.under(below);
            folder_modified(&folder, entry.modified);
            if lasting {
                sync_folder(&folder).map_err(writing(&folder))?;
            }
            if place.components().nth(1).is_some() {
                restrict(&folder, entry.permissions).map_err(writing(&folder))?;
            }
        }
        Ok(summary(archive))
    }

    /// The entry of the one folder on top.
    fn top_folder(&self, archive: &'a Archive) -> Option<&'a Entry> {
        let Top::One(name) = self.top else { return None };
        let places = self.places.iter().zip(archive.entries());
        let mut tops = places.filter(|(place, _)| place.is_some_and(|place| place.as_str() == name));
        tops.next().map(|(_, entry)| entry).filter(|entry| entry.kind == Kind::Folder)
    }
}

/// Whether the paths name or lead through more folders than `most`.
fn folders_exceed<'a>(placed: impl Iterator<Item = (Kind, &'a RelativePath)>, most: usize) -> bool {
    let mut folders = BTreeSet::new();
    for (kind, path) in placed {
        let path = path.as_str();
        folders.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
        if kind == Kind::Folder {
            folders.insert(path);
        }
        if folders.len() > most {
            return true;
        }
    }
    false
}

/// No two files of one name, no file with files below it. Names are compared as this system's disks
/// compare them, at the strictest.
fn check_apart<'a>(placed: impl Iterator<Item = (Kind, &'a RelativePath)> + Clone) -> Result<(), UnpackError> {
    let key = |path: &RelativePath| match CASE_MATTERS {
        true => path.as_str().replace('/', "\0"),
        false => path.sameness_key(),
    };
    let mut files: BTreeMap<String, &RelativePath> = BTreeMap::new();
    for (_, file) in placed.clone().filter(|(kind, _)| *kind == Kind::File) {
        if files.insert(key(file), file).is_some() {
            return Err(UnpackError::Twice(file.to_string()));
        }
    }
    for (kind, path) in placed {
        let whole = key(path);
        let folders = whole.match_indices('\0').map(|(end, _)| end);
        let itself = (kind == Kind::Folder).then_some(whole.len());
        for end in folders.chain(itself) {
            if let Some(file) = files.get(&whole[..end]) {
                return Err(UnpackError::FileAndFolder(file.to_string()));
            }
        }
    }
    Ok(())
}

/// Decoding of all entries, told of and stopped by a watch.
struct Work<'a, 'w> {
    archive: &'a Archive,
    watch: Watch<'w>,
    done: ByteCount,
    total: ByteCount,
    /// Whether a failure from here on can only mean damage.
    proven: bool,
}

/// The content of one entry.
struct Content<'c> {
    from: &'c mut dyn io::Read,
    left: u64,
    progress: &'c mut dyn FnMut(u64) -> ControlFlow<()>,
}

/// Why the content of an entry ended early.
enum ContentError {
    Decode(io::Error),
    Cancelled,
}

impl Content<'_> {
    /// The next bytes, none at the end.
    fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], ContentError> {
        let wanted = self.left.min(buffer.len() as u64) as usize;
        let read = fill(self.from, &mut buffer[..wanted]).map_err(ContentError::Decode)?;
        if read < wanted {
            return Err(ContentError::Decode(io::Error::new(io::ErrorKind::UnexpectedEof, "bytes are missing")));
        }
        self.left -= read as u64;
        match (self.progress)(read as u64) {
            ControlFlow::Continue(()) => Ok(&buffer[..read]),
            ControlFlow::Break(()) => Err(ContentError::Cancelled),
        }
    }
}

impl<'a, 'w> Work<'a, 'w> {
    fn new(archive: &'a Archive, watch: Watch<'w>) -> Self {
        Self { archive, watch, done: ByteCount::ZERO, total: archive.content(), proven: archive.password_is_proven() }
    }

    /// Calls `take` with each entry; what it leaves of the content is decoded and checked all the same.
    fn all(
        &mut self,
        mut take: impl FnMut(usize, &mut Content<'_>) -> Result<(), TakeError>,
    ) -> Result<(), UnpackError> {
        let archive = self.archive;
        let mut current = 0;
        let mut failure = None;
        let mut buffer = vec![0; BUFFER];
        let Self { watch, done, total, proven, .. } = self;
        let read = archive.for_each(|number, from| {
            current = number;
            let entry = &archive.entries()[number];
            let mut progress = |bytes| {
                *done += ByteCount(bytes);
                watch(Progress { done: *done, total: *total, current: &entry.name })
            };
            let mut content = Content { from, left: entry.length.0, progress: &mut progress };
            let taken = take(number, &mut content).and_then(|()| {
                while !content.next(&mut buffer)?.is_empty() {}
                Ok(())
            });
            match taken {
                Ok(()) => *proven |= archive.proves_password(number),
                Err(error) => failure = Some(error),
            }
            Ok(failure.is_none())
        });
        let name = || archive.entries().get(current).map_or_else(String::new, |entry| entry.name.clone());
        match (failure, read) {
            (None, Ok(())) => Ok(()),
            (Some(TakeError::Unpack(error)), _) => Err(error),
            (Some(TakeError::Content(ContentError::Cancelled)), _) => Err(UnpackError::Cancelled),
            (Some(TakeError::Content(ContentError::Decode(error))), _) => {
                Err(self.not_decoded(name(), unwrapped(&error)))
            }
            (None, Err(ReadError::Io(error))) => Err(UnpackError::Read(error)),
            (None, Err(ReadError::Library(error))) => Err(self.not_decoded(name(), plain(&error))),
        }
    }

    fn not_decoded(&self, name: String, why: String) -> UnpackError {
        if self.proven { UnpackError::Damaged { name, why } } else { UnpackError::WrongPassword }
    }
}

/// Why an entry was not taken.
enum TakeError {
    Content(ContentError),
    Unpack(UnpackError),
}

impl From<ContentError> for TakeError {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<UnpackError> for TakeError {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error)
    }
}

/// A checksum that does not fit comes as the library's error inside one of the system.
fn unwrapped(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<sevenz_rust2::Error>()) {
        Some(inner) => plain(inner),
        None => error.to_string(),
    }
}

fn write_file(entry: &Entry, path: &Path, lasting: bool, content: &mut Content<'_>) -> Result<(), TakeError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(writing(folder))?;
    }
    let mut file = open_new(path, entry.permissions).map_err(writing(path))?;
    let mut buffer = vec![0; entry.length.0.min(BUFFER as u64) as usize];
    loop {
        let bytes = content.next(&mut buffer)?;
        if bytes.is_empty() {
            break;
        }
        file.write_all(bytes).map_err(writing(path))?;
    }
    set_modified(&file, entry.modified);
    if lasting {
        file.sync_all().map_err(writing(path))?;
    }
    drop(file);
    Ok(restrict(path, entry.permissions).map_err(writing(path))?)
}

fn summary(archive: &Archive) -> Unpacked {
    let count = |kind| archive.entries().iter().filter(|entry| entry.kind == kind).count();
    let skipped = archive.entries().iter().filter(|entry| !matches!(entry.kind, Kind::File | Kind::Folder));
    Unpacked {
        path: None,
        files: count(Kind::File),
        folders: count(Kind::Folder),
        content: archive.content(),
        skipped: skipped.map(|entry| (entry.name.clone(), entry.kind)).collect(),
        unchecked: archive.unchecked(),
        left: None,
    }
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> UnpackError + '_ {
    |source| UnpackError::Write { path: path.to_owned(), source }
}

fn names(refused: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<String> = refused.iter().take(SHOWN).cloned().collect();
    if refused.len() > SHOWN {
        text.push(format!("and {} more like it", refused.len() - SHOWN));
    }
    format!("nothing honest has such names: {}", text.join("; "))
}

/// Linux and its like take `A` and `a` for two names.
const CASE_MATTERS: bool = !cfg!(any(windows, target_os = "macos"));

/// LZMA2 makes zeros seven thousand times smaller; files of people grow tenfold at most.
const GROWTH_MAX: u64 = 1000;

/// Up to here anything may grow: it fills no disk of today.
const GROWTH_FREE: u64 = 8 << 30;

const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_paths_only_lead_through_count_once_each() {
        let paths: Vec<(Kind, RelativePath)> =
            [(Kind::File, "a/b/c"), (Kind::File, "a/b/d"), (Kind::Folder, "a/e"), (Kind::File, "f")]
                .map(|(kind, path)| (kind, path.parse().unwrap()))
                .into();
        let exceed = |most| folders_exceed(paths.iter().map(|(kind, path)| (*kind, path)), most);
        assert!(exceed(2) && !exceed(3));
    }
}
