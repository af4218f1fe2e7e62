//! Random small swarms on random links, with losses, NATs, kills and cuts: everybody who can finish does, nobody is
//! accused, and the same seed does the same.
//!
//! A failure names its seed; `STORM_SEED=17 cargo test -p swarmlab-sim --test storm` plays that one alone.

use std::sync::Arc;
use std::time::Duration;

use events::{Event, Record};
use metainfo::Metainfo;
use model::{ByteCount, PeerId, Rate, Rng, Time};
use node::{JoinOptions, NodeConfig, TorrentSource};
use swarmlab_sim::{Access, Disk, HostId, Line, NetId, Original, PEER_PORT, Preset, TRACKER_PORT, World, content};
use tracker::{Allowed, TrackerConfig};

const SEEDS: std::ops::Range<u64> = 0..200;

#[test]
fn whatever_befalls_a_swarm_it_finishes_and_accuses_nobody() {
    let only = std::env::var("STORM_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(SEEDS, |seed| seed..seed + 1) {
        let mut storm = Storm::new(seed);
        storm.rage();
        storm.calm();
        let unfinished = storm.unfinished();
        assert!(unfinished.is_empty(), "seed {seed}: {unfinished:?} did not finish, with {}", storm.described);
        for Record { time, peer, event } in &storm.log {
            let accused =
                matches!(event, Event::PeerBanned { .. } | Event::PeerMisbehaved { .. } | Event::PieceFailed { .. });
            assert!(!accused, "seed {seed}: at {time} {peer} says {event:?}");
        }
    }
}

#[test]
fn a_storm_is_the_same_every_time() {
    let log = |seed| {
        let mut storm = Storm::new(seed);
        storm.rage();
        storm.log.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for seed in [3, 4, 5] {
        assert_eq!(log(seed), log(seed), "seed {seed}");
    }
}

/// One swarm and its weather.
struct Storm {
    world: World,
    rng: Rng,
    torrent: Arc<Metainfo>,
    peers: Vec<(String, HostId)>,
    nets: Vec<NetId>,
    lives: u64,
    seed: u64,
    log: Vec<Record>,
    described: String,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "storm");
        let mut world = World::new(seed);
        let tracker = world.add_host("tracker", World::INTERNET, Access::default(), TRACKER_PORT);
        let size = (1 << 18) + rng.below(3 << 20);
        let (mut torrent, bytes) = content::made_up("storm.bin", size, 32 << 10, seed).unwrap();
        torrent.announce = vec![vec![format!("udp://{}/announce", world.addr(tracker))]];
        let original = Arc::new(Original::new(Arc::new(torrent.info.clone()), bytes).unwrap());
        let config = TrackerConfig { interval: Duration::from_secs(20), ..TrackerConfig::new(Allowed::Any, [1; 16]) };
        world.start_tracker(tracker, config, Rng::stream(seed, "tracker"), PeerId([b'T'; 20]));
        let mut storm = Self {
            world,
            rng,
            torrent: Arc::new(torrent),
            peers: Vec::new(),
            nets: Vec::new(),
            lives: 0,
            seed,
            log: Vec::new(),
            described: ByteCount(size).to_string(),
        };
        // The seed can be reached, so that all can finish: those behind NATs dial it.
        storm.add_peer(Preset::Open, Disk::full(Arc::clone(&original), Rng::from_seed(seed)));
        for _ in 0..1 + storm.rng.below(5) {
            let presets = Preset::ALL.map(|preset| if preset == Preset::Office { Preset::Home } else { preset });
            let border = *storm.rng.choose(&presets).unwrap();
            storm.add_peer(border, Disk::empty(Arc::clone(&original), Rng::from_seed(seed)));
        }
        storm
    }

    fn add_peer(&mut self, border: Preset, disk: Disk) {
        let name = format!("peer-{}", self.peers.len());
        let rng = &mut self.rng;
        let rtt = Duration::from_micros(rng.below(200_000));
        let jitter = rtt * rng.below(100) as u32 / 100;
        let line = Line { rtt, jitter, loss_ppm: rng.below(30_000) as u32 };
        let mut rate = || Rate(100_000 + rng.below(5_000_000));
        let access = Access { up: rate(), down: rate(), ..Access::default() };
        self.described += &format!("; {name} {border:?} {line:?} {access:?}");
        let net = self.world.add_net(&name, World::INTERNET, border, line);
        let host = self.world.add_host(&name, net, access, PEER_PORT);
        self.world.insert_disk(host, self.torrent.info.info_hash(), disk);
        self.nets.push(net);
        self.peers.push((name, host));
        self.start(self.peers.len() - 1);
    }

    fn start(&mut self, peer: usize) {
        let (name, host) = &self.peers[peer];
        self.lives += 1;
        let mut rng = Rng::stream(self.seed, &format!("{name} {}", self.lives));
        self.world.start_peer(*host, NodeConfig::new(PeerId::generate(&mut rng)), rng);
        self.world.join(*host, TorrentSource::Metainfo(Arc::clone(&self.torrent)), JoinOptions::default()).unwrap();
    }

    /// Half a minute of kills, restarts, cuts and power cuts.
    fn rage(&mut self) {
        for second in 1..30 {
            self.run(Time::from_secs(second));
            let peer = self.rng.below(self.peers.len() as u64) as usize;
            let host = self.peers[peer].1;
            match self.rng.below(12) {
                0 if self.world.is_up(host) => self.world.kill(host),
                1 if self.world.is_up(host) => self.world.leave(host),
                2..5 if !self.world.is_up(host) => self.start(peer),
                5 => self.world.cut(self.nets[peer], true),
                6 | 7 => self.world.cut(self.nets[peer], false),
                8 => self.world.rebind_nat(self.nets[peer]),
                _ => {}
            }
        }
    }

    /// Everything works again, and all have time.
    fn calm(&mut self) {
        for peer in 0..self.peers.len() {
            self.world.cut(self.nets[peer], false);
        }
        self.run(self.world.now().after(Duration::from_secs(3)));
        for peer in 0..self.peers.len() {
            if !self.world.is_up(self.peers[peer].1) {
                self.start(peer);
            }
        }
        let until = self.world.now().after(Duration::from_secs(900));
        while !self.unfinished().is_empty() && self.world.now() < until {
            self.run(self.world.now().after(Duration::from_secs(10)));
        }
    }

    fn run(&mut self, until: Time) {
        while self.world.step(until) {
            self.log.extend(std::iter::from_fn(|| self.world.poll()));
        }
    }

    fn unfinished(&mut self) -> Vec<String> {
        let hash = self.torrent.info.info_hash();
        let (world, peers) = (&mut self.world, &self.peers);
        let is_unfinished = |(_, host): &&(String, HostId)| !world.disk(*host, hash).unwrap().is_whole();
        peers.iter().filter(is_unfinished).map(|(name, _)| name.clone()).collect()
    }
}
