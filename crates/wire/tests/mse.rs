//! Both sides of Message Stream Encryption face to face, against recorded bytes, and with every way of
//! cutting and breaking them.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use model::{InfoHash, PeerId, Rng};
use proptest::collection::vec;
use proptest::prelude::*;
use swarmlab_wire::fuzz::exercise_mse;
use swarmlab_wire::mse::{
    Cipher, Dice, Initiator, KEY_BYTES, Methods, MseError, PADDING_BYTES_MAX, Progress, Responder, Secured, SkeyTable,
    Step, StreamKeys,
};
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

#[test]
fn a_payload_behind_the_handshake_survives_any_split() {
    let said = noise(40_000);
    for provide in [Methods::ALL, Methods::PLAINTEXT] {
        let met = meet(initiator(provide), responder(Methods::ALL), usize::MAX);
        let (from_a, from_b) = (met.a.sent_and_then(&said), met.b.sent_and_then(&said));
        for seed in 0..30 {
            let mut rng = Rng::from_seed(seed);
            let heard = hear_on(initiator(provide).into(), &from_b, &mut rng);
            assert!(heard == (Bytes::new(), said.clone()), "{provide}, seed {seed}: A heard something else");
            let heard = hear_on(responder(Methods::ALL).into(), &from_a, &mut rng);
            assert!(heard == (handshake(), said.clone()), "{provide}, seed {seed}: B heard something else");
        }
    }
}

#[test]
fn a_key_log_line_decrypts_the_record_of_a_connection() {
    let met = meet(initiator(Methods::ALL), responder(Methods::ALL), usize::MAX);
    let secured = met.b.done().unwrap();
    let mut keys = StreamKeys::new(&secured.secret, secured.skey);
    let hash = secured.secret.key_hash();
    let marked = met.a.sent.windows(20).position(|window| window == hash).unwrap();
    assert_eq!(marked, KEY_BYTES + 5);
    let mut encrypted = met.a.sent[marked + 40..].to_vec();
    keys.initiator.apply(&mut encrypted);
    assert_eq!(encrypted[..8], [0; 8]);
    assert!(encrypted.ends_with(&handshake()));
}

#[test]
fn a_handshake_cut_short_is_waited_for_and_noise_after_it_is_not() {
    let (a_says, b_says) = first_words();
    for length in 0..a_says.len() {
        let mut role = Role::from(responder(Methods::ALL));
        assert_eq!(role.hear(&a_says[..length]), None, "B after {length} of {} bytes", a_says.len());
        let more = noise(WAITS_AT_MOST);
        assert!(role.hear(&more).is_some(), "B waits on after {length} bytes and noise");
    }
    for length in 0..b_says.len() {
        let mut role = Role::from(initiator(Methods::ALL));
        assert_eq!(role.hear(&b_says[..length]), None, "A after {length} of {} bytes", b_says.len());
        assert!(role.hear(&noise(WAITS_AT_MOST)).is_some(), "A waits on after {length} bytes and noise");
    }
}

#[test]
fn a_flipped_byte_from_the_initiator_ends_where_it_stands() {
    let (a_says, _) = first_words();
    for (at, flip) in flips(a_says.len()) {
        let mut bytes = a_says.clone();
        bytes[at] ^= flip;
        bytes.extend(noise(WAITS_AT_MOST));
        let end = Role::from(responder(Methods::ALL)).hear(&bytes).expect("noise enough to end any wait");
        match A_LAYOUT.part(at) {
            "key" | "key hash" => assert_eq!(end, Err(MseError::NoKeyHash), "byte {at}"),
            "skey hash" => assert_eq!(end, Err(MseError::UnknownSkey), "byte {at}"),
            "constant" => assert_eq!(end, Err(MseError::WrongConstant), "byte {at}"),
            // Nothing authenticates what follows the constant: it may pass, changed.
            _ => assert!(end.is_err() || end == Ok(SKEY), "byte {at}: {end:?}"),
        }
    }
}

