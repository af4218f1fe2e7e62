//! A host: its link, its disks, and the program that runs on it, a peer or a tracker.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::{InfoHash, Rate, Time, Wake};
use node::{ConnId, TorrentKey};
use tracker::Tracker;

use crate::clock::OnClock;
use crate::disk::Disk;
use crate::link::{Downlink, Side, Uplink};
use crate::middlebox::Watched;
use crate::original::Original;
use crate::pipe::{Parcel, Pipe};
use crate::topology::{HostId, NetId};

/// How a host is connected to its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// From the host.
    pub up: Rate,
    /// To the host.
    pub down: Rate,
    /// How long the last byte of a full queue waits before the link.
    pub queue: Duration,
    /// It has an IPv6 address in place of an IPv4 one.
    pub ipv6: bool,
}

impl Access {
    /// Ethernet, or what is not limited: 1 Gbit/s both ways.
    pub const ETHERNET_RATE: Rate = Rate(125_000_000);

    /// What a home router holds.
    pub const QUEUE: Duration = Duration::from_millis(100);
}

impl Default for Access {
    fn default() -> Self {
        Self { up: Self::ETHERNET_RATE, down: Self::ETHERNET_RATE, queue: Self::QUEUE, ipv6: false }
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) net: NetId,
    /// Where its program listens.
    pub(crate) listen: SocketAddr,
    pub(crate) up: Uplink,
    pub(crate) down: Downlink<Box<Cargo>>,
    /// Datagrams that wait for the link, and their bytes.
    pub(crate) outgoing: VecDeque<Datagram>,
    pub(crate) outgoing_bytes: u64,
    pub(crate) queue: Duration,
    pub(crate) program: Option<Program>,
    /// How far its clock is ahead of the world's.
    pub(crate) clock_ahead: Duration,
    /// How many programs have ended here.
    pub(crate) life: u32,
    pub(crate) connections: BTreeMap<ConnId, (u32, Side)>,
    /// Connections that the program wrote to and that were not looked at since.
    pub(crate) written: Vec<ConnId>,
    pub(crate) disks: BTreeMap<InfoHash, Disk>,
    /// Originals of these disks that are elided.
    pub(crate) elided: Vec<Arc<Original>>,
    /// Bytes on their way to the disks.
    pub(crate) writing: u64,
    /// Arrived while the disks were too far behind, and not read by the program yet.
    pub(crate) unread: VecDeque<Unread>,
    pub(crate) torrents: BTreeMap<TorrentKey, InfoHash>,
    /// When the program is woken, if it is.
    pub(crate) alarm: Option<Time>,
    /// The port of the last connection that was dialled from here.
    pub(crate) passing_port: u16,
}

pub(crate) enum Program {
    Node(Box<OnClock>),
    Tracker(Box<Tracker>),
}

/// What arrives at a host.
#[derive(Debug)]
pub(crate) struct Cargo {
    /// How long it comes in, from its first byte to its last.
    pub(crate) span: Duration,
    pub(crate) load: Load,
}

#[derive(Debug)]
pub(crate) enum Load {
    /// Of a connection; `delay` is what its answer takes back.
    Parcel {
        parcel: Parcel,
        delay: Duration,
    },
    Datagram(Datagram),
}

/// A parcel that waits for its program to read.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) stream: u32,
    /// Who sent it.
    pub(crate) side: Side,
    pub(crate) parcel: Parcel,
    pub(crate) delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) dialler: End,
    /// Known once the first packet has found it.
    pub(crate) listener: Option<End>,
    /// The dialler knows that it was accepted.
    pub(crate) is_up: bool,
    /// What the boxes on its way have seen of it, where there are any.
    pub(crate) watched: Option<Watched>,
}

/// One end of it, as seen from there.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: HostId,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// What the program knows it by; `None` before it does and after it is done with it.
    pub(crate) conn: Option<ConnId>,
    /// What this end sends.
    pub(crate) pipe: Pipe,
    /// Received and not yet understood.
    pub(crate) inbox: BytesMut,
    /// It gave the connection up: whatever comes is answered with a reset.
    pub(crate) is_dead: bool,
}

impl Host {
    pub(crate) fn new(name: &str, net: NetId, listen: SocketAddr, access: Access) -> Self {
        Self {
            name: name.to_owned(),
            net,
            listen,
            up: Uplink::new(access.up),
            down: Downlink::new(access.down, access.queue),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            queue: access.queue,
            program: None,
            clock_ahead: Duration::ZERO,
            life: 0,
            connections: BTreeMap::new(),
            written: Vec::new(),
            disks: BTreeMap::new(),
            elided: Vec::new(),
            writing: 0,
            unread: VecDeque::new(),
            torrents: BTreeMap::new(),
            alarm: None,
            passing_port: PASSING_PORTS.start - 1,
        }
    }

    pub(crate) fn node(&mut self) -> Option<&mut OnClock> {
        match &mut self.program {
            Some(Program::Node(node)) => Some(node),
            _ => None,
        }
    }

    pub(crate) fn next_passing_port(&mut self) -> u16 {
        self.passing_port = if self.passing_port + 1 == PASSING_PORTS.end { 0 } else { self.passing_port + 1 };
        self.passing_port = self.passing_port.max(PASSING_PORTS.start);
        self.passing_port
    }
}

/// RFC 6335's ports for those who dial, but for the last.
const PASSING_PORTS: std::ops::Range<u16> = 49_152..65_535;

impl Program {
    pub(crate) fn wake(&self) -> Option<Wake> {
        match self {
            Self::Node(node) => node.wake(),
            Self::Tracker(tracker) => tracker.wake(),
        }
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node(_) => "Node",
            Self::Tracker(_) => "Tracker",
        })
    }
}

impl Stream {
    /// One that was just dialled.
    pub(crate) fn new(dialler: End) -> Self {
        Self { dialler, listener: None, is_up: false, watched: None }
    }

    pub(crate) fn end(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Dialler => Some(&mut self.dialler),
            Side::Listener => self.listener.as_mut(),
        }
    }
}

impl End {
    pub(crate) fn new(host: HostId, local: SocketAddr, remote: SocketAddr) -> Self {
        Self { host, local, remote, conn: None, pipe: Pipe::new(), inbox: BytesMut::new(), is_dead: false }
    }
}
