//! `share` and `receive` with other people's clients at the other end: what a friend gets who has qBittorrent
//! and 7-Zip, and what our recipient gets from such a friend.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use swarmlab_tests::clients::{Start, aria2, libtorrent, qbittorrent, transmission};
use swarmlab_tests::{Missing, Namespace, needs, program};
use tempfile::TempDir;

#[test]
fn transmission_downloads_from_share() {
    they_download(transmission::start);
}

#[test]
fn aria2_downloads_from_share() {
    they_download(aria2::start);
}

#[test]
fn qbittorrent_downloads_from_share() {
    they_download(qbittorrent::start);
}

#[test]
fn libtorrent_downloads_from_share() {
    they_download(libtorrent::start);
}

#[test]
fn receive_downloads_from_transmission() {
    we_receive(transmission::start);
}

#[test]
fn receive_downloads_from_aria2() {
    we_receive(aria2::start);
}

#[test]
fn receive_downloads_from_qbittorrent() {
    we_receive(qbittorrent::start);
}

#[test]
fn receive_downloads_from_libtorrent() {
    we_receive(libtorrent::start);
}

#[test]
fn the_torrents_of_share_are_those_of_libtorrent() {
    let desk = Desk::new();
    for args in [&["--name", "h", "--password-file", "secret"][..], &["--plain"]] {
        let mut command = Command::new(program());
        command.args(["share", "holiday", "--for", "0 s", "--listen", "127.0.0.1:0", "--json"]).args(args);
        let ready = Share::start(command.current_dir(desk.dir.path())).ready.clone();
        let content = desk.dir.path().join(ready["content"].as_str().unwrap());
        let folder = content.parent().unwrap().to_owned();
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", WITH_LIBTORRENT]).arg(&content).arg(ready["piece-bytes"].to_string()).arg(&folder);
        let output = python.output();
        let made = output.ok().filter(|output| output.status.success());
        let Some(made) = needs(made.ok_or(Missing("libtorrent's Python binding (package python3-libtorrent)".into())))
        else {
            return;
        };
        let theirs = String::from_utf8(made.stdout).unwrap();
        assert_eq!(theirs.trim(), ready["info-hash"].as_str().unwrap(), "{args:?}");
    }
}

/// libtorrent takes files in the order of the folder's own list; here they are sorted, as they are by us.
const WITH_LIBTORRENT: &str = "\
import libtorrent as lt, os, sys
content, piece, parent = sys.argv[1], int(sys.argv[2]), sys.argv[3]
files = [content] if os.path.isfile(content) else [os.path.join(d, f) for d, _, fs in os.walk(content) for f in fs]
storage = lt.file_storage()
for path in sorted(files, key=os.fsencode):
    storage.add_file(os.path.relpath(path, parent), os.path.getsize(path))
torrent = lt.create_torrent(storage, piece_size=piece, flags=lt.create_torrent.v1_only)
lt.set_piece_hashes(torrent, parent)
print(lt.torrent_info(torrent.generate()).info_hash())
";

/// They have the torrent alone; the sharer stops by itself when they have everything, which is also what this
/// waits for.
fn they_download(start: Start) {
    let Some(namespace) = needs(Namespace::new()) else { return };
    let desk = Desk::new();
    let address = namespace.address();
    let mut command = namespace.command(program());
    command.args(["share", "holiday", "--name", "h", "--password-file", "secret", "--to", "1", "--json"]);
    command.args([format!("--with-tracker={address}:0"), "--listen".to_owned(), format!("{address}:0")]);
    let mut share = Share::start(command.current_dir(desk.dir.path()));
    let home = tempfile::tempdir().unwrap();
    let torrent = desk.dir.path().join("h.7z.torrent");
    let Some(client) = needs(start(&namespace, torrent.to_str().unwrap(), home.path())) else { return };
    let end = share.end();
    assert_eq!((&end["why"], &end["complete"]), (&"delivered".into(), &1.into()), "{end}\n{}", client.said());
    let bytes = fs::read(desk.dir.path().join("h.7z")).unwrap();
    // Its own account says that all is there; that may be a moment before the disk has it.
    wait_until(|| fs::read(home.path().join("h.7z")).is_ok_and(|came| came == bytes), &|| client.said());

    let mut unpack = Command::new(program());
    unpack.args(["archive", "extract", "h.7z", "-o"]).arg(home.path()).args(["--password-file", "secret"]);
    assert!(unpack.current_dir(desk.dir.path()).output().unwrap().status.success());
    desk.assert_same(&home.path().join("holiday"));
}

