//! A window on the session's announces (BEP 15): a relay between it and one tracker.
//!
//! The session's datagrams go on as they are, from the address that the session listens at, and
//! the tracker's answers come back without addresses outside the lab. What passes is told as events.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use events::{Event, Source};
use model::{ByteCount, InfoHash};
use tokio::net::UdpSocket;
use tokio::time::{Instant, interval, sleep, timeout};
use tracker::{AnnounceRequest, Family, Request, Response, TransactionId};
use url::Url;

use crate::found::Found;
use crate::given::{loopback, udp_url};
use crate::voice::Voice;

/// Opens windows, one for each tracker.
pub(crate) struct Windows {
    listen: IpAddr,
    voice: Voice,
    found: Found,
    magnets: Magnets,
    open: Mutex<BTreeMap<String, Url>>,
}

/// Torrents that are known by their magnet link alone so far.
#[derive(Clone, Default)]
pub(crate) struct Magnets {
    hashes: Arc<Mutex<BTreeSet<InfoHash>>>,
}

impl Magnets {
    pub(crate) fn insert(&self, info_hash: InfoHash) {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(info_hash);
    }

    pub(crate) fn remove(&self, info_hash: InfoHash) {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).remove(&info_hash);
    }

    fn contains(&self, info_hash: InfoHash) -> bool {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).contains(&info_hash)
    }
}

impl Windows {
    pub(crate) fn new(listen: IpAddr, voice: Voice, found: Found, magnets: Magnets) -> Self {
        Self { listen, voice, found, magnets, open: Mutex::default() }
    }

    /// The address to give to the session in place of this tracker's. `None` where the tracker is
    /// not to be asked; an event says why.
    pub(crate) async fn open(&self, tracker: &str) -> Option<Url> {
        if let Some(url) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(tracker) {
            return Some(url.clone());
        }
        let addr = self.locate(tracker).await?;
        match self.start(tracker, addr).await {
            Ok(url) => {
                self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(tracker.to_owned(), url.clone());
                Some(url)
            }
            Err(why) => self.failed(tracker, &format!("no socket to ask it with: {why}")),
        }
    }

