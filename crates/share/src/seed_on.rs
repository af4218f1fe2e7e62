//! How long a recipient seeds on once it has everything.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model::{ByteCount, Time};

/// When a recipient may go: whichever comes first. With neither, only its user ends it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeedOn {
    /// It gave as many bytes as this times the content.
    pub ratio: Option<Ratio>,
    /// It seeded for so long.
    pub span: Option<Duration>,
}

/// Bytes given by bytes of content, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio {
    thousandths: u64,
}

/// Why a recipient seeds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// The ratio is reached.
    Ratio,
    /// The time is up.
    Time,
}

impl SeedOn {
    /// Whether it is enough at `now`, for content of `size` that was complete at `since` and of which
    /// `given` bytes left.
    pub fn enough(&self, now: Time, since: Time, given: ByteCount, size: ByteCount) -> Option<Enough> {
        if self.ratio.is_some_and(|ratio| Ratio::of(given, size) >= ratio) {
            return Some(Enough::Ratio);
        }
        self.span.is_some_and(|span| now.since(since) >= span).then_some(Enough::Time)
    }
}

impl Ratio {
    /// Rounded down. Of nothing, everything was given.
    pub fn of(given: ByteCount, size: ByteCount) -> Self {
        let thousandths = u128::from(given.0) * 1000 / u128::from(size.0.max(1));
        Self { thousandths: if size.0 == 0 { u64::MAX } else { u64::try_from(thousandths).unwrap_or(u64::MAX) } }
    }
}

impl FromStr for Ratio {
    type Err = String;

    /// `1`, `1.5`, `0.25`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no ratio: write it like 1.5, for one and a half times what was fetched");
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 6 || part.len() > 3 || !digits(whole) || !digits(part) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        Ok(Self { thousandths: whole * 1000 + part })
    }
}

impl fmt::Display for Ratio {
    /// `1.50`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.thousandths / 1000, self.thousandths % 1000 / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_comes_first_is_enough() {
        let (since, size) = (Time::from_secs(100), ByteCount(1000));
        let both = SeedOn { ratio: Some("1.5".parse().unwrap()), span: Some(Duration::from_secs(60)) };
        let enough = |secs, given| both.enough(Time::from_secs(secs), since, ByteCount(given), size);
        assert_eq!(enough(159, 1499), None);
        assert_eq!(enough(160, 0), Some(Enough::Time));
        assert_eq!(enough(100, 1500), Some(Enough::Ratio));
        assert_eq!(
            SeedOn::default().enough(Time::from_secs(u64::MAX / 2_000_000), since, ByteCount(1 << 60), size),
            None
        );
    }

    #[test]
    fn ratios_are_written_as_people_write_them() {
        for (text, thousandths) in [("1", 1000), ("1.5", 1500), ("0.25", 250), ("10.125", 10_125), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Ratio { thousandths }), "{text}");
        }
        for text in ["", ".5", "-1", "1,5", "x", "1.1234", "99999999", "1e3"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
        assert_eq!(Ratio::of(ByteCount(1559), ByteCount(1000)).to_string(), "1.55");
    }
}
