//! Checks of what happens at all: never, so many times, and within limits all along.

use std::collections::{BTreeMap, BTreeSet};

use events::{Direction, Event, Record, Remote};
use model::{Rate, Time};

use super::{Facts, Finding, Fold, Outcome, Standing, others};
use crate::check::{AnnounceEvent, Quantity, Range, Until, What, not_heard_of};
use crate::cue::{Cue, Watch};
use crate::phrase;
use crate::plan::Plan;
use crate::selector::Selector;
use crate::units::show_duration;

/// Looks for one kind of event, and notes whom it has heard of at all.
#[derive(Debug)]
struct Search {
    what: What,
    /// Of those meant, the networks: they tell of all they stop, so their silence says that it was nothing.
    nets: Vec<String>,
    heard: BTreeSet<String>,
    hits: u64,
    lines: Vec<u64>,
    first: Option<(Time, String)>,
}

impl Search {
    fn new(what: What, plan: &Plan) -> Self {
        let named = what.who.iter().flat_map(Selector::names);
        let nets = named.filter(|name| plan.nets.contains_key(*name) && plan.member(name).is_none());
        let nets = nets.cloned().collect();
        Self { what, nets, heard: BTreeSet::new(), hits: 0, lines: Vec::new(), first: None }
    }

    fn hear(&mut self, record: &Record) {
        self.heard.extend(self.nets.drain(..));
        if !self.heard.contains(&record.peer) {
            self.heard.insert(record.peer.clone());
        }
    }

    fn matches(&self, record: &Record) -> bool {
        record.event.kind() == self.what.event
            && self.what.who.as_ref().is_none_or(|who| who.has(&record.peer))
            && self.what.direction.is_none_or(|wanted| direction_of(&record.event) == Some(wanted))
            && self.what.rule.is_none_or(|wanted| rule_of(&record.event) == Some(wanted))
            && self.what.remote.as_ref().is_none_or(|who| others(&record.event).iter().any(|name| who.has(name)))
    }

    fn count(&mut self, line: u64, record: &Record) {
        self.hits += 1;
        if self.lines.len() < super::EVIDENCE_MAX {
            self.lines.push(line);
        }
        self.first.get_or_insert((record.time, record.peer.clone()));
    }

    /// Those who should have been heard and were not: their silence proves nothing.
    fn silent(&self) -> Vec<&str> {
        match &self.what.who {
            Some(who) => who.names().iter().map(String::as_str).filter(|name| !self.heard.contains(*name)).collect(),
            None if self.heard.is_empty() => vec!["anybody"],
            None => Vec::new(),
        }
    }

    fn told(&self) -> String {
        let times = phrase::times(self.hits);
        match &self.first {
            Some((at, peer)) => format!("{times}, first from {peer} after {}", phrase::moment(*at)),
            None => times,
        }
    }
}

/// Who dialled, or which way it went.
fn direction_of(event: &Event) -> Option<Direction> {
    match event {
        Event::Connected { direction, .. } | Event::PlaintextHandshake { direction, .. } => Some(*direction),
        _ => None,
    }
}

/// By which rule a network stopped packets.
fn rule_of(event: &Event) -> Option<&str> {
    match event {
        Event::PacketDropped { rule, .. } | Event::PacketRefused { rule, .. } => Some(rule),
        _ => None,
    }
}

/// `never`: no such event, in a span of the run.
#[derive(Debug)]
pub(super) struct Never {
    search: Search,
    after: Option<Watch>,
    until: Option<Bound>,
    now: Time,
}

/// Where the span ends.
#[derive(Debug)]
enum Bound {
    Time(std::time::Duration),
    Cue(Watch),
}

impl Never {
    pub(super) fn new(what: What, after: Option<&Cue>, until: Option<Until>, plan: &Plan) -> Self {
        let until = until.map(|until| match until {
            Until::Time(at) => Bound::Time(at),
            Until::Cue(cue) => Bound::Cue(Watch::new(&cue)),
        });
        Self { search: Search::new(what, plan), after: after.map(Watch::new), until, now: Time::ZERO }
    }

    fn is_open(&self) -> bool {
        self.after.as_ref().is_none_or(|watch| watch.came().is_some())
    }

