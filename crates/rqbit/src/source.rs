//! What to join: a torrent file or a magnet link, with its trackers taken out.

use std::path::{Path, PathBuf};

use metainfo::{Magnet, Metainfo, MetainfoError};
use model::InfoHash;
use model::bound::TORRENT_FILE_BYTES_MAX;

/// Why there is nothing to join.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Magnet(#[from] metainfo::MagnetError),
    #[error("{0}")]
    Torrent(#[from] MetainfoError),
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error("the file has {0} bytes: no torrent is that large")]
    Size(u64),
}

/// A torrent, as far as it is known.
#[derive(Debug)]
pub(crate) enum Source {
    Torrent(Box<Metainfo>),
    Magnet(Magnet),
}

impl Source {
    /// From the path of a `.torrent` file, or a magnet link.
    pub(crate) fn read(torrent: &str) -> Result<Self, SourceError> {
        if torrent.starts_with("magnet:") {
            return Ok(Self::Magnet(torrent.parse()?));
        }
        let bytes = std::fs::metadata(torrent)?.len();
        if bytes > TORRENT_FILE_BYTES_MAX as u64 {
            return Err(SourceError::Size(bytes));
        }
        Ok(Self::Torrent(Box::new(Metainfo::from_bytes(&std::fs::read(torrent)?)?)))
    }

    pub(crate) fn info_hash(&self) -> InfoHash {
        match self {
            Self::Torrent(metainfo) => metainfo.info.info_hash(),
            Self::Magnet(magnet) => magnet.info_hash,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Torrent(metainfo) => Some(metainfo.info.name()),
            Self::Magnet(magnet) => magnet.name.as_deref(),
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Self::Torrent(metainfo) if metainfo.info.is_private())
    }

    pub(crate) fn trackers(&self) -> Vec<String> {
        match self {
            Self::Torrent(metainfo) => metainfo.announce.iter().flatten().cloned().collect(),
            Self::Magnet(magnet) => magnet.trackers.clone(),
        }
    }
}

/// The torrent with other trackers and nothing else that leads out of the lab. The info dictionary,
/// and with it the info-hash, stays as it is.
pub(crate) fn with_trackers(metainfo: &Metainfo, trackers: Vec<String>) -> Metainfo {
    Metainfo {
        info: metainfo.info.clone(),
        announce: if trackers.is_empty() { vec![] } else { vec![trackers] },
        comment: None,
        created_by: None,
        creation_date: None,
        web_seeds: vec![],
    }
}

/// The same for a link.
pub(crate) fn magnet_with_trackers(magnet: &Magnet, trackers: Vec<String>) -> Magnet {
    Magnet { info_hash: magnet.info_hash, name: magnet.name.clone(), trackers, web_seeds: vec![], peers: vec![] }
}

/// Where librqbit must put this torrent's files so that they lie where every client of the lab has
/// them: a single file in `dir`, a folder's files in `dir/name`. Left to itself it puts a
/// folder of one file directly into `dir`.
pub(crate) fn output_folder(metainfo: &Metainfo, dir: &Path) -> PathBuf {
    if metainfo.info.is_single_file() { dir.to_owned() } else { dir.join(metainfo.info.name()) }
}
