//! Who is in one swarm, for one address family, and whom to name to a newcomer.
//!
//! A peer is known by its id *and* by where it listens, and each is in the table once:
//!
//! - The same id from elsewhere is the same client that moved: the old address goes.
//! - Another id at the same address is a client that was restarted: the old id goes, so that a
//!   client killed with -9 leaves no ghost. On one machine peers share the IP address and differ
//!   by port, so the address here is always ip and port.
//!
//! Ids are not proof: in a private swarm anybody can send anybody's, and so displace them until
//! they announce again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use model::{PeerId, Rng, Time};

/// The peers of one swarm in one family. Seeds and leechers are apart, because seeds are not
/// told about each other.
#[derive(Debug, Default)]
pub(super) struct Peers {
    seeds: Vec<Peer>,
    leechers: Vec<Peer>,
    by_id: BTreeMap<PeerId, Place>,
    by_addr: BTreeMap<SocketAddr, PeerId>,
    /// Downloads that became whole, ever.
    completed: u32,
}

/// A peer as it last announced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) addr: SocketAddr,
    pub(super) seed: bool,
    /// It has told us that its download became whole; once is counted.
    pub(super) completed: bool,
    /// When it is dropped unless it announces again.
    pub(super) expires: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    seed: bool,
    index: usize,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn seeders(&self) -> usize {
        self.seeds.len()
    }

    pub(super) fn leechers(&self) -> usize {
        self.leechers.len()
    }

    pub(super) fn completed(&self) -> u32 {
        self.completed
    }

    /// True when a peer with this id at this address would be one more.
    pub(super) fn would_grow(&self, id: PeerId, addr: SocketAddr) -> bool {
        !self.by_id.contains_key(&id) && !self.by_addr.contains_key(&addr)
    }

    /// Enters a peer as it announced itself just now. What it replaces is returned: itself as it
    /// was, and another client that had its address.
    pub(super) fn announce(&mut self, mut peer: Peer) -> [Option<Peer>; 2] {
        let was = self.remove(peer.id);
        let ghost = self.by_addr.get(&peer.addr).copied().and_then(|id| self.remove(id));
        let counted = was.is_some_and(|was| was.completed);
        if peer.completed && !counted {
            self.completed = self.completed.saturating_add(1);
        }
        peer.completed |= counted;
        self.insert(peer);
        [was, ghost]
    }

    pub(super) fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let place = self.by_id.remove(&id)?;
        let pool = self.pool_mut(place.seed);
        let peer = pool.swap_remove(place.index);
        let moved = pool.get(place.index).map(|moved| moved.id);
        if let Some(moved) = moved {
            self.by_id.insert(moved, place);
        }
        self.by_addr.remove(&peer.addr);
        Some(peer)
    }

    /// Up to `count` others for the peer `id` to dial, each as likely, in random order. The work grows with
    /// what is returned, not with the swarm.
    pub(super) fn choose(&self, id: PeerId, whom: Whom, count: usize, rng: &mut Rng) -> Vec<SocketAddr> {
        let seeds: &[Peer] = if whom == Whom::Leechers { &[] } else { &self.seeds };
        // Seeds and leechers as one row, in which the one who asks is stepped over.
        let own = self.by_id.get(&id).and_then(|place| match place.seed {
            true => Some(place.index).filter(|&index| index < seeds.len()),
            false => Some(seeds.len() + place.index),
        });
        let others = seeds.len() + self.leechers.len() - usize::from(own.is_some());
        let at = |i: usize| {
            let i = if own.is_some_and(|own| i >= own) { i + 1 } else { i };
            seeds.get(i).unwrap_or_else(|| &self.leechers[i - seeds.len()]).addr
        };
        sample(others, count, rng).into_iter().map(at).collect()
    }

    fn insert(&mut self, peer: Peer) {
        let pool = self.pool_mut(peer.seed);
        pool.push(peer);
        let place = Place { seed: peer.seed, index: pool.len() - 1 };
        self.by_id.insert(peer.id, place);
        self.by_addr.insert(peer.addr, peer.id);
    }

    fn pool_mut(&mut self, seed: bool) -> &mut Vec<Peer> {
        if seed { &mut self.seeds } else { &mut self.leechers }
    }
}

/// Which others a peer is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Everybody,
    /// What is of use to a seed.
    Leechers,
}

