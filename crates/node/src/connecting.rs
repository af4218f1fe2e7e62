//! Opening, greeting and losing connections: whom to dial, whom to let in, which of two
//! connections to the same peer to keep.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use events::{ClosedBy, Direction, Event, Remote, Source};
use model::{InfoHash, PeerId, Time, Wake};
use swarm::Introduction;
use wire::{Handshake, Reserved};

use crate::candidates::{Company, Try};
use crate::connection::{Connection, Stage};
use crate::glass::Recorder;
use crate::node::Entry;
use crate::{Command, ConnId, Node, TorrentKey};

/// A connection that has not shaken hands by then is closed.
const GREETING_MAX: Duration = Duration::from_secs(20);

/// Accepted connections that have not shaken hands yet, over all torrents.
const STRANGERS_MAX: usize = 100;

/// Two connections that came up this close were dialled by both sides without knowing of each other.
const SAME_TIME: Duration = Duration::from_secs(3);

/// A connection on which nothing came for so long may be dead.
const SILENT: Duration = Duration::from_secs(3);

/// Attempts under way at once for one torrent.
const DIALLING_MAX: usize = 20;

/// Why one of whom there is proof that it lied is turned away.
const BANNED: &str = "banned";

impl Node {
    /// Somebody dialled us. `None` turns it away: close it.
    pub fn handle_incoming(&mut self, now: Time, remote: SocketAddr) -> Option<ConnId> {
        let conn = self.new_conn();
        let came_in = |conn| self.connections.get(conn).is_some_and(|c| c.direction == Direction::In);
        let strangers = self.strangers.iter().filter(|(_, conn)| came_in(conn)).count();
        let why = match () {
            () if self.leaving.is_some() => Some("we are leaving"),
            () if self.torrents.is_empty() => Some("no torrent is open here"),
            () if strangers >= STRANGERS_MAX => Some("too many connections without a handshake"),
            () => None,
        };
        if let Some(why) = why {
            self.note(Event::Rejected { conn: conn.0, remote: Remote::Addr(remote), why: why.to_owned() });
            return None;
        }
        let connection = self.new_connection(now, conn, remote, Direction::In, None);
        self.connections.insert(conn, connection);
        self.strangers.insert((now, conn));
        self.note(Event::Connected { conn: conn.0, remote: Remote::Addr(remote), direction: Direction::In });
        self.settle(now);
        Some(conn)
    }

    /// The attempt to dial succeeded or not; `Err` says why, for a person.
    pub fn handle_dialled(&mut self, now: Time, conn: ConnId, result: Result<(), String>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let (remote, key) = (connection.remote, connection.torrent);
        match result {
            Ok(()) => {
                connection.stage = Stage::Greeting;
                connection.since = now;
                self.strangers.insert((now, conn));
                self.note(Event::Connected { conn: conn.0, remote: Remote::Addr(remote), direction: Direction::Out });
                if let Some(key) = key {
                    self.open_conversation(conn, key);
                }
                // One attempt less under way: there may be room for another.
                if let Some(entry) = key.and_then(|key| self.torrents.get_mut(&key)) {
                    entry.dial_at = Some(now);
                }
            }
            Err(why) => {
                self.connections.remove(&conn);
                self.note(Event::DialFailed { conn: conn.0, remote: Remote::Addr(remote), why });
                if let Some(entry) = key.and_then(|key| self.torrents.get_mut(&key)) {
                    entry.candidates.over(now, remote, false);
                    entry.dial_at = Some(now);
                }
            }
        }
        self.settle(now);
    }

    /// The connection ended without our doing.
    pub fn handle_closed(&mut self, now: Time, conn: ConnId, by: ClosedBy, why: &str) {
        self.gone(now, conn, by, why);
        self.settle(now);
    }

