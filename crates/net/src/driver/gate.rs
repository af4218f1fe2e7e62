//! The fence at work: asks it about every address and tells, once a minute each, who was kept out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use events::Event;
use model::Time;

use crate::fence::Fence;

#[derive(Debug)]
pub(super) struct Gate {
    fence: Fence,
    told: BTreeMap<(IpAddr, &'static str), Time>,
}

/// What was kept from happening. Fits between "may not" and the address.
pub(super) const DIAL: &str = "dial";
pub(super) const ANNOUNCE: &str = "announce to";
pub(super) const ACCEPT: &str = "accept";

const QUIET: Duration = Duration::from_secs(60);

/// Addresses remembered as told. While there are so many, further ones are kept out untold.
const TOLD_MAX: usize = 1_000;

impl Gate {
    pub(super) fn new(fence: Fence) -> Self {
        Self { fence, told: BTreeMap::new() }
    }

    pub(super) fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(super) fn allows(&self, addr: SocketAddr) -> bool {
        self.fence.allows(addr.ip())
    }

    /// The event for an address that is not allowed, unless it was told lately.
    pub(super) fn report(&mut self, now: Time, addr: SocketAddr, doing: &'static str) -> Option<Event> {
        if self.told.len() >= TOLD_MAX {
            self.told.retain(|_, at| now.since(*at) < QUIET);
        }
        let id = (addr.ip(), doing);
        let lately = self.told.get(&id).is_some_and(|at| now.since(*at) < QUIET);
        if lately || self.told.len() >= TOLD_MAX {
            return None;
        }
        self.told.insert(id, now);
        Some(Event::Fenced { remote: addr.into(), doing: doing.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_once_a_minute() {
        let mut gate = Gate::new(Fence::lab());
        let addr: SocketAddr = "203.0.113.1:80".parse().unwrap();
        let other_port: SocketAddr = "203.0.113.1:81".parse().unwrap();
        assert!(gate.report(Time::ZERO, addr, DIAL).is_some());
        assert!(gate.report(Time::from_secs(59), other_port, DIAL).is_none());
        assert!(gate.report(Time::from_secs(59), addr, ANNOUNCE).is_some());
        assert!(gate.report(Time::from_secs(60), addr, DIAL).is_some());
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let mut gate = Gate::new(Fence::lab());
        let told = (0..5_000u32)
            .filter(|n| {
                let addr = SocketAddr::new(IpAddr::V4((0x0b00_0000 + n).into()), 1);
                gate.report(Time::ZERO, addr, ACCEPT).is_some()
            })
            .count();
        assert_eq!(told, TOLD_MAX);
        let late: SocketAddr = "8.8.8.8:1".parse().unwrap();
        assert!(gate.report(Time::from_secs(61), late, ACCEPT).is_some());
    }
}
