//! The extensions: the handshake that names them (BEP 10), the info dictionary (BEP 9), peers
//! told to peers (BEP 11), and who only uploads (BEP 21).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::Event;
use metainfo::Info;
use model::Time;
use model::bound::{METADATA_BYTES_MAX, PEERS_PER_MESSAGE_MAX};
use wire::{ExtensionHandshake, Message, MetadataMessage, Pex, PexFlags, PexPeer, UploadOnly, ids};

use super::upload::REQUESTS_MAX;
use super::{Stage, Torrent, TorrentCommand, Turn};
use crate::ConnId;
use crate::metadata::{Outcome, PART_BYTES};
use crate::peer::Introduction;

/// The first exchange comes soon after the handshake, when others have had time to connect.
const PEX_FIRST: Duration = Duration::from_secs(5);

/// BEP 11: "at most once per minute".
const PEX_INTERVAL: Duration = Duration::from_secs(60);

impl Torrent {
    pub(super) fn send_extension_handshake(&mut self, intro: Introduction) {
        let mut messages = BTreeMap::from([
            (ids::UT_METADATA_NAME.to_owned(), ids::UT_METADATA),
            (ids::UPLOAD_ONLY_NAME.to_owned(), ids::UPLOAD_ONLY),
        ]);
        if self.tells_peers() {
            messages.insert(ids::UT_PEX_NAME.to_owned(), ids::UT_PEX);
        }
        let handshake = ExtensionHandshake {
            messages,
            client: Some(self.config.client.clone()),
            port: self.config.port,
            reqq: Some(REQUESTS_MAX as u32),
            metadata_size: self.info.as_ref().map(|info| info.raw().len() as u32),
            upload_only: self.is_complete(),
            yourip: Some(intro.remote.ip()),
            ..ExtensionHandshake::default()
        };
        self.send(intro.conn, Message::Extended { id: ids::HANDSHAKE, payload: handshake.encode() });
    }

    /// BEP 10 allows more handshakes on the way: for what became known after the first.
    pub(super) fn repeat_extension_handshakes(&mut self) {
        let speakers = self.peers.values().filter(|peer| peer.intro.reserved.extension_protocol());
        let intros: Vec<Introduction> = speakers.map(|peer| peer.intro).collect();
        for intro in intros {
            self.send_extension_handshake(intro);
        }
    }

    /// BEP 27: a private torrent's peers come from its tracker alone.
    fn tells_peers(&self) -> bool {
        self.config.pex && self.info.is_some() && !self.is_private()
    }

    /// Parts of the info dictionary that a new peer may ask for: all of them, twice.
    pub(super) fn metadata_credit(&self) -> u32 {
        self.info.as_ref().map_or(0, |info| (info.raw().len() as u32).div_ceil(PART_BYTES) * 2)
    }

    pub(super) fn extended(&mut self, turn: &mut Turn<'_>, conn: ConnId, id: u8, payload: &Bytes) {
        let understood = match id {
            ids::HANDSHAKE => self.extension_handshake(turn, conn, payload),
            ids::UT_METADATA => self.metadata_message(turn, conn, payload),
            ids::UPLOAD_ONLY => self.upload_only_message(turn, conn, payload),
            ids::UT_PEX if self.tells_peers() => self.pex_message(conn, payload),
            _ => false,
        };
        if !understood {
            let remote = self.remote(conn);
            self.note(Event::UnknownExtension { conn: conn.0, remote, id, bytes: payload.len() as u32 });
        }
    }

