//! Nobody tells of a piece, or gives one, that it has not found right; and what it finds right is.

use std::collections::BTreeMap;

use model::{Block, PeerId, PieceSet, Time};

use crate::facts::{Fact, Rule, Sight};
use crate::plan::Who;

#[derive(Debug, Default)]
pub(crate) struct OnlyVerified {
    /// The id of each peer's program.
    ids: BTreeMap<Who, PeerId>,
    /// What was right on the disk of each program when it joined, and what it has found right since. Others may
    /// know one that is gone.
    found: BTreeMap<PeerId, PieceSet>,
}

impl Rule for OnlyVerified {
    fn name(&self) -> &'static str {
        "only verified pieces are told of and served"
    }

    fn see(&mut self, _: Time, fact: &Fact<'_>) -> Result<(), String> {
        match *fact {
            Fact::Began { who, id } => drop(self.ids.insert(who, id)),
            // It may tell of each as soon as it has looked at it, before it has looked at all.
            Fact::Joined { who, right } => drop(self.found.insert(self.id(who)?, right.clone())),
            Fact::Checked { who, said } => {
                let right = self.found(who)?.count();
                if said != right {
                    return Err(format!("{who} found {said} pieces on its disk, and {right} are right"));
                }
            }
            Fact::Verified { who, piece, right } => {
                if !right {
                    return Err(format!("{who} found piece {piece} right, and it is not"));
                }
                self.found(who)?.insert(piece);
            }
            Fact::Completed { who, whole: false } => return Err(format!("{who} says it is complete, and it is not")),
            Fact::Sent { by, block, .. } => return self.served(by, block),
            Fact::Sees(Sight { by, id, pieces: Some(pieces), .. }) => return self.told(by, id, pieces),
            _ => {}
        }
        Ok(())
    }
}

impl OnlyVerified {
    fn served(&mut self, by: Who, block: Block) -> Result<(), String> {
        match self.found(by)?.has(block.piece) {
            true => Ok(()),
            false => Err(format!("{by} sent {block} of a piece that it has not found right")),
        }
    }

    /// One was told by another, known by its id, that it has these.
    fn told(&self, whom: Who, id: PeerId, pieces: &PieceSet) -> Result<(), String> {
        let lied = match self.found.get(&id) {
            Some(found) => found.lacks_any_of(pieces),
            None => !pieces.is_empty(),
        };
        if !lied {
            return Ok(());
        }
        let who = self.ids.iter().find(|(_, known)| **known == id).map(|(who, _)| who);
        Err(format!("{whom} was told by {who:?} of a piece that it has not found right"))
    }

    fn found(&mut self, who: Who) -> Result<&mut PieceSet, String> {
        let id = self.id(who)?;
        self.found.get_mut(&id).ok_or_else(|| format!("{who} takes no part"))
    }

    fn id(&self, who: Who) -> Result<PeerId, String> {
        self.ids.get(&who).copied().ok_or_else(|| format!("{who} has no program"))
    }
}
