//! `swarmlab share`: a folder becomes an encrypted archive with a torrent, and is seeded until the friends
//! have it. Who has it, and when that is enough, is [`share::Delivery`]'s part.

use std::cell::RefCell;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{Local, NaiveTime};
use events::Event;
use metainfo::Magnet;
use model::{ByteCount, Time};
use net::{Clock, EventPen, EventSink as _, EventWriter, PeerCommand};
use serde_json::{Value, json};
use share::archive::{self, Level, PackError, PackOptions, PartError, Progress, Survey, SurveyError, create_private};
use share::{Delivery, End, Goal, Parcel, ParcelError, Password, Phase, Why, Wrapping};

use super::archive::{hand_over, say_before};
use super::peer::warn_of_the_public;
use crate::ask::{Answer, ask, somebody_is_there};
use crate::cli_share as cli;
use crate::our_peer::{self, OurPeer, OurTracker, Settings, address_for_others, fence, some_peer_id};
use crate::output::{self, DeliveryScreen};
use crate::password;
use crate::work::{Bar, Interrupts, STOPPED, files, printable, say_some, stopped};

pub(crate) fn share(args: &cli::Share) -> anyhow::Result<ExitCode> {
    check_trackers(args)?;
    let time_left = time_left(args)?;
    let interrupts = Interrupts::listen()?;
    if args.net.public {
        warn_of_the_public();
    }
    let sharer = Sharer { args, interrupts, clock: Clock::start(), writers: RefCell::default() };
    let wares = match sharer.wares()? {
        Next::Go(wares) => wares,
        Next::End(code) => return Ok(code),
    };
    sharer.seed(wares, time_left)
}

/// One call of the verb.
struct Sharer<'a> {
    args: &'a cli::Share,
    interrupts: Interrupts,
    clock: Clock,
    /// Of events as JSON lines.
    writers: RefCell<Vec<EventWriter>>,
}

/// The next step, or the end of it all.
enum Next<T> {
    Go(T),
    End(ExitCode),
}

/// What will be seeded, and what its friends need.
struct Wares {
    parcel: Parcel,
    tracker: Option<OurTracker>,
    told_by_tracker: Hearing,
    /// A password by lot that is still to be shown.
    password: Option<Password>,
}

/// What the peer and the tracker tell. Nobody counts before the seeding begins.
#[derive(Clone, Default)]
struct Hearing(Arc<Mutex<Option<Delivery>>>);

impl Hearing {
    fn lock(&self) -> MutexGuard<'_, Option<Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, time: Time, event: &Event) {
        if let Some(delivery) = &mut *self.lock() {
            delivery.handle_event(time, event);
        }
    }

    /// As a listener of a peer or tracker; with a pen, all is written too.
    fn listener(&self, mut pen: Option<EventPen>) -> impl FnMut(Time, Event) + Send + 'static {
        let hearing = self.clone();
        move |time, event| {
            hearing.hear(time, &event);
            if let Some(pen) = &mut pen {
                pen.event(time, event);
                pen.pause();
            }
        }
    }
}

