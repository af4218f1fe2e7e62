//! Connections: opened by packets that cost a round trip, carried by two [pipes](crate::pipe), ended
//! by whoever is done first.
//!
//! A SYN finds the listener or not; the answer comes back after a round trip, and half a one later the listener
//! has a visitor. A SYN that is dropped or lost is sent again after 1, 2 and 4 seconds; after ten the dialler
//! gives up. The third packet is sent again like any other; what the dialler says waits for it. Packets that open
//! connections do not wait in the queues of links.
//!
//! A program that closes sends what it wrote first, and then the end. The other side takes its
//! end as the end of both directions, as our driver does, and answers with its own: what is under way against it is
//! lost. Where a network stops what a connection sends, it is tried again with growing patience, for four minutes.
//!
//! A program whose disks are far behind reads from no connection until they have caught up, as the real driver. What it
//! does not read it does not acknowledge, so its senders stop when their windows are full.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use events::ClosedBy;
use model::{BLOCK_SIZE, Time};
use node::ConnId;

use super::{Happening as WorldHappening, World};
use crate::host::{Cargo, End, Load, Stream, Unread};
use crate::link::{Lane, SEGMENT, Side, on_wire, packets, quantum};
use crate::original::{Chunk, Original};
use crate::packet::{Packet, Protocol, Rule, Stage, What};
use crate::pipe::{Hole, Parcel};
use crate::topology::{HostId, Journey};

/// Something that is due for one connection.
#[derive(Debug)]
pub(super) enum Happening {
    /// The dialler knocks, for the so-manieth time.
    Knock(u32),
    /// Its knock is heard at a host, seen to come from and go to these addresses.
    Heard(Box<Heard>),
    /// The dialler is answered: with a welcome, or with a reset.
    Answered { welcome: bool },
    /// The dialler answers the welcome, for the so-manieth time.
    Greet(u32),
    /// The listener has a visitor.
    Visit,
    /// The dialler waits no longer.
    DialOver,
    /// The side hears that bytes have arrived.
    Acked(Side),
    /// The side tries again what the network did not let through.
    Again(Side),
    /// The side sends again what got lost.
    Resend(Side),
    /// The side closed, and waits no longer for what is queued to be fetched.
    PatienceOver(Side),
    /// The side learns that its bytes do not arrive.
    GaveUp(Side),
    /// The side is told that nobody there knows the connection.
    Reset(Side),
}

#[derive(Debug)]
pub(super) struct Heard {
    host: HostId,
    from: SocketAddr,
    to: SocketAddr,
}

/// As in the real driver: how long a connection may take to come up.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// As in the real driver: how long a connection that we close may take to fetch what is queued for it.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// RFC 6298: the first wait for an answer; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// After waits that double up to this one a sender gives up.
const LAST_WAIT: Duration = Duration::from_secs(128);

/// A time-out is this much longer than a round trip: RFC 6298 asks for a second in all, the kernels that peers run
/// on wait no longer than this.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(200);

/// As in the real driver: while more received bytes than this wait for the disks, nothing is read from the network.
pub(super) const WRITING_MAX: u64 = 16 * 1024 * 1024;

impl World {
    pub(super) fn tcp(&mut self, stream: u32, what: Happening) {
        match what {
            Happening::Knock(attempt) => self.knock(stream, attempt),
            Happening::Heard(heard) => self.heard(stream, &heard),
            Happening::Answered { welcome } => self.answered(stream, welcome),
            Happening::Greet(attempt) => self.greet(stream, attempt),
            Happening::Visit => self.visit(stream),
            Happening::DialOver => self.dial_over(stream, "timed out"),
            Happening::Acked(side) => self.acked(stream, side),
            Happening::Again(side) => self.again(stream, side),
            Happening::Resend(side) => self.resend(stream, side),
            Happening::PatienceOver(side) => self.patience_over(stream, side),
            Happening::GaveUp(side) => self.gave_up(stream, side, "timed out"),
            Happening::Reset(side) => self.gave_up(stream, side, "connection reset"),
        }
    }

    pub(super) fn later(&mut self, at: Time, stream: u32, what: Happening) {
        self.queue.push(at, WorldHappening::Tcp(stream, what));
    }

    // ---- coming up ----

