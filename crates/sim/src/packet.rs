//! What NATs and firewalls see of traffic, and what they say about it.

use std::fmt;
use std::net::SocketAddr;

use events::Transport;
use model::Time;

/// Transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// The head of a packet. What it carries is nobody's business on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    pub protocol: Protocol,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Always [`Stage::Data`] for UDP.
    pub stage: Stage,
}

/// What a TCP packet does to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// SYN: begins it.
    Open,
    /// Anything in between, the answer to the SYN among it.
    Data,
    /// FIN or RST: ends it.
    End,
}

/// Why a packet did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No network on the way knows the address.
    NoRoute,
    /// The way is cut.
    Cut,
    /// It came to a NAT's outside port that belongs to nobody inside.
    NoMapping,
    /// The mapping lets only addresses answer that were sent to (address-dependent filtering, RFC 4787 section 5).
    FilteredByAddress,
    /// The mapping lets only address and port answer that were sent to (address- and port-dependent filtering).
    FilteredByPort,
    /// From inside to the NAT's own outside address, which it does not turn around (RFC 4787 section 6).
    NoHairpin,
    /// Every outside port is taken.
    OutOfPorts,
    /// A firewall lets in only what was asked for.
    Unsolicited,
    /// A firewall blocks this destination port.
    PortBlocked,
    /// A firewall lets no UDP through.
    UdpBlocked,
    /// A captive portal lets out nobody who has not signed in, and nobody in to them.
    CaptivePortal,
    /// A provider's box recognised the connection by its first bytes.
    Inspected,
    /// The queue before a link was full. A connection's packet is not dropped there but marked, and its sender
    /// slows down: [`What::Marked`].
    QueueFull,
    /// Lost on the way, by chance.
    Lost,
}

impl Packet {
    /// What it carries, in events.
    pub fn kind(&self) -> &'static str {
        match (self.protocol, self.stage) {
            (Protocol::Udp, _) => "datagram",
            (Protocol::Tcp, Stage::Open) => "open",
            (Protocol::Tcp, Stage::Data) => "data",
            (Protocol::Tcp, Stage::End) => "end",
        }
    }
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
        }
    }
}

impl Rule {
    /// Every rule, for tables of them.
    pub const ALL: [Self; 14] = [
        Self::NoRoute,
        Self::Cut,
        Self::NoMapping,
        Self::FilteredByAddress,
        Self::FilteredByPort,
        Self::NoHairpin,
        Self::OutOfPorts,
        Self::Unsolicited,
        Self::PortBlocked,
        Self::UdpBlocked,
        Self::CaptivePortal,
        Self::Inspected,
        Self::QueueFull,
        Self::Lost,
    ];

    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no-route",
            Self::Cut => "cut",
            Self::NoMapping => "no-mapping",
            Self::FilteredByAddress => "filtered-by-address",
            Self::FilteredByPort => "filtered-by-port",
            Self::NoHairpin => "no-hairpin",
            Self::OutOfPorts => "out-of-ports",
            Self::Unsolicited => "unsolicited",
            Self::PortBlocked => "port-blocked",
            Self::UdpBlocked => "udp-blocked",
            Self::CaptivePortal => "captive-portal",
            Self::Inspected => "inspected",
            Self::QueueFull => "queue-full",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Rule {
    /// A sentence's end for a person: "dropped: nobody inside has sent from this port".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoute => "no network knows this address",
            Self::Cut => "the way is cut",
            Self::NoMapping => "nobody inside has sent from this outside port",
            Self::FilteredByAddress => "nobody inside has sent to this address",
            Self::FilteredByPort => "nobody inside has sent to this address and port",
            Self::NoHairpin => "this NAT does not turn packets around to its own inside",
            Self::OutOfPorts => "all outside ports are taken",
            Self::Unsolicited => "the firewall lets in only what was asked for",
            Self::PortBlocked => "the firewall blocks this port",
            Self::UdpBlocked => "the firewall blocks UDP",
            Self::CaptivePortal => "the captive portal waits for a sign-in",
            Self::Inspected => "the provider recognised what the connection carries",
            Self::QueueFull => "the queue before the link is full",
            Self::Lost => "lost on the way",
        })
    }
}

/// Something that happened to a packet on its way, besides being passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub time: Time,
    /// The network at whose border or on whose line it happened; for a full queue the host.
    pub place: String,
    /// As it came.
    pub packet: Packet,
    /// How many packets like it this happened to at once.
    pub count: u64,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A NAT gave the connection or flow an outside address, which it keeps until it is silent too long.
    Mapped { outside: SocketAddr },
    /// Dropped without a word.
    Dropped { rule: Rule },
    /// Turned back with a reset.
    Refused { rule: Rule },
    /// Passed on with a mark, at which the connection's sender slows down (ECN, RFC 3168). Told once for each time that it
    /// does.
    Marked { rule: Rule },
}
