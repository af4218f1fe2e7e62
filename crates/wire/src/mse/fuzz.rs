//! What must hold for both roles, whatever the other side sends. Called by the fuzz target with what it
//! invents, and by the tests with the corpus.
//!
//! The first three bytes of an input say which role hears it and how: a fuzzer does not guess a
//! SHA-1, so on request the rest is sent as a partner would who knows the keys.

use bytes::{Bytes, BytesMut};
use model::{InfoHash, Rng};

use super::{
    Cipher, Dice, Initiator, Methods, MseError, Progress, Rc4, Responder, Secured, SkeyTable, Step, StreamKeys, dh,
    keys,
};

/// Panics when a promise of the [module](super) breaks.
pub fn exercise(input: &[u8]) {
    let Some((&[flags, high, low], rest)) = input.split_first_chunk() else { return };
    let methods = Methods::from_bits(u32::from(flags >> 2));
    let padding = usize::from(u16::from_be_bytes([high, low]));
    let keyed = flags & KEYED != 0;
    if flags & INITIATOR != 0 {
        let methods = if methods.is_empty() { Methods::ALL } else { methods };
        let stream = if keyed { as_responder(padding, rest) } else { rest.to_vec() };
        hold(&stream, || Role::A(Initiator::new(ours(), SKEY, methods, Bytes::from_static(&[0; 68]))));
    } else {
        let stream = if keyed { as_initiator(padding, rest) } else { rest.to_vec() };
        hold(&stream, || Role::B(Responder::new(ours(), methods), SkeyTable::from_iter([SKEY, OTHER])));
    }
}

/// What A sends: `content` stands where VC does, and after it.
fn as_initiator(padding: usize, content: &[u8]) -> Vec<u8> {
    let (key, secret) = exchange();
    let hashes = [secret.key_hash(), secret.cover(keys::skey_hash(SKEY))].concat();
    [&key[..], &vec![0; padding], &hashes, &encrypt(StreamKeys::new(&secret, SKEY).initiator, content)].concat()
}

/// What B sends: `content` stands where `crypto_select` does, and after it.
fn as_responder(padding: usize, content: &[u8]) -> Vec<u8> {
    let (key, secret) = exchange();
    let content = [&[0; super::VC_BYTES], content].concat();
    [&key[..], &vec![0; padding], &encrypt(StreamKeys::new(&secret, SKEY).responder, &content)].concat()
}

fn exchange() -> ([u8; super::KEY_BYTES], super::Secret) {
    let theirs = [0x5a; 20];
    let secret = dh::shared_secret(&dh::public_key(&ours().secret), &theirs);
    (dh::public_key(&theirs), secret.expect("our own key is sound"))
}

fn encrypt(mut rc4: Rc4, content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    rc4.apply(&mut content);
    content
}

enum Role {
    A(Initiator),
    B(Responder, SkeyTable),
}

impl Role {
    fn receive(&mut self, buf: &mut BytesMut) -> Result<Progress, MseError> {
        match self {
            Self::A(a) => a.receive(buf),
            Self::B(b, skeys) => b.receive(buf, skeys),
        }
    }

    fn take_output(&mut self) -> Option<Bytes> {
        match self {
            Self::A(a) => a.take_output(),
            Self::B(b, _) => b.take_output(),
        }
    }

    fn take_step(&mut self) -> Option<Step> {
        match self {
            Self::A(a) => a.take_step(),
            Self::B(b, _) => b.take_step(),
        }
    }
}

/// What hearing a stream came to.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    end: End,
    sent: Vec<u8>,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With so many bytes in the buffer.
    Wants(usize),
    Failed(MseError),
    Done {
        cipher: Cipher,
        payload: Bytes,
        /// What stands in the stream after the handshake, decrypted.
        after: Vec<u8>,
    },
}

