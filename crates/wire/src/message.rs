//! What is said after the handshake. On the wire each message is its length in four bytes
//! (big-endian, like every number here), then its number in one byte, then its body; a
//! keep-alive is the length zero and nothing else (BEP 3).

use bytes::{BufMut, Bytes, BytesMut};
use model::{Block, BlockOffset, PieceIndex};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Nothing to say, but still here (BEP 3).
    KeepAlive,
    /// Requests will not be answered (BEP 3).
    Choke,
    /// Requests will be answered (BEP 3).
    Unchoke,
    /// You have pieces that I want (BEP 3).
    Interested,
    /// You have nothing for me (BEP 3).
    NotInterested,
    /// I have one more piece (BEP 3).
    Have(PieceIndex),
    /// What I have, a bit a piece, as sent: only who knows the number of pieces can read it
    /// ([`model::PieceSet::from_wire`], BEP 3).
    Bitfield(Bytes),
    /// Send me these bytes (BEP 3).
    Request(Block),
    /// Here they are (BEP 3). The data is a view into the receive buffer.
    Piece { piece: PieceIndex, offset: BlockOffset, data: Bytes },
    /// No need to send them (BEP 3).
    Cancel(Block),
    /// The UDP port of my DHT node (BEP 5).
    Port(u16),
    /// Fetch this piece, it is cheap for me (BEP 6).
    Suggest(PieceIndex),
    /// A bitfield of ones (BEP 6).
    HaveAll,
    /// A bitfield of zeros (BEP 6).
    HaveNone,
    /// This request will not be answered (BEP 6).
    Reject(Block),
    /// You may ask for this piece even while choked (BEP 6).
    AllowedFast(PieceIndex),
    /// A message of an extension (BEP 10): 0 is the extension handshake, others are what the
    /// receiver said in its own.
    Extended { id: u8, payload: Bytes },
    /// A number that we do not know, and its body.
    Unknown { id: u8, payload: Bytes },
}

impl Message {
    /// Its number on the wire; a keep-alive has none.
    pub fn number(&self) -> Option<u8> {
        Some(match self {
            Self::KeepAlive => return None,
            Self::Choke => number::CHOKE,
            Self::Unchoke => number::UNCHOKE,
            Self::Interested => number::INTERESTED,
            Self::NotInterested => number::NOT_INTERESTED,
            Self::Have(_) => number::HAVE,
            Self::Bitfield(_) => number::BITFIELD,
            Self::Request(_) => number::REQUEST,
            Self::Piece { .. } => number::PIECE,
            Self::Cancel(_) => number::CANCEL,
            Self::Port(_) => number::PORT,
            Self::Suggest(_) => number::SUGGEST,
            Self::HaveAll => number::HAVE_ALL,
            Self::HaveNone => number::HAVE_NONE,
            Self::Reject(_) => number::REJECT,
            Self::AllowedFast(_) => number::ALLOWED_FAST,
            Self::Extended { .. } => number::EXTENDED,
            Self::Unknown { id, .. } => *id,
        })
    }

