//! What stands at a network's border: a NAT, a firewall, both or neither. [`Preset`] names what
//! people have at home, at work and on the road.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::{Rng, Time};

use crate::firewall::{Firewall, FirewallRules};
use crate::nat::{Behaviour, Dependence, Nat, PortChoice, Translated};
use crate::packet::{Packet, Protocol, Rule};

/// A router. A firewall stands on its inner side, so it sees inside addresses; behind it the NAT translates IPv4.
#[derive(Debug, Default)]
pub struct Gear {
    pub nat: Option<Nat>,
    pub firewall: Option<Firewall>,
    /// The firewall is for IPv6: IPv4 has the NAT.
    spares_ipv4: bool,
}

/// What a router is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Border {
    /// What translates IPv4.
    pub nat: Option<Behaviour>,
    /// What filters IPv4 and IPv6. A NAT without one has a stateful firewall for IPv6, as routers at home do.
    pub firewall: Option<FirewallRules>,
}

/// A kind of border, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// Everybody can be reached: a server's network, a university's.
    Open,
    /// The mildest NAT: one outside port for an inside one, and anybody may use it. What games ask for,
    /// and many routers call "full cone" or "NAT type open".
    FullCone,
    /// Only addresses that were sent to may answer.
    AddressRestricted,
    /// Only address and port that were sent to may answer.
    PortRestricted,
    /// Another outside port for each destination, and only that may answer.
    Symmetric,
    /// A router at home, such as one with OpenWrt: Linux' masquerading keeps the inside port, so that all see the
    /// same one, and lets in only answers. Behind it IPv6 has a firewall that does the same.
    Home,
    /// An office with port address translation, such as a Cisco ASA: another outside port, by lot,
    /// for each destination, and UDP forgotten after half a minute.
    Corporate,
    /// A provider's NAT for many customers by RFC 6888: endpoint-independent both ways, ports by lot, hairpinning.
    Cgnat,
    /// A hotspot's gateway: symmetric, ports in a row, a minute for UDP, guests do not reach each other.
    Hotel,
    /// A mobile provider: symmetric, ports by lot, half a minute for UDP.
    Mobile,
    /// No NAT, but a firewall that lets its inside use the web and nothing else: TCP to ports 80 and 443.
    Office,
}

impl Preset {
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::Symmetric,
        Self::Home,
        Self::Corporate,
        Self::Cgnat,
        Self::Hotel,
        Self::Mobile,
        Self::Office,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
            Self::Home => "home",
            Self::Corporate => "corporate",
            Self::Cgnat => "cgnat",
            Self::Hotel => "hotel",
            Self::Mobile => "mobile",
            Self::Office => "office",
        }
    }

    /// Where it is met, with a device for example: a short phrase for a legend.
    pub fn about(self) -> &'static str {
        match self {
            Self::Open => "no NAT, no firewall: a server, a university",
            Self::FullCone => "the mildest NAT; consoles call it \"NAT type open\"",
            Self::AddressRestricted => "answers from addresses sent to; some older routers",
            Self::PortRestricted => "answers from addresses and ports sent to; most routers",
            Self::Symmetric => "another outside port for each other; strict routers",
            Self::Home => "a router at home, such as one with OpenWrt (Linux)",
            Self::Corporate => "an office with port translation, such as a Cisco ASA",
            Self::Cgnat => "a provider's NAT for many customers (RFC 6888)",
            Self::Hotel => "a hotspot's gateway, as in a hotel or a train",
            Self::Mobile => "a mobile provider's network, as for a phone",
            Self::Office => "no NAT; a firewall that lets out web traffic only",
        }
    }

    /// How its NAT behaves; `None` where it has none.
    pub fn behaviour(self) -> Option<Behaviour> {
        use Dependence::{Address, AddressAndPort, Independent};
        let cone = |filtering| Behaviour {
            mapping: Independent,
            filtering,
            ports: PortChoice::Preserve,
            udp_timeout: Duration::from_secs(120),
            tcp_timeout: Duration::from_secs(7_440),
            hairpin: false,
        };
        let symmetric = |ports, udp_s| Behaviour {
            mapping: AddressAndPort,
            ports,
            udp_timeout: Duration::from_secs(udp_s),
            ..cone(AddressAndPort)
        };
        match self {
            Self::Open | Self::Office => None,
            Self::FullCone => Some(cone(Independent)),
            Self::AddressRestricted => Some(cone(Address)),
            Self::PortRestricted | Self::Home => Some(cone(AddressAndPort)),
            Self::Symmetric => Some(symmetric(PortChoice::Sequential, 120)),
            Self::Corporate => Some(symmetric(PortChoice::Random, 30)),
            Self::Cgnat => Some(Behaviour { ports: PortChoice::Random, hairpin: true, ..cone(Independent) }),
            Self::Hotel => Some(symmetric(PortChoice::Sequential, 60)),
            Self::Mobile => Some(symmetric(PortChoice::Random, 30)),
        }
    }
}

impl From<Preset> for Border {
    fn from(preset: Preset) -> Self {
        let office = || FirewallRules { open_ports: Some([80, 443].into()), udp_blocked: true, refuses: false };
        Self { nat: preset.behaviour(), firewall: (preset == Preset::Office).then(office) }
    }
}

