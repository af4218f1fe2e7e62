//! One run, from the call to its summary: is it possible here, make the content and its torrent, let
//! it be performed, write down what came of it, clear up.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use scenario::{Client, Plan, World};
use sim::content::CONTENT_MAX;
use tokio::sync::watch;

use crate::audience::Audience;
use crate::content::{Content, ContentError};
use crate::folder::{FolderError, RunFolder};
use crate::performance::{Performance, Props};
use crate::report::{blank, nothing_played, preparation};
use crate::simulation::Simulation;
use crate::stage::StageError;
use crate::summary::{Outcome, Summary};
use crate::torrent::{self, TorrentError};

/// What to know beside the plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the run folder is called after.
    pub scenario: String,
    /// The folder that relative paths in the scenario start from.
    pub base: PathBuf,
    pub world: World,
    /// A file or folder to share in place of the scenario's content.
    pub content: Option<PathBuf>,
    /// Where run folders go.
    pub runs: PathBuf,
    /// Keep content and downloads of a run that passed.
    pub keep: bool,
    /// The executable that can be a tracker and a peer: `swarmlab`.
    pub program: PathBuf,
    /// The clients that this executable can be.
    pub clients: Vec<Client>,
    /// So many times as fast as real time, where time is simulated; as fast as can be where `None`.
    pub speed: Option<u32>,
}

/// Why a plan was not played at all.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl PlayError {
    /// 2 when the call is wrong, 4 when the machine refuses.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Content(error) if error.is_the_callers() => 2,
            _ => 4,
        }
    }
}

/// Why a run broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broke {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Torrent(#[from] TorrentError),
    #[error("write {path}")]
    Write { path: String, source: io::Error },
    #[error("stopped by Ctrl-C")]
    Stopped,
}

/// Plays `plan` to its end. `interrupts` counts how often the person at the keyboard wanted it to
/// end: once is in good order, twice is at once.
///
/// # Errors
/// Nothing could be played. What goes wrong later is in the summary.
pub async fn play(
    plan: &Plan,
    settings: &Settings,
    audience: &mut dyn Audience,
    interrupts: watch::Receiver<u32>,
) -> Result<Summary, PlayError> {
    let started = Instant::now();
    let reasons = unsupported(plan, settings);
    if !reasons.is_empty() {
        let now = crate::folder::utc(SystemTime::now());
        return Ok(nothing_played(plan, settings, &reasons, now));
    }
    let content = Content::find(&plan.content, &settings.base, settings.content.as_deref())?;
    let now = SystemTime::now();
    let folder = RunFolder::create(&settings.runs, &settings.scenario, now)?;
    let mut summary = blank(plan, settings, crate::folder::utc(now));
    summary.folder = Some(folder.path().to_owned());

    let outcome = perform(plan, settings, audience, interrupts, &folder, content, &mut summary).await;
    summary.outcome = match outcome {
        Ok(()) => Outcome::of(&summary.checks),
        Err(Broke::Stopped) => Outcome::Stopped,
        Err(broke) => {
            summary.ended_because = Some(broke.to_string());
            Outcome::Broke
        }
    };
    summary.exit_code = summary.outcome.exit_code();
    let is_of_use = match summary.outcome {
        Outcome::Passed => false,
        // While content is still being made it can't be removed.
        Outcome::Stopped => summary.processes.is_empty(),
        Outcome::Failed | Outcome::Undecided | Outcome::Broke => true,
    };
    summary.kept = settings.keep || is_of_use;
    if !summary.kept && folder.remove_bulk().is_err() {
        summary.kept = true;
    }
    summary.seconds = started.elapsed().as_secs_f64();
    if let Err(error) = write_summary(&folder, &summary) {
        summary.outcome = Outcome::Broke;
        summary.exit_code = Outcome::Broke.exit_code();
        summary.ended_because = Some(error.to_string());
    }
    Ok(summary)
}

async fn perform(
    plan: &Plan,
    settings: &Settings,
    audience: &mut dyn Audience,
    mut interrupts: watch::Receiver<u32>,
    folder: &RunFolder,
    found: Option<Content>,
    summary: &mut Summary,
) -> Result<(), Broke> {
    write(&folder.plan(), plan.to_yaml().as_bytes())?;
    audience.remark(&preparation(plan, found.as_ref()));
    if settings.world == World::Sim {
        let making = torrent::make_in_memory(plan, &settings.scenario, found);
        let (content, metainfo) = with_signs_of_life(making, audience, &mut interrupts).await?;
        return Simulation::new(plan, folder, metainfo, content)?
            .play_and_close(settings.speed, audience, interrupts, summary)
            .await;
    }
    let making = torrent::make(plan, &settings.scenario, folder, found);
    let made = with_signs_of_life(making, audience, &mut interrupts).await?;
    let props = Props { plan, program: &settings.program, folder, made };
    Performance::new(props, audience, interrupts)?.play_and_close(summary).await
}

/// Why this plan can't be played here.
pub fn unsupported(plan: &Plan, settings: &Settings) -> Vec<String> {
    let mut reasons = plan.unsupported_in(settings.world);
    if !matches!(settings.world, World::Local | World::Sim) {
        reasons.push(format!("this version plays worlds local and sim only, not {}", settings.world));
    }
    if settings.world == World::Sim && plan.content.source.size().is_some_and(|size| size > CONTENT_MAX) {
        reasons.push(format!("world sim keeps its content in memory, {CONTENT_MAX} at most"));
    }
    let mut missing: Vec<Client> = plan.cast.iter().map(|member| member.client).collect();
    missing.retain(|client| !settings.clients.contains(client));
    missing.sort_unstable();
    missing.dedup();
    reasons.extend(missing.iter().map(|client| format!("this program was built without client {client}")));
    reasons
}

/// Waits for the preparations; tells every second that they go on.
async fn with_signs_of_life<T>(
    work: impl Future<Output = Result<T, TorrentError>>,
    audience: &mut dyn Audience,
    interrupts: &mut watch::Receiver<u32>,
) -> Result<T, Broke> {
    let mut work = std::pin::pin!(work);
    let began = Instant::now();
    loop {
        tokio::select! {
            done = &mut work => return Ok(done?),
            Ok(()) = interrupts.changed() => {
                audience.remark("stopping");
                return Err(Broke::Stopped);
            }
            () = tokio::time::sleep(SIGN_OF_LIFE) => {
                audience.remark(&format!("still at it ({:.0} s)", began.elapsed().as_secs_f64()));
            }
        }
    }
}

fn write_summary(folder: &RunFolder, summary: &Summary) -> Result<(), Broke> {
    let path = folder.summary();
    let failed = |source| Broke::Write { path: path.display().to_string(), source };
    let text = serde_json::to_string_pretty(summary).map_err(|error| failed(io::Error::other(error)))?;
    write(&path, format!("{text}\n").as_bytes())
}

/// Writes a file of the run folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Broke> {
    std::fs::write(path, bytes).map_err(|source| Broke::Write { path: path.display().to_string(), source })
}

/// How often preparations are said to go on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
