//! Network address translation by the axes of RFC 4787: how outside ports are given out (*mapping*),
//! who may use them from outside (*filtering*), which number is chosen, how long silence is
//! forgiven, and whether the inside can reach itself by the outside address (*hairpinning*). TCP follows RFC 5382.
//!
//! A [`Nat`] is a function of its table, a packet and the time. It answers with the packet as it goes on, or
//! with the [`Rule`] that stopped it. It translates IPv4; IPv6 passes beside it.
//!
//! Left out: several outside addresses, ICMP, port parity and contiguity, application gateways, and
//! the protocols by which a client asks for a mapping (UPnP, PCP): [`Nat::forward`] makes one by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::{Rng, Time};

use crate::packet::{Packet, Protocol, Rule, Stage};

/// What something depends on, besides the inside address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependence {
    /// Nothing: the same for all others (endpoint-independent).
    Independent,
    /// The other's address.
    Address,
    /// The other's address and port.
    AddressAndPort,
}

/// Which outside port a new mapping gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChoice {
    /// The inside one, where it is free; else the next that is.
    Preserve,
    /// One after the other.
    Sequential,
    /// By lot.
    Random,
}

/// How a NAT behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// When another outside port is given to the same inside address and port (RFC 4787 section 4.1).
    pub mapping: Dependence,
    /// Who else may send to it (section 5).
    pub filtering: Dependence,
    pub ports: PortChoice,
    /// How long a UDP mapping outlives the last packet (section 4.3: two minutes at least).
    pub udp_timeout: Duration,
    /// How long an established TCP connection may be silent (RFC 5382: 2 h 4 min at least).
    pub tcp_timeout: Duration,
    /// Whether a packet from inside to the outside address is turned around (section 6).
    pub hairpin: bool,
}

/// One NAT and what it remembers.
#[derive(Debug)]
pub struct Nat {
    behaviour: Behaviour,
    outside: Ipv4Addr,
    rng: Rng,
    next_port: u16,
    /// Which outside port belongs to whom.
    bindings: BTreeMap<(Protocol, u16), Binding>,
    /// The outside port for packets from inside, by what the mapping depends on.
    mappings: BTreeMap<Key, u16>,
    /// Who talks to whom: protocol, inside, other side.
    sessions: BTreeMap<(Protocol, SocketAddr, SocketAddr), Session>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    protocol: Protocol,
    inside: SocketAddr,
    address: Option<IpAddr>,
    port: Option<u16>,
}

#[derive(Debug)]
struct Binding {
    inside: SocketAddr,
    /// The mapping it belongs to; `None` for one made by hand, which lasts and lets everybody in.
    key: Option<Key>,
    until: Time,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    port: u16,
    until: Time,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Heard from one side only.
    Opening,
    Established,
    /// One side has said its end: the inside, or the other.
    HalfClosed {
        by_inside: bool,
    },
    /// Both have.
    Closing,
}

/// A packet as it goes on, and the outside address if one was given for it.
pub type Translated = (Packet, Option<SocketAddr>);

/// RFC 5382 REQ-5: connections that begin, or that both sides have ended, are remembered for four minutes.
const TCP_TRANSITORY: Duration = Duration::from_secs(240);

/// Ports given out: RFC 4787 keeps the well-known ones apart.
const PORTS: std::ops::RangeInclusive<u16> = 1_024..=65_535;

/// Sessions remembered; a household's router has room for fewer.
const SESSIONS_MAX: usize = 65_536;

