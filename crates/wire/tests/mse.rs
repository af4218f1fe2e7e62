//! Both sides of Message Stream Encryption face to face, against recorded bytes, and with every way of
//! cutting and breaking them.

use bytes::{Bytes, BytesMut};
use model::{InfoHash, PeerId};
use swarmlab_wire::mse::{Cipher, Dice, Initiator, Methods, MseError, Progress, Responder, Secured, SkeyTable, Step};
use swarmlab_wire::{Handshake, Reserved};

#[test]
fn fixed_dice_give_the_recorded_bytes() {
    let (mut a, mut b) = (initiator(Methods::ALL), responder(Methods::ALL));
    let (mut to_a, mut to_b) = (BytesMut::new(), BytesMut::new());

    let one = a.take_output().unwrap();
    assert_eq!(hex(&one), ONE);
    to_b.extend_from_slice(&one);
    assert!(matches!(b.receive(&mut to_b, &table()), Ok(Progress::Wants)));

    let two = b.take_output().unwrap();
    assert_eq!(hex(&two), TWO);
    to_a.extend_from_slice(&two);
    assert!(matches!(a.receive(&mut to_a), Ok(Progress::Wants)));

    let three = a.take_output().unwrap();
    assert_eq!(hex(&three), THREE);
    to_b.extend_from_slice(&three);
    let Ok(Progress::Done(mut at_b)) = b.receive(&mut to_b, &table()) else { panic!("B is not done") };

    let four = b.take_output().unwrap();
    assert_eq!(hex(&four), FOUR);
    to_a.extend_from_slice(&four);
    let Ok(Progress::Done(mut at_a)) = a.receive(&mut to_a) else { panic!("A is not done") };

    assert_eq!((hex(at_a.secret.reveal()), hex(at_b.secret.reveal())), (SECRET.to_owned(), SECRET.to_owned()));
    assert_eq!((at_b.payload, at_a.payload), (handshake(), Bytes::new()));
    assert_eq!((a.take_output(), b.take_output()), (None, None));
    assert!(to_a.is_empty() && to_b.is_empty());
    let (mut said_a, mut said_b) = (*b"interested", *b"unchoked");
    at_a.send.as_mut().unwrap().apply(&mut said_a);
    at_b.send.as_mut().unwrap().apply(&mut said_b);
    assert_eq!((hex(&said_a), hex(&said_b)), (FIVE_A.to_owned(), FIVE_B.to_owned()));
}

#[test]
fn every_step_is_told_in_order() {
    let (a, b) = (Initiator::new(dice_a(), SKEY, Methods::ALL, handshake()), responder(Methods::RC4));
    let met = meet(a, b, usize::MAX);
    let offered = |by_us| Step::Offered { by_us, methods: Methods::ALL, padding: 3, payload: 68 };
    let selected = |by_us| Step::Selected { by_us, cipher: Cipher::Rc4, padding: 2 };
    let a = [
        Step::KeySent { padding: 5 },
        Step::KeyReceived,
        offered(true),
        Step::KeyPadding { bytes: 7 },
        selected(false),
    ];
    let b = [
        Step::KeyReceived,
        Step::KeySent { padding: 7 },
        Step::KeyPadding { bytes: 5 },
        Step::SkeyMatched(SKEY),
        offered(false),
        selected(true),
    ];
    assert_eq!((met.a.steps, met.b.steps), (a.to_vec(), b.to_vec()));
}

#[test]
fn what_is_offered_and_accepted_decides_the_cipher() {
    let (rc4, plain) = (Cipher::Rc4, Cipher::PlaintextAfterHandshake);
    for (provide, accept, agreed) in [
        (Methods::RC4, Methods::RC4, Some(rc4)),
        (Methods::RC4, Methods::ALL, Some(rc4)),
        (Methods::RC4, Methods::PLAINTEXT, None),
        (Methods::PLAINTEXT, Methods::RC4, None),
        (Methods::PLAINTEXT, Methods::ALL, Some(plain)),
        (Methods::PLAINTEXT, Methods::PLAINTEXT, Some(plain)),
        (Methods::ALL, Methods::RC4, Some(rc4)),
        (Methods::ALL, Methods::ALL, Some(rc4)),
        (Methods::ALL, Methods::PLAINTEXT, Some(plain)),
    ] {
        for portion in [1, 7, usize::MAX] {
            let met = meet(initiator(provide), responder(accept), portion);
            let ciphers = [&met.a, &met.b].map(|side| side.done().map(|secured| secured.cipher));
            assert_eq!(ciphers, [agreed, agreed], "{provide} meets {accept}, {portion} bytes at a time");
            let refused = MseError::NoCommonMethod { offered: provide, accepted: accept };
            assert_eq!(met.b.error(), agreed.is_none().then_some(refused));
            assert_eq!(met.a.error(), None, "it waits for an answer that never comes");
        }
    }
}

/// What became of a side.
#[derive(Debug, Default)]
struct Side {
    outcome: Option<Result<Secured, MseError>>,
    steps: Vec<Step>,
    /// Left in its buffer.
    left: BytesMut,
    /// All that it sent.
    sent: Vec<u8>,
}

