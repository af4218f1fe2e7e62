//! One torrent of one client: the state, its life from magnet link to seeding, and its clock.
//!
//! The parts: [`messages`] sorts what peers say, [`download`] fetches and verifies, [`upload`]
//! serves and chokes, [`exchange`] speaks the extensions (BEP 9, 10, 11).

mod download;
mod exchange;
mod messages;
mod upload;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use events::{Detail, Event, Remote};
use metainfo::Info;
use model::{Block, ByteCount, InfoHash, PeerId, PieceIndex, PieceSet, Rate, Rng, Time, Wake};
use wire::Message;

use crate::handout::Handout;
use crate::inquest::Inquest;
use crate::metadata::MetadataFetch;
use crate::peer::{Claim, Has, Introduction, Peer};
use crate::rate::{Limits, RateMeter};
use crate::{Choker, ChokerConfig, ConnId, DiskDone, DiskError, DiskOp, Persona, Picker, Picking};

pub use view::PeerView;

/// What a torrent wants done. The node carries it out or passes it on.
#[derive(Debug)]
pub enum TorrentCommand {
    Send {
        conn: ConnId,
        message: Message,
    },
    /// A piece message, its payload not copied.
    SendBlock {
        conn: ConnId,
        block: Block,
        data: BytesMut,
    },
    /// `for_good`: there is nothing to dial this peer for again.
    Close {
        conn: ConnId,
        why: String,
        for_good: bool,
    },
    Disk(DiskOp),
    Event(Event),
    /// The info dictionary is known: its storage can be opened. Comes before any disk operation.
    Known(Arc<Info>),
    /// What is on disk is checked: time to announce and to dial.
    Ready,
    /// The last piece was verified just now.
    Completed,
    /// Addresses that another peer told (BEP 11).
    Found(Vec<SocketAddr>),
    /// A peer that dialled us says where it can be dialled itself (BEP 10, `p`).
    Listens {
        peer_id: PeerId,
        addr: SocketAddr,
    },
    /// Never again.
    Ban {
        peer_id: PeerId,
    },
    /// The torrent can't go on.
    Halt {
        why: String,
    },
}

/// What comes from outside with each fact: the time, chance, and the node's limits.
#[derive(Debug)]
pub struct Turn<'a> {
    pub now: Time,
    pub rng: &'a mut Rng,
    pub limits: &'a mut Limits,
}

/// How a torrent is to behave.
#[derive(Debug, Clone)]
pub struct TorrentConfig {
    pub client: String,
    pub persona: Persona,
    pub picking: Picking,
    pub slots: usize,
    pub detail: Detail,
    pub pex: bool,
    /// Tell how far each connected peer is (`peer-progress`).
    pub peer_progress: bool,
    /// The port where this client can be dialled, told in the extension handshake.
    pub port: Option<u16>,
}

/// Where a torrent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub have: u32,
    /// Zero while the info dictionary is unknown.
    pub pieces: u32,
    pub downloaded: ByteCount,
    pub uploaded: ByteCount,
    /// Bytes still missing. A magnet link's size is unknown; then this is not zero, so that trackers
    /// do not take us for a seed.
    pub left: ByteCount,
    pub peers: usize,
}

/// One torrent of one client.
#[derive(Debug)]
pub struct Torrent {
    info_hash: InfoHash,
    config: TorrentConfig,
    info: Option<Arc<Info>>,
    stage: Stage,
    peers: BTreeMap<ConnId, Peer>,
    choker: Choker,
    /// As a seed, until the others together have every piece.
    handout: Option<Handout>,
    /// Who may serve next: connections with requests and room, first come first served.
    serving: VecDeque<ConnId>,
    inquest: Inquest<Culprit>,
    culprits: Vec<Acquaintance>,
    downloaded: ByteCount,
    uploaded: ByteCount,
    down: RateMeter,
    up: RateMeter,
    /// Bytes of blocks that the disk has not confirmed yet.
    writing: u64,
    /// When a limit opens again, after it held something back.
    held_back: Option<Wake>,
    tick_at: Option<Time>,
    told: Option<(u32, ByteCount, ByteCount)>,
    copy_out_told: bool,
    endgame_told: bool,
    out: VecDeque<TorrentCommand>,
}

