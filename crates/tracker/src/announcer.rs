//! The announcing side for one torrent: tells trackers that we are here, and hears of others.
//! Speaks UDP (BEP 15); URLs of other kinds are reported and passed over.
//!
//! **One announce** is a connect request (unless a connection id of the last minute is at hand), then
//! the announce itself. Answers count only from the address asked and with the number given.
//!
//! **When nobody answers**, two BEPs have a say. BEP 15: repeat a request after 15 * 2^n seconds,
//! n going from 0 to 8. BEP 12: go on to the next tracker. Taken one inside the other, the second
//! tracker would be asked after two hours. Here a *round* asks each tracker once, in BEP 12's order,
//! and gives it 15 s; only the last one of round n is given 15 * 2^n s, and then the next round begins. With one
//! tracker this is BEP 15's schedule to the second: 0, 15, 45, 105, ... With several, each is asked
//! within 15 s of the one before, and rounds grow apart. n stays at 8, about an hour: a tracker
//! may always come back. Any answer, be it to a connect, makes n 0 again.
//!
//! **When all say no**: a refusal, nonsense, or a name without address ends the turn of a tracker at
//! once. If it was the last of its round, the next round begins in 15 * 2^m s, m being the rounds that have
//! ended so since an announce was last accepted, at most 8.
//!
//! **When an announce is answered**, the tracker moves to the front of its tier, and the next
//! round begins after the interval it asked for, held between [`INTERVAL_MIN`] and [`INTERVAL_MAX`].
//! `completed` goes out at once, to the tracker that answered last, and is repeated until it is
//! answered. `stopped` goes to each tracker that may list us, once, with [`STOP_WAIT`] for each step.

mod tiers;
mod turn;
mod url;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use events::Event;
use model::{ByteCount, InfoHash, PeerId, Rng, Time, Wake};

pub use self::tiers::TRACKERS_MAX;
use self::tiers::{Tiers, TrackerIndex};
use crate::codec::{AnnounceEvent, Family, Response, TransactionId};

/// Announces one torrent. After each `handle_*` and each wish, call [`Announcer::poll`] until it is
/// empty.
#[derive(Debug)]
pub struct Announcer {
    info_hash: InfoHash,
    peer_id: PeerId,
    /// BEP 15: a random number by which a tracker may know us again.
    key: u32,
    rng: Rng,
    tiers: Tiers,
    /// URLs that are no use and why, until they are reported.
    useless: Vec<(String, String)>,
    mode: Mode,
    stage: Stage,
    /// Trackers that this round has still to ask, the next one last.
    round: Vec<TrackerIndex>,
    /// BEP 15's n: rounds that ended in silence since the last answer of any kind.
    silences: u32,
    /// Rounds that ended in a refusal or the like since an announce was last accepted.
    refusals: u32,
    completed: Completed,
    answered: Option<Answered>,
    tokens: u64,
    wake: Option<Wake>,
    out: VecDeque<AnnouncerCommand>,
}

/// What an announce says of us. Given afresh wherever one may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnounceFacts {
    /// Bytes since [`Announcer::start`].
    pub downloaded: ByteCount,
    /// Bytes missing; anything but zero while the size is not known.
    pub left: ByteCount,
    /// Bytes since [`Announcer::start`].
    pub uploaded: ByteCount,
    /// Where we listen.
    pub port: u16,
    /// How many peers are wanted; negative leaves it to the tracker.
    pub num_want: i32,
}

/// What the driver of an [`Announcer`] shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum AnnouncerCommand {
    /// Look a name up, and tell the outcome by [`Announcer::handle_resolved`] with this token.
    Resolve {
        token: u64,
        host: String,
        port: u16,
    },
    Send {
        to: SocketAddr,
        datagram: Bytes,
    },
    /// Peers of the swarm, each once. We ourselves may be among them.
    Peers(Vec<SocketAddr>),
    Event(Event),
}

/// BEP 15: wait 15 * 2^n seconds for an answer.
pub const FIRST_WAIT: Duration = Duration::from_secs(15);

/// BEP 15: n ends at 8, which is 3,840 s.
pub const DOUBLINGS_MAX: u32 = 8;

/// Shortest time between regular announces, whatever a tracker says.
pub const INTERVAL_MIN: Duration = Duration::from_secs(5);

/// Longest time between regular announces, whatever a tracker says.
pub const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// Shortest time to an announce that is early because peers are wanted.
pub const EARLY_MIN: Duration = Duration::from_secs(60);

/// For each step of saying goodbye. Somebody is waiting for the program to end.
pub const STOP_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Unstarted,
    Running,
    Stopping,
    Stopped,
}

/// What is being waited for.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Nothing.
    Idle,
    /// The interval, after an answer.
    Resting,
    /// The next round, after a failed one.
    BackingOff,
    Resolving {
        tracker: TrackerIndex,
        token: u64,
    },
    Asked(Exchange),
}

