//! Event logs drawn as text, one event a line: `2.5 sharer-1 verified 3/8 seed:100 sharer-2:50`.

use std::net::SocketAddr;

use events::{Cipher, ClosedBy, Direction, Event, FlowClass, Provenance, Record, Remote, Transport, UnchokeSlot};
use model::{ByteCount, InfoHash, PeerId, Rate, Time};

/// Reads a drawing. A piece has 100 bytes.
pub(crate) fn log(drawing: &str) -> Vec<Record> {
    drawing.lines().map(str::trim).filter(|line| !line.is_empty()).map(record).collect()
}

fn record(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    let seconds: f64 = words[0].parse().unwrap_or_else(|_| panic!("no time in {line:?}"));
    let event = event(words[2], &words[3..]).unwrap_or_else(|| panic!("no event in {line:?}"));
    Record { time: Time::from_micros((seconds * 1e6) as u64), peer: words[1].to_owned(), event }
}

fn event(kind: &str, words: &[&str]) -> Option<Event> {
    let why = String::new;
    // One connection to each other side.
    let conn = words.first().map_or(0, |name| name.bytes().map(u64::from).sum());
    Some(match kind {
        "started" => Event::Started { peer_id: PeerId([1; 20]), listen: addr(), client: why() },
        "joined" => Event::Joined { info_hash: InfoHash([1; 20]), name: None, private: false },
        "checked" => {
            let (have, pieces) = pieces(words[0])?;
            Event::Checked { have, pieces, bytes: bytes(have) }
        }
        "progress" => progress(words)?,
        "complete" => Event::Complete {
            bytes: bytes(8),
            downloaded: ByteCount(number(words, "got").unwrap_or(0)),
            uploaded: ByteCount(number(words, "gave").unwrap_or(0)),
        },
        "verified" => {
            let (have, pieces) = pieces(words[0])?;
            let from = words[1..].iter().map(|word| {
                let (name, bytes) = word.split_once(':').unwrap();
                Provenance { remote: remote(name), bytes: bytes.parse().unwrap() }
            });
            Event::PieceVerified { piece: have - 1, from: from.collect(), have, pieces }
        }
        "failed" => Event::PieceFailed { piece: 0, suspects: words.iter().map(|name| remote(name)).collect() },
        "banned" => Event::PeerBanned { remote: remote(words[0]), why: why() },
        "handshake" => Event::HandshakeReceived {
            conn,
            remote: remote(words[0]),
            info_hash: InfoHash([1; 20]),
            peer_id: PeerId([1; 20]),
            client: why(),
            reserved: Vec::new(),
        },
        "unchoked" => {
            let slot = UnchokeSlot::Optimistic;
            Event::Unchoked { conn, remote: remote(words[0]), slot, rank: 1, rate: Rate(0), why: why() }
        }
        "choked" => Event::Choked { conn, remote: remote(words[0]), rank: 1, rate: Rate(0), why: why() },
        "closed" => Event::Closed { conn, remote: remote(words[0]), by: ClosedBy::Them, why: why() },
        "in-the-clear" => Event::PlaintextHandshake { conn, remote: remote(words[0]), direction: Direction::Out },
        "settled" => {
            let cipher = Cipher::ALL.into_iter().find(|cipher| cipher.name() == words[1])?;
            Event::CipherSettled { conn, remote: remote(words[0]), cipher }
        }
        "classified" => {
            let class = FlowClass::ALL.into_iter().find(|class| class.name() == words[1])?;
            Event::FlowClassified { conn, remote: remote(words[0]), class, rule: why() }
        }
        "interested" => Event::Interested { conn, remote: remote(words[0]) },
        "copy-out" => Event::CopyOut { pieces: 8 },
        "left" => Event::Left { why: why() },
        "killed" => Event::Killed { why: why() },
        "announced" => Event::TrackerAnnounced {
            remote: remote(words[0]),
            info_hash: InfoHash([1; 20]),
            peer_id: PeerId([1; 20]),
            event: words[1].to_owned(),
            port: 1,
            left: ByteCount(0),
            downloaded: ByteCount(0),
            uploaded: ByteCount(0),
            returned: 0,
            seeders: 0,
            leechers: 0,
        },
        "unpacked" => {
            let archive = words.first().copied().unwrap_or_default().to_owned();
            Event::Unpacked { archive, files: 1, bytes: ByteCount(1) }
        }
        "connected" => {
            let direction = if words[1] == "in" { Direction::In } else { Direction::Out };
            Event::Connected { conn, remote: remote(words[0]), direction }
        }
        "dropped" => Event::PacketDropped {
            protocol: Transport::Tcp,
            from: remote(words[0]),
            to: remote(words[1]),
            packet: "open".to_owned(),
            packets: 1,
            rule: words[2].to_owned(),
            why: why(),
        },
        "note" => Event::Note { text: why() },
        _ => return None,
    })
}

fn progress(words: &[&str]) -> Option<Event> {
    let (have, pieces) = pieces(words[0])?;
    Some(Event::Progress {
        have,
        pieces,
        downloaded: ByteCount(number(words, "got").unwrap_or(0)),
        uploaded: ByteCount(number(words, "gave").unwrap_or(0)),
        down: Rate(number(words, "down").unwrap_or(0)),
        up: Rate(number(words, "up").unwrap_or(0)),
        peers: number(words, "peers").unwrap_or(0) as u32,
    })
}

fn number(words: &[&str], key: &str) -> Option<u64> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}

fn pieces(word: &str) -> Option<(u32, u32)> {
    let (have, pieces) = word.split_once('/')?;
    Some((have.parse().ok()?, pieces.parse().ok()?))
}

fn bytes(pieces: u32) -> ByteCount {
    ByteCount(u64::from(pieces) * 100)
}

fn remote(name: &str) -> Remote {
    Remote::from(name)
}

fn addr() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 6881))
}
