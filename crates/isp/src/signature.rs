//! Simple inspection: the first bytes of a flow against patterns.
//!
//! This is what ready-made rule sets do, at the same place: the patterns of l7-filter and of Zeek
//! begin with `^\x13BitTorrent protocol`, so nothing but the very start of a direction is compared. Three
//! lessons follow:
//!
//! - A plaintext connection is caught by its first 20 bytes.
//! - One with MSE is not, whatever method was selected: there, both directions begin with a public key. With
//!   `plaintext-after-handshake` the dialled side's handshake stands in the clear too, 110 to 1134 bytes
//!   further in: this rule passes it by; [`crate::shape`] looks further in.
//! - What fits nothing and looks like noise stands out by that alone. Some firewalls block just this:
//!   "How the Great Firewall of China Detects and Blocks Fully Encrypted Traffic" (Wu et al., USENIX Security
//!   2023).

use events::FlowClass;

use crate::noise;

/// What a flow was taken for, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub class: FlowClass,
    /// The rule that fitted, in one sentence.
    pub rule: &'static str,
}

impl Verdict {
    /// A pattern fits: it needs no statistics to know what this is.
    pub fn shows_itself(&self) -> bool {
        KNOWN.iter().any(|known| known.rule == self.rule)
    }
}

/// So many first bytes of each direction are looked at; more change nothing.
pub const WINDOW: usize = noise::SAMPLE_MIN;

/// What the provider takes a flow for, by the first bytes of its two directions. Which is which does not
/// matter. `ended` says that no more bytes will come.
///
/// `None` means that more bytes could change the answer: ask again when some came, or when the flow has ended.
/// An answer once given stays the same, however many bytes follow.
pub fn signature(one: &[u8], other: &[u8], ended: bool) -> Option<Verdict> {
    let directions = [one, other].map(|front| &front[..front.len().min(WINDOW)]);
    for known in KNOWN {
        let fits = directions.map(|front| (known.fits)(front));
        if fits.contains(&Fit::Yes) {
            return Some(Verdict { class: known.class, rule: known.rule });
        }
        if fits.contains(&Fit::TooShort) && !ended {
            return None;
        }
    }
    without_pattern(directions, ended)
}

/// No pattern fits: by how even the bytes are. A direction with less than [`WINDOW`] says nothing.
fn without_pattern(directions: [&[u8]; 2], ended: bool) -> Option<Verdict> {
    let mut long_enough = directions.into_iter().filter(|front| front.len() == WINDOW).peekable();
    if !ended && directions.iter().any(|front| front.len() < WINDOW) {
        return None;
    }
    if long_enough.peek().is_none() {
        return Some(Verdict { class: FlowClass::Other, rule: "no pattern fits, and too few bytes to say more" });
    }
    Some(if long_enough.all(noise::is_noise) {
        Verdict {
            class: FlowClass::ObfuscatedUnknown,
            rule: "no pattern fits, and the first 96 bytes are as even as noise",
        }
    } else {
        Verdict { class: FlowClass::Other, rule: "no pattern fits, and the bytes are not noise" }
    })
}

/// A pattern, and what it stands for.
struct Known {
    class: FlowClass,
    rule: &'static str,
    fits: fn(&[u8]) -> Fit,
}

/// Does a pattern fit the front of a direction?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    /// So far it does.
    TooShort,
}

/// In order: the first that fits either direction decides.
const KNOWN: [Known; 4] = [
    Known {
        class: FlowClass::PlaintextBittorrent,
        rule: "byte 0x13 and `BitTorrent protocol` at the start: the handshake of BEP 3",
        fits: |front| starts_with(front, b"\x13BitTorrent protocol"),
    },
    Known { class: FlowClass::Other, rule: "a TLS record with a hello at the start (RFC 8446)", fits: tls_hello },
    Known {
        class: FlowClass::Other,
        rule: "`SSH-` at the start (RFC 4253)",
        fits: |front| starts_with(front, b"SSH-"),
    },
    Known { class: FlowClass::Http, rule: "an HTTP request or response line at the start (RFC 9112)", fits: http },
];

fn starts_with(front: &[u8], pattern: &[u8]) -> Fit {
    let both = front.len().min(pattern.len());
    if front[..both] != pattern[..both] {
        Fit::No
    } else if both == pattern.len() {
        Fit::Yes
    } else {
        Fit::TooShort
    }
}

