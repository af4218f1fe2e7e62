//! `ut_pex` (BEP 11): peers that the sender has met or lost since it last told.
//!
//! Addresses are compact: 4 or 16 bytes and a port, one after the other, IPv4 and IPv6 under
//! keys of their own, with a byte of flags for each peer added.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use model::bound::PEERS_PER_MESSAGE_MAX;

use super::ExtError;
use crate::bencode::{Dict, DictWriter};

/// What changed among the sender's peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pex {
    pub added: Vec<PexPeer>,
    pub dropped: Vec<SocketAddr>,
}

/// A peer that the sender is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PexPeer {
    pub addr: SocketAddr,
    pub flags: PexFlags,
}

/// What the sender knows of a peer it tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PexFlags(pub u8);

impl PexFlags {
    /// Prefers encryption.
    pub const PREFERS_ENCRYPTION: Self = Self(0x01);
    /// Is a seed or only uploads.
    pub const SEED: Self = Self(0x02);
    /// Speaks uTP (BEP 29).
    pub const UTP: Self = Self(0x04);
    /// Takes part in hole punching (BEP 55).
    pub const HOLEPUNCH: Self = Self(0x08);
    /// Could be dialled: its address is good.
    pub const REACHABLE: Self = Self(0x10);

    /// True when every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Pex {
    /// The payload of an extended message. All of it is written: how many peers are told at once
    /// is the sender's affair (BEP 11: "no more than 50").
    pub fn encode(&self) -> Bytes {
        let (mut added4, mut added6) = (Compact::default(), Compact::default());
        for peer in &self.added {
            let side = if is_v4(peer.addr) { &mut added4 } else { &mut added6 };
            side.push(peer.addr);
            side.flags.put_u8(peer.flags.0);
        }
        let (mut dropped4, mut dropped6) = (Compact::default(), Compact::default());
        for &addr in &self.dropped {
            if is_v4(addr) { &mut dropped4 } else { &mut dropped6 }.push(addr);
        }
        let mut out = BytesMut::new();
        let mut dict = DictWriter::begin(&mut out);
        // Some clients take a message without the keys for IPv4 as malformed.
        dict.text("added", &added4.addresses);
        dict.text("added.f", &added4.flags);
        if !added6.addresses.is_empty() {
            dict.text("added6", &added6.addresses);
            dict.text("added6.f", &added6.flags);
        }
        dict.text("dropped", &dropped4.addresses);
        if !dropped6.addresses.is_empty() {
            dict.text("dropped6", &dropped6.addresses);
        }
        dict.end();
        out.freeze()
    }

    /// Reads the payload of an extended message: IPv4 before IPv6, of added and of dropped each
    /// the first [`PEERS_PER_MESSAGE_MAX`]. A missing flag is 0; half an address at the end and
    /// addresses with port 0, which nobody can dial, are passed over.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtError> {
        let (dict, _) = Dict::read(payload)?;
        let mut keys = Keys::default();
        for (key, value) in dict.entries() {
            if let Some(slot) = keys.slot(key) {
                *slot = value.text().unwrap_or_default();
            }
        }
        let dropped = addresses::<6>(keys.dropped4).chain(addresses::<18>(keys.dropped6));
        Ok(Self {
            added: peers::<6>(keys.added4, keys.flags4)
                .chain(peers::<18>(keys.added6, keys.flags6))
                .filter(|peer| peer.addr.port() != 0)
                .take(PEERS_PER_MESSAGE_MAX)
                .collect(),
            dropped: dropped.filter(|addr| addr.port() != 0).take(PEERS_PER_MESSAGE_MAX).collect(),
        })
    }
}

/// The texts of the message before they are cut into addresses.
#[derive(Default)]
struct Keys<'a> {
    added4: &'a [u8],
    flags4: &'a [u8],
    added6: &'a [u8],
    flags6: &'a [u8],
    dropped4: &'a [u8],
    dropped6: &'a [u8],
}

impl<'a> Keys<'a> {
    fn slot(&mut self, key: &[u8]) -> Option<&mut &'a [u8]> {
        match key {
            b"added" => Some(&mut self.added4),
            b"added.f" => Some(&mut self.flags4),
            b"added6" => Some(&mut self.added6),
            b"added6.f" => Some(&mut self.flags6),
            b"dropped" => Some(&mut self.dropped4),
            b"dropped6" => Some(&mut self.dropped6),
            _ => None,
        }
    }
}

/// Addresses on their way out.
#[derive(Default)]
struct Compact {
    addresses: BytesMut,
    flags: BytesMut,
}

impl Compact {
    fn push(&mut self, addr: SocketAddr) {
        match addr.ip().to_canonical() {
            IpAddr::V4(ip) => self.addresses.put_slice(&ip.octets()),
            IpAddr::V6(ip) => self.addresses.put_slice(&ip.octets()),
        }
        self.addresses.put_u16(addr.port());
    }
}

