//! Every kind of event: its name, its fields, what happened and which BEP defines it.
//!
//! The list is written once, in the macro call below. From it come the [`Event`] enum, the
//! table [`KINDS`] (for `swarmlab events` and the sheets) and the names that checks use.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::{ByteCount, InfoHash, PeerId, Rate};
use serde::{Deserialize, Serialize};

use crate::Remote;

/// What a family of events is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Life,
    Discovery,
    Connection,
    Encryption,
    Handshake,
    Choking,
    Picking,
    Transfer,
    Metadata,
    Share,
    Trust,
    Network,
    Tracker,
    Script,
    Verdict,
}

/// How much is reported. Block-level events come at thousands a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Everything but single blocks.
    #[default]
    Piece,
    /// Every block asked for, received, sent and cancelled too.
    Block,
}

/// A row of the vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The name in the log's `ev`.
    pub name: &'static str,
    pub family: Family,
    /// The lines of its documentation.
    pub doc: &'static [&'static str],
    /// Its fields, in order.
    pub fields: &'static [&'static str],
}

macro_rules! events {
    ($( $(#[doc = $doc:literal])* $variant:ident = $name:literal in $family:ident { $( $(#[$meta:meta])* $field:ident : $ty:ty ),* $(,)? } )*) => {
        /// Something that happened, with the reason where there was a decision.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "ev")]
        pub enum Event {
            $( $(#[doc = $doc])* #[serde(rename = $name)] $variant { $( $(#[$meta])* $field: $ty ),* } ),*
        }

        impl Event {
            /// The name in the log's `ev`.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name ),* }
            }

            /// What the event is about.
            pub fn family(&self) -> Family {
                match self { $( Self::$variant { .. } => Family::$family ),* }
            }
        }

        /// The whole vocabulary, in the order of the families.
        pub const KINDS: &[Kind] = &[ $( Kind {
            name: $name,
            family: Family::$family,
            doc: &[$($doc),*],
            fields: &[$(stringify!($field)),*],
        } ),* ];
    };
}

events! {
    // ---- life ----
    /// A program is up and listens.
    Started = "started" in Life { peer_id: PeerId, listen: SocketAddr, client: String }
    /// A peer takes part in a torrent.
    Joined = "joined" in Life { info_hash: InfoHash, #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>, private: bool }
    /// What lay on disk was hashed: this much of it is right.
    Checked = "checked" in Life { have: u32, pieces: u32, bytes: ByteCount }
    /// Where the download stands. Once a second while something moves, and at the end.
    Progress = "progress" in Life { have: u32, pieces: u32, downloaded: ByteCount, uploaded: ByteCount, down: Rate, up: Rate, peers: u32 }
    /// Every piece is there and verified.
    Complete = "complete" in Life { bytes: ByteCount, downloaded: ByteCount, uploaded: ByteCount }
    /// The pieces of the torrent are all out among the other peers: the seeder could go.
    CopyOut = "copy-out" in Life { pieces: u32 }
    /// The torrent is stopped on this peer, and why: asked to, disk full, bad data.
    Stopped = "stopped" in Life { info_hash: InfoHash, why: String }
    /// The disk refused. `doing` is read, write or check.
    DiskFailed = "disk-failed" in Life { doing: String, why: String }
    /// Bytes of blocks exchanged with one peer over its whole connection, told when it ends.
    Exchanged = "exchanged" in Life { remote: Remote, sent: ByteCount, received: ByteCount }
    /// The program left in good order.
    Left = "left" in Life { why: String }
    /// The program ended without saying so (told by the lab): killed by the script, or crashed.
    Killed = "killed" in Life { why: String }
    /// A limit, the persona or the picking changed while running.
    Changed = "changed" in Life { what: String, to: String }

    // ---- discovery ----
    /// The tracker is asked (BEP 15, BEP 3). `event` is started, completed, stopped or none.
    AnnounceSent = "announce-sent" in Discovery { tracker: String, event: String, left: ByteCount, downloaded: ByteCount, uploaded: ByteCount, attempt: u32 }
    /// The tracker's answer. `interval` is the seconds until it wants to be asked again.
    AnnounceAnswered = "announce-answered" in Discovery { tracker: String, interval: u32, seeders: u32, leechers: u32, peers: u32 }
    /// The tracker said no, in its own words.
    AnnounceRefused = "announce-refused" in Discovery { tracker: String, reason: String }
    /// No answer, or none that made sense; what comes next (BEP 15: wait 15 * 2^n s; BEP 12: the next tracker).
    AnnounceFailed = "announce-failed" in Discovery { tracker: String, why: String, next: String }
    /// An address of a peer became known.
    PeerFound = "peer-found" in Discovery { remote: Remote, source: Source }
    /// Addresses from one peer's exchange message (BEP 11).
    PexReceived = "pex-received" in Discovery { conn: u64, remote: Remote, added: u32, dropped: u32 }
    /// Addresses told to one peer (BEP 11).
    PexSent = "pex-sent" in Discovery { conn: u64, remote: Remote, added: u32, dropped: u32 }
    /// The fence held: an address outside the lab was not dialled, announced to or accepted.
    Fenced = "fenced" in Discovery { remote: Remote, doing: String }

    // ---- connection ----
    /// A connection is attempted.
    Dialled = "dialled" in Connection { conn: u64, remote: Remote, attempt: u32 }
    /// The attempt failed: nobody there, refused, timed out.
    DialFailed = "dial-failed" in Connection { conn: u64, remote: Remote, why: String }
    /// Bytes can flow. `direction` says who dialled.
    Connected = "connected" in Connection { conn: u64, remote: Remote, direction: Direction }
    /// A connection was turned away at the door, and why: full, banned, unknown torrent.
    Rejected = "rejected" in Connection { conn: u64, remote: Remote, why: String }
    /// The connection ended: by whom, and why.
    Closed = "closed" in Connection { conn: u64, remote: Remote, by: ClosedBy, why: String }

    // ---- encryption ----
    /// Our Diffie-Hellman public key is out: 96 bytes that look like noise, and behind them `padding`
    /// bytes that are noise (MSE, step 1 or 2).
    KeySent = "key-sent" in Encryption { conn: u64, remote: Remote, padding: u16 }
    /// Their public key is here: both sides can compute the secret they share. Where their padding
    /// ends is not known yet.
    KeyReceived = "key-received" in Encryption { conn: u64, remote: Remote }
    /// The end of their `padding` bytes was found: by the hash of the secret when they dialled, by the
    /// encrypted verification constant (VC) when we did.
    Synchronised = "synchronised" in Encryption { conn: u64, remote: Remote, padding: u16 }
    /// The hash of the torrent they want and of the secret matches one of ours (SKEY): only who knows the
    /// info-hash can say it.
    SkeyMatched = "skey-matched" in Encryption { conn: u64, remote: Remote, info_hash: InfoHash }
    /// The side that dialled offers what the rest of the connection may be encrypted with
    /// (crypto_provide), and `padding` bytes more.
    EncryptionOffered = "encryption-offered" in Encryption { conn: u64, remote: Remote, by: Side, methods: Vec<String>, padding: u16 }
    /// The side that was dialled selects one of the methods (crypto_select), and `padding` bytes more.
    EncryptionSelected = "encryption-selected" in Encryption { conn: u64, remote: Remote, by: Side, method: String, padding: u16 }
    /// No encrypted connection came of it, and why. The connection ends.
    EncryptionFailed = "encryption-failed" in Encryption { conn: u64, remote: Remote, why: String }
    /// The encrypted try came to nothing, for whatever reason: the address is dialled again, in plaintext.
    EncryptionFellBack = "encryption-fell-back" in Encryption { conn: u64, remote: Remote, why: String }
    /// The 68 bytes of a handshake (BEP 3) crossed in the clear, `direction` in or out of here: whoever is on
    /// the path has read the info-hash and the peer id.
    PlaintextHandshake = "plaintext-handshake" in Encryption { conn: u64, remote: Remote, direction: Direction }
    /// Both handshakes are through: what all the rest of the connection crosses in.
    CipherSettled = "cipher-settled" in Encryption { conn: u64, remote: Remote, cipher: Cipher }
    /// What a provider that compares the first bytes of the flow with known signatures takes it for,
    /// and by which rule. Computed by the same function that judges wire records; needs them switched on.
    FlowClassified = "flow-classified" in Encryption { conn: u64, remote: Remote, class: FlowClass, rule: String }

    // ---- handshake ----
    /// Our 68 bytes are out (BEP 3). `reserved` names the bits we set.
    HandshakeSent = "handshake-sent" in Handshake { conn: u64, remote: Remote, info_hash: InfoHash, reserved: Vec<String> }
    /// Theirs came (BEP 3): who they say they are.
    HandshakeReceived = "handshake-received" in Handshake { conn: u64, remote: Remote, info_hash: InfoHash, peer_id: PeerId, client: String, reserved: Vec<String> }
    /// Their extension handshake (BEP 10): extensions by name and number, requests they queue.
    ExtensionsReceived = "extensions-received" in Handshake {
        conn: u64, remote: Remote,
        #[serde(default, skip_serializing_if = "Option::is_none")] client: Option<String>,
        extensions: BTreeMap<String, u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")] reqq: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")] metadata_size: Option<u32>,
        upload_only: bool,
    }
    /// What they have at the start: a bitfield (BEP 3), have-all or have-none (BEP 6).
    BitfieldReceived = "bitfield-received" in Handshake { conn: u64, remote: Remote, have: u32, pieces: u32 }
    /// A message whose number we do not know. Carried here, otherwise ignored.
    UnknownMessage = "unknown-message" in Handshake { conn: u64, remote: Remote, id: u8, bytes: u32 }
    /// An extension message (BEP 10) under a number we never offered, or of a form we do not know.
    UnknownExtension = "unknown-extension" in Handshake { conn: u64, remote: Remote, id: u8, bytes: u32 }

    // ---- choking ----
    /// We told them that they have pieces we want.
    Interested = "interested" in Choking { conn: u64, remote: Remote }
    /// We told them that they have nothing for us.
    NotInterested = "not-interested" in Choking { conn: u64, remote: Remote }
    /// They want pieces that we have.
    PeerInterested = "peer-interested" in Choking { conn: u64, remote: Remote }
    /// They want nothing of ours.
    PeerNotInterested = "peer-not-interested" in Choking { conn: u64, remote: Remote }
    /// We give them an upload slot. `rank` is their place (from 1) in this round's order by `rate`:
    /// what we received from them, or as a seeder what we sent them.
    Unchoked = "unchoked" in Choking { conn: u64, remote: Remote, slot: UnchokeSlot, rank: u32, rate: Rate, why: String }
    /// We take the slot away.
    Choked = "choked" in Choking { conn: u64, remote: Remote, rank: u32, rate: Rate, why: String }
    /// They gave us a slot: requests may go out.
    UnchokedBy = "unchoked-by" in Choking { conn: u64, remote: Remote }
    /// They took the slot away; `lost` requests in flight were dropped.
    ChokedBy = "choked-by" in Choking { conn: u64, remote: Remote, #[serde(default, skip_serializing_if = "is_zero")] lost: u32 }
    /// They let us starve: unchoked, asked, and no block for `silent` seconds.
    Snubbed = "snubbed" in Choking { conn: u64, remote: Remote, silent: u32 }

    // ---- picking ----
    /// A piece was chosen to be fetched. `availability` is how many connected peers have it.
    PiecePicked = "piece-picked" in Picking { piece: u32, conn: u64, remote: Remote, availability: u32, strategy: Strategy, why: String }
    /// Everything missing is asked for: the last blocks are asked from several peers at once.
    EndgameEntered = "endgame-entered" in Picking { blocks: u32 }

    // ---- transfer ----
    /// A block was asked for (BEP 3). `waiting` is how many are in flight to that peer. Detail: block.
    BlockRequested = "block-requested" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32, waiting: u32 }
    /// A block arrived. Detail: block.
    BlockReceived = "block-received" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32 }
    /// A block came that nobody asked for, or a second time; it was thrown away.
    BlockDiscarded = "block-discarded" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32, why: String }
    /// A block left for them. Detail: block.
    BlockSent = "block-sent" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32 }
    /// We took a request back (endgame, or a slow peer). Detail: block.
    RequestCancelled = "request-cancelled" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32, why: String }
    /// They said no to a request (BEP 6). Detail: block.
    RequestRejected = "request-rejected" in Transfer { conn: u64, remote: Remote, piece: u32, offset: u32, length: u32 }
    /// How far another peer is by its own account, and what crossed on this connection so far: each second in
    /// which that changed, and when it has its last piece. Only told by a peer that counts its recipients.
    PeerProgress = "peer-progress" in Transfer { conn: u64, remote: Remote, have: u32, pieces: u32, sent: ByteCount, received: ByteCount, up: Rate, down: Rate }
    /// A piece matches its hash. `from` says who sent how much of it.
    PieceVerified = "piece-verified" in Transfer { piece: u32, from: Vec<Provenance>, have: u32, pieces: u32 }
    /// A piece does not match its hash. `suspects` are those who sent blocks of it.
    PieceFailed = "piece-failed" in Transfer { piece: u32, suspects: Vec<Remote> }

    // ---- metadata ----
    /// A part of the info dictionary was asked for (BEP 9).
    MetadataRequested = "metadata-requested" in Metadata { conn: u64, remote: Remote, part: u32 }
    /// The info dictionary is whole and matches the info-hash (BEP 9).
    MetadataComplete = "metadata-complete" in Metadata { bytes: u32, name: String }
    /// A part was refused, or the whole does not match the info-hash.
    MetadataFailed = "metadata-failed" in Metadata { #[serde(default, skip_serializing_if = "Option::is_none")] remote: Option<Remote>, why: String }

    // ---- share ----
    /// What is shared was packed into an encrypted archive; `bytes` are those of its files.
    Packed = "packed" in Share { archive: String, files: u64, bytes: ByteCount, archive_bytes: ByteCount }
    /// A recipient opened the archive with its password: everything in it is there.
    Unpacked = "unpacked" in Share { archive: String, files: u64, bytes: ByteCount }
    /// A recipient has the archive, and could not unpack it. Nothing was written.
    UnpackFailed = "unpack-failed" in Share { archive: String, why: String }
    /// As many recipients have everything as were wanted, and the sharer goes; `at_least` says that it can't be known exactly.
    Delivered = "delivered" in Share { recipients: u32, wanted: u32, at_least: bool }

    // ---- trust ----
    /// A rule of the protocol was broken; the connection is closed for it.
    PeerMisbehaved = "peer-misbehaved" in Trust { conn: u64, remote: Remote, why: String }
    /// No more dealings with this peer, and the proof.
    PeerBanned = "peer-banned" in Trust { remote: Remote, why: String }

    // ---- network ----
    // Told by the network at whose border it happens (or the host whose link it is), in worlds that make networks.
    /// A NAT gave a connection or flow from `from` to `to` the outside address `outside` (RFC 4787 section 4.1).
    NatMapped = "nat-mapped" in Network { protocol: Transport, from: Remote, to: Remote, outside: SocketAddr }
    /// A port of the border was opened by hand: who calls `outside` reaches `inside`.
    PortForwarded = "port-forwarded" in Network { protocol: Transport, inside: Remote, outside: SocketAddr }
    /// Packets vanished, and by which rule. `packet` is what they carry: open, data or end of a connection, or a datagram.
    PacketDropped = "packet-dropped" in Network { protocol: Transport, from: Remote, to: Remote, packet: String, packets: u64, rule: String, why: String }
    /// Packets were turned back with a reset, and by which rule.
    PacketRefused = "packet-refused" in Network { protocol: Transport, from: Remote, to: Remote, packet: String, packets: u64, rule: String, why: String }
    /// The provider recognised a flow and does this to it: drop, reset, or throttle to `rate`.
    FlowInspected = "flow-inspected" in Network { from: Remote, to: Remote, class: FlowClass, rule: String, does: String, #[serde(default, skip_serializing_if = "Option::is_none")] rate: Option<Rate> }

    // ---- tracker ----
    /// A client proved its address and got a connection id (BEP 15).
    TrackerConnected = "tracker-connected" in Tracker { remote: Remote }
    /// A client announced itself (BEP 15); `returned` peers were told to it.
    TrackerAnnounced = "tracker-announced" in Tracker { remote: Remote, info_hash: InfoHash, peer_id: PeerId, event: String, port: u16, left: ByteCount, downloaded: ByteCount, uploaded: ByteCount, returned: u32, seeders: u32, leechers: u32 }
    /// A client asked for the numbers of swarms (BEP 48).
    TrackerScraped = "tracker-scraped" in Tracker { remote: Remote, torrents: u32 }
    /// A client was told no, and why; or a datagram was not worth an answer.
    TrackerRefused = "tracker-refused" in Tracker { remote: Remote, why: String, answered: bool }
    /// A peer did not announce for too long and is no longer told to others.
    TrackerExpired = "tracker-expired" in Tracker { info_hash: InfoHash, peer_id: PeerId, remote: Remote }

    // ---- script ----
    /// A step of the script was carried out.
    Step = "step" in Script { step: u32, #[serde(rename = "do")] action: String, who: Vec<String>, why: String }
    /// A remark of the lab: a world that can't do something, a link that could not be shaped.
    Note = "note" in Script { text: String }

    // ---- verdict ----
    /// A check held. `evidence` are line numbers (from 1) in this log.
    CheckPassed = "check-passed" in Verdict { check: u32, text: String, evidence: Vec<u64> }
    /// A check did not hold.
    CheckFailed = "check-failed" in Verdict { check: u32, text: String, evidence: Vec<u64> }
    /// No evidence either way, or a world that can't show it.
    CheckUndecided = "check-undecided" in Verdict { check: u32, text: String, unsupported: bool }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How a peer's address became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Tracker,
    Pex,
    /// It dialled us.
    Incoming,
    /// The scenario, the command line or a magnet link's `x.pe`.
    Given,
}

/// What carries bytes below BitTorrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Tcp,
    Udp,
}

/// Who dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Out,
    In,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedBy {
    Us,
    Them,
    /// Neither: reset, timed out.
    Network,
}

/// Which side of a connection did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Us,
    Them,
}

