//! Drivers over real loopback sockets. Each test waits for events, with a deadline for the whole.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::{ClosedBy, Event, Record};
use metainfo::{Builder, Metainfo};
use model::{PeerId, PieceIndex, Rng, Time};
use net::{Clock, Content, Driver, DriverConfig, Fence, PeerCommand, PeerOptions, TrackerOptions};
use node::{JoinOptions, NodeConfig, TorrentSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use swarmlab_net as net;

#[test]
fn eight_mebibytes_arrive_as_they_left() {
    run(async {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let (at_seed, at_leech) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let torrent = content(at_seed.path(), 8 << 20, &[]);
            let mut seed = Peer::start(1, listen);
            seed.join(&torrent, at_seed.path()).await;
            let mut leech = Peer::start(2, listen);
            leech.join(&torrent, at_leech.path()).await;
            leech.dial(seed.addr).await;
            leech.until("complete", |event| matches!(event, Event::Complete { .. })).await;
            leech.leave().await;
            seed.leave().await;
            assert_eq!(read(at_leech.path()), read(at_seed.path()));
        }
    });
}

#[test]
fn whoever_asks_hears_what_a_magnet_link_leads_to() {
    run(async {
        let (at_seed, at_leech) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let torrent = content(at_seed.path(), 1 << 20, &[]);
        let mut seed = Peer::start(1, "127.0.0.1:0");
        seed.join(&torrent, at_seed.path()).await;
        let leech = Peer::start(2, "127.0.0.1:0");
        let (reply, key) = oneshot::channel();
        let (source, dir) = (TorrentSource::Magnet(torrent.magnet()), at_leech.path().to_owned());
        leech.tell(PeerCommand::Join { source, dir, options: JoinOptions::default(), reply: Some(reply) }).await;
        let torrent_key = key.await.unwrap().unwrap();
        let (reply, early) = oneshot::channel();
        leech.tell(PeerCommand::Describe { torrent: torrent_key, reply }).await;
        leech.dial(seed.addr).await;
        assert_eq!(early.await.unwrap().raw(), torrent.info.raw());
        let (reply, late) = oneshot::channel();
        leech.tell(PeerCommand::Describe { torrent: torrent_key, reply }).await;
        assert_eq!(late.await.unwrap().raw(), torrent.info.raw());
        let (reply, never) = oneshot::channel();
        leech.tell(PeerCommand::Describe { torrent: node::TorrentKey(99), reply }).await;
        never.await.unwrap_err();
        leech.leave().await;
        seed.leave().await;
    });
}

#[test]
fn garbage_gets_the_connection_closed_and_hurts_no_other() {
    run(async {
        let (at_seed, at_leech) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let torrent = content(at_seed.path(), 1 << 20, &[]);
        let mut seed = Peer::start(1, "127.0.0.1:0");
        seed.join(&torrent, at_seed.path()).await;
        for garbage in
            [&[0xff; 4096][..], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n                                  "]
        {
            let mut stream = TcpStream::connect(seed.addr).await.unwrap();
            stream.write_all(garbage).await.unwrap();
            assert_closed(&mut stream).await;
        }
        let mut leech = Peer::start(2, "127.0.0.1:0");
        leech.join(&torrent, at_leech.path()).await;
        leech.dial(seed.addr).await;
        leech.until("complete", |event| matches!(event, Event::Complete { .. })).await;
        leech.leave().await;
        seed.leave().await;
    });
}

#[test]
fn many_silent_visitors_do_not_keep_a_peer_out() {
    run(async {
        let (at_seed, at_leech) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let torrent = content(at_seed.path(), 1 << 20, &[]);
        let mut seed = Peer::start(1, "127.0.0.1:0");
        seed.join(&torrent, at_seed.path()).await;
        // More than are let in at once, fewer than the node takes for a flood.
        let mut silent = Vec::new();
        for _ in 0..80 {
            silent.push(TcpStream::connect(seed.addr).await.unwrap());
        }
        let mut leech = Peer::start(2, "127.0.0.1:0");
        leech.join(&torrent, at_leech.path()).await;
        leech.dial(seed.addr).await;
        leech.until("complete", |event| matches!(event, Event::Complete { .. })).await;
        leech.leave().await;
        seed.leave().await;
    });
}

#[test]
fn whoever_hangs_up_is_told_to_the_node() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let mut peer = Peer::start(1, "127.0.0.1:0");
        peer.join(&content(dir.path(), 100, &[]), dir.path()).await;
        drop(TcpStream::connect(peer.addr).await.unwrap());
        let by_them = |event: &Event| matches!(event, Event::Closed { by: ClosedBy::Them, .. });
        peer.until("closed by them", by_them).await;
        peer.leave().await;
    });
}

