//! Checks of order: which moment comes first, and who finishes in which place.

use std::collections::BTreeSet;

use events::Record;
use model::Time;

use super::{Facts, Finding, Fold, Outcome, Standing};
use crate::check::Range;
use crate::cue::{Cue, Watch, is_complete};
use crate::phrase;
use crate::selector::Selector;

/// `order`: one moment after the other.
#[derive(Debug)]
pub(super) struct Order {
    watches: Vec<Watch>,
    /// The first pair that came the wrong way round: its place among the cues.
    broken: Option<usize>,
}

impl Order {
    pub(super) fn new(cues: &[Cue]) -> Self {
        Self { watches: cues.iter().map(Watch::new).collect(), broken: None }
    }

    fn told(watch: &Watch) -> String {
        match watch.came() {
            Some((at, _)) => format!("{} after {}", watch.cue(), phrase::moment(at)),
            None => format!("{} not at all", watch.cue()),
        }
    }

    fn lines(&self) -> impl Iterator<Item = u64> + '_ {
        self.watches.iter().filter_map(|watch| watch.came().map(|(_, line)| line))
    }
}

impl Fold for Order {
    fn observe(&mut self, line: u64, record: &Record) {
        for watch in &mut self.watches {
            watch.observe(line, record);
        }
        let wrong = |pair: &[Watch]| pair[0].came().is_none() && pair[1].came().is_some();
        self.broken = self.broken.or_else(|| self.watches.windows(2).position(wrong));
    }

    fn standing(&self) -> Standing {
        let all = self.watches.iter().all(|watch| watch.came().is_some());
        if all || self.broken.is_some() { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, _: &Facts) -> Finding {
        if let Some(at) = self.broken {
            let pair: Vec<String> = [at + 1, at].iter().map(|&i| Self::told(&self.watches[i])).collect();
            return Finding::new(Outcome::Fail, pair.join(", "), self.lines());
        }
        let missing = self.watches.iter().find(|watch| watch.came().is_none());
        if let Some(watch) = missing {
            return Finding::unknown(format!("{} never came", watch.cue()));
        }
        let told: Vec<String> = self.watches.iter().map(Self::told).collect();
        Finding::new(Outcome::Pass, told.join(", "), self.lines())
    }
}

/// `finished-rank`: the place, from 1, in which each became complete.
#[derive(Debug)]
pub(super) struct FinishedRank {
    who: Selector,
    range: Range<u64>,
    leeches: BTreeSet<String>,
    /// In the order of finishing.
    finished: Vec<(String, Time, u64)>,
}

impl FinishedRank {
    pub(super) fn new(who: Selector, range: Range<u64>, leeches: impl Iterator<Item = String>) -> Self {
        Self { who, range, leeches: leeches.collect(), finished: Vec::new() }
    }

    /// The place of one that has finished.
    fn place(&self, name: &str) -> Option<u64> {
        self.finished.iter().position(|(finisher, ..)| finisher == name).map(|i| i as u64 + 1)
    }

    /// The best place that is still open.
    fn next_place(&self) -> u64 {
        self.finished.len() as u64 + 1
    }

    /// Right or wrong, as far as that can be known.
    fn outcome(&self, name: &str) -> Option<bool> {
        match self.place(name) {
            Some(place) => Some(self.range.has(place)),
            None if self.range.is_above(self.next_place()) => Some(false),
            None if self.range.max.is_none() && !self.range.is_below(self.next_place()) => Some(true),
            None => None,
        }
    }

    fn told(&self, name: &str) -> String {
        match self.place(name) {
            Some(place) => format!("{name} was number {place} of {}", self.leeches.len()),
            None => format!("{name} had not finished, and {} had", self.finished.len()),
        }
    }
}

impl Fold for FinishedRank {
    fn observe(&mut self, line: u64, record: &Record) {
        let counts = self.leeches.contains(&record.peer) && self.place(&record.peer).is_none();
        if counts && is_complete(&record.event) {
            self.finished.push((record.peer.clone(), record.time, line));
        }
    }

    fn standing(&self) -> Standing {
        let known = self.who.names().iter().all(|name| self.outcome(name).is_some());
        if known { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, _: &Facts) -> Finding {
        let lines = self.finished.iter().map(|(_, _, line)| *line);
        let of = |outcome| -> Vec<String> {
            let names = self.who.names().iter().filter(|name| self.outcome(name) == outcome);
            names.map(|name| self.told(name)).collect()
        };
        let (wrong, open) = (of(Some(false)), of(None));
        match (wrong.as_slice(), open.as_slice()) {
            ([], []) => Finding::new(Outcome::Pass, phrase::some(&of(Some(true))), lines),
            ([], open) => Finding::unknown(phrase::some(open)),
            (wrong, _) => Finding::new(Outcome::Fail, phrase::some(wrong), lines),
        }
    }
}