    fn extension_handshake(&mut self, turn: &mut Turn<'_>, conn: ConnId, payload: &[u8]) -> bool {
        let Ok(theirs) = ExtensionHandshake::decode(payload) else { return false };
        let Some(peer) = self.peers.get_mut(&conn) else { return true };
        if peer.intro.listen.is_none()
            && let Some(port) = theirs.port
        {
            let addr = SocketAddr::new(peer.intro.remote.ip(), port);
            peer.intro.listen = Some(addr);
            self.out.push_back(TorrentCommand::Listens { peer_id: peer.intro.peer_id, addr });
        }
        if let Some(reqq) = theirs.reqq {
            peer.pipeline.set_reqq(reqq);
        }
        peer.upload_only = theirs.upload_only;
        peer.metadata_size = theirs.metadata_size.or(peer.metadata_size);
        let ours = [ids::UT_METADATA_NAME, ids::UT_PEX_NAME, ids::UPLOAD_ONLY_NAME];
        for (name, id) in theirs.messages.iter().filter(|(name, _)| ours.contains(&name.as_str())) {
            peer.extensions.insert(name.clone(), *id);
        }
        if peer.extension(ids::UT_PEX_NAME).is_some() && peer.pex_due.is_none() {
            peer.pex_due = Some(turn.now.after(PEX_FIRST));
        }
        let event = Event::ExtensionsReceived {
            conn: conn.0,
            remote: peer.remote(),
            client: theirs.client,
            extensions: theirs.messages,
            reqq: theirs.reqq,
            metadata_size: theirs.metadata_size,
            upload_only: theirs.upload_only,
        };
        self.note(event);
        self.ask_for_metadata(turn);
        if self.is_complete() {
            self.update_interest(turn, conn);
        }
        true
    }

    // ---- BEP 21 ----

