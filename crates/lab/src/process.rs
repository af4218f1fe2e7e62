//! A member of the cast as a process of its own: [`events::Control`] lines go in, [`Record`] lines
//! come out, what it says on standard error goes to a log file.
//!
//! No orphan, ever. A member ends when its standard input does, so it ends with the orchestrator,
//! however that dies; a dropped [`Program`] is killed; and each stands in a process group of its
//! own, so that Ctrl-C on the terminal reaches the orchestrator alone, which then ends the others
//! in order.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use events::{Control, Record};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// How to start a member.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The executable: `swarmlab` itself.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Where standard error goes. Appended to, so that a restart keeps what was said before.
    pub log: PathBuf,
}

/// A running member. Dropping it closes its input, and it ends.
#[derive(Debug)]
pub struct Program {
    pub pid: u32,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a member's process let be known.
#[derive(Debug)]
pub struct Report {
    /// Whose process.
    pub name: String,
    pub what: Said,
}

/// The content of a [`Report`].
#[derive(Debug)]
pub enum Said {
    Event(Record),
    /// A line on standard output that is no event, cut to [`GARBLED_MAX`] characters.
    Garbled(String),
    /// The process is gone and reaped; nothing more will come of it.
    Ended(io::Result<ExitStatus>),
}

#[derive(Debug)]
enum Order {
    Say(String),
    CloseInput,
    Kill,
}

impl Program {
    /// Starts the process; its reports go to `reports`, last of all [`Said::Ended`].
    ///
    /// # Errors
    /// The log can't be opened, or the system can't start the program.
    pub fn start(name: &str, launch: &Launch, reports: mpsc::Sender<Report>) -> io::Result<Self> {
        let mut log = open_log(&launch.log)?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .kill_on_drop(true);
        own_group(&mut command);
        let mut child = command.spawn()?;
        let pid = child.id().unwrap_or_default();
        writeln!(log, "{LAB_SAYS}process {pid}: {}", command_line(launch))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process came without its pipes"));
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let voice = Voice { name: name.to_owned(), reports };
        tokio::spawn(supervise(child, stdin, BufReader::new(stdout), inbox, voice));
        Ok(Self { pid, orders })
    }

    /// Tells the member to do something. One that is gone does not hear; its end is reported.
    pub fn tell(&self, control: &Control) {
        if let Ok(line) = serde_json::to_string(control) {
            let _gone = self.orders.send(Order::Say(line));
        }
    }

    /// Closes the member's input: it says goodbye and ends.
    pub fn close_input(&self) {
        let _gone = self.orders.send(Order::CloseInput);
    }

