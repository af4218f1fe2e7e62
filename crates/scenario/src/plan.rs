//! A scenario that has been checked: whoever holds a [`Plan`] need not check again. Its names
//! exist, its amounts make sense, and every step can come to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::{Detail, Family, KINDS};
use model::{ByteCount, Rate};

use crate::check::{Check, Expectation, Until};
use crate::cue::{Cue, Moment};
use crate::named::named;
use crate::net::{Nat, Net};
use crate::selector::Selector;
use crate::step::{Step, When};

/// What is to be played, by whom, and what must come of it.
///
/// Made only by [`crate::parse`]; whoever plays it may change a field (the seed, where the
/// content comes from), and answers for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    pub title: String,
    /// What it shows, for someone who knows nothing yet. May be empty.
    pub about: String,
    pub seed: u64,
    /// Where it can be played; the first is the default. Never empty.
    pub worlds: Vec<World>,
    pub content: Content,
    /// By name. Never empty.
    pub nets: BTreeMap<String, Net>,
    pub tracker: TrackerPlan,
    /// One entry a peer, in the order of the file.
    pub cast: Vec<Member>,
    /// In the order of the file.
    pub script: Vec<Step>,
    /// In the order of the file. Never empty.
    pub checks: Vec<Check>,
    /// When the whole run is broken off, counted from its start.
    pub deadline: Duration,
}

/// What the swarm shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub source: ContentSource,
    /// Bytes in a piece: a power of two. The torrent's maker chooses where it is `None`.
    pub piece: Option<ByteCount>,
    /// The torrent's name.
    pub name: Option<String>,
    /// It is packed into an encrypted 7z archive first, with a password made for the run.
    pub archive: bool,
    /// World sim keeps no bytes, only which blocks they are: for swarms larger than the machine's memory.
    pub elide: bool,
}

/// Where the content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource {
    /// One file of bytes made up from the seed.
    Size(ByteCount),
    /// A folder of made-up files, `size` bytes altogether.
    Tree { files: u32, size: ByteCount },
    /// A file or folder, relative to the scenario's file.
    Path(String),
    /// A file or folder named on the command line.
    Given,
}

/// The private tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerPlan {
    /// The network it sits in.
    pub at: String,
    /// How long peers are asked to wait between announces.
    pub interval: Duration,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Unique: `sharer-2`; without a number where the role has one member.
    pub name: String,
    /// The entry of the cast it comes from: `sharer`.
    pub role_name: String,
    pub role: Role,
    pub persona: Persona,
    pub client: Client,
    /// The network it sits in.
    pub at: String,
    /// The client's own upload limit.
    pub up: Option<Rate>,
    /// The client's own download limit.
    pub down: Option<Rate>,
    pub knows: Knows,
    pub picking: Picking,
    /// Upload slots; the client's default where `None`.
    pub slots: Option<u32>,
    pub detail: Detail,
    pub encryption: Encryption,
    /// Of a recipient.
    pub password: Told,
    /// Of client swarmlab: what it offers and takes once the handshake is encrypted. Never empty, each there once.
    pub encryption_methods: Vec<EncryptionMethod>,
}

named! {
    /// Where a plan is played.
    #[non_exhaustive]
    "world" World {
        /// Simulated, in virtual time.
        Sim = "sim",
        /// One process a peer on this machine's loopback.
        Local = "local",
        /// Linux network namespaces.
        Netns = "netns",
        /// Containers.
        Docker = "docker",
        /// The laptops of a class.
        Class = "class",
    }
}

named! {
    /// What a peer has when it starts.
    "role" Role {
        /// Everything.
        Seed = "seed",
        /// Nothing.
        Leech = "leech",
        /// Everything, and it goes once every recipient has it.
        Share = "share",
        /// Nothing; it knows a password, and unpacks what it has fetched.
        Recipient = "recipient",
    }
}

named! {
    /// Which password a recipient was told.
    #[derive(Default)]
    "password" Told {
        /// The archive's.
        #[default]
        Right = "right",
        /// Another one.
        Wrong = "wrong",
    }
}

