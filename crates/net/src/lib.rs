//! The real world: drives a [`node::Node`] and a [`tracker::Tracker`] with the sockets, disks, timers
//! and clock of the machine. What is decided is decided there; here is what carries it out.
//!
//! - [`Driver`]: one node, its TCP and UDP sockets and its disk pool, in one task.
//! - [`Fence`]: keeps all of it inside the lab unless told otherwise.
//! - [`run_controlled_peer`], [`run_controlled_tracker`]: whole programs that take commands on their
//!   input and write events to their output.
//! - [`Content`] and [`verify`]: making a torrent of a folder, and comparing a folder with one.
//! - [`TrackerServer`]: the tracker's sockets.
//!
//! Tested on Linux; macOS and Windows build. Not here: proxies, port mapping.

mod clock;
mod command;
mod control;
mod create;
mod disk;
mod driver;
mod event_writer;
mod fence;
mod glass;
mod peer_process;
mod piecework;
mod running_hash;
mod sockets;
mod source;
mod storage;
#[cfg(test)]
mod testing;
mod tracker_process;
mod tracker_server;
mod verify;

pub use clock::Clock;
pub use command::{EventSink, PeerCommand};
pub use control::{ControlLine, next_control_line};
pub use create::{Content, CreateError};
pub use driver::{Driver, DriverConfig, DriverError};
pub use event_writer::{EventPen, EventWriter};
pub use fence::{Fence, IpRange, Outside, RangeError};
pub use glass::GlassFiles;
pub use peer_process::{COMMANDS_WAITING, PeerError, PeerOptions, run_controlled_peer, run_peer, run_peer_with};
pub use piecework::HashProgress;
pub use sockets::{ListenError, address_outward};
pub use source::{SourceError, torrent_source};
pub use tracker_process::{TrackerError, TrackerOptions, run_controlled_tracker, run_tracker, run_tracker_with};
pub use tracker_server::{TrackerControl, TrackerServer, TrackerServerError};
pub use verify::{FileState, Verified, VerifiedFile, verify};
