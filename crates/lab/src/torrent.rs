//! The torrent of a run: made from the content before it, compared with the disks after it. Both
//! read a lot, so both happen beside the loop.

use std::path::Path;
use std::sync::Arc;

use metainfo::{Info, Metainfo};
use scenario::{ContentSource, Plan};

use crate::content::{Content, ContentError};
use crate::folder::RunFolder;

/// Why there is no torrent.
#[derive(Debug, thiserror::Error)]
pub enum TorrentError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("make a torrent of {path}")]
    Create { path: String, source: net::CreateError },
    #[error("{path} holds only empty files: there is nothing to share")]
    Empty { path: String },
    #[error("the thread that made the content broke off")]
    Lost,
}

/// Makes the content, unless it was found, and a torrent of it that names no tracker yet.
pub(crate) async fn make(
    plan: &Plan,
    scenario: &str,
    folder: &RunFolder,
    found: Option<Content>,
) -> Result<(Content, Metainfo), TorrentError> {
    let (source, seed, piece) = (plan.content.source.clone(), plan.seed, plan.content.piece);
    let name = plan.content.name.clone().unwrap_or_else(|| default_name(scenario, &source));
    let made_in = folder.content();
    let comment = plan.title.clone();
    let work = move || {
        let content = match found {
            Some(content) => content,
            None => Content::make(&source, &made_in, &name, seed)?,
        };
        let path = content.path.display().to_string();
        let failed = |source| TorrentError::Create { path: path.clone(), source };
        let files = net::Content::find(&content.path).map_err(failed)?;
        let mut builder = files.builder();
        if let Some(piece) = piece {
            builder.piece_length = u32::try_from(piece.0).unwrap_or(u32::MAX);
        }
        builder.comment = Some(comment);
        builder.created_by = Some(concat!("Swarmlab ", env!("CARGO_PKG_VERSION")).to_owned());
        let metainfo = files.make(&builder, |_| {}).map_err(failed)?;
        if metainfo.info.piece_count() == 0 {
            return Err(TorrentError::Empty { path });
        }
        Ok((content, metainfo))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(TorrentError::Lost))
}

/// True when all that the torrent describes lies in `dir`, byte for byte.
pub(crate) async fn is_whole(info: &Arc<Info>, dir: &Path) -> bool {
    let (info, dir) = (Arc::clone(info), dir.to_owned());
    tokio::task::spawn_blocking(move || net::verify(&info, &dir, |_| {}).is_right()).await.unwrap_or(false)
}

/// What made-up content is called: the scenario's name.
fn default_name(scenario: &str, source: &ContentSource) -> String {
    let stem = crate::folder::slug(scenario);
    match source {
        ContentSource::Tree { .. } => stem,
        _ => format!("{stem}.bin"),
    }
}
