//! One plan under the luck of many seeds, in the world `sim`: what always holds, what only sometimes, and with
//! which seeds it does not.
//!
//! Runs share nothing, so as many are played side by side as there are threads for, in memory and without a
//! folder. A run that did not pass is then played once more, into a folder of its own, to be looked at; as it is
//! the same run, it has to end the same way.

mod tally;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use events::{Event, Record};
use metainfo::Metainfo;
use model::{ByteCount, Time};
use scenario::{Plan, Role};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::content::Content;
use crate::play::{PlayError, Settings, play};
use crate::report::check_line;
use crate::summary::{CheckLine, CheckResult, Outcome, seconds};
use crate::torrent::{self, TorrentError};

pub use tally::{CheckTally, Spread, Storm};

/// A row of seeds, the first and the last included. Never empty, [`Seeds::COUNT_MAX`] at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    first: u64,
    last: u64,
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedLine {
    pub seed: u64,
    pub outcome: Outcome,
    pub exit_code: u8,
    /// Seconds in the run's own time until the last leecher had everything; `None` if one never had.
    pub complete_at: Option<f64>,
    /// Seconds in the run's own time until it was over.
    pub over_at: f64,
    /// Lines that the log has, verdicts left out.
    pub events: u64,
    /// Seconds that playing it took.
    pub seconds: f64,
    /// The checks that did not hold, warnings among them.
    pub not_held: Vec<NotHeld>,
    /// Why the simulator broke, or that it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    /// The run folder, if one was written.
    pub folder: Option<PathBuf>,
}

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotHeld {
    /// Its place among the checks of the plan, from 1.
    pub check: usize,
    #[serde(flatten)]
    pub line: CheckLine,
}

/// Is told how a storm goes on. No method may take long.
pub trait StormAudience {
    /// One more seed was played; `played` of `all` are.
    fn line(&mut self, line: &SeedLine, played: u64, all: u64);

    /// Comes about ten times a second.
    fn tick(&mut self);

    /// The lab says what it is at.
    fn remark(&mut self, what: &str);
}

/// Nobody watches.
impl StormAudience for () {
    fn line(&mut self, _: &SeedLine, _: u64, _: u64) {}
    fn tick(&mut self) {}
    fn remark(&mut self, _: &str) {}
}

/// Plays `plan` once for each of `seeds`, `jobs` at a time, fewer where content is large. Its world has to be `sim`,
/// and nothing [`crate::unsupported`]. Every seed that did not pass leaves a run folder, the first
/// [`FOLDERS_MAX`] of them, or with `settings.keep` every seed at all. The first interrupt ends it.
///
/// # Errors
/// The content is not there. What goes wrong with one seed is in its line.
pub async fn storm(
    plan: &Plan,
    settings: &Settings,
    seeds: Seeds,
    jobs: usize,
    audience: &mut dyn StormAudience,
    interrupts: watch::Receiver<u32>,
) -> Result<Storm, PlayError> {
    let began = Instant::now();
    let found = Content::find(&plan.content, &settings.base, settings.content.as_deref())?;
    let jobs = jobs.min(room_for(plan)).max(1);
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        scenario: settings.scenario.clone(),
        found,
        given: OnceLock::new(),
        seeds,
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let mut lines = play_all(&shared, jobs, audience, interrupts.clone()).await;
    lines.sort_by_key(|line| line.seed);
    if lines.len() as u64 == seeds.count() {
        write_folders(plan, settings, &mut lines, audience, interrupts).await?;
    }
    let texts = plan.checks.iter().map(|check| check.expect.to_string()).collect();
    Ok(Storm { seeds, jobs, lines, checks: texts, seconds: began.elapsed().as_secs_f64() })
}

/// Run folders that a storm writes unasked.
pub const FOLDERS_MAX: usize = 10;

/// How many runs' content fits into memory side by side.
fn room_for(plan: &Plan) -> usize {
    let size = plan.content.source.size().unwrap_or(ByteCount::ZERO);
    usize::try_from(CONTENT_MEMORY.0 / size.0.max(1)).unwrap_or(usize::MAX)
}

/// Memory for the content of all runs that are played at a time.
const CONTENT_MEMORY: ByteCount = ByteCount(4 << 30);

