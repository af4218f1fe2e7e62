//! Measured rates and rate limits, in whole bytes: no floating point, so that every platform
//! decides alike.

use std::time::Duration;

use model::{BLOCK_SIZE, ByteCount, Rate, Time, Wake};

/// Bytes per second over the last few seconds.
#[derive(Debug, Clone)]
pub struct RateMeter {
    /// Bytes of each second of the window, the newest at `second % WINDOW`.
    seconds: [u64; WINDOW],
    newest: u64,
    since: Time,
}

/// Seconds that a rate looks back.
const WINDOW: usize = 8;

impl RateMeter {
    pub fn new(now: Time) -> Self {
        Self { seconds: [0; WINDOW], newest: whole_seconds(now), since: now }
    }

    pub fn add(&mut self, now: Time, bytes: u64) {
        self.advance(now);
        self.seconds[self.newest as usize % WINDOW] += bytes;
    }

    /// Over the window, or over the meter's life where that is shorter (half a second at least, so
    /// that a first block is no record).
    pub fn rate(&mut self, now: Time) -> Rate {
        self.advance(now);
        let sum = self.seconds.iter().sum();
        let into_second = now.since(Time::from_secs(self.newest));
        let window = Duration::from_secs(WINDOW as u64 - 1) + into_second;
        let span = window.min(now.since(self.since)).max(Duration::from_millis(500));
        Rate::over(ByteCount(sum), span)
    }

    fn advance(&mut self, now: Time) {
        let second = whole_seconds(now);
        let passed = second.saturating_sub(self.newest).min(WINDOW as u64);
        for step in 1..=passed {
            self.seconds[(self.newest + step) as usize % WINDOW] = 0;
        }
        if passed == WINDOW as u64 {
            self.seconds = [0; WINDOW];
        }
        self.newest = self.newest.max(second);
    }
}

fn whole_seconds(time: Time) -> u64 {
    time.as_micros() / 1_000_000
}

/// A token bucket: so many bytes a second, with a tenth of a second of burst.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Option<Rate>,
    /// Bytes that may pass; below zero after one that was larger than what was left.
    tokens: i64,
    filled_at: Time,
}

impl Bucket {
    /// `None` is unlimited.
    pub fn new(rate: Option<Rate>, now: Time) -> Self {
        let mut bucket = Self { rate, tokens: 0, filled_at: now };
        bucket.tokens = bucket.burst();
        bucket
    }

    pub fn set_rate(&mut self, rate: Option<Rate>, now: Time) {
        self.fill(now);
        self.rate = rate;
        self.tokens = self.tokens.min(self.burst());
    }

    /// True when something may pass.
    pub fn open(&mut self, now: Time) -> bool {
        self.fill(now);
        self.rate.is_none() || self.tokens > 0
    }

    pub fn is_unlimited(&self) -> bool {
        self.rate.is_none()
    }

    pub fn take(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.tokens -= bytes as i64;
        }
    }

    /// Gives back what was taken for something that did not happen.
    pub fn give_back(&mut self, bytes: u64) {
        if self.rate.is_some() {
            self.tokens = (self.tokens + bytes as i64).min(self.burst());
        }
    }

    /// When a closed bucket opens again.
    pub fn opens_at(&self, why: &'static str) -> Option<Wake> {
        let missing = ByteCount((1 - self.tokens).max(0) as u64);
        let wait = self.rate?.time_for(missing)?;
        Some(Wake { at: self.filled_at.after(wait), why })
    }

    fn fill(&mut self, now: Time) {
        let Some(rate) = self.rate else { return };
        let gained = rate.bytes_in(now.since(self.filled_at));
        if gained == ByteCount::ZERO {
            return; // keep the fraction for next time
        }
        self.filled_at = now;
        self.tokens = self.tokens.saturating_add(gained.0 as i64).min(self.burst());
    }

    fn burst(&self) -> i64 {
        let tenth = self.rate.map_or(0, |rate| rate.0 / 10);
        tenth.max(u64::from(BLOCK_SIZE)) as i64
    }
}

/// What one node may send and receive, over all its torrents.
#[derive(Debug, Clone)]
pub struct Limits {
    pub up: Bucket,
    pub down: Bucket,
}

impl Limits {
    pub fn new(up: Option<Rate>, down: Option<Rate>, now: Time) -> Self {
        Self { up: Bucket::new(up, now), down: Bucket::new(down, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_as_what_it_is() {
        let mut meter = RateMeter::new(Time::ZERO);
        for tenth in 0..200 {
            meter.add(Time::from_micros(tenth * 100_000), 10_000);
        }
        let rate = meter.rate(Time::from_secs(20)).0;
        assert!((95_000..=105_000).contains(&rate), "{rate}");
    }

    #[test]
    fn silence_brings_the_rate_to_nothing() {
        let mut meter = RateMeter::new(Time::ZERO);
        meter.add(Time::from_secs(1), 1_000_000);
        assert!(meter.rate(Time::from_secs(2)).0 > 0);
        assert_eq!(meter.rate(Time::from_secs(12)), Rate(0));
    }

    #[test]
    fn a_bucket_lets_its_rate_through_and_no_more() {
        let mut bucket = Bucket::new(Some(Rate(100_000)), Time::ZERO);
        let mut passed = 0;
        let mut now = Time::ZERO;
        while now < Time::from_secs(10) {
            if bucket.open(now) {
                bucket.take(16_384);
                passed += 16_384;
            } else {
                let wake = bucket.opens_at("test").unwrap();
                assert!(wake.at > now, "a wake in the past would spin");
                now = wake.at;
            }
        }
        assert!((1_000_000..1_050_000).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn no_limit_is_always_open() {
        let mut bucket = Bucket::new(None, Time::ZERO);
        bucket.take(u64::from(u32::MAX));
        assert!(bucket.open(Time::ZERO));
        assert_eq!(bucket.opens_at("never"), None);
    }
}
