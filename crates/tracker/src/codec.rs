//! The datagrams of BEP 15 as values.
//!
//! All numbers are big-endian. A client first sends a connect request and gets a connection id,
//! which proves that it can be reached at the address it sends from; announces and scrapes carry
//! that id. The four bytes at offset 8 of a request, and at 0 of a response, say what it is:
//! 0 connect, 1 announce, 2 scrape, 3 error. Neither side authenticates anything else.
//!
//! BEP 41 lets options follow an announce; of these the path of the tracker's URL is read. BEP 7
//! and 15 give peers 6 bytes when the datagram travels over IPv4 and 18 over IPv6, so who reads a
//! response must know which it was: [`Family`].

mod options;
mod request;
mod response;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use options::URL_DATA_BYTES_MAX;
pub use request::{
    AnnounceEvent, AnnounceRequest, Request, RequestError, RequestFault, SCRAPE_HASHES_MAX, ScrapeRequest,
};
pub(crate) use response::truncate;
pub use response::{AnnounceResponse, ERROR_TEXT_BYTES_MAX, Response, ResponseError, ResponseFault, ScrapeCounts};

/// BEP 15's `protocol_id`: the magic number that opens a connect request.
pub const PROTOCOL_ID: u64 = 0x0417_2710_1980;

/// What a tracker hands out in answer to a connect request, and wants to see in every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Chosen by the client at random; the answer repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u32);

/// Which of the two internets a datagram travels over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    /// The family of an address. An IPv4 address dressed as IPv6 (`::ffff:1.2.3.4`, what a
    /// dual-stack socket shows) counts as IPv4: that is how the datagram travelled.
    pub fn of(addr: SocketAddr) -> Self {
        match addr.ip().to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bytes of one peer in an announce response.
    pub const fn peer_bytes(self) -> usize {
        match self {
            Self::V4 => 6,
            Self::V6 => 18,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

mod action {
    pub(super) const CONNECT: u32 = 0;
    pub(super) const ANNOUNCE: u32 = 1;
    pub(super) const SCRAPE: u32 = 2;
    pub(super) const ERROR: u32 = 3;
}

/// Reads fixed-size fields from the front of a datagram.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}
