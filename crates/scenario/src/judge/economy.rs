//! Checks of give and take: where pieces came from, who gave how much, who was served how
//! long, and who was shut out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::{Event, Record, Remote};
use model::{ByteCount, Time};

use super::{Facts, Finding, Fold, Outcome, Standing, is_ending, others};
use crate::check::{Range, not_heard_of};
use crate::cue::is_complete;
use crate::phrase;
use crate::selector::{Quantifier, Selector};
use crate::units::Share;

/// `pieces-from`: what part of the verified bytes came from where.
#[derive(Debug)]
pub(super) struct PiecesFrom {
    source: Selector,
    who: Selector,
    range: Range<Share>,
    all: u64,
    from_source: u64,
    lines: Vec<u64>,
}

impl PiecesFrom {
    pub(super) fn new(source: Selector, who: Selector, range: Range<Share>) -> Self {
        Self { source, who, range, all: 0, from_source: 0, lines: Vec::new() }
    }
}

impl Fold for PiecesFrom {
    fn observe(&mut self, line: u64, record: &Record) {
        let Event::PieceVerified { from, .. } = &record.event else { return };
        if !self.who.has(&record.peer) {
            return;
        }
        for part in from {
            self.all += u64::from(part.bytes);
            if matches!(&part.remote, Remote::Name(name) if self.source.has(name)) {
                self.from_source += u64::from(part.bytes);
                self.lines.push(line);
            }
        }
        self.lines.truncate(super::EVIDENCE_MAX);
    }

    fn standing(&self) -> Standing {
        Standing::Holding
    }

    fn finish(&self, _: &Facts) -> Finding {
        let Some(share) = Share::of(self.from_source, self.all) else {
            return Finding::unknown(format!("{} received no piece", self.who.phrase()));
        };
        let outcome = if self.range.has(share) { Outcome::Pass } else { Outcome::Fail };
        let measured = format!("{} of {}", one_decimal(share), ByteCount(self.all));
        Finding::new(outcome, measured, self.lines.iter().copied())
    }
}

/// `ratio`: given by taken.
#[derive(Debug)]
pub(super) struct Ratio {
    who: Selector,
    range: Range<Share>,
    accounts: BTreeMap<String, Account>,
}

/// What one peer gave and took.
#[derive(Debug, Default)]
struct Account {
    /// Of processes of this peer that have ended: their counters began at zero.
    before: (ByteCount, ByteCount),
    given: ByteCount,
    taken: ByteCount,
    /// The content's size, of one that began with everything.
    began_with: Option<ByteCount>,
    line: Option<u64>,
}

impl Account {
    fn observe(&mut self, line: u64, event: &Event) {
        match event {
            Event::Started { .. } => {
                self.before = (self.before.0 + self.given, self.before.1 + self.taken);
                (self.given, self.taken) = (ByteCount::ZERO, ByteCount::ZERO);
            }
            Event::Progress { uploaded, downloaded, .. } | Event::Complete { uploaded, downloaded, .. } => {
                (self.given, self.taken) = (*uploaded, *downloaded);
                self.line = Some(line);
            }
            Event::Checked { have, pieces, bytes } if *pieces > 0 && have == pieces => self.began_with = Some(*bytes),
            _ => {}
        }
    }

    fn ratio(&self) -> Option<Share> {
        let (given, taken) = (self.before.0 + self.given, self.before.1 + self.taken);
        let base = if taken == ByteCount::ZERO { self.began_with.unwrap_or_default() } else { taken };
        self.line.and_then(|_| Share::of(given.0, base.0))
    }
}

impl Ratio {
    pub(super) fn new(who: Selector, range: Range<Share>) -> Self {
        Self { who, range, accounts: BTreeMap::new() }
    }
}

impl Fold for Ratio {
    fn observe(&mut self, line: u64, record: &Record) {
        if self.who.has(&record.peer) {
            self.accounts.entry(record.peer.clone()).or_default().observe(line, &record.event);
        }
    }

    fn standing(&self) -> Standing {
        Standing::Holding
    }

