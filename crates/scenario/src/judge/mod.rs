//! Whether a run came out as its plan expects: each check is a fold over the events, told one
//! record at a time, and at the end asked for its verdict.

mod delivery;
mod economy;
mod encryption;
mod occurrence;
mod order;
mod share;
mod support;

use std::collections::BTreeMap;
use std::fmt;

use events::{Event, Record, Remote};
use model::Time;

use crate::check::{Check, Expectation, Level};
use crate::named::named;
use crate::plan::Plan;

/// Judges one run.
#[derive(Debug)]
pub struct Judge {
    checks: Vec<(Check, Bench)>,
    now: Time,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// Which check of the plan, from 0.
    pub check: usize,
    pub outcome: Outcome,
    /// A sentence for a beginner, with what was measured.
    pub text: String,
    /// The lesson behind the check, where its author gave one.
    pub why: Option<String>,
    /// Lines of the log, from 1, that prove it. At most [`EVIDENCE_MAX`].
    pub evidence: Vec<u64>,
    pub level: Level,
}

named! {
    /// How a check came out.
    "outcome" Outcome {
        Pass = "pass",
        Fail = "fail",
        /// No evidence either way.
        Unknown = "unknown",
        /// Those concerned can't show it.
        Unsupported = "unsupported",
    }
}

/// What no event tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// By member: whether what lies on its disk is the original, byte for byte.
    pub content_ok: BTreeMap<String, bool>,
    /// By recipient that unpacked: whether that is the original, or the first difference (fits after its name).
    pub unpacked: BTreeMap<String, Result<(), String>>,
    /// By member that knows no password: what it can read of the original in what it has. Fits after "read".
    pub learned: BTreeMap<String, Vec<String>>,
}

/// Lines that one verdict cites.
pub const EVIDENCE_MAX: usize = 12;

/// Where a check is looked at: by a fold, or not at all.
enum Bench {
    Fold(Box<dyn Fold>),
    Unsupported(String),
}

/// One check's view of a run.
trait Fold: fmt::Debug + Send {
    fn observe(&mut self, line: u64, record: &Record);

    /// It is at least this late.
    fn advance(&mut self, _now: Time) {}

    fn standing(&self) -> Standing;

    fn finish(&self, facts: &Facts) -> Finding;
}

/// Whether it is worth waiting for more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Something that must happen has not happened yet.
    Waiting,
    /// Holds as long as nothing goes against it.
    Holding,
    /// No further event changes the verdict.
    Settled,
}

/// A fold's verdict: the outcome, what was measured (or for `Unknown` why), and the lines that show it.
#[derive(Debug)]
struct Finding {
    outcome: Outcome,
    measured: String,
    evidence: Vec<u64>,
}

impl Finding {
    fn new(outcome: Outcome, measured: impl Into<String>, evidence: impl IntoIterator<Item = u64>) -> Self {
        let mut evidence: Vec<u64> = evidence.into_iter().take(EVIDENCE_MAX).collect();
        evidence.sort_unstable();
        evidence.dedup();
        Self { outcome, measured: measured.into(), evidence }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, why, [])
    }
}

impl Judge {
    pub fn new(plan: &Plan) -> Self {
        let bench = |check: &Check| match support::missing(check, plan) {
            Some(reason) => Bench::Unsupported(reason),
            None => Bench::Fold(fold_for(&check.expect, plan)),
        };
        Self { checks: plan.checks.iter().map(|check| (check.clone(), bench(check))).collect(), now: Time::ZERO }
    }

    /// Tells the next record of the log, on its line, from 1.
    pub fn observe(&mut self, line: u64, record: &Record) {
        for fold in self.folds() {
            fold.observe(line, record);
        }
        self.advance(record.time);
    }

    /// Tells that it is at least this late, when no record does. Deadlines pass by this.
    pub fn advance(&mut self, now: Time) {
        if now <= self.now {
            return;
        }
        self.now = now;
        for fold in self.folds() {
            fold.advance(now);
        }
    }

    /// True when nothing is left to wait for: whatever had to happen has happened, or its time is up.
    /// Never true for a plan that only forbids things: it is played to its deadline.
    pub fn settled(&self) -> bool {
        let standing = |bench: &Bench| match bench {
            Bench::Fold(fold) => fold.standing(),
            Bench::Unsupported(_) => Standing::Holding,
        };
        let mut some = false;
        for (_, bench) in &self.checks {
            match standing(bench) {
                Standing::Waiting => return false,
                Standing::Settled => some = true,
                Standing::Holding => {}
            }
        }
        some
    }

