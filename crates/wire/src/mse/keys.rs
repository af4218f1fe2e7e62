//! What follows from the shared secret: the hashes on the wire and the two keystreams.

use std::fmt;

use model::InfoHash;
use sha1::{Digest, Sha1};

use super::{KEY_BYTES, Rc4};

/// The Diffie-Hellman secret S of one connection. With the info-hash it decrypts all of it, so
/// [`Debug`](fmt::Debug) does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; KEY_BYTES]);

impl Secret {
    /// A secret that a key log held, big-endian.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// For a key log, nowhere else.
    pub fn reveal(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// HASH('req1', S): the mark after PadA.
    pub fn key_hash(&self) -> [u8; 20] {
        hash(&[b"req1", &self.0])
    }

    /// HASH('req2', SKEY) xor HASH('req3', S). Given such a value, it returns
    /// HASH('req2', SKEY).
    ///
    /// S is hashed with its leading zeros, always 96 bytes. libtorrent before 2.0.13 does not get them right here
    /// (it does in the other hashes), so one connection of 256 with it fails at this step, whoever dials; the
    /// next attempt draws other keys.
    pub(super) fn cover(&self, hash_of_skey: [u8; 20]) -> [u8; 20] {
        let mut covered = hash(&[b"req3", &self.0]);
        covered.iter_mut().zip(hash_of_skey).for_each(|(byte, other)| *byte ^= other);
        covered
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The keystreams of both directions, each at the first byte that is encrypted: A's at the VC
/// after its two hashes, B's at the VC after PadB.
#[derive(Debug, Clone)]
pub struct StreamKeys {
    /// What A sends: HASH('keyA', S, SKEY).
    pub initiator: Rc4,
    /// What B sends: HASH('keyB', S, SKEY).
    pub responder: Rc4,
}

impl StreamKeys {
    pub fn new(secret: &Secret, skey: InfoHash) -> Self {
        let stream = |name: &[u8]| {
            let mut rc4 = Rc4::new(&hash(&[name, &secret.0, &skey.0]));
            // The first bytes of RC4 tell most about its key: "the first 1024 bytes of the RC4
            // output are discarded".
            rc4.discard(1024);
            rc4
        };
        Self { initiator: stream(b"keyA"), responder: stream(b"keyB") }
    }
}

/// HASH('req2', SKEY): what a torrent is known by.
pub(super) fn skey_hash(skey: InfoHash) -> [u8; 20] {
    hash(&[b"req2", &skey.0])
}

fn hash(parts: &[&[u8]]) -> [u8; 20] {
    let mut sha1 = Sha1::new();
    parts.iter().for_each(|part| sha1.update(part));
    sha1.finalize().into()
}
