//! The stock file storage, watched: it never shortens a file, leaves alone what has its length, and
//! tells when the disk refuses.

use std::io::IoSlice;
use std::path::{Path, PathBuf};

use events::Event;
use librqbit::storage::filesystem::FilesystemStorageFactory;
use librqbit::storage::{BoxStorageFactory, StorageFactory, StorageFactoryExt, TorrentStorage};
use librqbit::{ManagedTorrentShared, TorrentMetadata};
use librqbit_core::lengths::ValidPieceIndex;

use crate::voice::Voice;

/// Makes storages that put files under `folder`.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) folder: PathBuf,
    pub(crate) voice: Voice,
}

pub(crate) struct WatchedStorage {
    stock: Box<dyn TorrentStorage>,
    paths: Vec<PathBuf>,
    voice: Voice,
}

impl StorageFactory for Watched {
    type Storage = WatchedStorage;

    fn create(&self, shared: &ManagedTorrentShared, metadata: &TorrentMetadata) -> anyhow::Result<WatchedStorage> {
        let stock = FilesystemStorageFactory::default().create(shared, metadata)?;
        let paths = metadata.file_infos.iter().map(|file| self.folder.join(&file.relative_filename)).collect();
        Ok(WatchedStorage { stock: Box::new(stock), paths, voice: self.voice.clone() })
    }

    fn clone_box(&self) -> BoxStorageFactory {
        self.clone().boxed()
    }
}

impl WatchedStorage {
    fn watch<T>(&self, doing: &str, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.inspect_err(|why| {
            self.voice.say(Event::DiskFailed { doing: doing.to_owned(), why: format!("{why:#}") });
        })
    }
}

impl TorrentStorage for WatchedStorage {
    fn init(&mut self, shared: &ManagedTorrentShared, metadata: &TorrentMetadata) -> anyhow::Result<()> {
        let result = self.stock.init(shared, metadata);
        self.watch("check", result)
    }

    /// Not watched: during the check a short file is no failure.
    fn pread_exact(&self, file: usize, offset: u64, into: &mut [u8]) -> anyhow::Result<()> {
        self.stock.pread_exact(file, offset, into)
    }

    fn pwrite_all(&self, file: usize, offset: u64, bytes: &[u8]) -> anyhow::Result<()> {
        self.watch("write", self.stock.pwrite_all(file, offset, bytes))
    }

    fn pwrite_all_vectored(&self, file: usize, offset: u64, parts: [IoSlice<'_>; 2]) -> anyhow::Result<usize> {
        self.watch("write", self.stock.pwrite_all_vectored(file, offset, parts))
    }

    fn remove_file(&self, file: usize, name: &Path) -> anyhow::Result<()> {
        self.stock.remove_file(file, name)
    }

    fn remove_directory_if_empty(&self, path: &Path) -> anyhow::Result<()> {
        self.stock.remove_directory_if_empty(path)
    }

    /// Stock storage sets every length, which touches the time of a file that is served and cuts off
    /// the end of one that is longer.
    fn ensure_file_length(&self, file: usize, length: u64) -> anyhow::Result<()> {
        let found = self.paths.get(file).and_then(|path| std::fs::metadata(path).ok());
        if found.is_some_and(|found| found.len() >= length) {
            return Ok(());
        }
        self.watch("write", self.stock.ensure_file_length(file, length))
    }

    fn take(&self) -> anyhow::Result<Box<dyn TorrentStorage>> {
        let (paths, voice) = (self.paths.clone(), self.voice.clone());
        Ok(Box::new(Self { stock: self.stock.take()?, paths, voice }))
    }

    fn on_piece_completed(&self, piece: ValidPieceIndex) -> anyhow::Result<()> {
        self.stock.on_piece_completed(piece)
    }
}
