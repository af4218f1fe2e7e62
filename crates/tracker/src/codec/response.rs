//! What a tracker answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use model::bound::PEERS_PER_MESSAGE_MAX;

use super::{ConnectionId, Family, Reader, SCRAPE_HASHES_MAX, TransactionId, action};

/// Of an error's text, this much is read and written.
pub const ERROR_TEXT_BYTES_MAX: usize = 512;

/// A tracker's datagram (BEP 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The id to use from here on.
    Connect { transaction: TransactionId, connection: ConnectionId },
    /// Peers of the swarm.
    Announce(AnnounceResponse),
    /// The numbers of each swarm asked for, in the order asked.
    Scrape { transaction: TransactionId, counts: Vec<ScrapeCounts> },
    /// The tracker says no, for people to read.
    Error { transaction: TransactionId, message: String },
}

/// The answer to an announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceResponse {
    pub transaction: TransactionId,
    /// Seconds until the tracker wants to be asked again.
    pub interval: u32,
    pub leechers: u32,
    pub seeders: u32,
    /// All of the family that the datagram travels over.
    pub peers: Vec<SocketAddr>,
}

/// The numbers of one swarm (BEP 48).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeCounts {
    pub seeders: u32,
    /// Downloads that became whole, ever.
    pub completed: u32,
    pub leechers: u32,
}

/// A datagram that is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ResponseError {
    pub fault: ResponseFault,
    /// What it claims to answer, where it is long enough to say so.
    pub transaction: Option<TransactionId>,
}

/// What is wrong with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    #[error("an answer of {0} bytes is too short")]
    Short(usize),
    #[error("action {0} is unknown")]
    Action(u32),
}

impl Response {
    /// Reads a datagram that came over `family`. Lenient where it does no harm: a cut last peer or
    /// count is left out, and only the first 200 peers are read. Peers are as the tracker says:
    /// not yet checked for addresses that nobody can have.
    pub fn parse(bytes: &[u8], family: Family) -> Result<Self, ResponseError> {
        let mut reader = Reader::new(bytes);
        let header = (|| Some((reader.u32()?, TransactionId(reader.u32()?))))();
        let Some((action, transaction)) = header else {
            return Err(ResponseError { fault: ResponseFault::Short(bytes.len()), transaction: None });
        };
        let short = ResponseError { fault: ResponseFault::Short(bytes.len()), transaction: Some(transaction) };
        match action {
            action::CONNECT => {
                let connection = ConnectionId(reader.u64().ok_or(short)?);
                Ok(Self::Connect { transaction, connection })
            }
            action::ANNOUNCE => parse_announce(transaction, &mut reader, family).map(Self::Announce).ok_or(short),
            action::SCRAPE => Ok(Self::Scrape { transaction, counts: parse_counts(reader.rest) }),
            action::ERROR => Ok(Self::Error { transaction, message: error_text(reader.rest) }),
            _ => Err(ResponseError { fault: ResponseFault::Action(action), transaction: Some(transaction) }),
        }
    }

    /// The datagram. Peers must be of one family.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(32);
        match self {
            Self::Connect { transaction, connection } => {
                write_header(&mut out, action::CONNECT, *transaction);
                out.extend(connection.0.to_be_bytes());
            }
            Self::Announce(announce) => write_announce(&mut out, announce),
            Self::Scrape { transaction, counts } => {
                write_header(&mut out, action::SCRAPE, *transaction);
                for count in counts {
                    let numbers = [count.seeders, count.completed, count.leechers];
                    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
                }
            }
            Self::Error { transaction, message } => {
                write_header(&mut out, action::ERROR, *transaction);
                out.extend(truncate(message, ERROR_TEXT_BYTES_MAX).as_bytes());
            }
        }
        Bytes::from(out)
    }

    /// Which request it answers.
    pub fn transaction(&self) -> TransactionId {
        match self {
            Self::Announce(announce) => announce.transaction,
            Self::Connect { transaction, .. } | Self::Scrape { transaction, .. } | Self::Error { transaction, .. } => {
                *transaction
            }
        }
    }
}

/// The longest start of `text` that takes at most `bytes` and ends between characters.
pub(crate) fn truncate(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn parse_announce(transaction: TransactionId, reader: &mut Reader<'_>, family: Family) -> Option<AnnounceResponse> {
    Some(AnnounceResponse {
        transaction,
        interval: reader.u32()?,
        leechers: reader.u32()?,
        seeders: reader.u32()?,
        peers: reader
            .rest
            .chunks_exact(family.peer_bytes())
            .take(PEERS_PER_MESSAGE_MAX)
            .filter_map(|peer| parse_peer(&mut Reader::new(peer), family))
            .collect(),
    })
}

fn parse_peer(reader: &mut Reader<'_>, family: Family) -> Option<SocketAddr> {
    let ip = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
    };
    Some(SocketAddr::new(ip, reader.u16()?))
}

