//! Something to share, in a folder of its own, and its torrent.

use std::fs;
use std::path::{Path, PathBuf};

use metainfo::{Builder, Metainfo, RelativePath};
use model::Rng;
use sha1::{Digest, Sha1};
use tempfile::TempDir;

/// A folder of some files, with lengths that no piece ends at. The bytes are a function of the size.
#[derive(Debug)]
pub struct Content {
    name: String,
    dir: PathBuf,
    _home: Option<TempDir>,
    files: Vec<(&'static str, Vec<u8>)>,
    metainfo: Metainfo,
}

impl Content {
    /// About this many bytes, in four files, one of them deeper down; in a folder `lesson` that goes with it.
    ///
    /// # Panics
    /// When the disk refuses.
    pub fn new(size: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let content = Self::within(home.path(), "lesson", size);
        Self { _home: Some(home), ..content }
    }

    /// The same in a folder of this name, beside others in `dir`. Another name makes another torrent.
    ///
    /// # Panics
    /// When the disk refuses.
    pub fn within(dir: &Path, name: &str, size: usize) -> Self {
        let mut rng = Rng::from_seed(size as u64);
        let mut files = Vec::new();
        for (path, length) in
            [("a small one.txt", 11), ("b/deep/er.bin", size / 3 + 1), ("c.bin", size / 2), ("d.bin", size / 6 + 77)]
        {
            let mut bytes = vec![0; length];
            rng.fill(&mut bytes);
            let place = dir.join(name).join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, &bytes).unwrap();
            files.push((path, bytes));
        }
        let metainfo = describe(name, &files);
        Self { name: name.to_owned(), dir: dir.to_owned(), _home: None, files, metainfo }
    }

    /// The folder in which the shared folder lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a torrent file that names this tracker.
    ///
    /// # Panics
    /// When the disk refuses.
    pub fn torrent_file(&self, tracker: &str) -> PathBuf {
        let path = self.dir.join(format!("{}.torrent", self.name));
        fs::write(&path, self.with_tracker(tracker).to_bytes()).unwrap();
        path
    }

    /// Writes a torrent file that names no tracker: who has only that finds nobody.
    ///
    /// # Panics
    /// When the disk refuses.
    pub fn trackerless_file(&self) -> PathBuf {
        let path = self.dir.join(format!("{}.trackerless.torrent", self.name));
        fs::write(&path, self.metainfo.to_bytes()).unwrap();
        path
    }

    /// A link that names this tracker.
    pub fn magnet(&self, tracker: &str) -> String {
        self.with_tracker(tracker).magnet().to_string()
    }

    pub fn info_hash(&self) -> model::InfoHash {
        self.metainfo.info.info_hash()
    }

    fn with_tracker(&self, tracker: &str) -> Metainfo {
        Metainfo { announce: vec![vec![tracker.to_owned()]], ..self.metainfo.clone() }
    }

    /// Says what is missing or different in another folder; empty when every byte is there.
    pub fn differences(&self, dir: &Path) -> Vec<String> {
        self.files
            .iter()
            .filter_map(|(path, bytes)| difference(path, bytes, &dir.join(&self.name).join(path)))
            .collect()
    }
}

fn difference(path: &str, bytes: &[u8], place: &Path) -> Option<String> {
    // Files grow long before they are whole, so the length is a cheap first look.
    let length = match fs::metadata(place) {
        Ok(found) => found.len(),
        Err(why) => return Some(format!("{path}: {why}")),
    };
    if length != bytes.len() as u64 {
        return Some(format!("{path}: {length} bytes of {}", bytes.len()));
    }
    match fs::read(place) {
        Ok(found) if found == bytes => None,
        Ok(_) => Some(format!("{path}: other bytes")),
        Err(why) => Some(format!("{path}: {why}")),
    }
}

fn describe(name: &str, files: &[(&str, Vec<u8>)]) -> Metainfo {
    let entry =
        |(path, bytes): &(&str, Vec<u8>)| (RelativePath::from_components(path.split('/')).unwrap(), bytes.len() as u64);
    let mut builder = Builder::folder(name, files.iter().map(entry).collect());
    builder.piece_length = PIECE as u32;
    // The order of files in the torrent is the builder's to choose; the plan tells it.
    let plan = builder.plan().unwrap();
    let mut all = Vec::new();
    for file in plan.files() {
        let (_, bytes) = files.iter().find(|(path, _)| file.path.as_str().ends_with(path)).unwrap();
        all.extend_from_slice(bytes);
    }
    let hashes: Vec<[u8; 20]> = all.chunks(PIECE).map(|piece| Sha1::digest(piece).into()).collect();
    builder.build(&hashes).unwrap()
}

const PIECE: usize = 64 * 1024;
