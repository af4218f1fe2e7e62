//! Whole swarms in virtual time: what a class would see, as facts.

use std::sync::Arc;
use std::time::Duration;

use events::{Event, Strategy};
use metainfo::Metainfo;
use model::{ByteCount, InfoHash, PeerId, Rate, Rng, Time};
use swarmlab_node::{self as node, Command, JoinOptions, Node, NodeConfig, Persona, Picking, TorrentSource};
use testkit::{MemoryDisk, Table, content, folder_torrent, torrent_of};
use tracker::{Allowed, Tracker, TrackerConfig};

const PIECE: u32 = 64 * 1024;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_seeder_and_four_leechers_all_end_with_the_same_bytes() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a", "b", "c", "d"]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a", "b", "c", "d"])));
    for name in ["a", "b", "c", "d"] {
        assert_eq!(on_disk(&mut table, name), bytes, "{name}");
    }
}

#[test]
fn the_same_seeds_give_the_same_log() {
    let run = || {
        let (bytes, torrent) = lesson(1 << 20);
        let mut table = table();
        seat_swarm(&mut table, &torrent, &bytes, &["a", "b", "c"]);
        table.run_for(Duration::from_secs(30));
        table.log.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_folder_of_odd_sizes_arrives_whole() {
    let lengths = [1, 0, 70_000, 65_536, 3, 0, 200_001];
    let bytes = content(3, lengths.iter().sum::<u64>() as usize);
    let torrent = Arc::new(folder_torrent(&bytes, &lengths, PIECE, TRACKER));
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a"]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    assert_eq!(on_disk(&mut table, "a"), bytes);
}

#[test]
fn a_magnet_link_is_enough() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.seat("a", |_| {});
    table.join("a", TorrentSource::Magnet(torrent.magnet()), &[]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    assert_eq!(on_disk(&mut table, "a"), bytes);
    assert!(table.events("a").any(|e| matches!(e, Event::MetadataComplete { .. })));
}

#[test]
fn two_who_know_only_the_magnet_link_learn_from_each_other_through_pex() {
    let (bytes, _) = lesson(1 << 18);
    let torrent = Arc::new(torrent_of(&bytes, PIECE, "udp://10.9.9.9:1/announce")); // nobody answers there
    let mut table = table();
    seat_quiet(&mut table, "seed", &torrent, &bytes);
    table.with("seed", |node, now| node.set_limits(now, Some(Rate(20_000)), None));
    let seed = table.addr("seed");
    for name in ["a", "b"] {
        table.seat(name, |_| {});
        let mut magnet = torrent.magnet();
        magnet.peers = vec![seed];
        table.join(name, TorrentSource::Magnet(magnet), &[]);
    }
    table.run_for(MINUTE);
    let introduced = |name: &str, other: &str| {
        table
            .events(name)
            .any(|e| matches!(e, Event::PeerFound { remote, source: events::Source::Pex } if *remote == other.into()))
    };
    assert!(introduced("a", "b") || introduced("b", "a"));
}

#[test]
fn a_poisoner_is_caught_and_banned_and_everybody_finishes() {
    let (bytes, torrent) = lesson(2 << 20);
    let mut table = table();
    table.seat("poisoner", |config| config.persona = Persona::Poisoner);
    table.join("poisoner", TorrentSource::Metainfo(Arc::clone(&torrent)), &bytes);
    seat_swarm(&mut table, &torrent, &bytes, &["a", "b", "c"]);
    assert!(table.run_until(5 * MINUTE, |table| all_complete(table, &["a", "b", "c"])));
    for name in ["a", "b", "c"] {
        assert_eq!(on_disk(&mut table, name), bytes, "{name}");
    }
    let banned: Vec<_> = table
        .log
        .iter()
        .filter_map(|record| match &record.event {
            Event::PeerBanned { remote, .. } => Some(remote.to_string()),
            _ => None,
        })
        .collect();
    assert!(!banned.is_empty(), "somebody met the poisoner");
    assert!(banned.iter().all(|name| name == "poisoner"), "only the guilty: {banned:?}");
}

#[test]
fn a_free_rider_never_unchokes_anybody() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a"]);
    table.seat("rider", |config| config.persona = Persona::FreeRider);
    table.join("rider", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    assert!(table.run_until(5 * MINUTE, |table| all_complete(table, &["a", "rider"])));
    assert!(!table.events("rider").any(|e| matches!(e, Event::Unchoked { .. } | Event::BlockSent { .. })));
}

#[test]
fn sequential_picking_goes_from_first_to_last() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.seat("a", |_| {});
    let options = JoinOptions { picking: Picking::Sequential };
    table.join_with("a", TorrentSource::Metainfo(Arc::clone(&torrent)), options, MemoryDisk::default());
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    let picked: Vec<u32> = table
        .events("a")
        .filter_map(|event| match event {
            Event::PiecePicked { piece, strategy: Strategy::Sequential, .. } => Some(*piece),
            _ => None,
        })
        .collect();
    assert_eq!(picked, (0..16).collect::<Vec<_>>());
}

#[test]
fn what_is_on_disk_is_verified_and_only_the_rest_is_fetched() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut half = bytes[..1 << 19].to_vec();
    half[5] ^= 1; // one byte of the first piece has rotted
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.seat("a", |_| {});
    table.join("a", TorrentSource::Metainfo(Arc::clone(&torrent)), &half);
    let checked = table.events("a").find_map(|event| match event {
        Event::Checked { have, pieces, .. } => Some((*have, *pieces)),
        _ => None,
    });
    assert_eq!(checked, Some((7, 16)));
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    assert_eq!(on_disk(&mut table, "a"), bytes);
    let downloaded = table.events("a").find_map(|event| match event {
        Event::Complete { downloaded, .. } => Some(*downloaded),
        _ => None,
    });
    assert_eq!(downloaded, Some(ByteCount(9 * u64::from(PIECE))));
}

