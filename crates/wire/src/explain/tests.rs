//! Records made up by values, and by two machines face to face: what is said of their bytes.

use bytes::{Bytes, BytesMut};
use model::{Block, BlockOffset, InfoHash, PeerId, PieceIndex, Rng};

use super::*;
use crate::mse::{Dice, Initiator, Methods, Progress, Responder, SkeyTable};
use crate::{ExtensionHandshake, Handshake, Message, MetadataMessage, Pex, PexFlags, PexPeer, Reserved};

const SKEY: InfoHash = InfoHash([0x5a; 20]);

#[test]
fn a_plain_conversation_is_explained_field_by_field() {
    let explained = explain(&hello(b"-SL0100-abcdefghijkl"), &[], None);
    assert_eq!((explained.cipher, explained.sight), (Some(Cipher::Plaintext), Sight::Clear));
    assert_eq!(
        outline(&explained.dialler.spans),
        "\
0+68 handshake: Swarmlab 0.1.0.0
  0+20 protocol: 19, \"BitTorrent protocol\"
  20+8 reserved: extension-protocol, fast
  28+20 info-hash: 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a
  48+20 peer id: -SL0100-abcdefghijkl
"
    );
    assert!(explained.dialler.spans.iter().all(|span| span.source == Some(Source::Bep(3))));
}

#[test]
fn each_message_has_its_fields_and_a_line_that_sums_them_up() {
    let block = Block { piece: PieceIndex(3), offset: BlockOffset(16384), length: 16384 };
    let block_fields = "number, piece=3, offset=16384, block length=16384";
    let data = Bytes::from_static(b"abc");
    let table: Vec<(Message, &str, &str, u8)> = vec![
        (Message::KeepAlive, "keep-alive: ", "", 3),
        (Message::Choke, "choke: ", "number", 3),
        (Message::Unchoke, "unchoke: ", "number", 3),
        (Message::Interested, "interested: ", "number", 3),
        (Message::NotInterested, "not-interested: ", "number", 3),
        (Message::Have(PieceIndex(7)), "have: piece 7", "number, piece=7", 3),
        (Message::Bitfield(Bytes::from_static(b"\xf0\x80")), "bitfield: 5 of 16 bits set", "number, bits", 3),
        (Message::Request(block), "request: 16384 bytes of piece 3, from byte 16384", block_fields, 3),
        (Message::Cancel(block), "cancel: 16384 bytes of piece 3, from byte 16384", block_fields, 3),
        (Message::Reject(block), "reject: 16384 bytes of piece 3, from byte 16384", block_fields, 6),
        (
            Message::Piece { piece: PieceIndex(1), offset: BlockOffset(2), data },
            "piece: 3 bytes of piece 1, from byte 2",
            "number, piece=1, offset=2, data",
            3,
        ),
        (Message::Port(6881), "port: UDP port 6881", "number, port=6881", 5),
        (Message::Suggest(PieceIndex(7)), "suggest: piece 7", "number, piece=7", 6),
        (Message::HaveAll, "have-all: ", "number", 6),
        (Message::HaveNone, "have-none: ", "number", 6),
        (Message::AllowedFast(PieceIndex(7)), "allowed-fast: piece 7", "number, piece=7", 6),
        (
            Message::Extended { id: 9, payload: Bytes::from_static(b"xy") },
            "extended: 2 bytes",
            "number, extension, payload",
            10,
        ),
    ];
    for (message, line, fields, bep) in table {
        let spans = explain(&said(std::slice::from_ref(&message)), &[], None).dialler.spans;
        let span = &spans[1];
        assert_eq!(format!("{}: {}", span.name, span.value), line);
        let found: Vec<String> = span.parts.iter().skip(1).map(field).collect();
        assert_eq!(found.join(", "), fields, "{message:?}");
        assert_eq!(span.source, Some(Source::Bep(bep)), "{message:?}");
        assert!(!span.note.is_empty(), "{message:?} has no note");
    }
    let unknown = Message::Unknown { id: 99, payload: Bytes::from_static(b"x") };
    let span = explain(&said(&[unknown]), &[], None).dialler.spans.remove(1);
    assert_eq!((&*span.name, &*span.value, span.source), ("unknown", "number 99, 1 byte", None));
}

