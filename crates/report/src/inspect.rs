//! The recorded connections of a run, each under glass: what crossed the wire beside what the ends meant.
//!
//! A connection that both ends recorded is one connection. [`Connection::turns`] tells it in the order of time,
//! as a conversation is told: who spoke, from which byte on, and what each part was.

use std::collections::{BTreeMap, BTreeSet};

use events::{Cipher, Direction, Event, LabKey, Remote};
use model::Time;
use wire::explain::{Explained, Key, Span, explain};
use wire::mse::{self, Secret};

use crate::{Run, WireRecord};

/// One connection of a run, explained.
#[derive(Debug)]
pub struct Connection<'a> {
    /// From 1, in the order in which connections began.
    pub number: usize,
    /// Who dialled, and who was dialled: by name where the log knows one.
    pub dialler: String,
    pub dialled: String,
    /// Whose record is shown. The other end's has the same bytes.
    pub record: &'a WireRecord,
    /// All who recorded it.
    pub recorded_by: Vec<&'a str>,
    /// Whose key log opens it.
    pub key_of: Option<&'a str>,
    /// What the payload crosses in: as the ends said, or as the bytes tell.
    pub cipher: Option<Cipher>,
    /// Why the encrypted handshake came to nothing, if it did.
    pub failed: Option<&'a str>,
    pub explained: Explained,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Dialler,
    Dialled,
}

/// What one end sent before the other did.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    pub time: Time,
    pub from: End,
    /// The place of its first byte in this direction.
    pub at: u64,
    /// Bytes that crossed, recorded or not.
    pub length: u64,
    /// What begins in it.
    pub spans: Vec<&'a Span>,
}

/// The recorded connections of a run, in the order in which they began.
pub fn connections(run: &Run) -> Vec<Connection<'_>> {
    let mut ends: Vec<Seen<'_>> = run.wire.values().flat_map(|by_number| by_number.values()).map(Seen::new).collect();
    ends.sort_by_key(|seen| (seen.record.began(), seen.from != End::Dialler, &seen.record.peer, seen.record.conn));
    let (told, mut paired) = (Told::of(run), BTreeSet::new());
    let mut connections = Vec::new();
    for (i, seen) in ends.iter().enumerate() {
        if !paired.insert(i) {
            continue;
        }
        // Two connections may carry the same bytes: each then goes with the next of the other side.
        let other = (i + 1..ends.len()).find(|j| !paired.contains(j) && seen.is_the_other_end_of(&ends[*j]));
        paired.extend(other);
        connections.push(connection(&told, connections.len() + 1, *seen, other.map(|j| ends[j])));
    }
    connections
}

fn connection<'a>(told: &Told<'a>, number: usize, seen: Seen<'a>, other: Option<Seen<'a>>) -> Connection<'a> {
    let ends: Vec<Seen<'a>> = std::iter::once(seen).chain(other).collect();
    // The times of who dialled come first: on the way to the other side they are later.
    let shown = ends.iter().find(|seen| seen.from == End::Dialler).copied().unwrap_or(seen);
    let name = |end| match ends.iter().find(|seen| seen.from == end) {
        Some(seen) => seen.record.peer.clone(),
        None => shown.record.remote.to_string(),
    };
    let key = ends.iter().find_map(|seen| Some((seen.record.peer.as_str(), key(seen.record.key.as_ref()?)?)));
    let explained = explain(shown.sent_by(End::Dialler), shown.sent_by(End::Dialled), key.as_ref().map(|(_, key)| key));
    let accounts: Vec<Account<'a>> = ends.iter().filter_map(|seen| told.about(seen.record)).collect();
    Connection {
        number,
        dialler: name(End::Dialler),
        dialled: name(End::Dialled),
        record: shown.record,
        recorded_by: ends.iter().map(|seen| seen.record.peer.as_str()).collect(),
        key_of: key.map(|(peer, _)| peer),
        cipher: accounts.iter().find_map(|account| account.cipher).or(explained.cipher.map(cipher)),
        failed: accounts.iter().find_map(|account| account.failed),
        explained,
    }
}