    fn is_over(&self) -> bool {
        match &self.until {
            None => false,
            Some(Bound::Time(at)) => self.now >= Time::ZERO.after(*at),
            Some(Bound::Cue(watch)) => watch.came().is_some(),
        }
    }

    fn in_time(&self, record: &Record) -> bool {
        match &self.until {
            None => true,
            Some(Bound::Time(at)) => record.time < Time::ZERO.after(*at),
            Some(Bound::Cue(watch)) => watch.came().is_none(),
        }
    }

    /// The lines on which the span begins and ends.
    fn frame(&self) -> Vec<u64> {
        let until = match &self.until {
            Some(Bound::Cue(watch)) => watch.came(),
            _ => None,
        };
        self.after.as_ref().and_then(Watch::came).into_iter().chain(until).map(|(_, line)| line).collect()
    }
}

impl Fold for Never {
    fn observe(&mut self, line: u64, record: &Record) {
        self.search.hear(record);
        if let Some(Bound::Cue(watch)) = &mut self.until {
            watch.observe(line, record);
        }
        if self.is_open() && self.in_time(record) && self.search.matches(record) {
            self.search.count(line, record);
        }
        if let Some(watch) = &mut self.after {
            watch.observe(line, record);
        }
    }

    fn advance(&mut self, now: Time) {
        self.now = now;
    }

    fn standing(&self) -> Standing {
        match () {
            () if self.search.hits > 0 || self.is_over() => Standing::Settled,
            () if self.until.is_some() => Standing::Waiting,
            () => Standing::Holding,
        }
    }

    fn finish(&self, _: &Facts) -> Finding {
        if self.search.hits > 0 {
            return Finding::new(Outcome::Fail, self.search.told(), self.search.lines.iter().copied());
        }
        if let Some(watch) = self.after.as_ref().filter(|watch| watch.came().is_none()) {
            return Finding::unknown(format!("{} never came", watch.cue()));
        }
        match &self.until {
            Some(Bound::Cue(watch)) if watch.came().is_none() => {
                return Finding::unknown(format!("{} never came", watch.cue()));
            }
            Some(Bound::Time(at)) if !self.is_over() => {
                return Finding::unknown(format!("the run ended before {}", show_duration(*at)));
            }
            _ => {}
        }
        match self.search.silent().as_slice() {
            [] => Finding::new(Outcome::Pass, "", self.frame()),
            silent => Finding::unknown(not_heard_of(silent)),
        }
    }
}

/// `count`: so many such events.
#[derive(Debug)]
pub(super) struct Count {
    search: Search,
    range: Range<u64>,
}

impl Count {
    pub(super) fn new(what: What, range: Range<u64>, plan: &Plan) -> Self {
        Self { search: Search::new(what, plan), range }
    }
}

impl Fold for Count {
    fn observe(&mut self, line: u64, record: &Record) {
        self.search.hear(record);
        if self.search.matches(record) {
            self.search.count(line, record);
        }
    }

    fn standing(&self) -> Standing {
        standing_of(self.range, self.search.hits)
    }

    fn finish(&self, _: &Facts) -> Finding {
        let lines = self.search.lines.iter().copied();
        let silent = self.search.silent();
        if self.range.is_above(self.search.hits) {
            return Finding::new(Outcome::Fail, self.search.told(), lines);
        }
        if !silent.is_empty() && (self.range.is_below(self.search.hits) || self.range.max.is_some()) {
            return Finding::unknown(not_heard_of(&silent));
        }
        let outcome = if self.range.has(self.search.hits) { Outcome::Pass } else { Outcome::Fail };
        Finding::new(outcome, self.search.told(), lines)
    }
}

/// Of a number that only grows.
fn standing_of(range: Range<u64>, count: u64) -> Standing {
    match range {
        range if range.is_above(count) => Standing::Settled,
        range if range.is_below(count) => Standing::Waiting,
        Range { max: None, .. } => Standing::Settled,
        _ => Standing::Holding,
    }
}

/// `always`: a reported quantity stays within limits.
#[derive(Debug)]
pub(super) struct Always {
    quantity: Quantity,
    who: Selector,
    range: Range<u64>,
    heard: BTreeSet<String>,
    amiss: Vec<(String, u64, Time, u64)>,
    seen: Option<(u64, u64)>,
}

