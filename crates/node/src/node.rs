//! The node itself: its torrents, the facts that worlds tell it, and the commands of its parts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use events::{ClosedBy, Direction, Event, Remote, Source};
use model::{Block, InfoHash, PeerId, Rate, Rng, Time, Wake};
use swarm::{Limits, PeerView, Persona, Status, Torrent, TorrentCommand, TorrentConfig, Turn};
use tracker::{AnnounceFacts, Announcer, AnnouncerCommand};
use wire::Message;
use wire::mse::SkeyTable;

use crate::candidates::Candidates;
use crate::connection::{Connection, Stage};
use crate::{Command, ConnId, DiskDone, JoinOptions, NodeConfig, TorrentKey, TorrentSource};

/// One client.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) rng: Rng,
    /// For encrypted handshakes alone: their luck shifts no other, and shows none.
    pub(crate) dice: Rng,
    pub(crate) limits: Limits,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) torrents: BTreeMap<TorrentKey, Entry>,
    pub(crate) connections: BTreeMap<ConnId, Connection>,
    /// Those that are up and have not shaken hands, by when they came up.
    pub(crate) strangers: BTreeSet<(Time, ConnId)>,
    /// Connections with something in their outbox.
    unflushed: BTreeSet<ConnId>,
    pub(crate) next_conn: u64,
    next_torrent: u32,
    /// The torrents by the hash that an encrypted handshake names them with.
    pub(crate) skeys: SkeyTable,
    /// Since when we are leaving.
    pub(crate) leaving: Option<Time>,
    finished: bool,
    out: VecDeque<Command>,
}

/// A torrent with what surrounds it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) torrent: Torrent,
    announcer: Announcer,
    pub(crate) candidates: Candidates,
    pub(crate) banned: BTreeSet<PeerId>,
    /// The check is done: announce and dial.
    pub(crate) ready: bool,
    /// When to look again whom to dial; set to now whenever an address, a place or a connection changes.
    pub(crate) dial_at: Option<Time>,
}

/// See [`Node::held`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Of all torrents, those that are being dialled and those without a handshake among them.
    pub connections: usize,
    /// Connected, and have not shaken hands.
    pub strangers: usize,
    /// That could be dialled, over all torrents.
    pub addresses: usize,
}

/// Why a torrent can't be joined.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JoinError {
    #[error("this peer takes part in torrent {0} already")]
    Already(InfoHash),
    #[error("this peer is leaving")]
    Leaving,
}

/// Bytes waiting for a peer that does not read before it is let go: far more than the blocks that are
/// read ahead for it and a `have` for each piece.
const UNSENT_MAX: usize = 16 << 20;

/// What goodbyes to trackers may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

impl Node {
    pub fn new(config: NodeConfig, mut rng: Rng) -> Self {
        let dice = Rng::from_seed(rng.next_u64());
        let mut node = Self {
            limits: Limits::new(None, None, Time::ZERO),
            config,
            rng,
            dice,
            listen: None,
            torrents: BTreeMap::new(),
            connections: BTreeMap::new(),
            strangers: BTreeSet::new(),
            unflushed: BTreeSet::new(),
            next_conn: 1,
            next_torrent: 1,
            skeys: SkeyTable::new(),
            leaving: None,
            finished: false,
            out: VecDeque::new(),
        };
        node.apply_limits(Time::ZERO);
        node
    }

