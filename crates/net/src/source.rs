//! What a person or a controller names as a torrent: the path of a `.torrent` file, or a magnet link.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use metainfo::{Magnet, MagnetError, Metainfo, MetainfoError};
use model::bound::TORRENT_FILE_BYTES_MAX;
use node::TorrentSource;

/// Why there is no torrent. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No such file, or not readable.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a torrent, or one that is not accepted.
    #[error("read {} as a torrent: {source}", path.display())]
    Torrent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<MetainfoError>,
    },
    /// A magnet link that names no torrent.
    #[error("understand the magnet link: {0}")]
    Magnet(#[from] MagnetError),
}

/// Finds the torrent that `text` names.
pub fn torrent_source(text: &str) -> Result<TorrentSource, SourceError> {
    if text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:")) {
        return Ok(TorrentSource::Magnet(text.parse::<Magnet>()?));
    }
    let path = PathBuf::from(text);
    let bytes = match read_bounded(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(SourceError::Read { path, source }),
    };
    match Metainfo::from_bytes(&bytes) {
        Ok(metainfo) => Ok(TorrentSource::Metainfo(Arc::new(metainfo))),
        Err(source) => Err(SourceError::Torrent { path, source: Box::new(source) }),
    }
}

/// One byte more than allowed is read, for the parser to refuse.
fn read_bounded(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TORRENT_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
