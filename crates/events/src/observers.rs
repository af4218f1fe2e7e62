//! What each party around a swarm could learn, from the events alone.
//!
//! Four onlookers: the tracker, the internet provider (which carries every packet of the lab), a member of the
//! swarm, and an outsider who is none of these. Six things to learn ([`Item`]). Each event that shows somebody
//! something is a [`Clue`]; what a clue teaches whom stands in one table, [`Clue::teaches`].
//!
//! Encryption (MSE) moves less than one hopes. It takes handshakes, names and content off the wire, for the provider
//! alone; addresses and volume stay, and so do announces (BEP 15): they are plain UDP, and each names the info-hash.
//!
//! A program that reports no step of encryption on a connection has none there: it is counted as plaintext.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Cipher, Event, Record, Remote};

/// Who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observer {
    Tracker,
    /// The internet provider, on the path of every packet, announces among them.
    Isp,
    /// Anybody who takes part in the swarm.
    Member,
    /// None of these: sees no packet and takes no part.
    Outsider,
}

/// What there is to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Who takes part, by address and port.
    Addresses,
    /// Which torrent it is. Who has it can join.
    InfoHash,
    /// What the torrent and its files are called.
    Names,
    /// Which programs are used.
    Clients,
    /// How big it is: partly is the total, yes is each file.
    Sizes,
    /// What is in the files: partly is some pieces.
    Content,
}

/// How much of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degree {
    No,
    Partly,
    Yes,
}

/// What an observer learned of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    pub degree: Degree,
    /// By what, or why not.
    pub how: String,
    /// Lines of the log (from 1) that show it, the first few of each kind. None for "no".
    pub evidence: Vec<u64>,
}

/// The fold: feed it a run's records in order.
#[derive(Debug, Clone, Default)]
pub struct Observers {
    /// The first lines of each clue.
    clues: BTreeMap<Clue, Vec<u64>>,
    /// What is known of the connection `.1` of the peer `.0`.
    connections: BTreeMap<(String, u64), Crossing>,
    /// The latest connection over which the peer `.0` joined `.1`: others may have come to nothing.
    latest: BTreeMap<(String, Remote), u64>,
    /// By peer: the parts of the info dictionary it asked for, and how the requests crossed.
    metadata: BTreeMap<String, BTreeMap<u32, Asked>>,
    /// Pieces that somebody got wholly in the clear.
    seen_pieces: BTreeSet<u32>,
    /// How many pieces there are, once an event told it.
    pieces: u32,
}

/// Something that an event shows to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clue {
    Announce,
    /// To a tracker behind TLS.
    AnnounceInTls,
    Connection,
    AddressTold,
    HandshakeInTheClear,
    ExtensionsInTheClear,
    BitfieldInTheClear,
    MetadataInTheClear,
    PartOfMetadataInTheClear,
    PieceInTheClear,
    EveryPieceInTheClear,
    PieceCrossed,
    Joined,
    NameInTheLink,
    Metadata,
    Handshake,
    Verified,
    Complete,
}

/// How a connection's payload crosses, as far as its owner told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Crossing {
    /// No step of encryption so far.
    #[default]
    Clear,
    /// In the middle of the encrypted handshake.
    Keyed,
    Settled(Cipher),
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Every request for this part crossed in the clear.
    always_clear: bool,
    once_clear: bool,
}

impl Observers {
    /// Learns from one record. `line` is its number in the log, from 1.
    pub fn apply(&mut self, line: u64, record: &Record) {
        self.follow(record);
        for clue in self.clues_in(record) {
            let lines = self.clues.entry(clue).or_default();
            if lines.len() < EVIDENCE_MAX {
                lines.push(line);
            }
        }
    }

    /// How much `observer` learned of `item` so far. What is learned stays: the degree never falls.
    pub fn degree(&self, observer: Observer, item: Item) -> Degree {
        let lessons = self.clues.keys().flat_map(|clue| clue.teaches());
        let its = lessons.filter(|lesson| lesson.observer == observer && lesson.item == item);
        its.map(|lesson| lesson.degree).max().unwrap_or(Degree::No)
    }

