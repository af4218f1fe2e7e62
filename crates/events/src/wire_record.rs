//! What crossed the wire, as it was on the wire: the beginning of each connection, written beside
//! the log by whoever is asked to, and the keys that open its encrypted part.
//!
//! Both are kept apart from events: a log can be shown to anybody, a key must not be in it. They are files
//! of JSON lines, one object each:
//!
//! ```text
//! wire/alice.jsonl   {"t":0.0312,"conn":3,"remote":"127.0.0.1:6881","dir":"out","at":0,"len":68,"bytes":"13426974…"}
//! keys/alice.jsonl   {"conn":3,"remote":"127.0.0.1:6881","dialled":true,"secret":"9f…","skey":"2c6b…"}
//! ```

use std::fmt;
use std::io::BufRead;
use std::net::SocketAddr;

use model::{InfoHash, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Direction, ReadError};

/// Some bytes that left or came in one go: what the program read, or gave to be sent. These are not packets, and
/// what was given may leave later, or on a connection that breaks not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The number of the connection, as in the peer's events.
    pub conn: u64,
    /// The address of the other side.
    pub remote: SocketAddr,
    /// Out of the peer that records, or in.
    #[serde(rename = "dir")]
    pub direction: Direction,
    /// Where in this direction's stream it begins.
    pub at: u64,
    /// How many bytes it was.
    pub len: u32,
    /// Its bytes as they were on the wire; fewer than `len` past [`Chunk::BYTES_MAX`] of the stream.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write_hex",
        deserialize_with = "read_hex"
    )]
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// So many bytes of each direction are recorded.
    pub const BYTES_MAX: u64 = 2048;

    /// Of so many chunks of each direction time and size are recorded.
    pub const CHUNKS_MAX: u32 = 64;
}

/// A chunk and when it crossed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireLine {
    /// Since the run's start.
    #[serde(
        rename = "t",
        serialize_with = "crate::record::write_seconds",
        deserialize_with = "crate::record::read_seconds"
    )]
    pub time: Time,
    #[serde(flatten)]
    pub chunk: Chunk,
}

/// What opens the encrypted part of one connection: for the lab, where everybody's keys are everybody's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabKey {
    pub conn: u64,
    pub remote: SocketAddr,
    /// True for the side that dialled (A in the specification).
    pub dialled: bool,
    /// The Diffie-Hellman secret S, 96 bytes.
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub secret: Vec<u8>,
    /// The info-hash that both know.
    pub skey: InfoHash,
}

/// Reads a wire record, line by line. Blank lines are passed over.
pub fn read_wire(from: impl BufRead) -> impl Iterator<Item = Result<WireLine, ReadError>> {
    lines(from)
}

/// Reads a key log, line by line. Blank lines are passed over.
pub fn read_keys(from: impl BufRead) -> impl Iterator<Item = Result<LabKey, ReadError>> {
    lines(from)
}

fn lines<T: DeserializeOwned>(from: impl BufRead) -> impl Iterator<Item = Result<T, ReadError>> {
    from.lines().enumerate().filter_map(|(i, line)| match line {
        Err(source) => Some(Err(ReadError::Io { line: i + 1, source })),
        Ok(line) if line.trim().is_empty() => None,
        Ok(line) => Some(serde_json::from_str(&line).map_err(|source| ReadError::Line { line: i + 1, source })),
    })
}

impl fmt::Debug for LabKey {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabKey").field("conn", &self.conn).field("remote", &self.remote).finish_non_exhaustive()
    }
}

fn write_hex<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write;
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}"); // a String takes all
    }
    s.serialize_str(&hex)
}

fn read_hex<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    let hex = String::deserialize(d)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| serde::de::Error::custom("hexadecimal digits in pairs are wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_reads_as_it_was_written() {
        let text = r#"{"t":0.0312,"conn":3,"remote":"127.0.0.1:6881","dir":"out","at":2046,"len":68,"bytes":"13ff"}"#;
        let line = read_wire(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!((line.chunk.at, line.chunk.len, &line.chunk.bytes[..]), (2046, 68, &[0x13, 0xff][..]));
        assert_eq!(serde_json::to_string(&line).unwrap(), text);
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused_with_its_line() {
        for bytes in ["1", "1g", "é"] {
            let text =
                format!(r#"{{"t":0,"conn":3,"remote":"127.0.0.1:6881","dir":"in","at":0,"len":1,"bytes":"{bytes}"}}"#);
            let error = read_wire(text.as_bytes()).next().unwrap().unwrap_err().to_string();
            assert!(error.starts_with("line 1: hexadecimal"), "{error}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself_by_accident() {
        let text = r#"{"conn":3,"remote":"127.0.0.1:6881","dialled":true,"secret":"c0ffee","skey":"00000000000000000000000000000000000000aa"}"#;
        let key = read_keys(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), text);
        assert!(!format!("{key:?}").contains("192") && !format!("{key:?}").contains("c0ffee"));
    }
}
