//! What networks did to packets, as lines for the log. An equal drop (the same place, rule, ends and kind of
//! packet) is told at once the first time; what follows within a second is told together, with its number.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Event, Record, Remote};
use model::Time;

use super::World;
use crate::packet::{Incident, Protocol, Rule, What};
use crate::topology::{HostId, NetId};

/// Drops told a short while ago.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    open: BTreeMap<Stop, Repeat>,
    /// When the first of them has been open for a second.
    due: Option<Time>,
}

/// What makes drops equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stop {
    pub(super) place: String,
    pub(super) protocol: Protocol,
    pub(super) from: Remote,
    pub(super) to: Remote,
    pub(super) packet: &'static str,
    pub(super) refused: bool,
    pub(super) rule: Rule,
}

#[derive(Debug)]
struct Repeat {
    until: Time,
    /// Not told yet.
    packets: u64,
}

/// How long equal drops are one line.
const TOGETHER: Duration = Duration::from_secs(1);

impl Repeats {
    /// True when it is to be told at once.
    fn is_new(&mut self, now: Time, stop: &Stop, packets: u64) -> bool {
        if let Some(repeat) = self.open.get_mut(stop) {
            repeat.packets += packets;
            return false;
        }
        let until = now.after(TOGETHER);
        self.open.insert(stop.clone(), Repeat { until, packets: 0 });
        self.due = Some(self.due.map_or(until, |due| due.min(until)));
        true
    }

    /// What is to be told by `at`, in the order of time.
    fn take(&mut self, at: Time) -> Vec<(Time, Stop, u64)> {
        let mut told = Vec::new();
        while let Some(now) = self.due.filter(|due| *due <= at) {
            self.open.retain(|stop, repeat| {
                if repeat.until > now {
                    return true;
                }
                let packets = std::mem::take(&mut repeat.packets);
                repeat.until = now.after(TOGETHER);
                if packets > 0 {
                    told.push((now, stop.clone(), packets));
                }
                packets > 0
            });
            self.due = self.open.values().map(|repeat| repeat.until).min();
        }
        told
    }

    /// What has not been told.
    fn take_all(&mut self) -> Vec<(Stop, u64)> {
        self.due = None;
        let open = std::mem::take(&mut self.open);
        open.into_iter().map(|(stop, repeat)| (stop, repeat.packets)).filter(|(_, packets)| *packets > 0).collect()
    }
}

impl Stop {
    fn event(self, packets: u64) -> (String, Event) {
        let Self { place, protocol, from, to, packet, refused, rule } = self;
        let (protocol, packet) = (protocol.into(), packet.to_owned());
        let (rule, why) = (rule.name().to_owned(), rule.to_string());
        let event = match refused {
            true => Event::PacketRefused { protocol, from, to, packet, packets, rule, why },
            false => Event::PacketDropped { protocol, from, to, packet, packets, rule, why },
        };
        (place, event)
    }
}

impl World {
    /// Puts what happened to packets among the lines for the log.
    pub(super) fn tell_incidents(&mut self) {
        for i in self.told_incidents..self.incidents.len() {
            let incident = self.incidents[i].clone();
            self.tell_incident(&incident);
        }
        self.told_incidents = self.incidents.len();
    }

    fn tell_incident(&mut self, incident: &Incident) {
        let Incident { time, place, packet, count, what } = incident;
        let time = *time;
        let net = self.net_of(place);
        let [from, to] = [packet.from, packet.to].map(|addr| match self.whose(net, packet.protocol, addr) {
            Some(name) => Remote::Name(name.to_owned()),
            None => Remote::Addr(addr),
        });
        let (refused, rule) = match *what {
            What::Mapped { outside } => {
                let event = Event::NatMapped { protocol: packet.protocol.into(), from, to, outside };
                return self.records.push_back(Record { time, peer: place.clone(), event });
            }
            What::Dropped { rule } => (false, rule),
            What::Refused { rule } => (true, rule),
            // It arrived, and only slows its sender down.
            What::Marked { .. } => return,
        };
        let (place, protocol) = (place.clone(), packet.protocol);
        let stop = Stop { place, protocol, from, to, packet: packet.kind(), refused, rule };
        self.tell_stop(time, stop, *count);
    }

    pub(super) fn tell_stop(&mut self, time: Time, stop: Stop, packets: u64) {
        if self.repeats.is_new(time, &stop, packets) {
            let (peer, event) = stop.event(packets);
            self.records.push_back(Record { time, peer, event });
        }
    }

    /// Tells of the drops that were put together until `at`.
    pub(super) fn tell_repeats(&mut self, at: Time) {
        if self.repeats.due.is_none_or(|due| due > at) {
            return;
        }
        self.tell_incidents();
        for (time, stop, packets) in self.repeats.take(at) {
            let (peer, event) = stop.event(packets);
            self.records.push_back(Record { time, peer, event });
        }
    }

    /// Nothing more will happen: tells what is left.
    pub(super) fn tell_all(&mut self) {
        self.tell_incidents();
        for (stop, packets) in self.repeats.take_all() {
            let (peer, event) = stop.event(packets);
            self.records.push_back(Record { time: self.now, peer, event });
        }
    }

    /// The network of this name, or that the host of this name is in.
    fn net_of(&self, place: &str) -> NetId {
        let host = || self.hosts.iter().find(|host| host.name == place).map(|host| host.net);
        self.topology.named(place).or_else(host).unwrap_or(Self::INTERNET)
    }

    /// The name of the host that is behind an address, as it is known in a network: the one that has it, that a NAT
    /// on the way gave it to, or the only one behind that NAT.
    pub fn whose(&self, net: NetId, protocol: Protocol, addr: std::net::SocketAddr) -> Option<&str> {
        let listens_at = |host: HostId, port| self.hosts[host.0].listen.port() == port;
        let host = self.topology.whose(net, protocol, addr, listens_at)?;
        Some(&self.hosts[host.0].name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_drops_are_told_at_once_and_then_once_a_second() {
        let mut repeats = Repeats::default();
        let at = |ms: u64| Time::from_micros(ms * 1_000);
        assert!(repeats.is_new(at(100), &stop("a"), 1));
        assert!(repeats.is_new(at(100), &stop("b"), 1));
        for ms in [200, 900] {
            assert!(!repeats.is_new(at(ms), &stop("a"), 2));
        }
        assert_eq!(repeats.take(at(1_099)), []);
        assert_eq!(repeats.take(at(1_500)), [(at(1_100), stop("a"), 4)]);
        assert!(repeats.is_new(at(1_500), &stop("b"), 1), "a second has passed");
        assert!(!repeats.is_new(at(1_500), &stop("a"), 1), "it goes on");
        assert_eq!(repeats.take(at(9_000)), [(at(2_100), stop("a"), 1)]);
        assert!(repeats.open.is_empty() && repeats.due.is_none(), "{repeats:?}");
    }

    fn stop(from: &str) -> Stop {
        let (from, to) = (Remote::from(from), Remote::from("c"));
        let (place, packet) = ("home".to_owned(), "open");
        Stop { place, protocol: Protocol::Tcp, from, to, packet, refused: false, rule: Rule::NoMapping }
    }
}
