//! A torrent's files on disk: which file a block lies in, and safe ways to read and write it.
//!
//! Folders and files come into being with the first write; reading never makes anything. Empty
//! files are made with the torrent's first write, for no piece names them. Pad files (BEP 47) read
//! as zeros and are never written. A file that is longer than the torrent says is left as it is.
//!
//! Nothing is written or read through a symbolic link below the download folder: whoever can place
//! a link there could otherwise steer a download to any file of the user. The download folder
//! itself may be a link, for the user named it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metainfo::{FileSlice, Info};
use model::{Block, BlockOffset, PieceIndex};
use node::{DiskError, TorrentKey};
use sha1::{Digest, Sha1};

/// Where one torrent lies. Shared by all disk workers; the open files are each worker's own
/// ([`Handles`]).
#[derive(Debug)]
pub(crate) struct Storage {
    key: TorrentKey,
    dir: PathBuf,
    info: Arc<Info>,
    empty_files_made: AtomicBool,
}

/// Files kept open between operations, the least used of which is closed when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: BTreeMap<(TorrentKey, usize), Handle>,
    uses: u64,
}

#[derive(Debug)]
struct Handle {
    file: File,
    writable: bool,
    last_use: u64,
}

/// How much of a piece is in memory while it is hashed from disk.
pub(crate) const HASH_BUFFER: usize = 256 * 1024;

/// Open files of one worker. Many systems allow a process 256 of all kinds.
const HANDLES_MAX: usize = 48;

impl Storage {
    /// The torrent's files below `dir`. Nothing is touched yet.
    pub(crate) fn new(key: TorrentKey, dir: PathBuf, info: Arc<Info>) -> Self {
        Self { key, dir, info, empty_files_made: AtomicBool::new(false) }
    }

    pub(crate) fn key(&self) -> TorrentKey {
        self.key
    }

    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    /// Fills `buf` with a range of a piece.
    pub(crate) fn read(
        &self,
        handles: &mut Handles,
        piece: PieceIndex,
        offset: BlockOffset,
        buf: &mut [u8],
    ) -> Result<(), DiskError> {
        let length = u32::try_from(buf.len()).expect("a range of a piece is shorter than 4 GiB");
        let mut rest = buf;
        for slice in self.info.slices(piece, offset.0, length) {
            let (part, after) = rest.split_at_mut(slice.length as usize);
            self.read_slice(handles, slice, part)?;
            rest = after;
        }
        Ok(())
    }

