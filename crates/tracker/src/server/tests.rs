//! The tracker's rules, datagram by datagram.

use std::net::Ipv4Addr;

use model::PeerId;

use super::*;
use crate::codec::{AnnounceResponse, ScrapeCounts};

#[test]
fn a_client_connects_announces_and_hears_of_the_others() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |_| {});
    let answer = lab.announce("10.0.0.2:9", |request| request.port = 7_001);
    assert_eq!(answer.peers, ["10.0.0.1:6881".parse().unwrap()]);
    assert_eq!((answer.interval, answer.seeders, answer.leechers), (30, 0, 2));
    let kinds: Vec<_> = lab.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, ["tracker-connected", "tracker-announced", "tracker-connected", "tracker-announced"]);
}

#[test]
fn who_has_only_a_magnet_link_and_says_that_nothing_is_left_hears_of_seeds() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |request| (request.left, request.port) = (ByteCount::ZERO, 7_001));
    let joiner = lab.announce("10.0.0.2:9", |request| (request.left, request.port) = (ByteCount::ZERO, 7_002));
    assert_eq!(joiner.peers, ["10.0.0.1:7001".parse().unwrap()]);
    let seed = lab.announce("10.0.0.3:9", |request| {
        (request.left, request.uploaded, request.port) = (ByteCount::ZERO, ByteCount(1), 7_003);
    });
    assert_eq!(seed.peers, [], "seeds are of no use to a seed");
}

#[test]
fn a_client_is_reported_as_connected_once() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.announce("10.0.0.1:9", |_| {});
    }
    assert_eq!(lab.events.iter().filter(|event| event.kind() == "tracker-connected").count(), 1);
}

#[test]
fn a_strangers_torrent_is_refused_with_the_reason() {
    let mut lab = Lab::new();
    let message = lab.refused("10.0.0.1:9", |request| request.info_hash = InfoHash([9; 20]));
    assert!(message.contains("only the torrents of its lab"), "{message}");
    let why = lab.events.iter().find_map(|event| match event {
        Event::TrackerRefused { why, answered: true, .. } => Some(why),
        _ => None,
    });
    assert!(why.unwrap().contains("0909"));
    assert_eq!(lab.tracker.stats().peers, 0);
}

#[test]
fn a_torrent_can_be_allowed_and_forbidden_while_running() {
    let mut lab = Lab::new();
    let other = InfoHash([9; 20]);
    lab.tracker.allow(other);
    lab.announce("10.0.0.1:9", |request| request.info_hash = other);
    lab.tracker.forbid(other);
    assert_eq!((lab.tracker.stats().peers, lab.tracker.wake()), (0, None));
    lab.refused("10.0.0.1:9", |request| request.info_hash = other);
}

#[test]
fn an_open_tracker_serves_any_torrent_but_the_forbidden_and_forgets_empty_swarms() {
    let mut lab = Lab::with(TrackerConfig::new(Allowed::Any, [1; 16]));
    lab.announce("10.0.0.1:9", |request| request.info_hash = InfoHash([77; 20]));
    assert_eq!(lab.tracker.stats().swarms, 1);
    lab.announce("10.0.0.1:9", |request| {
        request.info_hash = InfoHash([77; 20]);
        request.event = AnnounceEvent::Stopped;
    });
    assert_eq!(lab.tracker.stats().swarms, 0);
    lab.tracker.forbid(InfoHash([77; 20]));
    lab.refused("10.0.0.1:9", |request| request.info_hash = InfoHash([77; 20]));
}

#[test]
fn forged_old_and_replayed_connection_ids_are_refused_in_no_more_bytes_than_were_sent() {
    let mut lab = Lab::new();
    let good = lab.connect("10.0.0.1:9");
    let forged = ConnectionId(good.0 ^ 1);
    for (now, from, id) in [(0, "10.0.0.1:9", forged), (0, "10.0.0.2:9", good), (300, "10.0.0.1:9", good)] {
        lab.now = Time::from_secs(now);
        let announce = Request::Announce(AnnounceRequest { connection: id, ..request() });
        let scrape =
            Request::Scrape(ScrapeRequest { connection: id, transaction: TransactionId(1), hashes: vec![HASH] });
        for request in [announce, scrape] {
            let bytes = request.to_bytes();
            let answers = lab.exchange(from, &bytes);
            assert!(answers.iter().map(Bytes::len).sum::<usize>() <= bytes.len());
            let answer = Response::parse(&answers[0], Family::V4).unwrap();
            assert!(matches!(answer, Response::Error { message, .. } if message == STALE));
        }
    }
    assert_eq!(lab.tracker.stats().peers, 0);
    assert_eq!(lab.tracker.stats().refused, 6);
}