#[test]
fn extended_messages_go_by_the_names_of_their_receiver() {
    let takes = |metadata, pex| {
        let messages = [("ut_metadata".to_owned(), metadata), ("ut_pex".to_owned(), pex)].into();
        let handshake = ExtensionHandshake { messages, client: Some("Test 1.0".into()), ..Default::default() };
        Message::Extended { id: 0, payload: handshake.encode() }
    };
    let peer = |n| PexPeer { addr: ([10, 0, 0, n], 6881).into(), flags: PexFlags::SEED };
    let pex = Pex { added: (1..=5).map(peer).collect(), dropped: Vec::new() };
    let extended = |id, payload| Message::Extended { id, payload };
    // The dialler takes metadata as 1 and pex as 2, the other side the other way round.
    let dialler =
        said(&[takes(1, 2), extended(1, pex.encode()), extended(2, MetadataMessage::Request { piece: 0 }.encode())]);
    let part = MetadataMessage::Data { piece: 0, total_size: 5, data: Bytes::from_static(b"d1:xe") };
    let dialled = said(&[takes(2, 1), extended(1, part.encode()), extended(7, Bytes::from_static(b"?"))]);
    let explained = explain(&dialler, &dialled, None);
    assert_eq!(
        lines(&explained.dialler.spans)[1..],
        [
            "extension handshake: ut_metadata = 1, ut_pex = 2, Test 1.0",
            "ut_pex: added: 10.0.0.1:6881, 10.0.0.2:6881, 10.0.0.3:6881 and 2 more, dropped: none",
            "ut_metadata: request, part 0",
        ]
    );
    assert_eq!(
        lines(&explained.dialled.spans)[1..],
        ["extension handshake: ut_metadata = 2, ut_pex = 1, Test 1.0", "ut_metadata: data, part 0", "extended: 1 byte"]
    );
    let data = &explained.dialled.spans[2].parts;
    let fields: Vec<String> = data.iter().skip(3).map(field).collect();
    assert_eq!(fields, ["d", "msg_type=data", "piece=0", "total_size=5", "e", "data"]);
    assert_eq!(explained.dialled.spans[3].parts[2].value, "7, not named in the record");
}

#[test]
fn an_encrypted_connection_reads_like_a_plain_one_to_who_has_the_key() {
    for (methods, cipher) in [(Methods::RC4, Cipher::Rc4), (Methods::PLAINTEXT, Cipher::PlaintextAfterHandshake)] {
        let talk = Talk::secured(methods, 1);
        let explained = explain(&talk.dialler, &talk.dialled, Some(&talk.key));
        assert_eq!((explained.cipher, explained.sight), (Some(cipher), Sight::Opened));

        let names = |spans: &[Span]| spans.iter().map(|span| span.name.to_string()).collect::<Vec<_>>();
        assert_eq!(
            names(&explained.dialler.spans),
            [
                "public key Ya",
                "padding PadA",
                "HASH('req1', S)",
                "HASH('req2', SKEY) xor HASH('req3', S)",
                "verification constant VC",
                "crypto_provide",
                "len(PadC)",
                "padding PadC",
                "len(IA)",
                "initial payload IA",
                "interested"
            ]
        );
        assert_eq!(
            names(&explained.dialled.spans),
            [
                "public key Yb",
                "padding PadB",
                "verification constant VC",
                "crypto_select",
                "len(PadD)",
                "padding PadD",
                "handshake",
                "have-all"
            ]
        );
        let initial = &explained.dialler.spans[9];
        assert_eq!(lines(&initial.parts), ["handshake: Swarmlab 0.1.0.0"]);
        assert_eq!(explained.dialler.spans[3].value, format!("torrent {SKEY}"));
        let offered = format!("{methods} ({:#04x})", methods.bits());
        assert_eq!((&explained.dialler.spans[5].value, &explained.dialled.spans[3].value), (&offered, &offered));

        // The plain text holds what was said, at the place where its bytes crossed.
        assert!(explained.dialler.plain.ends_with(&said(&[Message::Interested])));
        assert!(explained.dialled.plain.ends_with(&[&hello(BOB)[..], &wire(&[Message::HaveAll])].concat()));
        let covers = |spans: &[Span], from: usize| spans[from..].iter().map(|span| span.cover).collect::<Vec<_>>();
        let payload = if cipher == Cipher::Rc4 { Cover::Rc4 } else { Cover::Plain };
        assert_eq!(covers(&explained.dialler.spans, 0)[..4], [Cover::Noise; 4]);
        assert_eq!(covers(&explained.dialler.spans, 9), [Cover::Rc4, payload]);
        assert_eq!(covers(&explained.dialled.spans, 5), [Cover::Rc4, payload, payload]);
    }
}

