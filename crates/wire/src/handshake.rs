//! The first 68 bytes each side sends (BEP 3): which protocol, which torrent, who.

use bytes::{Buf, BytesMut};
use model::{InfoHash, PeerId};

use crate::{Reserved, WireError};

/// How a connection opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    pub reserved: Reserved,
    /// The torrent that the connection is about.
    pub info_hash: InfoHash,
    /// Who the sender says it is.
    pub peer_id: PeerId,
}

impl Handshake {
    /// Bytes of a handshake.
    pub const LENGTH: usize = 68;

    /// The bytes to send.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        out[..RESERVED_AT].copy_from_slice(PROTOCOL);
        out[RESERVED_AT..INFO_HASH_AT].copy_from_slice(&self.reserved.0);
        out[INFO_HASH_AT..PEER_ID_AT].copy_from_slice(&self.info_hash.0);
        out[PEER_ID_AT..].copy_from_slice(&self.peer_id.0);
        out
    }

    /// Takes a handshake from the front of `buf`. `None`: more bytes are wanted. What is no
    /// handshake fails at the first byte that differs.
    pub fn decode(buf: &mut BytesMut) -> Result<Option<Self>, WireError> {
        check_protocol(buf)?;
        let Some(whole) = buf.first_chunk::<{ Self::LENGTH }>() else { return Ok(None) };
        let handshake = Self {
            reserved: Reserved(part(whole, RESERVED_AT)),
            info_hash: InfoHash(part(whole, INFO_HASH_AT)),
            peer_id: PeerId(part(whole, PEER_ID_AT)),
        };
        buf.advance(Self::LENGTH);
        Ok(Some(handshake))
    }

    /// The torrent asked for, known after 48 bytes: the side that was dialled may answer
    /// before the peer id arrives, and some clients wait for that.
    pub fn peek_info_hash(buf: &[u8]) -> Result<Option<InfoHash>, WireError> {
        check_protocol(buf)?;
        Ok(buf.first_chunk::<PEER_ID_AT>().map(|start| InfoHash(part(start, INFO_HASH_AT))))
    }
}

fn check_protocol(buf: &[u8]) -> Result<(), WireError> {
    match buf.iter().zip(PROTOCOL).position(|(found, wanted)| found != wanted) {
        None => Ok(()),
        Some(at) => Err(WireError::Protocol { at, found: buf[at], wanted: PROTOCOL[at] }),
    }
}

/// `N` bytes from a place that the callers' sizes prove to exist.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// The protocol's name, its length before it.
pub(crate) const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";
const RESERVED_AT: usize = 20;
const INFO_HASH_AT: usize = 28;
const PEER_ID_AT: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8; 68] = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05aaaaaaaaaaaaaaaaaaaa-TR3000-bbbbbbbbbbbb";

    fn value() -> Handshake {
        Handshake {
            reserved: Reserved([0, 0, 0, 0, 0, 0x10, 0, 0x05]),
            info_hash: InfoHash([b'a'; 20]),
            peer_id: PeerId(*b"-TR3000-bbbbbbbbbbbb"),
        }
    }

    #[test]
    fn bytes_and_value_are_the_same_thing() {
        assert_eq!(value().encode(), *BYTES);
        let mut buf = BytesMut::from(&BYTES[..]);
        buf.extend_from_slice(b"\0\0\0\0");
        assert_eq!(Handshake::decode(&mut buf), Ok(Some(value())));
        assert_eq!(buf, b"\0\0\0\0"[..], "what follows stays");
    }

    #[test]
    fn a_handshake_that_drips_in_is_complete_at_its_last_byte() {
        let mut buf = BytesMut::new();
        for (i, byte) in BYTES.iter().enumerate() {
            assert_eq!(Handshake::decode(&mut buf), Ok(None), "after {i} bytes");
            buf.extend_from_slice(&[*byte]);
        }
        assert_eq!(Handshake::decode(&mut buf), Ok(Some(value())));
        assert!(buf.is_empty());
    }

    #[test]
    fn the_torrent_is_known_before_the_peer_id_arrives() {
        assert_eq!(Handshake::peek_info_hash(&BYTES[..47]), Ok(None));
        assert_eq!(Handshake::peek_info_hash(&BYTES[..48]), Ok(Some(InfoHash([b'a'; 20]))));
        assert_eq!(Handshake::peek_info_hash(&BYTES[..]), Ok(Some(InfoHash([b'a'; 20]))));
    }

    #[test]
    fn what_is_no_handshake_fails_at_its_first_wrong_byte() {
        for at in 0..20 {
            let mut bytes = *BYTES;
            bytes[at] ^= 0x20;
            let error = WireError::Protocol { at, found: bytes[at], wanted: BYTES[at] };
            let mut before = BytesMut::from(&bytes[..at]);
            assert_eq!(Handshake::decode(&mut before), Ok(None));
            let mut with = BytesMut::from(&bytes[..=at]);
            assert_eq!(Handshake::decode(&mut with), Err(error));
            assert_eq!(Handshake::peek_info_hash(&bytes), Err(error));
        }
        let mut web = BytesMut::from("GET / HTTP/1.1\r\n");
        let error = Handshake::decode(&mut web).unwrap_err();
        assert_eq!(error.to_string(), "not a BitTorrent handshake: byte 0 is 0x47 where 0x13 is right");
    }
}
