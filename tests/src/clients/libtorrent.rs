//! libtorrent, driven by a small script of ours through its Python binding.

use std::fmt;
use std::path::Path;

use serde_json::json;

use super::{Client, Job, home, installed, run, seat};
use crate::encryption::rules::{Answers, Method, Opening, Rules};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    start_with(namespace, Job { torrents: &[torrent.to_owned()], dir }, Encryption::default())
}

/// The same with many torrents, encrypting like this.
pub fn start_with(namespace: &Namespace, job: Job<'_>, encryption: Encryption) -> Result<Client, Missing> {
    installed("python3", "python3")?;
    let mut probe = std::process::Command::new(PYTHON);
    let bound = probe.args(["-c", "import libtorrent"]).output().is_ok_and(|output| output.status.success());
    if !bound {
        return Err(Missing("libtorrent's Python binding (package python3-libtorrent)".into()));
    }
    let listen = seat(namespace);
    let mut command = namespace.command(PYTHON);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/libtorrent_peer.py"));
    command.arg(listen.to_string()).arg(job.dir).arg(encryption.settings().to_string()).args(job.torrents);
    run("libtorrent", listen, command, job.dir, home())
}

/// `in_enc_policy` and `out_enc_policy`, `allowed_enc_level`, `prefer_rc4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// For in and out alike: a connection has one direction, so mixing them would show nothing more.
    pub policy: Policy,
    pub level: Level,
    pub prefer_rc4: bool,
}

/// `enc_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Forced,
    Enabled,
    Disabled,
}

/// `enc_level`: what may follow the encrypted handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Plaintext,
    Rc4,
    Both,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { policy: Policy::Enabled, level: Level::Both, prefer_rc4: false }
    }
}

impl Encryption {
    /// Each policy with each level. Without encryption there is no level, and without a choice there is
    /// nothing to prefer.
    pub fn all() -> Vec<Self> {
        let levels = [(Level::Rc4, false), (Level::Plaintext, false), (Level::Both, false), (Level::Both, true)];
        let encrypting = [Policy::Forced, Policy::Enabled];
        let encrypting = encrypting
            .into_iter()
            .flat_map(|policy| levels.map(|(level, prefer_rc4)| Self { policy, level, prefer_rc4 }));
        encrypting.chain([Self { policy: Policy::Disabled, ..Self::default() }]).collect()
    }

    /// From libtorrent's settings reference, which leaves open what "enabled" tries first ("if an outgoing
    /// encrypted connection fails, a non-encrypted connection will be tried"). Seen on the wire with 2.0.8: an
    /// address from a tracker is dialled in plaintext, and encrypted only when that was refused. Its source
    /// (constructor of `torrent_peer`) assumes that a peer can't encrypt until it is known to.
    pub fn rules(self) -> Rules {
        let methods = match self.level {
            Level::Plaintext => vec![Method::Plaintext],
            Level::Rc4 => vec![Method::Rc4],
            Level::Both if self.prefer_rc4 => vec![Method::Rc4, Method::Plaintext],
            Level::Both => vec![Method::Plaintext, Method::Rc4],
        };
        let encrypted = Opening::Encrypted(methods.clone());
        let opens = match self.policy {
            Policy::Forced => vec![encrypted],
            Policy::Enabled => vec![Opening::Plaintext, encrypted],
            Policy::Disabled => vec![Opening::Plaintext],
        };
        let selects = if self.policy == Policy::Disabled { Vec::new() } else { methods };
        Rules::new(opens, Answers::new(self.policy != Policy::Forced, selects))
    }

    fn settings(self) -> serde_json::Value {
        let policy = match self.policy {
            Policy::Forced => 0,
            Policy::Enabled => 1,
            Policy::Disabled => 2,
        };
        let level = match self.level {
            Level::Plaintext => 1,
            Level::Rc4 => 2,
            Level::Both => 3,
        };
        json!({
            "in_enc_policy": policy,
            "out_enc_policy": policy,
            "allowed_enc_level": level,
            "prefer_rc4": self.prefer_rc4,
        })
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.policy {
            Policy::Forced => "forced",
            Policy::Enabled => "enabled",
            Policy::Disabled => return f.write_str("disabled"),
        })?;
        match self.level {
            Level::Plaintext => write!(f, ", plaintext"),
            Level::Rc4 => write!(f, ", rc4"),
            Level::Both if self.prefer_rc4 => write!(f, ", both, rc4 first"),
            Level::Both => write!(f, ", both"),
        }
    }
}

/// The system's own: another Python that comes first in PATH would not see the system's packages.
const PYTHON: &str = "/usr/bin/python3";