    fn finish(&self, _: &Facts) -> Finding {
        let ratio = |name: &String| self.accounts.get(name).and_then(Account::ratio);
        let told = |right: bool| -> Vec<String> {
            let of = |name| ratio(name).filter(|ratio| self.range.has(*ratio) == right).map(|ratio| (name, ratio));
            self.who
                .names()
                .iter()
                .filter_map(of)
                .map(|(name, ratio)| format!("{name} {}", one_decimal(ratio)))
                .collect()
        };
        let lines = self.accounts.values().filter_map(|account| account.line);
        let wrong = told(false);
        if !wrong.is_empty() {
            return Finding::new(Outcome::Fail, phrase::some(&wrong), lines);
        }
        let silent: Vec<&String> = self.who.names().iter().filter(|name| ratio(name).is_none()).collect();
        if !silent.is_empty() {
            return Finding::unknown(format!("{} reported nothing given or taken", phrase::some(&silent)));
        }
        Finding::new(Outcome::Pass, phrase::some(&told(true)), lines)
    }
}

/// `unchoked-time`: how long each was served while it was downloading.
#[derive(Debug)]
pub(super) struct UnchokedTime {
    who: Selector,
    by: Selector,
    range: Range<Duration>,
    /// Slots that are held: by whom given, to whom; since when.
    open: BTreeMap<(String, String), Time>,
    held: BTreeMap<String, Duration>,
    met: BTreeSet<String>,
    complete: BTreeSet<String>,
    lines: Vec<u64>,
    now: Time,
}

impl UnchokedTime {
    pub(super) fn new(who: Selector, by: Selector, range: Range<Duration>) -> Self {
        Self {
            who,
            by,
            range,
            open: BTreeMap::new(),
            held: BTreeMap::new(),
            met: BTreeSet::new(),
            complete: BTreeSet::new(),
            lines: Vec::new(),
            now: Time::ZERO,
        }
    }

    /// Takes back the slots for which `ends` is true.
    fn close(&mut self, now: Time, ends: impl Fn(&str, &str) -> bool) {
        let held = &mut self.held;
        self.open.retain(|(by, who), since| {
            let ends = ends(by, who);
            if ends {
                *held.entry(who.clone()).or_default() += now.since(*since);
            }
            !ends
        });
    }

    fn serve(&mut self, line: u64, record: &Record) {
        let Some(Remote::Name(who)) = record.event.remote() else { return };
        if !self.by.has(&record.peer) || !self.who.has(who) {
            return;
        }
        self.met.insert(who.clone());
        match &record.event {
            Event::Unchoked { .. } if !self.complete.contains(who) => {
                self.open.entry((record.peer.clone(), who.clone())).or_insert(record.time);
                if self.lines.len() < super::EVIDENCE_MAX {
                    self.lines.push(line);
                }
            }
            Event::Choked { .. } | Event::Closed { .. } => {
                self.close(record.time, |by, to| by == record.peer && to == who);
            }
            _ => {}
        }
    }

    /// What is over and what still runs.
    fn total(&self, name: &str) -> Duration {
        let running = self.open.iter().filter(|((_, who), _)| who == name).map(|(_, since)| self.now.since(*since));
        self.held.get(name).copied().unwrap_or_default() + running.sum::<Duration>()
    }
}

impl Fold for UnchokedTime {
    fn observe(&mut self, line: u64, record: &Record) {
        if is_ending(&record.event) {
            self.close(record.time, |by, who| by == record.peer || who == record.peer);
        }
        if is_complete(&record.event) {
            self.close(record.time, |_, who| who == record.peer);
            self.complete.insert(record.peer.clone());
        }
        self.serve(line, record);
    }

    fn advance(&mut self, now: Time) {
        self.now = now;
    }

    fn standing(&self) -> Standing {
        Standing::Holding
    }

