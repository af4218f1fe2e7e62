//! Which network lies behind which, and the way a packet takes. Networks form a tree: its root is the
//! internet, each other network has a border to the one it lies in. At the border stands its [`Gear`],
//! and from there a line leads on, with delay, jitter and loss. So a home behind a provider's NAT is a network
//! in a network. Inside a network all reach each other directly, as on a LAN.
//!
//! A path pays for each border it crosses, its own and the other side's: half of `rtt` on each way. The gear
//! is at the inner end of the line, so what it turns around or refuses does not travel.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use model::{Rng, Time};

use crate::gear::{Border, Gear};
use crate::middlebox::Inspector;
use crate::packet::{Incident, Packet, Protocol, Rule, What};

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetId(pub(crate) usize);

/// A host, in the order of their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub(crate) usize);

/// The line from a network's border to the network it lies in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    /// There and back.
    pub rtt: Duration,
    /// A packet takes half of `rtt`, half of this more or less. At most `rtt`.
    pub jitter: Duration,
    /// Packets lost, of a million, each way.
    pub loss_ppm: u32,
}

/// All networks.
#[derive(Debug)]
pub(crate) struct Topology {
    nets: Vec<Net>,
}

#[derive(Debug)]
struct Net {
    name: String,
    parent: Option<NetId>,
    gear: Gear,
    line: Line,
    /// Where lots for this line are drawn.
    rng: Rng,
    is_cut: bool,
    /// A captive portal: who, by the addresses that are seen here, may pass.
    portal: Option<BTreeSet<IpAddr>>,
    /// Who looks into connections that cross the border.
    inspector: Option<Inspector>,
    /// Who answers to an address here.
    addresses: BTreeMap<IpAddr, Owner>,
    hosts: u32,
    /// Outside addresses given to networks in it.
    borders: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Host(HostId),
    Net(NetId),
}

/// A packet that gets to a host.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) host: HostId,
    /// As it arrives.
    pub(crate) packet: Packet,
    pub(crate) delay: Duration,
    /// So many of the packets were lost.
    pub(crate) lost: u64,
}

/// A packet that gets nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The sender is told.
    pub(crate) refused: bool,
}

/// From one host of a network to another, and to the border.
const LAN_DELAY: Duration = Duration::from_micros(100);

/// Networks in networks.
const DEPTH_MAX: usize = 8;

impl Topology {
    /// The internet, with nobody on it.
    pub(crate) fn new(seed: u64) -> Self {
        Self { nets: vec![Net::new("internet", None, Gear::default(), Line::default(), seed)] }
    }

    pub(crate) const INTERNET: NetId = NetId(0);

    /// Adds a network that lies in `parent`.
    pub(crate) fn add(&mut self, name: &str, parent: NetId, border: impl Into<Border>, line: Line, seed: u64) -> NetId {
        assert!(line.jitter <= line.rtt, "a delay can't vary by more than there is of it");
        let mut depth = 1;
        let mut above = parent;
        while let Some(next) = self.nets[above.0].parent {
            (above, depth) = (next, depth + 1);
        }
        assert!(depth < DEPTH_MAX, "{DEPTH_MAX} networks lie in each other at most");
        let id = NetId(self.nets.len());
        let outside = self.nets[parent.0].outside_address(parent, self.is_translated(parent));
        let gear = border.into().gear(outside, Rng::stream(seed, &format!("nat {name}")));
        if gear.outside().is_some() {
            self.nets[parent.0].borders += 1;
            self.claim(parent, outside.into(), Owner::Net(id));
        }
        self.nets.push(Net::new(name, Some(parent), gear, line, seed));
        id
    }

    /// True where addresses mean nothing on the internet: a NAT is between.
    fn is_translated(&self, net: NetId) -> bool {
        let mut here = Some(net);
        while let Some(at) = here.map(|id| &self.nets[id.0]) {
            if at.gear.outside().is_some() {
                return true;
            }
            here = at.parent;
        }
        false
    }

