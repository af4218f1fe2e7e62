//! libtorrent, driven by a small script of ours through its Python binding.

use std::path::Path;

use super::{Client, PORT, home, installed, run};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    installed("python3", "python3")?;
    let mut probe = std::process::Command::new(PYTHON);
    let bound = probe.args(["-c", "import libtorrent"]).output().is_ok_and(|output| output.status.success());
    if !bound {
        return Err(Missing("libtorrent's Python binding (package python3-libtorrent)".into()));
    }
    let mut command = namespace.command(PYTHON);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/libtorrent_peer.py"));
    command.arg(torrent).arg(dir).arg(format!("{}:{PORT}", namespace.address()));
    run("libtorrent", command, dir, home())
}

/// The system's own: another Python that comes first in PATH would not see the system's packages.
const PYTHON: &str = "/usr/bin/python3";
