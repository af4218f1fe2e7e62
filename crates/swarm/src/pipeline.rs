//! How many blocks to have asked one peer for: enough that it never waits for us, within what it
//! is willing to queue.
//!
//! Begins like TCP's slow start: one more for each block that arrives, which doubles the depth in
//! each round trip, until the rate stops growing with it. From there on, what the peer delivers
//! in [`AHEAD`].

use std::time::Duration;

use model::{BLOCK_SIZE, Rate, Time};

/// The depth of one peer's queue of requests, in blocks.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    depth: usize,
    /// What the peer says it queues (BEP 10, `reqq`), or the custom where it says nothing.
    max: usize,
    starting: bool,
    sampled_at: Time,
    last_rate: Rate,
}

impl Pipeline {
    /// What clients queue that say nothing about it: 250, libtorrent's default for `reqq`.
    pub(crate) const REQQ_UNSAID: u32 = 250;

    pub(crate) fn new(now: Time) -> Self {
        let max = Self::REQQ_UNSAID as usize;
        Self { depth: FIRST_DEPTH, max, starting: true, sampled_at: now, last_rate: Rate(0) }
    }

    /// Blocks that may be in flight.
    pub(crate) fn depth(&self) -> usize {
        self.depth.min(self.max)
    }

    pub(crate) fn set_reqq(&mut self, reqq: u32) {
        self.max = (reqq.max(1) as usize).min(DEPTH_MAX);
    }

    /// A block came.
    pub(crate) fn arrived(&mut self) {
        if self.starting {
            self.depth = (self.depth + 1).min(self.max);
        }
    }

    /// Once a second: fits the depth to the measured rate.
    pub(crate) fn sample(&mut self, now: Time, rate: Rate) {
        if now.since(self.sampled_at) < Duration::from_secs(1) {
            return;
        }
        self.sampled_at = now;
        let ahead = usize::try_from(rate.bytes_in(AHEAD).0.div_ceil(u64::from(BLOCK_SIZE))).unwrap_or(usize::MAX);
        // A tenth more than last second is still growth; a queue of twice what is delivered is long enough.
        let still_growing = rate.0 > self.last_rate.0 + self.last_rate.0 / 10;
        if self.starting && (!still_growing || self.depth > ahead.saturating_mul(2)) {
            self.starting = false;
        }
        self.last_rate = rate;
        if !self.starting {
            self.depth = ahead.clamp(DEPTH_MIN, self.max.max(DEPTH_MIN));
        }
    }

    /// The peer let us starve: one request at a time until it delivers again.
    pub(crate) fn collapse(&mut self, now: Time) {
        *self = Self { depth: 1, max: self.max, starting: true, sampled_at: now, last_rate: Rate(0) };
    }
}

/// What is asked for ahead: long beside a round trip or a pause of a loaded machine. Not longer, because
/// what is in flight is invisible to others: in a small swarm they would fetch the same rare pieces.
const AHEAD: Duration = Duration::from_millis(500);
const FIRST_DEPTH: usize = 8;
const DEPTH_MIN: usize = 4;
/// 500 blocks are 8 MiB in flight.
const DEPTH_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_grows_with_each_block_until_the_rate_stops_growing() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        for _ in 0..50 {
            pipeline.arrived();
        }
        assert_eq!(pipeline.depth(), FIRST_DEPTH + 50);
        pipeline.sample(Time::from_secs(1), Rate(320_000));
        pipeline.sample(Time::from_secs(2), Rate(330_000));
        assert_eq!(pipeline.depth(), 11, "half a second at 330 kB/s");
    }

    #[test]
    fn the_peers_queue_is_never_overrun() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        pipeline.set_reqq(3);
        for _ in 0..50 {
            pipeline.arrived();
        }
        assert_eq!(pipeline.depth(), 3);
        pipeline.sample(Time::from_secs(1), Rate(1 << 30));
        pipeline.sample(Time::from_secs(2), Rate(1 << 30));
        assert_eq!(pipeline.depth(), 3);
        pipeline.set_reqq(0);
        assert_eq!(pipeline.depth(), 1);
    }
}
