//! A look at the grammar of bencode (BEP 3) before anything is read out of it.
//!
//! The reader behind this crate trusts numbers to fit: one with too many digits wraps around
//! or panics, depending on the build. So every number, length and nesting is looked at here
//! first, without recursion, and the reader only ever sees well-formed input. Keys may stand
//! in any order: foreign files do that, and their hash is over the bytes as they are.

/// Why bytes are not one bencoded value. Positions count bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The data stops inside a value.
    #[error("cut short: it ends at byte {at}, in the middle of a value")]
    CutShort {
        /// Where the data ends.
        at: usize,
    },
    /// No value begins with this byte.
    #[error("not bencode: byte {at} is {:?}, where a value should begin", char::from(*found))]
    Unexpected {
        /// Where it stands.
        at: usize,
        /// The byte.
        found: u8,
    },
    /// BEP 3: no leading zeros, no `-0`; and it has to fit 64 bits.
    #[error("not bencode: the number at byte {at} is malformed or too large")]
    Number {
        /// Where the number begins.
        at: usize,
    },
    /// BEP 3: "Keys must be strings".
    #[error("not bencode: the dictionary key at byte {at} is not text")]
    Key {
        /// Where the key should begin.
        at: usize,
    },
    /// Lists and dictionaries nested deeper than any torrent needs.
    #[error("nested deeper than {DEPTH_MAX} levels at byte {at}")]
    TooDeep {
        /// Where the first level too many begins.
        at: usize,
    },
    /// More data behind the value.
    #[error("goes on behind its end at byte {at} (bytes left: {extra})")]
    Trailing {
        /// Where the value ends.
        at: usize,
        /// How many bytes follow.
        extra: usize,
    },
}

/// Levels of lists and dictionaries. A folder torrent has five; the file tree of a hybrid
/// adds one for each directory (`model::bound::PATH_DEPTH_MAX`).
const DEPTH_MAX: usize = 100;

/// What the innermost open container waits for.
#[derive(Clone, Copy)]
enum Open {
    List,
    Key,
    Value,
}

/// True for exactly one well-formed value.
pub(crate) fn check(bytes: &[u8]) -> Result<(), SyntaxError> {
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    loop {
        let byte = *bytes.get(at).ok_or(SyntaxError::CutShort { at })?;
        match (byte, open.last_mut()) {
            (b'e', Some(Open::List | Open::Key)) => {
                open.pop();
                at += 1;
            }
            (b'0'..=b'9', Some(key @ Open::Key)) => {
                *key = Open::Value;
                at = after_text(bytes, at)?;
                continue;
            }
            (_, Some(Open::Key)) => return Err(SyntaxError::Key { at }),
            (b'l' | b'd', _) => {
                if open.len() == DEPTH_MAX {
                    return Err(SyntaxError::TooDeep { at });
                }
                open.push(if byte == b'l' { Open::List } else { Open::Key });
                at += 1;
                continue;
            }
            (b'i', _) => at = after_number(bytes, at)?,
            (b'0'..=b'9', _) => at = after_text(bytes, at)?,
            (found, _) => return Err(SyntaxError::Unexpected { at, found }),
        }
        match open.last_mut() {
            None => break,
            Some(Open::List) => {}
            Some(state) => *state = Open::Key,
        }
    }
    match bytes.len() - at {
        0 => Ok(()),
        extra => Err(SyntaxError::Trailing { at, extra }),
    }
}

/// `i<number>e` from `at`; where it ends.
fn after_number(bytes: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let start = at + 1;
    let minus = usize::from(bytes.get(start) == Some(&b'-'));
    let digits = digits(&bytes[start + minus..]);
    let end = start + minus + digits.len();
    let zero_led = digits.first() == Some(&b'0') && (digits.len() > 1 || minus == 1);
    match bytes.get(end) {
        None => Err(SyntaxError::CutShort { at: bytes.len() }),
        Some(b'e') if !zero_led && fits_i64(&bytes[start..end]) => Ok(end + 1),
        Some(_) => Err(SyntaxError::Number { at }),
    }
}

/// `<length>:<bytes>` from `at`; where it ends.
fn after_text(bytes: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let digits = digits(&bytes[at..]);
    let colon = at + digits.len();
    match bytes.get(colon) {
        None => return Err(SyntaxError::CutShort { at: bytes.len() }),
        Some(b':') => {}
        Some(_) => return Err(SyntaxError::Number { at }),
    }
    let length: usize =
        std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(SyntaxError::Number { at })?;
    match (colon + 1).checked_add(length) {
        Some(end) if end <= bytes.len() => Ok(end),
        _ => Err(SyntaxError::CutShort { at: bytes.len() }),
    }
}

fn digits(bytes: &[u8]) -> &[u8] {
    let count = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    &bytes[..count]
}

fn fits_i64(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|t| t.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_values_pass_in_any_key_order() {
        for good in ["i0e", "i-9223372036854775808e", "0:", "le", "de", "d1:bi1e1:ad1:xlee1:cli2ei3eee"] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn malformed_values_are_named_with_their_place() {
        let table: &[(&str, SyntaxError)] = &[
            ("", SyntaxError::CutShort { at: 0 }),
            ("<html>", SyntaxError::Unexpected { at: 0, found: b'<' }),
            ("e", SyntaxError::Unexpected { at: 0, found: b'e' }),
            ("d1:ae", SyntaxError::Unexpected { at: 4, found: b'e' }),
            ("di1ei2ee", SyntaxError::Key { at: 1 }),
            ("dlelee", SyntaxError::Key { at: 1 }),
            ("l", SyntaxError::CutShort { at: 1 }),
            ("4:abc", SyntaxError::CutShort { at: 5 }),
            ("4", SyntaxError::CutShort { at: 1 }),
            ("4abcd", SyntaxError::Number { at: 0 }),
            ("18446744073709551616:", SyntaxError::Number { at: 0 }),
            ("18446744073709551615:", SyntaxError::CutShort { at: 21 }),
            ("i", SyntaxError::CutShort { at: 1 }),
            ("ie", SyntaxError::Number { at: 0 }),
            ("i-e", SyntaxError::Number { at: 0 }),
            ("i-0e", SyntaxError::Number { at: 0 }),
            ("i03e", SyntaxError::Number { at: 0 }),
            ("i+3e", SyntaxError::Number { at: 0 }),
            ("i9223372036854775808e", SyntaxError::Number { at: 0 }),
            ("i1ei2e", SyntaxError::Trailing { at: 3, extra: 3 }),
        ];
        for (bad, error) in table {
            assert_eq!(check(bad.as_bytes()), Err(*error), "{bad}");
        }
    }

    #[test]
    fn nesting_stops_at_its_bound_whatever_the_length() {
        let deepest = ["l".repeat(DEPTH_MAX), "e".repeat(DEPTH_MAX)].concat();
        assert_eq!(check(deepest.as_bytes()), Ok(()));
        assert_eq!(check("l".repeat(1 << 20).as_bytes()), Err(SyntaxError::TooDeep { at: DEPTH_MAX }));
        assert_eq!(check("d1:a".repeat(1 << 18).as_bytes()), Err(SyntaxError::TooDeep { at: DEPTH_MAX * 4 }));
    }
}
