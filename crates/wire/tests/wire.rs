//! Whole conversations: random ones, broken ones, and those of the fuzz corpus. Whatever the
//! bytes, the promises of [`swarmlab_wire::fuzz::exercise`] hold.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use bytes::{Bytes, BytesMut};
use model::bound::BLOCK_BYTES_MAX;
use model::{Block, BlockOffset, InfoHash, PeerId, PieceIndex};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use swarmlab_wire::fuzz::exercise;
use swarmlab_wire::{
    Decoder, ExtensionHandshake, Handshake, METADATA_BLOCK, Message, MetadataMessage, Pex, PexFlags, PexPeer, Reserved,
};

#[test]
fn the_corpus_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/wire");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "{} files in {}", files.len(), folder.display());
    for file in files {
        println!("{}", file.display());
        exercise(&std::fs::read(&file).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conversation_is_heard_as_said(
        handshake in handshake(),
        messages in vec(message(), 0..20),
        cuts in vec(1..5_000usize, 1..40),
    ) {
        let mut said = BytesMut::from(&handshake.encode()[..]);
        messages.iter().for_each(|message| message.encode(&mut said));

        let (mut decoder, mut buf, mut heard) = (Decoder::new(), BytesMut::new(), Vec::new());
        let (mut opening, mut rest) = (None, &said[..]);
        let mut sizes = cuts.into_iter().cycle();
        while !rest.is_empty() {
            let (portion, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            buf.extend_from_slice(portion);
            rest = after;
            if opening.is_none() {
                opening = Handshake::decode(&mut buf).unwrap();
            }
            while opening.is_some() && let Some(message) = decoder.next(&mut buf).unwrap() {
                heard.push(message);
            }
        }
        prop_assert_eq!(opening, Some(handshake));
        prop_assert_eq!(heard, messages);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn a_broken_conversation_keeps_every_promise(
        handshake in option::of(handshake()),
        messages in vec(message(), 1..6),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        let mut said = BytesMut::new();
        handshake.iter().for_each(|handshake| said.extend_from_slice(&handshake.encode()));
        messages.iter().for_each(|message| message.encode(&mut said));
        let place = place.index(said.len().min(200));
        said[place] = byte;
        said.truncate(length.index(said.len()) + 1);
        exercise(&said);
    }

    #[test]
    fn any_bytes_keep_every_promise(bytes in vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn anything_like_bencode_keeps_every_promise(text in "d([0-9]{1,2}:|[a-z]{1,4}|i-?[0-9]{1,22}e|[dle]|1:m|5:added|5:piece|8:msg_type){0,20}") {
        exercise(text.as_bytes());
    }

    #[test]
    fn an_extension_handshake_survives_the_wire(handshake in extension_handshake()) {
        prop_assert_eq!(ExtensionHandshake::decode(&handshake.encode()), Ok(handshake));
    }

    #[test]
    fn a_metadata_message_survives_the_wire(message in metadata_message()) {
        prop_assert_eq!(MetadataMessage::decode(message.encode()), Ok(message));
    }

    #[test]
    fn told_peers_survive_the_wire(pex in pex()) {
        prop_assert_eq!(Pex::decode(&pex.encode()), Ok(pex));
    }

    #[test]
    fn a_message_cut_short_is_an_error(pex in pex(), length in any::<prop::sample::Index>()) {
        let whole = pex.encode();
        prop_assert!(Pex::decode(&whole[..length.index(whole.len())]).is_err());
    }
}

fn handshake() -> impl Strategy<Value = Handshake> {
    any::<([u8; 8], [u8; 20], [u8; 20])>().prop_map(|(reserved, info_hash, peer_id)| Handshake {
        reserved: Reserved(reserved),
        info_hash: InfoHash(info_hash),
        peer_id: PeerId(peer_id),
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        prop::sample::select(vec![
            Message::KeepAlive,
            Message::Choke,
            Message::Unchoke,
            Message::Interested,
            Message::NotInterested,
            Message::HaveAll,
            Message::HaveNone,
        ]),
        any::<u32>().prop_map(|piece| Message::Have(PieceIndex(piece))),
        any::<u32>().prop_map(|piece| Message::Suggest(PieceIndex(piece))),
        any::<u32>().prop_map(|piece| Message::AllowedFast(PieceIndex(piece))),
        any::<u16>().prop_map(Message::Port),
        block().prop_map(Message::Request),
        block().prop_map(Message::Cancel),
        block().prop_map(Message::Reject),
        bytes(0..300).prop_map(Message::Bitfield),
        (any::<u32>(), any::<u32>(), bytes(1..3_000)).prop_map(|(piece, offset, data)| Message::Piece {
            piece: PieceIndex(piece),
            offset: BlockOffset(offset),
            data
        }),
        (any::<u8>(), payload()).prop_map(|(id, payload)| Message::Extended { id, payload }),
        (prop_oneof![10..=12u8, 18..=19u8, 21..=255u8], bytes(0..100))
            .prop_map(|(id, payload)| Message::Unknown { id, payload }),
    ]
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        bytes(0..100),
        extension_handshake().prop_map(|value| value.encode()),
        metadata_message().prop_map(|value| value.encode()),
        pex().prop_map(|value| value.encode()),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    (any::<u32>(), any::<u32>(), 1..=BLOCK_BYTES_MAX).prop_map(|(piece, offset, length)| Block {
        piece: PieceIndex(piece),
        offset: BlockOffset(offset),
        length,
    })
}

fn bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
    (length, any::<u8>()).prop_map(|(length, start)| (0..length).map(|i| start.wrapping_add(i as u8)).collect())
}

fn extension_handshake() -> impl Strategy<Value = ExtensionHandshake> {
    let claims = (option::of("[ -~äß漢]{0,64}"), option::of(1..=u16::MAX), any::<Option<u32>>(), any::<Option<u32>>());
    let addresses = (any::<Option<IpAddr>>(), any::<Option<[u8; 4]>>(), any::<Option<[u8; 16]>>());
    (btree_map("[ -~ä]{0,64}", any::<u8>(), 0..12), claims, any::<bool>(), addresses).prop_map(
        |(messages, (client, port, reqq, metadata_size), upload_only, (yourip, ipv4, ipv6))| ExtensionHandshake {
            messages,
            client,
            port,
            reqq,
            metadata_size,
            upload_only,
            yourip,
            ipv4: ipv4.map(Into::into),
            ipv6: ipv6.map(Into::into),
        },
    )
}

fn metadata_message() -> impl Strategy<Value = MetadataMessage> {
    prop_oneof![
        any::<u32>().prop_map(|piece| MetadataMessage::Request { piece }),
        any::<u32>().prop_map(|piece| MetadataMessage::Reject { piece }),
        (any::<u32>(), any::<u32>(), bytes(0..METADATA_BLOCK + 1))
            .prop_map(|(piece, total_size, data)| { MetadataMessage::Data { piece, total_size, data } }),
    ]
}

/// IPv4 first: the order in which they are written.
fn pex() -> impl Strategy<Value = Pex> {
    (vec((address(), any::<u8>()), 0..60), vec(address(), 0..60)).prop_map(|(added, mut dropped)| {
        let mut added: Vec<_> =
            added.into_iter().map(|(addr, flags)| PexPeer { addr, flags: PexFlags(flags) }).collect();
        added.sort_by_key(|peer| peer.addr.is_ipv6());
        dropped.sort_by_key(SocketAddr::is_ipv6);
        Pex { added, dropped }
    })
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), 1..=u16::MAX).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}
