//! The addresses of one swarm that could be dialled, and when to try which again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use model::bound::CANDIDATES_MAX;
use model::{PeerId, Rng, Time};

/// Addresses to dial, with what became of earlier tries.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    known: BTreeMap<SocketAddr, Candidate>,
    banned: BTreeSet<SocketAddr>,
}

/// One try of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) addr: SocketAddr,
    /// How many tries it is, this one included.
    pub(crate) attempt: u32,
    /// Not encrypted, whatever the policy prefers.
    pub(crate) plain: bool,
}

#[derive(Debug)]
struct Candidate {
    /// Tries in a row that led to nothing.
    failures: u32,
    try_at: Time,
    busy: bool,
    /// The next try is in plaintext: the encrypted one came to nothing.
    plain: bool,
    /// Who answered there last time: no second connection to the same peer.
    peer_id: Option<PeerId>,
    claim: Option<Claim>,
}

/// A peer that dialled us says that it listens at an address. It is likely true, and proves nothing: of all who
/// are behind one NAT, and listen on the same port, one at most can be dialled there.
#[derive(Debug, Clone, Copy)]
struct Claim {
    by: PeerId,
    since: Time,
}

/// Who is connected already, and whether that is enough.
#[derive(Debug, Default)]
pub(crate) struct Company {
    pub(crate) connected: BTreeSet<PeerId>,
    /// None of them has a piece that is missing here.
    pub(crate) is_useless: bool,
}

/// First pause after a failure; doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(3);
const RETRY_MAX: Duration = Duration::from_secs(120);

/// A claim of one who is connected is believed for so long, and after that as long as the company is of use.
const CLAIM_BELIEVED: Duration = Duration::from_secs(60);

/// After so many failures in a row an address is forgotten; the tracker may tell it again.
const FAILURES_MAX: u32 = 8;

impl Candidates {
    /// How many addresses are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// True when the address is news.
    pub(crate) fn add(&mut self, now: Time, addr: SocketAddr) -> bool {
        let useless = addr.port() == 0 || addr.ip().is_unspecified() || addr.ip().is_multicast();
        if useless
            || self.banned.contains(&addr)
            || self.known.contains_key(&addr)
            || self.known.len() >= CANDIDATES_MAX
        {
            return false;
        }
        let candidate = Candidate { failures: 0, try_at: now, busy: false, plain: false, peer_id: None, claim: None };
        self.known.insert(addr, candidate);
        true
    }

    /// A peer says that it can be dialled there. It is connected: the address is for later, should it get lost.
    pub(crate) fn claimed(&mut self, now: Time, addr: SocketAddr, by: PeerId) {
        self.add(now, addr);
        if let Some(candidate) = self.known.get_mut(&addr) {
            candidate.claim = Some(Claim { by, since: now });
        }
    }

    /// An address to dial now, by lot among those that are due; it is busy until told otherwise.
    pub(crate) fn take(&mut self, now: Time, company: &Company, rng: &mut Rng) -> Option<Try> {
        let due = |candidate: &Candidate| candidate.due(company).is_some_and(|at| at <= now);
        let ready: Vec<SocketAddr> = self.known.iter().filter(|(_, c)| due(c)).map(|(&addr, _)| addr).collect();
        let addr = *rng.choose(&ready)?;
        let candidate = self.known.get_mut(&addr)?;
        candidate.busy = true;
        Some(Try { addr, attempt: candidate.failures + 1, plain: candidate.plain })
    }

    /// Somebody shook hands at this address.
    pub(crate) fn answered(&mut self, addr: SocketAddr, peer_id: PeerId) {
        if let Some(candidate) = self.known.get_mut(&addr) {
            candidate.failures = 0;
            candidate.peer_id = Some(peer_id);
        }
    }

    /// The connection or the attempt is over. `useful` when it came to a handshake.
    pub(crate) fn over(&mut self, now: Time, addr: SocketAddr, useful: bool) {
        let Some(candidate) = self.known.get_mut(&addr) else { return };
        candidate.busy = false;
        candidate.plain = false; // encrypted first, every time
        candidate.failures = if useful { 1 } else { candidate.failures + 1 };
        if candidate.failures > FAILURES_MAX {
            self.known.remove(&addr);
            return;
        }
        let pause = RETRY_FIRST * 2u32.pow(candidate.failures - 1);
        candidate.try_at = now.after(pause.min(RETRY_MAX));
        candidate.peer_id = candidate.peer_id.filter(|_| useful);
    }

    /// The next try is at once, and without encryption. False: there will be none, the address is forgotten.
    pub(crate) fn try_in_plaintext(&mut self, now: Time, addr: SocketAddr) -> bool {
        let Some(candidate) = self.known.get_mut(&addr) else { return false };
        candidate.plain = true;
        candidate.try_at = now;
        true
    }

    /// There is nothing to dial this peer for. Should somebody tell its address again, it is news.
    pub(crate) fn forget(&mut self, peer_id: PeerId) {
        let theirs = |c: &Candidate| c.peer_id.or(c.claim.map(|claim| claim.by)) == Some(peer_id);
        self.known.retain(|_, candidate| !theirs(candidate));
    }

    /// Never dial this peer again, where it has shaken hands. What it only claims may be another's.
    pub(crate) fn ban_peer(&mut self, peer_id: PeerId) {
        let theirs = self.known.iter().filter(|(_, candidate)| candidate.peer_id == Some(peer_id));
        let theirs: Vec<SocketAddr> = theirs.map(|(&addr, _)| addr).collect();
        theirs.into_iter().for_each(|addr| self.ban(addr));
    }

    /// Never dial this again: who answers there is banned, or ourselves.
    pub(crate) fn ban(&mut self, addr: SocketAddr) {
        self.known.remove(&addr);
        self.banned.insert(addr);
    }