fn hold(stream: &[u8], role: impl Fn() -> Role) {
    let whole = hear(stream, role(), || usize::MAX);
    let mut rng = Rng::from_seed(stream.len() as u64);
    assert_eq!(hear(stream, role(), || 1), whole, "one byte at a time made a difference");
    assert_eq!(hear(stream, role(), || 1 + rng.below(300) as usize), whole, "the split made a difference");
    let selected = whole.steps.iter().find_map(|step| match step {
        Step::Selected { cipher, .. } => Some(*cipher),
        _ => None,
    });
    if let End::Done { cipher, .. } = whole.end {
        assert_eq!(selected, Some(cipher), "another cipher than the one that was told");
    }
}

fn hear(stream: &[u8], mut role: Role, mut portion: impl FnMut() -> usize) -> Heard {
    let (mut buf, mut rest) = (BytesMut::new(), stream);
    let end = loop {
        let before = buf.len();
        match role.receive(&mut buf) {
            Ok(Progress::Done(secured)) => {
                buf.extend_from_slice(rest);
                break done(secured, buf);
            }
            Err(error) => {
                assert_eq!(role.receive(&mut buf).unwrap_err(), error, "the error did not stay");
                break End::Failed(error);
            }
            Ok(Progress::Wants) => {}
        }
        assert!(buf.len() <= before && buf.len() < WAITING_BYTES_MAX, "{} bytes wait", buf.len());
        assert!(stream.len() - rest.len() - buf.len() <= HANDSHAKE_BYTES_MAX, "the handshake goes on and on");
        if rest.is_empty() {
            break End::Wants(buf.len());
        }
        let (now, later) = rest.split_at(portion().min(rest.len()));
        buf.extend_from_slice(now);
        rest = later;
    };
    let sent = std::iter::from_fn(|| role.take_output()).collect::<Vec<_>>().concat();
    Heard { end, sent, steps: std::iter::from_fn(|| role.take_step()).collect() }
}

fn done(secured: Secured, mut after: BytesMut) -> End {
    assert_eq!(secured.skey, SKEY, "another torrent than the one that was hashed");
    let encrypted = secured.cipher == Cipher::Rc4;
    assert_eq!((secured.send.is_some(), secured.receive.is_some()), (encrypted, encrypted));
    if let Some(mut rc4) = secured.receive {
        rc4.apply(&mut after);
    }
    End::Done { cipher: secured.cipher, payload: secured.payload, after: after.to_vec() }
}

fn ours() -> Dice {
    Dice { secret: [0xa5; 20], pad: vec![1, 2, 3], pad_last: 4 }
}

const SKEY: InfoHash = InfoHash([0x11; 20]);
const OTHER: InfoHash = InfoHash([0x22; 20]);

/// In the first byte: the initiator hears it, not the responder. The methods stand in the two bits
/// after [`KEYED`].
const INITIATOR: u8 = 1;
/// In the first byte: by who knows the keys, after as much padding as the next two bytes say.
const KEYED: u8 = 2;

/// An initial payload is all that may wait at once.
const WAITING_BYTES_MAX: usize = 65_535;

/// Key, PadA, two hashes, the offer, PadC, len(IA), IA.
const HANDSHAKE_BYTES_MAX: usize = 96 + 512 + 2 * 20 + 14 + 512 + 2 + 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_keys_gets_to_the_end() {
        let done = |cipher, payload: &'static [u8]| End::Done {
            cipher,
            payload: Bytes::from_static(payload),
            after: b"after".to_vec(),
        };
        let offer = [&[0; 8][..], &[0, 0, 0, 2], &[0, 0], &[0, 2], b"IA", b"after"].concat();
        let b = Role::B(Responder::new(ours(), Methods::ALL), SkeyTable::from_iter([OTHER, SKEY]));
        assert_eq!(hear(&as_initiator(512, &offer), b, || 1).end, done(Cipher::Rc4, b"IA"));
        let answer = [&[0, 0, 0, 2][..], &[0, 0], b"after"].concat();
        let a = Role::A(Initiator::new(ours(), SKEY, Methods::ALL, Bytes::new()));
        assert_eq!(hear(&as_responder(512, &answer), a, || 1).end, done(Cipher::Rc4, b""));
    }
}
