//! The table that nodes and a tracker sit at.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use bytes::{Bytes, BytesMut};
use events::{ClosedBy, Event, LabKey, Names, Record, WireLine};
use metainfo::Info;
use model::{PeerId, Rng, Time};
use node::{Command, ConnId, JoinOptions, Node, NodeConfig, TorrentKey, TorrentSource};
use serde::Serialize;
use tracker::{Tracker, TrackerCommand};

use crate::MemoryDisk;

/// Nodes and one tracker, and everything under way between them.
#[derive(Debug)]
pub struct Table {
    now: Time,
    delay: Duration,
    order: u64,
    seats: BTreeMap<String, Seat>,
    tracker: Option<(SocketAddr, Tracker)>,
    due: BinaryHeap<Reverse<(Time, u64, Happening)>>,
    names: Names,
    pub log: Vec<Record>,
    /// What crossed the wire, by who recorded ([`node::Glass`]).
    pub wire: BTreeMap<String, Vec<WireLine>>,
    pub keys: BTreeMap<String, Vec<LabKey>>,
}

/// One node with its disks and connections.
#[derive(Debug)]
pub struct Seat {
    pub node: Node,
    pub addr: SocketAddr,
    pub disks: BTreeMap<TorrentKey, MemoryDisk>,
    infos: BTreeMap<TorrentKey, Arc<Info>>,
    /// Bytes that came and were not used yet, and who is at the other end.
    pipes: BTreeMap<ConnId, Pipe>,
    passing_port: u16,
    pub finished: bool,
    alive: bool,
}

#[derive(Debug)]
struct Pipe {
    buf: BytesMut,
    other: (String, ConnId),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Dial { from: String, conn: ConnId, to: SocketAddr },
    Arrive { at: String, conn: ConnId, bytes: Bytes },
    Sent { at: String, conn: ConnId, bytes: usize },
    HangUp { at: String, conn: ConnId },
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Bytes },
}

impl Table {
    /// An empty table. `delay` is one way.
    pub fn new(delay: Duration) -> Self {
        Self {
            now: Time::ZERO,
            delay,
            order: 0,
            seats: BTreeMap::new(),
            tracker: None,
            due: BinaryHeap::new(),
            names: Names::default(),
            log: Vec::new(),
            wire: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Time {
        self.now
    }

    pub fn set_tracker(&mut self, addr: SocketAddr, tracker: Tracker) {
        self.tracker = Some((addr, tracker));
    }

    /// Seats a node: it listens at 10.0.0.N:6881. `adjust` may change its settings.
    pub fn seat(&mut self, name: &str, adjust: impl FnOnce(&mut NodeConfig)) {
        let number = self.seats.len() as u8 + 1;
        let addr = SocketAddr::from(([10, 0, 0, number], 6881));
        let mut rng = Rng::stream(u64::from(number), name);
        let mut config = NodeConfig::new(PeerId::generate(&mut rng));
        adjust(&mut config);
        let mut node = Node::new(config, rng);
        node.listening(self.now, addr);
        let seat = Seat {
            node,
            addr,
            disks: BTreeMap::new(),
            infos: BTreeMap::new(),
            pipes: BTreeMap::new(),
            passing_port: 50_000,
            finished: false,
            alive: true,
        };
        self.seats.insert(name.to_owned(), seat);
        self.settle(name);
    }

    /// Lets a node join, with `bytes` already on its disk.
    pub fn join(&mut self, name: &str, source: TorrentSource, bytes: &[u8]) -> TorrentKey {
        self.join_with(name, source, JoinOptions::default(), MemoryDisk { bytes: bytes.to_vec(), room: None })
    }

    pub fn join_with(
        &mut self,
        name: &str,
        source: TorrentSource,
        options: JoinOptions,
        disk: MemoryDisk,
    ) -> TorrentKey {
        let now = self.now;
        let seat = self.seat_mut(name);
        let key = seat.node.join(now, source, options).unwrap();
        seat.disks.insert(key, disk);
        self.settle(name);
        key
    }

    pub fn seat_mut(&mut self, name: &str) -> &mut Seat {
        self.seats.get_mut(name).unwrap_or_else(|| panic!("nobody called {name} is seated"))
    }

    /// Acts on a node and carries out what it then wants.
    pub fn with(&mut self, name: &str, act: impl FnOnce(&mut Node, Time)) {
        let now = self.now;
        act(&mut self.seat_mut(name).node, now);
        self.settle(name);
    }

    /// The node is gone without a word: its connections break.
    pub fn kill(&mut self, name: &str) {
        let seat = self.seat_mut(name);
        seat.alive = false;
        let pipes = std::mem::take(&mut seat.pipes);
        for pipe in pipes.into_values() {
            let (at, conn) = pipe.other;
            self.later(Happening::HangUp { at, conn });
        }
    }

    pub fn addr(&self, name: &str) -> SocketAddr {
        self.seats[name].addr
    }

    /// Writes what was recorded as the folder of a run: `events.jsonl`, `wire/` and `keys/`.
    pub fn write_run(&self, folder: &Path) -> io::Result<()> {
        fn lines(items: &[impl ToString]) -> String {
            items.iter().map(|item| item.to_string() + "\n").collect()
        }
        fn json(items: &[impl Serialize]) -> io::Result<Vec<String>> {
            Ok(items.iter().map(serde_json::to_string).collect::<Result<_, _>>()?)
        }
        for kind in ["wire", "keys"] {
            fs::create_dir_all(folder.join(kind))?;
        }
        fs::write(folder.join("events.jsonl"), lines(&self.log))?;
        for (name, chunks) in &self.wire {
            fs::write(folder.join(format!("wire/{name}.jsonl")), lines(&json(chunks)?))?;
        }
        for (name, keys) in &self.keys {
            fs::write(folder.join(format!("keys/{name}.jsonl")), lines(&json(keys)?))?;
        }
        Ok(())
    }

    /// What `name` reported.
    pub fn events<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Event> + 'a {
        self.log.iter().filter(move |record| record.peer == name).map(|record| &record.event)
    }

    /// When `name` had everything.
    pub fn complete_at(&self, name: &str) -> Option<Time> {
        let complete = |record: &&Record| record.peer == name && matches!(record.event, Event::Complete { .. });
        self.log.iter().find(complete).map(|record| record.time)
    }

    /// Runs until `enough` or the end of virtual `limit`; true when it was enough.
    pub fn run_until(&mut self, limit: Duration, mut enough: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now.after(limit);
        loop {
            if enough(self) {
                return true;
            }
            if !self.step(end) {
                return enough(self);
            }
        }
    }

    /// Runs for `span` of virtual time.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now.after(span);
        while self.step(end) {}
        self.now = end;
    }

