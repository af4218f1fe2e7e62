//! Whom to serve. Bandwidth up is what a swarm is short of, and choking is how a peer trades it:
//! BEP 3's tit for tat while we fetch, a round-robin once we have everything.
//!
//! **While we fetch**, every 10 s:
//! - *Regular slots are earned.* They go to the interested peers from whom we received fastest.
//! - *The optimistic slot is drawn by lot* among the others, for 30 s: it finds better partners and
//!   gives newcomers, three lots each, a first piece to trade. Who was drawn is out of the draw until
//!   all who wait had their turn, so nobody waits for ever.
//! - *A regular slot that nobody earned is drawn by lot too.* So a swarm starts in which nobody gave
//!   anything yet, and no slot stands empty while someone waits. This is also why a free rider is
//!   served where slots are plenty: it waits only where givers claim them. That is no weakness of
//!   this program but the rule; the lesson needs more givers than slots.
//! - *A peer that snubs us* (unchoked us, and sent nothing for a minute) can't hold a regular slot. The
//!   lot may still bring it back.
//! - A holder of a regular slot keeps it against one that is up to an eighth faster. Otherwise two
//!   about equal peers swap it each round, and each swap costs a pause.
//!
//! **Once we have everything** nobody gives, so nobody can earn. Each peer keeps its slot until it
//! was sent 2 MiB or four pieces (what is more), or for a minute; if others wait, the one that
//! waited longest is next. Serving the fastest instead would finish a few peers early and leave
//! the swarm with copies of the same pieces: taking turns puts different pieces into many hands,
//! which trade them on. A turn ends with a piece ([`Choker::piece_sent`]), not within one: half a piece can't be
//! passed on, and while it waits for the peer's next turn, the seed would send it to another once more.
//!
//! Between rounds ([`Choker::fill`]) slots that are free go out at once; nobody loses one who uses it. Who
//! lost interest is choked when another waits, else at the next round: where peers are level, one
//! that has nothing for a neighbour has something a moment later, and to choke it in between costs both a round trip and
//! gives the slot to nobody. To wait before its slot goes to another was tried, and lost: a swarm has no
//! time to give away (a second of patience made distribution up to 2 % longer).
//! While we fetch, one that was not earned is only spare: at the next round its holder makes room for
//! those who wait. Otherwise whoever asks first when a swarm starts would keep a slot for half a minute.
//!
//! Left out: BEP 3 also unchokes faster peers that are not interested, so that they can begin at
//! once when they become so; here only interested peers hold slots, and get a free one at once.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::UnchokeSlot;
use model::{ByteCount, Rate, Rng, Time};

use crate::ConnId;

/// How many peers are served at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChokerConfig {
    /// In all, optimistic ones included. With none, nobody is ever served.
    pub slots: usize,
    /// Of these, drawn by lot whatever others have earned.
    pub optimistic: usize,
}

/// What is known of a connected peer when slots are given out.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub conn: ConnId,
    /// It wants pieces of ours.
    pub interested: bool,
    /// The slot it holds.
    pub unchoked: Option<UnchokeSlot>,
    /// From them to us, lately.
    pub received: Rate,
    /// From us to them, lately.
    pub sent: Rate,
    pub sent_since_unchoke: ByteCount,
    /// The last block that it was sent is not the end of a piece.
    pub amid_piece: bool,
    pub unchoked_at: Option<Time>,
    pub connected_at: Time,
    /// It unchoked us, and lets us starve.
    pub snubbing_us: bool,
    /// BEP 21: it fetches nothing, whatever it says about interest.
    pub upload_only: bool,
}

/// A change. `rank` is the place from 1 in the order by `rate`: received from them, or once we have
/// everything sent to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Give it this slot; for one that holds another kind already, only the kind changes.
    Unchoke { conn: ConnId, slot: UnchokeSlot, rank: u32, rate: Rate, why: String },
    /// Take its slot away.
    Choke { conn: ConnId, rank: u32, rate: Rate, why: String },
}

/// Gives out the upload slots of one torrent.
#[derive(Debug)]
pub struct Choker {
    config: ChokerConfig,
    next_round: Time,
    /// Holders of optimistic slots, since when. `None` is a spare slot: handed out between rounds
    /// because it was free, and up for the lot again at the next.
    optimists: BTreeMap<ConnId, Option<Time>>,
    /// Out of the draw until all who wait had their turn.
    drawn: BTreeSet<ConnId>,
    /// Who wants a slot and has none, since when.
    waiting: BTreeMap<ConnId, Time>,
}

