//! One torrent of the session, from the join to the end: looks at librqbit ten times a second and
//! tells what is news.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::Event;
use librqbit::storage::StorageFactoryExt;
use librqbit::{AddTorrent, AddTorrentOptions, AddTorrentResponse, Api, ManagedTorrent, Session, TorrentStats};
use metainfo::{Magnet, Metainfo};
use model::{ByteCount, InfoHash, Rate};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use url::Url;

use crate::found::Found;
use crate::given::Given;
use crate::ledger::{Facts, Ledger, State};
use crate::source::{self, Source, SourceError};
use crate::storage::Watched;
use crate::voice::Voice;
use crate::window::{Magnets, Windows};

/// What all torrents of a session share.
pub(crate) struct Stage {
    pub(crate) session: Arc<Session>,
    pub(crate) voice: Voice,
    pub(crate) found: Found,
    pub(crate) given: Given,
    pub(crate) windows: Windows,
    pub(crate) magnets: Magnets,
    pub(crate) joined: Mutex<BTreeSet<InfoHash>>,
    /// True from when the session leaves.
    pub(crate) leaving: watch::Receiver<bool>,
}

impl Stage {
    async fn left(&self) {
        let mut leaving = self.leaving.clone();
        let _ended = leaving.wait_for(|leaving| *leaving).await;
    }
}

/// Takes part in a torrent until it fails or the session leaves.
///
/// # Errors
/// There is no such torrent. Whatever fails later is told as an event.
pub(crate) async fn take_part(stage: Arc<Stage>, torrent: &str, dir: &Path) -> Result<(), SourceError> {
    let source = Source::read(torrent)?;
    let info_hash = source.info_hash();
    if !stage.joined.lock().unwrap_or_else(PoisonError::into_inner).insert(info_hash) {
        stage.voice.note(format!("{info_hash} was joined already"));
        return Ok(());
    }
    let name = source.name().map(str::to_owned);
    stage.voice.say(Event::Joined { info_hash, name, private: source.is_private() });
    let begun = tokio::select! {
        begun = begin(&stage, source, dir) => begun,
        () = stage.left() => return Ok(()),
    };
    let ended = match begun {
        Ok(part) => part.live().await,
        Err(why) => Err(why),
    };
    if let Err(why) = ended {
        stage.voice.say(Event::Stopped { info_hash, why });
    }
    Ok(())
}

/// Looks the metadata up where only a link is known, hands the torrent to librqbit and waits for its check.
async fn begin(stage: &Arc<Stage>, source: Source, dir: &Path) -> Result<Part, String> {
    let mut trackers = source.trackers();
    if source.is_private() {
        // librqbit uses one tracker of a private torrent, and which one is left to chance.
        trackers.truncate(1);
    }
    let mut windows = Vec::new();
    for tracker in &trackers {
        windows.extend(stage.windows.open(tracker).await.map(Url::into));
    }
    let (metainfo, peers) = match source {
        Source::Torrent(metainfo) => (*metainfo, Vec::new()),
        Source::Magnet(magnet) => resolve(stage, &magnet, windows.clone()).await?,
    };
    let handle = add(stage, source::with_trackers(&metainfo, windows), peers, dir).await?;
    handle.wait_until_initialized().await.map_err(|why| format!("{why:#}"))?;
    let api = Api::new(stage.session.clone(), None);
    let part = Part { stage: stage.clone(), handle, api, ledger: Ledger::default(), told: None };
    let Standing { have, pieces, stats } = part.standing();
    stage.voice.say(Event::Checked { have, pieces, bytes: ByteCount(stats.progress_bytes) });
    Ok(part)
}

/// Gets the info dictionary from peers (BEP 9), and the peers that were met on the way.
async fn resolve(stage: &Stage, magnet: &Magnet, trackers: Vec<String>) -> Result<(Metainfo, Vec<SocketAddr>), String> {
    magnet.peers.iter().for_each(|peer| stage.given.add(*peer));
    stage.magnets.insert(magnet.info_hash);
    let link = source::magnet_with_trackers(magnet, trackers).to_string();
    let options = AddTorrentOptions { list_only: true, ..AddTorrentOptions::default() };
    let listed = stage.session.add_torrent(AddTorrent::from_url(link), Some(options)).await;
    stage.magnets.remove(magnet.info_hash);
    match listed {
        Ok(AddTorrentResponse::ListOnly(listed)) => {
            let metainfo = Metainfo::from_bytes(&listed.torrent_bytes).map_err(|why| why.to_string())?;
            let (bytes, name) = (metainfo.info.raw().len() as u32, metainfo.info.name().to_owned());
            stage.voice.say(Event::MetadataComplete { bytes, name });
            Ok((metainfo, listed.seen_peers))
        }
        Ok(_) => Err("librqbit has this torrent already".to_owned()),
        Err(why) => Err(format!("{why:#}")),
    }
}

