//! One direction of a TCP connection: an ordered pipe of bytes with a buffer, a window and an end.
//!
//! The program writes; the *buffer* of the sender's kernel takes as much as it has room for and tells
//! the program, which is its back-pressure. From the buffer bytes leave over the link, as far
//! as the *window* allows to be under way unacknowledged. The window begins at ten segments (RFC 6928),
//! doubles each round trip until the first trouble, then grows by a segment each round trip (RFC 5681).
//! Trouble is a lost packet or the mark of a full queue: the window shrinks to seven tenths (RFC 9438),
//! at most once a round trip.
//!
//! Left out: retransmission byte by byte (a loss delays what follows by a round trip, which is what fast
//! retransmit comes to), the receiver's window (programs here read at once), delayed and lost
//! acknowledgements, the cubic curve.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use model::Time;

use crate::link::SEGMENT;

#[derive(Debug)]
pub(crate) struct Pipe {
    /// Written by the program, not yet on the link.
    queue: VecDeque<Bytes>,
    /// Bytes since the connection began: written by the program, ...
    written: u64,
    /// ... taken into the buffer, ...
    taken: u64,
    /// ... sent over the link, ...
    left: u64,
    /// ... known to have arrived.
    acked: u64,
    /// On their way back to the sender, in order.
    acks: VecDeque<Ack>,
    window: u64,
    /// What left up to here filled the window.
    filled: u64,
    /// Where the window stops doubling.
    threshold: u64,
    /// Bytes acknowledged since the window last grew by a segment.
    credit: u64,
    /// The window shrinks no more before.
    spared_until: Time,
    /// When the last packet arrives, so far: none overtakes another.
    pub(crate) last_arrival: Time,
    end: End,
    /// Waits for its turn on the link, or for its network to let it through.
    pub(crate) waits: bool,
    /// Somebody will look when the next acknowledgement is there.
    watched: bool,
    /// How often what is at the head of the queue was sent in vain.
    pub(crate) in_vain: u32,
}

/// What one turn on the link carries.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<Bytes>,
    pub(crate) length: u64,
    /// The sender says no more after this.
    pub(crate) is_last: bool,
    pub(crate) sent_at: Time,
    /// It met a full queue, or a packet of it was lost and sent again.
    pub(crate) marked: bool,
}

#[derive(Debug)]
struct Ack {
    at: Time,
    sent_at: Time,
    bytes: u64,
    marked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// Say so after the last byte.
    Wanted,
    Said,
}

/// RFC 6928: ten segments.
const WINDOW_FIRST: u64 = 10 * SEGMENT;

const WINDOW_MIN: u64 = 2 * SEGMENT;

/// What a kernel's memory for one connection comes to.
const WINDOW_MAX: u64 = 4 << 20;

/// The least that the sender's buffer holds; it grows to twice the window.
const BUFFER_MIN: u64 = 64 << 10;