    fn finish(&self, _: &Facts) -> Finding {
        let told = |right: bool| -> Vec<String> {
            let names = self.met.iter().filter(|name| self.range.has(self.total(name)) == right);
            names.map(|name| format!("{name} {}", phrase::moment(Time::ZERO.after(self.total(name))))).collect()
        };
        let lines = self.lines.iter().copied();
        let wrong = told(false);
        if !wrong.is_empty() {
            return Finding::new(Outcome::Fail, phrase::some(&wrong), lines);
        }
        let strangers: Vec<&String> = self.who.names().difference(&self.met).collect();
        if !strangers.is_empty() {
            return Finding::unknown(format!("{} never met {}", self.by.phrase(), phrase::some(&strangers)));
        }
        Finding::new(Outcome::Pass, phrase::some(&told(true)), lines)
    }
}

/// `banned`: who was shut out by whom.
#[derive(Debug)]
pub(super) struct Banned {
    who: Selector,
    quantifier: Quantifier,
    by: Selector,
    /// By whom, and who; the line.
    bans: BTreeMap<(String, String), u64>,
    met: BTreeSet<(String, String)>,
    heard: BTreeSet<String>,
}

impl Banned {
    pub(super) fn new(who: Selector, quantifier: Quantifier, by: Selector) -> Self {
        Self { who, quantifier, by, bans: BTreeMap::new(), met: BTreeSet::new(), heard: BTreeSet::new() }
    }

    /// Those who ought to have banned `who` and did not.
    fn lenient<'a>(&'a self, who: &str) -> Vec<&'a str> {
        let banned = |by: &str| self.bans.contains_key(&(by.to_owned(), who.to_owned()));
        let judges = || self.by.names().iter().map(String::as_str).filter(|by| *by != who);
        match self.quantifier {
            Quantifier::Any if judges().any(banned) => Vec::new(),
            _ => judges().filter(|by| !banned(by)).collect(),
        }
    }
}

impl Fold for Banned {
    fn observe(&mut self, line: u64, record: &Record) {
        if !self.by.has(&record.peer) {
            return;
        }
        self.heard.insert(record.peer.clone());
        let dealt = matches!(
            record.event,
            Event::HandshakeReceived { .. } | Event::PieceVerified { .. } | Event::PieceFailed { .. }
        );
        for name in others(&record.event).into_iter().filter(|name| self.who.has(name)) {
            let pair = (record.peer.clone(), name.to_owned());
            if matches!(record.event, Event::PeerBanned { .. }) {
                self.bans.entry(pair.clone()).or_insert(line);
            }
            if dealt {
                self.met.insert(pair);
            }
        }
    }

    fn standing(&self) -> Standing {
        let done = self.who.names().iter().all(|who| self.lenient(who).is_empty());
        if done { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, _: &Facts) -> Finding {
        let pairs: Vec<(&str, &str)> = self
            .who
            .names()
            .iter()
            .flat_map(|who| self.lenient(who).into_iter().map(move |by| (by, who.as_str())))
            .collect();
        if pairs.is_empty() {
            let by: BTreeSet<&str> = self.bans.keys().map(|(by, _)| by.as_str()).collect();
            let measured = format!("by {}", phrase::some(&by.into_iter().collect::<Vec<_>>()));
            return Finding::new(Outcome::Pass, measured, self.bans.values().copied());
        }
        let met = pairs.iter().filter(|(by, who)| self.met.contains(&((*by).to_owned(), (*who).to_owned())));
        let told: Vec<String> = met.map(|(by, who)| format!("{by} dealt with {who} and did not ban it")).collect();
        if !told.is_empty() {
            return Finding::new(Outcome::Fail, phrase::some(&told), self.bans.values().copied());
        }
        let silent: Vec<&str> = pairs.iter().map(|(by, _)| *by).filter(|by| !self.heard.contains(*by)).collect();
        match silent.as_slice() {
            [] => Finding::unknown(format!("{} never dealt with {}", self.by.phrase(), self.who.phrase())),
            silent => Finding::unknown(not_heard_of(silent)),
        }
    }
}

fn one_decimal(share: Share) -> String {
    Share(share.0 / 1_000 * 1_000).to_string()
}
