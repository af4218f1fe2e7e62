//! One message, field by field.

use std::borrow::Cow;

use model::{Block, BlockOffset, PieceIndex};

use super::conversation::Names;
use super::extension::{self, Extension};
use super::parts::{Parts, cut_off};
use super::{Cover, Source, Span, bytes_of};
use crate::Message;
use crate::ext::handshake::readable;
use crate::message::number;

/// The message that begins at `at` and ends where `bytes` do. `None`: it goes on behind them.
pub(super) fn explain_message(bytes: &[u8], at: usize, message: Option<&Message>, names: &Names) -> Span {
    let mut parts = Parts::new(bytes, at, Cover::Plain);
    let length = parts.number::<4>("length", |n| n.to_string(), "How many bytes follow. All numbers are big-endian.");
    let id = if length == Some(0) { None } else { parts.left().first().copied() };
    let kind = id.map(kind).unwrap_or(if length == Some(0) { KEEP_ALIVE } else { UNKNOWN });
    if let Some(id) = id {
        parts.number::<1>("number", |_| format!("{id}, {}", number::name(id)), "What kind of message it is.");
    }
    let mut extension = None;
    if let (Some(id), Some(length)) = (id, length) {
        extension = add_body(&mut parts, id, length as usize - 1, names);
    }
    let found = bytes.len() - at;
    let value = match message {
        Some(message) => extension.as_ref().map_or_else(|| summary(message), |extension| extension.summary.clone()),
        None => {
            let cut = cut_off(found, length.map_or(PREFIX, |length| PREFIX + length as usize));
            cut_block(&bytes[at..]).map_or(cut.clone(), |block| format!("{}; {cut}", describe_block(block)))
        }
    };
    let name = match (&extension, id) {
        (Some(extension), _) => extension.name.clone(),
        (None, Some(id)) => number::name(id).into(),
        (None, None) => if length == Some(0) { "keep-alive" } else { "a message" }.into(),
    };
    let note = extension.as_ref().map_or(Cow::Borrowed(kind.note), |extension| extension.note.into());
    let source = extension.as_ref().map_or(kind.source, |extension| extension.source);
    Span { value, note, source, parts: parts.spans, ..Span::new(at, found, name) }
}

/// The fields behind the number; `length` is theirs. Gives what kind of extended message it is.
fn add_body(parts: &mut Parts<'_>, id: u8, length: usize, names: &Names) -> Option<Extension> {
    match id {
        number::HAVE | number::SUGGEST | number::ALLOWED_FAST => add_numbers(parts, &["piece"]),
        number::REQUEST | number::CANCEL | number::REJECT => add_numbers(parts, &["piece", "offset", "block length"]),
        number::PIECE => {
            add_numbers(parts, &["piece", "offset"]);
            parts.add(length.saturating_sub(8), "data", |data| bytes_of(data.len()), "The content itself.");
        }
        number::PORT => drop(parts.number::<2>("port", |port| port.to_string(), "")),
        number::EXTENDED => return add_extended(parts, length, names),
        number::BITFIELD => drop(parts.add(length, "bits", bits, "A bit a piece, the first piece in the highest bit.")),
        _ => drop(parts.add(length, "body", |body| bytes_of(body.len()), "")),
    }
    None
}

fn add_numbers(parts: &mut Parts<'_>, names: &[&'static str]) {
    for name in names {
        parts.number::<4>(*name, |n| n.to_string(), "");
    }
}

fn add_extended(parts: &mut Parts<'_>, length: usize, names: &Names) -> Option<Extension> {
    let id = *parts.left().first()?;
    let name = names.get(&id).map(|name| readable(name.as_bytes()));
    let named = if id == 0 {
        "0, the extension handshake".to_owned()
    } else {
        format!("{id}, {}", name.as_deref().unwrap_or("not named in the record"))
    };
    parts.number::<1>("extension", |_| named, "The number that the receiver gave the extension in its own handshake.");
    Some(extension::add_payload(parts, id, length.saturating_sub(1), name))
}

/// The block of a piece message whose data the record cuts off.
fn cut_block(message: &[u8]) -> Option<Block> {
    let head: &[u8; Message::PIECE_HEADER] = message.first_chunk().filter(|head| head[PREFIX] == number::PIECE)?;
    let number = |at| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(0).checked_sub(Message::PIECE_HEADER as u32 - PREFIX as u32)?;
    Some(Block { piece: PieceIndex(number(5)), offset: BlockOffset(number(9)), length })
}

/// What it says, in a line.
fn summary(message: &Message) -> String {
    match message {
        Message::Have(piece) | Message::Suggest(piece) | Message::AllowedFast(piece) => format!("piece {}", piece.0),
        Message::Request(block) | Message::Cancel(block) | Message::Reject(block) => describe_block(*block),
        Message::Piece { piece, offset, data } => {
            describe_block(Block { piece: *piece, offset: *offset, length: data.len() as u32 })
        }
        Message::Bitfield(bytes) => bits(bytes),
        Message::Port(port) => format!("UDP port {port}"),
        Message::Extended { payload, .. } => bytes_of(payload.len()),
        Message::Unknown { id, payload } => format!("number {id}, {}", bytes_of(payload.len())),
        _ => String::new(),
    }
}

fn describe_block(block: Block) -> String {
    format!("{} of piece {}, from byte {}", bytes_of(block.length as usize), block.piece.0, block.offset.0)
}

fn bits(bytes: &[u8]) -> String {
    let set: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    format!("{set} of {} bits set", 8 * bytes.len())
}

/// What is to be said of a message whatever its fields.
#[derive(Clone, Copy)]
struct Kind {
    note: &'static str,
    source: Option<Source>,
}

fn kind(id: u8) -> Kind {
    let (bep, note) = match id {
        number::CHOKE => (3, "Requests will not be answered."),
        number::UNCHOKE => (3, "Requests will be answered."),
        number::INTERESTED => (3, "You have pieces that I want."),
        number::NOT_INTERESTED => (3, "You have nothing for me."),
        number::HAVE => (3, "I have one more piece."),
        number::BITFIELD => (3, "What I have, a bit a piece. Bits past the last piece are 0."),
        number::REQUEST => (3, "Send me these bytes."),
        number::PIECE => (3, "Here are the bytes you asked for."),
        number::CANCEL => (3, "No need to send these."),
        number::PORT => (5, "Where my DHT node listens."),
        number::SUGGEST => (6, "Fetch this piece: it is cheap for me."),
        number::HAVE_ALL => (6, "I have every piece."),
        number::HAVE_NONE => (6, "I have no piece."),
        number::REJECT => (6, "This request will not be answered."),
        number::ALLOWED_FAST => (6, "You may ask for this piece even while choked."),
        number::EXTENDED => (10, "A message of an extension."),
        _ => return UNKNOWN,
    };
    Kind { note, source: Some(Source::Bep(bep)) }
}

const KEEP_ALIVE: Kind = Kind { note: "Nothing to say, but still here.", source: Some(Source::Bep(3)) };
const UNKNOWN: Kind = Kind { note: "", source: None };

/// Bytes of the length prefix.
const PREFIX: usize = 4;