    /// Gives a host an address in a network.
    pub(crate) fn settle(&mut self, host: HostId, net: NetId, is_ipv6: bool) -> IpAddr {
        let address = self.nets[net.0].host_address(net, is_ipv6);
        self.nets[net.0].hosts += 1;
        self.claim(net, address, Owner::Host(host));
        address
    }

    /// Whoever owns an address in a network without a NAT is known in the one around it, too.
    fn claim(&mut self, net: NetId, address: IpAddr, owner: Owner) {
        let (mut net, mut owner) = (net, owner);
        loop {
            let here = &mut self.nets[net.0];
            here.addresses.insert(address, owner);
            let translated = here.gear.outside().is_some() && address.is_ipv4();
            let Some(parent) = here.parent.filter(|_| !translated) else { return };
            (owner, net) = (Owner::Net(net), parent);
        }
    }

    /// Cuts the way between a network and the rest of the world, or heals it.
    pub(crate) fn cut(&mut self, net: NetId, is_cut: bool) {
        self.nets[net.0].is_cut = is_cut;
    }

    pub(crate) fn set_line(&mut self, net: NetId, line: Line) {
        self.nets[net.0].line = line;
    }

    /// Puts a captive portal at a network's border: nobody has signed in.
    pub(crate) fn put_portal(&mut self, net: NetId) {
        self.nets[net.0].portal = Some(BTreeSet::new());
    }

    /// Signs an address of `net` in at every captive portal on its way to the internet. Behind a NAT that is all who
    /// share its outside address.
    pub(crate) fn sign_in(&mut self, net: NetId, address: IpAddr) {
        let (mut here, mut address) = (Some(net), address);
        while let Some(id) = here {
            let net = &mut self.nets[id.0];
            if let Some(signed_in) = &mut net.portal {
                signed_in.insert(address);
            }
            if let Some(outside) = net.gear.outside().filter(|_| address.is_ipv4()) {
                address = outside.into();
            }
            here = net.parent;
        }
    }

    /// Puts a box at a network's border that looks into connections.
    pub(crate) fn put_inspector(&mut self, net: NetId, inspector: Inspector) {
        self.nets[net.0].inspector = Some(inspector);
    }

    pub(crate) fn inspector(&self, net: NetId) -> Option<&Inspector> {
        self.nets[net.0].inspector.as_ref()
    }

    /// The network of this name.
    pub(crate) fn named(&self, name: &str) -> Option<NetId> {
        self.nets.iter().position(|net| net.name == name).map(NetId)
    }

    pub(crate) fn name(&self, net: NetId) -> &str {
        &self.nets[net.0].name
    }

    /// Networks with a box at their border that is passed between hosts of two networks, in the order of the way.
    pub(crate) fn inspectors_between(&self, from: NetId, to: NetId) -> Vec<NetId> {
        let [up, mut down] = [from, to].map(|net| self.around(net).collect::<Vec<_>>());
        down.reverse();
        let leaves = up.iter().filter(|net| !down.contains(net));
        let enters = down.iter().filter(|net| !up.contains(net));
        leaves.chain(enters).copied().filter(|net| self.inspector(*net).is_some()).collect()
    }

    /// A network and those around it, inside out.
    fn around(&self, net: NetId) -> impl Iterator<Item = NetId> {
        std::iter::successors(Some(net), |net| self.nets[net.0].parent)
    }

