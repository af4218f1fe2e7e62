//! Our own programs, as processes under control: orders in, events out.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use events::{Control, Event, Record};

use crate::{Content, Namespace};

/// A `swarmlab peer`, `tracker` or `rqbit`. Dropping it kills it.
#[derive(Debug)]
pub struct Swarmlab {
    child: Child,
    input: Option<ChildStdin>,
    told: Receiver<Record>,
    past: Vec<Record>,
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Swarmlab {
    /// The private tracker, serving this content; and its address for torrents.
    pub fn tracker(namespace: &Namespace, content: &Content) -> (Self, String) {
        let mut tracker = Self::start(namespace, "tracker", &["--interval", "5 s"]);
        tracker.tell(&Control::Allow { info_hash: content.info_hash() });
        let url = format!("udp://{}/announce", tracker.listen);
        (tracker, url)
    }

    /// A peer that shares, or fetches, what lies in `dir`. `torrent` is a file or a magnet link.
    pub fn peer(namespace: &Namespace, torrent: &str, dir: &Path) -> Self {
        let mut peer = Self::start(namespace, "peer", &[]);
        peer.tell(&Control::Join { torrent: torrent.to_owned(), dir: dir.to_owned(), sequential: false });
        peer
    }

    /// Starts a program on an address of its own and waits until it listens.
    ///
    /// # Panics
    /// When it can't be started or does not come up.
    pub fn start(namespace: &Namespace, verb: &str, more: &[&str]) -> Self {
        let listen = SocketAddrV4::new(namespace.address(), 0).to_string();
        let mut command = namespace.command(program());
        command.args([verb, "--control", "--name", verb, "--listen", &listen, "--epoch-micros", "0", "--seed", "1"]);
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let output = child.stdout.take().unwrap();
        let (sender, told) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let record = line.ok().and_then(|line| line.parse().ok());
                if record.is_none_or(|record| sender.send(record).is_err()) {
                    return;
                }
            }
        });
        let mut started = Self { child, input, told, past: Vec::new(), listen: "0.0.0.0:0".parse().unwrap() };
        let Event::Started { listen, .. } = started.wait("started", Duration::from_secs(20)) else {
            panic!("{verb} does not say where it listens")
        };
        started.listen = listen;
        started
    }

    /// What it tells next, if it has told more by now.
    pub fn heard(&mut self) -> Option<Event> {
        let record = self.told.try_recv().ok()?;
        self.past.push(record.clone());
        Some(record.event)
    }

    /// Asks it to leave and waits until it has ended; gives all that it told until then and nobody has heard.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn leave(&mut self, within: Duration) -> Vec<Event> {
        self.input = None; // a program under control ends with its input
        let deadline = Instant::now() + within;
        let mut last = Vec::new();
        loop {
            match self.told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(record) => {
                    last.push(record.event.clone());
                    self.past.push(record);
                }
                Err(RecvTimeoutError::Disconnected) => return last,
                Err(RecvTimeoutError::Timeout) => panic!("still there after {within:?}"),
            }
        }
    }

    /// The end of what it told and somebody heard, a line for each event.
    pub fn told_last(&self) -> String {
        let last = &self.past[self.past.len().saturating_sub(TOLD_LAST)..];
        last.iter().map(|record| format!("{record}\n")).collect()
    }

    /// Gives an order.
    ///
    /// # Panics
    /// When the program is gone.
    pub fn tell(&mut self, control: &Control) {
        let line = serde_json::to_string(control).unwrap();
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next event of a kind.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn wait(&mut self, kind: &str, within: Duration) -> Event {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(record) = self.told.recv_timeout(left) else { panic!("no {kind} within {within:?}") };
            let event = record.event.clone();
            self.past.push(record);
            if event.kind() == kind {
                return event;
            }
        }
    }
}

impl Drop for Swarmlab {
    /// A test that fails tells what was told.
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            self.past.extend(self.told.try_iter());
            eprintln!("{}", self.told_last());
        }
    }
}

const TOLD_LAST: usize = 60;

/// The `swarmlab` program to test: the one that `SWARMLAB_BIN` names, else the one built beside this
/// test.
///
/// # Panics
/// When there is none: cargo builds a program for its own package's tests only.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("SWARMLAB_BIN") {
        return PathBuf::from(path);
    }
    let name = format!("swarmlab{}", std::env::consts::EXE_SUFFIX);
    let test = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/this-test-0123: the program lies in target/debug.
    let found = test.ancestors().skip(1).take(3).map(|folder| folder.join(&name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("no {name} beside {}: run `cargo build -p swarmlab` first, or set SWARMLAB_BIN", test.display())
    })
}
