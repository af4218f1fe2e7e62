//! Plays a scenario in a simulated world: the tracker first, then the script, until everything is decided;
//! then all leave, the peers first. The same order, names and seeds as in the worlds of real programs.
//!
//! A [`Play`] is an iterator of the log's lines. Who takes them decides how fast it goes: as fast as
//! it can, or at the pace of a clock on the wall.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::{Event, Names, Record, Remote};
use metainfo::Metainfo;
use model::{ByteCount, InfoHash, PeerId, Rate, Rng, Time};
use node::{Encryption, Glass, JoinOptions, Methods, NodeConfig, Persona, Picking, Policy, TorrentSource};
use scenario::{
    Action, Conductor, DiskFault, Facts, InspectionAction, Judge, Knows, Limit, LineChange, Member, Nat, NatBehaviour,
    NatKind, Net, Plan, Selector, Step, Verdict,
};
use tracker::{Allowed, TrackerConfig};

use crate::disk::{Disk, DiskFaults, DiskSpeed};
use crate::firewall::FirewallRules;
use crate::gear::{Border, Preset};
use crate::host::Access;
use crate::middlebox::{self, Inspector};
use crate::nat::{Behaviour, Dependence, PortChoice};
use crate::original::{Original, OriginalError};
use crate::packet::{Incident, Protocol};
use crate::topology::{HostId, Line, NetId};
use crate::world::{Exposure, PEER_PORT, TRACKER_PORT, World};

/// A scenario being played.
#[derive(Debug)]
pub struct Play {
    plan: Plan,
    world: World,
    torrent: Arc<Metainfo>,
    original: Arc<Original>,
    nets: BTreeMap<String, NetId>,
    tracker: HostId,
    seats: BTreeMap<String, Seat>,
    conductor: Conductor,
    judge: Judge,
    names: Names,
    /// Whose address is whose, where no NAT is between.
    owners: BTreeMap<IpAddr, String>,
    out: VecDeque<Record>,
    lines: u64,
    /// When the judge was last told the time, and asked whether all is decided.
    ticked: Time,
    act: Act,
    /// What every peer records beside its events.
    glass: Glass,
    gone: BTreeMap<String, String>,
}

/// A member of the cast, and the settings of its next life.
#[derive(Debug)]
struct Seat {
    member: Member,
    host: HostId,
    /// Its link's rates, up and down.
    link: (Option<Rate>, Option<Rate>),
    up: Option<Rate>,
    down: Option<Rate>,
    persona: Persona,
    /// How often it was started.
    lives: u32,
    /// It was asked to leave, and says its goodbyes.
    leaves: bool,
    /// Start it once more as soon as it has left.
    again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Playing,
    /// The peers say goodbye.
    PeersLeave {
        until: Time,
    },
    /// The tracker has heard them, and ends.
    TrackerLeaves,
    Over,
}

/// Who reports as the tracker.
const TRACKER_NAME: &str = "tracker";

/// Who reports as the lab itself.
const LAB_NAME: &str = "lab";

/// How often the judge is told the time, and asked. To ask after each event would cost more than the swarm.
const TICK: Duration = Duration::from_millis(100);

/// What goodbyes may take.
const GOODBYES: Duration = Duration::from_millis(1_500);

const KILLED_BY_SCRIPT: &str = "killed by the script, as with kill -9";

impl Play {
    /// Sets the stage. `metainfo` describes the files in a row that are `content`, and names no
    /// tracker yet; [`crate::content::make`] makes both for content that is made up. A plan that elides its content
    /// needs none.
    ///
    /// # Errors
    /// The content is not what `metainfo` describes.
    pub fn new(plan: &Plan, metainfo: Metainfo, content: Bytes) -> Result<Self, OriginalError> {
        if plan.content.elide {
            return Ok(Self::elided(plan, metainfo));
        }
        let original = Original::new(Arc::new(metainfo.info.clone()), content)?;
        Ok(Self::with(plan, metainfo, original))
    }

    /// As [`Self::new`], without the content: it is elided ([`Original::elided`]), for swarms larger than the machine's
    /// memory. Makes the same events; under glass other bytes are seen. [`crate::content::torrent`] makes the torrent.
    pub fn elided(plan: &Plan, metainfo: Metainfo) -> Self {
        let original = Original::elided(Arc::new(metainfo.info.clone()));
        Self::with(plan, metainfo, original)
    }

