//! What a run leaves behind: one folder under `runs/`, named by its start (UTC) and its scenario.
//!
//! ```text
//! runs/2026-11-21T08-19-03Z-first-swarm/
//!   plan.yaml      the scenario as it was played, every default spelled out
//!   events.jsonl   everything that happened, one event a line
//!   summary.json   verdicts, who finished when, from whom each got how much
//!   logs/          one file a program: what it said on standard error
//!   wire/          one file a peer: the first bytes of its connections, as they were on the wire
//!   keys/          one file a peer: what opens the encrypted ones
//!   content.torrent  what the peers were given
//!   content/       what was shared, when the lab made it
//!   peers/         one folder a leecher: what it fetched
//! runs/latest      points to the newest
//! ```
//! `content/` and `peers/` go when the run has passed, unless they are wanted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
#[error("make the run folder {path}")]
pub struct FolderError {
    pub path: String,
    pub source: io::Error,
}

impl RunFolder {
    /// Makes a new folder under `runs` and lets `runs/latest` point to it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn create(runs: &Path, scenario: &str, now: SystemTime) -> Result<Self, FolderError> {
        let name = name(now, scenario);
        let failed = |path: &Path, source| FolderError { path: path.display().to_string(), source };
        std::fs::create_dir_all(runs).map_err(|source| failed(runs, source))?;
        // Processes are told of paths in it, and none need share our working directory.
        let runs = &std::path::absolute(runs).map_err(|source| failed(runs, source))?;
        let path = create_first_free(runs, &name).map_err(|source| failed(&runs.join(&name), source))?;
        let folder = Self { path };
        for part in [folder.logs(), folder.peers(), folder.path.join(WIRE), folder.path.join(KEYS)] {
            std::fs::create_dir(&part).map_err(|source| failed(&part, source))?;
        }
        // A convenience: a file system without links must not stop a run.
        let _missing = point_latest(runs, &folder.name());
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.yaml")
    }

    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// What the program of this member says on standard error.
    pub fn log(&self, member: &str) -> PathBuf {
        self.logs().join(format!("{member}.log"))
    }

    /// Where a member records its wire; `life` counts its starts from 0.
    pub fn wire(&self, member: &str, life: u32) -> PathBuf {
        self.path.join(WIRE).join(file_of(member, life))
    }

    /// Where a member logs its keys.
    pub fn keys(&self, member: &str, life: u32) -> PathBuf {
        self.path.join(KEYS).join(file_of(member, life))
    }

    pub fn content(&self) -> PathBuf {
        self.path.join("content")
    }

    /// Where an archive of the content lies, if it is packed.
    pub fn archive(&self) -> PathBuf {
        self.path.join("archive")
    }

    pub fn peers(&self) -> PathBuf {
        self.path.join("peers")
    }

    /// Where this leecher puts what it fetches.
    pub fn peer(&self, member: &str) -> PathBuf {
        self.peers().join(member)
    }

    /// The torrent that the peers are given.
    pub fn torrent(&self) -> PathBuf {
        self.path.join("content.torrent")
    }

    /// Removes content and downloads: the bulk of a run, and made anew from the seed at any time.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove_bulk(&self) -> io::Result<()> {
        for part in [self.content(), self.archive(), self.peers()] {
            match std::fs::remove_dir_all(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

const WIRE: &str = "wire";
const KEYS: &str = "keys";

/// `alice.jsonl`; `alice~2.jsonl` for its second life, whose connections are counted anew.
fn file_of(member: &str, life: u32) -> String {
    match life {
        0 => format!("{member}.jsonl"),
        life => format!("{member}~{}.jsonl", life + 1),
    }
}

/// `2026-11-21T08-19-03Z-first-swarm`: sorts by time, and no file system minds its characters.
pub fn name(now: SystemTime, scenario: &str) -> String {
    format!("{}-{}", utc(now).replace(':', "-"), slug(scenario))
}

/// A moment as people and programs write it (RFC 3339): `2026-11-21T08:19:03Z`.
pub fn utc(now: SystemTime) -> String {
    let secs = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, rest) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day counted from 1970-01-01, by stepping through 400-year cycles that
/// begin in March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    let days = days + 719_468;
    let day = days % CYCLE;
    let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (days / CYCLE * 400 + year + next, month, day)
}

/// Letters, digits and dashes only, so that a scenario's name can be part of a path.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(60) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "run".to_owned() } else { slug.to_owned() }
}

/// Two runs may start in the same second: the second gets `-2`.
fn create_first_free(runs: &Path, name: &str) -> io::Result<PathBuf> {
    for nth in 1..=NAMES_MAX {
        let path = if nth == 1 { runs.join(name) } else { runs.join(format!("{name}-{nth}")) };
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(path),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{NAMES_MAX} runs of that name and second exist")))
}

const NAMES_MAX: u32 = 1_000;

/// Replaces the link in one step, so that two runs at once leave a whole one.
#[cfg(unix)]
fn point_latest(runs: &Path, name: &str) -> io::Result<()> {
    let fresh = runs.join(format!(".latest-of-{name}"));
    std::os::unix::fs::symlink(name, &fresh)?;
    std::fs::rename(&fresh, runs.join("latest")).inspect_err(|_| drop(std::fs::remove_file(&fresh)))
}

/// Links need a privilege on Windows: a text file that holds the name does not.
#[cfg(not(unix))]
fn point_latest(runs: &Path, name: &str) -> io::Result<()> {
    std::fs::write(runs.join("latest"), format!("{name}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_moment_and_scenario() {
        let at = |secs| UNIX_EPOCH + Duration::from_secs(secs);
        assert_eq!(name(at(0), "first-swarm"), "1970-01-01T00-00-00Z-first-swarm");
        assert_eq!(name(at(1_795_249_143), "Tit for Tat!"), "2026-11-21T08-19-03Z-tit-for-tat");
        assert_eq!(utc(at(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(utc(at(951_868_799)), "2000-02-29T23:59:59Z");
        assert_eq!(utc(at(4_107_542_400)), "2100-03-01T00:00:00Z");
        assert_eq!(utc(at(1_767_225_599)), "2025-12-31T23:59:59Z");
    }

    #[test]
    fn a_name_can_not_leave_the_folder() {
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("///"), "run");
    }

    #[test]
    fn two_runs_of_one_second_get_two_folders_and_latest_is_the_newer() {
        let runs = tempfile::tempdir().unwrap();
        let first = RunFolder::create(runs.path(), "x", UNIX_EPOCH).unwrap();
        let second = RunFolder::create(runs.path(), "x", UNIX_EPOCH).unwrap();
        assert_ne!(first.path(), second.path());
        if cfg!(unix) {
            let latest = std::fs::canonicalize(runs.path().join("latest")).unwrap();
            assert_eq!(latest, std::fs::canonicalize(second.path()).unwrap());
        }
    }

    #[test]
    fn only_content_and_downloads_go() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), "x", UNIX_EPOCH).unwrap();
        std::fs::write(folder.events(), "").unwrap();
        folder.remove_bulk().unwrap();
        folder.remove_bulk().unwrap();
        assert!(folder.events().exists() && folder.logs().exists() && !folder.peers().exists());
    }
}
