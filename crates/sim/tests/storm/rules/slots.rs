//! No slot stands idle for two choker rounds while somebody there is interested.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Time;
use node::Persona;

use crate::facts::{Fact, Playbill, Rule, Sight};
use crate::plan::Who;

/// BEP 3's ten seconds, twice.
const TWO_ROUNDS: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct NoIdleSlot {
    playbill: Playbill,
    /// As it is being told: slots used, and who wants one.
    used: usize,
    waiting: Vec<u64>,
    idle_since: BTreeMap<Who, Time>,
    /// Those who play another character than the playbill says.
    turned: BTreeMap<Who, Persona>,
}

impl NoIdleSlot {
    pub(crate) fn new(playbill: Playbill) -> Self {
        Self { playbill, used: 0, waiting: Vec::new(), idle_since: BTreeMap::new(), turned: BTreeMap::new() }
    }

    fn serves(&self, who: Who) -> bool {
        let persona = self.turned.get(&who).copied().unwrap_or_else(|| self.playbill.persona(who));
        persona != Persona::FreeRider
    }
}

impl Rule for NoIdleSlot {
    fn name(&self) -> &'static str {
        "no slot is idle while somebody is interested"
    }

    fn see(&mut self, now: Time, fact: &Fact<'_>) -> Result<(), String> {
        match *fact {
            // A slot of one who wants nothing is idle.
            Fact::Sees(Sight { has_slot: true, wants: true, .. }) => self.used += 1,
            Fact::Sees(Sight { conn, has_slot: false, wants: true, .. }) => self.waiting.push(conn),
            Fact::SeesNoMore { by, .. } => {
                let used = std::mem::take(&mut self.used);
                let idle = used < self.playbill.slots(by) && !self.waiting.is_empty();
                let waiting = std::mem::take(&mut self.waiting);
                if !idle || !self.serves(by) {
                    self.idle_since.remove(&by);
                    return Ok(());
                }
                let since = *self.idle_since.entry(by).or_insert(now);
                if now.since(since) > TWO_ROUNDS {
                    let slots = self.playbill.slots(by);
                    return Err(format!("{by} uses {used} of {slots} slots since {since} s, and {waiting:?} wait"));
                }
            }
            Fact::Turned { who, persona } => drop(self.turned.insert(who, persona)),
            Fact::Began { who, .. } => drop(self.turned.remove(&who)),
            Fact::Ended { who } => drop(self.idle_since.remove(&who)),
            _ => {}
        }
        Ok(())
    }
}