    /// The name used in events and errors.
    pub fn name(&self) -> &'static str {
        self.number().map_or("keep-alive", number::name)
    }

    /// Appends the message to `out`, length prefix included.
    ///
    /// # Panics
    /// When a body is 4 GiB or more: no caller builds one.
    pub fn encode(&self, out: &mut BytesMut) {
        let Some(id) = self.number() else { return out.put_u32(0) };
        match self {
            Self::Have(piece) | Self::Suggest(piece) | Self::AllowedFast(piece) => put(out, id, &piece.0.to_be_bytes()),
            Self::Request(block) | Self::Cancel(block) | Self::Reject(block) => put(out, id, &block_bytes(*block)),
            Self::Bitfield(body) | Self::Unknown { payload: body, .. } => put(out, id, body),
            Self::Port(port) => put(out, id, &port.to_be_bytes()),
            Self::Piece { piece, offset, data } => {
                out.reserve(Self::PIECE_HEADER + data.len());
                out.put_slice(&Self::piece_header(*piece, *offset, length_of(data)));
                out.put_slice(data);
            }
            Self::Extended { id: extension, payload } => {
                out.reserve(6 + payload.len());
                out.put_u32(length_of(payload) + 2);
                out.put_slice(&[id, *extension]);
                out.put_slice(payload);
            }
            _ => put(out, id, &[]),
        }
    }

    /// Bytes before the data of a piece message.
    pub const PIECE_HEADER: usize = 13;

    /// What stands before the `len` bytes of data of a piece message, so that the data itself
    /// can be sent from where it lies.
    pub fn piece_header(piece: PieceIndex, offset: BlockOffset, len: u32) -> [u8; 13] {
        let mut out = [0; Self::PIECE_HEADER];
        out[..4].copy_from_slice(&(len + 9).to_be_bytes());
        out[4] = number::PIECE;
        out[5..9].copy_from_slice(&piece.0.to_be_bytes());
        out[9..].copy_from_slice(&offset.0.to_be_bytes());
        out
    }
}

fn put(out: &mut BytesMut, number: u8, body: &[u8]) {
    out.reserve(5 + body.len());
    out.put_u32(length_of(body) + 1);
    out.put_u8(number);
    out.put_slice(body);
}

fn length_of(body: &[u8]) -> u32 {
    u32::try_from(body.len()).expect("no caller builds a message of 4 GiB")
}

fn block_bytes(block: Block) -> [u8; 12] {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&block.piece.0.to_be_bytes());
    out[4..8].copy_from_slice(&block.offset.0.to_be_bytes());
    out[8..].copy_from_slice(&block.length.to_be_bytes());
    out
}

/// The numbers of the messages, and their names.
pub(crate) mod number {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 13;
    pub(crate) const HAVE_ALL: u8 = 14;
    pub(crate) const HAVE_NONE: u8 = 15;
    pub(crate) const REJECT: u8 = 16;
    pub(crate) const ALLOWED_FAST: u8 = 17;
    pub(crate) const EXTENDED: u8 = 20;

    pub(crate) fn name(id: u8) -> &'static str {
        match id {
            CHOKE => "choke",
            UNCHOKE => "unchoke",
            INTERESTED => "interested",
            NOT_INTERESTED => "not-interested",
            HAVE => "have",
            BITFIELD => "bitfield",
            REQUEST => "request",
            PIECE => "piece",
            CANCEL => "cancel",
            PORT => "port",
            SUGGEST => "suggest",
            HAVE_ALL => "have-all",
            HAVE_NONE => "have-none",
            REJECT => "reject",
            ALLOWED_FAST => "allowed-fast",
            EXTENDED => "extended",
            _ => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, WireError};

