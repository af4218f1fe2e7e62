//! A box of a provider that looks into connections: it compares the first bytes of both directions with
//! signatures ([`isp::signature`]), and drops, resets or slows down what it recognises. It keeps a connection's bytes
//! in order, looks at nothing behind [`isp::WINDOW`], and leaves datagrams alone.
//!
//! Here is what it remembers of each connection; where it stands and whose connections pass it is the
//! [topology's](crate::topology) business.

use std::time::Duration;

use events::FlowClass;
use isp::{Verdict, signature};
use model::{ByteCount, Rate, Time};

use crate::link::Side;
use crate::topology::NetId;

/// What a box is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspector {
    /// What it acts upon.
    pub classes: Vec<FlowClass>,
    pub action: Action,
}

/// What it does with a connection that it recognises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its packets vanish from then on, the one that gave it away among them.
    Drop,
    /// Both sides are sent a reset that seems to come from the other.
    Reset,
    /// It goes on, at this rate in each direction.
    Throttle(Rate),
}

/// A connection as the boxes on its way see it.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The networks with a box on the way; empty once all has been decided.
    boxes: Vec<NetId>,
    /// The first bytes from the dialler and from the listener.
    fronts: [Vec<u8>; 2],
    /// A box stops it.
    stopped_at: Option<(NetId, Action)>,
    /// The slowest rate that a box allows it.
    rate: Option<Rate>,
    /// When what each direction has sent is through the slowest box.
    through: [Time; 2],
}

/// How long the last byte waits in a box that slows connections down, before their senders are told to.
const QUEUE: Duration = Duration::from_millis(200);

impl Watched {
    /// A connection that passes the boxes of these networks, in this order.
    pub(crate) fn new(boxes: Vec<NetId>) -> Self {
        Self { boxes, fronts: [Vec::new(), Vec::new()], stopped_at: None, rate: None, through: [Time::ZERO; 2] }
    }

    /// True while more bytes could tell what it is.
    pub(crate) fn is_open(&self) -> bool {
        !self.boxes.is_empty()
    }

    /// Bytes pass, from number `start` of the direction on. Answers with the verdict once it is reached: never
    /// twice.
    pub(crate) fn see(&mut self, side: Side, start: u64, bytes: &[u8]) -> Option<Verdict> {
        let front = &mut self.fronts[side as usize];
        // What was sent before and is sent again is known already.
        let known = (front.len() as u64).saturating_sub(start).min(bytes.len() as u64) as usize;
        let fresh = &bytes[known..];
        front.extend_from_slice(&fresh[..fresh.len().min(isp::WINDOW - front.len())]);
        let [one, other] = &self.fronts;
        signature(one, other, false)
    }

    /// The verdict is reached: `inspectors` are the boxes on the way, in its order. Answers with those that act, as
    /// far as one lets the connection on to the next.
    pub(crate) fn decide(
        &mut self,
        class: FlowClass,
        inspector: impl Fn(NetId) -> Option<Inspector>,
    ) -> Vec<(NetId, Action)> {
        let mut acting = Vec::new();
        for net in std::mem::take(&mut self.boxes) {
            let Some(inspector) = inspector(net).filter(|inspector| inspector.classes.contains(&class)) else {
                continue;
            };
            acting.push((net, inspector.action));
            match inspector.action {
                Action::Throttle(rate) => self.rate = Some(self.rate.map_or(rate, |known| known.min(rate))),
                Action::Drop | Action::Reset => {
                    self.stopped_at = Some((net, inspector.action));
                    break;
                }
            }
        }
        self.fronts = [Vec::new(), Vec::new()];
        acting
    }

    /// Where and how it is stopped.
    pub(crate) fn stopped_at(&self) -> Option<(NetId, Action)> {
        self.stopped_at
    }

    /// The rate that a box allows it.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Bytes that would arrive at `at` arrive when? And whether they met a long queue.
    pub(crate) fn pace(&mut self, side: Side, at: Time, bytes: u64) -> (Time, bool) {
        let Some(rate) = self.rate else { return (at, false) };
        let through = &mut self.through[side as usize];
        let waited = through.since(at);
        *through = at.after(waited).after(rate.time_for(ByteCount(bytes)).unwrap_or_default());
        (*through, waited > QUEUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_in_pieces_and_sent_twice_is_recognised_once() {
        let mut watched = Watched::new(vec![NetId(1)]);
        let handshake = b"\x13BitTorrent protocol";
        assert_eq!(watched.see(Side::Dialler, 0, &handshake[..7]), None);
        assert_eq!(watched.see(Side::Dialler, 0, &handshake[..7]), None, "sent again");
        let verdict = watched.see(Side::Dialler, 5, &handshake[5..]).unwrap();
        assert_eq!(verdict.class, FlowClass::PlaintextBittorrent);
        assert_eq!(watched.decide(verdict.class, |_| inspector(Action::Drop)), [(NetId(1), Action::Drop)]);
        assert!(!watched.is_open());
    }

    #[test]
    fn behind_a_box_that_stops_a_connection_nobody_acts() {
        let mut watched = Watched::new(vec![NetId(1), NetId(2), NetId(3)]);
        let actions = [Action::Throttle(Rate(10)), Action::Reset, Action::Drop];
        let acting = watched.decide(FlowClass::PlaintextBittorrent, |net| inspector(actions[net.0 - 1]));
        assert_eq!(acting, [(NetId(1), Action::Throttle(Rate(10))), (NetId(2), Action::Reset)]);
        assert_eq!(watched.stopped_at(), Some((NetId(2), Action::Reset)));
    }

    #[test]
    fn a_box_acts_on_what_it_is_told_to_and_on_nothing_else() {
        let mut watched = Watched::new(vec![NetId(1)]);
        assert_eq!(watched.decide(FlowClass::ObfuscatedUnknown, |_| inspector(Action::Drop)), []);
        assert_eq!((watched.stopped_at(), watched.rate()), (None, None));
    }

    #[test]
    fn a_throttle_holds_each_direction_to_its_rate() {
        let mut watched = Watched::new(vec![NetId(1)]);
        watched.decide(FlowClass::PlaintextBittorrent, |_| inspector(Action::Throttle(Rate(1_000))));
        let now = Time::from_secs(1);
        assert_eq!(watched.pace(Side::Dialler, now, 1_000), (Time::from_secs(2), false));
        assert_eq!(watched.pace(Side::Dialler, now, 1_000), (Time::from_secs(3), true));
        assert_eq!(watched.pace(Side::Listener, now, 1_000), (Time::from_secs(2), false));
    }

    fn inspector(action: Action) -> Option<Inspector> {
        Some(Inspector { classes: vec![FlowClass::PlaintextBittorrent], action })
    }
}
