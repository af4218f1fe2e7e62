//! Whole sessions on loopback: real sockets, real files, driven by control lines through pipes.

use std::fs;
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use events::{Control, Event, Record, Remote, Source};
use metainfo::{Builder, Metainfo, RelativePath};
use model::{ByteCount, Rate, Rng};
use sha1::{Digest, Sha1};
use swarmlab_rqbit::{Error, Options, REPORTS, UNSUPPORTED_PREFIX, run_between};
use tempfile::TempDir;
use tracker::codec::AnnounceResponse;
use tracker::{AnnounceEvent, AnnounceRequest, ConnectionId, Family, Request, Response};

#[test]
fn four_mebibytes_go_from_one_session_to_another() {
    let content = Content::file(4 << 20);
    let seed = Bob::start("seed", "127.0.0.1:0");
    seed.join(&content.torrent_file(&[]), content.dir());
    seed.wait("checked");
    let home = tempfile::tempdir().unwrap();
    let leech = Bob::start("leech", "127.0.0.1:0");
    leech.join(&content.torrent_file(&[]), home.path());
    leech.tell(&Control::AddPeer { addr: seed.listen });
    let complete = leech.wait("complete");
    assert!(
        matches!(complete, Event::Complete { bytes: ByteCount(4_194_304), downloaded: ByteCount(4_194_304), .. }),
        "{complete:?}"
    );
    assert_eq!(fs::read(home.path().join("file.bin")).unwrap(), content.bytes);

    let told = leech.leave();
    let kinds: Vec<&str> = told.iter().map(|record| record.event.kind()).collect();
    assert_eq!(kinds.last(), Some(&"left"));
    let received = told.iter().find_map(|record| match &record.event {
        Event::Exchanged { remote, received, .. } => Some((remote.clone(), *received)),
        _ => None,
    });
    assert_eq!(received, Some((Remote::Addr(seed.listen), ByteCount(4 << 20))));
    seed.leave();
}

#[test]
fn a_magnet_link_and_an_added_peer_are_enough_for_a_folder() {
    let content = Content::folder();
    let before = fs::metadata(content.dir().join("box/only.txt")).unwrap().modified().unwrap();
    let seed = Bob::start("seed", "127.0.0.1:0");
    seed.join(&content.torrent_file(&[]), content.dir());
    seed.wait("checked");
    let home = tempfile::tempdir().unwrap();
    let leech = Bob::start("leech", "127.0.0.1:0");
    leech.join(&content.metainfo.magnet().to_string(), home.path());
    leech.tell(&Control::AddPeer { addr: seed.listen });
    assert!(matches!(leech.wait("metadata-complete"), Event::MetadataComplete { name, .. } if name == "box"));
    leech.wait("complete");
    assert_eq!(fs::read(home.path().join("box/only.txt")).unwrap(), content.bytes);
    leech.leave();
    seed.leave();
    let after = fs::metadata(content.dir().join("box/only.txt")).unwrap().modified().unwrap();
    assert_eq!(before, after, "a file that was only served was touched");
}

#[test]
fn a_tracker_lists_the_session_where_it_listens_and_cannot_lead_it_out_of_the_lab() {
    let other: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let abroad: SocketAddr = "203.0.113.5:6881".parse().unwrap();
    let tracker = ScriptedTracker::start(vec![other, abroad]);
    let content = Content::file(100_000);
    let listen = if cfg!(target_os = "linux") { "127.0.0.5:0" } else { "127.0.0.1:0" };
    let bob = Bob::start("bob", listen);
    let trackers = [tracker.url.as_str(), "http://tracker.example/announce"];
    bob.join(&content.torrent_file(&trackers), content.dir());
    let sent = bob.wait("announce-sent");
    assert!(
        matches!(&sent, Event::AnnounceSent { tracker: asked, attempt: 1, .. } if *asked == tracker.url),
        "{sent:?}"
    );
    let (from, announce) = tracker.heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!((from.ip(), announce.port), (bob.listen.ip(), bob.listen.port()));
    let answered = bob.wait("announce-answered");
    assert!(matches!(answered, Event::AnnounceAnswered { interval: 1800, peers: 2, .. }), "{answered:?}");
    bob.wait("dialled");
    let told = bob.leave();
    let found: Vec<&Event> = told.iter().map(|record| &record.event).filter(|event| event.remote().is_some()).collect();
    assert!(found.contains(&&Event::PeerFound { remote: other.into(), source: Source::Tracker }), "{found:?}");
    assert!(found.contains(&&Event::Fenced { remote: abroad.into(), doing: "dial".into() }), "{found:?}");
    assert!(!found.iter().any(|event| matches!(event, Event::Dialled { remote, .. } if *remote == abroad.into())));
    assert!(
        told.iter().any(|record| matches!(&record.event, Event::Note { text } if text.contains("tracker.example")))
    );
}

