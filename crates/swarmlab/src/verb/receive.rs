//! `swarmlab receive`: what a friend shares is fetched, checked, unpacked with the password, and seeded on
//! for others.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use events::{Event, PeerView, Record, SwarmView};
use indicatif::{ProgressBar, ProgressStyle};
use lab::describe::{count, describe};
use metainfo::{Magnet, Metainfo};
use model::{ByteCount, PeerId, Rate, Time};
use net::{Clock, EventPen, EventSink as _, EventWriter, PeerCommand};
use node::TorrentSource;
use serde_json::{Value, json};
use share::archive::{Archive, Envelope, EnvelopeError, OpenError, UnpackError, UnpackOptions, Unpacked, free_space};
use share::{Enough, Ratio, SeedOn};

use super::archive as packed;
use super::peer::warn_of_the_public;
use crate::ask::{Answer, ask, somebody_is_there};
use crate::cli_share as cli;
use crate::our_peer::{OurPeer, Settings, some_peer_id, source};
use crate::work::{Bar, Interrupts, STOPPED, files, folders, printable, stopped};
use crate::{output, password};

pub(crate) fn receive(args: &cli::Receive) -> anyhow::Result<ExitCode> {
    let interrupts = Interrupts::listen()?;
    if args.net.public {
        warn_of_the_public();
    }
    let receiver = Receiver { args, interrupts, clock: Clock::start(), peer_id: some_peer_id() };
    let torrent = match net::torrent_source(&args.torrent).map_err(|error| anyhow!("failed to {error}"))? {
        TorrentSource::Metainfo(torrent) => torrent.as_ref().clone(),
        TorrentSource::Magnet(magnet) => match receiver.look_up(&magnet)? {
            Some(torrent) => torrent,
            None => return Ok(stopped("nothing was fetched")),
        },
    };
    let peers = match net::torrent_source(&args.torrent) {
        Ok(TorrentSource::Magnet(magnet)) => magnet.peers,
        _ => Vec::new(),
    };
    match receiver.agree(&torrent)? {
        Answer::Yes => {}
        Answer::No => return Ok(stopped("nothing was fetched")),
        Answer::Nothing => return Ok(stopped("nothing was fetched")),
    }
    receiver.receive(&torrent, &peers)
}

/// One call of the verb.
struct Receiver<'a> {
    args: &'a cli::Receive,
    interrupts: Interrupts,
    clock: Clock,
    /// One for looking up and for fetching: the sharer counts peers.
    peer_id: PeerId,
}

/// What our peer tells.
#[derive(Clone, Default)]
struct Hearing(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    swarm: SwarmView,
    /// Sentences that were not shown yet.
    sentences: Vec<String>,
    /// The torrent cannot go on, and why.
    failed: Option<String>,
}

impl Hearing {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As a listener of our peer; with a pen, all is written too.
    fn listener(&self, mut pen: Option<EventPen>) -> impl FnMut(Time, Event) + Send + 'static {
        let hearing = self.clone();
        move |time, event| {
            if let Some(pen) = &mut pen {
                pen.event(time, event.clone());
                pen.pause();
            }
            hearing.lock().hear(&Record { time, peer: ME.to_owned(), event });
        }
    }
}

impl Heard {
    fn hear(&mut self, record: &Record) {
        self.swarm.apply(record);
        if let Event::Stopped { why, .. } = &record.event {
            self.failed = Some(why.clone());
        }
        if worth_a_sentence(&record.event)
            && self.sentences.len() < SENTENCES_MAX
            && let Some(sentence) = describe(record)
        {
            self.sentences.push(printable(&sentence));
        }
    }

    fn me(&self) -> PeerView {
        self.swarm.peers.get(ME).cloned().unwrap_or_default()
    }
}

/// What a friend who waits wants to know.
fn worth_a_sentence(event: &Event) -> bool {
    matches!(
        event,
        Event::AnnounceRefused { .. }
            | Event::AnnounceFailed { .. }
            | Event::Fenced { .. }
            | Event::DialFailed { .. }
            | Event::PieceFailed { .. }
            | Event::PeerBanned { .. }
            | Event::MetadataFailed { .. }
            | Event::HandshakeReceived { .. }
    )
}

/// How fetching ended.
enum Fetched {
    Whole { since: Time },
    Stopped,
}

/// What became of the content.
enum Opened {
    /// It is where it belongs; of an archive, what was unpacked.
    Done(Option<Unpacked>),
    /// It is damaged.
    Damaged,
    /// The user wanted no more.
    Stopped,
}