named! {
    /// How a peer behaves.
    #[derive(Default)]
    "persona" Persona {
        /// Plays by the rules.
        #[default]
        Honest = "honest",
        /// Takes and never gives.
        FreeRider = "free-rider",
        /// Sends wrong bytes.
        Poisoner = "poisoner",
        /// Gives honestly, but little at a time.
        Slow = "slow",
    }
}

named! {
    /// Which program plays the peer.
    #[derive(Default)]
    "client" Client {
        /// Our own, which tells everything it does.
        #[default]
        Swarmlab = "swarmlab",
        /// The stock client `librqbit`.
        Rqbit = "rqbit",
    }
}

named! {
    /// What a peer is given to start from.
    #[derive(Default)]
    "way of knowing a torrent" Knows {
        /// The `.torrent` file.
        #[default]
        Torrent = "torrent",
        /// Only the magnet link: the rest comes from other peers (BEP 9).
        Magnet = "magnet",
    }
}

named! {
    /// Which piece a peer fetches next.
    #[derive(Default)]
    "picking" Picking {
        /// What the fewest others have.
        #[default]
        RarestFirst = "rarest-first",
        /// From the first to the last.
        Sequential = "sequential",
    }
}

named! {
    /// Whether a peer's connections are encrypted (MSE): what it dials, and whom it lets in.
    #[derive(Default)]
    "encryption policy" Encryption {
        /// Plaintext only, both ways.
        Disabled = "disabled",
        /// Dials in plaintext, lets in both.
        #[default]
        Allowed = "allowed",
        /// Dials encrypted, and once more in plaintext where that is refused; lets in both.
        Preferred = "preferred",
        /// Dials encrypted, and turns away who comes in plaintext.
        Required = "required",
    }
}

named! {
    /// What a connection crosses in behind an encrypted handshake (MSE, `crypto_provide`).
    "encryption method" EncryptionMethod {
        /// Encrypted to its end.
        Rc4 = "rc4",
        /// In the clear.
        PlaintextAfterHandshake = "plaintext-after-handshake",
    }
}

impl Client {
    /// Whether this client's peers tell of such events at all.
    pub fn reports(self, kind: &str) -> bool {
        match self {
            Self::Swarmlab => true,
            Self::Rqbit => RQBIT_REPORTS.contains(&kind),
        }
    }
}

/// What can be seen of a stock rqbit session from outside, and what the lab tells about any process.
pub const RQBIT_REPORTS: &[&str] = &[
    "started",
    "joined",
    "checked",
    "progress",
    "complete",
    "stopped",
    "disk-failed",
    "exchanged",
    "left",
    "changed",
    "announce-sent",
    "announce-answered",
    "announce-refused",
    "announce-failed",
    "peer-found",
    "fenced",
    "dialled",
    "dial-failed",
    "connected",
    "closed",
    "metadata-complete",
    "note",
    "killed",
];

impl Role {
    /// True for who has the content from the start.
    pub fn has_everything(self) -> bool {
        matches!(self, Self::Seed | Self::Share)
    }
}

impl Plan {
    /// The members that a selector means, in the order of the cast.
    pub fn members(&self, selector: &Selector) -> Vec<&Member> {
        self.cast.iter().filter(|member| selector.has(&member.name)).collect()
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.cast.iter().find(|member| member.name == name)
    }

    /// A member's limits up and down, where there is no link to set them: the tighter of its own
    /// and its network's.
    pub fn limits(&self, member: &Member) -> (Option<Rate>, Option<Rate>) {
        let net = self.nets.get(&member.at);
        let tighter = |own: Option<Rate>, link: Option<Rate>| own.into_iter().chain(link).min();
        (tighter(member.up, net.and_then(|n| n.up)), tighter(member.down, net.and_then(|n| n.down)))
    }