impl Nat {
    /// `rng` chooses ports, where they are chosen by lot.
    pub fn new(behaviour: Behaviour, outside: Ipv4Addr, rng: Rng) -> Self {
        Self {
            behaviour,
            outside,
            rng,
            next_port: *PORTS.start(),
            bindings: BTreeMap::new(),
            mappings: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    pub fn outside(&self) -> Ipv4Addr {
        self.outside
    }

    /// Whose this outside port is, or last was.
    pub(crate) fn inside(&self, protocol: Protocol, port: u16) -> Option<SocketAddr> {
        self.bindings.get(&(protocol, port)).map(|binding| binding.inside)
    }

    /// A mapping by hand: whatever comes to the outside port goes inside, from anybody.
    pub fn forward(&mut self, protocol: Protocol, port: u16, inside: SocketAddr) {
        self.unbind(protocol, port);
        self.bindings.insert((protocol, port), Binding { inside, key: None, until: Time::ZERO });
    }

    /// Forgets everything but what was made by hand, as after a power cut.
    pub fn rebind(&mut self) {
        self.bindings.retain(|_, binding| binding.key.is_none());
        self.mappings.clear();
        self.sessions.clear();
    }

    /// A packet from inside, to the outside world.
    ///
    /// # Errors
    /// The rule that stopped it.
    pub fn outbound(&mut self, now: Time, packet: Packet) -> Result<Translated, Rule> {
        let Packet { protocol, from, to, .. } = packet;
        let known = self.sessions.get(&(protocol, from, to)).filter(|session| now < session.until);
        let (port, fresh) = match known {
            Some(session) => (session.port, false),
            None => self.mapped(now, protocol, from, to)?,
        };
        self.touch(now, packet.stage, true, (protocol, from, to), port)?;
        let outside = SocketAddr::new(self.outside.into(), port);
        Ok((Packet { from: outside, ..packet }, fresh.then_some(outside)))
    }

    /// A packet from outside, to the outside address.
    ///
    /// # Errors
    /// The rule that stopped it.
    pub fn inbound(&mut self, now: Time, packet: Packet) -> Result<Packet, Rule> {
        let Packet { protocol, from, to, stage } = packet;
        let binding = self.bindings.get(&(protocol, to.port())).filter(|binding| binding.is_alive(now));
        let (inside, by_hand) = binding.map(|b| (b.inside, b.key.is_none())).ok_or(Rule::NoMapping)?;
        let session = self.sessions.get(&(protocol, inside, from));
        if session.is_none_or(|session| now >= session.until || session.port != to.port()) {
            let begins = protocol == Protocol::Udp || stage == Stage::Open;
            if !begins {
                return Err(Rule::NoMapping);
            }
            if !by_hand {
                self.filter(now, protocol, inside, to.port(), from)?;
            }
        }
        self.touch(now, stage, false, (protocol, inside, from), to.port())?;
        Ok(Packet { to: inside, ..packet })
    }

    /// A packet from inside to the outside address: out and in again.
    ///
    /// # Errors
    /// The rule that stopped it.
    pub fn hairpin(&mut self, now: Time, packet: Packet) -> Result<Translated, Rule> {
        if !self.behaviour.hairpin {
            return Err(Rule::NoHairpin);
        }
        let (packet, fresh) = self.outbound(now, packet)?;
        Ok((self.inbound(now, packet)?, fresh))
    }

    /// The outside port of a packet that belongs to no session; true when it was given for it.
    fn mapped(&mut self, now: Time, protocol: Protocol, from: SocketAddr, to: SocketAddr) -> Result<(u16, bool), Rule> {
        let (address, port) = match self.behaviour.mapping {
            Dependence::Independent => (None, None),
            Dependence::Address => (Some(to.ip()), None),
            Dependence::AddressAndPort => (Some(to.ip()), Some(to.port())),
        };
        let key = Key { protocol, inside: from, address, port };
        if let Some(&port) = self.mappings.get(&key)
            && self.bindings.get(&(protocol, port)).is_some_and(|binding| binding.is_alive(now))
        {
            return Ok((port, false));
        }
        let port = self.choose(now, protocol, from.port())?;
        self.unbind(protocol, port);
        self.bindings.insert((protocol, port), Binding { inside: from, key: Some(key), until: now });
        self.mappings.insert(key, port);
        Ok((port, true))
    }

    fn choose(&mut self, now: Time, protocol: Protocol, inside: u16) -> Result<u16, Rule> {
        let is_free = |port: u16| self.bindings.get(&(protocol, port)).is_none_or(|binding| !binding.is_alive(now));
        let count = u64::from(PORTS.end() - PORTS.start()) + 1;
        let first = match self.behaviour.ports {
            PortChoice::Preserve if PORTS.contains(&inside) && is_free(inside) => inside,
            PortChoice::Preserve | PortChoice::Sequential => self.next_port,
            PortChoice::Random => PORTS.start() + self.rng.below(count) as u16,
        };
        let mut ports = (first..=*PORTS.end()).chain(*PORTS.start()..first);
        let port = ports.find(|port| is_free(*port)).ok_or(Rule::OutOfPorts)?;
        self.next_port = if port == *PORTS.end() { *PORTS.start() } else { port + 1 };
        Ok(port)
    }

    fn unbind(&mut self, protocol: Protocol, port: u16) {
        let Some(old) = self.bindings.remove(&(protocol, port)) else { return };
        if let Some(key) = old.key {
            self.mappings.remove(&key);
        }
        self.sessions.retain(|(of, inside, _), session| (*of, *inside, session.port) != (protocol, old.inside, port));
    }

    /// May a stranger use the mapping?
    fn filter(
        &self,
        now: Time,
        protocol: Protocol,
        inside: SocketAddr,
        port: u16,
        from: SocketAddr,
    ) -> Result<(), Rule> {
        let asked = || {
            let (first, last) = (SocketAddr::new(from.ip(), 0), SocketAddr::new(from.ip(), u16::MAX));
            let sessions = self.sessions.range((protocol, inside, first)..=(protocol, inside, last));
            sessions.into_iter().any(|(_, session)| now < session.until && session.port == port)
        };
        match self.behaviour.filtering {
            Dependence::Independent => Ok(()),
            Dependence::Address if asked() => Ok(()),
            Dependence::Address => Err(Rule::FilteredByAddress),
            Dependence::AddressAndPort => Err(Rule::FilteredByPort),
        }
    }

    /// A packet passes: the session and its mapping live on.
    fn touch(
        &mut self,
        now: Time,
        stage: Stage,
        from_inside: bool,
        who: (Protocol, SocketAddr, SocketAddr),
        port: u16,
    ) -> Result<(), Rule> {
        let known = self.sessions.get(&who).filter(|session| now < session.until && session.port == port).copied();
        if known.is_none() && self.sessions.len() >= SESSIONS_MAX {
            self.sessions.retain(|_, session| now < session.until);
            if self.sessions.len() >= SESSIONS_MAX {
                return Err(Rule::OutOfPorts);
            }
        }
        let phase = match (known.map(|session| session.phase), stage) {
            (None, _) | (_, Stage::Open) => Phase::Opening,
            // What ends before it was answered, or again by the other side, is over.
            (Some(Phase::Opening | Phase::Closing), Stage::End) => Phase::Closing,
            (Some(Phase::Established), Stage::End) => Phase::HalfClosed { by_inside: from_inside },
            (Some(Phase::HalfClosed { by_inside }), Stage::End) if by_inside != from_inside => Phase::Closing,
            // The answer, whichever side gives it.
            (Some(Phase::Opening), Stage::Data) => Phase::Established,
            (Some(phase), Stage::Data | Stage::End) => phase,
        };
        let timeout = match (who.0, phase) {
            (Protocol::Udp, _) => self.behaviour.udp_timeout,
            (Protocol::Tcp, Phase::Established | Phase::HalfClosed { .. }) => self.behaviour.tcp_timeout,
            (Protocol::Tcp, Phase::Opening | Phase::Closing) => TCP_TRANSITORY,
        };
        let until = now.after(timeout);
        self.sessions.insert(who, Session { port, until, phase });
        let shortens = known.is_some_and(|session| until < session.until);
        let lasts = if shortens { self.last_session(who.0, who.1, port).max(until) } else { until };
        if let Some(binding) = self.bindings.get_mut(&(who.0, port)) {
            // It lasts as long as one of its sessions does.
            binding.until = if shortens { lasts } else { binding.until.max(lasts) };
        }
        Ok(())
    }

    /// When the last session by an outside port ends.
    fn last_session(&self, protocol: Protocol, inside: SocketAddr, port: u16) -> Time {
        let (first, last) = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::BROADCAST));
        let all = (protocol, inside, SocketAddr::new(first, 0))..=(protocol, inside, SocketAddr::new(last, u16::MAX));
        let by_port = self.sessions.range(all).filter(|(_, session)| session.port == port);
        by_port.map(|(_, session)| session.until).max().unwrap_or(Time::ZERO)
    }
}