    /// The same, with how it came about.
    pub fn learned(&self, observer: Observer, item: Item) -> Learned {
        let lessons: Vec<(&Clue, &Lesson, &Vec<u64>)> = self
            .clues
            .iter()
            .flat_map(|(clue, lines)| clue.teaches().iter().map(move |lesson| (clue, lesson, lines)))
            .filter(|(_, lesson, _)| lesson.observer == observer && lesson.item == item)
            .collect();
        let Some(degree) = lessons.iter().map(|(_, lesson, _)| lesson.degree).max() else {
            return Learned { degree: Degree::No, how: why_not(observer, item).to_owned(), evidence: Vec::new() };
        };
        let best: Vec<_> = lessons.into_iter().filter(|(_, lesson, _)| lesson.degree == degree).collect();
        let how: Vec<String> = best.iter().map(|(clue, lesson, _)| self.sentence(**clue, lesson)).collect();
        let mut evidence: Vec<u64> = best.iter().flat_map(|(_, _, lines)| (*lines).clone()).collect();
        evidence.sort_unstable();
        evidence.dedup();
        Learned { degree, how: how.join("; "), evidence }
    }

    fn sentence(&self, clue: Clue, lesson: &Lesson) -> String {
        match clue {
            Clue::PieceInTheClear if !self.seen_pieces.is_empty() => {
                format!("{} of {} pieces crossed in the clear", self.seen_pieces.len(), self.pieces)
            }
            _ => lesson.how.to_owned(),
        }
    }
}

impl Observers {
    /// Keeps up with what each connection crosses in.
    fn follow(&mut self, record: &Record) {
        let peer = &record.peer;
        match &record.event {
            Event::Dialled { conn, .. } => {
                self.connections.remove(&(peer.clone(), *conn)); // numbers begin anew when a program does
            }
            Event::KeySent { conn, .. } | Event::KeyReceived { conn, .. } => {
                self.connections.insert((peer.clone(), *conn), Crossing::Keyed);
            }
            Event::CipherSettled { conn, remote, cipher } => {
                self.connections.insert((peer.clone(), *conn), Crossing::Settled(*cipher));
                self.latest.insert((peer.clone(), remote.clone()), *conn);
            }
            _ => {}
        }
    }

    fn clues_in(&mut self, record: &Record) -> Vec<Clue> {
        let peer = &record.peer;
        match &record.event {
            Event::TrackerAnnounced { .. } => vec![Clue::Announce],
            Event::AnnounceAnswered { tracker, .. } if tracker.starts_with("https:") => vec![Clue::AnnounceInTls],
            Event::AnnounceAnswered { .. } => vec![Clue::Announce],
            Event::Connected { .. } => vec![Clue::Connection],
            Event::PeerFound { .. } => vec![Clue::AddressTold],
            Event::PlaintextHandshake { .. } => vec![Clue::HandshakeInTheClear],
            Event::HandshakeReceived { conn, .. } => {
                seen(self.is_clear(peer, *conn), Clue::HandshakeInTheClear, vec![Clue::Handshake])
            }
            Event::ExtensionsReceived { conn, client: Some(_), .. } => {
                seen(self.is_clear(peer, *conn), Clue::ExtensionsInTheClear, vec![Clue::Handshake])
            }
            Event::BitfieldReceived { conn, pieces, .. } => {
                self.pieces = self.pieces.max(*pieces);
                seen(self.is_clear(peer, *conn), Clue::BitfieldInTheClear, Vec::new())
            }
            Event::MetadataRequested { conn, part, .. } => {
                self.part_asked(peer, *conn, *part);
                Vec::new()
            }
            Event::MetadataComplete { .. } => self.metadata_complete(peer),
            Event::Joined { name, .. } => {
                let in_link = name.as_ref().map(|_| Clue::NameInTheLink);
                [Clue::Joined].into_iter().chain(in_link).collect()
            }
            Event::Checked { have, pieces, .. } if *pieces > 0 => {
                self.pieces = self.pieces.max(*pieces);
                seen(have == pieces, Clue::Complete, vec![Clue::Metadata])
            }
            Event::PieceVerified { piece, from, pieces, .. } => {
                self.pieces = self.pieces.max(*pieces);
                let clear: Vec<bool> = from.iter().map(|part| self.is_clear_with(peer, &part.remote)).collect();
                self.piece_crossed(*piece, &clear)
            }
            Event::Exchanged { remote, sent, received } if sent.0 + received.0 > 0 => {
                let clear = self.is_clear_with(peer, remote);
                seen(clear, Clue::PieceInTheClear, vec![Clue::PieceCrossed])
            }
            Event::Complete { .. } => vec![Clue::Complete],
            _ => Vec::new(),
        }
    }

