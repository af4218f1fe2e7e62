//! Amounts as an author writes them: `16 MiB`, `5 Mbit/s`, `30 s`, `50 %`. A number
//! without its unit is an error, because nobody can tell what it counts.

use std::fmt;
use std::time::Duration;

use model::{ByteCount, Rate};

use crate::nearest::nearest;

/// A part of a whole, in millionths. More than one is possible: a seeder may give three copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

/// Why text is no amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadAmount {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// A kind of amount: what it is called, an example, its units, and its largest value in base units.
struct Scale {
    what: &'static str,
    kind: &'static str,
    example: &'static str,
    /// Names, with how many base units one of them is, times [`FINE`].
    units: &'static [(&'static str, u128)],
    /// What people write elsewhere, and its name here.
    elsewhere: &'static [(&'static str, &'static str)],
    max: u128,
    max_text: &'static str,
}

/// Unit sizes are kept in 1/8 of a base unit, because `bit/s` is 1/8 of a byte a second.
const FINE: u128 = 8;

const SIZE: Scale = Scale {
    what: "a size",
    kind: "size",
    example: "16 MiB",
    units: &[
        ("B", FINE),
        ("KiB", FINE << 10),
        ("MiB", FINE << 20),
        ("GiB", FINE << 30),
        ("TiB", FINE << 40),
        ("kB", FINE * 1_000),
        ("MB", FINE * 1_000_000),
        ("GB", FINE * 1_000_000_000),
        ("TB", FINE * 1_000_000_000_000),
    ],
    elsewhere: &[("byte", "B"), ("bytes", "B"), ("K", "KiB"), ("M", "MiB"), ("G", "GiB")],
    max: 1 << 40,
    max_text: "1 TiB",
};

const RATE: Scale = Scale {
    what: "a rate",
    kind: "rate",
    example: "5 Mbit/s` or `500 kB/s",
    units: &[
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("B/s", FINE),
        ("kB/s", FINE * 1_000),
        ("MB/s", FINE * 1_000_000),
        ("GB/s", FINE * 1_000_000_000),
        ("KiB/s", FINE << 10),
        ("MiB/s", FINE << 20),
    ],
    elsewhere: &[("bps", "bit/s"), ("kbps", "kbit/s"), ("Kbps", "kbit/s"), ("Mbps", "Mbit/s"), ("Gbps", "Gbit/s")],
    max: 100_000_000_000,
    max_text: "100 GB/s",
};

/// Base unit: a microsecond.
const TIME: Scale = Scale {
    what: "a span of time",
    kind: "time",
    example: "30 s",
    units: &[
        ("us", FINE),
        ("ms", FINE * 1_000),
        ("s", FINE * 1_000_000),
        ("min", FINE * 60_000_000),
        ("h", FINE * 3_600_000_000),
    ],
    elsewhere: &[
        ("sec", "s"),
        ("secs", "s"),
        ("seconds", "s"),
        ("second", "s"),
        ("m", "min"),
        ("mins", "min"),
        ("minutes", "min"),
        ("hours", "h"),
    ],
    max: 86_400_000_000,
    max_text: "24 h",
};

/// Base unit: a millionth.
const SHARE: Scale = Scale {
    what: "a share",
    kind: "share",
    example: "50 %",
    units: &[("%", FINE * 10_000)],
    elsewhere: &[("percent", "%"), ("pct", "%")],
    max: 4_000_000_000,
    max_text: "400000 %",
};

pub(crate) fn size(text: &str) -> Result<ByteCount, BadAmount> {
    SIZE.read(text).map(ByteCount)
}

pub(crate) fn rate(text: &str) -> Result<Rate, BadAmount> {
    match RATE.read(text)? {
        0 => Err(RATE.bad(format!("`{text}` is no rate at all"))),
        bytes_per_s => Ok(Rate(bytes_per_s)),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, BadAmount> {
    TIME.read(text).map(Duration::from_micros)
}

pub(crate) fn share(text: &str) -> Result<Share, BadAmount> {
    SHARE.read(text).map(|millionths| Share(millionths as u32))
}

impl Scale {
    fn read(&self, text: &str) -> Result<u64, BadAmount> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim_start());
        if number.is_empty() || number.len() > NUMBER_CHARS_MAX {
            return Err(self.bad(format!("`{}` is not {}", shorten(text), self.what)));
        }
        if unit.is_empty() {
            return Err(self.bad_unit(format!("`{text}` has no unit"), number));
        }
        let Some((_, factor)) = self.units.iter().find(|(name, _)| *name == unit) else {
            return Err(self.unknown_unit(number, unit));
        };
        let amount = scaled(number, *factor).ok_or_else(|| self.bad(format!("`{number}` is not a number")))?;
        if amount > self.max {
            return Err(BadAmount {
                message: format!("`{text}` is too much"),
                help: format!("the most is `{}`", self.max_text),
            });
        }
        Ok(amount as u64)
    }

    fn bad(&self, message: String) -> BadAmount {
        BadAmount { message, help: format!("write {} as `{}`", self.what, self.example) }
    }

    /// The author's own number with the units that it may have meant.
    fn bad_unit(&self, message: String, number: &str) -> BadAmount {
        let options: Vec<String> = self.units.iter().map(|(name, _)| format!("`{number} {name}`")).collect();
        let help = match options.as_slice() {
            [only] => format!("write {only}"),
            [first, .., last] if options.len() > 5 => {
                format!("write the unit, such as {}, {} or {last}", first, options[2])
            }
            many => format!("write one of {}", many.join(", ")),
        };
        BadAmount { message, help }
    }

    fn unknown_unit(&self, number: &str, unit: &str) -> BadAmount {
        let names = self.units.iter().map(|(name, _)| *name);
        let elsewhere = self.elsewhere.iter().find(|(other, _)| *other == unit).map(|(_, name)| *name);
        let message = format!("`{}` is no unit of {}", shorten(unit), self.kind);
        match elsewhere.or_else(|| nearest(unit, names.clone())) {
            Some(name) => BadAmount { message, help: format!("did you mean `{number} {name}`?") },
            None => BadAmount { message, help: format!("one of: {}", names.collect::<Vec<_>>().join(", ")) },
        }
    }
}