// ---- playing ----

/// What the threads have in common.
struct Shared {
    plan: Plan,
    scenario: String,
    found: Option<Content>,
    /// That content, read; the same for every seed.
    given: OnceLock<Given>,
    seeds: Seeds,
    /// How many seeds were handed out.
    next: AtomicU64,
    stop: AtomicBool,
}

type Given = Result<(Option<Bytes>, Metainfo), String>;

async fn play_all(
    shared: &Arc<Shared>,
    jobs: usize,
    audience: &mut dyn StormAudience,
    mut interrupts: watch::Receiver<u32>,
) -> Vec<SeedLine> {
    let (sender, mut done) = mpsc::unbounded_channel();
    for _ in 0..jobs {
        let (shared, sender) = (Arc::clone(shared), sender.clone());
        drop(tokio::task::spawn_blocking(move || shared.work(&sender)));
    }
    drop(sender);
    // Whoever waits no longer lets nobody play on.
    let _stop = StopAtTheEnd(Arc::clone(shared));
    let mut lines = Vec::new();
    loop {
        tokio::select! {
            line = done.recv() => {
                let Some(line) = line else { return lines };
                audience.line(&line, lines.len() as u64 + 1, shared.seeds.count());
                lines.push(line);
            }
            Ok(()) = interrupts.changed() => {
                audience.remark("stopping");
                shared.stop.store(true, Ordering::Relaxed);
            }
            () = tokio::time::sleep(TICK) => {}
        }
        audience.tick();
    }
}

/// The most between two looks of the audience.
const TICK: Duration = Duration::from_millis(100);

struct StopAtTheEnd(Arc<Shared>);

impl Drop for StopAtTheEnd {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// One thread's work: seed after seed. A seed that is broken off has no line.
    fn work(&self, done: &mpsc::UnboundedSender<SeedLine>) {
        while !self.is_stopped() {
            let Some(seed) = self.seeds.nth(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let began = Instant::now();
            let Some(line) = self.one(seed) else { return };
            if done.send(SeedLine { seconds: began.elapsed().as_secs_f64(), ..line }).is_err() {
                return;
            }
        }
    }

    /// A simulator that panics is a finding like any other, and the seed is what it takes to see it again.
    fn one(&self, seed: u64) -> Option<SeedLine> {
        let line = match catch_unwind(AssertUnwindSafe(|| self.play(seed))) {
            Ok(line) => line,
            Err(panic) => Err(format!("the simulator panicked: {}", message(panic.as_ref()))),
        };
        line.unwrap_or_else(|why| Some(SeedLine::broke(seed, why)))
    }

    fn content(&self, plan: &Plan) -> Given {
        let said = |error: TorrentError| error.to_string();
        match &self.found {
            Some(found) => self.given.get_or_init(|| torrent::read_in(plan, found).map_err(said)).clone(),
            None => torrent::make_up(plan, &self.scenario).map_err(said),
        }
    }

    /// `None` when it was stopped.
    fn play(&self, seed: u64) -> Result<Option<SeedLine>, String> {
        let plan = with_seed(&self.plan, seed);
        let (content, metainfo) = self.content(&plan)?;
        let play = torrent::stage(&plan, metainfo, content).map_err(|error| error.to_string())?;
        // A run is under glass, and that is told in its log; what is seen there nobody wants here.
        let mut play = play.under_glass();
        let mut finish = Finish::of(&plan);
        let mut events = 0;
        while let Some(record) = play.next() {
            events += 1;
            finish.observe(&record);
            while play.take_exposure().is_some() {}
            if self.is_stopped() {
                return Ok(None);
            }
        }
        let over_at = seconds(play.now());
        let checks: Vec<CheckLine> = play.verdicts().into_iter().map(check_line).collect();
        let outcome = Outcome::of(&checks);
        let not_held = (1..).zip(checks).filter(|(_, line)| line.result != CheckResult::Pass);
        Ok(Some(SeedLine {
            outcome,
            exit_code: outcome.exit_code(),
            complete_at: finish.at().map(seconds),
            over_at,
            events,
            not_held: not_held.map(|(check, line)| NotHeld { check, line }).collect(),
            ended_because: None,
            ..SeedLine::broke(seed, String::new())
        }))
    }
}

/// When the last leecher had everything.
struct Finish {
    waiting: Vec<String>,
    last: Time,
}

impl Finish {
    fn of(plan: &Plan) -> Self {
        let leechers = plan.cast.iter().filter(|member| member.role == Role::Leech);
        Self { waiting: leechers.map(|member| member.name.clone()).collect(), last: Time::ZERO }
    }