impl Connection<'_> {
    /// True when `name` is at one of its ends.
    pub fn is_of(&self, name: &str) -> bool {
        self.dialler == name || self.dialled == name
    }

    /// The bytes that this end sent, as they were on the wire.
    pub fn wire(&self, from: End) -> &[u8] {
        Seen::new(self.record).sent_by(from)
    }

    /// The same, explained.
    pub fn stream(&self, from: End) -> &wire::explain::Stream {
        match from {
            End::Dialler => &self.explained.dialler,
            End::Dialled => &self.explained.dialled,
        }
    }

    pub fn name(&self, end: End) -> &str {
        match end {
            End::Dialler => &self.dialler,
            End::Dialled => &self.dialled,
        }
    }

    /// Bytes known to have crossed from this end, recorded or not. Past [`events::Chunk::CHUNKS_MAX`] chunks
    /// nobody counted.
    pub fn crossed(&self, from: End) -> u64 {
        let seen = Seen::new(self.record);
        let chunks = seen.record.chunks.iter().filter(|line| seen.sender(line.chunk.direction) == from);
        chunks.map(|line| u64::from(line.chunk.len)).sum()
    }

    /// Who spoke, in the order of time. Where no span begins (in the rest of a long message, in what was not
    /// recorded) nobody is said to speak.
    pub fn turns(&self) -> Vec<Turn<'_>> {
        let seen = Seen::new(self.record);
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for line in &self.record.chunks {
            let (from, at, length) = (seen.sender(line.chunk.direction), line.chunk.at, u64::from(line.chunk.len));
            let end = at.saturating_add(length);
            let begins = |span: &&Span| (at..end).contains(&(span.at as u64));
            let spans: Vec<&Span> = self.stream(from).spans.iter().filter(begins).collect();
            match turns.last_mut() {
                _ if spans.is_empty() => {}
                Some(turn) if turn.from == from => {
                    turn.length = end.saturating_sub(turn.at);
                    turn.spans.extend(spans);
                }
                _ => turns.push(Turn { time: line.time, from, at, length, spans }),
            }
        }
        turns
    }
}

/// A record from the point of view of its connection.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    record: &'a WireRecord,
    /// Which end recorded.
    from: End,
}

impl<'a> Seen<'a> {
    fn new(record: &'a WireRecord) -> Self {
        let dialled = record.direction.map(|direction| direction == Direction::Out);
        let dialled = dialled.or_else(|| record.key.as_ref().map(|key| key.dialled));
        // Where nobody tells: who dials speaks first.
        let spoke = || record.chunks.first().is_none_or(|line| line.chunk.direction == Direction::Out);
        Self { record, from: if dialled.unwrap_or_else(spoke) { End::Dialler } else { End::Dialled } }
    }

    fn sender(&self, direction: Direction) -> End {
        match (self.from, direction) {
            (end, Direction::Out) => end,
            (End::Dialler, Direction::In) => End::Dialled,
            (End::Dialled, Direction::In) => End::Dialler,
        }
    }

    fn sent_by(&self, end: End) -> &'a [u8] {
        if end == self.from { &self.record.sent.bytes } else { &self.record.received.bytes }
    }

    /// Judged by the bytes: what one end sent, the other received. Names must not contradict it.
    fn is_the_other_end_of(&self, other: &Self) -> bool {
        let may_be = |remote: &Remote, peer: &str| !matches!(remote, Remote::Name(name) if name != peer);
        let same = |end| {
            let (a, b) = (self.sent_by(end), other.sent_by(end));
            let common = a.len().min(b.len());
            a[..common] == b[..common] && (common > 0 || end == End::Dialled)
        };
        self.from != other.from
            && self.record.peer != other.record.peer
            && may_be(&self.record.remote, &other.record.peer)
            && may_be(&other.record.remote, &self.record.peer)
            && same(End::Dialler)
            && same(End::Dialled)
    }
}

/// A key of the log, unless it has another length than any.
fn key(key: &LabKey) -> Option<Key> {
    let secret = key.secret.as_slice().try_into().ok()?;
    Some(Key { secret: Secret::new(secret), skey: key.skey })
}

/// What the log says of connections, by who says it and the connection's number there. A peer that was
/// started again uses its numbers again: there is one account for each use, in order.
struct Told<'a>(BTreeMap<(&'a str, u64), Vec<Account<'a>>>);

/// One connection in the log.
#[derive(Debug, Clone, Copy)]
struct Account<'a> {
    since: Time,
    cipher: Option<Cipher>,
    failed: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(run: &'a Run) -> Self {
        let mut told: BTreeMap<(&str, u64), Vec<Account<'_>>> = BTreeMap::new();
        for record in &run.records {
            let (Event::Connected { conn, .. }
            | Event::CipherSettled { conn, .. }
            | Event::EncryptionFailed { conn, .. }) = &record.event
            else {
                continue;
            };
            let accounts = told.entry((&record.peer, *conn)).or_default();
            match (&record.event, accounts.last_mut()) {
                (Event::CipherSettled { cipher, .. }, Some(account)) => account.cipher = Some(*cipher),
                (Event::EncryptionFailed { why, .. }, Some(account)) => account.failed = Some(why),
                _ => accounts.push(Account { since: record.time, cipher: None, failed: None }),
            }
        }
        Self(told)
    }

    fn about(&self, record: &WireRecord) -> Option<Account<'a>> {
        let accounts = self.0.get(&(record.peer.as_str(), record.conn))?;
        accounts.iter().rev().find(|account| account.since <= record.began()).copied()
    }
}

