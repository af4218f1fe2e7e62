//! What a storm consists of: a swarm, the networks it lies in, and what befalls it when. All of it follows
//! from the seed; nothing is decided while the storm is played. So a plan can be looked at, and
//! taken apart to see which part of it matters.

use std::fmt;
use std::time::Duration;

use model::{ByteCount, Rate, Rng, Time};
use node::{Encryption, Methods, Persona, Picking, Policy};
use swarmlab_sim::{Access, DiskSpeed, Line, Preset};

/// A storm, before it is played.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) content: ByteCount,
    pub(crate) piece: u32,
    pub(crate) private: bool,
    pub(crate) ipv6: bool,
    /// How often the tracker wants to hear from everybody.
    pub(crate) interval: Duration,
    pub(crate) nets: Vec<Net>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) faults: Vec<Fault>,
}

/// A network.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    /// The one it lies in, before it in the list; `None` is the internet.
    pub(crate) parent: Option<usize>,
    pub(crate) border: Preset,
    pub(crate) line: Line,
}

/// A peer, by its number in the whole plan: it keeps that when others are taken out.
pub(crate) type Who = usize;

#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) who: Who,
    pub(crate) net: usize,
    pub(crate) access: Access,
    /// The border of its network has a port for it, made by hand.
    pub(crate) forwarded: bool,
    pub(crate) starts_with: Share,
    pub(crate) joins_at: Time,
    /// It knows only the info-hash.
    pub(crate) magnet: bool,
    pub(crate) persona: Persona,
    pub(crate) encryption: Encryption,
    pub(crate) picking: Picking,
    pub(crate) slots: usize,
    pub(crate) up: Option<Rate>,
    pub(crate) down: Option<Rate>,
    pub(crate) pex: bool,
    /// Connections that it has at most.
    pub(crate) connections: usize,
    pub(crate) disk: DiskSpeed,
    /// When all is over and the others are back, it is not.
    pub(crate) stays_away: bool,
}

/// How much of the content lies on a disk at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    Nothing,
    /// Each block with this chance.
    Percent(u64),
}

/// Something that befalls the swarm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) at: Time,
    pub(crate) what: Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Kill(Who),
    Leave(Who),
    /// Nothing if it is there.
    Start(Who),
    Cut(usize),
    Heal(usize),
    Rebind(usize),
    Line(usize, Line),
    Rates(Who, Rate, Rate),
    Limits(Who, Option<Rate>, Option<Rate>),
    /// It plays another character; nobody begins to lie, or ceases to.
    Turn(Who, Persona),
    TrackerDown,
    TrackerUp,
    DiskFull(Who),
    DiskSlow(Who),
    /// So many of a million blocks are written wrong.
    DiskCorrupts(Who, u32),
    /// What was written so shortly before a crash is lost in it.
    DiskForgets(Who, Duration),
    DiskMended(Who),
}

/// What the peers of one storm have in common.
#[derive(Debug, Clone, Copy)]
struct Mood {
    /// They care for encryption, each in its way.
    encrypts: bool,
    /// Most share a network with others.
    crowded: bool,
    /// They have room for one or two others only. Then nobody is promised to finish.
    few_connections: bool,
    /// So many of ten.
    liars: u64,
}

/// Faults befall a swarm for so long.
pub(crate) const RAGE: Duration = Duration::from_secs(60);

