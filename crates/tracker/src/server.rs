//! A private UDP tracker (BEP 15) as a state machine: datagram in, datagram out.
//!
//! It answers connect, announce and scrape over IPv4 and IPv6, and serves only the torrents it was
//! told of; others are told why not. Whoever sends a request without a valid connection id has not
//! proven its address, so nothing larger than its own datagram goes there: the tracker cannot be
//! used to flood a third party.
//!
//! A peer is listed under the address it announces from and the port it names; the `ip` field of
//! the request is ignored. It is forgotten when it says `stopped`, or after two intervals and
//! [`EXPIRY_SLACK`] of silence. The two families are kept apart: who asks over IPv4 gets, and counts,
//! IPv4 peers.
//!
//! Bounds: [`PEERS_PER_SWARM_MAX`] peers in a swarm and family; the list of allowed torrents, or
//! [`TORRENTS_MAX`] swarms where any is served; [`CLIENTS_REMEMBERED_MAX`] addresses in the memory of
//! who has connected before. A datagram causes at most one answer.
//!
//! Left out: HTTP, authentication, persistence. A restarted tracker knows nobody, and fills up again
//! within an interval.

mod connection;
mod peers;
mod torrents;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use events::Event;
use model::{ByteCount, InfoHash, Rng, Time, Wake};

use self::connection::ConnectionIds;
use self::peers::{Peer, Whom};
use self::torrents::Torrents;
use crate::codec::{
    AnnounceEvent, AnnounceRequest, AnnounceResponse, ConnectionId, Family, Request, RequestError, Response,
    ScrapeRequest, TransactionId, truncate,
};

/// The tracker. After each `handle_*`, call [`Tracker::poll`] until it is empty.
pub struct Tracker {
    config: TrackerConfig,
    ids: ConnectionIds,
    torrents: Torrents,
    met: Met,
    refusals: Refusals,
    rng: Rng,
    stats: Stats,
    out: VecDeque<TrackerCommand>,
}

/// How a tracker is set up.
#[derive(Clone)]
pub struct TrackerConfig {
    /// How often clients shall announce. At least a second.
    pub interval: Duration,
    /// Peers named to one who leaves the number open.
    pub peers_default: u32,
    /// Peers named at most. What fits a datagram is a second ceiling: 200 over IPv4, 67 over IPv6.
    pub peers_max: u32,
    /// Which torrents are served.
    pub allowed: Allowed,
    /// What connection ids are made with. Random, and shown to nobody.
    pub secret: [u8; 16],
}

/// Which torrents a tracker serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    Only(BTreeSet<InfoHash>),
    Any,
}

/// What the driver of a [`Tracker`] shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum TrackerCommand {
    Send { to: SocketAddr, datagram: Bytes },
    Event(Event),
}

/// What a tracker has done since it began, and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connection ids given out.
    pub connects: u64,
    /// Announces answered.
    pub announces: u64,
    /// Scrapes answered.
    pub scrapes: u64,
    /// Datagrams refused, with or without an answer.
    pub refused: u64,
    /// Swarms held. One that lives in both families counts twice.
    pub swarms: usize,
    /// Peers held, counted likewise.
    pub peers: usize,
}

/// Peers held for one swarm and family.
pub const PEERS_PER_SWARM_MAX: usize = 20_000;

/// Swarms held where any torrent is served.
pub const TORRENTS_MAX: usize = 10_000;

/// How long past its second missed announce a peer stays listed: time for BEP 15's first retry.
pub const EXPIRY_SLACK: Duration = Duration::from_secs(15);

/// Addresses remembered, so that a client's connect is reported once.
pub const CLIENTS_REMEMBERED_MAX: usize = 4_096;

/// Refusals reported as events in one second; further ones are only counted in [`Stats`].
pub const REFUSALS_TOLD_PER_S_MAX: u32 = 100;

impl TrackerConfig {
    /// A tracker for the torrents of a lab: asked every half minute, with the peers' numbers that are
    /// usual.
    pub fn new(allowed: Allowed, secret: [u8; 16]) -> Self {
        Self { interval: Duration::from_secs(30), peers_default: 50, peers_max: 200, allowed, secret }
    }

    fn interval_s(&self) -> u32 {
        u32::try_from(self.interval.as_secs()).unwrap_or(u32::MAX).max(1)
    }
}

impl Tracker {
    /// `rng` decides which peers are named.
    pub fn new(config: TrackerConfig, rng: Rng) -> Self {
        Self {
            ids: ConnectionIds::new(config.secret),
            torrents: Torrents::new(config.allowed.clone()),
            met: Met::default(),
            refusals: Refusals::default(),
            rng,
            stats: Stats::default(),
            out: VecDeque::new(),
            config,
        }
    }

    /// Serves one more torrent.
    pub fn allow(&mut self, hash: InfoHash) {
        self.torrents.allow(hash);
    }

