//! A host's link to its network, one direction of it: a rate, and turns.
//!
//! Whoever wants to send waits in a *lane* (one for each direction of a connection, one for all
//! datagrams). The lanes take turns by deficit round robin (Shreedhar and Varghese, 1995): a turn is a number of
//! bytes, what passes in about thirty milliseconds. So all who always have something to send get equal bytes,
//! whatever their parcels' size, and what one cannot take is shared by the others (max-min fairness). A lane that
//! comes with no more than a packet goes first, once, so that a request does not wait for other people's blocks
//! (RFC 8290 does so for sparse flows).
//!
//! [`Uplink`] is the sender's end: whose turn it is. [`Downlink`] is the receiver's: what arrived
//! faster than the link carries it, in lanes of its own, with a size in time. Whoever has its share of a full queue
//! finds no room: a connection is told to slow down (as with ECN, RFC 3168), a datagram is dropped.

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

/// The link itself: one thing after the other, each for as long as its bytes take.
#[derive(Debug)]
pub(crate) struct Wire {
    rate: Rate,
    busy_until: Time,
}

/// The sender's end.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) wire: Wire,
    turns: Turns,
    /// Somebody will look again when it is free.
    watched: bool,
}

/// Who waits at the sender's end, in the order of their turns.
#[derive(Debug, Default)]
struct Turns {
    /// Came with no more than a packet.
    first: VecDeque<Lane>,
    /// Whose turn is not used up, and the bytes left of it.
    current: Option<(Lane, u64)>,
    others: VecDeque<Lane>,
}

/// The receiver's end, with what waits there.
#[derive(Debug)]
pub(crate) struct Downlink<T> {
    pub(crate) wire: Wire,
    lanes: BTreeMap<Lane, Waiting<T>>,
    first: VecDeque<Lane>,
    others: VecDeque<Lane>,
    backlog: u64,
    size: Duration,
    /// On the wire: its last bit has not come out yet.
    passing: Option<(Lane, T)>,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, u64)>,
    bytes: u64,
    /// Bytes left of its turn.
    credit: u64,
}

/// When what arrived has passed the receiver's link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed<T> {
    /// It has: nothing was in its way while it came in.
    Now(T),
    /// Then.
    At(Time),
    /// When its turn has come, by [`Downlink::next`].
    InTurn,
}

/// Bytes of headers before each [`SEGMENT`]: IPv4 and TCP, without options.
pub(crate) const HEADERS: u64 = 40;

/// Bytes of payload in one packet of a connection (1,500 on Ethernet, less the headers).
pub(crate) const SEGMENT: u64 = 1_460;

/// The most that a connection sends in one turn.
const QUANTUM_MAX: u64 = 64 * 1024;

/// How long one turn lasts on a link that several share. Shorter ones are truer and cost more.
const TURN: Duration = Duration::from_millis(30);

/// What a network card takes on before the last is out: so much time's worth.
const RING: Duration = Duration::from_millis(1);

/// Packets that carry so many bytes; one at least.
pub(crate) fn packets(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT).max(1)
}

/// Bytes on the wire, headers and all.
pub(crate) fn on_wire(bytes: u64) -> u64 {
    bytes + packets(bytes) * HEADERS
}

/// Payload of one turn at this rate. A parcel holds no more than a turn of the slower end of its path, so that
/// nobody waits for long behind one.
pub(crate) fn quantum(rate: Rate) -> u64 {
    let bytes = rate.bytes_in(TURN).0.min(QUANTUM_MAX);
    (bytes - bytes % SEGMENT).max(SEGMENT)
}

impl Wire {
    fn new(rate: Rate) -> Self {
        assert!(rate.0 > 0, "a link carries something");
        Self { rate, busy_until: Time::ZERO }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes effect with the next thing it carries.
    pub(crate) fn set_rate(&mut self, rate: Rate) {
        assert!(rate.0 > 0, "a link carries something");
        self.rate = rate;
    }

    /// How long so many bytes are on it.
    pub(crate) fn time_for(&self, bytes: u64) -> Duration {
        self.rate.time_for(ByteCount(bytes)).unwrap_or_default()
    }

    /// Puts bytes on the wire, behind what is on it; answers with the moment the last of them has left it.
    pub(crate) fn carry(&mut self, from: Time, bytes: u64) -> Time {
        self.busy_until = from.max(self.busy_until).after(self.time_for(bytes));
        self.busy_until
    }
}

impl Uplink {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { wire: Wire::new(rate), turns: Turns::default(), watched: false }
    }

    /// The lane has so many bytes to send. It must not wait already.
    pub(crate) fn wait(&mut self, lane: Lane, bytes: u64) {
        let queue = if bytes <= SEGMENT { &mut self.turns.first } else { &mut self.turns.others };
        queue.push_back(lane);
    }

    /// Whose turn it is, and how many bytes it may send; `None` while the link is busy or nobody waits.
    pub(crate) fn next(&mut self, now: Time) -> Option<(Lane, u64)> {
        if self.wire.busy_until > now.after(RING) {
            return None;
        }
        if let Some(lane) = self.turns.first.pop_front() {
            return Some((lane, SEGMENT));
        }
        self.turns.current.take().or_else(|| Some((self.turns.others.pop_front()?, quantum(self.wire.rate))))
    }