#[test]
fn garbage_gets_no_answer_unless_it_holds_a_valid_connection_id() {
    let mut lab = Lab::new();
    let id = lab.connect("10.0.0.1:9");
    let whole = Request::Announce(AnnounceRequest { connection: id, ..request() }).to_bytes();
    for length in 0..98 {
        let answers = lab.exchange("10.0.0.1:9", &whole[..length]);
        assert_eq!(answers.len(), usize::from(length >= 16), "{length} bytes");
        assert!(lab.exchange("10.0.0.2:9", &whole[..length]).is_empty(), "{length} bytes from elsewhere");
    }
}

#[test]
fn a_flood_of_garbage_is_not_a_flood_of_events() {
    let mut lab = Lab::new();
    for _ in 0..1_000 {
        lab.exchange("10.0.0.1:9", b"garbage");
    }
    assert_eq!(lab.events.len(), REFUSALS_TOLD_PER_S_MAX as usize);
    lab.now = Time::from_secs(1);
    lab.exchange("10.0.0.1:9", b"garbage");
    assert_eq!(lab.events.len(), REFUSALS_TOLD_PER_S_MAX as usize + 1);
    assert_eq!(lab.tracker.stats().refused, 1_001);
}

#[test]
fn a_peer_that_stops_is_gone_and_is_told_of_nobody() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |_| {});
    lab.announce("10.0.0.2:9", |_| {});
    let goodbye = lab.announce("10.0.0.1:9", |request| request.event = AnnounceEvent::Stopped);
    assert!(goodbye.peers.is_empty());
    assert_eq!(goodbye.leechers, 1);
    assert!(lab.announce("10.0.0.2:9", |_| {}).peers.is_empty());
}

#[test]
fn a_silent_peer_expires_after_two_intervals_and_the_slack() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |_| {});
    assert_eq!(lab.tracker.wake(), Some(Wake { at: Time::from_secs(75), why: "a peer expires" }));
    lab.now = Time::from_secs(40);
    lab.announce("10.0.0.2:9", |_| {});
    lab.tracker.handle_timeout(Time::from_secs(74));
    assert_eq!(lab.tracker.stats().peers, 2);
    lab.tracker.handle_timeout(Time::from_secs(75));
    assert_eq!(lab.tracker.stats().peers, 1);
    lab.drain();
    let Some(Event::TrackerExpired { remote, peer_id, .. }) = lab.events.last() else { panic!("no event") };
    assert_eq!(*remote, "10.0.0.1:6881".into());
    assert_eq!(*peer_id, id_at("10.0.0.1:9"));
    assert_eq!(lab.tracker.wake().map(|wake| wake.at), Some(Time::from_secs(115)));
}

#[test]
fn an_expired_peer_is_named_to_nobody_even_if_the_timer_is_late() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |_| {});
    lab.now = Time::from_secs(500);
    assert!(lab.announce("10.0.0.2:9", |_| {}).peers.is_empty());
}

#[test]
fn the_number_of_peers_is_the_clients_wish_within_the_trackers_bounds() {
    let mut lab = Lab::new();
    for n in 0..250_u16 {
        lab.announce(&format!("10.0.{}.{}:9", n / 200, n % 200 + 1), |_| {});
        lab.announce(&format!("[fd00::{n:x}]:9"), |_| {});
    }
    for (wanted, v4, v6) in [(-1, 50, 50), (0, 0, 0), (7, 7, 7), (i32::MAX, 200, 67), (i32::MIN, 50, 50)] {
        assert_eq!(lab.announce("10.0.9.9:9", |request| request.num_want = wanted).peers.len(), v4, "{wanted}");
        assert_eq!(lab.announce("[fd00::9999]:9", |request| request.num_want = wanted).peers.len(), v6, "{wanted}");
    }
}

#[test]
fn the_two_families_are_kept_apart() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |_| {});
    let v6 = lab.announce("[fd00::1]:9", |_| {});
    assert!(v6.peers.is_empty());
    let mapped = lab.announce("[::ffff:10.0.0.2]:9", |_| {});
    assert_eq!(mapped.peers, ["10.0.0.1:6881".parse().unwrap()], "IPv4 seen by a dual-stack socket");
}

