//! Serving: who is interested, who gets a slot, whose request is read from disk and sent next.

use bytes::BytesMut;
use events::{Event, UnchokeSlot};
use model::{Block, ByteCount, Rate, Time, Wake};
use wire::Message;

use super::{Stage, Torrent, TorrentCommand, Turn};
use crate::choker::Verdict;
use crate::{Candidate, ConnId, DiskError, DiskOp, Persona};

/// Bytes read ahead for one connection: enough to keep a fast link busy, little enough that fifty
/// connections fit in memory.
const SEND_AHEAD: usize = 512 * 1024;

/// Requests one peer may queue with us; told in the extension handshake as `reqq` (BEP 10).
pub(super) const REQUESTS_MAX: usize = 500;

impl Torrent {
    pub(super) fn peer_wants(&mut self, turn: &mut Turn<'_>, conn: ConnId, wants: bool) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if std::mem::replace(&mut peer.wants, wants) == wants {
            return;
        }
        let remote = peer.remote();
        if wants {
            self.note(Event::PeerInterested { conn: conn.0, remote });
        } else {
            self.note(Event::PeerNotInterested { conn: conn.0, remote });
        }
        self.fill_slots(turn);
    }

    // ---- choking ----

    /// Free slots are given away at once; nobody loses one before the round.
    pub(super) fn fill_slots(&mut self, turn: &mut Turn<'_>) {
        if !self.serves() {
            return;
        }
        let seeding = self.is_complete();
        let wanting = || self.peers.values().filter(|peer| peer.wants && !peer.upload_only);
        let held = wanting().filter(|peer| peer.slot.is_some()).count();
        if !self.choker.may_fill(seeding, held, wanting().count() - held) {
            return;
        }
        let candidates = self.candidates(turn.now);
        let verdicts = self.choker.fill(turn.now, seeding, &candidates, turn.rng);
        self.carry_out(turn, verdicts);
    }

    pub(super) fn choke_round(&mut self, turn: &mut Turn<'_>) {
        let (seeding, candidates) = (self.is_complete(), self.candidates(turn.now));
        let piece_length = self.info.as_ref().map_or(0, |info| info.piece_length());
        let verdicts = self.choker.round(turn.now, seeding, &candidates, piece_length, turn.rng);
        if self.serves() {
            self.carry_out(turn, verdicts);
        }
    }

    /// A free rider serves nobody; nor does who has no pieces to know of.
    fn serves(&self) -> bool {
        self.config.persona != Persona::FreeRider && matches!(self.stage, Stage::Active(_))
    }

    fn candidates(&mut self, now: Time) -> Vec<Candidate> {
        self.peers.values_mut().map(|peer| peer.candidate(now)).collect()
    }

    fn carry_out(&mut self, turn: &mut Turn<'_>, verdicts: Vec<Verdict>) {
        for verdict in verdicts {
            match verdict {
                Verdict::Unchoke { conn, slot, rank, rate, why } => self.unchoke(turn.now, conn, slot, rank, rate, why),
                Verdict::Choke { conn, rank, rate, why } => self.choke(conn, rank, rate, &why),
            }
        }
    }

    fn unchoke(&mut self, now: Time, conn: ConnId, slot: UnchokeSlot, rank: u32, rate: Rate, why: String) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let remote = peer.remote();
        let was_choked = peer.slot.replace(slot).is_none();
        if was_choked {
            peer.unchoked_at = Some(now);
            peer.sent_since_unchoke = ByteCount::ZERO;
            peer.amid_piece = false;
            self.suggest(conn);
            self.send(conn, Message::Unchoke);
        }
        self.note(Event::Unchoked { conn: conn.0, remote, slot, rank, rate, why });
    }

    pub(super) fn choke(&mut self, conn: ConnId, rank: u32, rate: Rate, why: &str) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if peer.slot.take().is_none() {
            return;
        }
        let (remote, fast) = (peer.remote(), peer.fast());
        if let Some(handout) = &mut self.handout {
            handout.taken_back(conn);
        }
        let dropped: Vec<Block> = peer.asked.drain(..).collect();
        self.send(conn, Message::Choke);
        if fast {
            // BEP 6: "When a peer receives a choke, all requests are explicitly rejected."
            for block in dropped {
                self.send(conn, Message::Reject(block));
            }
        }
        self.note(Event::Choked { conn: conn.0, remote, rank, rate, why: why.to_owned() });
    }

    /// Tells a peer what to ask for that nobody else is given, while only seeds have some pieces.
    fn suggest(&mut self, conn: ConnId) {
        let (Some(handout), Stage::Active(picker)) = (&mut self.handout, &self.stage) else { return };
        if self.peers.get(&conn).is_some_and(|peer| peer.fast()) {
            for piece in handout.suggest(conn, picker) {
                self.send(conn, Message::Suggest(piece));
            }
        }
    }

    /// As a seed, after each piece: others may wait for the slot.
    fn look_for_end_of_turn(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let amid_piece = self.peers.get(&conn).is_none_or(|peer| peer.amid_piece);
        if amid_piece
            || !self.serves()
            || !self.is_complete()
            || !self.peers.values().any(|peer| peer.wants && peer.slot.is_none())
        {
            return;
        }
        let candidates = self.candidates(turn.now);
        let piece_length = self.info.as_ref().map_or(0, |info| info.piece_length());
        let verdicts = self.choker.piece_sent(turn.now, &candidates, piece_length, turn.rng);
        self.carry_out(turn, verdicts);
    }

    // ---- requests ----

    pub(super) fn asked_for(&mut self, turn: &mut Turn<'_>, conn: ConnId, block: Block) {
        let Stage::Active(picker) = &self.stage else { return self.refuse(conn, block) };
        let have = picker.have().has(block.piece);
        let inside = self.info.as_ref().is_some_and(|info| info.contains(block));
        if !inside {
            return self.misbehaved(conn, format!("asked for {block}, which the torrent does not have"));
        }
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if peer.slot.is_none() || !have || peer.asked.len() >= REQUESTS_MAX {
            return self.refuse(conn, block);
        }
        peer.asked.push_back(block);
        if self.handout.as_mut().is_some_and(|handout| handout.asked(conn, block.piece, picker)) {
            self.suggest(conn);
        }
        self.queue(conn);
        self.serve(turn);
    }

    /// No by name where the peer understands it (BEP 6); else silence, as BEP 3 has it.
    fn refuse(&mut self, conn: ConnId, block: Block) {
        if self.peers.get(&conn).is_some_and(|peer| peer.fast()) {
            self.send(conn, Message::Reject(block));
        }
    }

    pub(super) fn asked_no_more(&mut self, conn: ConnId, block: Block) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let before = peer.asked.len();
        peer.asked.retain(|asked| *asked != block);
        if peer.asked.len() < before {
            self.refuse(conn, block); // BEP 6: each request gets its piece or a reject
        }
    }

    /// Bytes left for the kernel: there may be room for more.
    pub fn handle_sent(&mut self, turn: &mut Turn<'_>, conn: ConnId, unsent: usize) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.unsent = unsent;
        peer.spoke_at = turn.now;
        if !peer.asked.is_empty() {
            self.queue(conn);
            self.serve(turn);
        }
    }

    fn queue(&mut self, conn: ConnId) {
        if !self.serving.contains(&conn) {
            self.serving.push_back(conn);
        }
    }

    /// Reads blocks for those who wait, a block each in turn, within the upload limit and what each
    /// connection can take.
    pub(super) fn serve(&mut self, turn: &mut Turn<'_>) {
        while let Some(conn) = self.serving.pop_front() {
            let Some(peer) = self.peers.get_mut(&conn) else { continue };
            let ahead = peer.unsent + peer.reading.iter().map(|block| block.length as usize).sum::<usize>();
            let Some(&block) = peer.asked.front() else { continue };
            if ahead >= SEND_AHEAD {
                continue; // queued again when bytes have left
            }
            if !turn.limits.up.open(turn.now) {
                self.serving.push_front(conn);
                self.held_back = Wake::earliest(self.held_back, turn.limits.up.opens_at("upload limit"));
                return;
            }
            turn.limits.up.take(u64::from(block.length));
            peer.asked.pop_front();
            peer.reading.push(block);
            self.out.push_back(TorrentCommand::Disk(DiskOp::Read { block, conn: Some(conn) }));
            self.serving.push_back(conn);
        }
    }

    pub(super) fn block_read(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        block: Block,
        result: Result<BytesMut, DiskError>,
    ) {
        let data = match result {
            Ok(data) => data,
            Err(error) => return self.halt("read", &format!("piece {}: {error}", block.piece)),
        };
        let Some(peer) = self.peers.get_mut(&conn) else {
            turn.limits.up.give_back(u64::from(block.length));
            return;
        };
        if let Some(at) = peer.reading.iter().position(|reading| *reading == block) {
            peer.reading.swap_remove(at);
        }
        if peer.slot.is_none() {
            turn.limits.up.give_back(u64::from(block.length));
            return self.refuse(conn, block); // choked meanwhile
        }
        self.send_block(turn.now, conn, block, data);
        self.look_for_end_of_turn(turn, conn);
    }

    fn send_block(&mut self, now: Time, conn: ConnId, block: Block, mut data: BytesMut) {
        let length = u64::from(block.length);
        if self.config.persona == Persona::Poisoner {
            poison(&mut data);
        }
        self.uploaded += ByteCount(length);
        self.up.add(now, length);
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.sent += ByteCount(length);
            peer.sent_since_unchoke += ByteCount(length);
            peer.amid_piece =
                self.info.as_ref().is_some_and(|info| block.offset.0 + block.length < info.piece_size(block.piece));
            peer.up.add(now, length);
            peer.unsent += data.len() + 13;
        }
        let remote = self.remote(conn);
        self.note_block(|| Event::BlockSent {
            conn: conn.0,
            remote,
            piece: block.piece.0,
            offset: block.offset.0,
            length: block.length,
        });
        self.out.push_back(TorrentCommand::SendBlock { conn, block, data });
    }

    /// As a seeder: says once when everybody else together has every piece.
    pub(super) fn look_for_copy_out(&mut self) {
        let Stage::Active(picker) = &self.stage else { return };
        if self.copy_out_told || !picker.have().is_full() || !picker.copies_out() {
            return;
        }
        self.copy_out_told = true;
        self.handout = None;
        let pieces = picker.have().len();
        self.note(Event::CopyOut { pieces });
    }
}

/// What a poisoner sends: as long as the truth, and wrong.
fn poison(data: &mut [u8]) {
    for byte in data.iter_mut().step_by(1024) {
        *byte = !*byte;
    }
}
