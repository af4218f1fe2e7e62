//! Fetching: interest, requests, blocks as they come, and the verdict on each piece.

use bytes::{Bytes, BytesMut};
use events::{Event, Provenance, Strategy};
use model::{Block, ByteCount, PieceIndex, Time};
use std::time::Duration;
use wire::Message;

use super::{Culprit, Stage, Torrent, TorrentCommand, Turn};
use crate::inquest::Judgement;
use crate::{Arrival, ConnId, DiskError, DiskOp, Pick};

/// A peer that is asked and silent for this long is snubbing us (BEP 3's economics, as the
/// original client had it).
const SNUB_AFTER: Duration = Duration::from_secs(60);

/// Blocks that nobody asked for are thrown away; after so many the connection is too.
const STRIKES_MAX: u32 = 500;

/// How long a peer that rejected a request is left alone.
const REJECTED_PAUSE: Duration = Duration::from_secs(1);

/// Suggestions of one peer that are remembered.
const SUGGESTED_MAX: usize = 16;

/// Bytes on their way to a slow disk before no more are asked for.
const WRITING_MAX: u64 = 32 << 20;

impl Torrent {
    /// Tells a peer whether it has something for us, when that has changed. Two who both have
    /// everything part.
    pub(super) fn update_interest(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let Stage::Active(picker) = &self.stage else { return };
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let Some(theirs) = peer.pieces() else { return };
        if picker.have().is_full() && (theirs.is_full() || peer.upload_only) {
            let why = "both have every piece".to_owned();
            return self.out.push_back(TorrentCommand::Close { conn, why, for_good: true });
        }
        let want = picker.interesting(theirs);
        if want == peer.we_want {
            return self.request_more(turn, conn);
        }
        peer.we_want = want;
        let (conn_no, remote) = (conn.0, peer.remote());
        if want {
            self.note(Event::Interested { conn: conn_no, remote });
            self.send(conn, Message::Interested);
            self.request_more(turn, conn);
        } else {
            self.note(Event::NotInterested { conn: conn_no, remote });
            self.send(conn, Message::NotInterested);
        }
    }

    pub(super) fn unchoked_by(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if !std::mem::replace(&mut peer.chokes_us, false) {
            return;
        }
        peer.pipeline.unchoked(turn.now);
        let remote = peer.remote();
        self.note(Event::UnchokedBy { conn: conn.0, remote });
        self.request_more(turn, conn);
    }

    pub(super) fn choked_by(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if std::mem::replace(&mut peer.chokes_us, true) {
            return;
        }
        peer.suggested.clear(); // who it serves in our place is told of those pieces
        let (remote, fast) = (peer.remote(), peer.fast());
        // BEP 3: a choke drops what was asked for. BEP 6: it does not; each request is rejected by name.
        let lost = match &mut self.stage {
            Stage::Active(picker) if !fast => picker.released_all(conn),
            _ => Vec::new(),
        };
        turn.limits.down.give_back(lost.iter().map(|block| u64::from(block.length)).sum());
        self.note(Event::ChokedBy { conn: conn.0, remote, lost: lost.len() as u32 });
        if !lost.is_empty() {
            self.request_all(turn);
        }
    }