    /// The verdicts, one for each check of the plan, in its order.
    pub fn finish(self, facts: &Facts) -> Vec<Verdict> {
        let verdict = |(i, (check, bench)): (usize, (Check, Bench))| {
            let finding = match bench {
                Bench::Fold(fold) => fold.finish(facts),
                Bench::Unsupported(reason) => Finding::new(Outcome::Unsupported, reason, []),
            };
            let text = match finding.outcome {
                Outcome::Pass => check.passed(&finding.measured),
                Outcome::Fail => check.failed(&finding.measured),
                Outcome::Unknown | Outcome::Unsupported => check.undecided(&finding.measured),
            };
            Verdict {
                check: i,
                outcome: finding.outcome,
                text,
                why: check.why,
                evidence: finding.evidence,
                level: check.level,
            }
        };
        self.checks.into_iter().enumerate().map(verdict).collect()
    }

    fn folds(&mut self) -> impl Iterator<Item = &mut Box<dyn Fold>> {
        self.checks.iter_mut().filter_map(|(_, bench)| match bench {
            Bench::Fold(fold) => Some(fold),
            Bench::Unsupported(_) => None,
        })
    }
}

fn fold_for(expect: &Expectation, plan: &Plan) -> Box<dyn Fold> {
    use Expectation as E;
    match expect.clone() {
        E::Complete { who, within } => Box::new(delivery::Complete::new(who, within)),
        E::HashOk { who } => Box::new(delivery::HashOk::new(who)),
        E::Delivered { who } => Box::new(share::Delivered::new(who)),
        E::Sealed { who } => Box::new(share::Sealed::new(who)),
        E::Resumed { who } => Box::new(delivery::Resumed::new(who)),
        E::Reached { who, range } => Box::new(delivery::Reached::new(who, range)),
        E::Order { cues } => Box::new(order::Order::new(&cues)),
        E::FinishedRank { who, range } => {
            let leeches = plan.cast.iter().filter(|member| !member.role.has_everything());
            Box::new(order::FinishedRank::new(who, range, leeches.map(|member| member.name.clone())))
        }
        E::Never { what, after, until } => Box::new(occurrence::Never::new(what, after.as_ref(), until, plan)),
        E::Count { what, range } => Box::new(occurrence::Count::new(what, range, plan)),
        E::Always { quantity, who, range } => Box::new(occurrence::Always::new(quantity, who, range)),
        E::AnnounceCount { who, event, range } => Box::new(occurrence::AnnounceCount::new(who, event, range)),
        E::PiecesFrom { source, who, range } => Box::new(economy::PiecesFrom::new(source, who, range)),
        E::Ratio { who, range } => Box::new(economy::Ratio::new(who, range)),
        E::UnchokedTime { who, by, range } => Box::new(economy::UnchokedTime::new(who, by, range)),
        E::Banned { who, quantifier, by } => Box::new(economy::Banned::new(who, quantifier, by)),
        E::Cipher { ciphers, who, remote } => {
            let right = ciphers.iter().map(|cipher| cipher.name()).collect();
            Box::new(encryption::Between::new(who, remote, right, encryption::cipher))
        }
        E::Observer { observer, learned } => Box::new(encryption::Observed::new(observer, learned)),
        E::Classified { classes, who, remote } => {
            let right = classes.iter().map(|class| class.name()).collect();
            Box::new(encryption::Between::new(who, remote, right, encryption::class))
        }
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fold(fold) => fold.fmt(f),
            Self::Unsupported(reason) => write!(f, "Unsupported({reason:?})"),
        }
    }
}

/// The names of the other sides that an event names, where they are known by name.
fn others(event: &Event) -> Vec<&str> {
    fn name(remote: &Remote) -> Option<&str> {
        match remote {
            Remote::Name(name) => Some(name),
            Remote::Addr(_) => None,
        }
    }
    match event {
        Event::PieceVerified { from, .. } => from.iter().filter_map(|part| name(&part.remote)).collect(),
        Event::PieceFailed { suspects, .. } => suspects.iter().filter_map(name).collect(),
        Event::NatMapped { from, to, .. }
        | Event::PacketDropped { from, to, .. }
        | Event::PacketRefused { from, to, .. }
        | Event::FlowInspected { from, to, .. } => [from, to].into_iter().filter_map(name).collect(),
        Event::PortForwarded { inside, .. } => name(inside).into_iter().collect(),
        event => event.remote().and_then(name).into_iter().collect(),
    }
}

/// True when the event says that its peer's process or torrent has ended.
fn is_ending(event: &Event) -> bool {
    matches!(event, Event::Left { .. } | Event::Killed { .. } | Event::Stopped { .. })
}
