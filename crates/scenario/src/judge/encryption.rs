//! Checks of encryption: what the connections between two sides crossed in, what an onlooker took them
//! for, and what each party around the swarm learned in the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use events::{Degree, Event, Item, Observer, Observers, Record, Remote};

use super::{Facts, Finding, Fold, Outcome, Standing};
use crate::phrase;
use crate::selector::Selector;

/// `cipher` and `classified`: one property of every connection between two sides that joined, whichever end
/// reports it. What ended before its handshakes were through shows nothing.
#[derive(Debug)]
pub(super) struct Between {
    who: Selector,
    /// Anybody where `None`.
    remote: Option<Selector>,
    right: Vec<&'static str>,
    property: Property,
    /// Connections that are up, by who reports and their number there.
    open: BTreeMap<(String, u64), Known>,
    /// Those of `who` that had such a connection.
    met: BTreeSet<String>,
    /// By the two ends: what theirs was, and where that stands first.
    seen: BTreeMap<(String, String), (&'static str, u64)>,
    wrong: Vec<(String, u64)>,
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Known {
    joined: bool,
    value: Option<&'static str>,
    /// Both are known, and it has been counted.
    counted: bool,
}

/// The property, where an event tells it.
type Property = fn(&Event) -> Option<&'static str>;

/// What a connection crosses in.
pub(super) fn cipher(event: &Event) -> Option<&'static str> {
    match event {
        Event::CipherSettled { cipher, .. } => Some(cipher.name()),
        _ => None,
    }
}

/// What an onlooker takes a flow for.
pub(super) fn class(event: &Event) -> Option<&'static str> {
    match event {
        Event::FlowClassified { class, .. } => Some(class.name()),
        _ => None,
    }
}

impl Between {
    pub(super) fn new(who: Selector, remote: Option<Selector>, right: Vec<&'static str>, property: Property) -> Self {
        let (open, met, seen, wrong) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new(), Vec::new());
        Self { who, remote, right, property, open, met, seen, wrong }
    }

    /// The connection's ends, each first that is one of `who` and has one of `remote` across.
    fn ends<'a>(&self, peer: &'a str, remote: &'a Remote) -> Vec<(&'a str, String)> {
        let is =
            |who: &str, across: &str| self.who.has(who) && self.remote.as_ref().is_none_or(|remote| remote.has(across));
        let mut ends = vec![(peer, remote.to_string())];
        if let Remote::Name(name) = remote {
            ends.push((name, peer.to_owned()));
        }
        ends.retain(|(who, across)| is(who, across));
        ends
    }

    /// This is the property of a connection that joined.
    fn count(&mut self, line: u64, record: &Record, remote: &Remote, value: &'static str) {
        let ends = self.ends(&record.peer, remote);
        let Some((who, across)) = ends.first() else { return };
        if !self.right.contains(&value) && self.wrong.len() < super::EVIDENCE_MAX {
            self.wrong.push((format!("{who} with {across}: {value} after {}", phrase::moment(record.time)), line));
        }
        // The other end may have told already: one connection, one entry.
        let told = self.seen.contains_key(&(across.clone(), (*who).to_owned()));
        if !told && self.seen.len() < PAIRS_MAX {
            self.seen.entry(((*who).to_owned(), across.clone())).or_insert((value, line));
        }
        self.met.extend(ends.iter().map(|(who, _)| (*who).to_owned()));
    }

    /// Those of `who` of whom no such connection is known.
    fn strangers(&self) -> Vec<&String> {
        self.who.names().difference(&self.met).collect()
    }
}

impl Fold for Between {
    fn observe(&mut self, line: u64, record: &Record) {
        match &record.event {
            // Numbers begin anew when a program does.
            Event::Connected { conn, .. } | Event::Closed { conn, .. } => {
                self.open.remove(&(record.peer.clone(), *conn));
            }
            Event::CipherSettled { conn, remote, .. } | Event::FlowClassified { conn, remote, .. } => {
                let known = self.open.entry((record.peer.clone(), *conn)).or_default();
                known.joined |= matches!(record.event, Event::CipherSettled { .. });
                known.value = (self.property)(&record.event).or(known.value);
                if let Known { joined: true, value: Some(value), counted: false } = *known {
                    known.counted = true;
                    self.count(line, record, remote, value);
                }
            }
            _ => {}
        }
    }