    /// Forgets a connection and tells whom it concerns.
    pub(crate) fn gone(&mut self, now: Time, conn: ConnId, by: ClosedBy, why: &str) {
        let Some(mut connection) = self.connections.remove(&conn) else { return };
        self.strangers.remove(&(connection.since, conn));
        let remote = connection.name();
        if let Some(verdict) = connection.recorder.as_mut().and_then(|recorder| recorder.classify(true)) {
            self.note_verdict(conn, remote.clone(), verdict);
        }
        let insecure = connection.stage == Stage::Securing && self.leaving.is_none();
        if insecure {
            self.note(Event::EncryptionFailed { conn: conn.0, remote: remote.clone(), why: why.to_owned() });
        }
        self.note(Event::Closed { conn: conn.0, remote, by, why: why.to_owned() });
        let Some(key) = connection.torrent else { return };
        let joined = connection.peer_id().is_some();
        if joined {
            self.tell(now, key, |torrent, turn| torrent.handle_left(turn, conn));
        }
        if let Some(entry) = self.torrents.get_mut(&key) {
            if connection.direction == Direction::Out {
                entry.candidates.over(now, connection.remote, joined);
            }
            entry.dial_at = Some(now);
        }
        if insecure {
            self.fall_back(now, conn, &connection, why);
        }
        self.look_for_company(now, key);
    }

    /// Alone and not done: the tracker may know somebody, before its interval is over.
    fn look_for_company(&mut self, now: Time, key: TorrentKey) {
        let alone = !self.connections.values().any(|c| c.torrent == Some(key));
        let done = self.torrents.get(&key).is_none_or(|entry| entry.torrent.is_complete() || entry.torrent.is_halted());
        if alone && !done && self.leaving.is_none() {
            self.announce(now, key, |announcer, now, facts| announcer.want_more_peers(now, facts));
        }
    }

    /// Forgets where this peer can be dialled.
    pub(crate) fn dial_no_more(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let Some(entry) = connection.torrent.and_then(|key| self.torrents.get_mut(&key)) else { return };
        if let Some(peer_id) = connection.peer_id() {
            entry.candidates.forget(peer_id);
        }
    }

    // ---- dialling ----

    /// Dials addresses that are due, as far as there is room.
    pub(crate) fn dial_more(&mut self, now: Time) {
        let due = |entry: &Entry| entry.dial_at.is_some_and(|at| at <= now);
        while let Some((&key, _)) = self.torrents.iter().find(|(_, entry)| due(entry)) {
            self.dial_for(now, key);
        }
    }

    fn dial_for(&mut self, now: Time, key: TorrentKey) {
        let Some(entry) = self.torrents.get_mut(&key) else { return };
        if entry.dial_at.is_none_or(|at| at > now) {
            return;
        }
        entry.dial_at = None;
        if !entry.ready || entry.torrent.is_halted() {
            return; // becoming ready asks again
        }
        if !self.has_room_to_dial(key) {
            return; // a connection that ends asks again
        }
        let connected: BTreeSet<PeerId> =
            self.connections.values().filter(|c| c.torrent == Some(key)).filter_map(Connection::peer_id).collect();
        let Some(entry) = self.torrents.get(&key) else { return };
        let company = Company { connected, is_useless: entry.torrent.lacks_sources() };
        loop {
            let room = self.has_room_to_dial(key);
            let Some(entry) = self.torrents.get_mut(&key) else { return };
            if !room {
                return; // a connection that ends asks again
            }
            let Some(Try { addr, attempt, plain }) = entry.candidates.take(now, &company, &mut self.rng) else {
                entry.dial_at = entry.candidates.wake(&company);
                return;
            };
            let conn = self.new_conn();
            let mut connection = self.new_connection(now, conn, addr, Direction::Out, Some(key));
            connection.encrypts = self.config.encryption.policy.dials_encrypted() && !plain;
            self.connections.insert(conn, connection);
            self.note(Event::Dialled { conn: conn.0, remote: Remote::Addr(addr), attempt });
            self.command(Command::Dial { conn, addr });
        }
    }

    /// Half of the places are kept for those who dial us, as the first clients did (40 of 80). Were all of
    /// them filled by dialling, the first fifty of a large swarm would be full of each other, and turn all
    /// later ones away.
    fn has_room_to_dial(&self, key: TorrentKey) -> bool {
        let of_torrent = || self.connections.values().filter(|c| c.torrent == Some(key));
        let dialling = of_torrent().filter(|c| c.stage == Stage::Dialling).count();
        dialling < DIALLING_MAX && of_torrent().count() < self.config.connections_max.div_ceil(2)
    }