async fn add(
    stage: &Stage,
    metainfo: Metainfo,
    peers: Vec<SocketAddr>,
    dir: &Path,
) -> Result<Arc<ManagedTorrent>, String> {
    let folder = source::output_folder(&metainfo, dir);
    let Some(folder_name) = folder.to_str() else {
        return Err(format!("librqbit takes only folders with Unicode names, not {}", folder.display()));
    };
    let options = AddTorrentOptions {
        output_folder: Some(folder_name.to_owned()),
        // Files that are there are checked, and what is right is kept and served.
        overwrite: true,
        initial_peers: Some(peers),
        storage_factory: Some(Watched { folder: folder.clone(), voice: stage.voice.clone() }.boxed()),
        ..AddTorrentOptions::default()
    };
    let added = stage.session.add_torrent(AddTorrent::from_bytes(metainfo.to_bytes()), Some(options)).await;
    added.map_err(|why| format!("{why:#}"))?.into_handle().ok_or_else(|| "librqbit did not take the torrent".to_owned())
}

/// A torrent that librqbit has checked and takes part in.
struct Part {
    stage: Arc<Stage>,
    handle: Arc<ManagedTorrent>,
    api: Api,
    ledger: Ledger,
    /// What the last progress said: pieces, bytes down, bytes up.
    told: Option<(u32, ByteCount, ByteCount)>,
}

struct Standing {
    have: u32,
    pieces: u32,
    stats: TorrentStats,
}

impl Part {
    /// # Errors
    /// The torrent failed, in librqbit's words.
    async fn live(mut self) -> Result<(), String> {
        let (stage, handle) = (self.stage.clone(), self.handle.clone());
        let mut left = pin!(stage.left());
        let mut completed = pin!(handle.wait_until_completed());
        let mut incomplete = !handle.stats().finished;
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0_u64.. {
            tokio::select! {
                () = &mut left => break,
                result = &mut completed, if incomplete => {
                    incomplete = false;
                    if result.is_ok() {
                        self.complete();
                    }
                }
                _ = looks.tick() => {
                    self.look();
                    if let Some(why) = self.handle.stats().error {
                        self.end();
                        return Err(why);
                    }
                    if look.is_multiple_of(LOOKS_PER_PROGRESS) {
                        self.tell_progress();
                    }
                }
            }
        }
        self.look();
        self.tell_progress();
        self.end();
        Ok(())
    }

    fn look(&mut self) {
        let Some(live) = self.handle.live() else { return };
        // The filter's type has no public name, but it reads itself from JSON.
        let Ok(everybody) = serde_json::from_str(r#"{"state":"all"}"#) else { return };
        let snapshot = live.per_peer_stats_snapshot(everybody);
        let peers = snapshot.peers.iter().filter_map(|(addr, peer)| {
            let facts = Facts {
                state: State::from_name(peer.state),
                dials: peer.counters.connection_attempts,
                outgoing: peer.counters.connections,
                incoming: peer.counters.incoming_connections,
                received: peer.counters.fetched_bytes,
                sent: peer.counters.uploaded_bytes,
            };
            Some((addr.parse().ok()?, facts))
        });
        for (addr, source, events) in self.ledger.look(peers) {
            self.stage.found.admit(addr, source);
            events.into_iter().for_each(|event| self.stage.voice.say(event));
        }
    }

    fn complete(&mut self) {
        self.look();
        self.tell_progress();
        let Standing { stats, .. } = self.standing();
        let (downloaded, uploaded) = moved(&stats);
        self.stage.voice.say(Event::Complete { bytes: ByteCount(stats.total_bytes), downloaded, uploaded });
    }

    fn tell_progress(&mut self) {
        let Standing { have, pieces, stats } = self.standing();
        let (downloaded, uploaded) = moved(&stats);
        let Some(live) = &stats.live else { return };
        let news = (have, downloaded, uploaded);
        if self.told.replace(news) == Some(news) {
            return;
        }
        let (down, up) = (Rate(live.download_speed.as_bytes()), Rate(live.upload_speed.as_bytes()));
        let peers = live.snapshot.peer_stats.live;
        self.stage.voice.say(Event::Progress { have, pieces, downloaded, uploaded, down, up, peers });
    }

    fn standing(&self) -> Standing {
        let stats = self.handle.stats();
        let haves = self.api.api_dump_haves(self.handle.id().into()).ok();
        let (have, pieces) = haves.map_or((0, 0), |(have, pieces)| (have.count_ones() as u32, pieces));
        Standing { have, pieces, stats }
    }

    fn end(&mut self) {
        self.ledger.close().into_iter().for_each(|event| self.stage.voice.say(event));
    }
}

/// Bytes of blocks down and up since the torrent began to take part.
fn moved(stats: &TorrentStats) -> (ByteCount, ByteCount) {
    let downloaded = stats.live.as_ref().map_or(0, |live| live.snapshot.fetched_bytes);
    (ByteCount(downloaded), ByteCount(stats.uploaded_bytes))
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

const LOOKS_PER_PROGRESS: u64 = 10;
