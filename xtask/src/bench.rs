//! Measurements, each beside a peer in the same run: ratios tell, absolute figures belong to the machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// One seeder to one leecher over loopback, for each client that is there.
pub(crate) fn peer(args: &[&str]) -> Result<()> {
    let Options { mib, runs, encryption } = Options::read(args)?;
    let bench = Bench::prepare(mib, encryption)?;
    let folder = bench.folder.display();
    println!(
        "one seeder to one leecher, {mib} MiB in 1 MiB pieces, {}, loopback, files in {folder}",
        encryption.name()
    );
    println!(
        "{:<24} {:>8} {:>8} {:>10} {:>10} {:>9} {:>9}",
        "client", "wall s", "MB/s", "seed cpu s", "leech cpu", "cpu/GiB", "peak MiB"
    );
    for client in Client::ALL {
        if encryption == Encryption::Rc4 && matches!(client, Client::Rqbit) {
            println!("{:<24} skipped: it does not speak the encryption", client.name());
            continue;
        }
        let mut results = Vec::new();
        for run in 0..runs {
            match bench.measure(client, run) {
                Ok(result) => results.push(result),
                Err(error) => {
                    println!("{:<24} skipped: {error:#}", client.name());
                    break;
                }
            }
        }
        results.sort_by(|a, b| a.wall.total_cmp(&b.wall));
        if let Some(median) = results.get(results.len() / 2) {
            median.print(client, mib);
        }
    }
    Ok(())
}

/// How fast encryption itself is: the keystream, and whole handshakes.
pub(crate) fn mse() -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--package", "swarmlab-wire", "--example", "mse_speed"])
        .status()?;
    ensure!(status.success(), "failed to measure");
    Ok(())
}

struct Options {
    mib: u64,
    runs: u32,
    encryption: Encryption,
}

/// What the bytes cross in, for all clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Plaintext,
    Rc4,
}

impl Encryption {
    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Rc4 => "rc4",
        }
    }
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let mut options = Self { mib: 1024, runs: 3, encryption: Encryption::Plaintext };
        for pair in args.chunks(2) {
            match pair {
                ["--size", value] => options.mib = value.parse().context("--size wants a number of MiB")?,
                ["--runs", value] => options.runs = value.parse().context("--runs wants a number")?,
                ["--encryption", "plaintext"] => options.encryption = Encryption::Plaintext,
                ["--encryption", "rc4"] => options.encryption = Encryption::Rc4,
                _ => bail!(
                    "unknown: {pair:?}; --size MiB, --runs N, --encryption plaintext and --encryption rc4 are known"
                ),
            }
        }
        ensure!(options.mib > 0 && options.runs > 0, "--size and --runs want at least 1");
        Ok(options)
    }
}

#[derive(Clone, Copy)]
enum Client {
    Swarmlab,
    Libtorrent,
    Rqbit,
}

impl Client {
    const ALL: [Self; 3] = [Self::Swarmlab, Self::Libtorrent, Self::Rqbit];

    fn name(self) -> &'static str {
        match self {
            Self::Swarmlab => "swarmlab",
            Self::Libtorrent => "libtorrent (defaults)",
            Self::Rqbit => "librqbit",
        }
    }
}

struct Measured {
    wall: f64,
    seed_cpu: f64,
    leech_cpu: f64,
    peak_mib: u64,
}

impl Measured {
    fn print(&self, client: Client, mib: u64) {
        let cpu_per_gib = (self.seed_cpu + self.leech_cpu) * 1024.0 / mib as f64;
        let rate = mib as f64 * 1.048_576 / self.wall;
        println!(
            "{:<24} {:>8.2} {:>8.0} {:>10.2} {:>10.2} {:>9.2} {:>9}",
            client.name(),
            self.wall,
            rate,
            self.seed_cpu,
            self.leech_cpu,
            cpu_per_gib,
            self.peak_mib
        );
    }
}

struct Bench {
    folder: PathBuf,
    swarmlab: PathBuf,
    torrent: PathBuf,
    encryption: Encryption,
}

impl Bench {
    fn prepare(mib: u64, encryption: Encryption) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository around xtask")?;
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--package", "swarmlab", "--bin", "swarmlab"])
            .current_dir(root)
            .status()?;
        ensure!(status.success(), "failed to build swarmlab");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("swarmlab-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("seed"))?;
        let (torrent, swarmlab) = (folder.join("bench.torrent"), target.join("release/swarmlab"));
        let bench = Self { folder, swarmlab, torrent, encryption };
        bench.make_content(mib)?;
        Ok(bench)
    }

