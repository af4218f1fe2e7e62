//! Just enough bencode (BEP 3) for what peers send each other: a dictionary is checked once
//! and then read in place, key by key, without building a tree and without copies.
//!
//! The crate that reads torrent files is not used here. Its numbers wrap around, or panic in
//! builds that check arithmetic, when a peer sends more digits than fit; and one value of an
//! unexpected type loses the whole dictionary, while real clients read past it.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

/// Why bytes are not a bencoded dictionary. Positions count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    /// The data stops inside a value.
    #[error("cut short at byte {at}")]
    CutShort { at: usize },
    /// No value, or no dictionary, can have this byte here.
    #[error("not bencode: byte {at} is {found:#04x}")]
    Unexpected { at: usize, found: u8 },
    /// A text longer than can be counted.
    #[error("not bencode: a length at byte {at} that no text has")]
    Length { at: usize },
    /// Lists and dictionaries nested deeper than any extension needs.
    #[error("nested deeper than {DEPTH_MAX} levels at byte {at}")]
    TooDeep { at: usize },
}

/// Levels of lists and dictionaries. BEP 10's handshake has two.
const DEPTH_MAX: usize = 16;

/// A checked dictionary: its entries in the order sent.
#[derive(Clone, Copy)]
pub(crate) struct Dict<'a> {
    /// From the first key to before the closing `e`.
    entries: &'a [u8],
}

/// A checked value: the bytes it is written in.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a>(&'a [u8]);

impl<'a> Dict<'a> {
    /// The dictionary that `bytes` begin with, and what follows it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BencodeError> {
        match bytes.first() {
            Some(b'd') => {}
            Some(&found) => return Err(BencodeError::Unexpected { at: 0, found }),
            None => return Err(BencodeError::CutShort { at: 0 }),
        }
        let end = value_end(bytes, 0, DEPTH_MAX)?;
        Ok((Self { entries: &bytes[1..end - 1] }, &bytes[end..]))
    }

    /// Keys and values, in the order sent.
    pub(crate) fn entries(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        self.placed_entries().map(|(_, key, value)| (key, value))
    }

    /// Keys and values with the place of both, counted from the `d` that opens the dictionary.
    pub(crate) fn placed_entries(self) -> impl Iterator<Item = (Range<usize>, &'a [u8], Value<'a>)> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let from = 1 + self.entries.len() - rest.len();
            let (key, after_key) = take_value(rest)?;
            let (value, after_value) = take_value(after_key)?;
            rest = after_value;
            Some((from..1 + self.entries.len() - rest.len(), key.text()?, value))
        })
    }
}

impl<'a> Value<'a> {
    /// A whole number; `None` for other types and for more than 64 bits hold.
    pub(crate) fn int(self) -> Option<i64> {
        let digits = self.0.strip_prefix(b"i")?.strip_suffix(b"e")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// A whole number that `T` can hold.
    pub(crate) fn number<T: TryFrom<i64>>(self) -> Option<T> {
        T::try_from(self.int()?).ok()
    }

    /// A text, whatever its bytes.
    pub(crate) fn text(self) -> Option<&'a [u8]> {
        self.0.first().filter(|byte| byte.is_ascii_digit())?;
        let colon = self.0.iter().position(|&byte| byte == b':')?;
        Some(&self.0[colon + 1..])
    }

    /// A text of exactly `N` bytes.
    pub(crate) fn array<const N: usize>(self) -> Option<[u8; N]> {
        self.text()?.try_into().ok()
    }

    pub(crate) fn dict(self) -> Option<Dict<'a>> {
        Some(Dict { entries: self.0.strip_prefix(b"d")?.strip_suffix(b"e")? })
    }
}

/// The next value of bytes already checked, and what follows it; `None` at their end.
fn take_value(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (value, rest) = bytes.split_at(value_end(bytes, 0, DEPTH_MAX).ok()?);
    Some((Value(value), rest))
}

/// Where the value that begins at `at` ends. `depth` more levels may open.
fn value_end(bytes: &[u8], at: usize, depth: usize) -> Result<usize, BencodeError> {
    match byte_at(bytes, at)? {
        b'i' => int_end(bytes, at),
        b'0'..=b'9' => text_end(bytes, at),
        b'l' | b'd' if depth == 0 => Err(BencodeError::TooDeep { at }),
        b'l' => list_end(bytes, at, depth),
        b'd' => dict_end(bytes, at, depth),
        found => Err(BencodeError::Unexpected { at, found }),
    }
}

fn list_end(bytes: &[u8], at: usize, depth: usize) -> Result<usize, BencodeError> {
    let mut next = at + 1;
    while byte_at(bytes, next)? != b'e' {
        next = value_end(bytes, next, depth - 1)?;
    }
    Ok(next + 1)
}

fn dict_end(bytes: &[u8], at: usize, depth: usize) -> Result<usize, BencodeError> {
    let mut next = at + 1;
    while byte_at(bytes, next)? != b'e' {
        next = value_end(bytes, text_end(bytes, next)?, depth - 1)?;
    }
    Ok(next + 1)
}

/// Leading zeros pass, and numbers of any size do: an odd value is not worth a peer.
fn int_end(bytes: &[u8], at: usize) -> Result<usize, BencodeError> {
    let digits = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'-'));
    let end = digits_end(bytes, digits);
    match byte_at(bytes, end)? {
        b'e' if end > digits => Ok(end + 1),
        found => Err(BencodeError::Unexpected { at: end, found }),
    }
}