#[test]
fn a_scrape_tells_the_numbers_and_zeros_for_what_is_not_served() {
    let mut lab = Lab::new();
    lab.announce("10.0.0.1:9", |request| request.left = ByteCount(0));
    lab.announce("10.0.0.2:9", |_| {});
    lab.announce("10.0.0.2:9", |request| {
        request.left = ByteCount(0);
        request.event = AnnounceEvent::Completed;
    });
    lab.announce("10.0.0.3:9", |_| {});
    let counts = ScrapeCounts { seeders: 2, completed: 1, leechers: 1 };
    let scraped = lab.scrape("10.0.0.4:9", vec![HASH, InfoHash([9; 20])]);
    assert_eq!(
        scraped,
        Response::Scrape { transaction: TransactionId(8), counts: vec![counts, ScrapeCounts::default()] }
    );
    assert!(matches!(lab.scrape("10.0.0.4:9", vec![InfoHash([9; 20])]), Response::Error { .. }));
}

#[test]
fn port_zero_is_refused_but_may_say_goodbye() {
    let mut lab = Lab::new();
    assert!(lab.refused("10.0.0.1:9", |request| request.port = 0).contains("port 0"));
    lab.announce("10.0.0.1:9", |request| (request.port, request.event) = (0, AnnounceEvent::Stopped));
}

#[test]
fn the_same_seed_and_datagrams_give_the_same_answers() {
    let run = || {
        let mut lab = Lab::new();
        (1..100).map(|n| lab.announce(&format!("10.0.0.{n}:9"), |_| {}).peers).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn the_secret_is_not_shown() {
    let shown = format!("{:?}", Lab::new().tracker);
    assert!(!shown.contains("secret"), "{shown}");
}

/// A tracker for one torrent, and what it reported.
struct Lab {
    tracker: Tracker,
    now: Time,
    events: Vec<Event>,
}

impl Lab {
    fn new() -> Self {
        Self::with(TrackerConfig::new(Allowed::Only(BTreeSet::from([HASH])), [1; 16]))
    }

    fn with(config: TrackerConfig) -> Self {
        Self { tracker: Tracker::new(config, Rng::from_seed(1)), now: Time::ZERO, events: Vec::new() }
    }

    fn exchange(&mut self, from: &str, bytes: &[u8]) -> Vec<Bytes> {
        self.tracker.handle_datagram(self.now, from.parse().unwrap(), bytes);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Bytes> {
        let mut sent = Vec::new();
        while let Some(command) = self.tracker.poll() {
            match command {
                TrackerCommand::Send { datagram, .. } => sent.push(datagram),
                TrackerCommand::Event(event) => self.events.push(event),
            }
        }
        sent
    }

    fn ask(&mut self, from: &str, request: &Request) -> Response {
        let answers = self.exchange(from, &request.to_bytes());
        assert_eq!(answers.len(), 1);
        Response::parse(&answers[0], Family::of(from.parse().unwrap())).unwrap()
    }

    fn connect(&mut self, from: &str) -> ConnectionId {
        let Response::Connect { transaction: TransactionId(5), connection } =
            self.ask(from, &Request::Connect { transaction: TransactionId(5) })
        else {
            panic!("no connection id");
        };
        connection
    }

    fn try_announce(&mut self, from: &str, change: impl FnOnce(&mut AnnounceRequest)) -> Response {
        let mut request = AnnounceRequest { connection: self.connect(from), peer_id: id_at(from), ..request() };
        change(&mut request);
        self.ask(from, &Request::Announce(request))
    }

    fn announce(&mut self, from: &str, change: impl FnOnce(&mut AnnounceRequest)) -> AnnounceResponse {
        match self.try_announce(from, change) {
            Response::Announce(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, from: &str, change: impl FnOnce(&mut AnnounceRequest)) -> String {
        match self.try_announce(from, change) {
            Response::Error { transaction: TransactionId(8), message } => message,
            other => panic!("{other:?}"),
        }
    }

    fn scrape(&mut self, from: &str, hashes: Vec<InfoHash>) -> Response {
        let connection = self.connect(from);
        self.ask(from, &Request::Scrape(ScrapeRequest { connection, transaction: TransactionId(8), hashes }))
    }
}

/// One client for each address.
fn id_at(from: &str) -> PeerId {
    let mut id = [b'.'; 20];
    id[..from.len()].copy_from_slice(from.as_bytes());
    PeerId(id)
}

fn request() -> AnnounceRequest {
    AnnounceRequest {
        connection: ConnectionId(0),
        transaction: TransactionId(8),
        info_hash: HASH,
        peer_id: PeerId([2; 20]),
        downloaded: ByteCount(0),
        left: ByteCount(100),
        uploaded: ByteCount(0),
        event: AnnounceEvent::Started,
        ip: Ipv4Addr::UNSPECIFIED,
        key: 1,
        num_want: -1,
        port: 6_881,
        url_data: None,
    }
}

const HASH: InfoHash = InfoHash([1; 20]);
