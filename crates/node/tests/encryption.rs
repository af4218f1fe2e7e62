//! Two nodes, one of which dials: who encrypts, who falls back, who is turned away, and what is left
//! for an onlooker.

use std::sync::Arc;
use std::time::Duration;

use events::{Chunk, Cipher, Direction, Event, LabKey, Side};
use metainfo::Metainfo;
use swarmlab_node::{self as node, Encryption, Glass, Methods, NodeConfig, Policy, TorrentSource};
use testkit::{Stranger, Table, content, torrent_of};
use wire::Reserved;
use wire::mse::{Secret, StreamKeys};

const SECONDS: Duration = Duration::from_secs(30);

/// What the rules of both sides say must come of it; the dialler's try, then its second one.
fn expected(dials: Encryption, answers: Encryption) -> Option<Cipher> {
    let encrypted = || {
        let methods = dials.methods.common(answers.methods);
        match methods {
            _ if answers.policy == Policy::Disabled => None,
            Methods { rc4: true, .. } => Some(Cipher::Rc4),
            Methods { plaintext: true, .. } => Some(Cipher::PlaintextAfterHandshake),
            _ => None,
        }
    };
    let plain = || (answers.policy != Policy::Required).then_some(Cipher::Plaintext);
    match dials.policy {
        Policy::Disabled | Policy::Allowed => plain(),
        Policy::Preferred => encrypted().or_else(plain),
        Policy::Required => encrypted(),
    }
}

fn every_setting() -> Vec<Encryption> {
    let methods = [Methods::RC4, Methods::PLAINTEXT, Methods::ALL];
    Policy::ALL.into_iter().flat_map(|policy| methods.map(|methods| Encryption { policy, methods })).collect()
}

#[test]
fn every_pair_of_settings_ends_as_its_rules_say() {
    let (bytes, torrent) = lesson();
    for dials in every_setting() {
        for answers in every_setting() {
            for seed_dials in [false, true] {
                let mut table = meeting(&torrent, &bytes, dials, answers, seed_dials);
                let wanted = expected(dials, answers);
                let who = format!("{dials:?} dials {answers:?}, seed dials: {seed_dials}");
                let leecher = if seed_dials { "answers" } else { "dials" };
                let complete = table.run_until(SECONDS, |table| table.complete_at(leecher).is_some());
                assert_eq!(complete, wanted.is_some(), "{who}");
                for name in ["dials", "answers"] {
                    assert_eq!(ciphers(&table, name), Vec::from_iter(wanted), "{who}: {name}");
                    let clear = handshakes_in_the_clear(&table, name);
                    match wanted {
                        Some(Cipher::Plaintext) => assert_eq!(clear, 2, "{who}"),
                        Some(Cipher::Rc4) => assert_eq!(clear, 0, "{who}"),
                        // Who dialled had its handshake in the encrypted part; the answer came after it.
                        Some(Cipher::PlaintextAfterHandshake) => assert_eq!(clear, 1, "{who}"),
                        None => {}
                    }
                }
            }
        }
    }
}

#[test]
fn each_step_is_told_by_both_sides() {
    let (bytes, torrent) = lesson();
    let mut table = meeting(&torrent, &bytes, setting(Policy::Preferred), setting(Policy::Allowed), false);
    assert!(table.run_until(SECONDS, |table| table.complete_at("dials").is_some()));
    let steps = |name| -> Vec<&str> {
        let told = table.events(name).filter(|event| event.family() == events::Family::Encryption);
        told.map(Event::kind).filter(|kind| *kind != "flow-classified").collect()
    };
    let dialled = ["key-sent", "key-received", "encryption-offered", "synchronised", "encryption-selected"];
    assert_eq!(steps("dials"), [&dialled[..], &["cipher-settled"]].concat());
    let answered = ["key-received", "key-sent", "synchronised", "skey-matched", "encryption-offered"];
    assert_eq!(steps("answers"), [&answered[..], &["encryption-selected", "cipher-settled"]].concat());
    let paddings = |name, side| -> Vec<u16> {
        let paddings = table.events(name).filter_map(|event| match event {
            Event::KeySent { padding, .. } if side == Side::Us => Some(*padding),
            Event::Synchronised { padding, .. } if side == Side::Them => Some(*padding),
            Event::EncryptionOffered { padding, by, .. } | Event::EncryptionSelected { padding, by, .. }
                if *by == side =>
            {
                Some(*padding)
            }
            _ => None,
        });
        paddings.collect()
    };
    assert_eq!(paddings("dials", Side::Us), paddings("answers", Side::Them), "both name the same lengths");
    assert_eq!(paddings("answers", Side::Us), paddings("dials", Side::Them));
}

