//! What a run shares. Made-up content comes from the seed, so that every run of a scenario, on
//! every machine, has the same info-hash; a file or folder of the user's is only ever read.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use model::{ByteCount, Rng};
use scenario::ContentSource;

/// Content on disk, ready to be made a torrent of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The file or folder itself.
    pub path: PathBuf,
    /// The folder that it lies in: where a seed is told to look.
    pub dir: PathBuf,
}

/// Why there is no content.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("make the content {path}")]
    Write { path: String, source: io::Error },
    #[error("use {path} as content")]
    Read { path: String, source: io::Error },
    #[error("use {0} as content: it has no name of its own to call the torrent by")]
    Nameless(String),
    #[error("the scenario calls the content {wanted:?}, but what is there keeps its name: {path}")]
    Renamed { path: String, wanted: String },
    #[error("this scenario shares a file or folder of yours, and none was given: add --content PATH")]
    NotGiven,
}

impl ContentError {
    /// True when the call or the scenario is wrong, not the machine.
    pub fn is_the_callers(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

impl Content {
    /// Finds content that is there already: `given` on the command line, or else what the scenario
    /// names, relative to `base`. `None` where the scenario wants it made up.
    ///
    /// # Errors
    /// It is not there, or can't be used.
    pub fn find(wanted: &scenario::Content, base: &Path, given: Option<&Path>) -> Result<Option<Self>, ContentError> {
        match (given, &wanted.source) {
            (Some(given), _) => Self::found(given).map(Some),
            (None, ContentSource::Path(path)) => {
                Self::found(&base.join(path))?.called(wanted.name.as_deref()).map(Some)
            }
            (None, ContentSource::Given) => Err(ContentError::NotGiven),
            (None, ContentSource::Size(_) | ContentSource::Tree { .. }) => Ok(None),
        }
    }

    /// Refuses another name than the content has: seeds read it where it lies.
    fn called(self, name: Option<&str>) -> Result<Self, ContentError> {
        match name {
            Some(wanted) if self.path.file_name() != Some(wanted.as_ref()) => {
                Err(ContentError::Renamed { path: self.path.display().to_string(), wanted: wanted.to_owned() })
            }
            _ => Ok(self),
        }
    }

    /// Makes content up from the seed: a file or folder `name` in `dir`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn make(source: &ContentSource, dir: &Path, name: &str, seed: u64) -> Result<Self, ContentError> {
        let path = dir.join(name);
        match source {
            ContentSource::Tree { files, size } => make_tree(&path, *files, *size, seed)?,
            ContentSource::Size(size) => make_file(&path, *size, &mut Rng::stream(seed, "content"))?,
            ContentSource::Path(_) | ContentSource::Given => return Err(ContentError::NotGiven),
        }
        Ok(Self { path, dir: dir.to_owned() })
    }

    fn found(path: &Path) -> Result<Self, ContentError> {
        let shown = || path.display().to_string();
        // Resolves links and dots, so that the last part is the name of the thing itself.
        let path = std::fs::canonicalize(path).map_err(|source| ContentError::Read { path: shown(), source })?;
        match (path.file_name(), path.parent()) {
            (Some(_), Some(dir)) => Ok(Self { dir: dir.to_owned(), path }),
            _ => Err(ContentError::Nameless(shown())),
        }
    }
}

fn make_file(path: &Path, size: ByteCount, rng: &mut Rng) -> Result<(), ContentError> {
    let failed = |source| ContentError::Write { path: path.display().to_string(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = File::create(path).map_err(failed)?;
    let mut chunk = vec![0; CHUNK.min(usize::try_from(size.0).unwrap_or(CHUNK))];
    let mut left = size.0;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(CHUNK).min(chunk.len());
        rng.fill(&mut chunk[..part]);
        file.write_all(&chunk[..part]).map_err(failed)?;
        left -= part as u64;
    }
    Ok(())
}

/// Files of very different sizes, sixteen to a folder.
fn make_tree(root: &Path, files: u32, size: ByteCount, seed: u64) -> Result<(), ContentError> {
    let mut rng = Rng::stream(seed, "tree");
    for (i, size) in sim::content::sizes(files, size, &mut rng).into_iter().enumerate() {
        let path = root.join(format!("part-{:02}", i / 16 + 1)).join(format!("file-{:03}.bin", i + 1));
        make_file(&path, ByteCount(size), &mut Rng::stream(seed, &format!("content {i}")))?;
    }
    Ok(())
}

/// Bytes written at a time. A multiple of eight, so that the bytes do not depend on it.
const CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let make = |folder: &str, seed| {
            let size = ContentSource::Size(ByteCount(3 * CHUNK as u64 + 5));
            let content = Content::make(&size, &dir.path().join(folder), "x.bin", seed).unwrap();
            std::fs::read(content.path).unwrap()
        };
        assert_eq!(make("a", 7).len(), 3 * CHUNK + 5);
        assert!(make("a", 7) == make("b", 7));
        assert!(make("a", 7) != make("b", 8));
    }

    #[test]
    fn a_tree_has_the_size_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let source = ContentSource::Tree { files: 40, size: ByteCount(100_001) };
        let content = Content::make(&source, dir.path(), "tree", 1).unwrap();
        let mut found = Vec::new();
        for folder in std::fs::read_dir(&content.path).unwrap() {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                found.push(file.unwrap().metadata().unwrap().len());
            }
        }
        assert_eq!(found.len(), 40);
        assert_eq!(found.iter().sum::<u64>(), 100_001);
    }

    #[test]
    fn a_path_is_found_beside_the_scenario_and_the_command_line_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let here = std::fs::canonicalize(dir.path()).unwrap();
        for name in ["theirs", "mine"] {
            std::fs::write(here.join(name), name).unwrap();
        }
        let theirs = of(ContentSource::Path("theirs".into()));
        assert_eq!(Content::find(&theirs, &here, None).unwrap().unwrap().path, here.join("theirs"));
        let mine = here.join("mine");
        let given = Content::find(&theirs, &here, Some(&mine)).unwrap();
        assert_eq!(given, Some(Content { path: mine, dir: here.clone() }));
        let renamed = scenario::Content { name: Some("ours".into()), ..theirs };
        assert!(matches!(Content::find(&renamed, &here, None), Err(ContentError::Renamed { .. })));
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let here = Path::new("/nowhere");
        let find = |source| Content::find(&of(source), here, None);
        let error = find(ContentSource::Given).unwrap_err();
        assert!(error.to_string().ends_with("add --content PATH") && error.is_the_callers());
        assert!(find(ContentSource::Path("x".into())).unwrap_err().is_the_callers());
        assert_eq!(find(ContentSource::Size(ByteCount(1))).unwrap(), None);
    }

    fn of(source: ContentSource) -> scenario::Content {
        scenario::Content { source, piece: None, name: None, archive: false, elide: false }
    }
}
