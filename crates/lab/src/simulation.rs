//! A run in the world `sim`: no programs, no waiting. The play itself is the simulator's; here its lines go
//! into the log and to the audience, at the pace that was asked for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use events::Record;
use metainfo::Metainfo;
use model::Time;
use scenario::Plan;
use sim::{Exposed, Exposure, Play};
use tokio::sync::watch;

use crate::LAB_NAME;
use crate::audience::Audience;
use crate::folder::RunFolder;
use crate::log::Log;
use crate::performance::log_failed;
use crate::play::{Broke, write};
use crate::report::{billings, check_line, fill, verdict_event};
use crate::summary::Summary;
use crate::torrent;

/// A run that goes on in virtual time.
pub(crate) struct Simulation<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    play: Play,
    log: Log,
    glass: GlassFolder<'a>,
}

/// Time on the wall for time in the world.
struct Pace {
    began: Instant,
    speed: Option<u32>,
    ticked: Instant,
}

impl<'a> Simulation<'a> {
    /// `metainfo` describes `content`, which may be elided, and names no tracker yet.
    pub(crate) fn new(
        plan: &'a Plan,
        folder: &'a RunFolder,
        metainfo: Metainfo,
        content: Option<Bytes>,
    ) -> Result<Self, Broke> {
        let play = torrent::stage(plan, metainfo, content)?.under_glass();
        write(&folder.torrent(), &play.torrent().to_bytes())?;
        let log = Log::create(&folder.events(), owners(plan, &play)).map_err(|source| log_failed(folder, source))?;
        Ok(Self { plan, folder, play, log, glass: GlassFolder::new(folder) })
    }

    /// Plays to the end, and writes down what came of it.
    pub(crate) async fn play_and_close(
        mut self,
        speed: Option<u32>,
        audience: &mut dyn Audience,
        interrupts: watch::Receiver<u32>,
        summary: &mut Summary,
    ) -> Result<(), Broke> {
        audience.cast(&billings(self.plan));
        let played = self.play(Pace::new(speed), audience, interrupts).await;
        let (now, gone) = (self.play.now(), self.play.gone().clone());
        let info = self.play.torrent().info.clone();
        fill(summary, self.plan, &info, &self.log, &gone);
        summary.checks = self.play.verdicts().into_iter().map(check_line).collect();
        for (i, check) in summary.checks.iter().enumerate() {
            let event = verdict_event(i as u32 + 1, check);
            let mut record = Record { time: now, peer: LAB_NAME.to_owned(), event };
            self.log.write(&mut record).map_err(|source| log_failed(self.folder, source))?;
        }
        summary.events = self.log.lines();
        self.log.flush().map_err(|source| log_failed(self.folder, source))?;
        self.glass.flush().map_err(|source| log_failed(self.folder, source))?;
        played
    }

    async fn play(
        &mut self,
        mut pace: Pace,
        audience: &mut dyn Audience,
        mut interrupts: watch::Receiver<u32>,
    ) -> Result<(), Broke> {
        let mut stopped = false;
        while let Some(mut record) = self.play.next() {
            while pace.is_early(record.time) && !stopped {
                tokio::select! {
                    Ok(()) = interrupts.changed() => stopped = self.stop(audience),
                    () = tokio::time::sleep(pace.wait(record.time)) => {}
                }
                // What has not been shown has not happened yet.
                let moment = pace.moment().min(record.time);
                self.tick(moment, &mut pace, audience)?;
            }
            let moment = record.time;
            self.log.write(&mut record).map_err(|source| log_failed(self.folder, source))?;
            while let Some(exposure) = self.play.take_exposure() {
                self.glass.write(&exposure).map_err(|source| log_failed(self.folder, source))?;
            }
            audience.event(&record, self.log.view());
            if !pace.is_time_for_a_tick() {
                continue;
            }
            self.tick(moment, &mut pace, audience)?;
            // Lets the signal of Ctrl-C come through.
            tokio::task::yield_now().await;
            if interrupts.has_changed().unwrap_or(false) {
                interrupts.mark_unchanged();
                if stopped {
                    return Err(Broke::Stopped);
                }
                stopped = self.stop(audience);
            }
        }
        audience.tick(self.play.now(), self.log.view());
        if stopped { Err(Broke::Stopped) } else { Ok(()) }
    }

    /// True, for it will have been stopped.
    fn stop(&mut self, audience: &mut dyn Audience) -> bool {
        audience.remark("stopping: everybody leaves in good order; Ctrl-C again ends the run at once");
        self.play.stop();
        true
    }

    /// Shows the swarm as it is at this moment of the run.
    fn tick(&mut self, moment: Time, pace: &mut Pace, audience: &mut dyn Audience) -> Result<(), Broke> {
        pace.ticked = Instant::now();
        audience.tick(moment, self.log.view());
        self.log.flush().map_err(|source| log_failed(self.folder, source))
    }
}

/// Wire records and key logs, a file each for a member, as the programs of a real world write them.
struct GlassFolder<'a> {
    folder: &'a RunFolder,
    /// What waits to be appended. A large cast has more files than a program may hold open.
    waiting: BTreeMap<PathBuf, Vec<u8>>,
}

impl<'a> GlassFolder<'a> {
    fn new(folder: &'a RunFolder) -> Self {
        Self { folder, waiting: BTreeMap::new() }
    }

    fn write(&mut self, exposure: &Exposure) -> io::Result<()> {
        let Exposure { peer, life, what } = exposure;
        let (path, line) = match what {
            Exposed::Wire(line) => (self.folder.wire(peer, *life), serde_json::to_vec(line)?),
            Exposed::Key(key) => (self.folder.keys(peer, *life), serde_json::to_vec(key)?),
        };
        let mut entry = match self.waiting.entry(path) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => entry.insert_entry(Vec::new()),
        };
        entry.get_mut().extend_from_slice(&line);
        entry.get_mut().push(b'\n');
        if entry.get().len() >= GLASS_BUFFER {
            append(&entry.key().clone(), entry.get_mut())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting.iter_mut().try_for_each(|(path, lines)| append(path, lines))
    }
}

fn append(path: &Path, lines: &mut Vec<u8>) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(lines)?;
    lines.clear();
    Ok(())
}

/// Bytes of one file that wait to be written.
const GLASS_BUFFER: usize = 16 * 1024;

impl Pace {
    fn new(speed: Option<u32>) -> Self {
        let now = Instant::now();
        Self { began: now, speed, ticked: now }
    }

    /// Which moment of the run it is; its end where nobody waits for it.
    fn moment(&self) -> Time {
        self.speed.map_or(Time::from_micros(u64::MAX), |speed| Time::ZERO.after(self.began.elapsed() * speed))
    }

    fn is_early(&self, time: Time) -> bool {
        self.speed.is_some() && !self.wait(time).is_zero()
    }

    /// How long until `time` has come, a tick at most.
    fn wait(&self, time: Time) -> Duration {
        let Some(speed) = self.speed else { return Duration::ZERO };
        let due = Duration::from_micros(time.as_micros()) / speed;
        due.saturating_sub(self.began.elapsed()).min(TICK)
    }

    fn is_time_for_a_tick(&self) -> bool {
        self.ticked.elapsed() >= TICK
    }
}

/// Each member has an address of its own.
fn owners(plan: &Plan, play: &Play) -> BTreeMap<IpAddr, String> {
    plan.cast.iter().filter_map(|member| Some((play.addr(&member.name)?.ip(), member.name.clone()))).collect()
}

/// The least time between two looks of the audience at the swarm.
const TICK: Duration = Duration::from_millis(100);
