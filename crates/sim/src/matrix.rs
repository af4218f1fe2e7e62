//! Who can connect to whom: every kind of border by every other, and what stopped those who can't. No cell is
//! looked up: for each try a world is made, with two peers that run the real [`node`], and one of them dials the
//! other at the address a tracker would have told. The packets pass the very NATs and firewalls of all
//! other runs.
//!
//! A tracker tells the address that an announce came from, and the port that the peer says it listens at
//! (BEP 15); to be sure to be heard, the peers here speak to theirs from a connection to port 443. Networks are
//! 20 ms from each other and lose nothing. Nobody but the dialler is told of anybody.
//!
//! There is one [`Method`] for each way to try; more ways (uTP, hole punching, mapped ports) are more
//! methods, and so more [`Try`]s in a [`Cell`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use events::Event;
use metainfo::Metainfo;
use model::{PeerId, Rng, Time};
use node::{JoinOptions, NodeConfig, TorrentKey, TorrentSource};

use crate::content::made_up;
use crate::disk::Disk;
use crate::gear::Preset;
use crate::host::Access;
use crate::nat::Behaviour;
use crate::original::Original;
use crate::packet::{Incident, Packet, Protocol, Rule, What};
use crate::topology::{HostId, Line, NetId};
use crate::world::{PEER_PORT, World};

/// Where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Behind(Preset),
    /// A router at home, behind a provider's NAT.
    HomeBehindCgnat,
    /// A router at home in whose settings the peer's port was forwarded by hand.
    HomeForwarded,
}

/// Whom a row's peer has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partner {
    /// A peer in another network of this kind.
    At(Place),
    /// A peer in the same network, which it knows from the tracker and not by its inside address.
    SameNetwork,
}

/// A way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The row's peer dials the column's.
    TcpOut,
    /// The column's peer dials the row's.
    TcpIn,
}

/// The whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    pub rows: Vec<Place>,
    pub columns: Vec<Partner>,
    pub methods: Vec<Method>,
    /// Row by row.
    cells: Vec<Cell>,
}

/// What two peers can do with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub row: Place,
    pub column: Partner,
    /// One for each method of the table, in its order.
    pub tries: Vec<Try>,
}

/// One peer dialled the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub method: Method,
    /// The address that it dialled.
    pub told: SocketAddr,
    /// What happened to its packets at borders, until one was stopped.
    pub incidents: Vec<Incident>,
    /// How long it took until both had the other's handshake, or what became of it instead.
    pub end: Result<Duration, Failure>,
}

/// Why a try came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: Reason,
    /// The first packet that was stopped, as it came to the border.
    pub packet: Packet,
    /// It was turned back with a reset, and not just dropped.
    pub refused: bool,
    /// What the dialler made of it: `timed out`, `connection refused`.
    pub dialler_says: String,
}

/// What stopped a packet, and at whose border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    pub rule: Rule,
    pub at: Border,
}

/// A border on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Border {
    /// Of the dialler's network.
    Diallers,
    /// Of the provider around that.
    DiallersProvider,
    /// Of the network that is dialled.
    Dialled,
    /// Of the provider around that.
    DialledProvider,
}

impl Place {
    pub const ALL: [Self; 13] = [
        Self::Behind(Preset::Open),
        Self::HomeForwarded,
        Self::Behind(Preset::FullCone),
        Self::Behind(Preset::AddressRestricted),
        Self::Behind(Preset::PortRestricted),
        Self::Behind(Preset::Symmetric),
        Self::Behind(Preset::Home),
        Self::Behind(Preset::Cgnat),
        Self::HomeBehindCgnat,
        Self::Behind(Preset::Mobile),
        Self::Behind(Preset::Hotel),
        Self::Behind(Preset::Corporate),
        Self::Behind(Preset::Office),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Behind(preset) => preset.name(),
            Self::HomeBehindCgnat => "home-behind-cgnat",
            Self::HomeForwarded => "home-forwarded",
        }
    }

    /// Where it is met, with a device for example.
    pub fn about(self) -> &'static str {
        match self {
            Self::Behind(preset) => preset.about(),
            Self::HomeBehindCgnat => "a home router at a provider that is short of addresses",
            Self::HomeForwarded => "a home router with the peer's port forwarded by hand",
        }
    }

    /// How its NATs behave, from inside to outside. None where it has none.
    pub fn behaviours(self) -> Vec<Behaviour> {
        let presets = match self {
            Self::Behind(preset) => vec![preset],
            Self::HomeBehindCgnat => vec![Preset::Home, Preset::Cgnat],
            Self::HomeForwarded => vec![Preset::Home],
        };
        presets.into_iter().filter_map(Preset::behaviour).collect()
    }
}

