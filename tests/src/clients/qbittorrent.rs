//! qbittorrent-nox, told by its configuration file and its command line.

use std::fmt;
use std::fs;
use std::net::SocketAddrV4;
use std::path::Path;

use super::{Client, Job, home, installed, run, seat};
use crate::encryption::rules::{Again, Answers, Method, Opening, Rules};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    start_with(namespace, Job { torrents: &[torrent.to_owned()], dir }, Encryption::Allow)
}

/// The same with many torrents, encrypting like this.
pub fn start_with(namespace: &Namespace, job: Job<'_>, encryption: Encryption) -> Result<Client, Missing> {
    installed("qbittorrent-nox", "qbittorrent-nox")?;
    let home = home();
    let folder = home.path().join("qBittorrent/config");
    fs::create_dir_all(&folder).expect("a folder in a temporary folder");
    let listen = seat(namespace);
    let settings = settings(listen, job.dir, encryption);
    fs::write(folder.join("qBittorrent.conf"), settings).expect("a file in a temporary folder");
    let mut command = namespace.command("qbittorrent-nox");
    command.env("HOME", home.path()).arg(format!("--profile={}", home.path().display()));
    command.arg(format!("--save-path={}", job.dir.display()));
    command.args(["--add-paused=false", "--skip-dialog=true"]).args(job.torrents);
    run("qbittorrent", listen, command, job.dir, home)
}

/// `Session\Encryption`, "Encryption mode" in the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    Allow,
    Require,
    Disable,
}

impl Encryption {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Require, Self::Disable];

    /// qBittorrent sets libtorrent's policy for in and out alike, and always the level to RC4 alone
    /// (`Session::loadLTSettings`): the encrypted handshake alone is not for it. As libtorrent does, it dials in plaintext
    /// first; when that is refused, the next try comes after libtorrent's `min_reconnect_time`, minutes later.
    pub fn rules(self) -> Rules {
        let encrypted = Opening::Encrypted(vec![Method::Rc4]);
        let (opens, plaintext, selects) = match self {
            Self::Allow => (vec![Opening::Plaintext, encrypted], true, vec![Method::Rc4]),
            Self::Require => (vec![encrypted], false, vec![Method::Rc4]),
            Self::Disable => (vec![Opening::Plaintext], true, Vec::new()),
        };
        Rules { again: Again::MinutesLater, ..Rules::new(opens, Answers::new(plaintext, selects)) }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Require => "require",
            Self::Disable => "disable",
        })
    }
}

fn settings(listen: SocketAddrV4, dir: &Path, encryption: Encryption) -> String {
    let (address, port, dir) = (listen.ip(), listen.port(), dir.display());
    let encryption = match encryption {
        Encryption::Allow => 0,
        Encryption::Require => 1,
        Encryption::Disable => 2,
    };
    format!(
        "[LegalNotice]\nAccepted=true\n\
         [BitTorrent]\nSession\\InterfaceAddress={address}\nSession\\Port={port}\nSession\\DHTEnabled=false\n\
         Session\\LSDEnabled=false\nSession\\PeXEnabled=false\nSession\\BTProtocol=TCP\n\
         Session\\Encryption={encryption}\n\
         Session\\QueueingSystemEnabled=false\nSession\\DefaultSavePath={dir}\n\
         [Network]\nPortForwardingEnabled=false\n\
         [Preferences]\nWebUI\\Address=127.0.0.1\nWebUI\\Port=8081\nWebUI\\LocalHostAuth=false\n"
    )
}
