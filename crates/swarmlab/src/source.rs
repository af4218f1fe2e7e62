//! Where scenarios come from: out of the program itself, or from a file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use scenario::Plan;

/// A scenario that was read and checked.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its name among the shipped, or that of its file without the ending.
    pub(crate) name: String,
    /// What relative paths in it start from.
    pub(crate) base: PathBuf,
    pub(crate) plan: Plan,
}

/// By name or by path. A word with a path separator or a YAML ending is a path.
pub(crate) fn load(name_or_file: &str) -> anyhow::Result<Source> {
    let path = Path::new(name_or_file);
    if is_path(path) { from_file(path) } else { shipped(name_or_file) }
}

/// From a file.
pub(crate) fn from_file(path: &Path) -> anyhow::Result<Source> {
    let bytes = std::fs::read(path).with_context(|| {
        let hint = "`swarmlab list` shows the scenarios that come with the program";
        format!("read the scenario {} ({hint})", path.display())
    })?;
    let plan = scenario::parse_bytes(&path.display().to_string(), &bytes)?;
    let name = path.file_stem().map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Source { name, base: if base.as_os_str().is_empty() { ".".into() } else { base }, plan })
}

/// From the program itself.
pub(crate) fn shipped(name: &str) -> anyhow::Result<Source> {
    let plan = scenario::parse(&format!("{name}.yaml"), scenario::find(name)?)?;
    Ok(Source { name: name.to_owned(), base: ".".into(), plan })
}

fn is_path(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    yaml || path.components().count() > 1 || path.is_file()
}

/// The scenario files of a folder, sorted by name.
pub(crate) fn files_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("read the folder {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("read the folder {}", dir.display()))?.path();
        if path.is_file() && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
