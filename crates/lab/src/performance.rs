//! A run while it goes on: the tracker first, then the script; every report into the log, to the
//! script, to the checks and to the audience, until everything is decided. Then all programs are
//! ended, and what lies on the disks is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events::{Control, Event, Record};
use metainfo::Metainfo;
use model::Time;
use net::Clock;
use scenario::{Action, Conductor, Facts, Judge, Limit, Plan, Role, Selector, Step};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::audience::Audience;
use crate::content::Content;
use crate::folder::RunFolder;
use crate::local::{Local, Shared};
use crate::log::Log;
use crate::order::InOrder;
use crate::parcel::{self, SharedParcel, Sharers};
use crate::play::{Broke, write};
use crate::process::{Report, Said};
use crate::report::{billings, check_line, fill, verdict_event};
use crate::stage::{Ending, Stage, Start};
use crate::summary::Summary;
use crate::torrent::{self, Made};
use crate::{LAB_NAME, TRACKER_NAME};

/// What a performance needs.
#[derive(Debug)]
pub(crate) struct Props<'a> {
    pub(crate) plan: &'a Plan,
    /// The executable that all programs are.
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a RunFolder,
    pub(crate) made: Made,
}

/// A run that is going on.
pub(crate) struct Performance<'a> {
    plan: &'a Plan,
    audience: &'a mut dyn Audience,
    interrupts: watch::Receiver<u32>,
    folder: &'a RunFolder,
    clock: Clock,
    log: Log,
    stage: Stage,
    local: Local,
    reports: mpsc::Receiver<Report>,
    /// Reported, and held back for what may have happened before.
    held: InOrder<Record>,
    conductor: Conductor,
    judge: Judge,
    metainfo: Metainfo,
    content: Content,
    /// What the content is an archive of.
    parcel: SharedParcel,
    sharers: Sharers,
    /// Recipients whose archive was whole, once.
    unpacking: JoinSet<()>,
    opened: BTreeSet<String>,
    /// Where what is found out beside the loop is reported.
    reporter: mpsc::Sender<Report>,
    /// The tracker is up and the torrent names it: peers can be started.
    open: bool,
    /// The play is over, what follows is nobody's doing but ours.
    curtain: bool,
    /// Who went before the end, and why.
    gone: BTreeMap<String, String>,
    last_tick: Time,
}

