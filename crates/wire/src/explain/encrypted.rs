//! The encrypted handshake (MSE) of both directions, opened with the key of a lab.

use super::parts::Parts;
use super::{Cover, Front, Key, Opened, Payload, Sight, Source, Span, bytes_of};
use crate::mse::{Cipher, KEY_BYTES, Methods, PADDING_BYTES_MAX, Rc4, SkeyTable, StreamKeys, VC_BYTES};

pub(super) fn open(dialler: &[u8], dialled: &[u8], key: &Key) -> Opened {
    let StreamKeys { initiator, responder } = StreamKeys::new(&key.secret, key.skey);
    let (dialled, cipher) = open_dialled(dialled, responder);
    let dialler = open_dialler(dialler, key, initiator, cipher);
    let opened = [&dialler, &dialled].iter().any(|front| front.spans.iter().any(|span| span.cover == Cover::Rc4));
    Opened { cipher, sight: if opened { Sight::Opened } else { Sight::Closed }, dialler, dialled }
}

/// A: key and padding, the two hashes, the offer.
fn open_dialler(wire: &[u8], key: &Key, mut keystream: Rc4, cipher: Option<Cipher>) -> Front {
    let mut front = Parts::new(wire, 0, Cover::Noise);
    if !add_key(&mut front, "Ya", "PadA", &key.secret.key_hash(), PAD_A) {
        return Front::closed(wire, front.spans);
    }
    front.add(HASH_BYTES, "HASH('req1', S)", |_| "the secret S, hashed".into(), KEY_HASH);
    front.add(HASH_BYTES, "HASH('req2', SKEY) xor HASH('req3', S)", |hash| torrent(hash, key), SKEY_HASH);
    let mut plain = wire.to_vec();
    keystream.apply(&mut plain[front.at()..]);
    let mut offer = Parts::new(&plain, front.at(), Cover::Rc4);
    let initial = add_offer(&mut offer);
    let (at, offer) = (offer.at(), offer.spans);
    let Some(initial) = initial else { return Front::broken(plain, [front.spans, offer].concat(), at) };
    let initial = (initial as usize).min(plain.len() - at);
    let then = cipher.map(|cipher| if cipher == Cipher::Rc4 { Cover::Rc4 } else { Cover::Plain });
    if then != Some(Cover::Rc4) {
        // IA is encrypted whatever is selected; what follows is as it was on the wire.
        plain[at + initial..].copy_from_slice(&wire[at + initial..]);
    }
    let payload = Some(Payload { at, initial, then });
    Front { plain, spans: of_mse([front.spans, offer].concat()), payload }
}

/// B: key and padding, the answer. Also gives what it selects.
fn open_dialled(wire: &[u8], keystream: Rc4) -> (Front, Option<Cipher>) {
    let mut constant = [0; VC_BYTES];
    keystream.clone().apply(&mut constant);
    let mut front = Parts::new(wire, 0, Cover::Noise);
    if !add_key(&mut front, "Yb", "PadB", &constant, PAD_B) {
        return (Front::closed(wire, front.spans), None);
    }
    let (mut keystream, mut plain) = (keystream, wire.to_vec());
    keystream.apply(&mut plain[front.at()..]);
    let mut answer = Parts::new(&plain, front.at(), Cover::Rc4);
    let cipher = add_answer(&mut answer);
    let (at, spans) = (answer.at(), [front.spans, answer.spans].concat());
    let Some(cipher) = cipher else { return (Front::broken(plain, spans, at), None) };
    if cipher != Cipher::Rc4 {
        plain[at..].copy_from_slice(&wire[at..]);
    }
    let then = Some(if cipher == Cipher::Rc4 { Cover::Rc4 } else { Cover::Plain });
    (Front { plain, spans: of_mse(spans), payload: Some(Payload { at, initial: 0, then }) }, Some(cipher))
}

/// Public key and padding. False: nothing follows, because the record ends or the key does not fit.
fn add_key(parts: &mut Parts<'_>, key: &str, padding: &str, mark: &[u8], note: &'static str) -> bool {
    parts.add(KEY_BYTES, format!("public key {key}"), |_| "768 bits".into(), PUBLIC_KEY);
    let after_key = parts.left();
    let places = usize::from(PADDING_BYTES_MAX) + 1;
    // As the machines find it: the mark is looked for at each place where it may begin.
    if let Some(length) = after_key.windows(mark.len()).take(places).position(|window| window == mark) {
        parts.add(length, format!("padding {padding}"), |_| bytes_of(length), note);
        return true;
    }
    let ends_early = after_key.len() < places - 1 + mark.len();
    parts.rest(format!("padding {padding}?"), if ends_early { NO_END } else { NO_FIT });
    false
}