    /// The next thing that happens, if it does before `end`.
    fn step(&mut self, end: Time) -> bool {
        let next_due = self.due.peek().map(|Reverse((at, _, _))| *at);
        let wake = self.next_wake();
        let next = match (next_due, &wake) {
            (Some(due), Some((at, _))) => due.min(*at),
            (Some(due), None) => due,
            (None, Some((at, _))) => *at,
            (None, None) => return false,
        };
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if next_due == Some(next) {
            if let Some(Reverse((_, _, happening))) = self.due.pop() {
                self.happen(happening);
            }
        } else if let Some((_, who)) = wake {
            self.wake(&who);
        }
        true
    }

    fn next_wake(&self) -> Option<(Time, String)> {
        let nodes = self.seats.iter().filter(|(_, seat)| seat.alive);
        let nodes = nodes.filter_map(|(name, seat)| Some((seat.node.wake()?.at, name.clone())));
        let tracker = self.tracker.as_ref().and_then(|(_, tracker)| Some((tracker.wake()?.at, "tracker".to_owned())));
        nodes.chain(tracker).min()
    }

    fn wake(&mut self, who: &str) {
        let now = self.now;
        if who == "tracker" {
            if let Some((_, tracker)) = &mut self.tracker {
                tracker.handle_timeout(now);
            }
            return self.settle_tracker();
        }
        self.seat_mut(who).node.handle_timeout(now);
        self.settle(who);
    }

    fn later(&mut self, happening: Happening) {
        let at = self.now.after(self.delay);
        self.at(at, happening);
    }

