//! The fence around a lab: which addresses a program may dial, announce to and accept.
//!
//! Inside by nature: loopback (127.0.0.0/8, ::1), private (RFC 1918: 10/8, 172.16/12, 192.168/16),
//! link-local (169.254/16, fe80::/10) and unique local IPv6 (RFC 4193: fc00::/7). Inside when a lab
//! declares them: anything else, such as the documentation nets (RFC 5737, RFC 3849) and the carrier
//! range 100.64/10 (RFC 6598) that NAT labs play the internet with. Never inside, not even in
//! public: what is not one host (unspecified, multicast, broadcast, reserved).
//!
//! An IPv4 address in IPv6 clothes (`::ffff:8.8.8.8`) is judged as the IPv4 address it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which addresses a program deals with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    public: bool,
    ranges: Vec<IpRange>,
}

/// An address was outside. Reads as a whole remark: `203.0.113.1 is outside the lab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// One host, but not in the lab.
    #[error("{0} is outside the lab")]
    NotOfTheLab(IpAddr),
    /// Not the address of one host, in any network.
    #[error("{0} is not the address of one host")]
    NotOneHost(IpAddr),
}

/// Addresses with the same first bits: `198.51.100.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    base: IpAddr,
    bits: u8,
}

/// Why text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// No address before the slash, or no number after it.
    #[error("{0:?} is not a range of addresses: write it like 198.51.100.0/24")]
    Form(String),
    /// More bits than the address has.
    #[error("{range:?} has more than the {max} bits of its address")]
    Bits {
        /// The text.
        range: String,
        /// Bits in an address of that family.
        max: u8,
    },
}

impl Fence {
    /// What is inside by nature, and nothing else.
    pub fn lab() -> Self {
        Self { public: false, ranges: Vec::new() }
    }

    /// Every address of one host: for sharing with a friend, never for a scenario.
    pub fn public() -> Self {
        Self { public: true, ranges: Vec::new() }
    }

    /// Declares one more range to be inside.
    #[must_use]
    pub fn with_range(mut self, range: IpRange) -> Self {
        self.ranges.push(range);
        self
    }

    /// True when the address may be dealt with.
    pub fn allows(&self, ip: IpAddr) -> bool {
        self.check(ip).is_ok()
    }

    /// As [`allows`](Self::allows), with the reason for a no.
    pub fn check(&self, ip: IpAddr) -> Result<(), Outside> {
        let real = ip.to_canonical();
        if !is_one_host(real) {
            return Err(Outside::NotOneHost(ip));
        }
        if self.public || is_local(real) || self.ranges.iter().any(|range| range.contains(real)) {
            return Ok(());
        }
        Err(Outside::NotOfTheLab(ip))
    }
}

impl IpRange {
    /// The addresses that share their first `bits` with `base`; `None` when an address has fewer.
    pub fn new(base: IpAddr, bits: u8) -> Option<Self> {
        let base = base.to_canonical();
        (bits <= bits_max(base)).then_some(Self { base, bits })
    }

    /// True when the address is one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let differ = match (self.base, ip.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= u32::from(self.bits)
    }
}

impl FromStr for IpRange {
    type Err = RangeError;

    /// `address/bits`, or one address alone.
    fn from_str(text: &str) -> Result<Self, RangeError> {
        let form = || RangeError::Form(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let base: IpAddr = address.parse().map_err(|_| form())?;
        let base = base.to_canonical();
        let bits = bits.map_or(Ok(bits_max(base)), str::parse).map_err(|_| form())?;
        Self::new(base, bits).ok_or_else(|| RangeError::Bits { range: text.to_owned(), max: bits_max(base) })
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

fn bits_max(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_one_host(ip: IpAddr) -> bool {
    match ip {
        // 0/8 means "this network" (RFC 1122) and 240/4 was never given out (RFC 1112).
        IpAddr::V4(v4) => v4.octets()[0] != 0 && v4.octets()[0] < 224,
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast(),
    }
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_local_v4(v4),
        IpAddr::V6(v6) => is_local_v6(v6),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_private() || ip.is_link_local()
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lab_lets_in_and_what_it_keeps_out() {
        let lab = Fence::lab();
        for inside in [
            "127.0.0.1",
            "127.255.0.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.77",
            "169.254.3.4",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fdff::9",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
        ] {
            assert!(lab.allows(ip(inside)), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "192.169.0.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "2001:db8::1",
            "2606:4700::1111",
            "fec0::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::7f00:1",
        ] {
            assert_eq!(lab.check(ip(outside)), Err(Outside::NotOfTheLab(ip(outside))), "{outside}");
        }
    }

    #[test]
    fn nobody_deals_with_addresses_that_are_not_one_host() {
        let all: [IpRange; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let wide = Fence::public().with_range(all[0]).with_range(all[1]);
        for nobody in ["0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "::", "ff02::1"]
        {
            for fence in [Fence::lab(), Fence::public(), wide.clone()] {
                assert_eq!(fence.check(ip(nobody)), Err(Outside::NotOneHost(ip(nobody))), "{nobody}");
            }
        }
        assert!(!Fence::public().allows(ip("::ffff:255.255.255.255")));
    }

    #[test]
    fn declared_ranges_are_inside_and_their_neighbours_are_not() {
        let fence = Fence::lab()
            .with_range("198.51.100.0/24".parse().unwrap())
            .with_range("100.64.0.0/10".parse().unwrap())
            .with_range("2001:db8::/32".parse().unwrap())
            .with_range("203.0.113.7".parse().unwrap());
        for inside in ["198.51.100.255", "::ffff:198.51.100.1", "100.127.1.1", "2001:db8:ffff::1", "203.0.113.7"] {
            assert!(fence.allows(ip(inside)), "{inside}");
        }
        for outside in ["198.51.101.0", "100.128.0.0", "2001:db9::1", "203.0.113.8", "203.0.113.6"] {
            assert!(!fence.allows(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn public_means_every_host() {
        for host in ["8.8.8.8", "203.0.113.1", "100.64.0.1", "2606:4700::1111", "127.0.0.1"] {
            assert!(Fence::public().allows(ip(host)), "{host}");
        }
    }

    #[test]
    fn a_wrong_range_says_what_a_right_one_looks_like() {
        for text in ["", "lab", "10.0.0.0/x", "10.0.0/8", "10.0.0.0/8/8", "10.0.0.0/-1"] {
            let error = text.parse::<IpRange>().unwrap_err();
            assert!(error.to_string().contains("198.51.100.0/24"), "{text}: {error}");
        }
        assert_eq!("10.0.0.0/33".parse::<IpRange>(), Err(RangeError::Bits { range: "10.0.0.0/33".into(), max: 32 }));
        assert_eq!("10.0.0.0/8".parse::<IpRange>().unwrap().to_string(), "10.0.0.0/8");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
