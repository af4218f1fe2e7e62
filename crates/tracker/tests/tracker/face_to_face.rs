//! A tracker and its clients on one virtual clock, with links that delay and lose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use events::Event;
use model::{ByteCount, InfoHash, PeerId, Rng, Time};
use tracker::codec::ScrapeRequest;
use tracker::{Allowed, AnnounceFacts, Announcer, AnnouncerCommand, Tracker, TrackerCommand, TrackerConfig};
use tracker::{Family, Request, Response, TransactionId};

#[test]
fn everybody_hears_of_everybody() {
    let mut lab = Lab::new(1, 0);
    lab.clients(8, 100);
    lab.run_until(40);
    for at in 0..8 {
        assert_eq!(lab.clients[at].heard.len(), 7, "client {at} and the others");
    }
    assert_eq!(lab.tracker.stats().peers, 8);
}

#[test]
fn a_fifth_of_all_datagrams_lost_delays_and_breaks_nothing() {
    for seed in 0..20 {
        let mut lab = Lab::new(seed, 200);
        lab.clients(6, 100);
        lab.run_until(3_600);
        for at in 0..6 {
            let others: BTreeSet<_> = lab.clients[at].heard.iter().filter(|peer| **peer != lab.listens(at)).collect();
            assert_eq!(others.len(), 5, "seed {seed}, client {at}");
        }
    }
}

#[test]
fn those_who_leave_are_told_of_no_more() {
    let mut lab = Lab::new(1, 0);
    lab.clients(3, 100);
    lab.run_until(20);
    lab.wish(0, Announcer::stop);
    lab.run_until(21);
    assert!(lab.clients[0].announcer.is_stopped());
    assert_eq!(lab.tracker.stats().peers, 2);
    let late = lab.client(100);
    lab.run_until(22);
    assert_eq!(lab.clients[late].heard, BTreeSet::from([lab.listens(1), lab.listens(2)]));
}

#[test]
fn those_who_fall_silent_expire() {
    let mut lab = Lab::new(1, 0);
    lab.clients(3, 100);
    lab.run_until(10);
    lab.clients[0].dead = true;
    lab.run_until(100);
    assert_eq!(lab.tracker.stats().peers, 2);
    assert!(lab.events.iter().any(|(_, event)| event.kind() == "tracker-expired"));
}

#[test]
fn a_finished_download_is_counted_once_in_spite_of_loss() {
    for seed in 0..10 {
        let mut lab = Lab::new(seed, 150);
        lab.clients(2, 100);
        lab.run_until(600);
        lab.clients[0].facts.left = ByteCount(0);
        lab.wish(0, Announcer::completed);
        lab.run_until(3_000);
        let told = |event: &Event| matches!(event, Event::TrackerAnnounced { event, .. } if event == "completed");
        assert!(lab.events.iter().any(|(_, event)| told(event)), "seed {seed}");
        assert_eq!(lab.downloads(), 1, "seed {seed}");
    }
}

#[test]
fn a_tracker_that_restarts_with_another_secret_is_found_again() {
    let mut lab = Lab::new(1, 0);
    lab.clients(4, 100);
    lab.run_until(35);
    lab.tracker = Lab::new(99, 0).tracker;
    lab.run_until(70);
    assert_eq!(lab.tracker.stats().peers, 4);
    assert!(!lab.events.iter().any(|(_, event)| event.kind() == "announce-refused"), "the old id is no one's fault");
}

#[test]
fn a_torrent_that_is_not_served_is_refused_with_the_reason() {
    let mut lab = Lab::new(1, 0);
    lab.tracker.forbid(HASH);
    lab.clients(1, 100);
    lab.run_until(5);
    let reason = lab.events.iter().find_map(|(_, event)| match event {
        Event::AnnounceRefused { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.unwrap().contains("only the torrents of its lab"));
    lab.tracker.allow(HASH);
    lab.run_until(30);
    assert_eq!(lab.tracker.stats().peers, 1, "asked again, and served");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut lab = Lab::new(7, 200);
        lab.clients(5, 100);
        lab.run_until(1_000);
        lab.events
    };
    let first = run();
    assert!(first.len() > 100);
    assert_eq!(first, run());
}

/// A tracker, its clients and the links between.
struct Lab {
    now: Time,
    tracker: Tracker,
    clients: Vec<Client>,
    /// Datagrams on their way, by when they arrive and in what order they left.
    flying: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Bytes)>,
    sent: u64,
    loss_per_mille: u64,
    luck: Rng,
    events: Vec<(Time, Event)>,
}

struct Client {
    announcer: Announcer,
    facts: AnnounceFacts,
    heard: BTreeSet<SocketAddr>,
    /// Killed: hears and says nothing.
    dead: bool,
}

