//! Whole swarms on links, behind NATs, through trouble.

use std::sync::Arc;
use std::time::Duration;

use events::{ClosedBy, Event};
use metainfo::Metainfo;
use model::ByteCount;
use tracker::Allowed;

use super::*;
use crate::content::made_up;
use crate::gear::Preset;
use crate::original::Original;
use crate::packet::{Packet, Rule, Stage};

const MIB: u64 = 1 << 20;
const ETHERNET: Access =
    Access { up: Access::ETHERNET_RATE, down: Access::ETHERNET_RATE, queue: Access::QUEUE, ipv6: false };

#[test]
fn everybody_gets_the_content_and_the_disks_agree() {
    let mut lab = Lab::new(1, 4 * MIB);
    lab.seed("seed", World::INTERNET, ETHERNET);
    let leechers = ["a", "b", "c", "d"].map(|name| lab.leech(name, World::INTERNET, ETHERNET));
    lab.run(60);
    assert!(leechers.iter().all(|&host| lab.is_whole(host)));
    assert_eq!(lab.kinds("complete").len(), 4);
    assert!(lab.kinds("piece-failed").is_empty());
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_gives_others() {
    let log = |seed| {
        let mut lab = Lab::new(seed, MIB);
        let line = Line { rtt: ms(30), jitter: ms(10), loss_ppm: 5_000 };
        let net = lab.world.add_net("far", World::INTERNET, Preset::Cgnat, line);
        lab.seed("seed", World::INTERNET, ETHERNET);
        for name in ["a", "b", "c"] {
            lab.leech(name, net, ETHERNET);
        }
        lab.run(30);
        lab.log.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}

#[test]
fn a_link_carries_its_rate_less_the_headers() {
    let mut lab = Lab::new(1, 4 * MIB);
    lab.seed("seed", World::INTERNET, Access { up: Rate(1_000_000), ..ETHERNET });
    lab.leech("a", World::INTERNET, ETHERNET);
    lab.run(60);
    let took = lab.time_of("a", "complete").as_micros();
    // 4 MiB at 1 MB/s are 4.2 s, headers 3 % more.
    assert!((4_300_000..4_700_000).contains(&took), "{took} us");
}

#[test]
fn a_slow_downlink_is_as_much_of_a_limit() {
    let mut lab = Lab::new(1, 2 * MIB);
    lab.seed("seed", World::INTERNET, ETHERNET);
    lab.leech("a", World::INTERNET, Access { down: Rate(500_000), ..ETHERNET });
    lab.run(60);
    let took = lab.time_of("a", "complete").as_micros();
    assert!((4_300_000..4_800_000).contains(&took), "{took} us");
}

#[test]
fn those_who_share_an_uplink_get_equal_parts() {
    let mut lab = Lab::new(3, 2 * MIB);
    lab.persona = Persona::FreeRider; // who gives nothing on finishes by what the seed gave
    lab.seed("seed", World::INTERNET, Access { up: Rate(500_000), ..ETHERNET });
    let far = lab.world.add_net("far", World::INTERNET, Preset::Open, Line { rtt: ms(80), ..Line::default() });
    for (name, net) in [("a", World::INTERNET), ("b", far), ("c", far)] {
        lab.leech(name, net, ETHERNET);
    }
    lab.run(60);
    let times = ["a", "b", "c"].map(|name| lab.time_of(name, "complete").as_micros());
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(last - first < last / 5, "{times:?}: near and far share the link equally");
}

#[test]
fn whoever_could_take_its_share_gets_it_however_slow_its_own_link_is() {
    let mut lab = Lab::new(3, 2 * MIB);
    lab.persona = Persona::FreeRider;
    lab.seed("seed", World::INTERNET, Access { up: Rate(3_000_000), ..ETHERNET });
    for (name, down) in [("a", 125_000_000), ("b", 125_000_000), ("c", 1_300_000)] {
        lab.leech(name, World::INTERNET, Access { down: Rate(down), ..ETHERNET });
    }
    lab.run(60);
    let times = ["a", "b", "c"].map(|name| lab.time_of(name, "complete").as_micros());
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(last - first < last / 10, "{times:?}");
}

#[test]
fn what_one_cannot_take_is_shared_by_the_others() {
    let mut lab = Lab::new(3, 2 * MIB);
    lab.persona = Persona::FreeRider;
    lab.seed("seed", World::INTERNET, Access { up: Rate(1_000_000), ..ETHERNET });
    for (name, down) in [("a", 125_000_000), ("b", 125_000_000), ("slow", 100_000)] {
        lab.leech(name, World::INTERNET, Access { down: Rate(down), ..ETHERNET });
    }
    lab.run(60);
    for name in ["a", "b"] {
        // At 450 kB/s each 4.8 s; at a third of the link 6.5 s.
        let took = lab.time_of(name, "complete").as_micros();
        assert!(took < 5_500_000, "{name}: {took} us");
    }
}

#[test]
fn many_losses_stop_a_connection_all_but_completely() {
    // Bytes per second by the formula of Padhye and others (1998), with time-outs of 300 ms, for a round trip of 100 ms.
    let formula = [(10_000, 160_000), (50_000, 52_000), (100_000, 29_000), (300_000, 3_700), (500_000, 1_050)];
    let mut rates = Vec::new();
    for (loss_ppm, expected) in formula {
        let mut lab = Lab::new(1, 64 * MIB);
        let line = Line { rtt: ms(100), jitter: ms(0), loss_ppm };
        let net = lab.world.add_net("far", World::INTERNET, Preset::Open, line);
        lab.seed("seed", World::INTERNET, ETHERNET);
        let leech = lab.leech("a", net, ETHERNET);
        lab.run(300);
        let rate = lab.right_bytes(leech).0 / 300;
        rates.push((loss_ppm, expected, rate));
    }
    for (loss_ppm, expected, rate) in rates {
        assert!((expected / 4..=expected * 4).contains(&rate), "{loss_ppm} ppm: {rate} B/s, {expected} by the formula");
    }
}

#[test]
fn what_happens_to_a_connections_packets_is_told() {
    let mut lab = Lab::new(2, MIB);
    let line = Line { rtt: ms(50), jitter: ms(0), loss_ppm: 200_000 };
    let net = lab.world.add_net("lossy", World::INTERNET, Preset::Open, line);
    lab.seed("seed", World::INTERNET, ETHERNET);
    lab.leech("a", net, ETHERNET);
    lab.leech("narrow", World::INTERNET, Access { down: Rate(200_000), ..ETHERNET });
    lab.run(60);
    let lost = |stage| {
        let told = lab.incidents.iter().filter(|incident| {
            let Packet { protocol, stage: of, .. } = incident.packet;
            (protocol, of, incident.what) == (Protocol::Tcp, stage, What::Dropped { rule: Rule::Lost })
        });
        told.inspect(|incident| assert_eq!(incident.place, "lossy")).map(|incident| incident.count).sum::<u64>()
    };
    assert!(lost(Stage::Open) > 0 && lost(Stage::Data) > 50);
    let marked = |incident: &&Incident| incident.what == What::Marked { rule: Rule::QueueFull };
    assert!(lab.incidents.iter().filter(marked).all(|incident| incident.place == "narrow"));
    assert!(lab.incidents.iter().any(|incident| marked(&incident)));
}

#[test]
fn a_visitor_does_not_get_through_a_cut() {
    let mut lab = Lab::new(1, MIB);
    let line = Line { rtt: ms(200), ..Line::default() };
    let island = lab.world.add_net("island", World::INTERNET, Preset::Home, line);
    lab.seed("seed", World::INTERNET, ETHERNET);
    let leech = lab.leech("a", island, ETHERNET);
    let welcomed = |world: &World| world.streams.iter().flatten().any(|s| s.listener.is_some() && !s.is_up);
    while !welcomed(&lab.world) {
        assert!(lab.world.step(Time::from_secs(60)), "somebody dials");
    }
    lab.world.cut(island, true);
    lab.run(lab.world.now().as_micros() / 1_000_000 + 5);
    let visited = |world: &World| {
        let listeners = world.streams.iter().flatten().filter_map(|stream| stream.listener.as_ref());
        listeners.filter(|listener| listener.conn.is_some()).count()
    };
    assert_eq!(visited(&lab.world), 0);
    lab.world.cut(island, false);
    lab.run(90);
    assert!(lab.is_whole(leech));
}

#[test]
fn a_disk_that_is_behind_stops_the_network() {
    let mut lab = Lab::new(1, 24 * MIB);
    lab.seed("seed", World::INTERNET, ETHERNET);
    let leech = lab.leech("a", World::INTERNET, ETHERNET);
    let speed = crate::DiskSpeed { rate: Rate(1_000_000), ..crate::DiskSpeed::default() };
    let hash = lab.torrent.info.info_hash();
    lab.world.disk(leech, hash).unwrap().set_speed(speed);
    let mut most = 0;
    while lab.world.step(Time::from_secs(60)) {
        most = most.max(lab.world.hosts[leech.0].writing);
    }
    assert!((tcp::WRITING_MAX..tcp::WRITING_MAX + MIB).contains(&most), "{most} bytes waited for the disk");
    assert!(lab.is_whole(leech));
}

#[test]
fn a_long_way_and_losses_slow_a_connection_down() {
    let took = |rtt, loss_ppm| {
        let mut lab = Lab::new(1, 4 * MIB);
        let net =
            lab.world.add_net("far", World::INTERNET, Preset::Open, Line { rtt: ms(rtt), jitter: ms(0), loss_ppm });
        lab.seed("seed", World::INTERNET, ETHERNET);
        lab.leech("a", net, ETHERNET);
        lab.run(600);
        assert_eq!(lab.kinds("complete").len(), 1);
        lab.time_of("a", "complete").as_micros()
    };
    let (near, far, lossy) = (took(1, 0), took(200, 0), took(200, 10_000));
    assert!(near < far && far * 2 < lossy, "{near} us, {far} us, with losses {lossy} us");
}

#[test]
fn nobody_can_dial_into_a_home_and_the_drop_names_the_rule() {
    let mut lab = Lab::new(1, MIB);
    let home = lab.world.add_net("home", World::INTERNET, Preset::Home, Line::default());
    lab.seed("seed", home, ETHERNET);
    lab.leech("a", World::INTERNET, ETHERNET);
    lab.run(60);
    // The seed dials out, so the swarm works; what the leecher tried was stopped at the door.
    assert_eq!(lab.kinds("complete").len(), 1);
    let stopped = lab.incidents.iter().find(|incident| matches!(incident.what, What::Dropped { .. })).unwrap();
    assert_eq!((stopped.place.as_str(), stopped.what), ("home", What::Dropped { rule: Rule::NoMapping }));
    let why = |event: &Event| matches!(event, Event::DialFailed { why, .. } if why == "timed out");
    assert!(lab.log.iter().any(|record| record.peer == "a" && why(&record.event)));
}

#[test]
fn two_homes_cannot_reach_each_other_and_a_port_forward_mends_that() {
    for forwarded in [false, true] {
        let mut lab = Lab::new(1, MIB);
        let homes =
            ["home-1", "home-2"].map(|name| lab.world.add_net(name, World::INTERNET, Preset::Home, Line::default()));
        let seed = lab.seed("seed", homes[0], ETHERNET);
        let leech = lab.leech("a", homes[1], ETHERNET);
        if forwarded {
            let outside = lab.world.forward_port(seed, Protocol::Tcp, PEER_PORT);
            assert_eq!(outside.ip().to_string(), "198.18.0.1");
        }
        lab.run(60);
        assert_eq!(lab.is_whole(leech), forwarded, "forwarded: {forwarded}");
    }
}

#[test]
fn a_reachable_third_carries_the_swarm_of_two_homes() {
    let mut lab = Lab::new(1, MIB);
    let homes =
        ["home-1", "home-2"].map(|name| lab.world.add_net(name, World::INTERNET, Preset::Symmetric, Line::default()));
    lab.seed("seed", homes[0], ETHERNET);
    let leech = lab.leech("a", homes[1], ETHERNET);
    lab.leech("carrier", World::INTERNET, ETHERNET);
    lab.run(60);
    assert!(lab.is_whole(leech));
}

#[test]
fn an_office_that_allows_only_the_web_gets_nothing() {
    let mut lab = Lab::new(1, MIB);
    let office = lab.world.add_net("office", World::INTERNET, Preset::Office, Line::default());
    lab.seed("seed", World::INTERNET, ETHERNET);
    let leech = lab.leech("a", office, ETHERNET);
    lab.run(60);
    assert!(!lab.is_whole(leech));
    assert!(lab.incidents.iter().any(|incident| incident.what == What::Dropped { rule: Rule::UdpBlocked }));
}

#[test]
fn ipv6_swarms_as_well() {
    let v6 = Access { ipv6: true, ..ETHERNET };
    let mut lab = Lab::with_tracker(1, MIB, v6);
    lab.seed("seed", World::INTERNET, v6);
    let leech = lab.leech("a", World::INTERNET, v6);
    lab.run(60);
    assert!(lab.is_whole(leech));
}

#[test]
fn who_is_killed_goes_on_from_its_disk_when_started_again() {
    let mut lab = Lab::new(1, 4 * MIB);
    lab.seed("seed", World::INTERNET, Access { up: Rate(1_000_000), ..ETHERNET });
    let leech = lab.leech("a", World::INTERNET, ETHERNET);
    lab.run(2);
    lab.world.kill(leech);
    lab.run(3);
    assert!(lab.log.iter().any(|record| record.peer == "seed" && record.event.kind() == "closed"));
    let had = lab.right_bytes(leech);
    assert!(had > ByteCount(MIB) && !lab.is_whole(leech), "{had}");
    lab.start("a", leech, Persona::Honest);
    lab.run(30);
    assert!(lab.is_whole(leech));
    let resumed = lab.log.iter().any(|record| matches!(&record.event, Event::Checked { have, pieces, .. } if record.peer == "a" && *have > 0 && have < pieces));
    assert!(resumed);
}

#[test]
fn a_cut_is_noticed_and_after_it_the_swarm_finds_together_again() {
    let mut lab = Lab::new(1, 4 * MIB);
    let net = lab.world.add_net("island", World::INTERNET, Preset::Open, Line::default());
    lab.seed("seed", World::INTERNET, Access { up: Rate(500_000), ..ETHERNET });
    let leech = lab.leech("a", net, ETHERNET);
    lab.run(3);
    lab.world.cut(net, true);
    let had = lab.right_bytes(leech);
    lab.run(200);
    assert!(lab.right_bytes(leech).0 <= had.0 + 200_000, "only what was under way still came");
    assert!(lab.log.iter().any(|record| matches!(&record.event, Event::Closed { .. })), "the silence was noticed");
    lab.world.cut(net, false);
    lab.run(400);
    assert!(lab.is_whole(leech));
}

#[test]
fn a_nat_that_forgets_its_connections_resets_them_and_they_are_dialled_again() {
    let mut lab = Lab::new(1, 4 * MIB);
    let home = lab.world.add_net("home", World::INTERNET, Preset::Symmetric, Line::default());
    lab.seed("seed", World::INTERNET, Access { up: Rate(500_000), ..ETHERNET });
    let leech = lab.leech("a", home, ETHERNET);
    lab.run(33); // only the leecher can dial, and the tracker names the seed at the second announce
    assert!(lab.right_bytes(leech) > ByteCount(MIB) && !lab.is_whole(leech));
    lab.world.rebind_nat(home);
    lab.run(300);
    let reset =
        |event: &Event| matches!(event, Event::Closed { by: ClosedBy::Network, why, .. } if why == "connection reset");
    assert!(lab.log.iter().any(|record| record.peer == "a" && reset(&record.event)));
    assert!(lab.is_whole(leech));
}

#[test]
fn a_full_disk_stops_its_own_torrent_and_nobody_elses() {
    let mut lab = Lab::new(1, 2 * MIB);
    lab.seed("seed", World::INTERNET, ETHERNET);
    let full = lab.leech("full", World::INTERNET, ETHERNET);
    let fine = lab.leech("fine", World::INTERNET, ETHERNET);
    let room = Some(ByteCount(MIB));
    let faults = crate::DiskFaults { room, ..crate::DiskFaults::default() };
    let hash = lab.torrent.info.info_hash();
    lab.world.disk(full, hash).unwrap().set_faults(faults);
    lab.run(60);
    assert!(lab.is_whole(fine) && !lab.is_whole(full));
    assert!(lab.log.iter().any(|record| record.peer == "full" && record.event.kind() == "disk-failed"));
}

#[test]
fn a_disk_that_corrupts_is_found_out_by_its_hashes() {
    let mut lab = Lab::new(1, 2 * MIB);
    lab.seed("seed", World::INTERNET, ETHERNET);
    let leech = lab.leech("a", World::INTERNET, ETHERNET);
    let hash = lab.torrent.info.info_hash();
    let faults = crate::DiskFaults { corrupt_ppm: 20_000, ..crate::DiskFaults::default() };
    lab.world.disk(leech, hash).unwrap().set_faults(faults);
    lab.run(60);
    assert!(!lab.kinds("piece-failed").is_empty());
}

/// A world with a tracker and one torrent, and what was said in it.
struct Lab {
    world: World,
    torrent: Arc<Metainfo>,
    original: Arc<Original>,
    persona: Persona,
    seed: u64,
    log: Vec<Record>,
    incidents: Vec<Incident>,
}

impl Lab {
    fn new(seed: u64, size: u64) -> Self {
        Self::with_tracker(seed, size, ETHERNET)
    }

    fn with_tracker(seed: u64, size: u64, access: Access) -> Self {
        let mut world = World::new(seed);
        let host = world.add_host("tracker", World::INTERNET, access, TRACKER_PORT);
        let (mut torrent, bytes) = made_up("lesson.bin", size, 64 * 1024, seed).unwrap();
        torrent.announce = vec![vec![format!("udp://{}/announce", world.addr(host))]];
        let original = Arc::new(Original::new(Arc::new(torrent.info.clone()), bytes).unwrap());
        let config = TrackerConfig::new(Allowed::Any, [7; 16]);
        let peer_id = PeerId::generate(&mut Rng::from_seed(seed));
        world.start_tracker(host, config, Rng::stream(seed, "tracker"), peer_id);
        let (log, incidents) = (Vec::new(), Vec::new());
        Self { world, torrent: Arc::new(torrent), original, persona: Persona::Honest, seed, log, incidents }
    }

    fn seed(&mut self, name: &str, net: NetId, access: Access) -> HostId {
        let disk = Disk::full(Arc::clone(&self.original), Rng::stream(self.seed, name));
        self.peer(name, net, access, disk, Persona::Honest)
    }

    fn leech(&mut self, name: &str, net: NetId, access: Access) -> HostId {
        let disk = Disk::empty(Arc::clone(&self.original), Rng::stream(self.seed, name));
        self.peer(name, net, access, disk, self.persona)
    }

    fn peer(&mut self, name: &str, net: NetId, access: Access, disk: Disk, persona: Persona) -> HostId {
        let host = self.world.add_host(name, net, access, PEER_PORT);
        self.world.insert_disk(host, self.torrent.info.info_hash(), disk);
        self.start(name, host, persona);
        host
    }

    fn start(&mut self, name: &str, host: HostId, persona: Persona) {
        let mut rng = Rng::stream(self.seed, name);
        let config = NodeConfig { persona, ..NodeConfig::new(PeerId::generate(&mut rng)) };
        self.world.start_peer(host, config, rng);
        let source = TorrentSource::Metainfo(Arc::clone(&self.torrent));
        self.world.join(host, source, JoinOptions::default()).unwrap();
    }

    /// Until so many seconds after the start.
    fn run(&mut self, second: u64) {
        while self.world.step(Time::from_secs(second)) {
            self.log.extend(std::iter::from_fn(|| self.world.poll()));
        }
        self.incidents.extend(self.world.take_incidents());
    }

    fn is_whole(&mut self, host: HostId) -> bool {
        self.world.disk(host, self.torrent.info.info_hash()).unwrap().is_whole()
    }

    fn right_bytes(&mut self, host: HostId) -> ByteCount {
        self.world.disk(host, self.torrent.info.info_hash()).unwrap().right_bytes()
    }

    fn kinds(&self, kind: &str) -> Vec<&Record> {
        self.log.iter().filter(|record| record.event.kind() == kind).collect()
    }

    fn time_of(&self, peer: &str, kind: &str) -> Time {
        let said = |record: &&Record| record.peer == peer && record.event.kind() == kind;
        self.log.iter().find(said).unwrap_or_else(|| panic!("{peer} never said {kind}")).time
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