/// `count` different numbers below `from` (all of them if there are fewer), in random order.
/// Floyd's method: one draw for each number, whatever `from` is.
fn sample(from: usize, count: usize, rng: &mut Rng) -> Vec<usize> {
    let count = count.min(from);
    let mut taken = BTreeSet::new();
    let mut chosen = Vec::with_capacity(count);
    for top in from - count..from {
        let draw = rng.below(top as u64 + 1) as usize;
        let number = if taken.insert(draw) { draw } else { top };
        taken.insert(number);
        chosen.push(number);
    }
    // Floyd's set is fair, its order is not: late numbers come late.
    rng.shuffle(&mut chosen);
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{Strategy, any, prop};
    use proptest::test_runner::Config;
    use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    #[test]
    fn a_restarted_client_leaves_no_ghost() {
        let mut peers = Peers::default();
        peers.announce(peer(1, 6881, false));
        let [was, ghost] = peers.announce(peer(2, 6881, false));
        assert_eq!((was, ghost.map(|ghost| ghost.id)), (None, Some(id(1))));
        assert_eq!(peers.len(), 1);
        assert!(find(&peers, id(1)).is_none());
    }

    #[test]
    fn a_client_that_moves_is_listed_at_its_new_address_only() {
        let mut peers = Peers::default();
        peers.announce(peer(1, 6881, false));
        peers.announce(peer(1, 6882, false));
        assert_eq!(peers.choose(id(9), Whom::Everybody, 50, &mut Rng::from_seed(1)), [addr(6882)]);
    }

    #[test]
    fn a_seed_may_be_told_of_leechers_only_and_nobody_is_told_of_himself() {
        let mut peers = Peers::default();
        for n in 1..=6 {
            peers.announce(peer(n, u16::from(n), n <= 3));
        }
        let mut rng = Rng::from_seed(1);
        assert_eq!(ports(&peers.choose(id(1), Whom::Leechers, 50, &mut rng)), [4, 5, 6]);
        assert_eq!(ports(&peers.choose(id(1), Whom::Everybody, 50, &mut rng)), [2, 3, 4, 5, 6]);
        assert_eq!(ports(&peers.choose(id(5), Whom::Everybody, 50, &mut rng)), [1, 2, 3, 4, 6]);
        assert_eq!(ports(&peers.choose(id(7), Whom::Everybody, 50, &mut rng)), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_download_is_counted_once_however_often_it_is_told() {
        let mut peers = Peers::default();
        peers.announce(peer(1, 1, false));
        for _ in 0..3 {
            peers.announce(Peer { completed: true, ..peer(1, 1, true) });
            peers.announce(peer(1, 1, true));
        }
        assert_eq!(peers.completed(), 1);
    }

    #[test]
    fn every_peer_is_named_about_as_often_and_in_every_position() {
        let mut peers = Peers::default();
        for n in 0..20 {
            peers.announce(peer(n, 1_000 + u16::from(n), n % 3 == 0));
        }
        let mut rng = Rng::from_seed(5);
        let mut seen = [[0_u32; 5]; 20];
        for _ in 0..38_000 {
            for (position, addr) in peers.choose(id(1), Whom::Everybody, 5, &mut rng).into_iter().enumerate() {
                seen[usize::from(addr.port()) - 1_000][position] += 1;
            }
        }
        assert_eq!(seen[1], [0; 5], "the one who asks");
        let others = seen.iter().enumerate().filter(|(n, _)| *n != 1);
        assert!(others.clone().all(|(_, n)| n.iter().all(|n| (1_800..2_200).contains(n))), "seed 5: {seen:?}");
    }

    proptest! {
        #![proptest_config(Config::with_cases(200))]

        /// Against a list that does the same by walking through everything.
        #[test]
        fn the_table_agrees_with_a_plain_list(ops in prop::collection::vec(op(), 1..80), seed: u64) {
            let mut peers = Peers::default();
            let mut list: BTreeMap<u8, (u16, bool, bool)> = BTreeMap::new();
            let mut completed = 0;
            let mut rng = Rng::from_seed(seed);
            for op in ops {
                match op {
                    Op::Announce { id: n, port, seed, done } => {
                        peers.announce(Peer { completed: done, ..peer(n, port, seed) });
                        let counted = list.get(&n).is_some_and(|was| was.2);
                        completed += u32::from(done && !counted);
                        list.retain(|_, was| was.0 != port);
                        list.insert(n, (port, seed, done || counted));
                    }
                    Op::Remove { id: n } => {
                        let removed = peers.remove(id(n)).map(|peer| peer.addr.port());
                        prop_assert_eq!(removed, list.remove(&n).map(|was| was.0));
                    }
                    Op::Choose { id: n, count } => {
                        let asks_as_seed = list.get(&n).is_some_and(|was| was.1);
                        let whom = if asks_as_seed { Whom::Leechers } else { Whom::Everybody };
                        let chosen = ports(&peers.choose(id(n), whom, count, &mut rng));
                        let eligible: Vec<u16> = list.iter()
                            .filter(|(other, was)| **other != n && !(asks_as_seed && was.1))
                            .map(|(_, was)| was.0).collect();
                        prop_assert_eq!(chosen.len(), count.min(eligible.len()));
                        prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]), "no address twice");
                        prop_assert!(chosen.iter().all(|port| eligible.contains(port)));
                    }
                }
                prop_assert_eq!(peers.len(), list.len());
                prop_assert_eq!(peers.seeders(), list.values().filter(|was| was.1).count());
                prop_assert_eq!(peers.leechers(), list.values().filter(|was| !was.1).count());
                prop_assert_eq!(peers.completed(), completed);
                for (n, was) in &list {
                    let found = find(&peers, id(*n)).map(|peer| (peer.addr.port(), peer.seed, peer.completed));
                    prop_assert_eq!(found, Some(*was));
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Op {
        Announce { id: u8, port: u16, seed: bool, done: bool },
        Remove { id: u8 },
        Choose { id: u8, count: usize },
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (0..12_u8, 1..12_u16, any::<bool>(), any::<bool>())
                .prop_map(|(id, port, seed, done)| Op::Announce { id, port, seed, done }),
            1 => (0..12_u8).prop_map(|id| Op::Remove { id }),
            1 => (0..14_u8, 0..14_usize).prop_map(|(id, count)| Op::Choose { id, count }),
        ]
    }

    fn find(peers: &Peers, id: PeerId) -> Option<&Peer> {
        let place = peers.by_id.get(&id)?;
        let pool = if place.seed { &peers.seeds } else { &peers.leechers };
        pool.get(place.index)
    }

    fn peer(n: u8, port: u16, seed: bool) -> Peer {
        Peer { id: id(n), addr: addr(port), seed, completed: false, expires: Time::ZERO }
    }

    fn id(n: u8) -> PeerId {
        PeerId([n; 20])
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn ports(addrs: &[SocketAddr]) -> Vec<u16> {
        let mut ports: Vec<u16> = addrs.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports
    }
}