    fn new_connection(
        &self,
        now: Time,
        conn: ConnId,
        remote: SocketAddr,
        direction: Direction,
        torrent: Option<TorrentKey>,
    ) -> Connection {
        let mut connection = Connection::new(now, remote, direction, torrent);
        connection.recorder = self.config.glass.wire.then(|| Box::new(Recorder::new(conn.0, remote)));
        connection
    }

    fn new_conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn - 1)
    }

    // ---- the handshake ----

    pub(crate) fn send_handshake(&mut self, conn: ConnId, key: TorrentKey) {
        let Some(entry) = self.torrents.get(&key) else { return };
        let handshake = self.our_handshake(entry.torrent.info_hash());
        self.send_bytes(conn, &handshake.encode());
        self.note_handshake_sent(conn, handshake);
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.send_key.is_none() {
            let remote = connection.name();
            self.note(Event::PlaintextHandshake { conn: conn.0, remote, direction: Direction::Out });
        }
    }

    pub(crate) fn our_handshake(&self, info_hash: InfoHash) -> Handshake {
        Handshake { reserved: Reserved::ours(), info_hash, peer_id: self.config.peer_id }
    }

    pub(crate) fn note_handshake_sent(&mut self, conn: ConnId, handshake: Handshake) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let (remote, reserved) = (connection.name(), names(handshake.reserved));
        self.note(Event::HandshakeSent { conn: conn.0, remote, info_hash: handshake.info_hash, reserved });
    }

    /// Looks for their handshake; false when more bytes are wanted or the connection is over.
    pub(crate) fn greet(&mut self, now: Time, conn: ConnId, buf: &mut BytesMut) -> bool {
        let theirs = match Handshake::decode(buf) {
            Ok(Some(handshake)) => handshake,
            Ok(None) => return false,
            Err(error) => {
                self.broke_rules(now, conn, &error.to_string());
                return false;
            }
        };
        let Some(connection) = self.connections.get(&conn) else { return false };
        let (remote, direction) = (connection.remote, connection.direction);
        let in_the_clear = connection.receive_key.is_none() && connection.sheltered < Handshake::LENGTH;
        let Handshake { reserved, info_hash, peer_id } = theirs;
        if in_the_clear {
            let remote = Remote::Addr(remote);
            self.note(Event::PlaintextHandshake { conn: conn.0, remote, direction: Direction::In });
        }
        self.note(Event::HandshakeReceived {
            conn: conn.0,
            remote: Remote::Addr(remote),
            info_hash,
            peer_id,
            client: peer_id.client(),
            reserved: names(reserved),
        });
        let key = match self.admit(conn, direction, info_hash, peer_id) {
            Ok(key) => key,
            Err(why) => {
                self.turn_away(now, conn, &why);
                return false;
            }
        };
        if let Some(rival) = self.connection_to(key, peer_id)
            && !self.prefer_over(now, conn, rival, peer_id)
        {
            return false;
        }
        if direction == Direction::In {
            self.send_handshake(conn, key);
            self.note(Event::PeerFound { remote: Remote::Addr(remote), source: Source::Incoming });
        }
        self.seat(now, conn, key, theirs);
        true
    }

    /// May this peer join, and in which torrent?
    fn admit(
        &self,
        conn: ConnId,
        direction: Direction,
        info_hash: InfoHash,
        peer_id: PeerId,
    ) -> Result<TorrentKey, String> {
        let Some(connection) = self.connections.get(&conn) else { return Err("it is gone".to_owned()) };
        let (dialled_for, skey) = (connection.torrent, connection.skey);
        let key = self.key_of(info_hash).ok_or_else(|| format!("no torrent {info_hash} here"))?;
        if let Some(skey) = skey.filter(|&skey| skey != info_hash) {
            return Err(format!("encrypted for torrent {skey}, then asked for {info_hash}"));
        }
        if direction == Direction::Out && dialled_for != Some(key) {
            return Err(format!("answered for another torrent, {info_hash}"));
        }
        let Some(entry) = self.torrents.get(&key) else { return Err("no such torrent".to_owned()) };
        let others = self.connections.values().filter(|c| c.torrent == Some(key)).count();
        if peer_id == self.config.peer_id {
            return Err("it is ourselves".to_owned());
        }
        if entry.banned.contains(&peer_id) {
            return Err(BANNED.to_owned());
        }
        if entry.torrent.is_halted() {
            return Err("our torrent stopped".to_owned());
        }
        if direction == Direction::In && others >= self.config.connections_max {
            return Err(format!("{others} connections are enough"));
        }
        Ok(key)
    }

    fn turn_away(&mut self, now: Time, conn: ConnId, why: &str) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let (remote, direction, key) = (connection.remote, connection.direction, connection.torrent);
        self.note(Event::Rejected { conn: conn.0, remote: Remote::Addr(remote), why: why.to_owned() });
        let for_ever = ["it is ourselves", BANNED].contains(&why);
        if for_ever
            && direction == Direction::Out
            && let Some(entry) = key.and_then(|key| self.torrents.get_mut(&key))
        {
            entry.candidates.ban(remote);
        }
        self.close(now, conn, ClosedBy::Us, why);
    }

    fn connection_to(&self, key: TorrentKey, peer_id: PeerId) -> Option<ConnId> {
        let same = |c: &Connection| c.torrent == Some(key) && c.peer_id() == Some(peer_id);
        self.connections.iter().find(|(_, c)| same(c)).map(|(&conn, _)| conn)
    }

    /// Two connections to one peer, of which one stays. True when that is the new one.
    /// - Both sides dialled at the same time: both must keep the same one, what the peer with the lower id dialled.
    /// - Bytes still come on the old one, or the new one is from another host, and anybody could use the id: the
    ///   old one.
    /// - Else the new one. Nobody dials whom it is connected to, so the other side has lost the old one, and
    ///   we did not hear of that: a NAT forgot it, or the way was cut. We would after minutes.
    fn prefer_over(&mut self, now: Time, new: ConnId, old: ConnId, peer_id: PeerId) -> bool {
        let (Some(new_one), Some(old_one)) = (self.connections.get(&new), self.connections.get(&old)) else {
            return true;
        };
        let at_the_same_time = now.since(old_one.since) < SAME_TIME && new_one.direction != old_one.direction;
        let lower_ones = if self.config.peer_id < peer_id { Direction::Out } else { Direction::In };
        let keep_new = match at_the_same_time {
            true => new_one.direction == lower_ones,
            false => new_one.remote.ip() == old_one.remote.ip() && now.since(old_one.heard_at) >= SILENT,
        };
        let loser = if keep_new { old } else { new };
        if let Some(connection) = self.connections.get(&loser)
            && connection.direction == Direction::Out
            && let Some(entry) = connection.torrent.and_then(|key| self.torrents.get_mut(&key))
        {
            entry.candidates.answered(connection.remote, peer_id);
        }
        self.close(now, loser, ClosedBy::Us, "a second connection to the same peer");
        keep_new
    }

    /// Hands the connection over to its torrent.
    fn seat(&mut self, now: Time, conn: ConnId, key: TorrentKey, theirs: Handshake) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.stage = Stage::Joined { peer_id: theirs.peer_id };
        self.strangers.remove(&(connection.since, conn));
        connection.torrent = Some(key);
        let (remote, cipher) = (connection.remote, connection.cipher);
        let listen = (connection.direction == Direction::Out).then_some(remote);
        if let (Some(addr), Some(entry)) = (listen, self.torrents.get_mut(&key)) {
            entry.candidates.answered(addr, theirs.peer_id);
        }
        self.note(Event::CipherSettled { conn: conn.0, remote: Remote::Addr(remote), cipher });
        let intro = Introduction { conn, remote, listen, peer_id: theirs.peer_id, reserved: theirs.reserved };
        self.tell(now, key, |torrent, turn| torrent.handle_joined(turn, intro));
    }

    // ---- strangers ----

    pub(crate) fn greeting_wake(&self) -> Option<Wake> {
        let &(since, _) = self.strangers.first()?;
        Some(Wake { at: since.after(GREETING_MAX), why: "a handshake is overdue" })
    }

    pub(crate) fn close_silent_strangers(&mut self, now: Time) {
        while let Some(&(since, conn)) = self.strangers.first()
            && now.since(since) >= GREETING_MAX
        {
            self.close(now, conn, ClosedBy::Us, "no handshake for 20 seconds");
        }
    }
}

fn names(reserved: Reserved) -> Vec<String> {
    reserved.names().into_iter().map(str::to_owned).collect()
}
