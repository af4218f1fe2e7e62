//! Drives one [`Node`] with real sockets, disks and time. One task owns the node and every socket;
//! no lock and no channel lies between a block and its handler. What may block (disks, hashing) is
//! done by the disk pool's threads.
//!
//! The task works in rounds. A round looks at each source of facts (timer, commands, disk, dials,
//! visitors, datagrams, connections), tells the node, and carries out what it wants until it wants
//! nothing. What the node sends is collected and written at the end of the round in one go. Each
//! source has a bound, so that none starves the others; after a few busy rounds the system is asked
//! for news. A round in which nothing happened has left a waker with every source: the task sleeps.
//!
//! Left out: proxies (later), and any decision. That is the node's part, encryption with it.

mod alarm;
mod buffers;
mod connection;
mod datagrams;
mod doors;
mod errands;
mod gate;
mod links;
mod ready;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use events::{ClosedBy, Event};
use metainfo::Info;
use model::{Rng, Time};
use node::{Command, ConnId, DiskDone, Node, NodeConfig, TorrentKey};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::command::{EventSink, PeerCommand};
use crate::disk::DiskPool;
use crate::fence::Fence;
use crate::glass::{GlassFiles, GlassWriter};
use crate::sockets::{ListenError, in_plain_words, source_for};
use crate::storage::Storage;
use alarm::Alarm;
use datagrams::Datagrams;
use doors::Doors;
use errands::{Errand, Errands};
use gate::Gate;
use links::{Links, Received, Sent};

/// What a driver is told at its birth.
#[derive(Debug, Clone)]
pub struct DriverConfig {
    /// The node's own settings.
    pub node: NodeConfig,
    /// Where the node's chance comes from.
    pub seed: u64,
    /// Addresses to listen at, the first of which is announced. Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Whom it may deal with.
    pub fence: Fence,
    /// What time it is in the run.
    pub clock: Clock,
    /// Threads for disks and hashing; at least one.
    pub disk_threads: usize,
    /// Where what is on the wire is recorded, if anywhere.
    pub glass: GlassFiles,
}

/// Why a peer could not start. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A socket could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The fence keeps even our own address out.
    #[error("listen on {0}: the address is outside the lab")]
    ListenOutside(SocketAddr),
    /// No thread for disks.
    #[error("start a thread for disks: {0}")]
    Threads(io::Error),
    /// A wire record or a key log can't be written.
    #[error("open {path} for writing: {source}", path = .path.display())]
    Glass { path: PathBuf, source: io::Error },
}

/// A node and the part of the world it uses.
pub struct Driver {
    node: Node,
    clock: Clock,
    sink: Box<dyn EventSink>,
    gate: Gate,
    doors: Doors,
    datagrams: Datagrams,
    errands: Errands,
    links: Links,
    disk: DiskPool,
    glass: Option<GlassWriter>,
    /// Results of the disk on their way to the node; kept for its memory.
    disk_done: Vec<(TorrentKey, DiskDone)>,
    torrents: BTreeMap<TorrentKey, PathBuf>,
    /// What is known of each torrent, and who waits to hear it.
    described: BTreeMap<TorrentKey, Arc<Info>>,
    curious: Vec<(TorrentKey, oneshot::Sender<Arc<Info>>)>,
    alarm: Alarm,
    /// Set when the node was told to leave: when its time is over.
    leaving: Option<Time>,
    finished: bool,
}

/// How long a node may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Busy rounds until the system is asked for news.
const ROUNDS_MAX: usize = 4;

/// Commands, errands, visitors, and datagrams each that one round looks at.
const FACTS_MAX: usize = 32;

/// While more received bytes than this wait for the disk, nothing is read from the network.
const WRITE_BACKLOG_MAX: u64 = 16 * 1024 * 1024;