/// What the torrent is busy with.
#[derive(Debug)]
enum Stage {
    /// Only the info-hash is known.
    Fetching(MetadataFetch),
    /// Hashing what is on disk.
    Checking(Check),
    Active(Box<Picker>),
    Halted,
}

/// Progress of the check at the start.
#[derive(Debug)]
struct Check {
    have: PieceSet,
    next: u32,
    outstanding: u32,
}

/// An index into [`Torrent::culprits`]: a peer's identity outlives its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Culprit(usize);

/// Somebody who sent blocks once.
#[derive(Debug)]
struct Acquaintance {
    conn: ConnId,
    peer_id: PeerId,
    remote: SocketAddr,
    banned: bool,
}

impl Torrent {
    /// A torrent whose info dictionary is known. Begins to check what is on disk.
    pub fn new(turn: &mut Turn<'_>, info: Arc<Info>, config: TorrentConfig) -> Self {
        let mut torrent = Self::unread(turn.now, info.info_hash(), config);
        torrent.begin(info);
        torrent
    }

    /// A torrent of which only the name is known: the rest comes from peers (BEP 9).
    pub fn from_info_hash(turn: &mut Turn<'_>, info_hash: InfoHash, config: TorrentConfig) -> Self {
        let mut torrent = Self::unread(turn.now, info_hash, config);
        torrent.out.push_back(TorrentCommand::Ready);
        torrent
    }

    fn unread(now: Time, info_hash: InfoHash, config: TorrentConfig) -> Self {
        let choker = Choker::new(ChokerConfig { slots: config.slots, optimistic: 1 }, now);
        Self {
            info_hash,
            config,
            info: None,
            stage: Stage::Fetching(MetadataFetch::new(info_hash)),
            peers: BTreeMap::new(),
            choker,
            handout: None,
            serving: VecDeque::new(),
            inquest: Inquest::new(),
            culprits: Vec::new(),
            downloaded: ByteCount::ZERO,
            uploaded: ByteCount::ZERO,
            down: RateMeter::new(now),
            up: RateMeter::new(now),
            writing: 0,
            held_back: None,
            tick_at: None,
            told: None,
            copy_out_told: false,
            endgame_told: false,
            out: VecDeque::new(),
        }
    }

    /// The next command; pops only.
    pub fn poll(&mut self) -> Option<TorrentCommand> {
        self.out.pop_front()
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn wake(&self) -> Option<Wake> {
        let tick = self.tick_at.map(|at| Wake { at, why: "each second: rates, snubs, keep-alives" });
        let choke = (!self.peers.is_empty()).then(|| Wake { at: self.choker.next_round(), why: "choke round" });
        Wake::earliest(self.held_back, Wake::earliest(tick, choke))
    }

    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        if self.held_back.is_some_and(|wake| turn.now >= wake.at) {
            self.held_back = None;
            self.request_all(turn);
            self.serve(turn);
        }
        if self.tick_at.is_some_and(|at| turn.now >= at) {
            self.tick(turn);
        }
        if !self.peers.is_empty() && turn.now >= self.choker.next_round() {
            self.choke_round(turn);
        }
    }

    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The info dictionary, once it is known.
    pub fn info(&self) -> Option<&Arc<Info>> {
        self.info.as_ref()
    }

