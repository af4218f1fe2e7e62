//! Long work that somebody waits for: a bar, Ctrl-C, and how amounts are told.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use lab::describe::count;
use lab::interrupt;
use share::archive::{self, Progress};
use tokio::sync::watch;

/// Ctrl-C, counted on a thread of its own, for the work is no task. What is beyond the patience ends the
/// program at once.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    counts: watch::Receiver<u32>,
    patience: Arc<AtomicU32>,
}

impl Interrupts {
    /// Counts from here on. The first asks for an end in good order, the second ends all at once.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
        let patience = Arc::new(AtomicU32::new(1));
        let most = Arc::clone(&patience);
        let listen = move || {
            runtime.block_on(async {
                let mut counts = interrupt::count();
                let _gone = sender.send(counts.clone());
                while counts.changed().await.is_ok() {
                    if *counts.borrow() > most.load(Ordering::Relaxed) {
                        let _no_folder_is_between_two_names = archive::hold_renames();
                        std::process::exit(STOPPED.into());
                    }
                }
            });
        };
        std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(listen).context("start a thread")?;
        let counts = receiver.recv().context("listen for Ctrl-C")?;
        Ok(Self { counts, patience })
    }

    /// How often it came.
    pub(crate) fn count(&self) -> u32 {
        *self.counts.borrow()
    }

    /// It came.
    pub(crate) fn any(&self) -> bool {
        self.count() > 0
    }

    /// From here on so many are taken in good order before one ends the program at once.
    pub(crate) fn be_patient(&self, most: u32) {
        self.patience.store(most, Ordering::Relaxed);
    }
}

/// A bar on a terminal, nothing elsewhere. Stops the work when Ctrl-C comes.
pub(crate) struct Bar {
    bar: ProgressBar,
    task: &'static str,
    quiet: bool,
    interrupts: Interrupts,
}

impl Bar {
    pub(crate) fn new(task: &'static str, quiet: bool, interrupts: &Interrupts) -> Self {
        Self { bar: ProgressBar::hidden(), task, quiet, interrupts: interrupts.clone() }
    }

    /// What comes next.
    pub(crate) fn task(&mut self, task: &'static str) {
        self.finish();
        self.task = task;
        self.bar = ProgressBar::hidden();
    }

    pub(crate) fn show(&mut self, progress: Progress<'_>) -> ControlFlow<()> {
        if self.interrupts.any() {
            self.finish();
            return ControlFlow::Break(());
        }
        let total = progress.total.0;
        if self.bar.is_hidden() && !self.quiet && total >= BAR_FROM_BYTES {
            self.bar = ProgressBar::new(total).with_style(style());
            self.bar.set_prefix(self.task);
        }
        self.bar.set_position(progress.done.0);
        self.bar.set_message(printable(progress.current));
        ControlFlow::Continue(())
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    let template =
        "{prefix} {bar:30.cyan} {percent:>3} %  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} to go  {wide_msg}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The user broke it off: says what that came to.
pub(crate) fn stopped(what: &str) -> ExitCode {
    anstream::eprintln!("\nStopped: {what}.");
    ExitCode::from(STOPPED)
}

/// A line for each of the first few, and how many more there are.
pub(crate) fn say_some(what: &str, items: impl ExactSizeIterator<Item = String>) {
    let all = items.len();
    for item in items.take(SAID_MAX) {
        anstream::eprintln!("{what}: {}", printable(&item));
    }
    if all > SAID_MAX {
        anstream::eprintln!("{what}: and {} more", all - SAID_MAX);
    }
}

pub(crate) fn files(number: usize) -> String {
    count(number as u32, "file")
}

pub(crate) fn folders(number: usize) -> String {
    count(number as u32, "folder")
}

/// An order of magnitude: `2 s`, `4 min`, `1.5 h`.
pub(crate) fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..=1 => "a second".to_owned(),
        seconds @ 2..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{}.{} h", seconds / 3600, seconds % 3600 / 360),
    }
}

/// Names in an archive are its maker's, names on a disk anybody's: they must not steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    let turns_text =
        |c| matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns_text(c) { '·' } else { c }).collect()
}

/// Work that takes less than a moment needs no bar.
pub(crate) const BAR_FROM_BYTES: u64 = 64 << 20;

/// Lines said of one kind.
const SAID_MAX: usize = 10;

/// Exit code after Ctrl-C.
pub(crate) const STOPPED: u8 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let table = [(0, "a second"), (42, "42 s"), (100, "2 min"), (5400, "90 min"), (9000, "2.5 h")];
        for (seconds, text) in table {
            assert_eq!(roughly(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a·[2Jb·");
        assert_eq!(printable("invoice\u{202e}fdp.exe"), "invoice·fdp.exe");
    }
}