    fn with(plan: &Plan, mut metainfo: Metainfo, original: Original) -> Self {
        let mut world = World::new(plan.seed);
        let nets = build_nets(&mut world, &plan.nets);
        let place = |at: &str| (nets[at], access(&plan.nets[at]));
        let (net, link) = place(&plan.tracker.at);
        let tracker = world.add_host(TRACKER_NAME, net, link, TRACKER_PORT);
        metainfo.announce = vec![vec![format!("udp://{}/announce", world.addr(tracker))]];
        let mut seats = BTreeMap::new();
        let mut translated: BTreeMap<&str, u16> = BTreeMap::new();
        for member in &plan.cast {
            let (net, link) = place(&member.at);
            // Those who share an outside address listen at ports of their own, or none but one could be reached by it.
            let neighbours = translated.entry(&member.at).or_default();
            let port = PEER_PORT + *neighbours;
            *neighbours += u16::from(is_translated(&plan.nets, &member.at));
            let host = world.add_host(&member.name, net, link, port);
            let net = &plan.nets[&member.at];
            seats.insert(member.name.clone(), Seat::new(member, host, (net.up, net.down)));
        }
        let mut owners: BTreeMap<IpAddr, String> =
            seats.iter().map(|(name, seat)| (world.addr(seat.host).ip(), name.clone())).collect();
        owners.insert(world.addr(tracker).ip(), TRACKER_NAME.to_owned());
        let mut play = Self {
            plan: plan.clone(),
            world,
            torrent: Arc::new(metainfo),
            original: Arc::new(original),
            nets,
            tracker,
            seats,
            conductor: Conductor::new(plan),
            judge: Judge::new(plan),
            names: Names::default(),
            owners,
            out: VecDeque::new(),
            lines: 0,
            ticked: Time::ZERO,
            act: Act::Playing,
            glass: Glass::default(),
            gone: BTreeMap::new(),
        };
        play.insert_disks();
        play.start_tracker();
        play
    }

    /// Records the beginnings of connections and their keys too, for [`Self::take_exposure`].
    pub fn under_glass(mut self) -> Self {
        self.glass = Glass { wire: true, keys: true };
        self
    }

    /// The next thing under glass that was not asked for yet.
    pub fn take_exposure(&mut self) -> Option<Exposure> {
        self.world.take_exposure()
    }

    /// What time it is in the run.
    pub fn now(&self) -> Time {
        self.world.now()
    }

    /// The torrent as peers are given it.
    pub fn torrent(&self) -> &Metainfo {
        &self.torrent
    }

    /// The world it is played in, for its figures.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Where a member or the tracker listens, as its own network sees it.
    pub fn addr(&self, name: &str) -> Option<SocketAddr> {
        let host = if name == TRACKER_NAME { self.tracker } else { self.seats.get(name)?.host };
        Some(self.world.addr(host))
    }

    /// What happened to packets on their way since this was last asked.
    pub fn take_incidents(&mut self) -> Vec<Incident> {
        self.world.take_incidents()
    }

    /// Ends the play early, in good order: the lines go on until all have left.
    pub fn stop(&mut self) {
        if self.act == Act::Playing {
            self.fall();
        }
    }

    /// Who ended before the play did, and why.
    pub fn gone(&self) -> &BTreeMap<String, String> {
        &self.gone
    }

    /// The verdicts, one for each check of the plan. Ask when there are no more lines.
    pub fn verdicts(mut self) -> Vec<Verdict> {
        let info_hash = self.info_hash();
        let mut facts = Facts::default();
        for (name, seat) in self.seats.iter().filter(|(_, seat)| !seat.member.role.has_everything()) {
            let is_whole = self.world.disk(seat.host, info_hash).is_some_and(|disk| disk.is_whole());
            facts.content_ok.insert(name.clone(), is_whole);
        }
        self.judge.finish(&facts)
    }

    // ---- the course of it ----

    fn go_on(&mut self) {
        match self.act {
            Act::Playing => self.play_on(),
            Act::PeersLeave { until } => {
                let gone = self.seats.values().all(|seat| !self.world.is_up(seat.host));
                if gone || !self.step(until) {
                    self.seats.values().for_each(|seat| self.world.kill(seat.host));
                    self.act = Act::TrackerLeaves;
                }
            }
            Act::TrackerLeaves => {
                self.world.leave(self.tracker);
                self.world.conclude();
                self.take_in();
                self.act = Act::Over;
            }
            Act::Over => {}
        }
    }