/// VC to len(IA), which it gives. `None`: cut off, or nothing that an offer has.
fn add_offer(parts: &mut Parts<'_>) -> Option<u32> {
    if !add_constant(parts) {
        return None;
    }
    parts.number::<4>("crypto_provide", methods, PROVIDE);
    let padding = parts.number::<2>("len(PadC)", |n| n.to_string(), "")?;
    if !add_padding(parts, "padding PadC", padding) {
        return None;
    }
    parts.number::<2>("len(IA)", |n| n.to_string(), LEN_IA)
}

/// VC to PadD, and what was selected. `None`: cut off, or nothing that an answer has.
fn add_answer(parts: &mut Parts<'_>) -> Option<Cipher> {
    add_constant(parts);
    let bits = parts.number::<4>("crypto_select", methods, SELECT)?;
    let padding = parts.number::<2>("len(PadD)", |n| n.to_string(), "")?;
    let is_right = add_padding(parts, "padding PadD", padding);
    selected(bits).filter(|_| is_right)
}

/// False: it is not zero.
fn add_constant(parts: &mut Parts<'_>) -> bool {
    let zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
    let value = |bytes: &[u8]| if zero(bytes) { "8 zero bytes" } else { "not zero: the key does not fit" }.to_owned();
    parts.add(VC_BYTES, "verification constant VC", value, CONSTANT).is_some_and(zero)
}

/// False: it is not there whole, or longer than any.
fn add_padding(parts: &mut Parts<'_>, name: &'static str, length: u32) -> bool {
    if length > u32::from(PADDING_BYTES_MAX) {
        return false;
    }
    parts.add(length as usize, name, |bytes| bytes_of(bytes.len()), LAST_PADDING);
    parts.is_whole()
}

impl Front {
    /// Not opened: all of it is in `spans`.
    fn closed(wire: &[u8], spans: Vec<Span>) -> Self {
        Self { plain: wire.to_vec(), spans: of_mse(spans), payload: None }
    }

    /// Opened up to `at`, where it ends or stops to make sense.
    fn broken(plain: Vec<u8>, spans: Vec<Span>, at: usize) -> Self {
        let mut rest = Parts::new(&plain, at, Cover::Rc4);
        rest.rest("noise", "No encrypted handshake goes on like this: the rest cannot be read.");
        let spans = of_mse([spans, rest.spans].concat());
        Self { plain, spans, payload: None }
    }
}

fn of_mse(mut spans: Vec<Span>) -> Vec<Span> {
    spans.iter_mut().for_each(|span| span.source = Some(Source::Mse));
    spans
}

fn torrent(hash: &[u8], key: &Key) -> String {
    let mut table = SkeyTable::new();
    table.insert(key.skey);
    let found = hash.try_into().ok().and_then(|hash| table.find(&key.secret, hash));
    found.map_or_else(|| "another torrent than the key's".to_owned(), |skey| format!("torrent {skey}"))
}

fn methods(bits: u32) -> String {
    format!("{} ({bits:#04x})", Methods::from_bits(bits))
}

fn selected(bits: u32) -> Option<Cipher> {
    match Methods::from_bits(bits) {
        Methods::RC4 => Some(Cipher::Rc4),
        Methods::PLAINTEXT => Some(Cipher::PlaintextAfterHandshake),
        _ => None,
    }
}

/// Bytes of a SHA-1.
const HASH_BYTES: usize = 20;

const PUBLIC_KEY: &str = "One half of a Diffie-Hellman exchange. Each end computes the secret S from its own private key and the other's half; an onlooker has neither private key.";
const PAD_A: &str =
    "Noise of a random length, 0 to 512 bytes, so that no packet has a telling size. The hash after it marks its end.";
const PAD_B: &str = "Noise of a random length, 0 to 512 bytes. The encrypted VC marks its end: the other side knows which 8 bytes to look for.";
const NO_END: &str = "The record ends before the end of the padding is found.";
const NO_FIT: &str =
    "What marks the end of the padding is at none of its 513 places: the key is not the one of this connection.";
const KEY_HASH: &str = "\"I know the secret S, and here PadA ends.\"";
const SKEY_HASH: &str = "Which torrent, said so that only who has S and the info-hash can tell. RC4 begins after it.";
const CONSTANT: &str = "Who decrypts it to zeros has the right key.";
const PROVIDE: &str = "What the side that dialled can go on with: rc4, or plaintext behind this handshake.";
const SELECT: &str = "What the side that was dialled chose from the offer.";
const LEN_IA: &str = "So many bytes of the payload follow at once.";
const LAST_PADDING: &str = "Zeros before encryption: one more length that says nothing.";
