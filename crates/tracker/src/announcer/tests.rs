//! The announcing client in virtual time.

use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_oneof, proptest};

use super::*;
use crate::codec::{AnnounceRequest, AnnounceResponse, ConnectionId, Request};

#[test]
fn a_silent_tracker_is_asked_on_the_schedule_of_bep_15() {
    let mut lab = Lab::start(&[&[A]], 100);
    let mut sent = vec![];
    for _ in 0..11 {
        sent.push(lab.now.as_micros() / 1_000_000);
        assert!(matches!(lab.sent().as_slice(), [(to, Request::Connect { .. })] if *to == addr(A)));
        lab.sleep();
    }
    assert_eq!(sent, [0, 15, 45, 105, 225, 465, 945, 1_905, 3_825, 7_665, 11_505]);
    let failures = lab.failures();
    assert_eq!(failures[0], ("no answer to connect in 15 s".into(), "asking again".into()));
    assert_eq!(failures[8].0, "no answer to connect in 3840 s");
}

#[test]
fn an_unanswered_announce_is_repeated_and_connects_anew_when_its_id_is_old() {
    let mut lab = Lab::start(&[&[A]], 100);
    lab.now = Time::from_secs(2);
    lab.answer_connect(7);
    for at in [2, 17, 47] {
        assert_eq!(lab.now, Time::from_secs(at));
        assert_eq!(lab.announced().connection, ConnectionId(7));
        lab.sleep();
    }
    for at in [107, 227] {
        assert_eq!(lab.now, Time::from_secs(at));
        assert!(matches!(lab.sent().as_slice(), [(_, Request::Connect { .. })]));
        lab.sleep();
    }
}

#[test]
fn a_late_answer_to_the_first_copy_counts() {
    let mut lab = Lab::start(&[&[A]], 100);
    let [(_, Request::Connect { transaction })] = lab.sent()[..] else { panic!() };
    lab.sleep();
    lab.sleep();
    lab.sent();
    assert!(lab.receive(A, &Response::Connect { transaction, connection: ConnectionId(1) }));
    assert_eq!(lab.announced().event, AnnounceEvent::Started);
}

#[test]
fn the_next_tracker_is_asked_after_fifteen_seconds_and_rounds_grow_apart() {
    let mut lab = Lab::start(&[&[A], &[B]], 100);
    let mut asked = vec![];
    for _ in 0..8 {
        asked.push((lab.now.as_micros() / 1_000_000, lab.sent()[0].0));
        lab.sleep();
    }
    let (a, b) = (addr(A), addr(B));
    assert_eq!(asked, [(0, a), (15, b), (30, a), (45, b), (75, a), (90, b), (150, a), (165, b)]);
    assert_eq!(lab.failures()[0].1, format!("asking {B}"));
}

#[test]
fn a_tracker_that_answers_is_the_first_of_its_tier_to_be_asked_again() {
    let mut lab = Lab::start(&[&[A, B, C]], 100);
    let first = lab.sent()[0].0;
    lab.sleep();
    let second = lab.last_to();
    assert_ne!(first, second);
    lab.answer_connect(1);
    lab.answer_announce(1_800, &[]);
    lab.sleep();
    assert_eq!(lab.now, Time::from_secs(15 + 1_800));
    assert_eq!(lab.sent().last().unwrap().0, second);
}

#[test]
fn answers_count_only_from_the_address_asked_and_with_its_number() {
    let mut lab = Lab::start(&[&[A]], 100);
    let transaction = lab.transaction();
    let right = Response::Connect { transaction, connection: ConnectionId(1) };
    let wrong = Response::Connect { transaction: TransactionId(!transaction.0), connection: ConnectionId(1) };
    let wake = lab.announcer.wake();
    assert!(!lab.receive(B, &right));
    assert!(!lab.receive("udp://10.0.0.1:81", &right));
    assert!(!lab.receive(A, &wrong));
    assert!(!lab.receive_bytes(A, b"garbage"));
    assert!(!lab.receive_bytes(A, b""));
    assert_eq!(lab.announcer.wake(), wake, "the schedule goes on as if nothing had come");
    assert!(lab.receive("udp://[::ffff:10.0.0.1]:80", &right), "the same address on a dual-stack socket");
    assert!(!lab.receive(A, &right), "an answer counts once");
}

