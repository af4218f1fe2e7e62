//! Plays a plan in a world, and tells the rules what happens after each step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::{Detail, Event, Names, Record};
use metainfo::Metainfo;
use model::{Block, ByteCount, PeerId, PieceIndex, PieceSet, Rate, Rng, Time};
use node::{DiskOp, JoinOptions, NodeConfig, Persona, TorrentKey, TorrentSource};
use swarmlab_sim::{
    Access, Disk, DiskFaults, DiskSpeed, HostId, NetId, Original, PEER_PORT, Protocol, TRACKER_PORT, World, content,
};
use tracker::{Allowed, TrackerConfig};

use crate::facts::{self, Broken, Fact, Lie, Playbill, Sight, name};
use crate::plan::{self, Peer, Plan, SLOW_DISK, Share, Trouble, Who};
use crate::reach::{Holding, what_all_can_get};
use crate::rules::Rules;

/// A storm that is being played.
pub(crate) struct Stage {
    plan: Plan,
    lie: Lie,
    world: World,
    torrent: Arc<Metainfo>,
    original: Arc<Original>,
    tracker: HostId,
    nets: Vec<NetId>,
    seats: BTreeMap<Who, Seat>,
    names: Names,
    rules: Rules,
    log: Vec<Record>,
    second: u64,
    happened: u64,
}

/// A peer's place in the world.
struct Seat {
    host: HostId,
    torrent: Option<TorrentKey>,
    lives: u32,
    faults: DiskFaults,
    /// Its disk has corrupted something since its program began, or stopped it.
    unsound: bool,
    /// Blocks that are right on its disk.
    landed: Vec<Block>,
    right_bytes: ByteCount,
}

/// What a storm came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) log: Vec<Record>,
    pub(crate) happened: u64,
    /// How many have everything in the end.
    pub(crate) whole: usize,
    /// Who was to get everything that there is.
    pub(crate) expected: BTreeMap<Who, PieceSet>,
}

/// A rule was broken, and what was said before that.
pub(crate) struct Failure {
    pub(crate) plan: Plan,
    pub(crate) at: Time,
    pub(crate) broken: Broken,
    pub(crate) log: Vec<Record>,
}

/// Plays a storm to its end.
///
/// # Errors
/// The first rule that was broken.
pub(crate) fn play(plan: &Plan, lie: Lie) -> Result<Outcome, Box<Failure>> {
    let mut stage = Stage::new(plan.clone(), lie);
    match stage.play() {
        Ok(expected) => {
            let whole = plan.peers.iter().filter(|peer| stage.disk(peer.who).is_whole()).count();
            Ok(Outcome { happened: stage.world.happened(), log: stage.log, whole, expected })
        }
        Err(broken) => Err(Box::new(Failure { plan: plan.clone(), at: stage.world.now(), broken, log: stage.log })),
    }
}

impl Stage {
    fn new(plan: Plan, lie: Lie) -> Self {
        let seed = plan.seed;
        let mut world = World::new(seed);
        let access = Access { ipv6: plan.ipv6, ..Access::default() };
        let tracker = world.add_host("tracker", World::INTERNET, access, TRACKER_PORT);
        let (mut torrent, bytes) = content::made_up("storm.bin", plan.content.0, plan.piece, seed).expect("it suits");
        torrent.announce = vec![vec![format!("udp://{}/announce", world.addr(tracker))]];
        let original = Original::new(Arc::new(torrent.info.clone()), bytes).expect("it was made for that");
        let mut nets: Vec<NetId> = Vec::new();
        for (i, net) in plan.nets.iter().enumerate() {
            let parent = net.parent.map_or(World::INTERNET, |parent| nets[parent]);
            nets.push(world.add_net(&format!("net-{i}"), parent, net.border, net.line));
        }
        let rules = Rules::new(&Playbill { plan: plan.clone(), lie });
        let mut stage = Self {
            lie,
            world,
            torrent: Arc::new(torrent),
            original: Arc::new(original),
            tracker,
            nets,
            seats: BTreeMap::new(),
            names: Names::default(),
            rules,
            log: Vec::new(),
            second: 0,
            happened: 0,
            plan,
        };
        for peer in stage.plan.peers.clone() {
            stage.seat(&peer);
        }
        stage
    }