impl Border {
    /// Such a router, with this outside address if it translates. `rng` chooses its ports.
    pub fn gear(self, outside: Ipv4Addr, rng: Rng) -> Gear {
        let spares_ipv4 = self.nat.is_some() && self.firewall.is_none();
        let rules = self.firewall.or(spares_ipv4.then(FirewallRules::default));
        let nat = self.nat.map(|behaviour| Nat::new(behaviour, outside, rng));
        Gear { nat, firewall: rules.map(Firewall::new), spares_ipv4 }
    }
}

impl Gear {
    /// A packet from inside, to what lies beyond.
    pub(crate) fn outbound(&mut self, now: Time, packet: Packet) -> Result<Translated, Rule> {
        if let Some(firewall) = self.filter_for(&packet) {
            firewall.outbound(now, &packet)?;
        }
        match &mut self.nat {
            Some(nat) if packet.from.is_ipv4() => nat.outbound(now, packet),
            _ => Ok((packet, None)),
        }
    }

    /// A packet from beyond.
    pub(crate) fn inbound(&mut self, now: Time, packet: Packet) -> Result<Packet, Rule> {
        let packet = match &mut self.nat {
            Some(nat) if packet.from.is_ipv4() => nat.inbound(now, packet)?,
            _ => packet,
        };
        if let Some(firewall) = self.filter_for(&packet) {
            firewall.inbound(now, &packet)?;
        }
        Ok(packet)
    }

    fn filter_for(&mut self, packet: &Packet) -> Option<&mut Firewall> {
        let spared = self.spares_ipv4 && packet.from.is_ipv4();
        self.firewall.as_mut().filter(|_| !spared)
    }

    /// A packet from inside to the outside address. It never leaves the inside, so no firewall is asked.
    pub(crate) fn hairpin(&mut self, now: Time, packet: Packet) -> Result<Translated, Rule> {
        self.nat.as_mut().ok_or(Rule::NoRoute)?.hairpin(now, packet)
    }

    /// The outside address, where there is a NAT.
    pub(crate) fn outside(&self) -> Option<Ipv4Addr> {
        self.nat.as_ref().map(Nat::outside)
    }

    /// True when what it stops going out is answered, and not just dropped.
    pub(crate) fn refuses(&self) -> bool {
        self.firewall.as_ref().is_some_and(Firewall::refuses)
    }

    /// Makes an inside address reachable: a mapping in the NAT, a hole in the firewall.
    pub(crate) fn forward(&mut self, protocol: Protocol, port: u16, inside: SocketAddr) {
        if let Some(nat) = self.nat.as_mut().filter(|_| inside.is_ipv4()) {
            nat.forward(protocol, port, inside);
        }
        if let Some(firewall) = &mut self.firewall {
            firewall.open(protocol, inside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Stage;

    #[test]
    fn a_firewall_behind_a_nat_keeps_out_what_the_nat_would_let_in() {
        let mut gear = gear(Some(FirewallRules::default()));
        let (_, outside) = gear.outbound(Time::ZERO, packet(INSIDE, "198.18.0.9:1")).unwrap();
        let outside = outside.unwrap().to_string();
        assert!(gear.inbound(Time::ZERO, packet("198.18.0.9:1", &outside)).is_ok(), "the answer");
        let stranger = packet("198.18.0.8:1", &outside);
        assert_eq!(gear.inbound(Time::ZERO, stranger), Err(Rule::Unsolicited), "a full cone alone would let it in");
        gear.forward(Protocol::Udp, 7000, INSIDE.parse().unwrap());
        let to_the_hole = packet("198.18.0.8:1", "198.18.0.1:7000");
        assert_eq!(gear.inbound(Time::ZERO, to_the_hole).unwrap().to, INSIDE.parse().unwrap());
    }

    #[test]
    fn blocked_ports_are_blocked_in_front_of_a_nat_too() {
        let mut gear = gear(Some(FirewallRules { open_ports: Some([80].into()), ..FirewallRules::default() }));
        assert_eq!(gear.outbound(Time::ZERO, packet(INSIDE, "198.18.0.9:6881")).err(), Some(Rule::PortBlocked));
        assert!(gear.outbound(Time::ZERO, packet(INSIDE, "198.18.0.9:80")).is_ok());
    }

    #[test]
    fn without_a_firewall_of_its_own_a_nat_decides_alone_and_ipv6_is_guarded() {
        let mut gear = gear(None);
        let (_, outside) = gear.outbound(Time::ZERO, packet(INSIDE, "198.18.0.9:1")).unwrap();
        let stranger = packet("198.18.0.8:1", &outside.unwrap().to_string());
        assert!(gear.inbound(Time::ZERO, stranger).is_ok(), "a full cone");
        let six = packet("[fd00::9]:1", "[fd00:1::1]:6881");
        assert_eq!(gear.inbound(Time::ZERO, six), Err(Rule::Unsolicited));
    }

    const INSIDE: &str = "10.1.0.1:6881";

    /// A full cone, with or without a firewall.
    fn gear(firewall: Option<FirewallRules>) -> Gear {
        let border = Border { firewall, ..Preset::FullCone.into() };
        border.gear(Ipv4Addr::new(198, 18, 0, 1), Rng::from_seed(1))
    }

    fn packet(from: &str, to: &str) -> Packet {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Packet { protocol: Protocol::Udp, from, to, stage: Stage::Data }
    }
}
