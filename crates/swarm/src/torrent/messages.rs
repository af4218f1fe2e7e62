//! Sorts what peers say: one line a message; the parts that own the state do the work.

use bytes::Bytes;
use events::Event;
use model::{Block, PieceIndex, PieceSet};
use wire::Message;

use super::{Stage, Torrent, Turn};
use crate::ConnId;
use crate::peer::{Claim, Has};

/// Statements kept while the torrent's size is unknown: a have for each piece of a large torrent.
const CLAIMS_MAX: usize = 20_000;

impl Torrent {
    /// A peer of this torrent said something.
    pub fn handle_message(&mut self, turn: &mut Turn<'_>, conn: ConnId, message: Message) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.heard_at = turn.now;
        if needs_fast(&message) && !peer.fast() {
            // BEP 6: without the extension agreed on, these close the connection.
            return self.misbehaved(conn, format!("sent {} without the fast extension", message.name()));
        }
        match message {
            Message::KeepAlive | Message::Port(_) => {}
            Message::Choke => self.choked_by(turn, conn),
            Message::Unchoke => self.unchoked_by(turn, conn),
            Message::Interested => self.peer_wants(turn, conn, true),
            Message::NotInterested => self.peer_wants(turn, conn, false),
            Message::Have(piece) => self.has_piece(turn, conn, piece),
            // A copy: it may be kept, and must not keep the whole receive buffer with it.
            Message::Bitfield(bytes) => self.claims(turn, conn, Claim::Bitfield(Bytes::copy_from_slice(&bytes))),
            Message::HaveAll => self.claims(turn, conn, Claim::All),
            Message::HaveNone => self.claims(turn, conn, Claim::None),
            Message::Request(block) => self.asked_for(turn, conn, block),
            Message::Cancel(block) => self.asked_no_more(conn, block),
            Message::Piece { piece, offset, data } => {
                let block = Block { piece, offset, length: data.len() as u32 };
                self.block_received(turn, conn, block, data);
            }
            Message::Suggest(piece) => self.suggested_by(conn, piece),
            Message::Reject(block) => self.rejected_by(turn, conn, block),
            Message::AllowedFast(piece) => self.allowed_fast_by(turn, conn, piece),
            Message::Extended { id, payload } => self.extended(turn, conn, id, &payload),
            Message::Unknown { id, payload } => self.unknown(conn, id, &payload),
        }
    }

    fn unknown(&mut self, conn: ConnId, id: u8, payload: &Bytes) {
        let remote = self.remote(conn);
        self.note(Event::UnknownMessage { conn: conn.0, remote, id, bytes: payload.len() as u32 });
    }

    /// What a peer has at the start: it may be said once, but a second time does no harm.
    fn claims(&mut self, turn: &mut Turn<'_>, conn: ConnId, claim: Claim) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let old = match &mut peer.has {
            Has::Unread(claims) => {
                claims.clear(); // each says all; only haves add to it
                claims.push(claim);
                return;
            }
            Has::Known(set) => set,
        };
        let pieces = old.len();
        let new = match claim {
            Claim::All => PieceSet::full(pieces),
            Claim::Bitfield(bytes) => match PieceSet::from_wire(&bytes, pieces) {
                Ok(set) => set,
                Err(error) => return self.misbehaved(conn, error.to_string()),
            },
            Claim::None | Claim::One(_) => PieceSet::empty(pieces),
        };
        let have = new.count();
        if let Stage::Active(picker) = &mut self.stage {
            picker.peer_left(old);
            picker.peer_has_set(&new);
        }
        *old = new;
        let remote = self.remote(conn);
        self.note(Event::BitfieldReceived { conn: conn.0, remote, have, pieces });
        self.update_interest(turn, conn);
        self.look_for_copy_out();
    }

    fn has_piece(&mut self, turn: &mut Turn<'_>, conn: ConnId, piece: PieceIndex) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        match &mut peer.has {
            Has::Unread(claims) if claims.len() < CLAIMS_MAX => claims.push(Claim::One(piece)),
            Has::Unread(_) => {}
            Has::Known(set) if piece.0 >= set.len() => {
                let why = format!("says it has piece {piece} of {}", set.len());
                self.misbehaved(conn, why);
            }
            Has::Known(set) => {
                if set.insert(piece) {
                    self.gained(turn, conn, piece);
                }
            }
        }
    }

    /// A peer has one more piece than it had.
    fn gained(&mut self, turn: &mut Turn<'_>, conn: ConnId, piece: PieceIndex) {
        let Stage::Active(picker) = &mut self.stage else { return };
        picker.peer_has(piece);
        if let Some(handout) = &mut self.handout {
            handout.passed_on(piece);
        }
        let news = !picker.have().has(piece);
        let full = self.peers.get(&conn).is_some_and(|peer| peer.is_seed());
        if full {
            self.tell_peer_progress(turn.now, conn); // two who have everything part at once
        }
        if news || full {
            self.update_interest(turn, conn);
        }
        self.look_for_copy_out();
    }
}

/// The messages that BEP 6 adds and that need its bit on both sides.
fn needs_fast(message: &Message) -> bool {
    matches!(
        message,
        Message::HaveAll | Message::HaveNone | Message::Reject(_) | Message::AllowedFast(_) | Message::Suggest(_)
    )
}
