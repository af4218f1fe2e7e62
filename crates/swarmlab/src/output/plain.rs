//! For pipes and CI logs: a line for each event worth telling, and one for the state of the swarm
//! whenever a second has passed without any.

use std::time::Duration;

use events::{PeerView, Record, SwarmView};
use lab::Audience;
use lab::summary::{Billing, is_source};
use model::Time;

use super::{Narrator, line, percent};

/// Prints lines to standard output.
#[derive(Debug)]
pub(crate) struct Plain {
    narrator: Narrator,
    /// Names of those who fetch, in the order of the cast.
    leechers: Vec<String>,
    spoke_at: Time,
    /// The state that was told last, and how long the same one is not told again.
    last_state: String,
    patience: Duration,
}

impl Plain {
    /// For a run: a line every second.
    pub(crate) fn of_a_swarm() -> Self {
        Self {
            narrator: Narrator::of_a_swarm(),
            leechers: Vec::new(),
            spoke_at: Time::ZERO,
            last_state: String::new(),
            patience: SILENCE,
        }
    }

    /// For one program, which may go on for days: no line every second of which nothing is new.
    pub(crate) fn of_one() -> Self {
        Self { narrator: Narrator::of_one(), patience: PATIENCE, ..Self::of_a_swarm() }
    }

    fn say(&mut self, now: Time, text: &str) {
        self.spoke_at = now;
        anstream::println!("{}", line(now, text));
    }
}

impl Audience for Plain {
    fn remark(&mut self, what: &str) {
        anstream::println!("            {what}");
    }

    fn cast(&mut self, cast: &[Billing]) {
        self.leechers =
            cast.iter().filter(|member| !is_source(&member.role)).map(|member| member.name.clone()).collect();
    }

    fn event(&mut self, record: &Record, _: &SwarmView) {
        if let Some(text) = self.narrator.tell(record) {
            self.say(record.time, &text);
        }
    }

    fn tick(&mut self, now: Time, view: &SwarmView) {
        let silence = now.since(self.spoke_at);
        if silence < SILENCE {
            return;
        }
        let state = state(&self.leechers, view);
        if silence >= self.patience || state != self.last_state {
            self.say(now, &state);
            self.last_state = state;
        }
    }
}

/// `alice 42 %, bob 40 %, carol done`; of a crowd, how many are done and how far the others are.
fn state(leechers: &[String], view: &SwarmView) -> String {
    let absent = PeerView::default();
    let peers = || leechers.iter().map(|name| (name, view.peers.get(name).unwrap_or(&absent)));
    if leechers.len() > LISTED_MAX {
        let done = peers().filter(|(_, peer)| peer.complete_at.is_some()).count();
        let least = peers().map(|(_, peer)| percent(peer.have, peer.pieces)).min().unwrap_or(0);
        return format!("{done} of {} are done, the last has {least} %", leechers.len());
    }
    let parts: Vec<String> = peers()
        .map(|(name, peer)| match peer {
            peer if peer.complete_at.is_some() => format!("{name} done"),
            peer if peer.joined_at.is_none() => format!("{name} not yet here"),
            peer => format!("{name} {} %", percent(peer.have, peer.pieces)),
        })
        .collect();
    if parts.is_empty() { "waiting".to_owned() } else { parts.join(", ") }
}

/// No second of a run is silent.
const SILENCE: Duration = Duration::from_secs(1);

/// How often one program says that nothing is new.
const PATIENCE: Duration = Duration::from_secs(60);

/// Leechers named one by one in a line.
const LISTED_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_alone_does_not_repeat_itself_every_second() {
        let view = SwarmView::default();
        let spoke = |mut plain: Plain| {
            let spoke = |s| {
                plain.tick(Time::from_secs(s), &view);
                plain.spoke_at == Time::from_secs(s)
            };
            (1..=120).map(spoke).filter(|spoke| *spoke).count()
        };
        assert_eq!(spoke(Plain::of_a_swarm()), 120);
        assert_eq!(spoke(Plain::of_one()), 2);
    }

    #[test]
    fn the_state_of_few_is_told_by_name_and_of_many_by_number() {
        let mut view = SwarmView::default();
        let half = PeerView { have: 1, pieces: 2, joined_at: Some(Time::ZERO), ..PeerView::default() };
        let done = PeerView { have: 2, complete_at: Some(Time::ZERO), ..half.clone() };
        view.peers.insert("alice".into(), half.clone());
        view.peers.insert("bob".into(), done);
        let names = ["alice", "bob", "carol"].map(str::to_owned);
        assert_eq!(state(&names, &view), "alice 50 %, bob done, carol not yet here");

        let many: Vec<String> = (0..20).map(|i| format!("l-{i}")).collect();
        view.peers.extend(many.iter().map(|name| (name.clone(), half.clone())));
        assert_eq!(state(&many, &view), "0 of 20 are done, the last has 50 %");
    }
}
