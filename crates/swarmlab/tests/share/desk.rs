//! A sharer's and a recipient's folders, and their programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes longer, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) const SECRET: &str = "hidden tide";

/// A folder with `holiday` to share, the file `secret` with the password, and room.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    /// With so many bytes that do not compress, and a little text.
    pub(crate) fn new(bytes: usize) -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(desk.path("holiday/beach")).unwrap();
        fs::write(desk.path("holiday/beach/sand 🏖.jpg"), noise(bytes)).unwrap();
        fs::write(desk.path("holiday/notes.txt"), "sun\n".repeat(1000)).unwrap();
        fs::write(desk.path("secret"), format!("{SECRET}\n")).unwrap();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swarmlab"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove("SWARMLAB_PASSWORD");
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Shares `holiday` as h.7z with a tracker, on loopback; ready when this returns.
    pub(crate) fn share(&self, more: &[&str]) -> Program {
        let given = ["share", "holiday", "--name", "h", "--password-file", "secret", "--with-tracker=127.0.0.1:0"];
        let mut program = self.start(&[&given[..], &LOCAL, more].concat());
        program.until("share", "ready");
        program
    }

    /// Fetches h.7z.torrent into this folder, unasked, and goes.
    pub(crate) fn receive(&self, to: &str, more: &[&str]) -> Output {
        self.run(&[&RECEIVE[..], &["-o", to, "--seed-for", "0 s"], more].concat())
    }

    /// Starts a program that tells JSON lines.
    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(self.command(args))
    }

    /// Names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The folder came through byte for byte.
    pub(crate) fn assert_same(&self, folder: &str) {
        for file in ["beach/sand 🏖.jpg", "notes.txt"] {
            let (left, came) = (self.path("holiday").join(file), self.path(folder).join(file));
            assert!(fs::read(left).unwrap() == fs::read(&came).unwrap(), "{} differs", came.display());
        }
    }
}

pub(crate) const LOCAL: [&str; 3] = ["--listen", "127.0.0.1:0", "--json"];

/// What every call of `receive` in these tests begins with.
pub(crate) const RECEIVE: [&str; 7] =
    ["receive", "h.7z.torrent", "--yes", "--password-file", "secret", "--listen", "127.0.0.1:0"];

/// A program that runs and tells JSON lines. Dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// All that it told.
    pub(crate) told: Vec<String>,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _test_is_over = sender.send(line);
                }
            });
        }
        Self { child, lines, told: Vec::new() }
    }

    /// The next line of this kind, such as `"share": "ready"` or `"ev": "unchoked"`.
    pub(crate) fn until(&mut self, key: &str, value: &str) -> Value {
        self.until_that(&format!("{key} {value}"), |line| line[key] == value)
    }

    pub(crate) fn until_that(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.find(what, |line| serde_json::from_str(line).ok().filter(&is_it))
    }

    /// The next line with this text in it, of a program that speaks to people.
    #[cfg(unix)]
    pub(crate) fn until_line(&mut self, text: &str) {
        self.find(text, |line| line.contains(text).then_some(()));
    }

    fn find<T>(&mut self, what: &str, is_it: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.told.push(line.clone());
                    if let Some(found) = is_it(&line) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what} within {PATIENCE:?}: {}", self.last()),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before {what}: {}", self.last()),
            }
        }
    }

    /// Waits for its end; the exit code.
    pub(crate) fn end(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.told.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("still there: {}", self.last()),
                // Both outputs are closed: it is gone, or about to be.
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code().unwrap_or(-1),
            }
        }
    }

    /// What it told in the end.
    pub(crate) fn verdict(&self) -> Value {
        let ended = |value: &Value| value["share"] == "ended" || value["receive"] == "ended";
        let lines = self.told.iter().rev().filter_map(|line| serde_json::from_str(line).ok());
        lines.into_iter().find(ended).unwrap_or_else(|| panic!("no end was told: {}", self.last()))
    }

    pub(crate) fn last(&self) -> String {
        let last = &self.told[self.told.len().saturating_sub(25)..];
        last.join("\n")
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Both outputs.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Bytes that no compressor gets smaller.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// True where this text stands in a file below the folder.
pub(crate) fn stands_somewhere(folder: &Path, text: &str) -> Option<PathBuf> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if fs::read(&path).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes()) {
            return Some(path);
        }
    }
    None
}
