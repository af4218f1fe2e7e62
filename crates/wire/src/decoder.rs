//! Takes messages from the front of a buffer that the network fills in whatever portions.
//!
//! Works in two looks. The first, at the length and the number (five bytes), refuses what
//! cannot become a message, before a byte of its body is waited for. The second, when the
//! body is there, cuts the value out.

use bytes::{Buf, Bytes, BytesMut};
use model::bound::{BLOCK_BYTES_MAX, MESSAGE_BYTES_MAX, PIECES_MAX};
use model::{Block, BlockOffset, PieceIndex};

use crate::message::number;
use crate::{Message, WireError};

/// How much a peer may announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, its number among them, the length prefix not.
    pub message_bytes_max: u32,
    /// Bytes of a block, asked for or sent.
    pub block_bytes_max: u32,
    /// Bytes of a bitfield.
    pub bitfield_bytes_max: u32,
}

/// An incremental reader of messages. All its state is in the caller's buffer.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    limits: Limits,
}

impl Decoder {
    /// A decoder with the limits of [`model::bound`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder with limits of its own.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }

    /// Takes one message from the front of `buf`, and leaves in place what follows it. `None`:
    /// more bytes are wanted, and what is there stays. After an error the buffer is unchanged
    /// and further calls give the same error.
    ///
    /// Bodies are views into the buffer's memory, not copies. Whoever keeps one for long keeps
    /// the whole of that memory.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Some(length) = length_prefix(buf) else { return Ok(None) };
        if length == 0 {
            buf.advance(PREFIX);
            return Ok(Some(Message::KeepAlive));
        }
        self.check_length(length)?;
        let Some(&id) = buf.get(PREFIX) else { return Ok(None) };
        self.check_kind(id, length)?;
        if buf.len() - PREFIX < length as usize {
            return Ok(None);
        }
        if let Some(block) = names_block(id).then(|| block_at(&buf[PREFIX + 1..])) {
            self.check_block(number::name(id), block.length)?;
        }
        buf.advance(PREFIX + 1);
        Ok(Some(read_body(id, buf.split_to(length as usize - 1))))
    }

    /// How many more bytes complete the message at the front of `buf`, as far as that is
    /// known: of its prefix at first, then of its whole. Zero when [`Self::next`] has something
    /// to say. Never more than the limit of a message.
    pub fn wants(&self, buf: &[u8]) -> usize {
        let Some(length) = length_prefix(buf) else { return PREFIX - buf.len() };
        if length == 0 || self.check_length(length).is_err() {
            return 0;
        }
        if buf.get(PREFIX).is_some_and(|&id| self.check_kind(id, length).is_err()) {
            return 0;
        }
        (PREFIX + length as usize).saturating_sub(buf.len())
    }

    fn check_length(&self, length: u32) -> Result<(), WireError> {
        let limit = self.limits.message_bytes_max;
        if length > limit { Err(WireError::MessageTooLong { length, limit }) } else { Ok(()) }
    }

    /// What number and length together already rule out.
    fn check_kind(&self, id: u8, length: u32) -> Result<(), WireError> {
        match shape_of(id) {
            Shape::Fixed(wanted) if length != wanted => {
                Err(WireError::FixedLength { name: number::name(id), found: length, wanted })
            }
            Shape::AtLeast(wanted) if length < wanted => {
                Err(WireError::TooShort { name: number::name(id), found: length, wanted })
            }
            _ if id == number::PIECE => self.check_block(number::name(id), length - PIECE_OVERHEAD),
            _ if id == number::BITFIELD && length - 1 > self.limits.bitfield_bytes_max => {
                Err(WireError::BitfieldTooLong { bytes: length - 1, limit: self.limits.bitfield_bytes_max })
            }
            _ => Ok(()),
        }
    }

    fn check_block(&self, name: &'static str, length: u32) -> Result<(), WireError> {
        let limit = self.limits.block_bytes_max;
        if (1..=limit).contains(&length) { Ok(()) } else { Err(WireError::BlockLength { name, length, limit }) }
    }
}

impl Default for Limits {
    /// Those of [`model::bound`].
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX as u32,
            block_bytes_max: BLOCK_BYTES_MAX,
            bitfield_bytes_max: PIECES_MAX.div_ceil(8),
        }
    }
}

/// What is known of a message's length from its number; the number itself counts.
enum Shape {
    Fixed(u32),
    AtLeast(u32),
}