#[test]
fn a_full_disk_stops_the_torrent_and_keeps_what_was_verified() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.seat("a", |_| {});
    let options = JoinOptions { picking: Picking::Sequential };
    let disk = MemoryDisk { bytes: Vec::new(), room: Some(300_000) };
    let key = table.join_with("a", TorrentSource::Metainfo(Arc::clone(&torrent)), options, disk);
    table.run_for(MINUTE);
    let stopped = table.events("a").find_map(|event| match event {
        Event::Stopped { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(stopped.is_some_and(|why| why.contains("no space left")));
    let verified = table.events("a").filter(|e| matches!(e, Event::PieceVerified { .. })).count();
    let kept = table.seat_mut("a").disks[&key].bytes.len();
    assert!(verified >= 1 && kept >= verified * PIECE as usize);
}

#[test]
fn a_peer_killed_in_the_middle_resumes_with_all_it_had_verified() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.with("seed", |node, now| node.set_limits(now, Some(Rate(200_000)), None));
    table.seat("a", |_| {});
    let key = table.join("a", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    let verified = |table: &Table| table.events("a").filter(|e| matches!(e, Event::PieceVerified { .. })).count();
    assert!(table.run_until(MINUTE, |table| verified(table) >= 5));
    table.kill("a");
    let (before, left_on_disk) = (verified(&table), table.seat_mut("a").disks[&key].bytes.clone());
    table.seat("a-again", |_| {});
    table.join("a-again", TorrentSource::Metainfo(Arc::clone(&torrent)), &left_on_disk);
    let checked = table.events("a-again").find_map(|event| match event {
        Event::Checked { have, .. } => Some(*have as usize),
        _ => None,
    });
    assert!(checked.is_some_and(|have| have >= before), "{checked:?} of {before}");
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a-again"])));
}

#[test]
fn the_upload_limit_holds() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a", "b"]);
    table.with("seed", |node, now| node.set_limits(now, Some(Rate(100_000)), None));
    table.run_for(Duration::from_secs(5));
    let uploaded = table.events("seed").filter_map(|event| match event {
        Event::Progress { uploaded, .. } => Some(uploaded.0),
        _ => None,
    });
    let uploaded = uploaded.max().unwrap_or_default();
    assert!((400_000..=560_000).contains(&uploaded), "{uploaded} bytes in 5 s at 100 kB/s");
}

#[test]
fn the_download_limit_holds() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &[]);
    table.seat("a", |config| config.down = Some(Rate(100_000)));
    table.join("a", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    let took = table.complete_at("a").unwrap().as_micros() / 1_000_000;
    assert!((9..=12).contains(&took), "1 MiB at 100 kB/s took {took} s");
}

