//! Networks: their lines, what stands at their borders, and who on the way looks into what passes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use model::Rate;

use crate::named::named;
use crate::units::{Share, show_duration, show_rate};

/// A network that cast members, the tracker and other networks sit in. What is `None` is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Net {
    /// The network around it; `None` is the internet.
    pub inside: Option<String>,
    /// There and back, from a member to another network.
    pub rtt: Option<Duration>,
    /// How much the delay varies.
    pub jitter: Option<Duration>,
    /// Packets lost.
    pub loss: Option<Share>,
    /// Each member's link, towards the others.
    pub up: Option<Rate>,
    /// Each member's link, from the others.
    pub down: Option<Rate>,
    pub nat: Nat,
    /// Beside what the NAT lets through by itself.
    pub firewall: Option<Firewall>,
    /// Its members have IPv6 addresses in place of IPv4 ones.
    pub ipv6: bool,
    /// What its provider does with flows that it recognises.
    pub isp: Option<Inspection>,
    /// Nothing leaves it from a member that has not signed in at the captive portal.
    pub portal: bool,
}

/// What translates addresses between a network and the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// One that has a name.
    Kind(NatKind),
    /// One described by the axes of RFC 4787.
    Made(NatBehaviour),
}

named! {
    /// A kind of NAT (RFC 4787), or a device that people have.
    #[derive(Default)]
    "kind of NAT" NatKind {
        /// Nothing: every address is reachable.
        #[default]
        None = "none",
        /// One outside port for each inside one; anybody may answer.
        FullCone = "full-cone",
        /// The same, but only addresses that were sent to may answer.
        AddressRestricted = "address-restricted",
        /// The same, but only address and port that were sent to may answer.
        PortRestricted = "port-restricted",
        /// Another outside port for each destination.
        Symmetric = "symmetric",
        /// A router at home.
        Home = "home",
        /// An office's port address translation.
        Corporate = "corporate",
        /// A provider's NAT for many customers (RFC 6888).
        Cgnat = "cgnat",
        /// A hotspot's gateway.
        Hotel = "hotel",
        /// A mobile provider's.
        Mobile = "mobile",
    }
}

/// A NAT by the axes of RFC 4787.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatBehaviour {
    /// When another outside port is given to the same inside address and port (section 4.1).
    pub mapping: Dependence,
    /// Who else may send to it (section 5).
    pub filtering: Dependence,
    pub ports: PortChoice,
    /// How long silence is forgiven.
    pub udp_timeout: Duration,
    pub tcp_timeout: Duration,
    /// Whether the inside reaches itself by the outside address (section 6).
    pub hairpin: bool,
}

named! {
    /// What a mapping or a filter depends on, besides the inside address and port.
    #[derive(Default)]
    "dependence" Dependence {
        EndpointIndependent = "endpoint-independent",
        AddressDependent = "address-dependent",
        #[default]
        AddressAndPortDependent = "address-and-port-dependent",
    }
}

named! {
    /// Which outside port a mapping gets.
    #[derive(Default)]
    "choice of ports" PortChoice {
        /// The inside one, where it is free.
        #[default]
        Preserve = "preserve",
        /// One after the other.
        Sequential = "sequential",
        /// By lot.
        Random = "random",
    }
}

/// What a stateful packet filter lets out. Inward it lets answers, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Destination ports that the inside may use; all where `None`.
    pub ports: Option<BTreeSet<u16>>,
    /// No UDP passes.
    pub udp_blocked: bool,
    /// What may not go out is answered with a reset, and not just dropped.
    pub refuses: bool,
}

/// A box in a provider's network that looks at the first bytes of each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The classes of flows that it acts upon; never empty.
    pub matches: Vec<events::FlowClass>,
    pub action: InspectionAction,
}

/// What becomes of a flow that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InspectionAction {
    /// Its packets vanish from then on.
    Drop,
    /// Both sides are sent a reset that seems to come from the other.
    Reset,
    /// It goes on, at this rate in each direction.
    Throttle(Rate),
}

impl Firewall {
    /// Default deny inward, everything outward.
    pub const STATEFUL: &'static str = "stateful";

    /// As an office's: the inside may use the web and nothing else.
    pub const OFFICE: &'static str = "office";

    /// The firewall of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            Self::STATEFUL => Some(Self::default()),
            Self::OFFICE => Some(Self { ports: Some([80, 443].into()), udp_blocked: true, refuses: false }),
            _ => None,
        }
    }
}

impl Default for Nat {
    fn default() -> Self {
        Self::Kind(NatKind::None)
    }
}

impl Nat {
    pub const NONE: Self = Self::Kind(NatKind::None);
}

impl Default for NatBehaviour {
    /// What Linux' masquerading does, with the timeouts that RFC 4787 and RFC 5382 ask for.
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::default(),
            ports: PortChoice::default(),
            udp_timeout: Duration::from_secs(120),
            tcp_timeout: Duration::from_secs(7_440),
            hairpin: false,
        }
    }
}

impl fmt::Display for Nat {
    /// As it is written in a scenario, with nothing left to defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => kind.fmt(f),
            Self::Made(made) => {
                let NatBehaviour { mapping, filtering, ports, udp_timeout, tcp_timeout, hairpin } = *made;
                let (udp, tcp) = (show_duration(udp_timeout), show_duration(tcp_timeout));
                write!(f, "{{ mapping: {mapping}, filtering: {filtering}, ports: {ports}, ")?;
                write!(f, "udp-timeout: {udp}, tcp-timeout: {tcp}, hairpin: {hairpin} }}")
            }
        }
    }
}

impl fmt::Display for Firewall {
    /// As it is written in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        if let Some(ports) = &self.ports {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            write!(f, "ports: [{}], ", ports.join(", "))?;
        }
        write!(f, "udp: {}, refuse: {} }}", !self.udp_blocked, self.refuses)
    }
}

impl fmt::Display for Inspection {
    /// As it is written in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: Vec<&str> = self.matches.iter().map(|class| class.name()).collect();
        write!(f, "{{ matches: [{}], ", classes.join(", "))?;
        match self.action {
            InspectionAction::Drop => f.write_str("does: drop }"),
            InspectionAction::Reset => f.write_str("does: reset }"),
            InspectionAction::Throttle(rate) => write!(f, "does: throttle, to: {} }}", show_rate(rate)),
        }
    }
}