impl Partner {
    pub fn name(self) -> &'static str {
        match self {
            Self::At(place) => place.name(),
            Self::SameNetwork => "same-network",
        }
    }
}

impl Method {
    pub const ALL: [Self; 2] = [Self::TcpOut, Self::TcpIn];

    pub fn name(self) -> &'static str {
        match self {
            Self::TcpOut => "tcp-out",
            Self::TcpIn => "tcp-in",
        }
    }
}

impl Border {
    /// Whose it is, for a sentence: "dropped at …".
    pub fn name(self) -> &'static str {
        match self {
            Self::Diallers => "the dialler's own border",
            Self::DiallersProvider => "the dialler's provider",
            Self::Dialled => "the border of who is dialled",
            Self::DialledProvider => "the provider of who is dialled",
        }
    }
}

impl Matrix {
    /// Plays all of it: less than a second.
    pub fn play() -> Self {
        let columns: Vec<Partner> = Place::ALL.map(Partner::At).into_iter().chain([Partner::SameNetwork]).collect();
        let content = Content::new();
        let cell = |(row, column): (Place, Partner)| Cell {
            row,
            column,
            tries: Method::ALL.map(|method| Pair::new(row, column, &content).attempt(method)).into(),
        };
        let pairs = Place::ALL.into_iter().flat_map(|row| columns.iter().map(move |column| (row, *column)));
        let cells = pairs.map(cell).collect();
        Self { rows: Place::ALL.into(), columns, methods: Method::ALL.into(), cells }
    }

    /// Row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// # Panics
    /// For what is no row or no column of it.
    pub fn cell(&self, row: Place, column: Partner) -> &Cell {
        let found = self.cells.iter().find(|cell| (cell.row, cell.column) == (row, column));
        found.expect("every row has every column")
    }

    /// All that stopped a packet somewhere in the table, each once, in the order in which a reader meets it.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for method in &self.methods {
            for reason in self.cells.iter().filter_map(|cell| Some(cell.with(*method)?.end.as_ref().err()?.reason)) {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons
    }
}

impl Cell {
    /// The try by this method.
    pub fn with(&self, method: Method) -> Option<&Try> {
        self.tries.iter().find(|one| one.method == method)
    }

    /// True when this method connects them.
    pub fn connects(&self, method: Method) -> bool {
        self.with(method).is_some_and(|one| one.end.is_ok())
    }
}

// ---- playing a cell ----

/// What the peers have in common; only who can get it from whom is of interest.
struct Content {
    torrent: Arc<Metainfo>,
    original: Arc<Original>,
}

impl Content {
    fn new() -> Self {
        let (torrent, bytes) = made_up("matrix.bin", PIECE.into(), PIECE, SEED).expect("the name suits a torrent");
        let original = Original::new(Arc::new(torrent.info.clone()), bytes).expect("it was made of these bytes");
        Self { torrent: Arc::new(torrent), original: Arc::new(original) }
    }
}

/// A world with two peers.
struct Pair {
    world: World,
    row: Peer,
    column: Peer,
}

struct Peer {
    host: HostId,
    /// The name of its network.
    net: &'static str,
    torrent: TorrentKey,
    /// What a tracker would tell others.
    told: SocketAddr,
}

/// A network that a peer sits in, its names and what was forwarded there.
struct Seat {
    net: NetId,
    name: &'static str,
    forwarded: bool,
}

impl Pair {
    fn new(row: Place, column: Partner, content: &Content) -> Self {
        let mut world = World::new(SEED);
        let tracker = world.add_host("tracker", World::INTERNET, Access::default(), WEB_PORT);
        let mine = Seat::take(&mut world, row, [ROW, ROW_PROVIDER]);
        let yours = match column {
            Partner::At(place) => &Seat::take(&mut world, place, [COLUMN, COLUMN_PROVIDER]),
            Partner::SameNetwork => &mine,
        };
        let row = mine.peer(&mut world, ROW, ROW_PORT, tracker, content);
        let column = yours.peer(&mut world, COLUMN, COLUMN_PORT, tracker, content);
        Self { world, row, column }
    }

    fn attempt(mut self, method: Method) -> Try {
        let (dialler, dialled, name) = match method {
            Method::TcpOut => (&self.row, &self.column, ROW),
            Method::TcpIn => (&self.column, &self.row, COLUMN),
        };
        let (told, own) = (dialled.told, dialler.net);
        self.world.take_incidents();
        let began = self.world.now();
        self.world.add_peer(dialler.host, dialler.torrent, told);
        let end = self.watch(name, began);
        let mut incidents = Vec::new();
        for incident in self.world.take_incidents() {
            let stopped = matches!(incident.what, What::Dropped { .. } | What::Refused { .. });
            incidents.push(incident);
            if stopped {
                break;
            }
        }
        let end = end.map_err(|says| failure(own, &incidents, says));
        Try { method, told, incidents, end }
    }