#[test]
fn those_who_give_are_served_first() {
    let (bytes, torrent) = lesson(4 << 20);
    let sharers = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];
    let mut table = table();
    table.seat("seed", |config| config.up = Some(Rate(1_000_000)));
    table.join("seed", TorrentSource::Metainfo(Arc::clone(&torrent)), &bytes);
    for name in sharers {
        table.seat(name, |config| (config.up, config.slots) = (Some(Rate(200_000)), 6));
        table.join(name, TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    }
    table.seat("rider", |config| config.persona = Persona::FreeRider);
    table.join("rider", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    // A seed serves all alike. Once a copy is out it gives little, so that all depend on each other.
    let is_out = |table: &Table| table.events("seed").any(|event| matches!(event, Event::CopyOut { .. }));
    assert!(table.run_until(MINUTE, is_out));
    table.with("seed", |node, now| node.set_limits(now, Some(Rate(50_000)), None));
    let one_is_done = |table: &Table| sharers.iter().any(|name| table.complete_at(name).is_some());
    assert!(table.run_until(10 * MINUTE, one_is_done));
    // Not that it is last: whoever is done serves it as a seed, at once.
    let had = table.events("rider").filter(|event| matches!(event, Event::PieceVerified { .. })).count();
    assert!(had < 50, "the rider had {had} of 64 pieces when the first sharer had all");
    let earned = table.log.iter().filter(|record| match &record.event {
        Event::Unchoked { remote, why, .. } => *remote == "rider".into() && why.starts_with("regular slot"),
        _ => false,
    });
    assert_eq!(earned.count(), 0, "who gives nothing earns nothing");
}

#[test]
fn who_counts_its_recipients_is_told_of_each_up_to_its_last_piece() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    table.seat("seed", |config| (config.up, config.peer_progress) = (Some(Rate(200_000)), true));
    table.join("seed", TorrentSource::Metainfo(Arc::clone(&torrent)), &bytes);
    table.seat("a", |_| ());
    table.join("a", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    table.run_for(Duration::from_secs(2));
    let told: Vec<(u32, u32, u64)> = table
        .events("seed")
        .filter_map(|event| match event {
            Event::PeerProgress { have, pieces, sent, .. } => Some((*have, *pieces, sent.0)),
            _ => None,
        })
        .collect();
    assert!(told.len() >= 5, "one a second: {told:?}");
    assert!(told.is_sorted(), "nobody loses pieces: {told:?}");
    assert_eq!(told.last(), Some(&(16, 16, 1 << 20)), "two who have everything part, but not before it is told");
    assert!(!table.events("a").any(|event| matches!(event, Event::PeerProgress { .. })), "nobody asked it to tell");
}

#[test]
fn leaving_says_goodbye_to_the_tracker() {
    let (bytes, torrent) = lesson(1 << 18);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a"]);
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
    table.with("a", |node, now| node.leave(now));
    table.run_for(Duration::from_secs(2));
    assert!(table.seat_mut("a").finished);
    let events: Vec<String> = table
        .log
        .iter()
        .filter_map(|record| match &record.event {
            Event::TrackerAnnounced { remote, event, .. } if *remote == "a".into() => Some(event.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(events, ["started", "completed", "stopped"]);
}

#[test]
fn a_torrent_the_tracker_does_not_serve_is_refused_with_a_reason() {
    let (bytes, torrent) = lesson(1 << 18);
    let mut table = Table::new(Duration::from_millis(5));
    let config = TrackerConfig::new(Allowed::Only([InfoHash([9; 20])].into()), [1; 16]);
    table.set_tracker(TRACKER_ADDR.parse().unwrap(), Tracker::new(config, Rng::from_seed(1)));
    seat_quiet(&mut table, "seed", &torrent, &bytes);
    table.run_for(Duration::from_secs(2));
    let refused = table.events("seed").find_map(|event| match event {
        Event::AnnounceRefused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(refused.is_some(), "the reason reaches the log");
}

#[test]
fn a_tracker_that_lies_about_peers_costs_time_and_nothing_else() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    table.seat("a", |_| {});
    table.join("a", TorrentSource::Metainfo(Arc::clone(&torrent)), &[]);
    let own = table.addr("a");
    table.with("a", |node, now| {
        for n in 0..3_000u32 {
            let [_, x, y, z] = n.to_be_bytes();
            node.add_peer(now, node::TorrentKey(1), ([10, 1 + x, y, z], 6881).into());
        }
        for useless in ["0.0.0.0:1", "10.0.0.1:0", "224.0.0.1:5", "255.255.255.255:9"] {
            node.add_peer(now, node::TorrentKey(1), useless.parse().unwrap());
        }
        node.add_peer(now, node::TorrentKey(1), own);
    });
    seat_quiet(&mut table, "seed", &torrent, &bytes); // it dials, as nobody finds it among the lies
    assert!(table.run_until(5 * MINUTE, |table| all_complete(table, &["a"])));
    assert_eq!(on_disk(&mut table, "a"), bytes);
}

#[test]
fn a_tracker_that_is_down_is_asked_again_and_peers_go_on_without_it() {
    let (bytes, _) = lesson(1 << 20);
    let torrent = Arc::new(torrent_of(&bytes, PIECE, "udp://10.9.9.9:1/announce"));
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a"]);
    table.run_for(Duration::from_secs(50));
    let failed = table.events("a").filter(|e| matches!(e, Event::AnnounceFailed { .. })).count();
    assert!(failed >= 2, "15 s, then 30 s (BEP 15): {failed}");
    let seed = table.addr("seed");
    table.with("a", |node, now| node.add_peer(now, node::TorrentKey(1), seed));
    assert!(table.run_until(MINUTE, |table| all_complete(table, &["a"])));
}

#[test]
fn both_dial_and_one_connection_stays() {
    let (bytes, torrent) = lesson(1 << 18);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a", "b", "c"]);
    table.run_for(Duration::from_secs(3));
    for name in ["seed", "a", "b", "c"] {
        let status = table.seat_mut(name).node.status(node::TorrentKey(1)).unwrap();
        let up: usize = status.peers;
        assert!(up <= 3, "{name} has {up} connections to 3 others");
    }
    assert!(all_complete(&table, &["a", "b", "c"]));
}

#[test]
fn a_working_connection_is_not_given_up_for_a_second_one() {
    let (bytes, torrent) = lesson(1 << 20);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a", "b"]);
    table.with("seed", |node, now| node.set_limits(now, Some(Rate(30_000)), None));
    table.run_for(Duration::from_secs(4));
    let before = table.log.len();
    table.run_for(Duration::from_secs(10)); // peers tell each other of peers meanwhile
    let lost: Vec<_> =
        table.log[before..].iter().filter(|record| matches!(record.event, Event::Closed { .. })).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn half_of_the_places_are_kept_for_those_who_dial_us() {
    let (_, torrent) = lesson(1 << 20);
    let config = NodeConfig { connections_max: 8, ..NodeConfig::new(PeerId([1; 20])) };
    let mut node = Node::new(config, Rng::from_seed(1));
    node.listening(Time::ZERO, "10.0.0.1:6881".parse().unwrap());
    let key = node.join(Time::ZERO, TorrentSource::Magnet(torrent.magnet()), JoinOptions::default()).unwrap();
    for host in 2..22 {
        node.add_peer(Time::ZERO, key, ([10, 0, 0, host], 6881).into());
    }
    let commands = std::iter::from_fn(|| node.poll());
    assert_eq!(commands.filter(|command| matches!(command, Command::Dial { .. })).count(), 4);
}

#[test]
fn nobody_talks_to_themselves() {
    let (bytes, torrent) = lesson(1 << 18);
    let mut table = table();
    seat_swarm(&mut table, &torrent, &bytes, &["a"]);
    let own = table.addr("a");
    table.with("a", |node, now| node.add_peer(now, node::TorrentKey(1), own));
    table.run_for(MINUTE);
    assert!(!table.events("a").any(|e| matches!(e, Event::Dialled { remote, .. } if *remote == "a".into())));
}

// ---- helpers ----

const TRACKER_ADDR: &str = "10.0.0.250:6969";
const TRACKER: &str = "udp://10.0.0.250:6969/announce";

fn lesson(length: usize) -> (Vec<u8>, Arc<Metainfo>) {
    let bytes = content(7, length);
    let torrent = Arc::new(torrent_of(&bytes, PIECE, TRACKER));
    (bytes, torrent)
}

fn table() -> Table {
    let mut table = Table::new(Duration::from_millis(5));
    let config = TrackerConfig::new(Allowed::Any, [1; 16]);
    table.set_tracker(TRACKER_ADDR.parse().unwrap(), Tracker::new(config, Rng::from_seed(1)));
    table
}

fn seat_swarm(table: &mut Table, torrent: &Arc<Metainfo>, bytes: &[u8], leechers: &[&str]) {
    seat_quiet(table, "seed", torrent, bytes);
    for name in leechers {
        table.seat(name, |_| {});
        table.join(name, TorrentSource::Metainfo(Arc::clone(torrent)), &[]);
    }
}

fn seat_quiet(table: &mut Table, name: &str, torrent: &Arc<Metainfo>, bytes: &[u8]) {
    table.seat(name, |_| {});
    table.join(name, TorrentSource::Metainfo(Arc::clone(torrent)), bytes);
}

fn all_complete(table: &Table, names: &[&str]) -> bool {
    names.iter().all(|name| table.complete_at(name).is_some())
}

fn on_disk(table: &mut Table, name: &str) -> Vec<u8> {
    table.seat_mut(name).disks[&node::TorrentKey(1)].bytes.clone()
}