    fn is_clear(&self, peer: &str, conn: u64) -> bool {
        match self.connections.get(&(peer.to_owned(), conn)).copied().unwrap_or_default() {
            Crossing::Clear => true,
            Crossing::Keyed => false,
            Crossing::Settled(cipher) => cipher != Cipher::Rc4,
        }
    }

    fn is_clear_with(&self, peer: &str, remote: &Remote) -> bool {
        let latest = self.latest.get(&(peer.to_owned(), remote.clone()));
        latest.is_none_or(|conn| self.is_clear(peer, *conn))
    }

    fn part_asked(&mut self, peer: &str, conn: u64, part: u32) {
        let clear = self.is_clear(peer, conn);
        let asked = self.metadata.entry(peer.to_owned()).or_default();
        let asked = asked.entry(part).or_insert(Asked { always_clear: true, once_clear: false });
        asked.always_clear &= clear;
        asked.once_clear |= clear;
    }

    fn metadata_complete(&mut self, peer: &str) -> Vec<Clue> {
        let parts: Vec<Asked> = self.metadata.remove(peer).unwrap_or_default().into_values().collect();
        // A program that tells of no request (rqbit) tells of no encryption either: it has none.
        if parts.iter().all(|part| part.always_clear) {
            vec![Clue::Metadata, Clue::MetadataInTheClear]
        } else {
            let some = parts.iter().any(|part| part.once_clear);
            seen(some, Clue::PartOfMetadataInTheClear, vec![Clue::Metadata])
        }
    }

    fn piece_crossed(&mut self, piece: u32, clear: &[bool]) -> Vec<Clue> {
        let mut clues = vec![Clue::Verified, Clue::PieceCrossed];
        if clear.contains(&true) {
            clues.push(Clue::PieceInTheClear);
        }
        if !clear.is_empty() && !clear.contains(&false) && self.seen_pieces.insert(piece) {
            // Said once: by the piece that was the last one missing.
            if self.seen_pieces.len() == self.pieces as usize {
                clues.push(Clue::EveryPieceInTheClear);
            }
        }
        clues
    }
}

/// The clues, with one more if it holds.
fn seen(holds: bool, clue: Clue, mut clues: Vec<Clue>) -> Vec<Clue> {
    if holds {
        clues.push(clue);
    }
    clues
}

/// What a clue teaches one observer.
#[derive(Debug)]
struct Lesson {
    observer: Observer,
    item: Item,
    degree: Degree,
    how: &'static str,
}

macro_rules! lessons {
    ($($observer:ident $item:ident $degree:ident $how:literal),* $(,)?) => {
        &[$(Lesson { observer: Observer::$observer, item: Item::$item, degree: Degree::$degree, how: $how }),*]
    };
}