    fn seat(&mut self, peer: &Peer) {
        let Peer { who, access, .. } = *peer;
        let access = Access { ipv6: self.plan.ipv6, ..access };
        let host = self.world.add_host(&name(who), self.nets[peer.net], access, PEER_PORT);
        if peer.forwarded {
            self.world.forward_port(host, Protocol::Tcp, PEER_PORT);
        }
        let rng = Rng::stream(self.plan.seed, &format!("disk {who}"));
        let mut disk = match peer.starts_with {
            Share::All => Disk::full(Arc::clone(&self.original), rng),
            Share::Nothing | Share::Percent(_) => Disk::empty(Arc::clone(&self.original), rng),
        };
        if let Share::Percent(percent) = peer.starts_with {
            let mut lots = Rng::stream(self.plan.seed, &format!("share {who}"));
            for block in self.blocks().filter(|_| lots.chance(percent, 100)) {
                disk.carry_out(Time::ZERO, DiskOp::Write { block, data: self.content(block) });
            }
        }
        disk.set_speed(peer.disk);
        let landed = self.blocks().filter(|block| disk.holds(*block)).collect();
        let right_bytes = disk.right_bytes();
        self.world.insert_disk(host, self.torrent.info.info_hash(), disk);
        let faults = DiskFaults::default();
        self.seats.insert(who, Seat { host, torrent: None, lives: 0, faults, unsound: false, landed, right_bytes });
    }

    fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let info = self.torrent.info.clone();
        (0..info.piece_count()).flat_map(move |piece| info.blocks(PieceIndex(piece)).collect::<Vec<_>>())
    }

    fn content(&self, block: Block) -> Bytes {
        let start = self.torrent.info.geometry().piece_offset(block.piece) + u64::from(block.offset.0);
        self.original.bytes(start..start + u64::from(block.length))
    }

    // ---- the course of a storm ----

    fn play(&mut self) -> Result<BTreeMap<Who, PieceSet>, Broken> {
        self.start_tracker()?;
        self.rage()?;
        let expected = self.calm()?;
        self.part()?;
        Ok(expected)
    }

    /// Everybody joins, and whatever is to befall them does.
    fn rage(&mut self) -> Result<(), Broken> {
        let mut troubles: Vec<(Time, Trouble)> = Vec::new();
        troubles.extend(self.plan.peers.iter().map(|peer| (peer.joins_at, Trouble::Start(peer.who))));
        troubles.extend(self.plan.faults.iter().map(|fault| (fault.at, fault.what)));
        troubles.sort_by_key(|(at, _)| *at);
        for (at, trouble) in troubles {
            self.run(at)?;
            self.befall(trouble)?;
        }
        self.run(Time::ZERO.after(plan::RAGE))
    }

    /// All faults are over, and everybody is back but those who stay away: all get what they can, in time.
    fn calm(&mut self) -> Result<BTreeMap<Who, PieceSet>, Broken> {
        for net in self.nets.clone() {
            self.world.cut(net, false);
        }
        self.befall(Trouble::TrackerUp)?;
        for peer in self.plan.peers.clone() {
            self.befall(Trouble::Rates(peer.who, peer.access.up, peer.access.down))?;
            self.befall(Trouble::Limits(peer.who, peer.up, peer.down))?;
            self.befall(Trouble::DiskMended(peer.who))?;
            self.befall(Trouble::Turn(peer.who, peer.persona))?;
            if peer.stays_away {
                self.befall(Trouble::Leave(peer.who))?;
            } else if self.seats[&peer.who].unsound {
                self.befall(Trouble::Kill(peer.who))?;
            }
        }
        self.run(self.world.now().after(GOODBYES))?;
        for peer in self.plan.peers.clone().iter().filter(|peer| !peer.stays_away) {
            self.befall(Trouble::Start(peer.who))?;
        }
        let expected = self.expected();
        let until = self.world.now().after(self.patience());
        loop {
            let late: Vec<String> = expected.iter().filter_map(|(who, pieces)| self.lacks(*who, pieces)).collect();
            if late.is_empty() {
                return Ok(expected);
            }
            if self.world.now() >= until && !self.plan.has_room_for_all() {
                return Ok(expected);
            }
            if self.world.now() >= until {
                let what = format!("within {:?}: {}", self.patience(), late.join("; "));
                return Err(Broken { rule: "everyone who can finish does", what });
            }
            self.run(self.world.now().after(Duration::from_secs(5)))?;
        }
    }

    /// All leave, and then nothing happens any more.
    fn part(&mut self) -> Result<(), Broken> {
        self.run(self.world.now().after(Duration::from_secs(20)))?; // what all are like when they are done
        if self.lie != Lie::NobodyLeaves {
            for who in self.plan.peers.iter().map(|peer| peer.who).collect::<Vec<_>>() {
                self.befall(Trouble::Leave(who))?;
            }
        }
        self.befall(Trouble::TrackerDown)?;
        self.run(self.world.now().after(Duration::from_secs(600)))?;
        let (connections, waits) = (self.world.connections(), self.world.next_at().is_some());
        self.tell(&Fact::Quiet { connections, waits })
    }

    /// What each will have: all that those hold who can give it.
    fn expected(&mut self) -> BTreeMap<Who, PieceSet> {
        let pieces = self.torrent.info.piece_count();
        let there: Vec<Peer> = self.plan.peers.iter().filter(|peer| !peer.stays_away).cloned().collect();
        let mut holdings = BTreeMap::new();
        for peer in &there {
            let seat = &self.seats[&peer.who];
            let status = seat.torrent.and_then(|key| self.world.node(seat.host)?.status(key));
            let info = status.is_some_and(|status| status.pieces > 0);
            holdings.insert(peer.who, Holding { info, pieces: self.disk(peer.who).right_pieces() });
        }
        let mut expected = what_all_can_get(&self.plan, holdings);
        if self.lie == Lie::AllCanFinish {
            expected.values_mut().for_each(|all| *all = PieceSet::full(pieces));
        }
        expected
    }

    /// How long all may take: to notice what is gone, to ask the tracker again and to dial
    /// again, which takes minutes after many failures; and to carry the content to everybody, one after
    /// the other, at the rate of the slowest.
    fn patience(&self) -> Duration {
        let rate = |peer: &Peer| {
            let limits = [peer.up, peer.down, Some(peer.access.up), Some(peer.access.down)];
            let slow = (peer.persona == Persona::Slow).then_some(Persona::SLOW_RATE);
            limits.into_iter().chain([slow]).flatten().min().expect("links have a rate")
        };
        let slowest = self.plan.peers.iter().map(rate).min().unwrap_or(Rate(1));
        let all = ByteCount(self.plan.content.0 * self.plan.peers.len() as u64);
        Duration::from_secs(300) + slowest.time_for(all).unwrap_or_default()
    }

    fn lacks(&mut self, who: Who, expected: &PieceSet) -> Option<String> {
        let has = self.disk(who).right_pieces();
        let missing = has.missing_from(expected).count();
        (missing > 0).then(|| format!("{who} lacks {missing} pieces of the {} it can get", expected.count()))
    }

    // ---- what befalls it ----

    fn befall(&mut self, trouble: Trouble) -> Result<(), Broken> {
        match trouble {
            Trouble::Kill(who) => self.kill(who)?,
            Trouble::Leave(who) => self.world.leave(self.seats[&who].host),
            Trouble::Start(who) => self.start(who)?,
            Trouble::Cut(net) => self.world.cut(self.nets[net], true),
            Trouble::Heal(net) => self.world.cut(self.nets[net], false),
            Trouble::Rebind(net) => self.world.rebind_nat(self.nets[net]),
            Trouble::Line(net, line) => self.world.set_line(self.nets[net], line),
            Trouble::Rates(who, up, down) => self.world.set_rates(self.seats[&who].host, up, down),
            Trouble::Limits(who, up, down) => self.world.set_limits(self.seats[&who].host, up, down),
            Trouble::Turn(who, persona) => {
                self.world.set_persona(self.seats[&who].host, persona);
                self.look()?;
                self.tell(&Fact::Turned { who, persona })?;
            }
            Trouble::TrackerDown => self.world.leave(self.tracker),
            Trouble::TrackerUp => self.start_tracker()?,
            Trouble::DiskFull(who) => self.spoil(who, |faults, used| faults.room = Some(used))?,
            Trouble::DiskSlow(who) => self.disk(who).set_speed(SLOW_DISK),
            Trouble::DiskCorrupts(who, ppm) => self.spoil(who, |faults, _| faults.corrupt_ppm = ppm)?,
            Trouble::DiskForgets(who, lost) => self.spoil(who, |faults, _| faults.lost_in_crash = lost)?,
            Trouble::DiskMended(who) => {
                self.spoil(who, |faults, _| *faults = DiskFaults::default())?;
                let speed: DiskSpeed = self.plan.peer(who).disk;
                self.disk(who).set_speed(speed);
            }
        }
        self.look()
    }

    fn start(&mut self, who: Who) -> Result<(), Broken> {
        let peer = self.plan.peer(who).clone();
        let seat = self.seats.get_mut(&who).expect("everybody has a seat");
        if self.world.is_up(seat.host) {
            return Ok(());
        }
        seat.lives += 1;
        let mut rng = Rng::stream(self.plan.seed, &format!("{} {}", name(who), seat.lives));
        let config = NodeConfig {
            persona: peer.persona,
            up: peer.up,
            down: peer.down,
            slots: peer.slots,
            detail: Detail::Block,
            pex: peer.pex,
            connections_max: peer.connections,
            encryption: peer.encryption,
            ..NodeConfig::new(PeerId::generate(&mut rng))
        };
        let source = match peer.magnet {
            true => TorrentSource::Magnet(self.torrent.magnet()),
            false => TorrentSource::Metainfo(Arc::clone(&self.torrent)),
        };
        self.world.start_peer(seat.host, config, rng);
        let key = self.world.join(seat.host, source, JoinOptions { picking: peer.picking });
        seat.torrent = Some(key.expect("it takes part in nothing else"));
        seat.unsound = seat.faults.corrupt_ppm > 0;
        let corrupts = seat.unsound;
        self.look()?;
        if corrupts { self.tell(&Fact::Corrupts { who }) } else { Ok(()) }
    }

    fn kill(&mut self, who: Who) -> Result<(), Broken> {
        let host = self.seats[&who].host;
        if !self.world.is_up(host) {
            return Ok(());
        }
        self.world.kill(host);
        let event = Event::Killed { why: "killed by the storm".to_owned() };
        self.hear(Record { time: self.world.now(), peer: name(who), event })
    }

    fn spoil(&mut self, who: Who, spoil: impl FnOnce(&mut DiskFaults, ByteCount)) -> Result<(), Broken> {
        let used = self.disk(who).right_bytes();
        let seat = self.seats.get_mut(&who).expect("everybody has a seat");
        spoil(&mut seat.faults, used);
        let faults = seat.faults;
        self.disk(who).set_faults(faults);
        if faults.corrupt_ppm > 0 {
            self.seats.get_mut(&who).expect("it is there").unsound = true;
            self.tell(&Fact::Corrupts { who })?;
        }
        Ok(())
    }

    fn start_tracker(&mut self) -> Result<(), Broken> {
        if !self.world.is_up(self.tracker) {
            let interval = self.plan.interval;
            let config = TrackerConfig { interval, ..TrackerConfig::new(Allowed::Any, [1; 16]) };
            let rng = Rng::stream(self.plan.seed, "tracker");
            self.world.start_tracker(self.tracker, config, rng, PeerId([b'T'; 20]));
        }
        self.look()
    }

    fn disk(&mut self, who: Who) -> &mut Disk {
        let (host, hash) = (self.seats[&who].host, self.torrent.info.info_hash());
        self.world.disk(host, hash).expect("everybody has a disk")
    }

    // ---- watching it ----

    /// Until then, step by step.
    fn run(&mut self, until: Time) -> Result<(), Broken> {
        loop {
            let next = Time::from_secs(self.second + 1);
            while self.world.step(until.min(next)) {
                self.look()?;
                let happened = self.world.happened() - self.happened;
                if happened.is_multiple_of(LONG_SECOND) {
                    self.tell(&Fact::Second { happened })?; // perhaps it never ends
                }
            }
            if until < next {
                return Ok(());
            }
            self.second += 1;
            let happened = self.world.happened() - std::mem::replace(&mut self.happened, self.world.happened());
            self.tell(&Fact::Second { happened })?;
        }
    }

    /// Looks at everything after a step.
    fn look(&mut self) -> Result<(), Broken> {
        while let Some(record) = self.world.poll() {
            self.hear(record)?;
        }
        for who in self.plan.peers.iter().map(|peer| peer.who).collect::<Vec<_>>() {
            self.look_at_disk(who)?;
            self.look_at_peers(who)?;
        }
        Ok(())
    }

    /// Tells the rules what a line of the log says.
    fn hear(&mut self, mut record: Record) -> Result<(), Broken> {
        self.names.apply(&mut record);
        self.log.push(record.clone());
        let Some(who) = facts::number_of(&record.peer) else { return Ok(()) };
        let hash = self.torrent.info.info_hash();
        if matches!(record.event, Event::Stopped { .. }) {
            self.seats.get_mut(&who).expect("who speaks has a seat").unsound = true;
        }
        let mut right = PieceSet::empty(0);
        let disk = self.world.disk(self.seats[&who].host, hash).expect("everybody has a disk");
        match facts::told_by(who, &record, disk, &mut right) {
            Some(fact) => tell(&mut self.rules, self.lie, self.world.now(), &fact),
            None => Ok(()),
        }
    }

    /// What has come to be right on a disk, or is so no more.
    fn look_at_disk(&mut self, who: Who) -> Result<(), Broken> {
        let right_bytes = self.disk(who).right_bytes();
        if self.seats[&who].right_bytes == right_bytes {
            return Ok(());
        }
        let blocks: Vec<Block> = self.blocks().collect();
        let disk = self.disk(who);
        let landed: Vec<Block> = blocks.into_iter().filter(|block| disk.holds(*block)).collect();
        let seat = self.seats.get_mut(&who).expect("everybody has a seat");
        seat.right_bytes = right_bytes;
        let before = std::mem::replace(&mut seat.landed, landed.clone());
        for block in landed.into_iter().filter(|block| before.binary_search(block).is_err()) {
            self.tell(&Fact::Landed { who, block })?;
        }
        Ok(())
    }

    fn look_at_peers(&mut self, who: Who) -> Result<(), Broken> {
        let Seat { host, torrent: Some(key), .. } = self.seats[&who] else { return Ok(()) };
        let Some(node) = self.world.node(host) else { return Ok(()) };
        let now = self.world.now();
        for peer in node.peers(key) {
            let sight = Sight {
                by: who,
                conn: peer.conn.0,
                id: peer.peer_id,
                pieces: peer.pieces,
                has_slot: peer.slot.is_some(),
                wants: peer.wants,
                unsent: peer.unsent,
                asked: peer.asked,
            };
            tell(&mut self.rules, self.lie, now, &Fact::Sees(sight))?;
        }
        tell(&mut self.rules, self.lie, now, &Fact::SeesNoMore { by: who, held: node.held() })
    }

    fn tell(&mut self, fact: &Fact<'_>) -> Result<(), Broken> {
        tell(&mut self.rules, self.lie, self.world.now(), fact)
    }
}

fn tell(rules: &mut Rules, lie: Lie, now: Time, fact: &Fact<'_>) -> Result<(), Broken> {
    if lie.lets_through(fact) { rules.see(now, fact) } else { Ok(()) }
}

/// After so many happenings in one second the rules are asked whether that is all right.
const LONG_SECOND: u64 = 100_000;

/// What those who leave need for it.
const GOODBYES: Duration = Duration::from_secs(3);

impl Failure {
    pub(crate) fn in_short(&self) -> String {
        let Self { plan, at, broken: Broken { rule, what }, .. } = self;
        format!("seed {}, at {at} s: {rule}: {what}", plan.seed)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, log, .. } = self;
        let last = std::env::var("STORM_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(40);
        writeln!(f, "\n{plan}")?;
        for record in &log[log.len().saturating_sub(last)..] {
            writeln!(f, "{record}")?;
        }
        writeln!(f, "\n{}", self.in_short())?;
        write!(f, "again: STORM_SEED={} cargo test -p swarmlab-sim --test storm one_storm -- --nocapture", plan.seed)
    }
}