    pub(super) fn dial(&mut self, host: HostId, conn: ConnId, addr: SocketAddr) {
        let stream = u32::try_from(self.streams.len()).expect("a run has fewer connections than that");
        let seat = &mut self.hosts[host.0];
        let local = SocketAddr::new(seat.listen.ip(), seat.next_passing_port());
        let dialler = End { conn: Some(conn), ..End::new(host, local, addr) };
        seat.connections.insert(conn, (stream, Side::Dialler));
        self.streams.push(Some(Box::new(Stream::new(dialler))));
        self.later(self.now.after(DIAL_PATIENCE), stream, Happening::DialOver);
        self.knock(stream, 0);
    }

    fn knock(&mut self, stream: u32, attempt: u32) {
        let Some(Stream { dialler, is_up: false, .. }) = self.stream(stream) else { return };
        let (from, to, host) = (dialler.local, dialler.remote, dialler.host);
        let again = self.now.after(FIRST_WAIT * 2u32.saturating_pow(attempt));
        match self.carry_one(host, from, to, Stage::Open) {
            Ok((at, host, packet)) => {
                let heard = Heard { host, from: packet.from, to: packet.to };
                self.later(at, stream, Happening::Heard(Box::new(heard)));
            }
            Err(true) => self.later(self.now, stream, Happening::Answered { welcome: false }),
            Err(false) => {}
        }
        // Whatever became of it: unless an answer comes first.
        self.later(again, stream, Happening::Knock(attempt + 1));
    }

    /// One packet without bytes: when it gets where, and how it looks there. An error says whether it was
    /// refused.
    pub(super) fn carry_one(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        stage: Stage,
    ) -> Result<(Time, HostId, Packet), bool> {
        let packet = Packet { protocol: Protocol::Tcp, from, to, stage };
        let net = self.hosts[host.0].net;
        let journey = self.topology.carry(self.now, net, packet, 1, &mut self.incidents);
        self.trim_incidents();
        match journey {
            Ok(journey) if journey.lost == 0 => Ok((self.now.after(journey.delay), journey.host, journey.packet)),
            Ok(_) => Err(false),
            Err(stopped) => Err(stopped.refused),
        }
    }

    fn heard(&mut self, stream: u32, &Heard { host, from, to }: &Heard) {
        let seat = &mut self.hosts[host.0];
        let welcome = seat.node().is_some() && seat.listen == to;
        let Some(known) = self.stream(stream) else { return };
        if known.is_up {
            return;
        }
        if welcome {
            known.listener.get_or_insert_with(|| End::new(host, to, from));
            self.watch_over(stream);
        }
        let stage = if welcome { Stage::Data } else { Stage::End };
        if let Ok((at, _, _)) = self.carry_one(host, to, from, stage) {
            self.later(at, stream, Happening::Answered { welcome });
        }
    }

    fn answered(&mut self, stream: u32, welcome: bool) {
        let now = self.now;
        if !welcome {
            return self.dial_over(stream, "connection refused");
        }
        let Some(known) = self.stream(stream).filter(|stream| !stream.is_up) else { return };
        known.is_up = true;
        known.dialler.pipe.waits = true;
        let (host, conn) = (known.dialler.host, known.dialler.conn);
        self.greet(stream, 0);
        if let (Some(conn), Some(node)) = (conn, self.hosts[host.0].node()) {
            node.handle_dialled(now, conn, Ok(()));
            self.settle(host);
        }
    }

    /// The third packet. What the dialler says comes after it.
    fn greet(&mut self, stream: u32, attempt: u32) {
        let Some(&mut End { host, local, remote, .. }) = self.end_of(stream, Side::Dialler) else { return };
        match self.carry_one(host, local, remote, Stage::Data) {
            Ok((visit, ..)) => {
                if let Some(end) = self.end_of(stream, Side::Dialler) {
                    end.pipe.last_arrival = visit;
                    end.pipe.waits = false;
                }
                self.later(visit, stream, Happening::Visit);
                self.ready(stream, Side::Dialler);
                self.pump(host);
            }
            Err(_) => {
                let (wait, is_last) = patience(FIRST_WAIT, attempt);
                let what = if is_last { Happening::GaveUp(Side::Dialler) } else { Happening::Greet(attempt + 1) };
                self.later(self.now.after(wait), stream, what);
            }
        }
    }