#[test]
fn a_private_torrent_has_its_first_tracker_and_the_added_peers() {
    let tracker = ScriptedTracker::start(vec![]);
    let content = Content::private(100_000);
    let seed = Bob::start("seed", "127.0.0.1:0");
    seed.join(&content.torrent_file(&[]), content.dir());
    seed.wait("checked");
    let home = tempfile::tempdir().unwrap();
    let leech = Bob::start("leech", "127.0.0.1:0");
    leech.join(&content.torrent_file(&[&tracker.url, "udp://127.0.0.1:9/announce"]), home.path());
    leech.wait("announce-answered");
    leech.tell(&Control::AddPeer { addr: seed.listen });
    leech.wait("complete");
    assert_eq!(fs::read(home.path().join("file.bin")).unwrap(), content.bytes);
    seed.leave();
    let told = leech.leave();
    assert!(!told.iter().any(|record| record.to_string().contains("127.0.0.1:9/")), "{told:#?}");
}

#[test]
fn a_magnet_link_makes_no_seed_of_the_session_that_has_nothing() {
    let content = Content::file(1_000);
    let tracker = ScriptedTracker::start(vec![]);
    let mut magnet = content.metainfo.magnet();
    magnet.trackers = vec![tracker.url.clone()];
    let bob = Bob::start("bob", "127.0.0.1:0");
    bob.join(&magnet.to_string(), &content.dir().join("elsewhere"));
    let (_, announce) = tracker.heard.recv_timeout(PATIENCE).unwrap();
    assert_ne!(announce.left, ByteCount(0));
    assert_eq!(announce.event, AnnounceEvent::None);
    bob.leave();
}

#[test]
fn what_it_cannot_do_is_said_by_name() {
    let bob = Bob::start("bob", "127.0.0.1:0");
    bob.tell(&Control::SetPersona { persona: "poisoner".into() });
    assert_eq!(bob.wait("note"), Event::Note { text: format!("{UNSUPPORTED_PREFIX}set-persona") });
    bob.tell(&Control::SetLimit { up: Some(Rate(100_000)), down: None });
    assert_eq!(bob.wait("changed"), Event::Changed { what: "limits".into(), to: "up 100 kB/s, down unlimited".into() });
    bob.leave();
}

#[test]
fn a_torrent_that_is_not_there_ends_it_with_an_error() {
    let bob = Bob::start("bob", "127.0.0.1:0");
    bob.join("/nowhere/x.torrent", Path::new("/nowhere"));
    let error = bob.running.join().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("join /nowhere/x.torrent: "), "{error}");
}

/// A session that runs in a thread.
struct Bob {
    listen: SocketAddr,
    input: PipeWriter,
    told: Receiver<Record>,
    past: std::cell::RefCell<Vec<Record>>,
    running: JoinHandle<Result<(), Error>>,
}

impl Bob {
    fn start(name: &str, listen: &str) -> Self {
        let (orders, input) = std::io::pipe().unwrap();
        let (output, events) = std::io::pipe().unwrap();
        let options = Options {
            name: name.into(),
            listen: listen.parse().unwrap(),
            up: None,
            down: None,
            epoch_micros: 0,
            seed: name.len() as u64,
            public: false,
        };
        let running = spawn(move || run_between(options, BufReader::new(orders), events));
        let (sender, told) = channel();
        spawn(move || {
            for line in BufReader::new(output).lines() {
                let record: Record = line.unwrap().parse().unwrap();
                assert!(REPORTS.contains(&record.event.kind()), "{record}");
                sender.send(record).unwrap();
            }
        });
        let mut bob = Self { listen: listen.parse().unwrap(), input, told, past: Vec::new().into(), running };
        let Event::Started { listen, .. } = bob.wait("started") else { panic!("no listening address") };
        bob.listen = listen;
        bob
    }

