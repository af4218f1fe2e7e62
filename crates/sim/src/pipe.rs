//! One direction of a TCP connection: an ordered pipe of bytes with a buffer, a window and an end.
//!
//! The program writes; the *buffer* of the sender's kernel takes as much as it has room for and tells
//! the program, which is its back-pressure. From the buffer bytes leave over the link, as far
//! as the *window* allows to be under way unacknowledged. The window begins at ten segments (RFC 6928),
//! doubles each round trip until the first trouble, then grows by a segment each round trip (RFC 5681).
//! Trouble is a lost packet or the mark of a full queue: the window shrinks to seven tenths (RFC 9438),
//! at most once a round trip.
//!
//! A lost packet is sent again, and what follows it waits: a round trip if three later ones can tell of the loss
//! (fast retransmit, RFC 5681), else a time-out, after which the window is one segment and what the path lost is
//! sent again and again, each time after twice the wait (RFC 6298). So many losses stop a connection all but
//! completely, as the formula of Padhye, Firoiu, Towsley and Kurose (1998) has it.
//!
//! Left out: which packet of a parcel it was (what was lost of it is sent again together), tail loss probes, the
//! receiver's window (who does not read does not acknowledge), delayed and lost acknowledgements, the cubic curve.

use std::collections::VecDeque;
use std::time::Duration;

use model::Time;

use crate::link::SEGMENT;
use crate::original::Chunk;

#[derive(Debug)]
pub(crate) struct Pipe {
    /// Written by the program, not yet on the link.
    queue: VecDeque<Chunk>,
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
    /// The window shrinks no more for what is heard of before.
    spared_until: Time,
    /// When the last packet arrives, so far: none overtakes another.
    pub(crate) last_arrival: Time,
    end: End,
    /// Waits for its turn on the link, or for its network to let it through.
    pub(crate) waits: bool,
    /// Somebody will look when the next acknowledgement is there.
    watched: bool,
    /// How often what is to get through next was sent in vain.
    pub(crate) in_vain: u32,
    /// What a time-out is waited for with: nothing leaves before it is through.
    pub(crate) hole: Option<Hole>,
}

/// A parcel of which packets are missing at the other end.
#[derive(Debug)]
pub(crate) struct Hole {
    pub(crate) parcel: Parcel,
    pub(crate) missing: u64,
    /// How long the sender waits for it the first time.
    pub(crate) timeout: Duration,
}

/// What one turn on the link carries.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) length: u64,
    /// The sender says no more after this.
    pub(crate) is_last: bool,
    pub(crate) sent_at: Time,
    /// It met a full queue.
    pub(crate) marked: bool,
    /// A packet of it was lost, and sent again as soon as it was missed.
    pub(crate) lost: bool,
}