#[test]
fn a_flipped_byte_from_the_responder_ends_where_it_stands() {
    let (_, b_says) = first_words();
    for (at, flip) in flips(b_says.len()) {
        let mut bytes = b_says.clone();
        bytes[at] ^= flip;
        bytes.extend(noise(WAITS_AT_MOST));
        let end = Role::from(initiator(Methods::ALL)).hear(&bytes).expect("noise enough to end any wait");
        match B_LAYOUT.part(at) {
            "key" | "constant" => assert_eq!(end, Err(MseError::NoConstant), "byte {at}"),
            _ => assert!(end.is_err() || end == Ok(SKEY), "byte {at}: {end:?}"),
        }
    }
}

#[test]
fn a_torrent_that_is_not_ours_ends_at_its_hash() {
    let other = Initiator::new(dice_a(), InfoHash([9; 20]), Methods::ALL, handshake());
    let met = meet(other, responder(Methods::ALL), 1);
    assert_eq!(met.b.error(), Some(MseError::UnknownSkey));
    assert!(met.b.steps.ends_with(&[Step::KeyPadding { bytes: 5 }]));
    let text = "none of our torrents matches their key (SKEY): they want another torrent, or ";
    assert!(MseError::UnknownSkey.to_string().starts_with(text));
}

#[test]
fn what_is_no_encrypted_bittorrent_ends_within_the_longest_padding() {
    let web = b"HTTP/1.1 400 Bad Request\r\n".repeat(40);
    let bound = KEY_BYTES + usize::from(PADDING_BYTES_MAX);
    let mut role = Role::from(initiator(Methods::ALL));
    assert_eq!(role.hear(&web[..bound + 7]), None);
    assert_eq!(role.hear(&web[bound + 7..bound + 8]), Some(Err(MseError::NoConstant)));
    let mut role = Role::from(responder(Methods::ALL));
    assert_eq!(role.hear(&web[..bound + 19]), None);
    assert_eq!(role.hear(&web[bound + 19..bound + 20]), Some(Err(MseError::NoKeyHash)));
}

#[test]
fn the_longest_of_everything_goes_through() {
    let long = |byte| Dice { secret: [byte; 20], pad: vec![byte; 512], pad_last: 512 };
    let payload = Bytes::from(vec![7; 65_535]);
    let a = Initiator::new(long(1), SKEY, Methods::ALL, payload.clone());
    let met = meet(a, Responder::new(long(2), Methods::ALL), 1_000);
    assert_eq!(met.b.done().map(|secured| &secured.payload), Some(&payload));
    assert!(met.a.done().is_some());
    let none = Dice { secret: [3; 20], pad: Vec::new(), pad_last: 0 };
    let a = Initiator::new(none.clone(), SKEY, Methods::ALL, Bytes::new());
    let met = meet(a, Responder::new(Dice { secret: [4; 20], ..none }, Methods::ALL), 1);
    assert_eq!(met.b.done().map(|secured| secured.payload.len()), Some(0));
    assert!(met.a.done().is_some());
}

#[test]
fn nothing_secret_is_printed() {
    let met = meet(initiator(Methods::ALL), responder(Methods::ALL), usize::MAX);
    let printed = format!("{:?} {:?} {:?}", met.a, initiator(Methods::ALL), responder(Methods::ALL));
    let secret = format!("{:?}", &met.a.done().unwrap().secret.reveal()[..4]);
    assert!(!printed.contains(secret.trim_matches(['[', ']'])), "{printed}");
    assert!(printed.contains("secret: Secret(..)") && printed.contains("Rc4(..)"), "{printed}");
}

#[test]
fn the_corpus_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/mse");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "{} files in {}", files.len(), folder.display());
    for file in files {
        println!("{}", file.display());
        exercise_mse(&std::fs::read(&file).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_keep_every_promise(flags in 0..16u8, padding in 0..520u16, rest in vec(any::<u8>(), 0..700)) {
        exercise_mse(&[&[flags][..], &padding.to_be_bytes(), &rest].concat());
    }

    #[test]
    fn any_offer_keeps_every_promise(
        flags in 0..16u8,
        padding in 0..520u16,
        constant in prop_oneof![9 => Just(0u64), 1 => any::<u64>()],
        bits in prop_oneof![0..5u32, any::<u32>()],
        length in prop_oneof![0..20u16, 510..516u16, any::<u16>()],
        rest in vec(any::<u8>(), 0..700),
    ) {
        let offer = [&constant.to_be_bytes()[..], &bits.to_be_bytes(), &length.to_be_bytes()].concat();
        // An initiator hears no constant here: the harness sends it.
        let heard = if flags & 1 == 0 { &offer[..] } else { &offer[8..] };
        exercise_mse(&[&[flags | 2][..], &padding.to_be_bytes(), heard, &rest].concat());
    }
}

/// Where the parts of a recorded side begin.
struct Layout(&'static [(usize, &'static str)]);

