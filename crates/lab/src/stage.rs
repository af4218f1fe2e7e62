//! The programs of a run: who is up, who is on the way, and what to do when one does not come, does
//! not go, or goes unasked. Knows nothing of torrents.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use events::Control;
use model::Time;
use tokio::sync::mpsc;

use crate::process::{Launch, Program, Report, tail};
use crate::summary::ProcessLine;

/// Every program by name.
#[derive(Debug)]
pub(crate) struct Stage {
    seats: BTreeMap<String, Seat>,
    reports: mpsc::Sender<Report>,
    processes: Vec<ProcessLine>,
}

/// A program that can be started, any number of times one after the other.
#[derive(Debug)]
struct Seat {
    log: PathBuf,
    life: u32,
    phase: Phase,
    /// Start it once more, so, as soon as it is gone.
    again: Option<Start>,
}

/// All that it takes to start a program.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) launch: Launch,
    /// What it is told as soon as it is up. Not before: whoever else mentions it does so after its
    /// own first word, and so its name and address are known.
    pub(crate) orders: Vec<Control>,
    /// Whether it will say that it takes part in a torrent as soon as it is told to.
    pub(crate) says_joined: bool,
}

#[derive(Debug)]
enum Phase {
    Gone,
    /// Not yet heard of; the orders wait for that.
    Starting {
        program: Program,
        orders: Vec<Control>,
        says_joined: bool,
        until: Time,
    },
    /// Told to take part; that it does is awaited.
    Joining {
        program: Program,
        until: Time,
    },
    Up {
        program: Program,
    },
    Leaving {
        program: Program,
        until: Time,
    },
    /// Killed; its end is on the way.
    Dying {
        why: String,
    },
}

/// What the end of a process means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was asked to leave, and did.
    Left,
    /// It was killed.
    Killed { why: String },
    /// Nobody asked.
    Unasked { how: String },
}

/// The lab broke on account of a program.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("{name} could not be started with {program}")]
    Start { name: String, program: String, source: io::Error },
    #[error("{name} did not {what} within {} s{}", START_WITHIN.as_secs(), last_words(.log))]
    Mute { name: String, what: &'static str, log: PathBuf },
    #[error("{name} ended unasked: {how}{}", last_words(.log))]
    Unasked { name: String, how: String, log: PathBuf },
}

impl Stage {
    pub(crate) fn new(reports: mpsc::Sender<Report>) -> Self {
        Self { seats: BTreeMap::new(), reports, processes: Vec::new() }
    }

    /// Starts a program, or lets it be started when its predecessor of the same name is gone. One
    /// that is up already stays as it is.
    pub(crate) fn start(&mut self, name: &str, start: Start, now: Time) -> Result<(), StageError> {
        let log = start.launch.log.clone();
        let fresh = || Seat { log, life: 0, phase: Phase::Gone, again: None };
        let seat = self.seats.entry(name.to_owned()).or_insert_with(fresh);
        match seat.phase {
            Phase::Gone => {}
            Phase::Starting { .. } | Phase::Joining { .. } | Phase::Up { .. } => return Ok(()),
            Phase::Leaving { .. } | Phase::Dying { .. } => {
                seat.again = Some(start);
                return Ok(());
            }
        }
        seat.life += 1;
        let program = Program::start(name, &start.launch, self.reports.clone()).map_err(|source| {
            let program = start.launch.program.display().to_string();
            StageError::Start { name: name.to_owned(), program, source }
        })?;
        self.processes.push(ProcessLine { name: name.to_owned(), pid: program.pid });
        let Start { orders, says_joined, .. } = start;
        seat.phase = Phase::Starting { program, orders, says_joined, until: now.after(START_WITHIN) };
        Ok(())
    }

