//! Message Stream Encryption (MSE, also PE: the protocol encryption of BitTorrent clients): two
//! sides that know the same info-hash make a connection look like noise from its first byte.
//!
//! After the text "Message Stream Encryption" of the Vuze wiki, by Ludde, uau, The 8472, Parg and
//! Nolar. A is who dialled ([`Initiator`]), B who was dialled ([`Responder`]):
//!
//! ```text
//! 1  A->B  Ya, PadA                                    public key, noise
//! 2  B->A  Yb, PadB
//! 3  A->B  HASH('req1', S)                             "here PadA ends"
//!          HASH('req2', SKEY) xor HASH('req3', S)      which torrent
//!          ENCRYPT(VC, crypto_provide, len(PadC), PadC, len(IA)), ENCRYPT(IA)
//! 4  B->A  ENCRYPT(VC, crypto_select, len(PadD), PadD) encrypted VC: "here PadB ends"
//! 5  both  the payload: RC4 goes on, or plaintext, as selected
//! ```
//!
//! S is the Diffie-Hellman secret, SKEY the info-hash, VC eight zero bytes, IA what A says first
//! (its BitTorrent handshake, so that encryption costs it no extra round trip). ENCRYPT is
//! [`Rc4`].
//!
//! It hides the protocol from who only looks at bytes. It does not keep a secret: nobody proves
//! who they are, so who stands in the middle and knows the info-hash reads along; RC4 is broken;
//! nothing is authenticated, so bits can be flipped; and sizes and times stay as they were.
//!
//! Both machines take bytes in any portions from the front of the caller's buffer ([`receive`]),
//! and are then asked for bytes to send ([`take_output`]) and for what happened ([`take_step`]).
//! They hold no clock, so a time limit is the caller's; by bytes they end by themselves. Left out:
//! when to encrypt, and falling back to plaintext (policy, the node's).
//!
//! [`receive`]: Initiator::receive
//! [`take_output`]: Initiator::take_output
//! [`take_step`]: Initiator::take_step

mod dh;
mod dice;
mod error;
pub(crate) mod fuzz;
mod initiator;
mod keys;
mod method;
mod rc4;
mod responder;
mod search;
mod skeys;

use bytes::Bytes;
use model::InfoHash;

use crate::handshake::PROTOCOL;

pub use dice::Dice;
pub use error::MseError;
pub use initiator::Initiator;
pub use keys::{Secret, StreamKeys};
pub use method::{Cipher, Methods, UnknownMethod};
pub use rc4::Rc4;
pub use responder::Responder;
pub use skeys::SkeyTable;

/// How far a handshake is.
#[derive(Debug)]
pub enum Progress {
    /// More bytes are needed.
    Wants,
    /// It is complete. The machine is spent: it takes no more bytes.
    Done(Secured),
}

/// What a completed handshake leaves to the connection.
///
/// Bytes that remain in the buffer belong to the payload and are as they were on the wire:
/// where `receive` is there, its keystream stands at exactly the first of them.
#[derive(Debug)]
pub struct Secured {
    pub cipher: Cipher,
    /// For everything sent after the machine's own output. `None`: send as it is.
    pub send: Option<Rc4>,
    /// For everything that follows in the buffer. `None`: it is plain.
    pub receive: Option<Rc4>,
    /// The torrent whose info-hash was the shared key.
    pub skey: InfoHash,
    /// The initial payload (IA), decrypted: the first bytes that A said. Empty for A itself.
    pub payload: Bytes,
    /// For the key log of a lab: with `skey` it decrypts the recorded connection
    /// ([`StreamKeys::new`]).
    pub secret: Secret,
}

impl Secured {
    /// The keystreams are kept where the payload needs them.
    fn new(cipher: Cipher, send: Rc4, receive: Rc4, skey: InfoHash, payload: Bytes, secret: Secret) -> Self {
        let encrypted = cipher == Cipher::Rc4;
        Self { cipher, send: encrypted.then_some(send), receive: encrypted.then_some(receive), skey, payload, secret }
    }
}

/// What a stage of either handshake comes to.
enum Next<Stage> {
    Go(Stage),
    /// It is not over: more bytes are needed.
    Stay(Stage),
    Done(Secured),
}

/// What happened, in order, for the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Our public key went out, `padding` bytes of noise after it (PadA or PadB).
    KeySent { padding: u16 },
    /// Their public key came; its padding has no known end yet.
    KeyReceived,
    /// The end of their padding was found: it had so many bytes (PadA or PadB).
    KeyPadding { bytes: u16 },
    /// B found the torrent that A hashed.
    SkeyMatched(InfoHash),
    /// A named the methods it can (`crypto_provide`).
    Offered {
        by_us: bool,
        methods: Methods,
        /// Bytes of PadC.
        padding: u16,
        /// Bytes of the initial payload (IA).
        payload: u16,
    },
    /// B chose one (`crypto_select`).
    Selected {
        by_us: bool,
        cipher: Cipher,
        /// Bytes of PadD.
        padding: u16,
    },
}

/// Whether a connection that starts with `front` opens with the plain BitTorrent handshake.
/// `None`: so far it does, but more bytes are needed to be sure.
///
/// A public key starts with the same 20 bytes once in 2^160 connections.
pub fn looks_like_plaintext(front: &[u8]) -> Option<bool> {
    if front.iter().zip(PROTOCOL).any(|(found, plain)| found != plain) {
        return Some(false);
    }
    (front.len() >= PROTOCOL.len()).then_some(true)
}

/// Bytes of a public key, and of the shared secret (768 bits).
pub const KEY_BYTES: usize = 96;

/// Bytes of padding, in each of the four places, at most.
pub const PADDING_BYTES_MAX: u16 = 512;

/// Bytes of the verification constant (VC), all zero.
pub const VC_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_handshake_is_told_from_noise_at_the_first_byte_that_differs() {
        for length in 0..20 {
            assert_eq!(looks_like_plaintext(&PROTOCOL[..length]), None, "{length} bytes");
            let mut other = *PROTOCOL;
            other[length] ^= 1;
            assert_eq!(looks_like_plaintext(&other[..=length]), Some(false));
        }
        assert_eq!(looks_like_plaintext(PROTOCOL), Some(true));
        assert_eq!(looks_like_plaintext(b"\x13BitTorrent protocol and more"), Some(true));
    }
}
