//! aria2c. It speaks to UDP trackers only with its DHT on, so that is on, without a node to begin with.

use std::path::Path;

use super::{Client, PORT, home, installed, run};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it; then seeds on.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    installed("aria2c", "aria2")?;
    let home = home();
    let mut command = namespace.command("aria2c");
    command.env("HOME", home.path()).arg("--no-conf=true");
    command.arg(format!("--dir={}", dir.display()));
    command.arg(format!("--interface={}", namespace.address()));
    command.arg(format!("--listen-port={PORT}"));
    command.args(["--enable-dht=true", "--enable-dht6=false", "--dht-listen-port=7101"]);
    command.arg(format!("--dht-file-path={}", home.path().join("dht.dat").display()));
    command.args(["--bt-enable-lpd=false", "--enable-peer-exchange=false", "--disable-ipv6=true", "--async-dns=false"]);
    command.args(["--file-allocation=none", "--seed-ratio=0.0", "--summary-interval=5"]);
    // What lies in the folder is hashed, and only what is missing fetched.
    command.args(["--check-integrity=true", "--bt-seed-unverified=false"]);
    command.arg(torrent);
    run("aria2", command, dir, home)
}