    fn make_content(&self, mib: u64) -> Result<()> {
        let content = self.folder.join("seed/bench.bin");
        let mut file = std::io::BufWriter::new(fs::File::create(&content)?);
        let mut state = 1u64;
        for _ in 0..mib * 131_072 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            file.write_all(&state.to_le_bytes())?;
        }
        file.flush()?;
        let status = Command::new(&self.swarmlab)
            .args(["torrent", "create", "--piece", "1 MiB", "-o"])
            .args([&self.torrent, &content])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "failed to make the torrent");
        Ok(())
    }

    fn measure(&self, client: Client, run: u32) -> Result<Measured> {
        let leech_dir = self.folder.join(format!("leech-{run}"));
        fs::create_dir_all(&leech_dir)?;
        let mut seed = self.start(client, "seed", 2)?;
        seed.join(&self.torrent, &self.folder.join("seed"))?;
        seed.wait_for("checked")?;
        let mut leech = self.start(client, "leech", 3)?;
        leech.join(&self.torrent, &leech_dir)?;
        leech.wait_for("checked")?;
        let begin = Instant::now();
        let idle = (seed.cpu_seconds()?, leech.cpu_seconds()?);
        leech.tell(&json!({ "do": "add-peer", "addr": seed.listen }))?;
        leech.wait_for("complete")?;
        let wall = begin.elapsed().as_secs_f64();
        let (seed_cpu, leech_cpu) = (seed.cpu_seconds()? - idle.0, leech.cpu_seconds()? - idle.1);
        let peak_mib = seed.peak_mib()?.max(leech.peak_mib()?);
        let same = fs::read(self.folder.join("seed/bench.bin"))? == fs::read(leech_dir.join("bench.bin"))?;
        ensure!(same, "the leecher's file differs");
        drop((seed, leech));
        fs::remove_dir_all(&leech_dir)?;
        Ok(Measured { wall, seed_cpu, leech_cpu, peak_mib })
    }

    fn start(&self, client: Client, name: &str, host: u8) -> Result<Program> {
        let listen = format!("127.0.0.{host}:0");
        let mut command = match client {
            Client::Swarmlab | Client::Rqbit => {
                let verb = if matches!(client, Client::Rqbit) { "rqbit" } else { "peer" };
                let mut command = Command::new(&self.swarmlab);
                command.args([verb, "--control", "--name", name, "--listen", &listen]);
                if self.encryption == Encryption::Rc4 {
                    command.args(["--encryption", "required", "--encryption-methods", "rc4"]);
                }
                command
            }
            Client::Libtorrent => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench_libtorrent.py");
                let mut command = Command::new("/usr/bin/python3");
                command.arg(script).arg(format!("127.0.0.{host}")).arg(self.encryption.name());
                command
            }
        };
        Program::start(&mut command)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A client that takes control lines and reports events.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Receiver<Value>,
    listen: String,
}

impl Program {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start {:?}", command.get_program()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let (send, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else { continue };
                if send.send(event).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut program = Self { child, stdin, events, listen: String::new() };
        let started = program.wait_for("started")?;
        started["listen"].as_str().unwrap_or_default().clone_into(&mut program.listen);
        Ok(program)
    }

    fn tell(&mut self, command: &Value) -> Result<()> {
        let stdin = self.stdin.as_mut().context("no standard input")?;
        writeln!(stdin, "{command}")?;
        Ok(stdin.flush()?)
    }

    fn join(&mut self, torrent: &Path, dir: &Path) -> Result<()> {
        self.tell(&json!({ "do": "join", "torrent": torrent, "dir": dir }))
    }

    fn wait_for(&mut self, kind: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).with_context(|| format!("no {kind:?} came"))?;
            if event["ev"] == kind {
                return Ok(event);
            }
        }
    }

    /// User and system time so far, from /proc (in hundredths of a second).
    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').context("odd /proc stat")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks as f64 / 100.0)
    }

    fn peak_mib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM in /proc status")?;
        let kib: u64 = line.split_whitespace().nth(1).context("odd VmHWM")?.parse()?;
        Ok(kib / 1024)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