impl Side {
    fn done(&self) -> Option<&Secured> {
        self.outcome.as_ref()?.as_ref().ok()
    }

    fn error(&self) -> Option<MseError> {
        self.outcome.as_ref()?.as_ref().err().copied()
    }
}

struct Met {
    a: Side,
    b: Side,
}

/// Lets two sides talk, `portion` bytes at a time, until neither has anything to say.
fn meet(mut a: Initiator, mut b: Responder, portion: usize) -> Met {
    let (mut at_a, mut at_b) = (Side::default(), Side::default());
    let (mut heard_by_a, mut heard_by_b) = (0, 0);
    let table = table();
    loop {
        while let Some(out) = a.take_output() {
            at_a.sent.extend_from_slice(&out);
        }
        while let Some(out) = b.take_output() {
            at_b.sent.extend_from_slice(&out);
        }
        let to_a = next(&at_b.sent, &mut heard_by_a, portion);
        let to_b = next(&at_a.sent, &mut heard_by_b, portion);
        if to_a.is_empty() && to_b.is_empty() {
            break;
        }
        at_a.left.extend_from_slice(to_a);
        at_b.left.extend_from_slice(to_b);
        hear(&mut at_a, |buf| a.receive(buf));
        hear(&mut at_b, |buf| b.receive(buf, &table));
    }
    at_a.steps.extend(std::iter::from_fn(|| a.take_step()));
    at_b.steps.extend(std::iter::from_fn(|| b.take_step()));
    Met { a: at_a, b: at_b }
}

fn next<'a>(sent: &'a [u8], heard: &mut usize, portion: usize) -> &'a [u8] {
    let rest = &sent[*heard..];
    let now = &rest[..portion.min(rest.len())];
    *heard += now.len();
    now
}

fn hear(side: &mut Side, receive: impl FnOnce(&mut BytesMut) -> Result<Progress, MseError>) {
    if side.outcome.is_none() {
        side.outcome = match receive(&mut side.left) {
            Ok(Progress::Wants) => None,
            Ok(Progress::Done(secured)) => Some(Ok(secured)),
            Err(error) => Some(Err(error)),
        };
    }
}

fn initiator(provide: Methods) -> Initiator {
    Initiator::new(dice_a(), SKEY, provide, handshake())
}

fn responder(accept: Methods) -> Responder {
    Responder::new(dice_b(), accept)
}

fn dice_a() -> Dice {
    Dice { secret: std::array::from_fn(|n| 1 + n as u8), pad: b"PadA!".to_vec(), pad_last: 3 }
}

fn dice_b() -> Dice {
    Dice { secret: std::array::from_fn(|n| 0xf0 - n as u8), pad: b"PadB!!!".to_vec(), pad_last: 2 }
}

fn table() -> SkeyTable {
    [InfoHash([1; 20]), SKEY, InfoHash([2; 20])].into_iter().collect()
}

fn handshake() -> Bytes {
    let handshake =
        Handshake { reserved: Reserved([0; 8]), info_hash: SKEY, peer_id: PeerId(*b"-SL0100-abcdefghijkl") };
    Bytes::copy_from_slice(&handshake.encode())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const SKEY: InfoHash = InfoHash(*b"defghijklmnopqrstuvw");

// What `python3 crates/wire/tests/mse_vector.py` prints: another implementation, with Python's own powers.
const SECRET: &str = "\
    0a73fd214af694a8a8bb8b20285ce830603323faf3c1a892ac822c7e1a7306fa28d652c1bbb12cd3a032b9a16262c7be\
    8533001f4b9c13d2ca3b594a933034297aff5f85970b763eafcf2281b20a234b7d8468f96cbe8ed4f464fc1f073bf484";
const ONE: &str = "\
    96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e556b0918db2b4c658e02a87f7e5fb14b18a\
    553e084cbf3dad2d30f16596ccb982d406258c61b30c5c1dae2ddc60bdbd48d79896312aad63238c39e1a633821eb693\
    5061644121";
const TWO: &str = "\
    bb3af18641bc0a0f49e0f735768790948250d8e1b0916c2808b2708adc6a06dadd7a1ed8e0bd130bfcb01b5088e1e874\
    c1582dc5e68e3ce661f8adca75e9823b0b185ba9fca103cccc9767368416e0f597244c14fddc8565371e5e9b3e27181a\
    50616442212121";
const THREE: &str = "\
    0bc133717d81457a93199b8d6f041fa3d98836a200e48ab3236beaa808199984a5737f3659bb8ac86afaf2627f3c71af\
    fa2473f8b67b43945041e235f5ccfe8759602d0f854bd1ea4e7cefdef03941601112a49ef58eff6d7d8d72884f06156b\
    db58cf0ca1238517b0715f924d6f6fe56e06590d04c28fd39a4bd4f8cf980c";
const FOUR: &str = "72c401663773b3397ff5e24ff0c2066b";
const FIVE_A: &str = "638ebafb8b58b66ec748";
const FIVE_B: &str = "197884d8afd2348d";
