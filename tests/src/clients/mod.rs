//! Other people's clients, headless. Each is set up so that peers come from the torrent's tracker
//! alone: no DHT, no local discovery, no peer exchange, no port mapping. All else is left as its users
//! have it. Encryption too, unless a test asks otherwise: each module has its client's settings
//! (`Encryption`) and, in the terms of [`crate::encryption::rules`], what they make it do.
//!
//! A client writes to a folder, and what counts is what lies there in the end; so nothing is asked
//! of its own interface, and every client is waited for in the same way.

pub mod aria2;
pub mod libtorrent;
pub mod qbittorrent;
pub mod transmission;

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Content, Missing, Namespace, Process};

/// A client that runs. Dropping it ends it and removes what it kept for itself.
#[derive(Debug)]
pub struct Client {
    name: &'static str,
    /// Where it listens, once it is up.
    pub listen: SocketAddrV4,
    process: Process,
    dir: PathBuf,
    _home: TempDir,
}

/// How to start one: with a torrent file or a magnet link, and the folder that content is in or
/// goes to.
pub type Start = fn(&Namespace, &str, &Path) -> Result<Client, Missing>;

/// What a client is told at its start.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Torrent files or magnet links.
    pub torrents: &'a [String],
    /// The folder that all their contents are in or go to.
    pub dir: &'a Path,
}

impl Client {
    /// The end of what it said.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Waits until every byte of the content lies in the client's folder.
    ///
    /// # Panics
    /// When that takes longer than `within`, or the client ends; says what is missing.
    pub fn wait_complete(&mut self, content: &Content, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let differences = content.differences(&self.dir);
            if differences.is_empty() {
                return;
            }
            let ended = self.process.has_ended();
            if ended || Instant::now() >= deadline {
                let what = if ended { "ended" } else { "is not done" };
                panic!("{} {what}; missing: {differences:#?}", self.name);
            }
            // The only sign that clients have in common is the file system.
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Client {
    /// A test that fails tells what its clients said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} said last:\n{}", self.name, self.process.said());
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where every client listens, on an address of its own.
const PORT: u16 = 7001;

fn installed(program: &str, package: &str) -> Result<(), Missing> {
    let missing = || Missing(format!("{program} (package {package})"));
    crate::process::is_installed(program).then_some(()).ok_or_else(missing)
}

fn run(
    name: &'static str,
    listen: SocketAddrV4,
    command: std::process::Command,
    dir: &Path,
    home: TempDir,
) -> Result<Client, Missing> {
    let process = Process::start(command, &home.path().join("said.log"));
    let process = process.map_err(|why| Missing(format!("{name}, which does not start: {why}")))?;
    Ok(Client { name, listen, process, dir: dir.to_owned(), _home: home })
}

/// An address of its own to listen at.
fn seat(namespace: &Namespace) -> SocketAddrV4 {
    SocketAddrV4::new(namespace.address(), PORT)
}

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
