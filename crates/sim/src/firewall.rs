//! A stateful packet filter: what was asked for from inside may come back, everything else from
//! outside may not (default deny, RFC 6092 for IPv6). It can also keep the inside from some ports, and
//! from UDP altogether.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use model::Time;

use crate::packet::{Packet, Protocol, Rule, Stage};

/// What a firewall is told once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirewallRules {
    /// Destination ports that the inside may use; any where `None`.
    pub open_ports: Option<BTreeSet<u16>>,
    /// The inside may use no UDP at all.
    pub udp_blocked: bool,
    /// A packet that may not go out is answered with a reset, and not just dropped.
    pub refuses: bool,
}

/// A firewall and what it remembers.
#[derive(Debug)]
pub struct Firewall {
    rules: FirewallRules,
    /// Inside addresses that may be called from outside.
    holes: BTreeSet<(Protocol, SocketAddr)>,
    /// Protocol, inside, other side: until when it may answer.
    flows: BTreeMap<(Protocol, SocketAddr, SocketAddr), Time>,
}

/// RFC 4787 and RFC 6092: two minutes of silence.
const UDP_TIMEOUT: Duration = Duration::from_secs(120);

/// RFC 5382 and RFC 6092: two hours and four minutes.
const TCP_TIMEOUT: Duration = Duration::from_secs(7_440);

const TCP_CLOSING: Duration = Duration::from_secs(240);

/// Flows remembered; the oldest make room.
const FLOWS_MAX: usize = 65_536;

impl Firewall {
    pub fn new(rules: FirewallRules) -> Self {
        Self { rules, holes: BTreeSet::new(), flows: BTreeMap::new() }
    }

    /// Lets everybody call this inside address.
    pub fn open(&mut self, protocol: Protocol, inside: SocketAddr) {
        self.holes.insert((protocol, inside));
    }

    pub fn refuses(&self) -> bool {
        self.rules.refuses
    }

    /// A packet from inside.
    ///
    /// # Errors
    /// The rule that stopped it.
    pub fn outbound(&mut self, now: Time, packet: &Packet) -> Result<(), Rule> {
        let flow = (packet.protocol, packet.from, packet.to);
        let answers = self.flows.get(&flow).is_some_and(|until| now < *until);
        if packet.protocol == Protocol::Udp && self.rules.udp_blocked {
            return Err(Rule::UdpBlocked);
        }
        if !answers && self.rules.open_ports.as_ref().is_some_and(|open| !open.contains(&packet.to.port())) {
            return Err(Rule::PortBlocked);
        }
        self.touch(now, flow, packet.stage);
        Ok(())
    }

    /// A packet from outside; `packet.to` is the inside address.
    ///
    /// # Errors
    /// The rule that stopped it.
    pub fn inbound(&mut self, now: Time, packet: &Packet) -> Result<(), Rule> {
        let flow = (packet.protocol, packet.to, packet.from);
        if packet.protocol == Protocol::Udp && self.rules.udp_blocked {
            return Err(Rule::UdpBlocked);
        }
        let answers = self.flows.get(&flow).is_some_and(|until| now < *until);
        if !answers && !self.holes.contains(&(packet.protocol, packet.to)) {
            return Err(Rule::Unsolicited);
        }
        self.touch(now, flow, packet.stage);
        Ok(())
    }

    fn touch(&mut self, now: Time, flow: (Protocol, SocketAddr, SocketAddr), stage: Stage) {
        let timeout = match (flow.0, stage) {
            (Protocol::Udp, _) => UDP_TIMEOUT,
            (Protocol::Tcp, Stage::End) => TCP_CLOSING,
            (Protocol::Tcp, _) => TCP_TIMEOUT,
        };
        self.flows.insert(flow, now.after(timeout));
        if self.flows.len() > FLOWS_MAX {
            self.flows.retain(|_, until| now < *until);
            let oldest = self.flows.iter().min_by_key(|(_, until)| **until).map(|(flow, _)| *flow);
            if let Some(oldest) = oldest.filter(|_| self.flows.len() > FLOWS_MAX) {
                self.flows.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_is_answered_and_not_called() {
        let mut firewall = Firewall::new(FirewallRules::default());
        assert_eq!(firewall.inbound(Time::ZERO, &packet(Protocol::Tcp, OUTSIDE, INSIDE)), Err(Rule::Unsolicited));
        firewall.outbound(Time::ZERO, &packet(Protocol::Tcp, INSIDE, OUTSIDE)).unwrap();
        firewall.inbound(Time::ZERO, &packet(Protocol::Tcp, OUTSIDE, INSIDE)).unwrap();
        let other = packet(Protocol::Tcp, "[fd00::9]:7", INSIDE);
        assert_eq!(firewall.inbound(Time::ZERO, &other), Err(Rule::Unsolicited));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_unsolicited() {
        let mut firewall = Firewall::new(FirewallRules::default());
        firewall.outbound(Time::ZERO, &packet(Protocol::Udp, INSIDE, OUTSIDE)).unwrap();
        let answer = packet(Protocol::Udp, OUTSIDE, INSIDE);
        assert_eq!(firewall.inbound(Time::from_secs(120), &answer), Err(Rule::Unsolicited));
    }

    #[test]
    fn an_office_lets_its_inside_use_the_web_and_nothing_else() {
        let rules = FirewallRules { open_ports: Some([80, 443].into()), udp_blocked: true, refuses: true };
        let mut firewall = Firewall::new(rules);
        assert!(firewall.outbound(Time::ZERO, &packet(Protocol::Tcp, INSIDE, "[fd00::2]:443")).is_ok());
        assert_eq!(
            firewall.outbound(Time::ZERO, &packet(Protocol::Tcp, INSIDE, "[fd00::2]:6881")),
            Err(Rule::PortBlocked)
        );
        assert_eq!(
            firewall.outbound(Time::ZERO, &packet(Protocol::Udp, INSIDE, "[fd00::2]:443")),
            Err(Rule::UdpBlocked)
        );
    }

    #[test]
    fn a_hole_lets_everybody_call_and_be_answered() {
        let rules = FirewallRules { open_ports: Some([80].into()), ..FirewallRules::default() };
        let mut firewall = Firewall::new(rules);
        firewall.open(Protocol::Tcp, INSIDE.parse().unwrap());
        firewall.inbound(Time::ZERO, &packet(Protocol::Tcp, OUTSIDE, INSIDE)).unwrap();
        firewall.outbound(Time::ZERO, &packet(Protocol::Tcp, INSIDE, OUTSIDE)).unwrap();
    }

    const INSIDE: &str = "[fd00:1::1]:6881";
    const OUTSIDE: &str = "[fd00:2::1]:50000";

    fn packet(protocol: Protocol, from: &str, to: &str) -> Packet {
        Packet { protocol, from: from.parse().unwrap(), to: to.parse().unwrap(), stage: Stage::Data }
    }
}
