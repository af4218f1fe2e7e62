//! What a client sends.

use std::fmt;
use std::net::Ipv4Addr;

use bytes::Bytes;
use model::{ByteCount, InfoHash, PeerId};

use super::{ConnectionId, PROTOCOL_ID, Reader, TransactionId, action, options};

/// Torrents in one scrape. BEP 15: "up to about 74 torrents can be scraped at once", so that
/// request and answer fit one datagram.
pub const SCRAPE_HASHES_MAX: usize = 74;

/// A client's datagram (BEP 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Asks for a connection id.
    Connect { transaction: TransactionId },
    /// Tells that a peer is in a swarm, and asks for others.
    Announce(AnnounceRequest),
    /// Asks how large swarms are (BEP 48).
    Scrape(ScrapeRequest),
}

/// The 98 bytes of an announce, and BEP 41's options after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceRequest {
    pub connection: ConnectionId,
    pub transaction: TransactionId,
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    /// Since `started`.
    pub downloaded: ByteCount,
    /// Still missing: zero makes a seed.
    pub left: ByteCount,
    /// Since `started`.
    pub uploaded: ByteCount,
    pub event: AnnounceEvent,
    /// An address to be listed under instead of the sender's; unspecified means the sender's.
    /// Our tracker lists nobody elsewhere than where the announce came from.
    pub ip: Ipv4Addr,
    /// A random number that stays with a client when its address changes.
    pub key: u32,
    /// How many peers are wanted; negative leaves it to the tracker.
    pub num_want: i32,
    /// Where the peer listens.
    pub port: u16,
    /// Path and query of the tracker's URL (BEP 41).
    pub url_data: Option<Vec<u8>>,
}

/// Asks for the numbers of 1 to [`SCRAPE_HASHES_MAX`] swarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeRequest {
    pub connection: ConnectionId,
    pub transaction: TransactionId,
    pub hashes: Vec<InfoHash>,
}

/// Why a peer announces itself (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnounceEvent {
    /// The interval is over, or more peers are wanted.
    None,
    /// The download has just become whole.
    Completed,
    /// The first announce.
    Started,
    /// Leaving.
    Stopped,
    /// BEP 21, by libtorrent also over UDP: here, incomplete, and after nothing more.
    Paused,
}

/// A datagram that is no request, and whether its sender is owed a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct RequestError {
    pub fault: RequestFault,
    /// Where there is something to answer to: whoever holds a valid connection id should be
    /// told with this transaction id what is wrong.
    pub reply: Option<(ConnectionId, TransactionId)>,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    #[error("{0} bytes are too few for any request")]
    Short(usize),
    #[error("no connect request: the protocol id is wrong")]
    ProtocolId,
    #[error("action {0} is unknown")]
    Action(u32),
    #[error("an announce of {0} bytes: 98 are wanted")]
    AnnounceLength(usize),
    #[error("announce event {0} is unknown")]
    Event(u32),
    #[error("a scrape of {0} bytes: 16 and 20 for each torrent are wanted")]
    ScrapeLength(usize),
    #[error("a scrape of {0} torrents: 74 at most")]
    ScrapeCount(usize),
}

impl Request {
    /// Reads a datagram. Bytes past the end of a connect request are ignored; past an announce
    /// they are BEP 41's options.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        let mut reader = Reader::new(bytes);
        let header = (|| Some((reader.u64()?, reader.u32()?, TransactionId(reader.u32()?))))();
        let Some((id, action, transaction)) = header else {
            return Err(RequestError { fault: RequestFault::Short(bytes.len()), reply: None });
        };
        let connection = ConnectionId(id);
        let owed = |fault| RequestError { fault, reply: Some((connection, transaction)) };
        match action {
            action::CONNECT if id == PROTOCOL_ID => Ok(Self::Connect { transaction }),
            action::CONNECT => Err(RequestError { fault: RequestFault::ProtocolId, reply: None }),
            action::ANNOUNCE => parse_announce(connection, transaction, bytes).map(Self::Announce).map_err(owed),
            action::SCRAPE => parse_scrape(connection, transaction, reader.rest).map(Self::Scrape).map_err(owed),
            _ => Err(owed(RequestFault::Action(action))),
        }
    }

    /// The datagram.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(ANNOUNCE_BYTES);
        match self {
            Self::Connect { transaction } => write_header(&mut out, PROTOCOL_ID, action::CONNECT, *transaction),
            Self::Announce(announce) => write_announce(&mut out, announce),
            Self::Scrape(scrape) => {
                write_header(&mut out, scrape.connection.0, action::SCRAPE, scrape.transaction);
                out.extend(scrape.hashes.iter().flat_map(|hash| hash.0));
            }
        }
        Bytes::from(out)
    }
}