impl Always {
    pub(super) fn new(quantity: Quantity, who: Selector, range: Range<u64>) -> Self {
        Self { quantity, who, range, heard: BTreeSet::new(), amiss: Vec::new(), seen: None }
    }

    fn shown(&self, value: u64) -> String {
        match self.quantity {
            Quantity::Peers => format!("{value} peers"),
            Quantity::Up | Quantity::Down => Rate(value).to_string(),
        }
    }
}

impl Fold for Always {
    fn observe(&mut self, line: u64, record: &Record) {
        let Event::Progress { peers, up, down, .. } = &record.event else { return };
        if !self.who.has(&record.peer) {
            return;
        }
        let value = match self.quantity {
            Quantity::Peers => u64::from(*peers),
            Quantity::Up => up.0,
            Quantity::Down => down.0,
        };
        self.heard.insert(record.peer.clone());
        let (least, most) = self.seen.unwrap_or((value, value));
        self.seen = Some((least.min(value), most.max(value)));
        if !self.range.has(value) && self.amiss.len() < super::EVIDENCE_MAX {
            self.amiss.push((record.peer.clone(), value, record.time, line));
        }
    }

    fn standing(&self) -> Standing {
        if self.amiss.is_empty() { Standing::Holding } else { Standing::Settled }
    }

    fn finish(&self, _: &Facts) -> Finding {
        if let Some((name, value, at, _)) = self.amiss.first() {
            let measured = format!("{name} reported {} after {}", self.shown(*value), phrase::moment(*at));
            return Finding::new(Outcome::Fail, measured, self.amiss.iter().map(|(.., line)| *line));
        }
        let silent: Vec<&str> =
            self.who.names().iter().map(String::as_str).filter(|name| !self.heard.contains(*name)).collect();
        match self.seen {
            Some((least, most)) if silent.is_empty() => {
                let measured = format!("from {} to {}", self.shown(least), self.shown(most));
                Finding::new(Outcome::Pass, measured, [])
            }
            _ => Finding::unknown(format!("{} reported no progress", phrase::some(&silent))),
        }
    }
}

/// `announce-count`: so many announces of each reached the tracker.
#[derive(Debug)]
pub(super) struct AnnounceCount {
    who: Selector,
    event: Option<AnnounceEvent>,
    range: Range<u64>,
    counts: BTreeMap<String, u64>,
    lines: Vec<u64>,
    tracker_heard: bool,
}

impl AnnounceCount {
    pub(super) fn new(who: Selector, event: Option<AnnounceEvent>, range: Range<u64>) -> Self {
        Self { who, event, range, counts: BTreeMap::new(), lines: Vec::new(), tracker_heard: false }
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

impl Fold for AnnounceCount {
    fn observe(&mut self, line: u64, record: &Record) {
        self.tracker_heard |= record.peer == crate::selector::TRACKER;
        let Event::TrackerAnnounced { remote: Remote::Name(name), event, .. } = &record.event else { return };
        if self.who.has(name) && self.event.is_none_or(|wanted| wanted.name() == event) {
            *self.counts.entry(name.clone()).or_default() += 1;
            if self.lines.len() < super::EVIDENCE_MAX {
                self.lines.push(line);
            }
        }
    }

    fn standing(&self) -> Standing {
        let standings = || self.who.names().iter().map(|name| standing_of(self.range, self.count(name)));
        match () {
            () if self.who.names().iter().any(|name| self.range.is_above(self.count(name))) => Standing::Settled,
            () if standings().any(|standing| standing == Standing::Waiting) => Standing::Waiting,
            () if standings().any(|standing| standing == Standing::Holding) => Standing::Holding,
            () => Standing::Settled,
        }
    }

    fn finish(&self, _: &Facts) -> Finding {
        if !self.tracker_heard {
            return Finding::unknown(not_heard_of(&["the tracker"]));
        }
        let told = |right: bool| -> Vec<String> {
            let names = self.who.names().iter().filter(|name| self.range.has(self.count(name)) == right);
            names.map(|name| format!("{name} {}", phrase::times(self.count(name)))).collect()
        };
        match told(false).as_slice() {
            [] => Finding::new(Outcome::Pass, phrase::some(&told(true)), self.lines.iter().copied()),
            wrong => Finding::new(Outcome::Fail, phrase::some(wrong), self.lines.iter().copied()),
        }
    }
}
