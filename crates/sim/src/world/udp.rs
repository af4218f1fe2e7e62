//! Datagrams: one at a time over the sender's link, by chance lost or late, and so perhaps out of order;
//! what finds its share of a queue full is dropped.

use std::net::SocketAddr;

use bytes::Bytes;
use model::ByteCount;

use super::{Happening, World};
use crate::host::{Cargo, Datagram, Load, Program};
use crate::link::Lane;
use crate::packet::{Packet, Protocol, Rule, Stage, What};
use crate::topology::HostId;

/// Bytes on the wire: with the headers of IPv4 and UDP.
pub(super) fn on_wire(bytes: &Bytes) -> u64 {
    bytes.len() as u64 + 28
}

impl World {
    pub(super) fn queue_datagram(&mut self, host: HostId, to: SocketAddr, bytes: Bytes) {
        let seat = &mut self.hosts[host.0];
        let datagram = Datagram { from: seat.listen, to, bytes };
        if ByteCount(seat.outgoing_bytes) > seat.up.wire.rate().bytes_in(seat.queue) {
            return self.drop_datagram(host, &datagram);
        }
        let bytes = on_wire(&datagram.bytes);
        if seat.outgoing.is_empty() {
            seat.up.wait(Lane::Datagrams, bytes);
        }
        seat.outgoing_bytes += bytes;
        seat.outgoing.push_back(datagram);
    }

    pub(super) fn send_datagram(&mut self, host: HostId, allowed: u64) {
        let seat = &mut self.hosts[host.0];
        let Some(mut datagram) = seat.outgoing.pop_front() else { return };
        let bytes = on_wire(&datagram.bytes);
        if !seat.outgoing.is_empty() {
            seat.up.wait_on(Lane::Datagrams, allowed.saturating_sub(bytes));
        }
        seat.outgoing_bytes -= bytes;
        let span = seat.up.wire.time_for(bytes);
        let sent = seat.up.wire.carry(self.now, bytes);
        let journey = self.topology.carry(self.now, seat.net, packet_of(&datagram), 1, &mut self.incidents);
        self.trim_incidents();
        let Ok(journey) = journey else { return };
        if journey.lost > 0 {
            return;
        }
        (datagram.from, datagram.to) = (journey.packet.from, journey.packet.to);
        let cargo = Box::new(Cargo { span, load: Load::Datagram(datagram) });
        self.queue.push(sent.after(journey.delay), Happening::Arrive(journey.host, Lane::Datagrams, cargo));
    }

    pub(super) fn hear_datagram(&mut self, host: HostId, datagram: &Datagram) {
        let now = self.now;
        let seat = &mut self.hosts[host.0];
        if datagram.to != seat.listen {
            return;
        }
        match &mut seat.program {
            Some(Program::Node(node)) => node.handle_datagram(now, datagram.from, &datagram.bytes),
            Some(Program::Tracker(tracker)) => tracker.handle_datagram(now, datagram.from, &datagram.bytes),
            None => return,
        }
        self.settle(host);
    }

    pub(super) fn drop_datagram(&mut self, host: HostId, datagram: &Datagram) {
        self.note(host, packet_of(datagram), What::Dropped { rule: Rule::QueueFull });
    }
}

fn packet_of(datagram: &Datagram) -> Packet {
    Packet { protocol: Protocol::Udp, from: datagram.from, to: datagram.to, stage: Stage::Data }
}