impl Driver {
    /// Opens the listening sockets and starts the disk threads. Needs a tokio runtime around it.
    pub fn start(config: DriverConfig, sink: Box<dyn EventSink>) -> Result<Self, DriverError> {
        let doors = Doors::open(&config.listen)?;
        let datagrams = Datagrams::new(doors.addrs());
        let disk = DiskPool::start(config.disk_threads).map_err(DriverError::Threads)?;
        let glass = GlassWriter::start(&config.glass);
        let glass = glass.map_err(|(path, source)| DriverError::Glass { path, source })?;
        let settings = NodeConfig { glass: config.glass.wanted(), ..config.node };
        let mut driver = Self {
            node: Node::new(settings, Rng::stream(config.seed, "node")),
            clock: config.clock,
            sink,
            gate: Gate::new(config.fence),
            doors,
            datagrams,
            errands: Errands::default(),
            links: Links::default(),
            disk,
            glass,
            disk_done: Vec::new(),
            torrents: BTreeMap::new(),
            described: BTreeMap::new(),
            curious: Vec::new(),
            alarm: Alarm::new(),
            leaving: None,
            finished: false,
        };
        if let Some(&addr) = driver.doors.addrs().first() {
            driver.node.listening(driver.clock.now(), addr);
            driver.settle();
        }
        Ok(driver)
    }

    /// Where it listens, with the ports that the system chose.
    pub fn listening(&self) -> &[SocketAddr] {
        self.doors.addrs()
    }

    /// Runs until told to leave, or until the last sender of commands is gone. At the end every socket
    /// is closed and every thread has ended. Spawn it: a runtime wakes its tasks more cheaply than
    /// what it blocks on.
    pub async fn run(mut self, mut commands: mpsc::Receiver<PeerCommand>) {
        while !self.finished {
            poll_fn(|cx| self.poll_rounds(&mut commands, cx)).await;
            tokio::task::yield_now().await;
        }
        self.send();
        self.sink.pause();
        self.disk.finish();
        if let Some(glass) = self.glass {
            glass.finish();
        }
    }