impl<'a> Performance<'a> {
    pub(crate) fn new(
        props: Props<'a>,
        audience: &'a mut dyn Audience,
        interrupts: watch::Receiver<u32>,
    ) -> Result<Self, Broke> {
        let Props { plan, program, folder, made: Made { content, metainfo, parcel } } = props;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch_micros = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        let (sender, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let local = Local::new(plan, program, folder, epoch_micros, metainfo.info.info_hash());
        let log = Log::create(&folder.events(), local.owners()).map_err(|source| log_failed(folder, source))?;
        audience.cast(&billings(plan));
        Ok(Self {
            plan,
            audience,
            interrupts,
            folder,
            clock: Clock::since_unix_micros(epoch_micros),
            log,
            stage: Stage::new(sender.clone()),
            local,
            reports,
            held: InOrder::new(),
            conductor: Conductor::new(plan),
            judge: Judge::new(plan),
            metainfo,
            content,
            parcel,
            sharers: Sharers::new(plan),
            unpacking: JoinSet::new(),
            opened: BTreeSet::new(),
            reporter: sender,
            open: false,
            curtain: false,
            gone: BTreeMap::new(),
            last_tick: Time::ZERO,
        })
    }

    /// Plays, ends all programs whatever happened, and writes down what came of it.
    pub(crate) async fn play_and_close(mut self, summary: &mut Summary) -> Result<(), Broke> {
        let played = self.play().await;
        if matches!(played, Err(Broke::Stopped)) {
            self.audience.remark("stopping: every program ends in good order; Ctrl-C again ends them at once");
        }
        let played = played.and(self.emit_all());
        self.curtain = true;
        let gone = std::mem::take(&mut self.gone);
        let ended = self.end_all().await;
        let facts = self.facts().await;
        let written = self.deliver(&facts, summary, &gone);
        played.and(ended).and(written)
    }

    async fn play(&mut self) -> Result<(), Broke> {
        self.start(TRACKER_NAME, self.local.tracker())?;
        loop {
            if self.open {
                self.carry_out_due()?;
            }
            if self.is_over() {
                return Ok(());
            }
            self.wait().await?;
        }
    }

    /// Until something is reported or due; then takes it in.
    async fn wait(&mut self) -> Result<(), Broke> {
        let tick = self.last_tick.after(TICK);
        let cue = if self.open { self.conductor.wake() } else { None };
        let wake = [cue, self.stage.wake(), self.held.wake()].into_iter().flatten().fold(tick, Time::min);
        let wake = tokio::time::Instant::from_std(self.clock.instant_of(wake));
        tokio::select! {
            biased;
            // A channel that nobody can send to any more is not listened to.
            Ok(()) = self.interrupts.changed() => return Err(Broke::Stopped),
            report = self.reports.recv() => self.take_all(report)?,
            () = tokio::time::sleep_until(wake) => {}
        }
        let now = self.clock.now();
        while let Some(record) = self.held.pop(now) {
            self.emit(record)?;
        }
        self.stage.check_deadlines(now)?;
        if now >= tick {
            self.tick(now)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: Time) -> Result<(), Broke> {
        self.last_tick = now;
        let done = self.sharers.tick(now);
        self.send_home(done);
        self.judge.advance(InOrder::<Record>::told_until(now));
        self.flush()?;
        self.audience.tick(now, self.log.view());
        Ok(())
    }

    /// Takes in what has been reported, up to a number, so that steps and ticks get their turn.
    fn take_all(&mut self, first: Option<Report>) -> Result<(), Broke> {
        let mut next = first;
        for _ in 0..REPORTS_IN_A_ROW_MAX {
            let Some(report) = next else { break };
            self.take(report)?;
            next = self.reports.try_recv().ok();
        }
        match next {
            Some(report) => self.take(report),
            None => Ok(()),
        }
    }

    fn take(&mut self, report: Report) -> Result<(), Broke> {
        let Report { name, what } = report;
        match what {
            Said::Event(record) => self.take_event(name, record),
            Said::Garbled(line) => {
                self.note(format!("{name} said what is no event: {line}"));
                Ok(())
            }
            Said::Ended(status) => {
                let (ending, again) = self.stage.ended(&name, &status);
                self.take_ending(&name, ending)?;
                match again {
                    Some(start) => self.start(&name, start),
                    None => Ok(()),
                }
            }
        }
    }

    /// What a start means for the other programs is seen to at once; the rest has time.
    fn take_event(&mut self, name: String, mut record: Record) -> Result<(), Broke> {
        record.peer = name;
        match &record.event {
            Event::Started { listen, .. } => {
                self.stage.started(&record.peer, self.clock.now());
                self.local.listens(&record.peer, *listen);
                if record.peer == TRACKER_NAME && !self.open {
                    self.open_with(*listen)?;
                }
            }
            Event::Joined { .. } => self.stage.joined(&record.peer),
            _ => {}
        }
        self.held.push(record.time, record);
        Ok(())
    }

    /// The tracker is at `addr`: completes the torrent, and with it everything is ready.
    fn open_with(&mut self, addr: SocketAddr) -> Result<(), Broke> {
        self.metainfo.announce = vec![vec![format!("udp://{addr}/announce")]];
        let torrent = self.folder.torrent();
        write(&torrent, &self.metainfo.to_bytes())?;
        self.local.share(Shared {
            torrent,
            magnet: self.metainfo.magnet().to_string(),
            content_dir: self.content.dir.clone(),
        });
        self.open = true;
        if let Some(parcel) = &self.parcel {
            self.say(parcel.packed());
        }
        Ok(())
    }

    fn take_ending(&mut self, name: &str, ending: Ending) -> Result<(), Broke> {
        let (why, unasked) = match ending {
            Ending::Left => return Ok(()),
            Ending::Killed { why } => (why, None),
            Ending::Unasked { how } => (format!("ended unasked: {how}"), Some(how)),
        };
        let record = Record { time: self.clock.now(), peer: name.to_owned(), event: Event::Killed { why } };
        self.take_event(name.to_owned(), record)?;
        match unasked {
            Some(how) => Err(self.stage.unasked(name, how).into()),
            None => Ok(()),
        }
    }

    fn carry_out_due(&mut self) -> Result<(), Broke> {
        let now = self.clock.now();
        for step in self.conductor.due(now) {
            self.carry_out(&step)?;
        }
        for late in self.conductor.overdue(now) {
            self.note(format!("{} never came due: it waited for {}", late.step, late.waiting_for));
        }
        Ok(())
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), Broke> {
        let (action, who) = (step.action.verb().to_owned(), step.action.names());
        self.say(Event::Step { step: step.number, action, who, why: step.timing() });
        match &step.action {
            Action::Join(who) | Action::Restart(who) => self.start_peers(who),
            Action::Leave(who) => self.each(who, |play, name| play.stage.leave(name, play.clock.now())),
            Action::Kill(who) => self.each(who, |play, name| play.stage.kill(name, KILLED_BY_SCRIPT)),
            Action::SetLimit { who, up, down } => self.each(who, |play, name| play.set_limit(name, *up, *down)),
            Action::SetPersona { who, persona } => self.each(who, |play, name| {
                let Some(settings) = play.local.settings(name) else { return };
                settings.persona = *persona;
                play.stage.tell(name, &Control::SetPersona { persona: persona.name().to_owned() });
            }),
            Action::StopTracker => {
                self.stage.leave(TRACKER_NAME, self.clock.now());
                Ok(())
            }
            Action::StartTracker => self.start(TRACKER_NAME, self.local.tracker()),
            Action::Note(text) => {
                self.note(text.clone());
                Ok(())
            }
            // A plan with such steps is not played here: `Plan::unsupported_in`.
            Action::Cut(_)
            | Action::Heal(_)
            | Action::SetLine { .. }
            | Action::SetLink { .. }
            | Action::SetDisk { .. }
            | Action::SkewClock { .. }
            | Action::RebindNat(_)
            | Action::ForwardPort(_)
            | Action::SignIn(_) => Ok(()),
        }
    }

    fn start_peers(&mut self, who: &Selector) -> Result<(), Broke> {
        for name in who.names() {
            if let Some(start) = self.local.peer(name, self.stage.lives(name)) {
                self.start(name, start)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, name: &str, start: Start) -> Result<(), Broke> {
        Ok(self.stage.start(name, start, self.clock.now())?)
    }

    fn each(&mut self, who: &Selector, mut act: impl FnMut(&mut Self, &str)) -> Result<(), Broke> {
        who.names().iter().for_each(|name| act(self, name));
        Ok(())
    }

    fn set_limit(&mut self, name: &str, up: Limit, down: Limit) {
        let Some(settings) = self.local.settings(name) else { return };
        settings.up = up.applied_to(settings.up);
        settings.down = down.applied_to(settings.down);
        let (up, down) = (settings.up, settings.down);
        self.stage.tell(name, &Control::SetLimit { up, down });
    }

    fn note(&mut self, text: String) {
        self.say(Event::Note { text });
    }

    /// An event of the lab itself.
    fn say(&mut self, event: Event) {
        let time = self.clock.now();
        self.held.push(time, Record { time, peer: LAB_NAME.to_owned(), event });
    }

    fn emit_all(&mut self) -> Result<(), Broke> {
        while let Some(record) = self.held.pop_any() {
            self.emit(record)?;
        }
        Ok(())
    }

    /// Every event of the run comes through here. What happens while the programs are being ended
    /// is in the log, but proves nothing: nobody asked for it.
    fn emit(&mut self, mut record: Record) -> Result<(), Broke> {
        if !self.curtain {
            let done = self.sharers.hear(&record);
            self.send_home(done);
            self.unpack_if_whole(&record);
        }
        match &record.event {
            Event::Joined { .. } => drop(self.gone.remove(&record.peer)),
            Event::Left { why } | Event::Killed { why } => drop(self.gone.insert(record.peer.clone(), why.clone())),
            _ => {}
        }
        let line = self.log.write(&mut record).map_err(|source| log_failed(self.folder, source))?;
        if !self.curtain {
            self.conductor.observe(&record);
            self.judge.observe(line, &record);
            self.audience.event(&record, self.log.view());
        }
        Ok(())
    }

    /// Sharers whose recipients have everything.
    fn send_home(&mut self, done: Vec<(String, Event)>) {
        let time = self.clock.now();
        for (name, event) in done {
            self.held.push(time, Record { time, peer: name.clone(), event });
            self.stage.leave(&name, time);
        }
    }

    /// A recipient has the whole archive: opens it, beside the loop.
    fn unpack_if_whole(&mut self, record: &Record) {
        let Some(parcel) = self.parcel.clone().filter(|_| matches!(record.event, Event::Complete { .. })) else {
            return;
        };
        let Some(member) = self.plan.member(&record.peer).filter(|member| member.role == Role::Recipient) else {
            return;
        };
        if !self.opened.insert(member.name.clone()) {
            return;
        }
        let (member, dir, clock) = (member.clone(), self.local.dir(member), self.clock);
        let reporter = self.reporter.clone();
        self.unpacking.spawn_blocking(move || {
            let event = parcel.unpack(&member, &dir);
            let record = Record { time: clock.now(), peer: member.name.clone(), event };
            // Nobody listens where the run was broken off.
            let _unheard = reporter.blocking_send(Report { name: member.name, what: Said::Event(record) });
        });
    }

    fn flush(&mut self) -> Result<(), Broke> {
        self.log.flush().map_err(|source| log_failed(self.folder, source))
    }

    fn is_over(&self) -> bool {
        let late = self.clock.now().since(Time::ZERO) >= self.plan.deadline;
        // Without a program nothing more can happen, whatever the checks still wait for.
        let deserted = self.stage.present("").is_empty();
        late || (self.conductor.is_finished() && (self.judge.settled() || deserted))
    }

    /// The peers first, so that their goodbyes find the tracker there.
    async fn end_all(&mut self) -> Result<(), Broke> {
        for name in self.stage.present(TRACKER_NAME) {
            self.stage.leave(&name, self.clock.now());
        }
        self.until_gone(TRACKER_NAME).await?;
        self.stage.leave(TRACKER_NAME, self.clock.now());
        self.until_gone("").await
    }

    async fn until_gone(&mut self, except: &str) -> Result<(), Broke> {
        let give_up = self.clock.now().after(GIVE_UP);
        while !self.stage.present(except).is_empty() && self.clock.now() < give_up {
            match self.wait().await {
                Err(Broke::Stopped) => self.stage.kill_all("stopped at once by a second Ctrl-C"),
                // Programs are being ended: one that ends otherwise than asked is gone as well.
                Err(Broke::Stage(_)) | Ok(()) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// What lies on the leechers' disks, compared with the original.
    async fn facts(&mut self) -> Facts {
        let info = Arc::new(self.metainfo.info.clone());
        let mut content_ok = BTreeMap::new();
        let mut dirs = BTreeMap::new();
        for member in self.plan.cast.iter().filter(|member| !member.role.has_everything()) {
            let dir = self.local.dir(member);
            content_ok.insert(member.name.clone(), torrent::is_whole(&info, &dir).await);
            dirs.insert(member.name.clone(), dir);
        }
        // Who still unpacks may report, but nobody waits for it.
        self.reports.close();
        while self.unpacking.join_next().await.is_some() {}
        let (plan, parcel, original) = (self.plan.clone(), self.parcel.clone(), self.content.path.clone());
        let looking = move || parcel::look(&plan, parcel.as_deref(), &original, &dirs);
        let looked_at = tokio::task::spawn_blocking(looking).await.unwrap_or_default();
        Facts { content_ok, ..looked_at }
    }

    fn deliver(&mut self, facts: &Facts, summary: &mut Summary, gone: &BTreeMap<String, String>) -> Result<(), Broke> {
        fill(summary, self.plan, &self.metainfo.info, &self.log, gone);
        summary.processes = self.stage.processes().to_vec();
        let judge = std::mem::replace(&mut self.judge, Judge::new(self.plan));
        summary.checks = judge.finish(facts).into_iter().map(check_line).collect();
        for (i, check) in summary.checks.iter().enumerate() {
            self.say(verdict_event(i as u32 + 1, check));
        }
        self.emit_all()?;
        summary.events = self.log.lines();
        self.flush()
    }
}

pub(crate) fn log_failed(folder: &RunFolder, source: io::Error) -> Broke {
    Broke::Write { path: folder.events().display().to_string(), source }
}

/// The least time between two looks of the audience at the swarm.
const TICK: Duration = Duration::from_millis(100);

/// Programs that are not gone so long after being asked to are left to the system; `kill -9` was
/// among what was tried.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Reports that wait to be taken in; beyond, programs wait for the lab.
const REPORTS_WAITING_MAX: usize = 4_096;

/// Reports taken in before steps, deadlines and the screen get their turn.
const REPORTS_IN_A_ROW_MAX: usize = 1_000;

const KILLED_BY_SCRIPT: &str = "killed by the script, as with kill -9";