fn parse_counts(bytes: &[u8]) -> Vec<ScrapeCounts> {
    let (counts, _) = bytes.as_chunks::<12>();
    let number = |count: &[u8; 12], at: usize| u32::from_be_bytes(std::array::from_fn(|i| count[at + i]));
    counts
        .iter()
        .take(SCRAPE_HASHES_MAX)
        .map(|count| ScrapeCounts {
            seeders: number(count, 0),
            completed: number(count, 4),
            leechers: number(count, 8),
        })
        .collect()
}

fn error_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_TEXT_BYTES_MAX)]);
    truncate(&text, ERROR_TEXT_BYTES_MAX).to_owned()
}

fn write_header(out: &mut Vec<u8>, action: u32, transaction: TransactionId) {
    out.extend(action.to_be_bytes());
    out.extend(transaction.0.to_be_bytes());
}

fn write_announce(out: &mut Vec<u8>, announce: &AnnounceResponse) {
    write_header(out, action::ANNOUNCE, announce.transaction);
    for number in [announce.interval, announce.leechers, announce.seeders] {
        out.extend(number.to_be_bytes());
    }
    for peer in &announce.peers {
        match peer.ip() {
            IpAddr::V4(ip) => out.extend(ip.octets()),
            IpAddr::V6(ip) => out.extend(ip.octets()),
        }
        out.extend(peer.port().to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_bytes_of_bep_15() {
        for (response, family, bytes) in table() {
            assert_eq!(response.to_bytes(), bytes.as_slice());
            assert_eq!(Response::parse(&bytes, family), Ok(response));
        }
    }

    #[test]
    fn an_answer_cut_short_says_what_it_was_about() {
        let (_, family, bytes) = table().swap_remove(1);
        for length in 0..20 {
            let error = Response::parse(&bytes[..length], family).unwrap_err();
            assert_eq!(error.fault, ResponseFault::Short(length));
            assert_eq!(error.transaction, (length >= 8).then_some(TransactionId(7)));
        }
    }

    #[test]
    fn half_a_peer_is_left_out() {
        let (_, family, bytes) = table().swap_remove(1);
        for length in 20..bytes.len() {
            let Ok(Response::Announce(answer)) = Response::parse(&bytes[..length], family) else { panic!("{length}") };
            assert_eq!(answer.peers.len(), (length - 20) / 6);
        }
    }

    #[test]
    fn two_hundred_peers_are_read_of_thousands() {
        let mut bytes = vec![0, 0, 0, 1];
        bytes.resize(20 + 6 * 5_000, 1);
        let Ok(Response::Announce(answer)) = Response::parse(&bytes, Family::V4) else { panic!() };
        assert_eq!(answer.peers.len(), 200);
    }

    #[test]
    fn an_error_in_no_known_encoding_is_still_text_and_bounded() {
        let mut bytes = vec![0, 0, 0, 3, 0, 0, 0, 1];
        bytes.resize(5_000, 0xff);
        let Ok(Response::Error { message, .. }) = Response::parse(&bytes, Family::V4) else { panic!() };
        assert!(message.len() <= ERROR_TEXT_BYTES_MAX && message.starts_with('\u{fffd}'));
    }

    fn table() -> Vec<(Response, Family, Vec<u8>)> {
        let transaction = TransactionId(7);
        let connect = Response::Connect { transaction, connection: ConnectionId(0x0102_0304_0506_0708) };
        let announce = |peers: Vec<SocketAddr>| {
            Response::Announce(AnnounceResponse { transaction, interval: 1_800, leechers: 2, seeders: 3, peers })
        };
        let head = [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 7, 8, 0, 0, 0, 2, 0, 0, 0, 3];
        let v4 = [10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0, 80];
        let mut v6 = vec![0; 16];
        (v6[0], v6[1], v6[15]) = (0xfd, 0x12, 5);
        v6.extend([0x1a, 0xe1]);
        let counts = vec![ScrapeCounts { seeders: 1, completed: 2, leechers: 3 }, ScrapeCounts::default()];
        let mut scrape = vec![0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        scrape.resize(32, 0);
        let error = Response::Error { transaction, message: "no".into() };
        vec![
            (connect, Family::V4, vec![0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]),
            (
                announce(vec!["10.0.0.1:6881".parse().unwrap(), "10.0.0.2:80".parse().unwrap()]),
                Family::V4,
                [head.as_slice(), &v4].concat(),
            ),
            (announce(vec!["[fd12::5]:6881".parse().unwrap()]), Family::V6, [head.as_slice(), &v6].concat()),
            (Response::Scrape { transaction, counts }, Family::V4, scrape),
            (error, Family::V6, vec![0, 0, 0, 3, 0, 0, 0, 7, b'n', b'o']),
        ]
    }
}