fn shape_of(id: u8) -> Shape {
    match id {
        number::CHOKE | number::UNCHOKE | number::INTERESTED | number::NOT_INTERESTED => Shape::Fixed(1),
        number::HAVE_ALL | number::HAVE_NONE => Shape::Fixed(1),
        number::PORT => Shape::Fixed(3),
        number::HAVE | number::SUGGEST | number::ALLOWED_FAST => Shape::Fixed(5),
        number::REQUEST | number::CANCEL | number::REJECT => Shape::Fixed(13),
        number::PIECE => Shape::AtLeast(PIECE_OVERHEAD),
        number::EXTENDED => Shape::AtLeast(2),
        _ => Shape::AtLeast(1),
    }
}

fn names_block(id: u8) -> bool {
    matches!(id, number::REQUEST | number::CANCEL | number::REJECT)
}

/// The value of a body whose length [`Decoder::check_kind`] has approved.
fn read_body(id: u8, body: BytesMut) -> Message {
    match id {
        number::CHOKE => Message::Choke,
        number::UNCHOKE => Message::Unchoke,
        number::INTERESTED => Message::Interested,
        number::NOT_INTERESTED => Message::NotInterested,
        number::HAVE => Message::Have(PieceIndex(u32_at(&body, 0))),
        number::BITFIELD => Message::Bitfield(body.freeze()),
        number::REQUEST => Message::Request(block_at(&body)),
        number::PIECE => read_piece(body),
        number::CANCEL => Message::Cancel(block_at(&body)),
        number::PORT => Message::Port(u16::from_be_bytes([body[0], body[1]])),
        number::SUGGEST => Message::Suggest(PieceIndex(u32_at(&body, 0))),
        number::HAVE_ALL => Message::HaveAll,
        number::HAVE_NONE => Message::HaveNone,
        number::REJECT => Message::Reject(block_at(&body)),
        number::ALLOWED_FAST => Message::AllowedFast(PieceIndex(u32_at(&body, 0))),
        number::EXTENDED => read_extended(body.freeze()),
        id => Message::Unknown { id, payload: body.freeze() },
    }
}

fn read_piece(mut body: BytesMut) -> Message {
    let (piece, offset) = (PieceIndex(body.get_u32()), BlockOffset(body.get_u32()));
    Message::Piece { piece, offset, data: body.freeze() }
}

fn read_extended(mut body: Bytes) -> Message {
    Message::Extended { id: body.get_u8(), payload: body }
}

fn block_at(body: &[u8]) -> Block {
    Block { piece: PieceIndex(u32_at(body, 0)), offset: BlockOffset(u32_at(body, 4)), length: u32_at(body, 8) }
}

fn u32_at(body: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]])
}

fn length_prefix(buf: &[u8]) -> Option<u32> {
    buf.first_chunk().map(|prefix| u32::from_be_bytes(*prefix))
}

/// Bytes of the length prefix.
const PREFIX: usize = 4;

