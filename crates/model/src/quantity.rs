//! Amounts with their unit in the type.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

/// Bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl ByteCount {
    pub const ZERO: Self = Self(0);

    /// Difference, or zero where `other` is larger.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Rate {
    /// Bytes over a span of time; zero for an empty span.
    pub fn over(bytes: ByteCount, span: Duration) -> Self {
        let micros = span.as_micros();
        if micros == 0 {
            return Self(0);
        }
        Self(u64::try_from(u128::from(bytes.0) * 1_000_000 / micros).unwrap_or(u64::MAX))
    }

    /// Bytes that pass in `span` at this rate, rounded down.
    pub fn bytes_in(self, span: Duration) -> ByteCount {
        ByteCount(u64::try_from(u128::from(self.0) * span.as_micros() / 1_000_000).unwrap_or(u64::MAX))
    }

    /// How long `bytes` take at this rate, rounded up to a microsecond. `None` when the rate is zero.
    pub fn time_for(self, bytes: ByteCount) -> Option<Duration> {
        if self.0 == 0 {
            return None;
        }
        let micros = (u128::from(bytes.0) * 1_000_000).div_ceil(u128::from(self.0));
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }
}

impl Add for ByteCount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for ByteCount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for ByteCount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for ByteCount {
    /// Binary units with at most one decimal: `16 MiB`, `1.5 GiB`, `412 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut unit = 0;
        let mut tenths = u128::from(self.0) * 10;
        while tenths >= 10_240 && unit + 1 < UNITS.len() {
            tenths = (tenths + 512) / 1024;
            unit += 1;
        }
        match tenths % 10 {
            0 => write!(f, "{} {}", tenths / 10, UNITS[unit]),
            rest => write!(f, "{}.{} {}", tenths / 10, rest, UNITS[unit]),
        }
    }
}

impl fmt::Display for Rate {
    /// Decimal units of bytes per second, as clients show them: `412 kB/s`, `1.2 MB/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = u128::from(self.0);
        match r {
            0..1_000 => write!(f, "{r} B/s"),
            1_000..1_000_000 => write!(f, "{} kB/s", (r + 500) / 1_000),
            _ => {
                let tenths = (r + 50_000) / 100_000;
                write!(f, "{}.{} MB/s", tenths / 10, tenths % 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(ByteCount(412).to_string(), "412 B");
        assert_eq!(ByteCount(16 << 20).to_string(), "16 MiB");
        assert_eq!(ByteCount(3 << 29).to_string(), "1.5 GiB");
        assert_eq!(ByteCount(u64::MAX).to_string(), "16384 PiB");
        assert_eq!(Rate(412_300).to_string(), "412 kB/s");
        assert_eq!(Rate(1_250_000).to_string(), "1.3 MB/s");
    }

    #[test]
    fn rate_and_time_agree() {
        let rate = Rate(1_000);
        assert_eq!(rate.time_for(ByteCount(1)), Some(Duration::from_millis(1)));
        assert_eq!(rate.bytes_in(Duration::from_millis(2500)), ByteCount(2500));
        assert_eq!(Rate::over(ByteCount(500), Duration::from_millis(250)), Rate(2_000));
        assert_eq!(Rate(0).time_for(ByteCount(1)), None);
    }
}