impl Lab {
    fn new(seed: u64, loss_per_mille: u64) -> Self {
        let config = TrackerConfig::new(Allowed::Only(BTreeSet::from([HASH])), [seed as u8; 16]);
        Self {
            now: Time::ZERO,
            tracker: Tracker::new(config, Rng::stream(seed, "tracker")),
            clients: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
            loss_per_mille,
            luck: Rng::stream(seed, "links"),
            events: Vec::new(),
        }
    }

    fn clients(&mut self, count: usize, left: u64) {
        for _ in 0..count {
            self.client(left);
        }
    }

    fn client(&mut self, left: u64) -> usize {
        let at = self.clients.len();
        let tiers = vec![vec![format!("udp://{TRACKER}/announce")]];
        let mut rng = Rng::stream(at as u64, "client");
        let id = PeerId::generate(&mut rng);
        let zero = ByteCount::ZERO;
        let port = self.listens(at).port();
        let facts = AnnounceFacts { downloaded: zero, left: ByteCount(left), uploaded: zero, port, num_want: -1 };
        let announcer = Announcer::new(tiers, HASH, id, &mut rng);
        self.clients.push(Client { announcer, facts, heard: BTreeSet::new(), dead: false });
        self.wish(at, Announcer::start);
        at
    }

    /// Where client `at` listens, and sends from: all on one machine.
    fn listens(&self, at: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 7_000 + at as u16))
    }

    fn wish(&mut self, at: usize, wish: fn(&mut Announcer, Time, AnnounceFacts)) {
        let client = &mut self.clients[at];
        wish(&mut client.announcer, self.now, client.facts);
        self.drain_client(at);
    }

    /// What a scrape says of downloads that became whole.
    fn downloads(&mut self) -> u32 {
        let ask = |request: Request, lab: &mut Self| {
            lab.tracker.handle_datagram(lab.now, OBSERVER, &request.to_bytes());
            let mut commands = std::iter::from_fn(|| lab.tracker.poll());
            let answer = commands.find_map(|command| match command {
                TrackerCommand::Send { datagram, .. } => Some(datagram),
                TrackerCommand::Event(_) => None,
            });
            Response::parse(&answer.expect("an answer"), Family::V4).unwrap()
        };
        let transaction = TransactionId(1);
        let Response::Connect { connection, .. } = ask(Request::Connect { transaction }, self) else { panic!() };
        let scrape = Request::Scrape(ScrapeRequest { connection, transaction, hashes: vec![HASH] });
        let Response::Scrape { counts, .. } = ask(scrape, self) else { panic!() };
        counts[0].completed
    }

    fn run_until(&mut self, secs: u64) {
        let end = Time::from_secs(secs);
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    fn next(&self) -> Option<Time> {
        let clients = self.clients.iter().filter(|client| !client.dead).filter_map(|client| client.announcer.wake());
        let wakes = clients.chain(self.tracker.wake()).map(|wake| wake.at);
        wakes.chain(self.flying.keys().next().map(|key| key.0)).min()
    }

    fn step(&mut self) {
        while let Some(flight) = self.flying.first_entry().filter(|flight| flight.key().0 <= self.now) {
            let (from, to, datagram) = flight.remove();
            self.deliver(from, to, &datagram);
        }
        self.tracker.handle_timeout(self.now);
        self.drain_tracker();
        for at in 0..self.clients.len() {
            let client = &mut self.clients[at];
            if !client.dead {
                client.announcer.handle_timeout(self.now, client.facts);
                self.drain_client(at);
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        if to == TRACKER {
            self.tracker.handle_datagram(self.now, from, datagram);
            return self.drain_tracker();
        }
        let at = usize::from(to.port() - 7_000);
        let client = &mut self.clients[at];
        if !client.dead {
            client.announcer.handle_datagram(self.now, from, datagram, client.facts);
            self.drain_client(at);
        }
    }

    fn drain_tracker(&mut self) {
        while let Some(command) = self.tracker.poll() {
            match command {
                TrackerCommand::Send { to, datagram } => self.fly(TRACKER, to, datagram),
                TrackerCommand::Event(event) => self.events.push((self.now, event)),
            }
        }
    }

    fn drain_client(&mut self, at: usize) {
        while let Some(command) = self.clients[at].announcer.poll() {
            match command {
                AnnouncerCommand::Send { to, datagram } => self.fly(self.listens(at), to, datagram),
                AnnouncerCommand::Event(event) => self.events.push((self.now, event)),
                AnnouncerCommand::Peers(peers) => self.clients[at].heard.extend(peers),
                AnnouncerCommand::Resolve { host, .. } => panic!("{host} is an address"),
            }
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, datagram: Bytes) {
        if self.luck.chance(self.loss_per_mille, 1_000) {
            return;
        }
        let delay = Duration::from_millis(10 + self.luck.below(40));
        self.sent += 1;
        self.flying.insert((self.now.after(delay), self.sent), (from, to, datagram));
    }
}

const HASH: InfoHash = InfoHash([1; 20]);
const OBSERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)), 5_000);
const TRACKER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)), 6_969);
