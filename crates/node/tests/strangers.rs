//! A stranger connects and misbehaves: what a node answers, and what it never does.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use events::Event;
use metainfo::Metainfo;
use model::{Block, BlockOffset, PieceIndex};
use proptest::prelude::*;
use swarmlab_node::TorrentSource;
use testkit::{Stranger, content, torrent_of};
use wire::{Message, Reserved};

const PIECE: u32 = 32 * 1024;
const PLAIN: Reserved = Reserved([0; 8]);

#[test]
fn a_browser_that_strays_here_waits_for_an_answer_in_vain_for_twenty_seconds() {
    let (_, torrent) = lesson();
    let mut stranger = Stranger::meet(&torrent, &[]);
    stranger.say_bytes(b"GET / HTTP/1.1\r\n"); // for all we know, the start of a public key
    stranger.wait(Duration::from_secs(19));
    assert!(!stranger.closed);
    stranger.wait(Duration::from_secs(2));
    assert!(stranger.closed);
    assert!(stranger.log.iter().any(|event| matches!(event, Event::EncryptionFailed { .. })));
}

#[test]
fn who_says_nothing_is_let_go_after_twenty_seconds() {
    let (_, torrent) = lesson();
    let mut stranger = Stranger::meet(&torrent, &[]);
    stranger.wait(Duration::from_secs(19));
    assert!(!stranger.closed);
    stranger.wait(Duration::from_secs(2));
    assert!(stranger.closed);
}

#[test]
fn another_torrents_handshake_is_turned_away_with_its_reason() {
    let (_, torrent) = lesson();
    let other = torrent_of(&content(99, 1000), 16 * 1024, "udp://10.0.0.9:1/announce");
    let mut stranger = Stranger::meet(&torrent, &[]);
    let handshake =
        wire::Handshake { reserved: PLAIN, info_hash: other.info.info_hash(), peer_id: model::PeerId([1; 20]) };
    stranger.say_bytes(&handshake.encode());
    assert!(stranger.closed);
    assert!(stranger.log.iter().any(|e| matches!(e, Event::Rejected { why, .. } if why.contains("no torrent"))));
}

#[test]
fn a_message_of_a_gigabyte_is_refused_before_it_arrives() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    stranger.say_bytes(&(1u32 << 30).to_be_bytes());
    assert!(stranger.closed);
    assert!(stranger.complaint().is_some_and(|why| why.contains("1073741824")), "{:?}", stranger.complaint());
}

#[test]
fn a_bitfield_of_the_wrong_size_ends_the_connection() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    stranger.say(&Message::Bitfield(Bytes::from_static(&[0; 40])));
    assert!(stranger.complaint().is_some_and(|why| why.contains("bitfield")));
}

#[test]
fn a_piece_that_does_not_exist_ends_the_connection() {
    let (bytes, torrent) = lesson();
    for message in
        [Message::Have(PieceIndex(4_000)), Message::Request(block(4_000, 0)), Message::Request(block(0, PIECE))]
    {
        let mut stranger = greeted(&torrent, &bytes, PLAIN);
        stranger.say(&message);
        assert!(stranger.closed, "{message:?}");
    }
}

#[test]
fn nothing_is_served_to_who_is_choked() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
    stranger.hear();
    stranger.say(&Message::Request(block(0, 0)));
    assert_eq!(stranger.hear(), [Message::Reject(block(0, 0))]);
}

#[test]
fn an_unverified_piece_is_never_served() {
    let (mut bytes, torrent) = lesson();
    bytes[0] ^= 1; // piece 0 is wrong on disk
    let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
    stranger.say(&Message::Interested);
    assert!(stranger.hear().contains(&Message::Unchoke));
    stranger.say(&Message::Request(block(0, 0)));
    stranger.say(&Message::Request(block(1, 0)));
    let heard = stranger.hear();
    assert!(heard.contains(&Message::Reject(block(0, 0))));
    assert!(heard.iter().any(|m| matches!(m, Message::Piece { piece: PieceIndex(1), .. })));
    assert!(!heard.iter().any(|m| matches!(m, Message::Piece { piece: PieceIndex(0), .. })));
}