    /// The next command; pops only.
    pub fn poll(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn wake(&self) -> Option<Wake> {
        if self.finished {
            return None;
        }
        if let Some(since) = self.leaving {
            let mut wake = Some(Wake { at: since.after(GOODBYE_MAX), why: "goodbyes have had their time" });
            for entry in self.torrents.values() {
                wake = Wake::earliest(wake, entry.announcer.wake());
            }
            return wake;
        }
        let mut wake = self.greeting_wake();
        for entry in self.torrents.values() {
            let dial = entry.dial_at.map(|at| Wake { at, why: "an address is due to be dialled" });
            wake = Wake::earliest(wake, dial);
            wake = Wake::earliest(wake, Wake::earliest(entry.torrent.wake(), entry.announcer.wake()));
        }
        wake
    }

    // ---- what people and scripts want ----

    /// The world listens for peers at `addr`.
    pub fn listening(&mut self, now: Time, addr: SocketAddr) {
        self.listen = Some(addr);
        let (peer_id, client) = (self.config.peer_id, self.config.client.clone());
        self.note(Event::Started { peer_id, listen: addr, client });
        for entry in self.torrents.values_mut() {
            entry.candidates.ban(addr);
        }
        self.settle(now);
    }

    /// Takes part in a torrent: checks what is on disk, announces, dials.
    pub fn join(&mut self, now: Time, source: TorrentSource, options: JoinOptions) -> Result<TorrentKey, JoinError> {
        let info_hash = match &source {
            TorrentSource::Metainfo(metainfo) => metainfo.info.info_hash(),
            TorrentSource::Magnet(magnet) => magnet.info_hash,
        };
        if self.leaving.is_some() {
            return Err(JoinError::Leaving);
        }
        if self.key_of(info_hash).is_some() {
            return Err(JoinError::Already(info_hash));
        }
        let key = TorrentKey(self.next_torrent);
        self.next_torrent += 1;
        let config = self.torrent_config(options);
        let mut turn = Turn { now, rng: &mut self.rng, limits: &mut self.limits };
        let (torrent, tiers, given, name, private) = match source {
            TorrentSource::Metainfo(metainfo) => {
                let info = Arc::new(metainfo.info.clone());
                let (name, private) = (Some(info.name().to_owned()), info.is_private());
                (Torrent::new(&mut turn, info, config), metainfo.announce.clone(), Vec::new(), name, private)
            }
            TorrentSource::Magnet(magnet) => {
                let tiers = magnet.trackers.iter().map(|url| vec![url.clone()]).collect();
                let torrent = Torrent::from_info_hash(&mut turn, info_hash, config);
                (torrent, tiers, magnet.peers, magnet.name, false)
            }
        };
        let announcer = Announcer::new(tiers, info_hash, self.config.peer_id, &mut self.rng);
        let mut candidates = Candidates::default();
        if let Some(addr) = self.listen {
            candidates.ban(addr);
        }
        let banned = BTreeSet::new();
        self.skeys.insert(info_hash);
        self.torrents.insert(key, Entry { torrent, announcer, candidates, banned, ready: false, dial_at: None });
        self.note(Event::Joined { info_hash, name, private });
        self.found(now, key, given, Source::Given);
        self.carry_out(now, key);
        self.settle(now);
        Ok(key)
    }

    /// Somebody told us of a peer by hand.
    pub fn add_peer(&mut self, now: Time, torrent: TorrentKey, addr: SocketAddr) {
        self.found(now, torrent, vec![addr], Source::Given);
        self.settle(now);
    }

    /// Changes the rate limits of the whole node. `None` is unlimited.
    pub fn set_limits(&mut self, now: Time, up: Option<Rate>, down: Option<Rate>) {
        (self.config.up, self.config.down) = (up, down);
        self.apply_limits(now);
        let show = |rate: Option<Rate>| rate.map_or("unlimited".to_owned(), |rate| rate.to_string());
        self.note(Event::Changed { what: "limits".to_owned(), to: format!("up {}, down {}", show(up), show(down)) });
        self.tell_all(now, |torrent, turn| torrent.limits_changed(turn));
    }

    /// Plays another character from here on.
    pub fn set_persona(&mut self, now: Time, persona: Persona) {
        self.config.persona = persona;
        self.apply_limits(now);
        self.note(Event::Changed { what: "persona".to_owned(), to: persona.to_string() });
        self.tell_all(now, |torrent, turn| torrent.set_persona(turn, persona));
    }

    /// Says goodbye to trackers and peers. [`Command::Finished`] follows, within a second.
    pub fn leave(&mut self, now: Time) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(now);
        let conns: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in conns {
            self.close(now, conn, ClosedBy::Us, "we are leaving");
        }
        let keys: Vec<TorrentKey> = self.torrents.keys().copied().collect();
        for key in keys {
            self.announce(now, key, |announcer, now, facts| announcer.stop(now, facts));
        }
        self.settle(now);
    }

    /// Where a torrent stands.
    pub fn status(&self, torrent: TorrentKey) -> Option<Status> {
        Some(self.torrents.get(&torrent)?.torrent.status())
    }

