//! A run folder to read: two peers under glass, and no real time spent.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use node::{Encryption, Glass, Methods, Policy, TorrentSource};

use crate::{Table, content, torrent_of};

/// Alice dials Bob, who has the file, and fetches it; what both recorded goes to `folder`, with the keys.
///
/// # Errors
/// The disk refuses.
///
/// # Panics
/// When the policies keep Alice from ever having the file.
pub fn record_run(folder: &Path, alice: Policy, bob: Policy) -> io::Result<()> {
    let bytes = content(7, 400_000);
    let torrent = Arc::new(torrent_of(&bytes, 32 * 1024, "udp://10.9.9.9:1/announce"));
    let mut table = Table::new(Duration::from_millis(10));
    for (name, policy, bytes) in [("bob", bob, &bytes[..]), ("alice", alice, &[])] {
        table.seat(name, |config| {
            config.encryption = Encryption { policy, methods: Methods::ALL };
            config.glass = Glass { wire: true, keys: true };
        });
        table.join(name, TorrentSource::Metainfo(Arc::clone(&torrent)), bytes);
    }
    let addr = table.addr("bob");
    let key = *table.seat_mut("alice").disks.keys().next().expect("alice has joined");
    table.with("alice", |node, now| node.add_peer(now, key, addr));
    assert!(table.run_until(Duration::from_secs(60), |table| table.complete_at("alice").is_some()));
    table.write_run(folder)
}