fn parse_announce(
    connection: ConnectionId,
    transaction: TransactionId,
    bytes: &[u8],
) -> Result<AnnounceRequest, RequestFault> {
    let fields = bytes.get(HEADER_BYTES..ANNOUNCE_BYTES).and_then(|fixed| announce_fields(&mut Reader::new(fixed)));
    let (event, announce) = fields.ok_or(RequestFault::AnnounceLength(bytes.len()))?;
    Ok(AnnounceRequest {
        connection,
        transaction,
        event: AnnounceEvent::from_wire(event).ok_or(RequestFault::Event(event))?,
        url_data: options::read_url_data(&bytes[ANNOUNCE_BYTES..]),
        ..announce
    })
}

/// The fields after the header, in BEP 15's order; the event's number is returned beside them.
fn announce_fields(reader: &mut Reader<'_>) -> Option<(u32, AnnounceRequest)> {
    let info_hash = InfoHash(reader.array()?);
    let peer_id = PeerId(reader.array()?);
    let downloaded = ByteCount(reader.u64()?);
    let left = ByteCount(reader.u64()?);
    let uploaded = ByteCount(reader.u64()?);
    let event = reader.u32()?;
    let announce = AnnounceRequest {
        connection: ConnectionId(0),
        transaction: TransactionId(0),
        info_hash,
        peer_id,
        downloaded,
        left,
        uploaded,
        event: AnnounceEvent::None,
        ip: Ipv4Addr::from(reader.u32()?),
        key: reader.u32()?,
        num_want: reader.u32()?.cast_signed(),
        port: reader.u16()?,
        url_data: None,
    };
    Some((event, announce))
}

fn parse_scrape(
    connection: ConnectionId,
    transaction: TransactionId,
    hashes: &[u8],
) -> Result<ScrapeRequest, RequestFault> {
    let (hashes, rest) = hashes.as_chunks::<20>();
    if hashes.is_empty() || !rest.is_empty() {
        return Err(RequestFault::ScrapeLength(HEADER_BYTES + hashes.len() * 20 + rest.len()));
    }
    if hashes.len() > SCRAPE_HASHES_MAX {
        return Err(RequestFault::ScrapeCount(hashes.len()));
    }
    Ok(ScrapeRequest { connection, transaction, hashes: hashes.iter().copied().map(InfoHash).collect() })
}

fn write_header(out: &mut Vec<u8>, id: u64, action: u32, transaction: TransactionId) {
    out.extend(id.to_be_bytes());
    out.extend(action.to_be_bytes());
    out.extend(transaction.0.to_be_bytes());
}

fn write_announce(out: &mut Vec<u8>, announce: &AnnounceRequest) {
    write_header(out, announce.connection.0, action::ANNOUNCE, announce.transaction);
    out.extend(announce.info_hash.0);
    out.extend(announce.peer_id.0);
    for amount in [announce.downloaded, announce.left, announce.uploaded] {
        out.extend(amount.0.to_be_bytes());
    }
    out.extend(announce.event.to_wire().to_be_bytes());
    out.extend(announce.ip.octets());
    out.extend(announce.key.to_be_bytes());
    out.extend(announce.num_want.to_be_bytes());
    out.extend(announce.port.to_be_bytes());
    if let Some(url) = &announce.url_data {
        options::write_url_data(out, url);
    }
}

impl AnnounceEvent {
    fn from_wire(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Completed,
            2 => Self::Started,
            3 => Self::Stopped,
            4 => Self::Paused,
            _ => return None,
        })
    }

    fn to_wire(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Completed => 1,
            Self::Started => 2,
            Self::Stopped => 3,
            Self::Paused => 4,
        }
    }
}

impl fmt::Display for AnnounceEvent {
    /// The word that events and BEP 3 use; `none` where nothing special happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Completed => "completed",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
        })
    }
}