fn text_end(bytes: &[u8], at: usize) -> Result<usize, BencodeError> {
    let colon = digits_end(bytes, at);
    match byte_at(bytes, colon)? {
        b':' if colon > at => {}
        found => return Err(BencodeError::Unexpected { at: colon, found }),
    }
    let length = bytes[at..colon]
        .iter()
        .try_fold(0usize, |n, digit| n.checked_mul(10)?.checked_add(usize::from(digit - b'0')))
        .ok_or(BencodeError::Length { at })?;
    match (colon + 1).checked_add(length) {
        Some(end) if end <= bytes.len() => Ok(end),
        _ => Err(BencodeError::CutShort { at: bytes.len() }),
    }
}

fn digits_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn byte_at(bytes: &[u8], at: usize) -> Result<u8, BencodeError> {
    bytes.get(at).copied().ok_or(BencodeError::CutShort { at: bytes.len() })
}

/// Writes a dictionary. Keys are to come in ascending order (BEP 3: "sorted").
pub(crate) struct DictWriter<'a> {
    out: &'a mut BytesMut,
}

impl<'a> DictWriter<'a> {
    pub(crate) fn begin(out: &'a mut BytesMut) -> Self {
        out.put_u8(b'd');
        Self { out }
    }

    pub(crate) fn int(&mut self, key: &str, value: impl Into<i64>) {
        put_text(self.out, key.as_bytes());
        self.out.put_slice(format!("i{}e", value.into()).as_bytes());
    }

    pub(crate) fn text(&mut self, key: &str, value: &[u8]) {
        put_text(self.out, key.as_bytes());
        put_text(self.out, value);
    }

    pub(crate) fn dict(&mut self, key: &str) -> DictWriter<'_> {
        put_text(self.out, key.as_bytes());
        DictWriter::begin(self.out)
    }

    pub(crate) fn end(self) {
        self.out.put_u8(b'e');
    }
}

fn put_text(out: &mut BytesMut, text: &[u8]) {
    out.put_slice(format!("{}:", text.len()).as_bytes());
    out.put_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read_in_place() {
        let (dict, rest) = Dict::read(b"d1:ai-7e1:bd1:x2:yze1:cl0:i1eee...").unwrap();
        assert_eq!(rest, b"...");
        let entries: Vec<_> = dict.entries().collect();
        assert_eq!(entries.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert_eq!(entries[0].1.int(), Some(-7));
        let (key, value) = entries[1].1.dict().unwrap().entries().next().unwrap();
        assert_eq!((key, value.text()), (&b"x"[..], Some(&b"yz"[..])));
        let places: Vec<_> = dict.placed_entries().map(|(place, ..)| place).collect();
        assert_eq!(places, [1..8, 8..20, 20..30]);
        assert!(entries[2].1.int().is_none() && entries[2].1.text().is_none() && entries[2].1.dict().is_none());
    }

    #[test]
    fn a_number_too_large_is_skipped_and_not_misread() {
        let (dict, _) = Dict::read(b"d1:ai99999999999999999999e1:bi5e1:ci-1ee").unwrap();
        let values: Vec<_> = dict.entries().map(|(_, value)| value).collect();
        assert_eq!(values[0].int(), None);
        assert_eq!(values[1].number::<u8>(), Some(5));
        assert_eq!((values[2].int(), values[2].number::<u8>()), (Some(-1), None));
    }

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        let table: &[(&str, BencodeError)] = &[
            ("", BencodeError::CutShort { at: 0 }),
            ("d", BencodeError::CutShort { at: 1 }),
            ("le", BencodeError::Unexpected { at: 0, found: b'l' }),
            ("d1:a", BencodeError::CutShort { at: 4 }),
            ("d1:ae", BencodeError::Unexpected { at: 4, found: b'e' }),
            ("di1ei2ee", BencodeError::Unexpected { at: 1, found: b'i' }),
            ("d1:aiee", BencodeError::Unexpected { at: 5, found: b'e' }),
            ("d1:ai-ee", BencodeError::Unexpected { at: 6, found: b'e' }),
            ("d1:ai1xe", BencodeError::Unexpected { at: 6, found: b'x' }),
            ("d9:ae", BencodeError::CutShort { at: 5 }),
            ("d1x", BencodeError::Unexpected { at: 2, found: b'x' }),
            ("d18446744073709551615:ae", BencodeError::CutShort { at: 24 }),
            ("d184467440737095516150:ae", BencodeError::Length { at: 1 }),
        ];
        for (bytes, error) in table {
            // On a machine of 32 bits the longest length is shorter.
            if usize::BITS == 64 {
                assert_eq!(Dict::read(bytes.as_bytes()).err(), Some(*error), "{bytes}");
            }
        }
    }

    #[test]
    fn nesting_ends_at_its_bound() {
        let nested = |levels: usize| ["d1:a".repeat(levels), "de".into(), "e".repeat(levels)].concat();
        assert!(Dict::read(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(Dict::read(nested(1_000_000).as_bytes()).err(), Some(BencodeError::TooDeep { at: DEPTH_MAX * 4 }));
    }

    #[test]
    fn what_is_written_is_canonical() {
        let mut out = BytesMut::new();
        let mut dict = DictWriter::begin(&mut out);
        dict.int("a", -7);
        let mut inner = dict.dict("b");
        inner.text("x", b"yz");
        inner.end();
        dict.end();
        assert_eq!(out, b"d1:ai-7e1:bd1:x2:yzee"[..]);
    }
}
