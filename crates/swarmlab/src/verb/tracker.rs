//! `swarmlab tracker`: the private tracker, under control of a run or on its own for a person.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use events::{Event, Record};
use model::{InfoHash, Time};
use net::{Clock, Fence, TrackerOptions};
use tokio::sync::mpsc;
use tracker::Allowed;

use super::peer::{some_seed, warn_of_the_public};
use super::torrent;
use lab::{guard, interrupt};

use crate::{cli, output};

pub(crate) fn tracker(args: &cli::Tracker) -> anyhow::Result<ExitCode> {
    let options = options(args)?;
    if args.public {
        warn_of_the_public();
    }
    if args.member.control {
        guard::end_with_parent();
        net::run_controlled_tracker(options).map_err(|error| anyhow!("failed to {error}"))?;
    } else {
        alone(args, options)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn options(args: &cli::Tracker) -> anyhow::Result<TrackerOptions> {
    let hashes = args.allow.iter().map(|allowed| info_hash(allowed)).collect::<anyhow::Result<BTreeSet<_>>>()?;
    if !args.open && !args.member.control && hashes.is_empty() {
        bail!("no torrent to answer for: add --allow FILE.torrent, or --open to answer for any");
    }
    Ok(TrackerOptions {
        name: name(args),
        listen: args.listen.clone(),
        allowed: if args.open { Allowed::Any } else { Allowed::Only(hashes) },
        interval: args.interval,
        seed: args.seed.unwrap_or_else(some_seed),
        fence: if args.public { Fence::public() } else { Fence::lab() },
        clock: args.member.epoch_micros.map_or_else(Clock::start, Clock::since_unix_micros),
    })
}

/// Forty hexadecimal characters, or a .torrent file.
fn info_hash(text: &str) -> anyhow::Result<InfoHash> {
    let path = Path::new(text);
    match text.parse() {
        Ok(hash) if !path.is_file() => Ok(hash),
        Err(why) if !path.exists() => bail!("{text:?} is neither a file nor an info-hash: {why}"),
        _ => Ok(torrent::read(path)?.info.info_hash()),
    }
}

/// A tracker for a person: it has a thread, this one shows what it does.
fn alone(args: &cli::Tracker, options: TrackerOptions) -> anyhow::Result<()> {
    let name = name(args);
    let (pen, events) = mpsc::unbounded_channel();
    let (commands, orders) = mpsc::channel(1);
    let sink = move |time: Time, event: Event| drop(pen.send((time, event)));
    let server = std::thread::Builder::new()
        .name("tracker".to_owned())
        .spawn(move || net::run_tracker(options, Box::new(sink), orders))
        .context("start a thread")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(show(args, &name, events, commands));
    match server.join() {
        Ok(result) => result.map_err(|error| anyhow!("failed to {error}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn show(
    args: &cli::Tracker,
    name: &str,
    mut events: mpsc::UnboundedReceiver<(Time, Event)>,
    commands: mpsc::Sender<events::Control>,
) {
    let mut interrupts = interrupt::count();
    // The tracker ends when the last sender is gone.
    let mut commands = Some(commands);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some((time, event)) => tell(args, &Record { time, peer: name.to_owned(), event }),
                None => return,
            },
            Ok(()) = interrupts.changed() => drop(commands.take()),
        }
        if *interrupts.borrow() > 1 {
            return;
        }
    }
}

fn tell(args: &cli::Tracker, record: &Record) {
    if args.json {
        // A reader that went away does not end the tracker.
        let _gone = writeln!(std::io::stdout(), "{record}");
        return;
    }
    match &record.event {
        Event::Started { listen, .. } => {
            anstream::println!("The tracker is up. Put this address into torrents:\n\n    udp://{listen}/announce\n");
            if listen.ip().is_unspecified() {
                anstream::println!("(with this machine's own address in place of {})\n", listen.ip());
            }
            anstream::println!("Each line below is a client that asked. Ctrl-C ends it.");
        }
        _ => {
            if let Some(sentence) = lab::describe::describe(record) {
                anstream::println!("{}", output::line(record.time, &sentence));
            }
        }
    }
}

fn name(args: &cli::Tracker) -> String {
    args.member.name.clone().unwrap_or_else(|| lab::TRACKER_NAME.to_owned())
}
