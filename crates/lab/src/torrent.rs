//! The torrent of a run: made from the content before it, compared with the disks after it. Both
//! read a lot, so both happen beside the loop.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use metainfo::{Info, Metainfo};
use scenario::{ContentSource, Plan};
use sim::Play;
use sim::content::CONTENT_MAX;

use crate::content::{Content, ContentError};
use crate::folder::RunFolder;
use crate::parcel::{Parcel, ParcelError, SharedParcel};

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
    #[error("read {path}")]
    Read { path: String, source: std::io::Error },
    #[error(transparent)]
    InMemory(#[from] sim::content::ContentError),
    #[error(transparent)]
    Changed(#[from] sim::OriginalError),
    #[error(transparent)]
    Parcel(#[from] ParcelError),
}

/// What peers share, complete but for the tracker's address.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) content: Content,
    pub(crate) metainfo: Metainfo,
    /// Where `content` is an archive.
    pub(crate) parcel: SharedParcel,
}

/// Makes the content, unless it was found; packs it if the plan says so; and makes a torrent of it that names no tracker yet.
pub(crate) async fn make(
    plan: &Plan,
    scenario: &str,
    folder: &RunFolder,
    found: Option<Content>,
) -> Result<Made, TorrentError> {
    let (plan, name, made_in, packed_in) = (plan.clone(), name(plan, scenario), folder.content(), folder.archive());
    let work = move || {
        let content = match found {
            Some(content) => content,
            None => Content::make(&plan.content.source, &made_in, &name, plan.seed)?,
        };
        if plan.content.archive {
            let piece = plan.content.piece.and_then(|piece| u32::try_from(piece.0).ok());
            let (parcel, content, metainfo) = Parcel::pack(&content, &packed_in, &name, piece)?;
            return Ok(Made { content, metainfo, parcel: Some(Arc::new(parcel)) });
        }
        let metainfo = torrent_of(&plan, &content)?;
        Ok(Made { content, metainfo, parcel: None })
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(TorrentError::Lost))
}

/// Reads and hashes content that lies on a disk.
fn torrent_of(plan: &Plan, content: &Content) -> Result<Metainfo, TorrentError> {
    let path = content.path.display().to_string();
    let failed = |source| TorrentError::Create { path: path.clone(), source };
    let files = net::Content::find(&content.path).map_err(failed)?;
    let mut builder = files.builder();
    if let Some(piece) = plan.content.piece {
        builder.piece_length = u32::try_from(piece.0).unwrap_or(u32::MAX);
    }
    builder.comment = Some(plan.title.clone());
    builder.created_by = Some(CREATED_BY.to_owned());
    let metainfo = files.make(&builder, |_| {}).map_err(failed)?;
    if metainfo.info.piece_count() == 0 {
        return Err(TorrentError::Empty { path });
    }
    Ok(metainfo)
}

/// Makes or reads the content, all of it into memory unless it is elided, and a torrent of it that names no tracker
/// yet. Made-up content never touches a disk.
pub(crate) async fn make_in_memory(
    plan: &Plan,
    scenario: &str,
    found: Option<Content>,
) -> Result<(Option<Bytes>, Metainfo), TorrentError> {
    let (plan, scenario) = (plan.clone(), scenario.to_owned());
    let work = move || match found {
        Some(content) => read_in(&plan, &content),
        None => make_up(&plan, &scenario),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(TorrentError::Lost))
}

/// Content that lies on a disk, and its torrent.
pub(crate) fn read_in(plan: &Plan, content: &Content) -> Result<(Option<Bytes>, Metainfo), TorrentError> {
    let metainfo = torrent_of(plan, content)?;
    Ok((Some(read_all(&metainfo.info, &content.dir)?), metainfo))
}

/// Content that is made up from the plan's seed, unless it is elided, and its torrent.
pub(crate) fn make_up(plan: &Plan, scenario: &str) -> Result<(Option<Bytes>, Metainfo), TorrentError> {
    let (content, name) = (&plan.content, name(plan, scenario));
    let (mut metainfo, bytes) = if content.elide {
        (sim::content::torrent(content, &name, plan.seed)?, None)
    } else {
        let (metainfo, bytes) = sim::content::make(content, &name, plan.seed)?;
        (metainfo, Some(bytes))
    };
    metainfo.comment = Some(plan.title.clone());
    metainfo.created_by = Some(CREATED_BY.to_owned());
    Ok((bytes, metainfo))
}

/// Sets the stage of a simulated run, with this content or, where there is none, with elided one.
pub(crate) fn stage(plan: &Plan, metainfo: Metainfo, content: Option<Bytes>) -> Result<Play, TorrentError> {
    match content {
        Some(content) => Ok(Play::new(plan, metainfo, content)?),
        None => Ok(Play::elided(plan, metainfo)),
    }
}

/// The torrent's files in a row.
fn read_all(info: &Info, dir: &Path) -> Result<Bytes, TorrentError> {
    let total = info.total_length();
    if total > CONTENT_MAX {
        return Err(sim::content::ContentError::TooLarge(total).into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(total.0).unwrap_or_default());
    for (i, file) in info.files().iter().enumerate() {
        if file.pad {
            bytes.resize(bytes.len() + usize::try_from(file.length).unwrap_or_default(), 0);
            continue;
        }
        let path = info.disk_path(dir, i);
        let read = std::fs::File::open(&path).and_then(|file| file.take(CONTENT_MAX.0).read_to_end(&mut bytes));
        read.map_err(|source| TorrentError::Read { path: path.display().to_string(), source })?;
    }
    Ok(bytes.into())
}

/// What the torrent is called.
fn name(plan: &Plan, scenario: &str) -> String {
    plan.content.name.clone().unwrap_or_else(|| default_name(scenario, &plan.content.source))
}

const CREATED_BY: &str = concat!("Swarmlab ", env!("CARGO_PKG_VERSION"));

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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[tokio::test]
    async fn content_made_in_memory_has_the_info_hash_of_content_made_on_disk() {
        for content in ["{ size: 300 kB }", "{ tree: { files: 40, size: 300 kB }, piece: 32 KiB }"] {
            let text = format!(
                "scenario: 1\ntitle: T\ncontent: {content}\ncast: {{ s: {{ role: seed }}, a: {{ role: leech }} }}\ncheck: [{{ hash-ok: a }}]\n"
            );
            let plan = scenario::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}"));
            let dir = tempfile::tempdir().unwrap();
            let folder = RunFolder::create(dir.path(), "t", SystemTime::now()).unwrap();
            let Made { content: found, metainfo: on_disk, .. } = make(&plan, "t", &folder, None).await.unwrap();
            let (made_up, in_memory) = make_in_memory(&plan, "t", None).await.unwrap();
            assert_eq!(in_memory, on_disk, "{content}");
            let (read, of_found) = make_in_memory(&plan, "t", Some(found)).await.unwrap();
            assert!(read == made_up && of_found == on_disk, "{content}");
        }
    }
}