    fn tell(&self, control: &Control) {
        writeln!(&self.input, "{}", serde_json::to_string(control).unwrap()).unwrap();
    }

    fn join(&self, torrent: &str, dir: &Path) {
        self.tell(&Control::Join { torrent: torrent.into(), dir: dir.into(), sequential: false });
    }

    /// The next event of a kind.
    fn wait(&self, kind: &str) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let record = self.told.recv_timeout(left).unwrap_or_else(|_| panic!("no {kind}: {:#?}", self.past));
            let event = record.event.clone();
            self.past.borrow_mut().push(record);
            if event.kind() == kind {
                return event;
            }
        }
    }

    /// Ends it by closing its input; everything that it told.
    fn leave(self) -> Vec<Record> {
        drop(self.input);
        self.running.join().unwrap().unwrap();
        self.past.into_inner().into_iter().chain(self.told.iter()).collect()
    }
}

/// A torrent whose content lies in a folder of its own.
struct Content {
    dir: TempDir,
    bytes: Vec<u8>,
    metainfo: Metainfo,
}

impl Content {
    fn file(size: usize) -> Self {
        Self::new(size, "file.bin", |length| Builder::single_file("file.bin", length))
    }

    fn private(size: usize) -> Self {
        Self::new(size, "file.bin", |length| Builder { private: true, ..Builder::single_file("file.bin", length) })
    }

    /// One file in a folder: what librqbit would put elsewhere if it were left to itself.
    fn folder() -> Self {
        let path = RelativePath::from_components(["only.txt"]).unwrap();
        Self::new(70_000, "box/only.txt", |length| Builder::folder("box", vec![(path, length)]))
    }

    fn new(size: usize, path: &str, builder: impl FnOnce(u64) -> Builder) -> Self {
        let mut bytes = vec![0; size];
        Rng::from_seed(size as u64).fill(&mut bytes);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), &bytes).unwrap();
        let builder = Builder { piece_length: 65_536, ..builder(size as u64) };
        let hashes: Vec<[u8; 20]> = bytes.chunks(65_536).map(|piece| Sha1::digest(piece).into()).collect();
        let metainfo = builder.build(&hashes).unwrap();
        Self { dir, bytes, metainfo }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn torrent_file(&self, trackers: &[&str]) -> String {
        let announce = trackers.iter().map(|tracker| vec![(*tracker).to_owned()]).collect();
        let path = self.dir.path().join("x.torrent");
        fs::write(&path, Metainfo { announce, ..self.metainfo.clone() }.to_bytes()).unwrap();
        path.display().to_string()
    }
}

/// A tracker that tells the same peers to everybody, and what it was asked.
struct ScriptedTracker {
    url: String,
    heard: Receiver<(SocketAddr, AnnounceRequest)>,
}

impl ScriptedTracker {
    fn start(peers: Vec<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let url = format!("udp://{}/announce", socket.local_addr().unwrap());
        let (sender, heard) = channel();
        spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                let answer = match Request::parse(&datagram[..length]) {
                    Ok(Request::Connect { transaction }) => {
                        Response::Connect { transaction, connection: ConnectionId(5) }
                    }
                    Ok(Request::Announce(announce)) => {
                        let transaction = announce.transaction;
                        let peers = if Family::of(from) == Family::V4 { peers.clone() } else { vec![] };
                        let _over = sender.send((from, announce));
                        Response::Announce(AnnounceResponse {
                            transaction,
                            interval: 1800,
                            leechers: 1,
                            seeders: 1,
                            peers,
                        })
                    }
                    _ => continue,
                };
                socket.send_to(&answer.to_bytes(), from).unwrap();
            }
        });
        Self { url, heard }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