/// What the payload of a connection crosses in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// In the clear from the first byte.
    Plaintext,
    /// Everything is encrypted with RC4 (MSE).
    Rc4,
    /// The encrypted handshake only (MSE): all that follows is in the clear.
    PlaintextAfterHandshake,
}

/// What an onlooker who knows signatures takes a flow for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowClass {
    /// The handshake of BEP 3 stands there.
    PlaintextBittorrent,
    /// No signature fits, and the bytes look like noise.
    ObfuscatedUnknown,
    Http,
    /// Something else with a shape of its own (TLS, SSH), or too little to tell.
    Other,
}

/// Which of the upload slots a peer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnchokeSlot {
    /// Earned, by rate.
    Regular,
    /// Given by lot, to find better partners and to start newcomers.
    Optimistic,
}

/// By which rule a piece was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One of the first few: any piece will do, to have something to trade.
    RandomFirst,
    RarestFirst,
    /// Begun already: finish it before opening another.
    Partial,
    Sequential,
    /// Blocks in flight elsewhere, asked for once more.
    Endgame,
}

/// Who sent how many bytes of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    pub remote: Remote,
    pub bytes: u32,
}

/// The events that name one other side, as a pattern.
macro_rules! one_remote {
    ($remote:ident) => {
        Event::Exchanged { remote: $remote, .. }
            | Event::PeerFound { remote: $remote, .. }
            | Event::PexReceived { remote: $remote, .. }
            | Event::PexSent { remote: $remote, .. }
            | Event::Fenced { remote: $remote, .. }
            | Event::Dialled { remote: $remote, .. }
            | Event::DialFailed { remote: $remote, .. }
            | Event::Connected { remote: $remote, .. }
            | Event::Rejected { remote: $remote, .. }
            | Event::Closed { remote: $remote, .. }
            | Event::KeySent { remote: $remote, .. }
            | Event::KeyReceived { remote: $remote, .. }
            | Event::Synchronised { remote: $remote, .. }
            | Event::SkeyMatched { remote: $remote, .. }
            | Event::EncryptionOffered { remote: $remote, .. }
            | Event::EncryptionSelected { remote: $remote, .. }
            | Event::EncryptionFailed { remote: $remote, .. }
            | Event::EncryptionFellBack { remote: $remote, .. }
            | Event::PlaintextHandshake { remote: $remote, .. }
            | Event::CipherSettled { remote: $remote, .. }
            | Event::FlowClassified { remote: $remote, .. }
            | Event::HandshakeSent { remote: $remote, .. }
            | Event::HandshakeReceived { remote: $remote, .. }
            | Event::ExtensionsReceived { remote: $remote, .. }
            | Event::BitfieldReceived { remote: $remote, .. }
            | Event::UnknownMessage { remote: $remote, .. }
            | Event::UnknownExtension { remote: $remote, .. }
            | Event::Interested { remote: $remote, .. }
            | Event::NotInterested { remote: $remote, .. }
            | Event::PeerInterested { remote: $remote, .. }
            | Event::PeerNotInterested { remote: $remote, .. }
            | Event::Unchoked { remote: $remote, .. }
            | Event::Choked { remote: $remote, .. }
            | Event::UnchokedBy { remote: $remote, .. }
            | Event::ChokedBy { remote: $remote, .. }
            | Event::Snubbed { remote: $remote, .. }
            | Event::PiecePicked { remote: $remote, .. }
            | Event::BlockRequested { remote: $remote, .. }
            | Event::BlockReceived { remote: $remote, .. }
            | Event::BlockDiscarded { remote: $remote, .. }
            | Event::BlockSent { remote: $remote, .. }
            | Event::RequestCancelled { remote: $remote, .. }
            | Event::RequestRejected { remote: $remote, .. }
            | Event::MetadataRequested { remote: $remote, .. }
            | Event::PeerProgress { remote: $remote, .. }
            | Event::PeerMisbehaved { remote: $remote, .. }
            | Event::PeerBanned { remote: $remote, .. }
            | Event::TrackerConnected { remote: $remote, .. }
            | Event::TrackerAnnounced { remote: $remote, .. }
            | Event::TrackerScraped { remote: $remote, .. }
            | Event::TrackerRefused { remote: $remote, .. }
            | Event::TrackerExpired { remote: $remote, .. }
    };
}