impl Binding {
    fn is_alive(&self, now: Time) -> bool {
        self.key.is_none() || now < self.until
    }
}

#[cfg(test)]
mod tests {
    use Dependence::{Address, AddressAndPort, Independent};

    use super::*;

    #[test]
    fn the_mapping_axis_decides_who_sees_which_port() {
        for (mapping, other_port, other_address) in
            [(Independent, true, true), (Address, true, false), (AddressAndPort, false, false)]
        {
            let mut nat = nat(Behaviour { mapping, ports: PortChoice::Sequential, ..ANY });
            let first = out(&mut nat, 0, ALICE, "198.18.0.9:1000");
            assert_eq!(first == out(&mut nat, 0, ALICE, "198.18.0.9:2000"), other_port, "{mapping:?}");
            assert_eq!(first == out(&mut nat, 0, ALICE, "198.18.0.7:1000"), other_address, "{mapping:?}");
            assert_eq!(first, out(&mut nat, 0, ALICE, "198.18.0.9:1000"), "{mapping:?}");
        }
    }

    #[test]
    fn the_filtering_axis_decides_who_may_answer() {
        let rule = |filtering, from| {
            let mut nat = nat(Behaviour { filtering, ..ANY });
            let outside = out(&mut nat, 0, ALICE, "198.18.0.9:1000");
            into(&mut nat, 1, from, outside).err()
        };
        let (same, other_port, other) = ("198.18.0.9:1000", "198.18.0.9:2000", "198.18.0.7:1000");
        assert_eq!([same, other_port, other].map(|from| rule(Independent, from)), [None, None, None]);
        assert_eq!(
            [same, other_port, other].map(|from| rule(Address, from)),
            [None, None, Some(Rule::FilteredByAddress)]
        );
        assert_eq!(
            [same, other_port, other].map(|from| rule(AddressAndPort, from)),
            [None, Some(Rule::FilteredByPort), Some(Rule::FilteredByPort)]
        );
    }