    fn dial_over(&mut self, stream: u32, why: &str) {
        let now = self.now;
        let Some(Stream { dialler, is_up: false, .. }) = self.stream(stream) else { return };
        let (host, conn) = (dialler.host, dialler.conn);
        self.streams[stream as usize] = None;
        let seat = &mut self.hosts[host.0];
        if let Some(conn) = conn
            && seat.connections.remove(&conn).is_some()
            && let Some(node) = seat.node()
        {
            node.handle_dialled(now, conn, Err(why.to_owned()));
            self.settle(host);
        }
    }

    fn visit(&mut self, stream: u32) {
        let now = self.now;
        let Some(end) = self.end_of(stream, Side::Listener) else { return };
        let (host, remote) = (end.host, end.remote);
        let seat = &mut self.hosts[host.0];
        let conn = seat.node().and_then(|node| node.handle_incoming(now, remote));
        match conn {
            Some(conn) => {
                seat.connections.insert(conn, (stream, Side::Listener));
                if let Some(end) = self.end_of(stream, Side::Listener) {
                    end.conn = Some(conn);
                }
            }
            None => self.abandon(stream, Side::Listener),
        }
        self.settle(host);
    }

    // ---- carrying bytes ----

    pub(super) fn write(&mut self, host: HostId, conn: ConnId, bytes: Bytes) {
        let seat = &mut self.hosts[host.0];
        let Some(&(stream, side)) = seat.connections.get(&conn) else { return };
        seat.written.push(conn);
        let named = |original: &Arc<Original>| Some(Chunk::Named(Arc::clone(original), original.name_of(&bytes)?));
        let chunk = seat.elided.iter().find_map(named).unwrap_or(Chunk::Bytes(bytes));
        if let Some(end) = self.end_of(stream, side) {
            end.pipe.write(chunk);
        }
    }

    /// Tells the program what the buffers took of what it wrote; true when there was something to tell.
    pub(super) fn tell_what_was_taken(&mut self, host: HostId) -> bool {
        let mut told = false;
        let mut written = std::mem::take(&mut self.hosts[host.0].written);
        for conn in written.drain(..) {
            let Some(&(stream, side)) = self.hosts[host.0].connections.get(&conn) else { continue };
            told |= self.take(stream, side);
        }
        self.hosts[host.0].written = written; // nothing was written meanwhile; its memory is used again
        told
    }

    /// Lets the buffer take what it has room for; true when the program was told.
    fn take(&mut self, stream: u32, side: Side) -> bool {
        let now = self.now;
        let Some(end) = self.end_of(stream, side) else { return false };
        let (host, conn) = (end.host, end.conn);
        let taken = end.pipe.take(now);
        self.ready(stream, side);
        match (conn, self.hosts[host.0].node()) {
            (Some(conn), Some(node)) if taken > 0 => {
                node.handle_sent(now, conn, taken);
                true
            }
            _ => false,
        }
    }

    /// Queues a connection for the link if it has something to send.
    fn ready(&mut self, stream: u32, side: Side) {
        let Some(end) = self.end_of(stream, side) else { return };
        let (host, pipe) = (end.host, &mut end.pipe);
        if !pipe.waits && pipe.has_something() {
            pipe.waits = true;
            let waiting = pipe.waiting();
            self.hosts[host.0].up.wait(Lane::Stream(stream, side), waiting);
        }
        self.watch(stream, side);
    }

    /// Looks out for the acknowledgement that a blocked sender waits for.
    fn watch(&mut self, stream: u32, side: Side) {
        if let Some(at) = self.end_of(stream, side).and_then(|end| end.pipe.watch()) {
            self.later(at, stream, Happening::Acked(side));
        }
    }

