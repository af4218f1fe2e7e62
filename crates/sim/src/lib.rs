//! The simulated world: whole swarms in virtual time, in one thread, without sockets, files, clock or
//! ambient chance. It drives the very [`node`] and [`tracker`] that the real worlds run, so what a student
//! sees is the protocol; and the same plan, seed and version give the same events, byte for byte.
//!
//! # What is where
//! [`World`] is the engine: hosts on links in networks, and one queue of what is about to happen.
//! [`Play`] plays a [`scenario::Plan`] in it, [`matrix`] every kind of border by every other. Hosts have [`Disk`]s in memory. Between networks
//! stand [`Nat`]s and [`Firewall`]s, captive portals, and boxes that look into connections ([`Inspector`]); each packet
//! that they stop, and each outside address that they give, is an [`Incident`] that names the rule, and an event of the
//! network, in which addresses are names: the engine knows whom a NAT gave an address.
//!
//! # The model
//! - **A link** has a rate each way. Connections that share it take turns of equal bytes, what passes in about thirty
//!   milliseconds, single packets first: those who always have something to send get equal rates, whatever is slow at their other
//!   ends, and what one cannot take the others share. A queue sized in time stands before the receiver's link; whoever has
//!   its share of a full one is told to slow down (connections) or dropped (datagrams). What is not limited is
//!   Ethernet of 1 Gbit/s.
//! - **A line** from a network's border has delay, jitter and loss. Within a network a packet takes 100 µs.
//! - **A connection** is an ordered pipe of bytes with a buffer and a window that grows and shrinks. A lost packet costs
//!   a round trip and a part of the window; where too little is under way to tell of it, or it gets lost again, a time-out
//!   that doubles. So above a few percent of loss a connection slows down as the formula of Padhye and
//!   others (1998) has it, within a factor of four. Opening one costs a round trip and a half.
//! - **A datagram** may be lost, late and overtaken.
//! - **A disk** does one thing after the other, each with a seek and at a rate. While 16 MiB of received bytes wait for
//!   it, its program reads from no connection, as in the real driver.
//! - **Content** may be elided: what is right is then known by its name, on disks and on its way, and only what is
//!   wrong or encrypted takes memory ([`Original::elided`]). The events are the same.
//! - **A clock** may jump ahead of the world's: its program is told its own time, the log has the world's.
//! - **Programs** take no time. So a swarm here has the speed of its links and disks, never that of a
//!   processor.
//!
//! # What it leaves out
//! Packets are not simulated one by one: cost grows with what is delivered, by parcels of up to 64 KiB. There is no
//! retransmission byte by byte, no tail loss probe, no traffic of acknowledgements; links between
//! networks have no rate of their own; there is no IPv6 beside IPv4 on one host, no path MTU, no
//! simultaneous open, no uTP yet. A full queue marks a connection's packets and drops none; retransmissions wait in
//! nobody's turn; a lost answer to a FIN is not repeated; a box that inspects keeps a connection's bytes in order and
//! lets datagrams be. Milliseconds of a real network are not predicted; who finishes, in what order and why, is.

mod clock;
pub mod content;
mod disk;
mod firewall;
mod gear;
mod host;
mod link;
pub mod matrix;
mod middlebox;
mod nat;
mod original;
mod packet;
mod pipe;
mod play;
mod queue;
mod topology;
mod world;

pub use disk::{Disk, DiskFaults, DiskSpeed};
pub use firewall::{Firewall, FirewallRules};
pub use gear::{Border, Gear, Preset};
pub use host::Access;
pub use middlebox::{Action, Inspector};
pub use nat::{Behaviour, Dependence, Nat, PortChoice, Translated};
pub use original::{Original, OriginalError};
pub use packet::{Incident, Packet, Protocol, Rule, Stage, What};
pub use play::Play;
pub use topology::{HostId, Line, NetId};
pub use world::{Exposed, Exposure, PEER_PORT, TRACKER_PORT, World};