    #[test]
    fn the_inside_port_is_kept_where_it_is_free() {
        let mut nat = nat(Behaviour { ports: PortChoice::Preserve, ..ANY });
        assert_eq!(out(&mut nat, 0, ALICE, BOB).port(), 6881);
        assert_eq!(out(&mut nat, 0, "10.1.0.2:6881", BOB).port(), 6882);
        assert!(out(&mut nat, 0, "10.1.0.3:80", BOB).port() >= 1_024, "well-known ports are kept apart");
    }

    #[test]
    fn ports_by_lot_are_the_same_for_the_same_seed() {
        let ports = |seed| {
            let behaviour = Behaviour { ports: PortChoice::Random, mapping: AddressAndPort, ..ANY };
            let mut nat = Nat::new(behaviour, OUTSIDE, Rng::from_seed(seed));
            [1, 2, 3].map(|port| out(&mut nat, 0, ALICE, &format!("198.18.0.9:{port}")).port())
        };
        assert_eq!(ports(1), ports(1));
        assert_ne!(ports(1), ports(2));
    }

    #[test]
    fn silence_ends_a_mapping_and_traffic_keeps_it() {
        let mut nat = nat(Behaviour { udp_timeout: Duration::from_secs(120), ..ANY });
        let outside = out(&mut nat, 0, ALICE, BOB);
        assert!(into(&mut nat, 119, BOB, outside).is_ok());
        assert!(into(&mut nat, 238, BOB, outside).is_ok(), "what comes in counts as well");
        assert_eq!(into(&mut nat, 358, BOB, outside), Err(Rule::NoMapping));
    }

