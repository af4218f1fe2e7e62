//! Bytes explained: which of them mean what, by which specification, and who can read them.
//!
//! Takes the recorded beginnings of both directions of one connection, as they were on the wire, and
//! says of every byte what it is. Terminal, page, sheet and slide show the same [`Span`]s, so they
//! can't disagree. What was encrypted (MSE) is opened where the lab's key of the connection is at
//! hand. RC4 changes no length, so a place on the wire is the place in the plain text too.
//!
//! ```text
//! wire   9f 31 … c2 | 5e 07 …   | 8a 11 … | 47 d0 …
//! spans  public key   padding     VC        IA ── handshake ── protocol, reserved, info-hash, peer id
//! plain  9f 31 … c2 | 5e 07 …   | 00 00 … | 13 42 …
//! ```
//!
//! The spans of a direction cover its record without gap or overlap, whatever the bytes; the parts of a span
//! lie inside it, in order. Where the record ends in the middle of something, the last span says so. What is
//! wrong is named and ends the explanation, as it ends the connection.
//!
//! Left out: whether a piece exists, who was right, and datagrams.

mod conversation;
mod encrypted;
mod extension;
pub(crate) mod fuzz;
mod message;
mod parts;

use std::borrow::Cow;
use std::fmt;

use model::InfoHash;

use crate::mse::{Cipher, KEY_BYTES, Secret, looks_like_plaintext};
use conversation::Names;
use parts::Parts;

/// What opens the encrypted part of one connection. Lab keys only: see [`Secret`].
#[derive(Debug, Clone)]
pub struct Key {
    pub secret: Secret,
    /// The info-hash that both ends know.
    pub skey: InfoHash,
}

/// A connection's beginning, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What the payload crosses in, as far as these bytes tell.
    pub cipher: Option<Cipher>,
    pub sight: Sight,
    /// What the side sent that dialled (A in MSE).
    pub dialler: Stream,
    /// What the side sent that was dialled (B in MSE).
    pub dialled: Stream,
}

/// How the bytes could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// They were never encrypted, or nothing was sent.
    Clear,
    /// With the key.
    Opened,
    /// Not at all: no key, or one that does not fit.
    Closed,
}

/// One direction, explained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// The record with everything decrypted that the key opens. As long as the record.
    pub plain: Vec<u8>,
    /// In order, side by side, from the first byte to the last.
    pub spans: Vec<Span>,
}

/// Some bytes that are one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, in bytes from the start of its direction.
    pub at: usize,
    /// How many of its bytes are in the record. Never 0.
    pub length: usize,
    /// What it is: `request`, `info-hash`, `public key Ya`.
    pub name: Cow<'static, str>,
    /// What it says, for people, safe to print; empty where the name says it all.
    pub value: String,
    /// What it is for; empty where the name says it all.
    pub note: Cow<'static, str>,
    /// Where it is specified.
    pub source: Option<Source>,
    /// How it crossed.
    pub cover: Cover,
    /// What it consists of, in order and inside it. They may leave gaps.
    pub parts: Vec<Span>,
}

/// What an onlooker finds in place of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// The bytes as they were meant: anybody on the path reads them.
    Plain,
    /// Bytes that are not encrypted but look random by themselves: keys, padding, hashes. Also
    /// what nobody here can open.
    Noise,
    /// The bytes encrypted with RC4.
    Rc4,
}

/// A specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Bep(u8),
    /// Message Stream Encryption, a text of the Vuze wiki.
    Mse,
}

/// Explains the recorded beginnings of a connection: what was sent by the side that dialled, and by the
/// side that was dialled.
pub fn explain(dialler: &[u8], dialled: &[u8], key: Option<&Key>) -> Explained {
    let clear = [dialler, dialled].into_iter().find(|front| !front.is_empty()).is_none_or(opens_in_the_clear);
    let opened = match key {
        Some(key) if !clear => encrypted::open(dialler, dialled, key),
        _ => Opened {
            cipher: clear.then_some(Cipher::Plaintext).filter(|_| !dialler.is_empty() || !dialled.is_empty()),
            sight: if clear { Sight::Clear } else { Sight::Closed },
            dialler: Front::unaided(dialler),
            dialled: Front::unaided(dialled),
        },
    };
    let (names_of_dialler, names_of_dialled) = (opened.dialler.extension_names(), opened.dialled.extension_names());
    Explained {
        cipher: opened.cipher,
        sight: opened.sight,
        // The numbers of extended messages are the receiver's (BEP 10).
        dialler: opened.dialler.explain(&names_of_dialled),
        dialled: opened.dialled.explain(&names_of_dialler),
    }
}

fn opens_in_the_clear(front: &[u8]) -> bool {
    looks_like_plaintext(front) != Some(false)
}

/// Both directions with the encrypted handshake explained and the payload found.
struct Opened {
    cipher: Option<Cipher>,
    sight: Sight,
    dialler: Front,
    dialled: Front,
}

