//! Fetching the info dictionary from peers (BEP 9): which part to ask whom for, and whether the
//! whole is what the magnet link named.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::bound::METADATA_BYTES_MAX;
use model::{InfoHash, Time};
use sha1::{Digest, Sha1};
use std::time::Duration;

use crate::ConnId;

/// BEP 9: "the metadata is handled in blocks of 16 KiB".
pub(crate) const PART_BYTES: u32 = 16 * 1024;

/// A part that does not come within this time is asked for elsewhere.
const PATIENCE: Duration = Duration::from_secs(10);

/// The info dictionary, coming in parts.
#[derive(Debug)]
pub(crate) struct MetadataFetch {
    info_hash: InfoHash,
    /// Total size, as the peer said whose parts are being fetched.
    size: Option<u32>,
    parts: BTreeMap<u32, Part>,
    /// Set after a mixture of peers gave a wrong whole: then one peer must give all of it.
    only: Option<ConnId>,
    /// Peers that gave a wrong whole, or refused.
    useless: BTreeSet<ConnId>,
    must_be_single: bool,
}

#[derive(Debug)]
enum Part {
    Asked { conn: ConnId, at: Time },
    Here { conn: ConnId, data: Bytes },
}

/// What a part led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not asked for, or of a wrong size.
    Unwanted,
    More,
    /// The whole, and it matches the info-hash.
    Whole(Bytes),
    /// The whole does not match; these peers sent parts of it.
    Wrong(Vec<ConnId>),
}

impl MetadataFetch {
    pub(crate) fn new(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            size: None,
            parts: BTreeMap::new(),
            only: None,
            useless: BTreeSet::new(),
            must_be_single: false,
        }
    }

    /// The next part to ask this peer for, if any. Call until `None`; at most two are in flight to one peer.
    pub(crate) fn ask(&mut self, now: Time, conn: ConnId, size: u32) -> Option<u32> {
        if size == 0 || size as usize > METADATA_BYTES_MAX || self.useless.contains(&conn) {
            return None;
        }
        if self.must_be_single && *self.only.get_or_insert(conn) != conn {
            return None;
        }
        // A peer that names another size than the one being fetched waits until that fails.
        if *self.size.get_or_insert(size) != size {
            return None;
        }
        let in_flight = |part: &&Part| matches!(part, Part::Asked { conn: c, .. } if *c == conn);
        if self.parts.values().filter(in_flight).count() >= 2 {
            return None;
        }
        let part = (0..size.div_ceil(PART_BYTES)).find(|part| !self.parts.contains_key(part))?;
        self.parts.insert(part, Part::Asked { conn, at: now });
        Some(part)
    }

    pub(crate) fn received(&mut self, conn: ConnId, part: u32, data: Bytes) -> Outcome {
        let Some(size) = self.size else { return Outcome::Unwanted };
        let asked = matches!(self.parts.get(&part), Some(Part::Asked { conn: c, .. }) if *c == conn);
        if !asked || data.len() != part_length(size, part) {
            return Outcome::Unwanted;
        }
        self.parts.insert(part, Part::Here { conn, data });
        let here: Vec<(ConnId, &Bytes)> = self
            .parts
            .values()
            .filter_map(|part| match part {
                Part::Here { conn, data } => Some((*conn, data)),
                Part::Asked { .. } => None,
            })
            .collect();
        if here.len() < size.div_ceil(PART_BYTES) as usize {
            return Outcome::More;
        }
        let whole: Bytes = here.iter().flat_map(|(_, data)| data.iter().copied()).collect();
        if Sha1::digest(&whole).as_slice() == self.info_hash.as_bytes() {
            return Outcome::Whole(whole);
        }
        let mut senders: Vec<ConnId> = here.iter().map(|(conn, _)| *conn).collect();
        senders.sort_unstable();
        senders.dedup();
        self.begin_anew();
        if let [single] = senders[..] {
            self.useless.insert(single);
        }
        Outcome::Wrong(senders)
    }

    /// The peer won't give it.
    pub(crate) fn refused(&mut self, conn: ConnId) {
        self.release(conn);
        self.useless.insert(conn);
    }

    /// The peer is gone: what it was asked for is open again.
    pub(crate) fn gone(&mut self, conn: ConnId) {
        self.release(conn);
        self.useless.remove(&conn);
    }

    fn release(&mut self, conn: ConnId) {
        self.parts.retain(|_, part| !matches!(part, Part::Asked { conn: c, .. } if *c == conn));
        if self.only == Some(conn) {
            self.begin_anew();
        }
        self.give_up_when_nothing_comes();
    }

    /// Opens parts again that were asked for too long ago.
    pub(crate) fn expire(&mut self, now: Time) {
        self.parts.retain(|_, part| !matches!(part, Part::Asked { at, .. } if now.since(*at) >= PATIENCE));
        self.give_up_when_nothing_comes();
    }

    /// Nobody is asked any more: whoever named this size may have lied, and what came of it is worth
    /// nothing with another.
    fn give_up_when_nothing_comes(&mut self) {
        if !self.parts.values().any(|part| matches!(part, Part::Asked { .. })) {
            self.parts.clear();
            (self.size, self.only) = (None, None);
        }
    }

    fn begin_anew(&mut self) {
        self.parts.clear();
        (self.size, self.only, self.must_be_single) = (None, None, true);
    }
}