#[test]
fn a_seed_suggests_what_nobody_else_has_before_it_unchokes() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
    stranger.say(&Message::Interested);
    let heard = stranger.hear();
    let suggested: Vec<PieceIndex> =
        heard.iter().filter_map(|m| if let Message::Suggest(piece) = m { Some(*piece) } else { None }).collect();
    let &[first] = suggested.as_slice() else { panic!("{heard:?}") };
    let at = |wanted: Message| heard.iter().position(|m| *m == wanted);
    assert!(at(Message::Suggest(first)) < at(Message::Unchoke));
    stranger.say(&Message::Request(Block { piece: first, offset: BlockOffset(0), length: 16 * 1024 }));
    let next = stranger.hear().into_iter().find(|m| matches!(m, Message::Suggest(_)));
    assert!(next.is_some_and(|next| next != Message::Suggest(first)), "there is always one to go on with");
}

#[test]
fn who_does_not_speak_the_fast_extension_is_suggested_nothing() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    stranger.say(&Message::Interested);
    assert!(!stranger.hear().iter().any(|m| matches!(m, Message::Suggest(_))));
}

#[test]
fn fast_messages_without_the_fast_bit_end_the_connection() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    stranger.say(&Message::HaveAll);
    assert!(stranger.complaint().is_some_and(|why| why.contains("fast extension")));
}

#[test]
fn blocks_that_nobody_asked_for_are_thrown_away_and_in_the_end_the_sender_too() {
    let (_, torrent) = lesson();
    let mut stranger = greeted(&torrent, &[], PLAIN);
    let unasked = Message::Piece { piece: PieceIndex(0), offset: BlockOffset(0), data: Bytes::from(vec![7; 16_384]) };
    stranger.say(&unasked);
    assert!(stranger.disk.bytes.is_empty(), "nothing was written");
    assert!(!stranger.closed, "once may be an accident");
    for _ in 0..600 {
        stranger.say(&unasked);
    }
    assert!(stranger.closed);
}

#[test]
fn unknown_messages_and_extensions_reach_the_log() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
    stranger.say(&Message::Unknown { id: 99, payload: Bytes::from_static(b"???") });
    stranger.say(&Message::Extended { id: 77, payload: Bytes::from_static(b"!") });
    assert!(stranger.log.iter().any(|e| matches!(e, Event::UnknownMessage { id: 99, bytes: 3, .. })));
    assert!(stranger.log.iter().any(|e| matches!(e, Event::UnknownExtension { id: 77, bytes: 1, .. })));
    assert!(!stranger.closed);
}

#[test]
fn who_lets_us_starve_for_a_minute_is_called_a_snub() {
    let (_, torrent) = lesson();
    let mut stranger = greeted(&torrent, &[], Reserved::ours());
    stranger.say(&Message::HaveAll);
    stranger.say(&Message::Unchoke);
    let asked = stranger.hear().iter().filter(|m| matches!(m, Message::Request(_))).count();
    assert!(asked > 0);
    stranger.wait(Duration::from_secs(58));
    assert!(!stranger.log.iter().any(|e| matches!(e, Event::Snubbed { .. })));
    stranger.wait(Duration::from_secs(4));
    assert!(stranger.log.iter().any(|e| matches!(e, Event::Snubbed { .. })));
}

#[test]
fn silence_is_answered_with_keep_alives_and_ends_after_three_minutes() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    stranger.hear();
    stranger.wait(Duration::from_secs(110));
    assert!(stranger.hear().contains(&Message::KeepAlive));
    assert!(!stranger.closed);
    stranger.wait(Duration::from_secs(80));
    assert!(stranger.closed);
}

#[test]
fn who_comes_again_from_the_same_host_has_lost_the_first_connection() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, PLAIN);
    let conns = |stranger: &Stranger| stranger.node.peers(stranger.torrent).map(|peer| peer.conn).collect::<Vec<_>>();
    let first = conns(&stranger);
    stranger.wait(Duration::from_secs(5));
    stranger.dial_again(([10, 0, 0, 2], 50_001).into());
    stranger.shake_hands(&torrent, PLAIN);
    let second = conns(&stranger);
    assert!(second.len() == 1 && second != first, "{first:?} gave way to {second:?}");
}

