//! Time as a number: microseconds since the run began. No clock is read here; whoever
//! drives a machine says what time it is.

use std::fmt;
use std::time::Duration;

/// A moment, in microseconds since the run's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// When a machine wants to be woken, and what for. The reason goes to logs and screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wake {
    pub at: Time,
    pub why: &'static str,
}

impl Time {
    /// The run's start.
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The moment `span` later; the end of time where that overflows.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero where it lies ahead (clocks may step back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Wake {
    /// The earlier of two wishes.
    pub fn earliest(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

impl fmt::Display for Time {
    /// Seconds with three decimals: `1.250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_span() {
        assert_eq!(Time::from_secs(1).since(Time::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn the_earlier_wake_wins() {
        let a = Wake { at: Time::from_secs(2), why: "later" };
        let b = Wake { at: Time::from_secs(1), why: "sooner" };
        assert_eq!(Wake::earliest(Some(a), Some(b)), Some(b));
        assert_eq!(Wake::earliest(Some(a), None), Some(a));
    }
}