/// `number` times `factor` in base units, rounded down. `None` when it is no decimal number.
fn scaled(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let tens = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let digits = whole.parse::<u128>().ok()? * tens + fraction.parse::<u128>().ok()?;
    Some(digits.checked_mul(factor)? / tens / FINE)
}

/// No amount needs more digits; the bound keeps the arithmetic inside 128 bits.
const NUMBER_CHARS_MAX: usize = 18;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Share {
    /// Everything.
    pub const WHOLE: Self = Self(1_000_000);

    /// What part of `whole` `part` is, rounded down; `None` of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let millionths = (u128::from(part) * 1_000_000).checked_div(u128::from(whole))?;
        Some(Self(u32::try_from(millionths).unwrap_or(u32::MAX)))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / 10_000, self.0 % 10_000);
        match rest {
            0 => write!(f, "{percent} %"),
            rest => write!(f, "{percent}.{} %", format!("{rest:04}").trim_end_matches('0')),
        }
    }
}

/// As [`duration`] reads it, exactly.
pub(crate) fn show_duration(span: Duration) -> String {
    match span.as_micros() {
        us if us % 1_000_000 == 0 => format!("{} s", us / 1_000_000),
        us if us % 1_000 == 0 => format!("{} ms", us / 1_000),
        us => format!("{us} us"),
    }
}

/// As [`size`] reads it, exactly.
pub(crate) fn show_size(size: ByteCount) -> String {
    match size.0 {
        n if n > 0 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n > 0 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}

/// As [`rate`] reads it, exactly.
pub(crate) fn show_rate(rate: Rate) -> String {
    match rate.0 {
        n if n % 1_000_000 == 0 => format!("{} MB/s", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{} kB/s", n / 1_000),
        n => format!("{n} B/s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(size("16 MiB"), Ok(ByteCount(16 << 20)));
        assert_eq!(size("16MiB"), Ok(ByteCount(16 << 20)));
        assert_eq!(size("1.5 GB"), Ok(ByteCount(1_500_000_000)));
        assert_eq!(rate("5 Mbit/s"), Ok(Rate(625_000)));
        assert_eq!(rate("500 kB/s"), Ok(Rate(500_000)));
        assert_eq!(duration("2 min"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0.25 s"), Ok(Duration::from_millis(250)));
        assert_eq!(share("150 %"), Ok(Share(1_500_000)));
        assert_eq!(share("2.5 %"), Ok(Share(25_000)));
    }

    #[test]
    fn what_is_no_amount_is_told_what_one_looks_like() {
        let told = |bad: BadAmount| format!("{}; {}", bad.message, bad.help);
        let table = [
            (told(size("16").unwrap_err()), "`16` has no unit; write the unit, such as `16 B`, `16 MiB` or `16 TB`"),
            (told(size("16 mib").unwrap_err()), "`mib` is no unit of size; did you mean `16 MiB`?"),
            (told(size("much").unwrap_err()), "`much` is not a size; write a size as `16 MiB`"),
            (told(size("2 TiB").unwrap_err()), "`2 TiB` is too much; the most is `1 TiB`"),
            (told(size("1.2.3 MiB").unwrap_err()), "`1.2.3` is not a number; write a size as `16 MiB`"),
            (told(size("-5 MiB").unwrap_err()), "`-5 MiB` is not a size; write a size as `16 MiB`"),
            (told(rate("5 Mbit").unwrap_err()), "`Mbit` is no unit of rate; did you mean `5 Mbit/s`?"),
            (told(rate("0 B/s").unwrap_err()), "`0 B/s` is no rate at all; write a rate as `5 Mbit/s` or `500 kB/s`"),
            (
                told(duration("30").unwrap_err()),
                "`30` has no unit; write one of `30 us`, `30 ms`, `30 s`, `30 min`, `30 h`",
            ),
            (told(duration("30 sec").unwrap_err()), "`sec` is no unit of time; did you mean `30 s`?"),
            (told(share("50").unwrap_err()), "`50` has no unit; write `50 %`"),
            (told(rate("5 Mbps").unwrap_err()), "`Mbps` is no unit of rate; did you mean `5 Mbit/s`?"),
            (told(share("50 pct").unwrap_err()), "`pct` is no unit of share; did you mean `50 %`?"),
        ];
        for (told, wanted) in table {
            assert_eq!(told, wanted);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = (size(&text), rate(&text), duration(&text), share(&text));
        }

        #[test]
        fn what_is_shown_is_read_back(n in 1u64..86_400_000_000) {
            prop_assert_eq!(size(&show_size(ByteCount(n))), Ok(ByteCount(n)));
            prop_assert_eq!(rate(&show_rate(Rate(n))), Ok(Rate(n)));
            let span = Duration::from_micros(n);
            prop_assert_eq!(duration(&show_duration(span)), Ok(span));
            let part = Share((n % 4_000_000_000) as u32);
            prop_assert_eq!(share(&part.to_string()), Ok(part));
        }
    }
}