fn is_v4(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_ipv4()
}

fn peers<'a, const N: usize>(compact: &'a [u8], flags: &'a [u8]) -> impl Iterator<Item = PexPeer> + 'a {
    let flags = flags.iter().copied().chain(std::iter::repeat(0));
    addresses::<N>(compact).zip(flags).map(|(addr, flags)| PexPeer { addr, flags: PexFlags(flags) })
}

/// Cuts compact addresses apart; `N` is 6 for IPv4 and 18 for IPv6.
pub(crate) fn addresses<const N: usize>(compact: &[u8]) -> impl Iterator<Item = SocketAddr> + '_ {
    compact.chunks_exact(N).map(|entry| {
        let (ip, port) = entry.split_at(N - 2);
        SocketAddr::new(ip_of(ip), u16::from_be_bytes([port[0], port[1]]))
    })
}

/// An IPv4 address in IPv6 clothes (`::ffff:10.0.0.7`) is the IPv4 address: otherwise a peer has
/// two names, and a rule about addresses meets one of them unprepared.
fn ip_of(bytes: &[u8]) -> IpAddr {
    match bytes {
        [a, b, c, d] => IpAddr::from([*a, *b, *c, *d]),
        _ => {
            let mut octets = [0; 16];
            octets.copy_from_slice(bytes);
            Ipv6Addr::from(octets).to_canonical()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn peer(text: &str, flags: u8) -> PexPeer {
        PexPeer { addr: addr(text), flags: PexFlags(flags) }
    }

    #[test]
    fn bytes_and_value_are_the_same_thing() {
        let bytes = b"d5:added12:\x0a\0\0\x01\x1a\xe1\x0a\0\0\x02\x1a\xe27:added.f2:\x12\0\
            6:added618:\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe18:added6.f1:\x1f\
            7:dropped6:\x7f\0\0\x01\x1a\xe18:dropped618:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50e";
        let value = Pex {
            added: vec![peer("10.0.0.1:6881", 0x12), peer("10.0.0.2:6882", 0), peer("[fd00::7]:6881", 0x1f)],
            dropped: vec![addr("127.0.0.1:6881"), addr("[::1]:80")],
        };
        assert_eq!(value.encode(), bytes[..]);
        assert_eq!(Pex::decode(bytes), Ok(value));
    }

    #[test]
    fn nothing_new_is_a_message_too() {
        assert_eq!(Pex::default().encode(), b"d5:added0:7:added.f0:7:dropped0:e"[..]);
        assert_eq!(Pex::decode(b"de"), Ok(Pex::default()));
    }

    #[test]
    fn flags_tell_what_is_known() {
        let flags = PexFlags::SEED.with(PexFlags::REACHABLE);
        assert_eq!(flags, PexFlags(0x12));
        assert!(flags.contains(PexFlags::SEED) && !flags.contains(PexFlags::UTP));
    }

    #[test]
    fn sloppy_messages_give_what_they_have() {
        let missing_flags = Pex::decode(b"d5:added12:\x0a\0\0\x01\0\x01\x0a\0\0\x02\0\x027:added.f1:\x02e").unwrap();
        assert_eq!(missing_flags.added, [peer("10.0.0.1:1", 2), peer("10.0.0.2:2", 0)]);
        let half = Pex::decode(b"d5:added9:\x0a\0\0\x01\0\x01\x0a\0\0e").unwrap();
        assert_eq!(half.added, [peer("10.0.0.1:1", 0)]);
        let port_0 = Pex::decode(b"d5:added12:\x0a\0\0\x01\0\0\x0a\0\0\x02\0\x027:added.f2:\x01\x02e").unwrap();
        assert_eq!(port_0.added, [peer("10.0.0.2:2", 2)], "flags stay with their peer");
        let odd = Pex::decode(b"d5:addedi7e7:droppedlee").unwrap();
        assert_eq!(odd, Pex::default());
        assert!(Pex::decode(b"d5:added6:\x0a\0\0").is_err());
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
        let clothed = Pex { added: vec![peer("[::ffff:10.0.0.7]:9", 0)], dropped: vec![] };
        let read = Pex::decode(b"d6:added618:\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x07\0\x09e").unwrap();
        assert_eq!(read.added, [peer("10.0.0.7:9", 0)]);
        assert_eq!(Pex::decode(&clothed.encode()), Ok(read));
    }

    #[test]
    fn a_flood_of_peers_is_cut() {
        let flood: Vec<SocketAddr> = (1..=5_000).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        let added = flood.iter().map(|&addr| PexPeer { addr, flags: PexFlags(0) }).collect();
        let read = Pex::decode(&Pex { added, dropped: flood.clone() }.encode()).unwrap();
        assert_eq!(read.added.len(), PEERS_PER_MESSAGE_MAX);
        assert_eq!(read.dropped, flood[..PEERS_PER_MESSAGE_MAX]);
    }
}
