//! One timer for everything that waits for a moment.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use model::Time;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;

#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// What the timer is set to; `None` when it has rung.
    set_to: Option<Time>,
}

impl Alarm {
    /// Needs a runtime.
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now())), set_to: None }
    }

    /// Sees to it that the driver is woken by `at`. It may be woken earlier: setting the timer back
    /// for every wish that moves away costs more than an idle look.
    pub(super) fn wake_by(&mut self, at: Time, clock: &Clock, cx: &mut Context<'_>) {
        loop {
            if self.set_to.is_none_or(|set_to| at < set_to) {
                self.sleep.as_mut().reset(Instant::from_std(clock.instant_of(at)));
                self.set_to = Some(at);
            }
            match self.sleep.as_mut().poll(cx) {
                Poll::Pending => return,
                // Rang for an earlier wish, or for this one a moment ahead of the clock.
                Poll::Ready(()) => self.set_to = None,
            }
            if clock.now() >= at {
                cx.waker().wake_by_ref();
                return;
            }
        }
    }
}