#[test]
fn without_the_key_it_is_noise_and_is_called_so() {
    let talk = Talk::secured(Methods::ALL, 2);
    let explained = explain(&talk.dialler, &talk.dialled, None);
    assert_eq!((explained.cipher, explained.sight), (None, Sight::Closed));
    let noise = talk.dialled.len() - 96;
    assert_eq!(
        lines(&explained.dialled.spans),
        ["a public key?: 96 bytes that could be one".to_owned(), format!("noise: {noise} bytes that look like noise")]
    );
    assert_eq!(explained.dialled.plain, talk.dialled, "nothing is opened");
}

#[test]
fn a_key_that_does_not_fit_opens_nothing() {
    let (talk, other) = (Talk::secured(Methods::ALL, 3), Talk::secured(Methods::ALL, 4));
    let explained = explain(&talk.dialler, &[0x33; 2048], Some(&other.key));
    assert_eq!(explained.sight, Sight::Closed);
    assert_eq!(
        explained.dialled.spans[1].note,
        "What marks the end of the padding is at none of its 513 places: the key is not the one of this connection."
    );
    // The secret fits, the torrent does not: the hashes tell, and nothing behind them is believed.
    let key = Key { skey: InfoHash([1; 20]), ..talk.key.clone() };
    let explained = explain(&talk.dialler, &talk.dialled, Some(&key));
    let lines = lines(&explained.dialler.spans);
    assert_eq!(lines[3], "HASH('req2', SKEY) xor HASH('req3', S): another torrent than the key's");
    assert_eq!(lines[4], "verification constant VC: not zero: the key does not fit");
    assert!(lines[5].starts_with("noise: ") && lines.len() == 6, "{lines:?}");
}

#[test]
fn a_record_that_ends_in_the_middle_says_so() {
    let block = Block { piece: PieceIndex(3), offset: BlockOffset(0), length: 16384 };
    let whole = said(&[Message::Interested, Message::Request(block)]);
    let boundaries = [0, 68, 73, 90];
    for length in 0..=whole.len() {
        let spans = explain(&whole[..length], &[], None).dialler.spans;
        let ends = spans.last().is_some_and(|span| span.value.starts_with("the record ends here, after "));
        assert_eq!(ends, !boundaries.contains(&length), "{length} bytes");
    }
    let cut = &explain(&whole[..84], &[], None).dialler.spans[2];
    assert_eq!(field(cut), "request");
    assert_eq!(cut.value, "the record ends here, after 11 of 17 bytes");
    assert_eq!(cut.parts[2].value, "3");
    assert_eq!(cut.parts[3].value, "the record ends here, after 2 of 4 bytes");

    let data = Bytes::from(vec![7; 16384]);
    let piece = said(&[Message::Piece { piece: PieceIndex(3), offset: BlockOffset(0), data }]);
    let cut = &explain(&piece[..200], &[], None).dialler.spans[1];
    assert_eq!(cut.value, "16384 bytes of piece 3, from byte 0; the record ends here, after 132 of 16397 bytes");

    // In the encrypted handshake too, at each of its bytes.
    let talk = Talk::secured(Methods::ALL, 5);
    for length in 0..talk.dialler.len() {
        let explained = explain(&talk.dialler[..length], &talk.dialled, Some(&talk.key));
        assert_eq!(explained.dialler.spans.last().map_or(0, Span::end), length);
        assert!(explained.dialler.spans.iter().all(|span| span.name != "not readable"), "{length} bytes");
    }
}

#[test]
fn what_breaks_the_protocol_is_named_and_ends_the_explanation() {
    let mut broken = said(&[Message::Interested]);
    broken.extend_from_slice(b"\xff\xff\xff\xff\x01 and more");
    let spans = explain(&broken, &[], None).dialler.spans;
    assert_eq!(&*spans[2].name, "not readable");
    assert!(spans[2].note.contains("4294967295 bytes"), "{}", spans[2].note);
    assert_eq!((spans.len(), spans[2].end()), (3, broken.len()));
}

