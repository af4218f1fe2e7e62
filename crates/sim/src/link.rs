//! A host's link to its network, one direction of it: a rate, and turns.
//!
//! Whoever wants to send waits in a *lane* (one for each direction of a connection, one for all
//! datagrams). The lanes take turns, a quantum each, so that those who share the link share it
//! equally, as fair queueing does (RFC 8290). A quantum is what passes in about thirty milliseconds; a lane that has
//! no more than a packet goes first, so that a request does not wait for other people's blocks.
//!
//! [`Turns`] is the sender's end: whose turn it is. [`Queue`] is the receiver's: what arrived
//! faster than the link carries it, in lanes of its own, with a size in time. A full queue marks what a
//! connection sends (its sender slows down, as with ECN, RFC 3168) and drops datagrams.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::{ByteCount, Rate, Time};

/// Who waits for the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Datagrams,
    /// What one end of a connection sends.
    Stream(u32, Side),
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Dialler,
    Listener,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// The link itself: one thing at a time, each for as long as its bytes take.
#[derive(Debug)]
pub(crate) struct Wire {
    rate: Rate,
    busy_until: Time,
    /// Somebody will look again when it is free.
    watched: bool,
}

/// The sender's end.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) wire: Wire,
    waiting: Lanes,
}

/// Who waits, in the order of their turns.
#[derive(Debug, Default)]
struct Lanes {
    /// With no more than a packet.
    first: VecDeque<Lane>,
    others: VecDeque<Lane>,
}

/// The receiver's end, with what waits there.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    pub(crate) wire: Wire,
    lanes: BTreeMap<Lane, Waiting<T>>,
    turns: Lanes,
    backlog: ByteCount,
    size: Duration,
    /// On the wire: its last bit has not come out yet.
    passing: Option<(Lane, T)>,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, u64)>,
    bytes: u64,
}

/// Bytes of headers before each [`SEGMENT`]: IPv4 and TCP, without options.
pub(crate) const HEADERS: u64 = 40;

/// Bytes of payload in one packet of a connection (1,500 on Ethernet, less the headers).
pub(crate) const SEGMENT: u64 = 1_460;

/// The most that a connection sends in one turn.
const QUANTUM_MAX: u64 = 64 * 1024;

/// How long one turn lasts on a link that several share. Shorter ones are truer and cost more.
const TURN: Duration = Duration::from_millis(30);

/// Packets that carry so many bytes; one at least.
pub(crate) fn packets(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT).max(1)
}

/// Bytes on the wire, headers and all.
pub(crate) fn on_wire(bytes: u64) -> u64 {
    bytes + packets(bytes) * HEADERS
}

/// Payload of one turn where the slower end of the path has this rate.
pub(crate) fn quantum(rate: Rate) -> u64 {
    let bytes = rate.bytes_in(TURN).0.min(QUANTUM_MAX);
    (bytes - bytes % SEGMENT).max(SEGMENT)
}

impl Wire {
    pub(crate) fn new(rate: Rate) -> Self {
        assert!(rate.0 > 0, "a link carries something");
        Self { rate, busy_until: Time::ZERO, watched: false }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes effect with the next thing it carries.
    pub(crate) fn set_rate(&mut self, rate: Rate) {
        assert!(rate.0 > 0, "a link carries something");
        self.rate = rate;
    }

    fn is_free(&self, now: Time) -> bool {
        self.busy_until <= now
    }

    /// Puts bytes on the wire; answers with the moment the last of them has left it.
    pub(crate) fn carry(&mut self, now: Time, bytes: u64) -> Time {
        debug_assert!(self.is_free(now), "one thing at a time");
        let time = self.rate.time_for(ByteCount(bytes)).unwrap_or_default();
        self.busy_until = now.after(time);
        self.busy_until
    }
}

impl Lanes {
    fn push(&mut self, lane: Lane, bytes: u64) {
        if bytes <= SEGMENT + HEADERS {
            self.first.push_back(lane);
        } else {
            self.others.push_back(lane);
        }
    }

    fn pop(&mut self) -> Option<Lane> {
        self.first.pop_front().or_else(|| self.others.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.others.is_empty()
    }
}

impl Turns {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { wire: Wire::new(rate), waiting: Lanes::default() }
    }

    /// The lane has so many bytes to send. It must not wait already.
    pub(crate) fn wait(&mut self, lane: Lane, bytes: u64) {
        self.waiting.push(lane, bytes);
    }

    /// Whose turn it is; `None` while the link is busy or nobody waits.
    pub(crate) fn next(&mut self, now: Time) -> Option<Lane> {
        if self.wire.is_free(now) { self.waiting.pop() } else { None }
    }

    /// When to look again: given once for each time the link gets free with somebody waiting.
    pub(crate) fn watch(&mut self) -> Option<Time> {
        if self.waiting.is_empty() || self.wire.watched {
            return None;
        }
        self.wire.watched = true;
        Some(self.wire.busy_until)
    }

    /// Somebody looks.
    pub(crate) fn looked(&mut self) {
        self.wire.watched = false;
    }
}

impl<T> Queue<T> {
    /// `size` is how long the last byte of a full queue waits.
    pub(crate) fn new(rate: Rate, size: Duration) -> Self {
        Self {
            wire: Wire::new(rate),
            lanes: BTreeMap::new(),
            turns: Lanes::default(),
            backlog: ByteCount::ZERO,
            size,
            passing: None,
        }
    }

