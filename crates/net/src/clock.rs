//! Real time as [`Time`]: the wall clock is looked at once, at the start; from there on a
//! monotonic clock counts. Processes that were given the same epoch agree on `t` within what their
//! machine's clock allows, and no step of the wall clock ever makes time go back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Time;

/// Says what time it is in a run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    /// What `Time` it was at `origin`.
    offset_micros: u64,
}

impl Clock {
    /// The clock of a run that began `epoch_micros` microseconds after 1970. An epoch that lies ahead
    /// counts as this moment.
    pub fn since_unix_micros(epoch_micros: u64) -> Self {
        let origin = Instant::now();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let unix_micros = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        Self { origin, offset_micros: unix_micros.saturating_sub(epoch_micros) }
    }

    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { origin: Instant::now(), offset_micros: 0 }
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        Time::from_micros(self.offset_micros).after(self.origin.elapsed())
    }

    /// The moment of the operating system's monotonic clock at which it will be `time`; this moment
    /// where that has passed.
    pub fn instant_of(&self, time: Time) -> Instant {
        let wait = time.since(self.now());
        Instant::now() + wait.min(FAR_AHEAD)
    }
}

/// An [`Instant`] cannot be arbitrarily late; nothing here waits for a day.
const FAR_AHEAD: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clocks_of_one_epoch_agree() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        let a = Clock::since_unix_micros(now - 5_000_000);
        let b = Clock::since_unix_micros(now - 5_000_000);
        assert!(a.now() >= Time::from_secs(5));
        assert!(b.now().since(a.now()) < Duration::from_secs(1));
    }

    #[test]
    fn an_epoch_ahead_counts_from_zero() {
        assert!(Clock::since_unix_micros(u64::MAX).now() < Time::from_secs(1));
    }

    #[test]
    fn the_instant_of_the_end_of_time_can_be_computed() {
        let clock = Clock::start();
        assert!(clock.instant_of(Time::from_micros(u64::MAX)) > Instant::now());
        assert!(clock.instant_of(Time::ZERO) <= Instant::now());
    }
}
