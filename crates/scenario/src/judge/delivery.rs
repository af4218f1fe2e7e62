//! Checks of delivery: who got how much of the content, in time, unharmed, and across a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::{Event, Record};
use model::Time;

use super::{Facts, Finding, Fold, Outcome, Standing, is_ending};
use crate::check::{Range, not_heard_of};
use crate::cue::{is_complete, pieces_held};
use crate::phrase;
use crate::selector::Selector;
use crate::units::{Share, show_duration};

/// `complete`: each has every piece in time.
#[derive(Debug)]
pub(super) struct Complete {
    who: Selector,
    within: Duration,
    done: BTreeMap<String, (Time, u64)>,
    /// How far the others are.
    reached: BTreeMap<String, (Share, u64)>,
    now: Time,
}

impl Complete {
    pub(super) fn new(who: Selector, within: Duration) -> Self {
        Self { who, within, done: BTreeMap::new(), reached: BTreeMap::new(), now: Time::ZERO }
    }

    fn limit(&self) -> Time {
        Time::ZERO.after(self.within)
    }

    fn missing(&self) -> Vec<&str> {
        self.who.names().iter().map(String::as_str).filter(|name| !self.done.contains_key(*name)).collect()
    }

    /// What to say of each that was late or never finished, and the lines that show it.
    fn latecomers(&self) -> (Vec<String>, Vec<u64>) {
        let late = self.done.iter().filter(|(_, (at, _))| *at > self.limit());
        let mut told: Vec<(String, Option<u64>)> = late
            .map(|(name, (at, line))| (format!("{name} finished after {}", phrase::moment(*at)), Some(*line)))
            .collect();
        told.extend(self.missing().into_iter().map(|name| match self.reached.get(name) {
            Some((share, line)) => (format!("{name} had {share}"), Some(*line)),
            None => (format!("{name} reported no piece"), None),
        }));
        let evidence = told.iter().filter_map(|(_, line)| *line).collect();
        (told.into_iter().map(|(text, _)| text).collect(), evidence)
    }
}

impl Fold for Complete {
    fn observe(&mut self, line: u64, record: &Record) {
        if !self.who.has(&record.peer) {
            return;
        }
        if is_complete(&record.event) {
            self.done.entry(record.peer.clone()).or_insert((record.time, line));
        } else if let Some((have, pieces)) = pieces_held(&record.event)
            && let Some(share) = rounded(have, pieces)
        {
            self.reached.insert(record.peer.clone(), (share, line));
        }
    }

    fn advance(&mut self, now: Time) {
        self.now = now;
    }

    fn standing(&self) -> Standing {
        let over = self.missing().is_empty() || self.now > self.limit();
        if over { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, _: &Facts) -> Finding {
        let (told, evidence) = self.latecomers();
        if told.is_empty() {
            let lines = self.done.values().map(|(_, line)| *line);
            return Finding::new(Outcome::Pass, last_of(&self.done), lines);
        }
        let late = self.done.values().any(|(at, _)| *at > self.limit());
        if late || self.now >= self.limit() {
            return Finding::new(Outcome::Fail, phrase::some(&told), evidence);
        }
        let (end, within) = (phrase::moment(self.now), show_duration(self.within));
        Finding::unknown(format!("the run ended after {end}, before the {within} were over"))
    }
}

/// Who was last, of those who are done.
fn last_of(done: &BTreeMap<String, (Time, u64)>) -> String {
    let last = done.iter().max_by_key(|(_, (at, line))| (*at, *line));
    match last {
        Some((_, (at, _))) if done.len() == 1 => format!("after {}", phrase::moment(*at)),
        Some((name, (at, _))) => format!("the last was {name}, after {}", phrase::moment(*at)),
        None => String::new(),
    }
}

/// In whole percent, for sentences.
fn rounded(have: u32, pieces: u32) -> Option<Share> {
    Share::of(have.into(), pieces.into()).map(|share| Share(share.0 / 10_000 * 10_000))
}

/// `hash-ok`: what lies on the disk is the original.
#[derive(Debug)]
pub(super) struct HashOk {
    who: Selector,
    done: BTreeMap<String, u64>,
}

impl HashOk {
    pub(super) fn new(who: Selector) -> Self {
        Self { who, done: BTreeMap::new() }
    }
}

impl Fold for HashOk {
    fn observe(&mut self, line: u64, record: &Record) {
        if self.who.has(&record.peer) && is_complete(&record.event) {
            self.done.entry(record.peer.clone()).or_insert(line);
        }
    }

