//! No byte from nowhere: what is right on a disk was sent by a peer that had it.

use std::collections::{BTreeMap, BTreeSet};

use model::{BLOCK_SIZE, Block, Time};

use crate::facts::{Fact, Rule};
use crate::plan::Who;

#[derive(Debug, Default)]
pub(crate) struct NoByteFromNowhere {
    /// Blocks under way: from whom, to whom, and how often.
    under_way: BTreeMap<(Who, Who, Block), u32>,
    /// Who was sent which block by somebody whose disk held it.
    good: BTreeSet<(Who, Block)>,
    /// The latest such that came.
    came: BTreeSet<(Who, Block)>,
}

impl Rule for NoByteFromNowhere {
    fn name(&self) -> &'static str {
        "no byte from nowhere"
    }

    fn see(&mut self, _: Time, fact: &Fact<'_>) -> Result<(), String> {
        match *fact {
            Fact::Sent { by, to: None, block, .. } => return Err(format!("{by} sent {block} to nobody we know")),
            Fact::Sent { by, to: Some(to), block, right } => {
                *self.under_way.entry((by, to, block)).or_default() += 1;
                if right {
                    self.good.insert((to, block));
                }
            }
            Fact::Received { by, from: None, block } => return Err(format!("{by} got {block} from nobody we know")),
            Fact::Received { by, from: Some(from), block } => {
                let sent = self.under_way.get_mut(&(from, by, block)).filter(|count| **count > 0);
                let sent = sent.ok_or_else(|| format!("{by} got {block} from {from}, who did not send it"))?;
                *sent -= 1;
                if self.good.contains(&(by, block)) {
                    self.came.insert((by, block));
                }
            }
            Fact::Landed { who, block } if !self.came.contains(&(who, block)) => {
                return Err(format!("{block} is on the disk of {who}, and nobody who had it sent it"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The blocks that disks count are the blocks that peers ask for.
const _: () = assert!(BLOCK_SIZE == 16 * 1024);
