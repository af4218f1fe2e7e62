//! How many blocks to have asked one peer for: enough that it never waits for us, within what it
//! is willing to queue.
//!
//! Begins like TCP's slow start: one more for each block that arrives, which doubles the depth in
//! each round trip, until what arrives in a second stops growing with it. From there on, what the
//! peer delivers in [`AHEAD`].

use std::time::Duration;

use model::Time;

/// The depth of one peer's queue of requests, in blocks.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    depth: usize,
    /// What the peer says it queues (BEP 10, `reqq`), or the custom where it says nothing.
    max: usize,
    starting: bool,
    sampled_at: Time,
    /// Blocks that came since then.
    arrived: u64,
    /// Blocks a second at the last sample.
    last_rate: u64,
}

impl Pipeline {
    /// What clients queue that say nothing about it: 250, libtorrent's default for `reqq`.
    pub(crate) const REQQ_UNSAID: u32 = 250;

    pub(crate) fn new(now: Time) -> Self {
        let max = Self::REQQ_UNSAID as usize;
        Self { depth: FIRST_DEPTH, max, starting: true, sampled_at: now, arrived: 0, last_rate: 0 }
    }

    /// Blocks that may be in flight.
    pub(crate) fn depth(&self) -> usize {
        self.depth.min(self.max)
    }

    pub(crate) fn set_reqq(&mut self, reqq: u32) {
        self.max = (reqq.max(1) as usize).min(DEPTH_MAX);
    }

    /// The peer serves us from here on: the first second is measured from now.
    pub(crate) fn unchoked(&mut self, now: Time) {
        (self.sampled_at, self.arrived) = (now, 0);
    }

    /// A block came.
    pub(crate) fn arrived(&mut self) {
        self.arrived += 1;
        if self.starting {
            self.depth = (self.depth + 1).min(self.max);
        }
    }

    /// Every second or so: fits the depth to what came.
    pub(crate) fn sample(&mut self, now: Time) {
        let span = now.since(self.sampled_at);
        if span < Duration::from_secs(1) {
            return;
        }
        let per_second = |blocks: u64| (u128::from(blocks) * 1_000_000 / span.as_micros()) as u64;
        let rate = per_second(self.arrived);
        let last = std::mem::replace(&mut self.last_rate, rate);
        (self.sampled_at, self.arrived) = (now, 0);
        // A tenth more than before is still growth.
        if self.starting && last > 0 && rate <= last + last / 10 {
            self.starting = false;
        }
        if !self.starting {
            // A pause of one second is no reason to begin anew.
            let usual = rate.max((rate + last) / 2);
            let ahead = u128::from(usual) * AHEAD.as_micros() / 1_000_000;
            let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
            self.depth = ahead.clamp(DEPTH_MIN, self.max.max(DEPTH_MIN));
        }
    }

    /// The peer let us starve: one request at a time until it delivers again.
    pub(crate) fn collapse(&mut self, now: Time) {
        *self = Self { depth: 1, max: self.max, ..Self::new(now) };
    }
}

/// What is asked for ahead: longer than a round trip, a pause of a loaded machine, or the half second between
/// the pulses in which Transmission answers; with less the depth could not grow there. Not longer, because what
/// is in flight is invisible to others: in a small swarm they would fetch the same rare pieces.
const AHEAD: Duration = Duration::from_secs(1);
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
        arrive(&mut pipeline, 20);
        pipeline.sample(Time::from_secs(1));
        arrive(&mut pipeline, 30);
        pipeline.sample(Time::from_secs(2));
        assert_eq!(pipeline.depth(), FIRST_DEPTH + 50, "it grew by half: still starting");
        arrive(&mut pipeline, 31);
        pipeline.sample(Time::from_secs(3));
        assert_eq!(pipeline.depth(), 31, "a second at 31 blocks a second");
    }

    #[test]
    fn time_spent_choked_is_no_slow_second() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        pipeline.sample(Time::from_secs(50));
        pipeline.unchoked(Time::from_secs(60));
        arrive(&mut pipeline, 40);
        pipeline.sample(Time::from_secs(61));
        assert_eq!(pipeline.depth(), FIRST_DEPTH + 40);
    }

    #[test]
    fn a_peer_that_answers_in_pulses_of_half_a_second_is_asked_for_ever_more() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        (pipeline.starting, pipeline.depth, pipeline.last_rate) = (false, 4, 8);
        for second in 1..=5 {
            let both_pulses = 2 * pipeline.depth() as u64;
            arrive(&mut pipeline, both_pulses);
            pipeline.sample(Time::from_secs(second));
        }
        assert_eq!(pipeline.depth(), 128);
    }

    #[test]
    fn the_peers_queue_is_never_overrun() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        pipeline.set_reqq(3);
        for second in 1..5 {
            arrive(&mut pipeline, 5_000);
            assert_eq!(pipeline.depth(), 3);
            pipeline.sample(Time::from_secs(second));
        }
        assert_eq!(pipeline.depth(), 3);
        pipeline.set_reqq(0);
        assert_eq!(pipeline.depth(), 1);
    }

    fn arrive(pipeline: &mut Pipeline, blocks: u64) {
        (0..blocks).for_each(|_| pipeline.arrived());
    }
}
