//! Connection ids that only this tracker can make, remembered by nobody.
//!
//! BEP 15 wants proof that a client receives at the address it sends from: otherwise anyone could
//! list strangers, or have answers sent to them. The id is a keyed hash (SipHash-2-4) of the
//! address and of the current span of time, so that checking it is making it again.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::Time;
use siphasher::sip::SipHasher24;

use crate::codec::ConnectionId;

/// BEP 15: trackers "should accept the connection ID until two minutes after it has been sent".
/// Ids of the current and of the previous span are accepted, so one lives 2 to 4 minutes.
pub(super) const SPAN: Duration = Duration::from_secs(120);

/// Makes and checks connection ids.
pub(super) struct ConnectionIds {
    secret: [u8; 16],
}

impl ConnectionIds {
    pub(super) fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// The id for whoever is at `from`.
    pub(super) fn issue(&self, now: Time, from: SocketAddr) -> ConnectionId {
        self.make(span_of(now), from.ip())
    }

    /// True when this tracker gave `id` to the sender's IP address not long ago.
    pub(super) fn accepts(&self, now: Time, from: SocketAddr, id: ConnectionId) -> bool {
        let span = span_of(now);
        let earlier = span.checked_sub(1).map(|span| self.make(span, from.ip()));
        id == self.make(span, from.ip()) || Some(id) == earlier
    }

    /// The port is left out: some clients and NATs use a fresh one for each datagram, and the
    /// address is what has to be proven. On loopback, where all share one address, ids are
    /// therefore interchangeable.
    fn make(&self, span: u64, ip: IpAddr) -> ConnectionId {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        match ip.to_canonical() {
            IpAddr::V4(ip) => hasher.write(&ip.octets()),
            IpAddr::V6(ip) => hasher.write(&ip.octets()),
        }
        hasher.write(&span.to_be_bytes());
        ConnectionId(hasher.finish())
    }
}

fn span_of(now: Time) -> u64 {
    now.since(Time::ZERO).as_secs() / SPAN.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_lives_two_to_four_minutes() {
        let ids = ConnectionIds::new([7; 16]);
        for issued in [0, 1, 60, 119, 120, 1_000] {
            let id = ids.issue(Time::from_secs(issued), from("10.0.0.1:5"));
            for age in [0, 1, 60, 119, 120] {
                assert!(ids.accepts(Time::from_secs(issued + age), from("10.0.0.1:5"), id), "{issued} + {age}");
            }
            assert!(!ids.accepts(Time::from_secs(issued + 240), from("10.0.0.1:5"), id));
        }
    }

    #[test]
    fn an_id_is_good_for_one_address_and_any_port_of_it() {
        let ids = ConnectionIds::new([7; 16]);
        let id = ids.issue(Time::ZERO, from("10.0.0.1:5"));
        assert!(ids.accepts(Time::ZERO, from("10.0.0.1:6"), id));
        assert!(ids.accepts(Time::ZERO, from("[::ffff:10.0.0.1]:6"), id), "the same address on a dual-stack socket");
        assert!(!ids.accepts(Time::ZERO, from("10.0.0.2:5"), id));
        assert!(!ids.accepts(Time::ZERO, from("[fd00::1]:5"), id));
    }

    #[test]
    fn another_secret_makes_other_ids() {
        let id = ConnectionIds::new([7; 16]).issue(Time::ZERO, from("10.0.0.1:5"));
        assert!(!ConnectionIds::new([8; 16]).accepts(Time::ZERO, from("10.0.0.1:5"), id));
    }

    fn from(addr: &str) -> SocketAddr {
        addr.parse().unwrap()
    }
}
