//! What the rules are told: the log's lines and what the world shows, with peers by number in place of
//! addresses and names. A fact is a plain value, so that a test can make one up, and a
//! [`Lie`] can keep one from the rules.

use events::{Event, Record, Remote};
use model::{Block, BlockOffset, PeerId, PieceIndex, PieceSet, Time};
use node::{Held, Persona};
use swarmlab_sim::Disk;

use crate::plan::{Plan, Who};

/// Something that happened, or that is so.
#[derive(Debug)]
pub(crate) enum Fact<'a> {
    /// A peer's program is up, under this id.
    Began {
        who: Who,
        id: PeerId,
    },
    /// It is gone, in whatever way.
    Ended {
        who: Who,
    },
    /// It plays another character.
    Turned {
        who: Who,
        persona: Persona,
    },
    /// What it writes may be wrong on its disk, until it is told to have begun anew.
    Corrupts {
        who: Who,
    },
    /// It takes part, and these pieces on its disk are right.
    Joined {
        who: Who,
        right: &'a PieceSet,
    },
    /// It looked through its disk and says that so many pieces are right.
    Checked {
        who: Who,
        said: u32,
    },
    /// It says that a piece is right.
    Verified {
        who: Who,
        piece: PieceIndex,
        right: bool,
    },
    /// It says that it has everything.
    Completed {
        who: Who,
        whole: bool,
    },
    /// A piece of its was wrong, and these sent it.
    Failed {
        who: Who,
        suspects: Vec<Option<Who>>,
    },
    /// A block left for another; its disk holds it as it should be, or not.
    Sent {
        by: Who,
        to: Option<Who>,
        block: Block,
        right: bool,
    },
    /// A block came, be it wanted or not.
    Received {
        by: Who,
        from: Option<Who>,
        block: Block,
    },
    /// A block has come to be right on a disk.
    Landed {
        who: Who,
        block: Block,
    },
    Banned {
        by: Who,
        whom: Option<Who>,
        why: &'a str,
    },
    /// It says that another broke the protocol's rules.
    Misbehaved {
        by: Who,
        why: &'a str,
    },
    /// How one peer sees another.
    Sees(Sight<'a>),
    /// That is all it sees, and what it holds altogether.
    SeesNoMore {
        by: Who,
        held: Held,
    },
    /// A second is over, in which so many things happened.
    Second {
        happened: u64,
    },
    /// All have left, and the world was given time: so many connections are left, and is something still to happen?
    Quiet {
        connections: usize,
        waits: bool,
    },
}

/// Another peer, as somebody sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) by: Who,
    pub(crate) conn: u64,
    pub(crate) id: PeerId,
    pub(crate) pieces: Option<&'a PieceSet>,
    pub(crate) has_slot: bool,
    pub(crate) wants: bool,
    /// Bytes given to the connection that have not left.
    pub(crate) unsent: usize,
    /// Its requests that wait.
    pub(crate) asked: usize,
}

/// A fact kept from the rules, or a false word about the cast: what must trip a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// Blocks leave and nobody says so.
    NoBlockIsSent,
    /// Pieces turn out right and nobody says so.
    NoPieceIsVerified,
    /// Those of this character are called honest.
    Whitewashed(Persona),
    /// Everybody has so many slots more than it gives out.
    MoreSlots(usize),
    /// A program that ends is not told to.
    NobodyEnds,
    /// So many times as much happens.
    Busier(u64),
    /// Nobody leaves when all is over.
    NobodyLeaves,
    /// Everybody can get everything.
    AllCanFinish,
}

impl Lie {
    /// True when the rules may hear it.
    pub(crate) fn lets_through(self, fact: &Fact<'_>) -> bool {
        match self {
            Self::NoBlockIsSent => !matches!(fact, Fact::Sent { .. }),
            Self::NoPieceIsVerified => !matches!(fact, Fact::Verified { .. }),
            Self::NobodyEnds => !matches!(fact, Fact::Ended { .. }),
            _ => true,
        }
    }
}

/// What a line of the log tells the rules, if anything. `disk` is its author's.
pub(crate) fn told_by<'a>(who: Who, record: &'a Record, disk: &Disk, right: &'a mut PieceSet) -> Option<Fact<'a>> {
    let fact = match &record.event {
        Event::Started { peer_id, .. } => Fact::Began { who, id: *peer_id },
        Event::Left { .. } | Event::Killed { .. } => Fact::Ended { who },
        Event::Joined { .. } => {
            *right = disk.right_pieces();
            Fact::Joined { who, right }
        }
        Event::Checked { have, .. } => Fact::Checked { who, said: *have },
        Event::PieceVerified { piece, .. } => {
            let piece = PieceIndex(*piece);
            Fact::Verified { who, piece, right: disk.right_pieces().has(piece) }
        }
        Event::Complete { .. } => Fact::Completed { who, whole: disk.is_whole() },
        Event::PieceFailed { suspects, .. } => Fact::Failed { who, suspects: suspects.iter().map(number).collect() },
        Event::BlockSent { remote, piece, offset, length, .. } => {
            let block = block(*piece, *offset, *length);
            Fact::Sent { by: who, to: number(remote), block, right: disk.holds(block) }
        }
        Event::BlockReceived { remote, piece, offset, length, .. }
        | Event::BlockDiscarded { remote, piece, offset, length, .. } => {
            Fact::Received { by: who, from: number(remote), block: block(*piece, *offset, *length) }
        }
        Event::PeerBanned { remote, why } => Fact::Banned { by: who, whom: number(remote), why },
        Event::PeerMisbehaved { why, .. } => Fact::Misbehaved { by: who, why },
        _ => return None,
    };
    Some(fact)
}

pub(crate) fn name(who: Who) -> String {
    format!("peer-{who}")
}

/// Whom a name stands for; `None` where the address has none.
fn number(remote: &Remote) -> Option<Who> {
    match remote {
        Remote::Name(name) => number_of(name),
        Remote::Addr(_) => None,
    }
}

pub(crate) fn number_of(name: &str) -> Option<Who> {
    name.strip_prefix("peer-")?.parse().ok()
}

pub(crate) fn block(piece: u32, offset: u32, length: u32) -> Block {
    Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length }
}

/// The cast, as the rules know it.
#[derive(Debug, Clone)]
pub(crate) struct Playbill {
    pub(crate) plan: Plan,
    pub(crate) lie: Lie,
}

impl Playbill {
    pub(crate) fn persona(&self, who: Who) -> Persona {
        let persona = self.plan.peer(who).persona;
        if self.lie == Lie::Whitewashed(persona) { Persona::Honest } else { persona }
    }

    pub(crate) fn slots(&self, who: Who) -> usize {
        let more = if let Lie::MoreSlots(more) = self.lie { more } else { 0 };
        self.plan.peer(who).slots + more
    }
}

/// A rule was broken.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// What each rule is: told of everything, at the moment it happens.
pub(crate) trait Rule {
    fn name(&self) -> &'static str;

    /// # Errors
    /// The rule is broken: how, for a person.
    fn see(&mut self, now: Time, fact: &Fact<'_>) -> Result<(), String>;
}