/// A request that is out.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    tracker: TrackerIndex,
    to: SocketAddr,
    transaction: TransactionId,
    request: Asked,
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Connect,
    /// `reused` tells that the connection id is from an earlier announce.
    Announce {
        event: AnnounceEvent,
        reused: bool,
    },
}

/// BEP 3: `completed` is sent when the download becomes whole, not when it was from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Completed {
    NotYet,
    Due,
    /// Told, or never to be told.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Answered {
    by: TrackerIndex,
    at: Time,
}

impl Announcer {
    /// Trackers as in BEP 12: tiers in order of preference. `rng` shuffles each tier and begins the
    /// announcer's own stream of chance.
    pub fn new(tiers: Vec<Vec<String>>, info_hash: InfoHash, peer_id: PeerId, rng: &mut Rng) -> Self {
        let (tiers, useless) = Tiers::new(tiers, rng);
        Self {
            info_hash,
            peer_id,
            key: rng.next_u32(),
            rng: Rng::from_seed(rng.next_u64()),
            tiers,
            useless,
            mode: Mode::Unstarted,
            stage: Stage::Idle,
            round: Vec::new(),
            silences: 0,
            refusals: 0,
            completed: Completed::NotYet,
            answered: None,
            tokens: 0,
            wake: None,
            out: VecDeque::new(),
        }
    }

    /// Begins to announce. No effect while running.
    pub fn start(&mut self, now: Time, facts: AnnounceFacts) {
        if self.mode == Mode::Running {
            return;
        }
        self.mode = Mode::Running;
        self.tiers.forget_announces();
        (self.silences, self.refusals) = (0, 0);
        self.answered = None;
        self.completed = if facts.left == ByteCount::ZERO { Completed::Done } else { Completed::NotYet };
        for (tracker, why) in std::mem::take(&mut self.useless) {
            self.note(Event::AnnounceFailed { tracker, why, next: "passed over".to_owned() });
        }
        self.begin_round(now, facts, None);
    }

    /// The download has become whole. Told once, and not at all if it was whole at the start.
    pub fn completed(&mut self, now: Time, facts: AnnounceFacts) {
        if self.mode != Mode::Running || self.completed != Completed::NotYet {
            return;
        }
        self.completed = Completed::Due;
        if matches!(self.stage, Stage::Resting) {
            self.begin_round(now, facts, self.answered.map(|answered| answered.by));
        }
    }

    /// Says goodbye to every tracker that may list us; [`Announcer::is_stopped`] tells when that is
    /// done or given up.
    pub fn stop(&mut self, now: Time, facts: AnnounceFacts) {
        match self.mode {
            Mode::Unstarted => self.mode = Mode::Stopped,
            Mode::Stopping | Mode::Stopped => {}
            Mode::Running => {
                self.mode = Mode::Stopping;
                self.round = self.tiers.order().filter(|tracker| self.tiers.of(*tracker).contacted).collect();
                self.round.reverse();
                self.ask_next(now, facts);
            }
        }
    }

    /// True after [`Announcer::stop`], once nothing more will be sent.
    pub fn is_stopped(&self) -> bool {
        self.mode == Mode::Stopped
    }

    /// Asks for peers ahead of the interval: at once if the last answer is [`EARLY_MIN`] old,
    /// otherwise as soon as it is. May be called as often as one likes.
    pub fn want_more_peers(&mut self, now: Time, facts: AnnounceFacts) {
        let Some(answered) = self.answered else { return };
        if self.mode != Mode::Running || !matches!(self.stage, Stage::Resting) {
            return;
        }
        let at = answered.at.after(EARLY_MIN);
        if at <= now {
            self.begin_round(now, facts, None);
        } else if self.wake.is_some_and(|wake| at < wake.at) {
            self.wake = Some(Wake { at, why: "announce: more peers wanted" });
        }
    }

    /// A name was looked up: the answer to [`AnnouncerCommand::Resolve`].
    pub fn handle_resolved(
        &mut self,
        now: Time,
        token: u64,
        outcome: Result<Vec<SocketAddr>, String>,
        facts: AnnounceFacts,
    ) {
        let Stage::Resolving { tracker, token: wanted } = self.stage else { return };
        if token != wanted {
            return;
        }
        let found = outcome.map(|addrs| self.tiers.of_mut(tracker).resolved(addrs));
        match found {
            Ok(true) => self.contact(now, facts, tracker),
            Ok(false) => self.fail(now, facts, tracker, "its name has no address that can be asked"),
            Err(why) => self.fail(now, facts, tracker, &format!("its name can't be looked up: {}", presentable(&why))),
        }
    }

