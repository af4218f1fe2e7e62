//! Before anything is packed: what is there, what will be left out, what cannot be packed at all.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use metainfo::{NameError, RelativePath, windows_name};
use model::ByteCount;
use model::bound::FILES_MAX;
use sha1::{Digest, Sha1};

use super::disk;
use super::envelope::HEADER_BYTES_MAX;
use super::probe::{Packing, probe};
use super::progress::{Progress, Watch};

/// A file, or a folder with all that is below it, ready to be packed. All names in it begin with that
/// of the file or folder itself, so that the archive unpacks into one place.
#[derive(Debug)]
pub struct Survey {
    root: PathBuf,
    name: String,
    folders: Vec<FoundFolder>,
    files: Vec<Found>,
    skipped: Vec<Skipped>,
}

/// One file to be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name in the archive.
    pub path: RelativePath,
    /// Its size.
    pub length: ByteCount,
    /// How it goes in.
    pub packing: Packing,
    pub(crate) stamp: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFolder {
    pub(crate) path: RelativePath,
    pub(crate) stamp: Stamp,
}

/// What is kept of a file or folder besides name and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) modified: Option<SystemTime>,
    /// The nine permission bits, where the system has them.
    pub(crate) permissions: Option<u32>,
}

/// What is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// A symbolic link. What it points to may not be the user's to share.
    Link {
        /// Where it is.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
    },
    /// A device, pipe or socket: it has no content to pack.
    Special(PathBuf),
}

/// Why there is nothing to pack. Fits after "failed to pack x: ".
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The path leads nowhere.
    #[error("there is nothing at {}", .0.display())]
    Nothing(PathBuf),
    /// The path is a device, a pipe or the like.
    #[error("{} is neither a file nor a folder", .0.display())]
    Neither(PathBuf),
    /// Names that an archive cannot carry, and what cannot be read. All of them.
    #[error("{}", faults(.0))]
    Faults(Vec<Fault>),
    /// More than a reader of ours would take.
    #[error("there are more than {FILES_MAX} files and folders: share them in parts")]
    TooMany,
    /// Their names would make a list that a reader of ours refuses.
    #[error("the names of its files and folders are too long together: share them in parts")]
    ListTooLong,
    /// Broken off by the user.
    #[error("broken off")]
    Cancelled,
}

/// One thing that cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its name.
    #[error("the name of {path:?} {why}: rename it, or leave it out")]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: NameError,
    },
    /// It cannot be read; the system's words follow.
    #[error("{path:?}: {why}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
}