    /// It is a connection's turn, and it may send so many bytes.
    pub(super) fn send_parcel(&mut self, host: HostId, stream: u32, side: Side, allowed: u64) {
        let now = self.now;
        let Some(&mut End { host: other, local: known_as, remote: knows, .. }) = self.end_of(stream, side.other())
        else {
            return;
        };
        let mut rate = self.hosts[host.0].up.wire.rate().min(self.hosts[other.0].down.wire.rate());
        rate = self.allowed_rate(stream).map_or(rate, |allowed| allowed.min(rate));
        let net = self.hosts[host.0].net;
        let stream_itself = self.streams[stream as usize].as_deref_mut();
        let Some(end) = stream_itself.and_then(|stream| stream.end(side)) else { return };
        end.pipe.waits = false;
        let mut parcel = end.pipe.cut(now, quantum(rate).min(allowed));
        if parcel.length == 0 && !parcel.is_last {
            return self.ready(stream, side);
        }
        if let Some(action) = self.inspect(stream, side, &parcel) {
            return self.stop_inside(stream, side, parcel, action);
        }
        let Some(end) = self.end_of(stream, side) else { return };
        let stage = if parcel.is_last { Stage::End } else { Stage::Data };
        let packet = Packet { protocol: Protocol::Tcp, from: end.local, to: end.remote, stage };
        let journey = self.topology.carry(now, net, packet, packets(parcel.length), &mut self.incidents);
        let Ok(journey) = journey else { return self.try_again(stream, side, parcel) };
        let stream_itself = self.streams[stream as usize].as_deref_mut();
        let Some(end) = stream_itself.and_then(|stream| stream.end(side)) else { return };
        if (journey.host, journey.packet.from, journey.packet.to) != (other, knows, known_as) {
            // A NAT on the way forgot the connection, and it comes from another address than it did.
            end.pipe.waits = true;
            return self.later(now.after(2 * journey.delay), stream, Happening::Reset(side));
        }
        end.pipe.in_vain = 0;
        let left = allowed - parcel.length;
        let wire = &mut self.hosts[host.0].up.wire;
        let bytes = on_wire(parcel.length);
        let span = wire.time_for(bytes);
        let sent = wire.carry(now, bytes);
        let delay = journey.delay;
        let mut arrival = sent.after(delay);
        if journey.lost > 0 {
            // Sent again as soon as it is missed, and perhaps lost again.
            let arrives = |again: Journey| again.lost == 0;
            let is_mended = end.pipe.misses_soon()
                && self.topology.carry(now, net, packet, journey.lost, &mut self.incidents).is_ok_and(arrives);
            self.trim_incidents();
            if !is_mended {
                let hole = Hole { parcel, missing: journey.lost, timeout: 2 * delay + TIMEOUT_MARGIN };
                return self.time_out(stream, side, hole, sent);
            }
            parcel.lost = true;
            arrival = arrival.after(2 * delay);
        }
        self.send_off(stream, side, other, Cargo { span, load: Load::Parcel { parcel, delay } }, arrival);
        let Some(end) = self.end_of(stream, side) else { return };
        if end.pipe.has_something() {
            end.pipe.waits = true;
            self.hosts[host.0].up.wait_on(Lane::Stream(stream, side), left);
        }
        self.watch(stream, side);
    }

    /// A parcel is on its way to `host`. None overtakes another.
    fn send_off(&mut self, stream: u32, side: Side, host: HostId, mut cargo: Cargo, mut arrival: Time) {
        if let Load::Parcel { parcel, .. } = &mut cargo.load {
            let (through, met_a_queue) = self.paced(stream, side, arrival, parcel.length);
            arrival = through;
            parcel.marked |= met_a_queue;
        }
        let Some(end) = self.end_of(stream, side) else { return };
        end.pipe.last_arrival = end.pipe.last_arrival.max(arrival);
        let at = end.pipe.last_arrival;
        self.queue.push(at, WorldHappening::Arrive(host, Lane::Stream(stream, side), Box::new(cargo)));
    }

    /// The network did not let it through.
    pub(super) fn try_again(&mut self, stream: u32, side: Side, parcel: Parcel) {
        self.trim_incidents();
        let Some(end) = self.end_of(stream, side) else { return };
        end.pipe.put_back(parcel);
        end.pipe.waits = true;
        let (wait, is_last) = patience(FIRST_WAIT, end.pipe.in_vain);
        end.pipe.in_vain += 1;
        let what = if is_last { Happening::GaveUp(side) } else { Happening::Again(side) };
        self.later(self.now.after(wait), stream, what);
    }