#[test]
fn a_second_connection_is_turned_away_while_bytes_come_on_the_first_or_from_elsewhere() {
    let (bytes, torrent) = lesson();
    for (host, silent, why) in [(2, 1, "the first one works"), (3, 5, "anybody could use that id")] {
        let mut stranger = greeted(&torrent, &bytes, PLAIN);
        stranger.wait(Duration::from_secs(5));
        stranger.say(&Message::KeepAlive);
        stranger.wait(Duration::from_secs(silent));
        stranger.dial_again(([10, 0, 0, host], 50_001).into());
        stranger.say_handshake(&torrent, PLAIN);
        assert!(stranger.closed, "{why}");
        assert_eq!(stranger.node.peers(stranger.torrent).count(), 1, "{why}");
    }
}

#[test]
fn a_false_info_dictionary_is_not_taken_and_its_sender_is_banned() {
    let (_, torrent) = lesson();
    let mut stranger = Stranger::meet_with(TorrentSource::Magnet(torrent.magnet()), &[]);
    stranger.shake_hands(&torrent, Reserved::ours());
    let size = torrent.info.raw().len() as u32;
    let hello = wire::ExtensionHandshake {
        messages: [("ut_metadata".to_owned(), 3)].into(),
        metadata_size: Some(size),
        ..wire::ExtensionHandshake::default()
    };
    stranger.say(&Message::Extended { id: 0, payload: hello.encode() });
    let false_data = Bytes::from(vec![b'x'; size as usize]);
    let lie = wire::MetadataMessage::Data { piece: 0, total_size: size, data: false_data };
    stranger.say(&Message::Extended { id: wire::ids::UT_METADATA, payload: lie.encode() });
    assert!(stranger.log.iter().any(|e| matches!(e, Event::PeerBanned { .. })));
    assert!(stranger.closed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever comes in whatever portions: no panic, and the disk keeps what it had.
    #[test]
    fn no_bytes_whatever_harm_a_node(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let (bytes, torrent) = lesson();
        let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
        for chunk in chunks {
            stranger.say_bytes(&chunk);
        }
        stranger.wait(Duration::from_secs(30));
        prop_assert_eq!(&stranger.disk.bytes, &bytes);
    }

    /// Well-formed messages with any numbers in them, in any order.
    #[test]
    fn no_messages_whatever_harm_a_node(messages in prop::collection::vec(any_message(), 0..60), seeding in any::<bool>()) {
        let (bytes, torrent) = lesson();
        let mut stranger = greeted(&torrent, if seeding { &bytes } else { &[] }, Reserved::ours());
        for message in &messages {
            stranger.say(message);
        }
        stranger.wait(Duration::from_secs(70));
        if seeding {
            prop_assert_eq!(&stranger.disk.bytes, &bytes);
        }
        let verified = stranger.log.iter().any(|e| matches!(e, Event::PieceVerified { .. }));
        prop_assert!(!verified, "random bytes were taken for the real ones");
    }
}

// ---- helpers ----

fn any_message() -> impl Strategy<Value = Message> {
    let piece = || (0u32..12).prop_map(PieceIndex);
    let block = || {
        (0u32..12, 0u32..4, 1u32..40_000).prop_map(|(piece, block, length)| Block {
            piece: PieceIndex(piece),
            offset: BlockOffset(block * 16_384),
            length,
        })
    };
    prop_oneof![
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        Just(Message::HaveAll),
        Just(Message::HaveNone),
        piece().prop_map(Message::Have),
        piece().prop_map(Message::AllowedFast),
        block().prop_map(Message::Request),
        block().prop_map(Message::Cancel),
        block().prop_map(Message::Reject),
        (piece(), 0u32..4, 1usize..16_385).prop_map(|(piece, block, length)| Message::Piece {
            piece,
            offset: BlockOffset(block * 16_384),
            data: Bytes::from(vec![0xaa; length]),
        }),
        (0u8..6, prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(id, bytes)| Message::Extended { id, payload: bytes.into() }),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(|bytes| Message::Bitfield(bytes.into())),
    ]
}

fn lesson() -> (Vec<u8>, Arc<Metainfo>) {
    let bytes = content(5, 10 * PIECE as usize + 77);
    let torrent = Arc::new(torrent_of(&bytes, PIECE, "udp://10.0.0.9:1/announce"));
    (bytes, torrent)
}

fn greeted(torrent: &Arc<Metainfo>, on_disk: &[u8], reserved: Reserved) -> Stranger {
    let mut stranger = Stranger::meet(torrent, on_disk);
    stranger.shake_hands(torrent, reserved);
    stranger
}

fn block(piece: u32, offset: u32) -> Block {
    Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length: 16_384 }
}

