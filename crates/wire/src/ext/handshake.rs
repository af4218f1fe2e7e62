//! The extension handshake (BEP 10): which extensions a peer takes, under which numbers, and
//! a few facts about itself. Also carries BEP 9's `metadata_size` and BEP 21's `upload_only`.
//!
//! Every key is optional, and clients send odd values: a key of the wrong type or range is
//! taken as absent, an unknown one is passed over. Only what is no dictionary is an error.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};

use super::ExtError;
use crate::bencode::{Dict, DictWriter, Value};

/// What a peer says of itself. All of it is a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtensionHandshake {
    /// `m`: extensions by name, with the number under which the sender takes them; 0 switches
    /// one off. A second handshake adds to the first. At most 64 are kept.
    pub messages: BTreeMap<String, u8>,
    /// `v`: name and version of the client, 64 characters of it, for people to read: what is
    /// no text or would steer a terminal is replaced.
    pub client: Option<String>,
    /// `p`: the TCP port on which the sender can be dialled. Never 0.
    pub port: Option<u16>,
    /// `reqq`: requests that the sender keeps waiting without dropping any.
    pub reqq: Option<u32>,
    /// `metadata_size`: bytes of the info dictionary (BEP 9). Not held against any bound here.
    pub metadata_size: Option<u32>,
    /// `upload_only`: has all it wants (BEP 21).
    pub upload_only: bool,
    /// `yourip`: the receiver's address as the sender sees it.
    pub yourip: Option<IpAddr>,
    /// `ipv4`: where else the sender can be reached.
    pub ipv4: Option<Ipv4Addr>,
    /// `ipv6`: where else the sender can be reached.
    pub ipv6: Option<Ipv6Addr>,
}

impl ExtensionHandshake {
    /// The payload of the message with the number [`super::ids::HANDSHAKE`].
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        let mut dict = DictWriter::begin(&mut out);
        if let Some(ip) = self.ipv4 {
            dict.text("ipv4", &ip.octets());
        }
        if let Some(ip) = self.ipv6 {
            dict.text("ipv6", &ip.octets());
        }
        let mut messages = dict.dict("m");
        for (name, id) in &self.messages {
            messages.int(name, *id);
        }
        messages.end();
        if let Some(size) = self.metadata_size {
            dict.int("metadata_size", size);
        }
        if let Some(port) = self.port {
            dict.int("p", port);
        }
        if let Some(reqq) = self.reqq {
            dict.int("reqq", reqq);
        }
        if self.upload_only {
            dict.int("upload_only", 1);
        }
        if let Some(client) = &self.client {
            dict.text("v", client.as_bytes());
        }
        match self.yourip {
            Some(IpAddr::V4(ip)) => dict.text("yourip", &ip.octets()),
            Some(IpAddr::V6(ip)) => dict.text("yourip", &ip.octets()),
            None => {}
        }
        dict.end();
        out.freeze()
    }

    /// Reads the payload. What follows the dictionary is passed over.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtError> {
        let (dict, _) = Dict::read(payload)?;
        let mut handshake = Self::default();
        for (key, value) in dict.entries() {
            handshake.learn(key, value);
        }
        Ok(handshake)
    }

    fn learn(&mut self, key: &[u8], value: Value<'_>) {
        match key {
            b"m" => self.messages = value.dict().map(messages).unwrap_or_default(),
            b"v" => self.client = value.text().map(readable),
            b"p" => self.port = value.number().filter(|&port| port != 0),
            b"reqq" => self.reqq = value.number(),
            b"metadata_size" => self.metadata_size = value.number(),
            b"upload_only" => self.upload_only = value.int().is_some_and(|n| n != 0),
            b"yourip" => self.yourip = address(value),
            b"ipv4" => self.ipv4 = value.array::<4>().map(Ipv4Addr::from),
            b"ipv6" => self.ipv6 = value.array::<16>().map(Ipv6Addr::from),
            _ => {}
        }
    }
}

/// The extensions with a usable number. A name sent twice counts as sent last.
fn messages(m: Dict<'_>) -> BTreeMap<String, u8> {
    let mut messages = BTreeMap::new();
    for (name, id) in m.entries() {
        let name = readable(name);
        if let Some(id) = id.number()
            && (messages.len() < EXTENSIONS_MAX || messages.contains_key(&name))
        {
            messages.insert(name, id);
        }
    }
    messages
}

fn address(value: Value<'_>) -> Option<IpAddr> {
    let v4 = value.array::<4>().map(IpAddr::from);
    v4.or_else(|| value.array::<16>().map(IpAddr::from))
}