impl Layout {
    fn part(&self, at: usize) -> &'static str {
        self.0.iter().rev().find(|(start, _)| *start <= at).map_or("", |(_, name)| name)
    }
}

const A_LAYOUT: Layout =
    Layout(&[(0, "key"), (96, "padding"), (101, "key hash"), (121, "skey hash"), (141, "constant"), (149, "rest")]);
const B_LAYOUT: Layout = Layout(&[(0, "key"), (96, "padding"), (103, "constant"), (111, "rest")]);

/// All that each side says in a handshake with fixed dice.
fn first_words() -> (Vec<u8>, Vec<u8>) {
    let met = meet(initiator(Methods::ALL), responder(Methods::ALL), usize::MAX);
    (met.a.sent, met.b.sent)
}

/// Each byte, with one bit and with all bits turned.
fn flips(length: usize) -> impl Iterator<Item = (usize, u8)> {
    (0..length).flat_map(|at| [(at, 1 << (at % 8)), (at, 0xff)])
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    Rng::from_seed(9).fill(&mut noise);
    noise
}

/// More than any stage of a handshake may wait for.
const WAITS_AT_MOST: usize = 67_000;

enum Role {
    A(Initiator, BytesMut),
    B(Responder, BytesMut),
}

impl From<Initiator> for Role {
    fn from(a: Initiator) -> Self {
        Self::A(a, BytesMut::new())
    }
}

impl From<Responder> for Role {
    fn from(b: Responder) -> Self {
        Self::B(b, BytesMut::new())
    }
}

impl Role {
    fn receive(&mut self, bytes: &[u8]) -> Result<Progress, MseError> {
        match self {
            Self::A(a, buf) => {
                buf.extend_from_slice(bytes);
                a.receive(buf)
            }
            Self::B(b, buf) => {
                buf.extend_from_slice(bytes);
                b.receive(buf, &table())
            }
        }
    }

    /// The end, if it came: the torrent or the error.
    fn hear(&mut self, bytes: &[u8]) -> Option<Result<InfoHash, MseError>> {
        match self.receive(bytes) {
            Ok(Progress::Wants) => None,
            Ok(Progress::Done(secured)) => Some(Ok(secured.skey)),
            Err(error) => Some(Err(error)),
        }
    }

    fn into_left(self) -> BytesMut {
        match self {
            Self::A(_, buf) | Self::B(_, buf) => buf,
        }
    }
}

/// Feeds a whole connection in random portions: the initial payload and what follows it.
fn hear_on(mut role: Role, mut stream: &[u8], rng: &mut Rng) -> (Bytes, Vec<u8>) {
    let mut next = || {
        let (now, later) = stream.split_at((1 + rng.below(1_500) as usize).min(stream.len()));
        stream = later;
        now
    };
    let mut secured = loop {
        if let Progress::Done(secured) = role.receive(next()).unwrap() {
            break secured;
        }
    };
    let (mut heard, mut portion) = (Vec::new(), role.into_left().to_vec());
    loop {
        if let Some(rc4) = &mut secured.receive {
            rc4.apply(&mut portion);
        }
        heard.extend_from_slice(&portion);
        portion = next().to_vec();
        if portion.is_empty() {
            return (secured.payload, heard);
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

    /// Its side of a connection that goes on with `said`.
    fn sent_and_then(&self, said: &[u8]) -> Vec<u8> {
        let mut said = said.to_vec();
        if let Some(mut rc4) = self.done().and_then(|secured| secured.send.clone()) {
            rc4.apply(&mut said);
        }
        [&self.sent[..], &said].concat()
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