    fn play_on(&mut self) {
        self.take_in();
        let now = self.world.now();
        for step in self.conductor.due(now) {
            self.carry_out(&step);
        }
        for late in self.conductor.overdue(now) {
            self.say(Event::Note { text: format!("{} never came due: it waited for {}", late.step, late.waiting_for) });
        }
        if now >= self.ticked.after(TICK) {
            self.ticked = now;
            self.judge.advance(now);
            if self.is_over() {
                return self.fall();
            }
        }
        let tick = self.ticked.after(TICK);
        let until = self.conductor.wake().map_or(tick, |wake| wake.min(tick));
        // What nobody reports neither makes a step due nor decides a check.
        while self.world.step(until) && !self.world.has_news() {}
    }

    fn step(&mut self, until: Time) -> bool {
        let happened = self.world.step(until);
        self.take_in();
        happened
    }

    fn is_over(&self) -> bool {
        let late = self.world.now().since(Time::ZERO) >= self.plan.deadline;
        let deserted = || {
            let hosts = self.seats.values().map(|seat| seat.host).chain([self.tracker]);
            hosts.into_iter().all(|host| !self.world.is_up(host))
        };
        late || (self.conductor.is_finished() && (self.judge.settled() || deserted()))
    }

    /// The curtain falls: what follows proves nothing, for nobody asked for it.
    fn fall(&mut self) {
        self.act = Act::PeersLeave { until: self.world.now().after(GOODBYES) };
        let hosts: Vec<HostId> = self.seats.values().map(|seat| seat.host).collect();
        hosts.into_iter().for_each(|host| self.world.leave(host));
        self.take_in();
    }

    /// Takes in what the world has to say.
    fn take_in(&mut self) {
        while let Some(record) = self.world.poll() {
            let left = matches!(record.event, Event::Left { .. }).then(|| record.peer.clone());
            self.emit(record);
            if let Some(seat) = left.and_then(|name| self.seats.get_mut(&name))
                && std::mem::take(&mut seat.again)
                && self.act == Act::Playing
            {
                let name = seat.member.name.clone();
                self.start(&name);
            }
        }
    }

    fn emit(&mut self, mut record: Record) {
        self.name_addresses(&mut record);
        self.names.apply(&mut record);
        self.lines += 1;
        if self.act == Act::Playing {
            self.conductor.observe(&record);
            self.judge.observe(self.lines, &record);
            match &record.event {
                Event::Joined { .. } => drop(self.gone.remove(&record.peer)),
                Event::Left { why } | Event::Killed { why } => drop(self.gone.insert(record.peer.clone(), why.clone())),
                _ => {}
            }
        }
        self.out.push_back(record);
    }

    /// Puts names in the place of addresses. One that a NAT gave out is looked up in the NAT, and remembered for
    /// whoever met it there: the NAT forgets.
    fn name_addresses(&mut self, record: &mut Record) {
        let Record { peer, event, .. } = record;
        for remote in event.remotes_mut() {
            let Remote::Addr(addr) = *remote else { continue };
            if let Some(owner) = self.owners.get(&addr.ip()) {
                *remote = Remote::Name(owner.clone());
                continue;
            }
            let (net, protocol) = match self.seats.get(peer.as_str()) {
                Some(seat) => (self.nets[&seat.member.at], Protocol::Tcp),
                None if peer == TRACKER_NAME => (self.nets[&self.plan.tracker.at], Protocol::Udp),
                None => continue,
            };
            if let Some(name) = self.world.whose(net, protocol, addr).map(str::to_owned) {
                self.names.met(peer, addr, &name);
                *remote = Remote::Name(name);
            }
        }
    }

    /// An event of the lab itself.
    fn say(&mut self, event: Event) {
        self.emit(Record { time: self.world.now(), peer: LAB_NAME.to_owned(), event });
    }

    // ---- the script ----