    /// Who is behind an address as it is known in `net`: the host that has it, or that a NAT on the way gave it to.
    /// Where the NAT gave it to nobody, the only host behind the NAT for which `listens_at` its port, or the only
    /// one there is.
    pub(crate) fn whose(
        &self,
        net: NetId,
        protocol: Protocol,
        addr: SocketAddr,
        listens_at: impl Fn(HostId, u16) -> bool,
    ) -> Option<HostId> {
        let mut owner = *self.around(net).find_map(|net| self.nets[net.0].addresses.get(&addr.ip()))?;
        let mut addr = addr;
        loop {
            let id = match owner {
                Owner::Host(host) => return Some(host),
                Owner::Net(net) => net,
            };
            let net = &self.nets[id.0];
            if let Some(nat) = net.gear.nat.as_ref().filter(|nat| IpAddr::from(nat.outside()) == addr.ip()) {
                let Some(inside) = nat.inside(protocol, addr.port()) else {
                    let hosts = self.hosts_in(id);
                    let listening: Vec<HostId> =
                        hosts.iter().copied().filter(|host| listens_at(*host, addr.port())).collect();
                    let [one] = if listening.is_empty() { hosts } else { listening }[..] else { return None };
                    return Some(one);
                };
                addr = inside;
            }
            owner = *net.addresses.get(&addr.ip())?;
        }
    }

    /// The hosts with an IPv4 address in a network and in those within.
    fn hosts_in(&self, net: NetId) -> Vec<HostId> {
        let mut within: BTreeSet<NetId> = BTreeSet::new();
        let mut hosts = Vec::new();
        for owner in self.nets[net.0].addresses.iter().filter(|(ip, _)| ip.is_ipv4()).map(|(_, owner)| *owner) {
            match owner {
                Owner::Host(host) => hosts.push(host),
                Owner::Net(net) => {
                    if within.insert(net) {
                        hosts.extend(self.hosts_in(net));
                    }
                }
            }
        }
        hosts
    }

    /// The NAT of a network forgets what it gave out.
    pub(crate) fn rebind(&mut self, net: NetId) {
        if let Some(nat) = &mut self.nets[net.0].gear.nat {
            nat.rebind();
        }
    }

    /// Makes a host reachable by a port of its network's border; answers with the address to be
    /// called there.
    pub(crate) fn forward(&mut self, net: NetId, protocol: Protocol, port: u16, inside: SocketAddr) -> SocketAddr {
        let gear = &mut self.nets[net.0].gear;
        gear.forward(protocol, port, inside);
        match gear.outside() {
            Some(outside) if inside.is_ipv4() => SocketAddr::new(outside.into(), port),
            _ => inside,
        }
    }

    /// Takes packets of one kind, `count` at once, from a host in `net` as far as they get.
    pub(crate) fn carry(
        &mut self,
        now: Time,
        net: NetId,
        packet: Packet,
        count: u64,
        incidents: &mut Vec<Incident>,
    ) -> Result<Journey, Stopped> {
        let mut way = Way { now, packet, count, delay: LAN_DELAY, lost: 0, incidents };
        let mut here = net;
        let found = loop {
            if let Some(&owner) = self.nets[here.0].addresses.get(&way.packet.to.ip()) {
                break Ok(owner);
            }
            match self.go_out(here, &mut way) {
                Ok(Next::Beyond(parent)) => here = parent,
                Ok(Next::Inside(owner)) => break Ok(owner),
                Err(stopped) => break Err(stopped),
            }
        };
        let mut owner = found?;
        loop {
            match owner {
                Owner::Host(host) => {
                    return Ok(Journey { host, packet: way.packet, delay: way.delay, lost: way.lost });
                }
                Owner::Net(net) => owner = self.go_in(net, &mut way)?,
            }
        }
    }

    /// Across the border of `here`, outward.
    fn go_out(&mut self, here: NetId, way: &mut Way<'_>) -> Result<Next, Stopped> {
        let net = &mut self.nets[here.0];
        let Some(parent) = net.parent else { return Err(way.stop(net, Rule::NoRoute)) };
        if net.portal.as_ref().is_some_and(|signed_in| !signed_in.contains(&way.packet.from.ip())) {
            return Err(way.stop_on_the_way_out(net, Rule::CaptivePortal));
        }
        if net.gear.outside().is_some_and(|outside| way.packet.to.ip() == IpAddr::from(outside)) {
            return self.turn_around(here, way);
        }
        match net.gear.outbound(way.now, way.packet) {
            Ok((packet, mapped)) => {
                way.note_mapping(net, mapped);
                way.packet = packet;
            }
            Err(rule) => return Err(way.stop_on_the_way_out(net, rule)),
        }
        if net.is_cut {
            return Err(way.stop(net, Rule::Cut));
        }
        way.cross(net);
        Ok(Next::Beyond(parent))
    }

