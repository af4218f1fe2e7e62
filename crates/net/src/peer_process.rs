//! A peer as a whole program: a runtime around a [`Driver`], and the same under control, with
//! commands on its input and events on its output. Flags and human output are the binary's part.

use std::io::{self, BufRead, BufReader, Write};

use events::{Control, Event};
use node::{JoinOptions, Picking};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::command::{EventSink, PeerCommand};
use crate::control::{ControlLine, next_control_line};
use crate::driver::{Driver, DriverConfig, DriverError};
use crate::event_writer::{EventPen, EventWriter};
use crate::source::torrent_source;

/// What a peer under control is told at its start.
#[derive(Debug)]
pub struct PeerOptions {
    /// Who reports, in the events' `peer`.
    pub name: String,
    /// Everything else.
    pub driver: DriverConfig,
    /// To be done before what the controller says: torrents and peers from the command line.
    pub first: Vec<PeerCommand>,
}

/// Why a peer's program failed. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// No socket to listen with, most likely.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// No timer, no socket poll, no thread.
    #[error("start: {0}")]
    Start(io::Error),
    /// Nobody can read the events any more.
    #[error("write events: {0}")]
    Output(io::Error),
}

/// Commands that may wait for the peer.
pub const COMMANDS_WAITING: usize = 64;

/// Runs a peer on the calling thread until it is told to leave or the last sender of commands is gone.
pub fn run_peer(
    config: DriverConfig,
    sink: Box<dyn EventSink>,
    commands: mpsc::Receiver<PeerCommand>,
) -> Result<(), PeerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(LOOKUPS_AT_ONCE)
        .build()
        .map_err(PeerError::Start)?;
    let result = runtime.block_on(async {
        let driver = Driver::start(config, sink)?;
        if let Err(error) = tokio::spawn(driver.run(commands)).await {
            std::panic::resume_unwind(error.into_panic());
        }
        Ok(())
    });
    // A name server that does not answer must not keep the program.
    runtime.shutdown_background();
    result
}

/// Host names looked up at once: the only use of the runtime's extra threads.
const LOOKUPS_AT_ONCE: usize = 4;

/// Runs a peer that takes commands from standard input and writes its events to standard output. It
/// ends at [`Control::Leave`] or with its input.
pub fn run_controlled_peer(options: PeerOptions) -> Result<(), PeerError> {
    run_peer_with(options, BufReader::new(io::stdin()), io::stdout())
}

/// As [`run_controlled_peer`], with any input and output. The thread that reads the input goes on
/// until that ends.
pub fn run_peer_with(
    options: PeerOptions,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), PeerError> {
    let writer = EventWriter::start(options.name, output).map_err(PeerError::Start)?;
    let (sender, commands) = mpsc::channel(COMMANDS_WAITING.max(options.first.len()));
    for command in options.first {
        sender.try_send(command).expect("the channel holds them all");
    }
    let listener = Listener { clock: options.driver.clock, notes: writer.pen(), sender };
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || listener.listen(input))
        .map_err(PeerError::Start)?;
    let result = run_peer(options.driver, Box::new(writer.pen()), commands);
    let written = writer.finish().map_err(PeerError::Output);
    result.and(written)
}

/// Passes commands on to the driver. When it ends the last sender goes, and the peer leaves.
struct Listener {
    clock: Clock,
    notes: EventPen,
    sender: mpsc::Sender<PeerCommand>,
}

impl Listener {
    fn listen(mut self, mut input: impl BufRead) {
        while let Some(line) = next_control_line(&mut input) {
            let command = match line {
                ControlLine::Command(command) => peer_command(command),
                ControlLine::Bad(why) => Err(why),
            };
            match command {
                Ok(command) => {
                    let is_last = matches!(command, PeerCommand::Leave);
                    if self.sender.blocking_send(command).is_err() || is_last {
                        return;
                    }
                }
                Err(why) => self.note(why),
            }
        }
    }

    fn note(&mut self, text: String) {
        self.notes.event(self.clock.now(), Event::Note { text });
        self.notes.pause();
    }
}

/// What a controller's command means for a peer; an error is a remark for a person.
fn peer_command(control: Control) -> Result<PeerCommand, String> {
    match control {
        Control::Join { torrent, dir, sequential } => {
            let source = torrent_source(&torrent).map_err(|error| format!("failed to {error}"))?;
            let options = JoinOptions { picking: if sequential { Picking::Sequential } else { Picking::RarestFirst } };
            Ok(PeerCommand::Join { source, dir, options, reply: None })
        }
        Control::SetLimit { up, down } => Ok(PeerCommand::SetLimit { up, down }),
        Control::SetPersona { persona } => Ok(PeerCommand::SetPersona(persona.parse()?)),
        Control::AddPeer { addr } => Ok(PeerCommand::AddPeer { torrent: None, addr }),
        Control::Leave => Ok(PeerCommand::Leave),
        Control::Allow { .. } | Control::Forbid { .. } => {
            Err("allow and forbid are commands for a tracker; this is a peer".to_owned())
        }
    }
}
