//! What happened among the connections, told from two looks at librqbit's counters.
//!
//! librqbit counts dials, connections and bytes per address, for as long as a torrent lives, and
//! tells the state of each. It reports nothing by itself: a connection that came and went
//! between two looks shows in the counters only.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use events::{ClosedBy, Direction, Event, Source};
use model::ByteCount;

/// What librqbit says of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) state: State,
    /// Times it was dialled.
    pub(crate) dials: u32,
    /// Times that a dial brought a connection.
    pub(crate) outgoing: u32,
    /// Connections it made to us.
    pub(crate) incoming: u32,
    /// Bytes of blocks received from it.
    pub(crate) received: u64,
    /// Bytes of blocks sent to it.
    pub(crate) sent: u64,
}

/// What a peer is to librqbit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting to be dialled, or being dialled.
    Coming,
    /// Talking.
    Live,
    /// Failed; it waits before the next dial.
    Dead,
    /// Both have everything: librqbit hung up.
    NotNeeded,
}

impl State {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "live" => Self::Live,
            "dead" => Self::Dead,
            "not needed" => Self::NotNeeded,
            _ => Self::Coming,
        }
    }
}

/// The looks so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    peers: BTreeMap<SocketAddr, Seen>,
    next_conn: u64,
}

#[derive(Debug)]
struct Seen {
    facts: Facts,
    /// The connection that is up, or the dial that is out.
    conn: Option<u64>,
    up: bool,
    /// Bytes sent and received that were told as exchanged.
    told: (u64, u64),
}

impl Ledger {
    /// What happened since the last look, and the addresses that turned up by a way of librqbit's
    /// own, with that way.
    pub(crate) fn look(
        &mut self,
        peers: impl IntoIterator<Item = (SocketAddr, Facts)>,
    ) -> Vec<(SocketAddr, Source, Vec<Event>)> {
        peers
            .into_iter()
            .map(|(addr, facts)| {
                // Trackers and the script are told before librqbit hears of a peer; there is no DHT and no LSD.
                let source = if facts.incoming > 0 && facts.dials == 0 { Source::Incoming } else { Source::Pex };
                (addr, source, self.look_at(addr, facts))
            })
            .collect()
    }

    /// The torrent ends: every connection that is up is closed by us.
    pub(crate) fn close(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (addr, seen) in &mut self.peers {
            seen.hang_up(*addr, ClosedBy::Us, "the torrent ends", &mut events);
        }
        events
    }

    fn look_at(&mut self, addr: SocketAddr, now: Facts) -> Vec<Event> {
        let mut events = Vec::new();
        let seen = self.peers.entry(addr).or_insert(Seen { facts: UNSEEN, conn: None, up: false, told: (0, 0) });
        let before = std::mem::replace(&mut seen.facts, now);
        let remote = || addr.into();
        let (why_by, why) = now.ending();
        for attempt in before.dials..now.dials {
            seen.hang_up(addr, why_by, why, &mut events);
            self.next_conn += 1;
            seen.conn = Some(self.next_conn);
            events.push(Event::Dialled { conn: self.next_conn, remote: remote(), attempt: attempt + 1 });
        }
        let came = [(before.outgoing..now.outgoing, Direction::Out), (before.incoming..now.incoming, Direction::In)];
        for (times, direction) in came {
            for _ in times {
                if seen.up || seen.conn.is_none() {
                    seen.hang_up(addr, why_by, why, &mut events);
                    self.next_conn += 1;
                    seen.conn = Some(self.next_conn);
                }
                seen.up = true;
                let conn = seen.conn.unwrap_or_default();
                events.push(Event::Connected { conn, remote: remote(), direction });
            }
        }
        match (now.state, seen.up, seen.conn) {
            (State::Live | State::Coming, _, _) | (_, _, None) => {}
            (_, true, Some(_)) => seen.hang_up(addr, why_by, why, &mut events),
            (_, false, Some(conn)) => {
                seen.conn = None;
                events.push(Event::DialFailed { conn, remote: remote(), why: UNTOLD.to_owned() });
            }
        }
        events
    }
}

impl Seen {
    fn hang_up(&mut self, addr: SocketAddr, by: ClosedBy, why: &str, events: &mut Vec<Event>) {
        let Some(conn) = self.conn.take() else { return };
        if !std::mem::take(&mut self.up) {
            return;
        }
        let sent = self.facts.sent.saturating_sub(self.told.0);
        let received = self.facts.received.saturating_sub(self.told.1);
        self.told = (self.facts.sent, self.facts.received);
        events.push(Event::Closed { conn, remote: addr.into(), by, why: why.to_owned() });
        if sent + received > 0 {
            events.push(Event::Exchanged { remote: addr.into(), sent: ByteCount(sent), received: ByteCount(received) });
        }
    }
}

impl Facts {
    fn ending(&self) -> (ClosedBy, &'static str) {
        match self.state {
            State::NotNeeded => (ClosedBy::Us, "both have everything"),
            _ => (ClosedBy::Network, UNTOLD),
        }
    }
}

const UNSEEN: Facts = Facts { state: State::Coming, dials: 0, outgoing: 0, incoming: 0, received: 0, sent: 0 };

const UNTOLD: &str = "librqbit does not tell why";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_dialled_made_and_closed_with_what_it_moved() {
        let mut stage = Stage::default();
        assert_eq!(stage.look(Facts { dials: 1, ..UNSEEN }), ["dialled"]);
        let live = Facts { dials: 1, outgoing: 1, state: State::Live, ..UNSEEN };
        assert_eq!(stage.look(live), ["connected"]);
        assert_eq!(stage.look(Facts { received: 500, ..live }), [""; 0]);
        assert_eq!(
            stage.look(Facts { received: 900, sent: 1, state: State::NotNeeded, ..live }),
            ["closed", "exchanged"]
        );
        assert_eq!(stage.look(Facts { received: 900, sent: 1, state: State::NotNeeded, ..live }), [""; 0]);
    }

    #[test]
    fn bytes_of_a_second_connection_are_told_apart_from_the_first() {
        let mut stage = Stage::default();
        let once = Facts { incoming: 1, sent: 100, state: State::Dead, ..UNSEEN };
        assert_eq!(stage.look(once), ["connected", "closed", "exchanged"]);
        stage.look(Facts { incoming: 2, sent: 150, state: State::Live, ..once });
        let last = stage.ledger.close().pop();
        assert!(matches!(last, Some(Event::Exchanged { sent: ByteCount(50), .. })), "{last:?}");
    }

    #[test]
    fn a_dial_that_brings_nothing_has_failed() {
        let mut stage = Stage::default();
        assert_eq!(stage.look(Facts { dials: 1, state: State::Dead, ..UNSEEN }), ["dialled", "dial-failed"]);
        assert_eq!(stage.look(Facts { dials: 1, state: State::Dead, ..UNSEEN }), [""; 0]);
    }

    #[derive(Default)]
    struct Stage {
        ledger: Ledger,
    }

    impl Stage {
        fn look(&mut self, facts: Facts) -> Vec<&'static str> {
            let addr = "127.0.0.1:9".parse().unwrap();
            self.ledger.look([(addr, facts)]).iter().flat_map(|(_, _, events)| events.iter().map(Event::kind)).collect()
        }
    }
}