    /// A datagram arrived. True if it was an answer for this announcer; others are left untouched.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8], facts: AnnounceFacts) -> bool {
        let Stage::Asked(exchange) = self.stage else { return false };
        if !same_endpoint(exchange.to, from) {
            return false;
        }
        match Response::parse(bytes, Family::of(exchange.to)) {
            Ok(response) if response.transaction() == exchange.transaction => {
                self.response(now, facts, exchange, response);
                true
            }
            Err(error) if error.transaction == Some(exchange.transaction) => {
                self.settle(exchange.tracker);
                self.fail(now, facts, exchange.tracker, &format!("its answer makes no sense: {error}"));
                true
            }
            _ => false,
        }
    }

    /// The time that [`Announcer::wake`] named has come. Harmless at any other.
    pub fn handle_timeout(&mut self, now: Time, facts: AnnounceFacts) {
        if self.wake.is_none_or(|wake| now < wake.at) {
            return;
        }
        match self.stage {
            Stage::Idle => self.wake = None,
            Stage::Resting | Stage::BackingOff => self.begin_round(now, facts, None),
            Stage::Resolving { tracker, .. } => self.time_out(now, facts, tracker, "its name could not be looked up"),
            Stage::Asked(Exchange { tracker, request: Asked::Connect, .. }) => {
                self.time_out(now, facts, tracker, "no answer to connect");
            }
            Stage::Asked(Exchange { tracker, .. }) => self.time_out(now, facts, tracker, "no answer to announce"),
        }
    }

    /// The next command, oldest first.
    pub fn poll(&mut self) -> Option<AnnouncerCommand> {
        self.out.pop_front()
    }

    /// When to call [`Announcer::handle_timeout`].
    pub fn wake(&self) -> Option<Wake> {
        self.wake
    }

    /// Asks all trackers in turn until one answers, `first` before the others.
    fn begin_round(&mut self, now: Time, facts: AnnounceFacts, first: Option<TrackerIndex>) {
        let others = self.tiers.order().filter(|tracker| Some(*tracker) != first);
        self.round = first.into_iter().chain(others).collect();
        self.round.reverse();
        self.ask_next(now, facts);
    }

    fn ask_next(&mut self, now: Time, facts: AnnounceFacts) {
        match self.round.pop() {
            Some(tracker) => self.contact(now, facts, tracker),
            None => {
                if self.mode == Mode::Stopping {
                    self.mode = Mode::Stopped;
                }
                self.stage = Stage::Idle;
                self.wake = None;
            }
        }
    }

    fn time_out(&mut self, now: Time, facts: AnnounceFacts, tracker: TrackerIndex, what: &str) {
        let waited = self.wait();
        self.tiers.of_mut(tracker).try_next_addr();
        let round_over = self.mode == Mode::Running && self.round.is_empty();
        if round_over {
            self.silences = (self.silences + 1).min(DOUBLINGS_MAX);
        }
        let next = if round_over { "asking again".to_owned() } else { self.next_in_round() };
        self.failed(tracker, format!("{what} in {} s", waited.as_secs()), next);
        if round_over {
            self.begin_round(now, facts, None);
        } else {
            self.ask_next(now, facts);
        }
    }

    /// A tracker's turn ends before its time.
    fn fail(&mut self, now: Time, facts: AnnounceFacts, tracker: TrackerIndex, why: &str) {
        let next = self.next_in_round();
        self.failed(tracker, why.to_owned(), next);
        self.give_up(now, facts, tracker);
    }

    fn give_up(&mut self, now: Time, facts: AnnounceFacts, tracker: TrackerIndex) {
        self.tiers.of_mut(tracker).try_next_addr();
        if self.mode == Mode::Stopping || !self.round.is_empty() {
            return self.ask_next(now, facts);
        }
        self.stage = Stage::BackingOff;
        self.wake = Some(Wake { at: now.after(doubled(self.refusals)), why: "announce: trackers are asked again" });
        self.refusals = (self.refusals + 1).min(DOUBLINGS_MAX);
    }

    /// What follows when the tracker being asked fails, for people to read.
    fn next_in_round(&self) -> String {
        match self.round.last() {
            Some(next) => format!("asking {}", self.tiers.of(*next).name),
            None if self.mode == Mode::Stopping => "leaving without goodbye".to_owned(),
            None => format!("asking again in {} s", doubled(self.refusals).as_secs()),
        }
    }

    /// How long the tracker whose turn it is may take.
    fn wait(&self) -> Duration {
        match self.mode {
            Mode::Stopping => STOP_WAIT,
            _ if self.round.is_empty() => doubled(self.silences),
            _ => FIRST_WAIT,
        }
    }
}

/// BEP 15's 15 * 2^n seconds.
fn doubled(n: u32) -> Duration {
    FIRST_WAIT * 2_u32.pow(n)
}

/// False for what no single host can be reached at.
fn usable(addr: SocketAddr) -> bool {
    let ip = addr.ip();
    let nobody = ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    addr.port() != 0 && !nobody
}

/// The same address and port; a dual-stack socket shows IPv4 addresses dressed as IPv6.
fn same_endpoint(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
}

/// Text from outside, short and without control characters.
fn presentable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
