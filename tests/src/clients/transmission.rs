//! transmission-daemon. It turns peers on 127.0.0.0/8 away. Torrents are taken from a watched folder;
//! a link goes there in the form in which Transmission itself keeps links: a torrent file with
//! `magnet-info` in place of `info`. Complete content in the download folder is found by itself.

use std::fmt;
use std::fs;
use std::path::Path;

use metainfo::Magnet;
use serde_json::json;

use super::{Client, Job, home, installed, run, seat};
use crate::encryption::rules::{Again, Answers, Method, Opening, Rules};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    start_with(namespace, Job { torrents: &[torrent.to_owned()], dir }, Encryption::Preferred)
}

/// The same with many torrents, encrypting like this.
pub fn start_with(namespace: &Namespace, job: Job<'_>, encryption: Encryption) -> Result<Client, Missing> {
    installed("transmission-daemon", "transmission-daemon")?;
    let listen = seat(namespace);
    let home = home();
    let watched = home.path().join("watched");
    fs::create_dir(&watched).expect("a folder in a temporary folder");
    let settings = json!({
        "bind-address-ipv4": listen.ip().to_string(),
        "peer-port": listen.port(),
        "encryption": encryption.number(),
        "download-dir": job.dir,
        "watch-dir": watched,
        "watch-dir-enabled": true,
        "rpc-enabled": false,
        "download-queue-enabled": false,
        "dht-enabled": false,
        "lpd-enabled": false,
        "pex-enabled": false,
        "utp-enabled": false,
        "port-forwarding-enabled": false,
    });
    fs::write(home.path().join("settings.json"), settings.to_string()).expect("a file in a temporary folder");
    for (i, torrent) in job.torrents.iter().enumerate() {
        let file = match torrent.parse::<Magnet>() {
            Ok(magnet) => kept_magnet(&magnet),
            Err(_) => fs::read(torrent).expect("the torrent file"),
        };
        fs::write(watched.join(format!("{i}.torrent")), file).expect("a file in a temporary folder");
    }
    let mut command = namespace.command("transmission-daemon");
    command.arg("--foreground").arg("--log-debug").arg("--config-dir").arg(home.path());
    run("transmission", listen, command, job.dir, home)
}

/// `encryption` in its settings, "Encryption mode" in its preferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    Tolerated,
    /// Its default.
    Preferred,
    Required,
}

impl Encryption {
    pub const ALL: [Self; 3] = [Self::Tolerated, Self::Preferred, Self::Required];

    /// Its manual names the modes only; what they do stands in `handshake.c` (`getCryptoProvide`,
    /// `getCryptoSelect`, `gotError`). When it prefers or requires encryption it offers RC4 alone; when it is
    /// dialled and does not require it, it selects from both methods, in the order of its preference.
    ///
    /// Two things it means to do and fails at. When it has selected plaintext, it takes the initial payload (IA),
    /// which is always encrypted, for plaintext too, finds no handshake in it and ends the connection. And
    /// when it falls back to plaintext after keys were exchanged, it goes on encrypting: what it sends as
    /// its handshake is 68 bytes of noise.
    pub fn rules(self) -> Rules {
        let rc4 = Opening::Encrypted(vec![Method::Rc4]);
        let (opens, plaintext, selects) = match self {
            Self::Tolerated => (vec![Opening::Plaintext], true, vec![Method::Plaintext, Method::Rc4]),
            Self::Preferred => (vec![rc4, Opening::Plaintext], true, vec![Method::Rc4, Method::Plaintext]),
            Self::Required => (vec![rc4], false, vec![Method::Rc4]),
        };
        let answers = Answers { fails_in: vec![Method::Plaintext], ..Answers::new(plaintext, selects) };
        Rules { again: Again::InVainAfterKeys, ..Rules::new(opens, answers) }
    }

    fn number(self) -> u8 {
        match self {
            Self::Tolerated => 0,
            Self::Preferred => 1,
            Self::Required => 2,
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tolerated => "tolerated",
            Self::Preferred => "preferred",
            Self::Required => "required",
        })
    }
}

fn kept_magnet(magnet: &Magnet) -> Vec<u8> {
    let string = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
    let tracker = magnet.trackers.first().map(String::as_bytes).unwrap_or_default();
    let info_hash = magnet.info_hash.as_bytes();
    [
        b"d".to_vec(),
        string(b"announce"),
        string(tracker),
        string(b"magnet-info"),
        b"d".to_vec(),
        string(b"info_hash"),
        string(info_hash),
        b"ee".to_vec(),
    ]
    .concat()
}
