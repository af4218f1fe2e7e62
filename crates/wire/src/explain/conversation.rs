//! The BitTorrent part of a direction: the handshake (BEP 3), then messages.

use std::collections::BTreeMap;

use bytes::BytesMut;
use model::PeerId;

use super::message::explain_message;
use super::parts::{Parts, cut_off};
use super::{Cover, Source, Span};
use crate::handshake::PROTOCOL;
use crate::{Decoder, ExtensionHandshake, Handshake, Message, Reserved, ids};

/// Extended messages by the number under which one side takes them (BEP 10).
pub(super) type Names = BTreeMap<u8, String>;

/// What the sender of `bytes` takes extended messages for, by the extension handshakes in them.
pub(super) fn extension_names(bytes: &[u8]) -> Names {
    let (mut buf, mut names) = (BytesMut::from(bytes), Names::new());
    if !matches!(Handshake::decode(&mut buf), Ok(Some(_))) {
        return names;
    }
    while let Ok(Some(message)) = Decoder::new().next(&mut buf) {
        if let Message::Extended { id: ids::HANDSHAKE, payload } = message
            && let Ok(handshake) = ExtensionHandshake::decode(&payload)
        {
            names.extend(handshake.messages.into_iter().map(|(name, id)| (id, name)));
        }
    }
    names
}

/// Explains `bytes` from `at` to their end. `names` are those of the receiver.
pub(super) fn explain(bytes: &[u8], at: usize, names: &Names) -> Vec<Span> {
    let mut buf = BytesMut::from(&bytes[at..]);
    let mut spans = Vec::new();
    if buf.is_empty() {
        return spans;
    }
    match Handshake::decode(&mut buf) {
        Ok(Some(_)) => spans.push(handshake(bytes, at, Handshake::LENGTH)),
        Ok(None) => return vec![handshake(bytes, at, buf.len())],
        Err(error) => return unreadable(bytes, at, format!("This is {error}.")),
    }
    loop {
        let at = bytes.len() - buf.len();
        if buf.is_empty() {
            return spans;
        }
        let heard = Decoder::new().next(&mut buf);
        let end = bytes.len() - buf.len();
        match heard {
            Ok(Some(message)) => spans.push(explain_message(&bytes[..end], at, Some(&message), names)),
            Ok(None) => {
                spans.push(explain_message(bytes, at, None, names));
                return spans;
            }
            Err(error) => {
                spans.append(&mut unreadable(bytes, at, format!("No message: {error}. The connection cannot go on.")));
                return spans;
            }
        }
    }
}

fn unreadable(bytes: &[u8], at: usize, why: String) -> Vec<Span> {
    let mut parts = Parts::new(bytes, at, Cover::Plain);
    parts.rest("not readable", why);
    parts.spans
}

/// The 68 bytes, or the first of them.
fn handshake(bytes: &[u8], at: usize, length: usize) -> Span {
    let mut parts = Parts::new(bytes, at, Cover::Plain);
    parts.add(
        PROTOCOL.len(),
        "protocol",
        |_| "19, \"BitTorrent protocol\"".into(),
        "The length of the name, and the name.",
    );
    parts.add(8, "reserved", reserved, "Each bit announces something that BEP 3 lacks.");
    let info_hash = parts.add(20, "info-hash", hex, "Which torrent: the SHA-1 of its info dictionary.");
    let peer_id = parts.add(20, "peer id", peer_id, "Who the sender says it is; the prefix is the client's (BEP 20).");
    let value = match (info_hash, peer_id.and_then(|id| id.try_into().ok())) {
        (Some(_), Some(id)) => PeerId(id).client(),
        _ => cut_off(length, Handshake::LENGTH),
    };
    Span {
        value,
        note: "How each side opens: which protocol, which torrent, who.".into(),
        source: Some(Source::Bep(3)),
        parts: parts.spans,
        ..Span::new(at, length, "handshake")
    }
}

fn reserved(bytes: &[u8]) -> String {
    let mut reserved = Reserved::default();
    reserved.0.copy_from_slice(bytes);
    let names = reserved.names();
    if names.is_empty() { "no bit set".to_owned() } else { names.join(", ") }
}

fn peer_id(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