    /// Nobody will tell that something is missing: the sender finds out, a while after it was sent.
    fn time_out(&mut self, stream: u32, side: Side, hole: Hole, sent: Time) {
        self.trim_incidents();
        let Some(end) = self.end_of(stream, side) else { return };
        let (wait, is_last) = patience(hole.timeout, end.pipe.in_vain);
        if end.pipe.in_vain == 0 {
            end.pipe.timed_out();
        }
        end.pipe.in_vain += 1;
        end.pipe.hole = Some(hole);
        end.pipe.waits = true;
        let what = if is_last { Happening::GaveUp(side) } else { Happening::Resend(side) };
        self.later(sent.after(wait), stream, what);
    }

    fn resend(&mut self, stream: u32, side: Side) {
        let now = self.now;
        let Some(&mut End { host: other, local: known_as, remote: knows, .. }) = self.end_of(stream, side.other())
        else {
            return;
        };
        let Some(end) = self.end_of(stream, side) else { return };
        let Some(mut hole) = end.pipe.hole.take() else { return };
        if self.inspect(stream, side, &hole.parcel).is_some() {
            return self.time_out(stream, side, hole, now);
        }
        let Some(end) = self.end_of(stream, side) else { return };
        let (host, from, to) = (end.host, end.local, end.remote);
        let stage = if hole.parcel.is_last { Stage::End } else { Stage::Data };
        let packet = Packet { protocol: Protocol::Tcp, from, to, stage };
        let net = self.hosts[host.0].net;
        let journey = match self.topology.carry(now, net, packet, hole.missing, &mut self.incidents) {
            Ok(journey) if journey.lost == 0 => journey,
            lost_again => {
                hole.missing = lost_again.map_or(hole.missing, |journey| journey.lost);
                return self.time_out(stream, side, hole, now);
            }
        };
        if (journey.host, journey.packet.from, journey.packet.to) != (other, knows, known_as) {
            return self.later(now.after(2 * journey.delay), stream, Happening::Reset(side));
        }
        let Hole { parcel, missing, .. } = hole;
        let wire = &mut self.hosts[host.0].up.wire;
        let bytes = on_wire(parcel.length.min(missing * SEGMENT));
        let span = wire.time_for(bytes);
        let arrival = wire.carry(now, bytes).after(journey.delay);
        let cargo = Cargo { span, load: Load::Parcel { parcel, delay: journey.delay } };
        self.send_off(stream, side, other, cargo, arrival);
        self.again(stream, side);
    }

    fn again(&mut self, stream: u32, side: Side) {
        let Some(end) = self.end_of(stream, side) else { return };
        let host = end.host;
        end.pipe.waits = false;
        self.ready(stream, side);
        self.pump(host);
    }

    fn acked(&mut self, stream: u32, side: Side) {
        let Some(end) = self.end_of(stream, side) else { return };
        let host = end.host;
        end.pipe.looked();
        if self.take(stream, side) {
            self.settle(host);
        } else {
            self.pump(host);
        }
    }

    /// What `side` sent is through at the other end. It is read as soon as the disks there are not too far behind.
    pub(super) fn deliver(&mut self, stream: u32, side: Side, parcel: Parcel, delay: Duration) {
        let Some(end) = self.end_of(stream, side.other()) else { return };
        let host = end.host;
        let seat = &mut self.hosts[host.0];
        if seat.writing > WRITING_MAX || !seat.unread.is_empty() {
            return seat.unread.push_back(Unread { stream, side, parcel, delay });
        }
        self.read(stream, side, &parcel, delay);
    }

    /// The disks did something: perhaps they have caught up.
    pub(super) fn read_on(&mut self, host: HostId) {
        while self.hosts[host.0].writing <= WRITING_MAX
            && let Some(Unread { stream, side, parcel, delay }) = self.hosts[host.0].unread.pop_front()
        {
            self.read(stream, side, &parcel, delay);
        }
    }