impl Sharer<'_> {
    /// What an earlier call left, or what is packed now.
    fn wares(&self) -> anyhow::Result<Next<Wares>> {
        let path = &self.args.path;
        if path.extension().is_some_and(|ending| ending == "torrent") && path.is_file() {
            let parcel = Parcel::again(path).with_context(|| format!("share {} again", path.display()))?;
            return self.again(parcel).map(Next::Go);
        }
        let mut bar = Bar::new("looking", self.args.json, &self.interrupts);
        let survey = match Survey::find(path, &mut |progress| bar.show(progress)) {
            Err(SurveyError::Cancelled) => return Ok(Next::End(stopped("nothing was packed"))),
            survey => survey.with_context(|| format!("share {}", path.display()))?,
        };
        bar.finish();
        match self.earlier(&survey)? {
            Next::Go(Some(parcel)) => self.again(parcel).map(Next::Go),
            Next::Go(None) if self.args.plain => self.plain(&survey).map(Next::Go),
            Next::Go(None) => self.packed(&survey),
            Next::End(code) => Ok(Next::End(code)),
        }
    }

    /// What an earlier call left of this folder, if that is wanted.
    fn earlier(&self, survey: &Survey) -> anyhow::Result<Next<Option<Parcel>>> {
        say_unfinished(&self.args.output);
        let found = Parcel::of(survey, self.args.plain, &self.args.output);
        // A plain share is the folder itself: once that has changed, the old torrent fits no more.
        let found = found.filter(|(_, unchanged)| !self.args.repack && (*unchanged || !self.args.plain));
        let Some((parcel, unchanged)) = found else { return Ok(Next::Go(None)) };
        let name = parcel.torrent_file.display();
        let state = if unchanged { "has not changed" } else { "HAS CHANGED" };
        if self.args.again {
            anstream::eprintln!("seeding {name}, made before of this folder, which {state} since");
            return Ok(Next::Go(Some(parcel)));
        }
        if !somebody_is_there() {
            bail!(
                "{name} was made before of {}, which {state} since: add --again to seed it, or --repack to pack again",
                self.args.path.display()
            );
        }
        let default = if unchanged { Answer::Yes } else { Answer::No };
        let question = format!("{name} was made before of this folder, which {state} since. Seed it as it is?");
        match ask(&question, default, &self.interrupts) {
            Answer::Yes => Ok(Next::Go(Some(parcel))),
            Answer::No => Ok(Next::Go(None)),
            Answer::Nothing => Ok(Next::End(stopped("nothing was packed"))),
        }
    }

    /// Seeds what is there, with the trackers and the port that are wanted this time.
    fn again(&self, mut parcel: Parcel) -> anyhow::Result<Wares> {
        let hearing = Hearing::default();
        let known = parcel.torrent.announce.iter().flatten().find_map(|url| port_here(url));
        let tracker = self.tracker(&hearing, known)?;
        let announce = self.announce(tracker.as_ref());
        if !announce.is_empty() && announce != parcel.torrent.announce {
            parcel.torrent.announce = announce;
            anstream::eprintln!("the torrent names other trackers now: send {} again", parcel.torrent_file.display());
        }
        if !parcel.note.plain {
            anstream::eprintln!("the password is the one that was shown when it was packed; it is kept nowhere");
        }
        Ok(Wares { parcel, tracker, told_by_tracker: hearing, password: None })
    }

    /// Packs what was found.
    fn packed(&self, survey: &Survey) -> anyhow::Result<Next<Wares>> {
        let args = self.args;
        let failed = || format!("share {}", args.path.display());
        let name = self.name(".7z", || Ok(share::code_name()?))?;
        let options = PackOptions {
            level: Level::new(args.level).context("levels are 0 to 9")?,
            replace: args.force,
            ..PackOptions::default()
        };
        // Before the work, so that nobody comes back to a question.
        let (password, by_lot) = match self.password() {
            Err(error) if password::was_interrupted(&error) => return Ok(Next::End(stopped("nothing was packed"))),
            password => password?,
        };
        match args.json {
            true => self.tell(&found_as_json(survey, &options, &name)),
            false => say_before(survey, &options, &name),
        }
        let (wrapping, tracker, hearing) = self.wrapping(name)?;
        let written = by_lot.then(|| self.write_password(&password)).transpose()?;
        let mut bar = Bar::new("packing", args.json, &self.interrupts);
        let packed = share::pack(survey, &password, &options, &wrapping, &mut |progress| bar.show(progress));
        bar.finish();
        let parcel = match packed {
            Ok(parcel) => parcel,
            Err(error) => {
                if let Some(path) = written.flatten() {
                    let _of_no_use = std::fs::remove_file(path);
                }
                return match error {
                    ParcelError::Pack(PackError::Cancelled) => {
                        Ok(Next::End(stopped("the unfinished archive is gone, and nothing is left behind")))
                    }
                    error => Err(explained(error).context(failed())),
                };
            }
        };
        let password = (by_lot && args.password_out.is_none()).then_some(password);
        Ok(Next::Go(Wares { parcel, tracker, told_by_tracker: hearing, password }))
    }

    /// Makes the torrent of the folder as it is.
    fn plain(&self, survey: &Survey) -> anyhow::Result<Wares> {
        let failed = || format!("share {}", self.args.path.display());
        let content = net::Content::find(&self.args.path).with_context(failed)?;
        let name = self.name("", || Ok(content.name().to_owned()))?;
        warn_of_plain(&content);
        if self.args.json {
            self.tell(&json!({
                "share": "found",
                "files": content.file_count(),
                "bytes": content.total(),
                "skipped": content.skipped(),
                "plain": true,
            }));
        }
        let (wrapping, tracker, hearing) = self.wrapping(name)?;
        let mut bar = Bar::new("hashing", self.args.json, &self.interrupts);
        let parcel = share::pack_plain(&content, survey, &wrapping, |progress| {
            let progress = Progress { done: progress.done, total: progress.total, current: "" };
            if bar.show(progress).is_break() {
                let _said = stopped("nothing was written");
                std::process::exit(STOPPED.into());
            }
        });
        bar.finish();
        let parcel = parcel.map_err(|error| explained(error).context(failed()))?;
        Ok(Wares { parcel, tracker, told_by_tracker: hearing, password: None })
    }

    fn wrapping(&self, name: PathBuf) -> anyhow::Result<(Wrapping, Option<OurTracker>, Hearing)> {
        std::fs::create_dir_all(&self.args.output)
            .with_context(|| format!("make the folder {}", self.args.output.display()))?;
        let hearing = Hearing::default();
        let tracker = self.tracker(&hearing, None)?;
        let announce = self.announce(tracker.as_ref());
        let wrapping = Wrapping { name, announce, port: self.args.net.listen.port(), replace: self.args.force };
        Ok((wrapping, tracker, hearing))
    }

    /// Where the archive, or the torrent without its ending, goes.
    fn name(&self, ending: &str, default: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<PathBuf> {
        let name = match &self.args.name {
            Some(name) if Path::new(name).file_name().is_some_and(|only| only == name.as_str()) => name.clone(),
            Some(name) => bail!("{name:?} is no name of a file: give the folder with --output"),
            None => default()?,
        };
        let name = if name.ends_with(ending) { name } else { format!("{name}{ending}") };
        // Plain names where they do: people copy them.
        let here = self.args.output == Path::new(".");
        Ok(if here { PathBuf::from(name) } else { self.args.output.join(name) })
    }

    /// The password, and whether it was drawn here.
    fn password(&self) -> anyhow::Result<(Password, bool)> {
        let args = self.args;
        if args.ask {
            return Ok((password::chosen()?, false));
        }
        if !args.random
            && args.password_out.is_none()
            && let Some(password) = password::given(args.password.password_file.as_deref())?
        {
            if args.password.password_file.is_none() {
                anstream::eprintln!("the password is the one in {}", password::VARIABLE);
            }
            return Ok((password, false));
        }
        if args.password_out.is_none() && (args.json || !output::is_terminal()) {
            bail!(
                "nobody sees the password here, and a log must not: add --password-out FILE, or give one with \
                 --password-file"
            );
        }
        let password = if args.random { Password::of_characters()? } else { Password::of_words()? };
        Ok((password, true))
    }

    /// Into the file that was asked for, if any; its path.
    fn write_password(&self, password: &Password) -> anyhow::Result<Option<PathBuf>> {
        let Some(path) = &self.args.password_out else { return Ok(None) };
        let failed = || format!("write the password to {}", path.display());
        if self.args.force {
            let _mostly_absent = std::fs::remove_file(path);
        }
        let mut file = create_private(path).with_context(failed)?;
        writeln!(file, "{}", password.expose()).and_then(|()| file.sync_all()).with_context(failed)?;
        Ok(Some(path.clone()))
    }

    /// A tracker of our own, where one is wanted: at the port that the torrent names already, else at the
    /// usual one, else at any.
    fn tracker(&self, hearing: &Hearing, known: Option<u16>) -> anyhow::Result<Option<OurTracker>> {
        let Some(wanted) = self.args.with_tracker else { return Ok(None) };
        let ports: Vec<u16> = match wanted.port() {
            0 => known.into_iter().chain([TRACKER_PORT, 0]).collect(),
            port => vec![port],
        };
        let mut refused = None;
        for port in ports {
            let listen = SocketAddr::new(wanted.ip(), port);
            let pen = self.pen("tracker")?;
            match OurTracker::start(listen, self.args.net.public, self.clock, hearing.listener(pen)) {
                Ok(tracker) => return Ok(Some(tracker)),
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// The trackers that the torrent shall name: our own first.
    fn announce(&self, tracker: Option<&OurTracker>) -> Vec<Vec<String>> {
        let own = tracker.map(|tracker| format!("udp://{}", address_for_others(tracker.listen, self.args.net.public)));
        own.into_iter().chain(self.args.tracker.iter().cloned()).map(|url| vec![url]).collect()
    }

    /// Events as JSON lines, where they are wanted.
    fn pen(&self, name: &str) -> anyhow::Result<Option<EventPen>> {
        if !self.args.json {
            return Ok(None);
        }
        let writer = EventWriter::start(name.to_owned(), std::io::stdout()).context("start a thread")?;
        let pen = writer.pen();
        self.writers.borrow_mut().push(writer);
        Ok(Some(pen))
    }

    fn tell(&self, value: &Value) {
        if self.args.json {
            // A reader that went away does not end the share.
            let _gone = writeln!(std::io::stdout(), "{value}");
        }
    }

    // ---- seeding ----

    fn seed(&self, wares: Wares, time_left: Option<Duration>) -> anyhow::Result<ExitCode> {
        let Wares { mut parcel, tracker, told_by_tracker: hearing, password } = wares;
        let peer_id = some_peer_id();
        let until = time_left.map(|left| self.clock.now().after(left));
        *hearing.lock() = Some(Delivery::new(peer_id, Goal { recipients: self.args.to, until }));
        if let Some(tracker) = &tracker {
            tracker.allow(parcel.torrent.info.info_hash());
        }
        let peer = self.peer(peer_id, parcel.note.port, &hearing)?;
        parcel.note.port = peer.listen.port();
        let parcel = parcel.written()?;
        self.hand_over(&parcel, &peer, password.as_ref());
        drop(password);
        peer.join(our_peer::source(&parcel.torrent), &parcel.folder())?;
        for &addr in &self.args.peers {
            peer.tell(PeerCommand::AddPeer { torrent: None, addr });
        }
        self.watch(&peer, &hearing);
        let end = peer.leave();
        let delivery = hearing.lock().take();
        if let Some(tracker) = tracker {
            tracker.end()?;
        }
        for writer in self.writers.take() {
            writer.finish().context("write events")?;
        }
        end?;
        self.farewell(&parcel, &delivery.context("the share was counted")?)
    }

    /// The port that an earlier magnet link named, if it is still to be had.
    fn peer(&self, peer_id: model::PeerId, known_port: u16, hearing: &Hearing) -> anyhow::Result<OurPeer> {
        let net = &self.args.net;
        let mut settings = Settings {
            listen: net.listen,
            public: net.public,
            up: net.up,
            down: None,
            encryption: net.encryption,
            peer_id,
            clock: self.clock,
            peer_progress: true,
        };
        if net.listen.port() == 0 && known_port != 0 {
            settings.listen.set_port(known_port);
            if let Ok(peer) = OurPeer::start(&settings, hearing.listener(self.pen("sharer")?)) {
                return Ok(peer);
            }
            settings.listen = net.listen;
        }
        OurPeer::start(&settings, hearing.listener(self.pen("sharer")?))
    }

    /// What the friends need.
    fn hand_over(&self, parcel: &Parcel, peer: &OurPeer, password: Option<&Password>) {
        let mut magnet = parcel.torrent.magnet();
        // Inside the lab the sharer's own address does no harm, and spares a tracker.
        let here = address_for_others(peer.listen, self.args.net.public);
        if !self.args.net.public && fence(false).allows(here.ip()) {
            magnet.peers.push(here);
        }
        if here.ip().is_loopback() && peer.listen.ip().is_unspecified() {
            anstream::eprintln!(
                "beware: this machine has no address inside a lab, so only programs of its own can join; --public lets \
                 others"
            );
        }
        if self.args.json {
            return self.tell(&handed_over(parcel, &magnet, here, self.args.password_out.as_deref()));
        }
        let info = &parcel.torrent.info;
        let what = if parcel.note.plain { "content" } else { "archive" };
        anstream::println!("{what:<10} {} ({})", parcel.content.display(), info.total_length());
        anstream::println!(
            "torrent    {} ({} of {})",
            parcel.torrent_file.display(),
            lab::describe::count(info.piece_count(), "piece"),
            ByteCount(info.piece_length().into())
        );
        anstream::println!("magnet     {magnet}");
        self.show_code(&magnet);
        anstream::println!("\nYour friends need the .torrent, or the magnet link, and call\n");
        let file = parcel.torrent_file.file_name().unwrap_or_default().to_string_lossy();
        if parcel.torrent.announce.is_empty() {
            anstream::println!("    swarmlab receive {file} --peer {here}\n");
            anstream::println!(
                "It names no tracker: friends find you by that address alone. --with-tracker starts one."
            );
        } else {
            anstream::println!("    swarmlab receive {file}\n");
        }
        match (password, &self.args.password_out) {
            (Some(password), _) => hand_over(password, false),
            (None, Some(path)) => {
                anstream::println!("The password is in {}, which only you can read.", path.display());
                anstream::println!("Send it by another, end-to-end encrypted channel than the torrent.");
            }
            (None, None) if parcel.note.plain => {}
            (None, None) => {
                anstream::println!("Send the password by another, end-to-end encrypted channel than the torrent.");
            }
        }
        anstream::println!();
    }

    fn show_code(&self, magnet: &Magnet) {
        if self.args.no_qr || (!self.args.qr && !output::is_terminal()) {
            return;
        }
        let width = if self.args.qr {
            usize::MAX
        } else {
            terminal_size::terminal_size().map_or(usize::MAX, |(width, _)| width.0.into())
        };
        match output::qr(&magnet.to_string(), width) {
            Some(lines) => anstream::println!("\n{}", lines.join("\n")),
            None => anstream::eprintln!("the terminal is too narrow for a QR code of the magnet link"),
        }
    }

    /// Until enough have it, the time is up, or the user ends it.
    fn watch(&self, peer: &OurPeer, hearing: &Hearing) {
        // The first finishes who is served, the second says goodbye, the third does not.
        self.interrupts.be_patient(2);
        let mut screen = DeliveryScreen::new(self.args.json);
        // One that came while nobody looked counts too.
        let (mut obeyed, mut told, mut finishing) = (0, None, false);
        loop {
            let now = self.clock.now();
            // A copy is shown: a slow terminal must not hold up the peer.
            let delivery = hearing.lock().as_mut().map(|delivery| {
                delivery.handle_time(now);
                while obeyed < self.interrupts.count() {
                    delivery.stop(now);
                    obeyed += 1;
                }
                delivery.clone()
            });
            if let Some(delivery) = delivery {
                screen.show(now, &delivery);
                let tally = delivery.tally();
                if told != Some(tally) {
                    self.tell(&json!({ "share": "tally", "complete": tally.complete, "perhaps": tally.perhaps,
                        "same-address": tally.same_address, "wanted": tally.wanted }));
                    told = Some(tally);
                }
                if let Phase::Finishing { waits_for, .. } = delivery.phase()
                    && !std::mem::replace(&mut finishing, true)
                {
                    self.tell(&json!({ "share": "finishing", "waits-for": waits_for.len() }));
                }
                if delivery.end().is_some() {
                    return;
                }
            }
            if peer.has_ended() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn farewell(&self, parcel: &Parcel, delivery: &Delivery) -> anyhow::Result<ExitCode> {
        let (end, cut_off) = match delivery.phase() {
            Phase::Over { end, cut_off } => (end.clone(), *cut_off),
            _ => (End::Failed("the peer ended by itself".to_owned()), 0),
        };
        let tally = delivery.tally();
        self.tell(&json!({
            "share": "ended",
            "why": match &end {
                End::Well(Why::Delivered) => "delivered",
                End::Well(Why::TimeIsUp) => "time",
                End::Well(Why::Asked) => "asked",
                End::Failed(_) => "failed",
            },
            "complete": tally.complete,
            "perhaps": tally.perhaps,
            "wanted": tally.wanted,
            "cut-off": cut_off,
            "bytes-given": delivery.uploaded(),
        }));
        let file = parcel.torrent_file.display();
        let why = match end {
            End::Failed(why) => bail!("failed to seed {file}: {why}"),
            End::Well(why) => why,
        };
        if !self.args.json {
            let text = output::tally(delivery);
            let mut first = text.chars();
            let text: String = first.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default() + first.as_str();
            anstream::println!("{text}. {} left from here.", delivery.uploaded());
            if cut_off > 0 {
                anstream::println!("{cut_off} did not have everything yet; what they have stays with them.");
            }
            anstream::println!("Everything stays where it is. To go on: swarmlab share {file}");
            if !parcel.note.plain {
                anstream::println!("When nobody needs it any more, delete {}.", parcel.content.display());
            }
        }
        let short = tally.wanted.is_some_and(|wanted| tally.complete < wanted);
        let has_goal = self.args.to.is_some() || self.args.until.is_some() || self.args.duration.is_some();
        Ok(match why {
            Why::TimeIsUp if short => ExitCode::from(NOT_ALL),
            Why::Asked if has_goal => ExitCode::from(STOPPED),
            _ => ExitCode::SUCCESS,
        })
    }
}

/// Trackers that cannot work are told before the work, not after it.
fn check_trackers(args: &cli::Share) -> anyhow::Result<()> {
    for url in &args.tracker {
        let Some(rest) = url.strip_prefix("udp://") else {
            bail!("{url:?} is no tracker that is spoken here: write it like udp://192.168.1.20:6969");
        };
        let host = rest.split('/').next().unwrap_or_default();
        if let Ok(addr) = host.parse::<SocketAddr>() {
            let why = fence(args.net.public).check(addr.ip()).err();
            if let Some(why) = why {
                bail!("tracker {url}: {why}; --public lets you beyond, to share with a friend");
            }
        }
    }
    Ok(())
}

/// How long it may go on, by the clock on the wall.
fn time_left(args: &cli::Share) -> anyhow::Result<Option<Duration>> {
    let Some(until) = &args.until else { return Ok(args.duration) };
    let moment = NaiveTime::parse_from_str(until, "%H:%M")
        .ok()
        .with_context(|| format!("{until:?} is no time of day: write it like 18:00"))?;
    Ok(Some(until_next(Local::now().time(), moment)))
}

/// From `now` to the next `moment`, at most a day.
fn until_next(now: NaiveTime, moment: NaiveTime) -> Duration {
    let left = moment.signed_duration_since(now);
    let left = if left <= chrono::Duration::zero() { left + chrono::Duration::days(1) } else { left };
    left.to_std().unwrap_or_default()
}

/// The port of a tracker that runs, or ran, on this machine.
fn port_here(url: &str) -> Option<u16> {
    let addr: SocketAddr = url.strip_prefix("udp://")?.split('/').next()?.parse().ok()?;
    let here = net::address_outward().is_some_and(|ip| ip == addr.ip());
    (here || addr.ip().is_loopback()).then_some(addr.port())
}

fn found_as_json(survey: &Survey, options: &PackOptions, archive: &Path) -> Value {
    json!({
        "share": "found",
        "files": survey.files().len(),
        "folders": survey.folder_count(),
        "bytes": survey.total(),
        "skipped": survey.skipped().iter().map(|skipped| skipped.path()).collect::<Vec<_>>(),
        "seconds-expected": options.time_to_expect(survey).as_secs(),
        "bytes-free": archive::free_space(archive).ok(),
        "plain": false,
    })
}

fn handed_over(parcel: &Parcel, magnet: &Magnet, here: SocketAddr, password_out: Option<&Path>) -> Value {
    let info = &parcel.torrent.info;
    json!({
        "share": "ready",
        "content": parcel.content,
        "bytes": info.total_length(),
        "torrent": parcel.torrent_file,
        "info-hash": info.info_hash().to_string(),
        "pieces": info.piece_count(),
        "piece-bytes": info.piece_length(),
        "magnet": magnet.to_string(),
        "announce": parcel.torrent.announce,
        "address": here,
        "plain": parcel.note.plain,
        "password-file": password_out,
    })
}

fn warn_of_plain(content: &net::Content) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!(
        "{yellow}plain{yellow:#}: nothing is encrypted. Anybody who has the torrent or the magnet link can fetch {} \
         in {} and read them, and the torrent itself shows every name and size.",
        content.total(),
        files(content.file_count()),
    );
    say_some("left out", content.skipped().iter().map(|path| path.display().to_string()));
}

/// What a killed try left is of no use, and nobody else takes it away.
fn say_unfinished(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let unfinished: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".7z.swarmlab-part"))
        .map(|path| format!("{} is what a try left that was killed, unless one still runs: delete it", path.display()))
        .collect();
    say_some("beware", unfinished.into_iter().map(|line| printable(&line)).collect::<Vec<_>>().into_iter());
}

/// What to do about it, where the crate's error cannot know of flags.
fn explained(error: ParcelError) -> anyhow::Error {
    let is_there = matches!(
        error,
        ParcelError::Exists(_) | ParcelError::Pack(PackError::Exists(_) | PackError::Part(PartError::Left(_)))
    );
    match is_there {
        true => anyhow::anyhow!("{error}: add --force to replace it, or --name NAME for another"),
        false => error.into(),
    }
}

/// How often the screen and the decision are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where trackers listen by habit.
const TRACKER_PORT: u16 = 6969;

/// Exit code of a share whose time was up before all had it.
const NOT_ALL: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let at = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        let hours = |now, then| until_next(at(now), at(then)).as_secs() / 3600;
        assert_eq!(hours("16:00", "18:00"), 2);
        assert_eq!(hours("18:00", "16:00"), 22);
        assert_eq!(hours("18:00", "18:00"), 24);
    }
}
