//! Magnet links (BEP 9): a torrent by its hash, with hints where to ask for the rest.
//!
//! `magnet:?xt=urn:btih:<hash>&dn=<name>&tr=<tracker>&ws=<web seed>&x.pe=<ip:port>`. Version 2
//! hashes (`urn:btmh`), file selections (`so`, BEP 53) and unknown keys are skipped; so are
//! peers given by host name, because nothing here can look names up.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use model::bound::PEERS_PER_MESSAGE_MAX;
use model::{IdError, InfoHash};

use crate::file::TRACKERS_MAX;
use crate::path::shown;

/// What a magnet link says. Nothing in it is proven but what later fits the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Magnet {
    /// The torrent (`xt`).
    pub info_hash: InfoHash,
    /// What to show until the info dictionary has come (`dn`). Not fit for a path.
    pub name: Option<String>,
    /// Trackers (`tr`), in the link's order and each once.
    pub trackers: Vec<String>,
    /// Web seeds (`ws`), in the link's order and each once.
    pub web_seeds: Vec<String>,
    /// Peers to try first (`x.pe`).
    pub peers: Vec<SocketAddr>,
}

/// Why text is no magnet link that we can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MagnetError {
    /// Does not begin with `magnet:?`.
    #[error("a magnet link begins with \"magnet:?\", not with {0}")]
    NotMagnet(String),
    /// Longer than any link; holds its bytes.
    #[error("a magnet link of {0} bytes is longer than the {BYTES_MAX} allowed")]
    TooLong(usize),
    /// No `xt`, or none that names a torrent.
    #[error("the part xt=urn:btih:<info-hash>, which says which torrent, is missing")]
    NoTopic,
    /// Only a hash of version 2 (BEP 52).
    #[error("this link names a torrent of version 2 only (urn:btmh, BEP 52); one with urn:btih is needed")]
    V2Only,
    /// The hash after `urn:btih:` is none.
    #[error("the info-hash {text} in xt is {why}")]
    Topic {
        /// The hash as given, quoted.
        text: String,
        /// What is wrong with it.
        why: IdError,
    },
    /// Two different torrents in one link.
    #[error("the link names two torrents, {0} and {1}")]
    TwoTopics(InfoHash, InfoHash),
}

/// Bytes of one link.
const BYTES_MAX: usize = 1 << 20;

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        let link = link.trim();
        if link.len() > BYTES_MAX {
            return Err(MagnetError::TooLong(link.len()));
        }
        let query = after_scheme(link).ok_or_else(|| MagnetError::NotMagnet(shown(link)))?;
        let mut topics = Topics::default();
        let mut magnet =
            Self { info_hash: InfoHash([0; 20]), name: None, trackers: vec![], web_seeds: vec![], peers: vec![] };
        for part in query.split('&') {
            // "&amp;" is what "&" becomes in a page's source, from where links get copied.
            let part = part.strip_prefix("amp;").unwrap_or(part);
            let Some((key, value)) = part.split_once('=') else { continue };
            match unnumbered(key) {
                "xt" => topics.add(&percent_decode(value))?,
                "dn" => magnet.name = magnet.name.or(Some(percent_decode(&value.replace('+', " ")))),
                "tr" => add_once(&mut magnet.trackers, percent_decode(value)),
                "ws" => add_once(&mut magnet.web_seeds, percent_decode(value)),
                "x.pe" => magnet.add_peer(&percent_decode(value)),
                _ => {}
            }
        }
        magnet.info_hash = topics.info_hash()?;
        Ok(magnet)
    }
}

impl Magnet {
    fn add_peer(&mut self, text: &str) {
        let Ok(peer) = text.parse::<SocketAddr>() else { return };
        if self.peers.len() < PEERS_PER_MESSAGE_MAX && peer.port() != 0 && !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "magnet:?xt=urn:btih:{}", self.info_hash)?;
        let name = self.name.iter().map(|name| ("dn", name));
        let trackers = self.trackers.iter().map(|url| ("tr", url));
        let web_seeds = self.web_seeds.iter().map(|url| ("ws", url));
        for (key, value) in name.chain(trackers).chain(web_seeds) {
            write!(f, "&{key}=")?;
            percent_encode(f, value)?;
        }
        self.peers.iter().try_for_each(|peer| write!(f, "&x.pe={peer}"))
    }
}

/// The exact topics met so far.
#[derive(Default)]
struct Topics {
    v1: Option<InfoHash>,
    v2: bool,
}

impl Topics {
    fn add(&mut self, topic: &str) -> Result<(), MagnetError> {
        if without_prefix(topic, "urn:btmh:").is_some() {
            self.v2 = true;
        }
        let Some(text) = without_prefix(topic, "urn:btih:") else { return Ok(()) };
        let hash = text.parse().map_err(|why| MagnetError::Topic { text: shown(text), why })?;
        match self.v1.replace(hash) {
            Some(other) if other != hash => Err(MagnetError::TwoTopics(other, hash)),
            _ => Ok(()),
        }
    }

    fn info_hash(&self) -> Result<InfoHash, MagnetError> {
        self.v1.ok_or(if self.v2 { MagnetError::V2Only } else { MagnetError::NoTopic })
    }
}

fn after_scheme(link: &str) -> Option<&str> {
    without_prefix(link, "magnet:")?.strip_prefix('?')
}

