//! Events out: one JSON line each, in the order in which they happened.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use events::{Event, Record};
use net::Clock;

/// Says what happens, to the controller.
#[derive(Clone)]
pub(crate) struct Voice {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    clock: Clock,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Voice {
    pub(crate) fn new(name: String, epoch_micros: u64, out: impl Write + Send + 'static) -> Self {
        let clock = Clock::since_unix_micros(epoch_micros);
        Self { shared: Arc::new(Shared { name, clock, out: Mutex::new(Box::new(out)) }) }
    }

    pub(crate) fn say(&self, event: Event) {
        let mut out = self.shared.out.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock is read under the lock, so that times go up along the log.
        let record = Record { time: self.shared.clock.now(), peer: self.shared.name.clone(), event };
        // A controller that went away shows as the end of the input.
        let _gone = out.write_all(format!("{record}\n").as_bytes()).and_then(|()| out.flush());
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.say(Event::Note { text: text.into() });
    }

    /// Says that a command, or part of one, is beyond a stock client.
    pub(crate) fn unsupported(&self, what: &str) {
        debug_assert!(crate::UNSUPPORTED.contains(&what));
        self.note(format!("{}{what}", crate::UNSUPPORTED_PREFIX));
    }
}
