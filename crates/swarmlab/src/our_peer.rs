//! A peer and a tracker of our own, each on a thread, for verbs that do something with them. What they
//! tell is heard on their threads as it happens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use events::{Control, Event};
use metainfo::{Info, Metainfo};
use model::{InfoHash, PeerId, Rate, Rng, Time};
use net::{Clock, DriverConfig, Fence, GlassFiles, PeerCommand, TrackerOptions};
use node::{Encryption, JoinOptions, NodeConfig, TorrentKey, TorrentSource};
use tokio::sync::{mpsc, oneshot};
use tracker::Allowed;

use crate::verb::some_seed;

/// How a peer of ours is to be.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) public: bool,
    pub(crate) up: Option<Rate>,
    pub(crate) down: Option<Rate>,
    pub(crate) encryption: node::Policy,
    pub(crate) peer_id: PeerId,
    pub(crate) clock: Clock,
    /// Tell how far others are.
    pub(crate) peer_progress: bool,
}

/// A peer that runs. Dropped, it leaves.
#[derive(Debug)]
pub(crate) struct OurPeer {
    commands: mpsc::Sender<PeerCommand>,
    thread: JoinHandle<Result<(), net::PeerError>>,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

/// A tracker that runs. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct OurTracker {
    commands: mpsc::Sender<Control>,
    thread: JoinHandle<Result<(), net::TrackerError>>,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

/// A new identity.
pub(crate) fn some_peer_id() -> PeerId {
    PeerId::generate(&mut Rng::stream(some_seed(), "peer id"))
}

impl OurPeer {
    /// Starts it and waits until it listens. `hear` is told all that happens, on the peer's own thread.
    pub(crate) fn start(
        settings: &Settings,
        mut hear: impl FnMut(Time, Event) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut node = NodeConfig::new(settings.peer_id);
        (node.up, node.down, node.peer_progress) = (settings.up, settings.down, settings.peer_progress);
        node.encryption = Encryption { policy: settings.encryption, ..Encryption::default() };
        let config = DriverConfig {
            node,
            seed: some_seed(),
            listen: vec![settings.listen],
            fence: fence(settings.public),
            clock: settings.clock,
            disk_threads: DISK_THREADS,
            glass: GlassFiles::default(),
        };
        let (commands, orders) = mpsc::channel(net::COMMANDS_WAITING);
        let (up, listens) = std_mpsc::channel();
        let sink = move |time: Time, event: Event| {
            tell_where(&event, &up);
            hear(time, event);
        };
        let run = move || net::run_peer(config, Box::new(sink), orders);
        let thread = std::thread::Builder::new().name("peer".to_owned()).spawn(run).context("start a thread")?;
        match listens.recv() {
            Ok(listen) => Ok(Self { commands, thread, listen }),
            // It ended without ever listening.
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| anyhow!("failed to start a peer"))),
        }
    }

    /// Takes part in a torrent whose content lies, or shall lie, in `dir`.
    pub(crate) fn join(&self, source: TorrentSource, dir: &Path) -> anyhow::Result<TorrentKey> {
        let (reply, answer) = oneshot::channel();
        let (dir, options) = (dir.to_owned(), JoinOptions::default());
        self.tell(PeerCommand::Join { source, dir, options, reply: Some(reply) });
        let answer = answer.blocking_recv().context("the peer ended")?;
        answer.map_err(|why| anyhow!("failed to join the torrent: {why}"))
    }

    /// What the torrent is, once that is known.
    pub(crate) fn description(&self, torrent: TorrentKey) -> oneshot::Receiver<Arc<Info>> {
        let (reply, answer) = oneshot::channel();
        self.tell(PeerCommand::Describe { torrent, reply });
        answer
    }

    /// Passes on a wish. A peer that has ended has none fulfilled.
    pub(crate) fn tell(&self, command: PeerCommand) {
        let _ended = self.commands.blocking_send(command);
    }

    /// It has ended, asked or not.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Says goodbye to trackers and peers, for a second at most, and ends.
    pub(crate) fn leave(self) -> anyhow::Result<()> {
        self.tell(PeerCommand::Leave);
        joined(self.thread)
    }
}

impl OurTracker {
    /// Starts it and waits until it listens. It serves what it is told to with [`allow`](Self::allow).
    pub(crate) fn start(
        listen: SocketAddr,
        public: bool,
        clock: Clock,
        mut hear: impl FnMut(Time, Event) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let options = TrackerOptions {
            name: lab::TRACKER_NAME.to_owned(),
            listen: vec![listen],
            allowed: Allowed::Only(std::iter::empty::<InfoHash>().collect()),
            interval: INTERVAL,
            seed: some_seed(),
            fence: fence(public),
            clock,
        };
        let (commands, orders) = mpsc::channel(net::COMMANDS_WAITING);
        let (up, listens) = std_mpsc::channel();
        let sink = move |time: Time, event: Event| {
            tell_where(&event, &up);
            hear(time, event);
        };
        let run = move || net::run_tracker(options, Box::new(sink), orders);
        let thread = std::thread::Builder::new().name("tracker".to_owned()).spawn(run).context("start a thread")?;
        match listens.recv() {
            Ok(listen) => Ok(Self { commands, thread, listen }),
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| anyhow!("failed to start a tracker"))),
        }
    }

    pub(crate) fn allow(&self, info_hash: InfoHash) {
        let _ended = self.commands.blocking_send(Control::Allow { info_hash });
    }

    pub(crate) fn end(self) -> anyhow::Result<()> {
        drop(self.commands);
        joined(self.thread)
    }
}

/// Where it listens is the first that a program tells.
fn tell_where(event: &Event, up: &std_mpsc::Sender<SocketAddr>) {
    if let Event::Started { listen, .. } = event {
        let _known = up.send(*listen);
    }
}

fn joined<E: std::fmt::Display>(thread: JoinHandle<Result<(), E>>) -> anyhow::Result<()> {
    match thread.join() {
        Ok(result) => result.map_err(|error| anyhow!("failed to {error}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

pub(crate) fn fence(public: bool) -> Fence {
    if public { Fence::public() } else { Fence::lab() }
}

/// What others should write for an address that a program of ours listens at. Where it listens at all of
/// them, that is this machine's in its network, if the fence lets anybody deal with it; else loopback, at which
/// nobody else can join.
pub(crate) fn address_for_others(listen: SocketAddr, public: bool) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let outward = net::address_outward().filter(|ip| fence(public).allows(*ip));
    SocketAddr::new(outward.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), listen.port())
}

/// The torrent of a file.
pub(crate) fn source(torrent: &Metainfo) -> TorrentSource {
    TorrentSource::Metainfo(Arc::new(torrent.clone()))
}

/// How long recipients are asked to wait between announces: short, for they are few.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(30);

/// Threads for disk and hashing. One peer rarely keeps two busy.
const DISK_THREADS: usize = 2;