/// A candidate with its place in the order.
#[derive(Debug, Clone, Copy)]
struct Ranked<'a> {
    peer: &'a Candidate,
    rank: u32,
    rate: Rate,
}

/// Who gets or keeps a slot, who loses it, and why.
#[derive(Debug, Default)]
struct Decision<'a> {
    chokes: Vec<(Ranked<'a>, String)>,
    unchokes: Vec<(Ranked<'a>, UnchokeSlot, String)>,
}

impl Choker {
    pub fn new(config: ChokerConfig, now: Time) -> Self {
        Self {
            config,
            next_round: now.after(ROUND),
            optimists: BTreeMap::new(),
            drawn: BTreeSet::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// When [`Self::round`] is due.
    pub fn next_round(&self) -> Time {
        self.next_round
    }

    /// More or fewer slots, from the next call on.
    pub fn set_slots(&mut self, slots: usize) {
        self.config.slots = slots;
    }

    /// Every 10 s: gives out all slots anew. `peers` are all that are connected. Returns what changes,
    /// those who lose a slot first.
    pub fn round(
        &mut self,
        now: Time,
        seeding: bool,
        peers: &[Candidate],
        piece_length: u32,
        rng: &mut Rng,
    ) -> Vec<Verdict> {
        self.next_round = now.after(ROUND);
        self.look_around(now, peers);
        let ranked = ranking(seeding, peers, rng);
        let mut decision = Decision::default();
        decision.choke_the_uninterested(&ranked, usize::MAX);
        if seeding {
            self.take_turns(now, &ranked, quota(piece_length), &mut decision);
        } else {
            self.trade(now, &ranked, rng, &mut decision);
        }
        self.note(Some(now), decision)
    }

    /// As a seeder, when a peer was just sent the end of a piece: its turn may be over.
    pub fn piece_sent(&mut self, now: Time, peers: &[Candidate], piece_length: u32, rng: &mut Rng) -> Vec<Verdict> {
        self.look_around(now, peers);
        let ranked = ranking(true, peers, rng);
        let mut decision = Decision::default();
        self.take_turns(now, &ranked, quota(piece_length), &mut decision);
        self.note(Some(now), decision)
    }

    /// True when [`Self::fill`] has something to do: of those who want pieces of ours so many hold a slot, and so many
    /// wait. A seeder always has, for it notes since when who waits.
    pub fn may_fill(&self, seeding: bool, held: usize, waiting: usize) -> bool {
        seeding || (waiting > 0 && held < self.config.slots)
    }

    /// Between rounds, when someone left or lost interest, or became interested: gives out what is free.
    /// Only peers that are not interested lose a slot, and only as many as others wait.
    pub fn fill(&mut self, now: Time, seeding: bool, peers: &[Candidate], rng: &mut Rng) -> Vec<Verdict> {
        self.look_around(now, peers);
        let held = peers.iter().filter(|p| p.unchoked.is_some() && wants(p)).count();
        let free = self.config.slots.saturating_sub(held);
        if free == 0 || self.waiting.is_empty() {
            return Vec::new();
        }
        let ranked = ranking(seeding, peers, rng);
        let mut decision = Decision::default();
        let unchoked = peers.iter().filter(|p| p.unchoked.is_some()).count();
        let empty = self.config.slots.saturating_sub(unchoked);
        decision.choke_the_uninterested(&ranked, self.waiting.len().saturating_sub(empty));
        if seeding {
            for next in self.queue(&ranked).into_iter().take(free) {
                let why = self.why_turn(now, next.peer);
                decision.unchokes.push((next, UnchokeSlot::Regular, why));
            }
        } else {
            self.fill_trading(now, &ranked, free, rng, &mut decision);
        }
        self.note(None, decision)
    }

    /// Tit for tat: regular slots by rate, all others by lot.
    fn trade<'a>(&mut self, now: Time, ranked: &[Ranked<'a>], rng: &mut Rng, decision: &mut Decision<'a>) {
        let regular = self.regular_slots();
        let earners: Vec<Ranked<'a>> = ranked.iter().copied().filter(|r| earns(r.peer)).take(regular).collect();
        for (i, earner) in earners.iter().enumerate() {
            if earner.peer.unchoked != Some(UnchokeSlot::Regular) {
                let why = format!("regular slot {} of {regular}: {} received", i + 1, earner.rate);
                decision.unchokes.push((*earner, UnchokeSlot::Regular, why));
            }
        }
        let others =
            || ranked.iter().copied().filter(|r| wants(r.peer) && !earners.iter().any(|e| e.peer.conn == r.peer.conn));
        let with = |slot| others().filter(move |r| r.peer.unchoked == slot).collect::<Vec<Ranked<'a>>>();
        let (choked, fallen) = (with(None), with(Some(UnchokeSlot::Regular)));
        let mut holders = with(Some(UnchokeSlot::Optimistic));
        // Spare ones first, then who was drawn longest ago.
        holders.sort_by_key(|r| self.optimists.get(&r.peer.conn).copied().flatten());

        let by_lot = self.config.slots - earners.len();
        let too_many = holders.len().saturating_sub(by_lot);
        for lost in holders.drain(..too_many) {
            let why = format!("its optimistic slot is earned by another: rank {} of {}", lost.rank, wanting(ranked));
            decision.chokes.push((lost, why));
        }
        let due = holders.iter().filter(|r| self.turn_is_over(now, r.peer)).count();
        let short = choked.len().saturating_sub(by_lot - holders.len());
        for lost in holders.drain(..due.min(short)) {
            let why = match self.optimists.get(&lost.peer.conn).copied().flatten() {
                Some(_) => {
                    format!("its {} s of the optimistic slot are over, {} waiting", TURN.as_secs(), choked.len())
                }
                None => format!("it had a slot to spare, {} are waiting for the lot", choked.len()),
            };
            decision.chokes.push((lost, why));
        }
        let mut free = by_lot - holders.len();
        for lucky in self.draw(now, &choked, free, rng) {
            decision.unchokes.push((lucky, UnchokeSlot::Optimistic, why_lot(choked.len(), free)));
        }
        free -= free.min(choked.len());
        for (i, peer) in fallen.iter().enumerate() {
            if i < free {
                let why = format!("{}; keeps a slot that nobody else wants", why_fallen(peer, ranked, regular));
                decision.unchokes.push((*peer, UnchokeSlot::Optimistic, why));
            } else {
                decision.chokes.push((*peer, why_fallen(peer, ranked, regular)));
            }
        }
    }

    /// Free slots while we fetch: earned ones by rate, the others by lot.
    fn fill_trading<'a>(
        &mut self,
        now: Time,
        ranked: &[Ranked<'a>],
        free: usize,
        rng: &mut Rng,
        decision: &mut Decision<'a>,
    ) {
        let regular = self.regular_slots();
        let goes = |r: &Ranked<'_>| decision.chokes.iter().any(|(choked, _)| choked.peer.conn == r.peer.conn);
        let held = ranked.iter().filter(|r| r.peer.unchoked == Some(UnchokeSlot::Regular) && !goes(r)).count();
        let (earners, others): (Vec<_>, Vec<_>) = waiting(ranked).partition(|r| earns(r.peer));
        let earned = free.min(regular.saturating_sub(held)).min(earners.len());
        for (i, earner) in earners[..earned].iter().enumerate() {
            let why = format!("regular slot {} of {regular}: {} received", held + i + 1, earner.rate);
            decision.unchokes.push((*earner, UnchokeSlot::Regular, why));
        }
        let choked: Vec<Ranked<'a>> = earners[earned..].iter().copied().chain(others).collect();
        let free = free - earned;
        for lucky in self.draw(now, &choked, free, rng) {
            decision.unchokes.push((lucky, UnchokeSlot::Optimistic, why_lot(choked.len(), free)));
        }
    }

    /// Seeding: whoever had its turn makes room for who waited longest.
    fn take_turns<'a>(&self, now: Time, ranked: &[Ranked<'a>], quota: ByteCount, decision: &mut Decision<'a>) {
        let queue = self.queue(ranked);
        let held = |r: &Ranked<'_>| r.peer.unchoked_at.map_or(Duration::ZERO, |at| now.since(at));
        let over = |r: &Ranked<'_>| {
            let had_its_share = r.peer.sent_since_unchoke >= quota || held(r) >= SEED_TURN;
            had_its_share && (!r.peer.amid_piece || held(r) >= SEED_TURN * 2)
        };
        let mut holders: Vec<Ranked<'a>> =
            ranked.iter().copied().filter(|r| wants(r.peer) && r.peer.unchoked.is_some()).collect();
        // First those whose turn is over, and of them who got most.
        holders.sort_by_key(|r| (!over(r), Reverse(r.peer.sent_since_unchoke), Reverse(held(r))));

        let too_many = holders.len().saturating_sub(self.config.slots);
        for lost in holders.drain(..too_many) {
            decision.chokes.push((lost, format!("fewer upload slots: {}", self.config.slots)));
        }
        let short = queue.len().saturating_sub(self.config.slots - holders.len());
        let due = holders.iter().filter(|r| over(r)).count();
        for lost in holders.drain(..due.min(short)) {
            let (sent, secs) = (lost.peer.sent_since_unchoke, held(&lost).as_secs());
            let why = format!("seeding round-robin: {sent} sent in {secs} s, others waited longer");
            decision.chokes.push((lost, why));
        }
        for next in queue.into_iter().take(self.config.slots - holders.len()) {
            decision.unchokes.push((next, UnchokeSlot::Regular, self.why_turn(now, next.peer)));
        }
    }

    /// Who waits, longest first; of those alike, who was sent least lately.
    fn queue<'a>(&self, ranked: &[Ranked<'a>]) -> Vec<Ranked<'a>> {
        let mut queue: Vec<Ranked<'a>> = waiting(ranked).collect();
        queue.sort_by_key(|r| (self.waiting.get(&r.peer.conn).copied(), r.rate));
        queue
    }

    /// Up to `count` of `choked` by lot. Who was drawn is out until all had their turn.
    fn draw<'a>(&mut self, now: Time, choked: &[Ranked<'a>], count: usize, rng: &mut Rng) -> Vec<Ranked<'a>> {
        let mut hat: Vec<Ranked<'a>> = choked.to_vec();
        let mut lucky = Vec::new();
        while lucky.len() < count && !hat.is_empty() {
            if hat.iter().all(|r| self.drawn.contains(&r.peer.conn)) {
                self.drawn.clear();
            }
            let lots = |r: &Ranked<'_>| match now.since(r.peer.connected_at) < NEWCOMER {
                _ if self.drawn.contains(&r.peer.conn) => 0,
                true => NEWCOMER_LOTS,
                false => 1,
            };
            let mut lot = rng.below(hat.iter().map(lots).sum());
            let winner = hat.iter().position(|r| {
                let hit = lot < lots(r);
                lot = lot.saturating_sub(lots(r));
                hit
            });
            let Some(winner) = winner else { break };
            let winner = hat.remove(winner);
            self.drawn.insert(winner.peer.conn);
            lucky.push(winner);
        }
        lucky
    }

    /// Forgets who is gone, and notes who has begun or ceased to wait.
    fn look_around(&mut self, now: Time, peers: &[Candidate]) {
        let by_conn: BTreeMap<ConnId, &Candidate> = peers.iter().map(|p| (p.conn, p)).collect();
        self.drawn.retain(|conn| by_conn.contains_key(conn));
        let optimist = |conn: &ConnId| by_conn.get(conn).is_some_and(|p| p.unchoked == Some(UnchokeSlot::Optimistic));
        self.optimists.retain(|conn, _| optimist(conn));
        let waits = |p: &Candidate| wants(p) && p.unchoked.is_none();
        self.waiting.retain(|conn, _| by_conn.get(conn).is_some_and(|p| waits(p)));
        for peer in peers.iter().filter(|p| waits(p)) {
            self.waiting.entry(peer.conn).or_insert(now);
        }
    }

    /// `drawn_at` is the time of a round; between rounds optimistic slots are spare ones.
    fn note(&mut self, drawn_at: Option<Time>, decision: Decision<'_>) -> Vec<Verdict> {
        for (ranked, slot, _) in &decision.unchokes {
            self.waiting.remove(&ranked.peer.conn);
            match slot {
                UnchokeSlot::Optimistic => self.optimists.insert(ranked.peer.conn, drawn_at).is_some(),
                UnchokeSlot::Regular => self.optimists.remove(&ranked.peer.conn).is_some(),
            };
        }
        decision.into_verdicts()
    }

    fn turn_is_over(&self, now: Time, peer: &Candidate) -> bool {
        self.optimists.get(&peer.conn).is_some_and(|since| since.is_none_or(|since| now.since(since) >= TURN))
    }

    fn regular_slots(&self) -> usize {
        self.config.slots.saturating_sub(self.config.optimistic)
    }

    fn why_turn(&self, now: Time, peer: &Candidate) -> String {
        match self.waiting.get(&peer.conn).map_or(0, |&since| now.since(since).as_secs()) {
            0 => "seeding round-robin: a slot is free".to_owned(),
            secs => format!("seeding round-robin: waited {secs} s"),
        }
    }
}