    /// Ready when the system should be asked for news, or when all is over.
    fn poll_rounds(&mut self, commands: &mut mpsc::Receiver<PeerCommand>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            let busy = self.round(commands, cx);
            if self.finished {
                return Poll::Ready(());
            }
            if !busy {
                self.sink.pause();
                return Poll::Pending;
            }
        }
        self.sink.pause();
        Poll::Ready(())
    }

    /// One look at everything; true when something happened.
    fn round(&mut self, commands: &mut mpsc::Receiver<PeerCommand>, cx: &mut Context<'_>) -> bool {
        let mut busy = self.watch_the_clock(cx);
        busy |= self.take_commands(commands, cx);
        busy |= self.take_disk_results(cx);
        busy |= self.take_errands(cx);
        busy |= self.take_visitors(cx);
        busy |= self.take_datagrams(cx);
        busy |= self.receive(cx);
        busy |= self.send();
        self.disk.submit();
        busy
    }

    /// Carries out what the node wants, until it wants nothing.
    fn settle(&mut self) {
        while let Some(command) = self.node.poll() {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Dial { conn, addr } => self.dial(conn, addr),
            Command::Send { conn, bytes } => self.links.queue(conn, bytes),
            Command::Close { conn } => self.close(conn),
            Command::Datagram { to, bytes } => self.send_datagram(to, &bytes),
            Command::Resolve { token, host, port } => {
                self.errands.resolve(token, host, port, self.gate.fence().clone());
            }
            Command::Open { torrent, info } => {
                let dir = self.torrents.get(&torrent).expect("a torrent is joined before it is opened");
                self.described.insert(torrent, Arc::clone(&info));
                self.disk.open(Storage::new(torrent, dir.clone(), info));
                self.answer_the_curious();
            }
            Command::Disk { torrent, op } => self.disk.push(torrent, op),
            Command::Event(event) => self.sink.event(self.clock.now(), event),
            Command::Wire(chunk) => {
                if let Some(glass) = &self.glass {
                    glass.wire(self.clock.now(), chunk);
                }
            }
            Command::Key(key) => {
                if let Some(glass) = &self.glass {
                    glass.key(key);
                }
            }
            Command::Finished => self.finished = true,
        }
    }

    fn dial(&mut self, conn: ConnId, addr: SocketAddr) {
        if self.gate.allows(addr) {
            self.errands.dial(conn, addr, source_for(addr.ip(), self.doors.addrs()));
        } else {
            self.report_fenced(addr, gate::DIAL);
            self.node.handle_dialled(self.clock.now(), conn, Err("outside the fence".to_owned()));
        }
    }

    fn close(&mut self, conn: ConnId) {
        if !self.errands.give_up(conn) {
            self.links.close_when_sent(self.clock.now(), conn);
        }
    }

    fn send_datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        if self.gate.allows(to) {
            self.datagrams.send(to, bytes);
        } else {
            self.report_fenced(to, gate::ANNOUNCE);
        }
    }

    fn report_fenced(&mut self, addr: SocketAddr, doing: &'static str) {
        let now = self.clock.now();
        if let Some(event) = self.gate.report(now, addr, doing) {
            self.sink.event(now, event);
        }
    }

    fn watch_the_clock(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.clock.now();
        let mut busy = false;
        if self.node.wake().is_some_and(|wake| wake.at <= now) {
            self.node.handle_timeout(now);
            self.settle();
            busy = true;
        }
        if self.leaving.is_some_and(|until| until <= now) {
            self.finished = true;
        }
        self.links.drop_overdue(now);
        let wishes = [self.node.wake().map(|wake| wake.at), self.leaving, self.doors.wake(), self.links.wake()];
        if let Some(at) = wishes.into_iter().flatten().min() {
            self.alarm.wake_by(at, &self.clock, cx);
        }
        busy
    }

    fn take_commands(&mut self, commands: &mut mpsc::Receiver<PeerCommand>, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for _ in 0..FACTS_MAX {
            if self.leaving.is_some() {
                break;
            }
            let Poll::Ready(command) = commands.poll_recv(cx) else { break };
            self.obey(command.unwrap_or(PeerCommand::Leave));
            self.settle();
            busy = true;
        }
        busy
    }

    fn obey(&mut self, command: PeerCommand) {
        let now = self.clock.now();
        match command {
            PeerCommand::Join { source, dir, options, reply } => {
                let result = self.node.join(now, source, options).map_err(|error| error.to_string());
                if let Ok(key) = &result {
                    self.torrents.insert(*key, dir);
                }
                match (reply, result) {
                    // Whoever asked may have stopped waiting.
                    (Some(reply), result) => drop(reply.send(result)),
                    (None, Err(why)) => self.sink.event(now, Event::Note { text: format!("failed to join: {why}") }),
                    (None, Ok(_)) => {}
                }
            }
            PeerCommand::AddPeer { torrent: Some(torrent), addr } => self.node.add_peer(now, torrent, addr),
            PeerCommand::AddPeer { torrent: None, addr } => {
                for &torrent in self.torrents.keys() {
                    self.node.add_peer(now, torrent, addr);
                }
            }
            PeerCommand::Describe { torrent, reply } => {
                self.curious.push((torrent, reply));
                self.answer_the_curious();
            }
            PeerCommand::SetLimit { up, down } => self.node.set_limits(now, up, down),
            PeerCommand::SetPersona(persona) => self.node.set_persona(now, persona),
            PeerCommand::Leave => {
                self.leaving = Some(now.after(GOODBYE));
                self.node.leave(now);
            }
        }
    }

    /// Tells those who wait what became known, and forgets those who wait for what is not there.
    fn answer_the_curious(&mut self) {
        for (torrent, reply) in std::mem::take(&mut self.curious) {
            match self.described.get(&torrent) {
                // Whoever asked may have stopped waiting.
                Some(info) => drop(reply.send(Arc::clone(info))),
                None if self.torrents.contains_key(&torrent) => self.curious.push((torrent, reply)),
                None => {}
            }
        }
    }

    fn take_disk_results(&mut self, cx: &mut Context<'_>) -> bool {
        if self.disk.poll_results(cx, &mut self.disk_done).is_pending() {
            return false;
        }
        for (torrent, done) in std::mem::take(&mut self.disk_done) {
            self.node.handle_disk(self.clock.now(), torrent, done);
            self.settle();
        }
        if self.disk.write_backlog() <= WRITE_BACKLOG_MAX {
            self.links.resume_reading();
        }
        true
    }

    fn take_errands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for _ in 0..FACTS_MAX {
            let Poll::Ready(errand) = self.errands.poll(cx) else { break };
            let now = self.clock.now();
            match errand {
                Errand::Resolved { token, result } => self.node.handle_resolved(now, token, result),
                Errand::Dialled { conn, result: Err(why) } => self.node.handle_dialled(now, conn, Err(why)),
                Errand::Dialled { conn, result: Ok(stream) } => {
                    self.links.add(conn, stream);
                    self.node.handle_dialled(now, conn, Ok(()));
                }
            }
            self.settle();
            busy = true;
        }
        busy
    }

    fn take_visitors(&mut self, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for _ in 0..FACTS_MAX {
            let now = self.clock.now();
            let Poll::Ready((stream, remote)) = self.doors.poll_visitor(now, cx) else { break };
            busy = true;
            if !self.gate.allows(remote) {
                self.report_fenced(remote, gate::ACCEPT);
                continue;
            }
            if let Some(conn) = self.node.handle_incoming(now, remote) {
                // Works without, only later; and a connection that is gone again says so when read.
                let _ = stream.set_nodelay(true);
                self.links.add(conn, stream);
            }
            self.settle();
        }
        busy
    }

    fn take_datagrams(&mut self, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for _ in 0..FACTS_MAX {
            let now = self.clock.now();
            let Poll::Ready((from, bytes)) = self.datagrams.poll(cx) else { break };
            busy = true;
            if self.gate.allows(from) {
                self.node.handle_datagram(now, from, bytes);
                self.settle();
            } else {
                self.report_fenced(from, gate::ACCEPT);
            }
        }
        busy
    }

    /// Reads from the connections that were signalled, each up to a bound.
    fn receive(&mut self, cx: &Context<'_>) -> bool {
        let mut busy = false;
        for conn in self.links.signalled(cx) {
            busy = true;
            self.receive_from(conn);
        }
        busy
    }

    fn receive_from(&mut self, conn: ConnId) {
        let mut turn = links::TURN_BYTES;
        while self.disk.write_backlog() <= WRITE_BACKLOG_MAX {
            match self.links.receive(conn, &mut turn) {
                Received::Nothing => return,
                Received::Bytes(inbox) => self.node.handle_received(self.clock.now(), conn, inbox),
                Received::Closed(Ok(())) => self.lost(conn, ClosedBy::Them, "closed by the other side"),
                Received::Closed(Err(error)) => self.lost(conn, ClosedBy::Network, &in_plain_words(&error)),
            }
            self.settle();
        }
        self.links.pause_reading(conn);
    }

    fn lost(&mut self, conn: ConnId, by: ClosedBy, why: &str) {
        self.node.handle_closed(self.clock.now(), conn, by, why);
    }

    /// Writes what the connections have to send, each up to a bound; true when something was sent.
    fn send(&mut self) -> bool {
        let mut busy = false;
        for conn in self.links.with_something_to_send() {
            match self.links.send(conn) {
                Sent::Nothing => continue,
                Sent::Bytes(count) => self.node.handle_sent(self.clock.now(), conn, count),
                Sent::Failed(error) => self.lost(conn, ClosedBy::Network, &in_plain_words(&error)),
            }
            self.settle();
            busy = true;
        }
        busy
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("listening", &self.doors.addrs()).finish_non_exhaustive()
    }
}
