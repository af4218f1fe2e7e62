//! What must hold for any bytes whatever. The fuzz target calls it with what it invents; the
//! tests, with the corpus and with random streams.

use bytes::{Bytes, BytesMut};
use model::Rng;

pub use crate::mse::fuzz::exercise as exercise_mse;
use crate::{
    Decoder, ExtensionHandshake, Handshake, Message, MetadataMessage, Pex, UploadOnly, WireError, allowed_fast_set,
    explain,
};

/// What came out of a stream: its values, and the error that ended it.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    handshake: Option<Handshake>,
    messages: Vec<Message>,
    error: Option<WireError>,
    /// Bytes of the unfinished message at the end.
    left: usize,
}

/// How the bytes arrive.
enum Portions {
    Whole,
    One,
    Random(Rng),
    /// As many as the decoder wants next.
    Wanted,
}

/// Panics when `bytes` break a promise of this crate.
pub fn exercise(bytes: &[u8]) {
    for with_handshake in [false, true] {
        let whole = hear(bytes, with_handshake, Portions::Whole);
        let seed = bytes.iter().fold(bytes.len() as u64, |n, &b| n.wrapping_mul(31).wrapping_add(u64::from(b)));
        for portions in [Portions::One, Portions::Random(Rng::from_seed(seed)), Portions::Wanted] {
            assert_eq!(hear(bytes, with_handshake, portions), whole, "the split made a difference");
        }
        says_the_same_again(bytes, &whole);
        for message in &whole.messages {
            if let Message::Extended { payload, .. } = message {
                read_extensions(payload);
            }
        }
    }
    read_extensions(bytes);
    peek_agrees(bytes);
    fast_set_is_a_set(bytes);
    explain::fuzz::exercise(bytes);
}

fn hear(bytes: &[u8], with_handshake: bool, mut portions: Portions) -> Heard {
    let mut heard = Heard { handshake: None, messages: Vec::new(), error: None, left: 0 };
    let (mut decoder, mut buf, mut rest) = (Decoder::new(), BytesMut::new(), bytes);
    loop {
        if let Err(error) = hear_all(&mut decoder, &mut buf, with_handshake, &mut heard) {
            heard.error = Some(error);
            return heard;
        }
        if rest.is_empty() {
            heard.left = buf.len();
            return heard;
        }
        let awaits_handshake = with_handshake && heard.handshake.is_none();
        let size = match &mut portions {
            Portions::Whole => rest.len(),
            Portions::One => 1,
            Portions::Random(rng) => 1 + rng.below(40) as usize * rng.below(40) as usize,
            Portions::Wanted if awaits_handshake => Handshake::LENGTH - buf.len(),
            Portions::Wanted => decoder.wants(&buf),
        };
        assert!(size > 0, "an unfinished message wants nothing");
        let (portion, after) = rest.split_at(size.min(rest.len()));
        buf.extend_from_slice(portion);
        rest = after;
    }
}

fn hear_all(
    decoder: &mut Decoder,
    buf: &mut BytesMut,
    with_handshake: bool,
    heard: &mut Heard,
) -> Result<(), WireError> {
    if with_handshake && heard.handshake.is_none() {
        heard.handshake = Handshake::decode(buf)?;
        if heard.handshake.is_none() {
            return Ok(());
        }
    }
    while let Some(message) = decoder.next(buf)? {
        heard.messages.push(message);
    }
    Ok(())
}

/// There is one way to write a value: values written again are the bytes they were read from.
fn says_the_same_again(bytes: &[u8], heard: &Heard) {
    let mut again = BytesMut::new();
    if let Some(handshake) = heard.handshake {
        again.extend_from_slice(&handshake.encode());
    }
    for message in &heard.messages {
        message.encode(&mut again);
    }
    assert!(bytes.starts_with(&again), "a value is written otherwise than it was read");
    if heard.error.is_none() {
        assert_eq!(bytes.len(), again.len() + heard.left, "bytes got lost");
    }
}

/// Extensions may be written in many ways, but what was understood survives being said.
fn read_extensions(payload: &[u8]) {
    if let Ok(value) = ExtensionHandshake::decode(payload) {
        assert!(value.messages.len() <= 64 && value.messages.keys().all(|name| name.chars().count() <= 64));
        assert_eq!(ExtensionHandshake::decode(&value.encode()), Ok(value));
    }
    if let Ok(value) = MetadataMessage::decode(Bytes::copy_from_slice(payload)) {
        assert_eq!(MetadataMessage::decode(value.encode()), Ok(value));
    }
    if let Ok(value) = Pex::decode(payload) {
        assert_eq!(Pex::decode(&value.encode()), Ok(value));
    }
    if let Ok(value) = UploadOnly::decode(payload) {
        assert_eq!(UploadOnly::decode(&value.encode()), Ok(value));
    }
}

fn peek_agrees(bytes: &[u8]) {
    let peeked = Handshake::peek_info_hash(bytes);
    match Handshake::decode(&mut BytesMut::from(bytes)) {
        Ok(Some(handshake)) => assert_eq!(peeked, Ok(Some(handshake.info_hash))),
        Ok(None) => assert_eq!(peeked.map(|hash| hash.is_some()), Ok(bytes.len() >= 48)),
        Err(error) => assert_eq!(peeked, Err(error)),
    }
}

fn fast_set_is_a_set(bytes: &[u8]) {
    let Some((start, rest)) = bytes.split_first_chunk::<8>() else { return };
    let [a, b, c, d, k, pieces @ ..] = *start;
    let pieces = u32::from_be_bytes([0, pieces[0], pieces[1], pieces[2]]);
    let mut info_hash = model::InfoHash([0; 20]);
    info_hash.0.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mut set = allowed_fast_set([a, b, c, d].into(), info_hash, pieces, usize::from(k));
    let found = set.len();
    assert_eq!(found, usize::from(k).min(pieces as usize).min(crate::ALLOWED_FAST_MAX));
    set.sort_unstable();
    set.dedup();
    assert!(set.len() == found && set.iter().all(|piece| piece.0 < pieces));
}