    fn carry_out(&mut self, step: &Step) {
        let (action, who) = (step.action.verb().to_owned(), step.action.names());
        self.say(Event::Step { step: step.number, action, who, why: step.timing() });
        match &step.action {
            Action::Join(who) | Action::Restart(who) => self.each(who, Self::start),
            Action::Leave(who) => self.each(who, Self::leave),
            Action::Kill(who) => self.each(who, Self::kill),
            Action::SetLimit { who, up, down } => self.each(who, |play, name| play.set_limit(name, *up, *down)),
            Action::SetPersona { who, persona } => {
                self.each(who, |play, name| play.set_persona(name, persona_of(*persona)));
            }
            Action::Cut(net) => self.world.cut(self.nets[net], true),
            Action::Heal(net) => self.world.cut(self.nets[net], false),
            Action::RebindNat(net) => self.world.rebind_nat(self.nets[net]),
            Action::SetLine { net, change } => self.set_line(net, *change),
            Action::SetLink { who, up, down } => self.each(who, |play, name| play.set_link(name, *up, *down)),
            Action::ForwardPort(who) => self.each(who, Self::forward_port),
            Action::SetDisk { who, fault } => self.each(who, |play, name| play.set_disk(name, *fault)),
            Action::SkewClock { who, by } => self.each(who, |play, name| play.skew_clock(name, *by)),
            Action::SignIn(who) => self.each(who, Self::sign_in),
            Action::StopTracker => self.world.leave(self.tracker),
            Action::StartTracker => self.start_tracker(),
            Action::Note(text) => self.say(Event::Note { text: text.clone() }),
        }
        self.take_in();
    }

    fn each(&mut self, who: &Selector, act: impl Fn(&mut Self, &str)) {
        who.names().iter().for_each(|name| act(self, name));
    }

    fn start(&mut self, name: &str) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        if self.world.is_up(seat.host) {
            // One that is leaving comes back; any other is there already.
            seat.again = seat.leaves;
            return;
        }
        let seed = Rng::stream(self.plan.seed, &format!("{name} {}", seat.lives)).next_u64();
        seat.lives += 1;
        seat.leaves = false;
        let (host, config, options) = (seat.host, seat.config(seed, self.glass), seat.options());
        let source = match seat.member.knows {
            Knows::Torrent => TorrentSource::Metainfo(Arc::clone(&self.torrent)),
            Knows::Magnet => TorrentSource::Magnet(self.torrent.magnet()),
        };
        self.world.start_peer(host, config, Rng::stream(seed, "node"));
        if let Err(error) = self.world.join(host, source, options) {
            self.say(Event::Note { text: format!("{name} failed to join: {error}") });
        }
    }

    fn leave(&mut self, name: &str) {
        if let Some(seat) = self.seats.get_mut(name) {
            (seat.leaves, seat.again) = (true, false);
            self.world.leave(seat.host);
        }
    }

    fn kill(&mut self, name: &str) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        seat.again = false;
        let host = seat.host;
        if self.world.is_up(host) {
            self.world.kill(host);
            self.take_in();
            let event = Event::Killed { why: KILLED_BY_SCRIPT.to_owned() };
            self.emit(Record { time: self.world.now(), peer: name.to_owned(), event });
        }
    }

    fn set_limit(&mut self, name: &str, up: Limit, down: Limit) {
        if let Some(seat) = self.seats.get_mut(name) {
            (seat.up, seat.down) = (up.applied_to(seat.up), down.applied_to(seat.down));
            self.world.set_limits(seat.host, seat.up, seat.down);
        }
    }

    fn set_link(&mut self, name: &str, up: Limit, down: Limit) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        (seat.link.0, seat.link.1) = (up.applied_to(seat.link.0), down.applied_to(seat.link.1));
        let rate = |rate: Option<Rate>| rate.unwrap_or(Access::ETHERNET_RATE);
        self.world.set_rates(seat.host, rate(seat.link.0), rate(seat.link.1));
    }

    fn set_line(&mut self, net: &str, change: LineChange) {
        let Some(plan) = self.plan.nets.get_mut(net) else { return };
        plan.rtt = change.rtt.or(plan.rtt);
        plan.jitter = change.jitter.or(plan.jitter);
        plan.loss = change.loss.or(plan.loss);
        self.world.set_line(self.nets[net], line(plan));
    }

    fn set_disk(&mut self, name: &str, fault: DiskFault) {
        let info_hash = self.info_hash();
        let Some(disk) = self.seats.get(name).and_then(|seat| self.world.disk(seat.host, info_hash)) else { return };
        let (speed, faults) = disk_of(fault);
        disk.set_speed(speed);
        disk.set_faults(faults);
    }

    fn skew_clock(&mut self, name: &str, by: Duration) {
        if let Some(seat) = self.seats.get(name) {
            self.world.skew_clock(seat.host, by);
        }
    }

    fn sign_in(&mut self, name: &str) {
        if let Some(seat) = self.seats.get(name) {
            self.world.sign_in(seat.host);
        }
    }

    fn forward_port(&mut self, name: &str) {
        let Some(seat) = self.seats.get(name) else { return };
        let (host, net) = (seat.host, seat.member.at.clone());
        let inside = self.world.addr(host);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let outside = self.world.forward_port(host, protocol, inside.port());
            let event = Event::PortForwarded { protocol: protocol.into(), inside: inside.into(), outside };
            self.emit(Record { time: self.world.now(), peer: net.clone(), event });
        }
    }

    fn set_persona(&mut self, name: &str, persona: Persona) {
        if let Some(seat) = self.seats.get_mut(name) {
            seat.persona = persona;
            self.world.set_persona(seat.host, persona);
        }
    }

    fn start_tracker(&mut self) {
        if self.world.is_up(self.tracker) {
            return;
        }
        let seed = self.plan.seed;
        let mut secret = [0; 16];
        Rng::stream(seed, "tracker secret").fill(&mut secret);
        let allowed = Allowed::Only([self.info_hash()].into());
        let config = TrackerConfig { interval: self.plan.tracker.interval, ..TrackerConfig::new(allowed, secret) };
        let peer_id = PeerId::generate(&mut Rng::stream(seed, "tracker id"));
        self.world.start_tracker(self.tracker, config, Rng::stream(seed, "tracker"), peer_id);
    }

    fn insert_disks(&mut self) {
        let info_hash = self.info_hash();
        for (name, seat) in &self.seats {
            let (original, rng) = (Arc::clone(&self.original), Rng::stream(self.plan.seed, &format!("disk {name}")));
            let disk = match seat.member.role.has_everything() {
                true => Disk::full(original, rng),
                false => Disk::empty(original, rng),
            };
            self.world.insert_disk(seat.host, info_hash, disk);
        }
    }

    fn info_hash(&self) -> InfoHash {
        self.torrent.info.info_hash()
    }
}