    /// When the next address is due that leads to nobody who is connected already.
    pub(crate) fn wake(&self, company: &Company) -> Option<Time> {
        self.known.values().filter_map(|candidate| candidate.due(company)).min()
    }
}

impl Candidate {
    /// When to dial it; `None` while there is no reason to.
    fn due(&self, company: &Company) -> Option<Time> {
        if self.busy || self.peer_id.is_some_and(|id| company.connected.contains(&id)) {
            return None;
        }
        match self.claim.filter(|claim| company.connected.contains(&claim.by)) {
            Some(_) if !company.is_useless => None,
            Some(claim) => Some(self.try_at.max(claim.since.after(CLAIM_BELIEVED))),
            None => Some(self.try_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_address_is_tried_ever_less_often_and_then_forgotten() {
        let (mut candidates, mut rng, nobody) = (Candidates::default(), Rng::from_seed(1), Company::default());
        let addr = "127.0.0.2:1".parse().unwrap();
        candidates.add(Time::ZERO, addr);
        let mut tries = Vec::new();
        let mut now = Time::ZERO;
        while let Some(Try { addr, attempt, .. }) = candidates.take(now, &nobody, &mut rng) {
            tries.push((now.as_micros() / 1_000_000, attempt));
            candidates.over(now, addr, false);
            now = candidates.wake(&nobody).unwrap_or(now);
        }
        assert_eq!(tries, [(0, 1), (3, 2), (9, 3), (21, 4), (45, 5), (93, 6), (189, 7), (309, 8), (429, 9)]);
        assert!(candidates.add(now, addr), "forgotten, so it can be told anew");
    }

    #[test]
    fn nobody_is_dialled_who_is_connected_already() {
        let (mut candidates, mut rng) = (Candidates::default(), Rng::from_seed(1));
        let (addr, id) = ("127.0.0.2:1".parse().unwrap(), PeerId([1; 20]));
        candidates.add(Time::ZERO, addr);
        candidates.take(Time::ZERO, &Company::default(), &mut rng).unwrap();
        candidates.answered(addr, id);
        candidates.over(Time::ZERO, addr, true);
        let later = Time::from_secs(60);
        assert_eq!(candidates.take(later, &with(id, true), &mut rng), None);
        let again = Try { addr, attempt: 2, plain: false };
        assert_eq!(candidates.take(later, &Company::default(), &mut rng), Some(again));
    }

    #[test]
    fn an_address_that_a_connected_peer_claims_is_tried_when_nobody_is_of_use() {
        let (mut candidates, mut rng) = (Candidates::default(), Rng::from_seed(1));
        let (addr, id) = ("198.18.0.1:6881".parse().unwrap(), PeerId([1; 20]));
        candidates.claimed(Time::ZERO, addr, id);
        assert_eq!(candidates.wake(&with(id, false)), None);
        assert_eq!(candidates.wake(&with(id, true)), Some(Time::from_secs(60)), "it may be a neighbour's");
        assert_eq!(candidates.wake(&Company::default()), Some(Time::ZERO), "the claimer is gone");
        candidates.take(Time::from_secs(60), &with(id, true), &mut rng).unwrap();
        candidates.answered(addr, id);
        candidates.over(Time::from_secs(61), addr, false);
        assert_eq!(candidates.take(Time::from_secs(600), &with(PeerId([2; 20]), true), &mut rng).unwrap().attempt, 2);
    }

    #[test]
    fn a_ban_is_for_addresses_where_the_peer_shook_hands_and_not_for_what_it_claims() {
        let mut candidates = Candidates::default();
        let [own, neighbours] = ["198.18.0.1:1", "198.18.0.1:2"].map(|addr| addr.parse().unwrap());
        candidates.add(Time::ZERO, own);
        candidates.answered(own, PeerId([1; 20]));
        candidates.claimed(Time::ZERO, neighbours, PeerId([1; 20]));
        candidates.ban_peer(PeerId([1; 20]));
        assert!(!candidates.add(Time::ZERO, own), "banned");
        assert!(candidates.take(Time::ZERO, &Company::default(), &mut Rng::from_seed(1)).unwrap().addr == neighbours);
    }

    #[test]
    fn plaintext_is_tried_once_and_at_once_where_encryption_came_to_nothing() {
        let (mut candidates, mut rng, nobody) = (Candidates::default(), Rng::from_seed(1), Company::default());
        let addr = "127.0.0.2:1".parse().unwrap();
        candidates.add(Time::ZERO, addr);
        let mut plain = Vec::new();
        for refuses_encryption in [true, false, false] {
            let now = candidates.wake(&nobody).unwrap();
            plain.push(candidates.take(now, &nobody, &mut rng).unwrap().plain);
            candidates.over(now, addr, false);
            if refuses_encryption {
                assert!(candidates.try_in_plaintext(now, addr));
                assert_eq!(candidates.wake(&nobody), Some(now));
            }
        }
        assert_eq!(plain, [false, true, false]);
    }

    fn with(id: PeerId, is_useless: bool) -> Company {
        Company { connected: BTreeSet::from([id]), is_useless }
    }

    #[test]
    fn a_tracker_cannot_fill_the_memory_with_addresses() {
        let mut candidates = Candidates::default();
        let added = (1..=60_000u16).filter(|&port| candidates.add(Time::ZERO, ([10, 0, 0, 1], port).into())).count();
        assert_eq!(added, CANDIDATES_MAX);
        assert!(!candidates.add(Time::ZERO, ([0, 0, 0, 0], 1).into()));
        assert!(!candidates.add(Time::ZERO, ([10, 0, 0, 2], 0).into()));
    }
}
