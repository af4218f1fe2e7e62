//! A folder to share, and the ordinary way through pack and unpack.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use swarmlab_share::Password;
use swarmlab_share::archive::{Archive, PackError, PackOptions, Packed, Progress, Survey, pack};
use tempfile::TempDir;

pub(crate) fn password() -> Password {
    Password::new("vessel-cognitive-dimple-uphill-starry-pellet".to_owned()).unwrap()
}

/// A watch that never stops anything.
pub(crate) fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Bytes that no compressor gets smaller, the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn text(length: usize) -> Vec<u8> {
    include_bytes!("sample.rs").iter().copied().cycle().take(length).collect()
}

/// A temporary folder with `holiday` in it, and room for what comes of it.
pub(crate) struct Sample {
    dir: TempDir,
}

impl Sample {
    /// With a bit of everything that people have on their disks.
    pub(crate) fn new() -> Self {
        let sample = Self::empty();
        sample.add("photo.jpg", &noise(300_000, 1));
        sample.add("notes.txt", &text(120_000));
        sample.add("tiny", b"x");
        sample.add("nothing", b"");
        sample.add("deep/er/down/letter.txt", &text(5_000));
        // é composed and decomposed are two names, and stay two.
        sample.add("caf\u{e9}.txt", b"composed");
        sample.add("cafe\u{301}.txt", b"decomposed");
        sample.add("🦆 duck.txt", "🦆".as_bytes());
        fs::create_dir_all(sample.folder().join("empty/er")).unwrap();
        sample
    }

    pub(crate) fn empty() -> Self {
        let sample = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(sample.folder()).unwrap();
        sample
    }

    pub(crate) fn add(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.path("holiday")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.path("holiday.7z")
    }

    pub(crate) fn survey(&self) -> Survey {
        Survey::find(&self.folder(), &mut go_on).unwrap()
    }

    pub(crate) fn pack(&self, options: &PackOptions) -> Packed {
        self.try_pack(options).unwrap()
    }

    pub(crate) fn try_pack(&self, options: &PackOptions) -> Result<Packed, PackError> {
        pack(&self.survey(), &self.archive(), &password(), options, &mut go_on)
    }

    pub(crate) fn open(&self) -> Archive {
        Archive::open(&self.archive(), Some(&password())).unwrap()
    }

    /// Names in the sample's own temporary folder, sorted.
    pub(crate) fn around(&self) -> Vec<String> {
        names(self.dir.path())
    }
}

/// Names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What is to come back of a file or folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) modified: SystemTime,
    pub(crate) permissions: u32,
    /// `None` for a folder.
    pub(crate) content: Option<Vec<u8>>,
}

/// All that is below a folder, itself included under the empty name.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Kept> {
    let mut tree = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            None
        } else {
            Some(fs::read(&path).unwrap())
        };
        let modified = in_tenths_of_micros(metadata.modified().unwrap());
        let kept = Kept { modified, permissions: permissions(&metadata), content };
        tree.insert(path.strip_prefix(folder).unwrap().to_owned(), kept);
    }
    tree
}

/// The format counts in tenths of microseconds.
fn in_tenths_of_micros(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::new(since.as_secs(), since.subsec_nanos() / 100 * 100)
}

#[cfg(unix)]
fn permissions(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o777
}

#[cfg(not(unix))]
fn permissions(_: &fs::Metadata) -> u32 {
    0
}