/// Record type 22 (handshake), version 3.x, any length, then a client's (1) or a server's (2) hello.
fn tls_hello(front: &[u8]) -> Fit {
    let wanted: [fn(u8) -> bool; 6] = [|b| b == 22, |b| b == 3, |b| b <= 4, |_| true, |_| true, |b| b == 1 || b == 2];
    if !front.iter().zip(wanted).all(|(&byte, wanted)| wanted(byte)) {
        Fit::No
    } else if front.len() >= wanted.len() {
        Fit::Yes
    } else {
        Fit::TooShort
    }
}

fn http(front: &[u8]) -> Fit {
    const FRONTS: [&[u8]; 11] = [
        b"GET /",
        b"POST /",
        b"HEAD /",
        b"PUT /",
        b"DELETE /",
        b"OPTIONS ",
        b"PATCH /",
        b"CONNECT ",
        b"TRACE /",
        b"PRI * HTTP/2.0\r\n",
        b"HTTP/1.",
    ];
    let fits = FRONTS.map(|pattern| starts_with(front, pattern));
    if fits.contains(&Fit::Yes) {
        Fit::Yes
    } else if fits.contains(&Fit::TooShort) {
        Fit::TooShort
    } else {
        Fit::No
    }
}

#[cfg(test)]
mod tests {
    use model::Rng;

    use super::*;

    #[test]
    fn first_bytes_give_a_flow_away() {
        let handshake = [b"\x13BitTorrent protocol".as_slice(), &[0; 48]].concat();
        let (dialler, dialled) = (noise(600, 1), noise(400, 2));
        let mut header_only = noise(300, 3);
        header_only.extend_from_slice(&handshake);
        let text = "220 mail.example.test ESMTP ready, and some more words to fill a line of a hundred characters with";
        let cases: &[(&[u8], &[u8], FlowClass)] = &[
            (&handshake, b"", FlowClass::PlaintextBittorrent),
            (&handshake[..20], b"", FlowClass::PlaintextBittorrent),
            // One side encrypts, the other answers in the clear.
            (&dialler, &handshake, FlowClass::PlaintextBittorrent),
            (&dialler, &dialled, FlowClass::ObfuscatedUnknown),
            (&dialler, &header_only, FlowClass::ObfuscatedUnknown),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.0 200 OK\r\n", FlowClass::Http),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x03\x00\x7a\x02", FlowClass::Other),
            (b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", FlowClass::Other),
            (text.as_bytes(), text.as_bytes(), FlowClass::Other),
        ];
        for (one, other, class) in cases {
            let verdict = signature(one, other, false).unwrap();
            assert_eq!(verdict.class, *class, "{}", verdict.rule);
            assert_eq!(signature(other, one, false), Some(verdict), "the order of the directions matters");
        }
    }

    #[test]
    fn an_answer_once_given_stays() {
        let handshake = [b"\x13BitTorrent protocol".as_slice(), &[0; 48]].concat();
        let hello = [b"\x16\x03\x01\x02\x00\x01".as_slice(), &noise(120, 4)].concat();
        let fronts = [handshake, hello, noise(200, 5), b"HTTP/1.1 404 Not Found\r\n".to_vec(), vec![0x13; 100]];
        for one in &fronts {
            for other in &fronts {
                let last = signature(one, other, true);
                for i in 0..=one.len() {
                    for j in 0..=other.len() {
                        let early = signature(&one[..i], &other[..j], false);
                        assert!(early.is_none() || early == last, "{i} and {j} bytes: {early:?}, then {last:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_flow_that_ended_early_is_judged_by_what_it_left() {
        let rule = |one: &[u8], other: &[u8]| signature(one, other, true).unwrap();
        assert_eq!(signature(&[], &[], false), None);
        assert_eq!(rule(&[], &[]).class, FlowClass::Other);
        assert_eq!(rule(b"\x13BitTorrent", &[]).class, FlowClass::Other);
        // A public key, and a peer that speaks plaintext only hangs up.
        assert_eq!(signature(&noise(300, 6), &[], false), None);
        assert_eq!(rule(&noise(300, 6), &[]).class, FlowClass::ObfuscatedUnknown);
    }

    #[test]
    fn every_public_key_and_padding_passes_for_noise() {
        for seed in 0..2_000 {
            let verdict = signature(&noise(96 + seed as usize % 512, seed), &noise(96, seed + 10_000), false);
            assert_eq!(verdict.unwrap().class, FlowClass::ObfuscatedUnknown, "seed {seed}");
        }
    }

    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; len];
        Rng::from_seed(seed).fill(&mut bytes);
        bytes
    }
}
