//! What becomes of an encrypted share: recipients open it, and nobody else.

use std::collections::BTreeMap;

use events::{Event, Record};

use super::{Facts, Finding, Fold, Outcome, Standing};
use crate::cue::is_complete;
use crate::phrase;
use crate::selector::Selector;

/// `delivered`: each unpacked the archive, and has what the sharer has.
#[derive(Debug)]
pub(super) struct Delivered {
    who: Selector,
    /// Who unpacked it, or could not and why, and the line that says so.
    opened: BTreeMap<String, (Result<(), String>, u64)>,
}

impl Delivered {
    pub(super) fn new(who: Selector) -> Self {
        Self { who, opened: BTreeMap::new() }
    }
}

impl Fold for Delivered {
    fn observe(&mut self, line: u64, record: &Record) {
        let outcome = match &record.event {
            Event::Unpacked { .. } => Ok(()),
            Event::UnpackFailed { why, .. } => Err(why.clone()),
            _ => return,
        };
        if self.who.has(&record.peer) {
            self.opened.insert(record.peer.clone(), (outcome, line));
        }
    }

    fn standing(&self) -> Standing {
        if self.opened.len() == self.who.names().len() { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, facts: &Facts) -> Finding {
        let (mut missing, mut lines) = (Vec::new(), Vec::new());
        for name in self.who.names() {
            let what = match self.opened.get(name) {
                None => Some("never had it whole".to_owned()),
                Some((Err(why), _)) => Some(format!("could not open it: {why}")),
                Some((Ok(()), _)) => match facts.unpacked.get(name) {
                    Some(Ok(())) => None,
                    Some(Err(difference)) => Some(difference.clone()),
                    None => return Finding::unknown(format!("what {name} unpacked was not compared")),
                },
            };
            lines.extend(self.opened.get(name).map(|(_, line)| *line));
            missing.extend(what.map(|what| format!("{name} {what}")));
        }
        match missing.as_slice() {
            [] => Finding::new(Outcome::Pass, "", lines),
            _ => Finding::new(Outcome::Fail, phrase::some(&missing), lines),
        }
    }
}

/// `sealed`: who has every byte of the archive and no password learns neither names nor content.
#[derive(Debug)]
pub(super) struct Sealed {
    who: Selector,
    complete: BTreeMap<String, u64>,
}

impl Sealed {
    pub(super) fn new(who: Selector) -> Self {
        Self { who, complete: BTreeMap::new() }
    }
}

impl Fold for Sealed {
    fn observe(&mut self, line: u64, record: &Record) {
        if self.who.has(&record.peer) && is_complete(&record.event) {
            self.complete.entry(record.peer.clone()).or_insert(line);
        }
    }

    fn standing(&self) -> Standing {
        if self.complete.len() == self.who.names().len() { Standing::Settled } else { Standing::Waiting }
    }

    fn finish(&self, facts: &Facts) -> Finding {
        let absent: Vec<&str> =
            self.who.names().iter().map(String::as_str).filter(|name| !self.complete.contains_key(*name)).collect();
        let learned = self.who.names().iter().filter_map(|name| {
            let learned = facts.learned.get(name)?;
            (!learned.is_empty()).then(|| format!("{name} read {}", phrase::list(learned)))
        });
        let learned: Vec<String> = learned.collect();
        let lines = self.complete.values().copied();
        if !learned.is_empty() {
            return Finding::new(Outcome::Fail, phrase::some(&learned), lines);
        }
        if !absent.is_empty() {
            return Finding::unknown(format!("{} never had all of it to look at", phrase::some(&absent)));
        }
        match self.who.names().iter().find(|name| !facts.learned.contains_key(*name)) {
            Some(name) => Finding::unknown(format!("what {name} has was not looked at")),
            None => Finding::new(Outcome::Pass, "", lines),
        }
    }
}