    fn observe(&mut self, record: &Record) {
        if matches!(record.event, Event::Complete { .. })
            && let Some(place) = self.waiting.iter().position(|name| *name == record.peer)
        {
            self.waiting.swap_remove(place);
            self.last = record.time;
        }
    }

    fn at(&self) -> Option<Time> {
        (self.waiting.is_empty() && self.last > Time::ZERO).then_some(self.last)
    }
}

fn with_seed(plan: &Plan, seed: u64) -> Plan {
    let mut plan = plan.clone();
    plan.seed = seed;
    plan
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a word").to_owned()
}

impl SeedLine {
    fn broke(seed: u64, why: String) -> Self {
        Self {
            seed,
            outcome: Outcome::Broke,
            exit_code: Outcome::Broke.exit_code(),
            complete_at: None,
            over_at: 0.0,
            events: 0,
            seconds: 0.0,
            not_held: Vec::new(),
            ended_because: Some(why),
            folder: None,
        }
    }
}

// ---- run folders ----

async fn write_folders(
    plan: &Plan,
    settings: &Settings,
    lines: &mut [SeedLine],
    audience: &mut dyn StormAudience,
    interrupts: watch::Receiver<u32>,
) -> Result<(), PlayError> {
    let of_use = |line: &&mut SeedLine| match line.outcome {
        Outcome::Failed | Outcome::Undecided => true,
        Outcome::Passed => settings.keep,
        // It would break again, or was not wanted.
        Outcome::Broke | Outcome::Stopped => false,
    };
    let most = if settings.keep { usize::MAX } else { FOLDERS_MAX };
    let mut again: Vec<&mut SeedLine> = lines.iter_mut().filter(of_use).take(most).collect();
    match again.len() {
        0 => {}
        1 => audience.remark("playing one seed once more, for its run folder"),
        n => audience.remark(&format!("playing {n} seeds once more, for their run folders")),
    }
    for line in &mut again {
        let summary = play(&with_seed(plan, line.seed), settings, &mut (), interrupts.clone()).await?;
        line.folder = summary.folder;
        if summary.outcome == Outcome::Stopped {
            break;
        }
        let lines_played = summary.events.saturating_sub(summary.checks.len() as u64);
        if (summary.outcome, lines_played) != (line.outcome, line.events) {
            line.outcome = Outcome::Broke;
            line.exit_code = Outcome::Broke.exit_code();
            line.ended_because = Some(format!(
                "played once more it was another run ({lines_played} events, not {}): the simulator is at fault",
                line.events
            ));
        }
    }
    Ok(())
}

// ---- seeds ----

/// Why a text is no row of seeds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    #[error("write the first and the last seed, such as `1..100`")]
    Form,
    #[error("the last seed, {last}, comes before the first, {first}")]
    Backwards { first: u64, last: u64 },
    #[error("{max} seeds are the most", max = Seeds::COUNT_MAX)]
    TooMany,
}

impl Seeds {
    pub const COUNT_MAX: u64 = 100_000;

    /// # Errors
    /// None, or too many.
    pub fn new(first: u64, last: u64) -> Result<Self, SeedsError> {
        match last.checked_sub(first) {
            None => Err(SeedsError::Backwards { first, last }),
            Some(more) if more >= Self::COUNT_MAX => Err(SeedsError::TooMany),
            Some(_) => Ok(Self { first, last }),
        }
    }

    pub fn first(self) -> u64 {
        self.first
    }

    pub fn last(self) -> u64 {
        self.last
    }

    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }

    fn nth(self, n: u64) -> Option<u64> {
        self.first.checked_add(n).filter(|seed| *seed <= self.last)
    }
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let (first, last) = text.split_once("..").ok_or(SeedsError::Form)?;
        let number = |text: &str| text.trim().parse().map_err(|_| SeedsError::Form);
        Self::new(number(first)?, number(last)?)
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests;
