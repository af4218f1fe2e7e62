//! `swarmlab torrent create|show|magnet|verify`: the four things to do with a .torrent file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use metainfo::Metainfo;
use model::ByteCount;
use net::{FileState, VerifiedFile};
use serde_json::{Value, json};

use crate::cli;
use crate::output::{Align, table};

pub(crate) fn torrent(verb: &cli::Torrent) -> anyhow::Result<ExitCode> {
    match verb {
        cli::Torrent::Create(args) => create(args),
        cli::Torrent::Show(args) => show(args),
        cli::Torrent::Magnet(args) => magnet(args),
        cli::Torrent::Verify(args) => verify(args),
    }
}

fn create(args: &cli::Create) -> anyhow::Result<ExitCode> {
    let failed = || format!("make a torrent of {}", args.path.display());
    let content = net::Content::find(&args.path).with_context(failed)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.torrent", content.name())));
    if output.exists() && !args.force {
        bail!("{} is there already: add --force to replace it, or -o FILE to write another", output.display());
    }
    let builder = builder(args, &content)?;
    let bar = hash_bar(content.total(), args.json);
    let torrent = content.make(&builder, |progress| bar.set_position(progress.done.0)).with_context(failed)?;
    bar.finish_and_clear();
    let bytes = torrent.to_bytes();
    std::fs::write(&output, bytes).with_context(|| format!("write {}", output.display()))?;
    for skipped in content.skipped() {
        anstream::eprintln!("left out: {} is neither a file nor a folder", skipped.display());
    }
    if args.json {
        let mut made = as_json(&torrent);
        made["torrent"] = json!(output);
        made["skipped"] = json!(content.skipped());
        println!("{made}");
        return Ok(ExitCode::SUCCESS);
    }
    let info = &torrent.info;
    println!("{}", output.display());
    println!("info-hash  {}", info.info_hash());
    println!("content    {}, {}", info.total_length(), lab::describe::count(content.file_count() as u32, "file"));
    println!("pieces     {} of {}", info.piece_count(), ByteCount(info.piece_length().into()));
    println!("magnet     {}", torrent.magnet());
    if torrent.announce.is_empty() {
        println!("\nIt names no tracker, so peers will not find each other by it: add --announce URL.");
    } else {
        let dir = args.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        println!("\nSeed it with: swarmlab peer {} --dir {}", output.display(), dir.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn builder(args: &cli::Create, content: &net::Content) -> anyhow::Result<metainfo::Builder> {
    let mut builder = content.builder();
    if let Some(piece) = args.piece {
        builder.piece_length = u32::try_from(piece.0).context("a piece of 4 GiB or more is too large")?;
    }
    let tier = |urls: &String| -> Vec<String> { urls.split(',').map(|url| url.trim().to_owned()).collect() };
    builder.announce = args.announce.iter().map(tier).collect();
    for url in builder.announce.iter().flatten() {
        if !url.contains("://") {
            bail!("{url:?} is no address of a tracker: write it like udp://192.168.1.20:6969");
        }
    }
    builder.private = args.private;
    builder.comment.clone_from(&args.comment);
    builder.source.clone_from(&args.source);
    builder.web_seeds.clone_from(&args.web_seed);
    builder.created_by = Some(concat!("Swarmlab ", env!("CARGO_PKG_VERSION")).to_owned());
    if !args.no_date {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        builder.creation_date = i64::try_from(now.as_secs()).ok();
    }
    Ok(builder)
}

fn verify(args: &cli::Verify) -> anyhow::Result<ExitCode> {
    let torrent = read(&args.torrent)?;
    let bar = hash_bar(torrent.info.total_length(), args.json);
    let info = Arc::new(torrent.info);
    let found = net::verify(&info, &args.dir, |progress| bar.set_position(progress.done.0));
    bar.finish_and_clear();
    let right = found.is_right();
    if args.json {
        let files: Vec<Value> = found.files.iter().map(verified_file).collect();
        let (good, all) = (found.pieces.count(), info.piece_count());
        println!("{}", json!({ "right": right, "pieces-right": good, "pieces": all, "files": files }));
    } else {
        let wrong = found.files.iter().filter(|file| file.state != FileState::Right);
        wrong.for_each(|file| println!("{} {}", file.path.display(), file.state));
        println!("{} of {} pieces are right", found.pieces.count(), info.piece_count());
        if right {
            println!("Everything is there, byte for byte.");
        }
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::from(NOT_RIGHT) })
}

fn verified_file(file: &VerifiedFile) -> Value {
    let right = file.state == FileState::Right;
    json!({ "path": file.path, "bytes": file.length.0, "right": right, "state": file.state.to_string() })
}

/// Reading a large folder takes a while: a bar on a terminal, nothing elsewhere.
fn hash_bar(total: ByteCount, json: bool) -> ProgressBar {
    if json || total.0 < BAR_FROM_BYTES {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("hashing {bar:40.cyan} {percent:>3} %  {bytes} of {total_bytes}, {eta} to go");
    ProgressBar::new(total.0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(args: &cli::ShowTorrent) -> anyhow::Result<ExitCode> {
    let torrent = read(&args.torrent)?;
    if args.json {
        println!("{}", as_json(&torrent));
    } else {
        print!("{}", as_text(&torrent));
    }
    Ok(ExitCode::SUCCESS)
}

fn magnet(args: &cli::MagnetOf) -> anyhow::Result<ExitCode> {
    let magnet = read(&args.torrent)?.magnet();
    if args.json {
        println!("{}", json!({ "magnet": magnet.to_string(), "info-hash": magnet.info_hash.to_string() }));
    } else {
        println!("{magnet}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a .torrent file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Metainfo> {
    let bytes = std::fs::read(path).with_context(|| format!("read the torrent {}", path.display()))?;
    Metainfo::from_bytes(&bytes).with_context(|| format!("{} is no torrent that can be used", path.display()))
}

fn as_text(torrent: &Metainfo) -> String {
    let info = &torrent.info;
    let mut rows = vec![
        ("name", info.name().to_owned()),
        ("info-hash", info.info_hash().to_string()),
        ("size", format!("{} ({} bytes)", info.total_length(), info.total_length().0)),
        ("pieces", format!("{} of {}", info.piece_count(), ByteCount(info.piece_length().into()))),
        (
            "private",
            if info.is_private() { "yes: peers come from the tracker alone (BEP 27)" } else { "no" }.to_owned(),
        ),
    ];
    if torrent.announce.is_empty() {
        rows.push(("tracker", "none".to_owned()));
    }
    for (tier, urls) in torrent.announce.iter().enumerate() {
        let name = if tier == 0 { "tracker" } else { "then" };
        rows.push((name, urls.join("  ")));
    }
    rows.extend(torrent.web_seeds.iter().map(|url| ("web seed", url.clone())));
    rows.extend(info.source().map(|source| ("source", source.to_owned())));
    rows.extend(torrent.comment.iter().map(|comment| ("comment", comment.clone())));
    rows.extend(torrent.created_by.iter().map(|by| ("made with", by.clone())));
    rows.extend(torrent.creation_date.and_then(date).map(|date| ("made at", date)));
    rows.push(("magnet", torrent.magnet().to_string()));

    let mut text = String::new();
    for (name, value) in rows {
        // Text in a torrent is its maker's: it must not steer the terminal.
        let value: String = value.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
        let _infallible = writeln!(text, "{name:<10} {value}");
    }
    let files: Vec<Vec<String>> = info
        .files()
        .iter()
        .filter(|file| !file.pad)
        .map(|file| vec![ByteCount(file.length).to_string(), file.length.to_string(), file.path.to_string()])
        .collect();
    let heading = if info.is_single_file() { "file" } else { "file (below the folder)" };
    text.push('\n');
    text.push_str(&table(&[("size", Align::Right), ("bytes", Align::Right), (heading, Align::Left)], &files));
    text
}

fn as_json(torrent: &Metainfo) -> Value {
    let info = &torrent.info;
    let files: Vec<Value> = info
        .files()
        .iter()
        .filter(|file| !file.pad)
        .map(|file| json!({ "path": file.path.to_string(), "bytes": file.length }))
        .collect();
    json!({
        "name": info.name(),
        "info-hash": info.info_hash().to_string(),
        "bytes": info.total_length().0,
        "pieces": info.piece_count(),
        "piece-bytes": info.piece_length(),
        "private": info.is_private(),
        "single-file": info.is_single_file(),
        "announce": torrent.announce,
        "web-seeds": torrent.web_seeds,
        "source": info.source(),
        "comment": torrent.comment,
        "created-by": torrent.created_by,
        "creation-date": torrent.creation_date,
        "magnet": torrent.magnet().to_string(),
        "files": files,
    })
}

fn date(seconds: i64) -> Option<String> {
    let since_1970 = Duration::from_secs(u64::try_from(seconds).ok()?);
    UNIX_EPOCH.checked_add(since_1970).map(lab::folder::utc)
}

/// Content that takes less than a moment to hash needs no bar.
const BAR_FROM_BYTES: u64 = 64 << 20;

/// Exit code of a content that is not what the torrent describes.
const NOT_RIGHT: u8 = 1;
