//! One line of the log: when, who, what. Reading and writing JSON lines.

use std::fmt;
use std::io::BufRead;
use std::net::SocketAddr;
use std::str::FromStr;

use model::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Event;

/// An event with its moment and the one who reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Seconds since the run's start, six decimals kept.
    #[serde(rename = "t", serialize_with = "write_seconds", deserialize_with = "read_seconds")]
    pub time: Time,
    /// The member of the cast who reports: `alice`, `tracker`, or `lab` for the orchestrator.
    pub peer: String,
    #[serde(flatten)]
    pub event: Event,
}

/// The other side of a connection. A peer itself knows an address; the lab puts the name of
/// the cast member in its place when it writes the log ([`crate::Names`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    Addr(SocketAddr),
    Name(String),
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("line {line}: {source}")]
    Line { line: usize, source: serde_json::Error },
    #[error("line {line}: {source}")]
    Io { line: usize, source: std::io::Error },
}

/// Reads a whole log, event by event. Blank lines are passed over.
pub fn read(from: impl BufRead) -> impl Iterator<Item = Result<Record, ReadError>> {
    from.lines().enumerate().filter_map(|(i, line)| match line {
        Err(source) => Some(Err(ReadError::Io { line: i + 1, source })),
        Ok(line) if line.trim().is_empty() => None,
        Ok(line) => Some(line.parse().map_err(|source| ReadError::Line { line: i + 1, source })),
    })
}

impl fmt::Display for Record {
    /// The JSON line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Record {
    type Err = serde_json::Error;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(line)
    }
}

pub(crate) fn write_seconds<S: Serializer>(time: &Time, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(time.as_micros() as f64 / 1e6)
}

pub(crate) fn read_seconds<'de, D: Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
    let seconds = f64::deserialize(d)?;
    if !(0.0..=9e9).contains(&seconds) {
        return Err(serde::de::Error::custom(format!("t is {seconds}: seconds since the run's start are wanted")));
    }
    Ok(Time::from_micros((seconds * 1e6).round() as u64))
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<SocketAddr> for Remote {
    fn from(addr: SocketAddr) -> Self {
        Self::Addr(addr)
    }
}

impl From<&str> for Remote {
    /// An address where the text is one, else a name.
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Addr)
    }
}

impl Serialize for Remote {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Remote {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(d)?.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_log() {
        for micros in [0, 1, 999_999, 1_250_312, 7_200_000_001, 86_400_123_457] {
            let record = Record {
                time: Time::from_micros(micros),
                peer: "alice".into(),
                event: Event::Interested { conn: 1, remote: "bob".into() },
            };
            let back: Record = record.to_string().parse().unwrap();
            assert_eq!(back, record);
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let log = "{\"t\":0,\"peer\":\"a\",\"ev\":\"interested\",\"conn\":1,\"remote\":\"b\"}\n\n{\"t\":-1}\n";
        let results: Vec<_> = read(log.as_bytes()).collect();
        assert!(results[0].is_ok());
        assert!(results[1].as_ref().unwrap_err().to_string().starts_with("line 3: "));
    }
}