impl Plan {
    /// The storm of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "storm");
        let rng = &mut rng;
        let piece = 16_384 << rng.below(3);
        let mut plan = Self {
            seed,
            content: ByteCount(100_000 + rng.below(2 << 20)),
            piece,
            private: rng.chance(1, 8),
            ipv6: rng.chance(1, 8),
            interval: Duration::from_secs(10 + rng.below(40)),
            nets: Vec::new(),
            peers: Vec::new(),
            faults: Vec::new(),
        };
        let mood = Mood {
            encrypts: rng.chance(1, 2),
            crowded: rng.chance(1, 3),
            few_connections: rng.chance(1, 12),
            liars: if rng.chance(1, 4) { 3 } else { 1 },
        };
        for who in 0..2 + rng.below(7) as usize {
            let net = plan.draw_net(rng, mood);
            let mut peer = draw_peer(rng, who, net, mood);
            if who == 0 {
                // Somebody has it, and would give it.
                peer = Peer { starts_with: Share::All, magnet: false, persona: Persona::Honest, ..peer };
            }
            peer.forwarded &= !plan.peers.iter().any(|other| other.net == net && other.forwarded);
            plan.peers.push(peer);
        }
        let mut at = Duration::ZERO;
        let pace = 1 + rng.below(8_000);
        while at < RAGE {
            at += Duration::from_millis(rng.below(2 * pace));
            let what = plan.draw_trouble(rng);
            plan.faults.push(Fault { at: Time::ZERO.after(at), what });
            if plan.faults.len() == FAULTS_MAX {
                break;
            }
        }
        plan
    }

    /// The same storm without one peer, or without one fault.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let without_fault = (0..self.faults.len()).map(|i| {
            let mut plan = self.clone();
            plan.faults.remove(i);
            plan
        });
        let without_peer = self.peers.iter().map(|peer| {
            let mut plan = self.clone();
            plan.peers.retain(|other| other.who != peer.who);
            plan.faults.retain(|fault| fault.what.who() != Some(peer.who));
            plan
        });
        without_peer.chain(without_fault).collect()
    }

    pub(crate) fn peer(&self, who: Who) -> &Peer {
        self.peers.iter().find(|peer| peer.who == who).expect("troubles are of peers that are there")
    }

    /// True when everybody has room for all others: only then it is certain that all who can finish do.
    pub(crate) fn has_room_for_all(&self) -> bool {
        self.peers.iter().all(|peer| peer.connections >= self.peers.len())
    }

    /// A network of its own for the next peer, that of another, or one behind a provider's.
    fn draw_net(&mut self, rng: &mut Rng, mood: Mood) -> usize {
        let parent = match rng.below(6) {
            3.. if mood.crowded && !self.nets.is_empty() => return rng.below(self.nets.len() as u64) as usize,
            0 if !self.nets.is_empty() => return rng.below(self.nets.len() as u64) as usize,
            1 | 2 => {
                let parent = Some(rng.below(self.nets.len() as u64 + 1) as usize);
                parent.filter(|parent| *parent < self.nets.len() && self.depth(*parent) < DEPTH_MAX)
            }
            _ => None,
        };
        // Where nobody can be dialled nothing happens: half of all are open.
        let border = if rng.chance(1, 2) { Preset::Open } else { any(rng, &Preset::ALL) };
        self.nets.push(Net { parent, border, line: draw_line(rng) });
        self.nets.len() - 1
    }

    fn depth(&self, net: usize) -> usize {
        self.nets[net].parent.map_or(1, |parent| self.depth(parent) + 1)
    }

    fn draw_trouble(&self, rng: &mut Rng) -> Trouble {
        let who = any(rng, &self.peers).who;
        let net = rng.below(self.nets.len() as u64) as usize;
        match rng.below(25) {
            0 | 1 => Trouble::Kill(who),
            2 | 3 => Trouble::Leave(who),
            4..=8 => Trouble::Start(who),
            9 => Trouble::Cut(net),
            10 | 11 => Trouble::Heal(net),
            12 => Trouble::Rebind(net),
            13 => Trouble::Line(net, draw_line(rng)),
            14 => Trouble::Rates(who, draw_rate(rng), draw_rate(rng)),
            15 => Trouble::Limits(who, draw_limit(rng), draw_limit(rng)),
            16 => Trouble::TrackerDown,
            17 => Trouble::TrackerUp,
            18 => Trouble::DiskFull(who),
            19 => Trouble::DiskSlow(who),
            20 => Trouble::DiskCorrupts(who, 1 + rng.below(300_000) as u32),
            21 => Trouble::DiskForgets(who, Duration::from_millis(rng.below(10_000))),
            22 if self.peer(who).persona != Persona::Poisoner => {
                Trouble::Turn(who, any(rng, &[Persona::Honest, Persona::Slow, Persona::FreeRider]))
            }
            _ => Trouble::DiskMended(who),
        }
    }
}

/// Faults in one storm.
const FAULTS_MAX: usize = 60;

