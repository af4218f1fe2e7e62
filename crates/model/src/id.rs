//! Twenty-byte names: of a torrent and of a client.

use std::fmt;
use std::str::FromStr;

/// SHA-1 of a torrent's info dictionary: the name of a swarm (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

/// The twenty bytes a client calls itself by (BEP 3, BEP 20). Not proof of anything:
/// anybody can send anybody's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

/// Why text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// Neither 40 hexadecimal nor 32 base32 characters; holds the length found.
    Length(usize),
    /// A character that the alphabet lacks, and its position.
    Character(char, usize),
}

impl InfoHash {
    /// The twenty bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl PeerId {
    /// Our own client's prefix in the Azureus style (BEP 20): `SL`, version 0.1.
    pub const PREFIX: [u8; 8] = *b"-SL0100-";

    /// A fresh id in our style: the prefix and twelve random characters.
    pub fn generate(rng: &mut crate::Rng) -> Self {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = [0; 20];
        id[..8].copy_from_slice(&Self::PREFIX);
        for byte in &mut id[8..] {
            *byte = ALPHABET[rng.below(62) as usize];
        }
        Self(id)
    }

    /// The twenty bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// What client and version the id claims, by BEP 20's Azureus style; for others the
    /// printable start of the id.
    ///
    /// ```
    /// # use swarmlab_model::PeerId;
    /// assert_eq!(PeerId(*b"-TR3000-abcdefghijkl").client(), "Transmission 3.0.0.0");
    /// ```
    pub fn client(&self) -> String {
        let id = &self.0;
        let names_a_client =
            id[1..3].iter().all(u8::is_ascii_graphic) && id[3..7].iter().all(u8::is_ascii_alphanumeric);
        if id[0] == b'-' && id[7] == b'-' && names_a_client {
            let digits: Vec<String> = id[3..7].iter().map(|&c| version_digit(c)).collect();
            let code = String::from_utf8_lossy(&id[1..3]).into_owned();
            let name =
                KNOWN_CLIENTS.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| (*name).to_owned());
            return format!("{name} {}", digits.join("."));
        }
        if id.starts_with(b"A2-") {
            let version: String =
                id[3..].iter().map(|&c| char::from(c)).take_while(|c| c.is_ascii_digit() || *c == '-').collect();
            return format!("aria2 {}", version.trim_end_matches('-').replace('-', "."));
        }
        let start: String =
            id.iter().take(8).map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '.' }).collect();
        format!("unknown ({start})")
    }
}

const KNOWN_CLIENTS: &[(&str, &str)] = &[
    ("SL", "Swarmlab"),
    ("TR", "Transmission"),
    ("LT", "libtorrent"),
    ("lt", "rtorrent"),
    ("qB", "qBittorrent"),
    ("DE", "Deluge"),
    ("rQ", "rqbit"),
    ("UT", "uTorrent"),
    ("AZ", "Vuze"),
    ("BI", "BiglyBT"),
    ("WW", "WebTorrent"),
    ("KT", "KTorrent"),
];

/// BEP 20 lets a version digit go on past nine with letters.
fn version_digit(c: u8) -> String {
    match c {
        b'0'..=b'9' => u32::from(c - b'0').to_string(),
        b'A'..=b'Z' => (u32::from(c - b'A') + 10).to_string(),
        _ => (u32::from(c - b'a') + 36).to_string(),
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "{n} characters long: an id is 40 hexadecimal or 32 base32 characters"),
            Self::Character(c, at) => write!(f, "{c:?} at position {at} is neither hexadecimal nor base32"),
        }
    }
}

impl std::error::Error for IdError {}

impl FromStr for InfoHash {
    type Err = IdError;

    /// Forty hexadecimal or thirty-two base32 characters, as BEP 9 allows in a magnet link.
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.chars().count() {
            40 => from_hex(text).map(Self),
            32 => from_base32(text).map(Self),
            n => Err(IdError::Length(n)),
        }
    }
}

impl FromStr for PeerId {
    type Err = IdError;

    /// Forty hexadecimal characters.
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.chars().count() {
            40 => from_hex(text).map(Self),
            n => Err(IdError::Length(n)),
        }
    }
}

fn from_hex(text: &str) -> Result<[u8; 20], IdError> {
    let mut id = [0; 20];
    for (i, c) in text.chars().enumerate() {
        let digit = c.to_digit(16).ok_or(IdError::Character(c, i))?;
        id[i / 2] = id[i / 2] << 4 | digit as u8;
    }
    Ok(id)
}

fn from_base32(text: &str) -> Result<[u8; 20], IdError> {
    let mut id = [0; 20];
    let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
    for (i, c) in text.chars().enumerate() {
        let digit = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return Err(IdError::Character(c, i)),
        };
        bits = bits << 5 | digit;
        held += 5;
        if held >= 8 {
            held -= 8;
            id[at] = (bits >> held) as u8;
            bits &= (1 << held) - 1;
            at += 1;
        }
    }
    Ok(id)
}

macro_rules! serde_as_text {
    ($id:ty) => {
        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(InfoHash);
serde_as_text!(PeerId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_and_hex_name_the_same_torrent() {
        let hex: InfoHash = "248d0a1cd08284299de78d5c1ed359bb46717d8c".parse().unwrap();
        let base32: InfoHash = "ESGQUHGQQKCCTHPHRVOB5U2ZXNDHC7MM".parse().unwrap();
        assert_eq!(hex, base32);
        assert_eq!(hex.to_string(), "248d0a1cd08284299de78d5c1ed359bb46717d8c");
    }

    #[test]
    fn text_that_is_no_id_says_where_it_goes_wrong() {
        assert_eq!("abc".parse::<InfoHash>(), Err(IdError::Length(3)));
        let bad = "248d0a1cd08284299de78d5c1ed359bb46717dx0";
        assert_eq!(bad.parse::<InfoHash>(), Err(IdError::Character('x', 38)));
        assert!("é".repeat(20).parse::<InfoHash>().is_err());
    }

    #[test]
    fn peer_ids_name_their_client() {
        assert_eq!(PeerId(*b"-qB4520-abcdefghijkl").client(), "qBittorrent 4.5.2.0");
        assert_eq!(PeerId(*b"-lt0D80-abcdefghijkl").client(), "rtorrent 0.13.8.0");
        assert_eq!(PeerId(*b"A2-1-36-0-abcdefghij").client(), "aria2 1.36.0");
        assert_eq!(PeerId([0; 20]).client(), "unknown (........)");
        assert_eq!(PeerId(*b"-\x1b[2000-aaaaaaaaaaaa").client(), "unknown (-.[2000-)", "it must not steer a terminal");
    }
}