    fn upload_only_message(&mut self, turn: &mut Turn<'_>, conn: ConnId, payload: &[u8]) -> bool {
        let Ok(UploadOnly(upload_only)) = UploadOnly::decode(payload) else { return false };
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.upload_only = upload_only;
        }
        self.update_interest(turn, conn);
        true
    }

    /// Tells everybody who listens for it that we only upload from here on.
    pub(super) fn tell_upload_only(&mut self) {
        let listeners: Vec<(ConnId, u8)> = self
            .peers
            .iter()
            .filter_map(|(&conn, peer)| Some((conn, peer.extension(ids::UPLOAD_ONLY_NAME)?)))
            .collect();
        for (conn, id) in listeners {
            self.send(conn, Message::Extended { id, payload: UploadOnly(true).encode() });
        }
    }

    // ---- BEP 9 ----

    /// Asks whoever has it for parts of the info dictionary that are missing.
    pub(super) fn ask_for_metadata(&mut self, turn: &mut Turn<'_>) {
        let Stage::Fetching(fetch) = &mut self.stage else { return };
        let mut asks = Vec::new();
        // By lot, so that one who never answers is not asked first each time.
        let mut conns: Vec<ConnId> = self.peers.keys().copied().collect();
        turn.rng.shuffle(&mut conns);
        for conn in conns {
            let Some(peer) = self.peers.get(&conn) else { continue };
            let (Some(id), Some(size)) = (peer.extension(ids::UT_METADATA_NAME), peer.metadata_size) else { continue };
            while let Some(part) = fetch.ask(turn.now, conn, size) {
                asks.push((conn, id, part));
            }
        }
        for (conn, id, part) in asks {
            let remote = self.remote(conn);
            self.note(Event::MetadataRequested { conn: conn.0, remote, part });
            let payload = MetadataMessage::Request { piece: part }.encode();
            self.send(conn, Message::Extended { id, payload });
        }
    }

    fn metadata_message(&mut self, turn: &mut Turn<'_>, conn: ConnId, payload: &Bytes) -> bool {
        match MetadataMessage::decode(payload.clone()) {
            Ok(MetadataMessage::Request { piece }) => self.metadata_asked(conn, piece),
            Ok(MetadataMessage::Data { piece, data, .. }) => self.metadata_data(turn, conn, piece, &data),
            Ok(MetadataMessage::Reject { .. }) => {
                if let Stage::Fetching(fetch) = &mut self.stage {
                    fetch.refused(conn);
                    let remote = Some(self.remote(conn));
                    self.note(Event::MetadataFailed { remote, why: "the peer refused".to_owned() });
                }
                self.ask_for_metadata(turn);
            }
            Ok(MetadataMessage::Unknown { .. }) | Err(_) => return false,
        }
        true
    }

    fn metadata_asked(&mut self, conn: ConnId, part: u32) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let Some(id) = peer.extension(ids::UT_METADATA_NAME) else { return };
        let at = (part as usize).saturating_mul(PART_BYTES as usize);
        let raw = self.info.as_ref().map(|info| info.raw()).filter(|raw| at < raw.len());
        let answer = match raw {
            Some(raw) if peer.metadata_credit > 0 => {
                peer.metadata_credit -= 1;
                let data = raw.slice(at..raw.len().min(at + PART_BYTES as usize));
                MetadataMessage::Data { piece: part, total_size: raw.len() as u32, data }
            }
            _ => MetadataMessage::Reject { piece: part },
        };
        self.send(conn, Message::Extended { id, payload: answer.encode() });
    }

    fn metadata_data(&mut self, turn: &mut Turn<'_>, conn: ConnId, part: u32, data: &Bytes) {
        let Stage::Fetching(fetch) = &mut self.stage else { return };
        // A copy: the part is kept, and must not keep the whole receive buffer with it.
        match fetch.received(conn, part, Bytes::copy_from_slice(data)) {
            Outcome::More | Outcome::Unwanted => {}
            Outcome::Whole(raw) => return self.metadata_complete(raw),
            Outcome::Wrong(senders) => {
                let why = "the parts do not make what the magnet link names".to_owned();
                self.note(Event::MetadataFailed { remote: None, why });
                if let [single] = senders[..]
                    && let Some(culprit) = self.culprit(single)
                {
                    self.ban(culprit, "sent a false info dictionary");
                }
            }
        }
        self.ask_for_metadata(turn);
    }

    fn metadata_complete(&mut self, raw: Bytes) {
        debug_assert!(raw.len() <= METADATA_BYTES_MAX);
        let bytes = raw.len() as u32;
        match Info::from_bytes(raw) {
            Ok(info) => {
                self.note(Event::MetadataComplete { bytes, name: info.name().to_owned() });
                self.begin(Arc::new(info));
            }
            // The hash is right, so everybody's copy is as bad: nothing to wait for.
            Err(error) => {
                let why = format!("the torrent itself is unusable: {error}");
                self.note(Event::MetadataFailed { remote: None, why: why.clone() });
                self.halt("read", &why);
            }
        }
    }

    // ---- BEP 11 ----

    fn pex_message(&mut self, conn: ConnId, payload: &[u8]) -> bool {
        let Ok(pex) = Pex::decode(payload) else { return false };
        let remote = self.remote(conn);
        let (added, dropped) = (pex.added.len() as u32, pex.dropped.len() as u32);
        self.note(Event::PexReceived { conn: conn.0, remote, added, dropped });
        let found = pex.added.into_iter().map(|peer| peer.addr).take(PEERS_PER_MESSAGE_MAX).collect();
        self.out.push_back(TorrentCommand::Found(found));
        true
    }

    /// Tells a peer what changed among our other peers since it was last told.
    pub(super) fn send_pex(&mut self, now: Time, conn: ConnId) {
        if !self.tells_peers() {
            return;
        }
        let current: BTreeMap<SocketAddr, u8> = self
            .peers
            .iter()
            .filter(|(other, _)| **other != conn)
            .filter_map(|(_, peer)| {
                let seed = if peer.is_seed() || peer.upload_only { PexFlags::SEED.0 } else { 0 };
                Some((peer.intro.listen?, seed | PexFlags::REACHABLE.0))
            })
            .take(PEERS_PER_MESSAGE_MAX / 4)
            .collect();
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.pex_due = Some(now.after(PEX_INTERVAL));
        let Some(id) = peer.extension(ids::UT_PEX_NAME) else { return };
        let told = std::mem::replace(&mut peer.pex_told, current.clone());
        let added: Vec<PexPeer> = current
            .iter()
            .filter(|(addr, _)| !told.contains_key(addr))
            .map(|(&addr, &flags)| PexPeer { addr, flags: PexFlags(flags) })
            .collect();
        let dropped: Vec<SocketAddr> = told.into_keys().filter(|addr| !current.contains_key(addr)).collect();
        if added.is_empty() && dropped.is_empty() {
            return;
        }
        let remote = peer.remote();
        let (added_count, dropped_count) = (added.len() as u32, dropped.len() as u32);
        self.note(Event::PexSent { conn: conn.0, remote, added: added_count, dropped: dropped_count });
        let payload = Pex { added, dropped }.encode();
        self.send(conn, Message::Extended { id, payload });
    }
}