    /// Why this plan can't be played in a world, one reason a line. Empty when it can.
    pub fn unsupported_in(&self, world: World) -> Vec<String> {
        let mut reasons = Vec::new();
        if !self.worlds.contains(&world) {
            let made_for: Vec<&str> = self.worlds.iter().map(|w| w.name()).collect();
            reasons.push(format!("the scenario is made for world {}, not for {world}", made_for.join(" and ")));
        }
        if world == World::Local {
            if self.cast.len() > LOCAL_CAST_MAX {
                let peers = self.cast.len();
                reasons.push(format!(
                    "the cast has {peers} peers, and world local starts {LOCAL_CAST_MAX} programs at most"
                ));
            }
            for (name, net) in self.nets_in_use() {
                reasons.extend(needs_links(name, net));
            }
            reasons.extend(self.asked_of_networks().into_iter().map(|kind| {
                format!("the scenario looks for `{kind}`, and world local has no networks that could tell of it")
            }));
            let of_links = self.script.iter().filter(|step| step.action.needs_sim());
            reasons.extend(of_links.map(|step| {
                let (number, verb) = (step.number, step.action.verb());
                format!(
                    "step {number} is `{verb}`, and world local has only the machine's own loopback, disks and clock"
                )
            }));
        }
        if world == World::Sim && self.content.archive {
            reasons.push("an archive has fresh keys each time, and in world sim nothing is left to chance".into());
        }
        if world == World::Sim && self.cast.iter().any(|member| member.client == Client::Rqbit) {
            reasons.push("client rqbit needs real sockets, and world sim has none".into());
        }
        reasons
    }

    /// Kinds of events that networks tell, and that a step or check looks for.
    fn asked_of_networks(&self) -> BTreeSet<&'static str> {
        let mut cues: Vec<&Cue> = Vec::new();
        let mut kinds: Vec<&'static str> = Vec::new();
        for step in &self.script {
            if let When::After { cue, .. } = &step.when {
                cues.push(cue);
            }
        }
        for check in &self.checks {
            match &check.expect {
                Expectation::Order { cues: order } => cues.extend(order),
                Expectation::Count { what, .. } => kinds.push(what.event),
                Expectation::Never { what, after, until } => {
                    kinds.push(what.event);
                    cues.extend(after);
                    if let Some(Until::Cue(cue)) = until {
                        cues.push(cue);
                    }
                }
                _ => {}
            }
        }
        kinds.extend(cues.into_iter().filter_map(|cue| match cue.moment {
            Moment::Event(kind) => Some(kind),
            _ => None,
        }));
        let of_networks = |kind: &str| KINDS.iter().any(|known| known.name == kind && known.family == Family::Network);
        kinds.into_iter().filter(|kind| of_networks(kind)).collect()
    }

    fn nets_in_use(&self) -> impl Iterator<Item = (&str, &Net)> {
        let mut used: BTreeSet<&str> =
            self.cast.iter().map(|member| member.at.as_str()).chain([self.tracker.at.as_str()]).collect();
        let mut around: Vec<&str> = used.iter().copied().collect();
        while let Some(name) = around.pop() {
            let outer = self.nets.get(name).and_then(|net| net.inside.as_deref());
            around.extend(outer.filter(|outer| used.insert(outer)));
        }
        self.nets.iter().map(|(name, net)| (name.as_str(), net)).filter(move |(name, _)| used.contains(name))
    }
}

/// Programs that one machine can run beside each other.
const LOCAL_CAST_MAX: usize = 500;

/// What of a network the loopback of one machine can't show. Rates are no such thing: the peers keep them themselves.
fn needs_links(name: &str, net: &Net) -> Vec<String> {
    let asked = [
        (net.rtt.is_some(), "rtt"),
        (net.jitter.is_some(), "jitter"),
        (net.loss.is_some(), "loss"),
        (net.nat != Nat::NONE, "nat"),
        (net.firewall.is_some(), "firewall"),
        (net.isp.is_some(), "isp"),
        (net.portal, "portal"),
        (net.ipv6, "ip: 6"),
    ];
    let reason = |key| format!("net {name} has `{key}`, and the loopback of world local has no links to shape");
    asked.into_iter().filter(|(is, _)| *is).map(|(_, key)| reason(key)).collect()
}