impl<'a> Decision<'a> {
    /// So many of them, if there are.
    fn choke_the_uninterested(&mut self, ranked: &[Ranked<'a>], count: usize) {
        for r in ranked.iter().filter(|r| r.peer.unchoked.is_some() && !wants(r.peer)).take(count) {
            let why = if r.peer.interested { "upload-only: it fetches nothing" } else { "not interested any more" };
            self.chokes.push((*r, why.to_owned()));
        }
    }

    fn into_verdicts(self) -> Vec<Verdict> {
        let choke = |(r, why): (Ranked<'_>, _)| Verdict::Choke { conn: r.peer.conn, rank: r.rank, rate: r.rate, why };
        let unchoke = |(r, slot, why): (Ranked<'_>, _, _)| Verdict::Unchoke {
            conn: r.peer.conn,
            slot,
            rank: r.rank,
            rate: r.rate,
            why,
        };
        self.chokes.into_iter().map(choke).chain(self.unchokes.into_iter().map(unchoke)).collect()
    }
}

/// By rate, the fastest first, ties by lot; who wants nothing comes last, and before them who snubs us.
fn ranking<'a>(seeding: bool, peers: &'a [Candidate], rng: &mut Rng) -> Vec<Ranked<'a>> {
    let mut order: Vec<&Candidate> = peers.iter().collect();
    rng.shuffle(&mut order);
    order.sort_by_key(|p| match seeding {
        true => (!wants(p), false, Reverse(p.sent.0)),
        false => (!wants(p), p.snubbing_us, Reverse(standing(p))),
    });
    let rate = |p: &Candidate| if seeding { p.sent } else { p.received };
    order.into_iter().zip(1..).map(|(peer, rank)| Ranked { peer, rank, rate: rate(peer) }).collect()
}