fn cipher(cipher: mse::Cipher) -> Cipher {
    match cipher {
        mse::Cipher::Plaintext => Cipher::Plaintext,
        mse::Cipher::Rc4 => Cipher::Rc4,
        mse::Cipher::PlaintextAfterHandshake => Cipher::PlaintextAfterHandshake,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use node::Policy;
    use testkit::record_run;
    use wire::explain::Sight;

    use super::*;

    #[test]
    fn a_connection_recorded_at_both_ends_is_listed_once() {
        let run = play(Policy::Preferred, Policy::Allowed, |_| {});
        let connections = connections(&run);
        assert_eq!(connections.len(), 1);
        let connection = &connections[0];
        assert_eq!((connection.number, &*connection.dialler, &*connection.dialled), (1, "alice", "bob"));
        assert_eq!(connection.recorded_by, ["alice", "bob"]);
        assert_eq!((connection.cipher, connection.explained.sight), (Some(Cipher::Rc4), Sight::Opened));
        assert!(connection.is_of("bob") && !connection.is_of("carol"));
        assert_eq!(connection.crossed(End::Dialler) as usize, connection.wire(End::Dialler).len());
        assert!(connection.crossed(End::Dialled) > 2048 && connection.wire(End::Dialled).len() == 2048);
    }

    #[test]
    fn turns_tell_the_conversation_in_the_order_of_time() {
        let run = play(Policy::Required, Policy::Allowed, |_| {});
        let connections = connections(&run);
        let turns = connections[0].turns();
        let told: Vec<(End, &str)> = turns.iter().map(|turn| (turn.from, &*turn.spans[0].name)).collect();
        assert_eq!(
            told[..4],
            [
                (End::Dialler, "public key Ya"),
                (End::Dialled, "public key Yb"),
                (End::Dialler, "HASH('req1', S)"),
                (End::Dialled, "verification constant VC"),
            ]
        );
        assert!(turns.is_sorted_by_key(|turn| turn.time));
        // Nothing is told twice and nothing is left out.
        for end in [End::Dialler, End::Dialled] {
            let spans: Vec<&Span> =
                turns.iter().filter(|turn| turn.from == end).flat_map(|turn| turn.spans.clone()).collect();
            assert_eq!(spans, Vec::from_iter(&connections[0].stream(end).spans));
        }
    }

    #[test]
    fn either_end_is_enough_and_its_key_too() {
        for silent in ["alice", "bob"] {
            let run = play(Policy::Required, Policy::Allowed, |folder| {
                std::fs::remove_file(folder.join(format!("wire/{silent}.jsonl"))).unwrap();
            });
            let connections = connections(&run);
            let connection = &connections[0];
            assert_eq!((&*connection.dialler, &*connection.dialled), ("alice", "bob"), "without {silent}");
            assert_eq!(connection.explained.sight, Sight::Opened);
        }
        let run = play(Policy::Required, Policy::Allowed, |folder| {
            std::fs::remove_file(folder.join("keys/alice.jsonl")).unwrap();
        });
        assert_eq!(connections(&run)[0].key_of, Some("bob"));
        let run =
            play(Policy::Required, Policy::Allowed, |folder| std::fs::remove_dir_all(folder.join("keys")).unwrap());
        let connections = connections(&run);
        assert_eq!((connections[0].key_of, connections[0].explained.sight), (None, Sight::Closed));
        assert_eq!(connections[0].cipher, Some(Cipher::Rc4), "the log knows");
    }

    #[test]
    fn a_try_that_failed_is_listed_before_the_one_that_followed() {
        let run = play(Policy::Preferred, Policy::Disabled, |_| {});
        let connections = connections(&run);
        let ciphers: Vec<_> = connections.iter().map(|connection| (connection.number, connection.cipher)).collect();
        assert_eq!(ciphers, [(1, None), (2, Some(Cipher::Plaintext))]);
        assert!(connections[0].failed.is_some() && connections[1].failed.is_none());
    }

    fn play(alice: Policy, bob: Policy, spoil: impl FnOnce(&Path)) -> Run {
        let folder = tempfile::tempdir().unwrap();
        record_run(folder.path(), alice, bob).unwrap();
        spoil(folder.path());
        Run::open(folder.path()).unwrap()
    }
}
