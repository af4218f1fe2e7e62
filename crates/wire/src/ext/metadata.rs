//! `ut_metadata` (BEP 9): the info dictionary of a torrent known only by its magnet link, in
//! parts of 16 KiB. A message is a bencoded dictionary; the part's bytes follow it raw.

use bytes::{Bytes, BytesMut};

use super::ExtError;
use crate::bencode::{Dict, DictWriter};

/// Bytes of a part of the info dictionary; only the last may be shorter (BEP 9).
pub const METADATA_BLOCK: usize = 16 * 1024;

/// A message about parts of the info dictionary, which BEP 9 calls pieces and counts from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    /// Send me this part.
    Request { piece: u32 },
    /// Here it is, with the bytes that the whole has as the sender says. The data is a view into
    /// the payload, at most [`METADATA_BLOCK`] bytes of it, and may be empty.
    Data { piece: u32, total_size: u32, data: Bytes },
    /// I do not have it, or you have asked too often.
    Reject { piece: u32 },
    /// A kind that BEP 9 does not name ("unrecognized message IDs must be ignored"), with the
    /// payload as it came.
    Unknown { kind: i64, payload: Bytes },
}

impl MetadataMessage {
    /// The payload of an extended message.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Request { piece } => head(REQUEST, *piece, None).freeze(),
            Self::Data { piece, total_size, data } => {
                let mut out = head(DATA, *piece, Some(*total_size));
                out.extend_from_slice(data);
                out.freeze()
            }
            Self::Reject { piece } => head(REJECT, *piece, None).freeze(),
            Self::Unknown { payload, .. } => payload.clone(),
        }
    }

    /// Reads the payload of an extended message. What follows the dictionary of a request or a
    /// reject is passed over.
    pub fn decode(payload: Bytes) -> Result<Self, ExtError> {
        let (dict, rest) = Dict::read(&payload)?;
        let (mut kind, mut piece, mut total_size) = (None, None, None);
        for (key, value) in dict.entries() {
            match key {
                b"msg_type" => kind = value.int(),
                b"piece" => piece = value.number::<u32>(),
                b"total_size" => total_size = value.number::<u32>(),
                _ => {}
            }
        }
        let kind = kind.ok_or(ExtError::Key { key: "msg_type" })?;
        if !matches!(kind, REQUEST | DATA | REJECT) {
            return Ok(Self::Unknown { kind, payload });
        }
        let piece = piece.ok_or(ExtError::Key { key: "piece" })?;
        match kind {
            REQUEST => Ok(Self::Request { piece }),
            REJECT => Ok(Self::Reject { piece }),
            _ if rest.len() > METADATA_BLOCK => {
                Err(ExtError::MetadataBlock { found: rest.len(), limit: METADATA_BLOCK })
            }
            _ => {
                let total_size = total_size.ok_or(ExtError::Key { key: "total_size" })?;
                Ok(Self::Data { piece, total_size, data: payload.slice_ref(rest) })
            }
        }
    }
}

fn head(kind: i64, piece: u32, total_size: Option<u32>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut dict = DictWriter::begin(&mut out);
    dict.int("msg_type", kind);
    dict.int("piece", piece);
    if let Some(size) = total_size {
        dict.int("total_size", size);
    }
    dict.end();
    out
}

const REQUEST: i64 = 0;
const DATA: i64 = 1;
const REJECT: i64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(payload: &'static [u8]) -> Result<MetadataMessage, ExtError> {
        MetadataMessage::decode(Bytes::from_static(payload))
    }

    #[test]
    fn the_examples_of_bep_9_read_both_ways() {
        let data = Bytes::from_static(b"xxxxxxxx");
        let table: &[(&[u8], MetadataMessage)] = &[
            (b"d8:msg_typei0e5:piecei0ee", MetadataMessage::Request { piece: 0 }),
            (
                b"d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx",
                MetadataMessage::Data { piece: 0, total_size: 34256, data },
            ),
            (b"d8:msg_typei2e5:piecei0ee", MetadataMessage::Reject { piece: 0 }),
        ];
        for (bytes, value) in table {
            assert_eq!(value.encode(), *bytes);
            assert_eq!(MetadataMessage::decode(Bytes::from_static(bytes)).as_ref(), Ok(value));
        }
    }

    #[test]
    fn the_data_is_a_view_into_the_payload() {
        let payload = Bytes::from_static(b"d8:msg_typei1e5:piecei2e10:total_sizei9eeabc");
        let Ok(MetadataMessage::Data { data, .. }) = MetadataMessage::decode(payload.clone()) else { panic!() };
        assert_eq!(data, b"abc"[..]);
        assert_eq!(data.as_ptr(), payload[payload.len() - 3..].as_ptr());
    }

    #[test]
    fn a_kind_that_nobody_named_is_carried() {
        let payload = Bytes::from_static(b"d8:msg_typei9e1:xi1eetail");
        let unknown = MetadataMessage::Unknown { kind: 9, payload: payload.clone() };
        assert_eq!(MetadataMessage::decode(payload.clone()), Ok(unknown.clone()));
        assert_eq!(unknown.encode(), payload);
    }

    #[test]
    fn what_lacks_its_numbers_says_which() {
        let table: &[(&[u8], &str)] = &[
            (b"d5:piecei0ee", "msg_type"),
            (b"d8:msg_type1:05:piecei0ee", "msg_type"),
            (b"d8:msg_typei0ee", "piece"),
            (b"d8:msg_typei0e5:piecei-1ee", "piece"),
            (b"d8:msg_typei2e5:piecei4294967296ee", "piece"),
            (b"d8:msg_typei1e5:piecei0eexx", "total_size"),
        ];
        for (bytes, key) in table {
            assert_eq!(decode(bytes), Err(ExtError::Key { key }), "{}", bytes.escape_ascii());
        }
        assert!(matches!(decode(b"d8:msg_typei0e5:pie"), Err(ExtError::Bencode(_))));
    }

    #[test]
    fn a_part_of_more_than_16_kib_is_refused() {
        let whole = Bytes::from(vec![7; METADATA_BLOCK]);
        let fits = MetadataMessage::Data { piece: 0, total_size: 40_000, data: whole };
        assert_eq!(MetadataMessage::decode(fits.encode()), Ok(fits.clone()));
        let more = [&fits.encode()[..], b"7"].concat();
        let error = ExtError::MetadataBlock { found: METADATA_BLOCK + 1, limit: METADATA_BLOCK };
        assert_eq!(MetadataMessage::decode(more.into()), Err(error));
    }
}