/// A direction up to its payload.
struct Front {
    plain: Vec<u8>,
    /// What stands before the payload.
    spans: Vec<Span>,
    /// `None`: all of the record is in `spans`.
    payload: Option<Payload>,
}

/// The BitTorrent part of a direction.
struct Payload {
    at: usize,
    /// Bytes at its front that still belong to the encrypted handshake (IA).
    initial: usize,
    /// How the rest crossed. `None`: what was selected is not in the record.
    then: Option<Cover>,
}

impl Front {
    /// A direction for which no key is needed, or none is there.
    fn unaided(wire: &[u8]) -> Self {
        let clear = opens_in_the_clear(wire);
        Self {
            plain: wire.to_vec(),
            spans: if clear { Vec::new() } else { unopened(wire) },
            payload: clear.then_some(Payload { at: 0, initial: 0, then: Some(Cover::Plain) }),
        }
    }

    fn readable(&self) -> Option<(&Payload, &[u8])> {
        let payload = self.payload.as_ref()?;
        let end = if payload.then.is_some() { self.plain.len() } else { payload.at + payload.initial };
        Some((payload, &self.plain[..end]))
    }

    /// What the sender takes extended messages for.
    fn extension_names(&self) -> Names {
        self.readable().map_or_else(Names::new, |(payload, bytes)| conversation::extension_names(&bytes[payload.at..]))
    }

    fn explain(self, names: &Names) -> Stream {
        let mut spans = Vec::new();
        if let Some((payload, bytes)) = self.readable() {
            let conversation = conversation::explain(bytes, payload.at, names);
            spans = payload.cover(conversation);
            let mut rest = Parts::new(&self.plain, bytes.len(), Cover::Noise);
            rest.rest("payload", "The record does not hold what was selected, so nobody can tell here what this is.");
            spans.append(&mut rest.spans);
        }
        Stream { spans: [self.spans, spans].concat(), plain: self.plain }
    }
}

impl Payload {
    /// Says of each span how it crossed, and gathers those of the initial payload.
    fn cover(&self, mut spans: Vec<Span>) -> Vec<Span> {
        let initial_end = self.at + self.initial;
        for span in &mut spans {
            span.set_cover(if span.at < initial_end { Cover::Rc4 } else { self.then.unwrap_or(Cover::Noise) });
        }
        let inside = spans.iter().take_while(|span| span.end() <= initial_end).count();
        // Where a message goes on behind IA there is no span that could hold it.
        if inside == 0 || spans[inside - 1].end() != initial_end {
            return spans;
        }
        let rest = spans.split_off(inside);
        let initial = Span {
            value: bytes_of(self.initial),
            note: Cow::Borrowed(INITIAL_PAYLOAD),
            source: Some(Source::Mse),
            cover: Cover::Rc4,
            parts: spans,
            ..Span::new(self.at, self.initial, "initial payload IA")
        };
        std::iter::once(initial).chain(rest).collect()
    }
}

/// What can be said of bytes that are no plain handshake when no key opens them.
fn unopened(wire: &[u8]) -> Vec<Span> {
    let mut parts = Parts::new(wire, 0, Cover::Noise);
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if wire.get(..TEXT_BYTES).is_some_and(|front| front.iter().all(is_text)) {
        parts.cover = Cover::Plain;
        parts.rest("text", "Not BitTorrent: it begins with text that anybody on the path can read.");
    } else if wire.len() < KEY_BYTES {
        parts.rest("noise", "No BitTorrent handshake, and too short for a public key, which has 96 bytes.");
    } else {
        parts.add(
            KEY_BYTES,
            "a public key?",
            |_| "96 bytes that could be one".into(),
            "A Diffie-Hellman public key of encrypted BitTorrent looks like this, and so does any other noise.",
        );
        let left = wire.len() - KEY_BYTES;
        parts.add(
            left,
            "noise",
            |_| format!("{} that look like noise", bytes_of(left)),
            "Padding, hashes, encrypted messages: without the key they cannot be told apart from here.",
        );
    }
    parts.spans
}

impl Span {
    fn new(at: usize, length: usize, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            at,
            length,
            name: name.into(),
            value: String::new(),
            note: Cow::Borrowed(""),
            source: None,
            cover: Cover::Plain,
            parts: Vec::new(),
        }
    }

    /// The place after its last byte.
    pub fn end(&self) -> usize {
        self.at + self.length
    }

    fn set_cover(&mut self, cover: Cover) {
        self.cover = cover;
        self.parts.iter_mut().for_each(|part| part.set_cover(cover));
    }
}

impl Cover {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Noise => "noise",
            Self::Rc4 => "rc4",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bep(number) => write!(f, "BEP {number}"),
            Self::Mse => f.write_str("MSE"),
        }
    }
}

/// `1 byte`, `2 bytes`.
fn bytes_of(n: usize) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

const INITIAL_PAYLOAD: &str = "The first bytes of the payload ride in the encrypted handshake, always encrypted, so that encryption costs no extra round trip.";

/// So many printable bytes at the front are text, not chance (noise does that once in four million connections).
const TEXT_BYTES: usize = 16;

#[cfg(test)]
mod tests;