#[test]
fn a_handshake_split_anywhere_is_one_handshake() {
    let (bytes, torrent) = lesson();
    let handshake =
        wire::Handshake { reserved: PLAIN, info_hash: torrent.info.info_hash(), peer_id: model::PeerId([1; 20]) };
    let mut whole = BytesMut::new();
    whole.put_slice(&handshake.encode());
    Message::Interested.encode(&mut whole);
    for cut in 0..whole.len() {
        let mut stranger = Stranger::meet(&torrent, &bytes);
        stranger.say_bytes(&whole[..cut]);
        stranger.say_bytes(&whole[cut..]);
        assert!(stranger.log.iter().any(|e| matches!(e, Event::PeerInterested { .. })), "cut at {cut}");
    }
}

#[test]
fn who_rejects_everything_is_not_asked_without_end() {
    let (_, torrent) = lesson();
    let mut stranger = greeted(&torrent, &[], Reserved::ours());
    stranger.say(&Message::HaveAll);
    stranger.say(&Message::Unchoke);
    let mut requests = 0;
    for _ in 0..50 {
        for message in stranger.hear() {
            if let Message::Request(block) = message {
                requests += 1;
                stranger.say(&Message::Reject(block));
            }
        }
    }
    assert!((1..=20).contains(&requests), "{requests} requests in no time");
}

#[test]
fn who_asks_without_reading_is_let_go() {
    let (bytes, torrent) = lesson();
    let mut stranger = greeted(&torrent, &bytes, Reserved::ours());
    stranger.reads = false;
    let refused = Message::Request(block(0, 0)); // choked: each is answered by a reject
    for _ in 0..2_000_000 {
        stranger.say(&refused);
        if stranger.closed {
            break;
        }
    }
    assert!(stranger.complaint().is_some_and(|why| why.contains("reads nothing")));
}

#[test]
fn rejects_that_answer_nothing_change_nothing() {
    let (_, torrent) = lesson();
    let mut stranger = greeted(&torrent, &[], Reserved::ours());
    stranger.node.set_limits(stranger.now, None, Some(model::Rate(1_000)));
    stranger.say(&Message::HaveAll);
    for _ in 0..100 {
        stranger.say(&Message::Reject(block(0, 0)));
    }
    stranger.say(&Message::Unchoke);
    let asked = stranger.hear().iter().filter(|m| matches!(m, Message::Request(_))).count();
    assert!(asked <= 2, "invented rejects bought {asked} requests");
}

#[test]
fn a_silent_peer_does_not_keep_a_magnet_link_from_others() {
    let (_, torrent) = lesson();
    let mut stranger = Stranger::meet_with(TorrentSource::Magnet(torrent.magnet()), &[]);
    stranger.shake_hands(&torrent, Reserved::ours());
    let hello = wire::ExtensionHandshake {
        messages: [("ut_metadata".to_owned(), 3)].into(),
        metadata_size: Some(999), // a lie, and nothing follows
        ..wire::ExtensionHandshake::default()
    };
    stranger.say(&Message::Extended { id: 0, payload: hello.encode() });
    stranger.wait(Duration::from_secs(60));
    let asked = stranger.log.iter().filter(|e| matches!(e, Event::MetadataRequested { .. })).count();
    assert!((2..=7).contains(&asked), "asked anew each ten seconds: {asked}");
}
