//! The trackers of one torrent in the order of BEP 12, and what is known of each.
//!
//! Tiers are tried in order. Within a tier the order is random at first, so that a swarm spreads over
//! its trackers; one that answers moves to the front of its tier, so that a swarm gathers at one.

use std::net::SocketAddr;
use std::time::Duration;

use model::{Rng, Time};

use super::url::{Host, TrackerUrl};
use super::usable;
use crate::codec::{ConnectionId, TransactionId};

/// Trackers taken from a torrent; further ones are left out.
pub const TRACKERS_MAX: usize = 64;

/// Addresses of one tracker that are tried.
const ADDRS_MAX: usize = 8;

/// BEP 15: a client may use a connection id "until one minute after it has received it".
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// Names a tracker of [`Tiers`] for as long as that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TrackerIndex(usize);

#[derive(Debug)]
pub(super) struct Tiers {
    trackers: Vec<Tracker>,
    tiers: Vec<Vec<TrackerIndex>>,
}

/// One tracker, as far as this torrent knows it.
#[derive(Debug)]
pub(super) struct Tracker {
    /// The URL, fit to be shown.
    pub(super) name: String,
    pub(super) host: Host,
    pub(super) path: Option<Vec<u8>>,
    addrs: Vec<SocketAddr>,
    /// Which of the addresses is asked.
    addr: usize,
    connection: Option<Connection>,
    /// An announce was sent there: it may list us, and is told when we leave.
    pub(super) contacted: bool,
    /// It has answered our `started`.
    pub(super) started: bool,
    /// The request that is open there. It is repeated under the same number, so that a late answer
    /// to the first copy counts.
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    with: SocketAddr,
    id: ConnectionId,
    since: Time,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    to: SocketAddr,
    kind: &'static str,
    transaction: TransactionId,
}

impl Tiers {
    /// Sorts out the URLs; those that are no use come back with the reason.
    pub(super) fn new(urls: Vec<Vec<String>>, rng: &mut Rng) -> (Self, Vec<(String, String)>) {
        let mut this = Self { trackers: Vec::new(), tiers: Vec::new() };
        let mut useless = Vec::new();
        let mut seen = Vec::new();
        for tier in urls {
            let mut members = Vec::new();
            for url in tier {
                if seen.len() == TRACKERS_MAX || seen.contains(&url) {
                    continue;
                }
                match TrackerUrl::parse(&url) {
                    Ok(parsed) => members.push(this.add(&url, parsed)),
                    Err(error) => useless.push((super::presentable(&url), error.to_string())),
                }
                seen.push(url);
            }
            rng.shuffle(&mut members);
            this.tiers.push(members);
        }
        (this, useless)
    }

    /// All trackers in the order to be tried.
    pub(super) fn order(&self) -> impl Iterator<Item = TrackerIndex> + '_ {
        self.tiers.iter().flatten().copied()
    }

    pub(super) fn of(&self, index: TrackerIndex) -> &Tracker {
        &self.trackers[index.0]
    }

    pub(super) fn of_mut(&mut self, index: TrackerIndex) -> &mut Tracker {
        &mut self.trackers[index.0]
    }

    /// Moves a tracker that answered to the front of its tier.
    pub(super) fn promote(&mut self, index: TrackerIndex) {
        for tier in &mut self.tiers {
            if let Some(at) = tier.iter().position(|member| *member == index) {
                tier[..=at].rotate_right(1);
            }
        }
    }

    /// A new run begins: no tracker knows us.
    pub(super) fn forget_announces(&mut self) {
        for tracker in &mut self.trackers {
            (tracker.contacted, tracker.started, tracker.open) = (false, false, None);
        }
    }

    fn add(&mut self, url: &str, parsed: TrackerUrl) -> TrackerIndex {
        let addrs = match parsed.host {
            Host::Addr(addr) => vec![addr],
            Host::Name(..) => Vec::new(),
        };
        self.trackers.push(Tracker {
            name: super::presentable(url),
            host: parsed.host,
            path: parsed.path,
            addrs,
            addr: 0,
            connection: None,
            contacted: false,
            started: false,
            open: None,
        });
        TrackerIndex(self.trackers.len() - 1)
    }
}