    fn standing(&self) -> Standing {
        if self.done.len() == self.who.names().len() { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, facts: &Facts) -> Finding {
        let with = |wanted: Option<bool>| -> Vec<&str> {
            let found = |name: &&String| facts.content_ok.get(*name).copied() == wanted;
            self.who.names().iter().filter(found).map(String::as_str).collect()
        };
        let (spoilt, unseen) = (with(Some(false)), with(None));
        let lines = |names: &[&str]| names.iter().filter_map(|name| self.done.get(*name).copied()).collect::<Vec<_>>();
        if !spoilt.is_empty() {
            let measured = format!("not so with {}", phrase::some(&spoilt));
            return Finding::new(Outcome::Fail, measured, lines(&spoilt));
        }
        if !unseen.is_empty() {
            return Finding::unknown(format!("the content of {} was not compared", phrase::some(&unseen)));
        }
        Finding::new(Outcome::Pass, "", self.done.values().copied())
    }
}

/// `reached`: how much each has in the end.
#[derive(Debug)]
pub(super) struct Reached {
    who: Selector,
    range: Range<Share>,
    reached: BTreeMap<String, (Share, u64)>,
}

impl Reached {
    pub(super) fn new(who: Selector, range: Range<Share>) -> Self {
        Self { who, range, reached: BTreeMap::new() }
    }
}

impl Fold for Reached {
    fn observe(&mut self, line: u64, record: &Record) {
        let share = match &record.event {
            Event::Complete { .. } => Some(Share::WHOLE),
            event => pieces_held(event).and_then(|(have, pieces)| Share::of(have.into(), pieces.into())),
        };
        if let Some(share) = share
            && self.who.has(&record.peer)
        {
            self.reached.insert(record.peer.clone(), (share, line));
        }
    }

    fn standing(&self) -> Standing {
        Standing::Holding
    }

    fn finish(&self, _: &Facts) -> Finding {
        let heard: BTreeSet<&str> = self.reached.keys().map(String::as_str).collect();
        let silent: Vec<&str> = self.who.names().iter().map(String::as_str).filter(|n| !heard.contains(n)).collect();
        let amiss: Vec<_> = self.reached.iter().filter(|(_, (share, _))| !self.range.has(*share)).collect();
        if !amiss.is_empty() {
            let told: Vec<String> =
                amiss.iter().map(|(name, (share, _))| format!("{name} has {}", whole(*share))).collect();
            return Finding::new(Outcome::Fail, phrase::some(&told), amiss.iter().map(|(_, (_, line))| *line));
        }
        if !silent.is_empty() {
            return Finding::unknown(format!("{} reported no piece", phrase::some(&silent)));
        }
        let shares = || self.reached.values().map(|(share, _)| *share);
        let (least, most) = (shares().min().unwrap_or_default(), shares().max().unwrap_or_default());
        let measured = if least == most { whole(least) } else { format!("from {} to {}", whole(least), whole(most)) };
        Finding::new(Outcome::Pass, measured, self.reached.values().map(|(_, line)| *line))
    }
}

fn whole(share: Share) -> String {
    Share(share.0 / 10_000 * 10_000).to_string()
}

/// `resumed`: a restart finds on the disk whatever was verified before it.
#[derive(Debug)]
pub(super) struct Resumed {
    who: Selector,
    peers: BTreeMap<String, Life>,
}

/// One peer across its restarts.
#[derive(Debug, Default)]
struct Life {
    /// Pieces verified so far.
    have: u32,
    ended: bool,
    /// Had before, found after, and the line of finding; the last restart, or the first that lost something.
    resumed: Option<(u32, u32, u64)>,
}

impl Life {
    fn lost(&self) -> bool {
        self.resumed.is_some_and(|(had, found, _)| found < had)
    }

    fn observe(&mut self, line: u64, event: &Event) {
        match event {
            event if is_ending(event) => self.ended = true,
            Event::Checked { have, .. } => {
                if std::mem::take(&mut self.ended) && !self.lost() {
                    self.resumed = Some((self.have, *have, line));
                }
                self.have = *have;
            }
            // A line that was on its way when the peer was killed may come after the news of its end.
            Event::Progress { have, .. } | Event::PieceVerified { have, .. } => self.have = self.have.max(*have),
            _ => {}
        }
    }
}

impl Resumed {
    pub(super) fn new(who: Selector) -> Self {
        Self { who, peers: BTreeMap::new() }
    }

    fn life(&self, name: &str) -> Option<&Life> {
        self.peers.get(name)
    }
}

impl Fold for Resumed {
    fn observe(&mut self, line: u64, record: &Record) {
        if self.who.has(&record.peer) {
            self.peers.entry(record.peer.clone()).or_default().observe(line, &record.event);
        }
    }

    fn standing(&self) -> Standing {
        let all = self.who.names().iter().all(|name| self.life(name).is_some_and(|life| life.resumed.is_some()));
        if all || self.peers.values().any(Life::lost) { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, _: &Facts) -> Finding {
        let told = |lost: bool| -> (Vec<String>, Vec<u64>) {
            let resumed = self.peers.iter().filter(|(_, life)| life.lost() == lost);
            let told = resumed.filter_map(|(name, life)| {
                let (had, found, line) = life.resumed?;
                Some((format!("{name} had {had} pieces and found {found}"), line))
            });
            told.unzip()
        };
        let (lost, evidence) = told(true);
        if !lost.is_empty() {
            return Finding::new(Outcome::Fail, phrase::some(&lost), evidence);
        }
        let silent: Vec<&str> =
            self.who.names().iter().map(String::as_str).filter(|name| self.life(name).is_none()).collect();
        if !silent.is_empty() {
            return Finding::unknown(not_heard_of(&silent));
        }
        let stayed: Vec<&str> =
            self.peers.iter().filter(|(_, life)| life.resumed.is_none()).map(|(name, _)| name.as_str()).collect();
        if !stayed.is_empty() {
            return Finding::unknown(format!("{} did not come back after an end", phrase::some(&stayed)));
        }
        let (kept, evidence) = told(false);
        Finding::new(Outcome::Pass, phrase::some(&kept), evidence)
    }
}