impl Clue {
    fn teaches(self) -> &'static [Lesson] {
        match self {
            Self::Announce => lessons![
                Tracker Addresses Yes "each peer announces itself, from its address",
                Tracker InfoHash Yes "an announce names it",
                Tracker Clients Yes "the peer id in an announce begins with the client's code",
                Tracker Sizes Partly "an announce says how many bytes are left: at the start, the total",
                Isp Addresses Yes "announces and their answers cross in the clear (UDP)",
                Isp InfoHash Yes "announces cross in the clear (UDP), whatever encrypts the rest, and name it",
                Isp Clients Yes "announces cross in the clear: the peer id begins with the client's code",
                Isp Sizes Partly "announces cross in the clear: bytes left, at the start the total",
            ],
            Self::AnnounceInTls => lessons![
                Tracker Addresses Yes "each peer announces itself, from its address",
                Tracker InfoHash Yes "an announce names it",
                Tracker Clients Yes "the peer id in an announce begins with the client's code",
                Tracker Sizes Partly "an announce says how many bytes are left: at the start, the total",
            ],
            Self::Connection => lessons![
                Isp Addresses Yes "each packet carries address and port of both its ends",
                Member Addresses Yes "who is connected sees the other's address",
            ],
            Self::AddressTold => lessons![
                Member Addresses Yes "the tracker and other members tell the addresses of all",
            ],
            Self::HandshakeInTheClear => lessons![
                Isp InfoHash Yes "a handshake crossed in the clear and names it",
                Isp Clients Yes "a handshake crossed in the clear: the peer id begins with the client's code",
            ],
            Self::ExtensionsInTheClear => lessons![
                Isp Clients Yes "an extension handshake crossed in the clear: it names client and version",
            ],
            Self::BitfieldInTheClear => lessons![
                Isp Sizes Partly "a bitfield crossed in the clear: the number of pieces",
            ],
            Self::MetadataInTheClear => lessons![
                Isp Names Yes "the info dictionary crossed in the clear (BEP 9)",
                Isp Sizes Yes "the info dictionary crossed in the clear (BEP 9), with each file's size",
            ],
            Self::PartOfMetadataInTheClear => lessons![
                Isp Names Partly "parts of the info dictionary crossed in the clear (BEP 9)",
                Isp Sizes Partly "parts of the info dictionary crossed in the clear (BEP 9)",
            ],
            Self::PieceInTheClear => lessons![
                Isp Content Partly "blocks crossed in the clear",
            ],
            Self::EveryPieceInTheClear => lessons![
                Isp Content Yes "every piece crossed in the clear",
            ],
            Self::PieceCrossed => lessons![
                Isp Sizes Partly "bytes can be counted, encrypted or not",
            ],
            Self::Joined => lessons![
                Member InfoHash Yes "it is how one asks for the torrent",
            ],
            Self::NameInTheLink => lessons![
                Member Names Partly "the torrent or magnet link bears a name",
            ],
            Self::Metadata => lessons![
                Member Names Yes "the info dictionary names every file",
                Member Sizes Yes "the info dictionary has each file's size",
            ],
            Self::Handshake => lessons![
                Member Clients Yes "each handshake ends here: it names the other's client",
            ],
            Self::Verified => lessons![
                Member Content Partly "pieces are sent to whoever takes part",
            ],
            Self::Complete => lessons![
                Member Content Yes "all of it is sent to whoever takes part; encryption ends here",
            ],
        }
    }
}

/// Why something stayed unknown.
fn why_not(observer: Observer, item: Item) -> &'static str {
    match (observer, item) {
        (Observer::Outsider, _) => "sees no packet and takes no part",
        (Observer::Tracker, Item::Names) => "no announce bears a name",
        (Observer::Tracker, Item::Content) => "no piece passes by the tracker",
        (Observer::Tracker, _) => "nobody announced",
        (Observer::Isp, Item::Addresses | Item::Sizes) => "nothing crossed",
        (Observer::Isp, Item::InfoHash | Item::Clients) => "no handshake and no announce crossed in the clear",
        (Observer::Isp, Item::Names) => "the info dictionary did not cross in the clear",
        (Observer::Isp, Item::Content) => "no block crossed in the clear",
        (Observer::Member, Item::Addresses) => "nobody met anybody",
        (Observer::Member, Item::Clients) => "no handshake came through",
        (Observer::Member, Item::Content) => "no piece came through",
        (Observer::Member, _) => "nobody had the torrent",
    }
}

/// Lines kept of each clue.
const EVIDENCE_MAX: usize = 3;

impl Observer {
    pub const ALL: [Self; 4] = [Self::Tracker, Self::Isp, Self::Member, Self::Outsider];

    /// The name in scenarios and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tracker => "tracker",
            Self::Isp => "isp",
            Self::Member => "member",
            Self::Outsider => "outsider",
        }
    }
}

impl Item {
    pub const ALL: [Self; 6] =
        [Self::Addresses, Self::InfoHash, Self::Names, Self::Clients, Self::Sizes, Self::Content];

    /// The name in scenarios and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::InfoHash => "info-hash",
            Self::Names => "names",
            Self::Clients => "clients",
            Self::Sizes => "sizes",
            Self::Content => "content",
        }
    }
}

impl Degree {
    pub const ALL: [Self; 3] = [Self::No, Self::Partly, Self::Yes];

    /// The name in scenarios and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Partly => "partly",
            Self::Yes => "yes",
        }
    }
}

#[cfg(test)]
mod tests;