#[test]
fn another_protocol_is_not_taken_for_noise() {
    let spans = explain(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", None).dialler.spans;
    assert_eq!((&*spans[0].name, spans[0].cover, spans.len()), ("text", Cover::Plain, 1));
    let spans = explain(&[0x80; 40], &[], None).dialler.spans;
    assert_eq!((&*spans[0].name, spans[0].cover, spans.len()), ("noise", Cover::Noise, 1));
    let nothing = explain(&[], &[], None);
    assert_eq!((nothing.cipher, nothing.sight), (None, Sight::Clear));
}

#[test]
fn texts_of_strangers_are_safe_to_print() {
    let id = b"-\x1b[2J\x1b[31mabcdefghij";
    let handshake = ExtensionHandshake { client: Some("evil\x1b[2J".into()), ..Default::default() };
    let extended = Message::Extended { id: 0, payload: handshake.encode() };
    let odd = Message::Extended { id: 0, payload: Bytes::from_static(b"d3:\x1b[2i1e1:q4:a\x1b[2e") };
    let bytes = [&hello(id)[..], &wire(&[extended, odd])].concat();
    let outline = outline(&explain(&bytes, &[], None).dialler.spans);
    assert!(outline.chars().all(|c| c == '\n' || !c.is_control()), "{outline:?}");
}

const BOB: &[u8; 20] = b"-TR3000-abcdefghijkl";

/// Both directions of an encrypted connection, and its key.
struct Talk {
    dialler: Vec<u8>,
    dialled: Vec<u8>,
    key: Key,
}

impl Talk {
    fn secured(methods: Methods, seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut dice = || {
            let dice = Dice::draw(&mut rng);
            Dice { pad: vec![7; dice.pad.len().max(1)], pad_last: dice.pad_last.max(1), ..dice }
        };
        let mut alice = Initiator::new(dice(), SKEY, methods, hello(b"-SL0100-abcdefghijkl").into());
        let mut bob = Responder::new(dice(), methods);
        let skeys = SkeyTable::from_iter([SKEY]);
        let (mut dialler, mut dialled) = (Vec::new(), Vec::new());
        let (mut to_alice, mut to_bob) = (BytesMut::new(), BytesMut::new());
        let (mut alice_done, mut bob_done) = (None, None);
        while alice_done.is_none() || bob_done.is_none() {
            while let Some(bytes) = alice.take_output() {
                dialler.extend_from_slice(&bytes);
                to_bob.extend_from_slice(&bytes);
            }
            if let Progress::Done(secured) = bob.receive(&mut to_bob, &skeys).unwrap() {
                bob_done = Some(secured);
            }
            while let Some(bytes) = bob.take_output() {
                dialled.extend_from_slice(&bytes);
                to_alice.extend_from_slice(&bytes);
            }
            if let Progress::Done(secured) = alice.receive(&mut to_alice).unwrap() {
                alice_done = Some(secured);
            }
        }
        let (mut alice, mut bob) = (alice_done.unwrap(), bob_done.unwrap());
        let says = |rc4: &mut Option<crate::mse::Rc4>, mut bytes: Vec<u8>, to: &mut Vec<u8>| {
            if let Some(rc4) = rc4 {
                rc4.apply(&mut bytes);
            }
            to.append(&mut bytes);
        };
        says(&mut alice.send, wire(&[Message::Interested]), &mut dialler);
        says(&mut bob.send, [&hello(BOB)[..], &wire(&[Message::HaveAll])].concat(), &mut dialled);
        Self { dialler, dialled, key: Key { secret: alice.secret, skey: SKEY } }
    }
}

/// A handshake.
fn hello(id: &[u8; 20]) -> Vec<u8> {
    Handshake { reserved: Reserved::ours(), info_hash: SKEY, peer_id: PeerId(*id) }.encode().to_vec()
}

/// A handshake and messages.
fn said(messages: &[Message]) -> Vec<u8> {
    [hello(b"-SL0100-abcdefghijkl"), wire(messages)].concat()
}

fn wire(messages: &[Message]) -> Vec<u8> {
    let mut out = BytesMut::new();
    messages.iter().for_each(|message| message.encode(&mut out));
    out.to_vec()
}

/// `piece=3`; the name alone where the value only counts or repeats.
fn field(span: &Span) -> String {
    match &*span.name {
        "d" | "e" | "number" | "bits" | "data" | "payload" | "extension" | "request" => span.name.to_string(),
        name => format!("{name}={}", span.value),
    }
}

fn lines(spans: &[Span]) -> Vec<String> {
    spans.iter().map(|span| format!("{}: {}", span.name, span.value)).collect()
}

fn outline(spans: &[Span]) -> String {
    fn tell(spans: &[Span], depth: usize, text: &mut String) {
        for span in spans {
            text.push_str(&format!(
                "{:1$}{2}+{3} {4}: {5}\n",
                "",
                2 * depth,
                span.at,
                span.length,
                span.name,
                span.value
            ));
            tell(&span.parts, depth + 1, text);
        }
    }
    let mut text = String::new();
    tell(spans, 0, &mut text);
    text
}
