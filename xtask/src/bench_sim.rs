//! Measurements in the simulated world: how near to the least possible time a swarm distributes (`bench swarm`), and
//! what it costs to simulate one (`bench sim`). Each run is a process of its own, so that peak memory is its own.
//! Tables are Markdown; with `--csv FILE` every run is a line of that file too.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One seed to N equal leechers, 64 MiB in 256 KiB pieces, beside the fluid lower bound.
pub(crate) fn swarm(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    let mut bench = Bench::prepare(options.csv.clone())?;
    println!(
        "1 seed, N leechers, each 1 MB/s up and 10 MB/s down; 64 MiB in 256 KiB pieces; {} seeds.\n\
         Bound: max(F/u_s, F/d_min, N*F/(u_s + sum of u_i)), without any headers. Served: how long others had a slot \
         for a leecher,\nshortest and longest of all leechers, in per cent of the mean.\n",
        options.seeds
    );
    println!(
        "| N | bound s | median s | worst s | median / bound | worst / bound | copies sent by the seed | served % | chokes a second and peer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for leechers in options.only(&[8, 30, 100]) {
        let mut runs =
            (1..=options.seeds).map(|seed| bench.run(leechers, 64, seed, None)).collect::<Result<Vec<_>>>()?;
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let (median, worst) = (&runs[runs.len() / 2], &runs[runs.len() - 1]);
        let low = runs.iter().map(|run| run.served.0).fold(f64::INFINITY, f64::min);
        let high = runs.iter().map(|run| run.served.1).fold(0.0, f64::max);
        println!(
            "| {leechers} | {:.1} | {:.1} | {:.1} | {:.3} | {:.3} | {:.2} | {low:.0}-{high:.0} | {:.1} |",
            median.bound,
            median.seconds,
            worst.seconds,
            median.seconds / median.bound,
            worst.seconds / worst.bound,
            median.seed_copies,
            median.chokes / median.seconds / leechers as f64,
        );
    }
    bench.write_csv()
}

/// What it costs to play large swarms.
pub(crate) fn sim(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    let mut bench = Bench::prepare(options.csv.clone())?;
    println!("1 seed, N leechers, each 1 MB/s up and 10 MB/s down; 256 KiB pieces; to the last one's last piece.\n");
    println!(
        "| N | MiB | join | swarm s | wall s | peak MiB | blocks | happenings a block | log lines a block | us a block |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    // 95 MiB are 100 MB. Two thousand have 16 MiB: the cost of a block is to be compared.
    let crowds = [(100, 95, None), (500, 95, None), (2_000, 16, None), (200, 16, Some(10))];
    let wanted = options.only(&[100, 500, 2_000, 200]);
    ensure!(crowds.iter().any(|crowd| wanted.contains(&crowd.0)), "--crowd is 100, 500, 2000 or 200 here");
    for (leechers, mib, join_within) in crowds.into_iter().filter(|crowd| wanted.contains(&crowd.0)) {
        let run = bench.run(leechers, mib, 1, join_within)?;
        let join = join_within.map_or("at once".to_owned(), |seconds: u64| format!("within {seconds} s"));
        println!(
            "| {leechers} | {mib} | {join} | {:.1} | {:.1} | {:.0} | {} | {:.1} | {:.2} | {:.1} |",
            run.seconds,
            run.wall,
            run.peak_kib / 1024.0,
            run.blocks,
            run.happened / run.blocks,
            run.lines / run.blocks,
            run.wall * 1e6 / run.blocks,
        );
    }
    bench.write_csv()
}

struct Options {
    seeds: u64,
    crowd: Option<u64>,
    csv: Option<PathBuf>,
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let mut options = Self { seeds: 5, crowd: None, csv: None };
        for pair in args.chunks(2) {
            match pair {
                ["--seeds", value] => options.seeds = value.parse().context("--seeds wants a number")?,
                ["--crowd", value] => options.crowd = Some(value.parse().context("--crowd wants a number")?),
                ["--csv", file] => options.csv = Some(PathBuf::from(file)),
                _ => bail!("unknown: {pair:?}; --seeds N, --crowd N (only this size) and --csv FILE are known"),
            }
        }
        ensure!(options.seeds > 0, "--seeds wants at least 1");
        Ok(options)
    }

    fn only(&self, usual: &[u64]) -> Vec<u64> {
        self.crowd.map_or_else(|| usual.to_vec(), |crowd| vec![crowd])
    }
}

struct Bench {
    crowd: PathBuf,
    csv: Option<PathBuf>,
    lines: String,
}

/// What `examples/crowd.rs` tells of one run.
struct Run {
    seconds: f64,
    bound: f64,
    seed_copies: f64,
    served: (f64, f64),
    chokes: f64,
    blocks: f64,
    happened: f64,
    lines: f64,
    wall: f64,
    peak_kib: f64,
}

impl Bench {
    fn prepare(csv: Option<PathBuf>) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository around xtask")?;
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--package", "swarmlab-sim", "--example", "crowd"])
            .current_dir(root)
            .status()?;
        ensure!(status.success(), "failed to build crowd");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let lines = "leechers,mib,seed,seconds,bound,seed_copies,served_low,served_high,chokes,blocks,happened,lines,wall,peak_kib\n";
        Ok(Self { crowd: target.join("release/examples/crowd"), csv, lines: lines.to_owned() })
    }

    fn run(&mut self, leechers: u64, mib: u64, seed: u64, join_within: Option<u64>) -> Result<Run> {
        let mut command = Command::new(&self.crowd);
        command.args([leechers, mib, seed].into_iter().chain(join_within).map(|n| n.to_string()));
        let output = command.output().with_context(|| format!("failed to start {}", self.crowd.display()))?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).context("crowd told no figures")?;
        ensure!(told["complete"] == leechers, "only {} of {leechers} leechers completed", told["complete"]);
        let figure = |name: &str| told[name].as_f64().with_context(|| format!("crowd told no {name}"));
        let run = Run {
            seconds: figure("seconds")?,
            bound: figure("bound_seconds")?,
            seed_copies: figure("seed_copies")?,
            served: (figure("served_low_percent")?, figure("served_high_percent")?),
            chokes: figure("chokes")?,
            blocks: figure("blocks")?,
            happened: figure("happened")?,
            lines: figure("lines")?,
            wall: figure("wall_seconds")?,
            peak_kib: figure("peak_kib")?,
        };
        writeln!(
            self.lines,
            "{leechers},{mib},{seed},{},{},{},{},{},{},{},{},{},{},{}",
            run.seconds,
            run.bound,
            run.seed_copies,
            run.served.0,
            run.served.1,
            run.chokes,
            run.blocks,
            run.happened,
            run.lines,
            run.wall,
            run.peak_kib
        )?;
        Ok(run)
    }

    fn write_csv(&self) -> Result<()> {
        let Some(file) = &self.csv else { return Ok(()) };
        fs::write(file, &self.lines).with_context(|| format!("failed to write {}", file.display()))
    }
}
