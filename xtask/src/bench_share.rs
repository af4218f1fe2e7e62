//! `cargo xtask bench share`: a folder made ready to seed, and unpacked again, beside 7-Zip and
//! transmission-create in the same run. Half of the folder is noise, which stands for photos, half is
//! words by lot.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

pub(crate) fn share(args: &[&str]) -> Result<()> {
    let mib = match args {
        [] => 1024,
        ["--size", value] => value.parse().context("--size wants a number of MiB")?,
        _ => bail!("unknown options {args:?}: --size MiB is known"),
    };
    let bench = Bench::prepare(mib)?;
    println!("{mib} MiB, half noise and half words, in {}", bench.folder.display());
    println!("{:<40} {:>8} {:>8} {:>9} {:>9}", "step", "wall s", "cpu s", "peak MiB", "size MB");
    bench.ready_to_seed()?;
    bench.unpacked()
}

struct Bench {
    folder: PathBuf,
    steps: PathBuf,
}

/// What one command, or several in a row, took.
#[derive(Clone, Copy, Default)]
struct Taken {
    wall: f64,
    cpu: f64,
    peak_mib: f64,
}

impl Bench {
    fn prepare(mib: u64) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository around xtask")?;
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--package", "swarmlab-share", "--example", "share_steps"])
            .current_dir(root)
            .status()?;
        ensure!(status.success(), "failed to build share_steps");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let folder = std::env::temp_dir().join(format!("swarmlab-bench-{}", std::process::id()));
        let bench = Self { folder, steps: target.join("release/examples/share_steps") };
        bench.make_content(root, mib)?;
        Ok(bench)
    }

    fn make_content(&self, root: &Path, mib: u64) -> Result<()> {
        let data = self.folder.join("data");
        fs::create_dir_all(&data)?;
        let words = words(root)?;
        let mut state = 1u64;
        let mut lot = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 16
        };
        for number in 0..mib.div_ceil(8) {
            let mut noise = BufWriter::new(fs::File::create(data.join(format!("{number:04}.jpg")))?);
            let mut text = BufWriter::new(fs::File::create(data.join(format!("{number:04}.txt")))?);
            for _ in 0..FILE_BYTES / 4 {
                noise.write_all(&(lot() as u32).to_le_bytes())?;
            }
            let mut written = 0;
            while written < FILE_BYTES {
                // Small numbers are likelier, as some words are.
                let chance = lot() % words.len() as u64 * (lot() % 1024) / 1024;
                let word = &words[chance as usize];
                text.write_all(word.as_bytes())?;
                text.write_all(b" ")?;
                written += word.len() + 1;
            }
            noise.flush()?;
            text.flush()?;
        }
        Ok(())
    }

    fn ready_to_seed(&self) -> Result<()> {
        for level in ["1", "0"] {
            let ours = self.step("ours", &[self.steps()?, "pack", "data", &format!("ours-{level}.7z"), level])?;
            self.print(&format!("pack and hash, level {level}"), ours, &format!("ours-{level}.7z"));
            let theirs = format!("theirs-{level}.7z");
            let method = format!("-mx={level}");
            let packed = self.step("7z", &["7z", "a", &method, "-mhe=on", "-p", "-bso0", "-bsp0", &theirs, "data"])?;
            let torrent = format!("{theirs}.torrent");
            let hashed = self.step("transmission-create", &["transmission-create", "-o", &torrent, &theirs])?;
            self.print(&format!("7z -mx={level}, transmission-create"), packed.then(hashed), &theirs);
            println!(
                "{:<40} {:>8.2} {:>8.2}",
                "  theirs / ours",
                (packed.wall + hashed.wall) / ours.wall,
                (packed.cpu + hashed.cpu) / ours.cpu
            );
        }
        Ok(())
    }

    fn unpacked(&self) -> Result<()> {
        let packed =
            self.step("7z", &["7z", "a", "-mx=5", "-mhe=on", "-p", "-bso0", "-bsp0", "theirs-5.7z", "data"])?;
        self.print("7z -mx=5", packed, "theirs-5.7z");
        for archive in ["ours-1.7z", "theirs-1.7z", "theirs-5.7z"] {
            let ours = self.step("ours", &[self.steps()?, "unpack", archive, "out-ours"])?;
            self.print(&format!("unpack {archive}"), ours, archive);
            let theirs = self.step("7z", &["7z", "x", "-oout-theirs", "-bso0", "-bsp0", archive])?;
            self.print(&format!("7z x {archive}"), theirs, archive);
            self.compare("out-ours/data")?;
            self.compare("out-theirs/data")?;
            fs::remove_dir_all(self.folder.join("out-ours"))?;
            fs::remove_dir_all(self.folder.join("out-theirs"))?;
            println!("{:<40} {:>8.2} {:>8.2}", "  ours / theirs", ours.wall / theirs.wall, ours.cpu / theirs.cpu);
        }
        Ok(())
    }

    /// What was unpacked is what was packed: a time for anything else says nothing.
    fn compare(&self, unpacked: &str) -> Result<()> {
        let unpacked = self.folder.join(unpacked);
        let mut files = 0;
        for entry in fs::read_dir(self.folder.join("data"))? {
            let packed = entry?.path();
            let name = packed.file_name().context("a file has a name")?;
            let same = fs::read(&packed)? == fs::read(unpacked.join(name))?;
            ensure!(same, "{} differs from what was packed", unpacked.join(name).display());
            files += 1;
        }
        ensure!(files == fs::read_dir(&unpacked)?.count(), "{} has more files than were packed", unpacked.display());
        Ok(())
    }

    fn steps(&self) -> Result<&str> {
        self.steps.to_str().context("the target folder's name is not UTF-8")
    }

    /// Runs a command under GNU time, with the password on its standard input and in its environment.
    fn step(&self, name: &str, command: &[&str]) -> Result<Taken> {
        let start = Instant::now();
        let mut child = Command::new("/usr/bin/time")
            .args(["-f", "%U %S %M", "-o", "time.txt"])
            .args(command)
            .current_dir(&self.folder)
            .env("SWARMLAB_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("GNU time is missing: install the package time")?;
        let _who_does_not_ask = child.stdin.take().map(|mut input| writeln!(input, "{PASSWORD}\n{PASSWORD}"));
        let status = child.wait()?;
        let wall = start.elapsed().as_secs_f64();
        ensure!(status.success(), "{name} failed: is it installed?");
        let text = fs::read_to_string(self.folder.join("time.txt"))?;
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [user, system, peak_kib] = numbers[..] else { bail!("GNU time said {text:?}") };
        Ok(Taken { wall, cpu: user + system, peak_mib: peak_kib / 1024.0 })
    }

    fn print(&self, what: &str, taken: Taken, file: &str) {
        let bytes = fs::metadata(self.folder.join(file)).map_or(0, |file| file.len());
        let Taken { wall, cpu, peak_mib } = taken;
        println!("{what:<40} {wall:>8.2} {cpu:>8.2} {peak_mib:>9.0} {:>9.1}", bytes as f64 / 1e6);
    }
}

impl Taken {
    fn then(self, next: Self) -> Self {
        Self { wall: self.wall + next.wall, cpu: self.cpu + next.cpu, peak_mib: self.peak_mib.max(next.peak_mib) }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.folder);
    }
}

/// The words of this repository's own pages, each once.
fn words(root: &Path) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "labs/SCENARIOS.md", "labs/EVENTS.md"] {
        let text = fs::read_to_string(root.join(page)).with_context(|| format!("failed to read {page}"))?;
        words.extend(text.split_whitespace().map(str::to_owned));
    }
    words.sort();
    words.dedup();
    Ok(words)
}

const FILE_BYTES: usize = 4 << 20;

const PASSWORD: &str = "vessel-cognitive-dimple-uphill-starry-pellet";