    /// The program says that it is up: it is told what to do.
    pub(crate) fn started(&mut self, name: &str, now: Time) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        seat.phase = match std::mem::replace(&mut seat.phase, Phase::Gone) {
            Phase::Starting { program, orders, says_joined, .. } => {
                orders.iter().for_each(|order| program.tell(order));
                match says_joined {
                    true => Phase::Joining { program, until: now.after(START_WITHIN) },
                    false => Phase::Up { program },
                }
            }
            other => other,
        };
    }

    /// The program says that it takes part.
    pub(crate) fn joined(&mut self, name: &str) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        seat.phase = match std::mem::replace(&mut seat.phase, Phase::Gone) {
            Phase::Joining { program, .. } => Phase::Up { program },
            other => other,
        };
    }

    /// Tells a program something; one that is not there does not hear.
    pub(crate) fn tell(&mut self, name: &str, control: &Control) {
        match self.seats.get_mut(name).map(|seat| &mut seat.phase) {
            Some(Phase::Starting { orders, .. }) => orders.push(control.clone()),
            Some(Phase::Joining { program, .. } | Phase::Up { program }) => program.tell(control),
            _ => {}
        }
    }

    /// Asks a program to say goodbye and end.
    pub(crate) fn leave(&mut self, name: &str, now: Time) {
        if let Some(seat) = self.seats.get_mut(name) {
            seat.again = None;
            seat.phase = match std::mem::replace(&mut seat.phase, Phase::Gone) {
                Phase::Starting { program, .. } | Phase::Joining { program, .. } | Phase::Up { program } => {
                    program.tell(&Control::Leave);
                    program.close_input();
                    Phase::Leaving { program, until: now.after(LEAVE_WITHIN) }
                }
                other => other,
            };
        }
    }

    /// Ends a program without a word.
    pub(crate) fn kill(&mut self, name: &str, why: &str) {
        if let Some(seat) = self.seats.get_mut(name) {
            seat.again = None;
            seat.kill(why);
        }
    }

    /// Ends all of them without a word.
    pub(crate) fn kill_all(&mut self, why: &str) {
        for seat in self.seats.values_mut() {
            seat.again = None;
            seat.kill(why);
        }
    }

    /// A process is gone. What that means, and what to start in its place.
    pub(crate) fn ended(&mut self, name: &str, status: &io::Result<ExitStatus>) -> (Ending, Option<Start>) {
        let Some(seat) = self.seats.get_mut(name) else { return (Ending::Left, None) };
        let ending = match std::mem::replace(&mut seat.phase, Phase::Gone) {
            Phase::Gone | Phase::Leaving { .. } => Ending::Left,
            Phase::Dying { why } => Ending::Killed { why },
            Phase::Starting { .. } | Phase::Joining { .. } | Phase::Up { .. } => Ending::Unasked { how: how(status) },
        };
        (ending, seat.again.take())
    }

    /// The error for a program that ended unasked.
    pub(crate) fn unasked(&self, name: &str, how: String) -> StageError {
        let log = self.seats.get(name).map(|seat| seat.log.clone()).unwrap_or_default();
        StageError::Unasked { name: name.to_owned(), how, log }
    }

    /// Looks after deadlines: who does not leave is killed, who does not come up breaks the lab.
    pub(crate) fn check_deadlines(&mut self, now: Time) -> Result<(), StageError> {
        for (name, seat) in &mut self.seats {
            match seat.phase {
                Phase::Leaving { until, .. } if now >= until => seat.kill("it did not leave when asked"),
                Phase::Starting { until, .. } if now >= until => return Err(seat.mute(name, "come up")),
                Phase::Joining { until, .. } if now >= until => {
                    return Err(seat.mute(name, "take part in the torrent"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The next deadline.
    pub(crate) fn wake(&self) -> Option<Time> {
        let until = |seat: &Seat| match seat.phase {
            Phase::Starting { until, .. } | Phase::Joining { until, .. } | Phase::Leaving { until, .. } => Some(until),
            _ => None,
        };
        self.seats.values().filter_map(until).min()
    }

    /// Programs that are not gone, but for `except`.
    pub(crate) fn present(&self, except: &str) -> Vec<String> {
        let there = |(name, seat): &(&String, &Seat)| !matches!(seat.phase, Phase::Gone) && *name != except;
        self.seats.iter().filter(there).map(|(name, _)| name.clone()).collect()
    }

    /// Every process that was started.
    pub(crate) fn processes(&self) -> &[ProcessLine] {
        &self.processes
    }

    /// How often this program has been started.
    pub(crate) fn lives(&self, name: &str) -> u32 {
        self.seats.get(name).map_or(0, |seat| seat.life)
    }
}

impl Seat {
    fn mute(&self, name: &str, what: &'static str) -> StageError {
        StageError::Mute { name: name.to_owned(), what, log: self.log.clone() }
    }

    fn kill(&mut self, why: &str) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Gone) {
            Phase::Starting { program, .. }
            | Phase::Joining { program, .. }
            | Phase::Up { program }
            | Phase::Leaving { program, .. } => {
                program.kill();
                Phase::Dying { why: why.to_owned() }
            }
            other => other,
        };
    }
}

fn how(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end could not be learnt: {error}"),
    }
}

/// `; the last it said (logs/alice.log):` and the end of its log.
fn last_words(log: &std::path::Path) -> String {
    let lines = tail(log, TAIL_LINES);
    if lines.is_empty() {
        return format!("; it said nothing ({} is empty)", log.display());
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("\n  | {line}")).collect();
    format!("; the last it said ({}):{}", log.display(), lines.concat())
}

/// From the start of a process to its first word, and from an order to take part to the word that it
/// does. Both take milliseconds; a crowded machine needs more.
const START_WITHIN: Duration = Duration::from_secs(15);

/// From asking a program to leave to its end. It has a second for its goodbyes.
const LEAVE_WITHIN: Duration = Duration::from_millis(1_500);

/// Lines of a log shown when its program breaks the lab.
const TAIL_LINES: usize = 8;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::process::Said;

    #[tokio::test]
    async fn who_is_asked_to_leave_has_left_and_who_is_killed_was_killed() {
        let mut set = Set::new();
        set.start("polite", "cat >/dev/null");
        set.start("deaf", "exec sleep 600");
        set.stage.leave("polite", Time::ZERO);
        assert_eq!(set.ending().await, ("polite".into(), Ending::Left));
        set.stage.kill("deaf", "kill -9");
        assert_eq!(set.ending().await, ("deaf".into(), Ending::Killed { why: "kill -9".into() }));
        assert!(set.stage.present("").is_empty());
    }

    #[tokio::test]
    async fn who_does_not_leave_in_time_is_killed() {
        let mut set = Set::new();
        set.start("deaf", "exec sleep 600");
        set.stage.started("deaf", Time::ZERO);
        set.stage.leave("deaf", Time::ZERO);
        assert_eq!(set.stage.wake(), Some(Time::ZERO.after(LEAVE_WITHIN)));
        set.stage.check_deadlines(Time::from_secs(2)).unwrap();
        assert!(matches!(set.ending().await, (_, Ending::Killed { .. })));
    }

    #[tokio::test]
    async fn an_end_that_nobody_asked_for_is_told_with_its_last_words() {
        let mut set = Set::new();
        set.start("weak", "echo too weak >&2; exit 3");
        let (name, ending) = set.ending().await;
        let Ending::Unasked { how } = ending else { panic!("{ending:?}") };
        let error = set.stage.unasked(&name, how).to_string();
        assert!(error.contains("exit status: 3") && error.contains("| too weak"), "{error}");
    }

    #[tokio::test]
    async fn a_restart_waits_for_the_end_of_the_life_before() {
        let mut set = Set::new();
        let start = set.start("cat", "cat >/dev/null");
        set.stage.kill("cat", "x");
        set.stage.start("cat", start, Time::ZERO).unwrap();
        assert_eq!(set.stage.lives("cat"), 1);
        let report = set.heard.recv().await.unwrap();
        let Said::Ended(status) = report.what else { panic!("{report:?}") };
        let (_, again) = set.stage.ended("cat", &status);
        set.stage.start("cat", again.unwrap(), Time::ZERO).unwrap();
        assert_eq!(set.stage.lives("cat"), 2);
    }

    #[tokio::test]
    async fn who_stays_mute_breaks_the_lab() {
        let mut set = Set::new();
        set.start("mute", "cat >/dev/null");
        assert!(set.stage.check_deadlines(Time::from_secs(1)).is_ok());
        let error = set.stage.check_deadlines(Time::from_secs(60)).unwrap_err().to_string();
        assert!(error.starts_with("mute did not come up"), "{error}");
        set.stage.started("mute", Time::from_secs(60));
        let error = set.stage.check_deadlines(Time::from_secs(120)).unwrap_err().to_string();
        assert!(error.starts_with("mute did not take part"), "{error}");
        set.stage.joined("mute");
        assert!(set.stage.check_deadlines(Time::from_secs(999)).is_ok());
    }

    struct Set {
        stage: Stage,
        heard: mpsc::Receiver<Report>,
        dir: tempfile::TempDir,
    }

    impl Set {
        fn new() -> Self {
            let (reports, heard) = mpsc::channel(8);
            Self { stage: Stage::new(reports), heard, dir: tempfile::tempdir().unwrap() }
        }

        fn start(&mut self, name: &str, script: &str) -> Start {
            let launch = Launch {
                program: "/bin/sh".into(),
                args: vec!["-c".into(), script.into()],
                log: self.dir.path().join(name),
            };
            let start = Start { launch, orders: Vec::new(), says_joined: true };
            self.stage.start(name, start.clone(), Time::ZERO).unwrap();
            start
        }

        async fn ending(&mut self) -> (String, Ending) {
            loop {
                let report = self.heard.recv().await.unwrap();
                if let Said::Ended(status) = report.what {
                    let (ending, _) = self.stage.ended(&report.name, &status);
                    return (report.name, ending);
                }
            }
        }
    }
}