    fn turn_around(&mut self, here: NetId, way: &mut Way<'_>) -> Result<Next, Stopped> {
        let net = &mut self.nets[here.0];
        match net.gear.hairpin(way.now, way.packet) {
            Ok((packet, mapped)) => {
                way.note_mapping(net, mapped);
                way.packet = packet;
            }
            Err(rule) => return Err(way.stop(net, rule)),
        }
        match net.addresses.get(&way.packet.to.ip()) {
            Some(owner) => Ok(Next::Inside(*owner)),
            None => Err(way.stop(net, Rule::NoRoute)),
        }
    }

    /// Across the border of `net`, inward.
    fn go_in(&mut self, net: NetId, way: &mut Way<'_>) -> Result<Owner, Stopped> {
        let net = &mut self.nets[net.0];
        if net.is_cut {
            return Err(way.stop(net, Rule::Cut));
        }
        way.cross(net);
        match net.gear.inbound(way.now, way.packet) {
            Ok(packet) => way.packet = packet,
            Err(rule) => return Err(way.stop(net, rule)),
        }
        if net.portal.as_ref().is_some_and(|signed_in| !signed_in.contains(&way.packet.to.ip())) {
            return Err(way.stop(net, Rule::CaptivePortal));
        }
        let owner = net.addresses.get(&way.packet.to.ip()).copied();
        owner.ok_or_else(|| way.stop(net, Rule::NoRoute))
    }
}

enum Next {
    Beyond(NetId),
    /// Turned around at the border.
    Inside(Owner),
}

/// A packet under way.
struct Way<'a> {
    now: Time,
    packet: Packet,
    count: u64,
    delay: Duration,
    lost: u64,
    incidents: &'a mut Vec<Incident>,
}

impl Way<'_> {
    fn cross(&mut self, net: &mut Net) {
        let Line { rtt, jitter, loss_ppm } = net.line;
        self.delay += (rtt - jitter) / 2;
        let jitter = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
        if jitter > 0 {
            self.delay += Duration::from_micros(net.rng.below(jitter.saturating_add(1)));
        }
        if loss_ppm > 0 {
            let left = self.count - self.lost;
            let lost = (0..left).filter(|_| net.rng.chance(loss_ppm.into(), 1_000_000)).count() as u64;
            if lost > 0 {
                self.lost += lost;
                self.note_some(net, lost, What::Dropped { rule: Rule::Lost });
            }
        }
    }

    fn note_mapping(&mut self, net: &Net, mapped: Option<SocketAddr>) {
        if let Some(outside) = mapped {
            self.note(net, What::Mapped { outside });
        }
    }

    fn stop(&mut self, net: &Net, rule: Rule) -> Stopped {
        self.note(net, What::Dropped { rule });
        Stopped { refused: false }
    }

    /// A connection may be told: a firewall that refuses answers with a reset, and so does a portal.
    fn stop_on_the_way_out(&mut self, net: &Net, rule: Rule) -> Stopped {
        let tells = rule == Rule::CaptivePortal || (rule == Rule::PortBlocked && net.gear.refuses());
        if !tells || self.packet.protocol != Protocol::Tcp {
            return self.stop(net, rule);
        }
        self.note(net, What::Refused { rule });
        Stopped { refused: true }
    }

    fn note(&mut self, net: &Net, what: What) {
        self.note_some(net, self.count, what);
    }

    fn note_some(&mut self, net: &Net, count: u64, what: What) {
        self.incidents.push(Incident { time: self.now, place: net.name.clone(), packet: self.packet, count, what });
    }
}