impl Iterator for Play {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.out.pop_front() {
                return Some(record);
            }
            if self.act == Act::Over {
                return None;
            }
            self.go_on();
        }
    }
}

impl Seat {
    fn new(member: &Member, host: HostId, link: (Option<Rate>, Option<Rate>)) -> Self {
        Self {
            member: member.clone(),
            host,
            link,
            up: member.up,
            down: member.down,
            persona: persona_of(member.persona),
            lives: 0,
            leaves: false,
            again: false,
        }
    }

    fn config(&self, seed: u64, glass: Glass) -> NodeConfig {
        let usual = NodeConfig::new(PeerId::generate(&mut Rng::stream(seed, "peer id")));
        NodeConfig {
            persona: self.persona,
            up: self.up,
            down: self.down,
            slots: self.member.slots.map_or(usual.slots, |slots| slots as usize),
            detail: self.member.detail,
            encryption: encryption_of(&self.member),
            glass,
            ..usual
        }
    }

    fn options(&self) -> JoinOptions {
        let picking = match self.member.picking {
            scenario::Picking::RarestFirst => Picking::RarestFirst,
            scenario::Picking::Sequential => Picking::Sequential,
        };
        JoinOptions { picking }
    }
}

/// The networks, those around others first.
fn build_nets(world: &mut World, plans: &BTreeMap<String, Net>) -> BTreeMap<String, NetId> {
    let mut nets = BTreeMap::new();
    while nets.len() < plans.len() {
        for (name, plan) in plans {
            let around = plan.inside.as_ref().map_or(Some(World::INTERNET), |around| nets.get(around).copied());
            if let Some(around) = around.filter(|_| !nets.contains_key(name)) {
                let net = world.add_net(name, around, border(plan), line(plan));
                if plan.portal {
                    world.put_portal(net);
                }
                if let Some(inspector) = inspector(plan) {
                    world.put_inspector(net, inspector);
                }
                nets.insert(name.clone(), net);
            }
        }
    }
    nets
}

/// True where IPv4 addresses of a network mean nothing outside: it or a network around it has a NAT.
fn is_translated(plans: &BTreeMap<String, Net>, name: &str) -> bool {
    let around = |name: &String| plans.get(name)?.inside.clone();
    let mut nets = std::iter::successors(Some(name.to_owned()), around);
    nets.any(|net| plans.get(&net).is_some_and(|plan| plan.nat != Nat::NONE))
}