#[test]
fn a_first_announce_says_started_and_the_interval_is_kept() {
    let mut lab = Lab::start(&[&["udp://10.0.0.1:80/announce?x"]], 100);
    lab.answer_connect(1);
    let first = lab.announced();
    assert_eq!((first.event, first.left, first.port), (AnnounceEvent::Started, ByteCount(100), 6_881));
    assert_eq!(first.url_data.as_deref(), Some(b"/announce?x".as_slice()));
    lab.answer_announce(40, &["10.0.0.9:1"]);
    assert_eq!(lab.peers(), ["10.0.0.9:1".parse().unwrap()]);
    lab.facts.left = ByteCount(60);
    lab.sleep();
    assert_eq!(lab.now, Time::from_secs(40));
    let second = lab.announced();
    assert_eq!((second.event, second.left), (AnnounceEvent::None, ByteCount(60)));
    assert_eq!((second.key, second.connection), (first.key, first.connection), "the id is good for a minute");
    lab.answer_announce(40, &[]);
    lab.sleep();
    assert!(matches!(lab.sent().last(), Some((_, Request::Connect { .. }))), "80 s are too old");
}

#[test]
fn intervals_out_of_reason_are_bounded() {
    for (told, kept) in [(0, 5), (1, 5), (30, 30), (u32::MAX, 3_600)] {
        let mut lab = Lab::start(&[&[A]], 100);
        lab.answer_connect(1);
        lab.answer_announce(told, &[]);
        assert_eq!(lab.announcer.wake().unwrap().at, Time::from_secs(kept), "{told}");
    }
}