    fn at(&mut self, at: Time, happening: Happening) {
        self.order += 1;
        self.due.push(Reverse((at, self.order, happening)));
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Dial { from, conn, to } => self.connect(&from, conn, to),
            Happening::Arrive { at, conn, bytes } => {
                let seat = self.seat_mut(&at);
                let Some(pipe) = seat.pipes.get_mut(&conn) else { return };
                pipe.buf.extend_from_slice(&bytes);
                seat.node.handle_received(now, conn, &mut pipe.buf);
                self.settle(&at);
            }
            Happening::Sent { at, conn, bytes } => {
                let seat = self.seat_mut(&at);
                if seat.alive {
                    seat.node.handle_sent(now, conn, bytes);
                    self.settle(&at);
                }
            }
            Happening::HangUp { at, conn } => {
                let seat = self.seat_mut(&at);
                if seat.pipes.remove(&conn).is_some() {
                    seat.node.handle_closed(now, conn, ClosedBy::Them, "the connection ended");
                    self.settle(&at);
                }
            }
            Happening::Datagram { from, to, bytes } => self.deliver(from, to, &bytes),
        }
    }

    fn connect(&mut self, from: &str, conn: ConnId, to: SocketAddr) {
        let now = self.now;
        let host = self.seats.iter().find(|(_, seat)| seat.alive && seat.addr == to).map(|(name, _)| name.clone());
        let passing = {
            let seat = self.seat_mut(from);
            seat.passing_port += 1;
            SocketAddr::new(seat.addr.ip(), seat.passing_port)
        };
        let answer = host.and_then(|host| {
            let theirs = self.seat_mut(&host).node.handle_incoming(now, passing)?;
            Some((host, theirs))
        });
        if let Some((host, theirs)) = answer {
            let pipe = |other| Pipe { buf: BytesMut::new(), other };
            self.seat_mut(&host).pipes.insert(theirs, pipe((from.to_owned(), conn)));
            let seat = self.seat_mut(from);
            seat.pipes.insert(conn, pipe((host.clone(), theirs)));
            seat.node.handle_dialled(now, conn, Ok(()));
            self.settle(&host);
        } else {
            self.seat_mut(from).node.handle_dialled(now, conn, Err("connection refused".to_owned()));
        }
        self.settle(from);
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        if let Some((addr, tracker)) = &mut self.tracker
            && *addr == to
        {
            tracker.handle_datagram(now, from, bytes);
            return self.settle_tracker();
        }
        let host = self.seats.iter().find(|(_, seat)| seat.alive && seat.addr == to).map(|(name, _)| name.clone());
        if let Some(host) = host {
            self.seat_mut(&host).node.handle_datagram(now, from, bytes);
            self.settle(&host);
        }
    }

    fn settle_tracker(&mut self) {
        let Some((addr, mut tracker)) = self.tracker.take() else { return };
        while let Some(command) = tracker.poll() {
            match command {
                TrackerCommand::Send { to, datagram } => {
                    self.later(Happening::Datagram { from: addr, to, bytes: datagram });
                }
                TrackerCommand::Event(event) => self.record("tracker", event),
            }
        }
        self.tracker = Some((addr, tracker));
    }

    /// Carries out what a node wants until it wants nothing.
    fn settle(&mut self, name: &str) {
        let now = self.now;
        loop {
            let seat = self.seat_mut(name);
            if !seat.alive {
                return;
            }
            let Some(command) = seat.node.poll() else { return };
            match command {
                Command::Dial { conn, addr } => self.later(Happening::Dial { from: name.to_owned(), conn, to: addr }),
                Command::Send { conn, bytes } => {
                    let Some(pipe) = seat.pipes.get(&conn) else { continue };
                    let (at, other) = pipe.other.clone();
                    let sent = bytes.len();
                    self.later(Happening::Arrive { at, conn: other, bytes });
                    self.at(now, Happening::Sent { at: name.to_owned(), conn, bytes: sent });
                }
                Command::Close { conn } => {
                    if let Some(pipe) = seat.pipes.remove(&conn) {
                        let (at, conn) = pipe.other;
                        self.later(Happening::HangUp { at, conn });
                    }
                }
                Command::Datagram { to, bytes } => {
                    let from = seat.addr;
                    self.later(Happening::Datagram { from, to, bytes });
                }
                Command::Resolve { token, .. } => {
                    seat.node.handle_resolved(now, token, Err("no names at this table".to_owned()));
                }
                Command::Open { torrent, info } => {
                    seat.infos.insert(torrent, info);
                }
                Command::Disk { torrent, op } => {
                    let info = Arc::clone(&seat.infos[&torrent]);
                    let done = seat.disks.entry(torrent).or_default().carry_out(&info, op);
                    seat.node.handle_disk(now, torrent, done);
                }
                Command::Event(event) => self.record(name, event),
                Command::Wire(chunk) => {
                    self.wire.entry(name.to_owned()).or_default().push(WireLine { time: now, chunk });
                }
                Command::Key(key) => self.keys.entry(name.to_owned()).or_default().push(key),
                Command::Finished => seat.finished = true,
            }
        }
    }

    fn record(&mut self, peer: &str, event: Event) {
        let mut record = Record { time: self.now, peer: peer.to_owned(), event };
        self.names.apply(&mut record);
        self.log.push(record);
    }
}