    async fn locate(&self, tracker: &str) -> Option<SocketAddr> {
        let url = Url::parse(tracker).ok().filter(|url| url.scheme() == "udp");
        let Some((host, port)) = url.as_ref().and_then(|url| Some((url.host_str()?, url.port()?))) else {
            self.voice.note(format!("tracker {tracker} is left out: in a lab rqbit asks UDP trackers only"));
            return None;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let all: Vec<SocketAddr> = match timeout(LOOK_UP, tokio::net::lookup_host((host, port))).await {
            Ok(Ok(addrs)) => addrs.collect(),
            Ok(Err(why)) => return self.failed(tracker, &format!("the name {host} is not known: {why}")),
            Err(_) => return self.failed(tracker, &format!("the name {host} is not known: no answer")),
        };
        let inside = || all.iter().filter(|addr| self.found.fence().allows(addr.ip()));
        let own_family = inside().find(|addr| addr.is_ipv4() == self.listen.is_ipv4());
        let chosen = own_family.or_else(|| inside().next()).copied();
        if chosen.is_none() {
            let fenced = |addr: &SocketAddr| Event::Fenced { remote: (*addr).into(), doing: "announce".to_owned() };
            all.first().map(fenced).into_iter().for_each(|event| self.voice.say(event));
        }
        chosen
    }

    fn failed<T>(&self, tracker: &str, why: &str) -> Option<T> {
        let (tracker, why, next) = (tracker.to_owned(), why.to_owned(), "it is not asked".to_owned());
        self.voice.say(Event::AnnounceFailed { tracker, why, next });
        None
    }

    async fn start(&self, tracker: &str, addr: SocketAddr) -> io::Result<Url> {
        let family = Family::of(addr);
        let inside = UdpSocket::bind(SocketAddr::new(loopback(family), 0)).await?;
        let outside = UdpSocket::bind(SocketAddr::new(self.source_for(addr), 0)).await?;
        outside.connect(addr).await?;
        let url = udp_url(inside.local_addr()?)?;
        let relay = Relay {
            tracker: tracker.to_owned(),
            family,
            inside,
            outside,
            voice: self.voice.clone(),
            found: self.found.clone(),
            magnets: self.magnets.clone(),
            session: None,
            waiting: BTreeMap::new(),
            unanswered: 0,
            interval: None,
        };
        tokio::spawn(relay.run());
        Ok(url)
    }

    /// A tracker lists a peer where its announce came from. Where families differ the system chooses.
    fn source_for(&self, tracker: SocketAddr) -> IpAddr {
        match tracker {
            SocketAddr::V4(_) if self.listen.is_ipv4() => self.listen,
            SocketAddr::V6(_) if self.listen.is_ipv6() => self.listen,
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

struct Relay {
    tracker: String,
    family: Family,
    inside: UdpSocket,
    outside: UdpSocket,
    voice: Voice,
    found: Found,
    magnets: Magnets,
    /// Where the session asks from.
    session: Option<SocketAddr>,
    /// When each question that has no answer was asked.
    waiting: BTreeMap<TransactionId, Instant>,
    unanswered: u32,
    /// Of the last answer, in seconds.
    interval: Option<u32>,
}

impl Relay {
    async fn run(mut self) {
        let (mut question, mut answer) = ([0; 2048], [0; 16 * 1024]);
        let mut second = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                received = self.inside.recv_from(&mut question) => match received {
                    Ok((length, from)) => self.ask(&question[..length], from).await,
                    Err(_) => sleep(PAUSE).await,
                },
                received = self.outside.recv(&mut answer) => match received {
                    Ok(length) => self.answer(&answer[..length]).await,
                    Err(why) => {
                        self.fail(&why.kind().to_string());
                        sleep(PAUSE).await;
                    }
                },
                _ = second.tick(), if !self.waiting.is_empty() => self.expire(),
            }
        }
    }

    async fn ask(&mut self, question: &[u8], from: SocketAddr) {
        let Ok(request) = Request::parse(question) else { return };
        if self.waiting.len() >= WAITING_MAX {
            return;
        }
        self.session = Some(from);
        let (transaction, bytes) = match request {
            Request::Connect { transaction } => (transaction, Bytes::copy_from_slice(question)),
            Request::Announce(announce) => (announce.transaction, self.announce(announce, question)),
            Request::Scrape(_) => return,
        };
        self.waiting.insert(transaction, Instant::now());
        if let Err(why) = self.outside.send(&bytes).await {
            self.fail(&why.kind().to_string());
        }
    }

    /// The announce to send on: the session's own, unless it claims to be a seed for want of metadata.
    fn announce(&mut self, mut announce: AnnounceRequest, question: &[u8]) -> Bytes {
        let claims_seed = announce.left == ByteCount::ZERO && self.magnets.contains(announce.info_hash);
        if claims_seed {
            announce.left = UNKNOWN_LEFT;
        }
        self.unanswered += 1;
        self.voice.say(Event::AnnounceSent {
            tracker: self.tracker.clone(),
            event: announce.event.to_string(),
            left: announce.left,
            downloaded: announce.downloaded,
            uploaded: announce.uploaded,
            attempt: self.unanswered,
        });
        if claims_seed { Request::Announce(announce).to_bytes() } else { Bytes::copy_from_slice(question) }
    }

    async fn answer(&mut self, answer: &[u8]) {
        let response = match Response::parse(answer, self.family) {
            Ok(response) => response,
            Err(why) => return self.fail(&format!("the answer made no sense: {why}")),
        };
        if self.waiting.remove(&response.transaction()).is_none() {
            return;
        }
        let Some(session) = self.session else { return };
        let told = self.told(response);
        let _lost = self.inside.send_to(&told, session).await;
    }

    /// What the session gets to hear of an answer.
    fn told(&mut self, mut response: Response) -> Bytes {
        let tracker = self.tracker.clone();
        match &mut response {
            Response::Announce(list) => {
                (self.unanswered, self.interval) = (0, Some(list.interval));
                self.voice.say(Event::AnnounceAnswered {
                    tracker,
                    interval: list.interval,
                    seeders: list.seeders,
                    leechers: list.leechers,
                    peers: list.peers.len() as u32,
                });
                list.peers.retain(|peer| self.found.admit(*peer, Source::Tracker));
            }
            Response::Error { message, .. } => {
                self.voice.say(Event::AnnounceRefused { tracker, reason: message.clone() });
            }
            Response::Connect { .. } | Response::Scrape { .. } => {}
        }
        response.to_bytes()
    }

    fn expire(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|_, asked| asked.elapsed() < PATIENCE);
        if self.waiting.len() < before {
            self.failed(&format!("no answer in {} s", PATIENCE.as_secs()));
        }
    }

    /// Nothing that was asked will be answered.
    fn fail(&mut self, why: &str) {
        if !self.waiting.is_empty() {
            self.waiting.clear();
            self.failed(why);
        }
    }

    fn failed(&self, why: &str) {
        let wait = u64::from(self.interval.unwrap_or(RETRY_S).max(INTERVAL_MIN_S));
        self.voice.say(Event::AnnounceFailed {
            tracker: self.tracker.clone(),
            why: why.to_owned(),
            // It does not hear of an error but waits for the answer first.
            next: format!("rqbit asks again in {} s", wait + PATIENCE.as_secs()),
        });
    }
}

/// What our own announcer says while the size is unknown: anything but 0 makes a leecher.
const UNKNOWN_LEFT: ByteCount = ByteCount(1);

const LOOK_UP: Duration = Duration::from_secs(5);

/// Between errors of a socket, so that a lasting one costs nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// librqbit gives up on an answer after ten seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it then waits, when no answer has told an interval.
const RETRY_S: u32 = 60;

/// The shortest interval it obeys.
const INTERVAL_MIN_S: u32 = 5;

/// Questions of one session to one tracker at a time: two for each torrent.
const WAITING_MAX: usize = 1_000;