impl Tracker {
    /// The address to ask; `None` when the name has to be looked up first.
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.addrs.get(self.addr).copied()
    }

    /// The name was looked up. False when none of the addresses can be asked.
    pub(super) fn resolved(&mut self, addrs: Vec<SocketAddr>) -> bool {
        self.addrs = addrs.into_iter().filter(|addr| usable(*addr)).take(ADDRS_MAX).collect();
        self.addr = 0;
        !self.addrs.is_empty()
    }

    /// The address did not serve: the next one is asked the next time. After the last, a name is
    /// looked up again, for it may have moved.
    pub(super) fn try_next_addr(&mut self) {
        self.addr += 1;
        if self.addr >= self.addrs.len() {
            self.addr = 0;
            if matches!(self.host, Host::Name(..)) {
                self.addrs.clear();
            }
        }
    }

    pub(super) fn connected(&mut self, now: Time, with: SocketAddr, id: ConnectionId) {
        self.connection = Some(Connection { with, id, since: now });
        self.open = None;
    }

    pub(super) fn disconnected(&mut self) {
        self.connection = None;
    }

    /// The connection id to use with `to`, unless it is too old.
    pub(super) fn connection(&self, now: Time, to: SocketAddr) -> Option<ConnectionId> {
        let fresh = |connection: &&Connection| connection.with == to && now.since(connection.since) < CONNECTION_LIFE;
        self.connection.as_ref().filter(fresh).map(|connection| connection.id)
    }

    /// The number for a request of this kind: that of the open one if this repeats it.
    pub(super) fn transaction(&mut self, to: SocketAddr, kind: &'static str, rng: &mut Rng) -> TransactionId {
        if let Some(open) = self.open.filter(|open| open.to == to && open.kind == kind) {
            return open.transaction;
        }
        let transaction = TransactionId(rng.next_u32());
        self.open = Some(Open { to, kind, transaction });
        transaction
    }

    /// The open request was answered.
    pub(super) fn settled(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_keep_their_order_and_are_shuffled_inside() {
        let mut first = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let (tiers, _) = Tiers::new(urls(&["a b c", "d e f"]), &mut Rng::from_seed(seed));
            let order = names(&tiers);
            first.insert(order[0].clone());
            assert!(order[..3].iter().all(|name| "abc".contains(name.as_str())), "{order:?}");
        }
        assert_eq!(first.len(), 3, "each of a tier comes first at times");
    }

    #[test]
    fn a_tracker_that_answers_moves_to_the_front_of_its_tier() {
        let (mut tiers, _) = Tiers::new(urls(&["a b c", "d e"]), &mut Rng::from_seed(1));
        let before = names(&tiers);
        let third = tiers.order().nth(2).unwrap();
        tiers.promote(third);
        assert_eq!(names(&tiers), [&before[2], &before[0], &before[1], &before[3], &before[4]].map(Clone::clone));
    }

    #[test]
    fn useless_and_repeated_urls_are_left_out() {
        let mut rng = Rng::from_seed(1);
        let mut list = urls(&["a", "a b"]);
        list[0].push("http://x/announce".into());
        let (tiers, useless) = Tiers::new(list, &mut rng);
        assert_eq!(names(&tiers), ["a", "b"]);
        assert_eq!(useless.len(), 1);
        let many = (0..1_000).map(|n| format!("udp://t{n}:1")).collect();
        assert_eq!(Tiers::new(vec![many], &mut rng).0.order().count(), TRACKERS_MAX);
    }

    fn urls(tiers: &[&str]) -> Vec<Vec<String>> {
        tiers.iter().map(|tier| tier.split(' ').map(|name| format!("udp://{name}:1")).collect()).collect()
    }

    fn names(tiers: &Tiers) -> Vec<String> {
        let name = |tracker: TrackerIndex| tiers.of(tracker).name.replace("udp://", "").replace(":1", "");
        tiers.order().map(name).collect()
    }
}