impl Net {
    fn new(name: &str, parent: Option<NetId>, gear: Gear, line: Line, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            parent,
            gear,
            line,
            rng: Rng::stream(seed, &format!("line {name}")),
            is_cut: false,
            portal: None,
            inspector: None,
            addresses: BTreeMap::new(),
            hosts: 0,
            borders: 0,
        }
    }

    /// 10.NET.x.y, so that an address says which network it is in.
    fn host_address(&self, id: NetId, is_ipv6: bool) -> IpAddr {
        let (net, host) = (id.0 as u16, self.hosts);
        assert!(net < 256 && host < HOSTS_MAX, "256 networks, {HOSTS_MAX} hosts in each");
        if is_ipv6 {
            return Ipv6Addr::new(0xfd00, net, 0, 0, 0, 0, 0, host as u16 + 1).into();
        }
        Ipv4Addr::new(10, net as u8, (host / 250) as u8, (host % 250 + 1) as u8).into()
    }

    /// For the border of a network in this one: 198.18.x.y on the internet and 198.19.NET.y in a provider's network
    /// (RFC 2544's range for labs), 100.NET.x.y behind a provider's NAT (RFC 6598).
    fn outside_address(&self, id: NetId, is_translated: bool) -> Ipv4Addr {
        let border = self.borders;
        assert!(border < HOSTS_MAX, "{HOSTS_MAX} borders in one network");
        let (high, low) = ((border / 250) as u8, (border % 250 + 1) as u8);
        match (self.parent, is_translated) {
            (None, _) => Ipv4Addr::new(198, 18, high, low),
            (Some(_), true) => Ipv4Addr::new(100, 64 + (id.0 % 64) as u8, high, low),
            (Some(_), false) => {
                assert!(high == 0, "250 borders in a provider's network");
                Ipv4Addr::new(198, 19, id.0 as u8, low)
            }
        }
    }
}