    #[test]
    fn a_connection_is_remembered_long_and_one_that_both_sides_ended_four_minutes() {
        for mapping in [Independent, AddressAndPort] {
            let mut nat = nat(Behaviour { tcp_timeout: Duration::from_secs(7_440), mapping, ..ANY });
            let outside = tcp_out(&mut nat, 0, Stage::Open);
            assert!(tcp_in(&mut nat, 1, outside, Stage::Data).is_ok());
            tcp_out(&mut nat, 1, Stage::Data);
            assert!(tcp_in(&mut nat, 7_000, outside, Stage::Data).is_ok());
            tcp_out(&mut nat, 7_000, Stage::End);
            assert!(tcp_in(&mut nat, 9_000, outside, Stage::Data).is_ok(), "the other side may still talk");
            assert!(tcp_in(&mut nat, 9_000, outside, Stage::End).is_ok());
            tcp_out(&mut nat, 9_000, Stage::Data);
            assert!(tcp_in(&mut nat, 9_239, outside, Stage::Data).is_ok(), "{mapping:?}");
            let stranger = packet(Protocol::Tcp, "198.18.0.7:5", &outside.to_string(), Stage::Open);
            assert_eq!(nat.inbound(at(9_480), stranger).err(), Some(Rule::NoMapping), "{mapping:?}");
        }
    }

    #[test]
    fn a_mapping_lasts_as_long_as_its_last_session() {
        let mut nat = nat(Behaviour { tcp_timeout: Duration::from_secs(7_440), ..ANY });
        let outside = tcp_out(&mut nat, 0, Stage::Open);
        tcp_in(&mut nat, 1, outside, Stage::Data).unwrap();
        let other = packet(Protocol::Tcp, ALICE, "198.18.0.7:5", Stage::Open);
        assert_eq!(nat.outbound(at(2), other).unwrap().0.from, outside);
        nat.inbound(at(3), packet(Protocol::Tcp, "198.18.0.7:5", &outside.to_string(), Stage::Data)).unwrap();
        tcp_out(&mut nat, 4, Stage::End);
        tcp_in(&mut nat, 4, outside, Stage::End).unwrap();
        let answer = packet(Protocol::Tcp, "198.18.0.7:5", &outside.to_string(), Stage::Data);
        assert!(nat.inbound(at(7_000), answer).is_ok(), "one session is over, the other goes on");
    }

    #[test]
    fn what_is_no_beginning_opens_nothing() {
        let mut nat = nat(ANY);
        let outside = tcp_out(&mut nat, 0, Stage::Open);
        let stranger = packet(Protocol::Tcp, "198.18.0.7:5", &outside.to_string(), Stage::Data);
        assert_eq!(nat.inbound(at(1), stranger).err(), Some(Rule::NoMapping));
    }

    #[test]
    fn a_forwarded_port_lets_everybody_in_and_the_answer_out_by_the_same_port() {
        let mut nat = nat(Behaviour { mapping: AddressAndPort, filtering: AddressAndPort, ..ANY });
        nat.forward(Protocol::Tcp, 7000, ALICE.parse().unwrap());
        let outside = SocketAddr::new(OUTSIDE.into(), 7000);
        let came = tcp_in(&mut nat, 9_000, outside, Stage::Open).unwrap();
        assert_eq!(came.to, ALICE.parse().unwrap());
        assert_eq!(tcp_out(&mut nat, 9_001, Stage::Data), outside);
    }

