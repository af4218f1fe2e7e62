//! qbittorrent-nox, told by its configuration file and its command line.

use std::fs;
use std::path::Path;

use super::{Client, PORT, home, installed, run};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    installed("qbittorrent-nox", "qbittorrent-nox")?;
    let home = home();
    let folder = home.path().join("qBittorrent/config");
    fs::create_dir_all(&folder).expect("a folder in a temporary folder");
    let settings = settings(&namespace.address().to_string(), dir);
    fs::write(folder.join("qBittorrent.conf"), settings).expect("a file in a temporary folder");
    let mut command = namespace.command("qbittorrent-nox");
    command.env("HOME", home.path()).arg(format!("--profile={}", home.path().display()));
    command.arg(format!("--save-path={}", dir.display()));
    command.args(["--add-paused=false", "--skip-dialog=true"]).arg(torrent);
    run("qbittorrent", command, dir, home)
}

fn settings(address: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "[LegalNotice]\nAccepted=true\n\
         [BitTorrent]\nSession\\InterfaceAddress={address}\nSession\\Port={PORT}\nSession\\DHTEnabled=false\n\
         Session\\LSDEnabled=false\nSession\\PeXEnabled=false\nSession\\BTProtocol=TCP\n\
         Session\\QueueingSystemEnabled=false\nSession\\DefaultSavePath={dir}\n\
         [Network]\nPortForwardingEnabled=false\n\
         [Preferences]\nWebUI\\Address=127.0.0.1\nWebUI\\Port=8081\nWebUI\\LocalHostAuth=false\n"
    )
}