    fn read_slice(&self, handles: &mut Handles, slice: FileSlice, buf: &mut [u8]) -> Result<(), DiskError> {
        if self.info.files()[slice.file].pad {
            buf.fill(0);
            return Ok(());
        }
        let file = handles.file(self, slice.file, Access::Read)?;
        read_at(file, buf, slice.offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DiskError::Absent,
            _ => self.failed(slice.file, &error),
        })
    }

    /// SHA-1 of a piece, the first bytes of which, as many as `begun` says, are in the hash already.
    /// `scratch` is memory to read into, kept by the caller for the next time.
    pub(crate) fn hash(
        &self,
        handles: &mut Handles,
        scratch: &mut Vec<u8>,
        piece: PieceIndex,
        begun: (Sha1, u32),
    ) -> Result<[u8; 20], DiskError> {
        let (mut sha, mut at) = begun;
        let size = self.info.piece_size(piece);
        while at < size {
            let length = HASH_BUFFER.min((size - at) as usize);
            if scratch.len() < length {
                scratch.resize(length, 0);
            }
            let part = &mut scratch[..length];
            self.read(handles, piece, BlockOffset(at), part)?;
            sha.update(part);
            at += length as u32;
        }
        Ok(sha.finalize().into())
    }

    /// Writes a block; makes folders and files as needed.
    pub(crate) fn write(&self, handles: &mut Handles, block: Block, data: &[u8]) -> Result<(), DiskError> {
        if !self.empty_files_made.load(Ordering::Relaxed) {
            self.make_empty_files()?;
        }
        let mut rest = data;
        for slice in self.info.slices(block.piece, block.offset.0, block.length) {
            let (part, after) = rest.split_at(slice.length as usize);
            rest = after;
            if self.info.files()[slice.file].pad {
                continue;
            }
            let file = handles.file(self, slice.file, Access::Write)?;
            write_at(file, part, slice.offset).map_err(|error| self.failed(slice.file, &error))?;
        }
        Ok(())
    }

    fn make_empty_files(&self) -> Result<(), DiskError> {
        let files = self.info.files().iter().enumerate();
        for (file, _) in files.filter(|(_, entry)| entry.length == 0 && !entry.pad) {
            self.open(file, Access::Write)?;
        }
        self.empty_files_made.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn open(&self, file: usize, access: Access) -> Result<File, DiskError> {
        let path = self.info.disk_path(&self.dir, file);
        check_folders(&self.dir, &path, access).map_err(|error| error.into_disk_error())?;
        check_file(&path, access).map_err(|error| error.into_disk_error())?;
        let executable = self.info.files()[file].executable;
        options(access, executable).open(&path).map_err(|error| PathError::of(&path, error).into_disk_error())
    }

    fn failed(&self, file: usize, error: &io::Error) -> DiskError {
        DiskError::Failed(format!("{}: {error}", self.info.disk_path(&self.dir, file).display()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Handles {
    fn file(&mut self, storage: &Storage, file: usize, access: Access) -> Result<&File, DiskError> {
        self.uses += 1;
        let id = (storage.key, file);
        let fits = self.open.get(&id).is_some_and(|handle| handle.writable || access == Access::Read);
        if !fits {
            self.open.remove(&id);
            self.make_room();
            let opened = storage.open(file, access)?;
            self.open.insert(id, Handle { file: opened, writable: access == Access::Write, last_use: 0 });
        }
        let handle = self.open.get_mut(&id).expect("it is there or was just put there");
        handle.last_use = self.uses;
        Ok(&handle.file)
    }

    fn make_room(&mut self) {
        if self.open.len() < HANDLES_MAX {
            return;
        }
        if let Some(id) = self.open.iter().min_by_key(|(_, handle)| handle.last_use).map(|(id, _)| *id) {
            self.open.remove(&id);
        }
    }
}

/// What stands in the way at a path.
#[derive(Debug, thiserror::Error)]
enum PathError {
    #[error("not on disk")]
    Absent,
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: is a symbolic link; links inside a download are not followed", .0.display())]
    Link(PathBuf),
    #[error("{}: is in the way, for the torrent has a folder of that name", .0.display())]
    NotFolder(PathBuf),
    #[error("{}: is in the way, for the torrent has a file of that name", .0.display())]
    NotFile(PathBuf),
}

impl PathError {
    fn of(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            _ => Self::Io { path: path.to_owned(), error },
        }
    }

    fn into_disk_error(self) -> DiskError {
        match self {
            Self::Absent => DiskError::Absent,
            other => DiskError::Failed(other.to_string()),
        }
    }
}

/// Goes down from `dir` to the folder of `path`. For writing, makes what is missing.
fn check_folders(dir: &Path, path: &Path, access: Access) -> Result<(), PathError> {
    if access == Access::Write {
        fs::create_dir_all(dir).map_err(|error| PathError::Io { path: dir.to_owned(), error })?;
    }
    let below = path.strip_prefix(dir).unwrap_or(path).parent().unwrap_or(Path::new(""));
    let mut folder = dir.to_path_buf();
    for name in below {
        folder.push(name);
        check_folder(&folder, access)?;
    }
    Ok(())
}

fn check_folder(folder: &Path, access: Access) -> Result<(), PathError> {
    if access == Access::Write {
        match fs::create_dir(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(PathError::Io { path: folder.to_owned(), error }),
        }
    }
    let what = fs::symlink_metadata(folder).map_err(|error| PathError::of(folder, error))?;
    if what.is_symlink() {
        return Err(PathError::Link(folder.to_owned()));
    }
    if !what.is_dir() {
        return Err(PathError::NotFolder(folder.to_owned()));
    }
    Ok(())
}

/// A link is not followed, and a pipe or device is not opened: that could block for ever.
fn check_file(path: &Path, access: Access) -> Result<(), PathError> {
    match fs::symlink_metadata(path) {
        Ok(what) if what.is_symlink() => Err(PathError::Link(path.to_owned())),
        Ok(what) if !what.is_file() => Err(PathError::NotFile(path.to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Write => Ok(()),
        Err(error) => Err(PathError::of(path, error)),
    }
}

fn options(access: Access, executable: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    if access == Access::Write {
        options.write(true).create(true).truncate(false);
    }
    system_options(&mut options, executable);
    options
}

#[cfg(unix)]
fn system_options(options: &mut OpenOptions, executable: bool) {
    use std::os::unix::fs::OpenOptionsExt;
    // The check before saw no link; this closes the moment between check and opening.
    options.custom_flags(libc::O_NOFOLLOW).mode(if executable { 0o777 } else { 0o666 });
}

#[cfg(windows)]
fn system_options(_options: &mut OpenOptions, _executable: bool) {}

#[cfg(unix)]
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(unix)]
fn write_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, data, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buf.is_empty() {
        match file.seek_read(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_at(file: &File, mut data: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !data.is_empty() {
        match file.seek_write(data, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                data = &data[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sample;

    #[test]
    fn folders_and_empty_files_come_with_the_first_write() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::folder(32_768, &[("a/b/c.bin", 40_000), ("empty", 0), ("x/y/empty", 0), ("z", 10)]);
        let storage = storage(&sample, dir.path());
        write_piece(&storage, &sample, 1).unwrap();
        let top = dir.path().join("stuff");
        assert_eq!(fs::metadata(top.join("a/b/c.bin")).unwrap().len(), 40_000);
        assert_eq!(fs::metadata(top.join("empty")).unwrap().len(), 0);
        assert_eq!(fs::metadata(top.join("x/y/empty")).unwrap().len(), 0);
        assert_eq!(read_piece(&storage, 1).unwrap(), sample.piece(PieceIndex(1)));
    }

    #[test]
    fn reading_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(&Sample::folder(32_768, &[("a/b", 40_000), ("empty", 0)]), &dir.path().join("later"));
        assert_eq!(read_piece(&storage, 0), Err(DiskError::Absent));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_too_short_is_absent_and_one_too_long_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::file(32_768, 40_000);
        sample.save(dir.path());
        let (storage, path) = (storage(&sample, dir.path()), dir.path().join("stuff"));
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(39_999).unwrap();
        assert_eq!(read_piece(&storage, 1), Err(DiskError::Absent));
        assert!(read_piece(&storage, 0).is_ok());
        file.set_len(50_000).unwrap();
        write_piece(&storage, &sample, 1).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 50_000);
        assert_eq!(read_piece(&storage, 1).unwrap(), sample.piece(PieceIndex(1)));
    }

    #[cfg(unix)]
    #[test]
    fn links_inside_the_download_are_not_followed() {
        use std::os::unix::fs::symlink;
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sample = Sample::folder(16_384, &[("evil/file", 16_384), ("linked", 16_384)]);
        let (storage, top) = (storage(&sample, dir.path()), dir.path().join("stuff"));
        fs::create_dir(&top).unwrap();
        symlink(outside.path(), top.join("evil")).unwrap();
        fs::write(outside.path().join("target"), [1; 16_384]).unwrap();
        symlink(outside.path().join("target"), top.join("linked")).unwrap();
        for (piece, name) in [(0, "evil"), (1, "linked")] {
            for result in [write_piece(&storage, &sample, piece), read_piece(&storage, piece).map(drop)] {
                let Err(DiskError::Failed(why)) = result else { panic!("{name}: {result:?}") };
                assert!(why.contains(name) && why.contains("symbolic link"), "{why}");
            }
        }
        assert_eq!(fs::read(outside.path().join("target")).unwrap(), [1; 16_384]);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_download_folder_itself_may_be_a_link() {
        let (dir, real) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = dir.path().join("downloads");
        std::os::unix::fs::symlink(real.path(), &link).unwrap();
        let sample = Sample::file(16_384, 100);
        write_piece(&storage(&sample, &link), &sample, 0).unwrap();
        assert_eq!(fs::read(real.path().join("stuff")).unwrap(), sample.bytes);
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::folder(16_384, &[("a/b", 16_384), ("c", 16_384)]);
        let (storage, top) = (storage(&sample, dir.path()), dir.path().join("stuff"));
        fs::create_dir_all(top.join("c")).unwrap();
        fs::write(top.join("a"), "a file").unwrap();
        let why = |result: Result<(), DiskError>| result.unwrap_err().to_string();
        assert!(
            why(write_piece(&storage, &sample, 0))
                .ends_with("a: is in the way, for the torrent has a folder of that name")
        );
        assert!(
            why(write_piece(&storage, &sample, 1))
                .ends_with("c: is in the way, for the torrent has a file of that name")
        );
    }

    #[test]
    fn pad_files_are_zeros_and_take_no_room() {
        let raw =
            b"d5:filesld6:lengthi10e4:pathl1:aeed4:attr1:p6:lengthi6e4:pathl4:.pad1:6eed6:lengthi16e4:pathl1:beee\
            4:name5:stuff12:piece lengthi16e6:pieces40:0123456789012345678901234567890123456789e";
        let info = Arc::new(Info::from_bytes(raw.to_vec().into()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::new(TorrentKey(0), dir.path().to_owned(), info);
        let mut handles = Handles::default();
        storage.write(&mut handles, storage.info().block(PieceIndex(0), 0), &[7; 16]).unwrap();
        let names: Vec<_> = fs::read_dir(dir.path().join("stuff")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a"]);
        assert_eq!(read_piece(&storage, 0).unwrap(), [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn few_files_are_open_however_many_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..200).map(|n| format!("f{n:03}")).collect();
        let files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 100)).collect();
        let sample = Sample::folder(16_384, &files);
        let storage = storage(&sample, dir.path());
        let mut handles = Handles::default();
        for n in 0..sample.info.piece_count() {
            for block in sample.info.blocks(PieceIndex(n)) {
                let start = block.offset.0 as usize;
                let data = &sample.piece(PieceIndex(n))[start..start + block.length as usize];
                storage.write(&mut handles, block, data).unwrap();
                assert!(handles.open.len() <= HANDLES_MAX);
            }
            assert_eq!(read_piece(&storage, n).unwrap(), sample.piece(PieceIndex(n)));
        }
    }

    fn storage(sample: &Sample, dir: &Path) -> Storage {
        Storage::new(TorrentKey(0), dir.to_owned(), Arc::clone(&sample.info))
    }

    fn write_piece(storage: &Storage, sample: &Sample, piece: u32) -> Result<(), DiskError> {
        let piece = PieceIndex(piece);
        let whole = Block { piece, offset: BlockOffset(0), length: sample.info.piece_size(piece) };
        storage.write(&mut Handles::default(), whole, sample.piece(piece))
    }

    fn read_piece(storage: &Storage, piece: u32) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![9; storage.info().piece_size(PieceIndex(piece)) as usize];
        storage.read(&mut Handles::default(), PieceIndex(piece), BlockOffset(0), &mut bytes)?;
        Ok(bytes)
    }
}