    /// Who had its turn has more to send, and so many bytes were left of it.
    pub(crate) fn wait_on(&mut self, lane: Lane, left: u64) {
        if left >= SEGMENT && self.turns.current.is_none() {
            self.turns.current = Some((lane, left));
        } else {
            // Whoever had a turn has no claim to go first, however little it has.
            self.turns.others.push_back(lane);
        }
    }

    /// When to look again: given once for each time the link gets free with somebody waiting.
    pub(crate) fn watch(&mut self) -> Option<Time> {
        if self.watched || self.turns.is_empty() {
            return None;
        }
        self.watched = true;
        Some(self.wire.busy_until)
    }

    /// Somebody looks.
    pub(crate) fn looked(&mut self) {
        self.watched = false;
    }
}

impl Turns {
    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.current.is_none() && self.others.is_empty()
    }
}

impl<T> Downlink<T> {
    /// `size` is how long the last byte of a full queue waits.
    pub(crate) fn new(rate: Rate, size: Duration) -> Self {
        Self {
            wire: Wire::new(rate),
            lanes: BTreeMap::new(),
            first: VecDeque::new(),
            others: VecDeque::new(),
            backlog: 0,
            size,
            passing: None,
        }
    }

    /// True when what comes next in this lane finds the queue full: there is more than fits, and the
    /// lane has at least its part of it.
    pub(crate) fn is_full_for(&self, lane: Lane) -> bool {
        if self.lanes.is_empty() || self.backlog <= self.wire.rate.bytes_in(self.size).0 {
            return false;
        }
        let own = self.lanes.get(&lane).map_or(0, |waiting| waiting.bytes);
        own.saturating_mul(self.lanes.len() as u64) >= self.backlog
    }

    /// Something arrived; it took so long to come in, from its first byte to its last.
    pub(crate) fn arrive(&mut self, now: Time, lane: Lane, item: T, bytes: u64, span: Duration) -> Passed<T> {
        if self.passing.is_none() && self.lanes.is_empty() {
            // It is passed on while it comes in.
            let began = Time::from_micros(now.as_micros().saturating_sub(span.as_micros() as u64));
            let through = self.wire.carry(began, bytes);
            if through <= now {
                return Passed::Now(item);
            }
            self.passing = Some((lane, item));
            return Passed::At(through);
        }
        let waiting = self.lanes.entry(lane).or_insert_with(Waiting::new);
        if waiting.items.is_empty() {
            let queue = if bytes <= SEGMENT + HEADERS { &mut self.first } else { &mut self.others };
            queue.push_back(lane);
        }
        waiting.items.push_back((item, bytes));
        waiting.bytes += bytes;
        self.backlog += bytes;
        Passed::InTurn
    }

    /// What was on the wire is through.
    pub(crate) fn through(&mut self) -> Option<(Lane, T)> {
        self.passing.take()
    }

    /// Puts the next on the wire; answers with the moment it is through.
    pub(crate) fn next(&mut self, now: Time) -> Option<Time> {
        let is_first = !self.first.is_empty();
        let lane = if is_first { self.first.pop_front()? } else { self.whose_turn()? };
        let waiting = self.lanes.get_mut(&lane)?;
        let (item, bytes) = waiting.items.pop_front()?;
        waiting.bytes -= bytes;
        waiting.credit = waiting.credit.saturating_sub(bytes);
        self.backlog -= bytes;
        if waiting.items.is_empty() {
            self.lanes.remove(&lane);
        } else if is_first {
            self.others.push_back(lane);
        } else {
            self.others.push_front(lane); // until its credit is used up
        }
        self.passing = Some((lane, item));
        Some(self.wire.carry(now, bytes))
    }

