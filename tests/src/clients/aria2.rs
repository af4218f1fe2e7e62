//! aria2c. It speaks to UDP trackers only with its DHT on, so that is on, without a node to begin with.

use std::fmt;
use std::path::Path;

use super::{Client, Job, home, installed, run, seat};
use crate::encryption::rules::{Answers, Method, Opening, Rules};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it; then seeds on.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    start_with(namespace, Job { torrents: &[torrent.to_owned()], dir }, Encryption::default())
}

/// The same with many torrents, encrypting like this.
pub fn start_with(namespace: &Namespace, job: Job<'_>, encryption: Encryption) -> Result<Client, Missing> {
    installed("aria2c", "aria2")?;
    let home = home();
    let listen = seat(namespace);
    let mut command = namespace.command("aria2c");
    command.env("HOME", home.path()).arg("--no-conf=true");
    command.arg(format!("--dir={}", job.dir.display()));
    command.arg(format!("--interface={}", listen.ip()));
    command.arg(format!("--listen-port={}", listen.port()));
    command.args(["--enable-dht=true", "--enable-dht6=false", "--dht-listen-port=7101"]);
    command.arg(format!("--dht-file-path={}", home.path().join("dht.dat").display()));
    command.args(["--bt-enable-lpd=false", "--enable-peer-exchange=false", "--disable-ipv6=true", "--async-dns=false"]);
    command.args(["--file-allocation=none", "--seed-ratio=0.0", "--summary-interval=5"]);
    // What lies in the folder is hashed, and only what is missing fetched.
    command.args(["--check-integrity=true", "--bt-seed-unverified=false"]);
    command.arg(format!("--bt-require-crypto={}", encryption.require_crypto));
    command.arg(format!("--bt-force-encryption={}", encryption.force_encryption));
    command.arg(format!("--bt-min-crypto-level={}", if encryption.at_least_arc4 { "arc4" } else { "plain" }));
    // All at once: no queue in which one waits for another.
    command.arg(format!("--max-concurrent-downloads={}", job.torrents.len())).args(job.torrents);
    run("aria2", listen, command, job.dir, home)
}

/// `--bt-require-crypto`, `--bt-min-crypto-level=arc4` and `--bt-force-encryption`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Encryption {
    pub require_crypto: bool,
    pub at_least_arc4: bool,
    pub force_encryption: bool,
}

impl Encryption {
    /// All that differ: forcing is documented as "a shorthand of --bt-require-crypto
    /// --bt-min-crypto-level=arc4".
    pub fn all() -> Vec<Self> {
        let choices = [(false, false), (false, true), (true, false), (true, true)];
        let choices = choices.map(|(require_crypto, at_least_arc4)| Self {
            require_crypto,
            at_least_arc4,
            force_encryption: false,
        });
        choices.into_iter().chain([Self { force_encryption: true, ..Self::default() }]).collect()
    }

    /// From aria2's manual. Not in it: without `--bt-require-crypto` it still dials encrypted first, and again
    /// in plaintext when that fails (`InitiatorMSEHandshakeCommand`). Of several methods it "chooses the lowest
    /// one which satisfies the given level", so plaintext where it may.
    pub fn rules(self) -> Rules {
        let rc4_only = self.at_least_arc4 || self.force_encryption;
        let methods = if rc4_only { vec![Method::Rc4] } else { vec![Method::Plaintext, Method::Rc4] };
        let plaintext = !self.require_crypto && !self.force_encryption;
        let mut opens = vec![Opening::Encrypted(methods.clone())];
        opens.extend(plaintext.then_some(Opening::Plaintext));
        Rules::new(opens, Answers::new(plaintext, methods))
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.require_crypto, "require"), (self.at_least_arc4, "arc4"), (self.force_encryption, "force")];
        let words: Vec<&str> = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
        if words.is_empty() { f.write_str("default") } else { f.write_str(&words.join(", ")) }
    }
}
