//! Who listens where in the world `local`: each on a loopback address of its own where the system
//! lets us bind one (Linux and Windows do), else all on 127.0.0.1. Own addresses read better in
//! logs and in Wireshark, and are what real peers have.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Where the tracker listens.
pub const TRACKER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Addresses for members of the cast, in the order of the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allotment {
    /// 127.0.0.2 and upward.
    Own,
    /// 127.0.0.1 for all, told apart by port.
    Shared,
}

impl Allotment {
    /// What the system allows, found out by trying the last address that would be needed.
    pub fn for_this_system(members: usize) -> Self {
        let last = SocketAddr::new(Self::Own.address(members.saturating_sub(1)), 0);
        match (TcpListener::bind(last), UdpSocket::bind(last)) {
            (Ok(_), Ok(_)) => Self::Own,
            _ => Self::Shared,
        }
    }

    /// The address of the member with this place in the cast, from 0.
    pub fn address(self, place: usize) -> IpAddr {
        match self {
            Self::Shared => TRACKER,
            Self::Own => {
                let host = place + 1;
                let (net, host) = (host / HOSTS, host % HOSTS + 1);
                IpAddr::V4(Ipv4Addr::new(127, (net / 256) as u8, net as u8, host as u8))
            }
        }
    }
}

/// Last bytes used of an address: 1 to 254, because 0 and 255 mean networks elsewhere.
const HOSTS: usize = 254;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn members_count_up_from_two_and_never_share() {
        assert_eq!(Allotment::Own.address(0).to_string(), "127.0.0.2");
        assert_eq!(Allotment::Own.address(252).to_string(), "127.0.0.254");
        assert_eq!(Allotment::Own.address(253).to_string(), "127.0.1.1");
        let all: BTreeSet<_> = (0..100_000).map(|place| Allotment::Own.address(place)).collect();
        assert_eq!(all.len(), 100_000);
        assert!(!all.contains(&TRACKER));
        assert!(all.iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn without_own_addresses_all_stay_on_the_first() {
        assert!((0..9).all(|place| Allotment::Shared.address(place) == TRACKER));
    }
}
