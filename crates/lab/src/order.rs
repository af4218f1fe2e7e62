//! Puts what many programs report into the order of time. Each writes into its own pipe, so that a
//! cause may be read after its effect: held back for a moment, both come out as they happened.
//!
//! What comes later than the moment allows is let through at once: nothing waits for long and nothing
//! is lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use model::Time;

/// Items that wait for those before them.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    waiting: BinaryHeap<Reverse<Stamped<T>>>,
    /// Items taken in so far: what happened at the same time keeps its order.
    count: u64,
}

#[derive(Debug)]
struct Stamped<T> {
    time: Time,
    number: u64,
    item: T,
}

impl<T> InOrder<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: BinaryHeap::new(), count: 0 }
    }

    /// Takes in what happened at `time`.
    pub(crate) fn push(&mut self, time: Time, item: T) {
        self.count += 1;
        self.waiting.push(Reverse(Stamped { time, number: self.count, item }));
    }

    /// The next item, once nothing that happened before it is to be expected.
    pub(crate) fn pop(&mut self, now: Time) -> Option<T> {
        match self.wake() {
            Some(at) if at <= now => self.pop_any(),
            _ => None,
        }
    }

    /// The next item, whatever may still come.
    pub(crate) fn pop_any(&mut self) -> Option<T> {
        self.waiting.pop().map(|Reverse(stamped)| stamped.item)
    }

    /// Everything that happened before this is out, if it was reported in time.
    pub(crate) fn told_until(now: Time) -> Time {
        Time::ZERO.after(now.since(Time::ZERO.after(HELD_BACK)))
    }

    /// When to ask again.
    pub(crate) fn wake(&self) -> Option<Time> {
        self.waiting.peek().map(|Reverse(next)| next.time.after(HELD_BACK))
    }
}

impl<T> PartialEq for Stamped<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Stamped<T> {}

impl<T> PartialOrd for Stamped<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Stamped<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

/// Longer than a line takes through a pipe on a busy machine, shorter than anybody notices.
const HELD_BACK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_read_late_still_comes_first() {
        let mut order = InOrder::new();
        order.push(ms(12), "effect");
        order.push(ms(10), "cause");
        assert_eq!(order.pop(ms(20)), None);
        assert_eq!(order.wake(), Some(ms(60)));
        assert_eq!(order.pop(ms(61)), Some("cause"));
        assert_eq!(order.pop(ms(61)), None);
        assert_eq!(order.pop(ms(62)), Some("effect"));
    }

    #[test]
    fn what_is_far_too_late_is_let_through_at_once() {
        let mut order = InOrder::new();
        order.push(ms(1), "late");
        assert_eq!(order.pop(ms(1_000)), Some("late"));
    }

    #[test]
    fn what_happened_at_the_same_time_keeps_its_order() {
        let mut order = InOrder::new();
        ["a", "b", "c"].into_iter().for_each(|item| order.push(ms(1), item));
        assert_eq!(std::iter::from_fn(|| order.pop_any()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    fn ms(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }
}
