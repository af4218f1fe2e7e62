//! Pieces of a torrent as the bencode reader hands them over: borrowed, and with a word for
//! what was expected where something else stands. Lists end at a bound while they are read,
//! so that a small file cannot ask for much memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

/// A string of bytes; whether it is text is for its reader to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

/// A number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) i64);

/// Anything: only that it is there counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Present;

/// A list, refused when it has more than `MAX` entries.
#[derive(Debug)]
pub(crate) struct Bounded<T, const MAX: usize>(pub(crate) Vec<T>);

/// Addresses: a list of strings, or the one string that some makers write instead. Entries
/// past `MAX` are left out.
#[derive(Debug)]
pub(crate) struct Urls<'a, const MAX: usize>(pub(crate) Vec<&'a [u8]>);

/// BEP 12: a list of tiers, each a list of trackers. Some makers leave the inner lists out;
/// each tracker is a tier then. Tiers past `MAX` are left out.
#[derive(Debug)]
pub(crate) struct Tiers<'a, const MAX: usize>(pub(crate) Vec<Vec<&'a [u8]>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(bytes))
            }
        }
        d.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number))
            }
        }
        d.deserialize_any(NumberVisitor)
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_ignored_any(IgnoredAny).map(|_| Self)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
            type Value = Bounded<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) =
                    seq.next_element().map_err(|e| A::Error::custom(format!("entry [{}]: {e}", entries.len())))?
                {
                    if entries.len() == MAX {
                        return Err(A::Error::custom(format!("more than {MAX} entries")));
                    }
                    entries.push(entry);
                }
                Ok(Bounded(entries))
            }
        }
        d.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Urls<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct UrlsVisitor<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for UrlsVisitor<MAX> {
            type Value = Urls<'de, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address or a list of them")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Urls(vec![bytes]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut urls = Vec::new();
                while let Some(Text(url)) = seq.next_element()? {
                    if urls.len() < MAX {
                        urls.push(url);
                    }
                }
                Ok(Urls(urls))
            }
        }
        d.deserialize_any(UrlsVisitor)
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Tiers<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TiersVisitor<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for TiersVisitor<MAX> {
            type Value = Tiers<'de, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tracker tiers")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Tiers(vec![vec![bytes]]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut tiers = Vec::new();
                let mut urls = 0;
                while let Some(Urls::<MAX>(mut tier)) = seq.next_element()? {
                    tier.truncate(MAX - urls);
                    urls += tier.len();
                    if !tier.is_empty() {
                        tiers.push(tier);
                    }
                }
                Ok(Tiers(tiers))
            }
        }
        d.deserialize_any(TiersVisitor)
    }
}