/// Hosts in one network.
const HOSTS_MAX: u32 = 250 * 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gear::Preset;
    use crate::packet::Stage;

    #[test]
    fn a_path_pays_for_both_borders_and_nothing_inside() {
        let mut world = Topology::new(1);
        let line = |ms| Line { rtt: Duration::from_millis(ms), ..Line::default() };
        let dsl = world.add("dsl", Topology::INTERNET, Preset::Open, line(40), 1);
        let lab = world.add("lab", Topology::INTERNET, Preset::Open, line(20), 1);
        let [a, b] = [(0, dsl), (1, lab)].map(|(host, net)| world.settle(HostId(host), net, false));
        let c = world.settle(HostId(2), dsl, false);
        assert_eq!(send(&mut world, dsl, udp(a, 1, b, 1)).unwrap().delay, Duration::from_micros(30_100));
        assert_eq!(send(&mut world, dsl, udp(a, 1, c, 1)).unwrap().delay, LAN_DELAY);
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_loss_comes_about_as_often_as_asked() {
        let mut world = Topology::new(1);
        let line = Line { rtt: Duration::from_millis(20), jitter: Duration::from_millis(10), loss_ppm: 100_000 };
        let net = world.add("net", Topology::INTERNET, Preset::Open, line, 1);
        let a = world.settle(HostId(0), net, false);
        let b = world.settle(HostId(1), Topology::INTERNET, false);
        let journeys: Vec<Journey> = (0..2_000).map(|_| send(&mut world, net, udp(a, 1, b, 1)).unwrap()).collect();
        let (least, most) = (Duration::from_micros(5_100), Duration::from_micros(15_100));
        assert!(journeys.iter().all(|journey| (least..=most).contains(&journey.delay)));
        let lost = journeys.iter().filter(|journey| journey.lost > 0).count();
        assert!((150..250).contains(&lost), "{lost} of 2000 are lost");
    }

    #[test]
    fn a_home_behind_a_providers_nat_is_translated_twice_and_answered() {
        let mut world = Topology::new(1);
        let provider = world.add("provider", Topology::INTERNET, Preset::Cgnat, Line::default(), 1);
        let home = world.add("home", provider, Preset::Home, Line::default(), 1);
        let a = world.settle(HostId(0), home, false);
        let server = world.settle(HostId(1), Topology::INTERNET, false);
        let mut incidents = Vec::new();
        let there =
            world.carry(Time::ZERO, home, udp(a, 6881, server, 6969), 1, &mut incidents).expect("the server is open");
        assert_eq!(there.packet.from.ip(), IpAddr::from([198, 18, 0, 1]));
        let places: Vec<&str> = incidents.iter().map(|incident| incident.place.as_str()).collect();
        assert_eq!(places, ["home", "provider"], "{incidents:?}");
        let Packet { from, to, .. } = there.packet;
        let back = send(&mut world, Topology::INTERNET, Packet { from: to, to: from, ..there.packet }).unwrap();
        assert_eq!((back.host, back.packet.to), (HostId(0), SocketAddr::new(a, 6881)));
    }

    #[test]
    fn a_drop_names_the_place_and_the_rule() {
        let mut world = Topology::new(1);
        let home = world.add("home", Topology::INTERNET, Preset::Home, Line::default(), 1);
        world.settle(HostId(0), home, false);
        let server = world.settle(HostId(1), Topology::INTERNET, false);
        let mut incidents = Vec::new();
        let called = udp(server, 1, [198, 18, 0, 1].into(), 6881);
        assert!(world.carry(Time::ZERO, Topology::INTERNET, called, 1, &mut incidents).is_err());
        assert_eq!((incidents[0].place.as_str(), incidents[0].what), ("home", What::Dropped { rule: Rule::NoMapping }));
    }

    #[test]
    fn ipv6_is_not_translated_but_guarded() {
        let mut world = Topology::new(1);
        let home = world.add("home", Topology::INTERNET, Preset::Home, Line::default(), 1);
        let a = world.settle(HostId(0), home, true);
        let server = world.settle(HostId(1), Topology::INTERNET, true);
        assert!(send(&mut world, Topology::INTERNET, udp(server, 1, a, 6881)).is_err(), "nobody asked");
        let there = send(&mut world, home, udp(a, 6881, server, 1)).unwrap();
        assert_eq!(there.packet.from.ip(), a);
        assert_eq!(send(&mut world, Topology::INTERNET, udp(server, 1, a, 6881)).unwrap().host, HostId(0));
    }

    #[test]
    fn a_cut_network_is_alone_until_it_is_healed() {
        let mut world = Topology::new(1);
        let net = world.add("net", Topology::INTERNET, Preset::Open, Line::default(), 1);
        let a = world.settle(HostId(0), net, false);
        let b = world.settle(HostId(1), Topology::INTERNET, false);
        let c = world.settle(HostId(2), net, false);
        world.cut(net, true);
        assert!(send(&mut world, net, udp(a, 1, b, 1)).is_err());
        assert!(send(&mut world, Topology::INTERNET, udp(b, 1, a, 1)).is_err());
        assert!(send(&mut world, net, udp(a, 1, c, 1)).is_ok(), "its own people reach each other");
        world.cut(net, false);
        assert!(send(&mut world, net, udp(a, 1, b, 1)).is_ok());
    }

    #[test]
    fn two_homes_behind_one_carrier_reach_each_other_if_it_turns_packets_around() {
        let mut world = Topology::new(1);
        let carrier = world.add("carrier", Topology::INTERNET, Preset::Cgnat, Line::default(), 1);
        let homes = ["home-1", "home-2"].map(|name| world.add(name, carrier, Preset::FullCone, Line::default(), 1));
        let [a, b] = [0, 1].map(|host| world.settle(HostId(host), homes[host], false));
        let server = world.settle(HostId(2), Topology::INTERNET, false);
        let known_as = send(&mut world, homes[1], udp(b, 6881, server, 1)).unwrap().packet.from;
        let there = send(&mut world, homes[0], udp(a, 6881, known_as.ip(), known_as.port())).unwrap();
        assert_eq!((there.host, there.packet.to), (HostId(1), SocketAddr::new(b, 6881)));
        let Packet { from, to, .. } = there.packet;
        let back = send(&mut world, homes[1], Packet { from: to, to: from, ..there.packet }).unwrap();
        assert_eq!((back.host, back.packet.from), (HostId(0), known_as));
    }

    #[test]
    fn nothing_passes_a_portal_before_the_sign_in_and_all_after() {
        let mut world = Topology::new(1);
        let hotel = world.add("hotel", Topology::INTERNET, Preset::Hotel, Line::default(), 1);
        world.put_portal(hotel);
        let [a, c] = [0, 2].map(|host| world.settle(HostId(host), hotel, false));
        let b = world.settle(HostId(1), Topology::INTERNET, false);
        let tcp = |from, to| Packet { protocol: Protocol::Tcp, stage: Stage::Open, ..udp(from, 1, to, 1) };
        assert_eq!(send(&mut world, hotel, udp(a, 1, b, 1)).err(), Some(Stopped { refused: false }));
        assert_eq!(send(&mut world, hotel, tcp(a, b)).err(), Some(Stopped { refused: true }));
        assert!(send(&mut world, hotel, tcp(a, c)).is_ok(), "guests reach each other");
        world.sign_in(hotel, a);
        assert!(send(&mut world, hotel, tcp(a, b)).is_ok());
        assert!(send(&mut world, hotel, tcp(c, b)).is_err(), "each signs in for itself");
    }

    #[test]
    fn who_is_behind_a_nat_is_known_by_what_it_gave_out_or_because_nobody_else_is_there() {
        let mut world = Topology::new(1);
        let carrier = world.add("carrier", Topology::INTERNET, Preset::Cgnat, Line::default(), 1);
        let home = world.add("home", carrier, Preset::Home, Line::default(), 1);
        let a = world.settle(HostId(0), home, false);
        let server = world.settle(HostId(1), Topology::INTERNET, false);
        let outside = |port| SocketAddr::from(([198, 18, 0, 1], port));
        let whose = |world: &Topology, port| {
            world.whose(Topology::INTERNET, Protocol::Udp, outside(port), |host, port| port == 7000 + host.0 as u16)
        };
        assert_eq!(whose(&world, 1), Some(HostId(0)), "nobody else is there");
        let b = world.settle(HostId(2), home, false);
        assert_eq!(whose(&world, 1), None);
        assert_eq!(whose(&world, 7002), Some(HostId(2)), "the one that listens there");
        for (host, address) in [(0, a), (2, b)] {
            let port = send(&mut world, home, udp(address, 5, server, 1)).unwrap().packet.from.port();
            assert_eq!(whose(&world, port), Some(HostId(host)), "the carrier's port leads to the home's");
        }
    }

    #[test]
    fn boxes_are_met_in_the_order_of_the_way() {
        let mut world = Topology::new(1);
        let boxed = |world: &mut Topology, name, parent| {
            let net = world.add(name, parent, Preset::Open, Line::default(), 1);
            world.put_inspector(net, Inspector { classes: Vec::new(), action: crate::middlebox::Action::Drop });
            net
        };
        let east = boxed(&mut world, "east", Topology::INTERNET);
        let west = boxed(&mut world, "west", Topology::INTERNET);
        let home = boxed(&mut world, "home", west);
        assert_eq!(world.inspectors_between(home, east), [home, west, east]);
        assert_eq!(world.inspectors_between(east, home), [east, west, home]);
        assert_eq!(world.inspectors_between(home, west), [home], "what stays with one provider does not pass its box");
        assert_eq!(world.inspectors_between(home, home), []);
    }

    fn send(world: &mut Topology, net: NetId, packet: Packet) -> Result<Journey, Stopped> {
        world.carry(Time::ZERO, net, packet, 1, &mut Vec::new())
    }

    fn udp(from: IpAddr, from_port: u16, to: IpAddr, to_port: u16) -> Packet {
        let (from, to) = (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
        Packet { protocol: Protocol::Udp, from, to, stage: Stage::Data }
    }
}