impl Cipher {
    pub const ALL: [Self; 3] = [Self::Plaintext, Self::Rc4, Self::PlaintextAfterHandshake];

    /// The name in events and scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Rc4 => "rc4",
            Self::PlaintextAfterHandshake => "plaintext-after-handshake",
        }
    }
}

impl FlowClass {
    pub const ALL: [Self; 4] = [Self::PlaintextBittorrent, Self::ObfuscatedUnknown, Self::Http, Self::Other];

    /// The name in events and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlaintextBittorrent => "plaintext-bittorrent",
            Self::ObfuscatedUnknown => "obfuscated-unknown",
            Self::Http => "http",
            Self::Other => "other",
        }
    }
}

impl Event {
    /// True for the events that come with every block, off by default ([`Detail`]).
    pub fn is_block_level(&self) -> bool {
        matches!(
            self,
            Self::BlockRequested { .. }
                | Self::BlockReceived { .. }
                | Self::BlockSent { .. }
                | Self::RequestCancelled { .. }
                | Self::RequestRejected { .. }
        )
    }

    /// The other side, where the event has exactly one.
    pub fn remote(&self) -> Option<&Remote> {
        match self {
            one_remote!(remote) => Some(remote),
            Self::MetadataFailed { remote, .. } => remote.as_ref(),
            _ => None,
        }
    }

    /// Every other side that the event names, for [`crate::Names`] to put names in.
    pub fn remotes_mut(&mut self) -> Vec<&mut Remote> {
        match self {
            one_remote!(remote) => vec![remote],
            Self::MetadataFailed { remote, .. } => remote.iter_mut().collect(),
            Self::PieceVerified { from, .. } => from.iter_mut().map(|part| &mut part.remote).collect(),
            Self::PieceFailed { suspects, .. } => suspects.iter_mut().collect(),
            Self::NatMapped { from, to, .. }
            | Self::PacketDropped { from, to, .. }
            | Self::PacketRefused { from, to, .. }
            | Self::FlowInspected { from, to, .. } => vec![from, to],
            Self::PortForwarded { inside, .. } => vec![inside],
            _ => Vec::new(),
        }
    }
}