    /// Ends the member at once, as `kill -9` does.
    pub fn kill(&self) {
        let _gone = self.orders.send(Order::Kill);
    }
}

/// The last `lines` lines of a log, for an error message. Empty where there is none.
pub fn tail(log: &Path, lines: usize) -> Vec<String> {
    let Ok(bytes) = std::fs::read(log) else { return Vec::new() };
    let start = bytes.len().saturating_sub(TAIL_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes[start..]);
    let said = |line: &&str| !line.trim().is_empty() && !line.starts_with(LAB_SAYS);
    let all: Vec<&str> = text.lines().filter(said).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

struct Voice {
    name: String,
    reports: mpsc::Sender<Report>,
}

impl Voice {
    async fn say(&self, what: Said) {
        // A closed channel means that the run is over: nobody listens, nothing is lost.
        let _over = self.reports.send(Report { name: self.name.clone(), what }).await;
    }
}

/// Carries orders in and lines out until both are done, then reaps the process.
async fn supervise(
    mut child: Child,
    stdin: ChildStdin,
    stdout: BufReader<tokio::process::ChildStdout>,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    voice: Voice,
) {
    let mut stdin = Some(stdin);
    let mut lines = stdout.lines();
    let (mut listening, mut reading) = (true, true);
    loop {
        tokio::select! {
            order = inbox.recv(), if listening => match order {
                Some(Order::Say(line)) => say_to(&mut stdin, line).await,
                Some(Order::Kill) => drop(child.start_kill()),
                Some(Order::CloseInput) => stdin = None,
                None => (stdin, listening) = (None, false),
            },
            line = lines.next_line(), if reading => match line {
                Ok(Some(line)) => voice.say(heard(&line)).await,
                Ok(None) | Err(_) => reading = false,
            },
            // Only when every line was read: the end is the last thing reported.
            status = child.wait(), if !reading => {
                voice.say(Said::Ended(status)).await;
                return;
            }
        }
    }
}

/// A member that has closed its input can't be told anything; that it ends is reported anyhow.
async fn say_to(stdin: &mut Option<ChildStdin>, line: String) {
    let Some(pipe) = stdin else { return };
    let sent = async {
        pipe.write_all(line.as_bytes()).await?;
        pipe.write_all(b"\n").await?;
        pipe.flush().await
    };
    if sent.await.is_err() {
        *stdin = None;
    }
}

fn heard(line: &str) -> Said {
    match line.parse() {
        Ok(record) => Said::Event(record),
        Err(_) => Said::Garbled(line.chars().take(GARBLED_MAX).collect()),
    }
}

/// The command, so that a person can start the same by hand.
fn command_line(launch: &Launch) -> String {
    let quoted = launch.args.iter().map(|arg| {
        let arg = arg.to_string_lossy();
        if arg.contains(' ') { format!("'{arg}'") } else { arg.into_owned() }
    });
    let words: Vec<String> = [launch.program.display().to_string()].into_iter().chain(quoted).collect();
    words.join(" ")
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    command.process_group(0);
}

#[cfg(windows)]
fn own_group(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// How lines begin that the lab itself writes into a program's log.
const LAB_SAYS: &str = "[lab] ";

/// Characters kept of a line that is no event.
pub const GARBLED_MAX: usize = 400;

/// Bytes of a log's end that are looked at.
const TAIL_BYTES_MAX: usize = 64 * 1024;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_out_are_events_and_the_end_comes_last() {
        let mut stage =
            Stage::new(r#"echo '{"t":1,"peer":"x","ev":"note","text":"hi"}'; echo oops >&2; echo nonsense"#);
        let program = stage.start();
        assert!(matches!(stage.next().await, Said::Event(record) if record.event.kind() == "note"));
        assert!(matches!(stage.next().await, Said::Garbled(line) if line == "nonsense"));
        assert!(matches!(stage.next().await, Said::Ended(Ok(status)) if status.success()));
        assert_eq!(tail(&stage.launch.log, 3), ["oops"]);
        drop(program);
    }

    #[tokio::test]
    async fn a_member_ends_when_its_input_does() {
        let mut stage = Stage::new("cat >/dev/null");
        let program = stage.start();
        program.close_input();
        assert!(matches!(stage.next().await, Said::Ended(Ok(status)) if status.success()));
    }

    #[tokio::test]
    async fn what_is_told_arrives_as_one_line() {
        let mut stage = Stage::new("read line; echo \"$line\"");
        let program = stage.start();
        program.tell(&Control::Leave);
        assert!(matches!(stage.next().await, Said::Garbled(line) if line == r#"{"do":"leave"}"#));
    }

    #[tokio::test]
    async fn a_deaf_member_is_killed() {
        let mut stage = Stage::new("exec sleep 600");
        let program = stage.start();
        program.close_input();
        program.kill();
        assert!(matches!(stage.next().await, Said::Ended(Ok(status)) if !status.success()));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error_at_once() {
        let stage = Stage::new("");
        let launch = Launch { program: "/nowhere/swarmlab".into(), ..stage.launch.clone() };
        assert!(Program::start("alice", &launch, stage.reports).is_err());
    }

    struct Stage {
        launch: Launch,
        reports: mpsc::Sender<Report>,
        heard: mpsc::Receiver<Report>,
        _dir: tempfile::TempDir,
    }

    impl Stage {
        fn new(script: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let launch = Launch {
                program: "/bin/sh".into(),
                args: vec!["-c".into(), script.into()],
                log: dir.path().join("alice.log"),
            };
            let (reports, heard) = mpsc::channel(8);
            Self { launch, reports, heard, _dir: dir }
        }

        fn start(&self) -> Program {
            Program::start("alice", &self.launch, self.reports.clone()).unwrap()
        }

        async fn next(&mut self) -> Said {
            self.heard.recv().await.unwrap().what
        }
    }
}