#[derive(Debug)]
struct Ack {
    at: Time,
    bytes: u64,
    tells: Tells,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Nothing,
    /// Trouble that the window has shrunk for already.
    OldTrouble,
    Trouble,
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
            hole: None,
        }
    }

    /// The program writes. What comes after the end is lost.
    pub(crate) fn write(&mut self, chunk: Chunk) {
        if self.end == End::Open && chunk.len() > 0 {
            self.written += chunk.len();
            self.queue.push_back(chunk);
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
            let cut = beyond.min(last.len());
            beyond -= cut;
            last.truncate(last.len() - cut);
            if last.len() > 0 {
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
        let mut chunks = Vec::new();
        let mut wanted = length;
        while wanted > 0 {
            let Some(first) = self.queue.front_mut() else { break };
            if first.len() > wanted {
                chunks.push(first.split_to(wanted));
                break;
            }
            wanted -= first.len();
            chunks.extend(self.queue.pop_front());
        }
        self.left += length;
        if self.left - self.acked + SEGMENT > self.window {
            self.filled = self.left;
        }
        let is_last = self.only_the_end_is_left();
        if is_last {
            self.end = End::Said;
        }
        Parcel { chunks, length, is_last, sent_at: now, marked: false, lost: false }
    }

    /// The network did not let it through: it is still to be sent.
    pub(crate) fn put_back(&mut self, parcel: Parcel) {
        self.left -= parcel.length;
        for chunk in parcel.chunks.into_iter().rev() {
            self.queue.push_front(chunk);
        }
        if parcel.is_last {
            self.end = End::Wanted;
        }
    }

    /// True when enough is under way for a lost packet to be missed at once: three that arrive after it
    /// tell of it.
    pub(crate) fn misses_soon(&self) -> bool {
        self.left - self.acked > 3 * SEGMENT
    }

    /// Nobody told of a loss until its time was over: the window is one segment (RFC 5681).
    pub(crate) fn timed_out(&mut self) {
        self.threshold = ((self.left - self.acked) / 2).max(WINDOW_MIN);
        self.window = SEGMENT;
        self.credit = 0;
    }

    /// A parcel arrived; the sender hears of it at `at`. True when it is news that there is trouble on the way.
    pub(crate) fn arrived(&mut self, at: Time, parcel: &Parcel) -> bool {
        let tells = match parcel.marked || parcel.lost {
            true if at >= self.spared_until => Tells::Trouble,
            true => Tells::OldTrouble,
            false => Tells::Nothing,
        };
        if tells == Tells::Trouble {
            self.spared_until = at.after(at.since(parcel.sent_at));
        }
        // In order, also where the way back has become shorter: no acknowledgement overtakes another.
        let at = self.acks.back().map_or(at, |last| at.max(last.at));
        self.acks.push_back(Ack { at, bytes: parcel.length, tells });
        tells == Tells::Trouble
    }

    /// When an acknowledgement lets more through, if one is waited for. Given once for each.
    pub(crate) fn watch(&mut self) -> Option<Time> {
        if self.watched {
            return None;
        }
        let at = if self.taken > self.left && self.sendable() == 0 {
            self.acks.front()?.at
        } else if self.written > self.taken {
            // A kernel wakes who waits for its buffer when a third of it is free, not for each packet.
            let mut room = (self.acked + self.buffer()).saturating_sub(self.taken);
            let enough = self.buffer() / 3;
            let frees_enough = |ack: &&Ack| {
                room += ack.bytes;
                room >= enough
            };
            self.acks.iter().find(frees_enough)?.at
        } else {
            return None;
        };
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
            match ack.tells {
                Tells::Trouble => self.shrink(),
                // RFC 7661: a window that is not used proves nothing, and does not grow.
                Tells::Nothing if filled_the_window => self.grow(ack.bytes),
                Tells::Nothing | Tells::OldTrouble => {}
            }
        }
    }

    fn shrink(&mut self) {
        self.window = (self.window * 7 / 10).max(WINDOW_MIN);
        self.threshold = self.window;
        self.credit = 0;
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
    use bytes::{Bytes, BytesMut};

    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut pipe = Pipe::new();
        write(&mut pipe, b"hello, ");
        write(&mut pipe, b"world");
        pipe.end();
        assert_eq!(pipe.take(Time::ZERO), 12);
        let mut heard = Vec::new();
        let mut ends = Vec::new();
        while pipe.has_something() {
            let parcel = pipe.cut(Time::ZERO, 5);
            heard.extend(bytes(&parcel));
            ends.push(parcel.is_last);
        }
        assert_eq!(heard, b"hello, world");
        assert_eq!(ends, [false, false, true]);
    }

    #[test]
    fn what_did_not_get_through_is_sent_again_in_its_place() {
        let mut pipe = written(12);
        let first = bytes(&pipe.cut(Time::ZERO, 4));
        let parcel = pipe.cut(Time::ZERO, 4);
        let second = bytes(&parcel);
        pipe.put_back(parcel);
        assert_eq!(bytes(&pipe.cut(Time::ZERO, 4)), second);
        assert_ne!(first, second);
    }

    #[test]
    fn the_program_is_told_only_of_what_the_buffer_has_room_for() {
        let mut pipe = Pipe::new();
        write(&mut pipe, &[0; 200_000]);
        assert_eq!(pipe.take(Time::ZERO), BUFFER_MIN as usize);
        assert_eq!(pipe.take(Time::ZERO), 0);
        pipe.window = 32_000;
        let parcel = pipe.cut(Time::ZERO, 10_000);
        pipe.arrived(Time::from_secs(1), &parcel);
        assert_eq!(pipe.watch(), None, "it is not woken for less than a third of the buffer");
        let parcel = pipe.cut(Time::ZERO, 15_000);
        pipe.arrived(Time::from_secs(2), &parcel);
        assert_eq!((pipe.watch(), pipe.watch()), (Some(Time::from_secs(2)), None));
        assert_eq!(pipe.take(Time::from_secs(2)), 25_000);
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
    fn an_acknowledgement_that_comes_back_by_a_shorter_way_does_not_overtake_another() {
        let mut pipe = written(1 << 20);
        for round in 0..3 {
            fly(&mut pipe, round, false);
        }
        pipe.take(Time::from_secs(3));
        let [small, large] = [1_000, 100_000].map(|quantum| pipe.cut(Time::from_secs(3), quantum));
        pipe.arrived(Time::from_secs(5), &small);
        pipe.arrived(Time::from_secs(4), &large);
        let at = pipe.watch().expect("the buffer is full");
        pipe.looked();
        assert!(pipe.take(at) > 0, "who waits until then would be woken at that moment for ever");
    }

    #[test]
    fn who_is_killed_loses_what_the_buffer_had_not_taken() {
        let mut pipe = Pipe::new();
        for _ in 0..3 {
            write(&mut pipe, &[1; 30_000]);
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

    fn write(pipe: &mut Pipe, bytes: &[u8]) {
        pipe.write(Chunk::Bytes(Bytes::copy_from_slice(bytes)));
    }

    fn bytes(parcel: &Parcel) -> BytesMut {
        let mut bytes = BytesMut::new();
        parcel.chunks.iter().for_each(|chunk| chunk.append_to(&mut bytes));
        bytes
    }

    fn written(bytes: usize) -> Pipe {
        let mut pipe = Pipe::new();
        write(&mut pipe, &(0..bytes).map(|i| i as u8).collect::<Vec<_>>());
        pipe.take(Time::ZERO);
        pipe
    }
}
