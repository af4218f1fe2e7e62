//! No honest peer is banned, or said to break rules; and a piece goes wrong only by somebody's fault.
//!
//! One case is apart. A peer judges pieces as its own disk gives them back, so one whose *disk* corrupts what is
//! written can't tell that from a sender's lie, and may ban an honest one. No client can that does not keep a digest of
//! every block as it came, which would cost more than such disks are worth. So whom such a peer bans is
//! not held against it. What holds all the same: it says nothing of wrong pieces and serves none, so
//! nobody may ban *it*.

use std::collections::BTreeSet;

use model::Time;
use node::Persona;

use crate::facts::{Fact, Playbill, Rule};
use crate::plan::Who;

#[derive(Debug)]
pub(crate) struct NoHonestBanned {
    playbill: Playbill,
    /// Those whose disk has corrupted something in their program's life.
    misled: BTreeSet<Who>,
}

impl NoHonestBanned {
    pub(crate) fn new(playbill: Playbill) -> Self {
        Self { playbill, misled: BTreeSet::new() }
    }

    fn lies(&self, who: Who) -> bool {
        self.playbill.persona(who) == Persona::Poisoner
    }
}

impl Rule for NoHonestBanned {
    fn name(&self) -> &'static str {
        "no honest peer is banned"
    }

    fn see(&mut self, _: Time, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Began { who, .. } => drop(self.misled.remove(who)),
            Fact::Corrupts { who } => drop(self.misled.insert(*who)),
            Fact::Misbehaved { by, why } => return Err(format!("{by} says that another broke the rules: {why}")),
            Fact::Banned { by, whom, why } if !self.misled.contains(by) => match whom {
                Some(whom) if self.lies(*whom) => {}
                Some(whom) => return Err(format!("{by} bans {whom}, who is honest: {why}")),
                None => return Err(format!("{by} bans somebody we do not know: {why}")),
            },
            Fact::Failed { who, suspects }
                if !self.misled.contains(who) && !suspects.iter().flatten().any(|suspect| self.lies(*suspect)) =>
            {
                return Err(format!("a piece of {who} is wrong, and {suspects:?} are honest"));
            }
            _ => {}
        }
        Ok(())
    }
}