    #[test]
    fn the_inside_reaches_itself_by_the_outside_address_only_with_hairpinning() {
        for hairpin in [true, false] {
            let mut nat = nat(Behaviour { hairpin, ..ANY });
            let outside = out(&mut nat, 0, ALICE, BOB);
            let packet = packet(Protocol::Udp, "10.1.0.2:5000", &outside.to_string(), Stage::Data);
            let turned = nat.hairpin(at(1), packet);
            match hairpin {
                true => {
                    let (packet, _) = turned.unwrap();
                    assert_eq!(packet.to, ALICE.parse().unwrap());
                    assert_eq!(
                        packet.from.ip(),
                        IpAddr::from(OUTSIDE),
                        "seen from its outside address (RFC 4787 REQ-9)"
                    );
                }
                false => assert_eq!(turned.err(), Some(Rule::NoHairpin)),
            }
        }
    }

    #[test]
    fn when_all_ports_are_taken_nobody_gets_one() {
        let mut nat = nat(Behaviour { mapping: AddressAndPort, ..ANY });
        let ports = 65_536 - 1_024;
        for port in 0..ports {
            out(&mut nat, 0, ALICE, &format!("198.18.0.9:{port}"));
        }
        let one_more = packet(Protocol::Udp, ALICE, "198.19.0.1:9", Stage::Data);
        assert_eq!(nat.outbound(at(1), one_more).err(), Some(Rule::OutOfPorts));
        assert!(nat.outbound(at(500), one_more).is_ok(), "what is silent makes room");
    }

    #[test]
    fn after_a_power_cut_only_what_was_made_by_hand_is_left() {
        let mut nat = nat(ANY);
        nat.forward(Protocol::Udp, 7000, ALICE.parse().unwrap());
        let outside = out(&mut nat, 0, "10.1.0.2:5", BOB);
        nat.rebind();
        assert_eq!(into(&mut nat, 1, BOB, outside), Err(Rule::NoMapping));
        assert!(into(&mut nat, 1, BOB, SocketAddr::new(OUTSIDE.into(), 7000)).is_ok());
    }

    const ANY: Behaviour = Behaviour {
        mapping: Independent,
        filtering: Independent,
        ports: PortChoice::Preserve,
        udp_timeout: Duration::from_secs(300),
        tcp_timeout: Duration::from_secs(7_440),
        hairpin: true,
    };
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
    const ALICE: &str = "10.1.0.1:6881";
    const BOB: &str = "198.18.0.9:1000";

    fn nat(behaviour: Behaviour) -> Nat {
        Nat::new(behaviour, OUTSIDE, Rng::from_seed(1))
    }

    fn at(second: u64) -> Time {
        Time::from_secs(second)
    }

    fn packet(protocol: Protocol, from: &str, to: &str, stage: Stage) -> Packet {
        Packet { protocol, from: from.parse().unwrap(), to: to.parse().unwrap(), stage }
    }

    /// The outside address that a datagram is seen to come from.
    fn out(nat: &mut Nat, second: u64, from: &str, to: &str) -> SocketAddr {
        nat.outbound(at(second), packet(Protocol::Udp, from, to, Stage::Data)).unwrap().0.from
    }

    fn into(nat: &mut Nat, second: u64, from: &str, to: SocketAddr) -> Result<Packet, Rule> {
        nat.inbound(at(second), packet(Protocol::Udp, from, &to.to_string(), Stage::Data))
    }

    fn tcp_out(nat: &mut Nat, second: u64, stage: Stage) -> SocketAddr {
        nat.outbound(at(second), packet(Protocol::Tcp, ALICE, BOB, stage)).unwrap().0.from
    }

    fn tcp_in(nat: &mut Nat, second: u64, to: SocketAddr, stage: Stage) -> Result<Packet, Rule> {
        nat.inbound(at(second), packet(Protocol::Tcp, BOB, &to.to_string(), stage))
    }
}