    /// Serves a torrent no longer, and forgets its peers.
    pub fn forbid(&mut self, hash: InfoHash) {
        self.torrents.forbid(hash);
    }

    /// A datagram arrived.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        self.expire(now);
        let asked = Asked { now, from, size: bytes.len() };
        match Request::parse(bytes) {
            Ok(Request::Connect { transaction }) => self.connect(asked, transaction),
            Ok(Request::Announce(request)) => self.announce(asked, &request),
            Ok(Request::Scrape(request)) => self.scrape(asked, &request),
            Err(error) => self.malformed(asked, error),
        }
    }

    /// The time that [`Tracker::wake`] named has come. Harmless at any other.
    pub fn handle_timeout(&mut self, now: Time) {
        self.expire(now);
    }

    /// The next command, oldest first.
    pub fn poll(&mut self) -> Option<TrackerCommand> {
        self.out.pop_front()
    }

    /// When to call [`Tracker::handle_timeout`].
    pub fn wake(&self) -> Option<Wake> {
        self.torrents.next_expiry().map(|at| Wake { at, why: "a peer expires" })
    }

    pub fn stats(&self) -> Stats {
        let (swarms, peers) = self.torrents.size();
        Stats { swarms, peers, ..self.stats }
    }

    /// 16 bytes in, 16 bytes out. Nothing is remembered, so connects cost no memory.
    fn connect(&mut self, asked: Asked, transaction: TransactionId) {
        self.stats.connects += 1;
        let connection = self.ids.issue(asked.now, asked.from);
        self.send(asked, &Response::Connect { transaction, connection });
    }

    fn announce(&mut self, asked: Asked, request: &AnnounceRequest) {
        if !self.proven(asked, request.connection, request.transaction) {
            return;
        }
        let key = (request.info_hash, Family::of(asked.from));
        let entered = match request.event {
            AnnounceEvent::Stopped => self.torrents.leave(key, request.peer_id).map_err(|refusal| refusal.to_string()),
            _ if request.port == 0 => Err("port 0 can't be dialled".to_owned()),
            _ => self.torrents.announce(key, self.peer(asked, request)).map_err(|refusal| refusal.to_string()),
        };
        if let Err(reason) = entered {
            let why = format!("announce for {}: {reason}", request.info_hash);
            return self.refuse(asked, request.transaction, &reason, why);
        }
        self.stats.announces += 1;
        let wanted = self.wanted(request, key.1);
        let peers = self.torrents.choose(key, request.peer_id, of_use_to(request), wanted, &mut self.rng);
        let counts = self.torrents.counts(key);
        let interval = self.config.interval_s();
        self.note(announced(asked.from, request, peers.len(), counts.seeders, counts.leechers));
        let answer = AnnounceResponse {
            transaction: request.transaction,
            interval,
            leechers: counts.leechers,
            seeders: counts.seeders,
            peers,
        };
        self.send(asked, &Response::Announce(answer));
    }

    fn scrape(&mut self, asked: Asked, request: &ScrapeRequest) {
        if !self.proven(asked, request.connection, request.transaction) {
            return;
        }
        let family = Family::of(asked.from);
        if !request.hashes.iter().any(|hash| self.torrents.serves(*hash)) {
            let reason = torrents::Refusal::NotServed.to_string();
            let why = format!("scrape of {} torrents: {reason}", request.hashes.len());
            return self.refuse(asked, request.transaction, &reason, why);
        }
        self.stats.scrapes += 1;
        let counts = request.hashes.iter().map(|hash| self.torrents.counts((*hash, family))).collect();
        self.note(Event::TrackerScraped { remote: asked.from.into(), torrents: request.hashes.len() as u32 });
        self.send(asked, &Response::Scrape { transaction: request.transaction, counts });
    }

    fn malformed(&mut self, asked: Asked, error: RequestError) {
        let owed = error.reply.filter(|(connection, _)| self.ids.accepts(asked.now, asked.from, *connection));
        let reason = error.to_string();
        match owed {
            Some((_, transaction)) => self.refuse(asked, transaction, &reason.clone(), reason),
            None => self.refused(asked, reason, false),
        }
    }

    /// Checks the connection id. One that does not fit is told so, because the honest cause is an id
    /// that outlived its time or its tracker; but in no more bytes than it sent.
    fn proven(&mut self, asked: Asked, connection: ConnectionId, transaction: TransactionId) -> bool {
        if self.ids.accepts(asked.now, asked.from, connection) {
            if self.met.first_time(asked.from) {
                self.note(Event::TrackerConnected { remote: asked.from.into() });
            }
            return true;
        }
        let room = asked.size.saturating_sub(ERROR_HEADER_BYTES);
        let message = truncate(STALE, room).to_owned();
        self.send(asked, &Response::Error { transaction, message });
        self.refused(asked, "the connection id is forged, too old or from another address".to_owned(), true);
        false
    }

    fn peer(&self, asked: Asked, request: &AnnounceRequest) -> Peer {
        Peer {
            id: request.peer_id,
            addr: SocketAddr::new(asked.from.ip().to_canonical(), request.port),
            seed: request.left == ByteCount::ZERO,
            completed: request.event == AnnounceEvent::Completed,
            expires: asked.now.after(self.config.interval * 2 + EXPIRY_SLACK),
        }
    }

    fn wanted(&self, request: &AnnounceRequest, family: Family) -> usize {
        if request.event == AnnounceEvent::Stopped {
            return 0;
        }
        let wanted = u32::try_from(request.num_want).unwrap_or(self.config.peers_default);
        let fits = (DATAGRAM_BYTES_MAX - ANNOUNCE_HEADER_BYTES) / family.peer_bytes();
        (wanted.min(self.config.peers_max) as usize).min(fits).min(model::bound::PEERS_PER_MESSAGE_MAX)
    }

    fn expire(&mut self, now: Time) {
        while let Some(((info_hash, _), peer)) = self.torrents.expire(now) {
            self.note(Event::TrackerExpired { info_hash, peer_id: peer.id, remote: peer.addr.into() });
        }
    }

    /// Says no to someone whose address is proven.
    fn refuse(&mut self, asked: Asked, transaction: TransactionId, reason: &str, why: String) {
        self.send(asked, &Response::Error { transaction, message: reason.to_owned() });
        self.refused(asked, why, true);
    }

    fn refused(&mut self, asked: Asked, why: String, answered: bool) {
        self.stats.refused += 1;
        if self.refusals.may_tell(asked.now) {
            self.note(Event::TrackerRefused { remote: asked.from.into(), why, answered });
        }
    }

    fn send(&mut self, asked: Asked, response: &Response) {
        self.out.push_back(TrackerCommand::Send { to: asked.from, datagram: response.to_bytes() });
    }

    fn note(&mut self, event: Event) {
        self.out.push_back(TrackerCommand::Event(event));
    }
}

