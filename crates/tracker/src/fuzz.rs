//! What must hold for any bytes whatever. The fuzz target calls it with what it invents; the
//! tests, with the corpus.

use std::net::SocketAddr;
use std::time::Duration;

use events::Event;
use model::{ByteCount, InfoHash, PeerId, Rng, Time};

use crate::codec::{Family, Request, Response};
use crate::{Allowed, AnnounceFacts, Announcer, AnnouncerCommand, Tracker, TrackerCommand, TrackerConfig};

/// Panics when `bytes` break a promise of this crate.
pub fn exercise(bytes: &[u8]) {
    what_is_read_is_written_and_read_again(bytes);
    a_tracker_does_not_amplify(bytes);
    a_tracker_bears_it_from_a_client_it_knows(bytes);
    an_announcer_bears_it(bytes);
}

fn what_is_read_is_written_and_read_again(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
    }
    for family in [Family::V4, Family::V6] {
        if let Ok(response) = Response::parse(bytes, family) {
            let written = response.to_bytes();
            assert!(written.len() <= 4 * 1024, "an answer is bounded");
            assert_eq!(Response::parse(&written, family), Ok(response));
        }
    }
}

/// From an address that was never proven, with bytes that cannot hold a valid connection id.
fn a_tracker_does_not_amplify(bytes: &[u8]) {
    let mut tracker = tracker();
    tracker.handle_datagram(Time::ZERO, CLIENT, bytes);
    let answers: Vec<usize> = answers(&mut tracker).iter().map(Vec::len).collect();
    assert!(answers.len() <= 1 && answers.iter().sum::<usize>() <= bytes.len(), "{answers:?}");
    assert_eq!(tracker.stats().peers, 0, "nobody is listed without proof");
}

/// The same bytes, with the client's own connection id in the place of theirs.
fn a_tracker_bears_it_from_a_client_it_knows(bytes: &[u8]) {
    let mut tracker = tracker();
    let connect = Request::Connect { transaction: crate::TransactionId(1) };
    tracker.handle_datagram(Time::ZERO, CLIENT, &connect.to_bytes());
    let answer = answers(&mut tracker).pop().expect("a connect is answered");
    let mut patched = bytes.to_vec();
    let length = patched.len().min(8);
    patched[..length].copy_from_slice(&answer[8..8 + length]);
    let mut now = Time::ZERO;
    for _ in 0..3 {
        tracker.handle_datagram(now, CLIENT, &patched);
        let answers = answers(&mut tracker);
        assert!(answers.len() <= 1);
        assert!(answers.iter().all(|answer| Response::parse(answer, Family::V4).is_ok()));
        now = tracker.wake().map_or(now.after(Duration::from_secs(1)), |wake| wake.at);
        tracker.handle_timeout(now);
        assert_eq!(tracker.stats().peers, 0, "whoever announced has expired");
    }
}

/// Once as they are, and once under the number that is waited for, at both stages of an announce.
fn an_announcer_bears_it(bytes: &[u8]) {
    let tiers = vec![vec!["udp://127.0.0.1:1".to_owned(), String::from_utf8_lossy(bytes).into_owned()]];
    let mut announcer = Announcer::new(tiers, InfoHash([1; 20]), PeerId([2; 20]), &mut Rng::from_seed(3));
    announcer.start(Time::ZERO, FACTS);
    let mut now = Time::ZERO;
    for _ in 0..4 {
        let sent = last_sent(&mut announcer);
        announcer.handle_datagram(now, TRACKER, bytes, FACTS);
        if let Some(sent) = sent {
            let mut patched = bytes.to_vec();
            patched.resize(bytes.len().max(8), 0);
            patched[4..8].copy_from_slice(&sent[12..16]);
            announcer.handle_datagram(now, TRACKER, &patched, FACTS);
        }
        let wake = announcer.wake().expect("a running announcer waits for something");
        assert!(wake.at.since(now) <= Duration::from_secs(3_840));
        now = wake.at;
        announcer.handle_timeout(now, FACTS);
    }
}

fn last_sent(announcer: &mut Announcer) -> Option<Vec<u8>> {
    let mut last = None;
    while let Some(command) = announcer.poll() {
        match command {
            AnnouncerCommand::Send { datagram, .. } => last = Some(datagram.to_vec()),
            AnnouncerCommand::Peers(peers) => assert!(peers.len() <= 200 && peers.iter().all(|peer| peer.port() != 0)),
            AnnouncerCommand::Event(event) => assert!(shown(&event).len() < 2_000, "text from outside is bounded"),
            AnnouncerCommand::Resolve { .. } => {}
        }
    }
    last
}

fn shown(event: &Event) -> String {
    match event {
        Event::AnnounceRefused { tracker, reason } => format!("{tracker}{reason}"),
        Event::AnnounceFailed { tracker, why, next } => format!("{tracker}{why}{next}"),
        _ => String::new(),
    }
}

fn tracker() -> Tracker {
    Tracker::new(TrackerConfig::new(Allowed::Any, [7; 16]), Rng::from_seed(1))
}

fn answers(tracker: &mut Tracker) -> Vec<Vec<u8>> {
    let command = std::iter::from_fn(|| tracker.poll());
    command
        .filter_map(|command| match command {
            TrackerCommand::Send { datagram, .. } => Some(datagram.to_vec()),
            TrackerCommand::Event(_) => None,
        })
        .collect()
}

const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 6_881);
const TRACKER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
const FACTS: AnnounceFacts =
    AnnounceFacts { downloaded: ByteCount(0), left: ByteCount(1), uploaded: ByteCount(0), port: 6_881, num_want: -1 };
