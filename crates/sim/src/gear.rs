//! What stands at a network's border: a NAT, a firewall, both or neither. [`Preset`] names what
//! people have at home, at work and on the road.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::{Rng, Time};

use crate::firewall::{Firewall, FirewallRules};
use crate::nat::{Behaviour, Dependence, Nat, PortChoice, Translated};
use crate::packet::{Packet, Protocol, Rule};

/// A router. IPv4 is translated if there is a NAT; a firewall sees inside addresses of both families.
#[derive(Debug, Default)]
pub struct Gear {
    pub nat: Option<Nat>,
    pub firewall: Option<Firewall>,
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

    /// Such a border, with this outside address. `rng` chooses its ports.
    pub fn gear(self, outside: Ipv4Addr, rng: Rng) -> Gear {
        let nat = self.behaviour().map(|behaviour| Nat::new(behaviour, outside, rng));
        let firewall = match self {
            Self::Open => None,
            Self::Office => {
                Some(FirewallRules { open_ports: Some([80, 443].into()), udp_blocked: true, refuses: false })
            }
            // For IPv6, which is not translated.
            _ => Some(FirewallRules::default()),
        };
        Gear { nat, firewall: firewall.map(Firewall::new) }
    }
}

impl Gear {
    /// A packet from inside, to what lies beyond.
    pub(crate) fn outbound(&mut self, now: Time, packet: Packet) -> Result<Translated, Rule> {
        match (&mut self.nat, &mut self.firewall) {
            (Some(nat), _) if packet.from.is_ipv4() => nat.outbound(now, packet),
            (_, Some(firewall)) => firewall.outbound(now, &packet).map(|()| (packet, None)),
            _ => Ok((packet, None)),
        }
    }

    /// A packet from beyond.
    pub(crate) fn inbound(&mut self, now: Time, packet: Packet) -> Result<Packet, Rule> {
        match (&mut self.nat, &mut self.firewall) {
            (Some(nat), _) if packet.from.is_ipv4() => nat.inbound(now, packet),
            (_, Some(firewall)) => firewall.inbound(now, &packet).map(|()| packet),
            _ => Ok(packet),
        }
    }

    /// A packet from inside to the outside address.
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
        match (&mut self.nat, &mut self.firewall) {
            (Some(nat), _) if inside.is_ipv4() => nat.forward(protocol, port, inside),
            (_, Some(firewall)) => firewall.open(protocol, inside),
            _ => {}
        }
    }
}
