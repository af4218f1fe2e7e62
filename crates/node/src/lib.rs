//! One BitTorrent client without sockets, files, clock or dice: torrents, connections and
//! announces, stacked from `wire`, `swarm` and `tracker`. It is the only thing that a world drives.
//!
//! # The contract
//! Tell it facts with the `handle_*` methods; after each, call [`Node::poll`] until it is
//! empty and carry the commands out; then sleep until [`Node::wake`] and call [`Node::handle_timeout`].
//! `now` never goes back. Nothing is decided in `poll`: it only pops.
//!
//! # Where things are
//! [`Node`] holds the torrents and passes facts on (`node`), opens and greets connections
//! (`connecting`), encrypts them by its policy (`encryption`, `securing`), records their beginnings
//! where that is wanted (`glass`), and remembers whom to dial when (`candidates`). What happens after the handshake is
//! `swarm`'s.

mod candidates;
mod command;
mod config;
mod connecting;
mod connection;
mod encryption;
mod glass;
mod node;
mod securing;

pub use command::{Command, ConnId, DiskDone, DiskError, DiskOp, TorrentKey};
pub use config::{JoinOptions, NodeConfig, TorrentSource};
pub use encryption::{Encryption, Policy};
pub use glass::Glass;
pub use node::{Held, JoinError, Node};
pub use swarm::{PeerView, Persona, Picking, Status};
pub use wire::mse::Methods;