#[test]
fn who_prefers_encryption_dials_again_at_once_in_plaintext_and_says_why() {
    let (bytes, torrent) = lesson();
    let mut table = meeting(&torrent, &bytes, setting(Policy::Preferred), setting(Policy::Disabled), false);
    assert!(table.run_until(SECONDS, |table| table.complete_at("dials").is_some()));
    let refusal = "no plaintext handshake came, and encryption is disabled here";
    assert_eq!(failures(&table, "answers"), [refusal]);
    let fell_back = table.log.iter().find(|record| matches!(record.event, Event::EncryptionFellBack { .. })).unwrap();
    let tries: Vec<_> = table.log.iter().filter(|r| matches!(r.event, Event::Dialled { .. })).collect();
    assert_eq!((tries.len(), tries[1].time), (2, fell_back.time));
}

#[test]
fn who_requires_encryption_turns_plaintext_away_and_says_why() {
    let (bytes, torrent) = lesson();
    let mut table = meeting(&torrent, &bytes, setting(Policy::Allowed), setting(Policy::Required), false);
    table.run_for(SECONDS);
    let refusals = failures(&table, "answers");
    assert!(!refusals.is_empty());
    assert!(refusals.iter().all(|why| why == "they speak plaintext, and encryption is required here"), "{refusals:?}");
    assert_eq!(ciphers(&table, "dials"), []);
    assert!(!table.events("answers").any(|event| matches!(event, Event::HandshakeSent { .. })), "nothing is told");
}

#[test]
fn without_a_common_method_there_is_no_connection() {
    let (bytes, torrent) = lesson();
    let only = |methods| Encryption { policy: Policy::Required, methods };
    let mut table = meeting(&torrent, &bytes, only(Methods::RC4), only(Methods::PLAINTEXT), false);
    table.run_for(SECONDS);
    assert!(failures(&table, "answers")[0].starts_with("no method in common: they offer rc4"));
    assert_eq!(ciphers(&table, "answers"), []);
}

#[test]
fn an_onlooker_sees_noise_and_the_keys_open_it() {
    let (bytes, torrent) = lesson();
    let mut table = meeting(&torrent, &bytes, setting(Policy::Required), setting(Policy::Required), false);
    assert!(table.run_until(SECONDS, |table| table.complete_at("dials").is_some()));
    table.run_for(Duration::from_secs(1)); // what is under way arrives
    let (sent, received) = (stream(&table, "dials", Direction::Out), stream(&table, "dials", Direction::In));
    assert!(sent.len() > 500 && received.len() == Chunk::BYTES_MAX as usize, "a leecher sends little");
    assert!(sent == stream(&table, "answers", Direction::In), "both ends record the same wire");
    for stream in [&sent, &received] {
        assert!(!contains(stream, b"BitTorrent") && !contains(stream, &torrent.info.info_hash().0));
    }

    let LabKey { secret, skey, dialled, .. } = &table.keys["dials"][0];
    assert!(*dialled && *skey == torrent.info.info_hash());
    let secret = Secret::new(secret.as_slice().try_into().unwrap());
    let at = sent.windows(20).position(|bytes| bytes == secret.key_hash()).unwrap();
    let mut opened = sent[at + 40..].to_vec();
    StreamKeys::new(&secret, *skey).initiator.apply(&mut opened);
    assert!(contains(&opened, b"\x13BitTorrent protocol"));
    assert_eq!(table.keys["answers"][0].secret, secret.reveal(), "both ends log the same secret");
}

#[test]
fn nothing_is_recorded_and_no_key_leaves_unless_asked_for() {
    let (bytes, torrent) = lesson();
    let mut table = Table::new(Duration::from_millis(10));
    seat(&mut table, "answers", &torrent, &bytes, |config| config.encryption = setting(Policy::Required));
    let addr = table.addr("answers");
    seat(&mut table, "dials", &torrent, &[], |config| config.encryption = setting(Policy::Required));
    dial(&mut table, addr);
    assert!(table.run_until(SECONDS, |table| table.complete_at("dials").is_some()));
    assert!(table.wire.is_empty() && table.keys.is_empty());
    assert!(!table.log.iter().any(|record| matches!(record.event, Event::FlowClassified { .. })));
}

