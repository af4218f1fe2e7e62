//! Making a torrent of a file or folder: find the files, read and hash them. What a torrent is made
//! of, and in which order, is `metainfo`'s part ([`Builder`]).
//!
//! Symbolic links, devices and the like are left out and named ([`Content::skipped`]); empty folders
//! leave no trace in a torrent. A file that changes while it is read is an error, for the torrent
//! would describe what was never there.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use metainfo::{BuildError, Builder, FileSlice, Geometry, Metainfo, NameError, RelativePath};
use model::{ByteCount, PieceIndex};
use sha1::{Digest, Sha1};

use crate::piecework::{HashProgress, for_all_pieces};
use crate::storage::HASH_BUFFER;

/// What was found at a path: one file, or a folder of them.
#[derive(Debug, Clone)]
pub struct Content {
    /// The file or folder.
    root: PathBuf,
    name: String,
    files: Vec<(RelativePath, u64)>,
    single_file: bool,
    skipped: Vec<PathBuf>,
}

/// Why no torrent could be made. Fits after "failed to make a torrent of x: ".
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The path leads nowhere.
    #[error("there is nothing at {}", .0.display())]
    Nothing(PathBuf),
    /// The path is a device, a pipe or the like.
    #[error("{} is neither a file nor a folder", .0.display())]
    Neither(PathBuf),
    /// The system refused; its words follow.
    #[error("{}: {source}", path.display())]
    Read {
        /// What was being read.
        path: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },
    /// A name that no torrent can carry.
    #[error("{} {why}", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with its name.
        why: NameError,
    },
    /// A file grew or shrank between being found and being read.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The files do not make a torrent.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Content {
    /// Looks at a path, and at all that is below it.
    pub fn find(path: &Path) -> Result<Self, CreateError> {
        let root = path.canonicalize().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => CreateError::Nothing(path.to_owned()),
            _ => CreateError::Read { path: path.to_owned(), source },
        })?;
        // A link to a folder is shared under its own name; `.` under that of the folder.
        let name = path.file_name().or(root.file_name()).unwrap_or_default();
        let name = name.to_str().ok_or(CreateError::Name { path: path.to_owned(), why: NameError::NotUtf8 })?;
        let what = fs::metadata(&root).map_err(reading(&root))?;
        let mut content =
            Self { name: name.to_owned(), files: Vec::new(), single_file: what.is_file(), skipped: Vec::new(), root };
        if what.is_file() {
            content.add_single_file(what.len())?;
        } else if what.is_dir() {
            content.walk()?;
        } else {
            return Err(CreateError::Neither(path.to_owned()));
        }
        Ok(content)
    }

    fn add_single_file(&mut self, length: u64) -> Result<(), CreateError> {
        let path = RelativePath::from_components([self.name.as_str()])
            .map_err(|why| CreateError::Name { path: self.root.clone(), why })?;
        self.files.push((path, length));
        Ok(())
    }

    fn walk(&mut self) -> Result<(), CreateError> {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(reading(&folder))? {
                let path = entry.map_err(reading(&folder))?.path();
                let what = fs::symlink_metadata(&path).map_err(reading(&path))?;
                if what.is_dir() {
                    folders.push(path);
                } else if what.is_file() {
                    self.add(path, what.len())?;
                } else {
                    self.skipped.push(path);
                }
            }
        }
        self.files.sort();
        self.skipped.sort();
        Ok(())
    }

    fn add(&mut self, path: PathBuf, length: u64) -> Result<(), CreateError> {
        let below = path.strip_prefix(&self.root).expect("the walk stays below its root");
        match RelativePath::from_path(below) {
            Ok(relative) => self.files.push((relative, length)),
            Err(why) => return Err(CreateError::Name { path, why }),
        }
        Ok(())
    }

    /// Name of the file or folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of all files.
    pub fn total(&self) -> ByteCount {
        self.files.iter().map(|(_, length)| ByteCount(*length)).sum()
    }

    /// Number of files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// What was left out: symbolic links, devices, pipes, sockets.
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skipped
    }

    /// A torrent in the making, to be filled with trackers and the like.
    pub fn builder(&self) -> Builder {
        match self.single_file {
            true => Builder::single_file(&self.name, self.total().0),
            false => Builder::folder(&self.name, self.files.clone()),
        }
    }

    /// Reads everything and makes the torrent. `builder` is [`builder`](Self::builder)'s with any
    /// field but its files changed.
    pub fn make(&self, builder: &Builder, mut progress: impl FnMut(HashProgress)) -> Result<Metainfo, CreateError> {
        let plan = builder.plan()?;
        let mut hashes = vec![[0; 20]; plan.piece_count() as usize];
        let (mut done, total) = (ByteCount::ZERO, plan.total_length());
        let mut failed = None;
        let work = |reader: &mut Reader, piece| reader.hash(self, &plan, piece);
        for_all_pieces(plan.piece_count(), Reader::default, work, |piece, result| match result {
            Ok(hash) => {
                hashes[piece.as_usize()] = hash;
                done += ByteCount(plan.piece_size(piece).into());
                progress(HashProgress { done, total });
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(builder.build(&hashes)?),
        }
    }

    fn path_of(&self, plan: &Geometry, file: usize) -> PathBuf {
        match self.single_file {
            true => self.root.clone(),
            false => plan.files()[file].path.under(&self.root),
        }
    }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> CreateError + '_ {
    |source| CreateError::Read { path: path.to_owned(), source }
}

/// One thread's file and memory.
#[derive(Default)]
struct Reader {
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl Reader {
    fn hash(&mut self, content: &Content, plan: &Geometry, piece: PieceIndex) -> Result<[u8; 20], CreateError> {
        let mut sha = Sha1::new();
        for slice in plan.slices(piece, 0, plan.piece_size(piece)) {
            self.add_slice(&mut sha, content, plan, slice)?;
        }
        Ok(sha.finalize().into())
    }

    fn add_slice(
        &mut self,
        sha: &mut Sha1,
        content: &Content,
        plan: &Geometry,
        slice: FileSlice,
    ) -> Result<(), CreateError> {
        let path = content.path_of(plan, slice.file);
        let (file, buffer) = self.seek(&path, plan, slice)?;
        let mut left = slice.length;
        while left > 0 {
            let part = &mut buffer[..HASH_BUFFER.min(left as usize)];
            file.read_exact(part).map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof => CreateError::Changed(path.clone()),
                _ => CreateError::Read { path: path.clone(), source },
            })?;
            sha.update(&*part);
            left -= part.len() as u64;
        }
        Ok(())
    }

    fn seek(
        &mut self,
        path: &Path,
        plan: &Geometry,
        slice: FileSlice,
    ) -> Result<(&mut File, &mut Vec<u8>), CreateError> {
        if self.open.as_ref().is_none_or(|(number, _)| *number != slice.file) {
            let file = File::open(path).map_err(reading(path))?;
            let length = file.metadata().map_err(reading(path))?.len();
            if length != plan.files()[slice.file].length {
                return Err(CreateError::Changed(path.to_owned()));
            }
            self.open = Some((slice.file, file));
        }
        self.buffer.resize(HASH_BUFFER, 0);
        let (_, file) = self.open.as_mut().expect("it was just opened");
        file.seek(SeekFrom::Start(slice.offset)).map_err(reading(path))?;
        Ok((file, &mut self.buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sample;

    #[test]
    fn a_single_file_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::file(16_384, 100_000);
        sample.save(dir.path());
        let content = Content::find(&dir.path().join("stuff")).unwrap();
        let builder = Builder { piece_length: 16_384, ..content.builder() };
        let torrent = content.make(&builder, |_| {}).unwrap();
        assert!(torrent.info.is_single_file());
        assert_eq!(torrent.info, *sample.info);
    }

    #[test]
    fn nothing_there_is_an_error_that_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let error = Content::find(&dir.path().join("ghost")).unwrap_err();
        assert!(matches!(error, CreateError::Nothing(_)));
        assert!(error.to_string().ends_with("ghost"));
    }

    #[test]
    fn a_file_that_shrank_makes_no_torrent() {
        let dir = tempfile::tempdir().unwrap();
        Sample::file(16_384, 100_000).save(dir.path());
        let content = Content::find(&dir.path().join("stuff")).unwrap();
        std::fs::write(dir.path().join("stuff"), "short").unwrap();
        let error = content.make(&content.builder(), |_| {}).unwrap_err();
        assert!(matches!(error, CreateError::Changed(_)), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_left_out_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::folder(16_384, &[("a", 100)]);
        sample.save(dir.path());
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("stuff/link")).unwrap();
        let content = Content::find(&dir.path().join("stuff")).unwrap();
        assert_eq!(content.file_count(), 1);
        assert_eq!(content.skipped().len(), 1);
        assert!(content.skipped()[0].ends_with("stuff/link"));
    }
}