/// The circumstances of the datagram being answered.
#[derive(Clone, Copy)]
struct Asked {
    now: Time,
    from: SocketAddr,
    /// Bytes of the datagram.
    size: usize,
}

/// Whom a client is told of. Seeds are of no use to a seed. But some clients (aria2 1.36, librqbit 9.1) say
/// that nothing is left while they have no more than a magnet link; so only who has moved bytes is taken
/// for a seed.
fn of_use_to(request: &AnnounceRequest) -> Whom {
    let moved = request.downloaded > ByteCount::ZERO || request.uploaded > ByteCount::ZERO;
    match request.left == ByteCount::ZERO && moved {
        true => Whom::Leechers,
        false => Whom::Everybody,
    }
}

fn announced(from: SocketAddr, request: &AnnounceRequest, returned: usize, seeders: u32, leechers: u32) -> Event {
    Event::TrackerAnnounced {
        remote: from.into(),
        info_hash: request.info_hash,
        peer_id: request.peer_id,
        event: request.event.to_string(),
        port: request.port,
        left: request.left,
        downloaded: request.downloaded,
        uploaded: request.uploaded,
        returned: returned as u32,
        seeders,
        leechers,
    }
}

/// Who has proven an address before; the oldest are forgotten first.
#[derive(Debug, Default)]
struct Met {
    known: BTreeSet<SocketAddr>,
    order: VecDeque<SocketAddr>,
}

impl Met {
    fn first_time(&mut self, addr: SocketAddr) -> bool {
        if !self.known.insert(addr) {
            return false;
        }
        self.order.push_back(addr);
        if self.order.len() > CLIENTS_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// Keeps a flood of garbage from becoming a flood of events.
#[derive(Debug, Default)]
struct Refusals {
    second: u64,
    told: u32,
}

impl Refusals {
    fn may_tell(&mut self, now: Time) -> bool {
        let second = now.as_micros() / 1_000_000;
        if second != self.second {
            (self.second, self.told) = (second, 0);
        }
        self.told = self.told.saturating_add(1);
        self.told <= REFUSALS_TOLD_PER_S_MAX
    }
}

impl std::fmt::Debug for Tracker {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker").field("config", &self.config).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TrackerConfig {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackerConfig")
            .field("interval", &self.interval)
            .field("peers_default", &self.peers_default)
            .field("peers_max", &self.peers_max)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

/// What IPv6 carries everywhere in one piece: 1,280 bytes less the headers of IPv6 and UDP.
const DATAGRAM_BYTES_MAX: usize = 1_232;
const ANNOUNCE_HEADER_BYTES: usize = 20;
const ERROR_HEADER_BYTES: usize = 8;

/// Fits even into the answer to the smallest scrape.
const STALE: &str = "connection id is not valid";

#[cfg(test)]
mod tests;
