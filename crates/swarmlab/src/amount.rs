//! Amounts on the command line: `256 KiB`, `500 kB/s`, `4 Mbit/s`, `30 s`. As in scenario files, a
//! number without its unit is refused, because nobody can tell what it counts; the blank between
//! may be left out.

use std::time::Duration;

use model::{ByteCount, Rate};

/// A size in bytes.
pub(crate) fn size(text: &str) -> Result<ByteCount, String> {
    read(text, SIZES, "256 KiB").map(ByteCount)
}

/// A rate in bytes per second, above zero.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    match read(text, RATES, "500 kB/s' or '4 Mbit/s")? {
        0 => Err("that is less than a byte a second".to_owned()),
        rate => Ok(Rate(rate)),
    }
}

/// A span of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read(text, TIMES, "30 s").map(Duration::from_millis)
}

/// Units with their worth in eighths of a base unit: a bit is one of a byte.
type Units = &'static [(&'static str, u64)];

const SIZES: Units =
    &[("B", 8), ("KiB", 8 << 10), ("MiB", 8 << 20), ("GiB", 8 << 30), ("kB", 8_000), ("MB", 8_000_000)];

const RATES: Units = &[
    ("B/s", 8),
    ("kB/s", 8_000),
    ("MB/s", 8_000_000),
    ("KiB/s", 8 << 10),
    ("MiB/s", 8 << 20),
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
];

/// In milliseconds.
const TIMES: Units = &[("ms", 8), ("s", 8_000), ("min", 8 * 60_000), ("h", 8 * 3_600_000)];

fn read(text: &str, units: Units, example: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if unit.is_empty() {
        return Err(format!("the unit is missing: write it like '{example}'; units are {}", names()));
    }
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let factor = factor.ok_or_else(|| format!("no unit is called {unit:?}; units are {}", names()))?;
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number: write it like '{example}'"))?;
    let amount = number * factor as f64 / 8.0;
    // Above 2^53 a float no longer counts in ones; nothing here is that large.
    if amount > 9e15 { Err("that is too much".to_owned()) } else { Ok(amount as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(size("256 KiB"), Ok(ByteCount(262_144)));
        assert_eq!(size("1MiB"), Ok(ByteCount(1 << 20)));
        assert_eq!(rate("4 Mbit/s"), Ok(Rate(500_000)));
        assert_eq!(rate("125001 B/s"), Ok(Rate(125_001)));
        assert_eq!(rate("1.5 MB/s"), Ok(Rate(1_500_000)));
        assert_eq!(duration("90 s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30000 ms"), Ok(Duration::from_secs(30)));
    }

    #[test]
    fn a_wrong_amount_says_what_a_right_one_looks_like() {
        for bad in ["", "5", "x", "5 parsecs", "1.2.3 MB/s", "-1 MB/s", "0 B/s", "99999999999999999999 MB/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert!(rate("500").unwrap_err().contains("'500 kB/s'"));
    }
}