    /// Who is connected in a torrent, as it sees them.
    pub fn peers(&self, torrent: TorrentKey) -> impl Iterator<Item = PeerView<'_>> {
        self.torrents.get(&torrent).into_iter().flat_map(|entry| entry.torrent.peers())
    }

    /// What a node holds of things that others could make it hold too many of.
    pub fn held(&self) -> Held {
        Held {
            connections: self.connections.len(),
            strangers: self.strangers.len(),
            addresses: self.torrents.values().map(|entry| entry.candidates.len()).sum(),
        }
    }

    // ---- facts ----

    /// Bytes came. `buf` holds all that was read and not used yet: whole messages are split off its
    /// front, a partial one is left in place.
    pub fn handle_received(&mut self, now: Time, conn: ConnId, buf: &mut BytesMut) {
        self.take_in(now, conn, buf);
        while let Some(connection) = self.connections.get_mut(&conn) {
            match connection.stage {
                Stage::Dialling => break,
                Stage::Sniffing => {
                    if !self.sniff(now, conn, buf) {
                        break;
                    }
                }
                Stage::Securing => {
                    if !self.secure(now, conn, buf) {
                        break;
                    }
                }
                Stage::Greeting => {
                    if !self.greet(now, conn, buf) {
                        break;
                    }
                }
                Stage::Joined { .. } => match connection.decoder.next(buf) {
                    Ok(Some(message)) => self.pass_on(now, conn, message),
                    Ok(None) => break,
                    Err(error) => {
                        self.broke_rules(now, conn, &error.to_string());
                        break;
                    }
                },
            }
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.left_over = buf.len();
        }
        self.settle(now);
    }

    /// Records what came as it was on the wire, then decrypts it where it lies.
    fn take_in(&mut self, now: Time, conn: ConnId, buf: &mut BytesMut) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.heard_at = now;
        let left_over = connection.left_over.min(buf.len());
        if connection.recorder.is_some() {
            self.record(conn, Direction::In, &buf[left_over..]);
        }
        if let Some(key) = self.connections.get_mut(&conn).and_then(|connection| connection.receive_key.as_mut()) {
            key.apply(&mut buf[left_over..]);
        }
    }

    fn pass_on(&mut self, now: Time, conn: ConnId, message: Message) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.unsent > UNSENT_MAX {
            return self.broke_rules(now, conn, "asks and asks, and reads nothing");
        }
        let Some(key) = connection.torrent else { return };
        self.tell(now, key, |torrent, turn| torrent.handle_message(turn, conn, message));
    }

    pub(crate) fn broke_rules(&mut self, now: Time, conn: ConnId, why: &str) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let remote = connection.name();
        self.note(Event::PeerMisbehaved { conn: conn.0, remote, why: why.to_owned() });
        self.close(now, conn, ClosedBy::Us, why);
    }

    /// So many bytes of this connection's sends have left for the kernel.
    pub fn handle_sent(&mut self, now: Time, conn: ConnId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.unsent = connection.unsent.saturating_sub(bytes);
        let (unsent, key) = (connection.unsent, connection.torrent);
        if let Some(key) = key {
            self.tell(now, key, |torrent, turn| torrent.handle_sent(turn, conn, unsent));
        }
        self.settle(now);
    }

    /// A datagram came: the answer of a tracker, or nothing of ours.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let keys: Vec<TorrentKey> = self.torrents.keys().copied().collect();
        for key in keys {
            let mut mine = false;
            self.announce(now, key, |announcer, now, facts| mine = announcer.handle_datagram(now, from, bytes, facts));
            if mine {
                break;
            }
        }
        self.settle(now);
    }

    /// A host name was looked up.
    pub fn handle_resolved(&mut self, now: Time, token: u64, result: Result<Vec<SocketAddr>, String>) {
        let key = TorrentKey((token >> 32) as u32);
        let token = token & u64::from(u32::MAX);
        self.announce(now, key, |announcer, now, facts| announcer.handle_resolved(now, token, result, facts));
        self.settle(now);
    }

    /// The disk did, or did not.
    pub fn handle_disk(&mut self, now: Time, torrent: TorrentKey, done: DiskDone) {
        self.tell(now, torrent, |torrent, turn| torrent.handle_disk(turn, done));
        self.settle(now);
    }

    /// It is time.
    pub fn handle_timeout(&mut self, now: Time) {
        self.close_silent_strangers(now);
        let mut keys: Vec<TorrentKey> = self.torrents.keys().copied().collect();
        self.rng.shuffle(&mut keys); // when a limit opens, the first gets most
        for key in keys {
            if self.leaving.is_none() {
                self.tell(now, key, |torrent, turn| torrent.handle_timeout(turn));
            }
            self.announce(now, key, |announcer, now, facts| announcer.handle_timeout(now, facts));
        }
        self.settle(now);
    }

    // ---- the parts' wishes ----

    /// Tells one torrent something and does what it then wants.
    pub(crate) fn tell(&mut self, now: Time, key: TorrentKey, fact: impl FnOnce(&mut Torrent, &mut Turn<'_>)) {
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        let mut turn = Turn { now, rng: &mut self.rng, limits: &mut self.limits };
        fact(&mut entry.torrent, &mut turn);
        self.carry_out(now, key);
    }

    fn tell_all(&mut self, now: Time, mut fact: impl FnMut(&mut Torrent, &mut Turn<'_>)) {
        let keys: Vec<TorrentKey> = self.torrents.keys().copied().collect();
        for key in keys {
            self.tell(now, key, &mut fact);
        }
        self.settle(now);
    }

    fn carry_out(&mut self, now: Time, key: TorrentKey) {
        while let Some(command) = self.torrents.get_mut(&key).and_then(|entry| entry.torrent.poll()) {
            match command {
                TorrentCommand::Send { conn, message } => self.send(conn, &message),
                TorrentCommand::SendBlock { conn, block, data } => self.send_block(conn, block, data),
                TorrentCommand::Close { conn, why, for_good } => {
                    if for_good {
                        self.dial_no_more(conn);
                    }
                    self.close(now, conn, ClosedBy::Us, &why);
                }
                TorrentCommand::Disk(op) => self.out.push_back(Command::Disk { torrent: key, op }),
                TorrentCommand::Event(event) => self.note(event),
                TorrentCommand::Known(info) => self.out.push_back(Command::Open { torrent: key, info }),
                TorrentCommand::Ready => self.ready(now, key),
                TorrentCommand::Completed => {
                    self.announce(now, key, |announcer, now, facts| announcer.completed(now, facts));
                }
                TorrentCommand::Found(addrs) => self.found(now, key, addrs, Source::Pex),
                TorrentCommand::Listens { peer_id, addr } => self.listens(now, key, peer_id, addr),
                TorrentCommand::Ban { peer_id } => self.ban(now, key, peer_id),
                TorrentCommand::Halt { .. } => {
                    self.announce(now, key, |announcer, now, facts| announcer.stop(now, facts));
                }
            }
        }
    }

    fn ready(&mut self, now: Time, key: TorrentKey) {
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        entry.dial_at = Some(now);
        if !std::mem::replace(&mut entry.ready, true) {
            self.announce(now, key, |announcer, now, facts| announcer.start(now, facts));
        }
    }

    /// A peer that is connected already says that it can be dialled there.
    fn listens(&mut self, now: Time, key: TorrentKey, peer_id: PeerId, addr: SocketAddr) {
        if let Some(entry) = self.torrents.get_mut(&key) {
            entry.candidates.claimed(now, addr, peer_id);
        }
    }

    fn ban(&mut self, now: Time, key: TorrentKey, peer_id: PeerId) {
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        entry.banned.insert(peer_id);
        entry.candidates.ban_peer(peer_id);
        let theirs = |c: &Connection| c.torrent == Some(key) && c.peer_id() == Some(peer_id);
        let conns: Vec<ConnId> = self.connections.iter().filter(|(_, c)| theirs(c)).map(|(&conn, _)| conn).collect();
        for conn in conns {
            self.close(now, conn, ClosedBy::Us, "banned");
        }
    }

    /// Tells one torrent's announcer something and does what it then wants.
    pub(crate) fn announce(
        &mut self,
        now: Time,
        key: TorrentKey,
        fact: impl FnOnce(&mut Announcer, Time, AnnounceFacts),
    ) {
        let port = self.listen.map_or(0, |addr| addr.port());
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        let Status { downloaded, uploaded, left, .. } = entry.torrent.status();
        fact(&mut entry.announcer, now, AnnounceFacts { downloaded, uploaded, left, port, num_want: -1 });
        while let Some(command) = self.torrents.get_mut(&key).and_then(|entry| entry.announcer.poll()) {
            match command {
                AnnouncerCommand::Resolve { token, host, port } => {
                    let token = u64::from(key.0) << 32 | token & u64::from(u32::MAX);
                    self.out.push_back(Command::Resolve { token, host, port });
                }
                AnnouncerCommand::Send { to, datagram } => {
                    self.out.push_back(Command::Datagram { to, bytes: datagram });
                }
                AnnouncerCommand::Peers(addrs) => self.found(now, key, addrs, Source::Tracker),
                AnnouncerCommand::Event(event) => self.note(event),
            }
        }
    }

    /// Addresses of peers became known.
    fn found(&mut self, now: Time, key: TorrentKey, addrs: Vec<SocketAddr>, source: Source) {
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        let news: Vec<SocketAddr> = addrs.into_iter().filter(|&addr| entry.candidates.add(now, addr)).collect();
        entry.dial_at = Some(now);
        for addr in news {
            self.note(Event::PeerFound { remote: Remote::Addr(addr), source });
        }
    }

    // ---- small helpers ----

    /// After each fact: dials whom there is to dial, lets gathered messages go, sees whether all is said.
    pub(crate) fn settle(&mut self, now: Time) {
        if self.leaving.is_none() {
            self.dial_more(now);
        }
        while let Some(conn) = self.unflushed.pop_first() {
            self.flush(conn);
        }
        self.finish_leaving(now);
    }

    fn finish_leaving(&mut self, now: Time) {
        let Some(since) = self.leaving else { return };
        let said = self.torrents.values().all(|entry| entry.announcer.is_stopped());
        if !self.finished && (said || now.since(since) >= GOODBYE_MAX) {
            self.finished = true;
            self.note(Event::Left { why: "asked to leave".to_owned() });
            self.out.push_back(Command::Finished);
        }
    }

    pub(crate) fn send(&mut self, conn: ConnId, message: &Message) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.write(message);
            self.unflushed.insert(conn);
        }
    }

    /// Twice into the queue of the connection: what gathered with the header, and the payload as it is.
    fn send_block(&mut self, conn: ConnId, block: Block, data: BytesMut) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.write_bytes(&Message::piece_header(block.piece, block.offset, block.length));
        self.flush(conn);
        if let Some(connection) = self.connections.get_mut(&conn) {
            let bytes = connection.seal(data);
            self.send_as_it_is(conn, bytes);
        }
    }

    pub(crate) fn send_bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.write_bytes(bytes);
            self.unflushed.insert(conn);
        }
    }

    fn flush(&mut self, conn: ConnId) {
        if let Some(bytes) = self.connections.get_mut(&conn).and_then(Connection::flush) {
            self.send_as_it_is(conn, bytes);
        }
    }

    /// To the wire, byte for byte.
    pub(crate) fn send_as_it_is(&mut self, conn: ConnId, bytes: Bytes) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.unsent += bytes.len();
        if connection.recorder.is_some() {
            self.record(conn, Direction::Out, &bytes);
        }
        self.out.push_back(Command::Send { conn, bytes });
    }

    /// Puts bytes under glass until the beginning of the connection is over.
    fn record(&mut self, conn: ConnId, direction: Direction, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(recorder) = connection.recorder.as_mut().filter(|_| !bytes.is_empty()) else { return };
        let (chunk, verdict) = (recorder.record(direction, bytes), recorder.classify(false));
        let remote = connection.name();
        if connection.recorder.as_ref().is_some_and(|recorder| recorder.is_done()) {
            connection.recorder = None;
        }
        if let Some(chunk) = chunk {
            self.out.push_back(Command::Wire(chunk));
        }
        if let Some(verdict) = verdict {
            self.note_verdict(conn, remote, verdict);
        }
    }

    pub(crate) fn note_verdict(&mut self, conn: ConnId, remote: Remote, verdict: isp::Verdict) {
        let isp::Verdict { class, rule } = verdict;
        self.note(Event::FlowClassified { conn: conn.0, remote, class, rule: rule.to_owned() });
    }

    /// Our end of a connection is over, for a reason of ours.
    pub(crate) fn close(&mut self, now: Time, conn: ConnId, by: ClosedBy, why: &str) {
        self.flush(conn);
        if self.connections.contains_key(&conn) {
            self.out.push_back(Command::Close { conn });
            self.gone(now, conn, by, why);
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.out.push_back(command);
    }

    pub(crate) fn note(&mut self, event: Event) {
        self.out.push_back(Command::Event(event));
    }

    pub(crate) fn key_of(&self, info_hash: InfoHash) -> Option<TorrentKey> {
        let found = self.torrents.iter().find(|(_, entry)| entry.torrent.info_hash() == info_hash);
        found.map(|(&key, _)| key)
    }

    /// A slow peer is an honest one under a limit of its own.
    fn apply_limits(&mut self, now: Time) {
        let up = match (self.config.persona, self.config.up) {
            (Persona::Slow, Some(up)) => Some(up.min(Persona::SLOW_RATE)),
            (Persona::Slow, None) => Some(Persona::SLOW_RATE),
            (_, up) => up,
        };
        self.limits.up.set_rate(up, now);
        self.limits.down.set_rate(self.config.down, now);
    }

    fn torrent_config(&self, options: JoinOptions) -> TorrentConfig {
        TorrentConfig {
            client: self.config.client.clone(),
            persona: self.config.persona,
            picking: options.picking,
            slots: self.config.slots,
            detail: self.config.detail,
            pex: self.config.pex,
            peer_progress: self.config.peer_progress,
            port: self.listen.map(|addr| addr.port()),
        }
    }
}
