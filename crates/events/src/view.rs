//! The state of a swarm as its events tell it: what screens and tables draw. Applying the
//! same events always gives the same view.

use std::collections::BTreeMap;

use model::{ByteCount, Rate, Time};

use crate::{Event, Record, Remote};

/// All peers of a run, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SwarmView {
    pub now: Time,
    pub peers: BTreeMap<String, PeerView>,
}

/// One peer, as far as its own events tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerView {
    pub have: u32,
    pub pieces: u32,
    pub downloaded: ByteCount,
    pub uploaded: ByteCount,
    pub down: Rate,
    pub up: Rate,
    /// Connections that are up.
    pub connections: u32,
    pub joined_at: Option<Time>,
    /// When it had every piece; for one that began with all of them, when that was checked.
    pub complete_at: Option<Time>,
    /// True when it had every piece from the start.
    pub began_complete: bool,
    pub ended_at: Option<Time>,
    /// Verified bytes by who sent them.
    pub received_from: BTreeMap<Remote, ByteCount>,
    pub pieces_failed: u32,
    pub banned: Vec<Remote>,
}

impl SwarmView {
    pub fn apply(&mut self, record: &Record) {
        self.now = self.now.max(record.time);
        if concerns_a_peer(&record.event) {
            self.peers.entry(record.peer.clone()).or_default().apply(record.time, &record.event);
        }
    }

    /// Peers that hold everything.
    pub fn complete(&self) -> usize {
        self.peers.values().filter(|peer| peer.complete_at.is_some()).count()
    }
}

impl PeerView {
    fn apply(&mut self, now: Time, event: &Event) {
        match event {
            Event::Joined { .. } => {
                self.joined_at.get_or_insert(now);
                self.ended_at = None;
            }
            Event::Checked { have, pieces, .. } => {
                (self.have, self.pieces) = (*have, *pieces);
                if have == pieces && *pieces > 0 {
                    self.began_complete |= self.complete_at.is_none();
                    self.complete_at.get_or_insert(now);
                }
            }
            Event::Progress { have, pieces, downloaded, uploaded, down, up, .. } => {
                (self.have, self.pieces) = (*have, *pieces);
                (self.downloaded, self.uploaded) = (*downloaded, *uploaded);
                (self.down, self.up) = (*down, *up);
            }
            Event::PieceVerified { from, have, pieces, .. } => {
                (self.have, self.pieces) = (*have, *pieces);
                for part in from {
                    *self.received_from.entry(part.remote.clone()).or_default() += ByteCount(part.bytes.into());
                }
            }
            Event::Complete { downloaded, uploaded, .. } => {
                self.have = self.pieces;
                (self.downloaded, self.uploaded) = (*downloaded, *uploaded);
                self.complete_at.get_or_insert(now);
            }
            Event::Connected { .. } => self.connections += 1,
            Event::Closed { .. } => self.connections = self.connections.saturating_sub(1),
            Event::PieceFailed { .. } => self.pieces_failed += 1,
            Event::PeerBanned { remote, .. } => self.banned.push(remote.clone()),
            Event::Left { .. } | Event::Killed { .. } => {
                self.ended_at = Some(now);
                (self.connections, self.down, self.up) = (0, Rate(0), Rate(0));
            }
            _ => {}
        }
    }

    /// Received from all, verified.
    pub fn received(&self) -> ByteCount {
        self.received_from.values().copied().sum()
    }
}

fn concerns_a_peer(event: &Event) -> bool {
    use crate::Family;
    !matches!(event.family(), Family::Tracker | Family::Script | Family::Verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provenance;

    #[test]
    fn a_view_tells_from_whom_how_much() {
        let mut view = SwarmView::default();
        for piece in 0..3 {
            let from =
                vec![Provenance { remote: "seed".into(), bytes: 100 }, Provenance { remote: "bob".into(), bytes: 50 }];
            view.apply(&record(
                piece,
                Event::PieceVerified { piece: piece as u32, from, have: piece as u32 + 1, pieces: 3 },
            ));
        }
        let alice = &view.peers["alice"];
        assert_eq!(alice.received_from[&"seed".into()], ByteCount(300));
        assert_eq!(alice.received(), ByteCount(450));
        assert_eq!((alice.have, alice.pieces), (3, 3));
    }

    #[test]
    fn a_peer_that_began_complete_is_no_finisher() {
        let mut view = SwarmView::default();
        view.apply(&record(1, Event::Checked { have: 4, pieces: 4, bytes: ByteCount(64) }));
        assert!(view.peers["alice"].began_complete);
        assert_eq!(view.complete(), 1);
    }

    fn record(secs: u64, event: Event) -> Record {
        Record { time: Time::from_secs(secs), peer: "alice".into(), event }
    }
}