    /// Until the dialler has the other's handshake, or says why it has not.
    fn watch(&mut self, dialler: &str, began: Time) -> Result<Duration, String> {
        let patience = began.after(PATIENCE);
        while self.world.step(patience) {
            while let Some(record) = self.world.poll() {
                match record.event {
                    Event::HandshakeReceived { .. } if record.peer == dialler => return Ok(record.time.since(began)),
                    Event::DialFailed { why, .. } if record.peer == dialler => return Err(why),
                    _ => {}
                }
            }
        }
        Err("nothing came of it".to_owned())
    }
}

impl Seat {
    /// Makes the network, called `names[0]`, and `names[1]` around it where there is a provider's.
    fn take(world: &mut World, place: Place, names: [&'static str; 2]) -> Self {
        let mut net = |name, parent, preset| world.add_net(name, parent, preset, LINE);
        let (net, forwarded) = match place {
            Place::Behind(preset) => (net(names[0], World::INTERNET, preset), false),
            Place::HomeForwarded => (net(names[0], World::INTERNET, Preset::Home), true),
            Place::HomeBehindCgnat => {
                let provider = net(names[1], World::INTERNET, Preset::Cgnat);
                (net(names[0], provider, Preset::Home), false)
            }
        };
        Self { net, name: names[0], forwarded }
    }

    fn peer(&self, world: &mut World, name: &str, port: u16, tracker: HostId, content: &Content) -> Peer {
        let host = world.add_host(name, self.net, Access::default(), port);
        let announced = world.seen_as(host, tracker).expect("every border lets web traffic out");
        if self.forwarded {
            world.forward_port(host, Protocol::Tcp, port);
        }
        let mut rng = Rng::stream(SEED, name);
        let disk = Disk::empty(Arc::clone(&content.original), Rng::stream(SEED, "disk"));
        world.insert_disk(host, content.torrent.info.info_hash(), disk);
        world.start_peer(host, NodeConfig::new(PeerId::generate(&mut rng)), rng);
        let source = TorrentSource::Metainfo(Arc::clone(&content.torrent));
        let torrent = world.join(host, source, JoinOptions::default()).expect("it is its first torrent");
        Peer { host, net: self.name, torrent, told: SocketAddr::new(announced.ip(), port) }
    }
}

/// What stopped the try of somebody in the network `own`: the last of its incidents.
fn failure(own: &str, incidents: &[Incident], dialler_says: String) -> Failure {
    let stopped = incidents.last().expect("what fails in a world without loss was stopped at a border");
    let (rule, refused) = match stopped.what {
        What::Dropped { rule } => (rule, false),
        What::Refused { rule } => (rule, true),
        What::Mapped { .. } | What::Marked { .. } => unreachable!("the first that was stopped is the last kept"),
    };
    let is_rows = |place: &str| matches!(place, ROW | ROW_PROVIDER);
    let is_own = is_rows(&stopped.place) == is_rows(own);
    let at = match (is_own, matches!(stopped.place.as_str(), ROW_PROVIDER | COLUMN_PROVIDER)) {
        (true, false) => Border::Diallers,
        (true, true) => Border::DiallersProvider,
        (false, false) => Border::Dialled,
        (false, true) => Border::DialledProvider,
    };
    Failure { reason: Reason { rule, at }, packet: stopped.packet, refused, dialler_says }
}

/// Names of the networks, by which incidents tell where they happened.
const ROW: &str = "row";
const ROW_PROVIDER: &str = "row's provider";
const COLUMN: &str = "column";
const COLUMN_PROVIDER: &str = "column's provider";

/// Where the peers listen. Two behind one router can't have the same port forwarded.
const ROW_PORT: u16 = PEER_PORT;
const COLUMN_PORT: u16 = PEER_PORT + 1;

/// Any will do: nothing here hangs on luck but the numbers of ports.
const SEED: u64 = 1;

const PIECE: u32 = 16 * 1024;

/// Where trackers of the web listen, and what every firewall lets its inside use.
const WEB_PORT: u16 = 443;

/// Longer than a node waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

const LINE: Line = Line { rtt: Duration::from_millis(20), jitter: Duration::ZERO, loss_ppm: 0 };

#[cfg(test)]
mod tests;