const HEADER_BYTES: usize = 16;
const ANNOUNCE_BYTES: usize = 98;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_request_is_sixteen_bytes() {
        let bytes = [0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef];
        let request = Request::Connect { transaction: TransactionId(0xdead_beef) };
        assert_eq!(Request::parse(&bytes), Ok(request.clone()));
        assert_eq!(request.to_bytes(), bytes.as_slice());
    }

    #[test]
    fn an_announce_has_its_fields_where_bep_15_puts_them() {
        let bytes = announce(None).to_bytes();
        assert_eq!(bytes.len(), 98);
        let fields: [(usize, &[u8]); 13] = [
            (0, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (8, &[0, 0, 0, 1]),
            (12, &[0, 0, 0, 9]),
            (16, &[0xaa; 20]),
            (36, b"-SL0100-abcdefghijkl"),
            (56, &[0, 0, 0, 0, 0, 0, 0, 10]),
            (64, &[0, 0, 0, 0, 0, 0, 0, 20]),
            (72, &[0, 0, 0, 0, 0, 0, 0, 30]),
            (80, &[0, 0, 0, 2]),
            (84, &[0, 0, 0, 0]),
            (88, &[0, 0, 0x30, 0x39]),
            (92, &[0xff, 0xff, 0xff, 0xff]),
            (96, &[0x1a, 0xe1]),
        ];
        for (at, field) in fields {
            assert_eq!(&bytes[at..at + field.len()], field, "at {at}");
        }
        assert_eq!(Request::parse(&bytes), Ok(announce(None)));
    }

    #[test]
    fn the_url_follows_the_announce() {
        let request = announce(Some(b"/announce?pass=x".to_vec()));
        let bytes = request.to_bytes();
        assert_eq!(&bytes[98..101], &[2, 16, b'/']);
        assert_eq!(Request::parse(&bytes), Ok(request));
    }

    #[test]
    fn every_cut_of_a_request_is_refused_and_owed_an_answer_once_its_header_is_whole() {
        let bytes = announce(None).to_bytes();
        for length in 0..bytes.len() {
            let error = Request::parse(&bytes[..length]).unwrap_err();
            assert_eq!(error.reply.is_some(), length >= 16, "{length} bytes: {error}");
        }
        let scrape = scrape(2).to_bytes();
        for length in (0..scrape.len()).filter(|length| *length != 36) {
            assert!(Request::parse(&scrape[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_scrape_holds_one_to_seventy_four_hashes() {
        for count in [1, 2, 74] {
            assert_eq!(Request::parse(&scrape(count).to_bytes()), Ok(scrape(count)));
        }
        for (count, fault) in [(0, RequestFault::ScrapeLength(16)), (75, RequestFault::ScrapeCount(75))] {
            assert_eq!(Request::parse(&scrape(count).to_bytes()).unwrap_err().fault, fault);
        }
    }

    #[test]
    fn strange_actions_and_events_are_named() {
        let mut bytes = announce(None).to_bytes().to_vec();
        bytes[83] = 5;
        assert_eq!(Request::parse(&bytes).unwrap_err().fault, RequestFault::Event(5));
        bytes[11] = 7;
        assert_eq!(Request::parse(&bytes).unwrap_err().fault, RequestFault::Action(7));
        bytes[11] = 0;
        let error = Request::parse(&bytes).unwrap_err();
        assert_eq!(error, RequestError { fault: RequestFault::ProtocolId, reply: None });
    }

    fn announce(url_data: Option<Vec<u8>>) -> Request {
        Request::Announce(AnnounceRequest {
            connection: ConnectionId(0x0102_0304_0506_0708),
            transaction: TransactionId(9),
            info_hash: InfoHash([0xaa; 20]),
            peer_id: PeerId(*b"-SL0100-abcdefghijkl"),
            downloaded: ByteCount(10),
            left: ByteCount(20),
            uploaded: ByteCount(30),
            event: AnnounceEvent::Started,
            ip: Ipv4Addr::UNSPECIFIED,
            key: 12_345,
            num_want: -1,
            port: 6_881,
            url_data,
        })
    }

    fn scrape(count: usize) -> Request {
        Request::Scrape(ScrapeRequest {
            connection: ConnectionId(1),
            transaction: TransactionId(2),
            hashes: vec![InfoHash([3; 20]); count],
        })
    }
}
