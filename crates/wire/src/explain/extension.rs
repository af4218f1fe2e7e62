//! The payload of an extended message (BEP 10), key by key.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::parts::Parts;
use super::{Source, bytes_of};
use crate::bencode::{Dict, Value};
use crate::ext::handshake::readable;
use crate::ext::pex::addresses;
use crate::ids;

/// What an extended message turned out to be.
pub(super) struct Extension {
    pub(super) name: Cow<'static, str>,
    pub(super) note: &'static str,
    pub(super) source: Option<Source>,
    /// What it says, in a line.
    pub(super) summary: String,
}

/// Adds the `length` bytes behind the extension's number, which is `id` and goes by `name`.
pub(super) fn add_payload(parts: &mut Parts<'_>, id: u8, length: usize, name: Option<String>) -> Extension {
    let about = if id == ids::HANDSHAKE { &HANDSHAKE } else { about(name.as_deref()) };
    let payload = parts.left();
    let said = payload.get(..length).and_then(|payload| Dict::read(payload).ok());
    let mut summary = bytes_of(length);
    match said {
        Some((dict, tail)) if about.is_dictionary => {
            let said = add_dictionary(parts, dict, about);
            parts.add(1, "e", |_| String::new(), "The dictionary ends.");
            parts.add(tail.len(), "data", |data| bytes_of(data.len()), about.tail);
            if !said.is_empty() {
                summary = said.join(", ");
            }
        }
        _ if about.is_dictionary => {
            parts.add(length, "payload", |_| "no dictionary".into(), "");
        }
        _ => {
            parts.add(length, "payload", |bytes| bytes_of(bytes.len()), "");
        }
    }
    let named = name.filter(|_| about.name.is_empty()).map(Cow::Owned);
    let name = named.unwrap_or(Cow::Borrowed(if about.name.is_empty() { "extended" } else { about.name }));
    Extension { name, note: about.note, source: Some(Source::Bep(about.bep)), summary }
}

/// Adds the entries. Gives the sentences that a summary is made of.
fn add_dictionary(parts: &mut Parts<'_>, dict: Dict<'_>, about: &About) -> Vec<String> {
    let mut said = Vec::new();
    parts.add(1, "d", |_| String::new(), "A dictionary (bencode, BEP 3): keys and values up to its `e`.");
    for (place, key, value) in dict.placed_entries() {
        let known = about.keys.iter().find(|known| known.key.as_bytes() == key);
        let text =
            known.map_or_else(|| anything(value), |known| (known.show)(value).unwrap_or_else(|| anything(value)));
        if let Some(known) = known.filter(|known| known.in_summary) {
            said.push(format!("{}{text}", known.lead));
        }
        let name: Cow<'static, str> = known.map_or_else(|| readable(key).into(), |known| known.key.into());
        parts.add(place.len(), name, |_| text, known.map_or("", |known| known.note));
    }
    said
}

/// A value of whatever type.
fn anything(value: Value<'_>) -> String {
    if let Some(n) = value.int() {
        return n.to_string();
    }
    match value.text() {
        Some(text) if is_printable(text) => format!("\"{}\"", readable(text)),
        Some(text) => bytes_of(text.len()),
        None if value.dict().is_some() => "a dictionary".to_owned(),
        None => "a list, or a number too large".to_owned(),
    }
}