/// The rate by which a peer is ranked while we fetch: who holds a regular slot has a start.
fn standing(peer: &Candidate) -> u64 {
    let start = if peer.unchoked == Some(UnchokeSlot::Regular) { peer.received.0 / KEPT_WITHIN } else { 0 };
    peer.received.0.saturating_add(start)
}

fn wants(peer: &Candidate) -> bool {
    peer.interested && !peer.upload_only
}

fn earns(peer: &Candidate) -> bool {
    wants(peer) && !peer.snubbing_us && peer.received > Rate(0)
}

fn waiting<'a>(ranked: &[Ranked<'a>]) -> impl Iterator<Item = Ranked<'a>> {
    ranked.iter().copied().filter(|r| wants(r.peer) && r.peer.unchoked.is_none())
}

fn wanting(ranked: &[Ranked<'_>]) -> usize {
    ranked.iter().filter(|r| wants(r.peer)).count()
}

fn why_lot(waiting: usize, free: usize) -> String {
    match waiting > free {
        true => format!("optimistic: drawn by lot among {waiting} waiting"),
        false => "optimistic: a slot that nobody else wants".to_owned(),
    }
}

fn why_fallen(r: &Ranked<'_>, ranked: &[Ranked<'_>], regular: usize) -> String {
    if r.peer.snubbing_us {
        return "snubbing us: no block for a minute".to_owned();
    }
    if r.rate == Rate(0) {
        return "nothing received lately".to_owned();
    }
    format!("rank {} of {}: {}, {regular} regular slots", r.rank, wanting(ranked), r.rate)
}

/// What a seeder sends one peer before it is another's turn: four pieces, so that there is something
/// whole to pass on.
fn quota(piece_length: u32) -> ByteCount {
    ByteCount(u64::from(piece_length) * 4).max(ByteCount(2 << 20))
}

/// BEP 3: "every ten seconds".
const ROUND: Duration = Duration::from_secs(10);

/// BEP 3: "Optimistic unchokes rotate every 30 seconds."
const TURN: Duration = Duration::from_secs(30);

/// As long as a peer counts as new.
const NEWCOMER: Duration = Duration::from_secs(60);

/// BEP 3: new connections are "three times as likely to start as the current optimistic unchoke".
const NEWCOMER_LOTS: u64 = 3;

/// A slow peer's turn at a seeder.
const SEED_TURN: Duration = Duration::from_secs(60);

/// A regular slot is kept against one that is up to one part in so many faster.
const KEPT_WITHIN: u64 = 8;