#[test]
fn the_provider_recognises_plaintext_and_not_rc4() {
    let (bytes, torrent) = lesson();
    for (policy, class) in [
        (Policy::Disabled, events::FlowClass::PlaintextBittorrent),
        (Policy::Required, events::FlowClass::ObfuscatedUnknown),
    ] {
        let mut table = meeting(&torrent, &bytes, setting(policy), setting(policy), false);
        assert!(table.run_until(SECONDS, |table| table.complete_at("dials").is_some()));
        for name in ["dials", "answers"] {
            let classes: Vec<_> = table
                .events(name)
                .filter_map(|event| match event {
                    Event::FlowClassified { class, .. } => Some(*class),
                    _ => None,
                })
                .collect();
            assert_eq!(classes, [class], "{name} {policy}");
        }
    }
}

#[test]
fn a_stranger_who_sends_noise_is_let_go_within_bounds() {
    let (bytes, torrent) = lesson();
    let mut stranger = Stranger::meet(&torrent, &bytes);
    let noise = content(9, 4096);
    stranger.say_bytes(&noise[..96 + 512 + 19]);
    assert!(!stranger.closed, "the end of the padding may still come");
    stranger.say_bytes(&noise[96 + 512 + 19..]);
    assert!(stranger.closed);
    assert!(stranger.log.iter().any(|event| matches!(event, Event::EncryptionFailed { .. })));

    let mut silent = Stranger::meet(&torrent, &bytes);
    silent.say_bytes(&noise[..200]);
    silent.wait(Duration::from_secs(21));
    assert!(silent.closed, "nobody may keep a handshake open");
}

#[test]
fn the_plain_handshake_still_comes_in_any_portions() {
    let (bytes, torrent) = lesson();
    let mut stranger = Stranger::meet(&torrent, &bytes);
    let handshake = wire::Handshake {
        reserved: Reserved::ours(),
        info_hash: torrent.info.info_hash(),
        peer_id: model::PeerId(*b"-XX0001-strangerrrrr"),
    };
    for byte in handshake.encode() {
        stranger.say_bytes(&[byte]);
    }
    assert!(!stranger.closed);
    assert!(stranger.log.iter().any(|event| matches!(event, Event::CipherSettled { cipher: Cipher::Plaintext, .. })));
}

// ---- helpers ----

fn lesson() -> (Vec<u8>, Arc<Metainfo>) {
    let bytes = content(1, 200_000);
    let torrent = Arc::new(torrent_of(&bytes, 32 * 1024, "udp://10.9.9.9:1/announce")); // nobody answers there
    (bytes, torrent)
}

fn setting(policy: Policy) -> Encryption {
    Encryption { policy, methods: Methods::ALL }
}

/// `dials` dials `answers`, and never the other way round; the rest is theirs.
fn meeting(torrent: &Arc<Metainfo>, bytes: &[u8], dials: Encryption, answers: Encryption, seed_dials: bool) -> Table {
    let mut table = Table::new(Duration::from_millis(10));
    let glass = Glass { wire: true, keys: true };
    let (theirs, ours): (&[u8], &[u8]) = if seed_dials { (&[], bytes) } else { (bytes, &[]) };
    seat(&mut table, "answers", torrent, theirs, |config| (config.encryption, config.glass) = (answers, glass));
    let addr = table.addr("answers");
    seat(&mut table, "dials", torrent, ours, |config| (config.encryption, config.glass) = (dials, glass));
    dial(&mut table, addr);
    table
}

fn seat(
    table: &mut Table,
    name: &str,
    torrent: &Arc<Metainfo>,
    bytes: &[u8],
    adjust: impl FnOnce(&mut NodeConfig),
) -> node::TorrentKey {
    table.seat(name, adjust);
    table.join(name, TorrentSource::Metainfo(Arc::clone(torrent)), bytes)
}

fn dial(table: &mut Table, addr: std::net::SocketAddr) {
    let key = *table.seat_mut("dials").disks.keys().next().unwrap();
    table.with("dials", |node, now| node.add_peer(now, key, addr));
}

fn ciphers(table: &Table, name: &str) -> Vec<Cipher> {
    let settled = table.events(name).filter_map(|event| match event {
        Event::CipherSettled { cipher, .. } => Some(*cipher),
        _ => None,
    });
    settled.collect()
}

fn handshakes_in_the_clear(table: &Table, name: &str) -> usize {
    table.events(name).filter(|event| matches!(event, Event::PlaintextHandshake { .. })).count()
}

fn failures(table: &Table, name: &str) -> Vec<String> {
    let failed = table.events(name).filter_map(|event| match event {
        Event::EncryptionFailed { why, .. } => Some(why.clone()),
        _ => None,
    });
    failed.collect()
}

fn stream(table: &Table, name: &str, direction: Direction) -> Vec<u8> {
    let chunks = table.wire[name].iter().filter(|line| line.chunk.direction == direction);
    chunks.flat_map(|line| line.chunk.bytes.clone()).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