#[test]
fn addresses_that_nobody_can_have_are_dropped() {
    let mut lab = Lab::start(&[&[A]], 100);
    lab.answer_connect(1);
    let lies = ["10.0.0.9:1", "10.0.0.9:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "10.0.0.9:1"];
    lab.answer_announce(40, &lies);
    assert_eq!(lab.peers(), ["10.0.0.9:1".parse().unwrap()]);
    assert!(lab.events.iter().any(|event| matches!(event, Event::AnnounceAnswered { peers: 1, .. })));
}

#[test]
fn completed_goes_out_at_once_and_once() {
    let mut lab = Lab::running(100);
    lab.facts.left = ByteCount(0);
    for _ in 0..3 {
        lab.announcer.completed(lab.now, lab.facts);
    }
    let told = lab.announced();
    assert_eq!((told.event, told.left), (AnnounceEvent::Completed, ByteCount(0)));
    lab.sleep();
    assert_eq!(lab.announced().event, AnnounceEvent::Completed, "not answered: told again");
    lab.answer_announce(40, &[]);
    lab.announcer.completed(lab.now, lab.facts);
    lab.sleep();
    lab.answer_connect(2);
    assert_eq!(lab.announced().event, AnnounceEvent::None);
}

#[test]
fn completed_waits_for_started_to_be_answered() {
    let mut lab = Lab::start(&[&[A]], 100);
    lab.answer_connect(1);
    lab.announcer.completed(lab.now, lab.facts);
    assert_eq!(lab.announced().event, AnnounceEvent::Started);
    lab.answer_announce(40, &[]);
    assert_eq!(lab.announced().event, AnnounceEvent::Completed);
}

#[test]
fn a_seed_from_the_start_never_says_completed() {
    let mut lab = Lab::running(0);
    lab.announcer.completed(lab.now, lab.facts);
    assert!(lab.sent().is_empty());
    assert_eq!(lab.now.after(Duration::from_secs(40)), lab.announcer.wake().unwrap().at);
}

#[test]
fn each_tracker_hears_started_first() {
    let mut lab = Lab::start(&[&[A], &[B]], 100);
    lab.answer_connect(1);
    lab.answer_announce(40, &[]);
    lab.sleep();
    lab.sleep();
    assert_eq!(lab.last_to(), addr(B));
    lab.answer_connect(2);
    assert_eq!(lab.announced().event, AnnounceEvent::Started);
}

#[test]
fn wanting_more_peers_asks_a_minute_after_the_last_answer() {
    let mut lab = Lab::start(&[&[A]], 100);
    lab.announcer.want_more_peers(lab.now, lab.facts);
    lab.answer_connect(1);
    lab.answer_announce(1_800, &[]);
    for _ in 0..5 {
        lab.announcer.want_more_peers(lab.now, lab.facts);
    }
    assert_eq!(lab.announcer.wake().unwrap().at, Time::from_secs(60));
    lab.sent();
    lab.now = Time::from_secs(1_000);
    lab.announcer.want_more_peers(lab.now, lab.facts);
    assert_eq!(lab.sent().len(), 1);
}

#[test]
fn goodbye_goes_to_every_tracker_that_may_list_us() {
    let mut lab = Lab::start(&[&[A], &[B], &[C]], 100);
    lab.answer_connect(1);
    lab.sleep();
    lab.answer_connect(2);
    lab.answer_announce(40, &[]);
    lab.announcer.stop(lab.now, lab.facts);
    let (to, goodbye) = lab.announced_to();
    assert_eq!((to, goodbye.event, goodbye.num_want), (addr(A), AnnounceEvent::Stopped, 0));
    lab.sleep();
    assert_eq!(lab.now, Time::from_secs(18), "three seconds for each");
    let (to, goodbye) = lab.announced_to();
    assert_eq!((to, goodbye.event), (addr(B), AnnounceEvent::Stopped));
    assert!(!lab.announcer.is_stopped());
    lab.answer_announce(40, &["10.0.0.9:1"]);
    assert!(lab.announcer.is_stopped());
    assert_eq!((lab.announcer.wake(), lab.peers()), (None, vec![]));
}

#[test]
fn goodbye_to_nobody_is_done_at_once() {
    let mut lab = Lab::start(&[&[A]], 100);
    lab.announcer.stop(lab.now, lab.facts);
    assert!(lab.announcer.is_stopped());
    assert_eq!(lab.announcer.wake(), None);
    let mut unstarted = Announcer::new(urls(&[&[A]]), HASH, PEER, &mut Rng::from_seed(1));
    unstarted.stop(Time::ZERO, lab.facts);
    assert!(unstarted.is_stopped());
}

#[test]
fn an_announcer_starts_again_after_it_stopped() {
    let mut lab = Lab::running(100);
    lab.announcer.stop(lab.now, lab.facts);
    lab.answer_announce(40, &[]);
    assert!(lab.announcer.is_stopped());
    lab.announcer.start(lab.now, lab.facts);
    assert_eq!(lab.announced().event, AnnounceEvent::Started);
}

#[test]
fn a_refusal_is_told_in_the_trackers_words_and_the_next_one_is_asked() {
    let mut lab = Lab::start(&[&[A], &[B]], 100);
    lab.answer_connect(1);
    lab.refuse("not\u{7} yours");
    let reason = lab.events.iter().find_map(|event| match event {
        Event::AnnounceRefused { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    assert_eq!(reason, Some("not  yours"));
    assert_eq!(lab.last_to(), addr(B));
    lab.answer_connect(2);
    lab.refuse("nor here");
    assert_eq!(lab.announcer.wake().unwrap().at, Time::from_secs(15), "all have failed");
    lab.sleep();
    assert_eq!(lab.last_to(), addr(A));
}

#[test]
fn a_restarted_tracker_that_does_not_know_our_id_is_connected_to_again() {
    let mut lab = Lab::running(100);
    lab.sleep();
    lab.announced();
    lab.refuse("connection id is not valid");
    assert!(matches!(lab.sent().as_slice(), [(_, Request::Connect { .. })]));
    lab.answer_connect(99);
    assert_eq!(lab.announced().connection, ConnectionId(99));
    lab.refuse("connection id is not valid");
    assert!(lab.sent().is_empty(), "with a fresh id the tracker has the last word");
    assert!(lab.events.iter().any(|event| event.kind() == "announce-refused"));
}

#[test]
fn nonsense_under_the_right_number_ends_the_turn_and_not_the_schedule() {
    let mut lab = Lab::start(&[&[A]], 100);
    let transaction = lab.transaction();
    let mut nonsense = vec![0, 0, 0, 9];
    nonsense.extend(transaction.0.to_be_bytes());
    assert!(lab.receive_bytes(A, &nonsense));
    assert_eq!(lab.announcer.wake().unwrap().at, Time::from_secs(15));
    lab.sleep();
    let transaction = lab.transaction();
    assert!(lab.receive(A, &Response::Scrape { transaction, counts: vec![] }));
    assert_eq!(lab.announcer.wake().unwrap().at, Time::from_secs(15 + 30));
    let whys: Vec<_> = lab.failures().into_iter().map(|(why, _)| why).collect();
    assert_eq!(whys, ["its answer makes no sense: action 9 is unknown", "it answers something that was not asked"]);
}

#[test]
fn http_trackers_are_reported_and_passed_over() {
    let mut lab = Lab::start(&[&["http://tracker.lab/announce"], &[A]], 100);
    assert_eq!(lab.last_to(), addr(A));
    let failures = lab.failures();
    assert_eq!(failures, [("http trackers are not supported, only udp".into(), "passed over".into())]);
}

#[test]
fn without_a_usable_tracker_nothing_is_sent() {
    let mut lab = Lab::start(&[&["https://x/"]], 100);
    assert!(lab.sent().is_empty());
    assert_eq!(lab.announcer.wake(), None);
    lab.announcer.stop(lab.now, lab.facts);
    assert!(lab.announcer.is_stopped());
}

#[test]
fn a_name_is_looked_up_and_its_addresses_take_turns() {
    let mut lab = Lab::start(&[&["udp://tracker.lab:6969"]], 100);
    let v6: SocketAddr = "[fd00::1]:6969".parse().unwrap();
    let v4: SocketAddr = "10.0.0.1:6969".parse().unwrap();
    for at in [0, 45] {
        assert_eq!(lab.now, Time::from_secs(at));
        let token = lab.lookup("tracker.lab");
        lab.resolved(token, Ok(vec!["0.0.0.0:6969".parse().unwrap(), v6, v4]));
        assert_eq!(lab.last_to(), v6);
        lab.sleep();
        assert_eq!(lab.last_to(), v4);
        lab.sleep();
    }
}

#[test]
fn peers_over_ipv6_are_read_as_such() {
    let mut lab = Lab::start(&[&["udp://[fd00::1]:80"]], 100);
    lab.answer_connect(1);
    lab.answer_announce(40, &["[fd00::9]:5", "[::]:5", "[ff02::1]:5"]);
    assert_eq!(lab.peers(), ["[fd00::9]:5".parse().unwrap()]);
}

#[test]
fn a_name_that_is_not_found_or_never_answered_stops_nothing() {
    let mut lab = Lab::start(&[&["udp://a.lab:1"], &["udp://b.lab:1"]], 100);
    let first = lab.lookup("a.lab");
    lab.resolved(first, Err("no such\nname".into()));
    let second = lab.lookup("b.lab");
    lab.resolved(first, Ok(vec![addr(A)]));
    assert!(lab.sent().is_empty(), "a stale token says nothing");
    lab.sleep();
    assert_eq!(lab.now, Time::from_secs(15));
    let third = lab.lookup("a.lab");
    assert!(first < second && second < third);
    assert_eq!(
        lab.failures(),
        [
            ("its name can't be looked up: no such name".into(), "asking udp://b.lab:1".into()),
            ("its name could not be looked up in 15 s".into(), "asking again".into()),
        ]
    );
    lab.resolved(third, Ok(vec![]));
    lab.lookup("b.lab");
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let numbers = |seed| {
        let mut announcer = Announcer::new(urls(&[&[A]]), HASH, PEER, &mut Rng::from_seed(seed));
        announcer.start(Time::ZERO, facts(100));
        announcer.poll()
    };
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
}

proptest! {
    #![proptest_config(Config::with_cases(200))]

    /// Whatever comes in whatever order: no panic, no stall while running, no send without a fact.
    #[test]
    fn a_running_announcer_always_has_something_to_wait_for(seed: u64, steps in prop::collection::vec(step(), 1..60)) {
        let tiers = urls(&[&[A, "udp://name.lab:1"], &[B]]);
        let mut lab = Lab::with(tiers, seed, 100);
        for step in steps {
            lab.act(step);
            prop_assert!(lab.sent().len() <= 2, "one answer causes one datagram, a stop one more");
            let running = lab.announcer.mode == Mode::Running || lab.announcer.mode == Mode::Stopping;
            prop_assert!(lab.announcer.wake().is_some() == running);
            prop_assert!(lab.announcer.wake().is_none_or(|wake| wake.at.since(lab.now) <= Duration::from_secs(3_840)));
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Sleep,
    Connect,
    Announce(u32),
    Refuse,
    Garbage(Vec<u8>),
    Resolve(bool),
    Completed,
    More,
    Stop,
    Start,
}

fn step() -> impl Strategy<Value = Step> {
    use proptest::prelude::Just;
    prop_oneof![
        6 => Just(Step::Sleep),
        6 => Just(Step::Connect),
        6 => any::<u32>().prop_map(Step::Announce),
        2 => Just(Step::Refuse),
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Garbage),
        4 => any::<bool>().prop_map(Step::Resolve),
        1 => Just(Step::Completed),
        1 => Just(Step::More),
        1 => Just(Step::Stop),
        1 => Just(Step::Start),
    ]
}

/// An announcer whose tracker the test plays.
struct Lab {
    announcer: Announcer,
    now: Time,
    facts: AnnounceFacts,
    outbox: Vec<(SocketAddr, Request)>,
    /// The last datagram sent, to be answered.
    last: Option<(SocketAddr, Request)>,
    lookups: Vec<(u64, String)>,
    peers: Vec<SocketAddr>,
    events: Vec<Event>,
}

impl Lab {
    fn with(tiers: Vec<Vec<String>>, seed: u64, left: u64) -> Self {
        let announcer = Announcer::new(tiers, HASH, PEER, &mut Rng::from_seed(seed));
        let (outbox, lookups, peers, events) = (vec![], vec![], vec![], vec![]);
        let mut lab =
            Self { announcer, now: Time::ZERO, facts: facts(left), outbox, last: None, lookups, peers, events };
        lab.announcer.start(lab.now, lab.facts);
        lab.drain();
        lab
    }

    fn start(tiers: &[&[&str]], left: u64) -> Self {
        Self::with(urls(tiers), 1, left)
    }

    /// One tracker, which has answered `started` with an interval of 40 s.
    fn running(left: u64) -> Self {
        let mut lab = Self::start(&[&[A]], left);
        lab.answer_connect(1);
        lab.answer_announce(40, &[]);
        lab.sent();
        lab
    }

    fn drain(&mut self) {
        while let Some(command) = self.announcer.poll() {
            match command {
                AnnouncerCommand::Send { to, datagram } => {
                    let request = Request::parse(&datagram).unwrap();
                    self.last = Some((to, request.clone()));
                    self.outbox.push((to, request));
                }
                AnnouncerCommand::Resolve { token, host, .. } => self.lookups.push((token, host)),
                AnnouncerCommand::Peers(peers) => self.peers.extend(peers),
                AnnouncerCommand::Event(event) => self.events.push(event),
            }
        }
    }

    fn sleep(&mut self) {
        self.now = self.announcer.wake().expect("nothing to wait for").at;
        self.announcer.handle_timeout(self.now, self.facts);
        self.drain();
    }

    fn sent(&mut self) -> Vec<(SocketAddr, Request)> {
        self.drain();
        std::mem::take(&mut self.outbox)
    }

    fn peers(&mut self) -> Vec<SocketAddr> {
        self.drain();
        std::mem::take(&mut self.peers)
    }

    fn last_to(&mut self) -> SocketAddr {
        self.drain();
        self.last.as_ref().expect("nothing was sent").0
    }

    /// The announce that was sent last.
    fn announced_to(&mut self) -> (SocketAddr, AnnounceRequest) {
        match self.sent().pop() {
            Some((to, Request::Announce(announce))) => (to, announce),
            other => panic!("{other:?} is no announce"),
        }
    }

    fn announced(&mut self) -> AnnounceRequest {
        self.announced_to().1
    }

    fn transaction(&mut self) -> TransactionId {
        self.drain();
        match self.last.as_ref().expect("nothing was sent") {
            (_, Request::Connect { transaction }) => *transaction,
            (_, Request::Announce(announce)) => announce.transaction,
            (_, Request::Scrape(scrape)) => scrape.transaction,
        }
    }

    fn receive_bytes(&mut self, from: &str, bytes: &[u8]) -> bool {
        let taken = self.announcer.handle_datagram(self.now, addr(from), bytes, self.facts);
        self.drain();
        taken
    }

    fn receive(&mut self, from: &str, response: &Response) -> bool {
        self.receive_bytes(from, &response.to_bytes())
    }

    /// Answers from the tracker that was asked last.
    fn answer(&mut self, response: &Response) -> bool {
        let from = self.last_to();
        let taken = self.announcer.handle_datagram(self.now, from, &response.to_bytes(), self.facts);
        self.drain();
        taken
    }

    fn answer_connect(&mut self, id: u64) {
        let transaction = self.transaction();
        assert!(self.answer(&Response::Connect { transaction, connection: ConnectionId(id) }));
    }

    fn announce_answer(&mut self, interval: u32, peers: &[&str]) -> Response {
        let peers = peers.iter().map(|peer| peer.parse().unwrap()).collect();
        Response::Announce(AnnounceResponse {
            transaction: self.transaction(),
            interval,
            leechers: 1,
            seeders: 1,
            peers,
        })
    }

    fn answer_announce(&mut self, interval: u32, peers: &[&str]) {
        let answer = self.announce_answer(interval, peers);
        assert!(self.answer(&answer));
    }

    fn refuse(&mut self, message: &str) {
        let transaction = self.transaction();
        assert!(self.answer(&Response::Error { transaction, message: message.into() }));
    }

    fn lookup(&mut self, host: &str) -> u64 {
        self.drain();
        let (token, asked) = self.lookups.pop().expect("no name is looked up");
        assert_eq!(asked, host);
        token
    }

    fn resolved(&mut self, token: u64, outcome: Result<Vec<SocketAddr>, String>) {
        self.announcer.handle_resolved(self.now, token, outcome, self.facts);
        self.drain();
    }

    fn failures(&mut self) -> Vec<(String, String)> {
        self.drain();
        let failure = |event: &Event| match event {
            Event::AnnounceFailed { why, next, .. } => Some((why.clone(), next.clone())),
            _ => None,
        };
        self.events.iter().filter_map(failure).collect()
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Sleep if self.announcer.wake().is_some() => self.sleep(),
            Step::Connect if self.last.is_some() => {
                let transaction = self.transaction();
                self.answer(&Response::Connect { transaction, connection: ConnectionId(1) });
            }
            Step::Announce(interval) if self.last.is_some() => {
                let answer = self.announce_answer(interval, &[]);
                self.answer(&answer);
            }
            Step::Refuse if self.last.is_some() => {
                let transaction = self.transaction();
                self.answer(&Response::Error { transaction, message: "no".into() });
            }
            Step::Garbage(bytes) => {
                let from = self.last.as_ref().map_or(addr(A), |last| last.0);
                self.announcer.handle_datagram(self.now, from, &bytes, self.facts);
            }
            Step::Resolve(found) => {
                let token = self.lookups.pop().map_or(0, |lookup| lookup.0);
                self.resolved(token, if found { Ok(vec![addr(C)]) } else { Err("no".into()) });
            }
            Step::Completed => self.announcer.completed(self.now, self.facts),
            Step::More => self.announcer.want_more_peers(self.now, self.facts),
            Step::Stop => self.announcer.stop(self.now, self.facts),
            Step::Start => self.announcer.start(self.now, self.facts),
            _ => {}
        }
    }
}

fn facts(left: u64) -> AnnounceFacts {
    AnnounceFacts { downloaded: ByteCount(0), left: ByteCount(left), uploaded: ByteCount(0), port: 6_881, num_want: -1 }
}

fn urls(tiers: &[&[&str]]) -> Vec<Vec<String>> {
    tiers.iter().map(|tier| tier.iter().map(|url| (*url).to_owned()).collect()).collect()
}

fn addr(url: &str) -> SocketAddr {
    url.trim_start_matches("udp://").parse().unwrap()
}

const A: &str = "udp://10.0.0.1:80";
const B: &str = "udp://10.0.0.2:80";
const C: &str = "udp://10.0.0.3:80";
const HASH: InfoHash = InfoHash([1; 20]);
const PEER: PeerId = PeerId([2; 20]);