fn border(net: &Net) -> Border {
    let nat = match net.nat {
        Nat::Kind(kind) => preset(kind).behaviour(),
        Nat::Made(made) => Some(behaviour(made)),
    };
    let firewall = net.firewall.as_ref().map(|firewall| FirewallRules {
        open_ports: firewall.ports.clone(),
        udp_blocked: firewall.udp_blocked,
        refuses: firewall.refuses,
    });
    Border { nat, firewall }
}

fn preset(kind: NatKind) -> Preset {
    match kind {
        NatKind::None => Preset::Open,
        NatKind::FullCone => Preset::FullCone,
        NatKind::AddressRestricted => Preset::AddressRestricted,
        NatKind::PortRestricted => Preset::PortRestricted,
        NatKind::Symmetric => Preset::Symmetric,
        NatKind::Home => Preset::Home,
        NatKind::Corporate => Preset::Corporate,
        NatKind::Cgnat => Preset::Cgnat,
        NatKind::Hotel => Preset::Hotel,
        NatKind::Mobile => Preset::Mobile,
    }
}

fn behaviour(made: NatBehaviour) -> Behaviour {
    let NatBehaviour { mapping, filtering, ports, udp_timeout, tcp_timeout, hairpin } = made;
    let dependence = |axis| match axis {
        scenario::Dependence::EndpointIndependent => Dependence::Independent,
        scenario::Dependence::AddressDependent => Dependence::Address,
        scenario::Dependence::AddressAndPortDependent => Dependence::AddressAndPort,
    };
    let ports = match ports {
        scenario::PortChoice::Preserve => PortChoice::Preserve,
        scenario::PortChoice::Sequential => PortChoice::Sequential,
        scenario::PortChoice::Random => PortChoice::Random,
    };
    let (mapping, filtering) = (dependence(mapping), dependence(filtering));
    Behaviour { mapping, filtering, ports, udp_timeout, tcp_timeout, hairpin }
}

fn inspector(net: &Net) -> Option<Inspector> {
    let inspection = net.isp.as_ref()?;
    let action = match inspection.action {
        InspectionAction::Drop => middlebox::Action::Drop,
        InspectionAction::Reset => middlebox::Action::Reset,
        InspectionAction::Throttle(rate) => middlebox::Action::Throttle(rate),
    };
    Some(Inspector { classes: inspection.matches.clone(), action })
}

/// How a disk with this fault behaves.
fn disk_of(fault: DiskFault) -> (DiskSpeed, DiskFaults) {
    let (speed, faults) = (DiskSpeed::default(), DiskFaults::default());
    match fault {
        DiskFault::None => (speed, faults),
        DiskFault::Full => (speed, DiskFaults { room: Some(ByteCount::ZERO), ..faults }),
        // What was just written is hashed from memory.
        DiskFault::Slow => (DiskSpeed { rate: Rate(1_000_000), ..speed }, faults),
        DiskFault::Corrupting => (speed, DiskFaults { corrupt_ppm: 10_000, ..faults }),
        DiskFault::Forgetful => (speed, DiskFaults { lost_in_crash: Duration::from_secs(1), ..faults }),
    }
}

fn line(net: &Net) -> Line {
    Line {
        rtt: net.rtt.unwrap_or_default(),
        jitter: net.jitter.unwrap_or_default().min(net.rtt.unwrap_or_default()),
        loss_ppm: net.loss.map_or(0, |loss| loss.0),
    }
}

fn access(net: &Net) -> Access {
    let usual = Access::default();
    Access { up: net.up.unwrap_or(usual.up), down: net.down.unwrap_or(usual.down), ipv6: net.ipv6, ..usual }
}

fn encryption_of(member: &Member) -> Encryption {
    let policy = match member.encryption {
        scenario::Encryption::Disabled => Policy::Disabled,
        scenario::Encryption::Allowed => Policy::Allowed,
        scenario::Encryption::Preferred => Policy::Preferred,
        scenario::Encryption::Required => Policy::Required,
    };
    let has = |method| member.encryption_methods.contains(&method);
    let methods = Methods {
        rc4: has(scenario::EncryptionMethod::Rc4),
        plaintext: has(scenario::EncryptionMethod::PlaintextAfterHandshake),
    };
    Encryption { policy, methods }
}

fn persona_of(persona: scenario::Persona) -> Persona {
    match persona {
        scenario::Persona::Honest => Persona::Honest,
        scenario::Persona::FreeRider => Persona::FreeRider,
        scenario::Persona::Poisoner => Persona::Poisoner,
        scenario::Persona::Slow => Persona::Slow,
    }
}
