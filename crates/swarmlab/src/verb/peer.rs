//! `swarmlab peer`: one peer, under control of a run or on its own for a person.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use events::{Event, Record, SwarmView};
use lab::Audience;
use lab::summary::Billing;
use model::{ByteCount, PeerId, Rng, Time};
use net::{Clock, DriverConfig, Fence, GlassFiles, PeerCommand, PeerError, PeerOptions};
use node::{Encryption, JoinOptions, Methods, NodeConfig, Picking};
use tokio::sync::{mpsc, oneshot};

use crate::output::{self, Style};
use lab::{guard, interrupt};

use crate::cli;

pub(crate) fn peer(args: &cli::Peer) -> anyhow::Result<ExitCode> {
    let config = config(args)?;
    if args.public {
        warn_of_the_public();
    }
    if !args.member.control {
        return alone(args, config);
    }
    guard::end_with_parent();
    let mut first = args.peers.iter().map(|&addr| PeerCommand::AddPeer { torrent: None, addr }).collect::<Vec<_>>();
    if let Some(torrent) = &args.torrent {
        first.insert(0, join(args, torrent, None)?);
    }
    net::run_controlled_peer(PeerOptions { name: name(args), driver: config, first })
        .map_err(|error| failed(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// The stock client, under control of a run.
#[cfg(feature = "rqbit")]
pub(crate) fn rqbit(args: &cli::Peer) -> anyhow::Result<ExitCode> {
    if !args.member.control {
        bail!("rqbit is a member of a run only: it is started by `swarmlab run` for `client: rqbit`");
    }
    guard::end_with_parent();
    let options = rqbit::Options {
        name: name(args),
        listen: args.listen,
        up: args.up,
        down: args.down,
        epoch_micros: args.member.epoch_micros.unwrap_or_default(),
        seed: args.seed.unwrap_or_else(some_seed),
        public: args.public,
    };
    rqbit::run_controlled(options).map_err(|error| anyhow!("failed to {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The stock client was left out of this build.
#[cfg(not(feature = "rqbit"))]
pub(crate) fn rqbit(_: &cli::Peer) -> anyhow::Result<ExitCode> {
    bail!("unsupported: this program was built without client rqbit (cargo feature `rqbit`)");
}

fn config(args: &cli::Peer) -> anyhow::Result<DriverConfig> {
    let seed = args.seed.unwrap_or_else(some_seed);
    let mut node = NodeConfig::new(PeerId::generate(&mut Rng::stream(seed, "peer id")));
    node.persona = args.persona.parse().map_err(|why: String| anyhow!(why))?;
    node.up = args.up;
    node.down = args.down;
    node.detail = args.detail.into();
    node.peer_progress = args.count_recipients;
    node.encryption = Encryption { policy: args.encryption, methods: methods(&args.encryption_methods) };
    if let Some(slots) = args.slots {
        node.slots = slots.into();
    }
    Ok(DriverConfig {
        node,
        seed,
        listen: vec![args.listen],
        fence: if args.public { Fence::public() } else { Fence::lab() },
        clock: args.member.epoch_micros.map_or_else(Clock::start, Clock::since_unix_micros),
        disk_threads: DISK_THREADS,
        glass: GlassFiles { wire: args.wire_record.clone(), keys: args.keylog.clone() },
    })
}

fn methods(named: &[cli::MethodArg]) -> Methods {
    let has = |method| named.is_empty() || named.contains(&method);
    Methods { rc4: has(cli::MethodArg::Rc4), plaintext: has(cli::MethodArg::PlaintextAfterHandshake) }
}

fn join(
    args: &cli::Peer,
    torrent: &str,
    reply: Option<oneshot::Sender<Result<node::TorrentKey, String>>>,
) -> anyhow::Result<PeerCommand> {
    let source = net::torrent_source(torrent).map_err(|error| anyhow!("failed to {error}"))?;
    let picking = if args.sequential { Picking::Sequential } else { Picking::RarestFirst };
    Ok(PeerCommand::Join { source, dir: args.dir.clone(), options: JoinOptions { picking }, reply })
}

/// A peer for a person: the driver has a thread, this one shows what it does.
fn alone(args: &cli::Peer, config: DriverConfig) -> anyhow::Result<ExitCode> {
    let torrent = args.torrent.as_deref().context("no torrent was named")?;
    let (reply, answer) = oneshot::channel();
    let join = join(args, torrent, Some(reply))?;
    let clock = config.clock;
    let (commands, orders) = mpsc::channel(net::COMMANDS_WAITING.max(args.peers.len() + 1));
    commands.try_send(join)?;
    for &addr in &args.peers {
        commands.try_send(PeerCommand::AddPeer { torrent: None, addr })?;
    }
    let (pen, events) = mpsc::unbounded_channel();
    let sink = move |time: Time, event: Event| drop(pen.send((time, event)));
    let driver = std::thread::Builder::new()
        .name("peer".to_owned())
        .spawn(move || net::run_peer(config, Box::new(sink), orders))
        .context("start a thread")?;

    let style = if args.json { Style::Json } else { Style::Fitting };
    let mut show = Show {
        name: name(args),
        audience: output::audience_of_one(style),
        view: SwarmView::default(),
        exit_when_complete: args.exit_when_complete,
        complete: false,
        exchanged: (ByteCount::ZERO, ByteCount::ZERO),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let interrupted = runtime.block_on(show.until_the_end(clock, events, commands));
    match driver.join() {
        Ok(result) => result.map_err(|error| failed(&error))?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    let complete = show.complete;
    let farewell = show.farewell();
    if let Ok(Err(why)) = runtime.block_on(answer) {
        bail!("failed to join {torrent}: {why}");
    }
    if !args.json {
        println!("{farewell}");
    }
    let unfinished = interrupted && args.exit_when_complete && !complete;
    Ok(if unfinished { ExitCode::from(lab::Outcome::Stopped.exit_code()) } else { ExitCode::SUCCESS })
}

/// Shows one peer's events and decides when it has had enough.
struct Show {
    name: String,
    audience: Box<dyn Audience>,
    view: SwarmView,
    exit_when_complete: bool,
    complete: bool,
    /// Sent and received over connections that have ended.
    exchanged: (ByteCount, ByteCount),
}

impl Show {
    /// Until the driver has no more to say. True when the person at the keyboard ended it.
    async fn until_the_end(
        &mut self,
        clock: Clock,
        mut events: mpsc::UnboundedReceiver<(Time, Event)>,
        commands: mpsc::Sender<PeerCommand>,
    ) -> bool {
        let mut interrupts = interrupt::count();
        let me = Billing { name: self.name.clone(), role: "leech".to_owned(), client: "swarmlab".to_owned() };
        self.audience.cast(&[me]);
        let mut ticks = tokio::time::interval(TICK);
        let mut interrupted = false;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some((time, event)) => self.take(time, event, &commands).await,
                    None => return interrupted,
                },
                Ok(()) = interrupts.changed() => {
                    if std::mem::replace(&mut interrupted, true) {
                        std::process::exit(i32::from(lab::Outcome::Stopped.exit_code()));
                    }
                    self.audience.remark("saying goodbye to tracker and peers; Ctrl-C again ends at once");
                    let _gone = commands.send(PeerCommand::Leave).await;
                }
                _ = ticks.tick() => self.audience.tick(clock.now(), &self.view),
            }
        }
    }

    /// What it came to, in a sentence. Takes the bars off the screen.
    fn farewell(self) -> String {
        let (sent, received) = self.exchanged;
        let peer = self.view.peers.get(&self.name).cloned().unwrap_or_default();
        let have = output::percent(peer.have, peer.pieces);
        format!("{} had {have} % at the end, fetched {received} and gave {sent}.", self.name)
    }

    async fn take(&mut self, time: Time, event: Event, commands: &mpsc::Sender<PeerCommand>) {
        let record = Record { time, peer: self.name.clone(), event };
        self.view.apply(&record);
        self.audience.event(&record, &self.view);
        if let Event::Exchanged { sent, received, .. } = record.event {
            self.exchanged.0 += sent;
            self.exchanged.1 += received;
        }
        let whole = match record.event {
            Event::Complete { .. } => true,
            Event::Checked { have, pieces, .. } => pieces > 0 && have == pieces,
            _ => false,
        };
        if whole && !std::mem::replace(&mut self.complete, true) && self.exit_when_complete {
            let _gone = commands.send(PeerCommand::Leave).await;
        }
    }
}

fn name(args: &cli::Peer) -> String {
    args.member.name.clone().unwrap_or_else(|| "peer".to_owned())
}

fn failed(error: &PeerError) -> anyhow::Error {
    anyhow!("failed to {error}")
}

/// What whoever leaves the fence should know.
pub(crate) fn warn_of_the_public() {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!(
        "{yellow}public{yellow:#}: the fence is down. Anybody on the internet who knows the torrent may connect, and \
         everybody in the swarm sees your address and what you share. Share only what is yours to share, and leave \
         --public away in lessons."
    );
}

/// Chance for a peer that nobody gave a seed to: the hasher's keys come from the system.
pub(crate) fn some_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// How often a person's screen is refreshed.
const TICK: Duration = Duration::from_millis(100);

/// Threads for disk and hashing. One peer rarely keeps two busy.
const DISK_THREADS: usize = 2;