    pub(super) fn rejected_by(&mut self, turn: &mut Turn<'_>, conn: ConnId, block: Block) {
        let Stage::Active(picker) = &mut self.stage else { return };
        let before = picker.in_flight(conn);
        picker.released(conn, block);
        let left = picker.in_flight(conn);
        if left == before {
            return; // the answer to a cancel (BEP 6), or to nothing
        }
        turn.limits.down.give_back(u64::from(block.length));
        let remote = self.remote(conn);
        self.note_block(|| Event::RequestRejected {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
        });
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.allowed_fast.remove(&block.piece);
            // One that unchokes us and rejects what we ask for is not asked again at once, for ever.
            peer.asks_again_at = turn.now.after(REJECTED_PAUSE);
        }
        if left == 0 {
            // Once for all that a choke rejects. Of a single one others hear when their next block comes.
            self.request_all(turn);
        }
    }

    pub(super) fn allowed_fast_by(&mut self, turn: &mut Turn<'_>, conn: ConnId, piece: PieceIndex) {
        /// More than any client grants; BEP 6 suggests ten.
        const ALLOWED_FAST_MAX: usize = 100;
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if peer.allowed_fast.len() < ALLOWED_FAST_MAX {
            peer.allowed_fast.insert(piece);
            self.request_more(turn, conn);
        }
    }

    /// What the peer would rather be asked for. An index that the torrent does not have does no harm.
    pub(super) fn suggested_by(&mut self, conn: ConnId, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if peer.suggested.len() == SUGGESTED_MAX {
            peer.suggested.remove(0);
        }
        peer.suggested.push(piece);
    }

    // ---- asking ----

    /// Gives every peer as many requests as it can take.
    pub(super) fn request_all(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.stage, Stage::Active(_)) {
            return;
        }
        let mut conns: Vec<ConnId> = self.peers.keys().copied().collect();
        // Under a download limit the first gets most: let chance say who that is.
        turn.rng.shuffle(&mut conns);
        for conn in conns {
            self.request_more(turn, conn);
        }
    }

    /// Fills the pipeline of one peer.
    pub(super) fn request_more(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let picks = self.pick(turn, conn);
        if picks.is_empty() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let Stage::Active(picker) = &self.stage else { return };
        let waiting = picker.in_flight(conn) as u32;
        if waiting as usize == picks.len() {
            peer.fed_at = turn.now; // nothing was in flight: the wait begins here
        }
        for pick in picks {
            self.request(conn, pick, waiting);
        }
    }

    fn pick(&mut self, turn: &mut Turn<'_>, conn: ConnId) -> Vec<Pick> {
        let (Stage::Active(picker), Some(peer)) = (&mut self.stage, self.peers.get(&conn)) else { return Vec::new() };
        let Some(theirs) = peer.pieces() else { return Vec::new() };
        let room = peer.pipeline.depth().saturating_sub(picker.in_flight(conn));
        let pausing = turn.now < peer.asks_again_at;
        if !peer.we_want || pausing || room == 0 || self.writing >= WRITING_MAX {
            return Vec::new();
        }
        let fast_only = peer.chokes_us.then(|| fast_pieces(theirs, &peer.allowed_fast));
        let usable = match &fast_only {
            Some(None) => return Vec::new(),
            Some(Some(set)) => set,
            None => theirs,
        };
        let mut picks = Vec::new();
        while picks.len() < room {
            if !turn.limits.down.open(turn.now) {
                self.held_back = model::Wake::earliest(self.held_back, turn.limits.down.opens_at("download limit"));
                break;
            }
            // Without a limit all at once; under one, block by block.
            let want = if turn.limits.down.is_unlimited() { room - picks.len() } else { 1 };
            let some = picker.pick(conn, usable, &peer.suggested, want, turn.rng);
            if some.is_empty() {
                break;
            }
            turn.limits.down.take(some.iter().map(|pick| u64::from(pick.block.length)).sum());
            picks.extend(some);
        }
        picks
    }

    fn request(&mut self, conn: ConnId, pick: Pick, waiting: u32) {
        let Pick { block, strategy, availability, opened, why } = pick;
        let remote = self.remote(conn);
        if strategy == Strategy::Endgame && !std::mem::replace(&mut self.endgame_told, true) {
            let blocks = match &self.stage {
                Stage::Active(picker) => picker.missing_blocks(),
                _ => 0,
            };
            self.note(Event::EndgameEntered { blocks });
        }
        if opened {
            let piece = block.piece.0;
            self.note(Event::PiecePicked { piece, conn: conn.0, remote: remote.clone(), availability, strategy, why });
        }
        self.note_block(|| Event::BlockRequested {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
            waiting,
        });
        self.send(conn, Message::Request(block));
    }

    // ---- receiving ----

    pub(super) fn block_received(&mut self, turn: &mut Turn<'_>, conn: ConnId, block: Block, data: Bytes) {
        let (Stage::Active(picker), Some(info)) = (&mut self.stage, &self.info) else { return };
        if !info.contains(block) {
            return self.misbehaved(conn, format!("sent {block}, which the torrent does not have"));
        }
        match picker.received(conn, block) {
            Arrival::New { piece_done, cancel } => {
                self.take_block(turn.now, conn, block, data, piece_done);
                self.cancel_elsewhere(turn, block, cancel);
            }
            Arrival::Late => self.discard(turn.now, conn, block, "it is here already"),
            Arrival::Unrequested => {
                self.discard(turn.now, conn, block, "nobody asked for it");
                self.strike(conn);
            }
        }
        self.request_more(turn, conn);
    }

    fn take_block(&mut self, now: Time, conn: ConnId, block: Block, data: Bytes, piece_done: bool) {
        let length = u64::from(block.length);
        self.count_received(now, conn, length);
        self.culprit(conn);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.pipeline.arrived(now);
        }
        let remote = self.remote(conn);
        self.note_block(|| Event::BlockReceived {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
        });
        self.writing += length;
        self.out.push_back(TorrentCommand::Disk(DiskOp::Write { block, data }));
        if piece_done {
            self.out.push_back(TorrentCommand::Disk(DiskOp::Hash { piece: block.piece }));
        }
    }

    fn count_received(&mut self, now: Time, conn: ConnId, length: u64) {
        self.downloaded += ByteCount(length);
        self.down.add(now, length);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.received += ByteCount(length);
            peer.down.add(now, length);
            peer.fed_at = now;
            peer.snubs_us = false;
        }
    }

    /// The block is here: whoever else was asked for it (endgame) is told to keep it.
    fn cancel_elsewhere(&mut self, turn: &mut Turn<'_>, block: Block, others: Vec<ConnId>) {
        for conn in others {
            turn.limits.down.give_back(u64::from(block.length));
            self.cancel(conn, block, "it came from another peer");
            self.request_more(turn, conn);
        }
    }

    fn cancel(&mut self, conn: ConnId, block: Block, why: &str) {
        let remote = self.remote(conn);
        self.note_block(|| Event::RequestCancelled {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
            why: why.to_owned(),
        });
        self.send(conn, Message::Cancel(block));
    }

    fn discard(&mut self, now: Time, conn: ConnId, block: Block, why: &str) {
        self.count_received(now, conn, u64::from(block.length));
        let remote = self.remote(conn);
        self.note(Event::BlockDiscarded {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
            why: why.to_owned(),
        });
    }

    fn strike(&mut self, conn: ConnId) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.strikes += 1;
        if peer.strikes == STRIKES_MAX {
            self.misbehaved(conn, format!("sent {STRIKES_MAX} blocks that nobody asked for"));
        }
    }

    pub(super) fn look_for_snub(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let now = turn.now;
        let (Stage::Active(picker), Some(peer)) = (&mut self.stage, self.peers.get_mut(&conn)) else { return };
        let silent = now.since(peer.fed_at);
        if picker.in_flight(conn) == 0 || silent < SNUB_AFTER {
            return;
        }
        let known = std::mem::replace(&mut peer.snubs_us, true);
        peer.pipeline.collapse(now);
        let (remote, silent) = (peer.remote(), silent.as_secs() as u32);
        let taken_back = picker.timed_out(conn);
        if !known {
            self.note(Event::Snubbed { conn: conn.0, remote, silent });
        }
        for block in taken_back {
            turn.limits.down.give_back(u64::from(block.length));
            self.cancel(conn, block, "the peer snubs us");
        }
    }

    // ---- the verdict ----

    pub(super) fn written(&mut self, turn: &mut Turn<'_>, block: Block, result: Result<(), DiskError>) {
        let was_full = self.writing >= WRITING_MAX;
        self.writing = self.writing.saturating_sub(u64::from(block.length));
        if let Err(error) = result {
            return self.halt("write", &error.to_string());
        }
        if was_full && self.writing < WRITING_MAX {
            self.request_all(turn);
        }
    }

    pub(super) fn judge_piece(&mut self, turn: &mut Turn<'_>, piece: PieceIndex, result: Result<[u8; 20], DiskError>) {
        let Some(info) = &self.info else { return };
        match result {
            Ok(hash) if hash == info.piece_hash(piece) => self.piece_verified(turn, piece),
            Ok(_) => self.piece_failed(turn, piece),
            Err(error) => self.halt("read", &error.to_string()),
        }
    }

    fn piece_verified(&mut self, turn: &mut Turn<'_>, piece: PieceIndex) {
        let Stage::Active(picker) = &mut self.stage else { return };
        let senders = picker.contributors(piece);
        picker.verified(piece);
        let (have, pieces, full) = (picker.have().count(), picker.have().len(), picker.have().is_full());
        let from = senders.iter().map(|&(conn, bytes)| Provenance { remote: self.remote(conn), bytes }).collect();
        self.note(Event::PieceVerified { piece: piece.0, from, have, pieces });
        for block in self.inquest.verified(piece) {
            self.out.push_back(TorrentCommand::Disk(DiskOp::Read { block, conn: None }));
        }
        let conns: Vec<ConnId> = self.peers.keys().copied().collect();
        for &conn in &conns {
            self.send(conn, Message::Have(piece));
        }
        if full {
            self.complete(turn.now);
        }
        for conn in conns {
            if full || self.peers.get(&conn).is_some_and(|peer| peer.we_want) {
                self.update_interest(turn, conn);
            }
        }
    }

    fn complete(&mut self, now: Time) {
        self.tell_progress(now);
        let bytes = self.info.as_ref().map_or(ByteCount::ZERO, |info| info.total_length());
        self.note(Event::Complete { bytes, downloaded: self.downloaded, uploaded: self.uploaded });
        self.out.push_back(TorrentCommand::Completed);
        self.tell_upload_only();
    }

    fn piece_failed(&mut self, turn: &mut Turn<'_>, piece: PieceIndex) {
        let Stage::Active(picker) = &mut self.stage else { return };
        let blocks = picker.failed(piece);
        let mut conns: Vec<ConnId> = blocks.iter().map(|&(_, conn)| conn).collect();
        conns.sort_unstable();
        conns.dedup();
        let suspects = conns.iter().map(|&conn| self.remote(conn)).collect();
        self.note(Event::PieceFailed { piece: piece.0, suspects });
        let senders: Vec<(Block, Culprit)> =
            blocks.into_iter().filter_map(|(block, conn)| Some((block, self.culprit(conn)?))).collect();
        match self.inquest.open(piece, senders) {
            Judgement::Guilty(culprit) => {
                self.ban(culprit, &format!("sent all of piece {piece}, which does not match its hash"));
            }
            Judgement::ReadBack(blocks) => {
                for block in blocks {
                    self.out.push_back(TorrentCommand::Disk(DiskOp::Read { block, conn: None }));
                }
            }
        }
        if !self.inquest.needs(piece) {
            self.reopen(turn, piece);
        }
    }

    fn reopen(&mut self, turn: &mut Turn<'_>, piece: PieceIndex) {
        if let Stage::Active(picker) = &mut self.stage {
            picker.reopen(piece);
        }
        self.request_all(turn);
    }

    /// A block of a failed or re-fetched piece was read back, to find out who lied.
    pub(super) fn evidence_read(&mut self, turn: &mut Turn<'_>, block: Block, result: Result<BytesMut, DiskError>) {
        let Ok(data) = result else {
            if self.inquest.unreadable(block) {
                self.reopen(turn, block.piece);
            }
            return;
        };
        let verified = matches!(&self.stage, Stage::Active(picker) if picker.have().has(block.piece));
        if verified {
            for culprit in self.inquest.compare(block, &data) {
                self.ban(culprit, &format!("sent false bytes in piece {}", block.piece));
            }
        } else if self.inquest.evidence(block, &data) {
            self.reopen(turn, block.piece);
        }
    }
}

/// The pieces a choking peer still serves us; `None` when there are none.
fn fast_pieces(theirs: &model::PieceSet, allowed: &std::collections::BTreeSet<PieceIndex>) -> Option<model::PieceSet> {
    let mut set = model::PieceSet::empty(theirs.len());
    for &piece in allowed {
        if theirs.has(piece) {
            set.insert(piece);
        }
    }
    (!set.is_empty()).then_some(set)
}