#[test]
fn leaving_closes_even_connections_that_never_said_a_word() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let mut peer = Peer::start(1, "127.0.0.1:0");
        peer.join(&content(dir.path(), 100, &[]), dir.path()).await;
        let mut silent = TcpStream::connect(peer.addr).await.unwrap();
        peer.until("connected", |event| matches!(event, Event::Connected { .. })).await;
        let addr = peer.addr;
        peer.leave().await;
        assert_closed(&mut silent).await;
        TcpStream::connect(addr).await.expect_err("nobody listens any more");
    });
}

#[test]
fn an_address_outside_the_fence_is_not_dialled() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let torrent = content(dir.path(), 100, &[]);
        let mut peer = Peer::start(1, "127.0.0.1:0");
        peer.join(&torrent, &dir.path().join("elsewhere")).await;
        peer.dial("203.0.113.1:6881".parse().unwrap()).await;
        let fenced = |event: &Event| matches!(event, Event::Fenced { doing, .. } if doing == "dial");
        peer.until("fenced", fenced).await;
        let failed =
            |event: &Event| matches!(event, Event::DialFailed { why, .. } if why.contains("outside the fence"));
        peer.until("dial failed", failed).await;
        peer.leave().await;
    });
}

#[test]
fn a_tracker_outside_the_fence_hears_nothing() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let torrent = content(dir.path(), 100, &["udp://203.0.113.1:6969"]);
        let mut peer = Peer::start(1, "127.0.0.1:0");
        peer.join(&torrent, dir.path()).await;
        let fenced = |event: &Event| matches!(event, Event::Fenced { doing, .. } if doing == "announce to");
        peer.until("fenced", fenced).await;
        peer.leave().await;
    });
}

/// Only Linux answers on all of 127.0.0.0/8 without being set up for it.
#[cfg(target_os = "linux")]
#[test]
fn others_see_the_address_that_a_peer_listens_at() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let tracker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let url = format!("udp://{}", tracker.local_addr().unwrap());
        let torrent = content(dir.path(), 100, &[&url]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = Peer::start(1, "127.0.0.3:0");
        peer.join(&torrent, &dir.path().join("elsewhere")).await;
        peer.dial(listener.local_addr().unwrap()).await;
        let expected: IpAddr = "127.0.0.3".parse().unwrap();
        assert_eq!(tracker.recv_from(&mut [0; 100]).await.unwrap().1.ip(), expected);
        assert_eq!(listener.accept().await.unwrap().1.ip(), expected);
        peer.leave().await;
    });
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    run(async {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = taken.local_addr().unwrap();
        let error = Driver::start(config(1, addr), Box::new(|_, _| ())).unwrap_err().to_string();
        assert!(error.contains(&format!("port {} is taken", addr.port())), "{error}");
        assert!(error.contains("another port"), "{error}");
    });
}

#[test]
fn a_full_disk_stops_the_torrent_and_spoils_nothing_that_was_verified() {
    let Some(disk) = tiny_disk::folder("a_full_disk_stops_the_torrent_and_spoils_nothing_that_was_verified") else {
        return;
    };
    run(async {
        let at_seed = tempfile::tempdir().unwrap();
        let torrent = content(at_seed.path(), 4 << 20, &[]);
        let mut seed = Peer::start(1, "127.0.0.1:0");
        seed.join(&torrent, at_seed.path()).await;
        let mut leech = Peer::start(2, "127.0.0.1:0");
        leech.join(&torrent, &disk).await;
        leech.dial(seed.addr).await;
        let mut verified = Vec::new();
        let failed = |event: &Event| match event {
            Event::PieceVerified { piece, .. } => {
                verified.push(PieceIndex(*piece));
                false
            }
            Event::DiskFailed { doing, why } => {
                doing == "write" && why.contains("stuff") && why.to_lowercase().contains("no space")
            }
            _ => false,
        };
        leech.until("disk failed", failed).await;
        leech.until("stopped", |event| matches!(event, Event::Stopped { .. })).await;
        leech.leave().await;
        seed.leave().await;
        let found = net::verify(&Arc::new(torrent.info.clone()), &disk, |_| {});
        assert!(verified.iter().all(|piece| found.pieces.has(*piece)), "{verified:?}");
    });
}

