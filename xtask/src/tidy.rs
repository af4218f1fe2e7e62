//! Proves what the design promises about the crates, by reading `cargo metadata` and the sources:
//! arrows point down only, and the core holds no clock, socket, thread, ambient chance or observed
//! hash order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The crates that decide, L0 to L2, and the world that is held to the same rules.
pub(crate) const CORE: &[&str] = &["model", "events", "metainfo", "wire", "isp", "tracker", "swarm", "node", "sim"];

/// What a crate may depend on, itself left out. Dev-dependencies are free.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("events", &["model"]),
    ("metainfo", &["model"]),
    ("wire", &["model"]),
    ("isp", &["model", "events"]),
    ("tracker", &["model", "events"]),
    ("swarm", &["model", "events", "metainfo", "wire"]),
    ("node", &["model", "events", "metainfo", "wire", "isp", "tracker", "swarm"]),
    ("scenario", &["model", "events", "metainfo"]),
    ("sim", &["model", "events", "isp", "metainfo", "tracker", "node", "scenario"]),
    ("net", &["model", "events", "metainfo", "tracker", "node"]),
    ("rqbit", &["model", "events", "metainfo", "tracker", "net"]),
    ("lab", &["model", "events", "metainfo", "net", "scenario", "sim", "share"]),
    ("share", &["model", "events", "metainfo", "net"]),
    ("report", &["model", "events", "wire", "isp"]),
    ("testkit", &["model", "events", "metainfo", "wire", "tracker", "node"]),
];

/// Packages that bring a clock, a socket, a thread or dice. None may be a direct dependency of the core.
const BANNED_IN_CORE: &[&str] =
    &["tokio", "socket2", "mio", "rand", "rand_core", "getrandom", "fastrand", "chrono", "time", "async-std", "smol"];

/// Words that must not stand in the core's sources outside of comments.
const BANNED_WORDS: &[&str] = &[
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::thread",
    "std::fs",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "HashMap",
    "HashSet",
    "RandomState",
    "thread_rng",
    "allow(clippy::disallowed_types)",
];

/// The package behind a crate's short name.
pub(crate) fn package(name: &str) -> String {
    match name {
        "tracker" => "swarmlab-tracker-core".to_owned(),
        name => format!("swarmlab-{name}"),
    }
}

pub(crate) fn run() -> Result<()> {
    let root = root();
    let mut faults = Vec::new();
    directions(&root, &mut faults)?;
    sources(&root, &mut faults)?;
    clippy_files(&root, &mut faults)?;
    if faults.is_empty() {
        println!(
            "tidy: {} crates point down only; the core holds no clock, socket, thread, dice or hash order",
            MAY_USE.len()
        );
        return Ok(());
    }
    bail!("{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

fn directions(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let dependencies = dependencies(root)?;
    let short: BTreeMap<String, &str> = MAY_USE.iter().map(|(name, _)| (package(name), *name)).collect();
    for (name, allowed) in MAY_USE {
        let Some(found) = dependencies.get(&package(name)) else {
            faults.push(format!("crate {name} is gone: correct MAY_USE in xtask/src/tidy.rs"));
            continue;
        };
        for dependency in found {
            if let Some(dependency) = short.get(dependency)
                && !allowed.contains(dependency)
            {
                faults.push(format!("{name} depends on {dependency}: arrows point down only (see ARCHITECTURE.md)"));
            }
            if CORE.contains(name) && BANNED_IN_CORE.contains(&dependency.as_str()) {
                faults.push(format!("{name} depends on {dependency}: the core has no clock, socket or dice"));
            }
        }
    }
    let members = dependencies.keys().filter(|name| name.starts_with("swarmlab-"));
    for member in members {
        if !short.contains_key(member) && member != "swarmlab-tests" {
            faults.push(format!("{member} has no row in MAY_USE of xtask/src/tidy.rs"));
        }
    }
    Ok(())
}

/// Each workspace package with its ordinary and build dependencies.
fn dependencies(root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root)
        .output()
        .context("failed to run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    Ok(packages.iter().map(|package| (text(&package["name"]), ordinary_dependencies(package))).collect())
}

fn ordinary_dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|dependency| dependency["kind"] != "dev").map(|dependency| text(&dependency["name"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn sources(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    for name in CORE {
        for file in rust_files(&root.join("crates").join(name).join("src"))? {
            let source = fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
            let shown = file.strip_prefix(root).unwrap_or(&file).display();
            if !source.starts_with("//!") {
                faults.push(format!("{shown}: opens without its story (//!)"));
            }
            for (number, line) in source.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = BANNED_WORDS.iter().find(|word| code.contains(**word)) {
                    faults.push(format!("{shown}:{}: {word} has no place in the core", number + 1));
                }
            }
        }
    }
    Ok(())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
            let path = entry?.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// clippy takes the nearest clippy.toml and merges nothing, so each core crate has its own copy.
fn clippy_files(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let read = |name: &str| {
        let path = root.join("crates").join(name).join("clippy.toml");
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    let first = read(CORE[0])?;
    for name in &CORE[1..] {
        if read(name)? != first {
            faults.push(format!("crates/{name}/clippy.toml differs from crates/{}/clippy.toml", CORE[0]));
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crates_are_what_the_design_says() {
        super::run().unwrap();
    }
}
