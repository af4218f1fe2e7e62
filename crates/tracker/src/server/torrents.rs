//! Which torrents are served, their swarms in both families, and who is due to expire.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use model::{InfoHash, PeerId, Rng, Time};

use super::peers::{Peer, Peers, Whom};
use super::{Allowed, PEERS_PER_SWARM_MAX, TORRENTS_MAX};
use crate::codec::{Family, ScrapeCounts};

/// Every swarm. Keeps in order who expires next, over all of them.
#[derive(Debug)]
pub(super) struct Torrents {
    allowed: Allowed,
    /// Taken out by name where otherwise any torrent is served.
    forbidden: BTreeSet<InfoHash>,
    swarms: BTreeMap<Key, Peers>,
    expiries: BTreeSet<(Time, Key, PeerId)>,
}

/// A swarm in one family: IPv4 peers are of no use to one who asks over IPv6, and the other way round.
pub(super) type Key = (InfoHash, Family);

/// Why a torrent or peer is not taken in; the text goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this tracker serves only the torrents of its lab, and this is none of them")]
    NotServed,
    #[error("this tracker has as many torrents as it can hold")]
    TorrentsFull,
    #[error("this swarm has as many peers as the tracker can hold")]
    SwarmFull,
}

impl Torrents {
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { allowed, forbidden: BTreeSet::new(), swarms: BTreeMap::new(), expiries: BTreeSet::new() }
    }

    pub(super) fn allow(&mut self, hash: InfoHash) {
        self.forbidden.remove(&hash);
        if let Allowed::Only(hashes) = &mut self.allowed {
            hashes.insert(hash);
        }
    }

    /// Serves a torrent no longer, and forgets its peers.
    pub(super) fn forbid(&mut self, hash: InfoHash) {
        match &mut self.allowed {
            Allowed::Only(hashes) => {
                hashes.remove(&hash);
            }
            Allowed::Any => {
                self.forbidden.insert(hash);
            }
        }
        for family in [Family::V4, Family::V6] {
            self.swarms.remove(&(hash, family));
        }
        self.expiries.retain(|(_, (of, _), _)| *of != hash);
    }

    pub(super) fn serves(&self, hash: InfoHash) -> bool {
        match &self.allowed {
            Allowed::Only(hashes) => hashes.contains(&hash),
            Allowed::Any => !self.forbidden.contains(&hash),
        }
    }

    /// Enters a peer, or refreshes it.
    pub(super) fn announce(&mut self, key: Key, peer: Peer) -> Result<(), Refusal> {
        if !self.serves(key.0) {
            return Err(Refusal::NotServed);
        }
        let full = self.swarms.len() >= TORRENTS_MAX;
        if full && matches!(self.allowed, Allowed::Any) && !self.swarms.contains_key(&key) {
            return Err(Refusal::TorrentsFull);
        }
        let peers = self.swarms.entry(key).or_default();
        if peers.len() >= PEERS_PER_SWARM_MAX && peers.would_grow(peer.id, peer.addr) {
            return Err(Refusal::SwarmFull);
        }
        for replaced in peers.announce(peer).into_iter().flatten() {
            self.expiries.remove(&(replaced.expires, key, replaced.id));
        }
        self.expiries.insert((peer.expires, key, peer.id));
        Ok(())
    }

    /// Takes out a peer that says goodbye. Unknown ones are fine.
    pub(super) fn leave(&mut self, key: Key, id: PeerId) -> Result<(), Refusal> {
        if !self.serves(key.0) {
            return Err(Refusal::NotServed);
        }
        self.remove(key, id);
        Ok(())
    }

    /// Takes out the next peer that has been silent for too long.
    pub(super) fn expire(&mut self, now: Time) -> Option<(Key, Peer)> {
        let &(at, key, id) = self.expiries.first()?;
        if now < at {
            return None;
        }
        let peer = self.remove(key, id);
        assert!(peer.is_some(), "whoever is due to expire is in a swarm");
        peer.map(|peer| (key, peer))
    }

    /// When the next peer expires.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        self.expiries.first().map(|(at, ..)| *at)
    }

    pub(super) fn choose(&self, key: Key, id: PeerId, whom: Whom, count: usize, rng: &mut Rng) -> Vec<SocketAddr> {
        self.swarms.get(&key).map(|peers| peers.choose(id, whom, count, rng)).unwrap_or_default()
    }

    /// The numbers of a swarm; zeros for one that nobody is in.
    pub(super) fn counts(&self, key: Key) -> ScrapeCounts {
        self.swarms.get(&key).map_or_else(ScrapeCounts::default, |peers| ScrapeCounts {
            seeders: peers.seeders() as u32,
            completed: peers.completed(),
            leechers: peers.leechers() as u32,
        })
    }

    /// Swarms and peers held, a dual-stack torrent or peer counted in each family.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.swarms.len(), self.expiries.len())
    }

    fn remove(&mut self, key: Key, id: PeerId) -> Option<Peer> {
        let peers = self.swarms.get_mut(&key)?;
        let peer = peers.remove(id)?;
        self.expiries.remove(&(peer.expires, key, id));
        // Where anyone may open a swarm, an empty one goes with its count of downloads: otherwise
        // strangers' hashes would fill the table for good.
        if peers.is_empty() && matches!(self.allowed, Allowed::Any) {
            self.swarms.remove(&key);
        }
        Some(peer)
    }
}
