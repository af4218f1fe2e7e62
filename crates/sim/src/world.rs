//! The world: hosts in networks, the programs on them, and what is about to happen. It drives
//! [`Node`]s and [`Tracker`]s as the real driver does, and by the same contract: facts in, `poll` until
//! empty, wake when asked to.
//!
//! `world` starts and ends programs and carries out what they want; [`tcp`] opens connections,
//! moves their bytes and ends them, past boxes that [look into them](inspection); [`news`] tells what networks did.

mod inspection;
mod news;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use events::{Event, LabKey, Record, WireLine};
use model::{InfoHash, PeerId, Rate, Rng, Time};
use node::{Command, DiskDone, DiskOp, JoinError, JoinOptions, Node, NodeConfig, Persona, TorrentKey, TorrentSource};
use tracker::{Tracker, TrackerCommand, TrackerConfig};

use crate::clock::OnClock;
use crate::disk::Disk;
use crate::gear::Border;
use crate::host::{Access, Cargo, Host, Load, Program, Stream};
use crate::link::{Lane, Passed, Side};
use crate::middlebox::Inspector;
use crate::packet::{Incident, Packet, Protocol, Stage, What};
use crate::queue::Queue;
use crate::topology::{HostId, Line, NetId, Topology};

/// Everything there is.
#[derive(Debug)]
pub struct World {
    now: Time,
    seed: u64,
    queue: Queue<Happening>,
    topology: Topology,
    hosts: Vec<Host>,
    /// Every connection there ever was, by number; `None` when it is over.
    streams: Vec<Option<Box<Stream>>>,
    records: VecDeque<Record>,
    incidents: Vec<Incident>,
    /// So many of them are among the records.
    told_incidents: usize,
    repeats: news::Repeats,
    exposures: VecDeque<Exposure>,
    happened: u64,
}

/// Something under glass ([`node::Glass`]): by whom, in which of its lives (counted from 0), and what.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub peer: String,
    pub life: u32,
    pub what: Exposed,
}

#[derive(Debug, Clone)]
pub enum Exposed {
    Wire(WireLine),
    Key(LabKey),
}

/// Something that is due at some moment.
#[derive(Debug)]
enum Happening {
    /// A program wanted to be woken.
    Alarm(HostId),
    /// A host's link can carry the next thing.
    LinkFree(HostId),
    /// Something reaches the queue before a host's link.
    Arrive(HostId, Lane, Box<Cargo>),
    /// Something has passed that link.
    Through(HostId),
    Disk(HostId, u32, TorrentKey, Box<DiskDone>),
    Tcp(u32, tcp::Happening),
}

/// Where a peer listens.
pub const PEER_PORT: u16 = 6881;

/// Where a tracker listens.
pub const TRACKER_PORT: u16 = 6969;

/// Incidents kept until somebody asks for them.
const INCIDENTS_MAX: usize = 100_000;