#[test]
fn a_peer_under_control_answers_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let torrent = content(dir.path(), 100_000, &[]);
    let file = dir.path().join("x.torrent");
    std::fs::write(&file, torrent.to_bytes()).unwrap();
    let options =
        PeerOptions { name: "alice".to_owned(), driver: config(1, "127.0.0.1:0".parse().unwrap()), first: Vec::new() };
    let mut program = Program::start(move |input, output| {
        net::run_peer_with(options, BufReader::new(input), output).map_err(|error| error.to_string())
    });
    program.until("started");
    program.say(r#"{"do":"dance"}"#);
    assert!(program.until("note").contains("dance"));
    program.say(r#"{"do":"join","torrent":"/no/such.torrent","dir":"/tmp"}"#);
    assert!(program.until("note").contains("/no/such.torrent"));
    program.say(&serde_json::json!({"do": "join", "torrent": file, "dir": dir.path()}).to_string());
    assert!(program.until("checked").contains(r#""peer":"alice""#));
    program.say(r#"{"do":"leave"}"#);
    program.until("left");
    program.end();
}

#[test]
fn a_program_ends_with_its_input() {
    let options =
        PeerOptions { name: "alice".to_owned(), driver: config(1, "127.0.0.1:0".parse().unwrap()), first: Vec::new() };
    let mut program = Program::start(move |input, output| {
        net::run_peer_with(options, BufReader::new(input), output).map_err(|error| error.to_string())
    });
    program.until("started");
    program.end();

    let options = TrackerOptions {
        name: "tracker".to_owned(),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        allowed: tracker::Allowed::Any,
        interval: Duration::from_secs(30),
        seed: 1,
        fence: Fence::lab(),
        clock: Clock::start(),
    };
    let mut program = Program::start(move |input, output| {
        net::run_tracker_with(options, BufReader::new(input), output).map_err(|error| error.to_string())
    });
    program.until("started");
    program.say(r#"{"do":"add-peer","addr":"127.0.0.1:1"}"#);
    assert!(program.until("note").contains("this is a tracker"));
    program.end();
}

/// A file system of one mebibyte, in a mount namespace of its own. The test runs itself again
/// in there.
mod tiny_disk {
    use std::path::PathBuf;
    use std::process::Command;

    const VARIABLE: &str = "SWARMLAB_TINY_DISK";

    /// The folder on the tiny disk; `None` in the outer process, where all is done by then.
    pub(super) fn folder(test: &str) -> Option<PathBuf> {
        if let Some(dir) = std::env::var_os(VARIABLE) {
            return Some(dir.into());
        }
        let dir = tempfile::tempdir().unwrap();
        let mount = "mount -t tmpfs -o size=1m tmpfs \"$SWARMLAB_TINY_DISK\" || exit 77; exec \"$0\" --exact \"$1\"";
        let ran = Command::new("unshare")
            .args(["-Urm", "sh", "-c", mount])
            .arg(std::env::current_exe().unwrap())
            .arg(test)
            .env(VARIABLE, dir.path())
            .output();
        match ran {
            Ok(ran) if ran.status.success() => {
                let told = String::from_utf8_lossy(&ran.stdout);
                assert!(told.contains("1 passed"), "{told}");
            }
            Ok(ran) if ran.status.code() == Some(101) => panic!("{}", String::from_utf8_lossy(&ran.stdout)),
            _ => eprintln!("skipped: needs unshare and user namespaces"),
        }
        None
    }
}

/// A running driver.
struct Peer {
    addr: SocketAddr,
    commands: mpsc::Sender<PeerCommand>,
    events: mpsc::UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Peer {
    fn start(seed: u64, listen: &str) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let sink = move |_: Time, event: Event| drop(sender.send(event));
        let driver = Driver::start(config(seed, listen.parse().unwrap()), Box::new(sink)).unwrap();
        let addr = driver.listening()[0];
        let (commands, inbox) = mpsc::channel(8);
        Self { addr, commands, events, task: tokio::spawn(driver.run(inbox)) }
    }

    async fn tell(&self, command: PeerCommand) {
        self.commands.send(command).await.unwrap();
    }

    /// Joins and waits until what lies in `dir` is checked.
    async fn join(&mut self, torrent: &Arc<Metainfo>, dir: &Path) {
        let source = TorrentSource::Metainfo(Arc::clone(torrent));
        let (reply, answer) = oneshot::channel();
        let (dir, options) = (dir.to_owned(), JoinOptions::default());
        self.tell(PeerCommand::Join { source, dir, options, reply: Some(reply) }).await;
        answer.await.unwrap().unwrap();
        self.until("checked", |event| matches!(event, Event::Checked { .. })).await;
    }

    async fn dial(&self, addr: SocketAddr) {
        self.tell(PeerCommand::AddPeer { torrent: None, addr }).await;
    }

    async fn until(&mut self, what: &str, mut is_it: impl FnMut(&Event) -> bool) {
        loop {
            let event = self.events.recv().await.unwrap_or_else(|| panic!("the peer ended before: {what}"));
            if is_it(&event) {
                return;
            }
        }
    }

    async fn leave(self) {
        self.tell(PeerCommand::Leave).await;
        self.task.await.unwrap();
    }
}

/// A program under control, on threads of its own.
struct Program {
    input: Option<std::io::PipeWriter>,
    output: std::sync::mpsc::Receiver<String>,
    ended: std::sync::mpsc::Receiver<Result<(), String>>,
}

impl Program {
    fn start(
        main: impl FnOnce(std::io::PipeReader, std::io::PipeWriter) -> Result<(), String> + Send + 'static,
    ) -> Self {
        let (their_input, input) = std::io::pipe().unwrap();
        let (output, their_output) = std::io::pipe().unwrap();
        let (lines, output_lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|l| lines.send(l))
        });
        let (end, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || end.send(main(their_input, their_output)));
        Self { input: Some(input), output: output_lines, ended }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line with an event of this kind.
    fn until(&mut self, kind: &str) -> String {
        loop {
            let line = self.output.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {kind}"));
            let record: Record = line.parse().unwrap();
            if record.event.kind() == kind {
                return line;
            }
        }
    }

    fn end(mut self) {
        self.input = None;
        self.ended.recv_timeout(PATIENCE).expect("it ends").expect("it ends well");
    }
}

fn config(seed: u64, listen: SocketAddr) -> DriverConfig {
    let peer_id = PeerId::generate(&mut Rng::from_seed(seed));
    DriverConfig {
        node: NodeConfig::new(peer_id),
        seed,
        listen: vec![listen],
        fence: Fence::lab(),
        clock: Clock::start(),
        glass: net::GlassFiles::default(),
        disk_threads: 1,
    }
}

/// Puts so many random bytes into `dir`, in two files of one folder, and makes a torrent of it.
fn content(dir: &Path, bytes: usize, trackers: &[&str]) -> Arc<Metainfo> {
    let mut data = vec![0; bytes];
    Rng::from_seed(bytes as u64).fill(&mut data);
    let folder = dir.join("stuff");
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("deep/first"), &data[..bytes / 3]).unwrap();
    std::fs::write(folder.join("second"), &data[bytes / 3..]).unwrap();
    let found = Content::find(&folder).unwrap();
    let announce = trackers.iter().map(|url| vec![(*url).to_owned()]).collect();
    let builder = Builder { piece_length: 65_536, announce, ..found.builder() };
    Arc::new(found.make(&builder, |_| {}).unwrap())
}

fn read(dir: &Path) -> [Vec<u8>; 2] {
    ["stuff/deep/first", "stuff/second"].map(|name| std::fs::read(dir.join(name)).unwrap())
}

async fn assert_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // With bytes left unread on the other side this is a reset, otherwise an ordinary end.
    if let Err(error) = stream.read_to_end(&mut rest).await {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await });
    ended.expect("done before the deadline");
}

const PATIENCE: Duration = Duration::from_secs(30);