    /// True when what comes next in this lane finds the queue full: there is more than fits, and the
    /// lane has at least its part of it.
    pub(crate) fn is_full_for(&self, lane: Lane) -> bool {
        let room = self.wire.rate.bytes_in(self.size);
        let own = self.lanes.get(&lane).map_or(0, |waiting| waiting.bytes);
        self.backlog > room && own * self.lanes.len() as u64 >= self.backlog.0
    }

    /// True when one more datagram does not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog > self.wire.rate.bytes_in(self.size)
    }

    /// Something arrived. Answers with the moment it is through, where nothing was in its way; else
    /// its turn comes by [`Self::next`].
    pub(crate) fn arrive(&mut self, now: Time, lane: Lane, item: T, bytes: u64) -> Option<Time> {
        if self.passing.is_none() && self.turns.is_empty() {
            self.passing = Some((lane, item));
            return Some(self.wire.carry(now.max(self.wire.busy_until), bytes));
        }
        let waiting = self.lanes.entry(lane).or_insert_with(|| Waiting { items: VecDeque::new(), bytes: 0 });
        if waiting.items.is_empty() {
            self.turns.push(lane, bytes);
        }
        waiting.items.push_back((item, bytes));
        waiting.bytes += bytes;
        self.backlog += ByteCount(bytes);
        None
    }

    /// What was on the wire is through.
    pub(crate) fn through(&mut self) -> Option<(Lane, T)> {
        self.passing.take()
    }

    /// Puts the next on the wire; answers with the moment it is through.
    pub(crate) fn next(&mut self, now: Time) -> Option<Time> {
        let lane = self.turns.pop()?;
        let waiting = self.lanes.get_mut(&lane)?;
        let (item, bytes) = waiting.items.pop_front()?;
        waiting.bytes -= bytes;
        self.backlog = self.backlog.saturating_sub(ByteCount(bytes));
        if waiting.items.is_empty() {
            self.lanes.remove(&lane);
        } else {
            // Whoever had a turn has no claim to go first, however little is left.
            self.turns.others.push_back(lane);
        }
        self.passing = Some((lane, item));
        Some(self.wire.carry(now, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Lane = Lane::Stream(1, Side::Dialler);
    const B: Lane = Lane::Stream(2, Side::Dialler);

    #[test]
    fn a_queue_gives_each_lane_its_turn() {
        let mut queue = Queue::new(Rate(20_000), Duration::from_secs(1));
        assert_eq!(queue.arrive(Time::ZERO, A, "a1", 2_000), Some(Time::from_micros(100_000)));
        for (lane, item) in [(A, "a2"), (A, "a3"), (B, "b1"), (B, "b2")] {
            assert_eq!(queue.arrive(Time::ZERO, lane, item, 2_000), None);
        }
        let mut order = Vec::new();
        let mut at = Time::from_micros(100_000);
        while let Some((_, item)) = queue.through() {
            order.push((item, at.as_micros() / 1_000));
            let Some(next) = queue.next(at) else { break };
            at = next;
        }
        assert_eq!(order, [("a1", 100), ("a2", 200), ("b1", 300), ("a3", 400), ("b2", 500)]);
    }

    #[test]
    fn a_request_does_not_wait_for_other_peoples_blocks() {
        let mut queue = Queue::new(Rate(20_000), Duration::from_secs(10));
        for item in ["block", "block", "block"] {
            queue.arrive(Time::ZERO, A, item, 16_384);
        }
        queue.arrive(Time::ZERO, B, "request", 17);
        assert_eq!(queue.through().unwrap().1, "block");
        queue.next(Time::from_secs(1));
        assert_eq!(queue.through().unwrap().1, "request");
    }

    #[test]
    fn a_queue_is_full_for_those_who_fill_it() {
        let mut queue = Queue::new(Rate(1_000), Duration::from_millis(500));
        for _ in 0..7 {
            queue.arrive(Time::ZERO, A, (), 100);
        }
        queue.arrive(Time::ZERO, B, (), 10);
        assert!(queue.is_full() && queue.is_full_for(A) && !queue.is_full_for(B));
    }

    #[test]
    fn a_link_is_looked_at_once_when_it_gets_free() {
        let mut turns = Turns::new(Rate(1_000));
        turns.wait(A, 9_000);
        turns.wait(B, 9_000);
        assert_eq!(turns.next(Time::ZERO), Some(A));
        turns.wire.carry(Time::ZERO, 1_000);
        assert_eq!(turns.next(Time::ZERO), None);
        assert_eq!((turns.watch(), turns.watch()), (Some(Time::from_secs(1)), None));
        turns.looked();
        assert_eq!(turns.next(Time::from_secs(1)), Some(B));
        assert_eq!(turns.watch(), None);
    }

    #[test]
    fn a_turn_is_about_thirty_milliseconds_in_whole_packets() {
        assert_eq!(quantum(Rate(1_000)), SEGMENT);
        assert_eq!(quantum(Rate(1_000_000)), 20 * SEGMENT);
        assert_eq!(quantum(Rate(125_000_000)), 44 * SEGMENT);
        assert_eq!((packets(0), packets(1_460), packets(1_461)), (1, 1, 2));
    }
}