impl World {
    /// An empty world. All its luck comes from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Time::ZERO,
            seed,
            queue: Queue::new(),
            topology: Topology::new(seed),
            hosts: Vec::new(),
            streams: Vec::new(),
            records: VecDeque::new(),
            incidents: Vec::new(),
            told_incidents: 0,
            repeats: news::Repeats::default(),
            exposures: VecDeque::new(),
            happened: 0,
        }
    }

    // ---- building it ----

    /// The network in which all others lie.
    pub const INTERNET: NetId = Topology::INTERNET;

    /// Adds a network in another, behind such a border and at the end of such a line.
    pub fn add_net(&mut self, name: &str, parent: NetId, border: impl Into<Border>, line: Line) -> NetId {
        self.topology.add(name, parent, border, line, self.seed)
    }

    /// Puts a captive portal at a network's border: nobody there has signed in.
    pub fn put_portal(&mut self, net: NetId) {
        self.topology.put_portal(net);
    }

    /// Puts a box at a network's border that looks into the connections that cross it.
    pub fn put_inspector(&mut self, net: NetId, inspector: Inspector) {
        self.topology.put_inspector(net, inspector);
    }

    /// Adds a host for a peer or, with [`TRACKER_PORT`], for a tracker.
    pub fn add_host(&mut self, name: &str, net: NetId, access: Access, port: u16) -> HostId {
        let host = HostId(self.hosts.len());
        let ip = self.topology.settle(host, net, access.ipv6);
        self.hosts.push(Host::new(name, net, SocketAddr::new(ip, port), access));
        host
    }

    /// Where a host's program listens, as its own network sees it.
    pub fn addr(&self, host: HostId) -> SocketAddr {
        self.hosts[host.0].listen
    }

    /// Makes a host reachable by a port of its network's border, as by hand in the router's
    /// settings; answers with the address to be called there.
    pub fn forward_port(&mut self, host: HostId, protocol: Protocol, port: u16) -> SocketAddr {
        let Host { net, listen, .. } = self.hosts[host.0];
        self.topology.forward(net, protocol, port, listen)
    }

    /// How a new connection from a host looks to another, which need not accept it: from the address that a tracker
    /// there would tell others. `None` where its packet does not get there.
    pub fn seen_as(&mut self, host: HostId, by: HostId) -> Option<SocketAddr> {
        let to = self.hosts[by.0].listen;
        let seat = &mut self.hosts[host.0];
        let from = SocketAddr::new(seat.listen.ip(), seat.next_passing_port());
        let packet = Packet { protocol: Protocol::Tcp, from, to, stage: Stage::Open };
        let journey = self.topology.carry(self.now, seat.net, packet, 1, &mut self.incidents);
        journey.ok().filter(|journey| journey.host == by).map(|journey| journey.packet.from)
    }

    /// Puts a disk into a host; it stays there whatever becomes of programs.
    pub fn insert_disk(&mut self, host: HostId, torrent: InfoHash, disk: Disk) {
        let seat = &mut self.hosts[host.0];
        seat.disks.insert(torrent, disk);
        let originals = seat.disks.values().map(Disk::original).filter(|original| original.is_elided());
        seat.elided = originals.cloned().collect();
    }

    pub fn disk(&mut self, host: HostId, torrent: InfoHash) -> Option<&mut Disk> {
        self.hosts[host.0].disks.get_mut(&torrent)
    }

    // ---- what befalls it ----

    /// Cuts the way between a network and the rest of the world, or heals it.
    pub fn cut(&mut self, net: NetId, is_cut: bool) {
        self.topology.cut(net, is_cut);
    }

    pub fn set_line(&mut self, net: NetId, line: Line) {
        self.topology.set_line(net, line);
    }

    /// The NAT of a network forgets what it gave out, as after a power cut.
    pub fn rebind_nat(&mut self, net: NetId) {
        self.topology.rebind(net);
    }

    /// A host passes the captive portals on its way to the internet.
    pub fn sign_in(&mut self, host: HostId) {
        let Host { net, listen, .. } = self.hosts[host.0];
        self.topology.sign_in(net, listen.ip());
    }

    /// A host's clock jumps ahead: what its program waits for is due so much earlier. It stays ahead, whatever becomes
    /// of programs. Records have the world's time all the same.
    pub fn skew_clock(&mut self, host: HostId, by: Duration) {
        let seat = &mut self.hosts[host.0];
        seat.clock_ahead = seat.clock_ahead.saturating_add(by);
        if let Some(node) = seat.node() {
            node.skew(by);
            self.settle(host);
        }
    }

    /// Changes a host's link.
    pub fn set_rates(&mut self, host: HostId, up: Rate, down: Rate) {
        let host = &mut self.hosts[host.0];
        host.up.wire.set_rate(up);
        host.down.wire.set_rate(down);
    }

    // ---- its programs ----

    /// Starts a peer.
    pub fn start_peer(&mut self, host: HostId, config: NodeConfig, rng: Rng) {
        let now = self.now;
        let seat = &mut self.hosts[host.0];
        assert!(seat.program.is_none(), "{} runs a program already", seat.name);
        let mut node = Box::new(OnClock::new(Node::new(config, rng), seat.clock_ahead));
        node.listening(now, seat.listen);
        seat.program = Some(Program::Node(node));
        self.settle(host);
    }

    /// Lets a peer take part in a torrent, with the disk that was put into its host for it.
    ///
    /// # Errors
    /// It can't: see [`JoinError`].
    ///
    /// # Panics
    /// Without a peer or a disk there.
    pub fn join(&mut self, host: HostId, source: TorrentSource, options: JoinOptions) -> Result<TorrentKey, JoinError> {
        let info_hash = match &source {
            TorrentSource::Metainfo(metainfo) => metainfo.info.info_hash(),
            TorrentSource::Magnet(magnet) => magnet.info_hash,
        };
        let now = self.now;
        let seat = &mut self.hosts[host.0];
        assert!(seat.disks.contains_key(&info_hash), "{} has a disk for {info_hash}", seat.name);
        let key = seat.node().expect("a peer was started").join(now, source, options)?;
        seat.torrents.insert(key, info_hash);
        self.settle(host);
        Ok(key)
    }

    /// Starts a tracker.
    pub fn start_tracker(&mut self, host: HostId, config: TrackerConfig, rng: Rng, peer_id: PeerId) {
        let seat = &mut self.hosts[host.0];
        assert!(seat.program.is_none(), "{} runs a program already", seat.name);
        seat.program = Some(Program::Tracker(Box::new(Tracker::new(config, rng))));
        let (listen, client) = (seat.listen, concat!("Swarmlab tracker ", env!("CARGO_PKG_VERSION")).to_owned());
        self.record(host, Event::Started { peer_id, listen, client });
        self.settle(host);
    }

    /// True while a program runs there.
    pub fn is_up(&self, host: HostId) -> bool {
        self.hosts[host.0].program.is_some()
    }

    /// Asks a program to say goodbye and end.
    pub fn leave(&mut self, host: HostId) {
        let now = self.now;
        match &mut self.hosts[host.0].program {
            Some(Program::Node(node)) => {
                node.leave(now);
                self.settle(host);
            }
            Some(Program::Tracker(_)) => {
                self.record(host, Event::Left { why: "told to".to_owned() });
                self.exit(host);
            }
            None => {}
        }
    }

    /// Ends a program without a word. Its machine goes on: what its buffers hold is sent, and connections
    /// are closed.
    pub fn kill(&mut self, host: HostId) {
        let now = self.now;
        for disk in self.hosts[host.0].disks.values_mut() {
            disk.crash(now);
        }
        self.exit(host);
    }

    pub fn set_limits(&mut self, host: HostId, up: Option<Rate>, down: Option<Rate>) {
        let now = self.now;
        self.tell(host, |node| node.set_limits(now, up, down));
    }

    pub fn set_persona(&mut self, host: HostId, persona: Persona) {
        let now = self.now;
        self.tell(host, |node| node.set_persona(now, persona));
    }

    /// Tells a peer of another, by hand.
    pub fn add_peer(&mut self, host: HostId, torrent: TorrentKey, addr: SocketAddr) {
        let now = self.now;
        self.tell(host, |node| node.add_peer(now, torrent, addr));
    }

    fn tell(&mut self, host: HostId, fact: impl FnOnce(&mut OnClock)) {
        if let Some(node) = self.hosts[host.0].node() {
            fact(node);
            self.settle(host);
        }
    }

    /// The peer that runs there, to be looked at.
    pub fn node(&self, host: HostId) -> Option<&Node> {
        match &self.hosts[host.0].program {
            Some(Program::Node(node)) => Some(node.node()),
            _ => None,
        }
    }

    /// Connections of which either end still knows: being opened, open, or being closed.
    pub fn connections(&self) -> usize {
        self.streams.iter().flatten().count()
    }

    // ---- its course ----

    pub fn now(&self) -> Time {
        self.now
    }

    /// How much has happened so far: what a run costs.
    pub fn happened(&self) -> u64 {
        self.happened
    }

    /// When something happens next.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.next_at()
    }

    /// Lets the next thing happen that is due by `until`; false when there was none, and it is `until`.
    pub fn step(&mut self, until: Time) -> bool {
        let Some((at, what)) = self.queue.pop_until(until) else {
            self.tell_repeats(until);
            self.now = self.now.max(until);
            return false;
        };
        self.tell_repeats(at);
        self.now = self.now.max(at);
        self.happened += 1;
        self.happen(what);
        true
    }

    /// The next line for the log. Programs know addresses, networks know names too.
    pub fn poll(&mut self) -> Option<Record> {
        self.tell_incidents();
        self.records.pop_front()
    }

    /// True when [`Self::poll`] has a line.
    pub fn has_news(&self) -> bool {
        !self.records.is_empty() || self.told_incidents < self.incidents.len()
    }

    /// Nothing more will happen: tells what waits to be told together with what might have followed.
    pub fn conclude(&mut self) {
        self.tell_all();
    }

    /// What happened to packets on their way since this was last asked, oldest first.
    pub fn take_incidents(&mut self) -> Vec<Incident> {
        self.tell_incidents();
        self.told_incidents = 0;
        std::mem::take(&mut self.incidents)
    }

    /// The next thing under glass that was not asked for yet.
    pub fn take_exposure(&mut self) -> Option<Exposure> {
        self.exposures.pop_front()
    }

    fn expose(&mut self, host: HostId, what: Exposed) {
        let seat = &self.hosts[host.0];
        self.exposures.push_back(Exposure { peer: seat.name.clone(), life: seat.life, what });
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Alarm(host) => self.alarm(host),
            Happening::LinkFree(host) => {
                self.hosts[host.0].up.looked();
                self.pump(host);
            }
            Happening::Arrive(host, lane, cargo) => self.arrive(host, lane, cargo),
            Happening::Through(host) => self.through(host),
            Happening::Disk(host, life, torrent, done) => self.disk_done(host, life, torrent, *done),
            Happening::Tcp(stream, what) => self.tcp(stream, what),
        }
    }

    fn alarm(&mut self, host: HostId) {
        let now = self.now;
        let seat = &mut self.hosts[host.0];
        if seat.alarm != Some(now) {
            return; // another came before it
        }
        seat.alarm = None;
        match &mut seat.program {
            Some(program) if program.wake().is_some_and(|wake| wake.at <= now) => match program {
                Program::Node(node) => node.handle_timeout(now),
                Program::Tracker(tracker) => tracker.handle_timeout(now),
            },
            _ => {}
        }
        self.settle(host);
    }

    fn disk_done(&mut self, host: HostId, life: u32, torrent: TorrentKey, done: DiskDone) {
        let now = self.now;
        let seat = &mut self.hosts[host.0];
        if seat.life != life {
            return;
        }
        if let DiskDone::Written { block, .. } = &done {
            seat.writing -= u64::from(block.length);
        }
        if let Some(node) = seat.node() {
            node.handle_disk(now, torrent, done);
            self.settle(host);
        }
        self.read_on(host);
    }

    /// Carries out what a program wants until it wants nothing, and notes when to wake it.
    fn settle(&mut self, host: HostId) {
        loop {
            match &mut self.hosts[host.0].program {
                Some(Program::Node(node)) => match node.poll() {
                    Some(command) => self.carry_out(host, command),
                    None if !self.tell_what_was_taken(host) => break,
                    None => {}
                },
                Some(Program::Tracker(tracker)) => match tracker.poll() {
                    Some(TrackerCommand::Send { to, datagram }) => self.queue_datagram(host, to, datagram),
                    Some(TrackerCommand::Event(event)) => self.record(host, event),
                    None => break,
                },
                None => return,
            }
        }
        self.pump(host);
        self.set_alarm(host);
    }

    fn set_alarm(&mut self, host: HostId) {
        let seat = &mut self.hosts[host.0];
        let Some(wake) = seat.program.as_ref().and_then(Program::wake) else { return };
        let at = wake.at.max(self.now);
        if seat.alarm.is_none_or(|alarm| at < alarm) {
            seat.alarm = Some(at);
            self.queue.push(at, Happening::Alarm(host));
        }
    }

    fn carry_out(&mut self, host: HostId, command: Command) {
        let now = self.now;
        match command {
            Command::Dial { conn, addr } => self.dial(host, conn, addr),
            Command::Send { conn, bytes } => self.write(host, conn, bytes),
            Command::Close { conn } => self.close(host, conn),
            Command::Datagram { to, bytes } => self.queue_datagram(host, to, bytes),
            Command::Resolve { token, host: name, .. } => {
                let answer = Err(format!("no address for {name}: world sim has no names"));
                if let Some(node) = self.hosts[host.0].node() {
                    node.handle_resolved(now, token, answer);
                }
            }
            Command::Open { torrent, info } => {
                let known = self.hosts[host.0].torrents.get(&torrent);
                assert_eq!(known, Some(&info.info_hash()), "a torrent is what it was joined as");
            }
            Command::Disk { torrent, op } => {
                let seat = &mut self.hosts[host.0];
                if let DiskOp::Write { block, .. } = &op {
                    seat.writing += u64::from(block.length);
                }
                let disk = seat.torrents.get(&torrent).and_then(|hash| seat.disks.get_mut(hash));
                let (at, done) = disk.expect("a torrent is joined with a disk").carry_out(now, op);
                self.queue.push(at, Happening::Disk(host, seat.life, torrent, Box::new(done)));
            }
            Command::Event(event) => self.record(host, event),
            Command::Wire(chunk) => self.expose(host, Exposed::Wire(WireLine { time: now, chunk })),
            Command::Key(key) => self.expose(host, Exposed::Key(key)),
            Command::Finished => self.exit(host),
        }
    }

    fn record(&mut self, host: HostId, event: Event) {
        self.tell_incidents();
        let peer = self.hosts[host.0].name.clone();
        self.records.push_back(Record { time: self.now, peer, event });
    }

    /// The program is gone. Its kernel sends what it has, and closes.
    fn exit(&mut self, host: HostId) {
        let seat = &mut self.hosts[host.0];
        seat.program = None;
        seat.life += 1;
        seat.alarm = None;
        seat.torrents.clear();
        seat.written.clear();
        seat.unread.clear();
        seat.writing = 0;
        for (stream, side) in std::mem::take(&mut seat.connections).into_values() {
            self.abandon(stream, side);
        }
        self.pump(host);
    }

    // ---- links ----

    /// Lets those who wait use the host's link while it is free.
    fn pump(&mut self, host: HostId) {
        while let Some((lane, allowed)) = self.hosts[host.0].up.next(self.now) {
            match lane {
                Lane::Datagrams => self.send_datagram(host, allowed),
                Lane::Stream(stream, side) => self.send_parcel(host, stream, side, allowed),
            }
        }
        if let Some(at) = self.hosts[host.0].up.watch() {
            self.queue.push(at, Happening::LinkFree(host));
        }
    }

    fn arrive(&mut self, host: HostId, lane: Lane, mut cargo: Box<Cargo>) {
        let down = &mut self.hosts[host.0].down;
        let is_full = down.is_full_for(lane);
        let bytes = match &mut cargo.load {
            Load::Parcel { parcel, .. } => {
                parcel.marked |= is_full;
                crate::link::on_wire(parcel.length)
            }
            Load::Datagram(datagram) if is_full => return self.drop_datagram(host, datagram),
            Load::Datagram(datagram) => udp::on_wire(&datagram.bytes),
        };
        let span = cargo.span;
        match down.arrive(self.now, lane, cargo, bytes, span) {
            Passed::Now(cargo) => self.take_in(host, lane, cargo.load),
            Passed::At(at) => self.queue.push(at, Happening::Through(host)),
            Passed::InTurn => {}
        }
    }

    fn through(&mut self, host: HostId) {
        let down = &mut self.hosts[host.0].down;
        let came = down.through();
        if let Some(at) = down.next(self.now) {
            self.queue.push(at, Happening::Through(host));
        }
        if let Some((lane, cargo)) = came {
            self.take_in(host, lane, cargo.load);
        }
    }

    fn take_in(&mut self, host: HostId, lane: Lane, load: Load) {
        match (lane, load) {
            (Lane::Stream(stream, side), Load::Parcel { parcel, delay }) => self.deliver(stream, side, parcel, delay),
            (_, Load::Datagram(datagram)) => self.hear_datagram(host, &datagram),
            (Lane::Datagrams, Load::Parcel { .. }) => {}
        }
    }

    fn stream(&mut self, stream: u32) -> Option<&mut Stream> {
        self.streams.get_mut(stream as usize)?.as_deref_mut()
    }

    fn end_of(&mut self, stream: u32, side: Side) -> Option<&mut crate::host::End> {
        self.stream(stream)?.end(side)
    }

    /// Something happened to a packet at a host's own link.
    fn note(&mut self, host: HostId, packet: Packet, what: What) {
        let place = self.hosts[host.0].name.clone();
        self.incidents.push(Incident { time: self.now, place, packet, count: 1, what });
        self.trim_incidents();
    }

    /// Keeps the list of what nobody asked for from growing without end.
    fn trim_incidents(&mut self) {
        if self.incidents.len() > INCIDENTS_MAX {
            self.tell_incidents();
            self.incidents.drain(..INCIDENTS_MAX / 2);
            self.told_incidents = self.incidents.len();
        }
    }
}