/// They seed an archive with its torrent; we know their address.
fn we_receive(start: Start) {
    let Some(namespace) = needs(Namespace::new()) else { return };
    let desk = Desk::new();
    let mut command = Command::new(program());
    command.args(["share", "holiday", "--name", "h", "--password-file", "secret", "--for", "0 s", "--json"]);
    let mut share = Share::start(command.args(["--listen", "127.0.0.1:0"]).current_dir(desk.dir.path()));
    share.end();
    let torrent = desk.dir.path().join("h.7z.torrent");
    let seed = needs(start(&namespace, torrent.to_str().unwrap(), desk.dir.path()));
    let Some(seed) = seed else { return };
    let home = tempfile::tempdir().unwrap();
    let deadline = Instant::now() + PATIENCE;
    // A client that is not up yet refuses, and is not dialled again soon: so the call is made again.
    loop {
        let mut receive = namespace.command(program());
        receive.args(["receive", "h.7z.torrent", "--yes", "--password-file", "secret", "--seed-for", "0 s", "-o"]);
        receive.arg(home.path()).args(["--peer", &seed.listen.to_string(), "--listen"]);
        receive.arg(format!("{}:0", namespace.address())).current_dir(desk.dir.path());
        let mut child = receive.stdout(Stdio::null()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(20);
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > patience => break None,
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        if let Some(status) = ended {
            assert!(status.success(), "{status}");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Instant::now() < deadline, "nothing came: {}", seed.said());
    }
    desk.assert_same(&home.path().join("holiday"));
}

fn wait_until(is_so: impl Fn() -> bool, said: &dyn Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", said());
        // The only sign that clients have in common is the file system.
        std::thread::sleep(LOOK_EVERY);
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Transmission takes up to twenty seconds before it begins, and asks the tracker seldom.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with something to share and a password.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("holiday/beach")).unwrap();
        let mut bytes = vec![0; 2_000_000];
        model::Rng::from_seed(7).fill(&mut bytes);
        fs::write(dir.path().join("holiday/beach/sand.jpg"), bytes).unwrap();
        fs::write(dir.path().join("holiday/caf\u{e9}.txt"), "sun\n".repeat(1000)).unwrap();
        fs::write(dir.path().join("secret"), "hidden tide\n").unwrap();
        Self { dir }
    }

    fn assert_same(&self, folder: &Path) {
        for file in ["beach/sand.jpg", "caf\u{e9}.txt"] {
            let left = fs::read(self.dir.path().join("holiday").join(file)).unwrap();
            assert!(fs::read(folder.join(file)).is_ok_and(|came| came == left), "{file}");
        }
    }
}

/// A `swarmlab share --json` that is ready. Dropped, it is killed.
struct Share {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    ready: Value,
}

impl Share {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut share = Self { child, lines, ready: Value::Null };
        share.ready = share.line("ready");
        share
    }

    /// What came of it.
    fn end(&mut self) -> Value {
        self.line("ended")
    }

    fn line(&mut self, what: &str) -> Value {
        let values = self.lines.by_ref().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
        let mut values = values.filter(|value: &Value| value["share"] == what);
        values.next().unwrap_or_else(|| panic!("it ended without being {what}"))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