impl Survey {
    /// Looks at `path` and all that is below it, and into each file to see whether it compresses.
    /// Follows no link, but for `path` itself, which the user named. `watch` is told of the bytes
    /// found; their total is not known yet and told as zero.
    pub fn find(path: &Path, watch: Watch<'_>) -> Result<Self, SurveyError> {
        let root = path.canonicalize().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SurveyError::Nothing(path.to_owned()),
            _ => unreadable(path, source),
        })?;
        let metadata = fs::metadata(&root).map_err(|source| unreadable(path, source))?;
        // A link to a folder is shared under its own name; `.` under that of the folder.
        let name = path.file_name().or(root.file_name()).unwrap_or_default();
        let top = RelativePath::from_path(Path::new(name))
            .map_err(|why| SurveyError::Faults(vec![Fault::Name { path: path.to_owned(), why }]))?;
        let mut walk = Walk::new(root.clone(), top, watch);
        if metadata.is_file() {
            walk.file(&root, &metadata)?;
        } else if metadata.is_dir() {
            walk.folder(&root, &metadata)?;
        } else {
            return Err(SurveyError::Neither(path.to_owned()));
        }
        walk.finish()
    }

    /// Name of the file or folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file or folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files, sorted.
    pub fn files(&self) -> &[Found] {
        &self.files
    }

    /// Number of folders, the shared one among them.
    pub fn folder_count(&self) -> usize {
        self.folders.len()
    }

    /// What is left out: links, devices, pipes, sockets.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Bytes of all files.
    pub fn total(&self) -> ByteCount {
        self.files.iter().map(|file| file.length).sum()
    }

    /// Bytes of the files that are packed that way.
    pub fn bytes(&self, packing: Packing) -> ByteCount {
        self.files.iter().filter(|file| file.packing == packing).map(|file| file.length).sum()
    }

    /// The same for as long as no name, size or time of change differs: 40 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut sha = Sha1::new();
        let mut add = |name: &RelativePath, length: u64, stamp: &Stamp| {
            let since = stamp.modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            sha.update(name.to_string());
            sha.update([0]);
            sha.update(length.to_le_bytes());
            sha.update(since.unwrap_or_default().as_nanos().to_le_bytes());
        };
        self.folders.iter().for_each(|folder| add(&folder.path, u64::MAX, &folder.stamp));
        self.files.iter().for_each(|file| add(&file.path, file.length.0, &file.stamp));
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Names that trouble other systems than this one, with what happens to them there.
    pub fn trouble_elsewhere(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        let mut seen: BTreeMap<String, &RelativePath> = BTreeMap::new();
        for path in self.folders.iter().map(|folder| &folder.path).chain(self.files.iter().map(|file| &file.path)) {
            let windows = windows_name(path.file_name());
            if windows != path.file_name() {
                troubles.push(format!("{path} becomes {windows} on Windows"));
            }
            if let Some(other) = seen.insert(path.sameness_key(), path) {
                troubles.push(format!(
                    "{path} and {other} are the same on Windows and macOS: both cannot be unpacked there"
                ));
            }
        }
        troubles
    }

    /// Where a file of the survey lies.
    pub(crate) fn on_disk(&self, path: &RelativePath) -> PathBuf {
        let mut on_disk = self.root.clone();
        on_disk.extend(path.components().skip(1));
        on_disk
    }

    pub(crate) fn folders(&self) -> &[FoundFolder] {
        &self.folders
    }
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), permissions: disk::permissions(metadata) }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { path, target } => write!(f, "{} is a link to {}", path.display(), target.display()),
            Self::Special(path) => write!(f, "{} is neither a file nor a folder", path.display()),
        }
    }
}

struct Walk<'a> {
    root: PathBuf,
    top: RelativePath,
    /// Folders to look into.
    waiting: Vec<PathBuf>,
    folders: Vec<FoundFolder>,
    files: Vec<Found>,
    skipped: Vec<Skipped>,
    faults: Vec<Fault>,
    done: ByteCount,
    /// What the names take in the archive's list, at most.
    list_bytes: u64,
    watch: Watch<'a>,
}

impl<'a> Walk<'a> {
    fn new(root: PathBuf, top: RelativePath, watch: Watch<'a>) -> Self {
        Self {
            root,
            top,
            waiting: Vec::new(),
            folders: Vec::new(),
            files: Vec::new(),
            skipped: Vec::new(),
            faults: Vec::new(),
            done: ByteCount::ZERO,
            list_bytes: 0,
            watch,
        }
    }