fn is_printable(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// An extension.
struct About {
    name: &'static str,
    bep: u8,
    note: &'static str,
    is_dictionary: bool,
    keys: &'static [Key],
    /// What bytes behind the dictionary are.
    tail: &'static str,
}

/// A key of its dictionary.
#[derive(Clone, Copy)]
struct Key {
    key: &'static str,
    note: &'static str,
    /// `None`: the value has another type than it should.
    show: fn(Value<'_>) -> Option<String>,
    in_summary: bool,
    /// What stands before the value in the summary.
    lead: &'static str,
}

fn about(name: Option<&str>) -> &'static About {
    match name {
        Some(ids::UT_METADATA_NAME) => &METADATA,
        Some(ids::UT_PEX_NAME) => &PEX,
        Some(ids::UPLOAD_ONLY_NAME) => &UPLOAD_ONLY,
        _ => &OTHER,
    }
}

const fn key(key: &'static str, note: &'static str, show: fn(Value<'_>) -> Option<String>) -> Key {
    Key { key, note, show, in_summary: false, lead: "" }
}

const fn told(lead: &'static str, of: Key) -> Key {
    Key { in_summary: true, lead, ..of }
}

const HANDSHAKE: About = About {
    name: "extension handshake",
    bep: 10,
    note: "Which extensions the sender takes, under which numbers, and some facts about itself.",
    is_dictionary: true,
    keys: &[
        told("", key("v", "Name and version of the client.", text)),
        told("", key("m", "Extensions by name, with the number under which the sender takes them.", extensions)),
        key("p", "The TCP port on which the sender can be dialled.", number),
        key("reqq", "Requests that the sender keeps waiting without dropping any.", number),
        key("metadata_size", "Bytes of the info dictionary (BEP 9).", number),
        key("upload_only", "Whether the sender has all it wants (BEP 21).", yes_or_no),
        key("yourip", "The receiver's address as the sender sees it.", address),
        key("ipv4", "Where else the sender can be reached.", address),
        key("ipv6", "Where else the sender can be reached.", address),
        key("e", "Whether the sender prefers encryption (Transmission).", yes_or_no),
    ],
    tail: "",
};

const METADATA: About = About {
    name: "ut_metadata",
    bep: 9,
    note: "The info dictionary in parts of 16 KiB, for who has only a magnet link.",
    is_dictionary: true,
    keys: &[
        told("", key("msg_type", "What is meant.", metadata_kind)),
        told("part ", key("piece", "Which part, counted from 0.", number)),
        key("total_size", "Bytes of the whole info dictionary.", number),
    ],
    tail: "The part itself.",
};

const PEX: About = About {
    name: "ut_pex",
    bep: 11,
    note: "Peers that the sender has met or lost since it last told.",
    is_dictionary: true,
    keys: &[
        told("added: ", key("added", "IPv4 peers, 6 bytes each.", peers::<6>)),
        key(
            "added.f",
            "Flags, a byte a peer: 1 prefers encryption, 2 seed, 4 uTP, 8 hole punching, 16 reachable.",
            flags,
        ),
        told("added: ", key("added6", "IPv6 peers, 18 bytes each.", peers::<18>)),
        key("added6.f", "Flags, a byte a peer.", flags),
        told("dropped: ", key("dropped", "IPv4 peers that are gone.", peers::<6>)),
        told("dropped: ", key("dropped6", "IPv6 peers that are gone.", peers::<18>)),
    ],
    tail: "",
};

const UPLOAD_ONLY: About = About {
    name: "upload_only",
    bep: 21,
    note: "A change of mind about only uploading: one byte, 0 for no.",
    is_dictionary: false,
    keys: &[],
    tail: "",
};

const OTHER: About =
    About { name: "", bep: 10, note: "A message of an extension.", is_dictionary: false, keys: &[], tail: "" };

fn text(value: Value<'_>) -> Option<String> {
    value.text().map(readable)
}

fn number(value: Value<'_>) -> Option<String> {
    value.int().map(|n| n.to_string())
}

fn yes_or_no(value: Value<'_>) -> Option<String> {
    value.int().map(|n| if n == 0 { "no" } else { "yes" }.to_owned())
}

fn address(value: Value<'_>) -> Option<String> {
    let v4 = value.array::<4>().map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    v4.or_else(|| value.array::<16>().map(|octets| Ipv6Addr::from(octets).into())).map(|ip| ip.to_string())
}

fn extensions(value: Value<'_>) -> Option<String> {
    let named = value.dict()?.entries().map(|(name, id)| format!("{} = {}", readable(name), anything(id)));
    Some(some_of(&named.collect::<Vec<_>>(), EXTENSIONS_SHOWN))
}

fn metadata_kind(value: Value<'_>) -> Option<String> {
    Some(match value.int()? {
        0 => "request".to_owned(),
        1 => "data".to_owned(),
        2 => "reject".to_owned(),
        kind => format!("unknown kind {kind}"),
    })
}

fn flags(value: Value<'_>) -> Option<String> {
    let flags: Vec<String> = value.text()?.iter().map(|flags| flags.to_string()).collect();
    Some(some_of(&flags, FLAGS_SHOWN))
}

/// Compact addresses: `N` is 6 for IPv4 and 18 for IPv6.
fn peers<const N: usize>(value: Value<'_>) -> Option<String> {
    let peers: Vec<String> = addresses::<N>(value.text()?).map(|addr| addr.to_string()).collect();
    Some(some_of(&peers, PEERS_SHOWN))
}

fn some_of(all: &[String], shown: usize) -> String {
    match all.len() {
        0 => "none".to_owned(),
        n if n > shown => format!("{} and {} more", all[..shown].join(", "), n - shown),
        _ => all.join(", "),
    }
}

const EXTENSIONS_SHOWN: usize = 12;
const FLAGS_SHOWN: usize = 8;
const PEERS_SHOWN: usize = 3;