fn part_length(size: u32, part: u32) -> usize {
    size.saturating_sub(part.saturating_mul(PART_BYTES)).min(PART_BYTES) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    #[test]
    fn parts_from_two_peers_make_the_whole() {
        let (whole, mut fetch) = fetch_of(40_000);
        assert_eq!(fetch.ask(Time::ZERO, A, 40_000), Some(0));
        assert_eq!(fetch.ask(Time::ZERO, A, 40_000), Some(1));
        assert_eq!(fetch.ask(Time::ZERO, A, 40_000), None, "two in flight are enough for one peer");
        assert_eq!(fetch.ask(Time::ZERO, B, 40_000), Some(2));
        assert_eq!(fetch.received(A, 0, whole.slice(..16_384)), Outcome::More);
        assert_eq!(fetch.received(B, 2, whole.slice(32_768..)), Outcome::More);
        assert_eq!(fetch.received(A, 1, whole.slice(16_384..32_768)), Outcome::Whole(whole));
    }

    #[test]
    fn after_a_wrong_mixture_one_peer_must_give_all_of_it() {
        let (whole, mut fetch) = fetch_of(20_000);
        fetch.ask(Time::ZERO, A, 20_000);
        fetch.ask(Time::ZERO, B, 20_000);
        fetch.received(A, 0, Bytes::from(vec![0; 16_384]));
        assert_eq!(fetch.received(B, 1, whole.slice(16_384..)), Outcome::Wrong(vec![A, B]));
        assert_eq!(fetch.ask(Time::ZERO, A, 20_000), Some(0));
        assert_eq!(fetch.ask(Time::ZERO, B, 20_000), None);
        fetch.ask(Time::ZERO, A, 20_000);
        fetch.received(A, 0, Bytes::from(vec![0; 16_384]));
        assert_eq!(fetch.received(A, 1, whole.slice(16_384..)), Outcome::Wrong(vec![A]));
        assert_eq!(fetch.ask(Time::ZERO, A, 20_000), None, "proven useless");
        assert_eq!(fetch.ask(Time::ZERO, B, 20_000), Some(0));
    }

    #[test]
    fn a_silent_peer_is_not_waited_for() {
        let (_, mut fetch) = fetch_of(10_000);
        assert_eq!(fetch.ask(Time::ZERO, A, 10_000), Some(0));
        assert_eq!(fetch.ask(Time::ZERO, B, 10_000), None);
        fetch.expire(Time::from_secs(10));
        assert_eq!(fetch.ask(Time::from_secs(10), B, 10_000), Some(0));
    }

    #[test]
    fn a_liar_about_the_size_who_gives_a_part_and_leaves_blocks_nobody() {
        let (whole, mut fetch) = fetch_of(10_000);
        assert_eq!(fetch.ask(Time::ZERO, A, 20_000), Some(0));
        assert_eq!(fetch.ask(Time::ZERO, A, 20_000), Some(1));
        assert_eq!(fetch.received(A, 0, Bytes::from(vec![0; 16_384])), Outcome::More);
        fetch.gone(A);
        assert_eq!(fetch.ask(Time::ZERO, B, 10_000), Some(0));
        assert_eq!(fetch.received(B, 0, whole.clone()), Outcome::Whole(whole));
    }

    #[test]
    fn a_lie_about_the_size_is_dropped_with_the_liar() {
        let (whole, mut fetch) = fetch_of(10_000);
        assert_eq!(fetch.ask(Time::ZERO, A, u32::MAX), None);
        assert_eq!(fetch.ask(Time::ZERO, A, 99), Some(0));
        assert_eq!(fetch.received(A, 0, whole.slice(..50)), Outcome::Unwanted);
        fetch.gone(A);
        assert_eq!(fetch.ask(Time::ZERO, B, 10_000), Some(0));
        assert_eq!(fetch.received(B, 0, whole.clone()), Outcome::Whole(whole));
    }

    fn fetch_of(length: u32) -> (Bytes, MetadataFetch) {
        let whole: Bytes = (0..length).map(|i| (i % 251) as u8).collect();
        let hash = InfoHash(Sha1::digest(&whole).into());
        (whole, MetadataFetch::new(hash))
    }
}
