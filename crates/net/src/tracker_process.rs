//! A tracker as a whole program: a runtime around a [`TrackerServer`], and the same under control.
//! Flags and human output are the binary's part.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Control, Event};
use model::{PeerId, Rng, Time};
use tokio::sync::mpsc;
use tracker::{Allowed, Tracker, TrackerConfig};

use crate::clock::Clock;
use crate::command::EventSink;
use crate::control::{ControlLine, next_control_line};
use crate::event_writer::{EventPen, EventWriter};
use crate::fence::Fence;
use crate::sockets::ListenError;
use crate::tracker_server::{TrackerControl, TrackerServer, TrackerServerError};

/// What a tracker is told at its start.
#[derive(Debug, Clone)]
pub struct TrackerOptions {
    /// Who reports, in the events' `peer`.
    pub name: String,
    /// Addresses to listen at. Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Which torrents it serves.
    pub allowed: Allowed,
    /// How often peers shall announce.
    pub interval: Duration,
    /// Where its chance comes from: which peers it names to whom.
    pub seed: u64,
    /// Whom it may deal with.
    pub fence: Fence,
    /// What time it is in the run.
    pub clock: Clock,
}

/// Why a tracker's program failed. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// A socket could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// It ended against its will.
    #[error(transparent)]
    Server(#[from] TrackerServerError),
    /// No timer, no socket poll, no thread.
    #[error("start: {0}")]
    Start(io::Error),
    /// Nobody can read the events any more.
    #[error("write events: {0}")]
    Output(io::Error),
}

/// Runs a tracker on the calling thread until it is told to leave or the last sender of commands is
/// gone. It understands `allow`, `forbid` and `leave`.
pub fn run_tracker(
    options: TrackerOptions,
    sink: Box<dyn EventSink>,
    commands: mpsc::Receiver<Control>,
) -> Result<(), TrackerError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(TrackerError::Start)?;
    runtime.block_on(serve(options, Shared(Arc::new(Mutex::new(sink))), commands))
}

/// Runs a tracker that takes commands from standard input and writes its events to standard output.
/// It ends at [`Control::Leave`] or with its input.
pub fn run_controlled_tracker(options: TrackerOptions) -> Result<(), TrackerError> {
    run_tracker_with(options, BufReader::new(io::stdin()), io::stdout())
}

/// As [`run_controlled_tracker`], with any input and output. The thread that reads the input goes on
/// until that ends.
pub fn run_tracker_with(
    options: TrackerOptions,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), TrackerError> {
    let writer = EventWriter::start(options.name.clone(), output).map_err(TrackerError::Start)?;
    let (sender, commands) = mpsc::channel(COMMANDS_WAITING);
    let (clock, notes) = (options.clock, writer.pen());
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || listen(input, clock, notes, &sender))
        .map_err(TrackerError::Start)?;
    let result = run_tracker(options, Box::new(writer.pen()), commands);
    let written = writer.finish().map_err(TrackerError::Output);
    result.and(written)
}

/// Commands that may wait for the tracker.
const COMMANDS_WAITING: usize = 64;

/// Passes commands on. When it ends the last sender goes, and the tracker leaves.
fn listen(mut input: impl BufRead, clock: Clock, mut notes: EventPen, sender: &mpsc::Sender<Control>) {
    while let Some(line) = next_control_line(&mut input) {
        let why = match line {
            ControlLine::Command(Control::Leave) => return,
            ControlLine::Command(command @ (Control::Allow { .. } | Control::Forbid { .. })) => {
                if sender.blocking_send(command).is_err() {
                    return;
                }
                continue;
            }
            ControlLine::Command(_) => "that is a command for a peer; this is a tracker".to_owned(),
            ControlLine::Bad(why) => why,
        };
        notes.event(clock.now(), Event::Note { text: why });
        notes.pause();
    }
}

async fn serve(
    options: TrackerOptions,
    mut sink: Shared,
    commands: mpsc::Receiver<Control>,
) -> Result<(), TrackerError> {
    let TrackerOptions { listen, allowed, interval, seed, fence, clock, .. } = options;
    let config = TrackerConfig { interval, ..TrackerConfig::new(allowed, secret()) };
    let tracker = Tracker::new(config, Rng::stream(seed, "tracker"));
    let allows = move |from: SocketAddr| fence.allows(from.ip());
    let (server, control) = TrackerServer::bind(&listen, tracker, clock, allows, sink.clone())?;
    let client = concat!("Swarmlab tracker ", env!("CARGO_PKG_VERSION")).to_owned();
    // A tracker has no peer id; the event wants one.
    let peer_id = PeerId::generate(&mut Rng::stream(seed, "tracker id"));
    for &listen in server.local_addrs() {
        sink.event(clock.now(), Event::Started { peer_id, listen, client: client.clone() });
    }
    sink.pause();
    let orders = tokio::spawn(pass_on(commands, control));
    let result = server.run().await;
    orders.abort();
    let why = result.as_ref().map_or_else(ToString::to_string, |_| "told to".to_owned());
    sink.event(clock.now(), Event::Left { why });
    sink.pause();
    result?;
    Ok(())
}

async fn pass_on(mut commands: mpsc::Receiver<Control>, control: TrackerControl) {
    while let Some(command) = commands.recv().await {
        match command {
            Control::Allow { info_hash } => control.allow(info_hash).await,
            Control::Forbid { info_hash } => control.forbid(info_hash).await,
            Control::Leave => return,
            _ => tracing::warn!("a tracker was given a command for a peer"),
        }
    }
}

/// Sixteen bytes that nobody can guess: the standard library draws them from the system.
fn secret() -> [u8; 16] {
    let mut bytes = [0; 16];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    bytes
}

/// One sink for the server and for this program.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn EventSink>>>);

impl EventSink for Shared {
    fn event(&mut self, now: Time, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).event(now, event);
    }

    fn pause(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pause();
    }
}