    /// The lane whose credit suffices for what it has next; each that is passed over gets a turn's worth.
    fn whose_turn(&mut self) -> Option<Lane> {
        let turn = on_wire(quantum(self.wire.rate));
        loop {
            let lane = self.others.pop_front()?;
            let waiting = self.lanes.get_mut(&lane)?;
            if waiting.items.front().is_none_or(|(_, bytes)| *bytes <= waiting.credit) {
                return Some(lane);
            }
            waiting.credit += turn;
            self.others.push_back(lane);
        }
    }
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self { items: VecDeque::new(), bytes: 0, credit: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Lane = Lane::Stream(1, Side::Dialler);
    const B: Lane = Lane::Stream(2, Side::Dialler);

    #[test]
    fn what_waits_at_the_receiver_passes_in_turns_of_equal_bytes() {
        // A turn is a packet at this rate: A's parcels are twice as large, so B has two to each of A's.
        let mut link = Downlink::new(Rate(20_000), Duration::from_secs(1));
        let first = arrive(&mut link, A, "a1", 1_500);
        assert_eq!(first, Passed::At(Time::from_micros(75_000)));
        for (lane, item, bytes) in [(A, "a2", 3_000), (A, "a3", 3_000), (B, "b1", 1_501), (B, "b2", 1_499)] {
            assert_eq!(arrive(&mut link, lane, item, bytes), Passed::InTurn);
        }
        let mut order = Vec::new();
        let mut at = Time::from_micros(75_000);
        while let Some((_, item)) = link.through() {
            order.push((item, at.as_micros() / 1_000));
            let Some(next) = link.next(at) else { break };
            at = next;
        }
        assert_eq!(order, [("a1", 75), ("a2", 225), ("b1", 300), ("b2", 375), ("a3", 525)]);
    }

    #[test]
    fn what_comes_in_slower_than_the_link_passes_while_it_comes() {
        let mut link = Downlink::new(Rate(1_000_000), Duration::from_secs(1));
        let at = Time::from_secs(1);
        let slowly = Duration::from_millis(30);
        assert_eq!(link.arrive(at, A, "a", 10_000, slowly), Passed::Now("a"));
        assert_eq!(link.arrive(at, B, "b", 10_000, slowly), Passed::Now("b"));
        // Three times as fast as the link: what is left of it waits.
        assert_eq!(
            link.arrive(at, A, "c", 30_000, Duration::from_millis(10)),
            Passed::At(Time::from_micros(1_020_000))
        );
    }

    #[test]
    fn a_request_does_not_wait_for_other_peoples_blocks() {
        let mut link = Downlink::new(Rate(20_000), Duration::from_secs(10));
        for item in ["block", "block", "block"] {
            arrive(&mut link, A, item, 16_384);
        }
        arrive(&mut link, B, "request", 17);
        assert_eq!(link.through().unwrap().1, "block");
        link.next(Time::from_secs(1));
        assert_eq!(link.through().unwrap().1, "request");
    }

    #[test]
    fn a_queue_is_full_for_those_who_fill_it() {
        let mut link = Downlink::new(Rate(1_000), Duration::from_millis(500));
        for _ in 0..7 {
            arrive(&mut link, A, (), 100);
        }
        arrive(&mut link, B, (), 10);
        assert!(link.is_full_for(A) && !link.is_full_for(B));
        assert!(!link.is_full_for(Lane::Datagrams), "one who has nothing there has room");
    }

    #[test]
    fn a_link_is_looked_at_once_when_it_gets_free() {
        let mut link = Uplink::new(Rate(1_000));
        link.wait(A, 9_000);
        link.wait(B, 9_000);
        assert_eq!(link.next(Time::ZERO), Some((A, SEGMENT)));
        link.wire.carry(Time::ZERO, 1_000);
        assert_eq!(link.next(Time::ZERO), None);
        assert_eq!((link.watch(), link.watch()), (Some(Time::from_secs(1)), None));
        link.looked();
        assert_eq!(link.next(Time::from_secs(1)), Some((B, SEGMENT)));
        assert_eq!(link.watch(), None);
    }

    #[test]
    fn who_sends_small_parcels_gets_as_many_bytes_as_who_sends_large_ones() {
        let mut link = Uplink::new(Rate(1_000_000));
        let mut sent = BTreeMap::from([(A, 0), (B, 0)]);
        let most = |lane| if lane == A { 3_000 } else { 20_000 };
        link.wait(A, 1 << 20);
        link.wait(B, 1 << 20);
        let mut now = Time::ZERO;
        for _ in 0..200 {
            let (lane, allowed) = link.next(now).unwrap();
            let parcel = most(lane).min(allowed);
            now = link.wire.carry(now, parcel);
            *sent.get_mut(&lane).unwrap() += parcel;
            link.wait_on(lane, allowed - parcel);
        }
        let (a, b) = (sent[&A], sent[&B]);
        assert!(a.abs_diff(b) <= quantum(Rate(1_000_000)), "{a} and {b} bytes");
    }

    #[test]
    fn small_things_leave_a_network_card_together() {
        let mut link = Uplink::new(Rate(1_000_000));
        for lane in 0..5 {
            link.wait(Lane::Stream(lane, Side::Dialler), 17);
        }
        let mut left = 0;
        while link.next(Time::ZERO).is_some() {
            link.wire.carry(Time::ZERO, on_wire(17));
            left += 1;
        }
        assert_eq!(left, 5);
        assert_eq!(link.wire.busy_until, Time::from_micros(5 * 57));
    }

    #[test]
    fn a_turn_is_about_thirty_milliseconds_in_whole_packets() {
        assert_eq!(quantum(Rate(1_000)), SEGMENT);
        assert_eq!(quantum(Rate(1_000_000)), 20 * SEGMENT);
        assert_eq!(quantum(Rate(125_000_000)), 44 * SEGMENT);
        assert_eq!((packets(0), packets(1_460), packets(1_461)), (1, 1, 2));
    }

    /// At the beginning of time, and in no time.
    fn arrive<T>(link: &mut Downlink<T>, lane: Lane, item: T, bytes: u64) -> Passed<T> {
        link.arrive(Time::ZERO, lane, item, bytes, Duration::ZERO)
    }
}