    pub fn status(&self) -> Status {
        let (have, pieces) = match (&self.stage, &self.info) {
            (Stage::Active(picker), _) => (picker.have().count(), picker.have().len()),
            (Stage::Checking(check), _) => (check.have.count(), check.have.len()),
            (_, info) => (0, info.as_ref().map_or(0, |info| info.piece_count())),
        };
        let left = match (&self.stage, &self.info) {
            (Stage::Active(picker), Some(info)) => info.total_length().saturating_sub(self.bytes_of(picker.have())),
            (_, Some(info)) => info.total_length(),
            (_, None) => ByteCount(1),
        };
        let (downloaded, uploaded) = (self.downloaded, self.uploaded);
        Status { have, pieces, downloaded, uploaded, left, peers: self.peers.len() }
    }

    /// True when every piece is here and verified.
    pub fn is_complete(&self) -> bool {
        matches!(&self.stage, Stage::Active(picker) if picker.have().is_full())
    }

    /// True when something is missing that nobody who is connected has.
    pub fn lacks_sources(&self) -> bool {
        !self.is_complete() && !self.is_halted() && !self.peers.values().any(|peer| peer.we_want)
    }

    pub fn is_halted(&self) -> bool {
        matches!(self.stage, Stage::Halted)
    }

    pub fn is_private(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.is_private())
    }

    /// Behave otherwise from here on.
    pub fn set_persona(&mut self, turn: &mut Turn<'_>, persona: Persona) {
        self.config.persona = persona;
        if persona == Persona::FreeRider {
            let served: Vec<ConnId> = self.peers.values().filter(|p| p.slot.is_some()).map(|p| p.intro.conn).collect();
            for conn in served {
                self.choke(conn, 0, model::Rate(0), "turned free rider");
            }
        } else {
            self.fill_slots(turn);
        }
    }

    /// A limit changed: what waited for it may go on.
    pub fn limits_changed(&mut self, turn: &mut Turn<'_>) {
        self.held_back = None;
        self.request_all(turn);
        self.serve(turn);
    }

    /// Somebody shook hands: greets with what we have (BEP 3, BEP 6) and what we speak (BEP 10).
    pub fn handle_joined(&mut self, turn: &mut Turn<'_>, intro: Introduction) {
        let has = match &self.info {
            Some(info) => Has::Known(PieceSet::empty(info.piece_count())),
            None => Has::Unread(Vec::new()),
        };
        let mut peer = Peer::new(turn.now, intro, has);
        peer.metadata_credit = self.metadata_credit();
        if let (Stage::Active(picker), Some(pieces)) = (&mut self.stage, peer.pieces()) {
            picker.peer_has_set(pieces);
        }
        self.peers.insert(intro.conn, peer);
        self.tick_at.get_or_insert(turn.now.after(TICK));
        self.send_pieces_held(intro.conn, intro.reserved.fast());
        if intro.reserved.extension_protocol() {
            self.send_extension_handshake(intro);
        }
    }

    fn send_pieces_held(&mut self, conn: ConnId, fast: bool) {
        let have = match &self.stage {
            Stage::Active(picker) => Some(picker.have()),
            Stage::Checking(check) => Some(&check.have),
            Stage::Fetching(_) | Stage::Halted => None,
        };
        let message = match have {
            Some(have) if fast && have.is_full() => Message::HaveAll,
            Some(have) if !have.is_empty() => Message::Bitfield(have.to_wire().into()),
            _ if fast => Message::HaveNone,
            _ => return, // BEP 3: "Downloaders which don't have anything yet may skip the 'bitfield' message."
        };
        self.send(conn, message);
    }

    /// The connection is gone.
    pub fn handle_left(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let Some(peer) = self.peers.remove(&conn) else { return };
        self.serving.retain(|&c| c != conn);
        if let Some(handout) = &mut self.handout {
            handout.taken_back(conn);
        }
        let (sent, received) = (peer.sent, peer.received);
        if sent + received > ByteCount::ZERO {
            self.note(Event::Exchanged { remote: peer.remote(), sent, received });
        }
        match &mut self.stage {
            Stage::Fetching(fetch) => fetch.gone(conn),
            Stage::Active(picker) => {
                let lost = picker.released_all(conn);
                turn.limits.down.give_back(lost.iter().map(|block| u64::from(block.length)).sum());
                if let Has::Known(pieces) = &peer.has {
                    picker.peer_left(pieces);
                }
            }
            Stage::Checking(_) | Stage::Halted => {}
        }
        self.ask_for_metadata(turn);
        self.request_all(turn);
        if peer.slot.is_some() {
            self.fill_slots(turn);
        }
    }

    /// Something happened on disk.
    pub fn handle_disk(&mut self, turn: &mut Turn<'_>, done: DiskDone) {
        if self.is_halted() {
            return;
        }
        match done {
            DiskDone::Hashed { piece, result } => self.hashed(turn, piece, result),
            DiskDone::Read { block, conn: Some(conn), result } => self.block_read(turn, conn, block, result),
            DiskDone::Read { block, conn: None, result } => self.evidence_read(turn, block, result),
            DiskDone::Written { block, result } => self.written(turn, block, result),
        }
    }

    fn hashed(&mut self, turn: &mut Turn<'_>, piece: PieceIndex, result: Result<[u8; 20], DiskError>) {
        match &mut self.stage {
            Stage::Checking(_) => self.checked_piece(turn, piece, result),
            Stage::Active(_) => self.judge_piece(turn, piece, result),
            Stage::Fetching(_) | Stage::Halted => {}
        }
    }

    // ---- the check at the start ----

    /// The info dictionary is known: look at what is on disk.
    fn begin(&mut self, info: Arc<Info>) {
        let check = Check { have: PieceSet::empty(info.piece_count()), next: 0, outstanding: 0 };
        self.out.push_back(TorrentCommand::Known(Arc::clone(&info)));
        let credit = |size: usize| (size as u32).div_ceil(crate::metadata::PART_BYTES) * 2;
        for peer in self.peers.values_mut() {
            peer.metadata_credit = credit(info.raw().len());
        }
        self.info = Some(info);
        self.stage = Stage::Checking(check);
        self.repeat_extension_handshakes();
        self.check_more();
    }

    fn check_more(&mut self) {
        let Stage::Checking(check) = &mut self.stage else { return };
        while check.outstanding < CHECK_AHEAD && check.next < check.have.len() {
            self.out.push_back(TorrentCommand::Disk(DiskOp::Hash { piece: PieceIndex(check.next) }));
            check.next += 1;
            check.outstanding += 1;
        }
    }

    fn checked_piece(&mut self, turn: &mut Turn<'_>, piece: PieceIndex, result: Result<[u8; 20], DiskError>) {
        let (Stage::Checking(check), Some(info)) = (&mut self.stage, &self.info) else { return };
        check.outstanding -= 1;
        let right = match result {
            Ok(hash) => hash == info.piece_hash(piece),
            Err(DiskError::Absent) => false,
            Err(DiskError::Failed(why)) => return self.halt("check", &why),
        };
        if right {
            check.have.insert(piece);
        }
        if check.outstanding == 0 && check.next == check.have.len() {
            let have = std::mem::replace(&mut check.have, PieceSet::empty(0));
            return self.activate(turn, have);
        }
        self.check_more();
    }

    fn activate(&mut self, turn: &mut Turn<'_>, have: PieceSet) {
        let Some(info) = self.info.clone() else { return };
        let bytes = self.bytes_of(&have);
        self.note(Event::Checked { have: have.count(), pieces: have.len(), bytes });
        let mut picker = Picker::new(info.piece_length(), info.total_length(), have, self.config.picking);
        let conns: Vec<ConnId> = self.peers.keys().copied().collect();
        for peer in self.peers.values_mut() {
            if let Has::Unread(claims) = &peer.has {
                peer.has = Has::Known(read_claims(claims, info.piece_count()));
            }
            if let Has::Known(pieces) = &peer.has {
                picker.peer_has_set(pieces);
            }
        }
        let held: Vec<PieceIndex> = picker.have().iter().collect();
        self.handout = picker.have().is_full().then(|| Handout::new(info.piece_count(), turn.rng));
        self.stage = Stage::Active(Box::new(picker));
        self.out.push_back(TorrentCommand::Ready);
        for conn in conns {
            for &piece in &held {
                self.send(conn, Message::Have(piece));
            }
            self.update_interest(turn, conn);
        }
        self.fill_slots(turn); // some may have become interested while the check went on
        self.tick_at.get_or_insert(turn.now.after(TICK));
    }

    /// The disk failed: nothing is lost, but nothing more can be done.
    fn halt(&mut self, doing: &str, why: &str) {
        self.note(Event::DiskFailed { doing: doing.to_owned(), why: why.to_owned() });
        self.note(Event::Stopped { info_hash: self.info_hash, why: format!("the disk failed to {doing}: {why}") });
        self.stage = Stage::Halted;
        self.tick_at = None;
        self.held_back = None;
        for conn in self.peers.keys() {
            self.out.push_back(TorrentCommand::Close {
                conn: *conn,
                why: "our torrent stopped".to_owned(),
                for_good: false,
            });
        }
        self.out.push_back(TorrentCommand::Halt { why: why.to_owned() });
    }

    // ---- the clock ----

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        self.tick_at = Some(now.after(TICK));
        if let Stage::Fetching(fetch) = &mut self.stage {
            fetch.expire(now);
        }
        self.ask_for_metadata(turn);
        let conns: Vec<ConnId> = self.peers.keys().copied().collect();
        for conn in conns {
            self.tick_peer(turn, conn);
        }
        self.request_all(turn);
        self.tell_progress(now);
    }

    fn tick_peer(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let now = turn.now;
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.pipeline.sample(now);
        if now.since(peer.heard_at) >= SILENCE_MAX {
            return self.close(conn, "silent for three minutes");
        }
        if now.since(peer.spoke_at) >= KEEP_ALIVE {
            self.send(conn, Message::KeepAlive);
        }
        self.tell_peer_progress(now, conn);
        self.look_for_snub(turn, conn);
        if self.peers.get(&conn).is_some_and(|peer| peer.pex_due.is_some_and(|due| now >= due)) {
            self.send_pex(now, conn);
        }
    }

    /// Says where the download stands, when that is news.
    fn tell_progress(&mut self, now: Time) {
        let Status { have, pieces, downloaded, uploaded, peers, .. } = self.status();
        let news = (have, downloaded, uploaded);
        if pieces == 0 || self.told == Some(news) {
            return;
        }
        self.told = Some(news);
        let (down, up) = (self.down.rate(now), self.up.rate(now));
        self.note(Event::Progress { have, pieces, downloaded, uploaded, down, up, peers: peers as u32 });
    }

    /// Says where one peer stands, when that is news and somebody wants to know.
    fn tell_peer_progress(&mut self, now: Time, conn: ConnId) {
        if !self.config.peer_progress {
            return;
        }
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let Some((have, pieces)) = peer.pieces().map(|pieces| (pieces.count(), pieces.len())) else { return };
        let (sent, received, up, down) = (peer.sent, peer.received, peer.up.rate(now), peer.down.rate(now));
        let news = (have, sent, received, up == Rate(0));
        if peer.progress_told == Some(news) {
            return;
        }
        peer.progress_told = Some(news);
        let remote = peer.remote();
        self.note(Event::PeerProgress { conn: conn.0, remote, have, pieces, sent, received, up, down });
    }

    // ---- small helpers ----

    fn send(&mut self, conn: ConnId, message: Message) {
        self.out.push_back(TorrentCommand::Send { conn, message });
    }

    fn note(&mut self, event: Event) {
        self.out.push_back(TorrentCommand::Event(event));
    }

    /// For events that come with every block: built only when somebody wants them.
    fn note_block(&mut self, event: impl FnOnce() -> Event) {
        if self.config.detail == Detail::Block {
            self.note(event());
        }
    }

    fn remote(&self, conn: ConnId) -> Remote {
        let known = self.peers.get(&conn).map(Peer::remote);
        let gone = || self.culprits.iter().rev().find(|c| c.conn == conn).map(|c| Remote::Addr(c.remote));
        known.or_else(gone).unwrap_or_else(|| Remote::Name("gone".to_owned()))
    }

    fn close(&mut self, conn: ConnId, why: &str) {
        self.out.push_back(TorrentCommand::Close { conn, why: why.to_owned(), for_good: false });
    }

    /// A rule was broken: told, and the connection closed.
    fn misbehaved(&mut self, conn: ConnId, why: String) {
        let remote = self.remote(conn);
        self.note(Event::PeerMisbehaved { conn: conn.0, remote, why: why.clone() });
        self.out.push_back(TorrentCommand::Close { conn, why, for_good: false });
    }

    fn bytes_of(&self, pieces: &PieceSet) -> ByteCount {
        let Some(info) = &self.info else { return ByteCount::ZERO };
        let full = u64::from(pieces.count()) * u64::from(info.piece_length());
        let last = PieceIndex(info.piece_count().saturating_sub(1));
        let short = info.piece_length() - info.piece_size(last);
        ByteCount(full - if pieces.has(last) { u64::from(short) } else { 0 })
    }

    /// The number under which this sender is remembered.
    fn culprit(&mut self, conn: ConnId) -> Option<Culprit> {
        if let Some(at) = self.culprits.iter().rposition(|known| known.conn == conn) {
            return Some(Culprit(at));
        }
        let Introduction { peer_id, remote, .. } = self.peers.get(&conn)?.intro;
        // Somebody who comes again is the same one, and takes no new place.
        let again = |known: &Acquaintance| known.peer_id == peer_id && known.remote.ip() == remote.ip();
        if let Some(at) = self.culprits.iter().position(again) {
            (self.culprits[at].conn, self.culprits[at].remote) = (conn, remote);
            return Some(Culprit(at));
        }
        self.culprits.push(Acquaintance { conn, peer_id, remote, banned: false });
        Some(Culprit(self.culprits.len() - 1))
    }

    fn ban(&mut self, culprit: Culprit, why: &str) {
        let known = &mut self.culprits[culprit.0];
        if std::mem::replace(&mut known.banned, true) {
            return;
        }
        let (conn, peer_id, remote) = (known.conn, known.peer_id, Remote::Addr(known.remote));
        self.note(Event::PeerBanned { remote, why: why.to_owned() });
        if self.peers.contains_key(&conn) {
            self.out.push_back(TorrentCommand::Close { conn, why: format!("banned: {why}"), for_good: true });
        }
        self.out.push_back(TorrentCommand::Ban { peer_id });
    }
}

/// Interprets what a peer said before the number of pieces was known. A false statement counts
/// for nothing: what matters is whether its pieces hash right.
fn read_claims(claims: &[Claim], pieces: u32) -> PieceSet {
    let mut set = PieceSet::empty(pieces);
    for claim in claims {
        match claim {
            Claim::All => set = PieceSet::full(pieces),
            Claim::None => set = PieceSet::empty(pieces),
            Claim::Bitfield(bytes) => set = PieceSet::from_wire(bytes, pieces).unwrap_or(set),
            Claim::One(piece) if piece.0 < pieces => {
                set.insert(*piece);
            }
            Claim::One(_) => {}
        }
    }
    set
}

const TICK: Duration = Duration::from_secs(1);

/// BEP 3: "generally sent once every two minutes"; a little earlier, so that the other side does
/// not close just then.
const KEEP_ALIVE: Duration = Duration::from_secs(100);
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// Pieces being hashed at once in the check at the start.
const CHECK_AHEAD: u32 = 8;