    fn block(piece: u32, offset: u32, length: u32) -> Block {
        Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length }
    }

    /// Each message, its name, and its bytes.
    fn table() -> Vec<(Message, &'static str, &'static [u8])> {
        let view = Bytes::from_static;
        let data = Message::Piece { piece: PieceIndex(3), offset: BlockOffset(0x4000), data: view(b"abc") };
        vec![
            (Message::KeepAlive, "keep-alive", b"\0\0\0\0"),
            (Message::Choke, "choke", b"\0\0\0\x01\0"),
            (Message::Unchoke, "unchoke", b"\0\0\0\x01\x01"),
            (Message::Interested, "interested", b"\0\0\0\x01\x02"),
            (Message::NotInterested, "not-interested", b"\0\0\0\x01\x03"),
            (Message::Have(PieceIndex(258)), "have", b"\0\0\0\x05\x04\0\0\x01\x02"),
            (Message::Bitfield(view(b"\xff\x80")), "bitfield", b"\0\0\0\x03\x05\xff\x80"),
            (Message::Bitfield(Bytes::new()), "bitfield", b"\0\0\0\x01\x05"),
            (Message::Request(block(1, 2, 16384)), "request", b"\0\0\0\x0d\x06\0\0\0\x01\0\0\0\x02\0\0\x40\0"),
            (data, "piece", b"\0\0\0\x0c\x07\0\0\0\x03\0\0\x40\0abc"),
            (Message::Cancel(block(1, 2, 131_072)), "cancel", b"\0\0\0\x0d\x08\0\0\0\x01\0\0\0\x02\0\x02\0\0"),
            (Message::Port(6881), "port", b"\0\0\0\x03\x09\x1a\xe1"),
            (Message::Suggest(PieceIndex(7)), "suggest", b"\0\0\0\x05\x0d\0\0\0\x07"),
            (Message::HaveAll, "have-all", b"\0\0\0\x01\x0e"),
            (Message::HaveNone, "have-none", b"\0\0\0\x01\x0f"),
            (Message::Reject(block(1, 2, 1)), "reject", b"\0\0\0\x0d\x10\0\0\0\x01\0\0\0\x02\0\0\0\x01"),
            (Message::AllowedFast(PieceIndex(u32::MAX)), "allowed-fast", b"\0\0\0\x05\x11\xff\xff\xff\xff"),
            (Message::Extended { id: 0, payload: view(b"de") }, "extended", b"\0\0\0\x04\x14\0de"),
            (Message::Extended { id: 9, payload: Bytes::new() }, "extended", b"\0\0\0\x02\x14\x09"),
            (Message::Unknown { id: 21, payload: view(b"hash") }, "unknown", b"\0\0\0\x05\x15hash"),
            (Message::Unknown { id: 255, payload: Bytes::new() }, "unknown", b"\0\0\0\x01\xff"),
        ]
    }

    #[test]
    fn bytes_and_value_are_the_same_thing() {
        for (message, name, bytes) in table() {
            let mut out = BytesMut::new();
            message.encode(&mut out);
            assert_eq!(out, bytes, "{name} written");
            assert_eq!(message.name(), name);
            let mut buf = BytesMut::from(bytes);
            assert_eq!(Decoder::new().next(&mut buf), Ok(Some(message)), "{name} read");
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn each_message_is_complete_at_its_last_byte_and_not_before() {
        for (message, name, bytes) in table() {
            let (mut decoder, mut buf) = (Decoder::new(), BytesMut::new());
            for (i, byte) in bytes.iter().enumerate() {
                assert_eq!(decoder.next(&mut buf), Ok(None), "{name} after {i} bytes");
                assert!((1..=bytes.len() - i).contains(&decoder.wants(&buf)), "{name} after {i} bytes");
                buf.extend_from_slice(&[*byte]);
            }
            assert_eq!(decoder.wants(&buf), 0, "{name}");
            assert_eq!(decoder.next(&mut buf), Ok(Some(message)));
        }
    }

    #[test]
    fn a_header_and_its_data_make_a_piece_message() {
        let (piece, offset, data) = (PieceIndex(70_000), BlockOffset(16_384), Bytes::from(vec![5; 16_384]));
        let sent = [&Message::piece_header(piece, offset, data.len() as u32)[..], &data].concat();
        let read = Decoder::new().next(&mut BytesMut::from(&sent[..]));
        assert_eq!(read, Ok(Some(Message::Piece { piece, offset, data })));
    }

    #[test]
    fn errors_say_the_numbers() {
        let error = WireError::BlockLength { name: "request", length: 0, limit: 131_072 };
        assert_eq!(error.to_string(), "a request message for a block of 0 bytes: 1 to 131072 are allowed");
        let error = WireError::FixedLength { name: "have", found: 9, wanted: 5 };
        assert_eq!(error.to_string(), "a have message of 9 bytes where 5 are right");
    }
}
