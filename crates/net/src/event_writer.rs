//! Events as JSON lines, written by a thread of their own: at block-level detail there are tens of
//! thousands a second, and neither the work of writing JSON nor a slow reader shall hold up a block.
//!
//! Lines are gathered for a moment and written together. When the reader is so slow that
//! [`WAITING_MAX`] events wait, the peer waits too: an event is never dropped.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use events::{Event, Record};
use model::Time;

use crate::command::EventSink;

/// The thread that writes.
#[derive(Debug)]
pub struct EventWriter {
    queue: Arc<Queue>,
    thread: JoinHandle<io::Result<()>>,
}

/// One way into an [`EventWriter`]; there may be several.
#[derive(Debug)]
pub struct EventPen {
    queue: Arc<Queue>,
    /// Heard since the last pause.
    heard: Vec<(Time, Event)>,
}

impl EventWriter {
    /// Starts the thread. `name` is who reports.
    pub fn start(name: String, output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (task, name_of_thread) = (Arc::clone(&queue), "events".to_owned());
        let thread = std::thread::Builder::new().name(name_of_thread).spawn(move || write_all(&task, &name, output))?;
        Ok(Self { queue, thread })
    }

    /// A further way in.
    pub fn pen(&self) -> EventPen {
        EventPen { queue: Arc::clone(&self.queue), heard: Vec::new() }
    }

    /// Writes what is there and ends. An error means that the reader went away, or a full disk.
    pub fn finish(self) -> io::Result<()> {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes events panicked")))
    }
}

impl EventSink for EventPen {
    fn event(&mut self, now: Time, event: Event) {
        self.heard.push((now, event));
        if self.heard.len() >= HEARD_MAX {
            self.pause();
        }
    }

    fn pause(&mut self) {
        if !self.heard.is_empty() {
            self.queue.append(&mut self.heard);
        }
    }
}

impl Drop for EventPen {
    fn drop(&mut self) {
        self.pause();
    }
}

/// Events that a pen keeps to itself until a pause.
const HEARD_MAX: usize = 1_000;

/// Events that may wait for the reader.
const WAITING_MAX: usize = 100_000;

/// How long lines are gathered before they are written.
const GATHERING: Duration = Duration::from_millis(2);

/// Bytes that are written in one go.
const WRITE_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// Something came, went, or ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(Time, Event)>,
    /// The writer sleeps: only then is it worth a system call to wake it.
    idle: bool,
    /// No more will come.
    closed: bool,
    /// Nothing can be written any more.
    broken: bool,
}

impl Queue {
    fn append(&self, heard: &mut Vec<(Time, Event)>) {
        let mut state = self.lock();
        while state.waiting.len() >= WAITING_MAX && !state.broken && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.broken || state.closed {
            heard.clear();
            return;
        }
        state.waiting.append(heard);
        if std::mem::take(&mut state.idle) {
            self.changed.notify_all();
        }
    }

    /// Swaps what waits into `into`; false when there will be no more.
    fn take(&self, into: &mut Vec<(Time, Event)>) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.idle = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        let gathering = self.changed.wait_timeout_while(state, GATHERING, |state| !state.closed);
        state = gathering.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut state.waiting, into);
        self.changed.notify_all();
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(queue: &Queue, name: &str, mut output: impl Write) -> io::Result<()> {
    let mut events = Vec::new();
    let mut lines = Vec::new();
    while queue.take(&mut events) {
        let written = write_batch(name, &mut events, &mut lines, &mut output);
        if written.is_err() {
            queue.lock().broken = true;
            queue.changed.notify_all();
            return written;
        }
    }
    Ok(())
}

fn write_batch(
    name: &str,
    events: &mut Vec<(Time, Event)>,
    lines: &mut Vec<u8>,
    output: &mut impl Write,
) -> io::Result<()> {
    for (time, event) in events.drain(..) {
        let record = Record { time, peer: name.to_owned(), event };
        serde_json::to_writer(&mut *lines, &record)?;
        lines.push(b'\n');
        if lines.len() >= WRITE_MAX {
            output.write_all(lines)?;
            lines.clear();
        }
    }
    output.write_all(lines)?;
    lines.clear();
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_written_once_and_in_order() {
        let output = Output::default();
        let writer = EventWriter::start("alice".to_owned(), output.clone()).unwrap();
        let mut pen = writer.pen();
        for n in 0..5_000 {
            pen.event(Time::from_micros(n), Event::Note { text: n.to_string() });
            if n % 7 == 0 {
                pen.pause();
            }
        }
        drop(pen);
        writer.finish().unwrap();
        let bytes = output.0.lock().unwrap().clone();
        let records: Vec<Record> = events::read(&bytes[..]).map(Result::unwrap).collect();
        assert_eq!(records.len(), 5_000);
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record.event, Event::Note { text: n.to_string() });
            assert_eq!(record.peer, "alice");
        }
    }

    #[test]
    fn a_reader_that_went_away_blocks_nobody() {
        let writer = EventWriter::start("alice".to_owned(), Broken).unwrap();
        let mut pen = writer.pen();
        for n in 0..2 * WAITING_MAX as u64 {
            pen.event(Time::from_micros(n), Event::Note { text: String::new() });
        }
        drop(pen);
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
