//! Nothing leaks: each peer has one connection to each other, both ends of it know of each other, and what
//! others could make a peer hold stays small.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{PeerId, Time};

use crate::facts::{Fact, Playbill, Rule, Sight};
use crate::plan::Who;

/// For how long one end of a connection may not know that the other is gone: three minutes of silence, after
/// the last bytes out of a dead machine's buffers have come.
const HALF_OPEN_MAX: Duration = Duration::from_secs(400);

/// Bytes handed to a connection: `SEND_AHEAD` of `swarm`, a block that was being read meanwhile, and small messages.
const UNSENT_MAX: usize = (512 + 16 + 16) << 10;

/// Requests one peer may queue with another, as the extension handshake says.
const ASKED_MAX: usize = 500;

#[derive(Debug)]
pub(crate) struct NoLeak {
    /// How many take part.
    cast: usize,
    /// Whose program has which id.
    alive: BTreeMap<PeerId, Who>,
    /// Whom each knows, and by which connection; as it is being told.
    telling: BTreeMap<PeerId, u64>,
    knows: BTreeMap<Who, BTreeMap<PeerId, u64>>,
    half_open_since: BTreeMap<(Who, u64), Time>,
}

impl NoLeak {
    pub(crate) fn new(playbill: &Playbill) -> Self {
        let cast = playbill.plan.peers.len();
        let (alive, telling, knows) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { cast, alive, telling, knows, half_open_since: BTreeMap::new() }
    }

    fn look_for_half_open(&mut self, now: Time) -> Result<(), String> {
        let ids: BTreeMap<Who, PeerId> = self.alive.iter().map(|(&id, &who)| (who, id)).collect();
        let mut half_open = BTreeSet::new();
        for (&who, known) in &self.knows {
            for (id, &conn) in known {
                let other = self.alive.get(id).and_then(|other| self.knows.get(other));
                let mutual = ids.get(&who).is_some_and(|own| other.is_some_and(|other| other.contains_key(own)));
                if !mutual {
                    half_open.insert((who, conn));
                }
            }
        }
        self.half_open_since.retain(|end, _| half_open.contains(end));
        for end in half_open {
            let since = *self.half_open_since.entry(end).or_insert(now);
            if now.since(since) > HALF_OPEN_MAX {
                let (who, conn) = end;
                return Err(format!("connection {conn} of {who} has no other end since {since} s"));
            }
        }
        Ok(())
    }
}

impl Rule for NoLeak {
    fn name(&self) -> &'static str {
        "nothing leaks"
    }

    fn see(&mut self, now: Time, fact: &Fact<'_>) -> Result<(), String> {
        match *fact {
            Fact::Began { who, id } => {
                self.alive.retain(|_, other| *other != who);
                self.alive.insert(id, who);
            }
            Fact::Ended { who } => {
                self.alive.retain(|_, other| *other != who);
                self.knows.remove(&who);
            }
            Fact::Sees(Sight { by, conn, id, unsent, asked, .. }) => {
                if let Some(first) = self.telling.insert(id, conn) {
                    return Err(format!("{by} has two connections to the same peer, {first} and {conn}"));
                }
                if unsent > UNSENT_MAX || asked > ASKED_MAX {
                    return Err(format!("{by} keeps {unsent} bytes and {asked} requests for connection {conn}"));
                }
            }
            Fact::SeesNoMore { by, held } => {
                let telling = std::mem::take(&mut self.telling);
                let knows = self.knows.entry(by).or_default();
                if *knows != telling {
                    *knows = telling;
                }
                // Each other may be dialled, dial in, be connected and have a life that is over; and once more.
                if held.connections > 5 * self.cast || held.addresses > 2 * self.cast {
                    return Err(format!("{by} among {} holds {held:?}", self.cast));
                }
            }
            Fact::Second { .. } => return self.look_for_half_open(now),
            _ => {}
        }
        Ok(())
    }
}