    fn read(&mut self, stream: u32, side: Side, parcel: &Parcel, delay: Duration) {
        let now = self.now;
        let Some(sender) = self.end_of(stream, side) else { return };
        let is_trouble = sender.pipe.arrived(now.after(delay), parcel);
        self.watch(stream, side);
        let Some(end) = self.end_of(stream, side.other()) else { return };
        if end.is_dead {
            return self.over(stream, side, ClosedBy::Network, "connection reset");
        }
        let (host, conn, local, remote) = (end.host, end.conn, end.local, end.remote);
        if is_trouble && parcel.marked {
            let packet = Packet { protocol: Protocol::Tcp, from: remote, to: local, stage: Stage::Data };
            self.note(host, packet, What::Marked { rule: Rule::QueueFull });
        }
        if let Some(conn) = conn {
            let Some(end) = self.end_of(stream, side.other()) else { return };
            let mut inbox = std::mem::take(&mut end.inbox);
            make_room(&mut inbox, parcel.length as usize);
            parcel.chunks.iter().for_each(|chunk| chunk.append_to(&mut inbox));
            if let Some(node) = self.hosts[host.0].node() {
                node.handle_received(now, conn, &mut inbox);
            }
            if let Some(end) = self.end_of(stream, side.other()) {
                // What is used up gives its memory back: most connections wait most of the time.
                end.inbox = if inbox.is_empty() { BytesMut::new() } else { inbox };
            }
            self.settle(host);
        }
        if parcel.is_last && self.end_of(stream, side.other()).is_some() {
            // It hangs up as well. Nobody here waits for that; NATs and firewalls on the way do.
            let _ = self.carry_one(host, local, remote, Stage::End);
            self.over(stream, side.other(), ClosedBy::Them, "closed by the other side");
        }
    }

    // ---- ending ----

    /// The program is done with it: what it wrote still goes.
    pub(super) fn close(&mut self, host: HostId, conn: ConnId) {
        let Some((stream, side)) = self.hosts[host.0].connections.remove(&conn) else { return };
        let Some(known) = self.stream(stream) else { return };
        if !known.is_up {
            self.streams[stream as usize] = None;
            return;
        }
        if let Some(end) = known.end(side) {
            end.conn = None;
            end.inbox.clear();
            end.pipe.end();
        }
        self.later(self.now.after(CLOSING_PATIENCE), stream, Happening::PatienceOver(side));
        self.take(stream, side);
    }

    /// The program is gone: what the buffer has not taken is lost.
    pub(super) fn abandon(&mut self, stream: u32, side: Side) {
        let Some(known) = self.stream(stream) else { return };
        if !known.is_up {
            self.streams[stream as usize] = None;
            return;
        }
        let Some(end) = known.end(side) else { return };
        let host = end.host;
        end.conn = None;
        end.inbox.clear();
        end.pipe.end_now();
        self.ready(stream, side);
        self.pump(host);
    }

    fn patience_over(&mut self, stream: u32, side: Side) {
        if self.end_of(stream, side).is_some() {
            self.abandon(stream, side);
        }
    }

    fn gave_up(&mut self, stream: u32, side: Side, why: &str) {
        if let Some(end) = self.end_of(stream, side) {
            end.is_dead = true;
        }
        self.over(stream, side, ClosedBy::Network, why);
    }

    /// The connection is no more; the program at `side` is told if it still had it.
    fn over(&mut self, stream: u32, side: Side, by: ClosedBy, why: &str) {
        let now = self.now;
        let Some(end) = self.end_of(stream, side) else { return };
        let (host, conn) = (end.host, end.conn);
        // The other end may not know yet: what it sends is answered with a reset.
        if let Some(other) = self.end_of(stream, side.other())
            && other.conn.is_some()
        {
            if let Some(end) = self.end_of(stream, side) {
                end.conn = None;
            }
        } else {
            self.streams[stream as usize] = None;
        }
        let seat = &mut self.hosts[host.0];
        if let Some(conn) = conn
            && seat.connections.remove(&conn).is_some()
            && let Some(node) = seat.node()
        {
            node.handle_closed(now, conn, by, why);
            self.settle(host);
        }
    }
}

/// How long a sender waits that has tried in vain so often, and whether it gives up then.
fn patience(first: Duration, in_vain: u32) -> (Duration, bool) {
    let wait = first * 2u32.pow(in_vain.min(10));
    (wait, wait * 2 > LAST_WAIT)
}

/// Room for what came; with the beginning of a message there already, room for a whole block.
fn make_room(inbox: &mut BytesMut, length: usize) {
    if inbox.capacity() - inbox.len() < length {
        let rest_of_a_message = if inbox.is_empty() { 0 } else { MESSAGE.saturating_sub(inbox.len()) };
        inbox.reserve(length.max(rest_of_a_message));
    }
}

/// A block with its header, and a little of what follows.
const MESSAGE: usize = BLOCK_SIZE as usize + 64;