/// Number, piece and offset of a piece message.
const PIECE_OVERHEAD: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn next(bytes: &[u8]) -> Result<Option<Message>, WireError> {
        Decoder::new().next(&mut BytesMut::from(bytes))
    }

    /// Prefix, number, and the start of a body that is never waited for.
    fn start(length: u32, id: u8) -> Vec<u8> {
        [&length.to_be_bytes()[..], &[id]].concat()
    }

    #[test]
    fn a_message_too_long_is_refused_at_its_length() {
        let limit = MESSAGE_BYTES_MAX as u32;
        for length in [limit + 1, u32::MAX] {
            assert_eq!(next(&length.to_be_bytes()), Err(WireError::MessageTooLong { length, limit }));
        }
        assert_eq!(next(&limit.to_be_bytes()), Ok(None));
        assert_eq!(next(&u32::MAX.to_be_bytes()[..3]), Ok(None));
        let web = u32::from_be_bytes(*b"HTTP");
        assert_eq!(next(b"HTTP/1.1"), Err(WireError::MessageTooLong { length: web, limit }));
    }

    #[test]
    fn a_wrong_length_is_refused_at_the_number() {
        let fixed = [(0, 1), (1, 1), (2, 1), (3, 1), (14, 1), (15, 1), (9, 3), (4, 5), (13, 5), (17, 5)];
        for (id, wanted) in fixed.into_iter().chain([(6, 13), (8, 13), (16, 13)]) {
            for found in [1, 2, 3, 4, 5, 6, 12, 13, 14, 1000].into_iter().filter(|&found| found != wanted) {
                let error = WireError::FixedLength { name: number::name(id), found, wanted };
                assert_eq!(next(&start(found, id)), Err(error), "{}", number::name(id));
            }
        }
        for found in 1..9 {
            assert_eq!(next(&start(found, 7)), Err(WireError::TooShort { name: "piece", found, wanted: 9 }));
        }
        assert_eq!(next(&start(1, 20)), Err(WireError::TooShort { name: "extended", found: 1, wanted: 2 }));
    }

    #[test]
    fn a_block_too_large_is_refused_before_its_data() {
        let limit = BLOCK_BYTES_MAX;
        let refused = |length| Err(WireError::BlockLength { name: "piece", length, limit });
        assert_eq!(next(&start(9 + limit, 7)), Ok(None));
        assert_eq!(next(&start(9 + limit + 1, 7)), refused(limit + 1));
        assert_eq!(next(&start(9, 7)), refused(0));
    }

    #[test]
    fn a_request_for_nothing_or_too_much_is_refused() {
        let limit = BLOCK_BYTES_MAX;
        for (id, name) in [(6, "request"), (8, "cancel"), (16, "reject")] {
            for length in [0, limit + 1, u32::MAX] {
                let bytes = [&start(13, id)[..], &[0; 8], &length.to_be_bytes()].concat();
                assert_eq!(next(&bytes), Err(WireError::BlockLength { name, length, limit }));
            }
        }
    }

    #[test]
    fn a_bitfield_for_too_many_pieces_is_refused_at_the_number() {
        let limit = PIECES_MAX / 8;
        assert_eq!(next(&start(1 + limit, 5)), Ok(None));
        assert_eq!(next(&start(2 + limit, 5)), Err(WireError::BitfieldTooLong { bytes: limit + 1, limit }));
    }

    #[test]
    fn an_error_stays_and_so_does_the_buffer() {
        let bytes = start(2, 0);
        let (mut decoder, mut buf) = (Decoder::new(), BytesMut::from(&bytes[..]));
        let first = decoder.next(&mut buf);
        assert!(first.is_err());
        assert_eq!(decoder.next(&mut buf), first);
        assert_eq!(buf, bytes[..]);
        assert_eq!(decoder.wants(&buf), 0);
    }

    #[test]
    fn what_is_wanted_grows_clear_with_what_is_there() {
        let decoder = Decoder::new();
        assert_eq!(decoder.wants(b""), 4);
        assert_eq!(decoder.wants(b"\0\0\0"), 1);
        assert_eq!(decoder.wants(b"\0\0\x40\x09"), 0x4009);
        assert_eq!(decoder.wants(b"\0\0\x40\x09\x07abc"), 0x4009 - 4);
        assert_eq!(decoder.wants(b"\0\0\0\0"), 0);
        assert_eq!(decoder.wants(b"\xff\0\0\0"), 0, "refused, not waited for");
    }

    #[test]
    fn own_limits_replace_those_of_the_house() {
        let limits = Limits { message_bytes_max: 100, block_bytes_max: 10, bitfield_bytes_max: 2 };
        let mut decoder = Decoder::with_limits(limits);
        let mut refuses = |bytes: Vec<u8>| decoder.next(&mut BytesMut::from(&bytes[..])).is_err();
        assert!(!refuses(start(100, 21)) && refuses(start(101, 21)));
        assert!(!refuses(start(19, 7)) && refuses(start(20, 7)));
        assert!(!refuses(start(3, 5)) && refuses(start(4, 5)));
    }

    #[test]
    fn data_is_never_copied() {
        let mut buf = BytesMut::new();
        for piece in 0..4 {
            let data = Bytes::from(vec![piece as u8; 16_384]);
            Message::Piece { piece: PieceIndex(piece), offset: BlockOffset(0), data }.encode(&mut buf);
        }
        let memory = buf.as_ptr_range();
        let mut decoder = Decoder::new();
        for piece in 0..4usize {
            let Ok(Some(Message::Piece { data, .. })) = decoder.next(&mut buf) else { panic!("piece {piece}") };
            assert_eq!(data.as_ptr(), memory.start.wrapping_add(piece * 16_397 + Message::PIECE_HEADER));
            assert!(data.as_ptr_range().end <= memory.end);
        }
    }
}