impl Receiver<'_> {
    fn settings(&self, down: Option<Rate>) -> Settings {
        let net = &self.args.net;
        Settings {
            listen: net.listen,
            public: net.public,
            up: net.up,
            down,
            encryption: net.encryption,
            peer_id: self.peer_id,
            clock: self.clock,
            peer_progress: false,
        }
    }

    fn tell(&self, value: &Value) {
        if self.args.json {
            // A reader that went away does not end the download.
            let _gone = writeln!(std::io::stdout(), "{value}");
        }
    }

    fn say(&self, text: &str) {
        if !self.args.json {
            anstream::println!("{text}");
        }
    }

    // ---- before ----

    /// What a magnet link leads to, as others tell it (BEP 9). `None` when the user ended it.
    fn look_up(&self, magnet: &Magnet) -> anyhow::Result<Option<Metainfo>> {
        let name = magnet.name.as_deref().map_or_else(|| magnet.info_hash.to_string(), printable);
        anstream::eprintln!("asking others what {name} is");
        let hearing = Hearing::default();
        // Nothing is fetched before the user says yes: one byte a second is nothing.
        let peer = OurPeer::start(&self.settings(Some(Rate(1))), hearing.listener(None))?;
        let nowhere = std::env::temp_dir().join(format!("swarmlab-lookup-{}", std::process::id()));
        let key = peer.join(TorrentSource::Magnet(magnet.clone()), &nowhere)?;
        let mut description = peer.description(key);
        for &addr in &self.args.peers {
            peer.tell(PeerCommand::AddPeer { torrent: None, addr });
        }
        let spinner = if self.args.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        spinner.set_message("waiting for somebody who knows");
        let info = loop {
            for sentence in std::mem::take(&mut hearing.lock().sentences) {
                spinner.suspend(|| anstream::eprintln!("{sentence}"));
            }
            if let Ok(info) = description.try_recv() {
                break Some(info);
            }
            if self.interrupts.any() {
                break None;
            }
            if peer.has_ended() {
                spinner.finish_and_clear();
                peer.leave()?;
                bail!("failed to look up {name}: the peer ended by itself");
            }
            spinner.tick();
            std::thread::sleep(LOOK_EVERY);
        };
        spinner.finish_and_clear();
        peer.leave()?;
        let _mostly_absent = std::fs::remove_dir_all(&nowhere);
        Ok(info.map(|info| Metainfo {
            info: info.as_ref().clone(),
            announce: magnet.trackers.iter().map(|url| vec![url.clone()]).collect(),
            comment: None,
            created_by: None,
            creation_date: None,
            web_seeds: magnet.web_seeds.clone(),
        }))
    }

    /// Shows what it is and asks.
    fn agree(&self, torrent: &Metainfo) -> anyhow::Result<Answer> {
        let info = &torrent.info;
        let trackers: Vec<&str> = torrent.announce.iter().flatten().map(String::as_str).collect();
        self.tell(&json!({
            "receive": "found",
            "name": info.name(),
            "info-hash": info.info_hash().to_string(),
            "bytes": info.total_length(),
            "files": info.files().iter().filter(|file| !file.pad).count(),
            "announce": torrent.announce,
            "path": self.place(torrent),
        }));
        if !self.args.json {
            let what = match info.is_single_file() {
                true => String::new(),
                false => format!(" in {}", files(info.files().iter().filter(|file| !file.pad).count())),
            };
            anstream::println!("name       {}", printable(info.name()));
            anstream::println!("size       {}{what}", info.total_length());
            match trackers[..] {
                [] => anstream::println!("trackers   none: only addresses that you give, or that the link names"),
                _ => anstream::println!("trackers   {}", printable(&trackers.join("  "))),
            }
            anstream::println!("goes to    {}", self.place(torrent).display());
        }
        if self.args.yes {
            return Ok(Answer::Yes);
        }
        if !somebody_is_there() {
            bail!("nobody can be asked whether to fetch it: add --yes");
        }
        Ok(ask("Fetch it?", Answer::Yes, &self.interrupts))
    }

    /// The file or folder that it becomes.
    fn place(&self, torrent: &Metainfo) -> PathBuf {
        let first = torrent.info.disk_path(&self.args.output, 0);
        let below = first.strip_prefix(&self.args.output).ok().and_then(|path| path.components().next());
        self.args.output.join(below.map_or(Path::new(torrent.info.name()), |name| Path::new(name.as_os_str())))
    }

    fn mark(&self, torrent: &Metainfo) -> PathBuf {
        let mut name = self.place(torrent).into_os_string();
        name.push(MARK);
        PathBuf::from(name)
    }

    // ---- fetching ----

    fn receive(&self, torrent: &Metainfo, peers: &[std::net::SocketAddr]) -> anyhow::Result<ExitCode> {
        std::fs::create_dir_all(&self.args.output)
            .with_context(|| format!("make the folder {}", self.args.output.display()))?;
        match self.make_way(torrent)? {
            Answer::Yes => {}
            Answer::No | Answer::Nothing => return Ok(stopped("nothing was fetched, and nothing was replaced")),
        }
        let writer = match self.args.json {
            true => Some(EventWriter::start(ME.to_owned(), std::io::stdout()).context("start a thread")?),
            false => None,
        };
        let hearing = Hearing::default();
        let pen = writer.as_ref().map(EventWriter::pen);
        let peer = OurPeer::start(&self.settings(self.args.down), hearing.listener(pen))?;
        peer.join(source(torrent), &self.args.output)?;
        for &addr in self.args.peers.iter().chain(peers) {
            peer.tell(PeerCommand::AddPeer { torrent: None, addr });
        }
        let code = self.with_peer(torrent, &peer, &hearing);
        let left = peer.leave();
        if let Some(writer) = writer {
            writer.finish().context("write events")?;
        }
        let code = code?;
        left?;
        let given = hearing.lock().me().uploaded;
        self.tell(&json!({ "receive": "ended", "bytes-given": given }));
        let Ended { code, unpacked } = code;
        if unpacked {
            self.delete_archive(torrent)?;
        }
        Ok(code)
    }

    /// All that is done while our peer is in the swarm.
    fn with_peer(&self, torrent: &Metainfo, peer: &OurPeer, hearing: &Hearing) -> anyhow::Result<Ended> {
        let since = match self.fetch(torrent, peer, hearing)? {
            Fetched::Whole { since } => since,
            Fetched::Stopped => return Ok(Ended::with(self.stopped_in_the_middle(torrent, &hearing.lock().me()))),
        };
        let place = self.place(torrent);
        self.tell(&json!({ "receive": "fetched", "path": place }));
        self.say(&format!("{} is here, every piece as its torrent says", place.display()));
        let unpacked = match self.open(torrent, &place)? {
            Opened::Done(unpacked) => unpacked.is_some(),
            Opened::Damaged => return Ok(Ended::with(ExitCode::from(DAMAGED))),
            Opened::Stopped => {
                let place = place.display();
                let what = format!("{place} stays, packed: swarmlab archive extract {place}");
                return Ok(Ended::with(stopped(&what)));
            }
        };
        self.seed_on(torrent, peer, hearing, since)?;
        Ok(Ended { code: ExitCode::SUCCESS, unpacked })
    }

    /// Nothing that is there is overwritten unasked; what an earlier call began is gone on with.
    fn make_way(&self, torrent: &Metainfo) -> anyhow::Result<Answer> {
        let (place, mark) = (self.place(torrent), self.mark(torrent));
        let hash = torrent.info.info_hash().to_string();
        let is_ours = std::fs::read_to_string(&mark).is_ok_and(|text| text.trim() == hash);
        let mut had = ByteCount::ZERO;
        if place.symlink_metadata().is_ok() && !is_ours {
            let right = self.right_already(torrent)?;
            if right == torrent.info.piece_count() {
                return Ok(Answer::Yes);
            }
            let what = format!(
                "{} is there: {right} of {} pieces in it are of this torrent",
                place.display(),
                torrent.info.piece_count()
            );
            if !self.args.force {
                if !somebody_is_there() {
                    bail!("{what}. Add --force to overwrite the rest, or -o DIR for another folder");
                }
                match ask(&format!("{what}. Overwrite the rest?"), Answer::No, &self.interrupts) {
                    Answer::Yes => {}
                    other => return Ok(other),
                }
            }
            had = torrent.info.total_length();
        } else if is_ours {
            had = bytes_at(&place);
        }
        self.check_room(torrent, had)?;
        std::fs::write(&mark, format!("{hash}\n")).with_context(|| format!("write {}", mark.display()))?;
        Ok(Answer::Yes)
    }

    fn right_already(&self, torrent: &Metainfo) -> anyhow::Result<u32> {
        let mut bar = Bar::new("comparing", self.args.json, &self.interrupts);
        let found = net::verify(&Arc::new(torrent.info.clone()), &self.args.output, |progress| {
            let progress = share::archive::Progress { done: progress.done, total: progress.total, current: "" };
            if bar.show(progress).is_break() {
                let _said = stopped("nothing was fetched");
                std::process::exit(STOPPED.into());
            }
        });
        bar.finish();
        Ok(found.pieces.count())
    }

    fn check_room(&self, torrent: &Metainfo, had: ByteCount) -> anyhow::Result<()> {
        let needed = torrent.info.total_length().saturating_sub(had);
        let dir = self.args.output.display();
        let free = free_space(&self.args.output).with_context(|| format!("look at the disk of {dir}"))?;
        if needed > free {
            bail!("the disk has {free} free and {needed} are needed, in {dir}");
        }
        if ByteCount(needed.0.saturating_add(torrent.info.total_length().0)) > free {
            anstream::eprintln!("beware: {free} are free, and unpacking may need as much again as fetching");
        }
        Ok(())
    }

    /// Until every piece is here.
    fn fetch(&self, torrent: &Metainfo, peer: &OurPeer, hearing: &Hearing) -> anyhow::Result<Fetched> {
        let mut screen = FetchScreen::new(self.args.json, torrent.info.total_length());
        let begun = self.clock.now();
        loop {
            let now = self.clock.now();
            let (me, sentences, failed) = {
                let mut heard = hearing.lock();
                (heard.me(), std::mem::take(&mut heard.sentences), heard.failed.clone())
            };
            sentences.iter().for_each(|sentence| screen.say(sentence));
            if let Some(why) = failed {
                drop(screen);
                bail!(
                    "failed to fetch {}: {why}; what came so far stays, and the same call goes on from there",
                    printable(torrent.info.name())
                );
            }
            if let Some(since) = me.complete_at {
                drop(screen);
                let _gone = std::fs::remove_file(self.mark(torrent));
                return Ok(Fetched::Whole { since });
            }
            if self.interrupts.any() {
                return Ok(Fetched::Stopped);
            }
            if peer.has_ended() {
                bail!("failed to fetch {}: the peer ended by itself", printable(torrent.info.name()));
            }
            screen.show(now, begun, &me);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn stopped_in_the_middle(&self, torrent: &Metainfo, me: &PeerView) -> ExitCode {
        let (place, mark) = (self.place(torrent), self.mark(torrent));
        if me.have == 0 && place.symlink_metadata().is_err() {
            let _gone = std::fs::remove_file(mark);
            return stopped("nothing had come yet");
        }
        stopped(&format!(
            "{} % of {} is here, and the same call goes on from there. To give up, delete it and {}",
            output::percent(me.have, me.pieces),
            place.display(),
            mark.display()
        ))
    }

    // ---- unpacking ----

    fn open(&self, torrent: &Metainfo, place: &Path) -> anyhow::Result<Opened> {
        if !torrent.info.is_single_file() || !is_archive(place)? {
            return self.plain(torrent, place);
        }
        if self.args.no_unpack {
            self.say("left packed; swarmlab archive extract unpacks it");
            return Ok(Opened::Done(None));
        }
        let archive = match packed::open(place, &self.args.password, true) {
            Ok(archive) => archive,
            Err(error) if password::was_interrupted(&error) => return Ok(Opened::Stopped),
            Err(error) if error.downcast_ref::<OpenError>().is_some_and(packed::is_damage) => {
                return Ok(say_damaged(&format!("{error:#}")));
            }
            Err(error) => {
                let stays = format!("{} stays, packed", place.display());
                return Err(error.context(stays));
            }
        };
        if self.args.list {
            match self.args.json {
                true => self.tell(&json!({ "receive": "listed", "archive": packed::list_as_json(&archive) })),
                false => packed::print_list(&archive),
            }
            return Ok(Opened::Done(None));
        }
        self.unpack(&archive)
    }

    /// It came as it is, without encryption.
    fn plain(&self, torrent: &Metainfo, place: &Path) -> anyhow::Result<Opened> {
        if self.args.list {
            for file in torrent.info.files().iter().filter(|file| !file.pad) {
                self.say(&printable(&format!("{:>14}  {}", file.length, file.path)));
            }
        }
        self.tell(&json!({ "receive": "plain", "path": place }));
        self.say("It is no archive: there is nothing to unpack, and it was not encrypted.");
        Ok(Opened::Done(None))
    }

    fn unpack(&self, archive: &Archive) -> anyhow::Result<Opened> {
        let mut options = UnpackOptions { replace: self.args.force, most: self.args.most };
        loop {
            let mut bar = Bar::new("unpacking", self.args.json, &self.interrupts);
            let unpacked = archive.unpack(&self.args.output, &options, &mut |progress| bar.show(progress));
            bar.finish();
            match unpacked {
                Ok(unpacked) => {
                    self.say_unpacked(&unpacked);
                    return Ok(Opened::Done(Some(unpacked)));
                }
                Err(UnpackError::Cancelled) => return Ok(Opened::Stopped),
                Err(error @ UnpackError::Damaged { .. }) => {
                    return Ok(say_damaged(&format!("{}: {error}", archive.path().display())));
                }
                Err(UnpackError::Exists(path)) if somebody_is_there() => {
                    let question =
                        format!("{} is there already. Replace it? What is in it is gone then.", path.display());
                    match ask(&question, Answer::No, &self.interrupts) {
                        Answer::Yes => options.replace = true,
                        Answer::No | Answer::Nothing => return Ok(Opened::Stopped),
                    }
                }
                Err(error) => {
                    let what = format!("{} stays, packed; unpack it", archive.path().display());
                    return Err(packed::explained(error).context(what));
                }
            }
        }
    }

    fn say_unpacked(&self, unpacked: &Unpacked) {
        self.tell(&json!({ "receive": "unpacked", "result": packed::unpacked_as_json(unpacked) }));
        if let Some(path) = &unpacked.path {
            let (files, folders) = (files(unpacked.files), folders(unpacked.folders));
            self.say(&format!("{}: {} in {files} and {folders}", path.display(), unpacked.content));
        }
        packed::say_doubts(unpacked);
        if let Some(left) = &unpacked.left {
            anstream::eprintln!("what was there before could not be removed and is now {}", left.display());
        }
    }

    // ---- afterwards ----

    /// Gives to others what came from others.
    fn seed_on(&self, torrent: &Metainfo, peer: &OurPeer, hearing: &Hearing, since: Time) -> anyhow::Result<()> {
        let goal = SeedOn { ratio: self.args.ratio, span: self.args.seed_for };
        let size = torrent.info.total_length();
        let mut screen = None;
        loop {
            let now = self.clock.now();
            let (me, failed) = {
                let mut heard = hearing.lock();
                heard.sentences.clear();
                (heard.me(), heard.failed.clone())
            };
            let enough = goal.enough(now, since, me.uploaded, size);
            if self.interrupts.any() || enough.is_some() || peer.has_ended() {
                drop(screen);
                let why = match enough {
                    Some(Enough::Ratio) => ", as much as wanted",
                    Some(Enough::Time) => ", and the time is up",
                    None => "",
                };
                self.say(&format!("gave {} ({} of its size){why}", me.uploaded, Ratio::of(me.uploaded, size)));
                return Ok(());
            }
            if let Some(why) = failed {
                drop(screen);
                anstream::eprintln!("can seed no longer: {why}");
                return Ok(());
            }
            screen.get_or_insert_with(|| SeedScreen::new(self.args.json)).show(&me, size);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn delete_archive(&self, torrent: &Metainfo) -> anyhow::Result<()> {
        let place = self.place(torrent);
        let size = torrent.info.total_length();
        if !self.args.delete_archive {
            if self.args.json || !somebody_is_there() {
                return Ok(());
            }
            let question = format!("Everything is unpacked. Delete the archive {} ({size})?", place.display());
            if ask(&question, Answer::No, &self.interrupts) != Answer::Yes {
                return Ok(());
            }
        }
        std::fs::remove_file(&place).with_context(|| format!("delete {}", place.display()))?;
        self.say(&format!("{} is deleted", place.display()));
        Ok(())
    }
}

/// How the part with a peer ended.
struct Ended {
    code: ExitCode,
    /// There is an archive that is needed no more.
    unpacked: bool,
}

impl Ended {
    fn with(code: ExitCode) -> Self {
        Self { code, unpacked: false }
    }
}

fn say_damaged(what: &str) -> Opened {
    anstream::eprintln!("{what}. It is as it was shared: whoever packed it has to do so again.");
    Opened::Damaged
}

/// A file that begins as an archive does. One that is broken is one all the same.
fn is_archive(path: &Path) -> anyhow::Result<bool> {
    match Envelope::read(path) {
        Err(EnvelopeError::Other(_)) | Err(EnvelopeError::Empty) => Ok(false),
        Err(EnvelopeError::Read(error)) => Err(error).with_context(|| format!("read {}", path.display())),
        _ => Ok(true),
    }
}

/// Bytes of a file or folder that are on disk already; holes in it are not told apart.
fn bytes_at(path: &Path) -> ByteCount {
    let Ok(metadata) = path.symlink_metadata() else { return ByteCount::ZERO };
    if metadata.is_file() {
        return ByteCount(metadata.len());
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| bytes_at(&entry.path())).sum()
}

/// The download: a bar on a terminal, a line now and then in a pipe.
struct FetchScreen {
    bar: ProgressBar,
    lines: bool,
    told: (Time, u32),
    warned: bool,
}

impl FetchScreen {
    fn new(json: bool, total: ByteCount) -> Self {
        let on_terminal = !json && output::is_terminal();
        let bar = if on_terminal { ProgressBar::new(total.0) } else { ProgressBar::hidden() };
        let template = "fetching {bar:30.cyan} {percent:>3} %  {wide_msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: bar.with_style(style), lines: !json && !on_terminal, told: (Time::ZERO, 0), warned: false }
    }

    fn say(&self, text: &str) {
        if self.lines {
            anstream::println!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn show(&mut self, now: Time, begun: Time, me: &PeerView) {
        let percent = output::percent(me.have, me.pieces);
        let length = self.bar.length().unwrap_or(0);
        self.bar.set_position(
            u128::from(length).saturating_mul(me.have.into()).checked_div(me.pieces.into()).unwrap_or(0) as u64,
        );
        let state = match me {
            me if me.joined_at.is_none() || me.pieces == 0 => "checking what is here already".to_owned(),
            me if me.connections == 0 => "nobody is connected yet".to_owned(),
            me => format!("↓ {}  from {}{}", me.down, count(me.connections, "peer"), to_go(me, length)),
        };
        if self.lines && percent != self.told.1 && now.since(self.told.0) >= LINE_EVERY {
            self.say(&format!("{percent} %, {state}"));
            self.told = (now, percent);
        }
        self.bar.set_message(state);
        let lonely = me.connections == 0 && me.received() == ByteCount::ZERO && now.since(begun) >= LONELY_AFTER;
        if lonely && !std::mem::replace(&mut self.warned, true) {
            self.say(
                "Still nobody. Is the sharer online, and in reach? --peer IP:PORT goes straight to it; --public \
                 goes beyond this network.",
            );
        }
    }
}

impl Drop for FetchScreen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn to_go(me: &PeerView, length: u64) -> String {
    let left = u128::from(length) * u128::from(me.pieces.saturating_sub(me.have)) / u128::from(me.pieces.max(1));
    match me.down.time_for(ByteCount(left as u64)) {
        Some(time) if me.down.0 > 0 => format!(", {} to go", crate::work::roughly(time)),
        _ => String::new(),
    }
}

/// Seeding on: one line that changes, or one that does not.
struct SeedScreen {
    bar: ProgressBar,
}

impl SeedScreen {
    fn new(json: bool) -> Self {
        let bar = if !json && output::is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if !json {
            bar.suspend(|| anstream::println!("Seeding on for others. Ctrl-C ends it."));
        }
        Self { bar }
    }

    fn show(&self, me: &PeerView, size: ByteCount) {
        let ratio = Ratio::of(me.uploaded, size);
        let peers = count(me.connections, "peer");
        self.bar.set_message(format!("gave {} ({ratio} of its size)  ↑ {}  {peers}", me.uploaded, me.up));
        self.bar.tick();
    }
}

impl Drop for SeedScreen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What our peer is called in its own events.
const ME: &str = "receiver";

/// Beside what is not complete yet: says which torrent it is of, so that a later call may go on.
const MARK: &str = ".swarmlab-fetch";

/// How often the screen is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// In a pipe nobody wants a line a second.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How long nobody comes before that is remarked upon.
const LONELY_AFTER: Duration = Duration::from_secs(15);

/// Sentences that may wait to be shown.
const SENTENCES_MAX: usize = 50;

/// Exit code of an archive that is not whole.
const DAMAGED: u8 = 1;
