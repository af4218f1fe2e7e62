//! How many blocks to have asked one peer for: enough that it never waits for us, within what it
//! is willing to queue.
//!
//! In the first second like TCP's slow start: one more for each block that arrives, which doubles the depth
//! in each round trip. From there on what the peer delivers in [`AHEAD`], measured anew each second; while
//! that is longer than a round trip, it leaves room to grow. Where a peer pauses longer, two of its
//! longest pauses: Transmission answers in pulses of half a second, and a queue that one pulse empties
//! could never grow.

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
    last_block_at: Time,
    /// The longest wait for a block since the last sample, and before it.
    pause: Duration,
    last_pause: Duration,
}

impl Pipeline {
    /// What clients queue that say nothing about it: 250, libtorrent's default for `reqq`.
    pub(crate) const REQQ_UNSAID: u32 = 250;

    pub(crate) fn new(now: Time) -> Self {
        let max = Self::REQQ_UNSAID as usize;
        let none = Duration::ZERO;
        Self {
            depth: FIRST_DEPTH,
            max,
            starting: true,
            sampled_at: now,
            arrived: 0,
            last_rate: 0,
            last_block_at: now,
            pause: none,
            last_pause: none,
        }
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
        self.last_block_at = now;
    }

    /// A block came.
    pub(crate) fn arrived(&mut self, now: Time) {
        self.arrived += 1;
        self.pause = self.pause.max(now.since(self.last_block_at));
        self.last_block_at = now;
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
        let last_pause = std::mem::replace(&mut self.last_pause, std::mem::take(&mut self.pause));
        (self.sampled_at, self.arrived) = (now, 0);
        // A pause of one second is no reason to begin anew.
        let usual = rate.max((rate + last) / 2);
        let span = AHEAD.max(self.last_pause.max(last_pause) * 2).min(AHEAD_MAX);
        let ahead = u128::from(usual) * span.as_micros() / 1_000_000;
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
        self.starting &= rate == 0;
        if !self.starting {
            self.depth = ahead.clamp(DEPTH_MIN, self.max.max(DEPTH_MIN));
        }
    }

    /// The peer let us starve: one request at a time until it delivers again.
    pub(crate) fn collapse(&mut self, now: Time) {
        *self = Self { depth: 1, max: self.max, ..Self::new(now) };
    }
}

/// What is asked for ahead: long beside a round trip or a pause of a loaded machine. Not longer than need
/// be, because what is in flight is invisible to others: in a small swarm they would fetch the same rare
/// pieces.
const AHEAD: Duration = Duration::from_millis(500);
const AHEAD_MAX: Duration = Duration::from_secs(3);
const FIRST_DEPTH: usize = 8;
const DEPTH_MIN: usize = 4;
/// 500 blocks are 8 MiB in flight.
const DEPTH_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_grows_with_each_block_of_the_first_second_and_then_fits_what_came() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        (1..=40).for_each(|i| pipeline.arrived(Time::from_micros(i * 25_000)));
        assert_eq!(pipeline.depth(), FIRST_DEPTH + 40);
        pipeline.sample(Time::from_secs(1));
        assert_eq!(pipeline.depth(), 20, "half a second at 40 blocks a second");
        stream(&mut pipeline, 1, 200);
        assert_eq!(pipeline.depth(), 100, "the round trip is shorter than half a second, so the rate could grow");
    }

    #[test]
    fn time_spent_choked_is_no_slow_second() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        pipeline.sample(Time::from_secs(50));
        pipeline.unchoked(Time::from_secs(60));
        stream(&mut pipeline, 60, 40);
        assert_eq!(pipeline.depth(), 20);
    }

    #[test]
    fn a_peer_that_answers_in_pulses_of_half_a_second_is_asked_for_ever_more() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        (pipeline.starting, pipeline.depth, pipeline.last_rate) = (false, 4, 8);
        for second in 0..5 {
            for half in 1..=2 {
                let pulse = Time::from_micros(second * 1_000_000 + half * 500_000);
                (0..pipeline.depth()).for_each(|_| pipeline.arrived(pulse));
            }
            pipeline.sample(Time::from_secs(second + 1));
        }
        assert_eq!(pipeline.depth(), 128, "twice as many each second");
    }

    #[test]
    fn the_peers_queue_is_never_overrun() {
        let mut pipeline = Pipeline::new(Time::ZERO);
        pipeline.set_reqq(3);
        for second in 0..5 {
            stream(&mut pipeline, second, 5_000);
            assert_eq!(pipeline.depth(), 3);
        }
        assert_eq!(pipeline.depth(), 3);
        pipeline.set_reqq(0);
        assert_eq!(pipeline.depth(), 1);
    }

    /// A second in which blocks come evenly, and the sample at its end.
    fn stream(pipeline: &mut Pipeline, second: u64, blocks: u64) {
        for i in 1..=blocks {
            pipeline.arrived(Time::from_micros(second * 1_000_000 + i * 1_000_000 / blocks));
        }
        pipeline.sample(Time::from_secs(second + 1));
    }
}