/// The rest behind a prefix whose case does not count: schemes and URN namespaces are so.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `tr.2` is `tr`: some links number keys that come more than once.
fn unnumbered(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((name, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => key,
    }
}

fn add_once(list: &mut Vec<String>, url: String) {
    if list.len() < TRACKERS_MAX && !url.is_empty() && !list.contains(&url) {
        list.push(url);
    }
}

/// `%41` is `A`; a `%` that begins no such triple stands for itself.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// RFC 3986: all but the unreserved characters become triples.
fn percent_encode(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.bytes().try_for_each(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => write!(f, "{}", char::from(byte)),
        _ => write!(f, "%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "248d0a1cd08284299de78d5c1ed359bb46717d8c";
    const BASE32: &str = "ESGQUHGQQKCCTHPHRVOB5U2ZXNDHC7MM";

    fn parse(link: &str) -> Result<Magnet, MagnetError> {
        link.parse()
    }

    #[test]
    fn every_part_is_read_and_written_back() {
        let link = format!(
            "magnet:?xt=urn:btih:{HEX}&dn=A%20%26%20B%3F&tr=udp%3A%2F%2F10.0.0.1%3A6969&tr=http%3A%2F%2Ft%2Fa%3Fk%3D1\
             &ws=http%3A%2F%2Fmirror%2F&x.pe=10.0.0.2:6881&x.pe=[fd00::1]:6881"
        );
        let magnet = parse(&link).unwrap();
        assert_eq!(magnet.info_hash, HEX.parse().unwrap());
        assert_eq!(magnet.name.as_deref(), Some("A & B?"));
        assert_eq!(magnet.trackers, ["udp://10.0.0.1:6969", "http://t/a?k=1"]);
        assert_eq!(magnet.web_seeds, ["http://mirror/"]);
        assert_eq!(magnet.peers, ["10.0.0.2:6881".parse().unwrap(), "[fd00::1]:6881".parse().unwrap()]);
        assert_eq!(magnet.to_string(), link);
    }

    #[test]
    fn spellings_met_in_the_wild_mean_the_same() {
        let plain = parse(&format!("magnet:?xt=urn:btih:{HEX}&dn=a b&tr=udp://t:1/a+b&tr=udp://u:1")).unwrap();
        for link in [
            format!("  MAGNET:?xt=URN:BTIH:{BASE32}&dn=a+b&tr=udp://t:1/a+b&tr=udp://u:1\n"),
            format!("magnet:?dn=a%20b&amp;tr.1=udp://t:1/a%2bb&amp;tr.2=udp://u:1&amp;xt.1=urn:btih:{HEX}"),
            format!("magnet:?xt=urn%3Abtih%3A{HEX}&dn=a b&tr=udp://t:1/a+b&tr=udp://u:1&tr=udp://t:1/a+b"),
            format!("magnet:?so=0-2&x=y&&=&xt=urn:btmh:1220ab&xt=urn:btih:{HEX}&dn=a b&tr=udp://t:1/a+b&tr=udp://u:1"),
            format!("magnet:?xt=urn:btih:{HEX}&x.pe=host:1&x.pe=1.2.3.4:0&dn=a b&tr=udp://t:1/a+b&tr=&tr=udp://u:1"),
        ] {
            assert_eq!(parse(&link).as_ref(), Ok(&plain), "{link}");
        }
    }

    #[test]
    fn a_percent_that_begins_no_triple_stands_for_itself() {
        let magnet = parse(&format!("magnet:?xt=urn:btih:{HEX}&dn=100%&tr=%zz%4&ws=%ff")).unwrap();
        assert_eq!(magnet.name.as_deref(), Some("100%"));
        assert_eq!(magnet.trackers, ["%zz%4"]);
        assert_eq!(magnet.web_seeds, ["\u{fffd}"]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let no_topic = "the part xt=urn:btih:<info-hash>, which says which torrent, is missing";
        let table = [
            ("http://x/".to_owned(), "a magnet link begins with \"magnet:?\", not with \"http://x/\""),
            ("".to_owned(), "a magnet link begins with \"magnet:?\", not with \"\""),
            ("magnet:?".to_owned(), no_topic),
            ("magnet:?dn=x".to_owned(), no_topic),
            ("magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C".to_owned(), no_topic),
            (
                "magnet:?xt=urn:btmh:1220cafe".to_owned(),
                "this link names a torrent of version 2 only (urn:btmh, BEP 52); one with urn:btih is needed",
            ),
            (
                "magnet:?xt=urn:btih:abc".to_owned(),
                "the info-hash \"abc\" in xt is 3 characters long: an id is 40 hexadecimal or 32 base32 characters",
            ),
            (
                format!("magnet:?xt=urn:btih:{HEX}&xt=urn:btih:{}", "0".repeat(40)),
                "the link names two torrents, 248d0a1cd08284299de78d5c1ed359bb46717d8c and \
                 0000000000000000000000000000000000000000",
            ),
        ];
        for (link, error) in table {
            assert_eq!(parse(&link).unwrap_err().to_string(), error, "{link}");
        }
        assert_eq!(parse(&"m".repeat(BYTES_MAX + 1)), Err(MagnetError::TooLong(BYTES_MAX + 1)));
    }
}