/// Text for logs and screens out of whatever was sent.
pub(crate) fn readable(text: &[u8]) -> String {
    // No character has more than four bytes: no need to look further.
    let start = &text[..text.len().min(TEXT_CHARS_MAX * 4)];
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    String::from_utf8_lossy(start).chars().take(TEXT_CHARS_MAX).map(visible).collect()
}

/// Characters kept of a client's or an extension's name.
const TEXT_CHARS_MAX: usize = 64;

/// Extensions kept of one handshake. Clients name about ten.
const EXTENSIONS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(payload: &[u8]) -> ExtensionHandshake {
        ExtensionHandshake::decode(payload).unwrap()
    }

    #[test]
    fn bytes_and_value_are_the_same_thing() {
        let bytes =
            b"d4:ipv44:\x7f\0\0\x014:ipv616:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x011:md11:ut_metadatai1e6:ut_pexi2ee\
            13:metadata_sizei31235e1:pi6881e4:reqqi500e11:upload_onlyi1e1:v12:Swarmlab 0.16:yourip4:\x0a\0\0\x07e";
        let value = ExtensionHandshake {
            messages: [("ut_metadata".to_owned(), 1), ("ut_pex".to_owned(), 2)].into(),
            client: Some("Swarmlab 0.1".to_owned()),
            port: Some(6881),
            reqq: Some(500),
            metadata_size: Some(31235),
            upload_only: true,
            yourip: Some(IpAddr::from([10, 0, 0, 7])),
            ipv4: Some(Ipv4Addr::LOCALHOST),
            ipv6: Some(Ipv6Addr::LOCALHOST),
        };
        assert_eq!(value.encode(), bytes[..]);
        assert_eq!(decode(bytes), value);
        assert_eq!(decode(b"d1:mdee"), ExtensionHandshake::default());
        assert_eq!(ExtensionHandshake::default().encode(), b"d1:mdee"[..]);
    }

    #[test]
    fn what_libtorrent_sends_is_understood() {
        let bytes = b"d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4e\
            11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei120e4:reqqi2000e11:upload_onlyi1e1:v17:libtorrent/2.0.116:yourip4:\x7f\0\0\x01e";
        let value = decode(bytes);
        assert_eq!(value.messages["ut_pex"], 1);
        assert_eq!(value.messages.len(), 6);
        assert_eq!(value.client.as_deref(), Some("libtorrent/2.0.11"));
        assert!(value.upload_only);
    }

    #[test]
    fn odd_values_are_taken_as_absent() {
        let odd = decode(
            b"d1:md1:ai-1e1:bi256e1:ci99999999999999999999999e1:d1:x1:ei0ee13:metadata_sizei-5e\
            1:pi0e4:reqqi4294967296e11:upload_only1:11:vi3e6:yourip5:\x01\x02\x03\x04\x05e",
        );
        assert_eq!(odd, ExtensionHandshake { messages: [("e".to_owned(), 0)].into(), ..Default::default() });
        assert_eq!(decode(b"d1:mi1e1:pi70000ee"), ExtensionHandshake::default());
        assert_eq!(decode(b"d1:mle1:pi-1ee trailing"), ExtensionHandshake::default());
    }

    #[test]
    fn keys_in_any_order_and_unknown_ones_are_read_past() {
        let value = decode(b"d1:v1:x5:otherd1:qli1eee1:pi5e1:edee");
        assert_eq!((value.client.as_deref(), value.port), (Some("x"), Some(5)));
    }

    #[test]
    fn names_are_cut_and_made_safe_to_print() {
        let mut bytes = b"d1:v500:".to_vec();
        bytes.extend("\u{1b}[31mä".bytes().chain([b'x'; 494]).take(500));
        bytes.push(b'e');
        let client = decode(&bytes).client.unwrap();
        assert!(client.starts_with("\u{fffd}[31mäx"));
        assert_eq!(client.chars().count(), 64);
        assert_eq!(decode(b"d1:v3:a\xffbe").client.unwrap(), "a\u{fffd}b");
    }

    #[test]
    fn a_flood_of_extensions_is_cut() {
        let names: String = (0..10_000).map(|i| format!("5:{i:05}i1e")).collect();
        assert_eq!(decode(format!("d1:md{names}ee").as_bytes()).messages.len(), EXTENSIONS_MAX);
    }

    #[test]
    fn what_is_no_dictionary_is_an_error() {
        for bytes in [&b""[..], b"i1e", b"le", b"d", b"d1:m", b"d1:mde", b"hello", b"d1:md1:ai1e"] {
            assert!(ExtensionHandshake::decode(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
