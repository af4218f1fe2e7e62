//! What a running peer can be told, and who hears what it has to say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use events::Event;
use metainfo::Info;
use model::{Rate, Time};
use node::{JoinOptions, Persona, TorrentKey, TorrentSource};
use tokio::sync::oneshot;

/// A wish of whoever runs the peer. When the last sender is gone the peer leaves.
#[derive(Debug)]
pub enum PeerCommand {
    /// Take part in a torrent whose content lies, or shall lie, in `dir`.
    Join {
        /// The torrent, or its name only.
        source: TorrentSource,
        /// The folder that holds, or shall hold, the torrent's file or folder.
        dir: PathBuf,
        /// How to take part.
        options: JoinOptions,
        /// Hears the torrent's key, or why not in words for a person.
        reply: Option<oneshot::Sender<Result<TorrentKey, String>>>,
    },
    /// Dial this peer for one torrent, or for each.
    AddPeer { torrent: Option<TorrentKey>, addr: SocketAddr },
    /// Hear the torrent's info dictionary as soon as it is known: of a magnet link once it came from a
    /// peer (BEP 9). The sender is dropped where there is no such torrent.
    Describe { torrent: TorrentKey, reply: oneshot::Sender<Arc<Info>> },
    /// Change both limits, in bytes per second; `None` means unlimited.
    SetLimit { up: Option<Rate>, down: Option<Rate> },
    /// Behave otherwise from here on.
    SetPersona(Persona),
    /// Say goodbye to trackers and peers, and end.
    Leave,
}

/// Hears the events of a peer. A closure `FnMut(Time, Event)` is one.
pub trait EventSink: Send {
    /// Something happened.
    fn event(&mut self, now: Time, event: Event);

    /// Nothing more happens for the moment: a good time to pass on what was heard.
    fn pause(&mut self) {}
}

impl<F: FnMut(Time, Event) + Send> EventSink for F {
    fn event(&mut self, now: Time, event: Event) {
        self(now, event);
    }
}
