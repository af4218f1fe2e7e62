//! Which events are told on a screen, and as what. Milestones always, unless a crowd reaches one in the same
//! second; the turns of the game (a slot given, a first piece) a few times for each peer, then no more, so that
//! the story stays readable with two peers or two hundred. The log has everything.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, Family, Record};
use lab::describe::{Weight, describe, weight};
use model::Time;

/// Remembers what was told.
#[derive(Debug)]
pub(crate) struct Narrator {
    floor: Weight,
    /// How often each kind was told of each peer.
    told: BTreeMap<(String, &'static str), u32>,
    /// The second that is being told of, how many turns were told in it, and how often each milestone.
    second: (u64, u32),
    milestones: BTreeMap<&'static str, u32>,
    /// Peers that had everything from the start: only of these is it news that they could go.
    seeds: BTreeSet<String>,
    /// The number of the step that was told last: one that takes its time comes in parts, the first of which says all.
    step: u32,
}

impl Narrator {
    /// For a swarm of many: milestones and turns.
    pub(crate) fn of_a_swarm() -> Self {
        Self {
            floor: Weight::Turn,
            told: BTreeMap::new(),
            second: (0, 0),
            milestones: BTreeMap::new(),
            seeds: BTreeSet::new(),
            step: 0,
        }
    }

    /// For one program that talks about itself: details too.
    pub(crate) fn of_one() -> Self {
        Self { floor: Weight::Detail, ..Self::of_a_swarm() }
    }

    /// The sentence for this event, when it is to be told.
    pub(crate) fn tell(&mut self, record: &Record) -> Option<String> {
        let weight = weight(&record.event);
        match &record.event {
            Event::Checked { have, pieces, .. } if have == pieces => drop(self.seeds.insert(record.peer.clone())),
            Event::Step { step, .. } if std::mem::replace(&mut self.step, *step) == *step => return None,
            Event::CopyOut { .. } if !self.seeds.contains(&record.peer) => return None,
            _ => {}
        }
        if weight < self.floor {
            return None;
        }
        let sentence = describe(record)?;
        self.begin_second(record.time);
        if weight == Weight::Milestone {
            return self.milestone(record, sentence);
        }
        self.is_news(record).then_some(sentence)
    }

    fn begin_second(&mut self, time: Time) {
        let second = time.as_micros() / 1_000_000;
        if self.second.0 != second {
            self.second = (second, 0);
            self.milestones.clear();
        }
    }

    /// What the author wrote for the audience is always told; of what peers reach, so many a second.
    fn milestone(&mut self, record: &Record, sentence: String) -> Option<String> {
        if matches!(record.event, Event::Note { .. }) {
            return Some(sentence);
        }
        let told = self.milestones.entry(record.event.kind()).or_default();
        *told += 1;
        match *told {
            ..=MILESTONES_PER_SECOND => Some(sentence),
            told if told == MILESTONES_PER_SECOND + 1 => {
                Some(format!("… and more `{}` in this second", record.event.kind()))
            }
            _ => None,
        }
    }

    fn is_news(&mut self, record: &Record) -> bool {
        let told = self.told.entry((whom(record), record.event.kind())).or_default();
        if *told == TELLINGS_PER_KIND || self.second.1 == TURNS_PER_SECOND {
            return false;
        }
        *told += 1;
        self.second.1 += 1;
        true
    }
}

/// Whose turn it is: what a tracker reports is a turn of the client that asked.
fn whom(record: &Record) -> String {
    match record.event.remote() {
        Some(remote) if record.event.family() == Family::Tracker => remote.to_string(),
        _ => record.peer.clone(),
    }
}

/// `  1.204 s  ` and the sentence: how a line of the story looks.
pub(crate) fn line(time: Time, sentence: &str) -> String {
    let dim = anstyle::Style::new().dimmed();
    format!("{dim}{:>8} s{dim:#}  {sentence}", time.to_string())
}

/// A turn of one kind is told this often for each peer.
const TELLINGS_PER_KIND: u32 = 2;

/// Milestones of one kind told in one second of the run: a lesson's handful of peers, not a crowd.
const MILESTONES_PER_SECOND: u32 = 12;

/// Turns told in one second of the run. More than this nobody reads.
const TURNS_PER_SECOND: u32 = 8;

#[cfg(test)]
mod tests {
    use events::Event;

    use super::*;

    #[test]
    fn a_turn_is_told_twice_and_a_milestone_always() {
        let mut narrator = Narrator::of_a_swarm();
        let turn = Event::EndgameEntered { blocks: 3 };
        let told: Vec<bool> = (0..4).map(|s| narrator.tell(&at(s, turn.clone())).is_some()).collect();
        assert_eq!(told, [true, true, false, false]);
        let note = Event::Note { text: "hear".into() };
        assert!((0..9).all(|s| narrator.tell(&at(s, note.clone())).is_some()));
    }

    #[test]
    fn of_a_step_in_parts_the_first_is_told() {
        let mut narrator = Narrator::of_a_swarm();
        let part = |step, who: &str| Event::Step {
            step,
            action: "join".into(),
            who: vec![who.into()],
            why: "at 0 s, over 9 s".into(),
        };
        let told = [(1, "a"), (2, "b"), (2, "c"), (2, "d"), (3, "a")]
            .map(|(step, who)| narrator.tell(&at(0, part(step, who))).is_some());
        assert_eq!(told, [true, true, false, false, true]);
    }

    #[test]
    fn only_of_a_seed_is_it_news_that_it_could_go() {
        let mut narrator = Narrator::of_a_swarm();
        let out = at(1, Event::CopyOut { pieces: 4 });
        assert_eq!(narrator.tell(&out), None);
        narrator.tell(&at(0, Event::Checked { have: 4, pieces: 4, bytes: model::ByteCount(4) }));
        assert!(narrator.tell(&out).is_some());
    }

    #[test]
    fn a_crowd_in_one_second_is_cut_short() {
        let mut narrator = Narrator::of_a_swarm();
        let told = (0..100).filter(|i| {
            let event = Event::EndgameEntered { blocks: 3 };
            narrator.tell(&Record { peer: format!("peer-{i}"), ..at(1, event) }).is_some()
        });
        assert_eq!(told.count(), TURNS_PER_SECOND as usize);
    }

    #[test]
    fn milestones_of_a_crowd_are_cut_short_too_and_the_cut_is_told() {
        let mut narrator = Narrator::of_a_swarm();
        let left = Event::Left { why: "asked to".into() };
        let told: Vec<String> = (0..100).filter_map(|_| narrator.tell(&at(1, left.clone()))).collect();
        assert_eq!(told.len(), MILESTONES_PER_SECOND as usize + 1);
        assert_eq!(told.last().unwrap(), "… and more `left` in this second");
        assert!(narrator.tell(&at(1, Event::Note { text: "hear".into() })).is_some());
        assert!(narrator.tell(&at(2, left)).is_some(), "another second");
    }

    #[test]
    fn details_are_for_one_program_alone() {
        let detail =
            at(0, Event::Closed { conn: 1, remote: "bob".into(), by: events::ClosedBy::Us, why: "done".into() });
        assert!(Narrator::of_a_swarm().tell(&detail).is_none());
        assert!(Narrator::of_one().tell(&detail).is_some());
    }

    fn at(secs: u64, event: Event) -> Record {
        Record { time: Time::from_secs(secs), peer: "alice".into(), event }
    }
}