/// Networks in networks.
const DEPTH_MAX: usize = 3;

fn draw_peer(rng: &mut Rng, who: Who, net: usize, mood: Mood) -> Peer {
    let starts_with = match rng.below(10) {
        0 => Share::All,
        1 => Share::Percent(1 + rng.below(99)),
        _ => Share::Nothing,
    };
    let persona = match rng.below(10) {
        0 => Persona::FreeRider,
        1 => Persona::Slow,
        lot if lot >= 10 - mood.liars => Persona::Poisoner,
        _ => Persona::Honest,
    };
    let methods = any(rng, &[Methods::ALL, Methods::ALL, Methods::RC4, Methods::PLAINTEXT]);
    let encryption = Encryption { policy: any(rng, &Policy::ALL), methods };
    Peer {
        who,
        net,
        access: Access { up: draw_rate(rng), down: draw_rate(rng), ..Access::default() },
        forwarded: rng.chance(1, 3),
        starts_with,
        joins_at: Time::from_micros(if rng.chance(1, 2) { 0 } else { rng.below(20_000_000) }),
        magnet: rng.chance(1, 4),
        persona,
        encryption: if mood.encrypts { encryption } else { Encryption::default() },
        picking: if rng.chance(1, 6) { Picking::Sequential } else { Picking::RarestFirst },
        slots: if rng.chance(1, 2) { 5 } else { 1 + rng.below(4) as usize },
        up: draw_limit(rng),
        down: draw_limit(rng),
        pex: rng.chance(7, 8),
        connections: if mood.few_connections { 1 + rng.below(2) as usize } else { 50 },
        disk: if rng.chance(1, 5) { SLOW_DISK } else { DiskSpeed::default() },
        stays_away: rng.chance(1, 10),
    }
}

/// One that seeks for as long as a worn one does.
pub(crate) const SLOW_DISK: DiskSpeed =
    DiskSpeed { seek: Duration::from_millis(30), rate: Rate(2_000_000), hash_rate: Rate(4_000_000) };

/// Between a bad line of a village and a good one of a town.
fn draw_rate(rng: &mut Rng) -> Rate {
    Rate(20_000 << rng.below(7))
}

fn draw_limit(rng: &mut Rng) -> Option<Rate> {
    rng.chance(1, 5).then(|| draw_rate(rng))
}

fn draw_line(rng: &mut Rng) -> Line {
    let rtt = Duration::from_micros(rng.below(200_000));
    let jitter = rtt * rng.below(100) as u32 / 100;
    let loss_ppm = if rng.chance(1, 2) { rng.below(30_000) as u32 } else { 0 };
    Line { rtt, jitter, loss_ppm }
}

fn any<T: Clone>(rng: &mut Rng, items: &[T]) -> T {
    rng.choose(items).expect("there is one at least").clone()
}

impl Trouble {
    /// Whom alone it concerns.
    pub(crate) fn who(self) -> Option<Who> {
        match self {
            Self::Kill(who) | Self::Leave(who) | Self::Start(who) | Self::Rates(who, ..) | Self::Limits(who, ..) => {
                Some(who)
            }
            Self::DiskFull(who) | Self::DiskSlow(who) | Self::DiskMended(who) => Some(who),
            Self::DiskCorrupts(who, _) | Self::DiskForgets(who, _) | Self::Turn(who, _) => Some(who),
            Self::Cut(_) | Self::Heal(_) | Self::Rebind(_) | Self::Line(..) => None,
            Self::TrackerDown | Self::TrackerUp => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, piece, private, ipv6, interval, .. } = self;
        writeln!(f, "{content} in pieces of {piece}, private {private}, IPv6 {ipv6}, announces each {interval:?}")?;
        for (i, Net { parent, border, line }) in self.nets.iter().enumerate() {
            writeln!(f, "net-{i} in {parent:?}: {}, {line:?}", border.name())?;
        }
        for peer in &self.peers {
            writeln!(f, "{peer:?}")?;
        }
        for Fault { at, what } in &self.faults {
            writeln!(f, "{at} s: {what:?}")?;
        }
        Ok(())
    }
}