    fn standing(&self) -> Standing {
        match () {
            () if !self.wrong.is_empty() => Standing::Settled,
            () if !self.strangers().is_empty() => Standing::Waiting,
            () => Standing::Holding,
        }
    }

    fn finish(&self, _: &Facts) -> Finding {
        if !self.wrong.is_empty() {
            let (told, lines): (Vec<&str>, Vec<u64>) =
                self.wrong.iter().map(|(text, line)| (text.as_str(), line)).unzip();
            return Finding::new(Outcome::Fail, phrase::some(&told), lines);
        }
        let strangers = self.strangers();
        if !strangers.is_empty() {
            let across = self.remote.as_ref().map_or("anybody".into(), Selector::phrase);
            return Finding::unknown(format!("no connection of {} with {across} told of it", phrase::some(&strangers)));
        }
        let told = |((who, across), (value, _)): (&(String, String), &(&str, u64))| match self.right.len() {
            1 => format!("{who} with {across}"),
            _ => format!("{who} with {across}: {value}"),
        };
        let pairs: Vec<String> = self.seen.iter().map(told).collect();
        Finding::new(Outcome::Pass, phrase::some(&pairs), self.seen.values().map(|(_, line)| *line))
    }
}

/// `observer`: how much one party learned of what.
#[derive(Debug)]
pub(super) struct Observed {
    observer: Observer,
    wanted: Vec<(Item, Degree)>,
    observers: Observers,
}

impl Observed {
    pub(super) fn new(observer: Observer, wanted: Vec<(Item, Degree)>) -> Self {
        Self { observer, wanted, observers: Observers::default() }
    }

    fn degree(&self, item: Item) -> Degree {
        self.observers.degree(self.observer, item)
    }

    /// Not learned, and no member of the swarm learned it either: there was nothing to learn.
    fn was_not_there(&self, item: Item) -> bool {
        self.degree(item) == Degree::No && self.observers.degree(Observer::Member, item) == Degree::No
    }
}

impl Fold for Observed {
    fn observe(&mut self, line: u64, record: &Record) {
        self.observers.apply(line, record);
    }

    fn standing(&self) -> Standing {
        // What is learned is never unlearned.
        let by_now: Vec<_> = self.wanted.iter().map(|(item, wanted)| self.degree(*item).cmp(wanted)).collect();
        match () {
            () if by_now.contains(&Ordering::Greater) => Standing::Settled,
            () if by_now.contains(&Ordering::Less) => Standing::Waiting,
            () if self.wanted.iter().all(|(_, wanted)| *wanted == Degree::Yes) => Standing::Settled,
            () => Standing::Holding,
        }
    }

    fn finish(&self, _: &Facts) -> Finding {
        let learned =
            || self.wanted.iter().map(|(item, wanted)| (item, wanted, self.observers.learned(self.observer, *item)));
        let wrong: Vec<_> = learned().filter(|(_, wanted, learned)| learned.degree != **wanted).collect();
        if !wrong.is_empty() {
            let told = wrong
                .iter()
                .map(|(item, _, learned)| format!("{} {}: {}", item.name(), learned.degree.name(), learned.how));
            let lines = wrong.iter().flat_map(|(_, _, learned)| learned.evidence.iter().copied());
            return Finding::new(Outcome::Fail, told.collect::<Vec<_>>().join("; "), lines);
        }
        let absent: Vec<&str> = self
            .wanted
            .iter()
            .map(|(item, _)| *item)
            .filter(|item| self.was_not_there(*item))
            .map(Item::name)
            .collect();
        if !absent.is_empty() {
            return Finding::unknown(format!("nobody at all learned anything of {}", phrase::list(&absent)));
        }
        let told: Vec<String> =
            learned().map(|(item, _, learned)| format!("{} {}", item.name(), learned.degree.name())).collect();
        Finding::new(Outcome::Pass, told.join(", "), learned().flat_map(|(_, _, learned)| learned.evidence))
    }
}

/// Pairs of peers that are remembered: past these a verdict names some anyway.
const PAIRS_MAX: usize = 100_000;