    fn finish(mut self) -> Result<Survey, SurveyError> {
        while let Some(folder) = self.waiting.pop() {
            self.look_into(&folder)?;
        }
        if !self.faults.is_empty() {
            return Err(SurveyError::Faults(self.faults));
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.folders.sort_by(|a, b| a.path.cmp(&b.path));
        self.skipped.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(Survey {
            root: self.root,
            name: self.top.as_str().to_owned(),
            folders: self.folders,
            files: self.files,
            skipped: self.skipped,
        })
    }

    fn look_into(&mut self, folder: &Path) -> Result<(), SurveyError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(why) => {
                self.faults.push(Fault::Read { path: folder.to_owned(), why });
                return Ok(());
            }
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(why) => {
                    self.faults.push(Fault::Read { path: folder.to_owned(), why });
                    return Ok(());
                }
            };
            match fs::symlink_metadata(&path) {
                Ok(metadata) => self.met(&path, &metadata)?,
                Err(why) => self.faults.push(Fault::Read { path, why }),
            }
        }
        Ok(())
    }

    fn met(&mut self, path: &Path, metadata: &Metadata) -> Result<(), SurveyError> {
        if self.files.len() + self.folders.len() >= FILES_MAX {
            return Err(SurveyError::TooMany);
        }
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            self.skipped.push(Skipped::Link { path: path.to_owned(), target });
            Ok(())
        } else if kind.is_dir() {
            self.folder(path, metadata)
        } else if kind.is_file() {
            self.file(path, metadata)
        } else {
            self.skipped.push(Skipped::Special(path.to_owned()));
            Ok(())
        }
    }

    fn folder(&mut self, path: &Path, metadata: &Metadata) -> Result<(), SurveyError> {
        if let Some(name) = self.name_of(path)? {
            self.folders.push(FoundFolder { path: name, stamp: Stamp::of(metadata) });
            self.waiting.push(path.to_owned());
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) -> Result<(), SurveyError> {
        let Some(name) = self.name_of(path)? else { return Ok(()) };
        let length = metadata.len();
        match File::open(path).and_then(|mut file| probe(&mut file, length)) {
            Ok(packing) => {
                self.done += ByteCount(length);
                let progress = Progress { done: self.done, total: ByteCount::ZERO, current: name.as_str() };
                let stop = (self.watch)(progress).is_break();
                self.files.push(Found { path: name, length: ByteCount(length), packing, stamp: Stamp::of(metadata) });
                if stop {
                    return Err(SurveyError::Cancelled);
                }
            }
            Err(why) => self.faults.push(Fault::Read { path: path.to_owned(), why }),
        }
        Ok(())
    }

    /// The name in the archive; a fault is noted where none can be had.
    fn name_of(&mut self, path: &Path) -> Result<Option<RelativePath>, SurveyError> {
        let below = path.strip_prefix(&self.root).expect("the walk stays below its root");
        match RelativePath::from_path(&Path::new(self.top.as_str()).join(below)) {
            Ok(name) => {
                self.list_bytes += list_bytes(&name);
                if self.list_bytes > HEADER_BYTES_MAX { Err(SurveyError::ListTooLong) } else { Ok(Some(name)) }
            }
            Err(why) => {
                self.faults.push(Fault::Name { path: path.to_owned(), why });
                Ok(None)
            }
        }
    }
}

impl Skipped {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Link { path, .. } | Self::Special(path) => path,
        }
    }
}

/// Bytes that a file takes in the archive's list, at most: its name in UTF-16, sizes, times, checksum
/// and attributes, and a block of its own with cipher and compressor.
fn list_bytes(name: &RelativePath) -> u64 {
    const BESIDES_NAME: u64 = 64;
    2 * (name.as_str().encode_utf16().count() as u64 + 1) + BESIDES_NAME
}

fn unreadable(path: &Path, why: io::Error) -> SurveyError {
    SurveyError::Faults(vec![Fault::Read { path: path.to_owned(), why }])
}

fn faults(faults: &[Fault]) -> String {
    const SHOWN: usize = 10;
    let mut text: Vec<String> = faults.iter().take(SHOWN).map(Fault::to_string).collect();
    if faults.len() > SHOWN {
        text.push(format!("and {} more", faults.len() - SHOWN));
    }
    text.join("\n  ")
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    #[test]
    fn names_that_no_list_holds_are_said_before_anything_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = fs::metadata(dir.path()).unwrap();
        let found = |list_bytes| {
            let mut go_on = |_: Progress<'_>| ControlFlow::Continue(());
            let mut walk = Walk::new(dir.path().to_owned(), "holiday".parse().unwrap(), &mut go_on);
            walk.list_bytes = list_bytes;
            walk.folder(dir.path(), &metadata)
        };
        // 64 bytes, and eight characters with the end of the name.
        assert!(found(HEADER_BYTES_MAX - 80).is_ok());
        assert!(matches!(found(HEADER_BYTES_MAX - 79), Err(SurveyError::ListTooLong)));
    }

    #[test]
    fn a_fault_shows_no_name_raw() {
        let why = "a\nb".parse::<RelativePath>().unwrap_err();
        let fault = Fault::Name { path: PathBuf::from("a\n\u{1b}[2J\u{202e}b"), why };
        assert!(!fault.to_string().contains(['\n', '\u{1b}', '\u{202e}']), "{fault:?}");
    }
}
