//! transmission-daemon. It turns peers on 127.0.0.0/8 away. Torrents are taken from a watched folder;
//! a link goes there in the form in which Transmission itself keeps links: a torrent file with
//! `magnet-info` in place of `info`. Complete content in the download folder is found by itself.

use std::fs;
use std::path::Path;

use metainfo::Magnet;
use serde_json::json;

use super::{Client, PORT, home, installed, run};
use crate::{Missing, Namespace};

/// Seeds or fetches, as the folder has it.
pub fn start(namespace: &Namespace, torrent: &str, dir: &Path) -> Result<Client, Missing> {
    installed("transmission-daemon", "transmission-daemon")?;
    let home = home();
    let watched = home.path().join("watched");
    fs::create_dir(&watched).expect("a folder in a temporary folder");
    let settings = json!({
        "bind-address-ipv4": namespace.address().to_string(),
        "peer-port": PORT,
        "download-dir": dir,
        "watch-dir": watched,
        "watch-dir-enabled": true,
        "rpc-enabled": false,
        "dht-enabled": false,
        "lpd-enabled": false,
        "pex-enabled": false,
        "utp-enabled": false,
        "port-forwarding-enabled": false,
    });
    fs::write(home.path().join("settings.json"), settings.to_string()).expect("a file in a temporary folder");
    let file = match torrent.parse::<Magnet>() {
        Ok(magnet) => kept_magnet(&magnet),
        Err(_) => fs::read(torrent).expect("the torrent file"),
    };
    fs::write(watched.join("lesson.torrent"), file).expect("a file in a temporary folder");
    let mut command = namespace.command("transmission-daemon");
    command.arg("--foreground").arg("--log-debug").arg("--config-dir").arg(home.path());
    run("transmission", command, dir, home)
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