impl Pipe {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            written: 0,
            taken: 0,
            left: 0,
            acked: 0,
            acks: VecDeque::new(),
            window: WINDOW_FIRST,
            filled: 0,
            threshold: WINDOW_MAX,
            credit: 0,
            spared_until: Time::ZERO,
            last_arrival: Time::ZERO,
            end: End::Open,
            waits: false,
            watched: false,
            in_vain: 0,
        }
    }

    /// The program writes. What comes after the end is lost.
    pub(crate) fn write(&mut self, bytes: Bytes) {
        if self.end == End::Open && !bytes.is_empty() {
            self.written += bytes.len() as u64;
            self.queue.push_back(bytes);
        }
    }

    /// The program is done: what is written still goes.
    pub(crate) fn end(&mut self) {
        if self.end == End::Open {
            self.end = End::Wanted;
        }
    }

    /// The program is gone, or out of patience: what the buffer has not taken is lost.
    pub(crate) fn end_now(&mut self) {
        let mut beyond = self.written - self.taken;
        while beyond > 0 {
            let Some(mut last) = self.queue.pop_back() else { break };
            let cut = beyond.min(last.len() as u64);
            beyond -= cut;
            last.truncate(last.len() - cut as usize);
            if !last.is_empty() {
                self.queue.push_back(last);
            }
        }
        self.written = self.taken;
        self.end();
    }

    /// Takes into the buffer what it has room for; answers with how many bytes that is.
    pub(crate) fn take(&mut self, now: Time) -> usize {
        self.hear(now);
        let room = (self.acked + self.buffer()).saturating_sub(self.taken);
        let taken = room.min(self.written - self.taken);
        self.taken += taken;
        taken as usize
    }

    /// True when it could use a turn on the link.
    pub(crate) fn has_something(&self) -> bool {
        self.sendable() > 0 || self.only_the_end_is_left()
    }

    /// Bytes sent over the link since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        self.left
    }

    /// Bytes that wait for the link.
    pub(crate) fn waiting(&self) -> u64 {
        self.taken - self.left
    }

    /// What goes in one turn: `quantum` bytes at most.
    pub(crate) fn cut(&mut self, now: Time, quantum: u64) -> Parcel {
        self.hear(now);
        let length = self.sendable().min(quantum);
        let mut bytes = Vec::new();
        let mut wanted = length as usize;
        while wanted > 0 {
            let Some(first) = self.queue.front_mut() else { break };
            if first.len() > wanted {
                bytes.push(first.split_to(wanted));
                break;
            }
            wanted -= first.len();
            bytes.extend(self.queue.pop_front());
        }
        self.left += length;
        if self.left - self.acked + SEGMENT > self.window {
            self.filled = self.left;
        }
        let is_last = self.only_the_end_is_left();
        if is_last {
            self.end = End::Said;
        }
        Parcel { bytes, length, is_last, sent_at: now, marked: false }
    }

    /// The network did not let it through: it is still to be sent.
    pub(crate) fn put_back(&mut self, parcel: Parcel) {
        self.left -= parcel.length;
        for bytes in parcel.bytes.into_iter().rev() {
            self.queue.push_front(bytes);
        }
        if parcel.is_last {
            self.end = End::Wanted;
        }
    }

    /// A parcel arrived; the sender hears of it at `at`.
    pub(crate) fn arrived(&mut self, at: Time, parcel: &Parcel) {
        let Parcel { sent_at, length, marked, .. } = *parcel;
        self.acks.push_back(Ack { at, sent_at, bytes: length, marked });
    }

    /// When an acknowledgement lets more through, if one is waited for. Given once for each.
    pub(crate) fn watch(&mut self) -> Option<Time> {
        let waits_for_window = self.taken > self.left && self.sendable() == 0;
        let waits_for_buffer = self.written > self.taken;
        if self.watched || !(waits_for_window || waits_for_buffer) {
            return None;
        }
        let at = self.acks.front()?.at;
        self.watched = true;
        Some(at)
    }

    /// Somebody looks.
    pub(crate) fn looked(&mut self) {
        self.watched = false;
    }

    fn sendable(&self) -> u64 {
        let room = self.window.saturating_sub(self.left - self.acked);
        room.min(self.taken - self.left)
    }

    fn only_the_end_is_left(&self) -> bool {
        self.end == End::Wanted && self.left == self.written
    }

    fn buffer(&self) -> u64 {
        (2 * self.window).max(BUFFER_MIN)
    }

    /// Takes in the acknowledgements that have come.
    fn hear(&mut self, now: Time) {
        while self.acks.front().is_some_and(|ack| ack.at <= now) {
            let Some(ack) = self.acks.pop_front() else { return };
            let filled_the_window = self.acked < self.filled;
            self.acked += ack.bytes;
            if ack.marked {
                self.shrink(ack.at, ack.at.since(ack.sent_at));
            } else if filled_the_window {
                // RFC 7661: a window that is not used proves nothing, and does not grow.
                self.grow(ack.bytes);
            }
        }
    }

    fn shrink(&mut self, at: Time, round_trip: Duration) {
        if at < self.spared_until {
            return;
        }
        self.window = (self.window * 7 / 10).max(WINDOW_MIN);
        self.threshold = self.window;
        self.credit = 0;
        self.spared_until = at.after(round_trip);
    }

    fn grow(&mut self, bytes: u64) {
        if self.window < self.threshold {
            self.window += bytes;
        } else {
            self.credit += bytes;
            while self.credit >= self.window {
                self.credit -= self.window;
                self.window += SEGMENT;
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut pipe = Pipe::new();
        pipe.write(Bytes::from_static(b"hello, "));
        pipe.write(Bytes::from_static(b"world"));
        pipe.end();
        assert_eq!(pipe.take(Time::ZERO), 12);
        let mut heard = Vec::new();
        let mut ends = Vec::new();
        while pipe.has_something() {
            let parcel = pipe.cut(Time::ZERO, 5);
            heard.extend(parcel.bytes.concat());
            ends.push(parcel.is_last);
        }
        assert_eq!(heard, b"hello, world");
        assert_eq!(ends, [false, false, true]);
    }

    #[test]
    fn what_did_not_get_through_is_sent_again_in_its_place() {
        let mut pipe = written(12);
        let first = pipe.cut(Time::ZERO, 4).bytes.concat();
        let parcel = pipe.cut(Time::ZERO, 4);
        let second = parcel.bytes.concat();
        pipe.put_back(parcel);
        assert_eq!(pipe.cut(Time::ZERO, 4).bytes.concat(), second);
        assert_ne!(first, second);
    }

    #[test]
    fn the_program_is_told_only_of_what_the_buffer_has_room_for() {
        let mut pipe = Pipe::new();
        pipe.write(vec![0; 200_000].into());
        assert_eq!(pipe.take(Time::ZERO), BUFFER_MIN as usize);
        assert_eq!(pipe.take(Time::ZERO), 0);
        let parcel = pipe.cut(Time::ZERO, 10_000);
        pipe.arrived(Time::from_secs(1), &parcel);
        assert_eq!(pipe.watch(), Some(Time::from_secs(1)));
        assert_eq!(pipe.take(Time::from_secs(1)), 10_000);
    }

    #[test]
    fn the_window_doubles_each_round_trip_until_it_meets_a_full_queue() {
        let mut pipe = written(1 << 20);
        let mut flights = Vec::new();
        for round in 0..5 {
            flights.push(fly(&mut pipe, round, round == 3));
        }
        assert_eq!(flights[..4], [14_600, 29_200, 58_400, 116_800]);
        assert_eq!(flights[4], 116_800 * 7 / 10);
        let next = fly(&mut pipe, 5, false);
        assert_eq!(next, flights[4] + SEGMENT, "from there on by a segment each round trip");
    }

    #[test]
    fn a_window_shrinks_once_a_round_trip_however_many_are_lost() {
        let mut pipe = written(1 << 20);
        let parcels: Vec<Parcel> = (0..10).map(|_| pipe.cut(Time::ZERO, SEGMENT)).collect();
        for mut parcel in parcels {
            parcel.marked = true;
            pipe.arrived(Time::from_secs(1), &parcel);
        }
        pipe.take(Time::from_secs(1));
        assert_eq!(pipe.window, WINDOW_FIRST * 7 / 10);
    }

    #[test]
    fn who_is_killed_loses_what_the_buffer_had_not_taken() {
        let mut pipe = Pipe::new();
        for _ in 0..3 {
            pipe.write(vec![1; 30_000].into());
        }
        pipe.take(Time::ZERO);
        pipe.end_now();
        let mut sent = 0;
        let mut now = 0;
        loop {
            now += 1;
            let parcel = pipe.cut(Time::from_secs(now), u64::MAX);
            sent += parcel.length;
            pipe.arrived(Time::from_secs(now + 1), &parcel);
            if parcel.is_last {
                break;
            }
        }
        assert_eq!(sent, BUFFER_MIN);
    }

    /// Sends a whole window in round number `round`, each a second; answers with its size.
    fn fly(pipe: &mut Pipe, round: u64, marked: bool) -> u64 {
        let now = Time::from_secs(round);
        pipe.take(now);
        let mut sent = 0;
        while pipe.has_something() {
            let mut parcel = pipe.cut(now, SEGMENT);
            parcel.marked = marked;
            sent += parcel.length;
            pipe.arrived(Time::from_secs(round + 1), &parcel);
        }
        sent
    }

    fn written(bytes: usize) -> Pipe {
        let mut pipe = Pipe::new();
        pipe.write((0..bytes).map(|i| i as u8).collect::<Vec<_>>().into());
        pipe.take(Time::ZERO);
        pipe
    }
}
