//! The encrypted handshake of a connection (MSE), before the handshake of BEP 3: which connections have
//! one, what comes of it, and what is tried when nothing does.

use bytes::{Bytes, BytesMut};
use events::{ClosedBy, Direction, Event, LabKey};
use model::Time;
use wire::Handshake;
use wire::mse::{
    Cipher, Dice, Initiator, MseError, Progress, Responder, Secured, SkeyTable, Step, looks_like_plaintext,
};

use crate::connection::{Connection, Stage};
use crate::{Command, ConnId, Node, Policy, TorrentKey};

/// One side of an encrypted handshake.
#[derive(Debug)]
pub(crate) enum Machine {
    Dialled(Initiator),
    Answering(Responder),
}

impl Machine {
    fn receive(&mut self, buf: &mut BytesMut, skeys: &SkeyTable) -> Result<Progress, MseError> {
        match self {
            Self::Dialled(machine) => machine.receive(buf),
            Self::Answering(machine) => machine.receive(buf, skeys),
        }
    }

    fn take_output(&mut self) -> Option<Bytes> {
        match self {
            Self::Dialled(machine) => machine.take_output(),
            Self::Answering(machine) => machine.take_output(),
        }
    }

    fn take_step(&mut self) -> Option<Step> {
        match self {
            Self::Dialled(machine) => machine.take_step(),
            Self::Answering(machine) => machine.take_step(),
        }
    }
}

impl Node {
    /// We dialled and are through: the first bytes, encrypted or not.
    pub(crate) fn open_conversation(&mut self, conn: ConnId, key: TorrentKey) {
        if self.connections.get(&conn).is_none_or(|connection| !connection.encrypts) {
            return self.send_handshake(conn, key);
        }
        let Some(entry) = self.torrents.get(&key) else { return };
        let skey = entry.torrent.info_hash();
        let payload = Bytes::copy_from_slice(&self.our_handshake(skey).encode());
        let machine = Initiator::new(Dice::draw(&mut self.dice), skey, self.config.encryption.methods, payload);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.stage = Stage::Securing;
        connection.machine = Some(Box::new(Machine::Dialled(machine)));
        self.drain_machine(conn);
    }

    /// The first bytes of somebody who dialled us: which language is it? False when more are wanted or
    /// the connection is over.
    pub(crate) fn sniff(&mut self, now: Time, conn: ConnId, buf: &BytesMut) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        match (looks_like_plaintext(buf), self.config.encryption.policy) {
            (None, _) => false,
            _ if buf.is_empty() => false,
            (Some(true), Policy::Required) if buf.len() < Handshake::LENGTH => false,
            (Some(true), Policy::Required) => {
                // We do not read it. Whoever is on the path did.
                let remote = connection.name();
                self.note(Event::PlaintextHandshake { conn: conn.0, remote, direction: Direction::In });
                self.insecure(now, conn, "they speak plaintext, and encryption is required here");
                false
            }
            (Some(true), _) => {
                connection.stage = Stage::Greeting;
                true
            }
            (Some(false), Policy::Disabled) => {
                self.insecure(now, conn, "no plaintext handshake came, and encryption is disabled here");
                false
            }
            (Some(false), _) => {
                let machine = Responder::new(Dice::draw(&mut self.dice), self.config.encryption.methods);
                connection.stage = Stage::Securing;
                connection.machine = Some(Box::new(Machine::Answering(machine)));
                self.drain_machine(conn);
                true
            }
        }
    }

    /// Takes the encrypted handshake further; false when more bytes are wanted or the connection is over.
    pub(crate) fn secure(&mut self, now: Time, conn: ConnId, buf: &mut BytesMut) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        let Some(machine) = connection.machine.as_mut() else { return false };
        let progress = machine.receive(buf, &self.skeys);
        self.drain_machine(conn);
        match progress {
            Ok(Progress::Wants) => false,
            Ok(Progress::Done(secured)) => {
                self.secured(conn, secured, buf);
                true
            }
            Err(error) => {
                self.insecure(now, conn, &error.to_string());
                false
            }
        }
    }

    /// The handshake is encrypted, and what follows is as agreed.
    fn secured(&mut self, conn: ConnId, mut secured: Secured, buf: &mut BytesMut) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.machine = None;
        connection.stage = Stage::Greeting;
        connection.cipher = match secured.cipher {
            Cipher::Plaintext => events::Cipher::Plaintext,
            Cipher::Rc4 => events::Cipher::Rc4,
            Cipher::PlaintextAfterHandshake => events::Cipher::PlaintextAfterHandshake,
        };
        connection.skey = Some(secured.skey);
        if let Some(receive) = &mut secured.receive {
            receive.apply(buf);
        }
        // What they said within the encrypted handshake comes first.
        connection.sheltered = secured.payload.len();
        if !secured.payload.is_empty() {
            let mut whole = BytesMut::from(&secured.payload[..]);
            whole.extend_from_slice(buf);
            *buf = whole;
        }
        connection.send_key = secured.send;
        connection.receive_key = secured.receive;
        if self.config.glass.keys {
            let (remote, dialled) = (connection.remote, connection.direction == Direction::Out);
            let secret = secured.secret.reveal().to_vec();
            self.command(Command::Key(LabKey { conn: conn.0, remote, dialled, secret, skey: secured.skey }));
        }
    }

    /// Sends what the machine has to say and tells what it did.
    fn drain_machine(&mut self, conn: ConnId) {
        while let Some(bytes) = self.machine(conn).and_then(Machine::take_output) {
            self.send_as_it_is(conn, bytes);
        }
        while let Some(step) = self.machine(conn).and_then(Machine::take_step) {
            self.note_step(conn, step);
        }
    }

    fn machine(&mut self, conn: ConnId) -> Option<&mut Machine> {
        self.connections.get_mut(&conn)?.machine.as_deref_mut()
    }

    fn note_step(&mut self, ConnId(conn): ConnId, step: Step) {
        let Some(connection) = self.connections.get(&ConnId(conn)) else { return };
        let remote = connection.name();
        let side = |by_us| if by_us { events::Side::Us } else { events::Side::Them };
        let event = match step {
            Step::KeySent { padding } => Event::KeySent { conn, remote, padding },
            Step::KeyReceived => Event::KeyReceived { conn, remote },
            Step::KeyPadding { bytes } => Event::Synchronised { conn, remote, padding: bytes },
            Step::SkeyMatched(info_hash) => Event::SkeyMatched { conn, remote, info_hash },
            Step::Offered { by_us, methods, padding, .. } => {
                let methods = methods.names().into_iter().map(str::to_owned).collect();
                Event::EncryptionOffered { conn, remote, by: side(by_us), methods, padding }
            }
            Step::Selected { by_us, cipher, padding } => {
                Event::EncryptionSelected { conn, remote, by: side(by_us), method: cipher.name().to_owned(), padding }
            }
        };
        self.note(event);
        if let Step::Offered { by_us: true, .. } = step {
            // Our handshake is the initial payload: it left with the offer.
            let key = self.connections.get(&ConnId(conn)).and_then(|connection| connection.torrent);
            let skey = key.and_then(|key| Some(self.torrents.get(&key)?.torrent.info_hash()));
            if let Some(skey) = skey {
                self.note_handshake_sent(ConnId(conn), self.our_handshake(skey));
            }
        }
    }

    /// The encrypted handshake, or the lack of one, ends the connection.
    fn insecure(&mut self, now: Time, conn: ConnId, why: &str) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.stage = Stage::Securing; // where it ended, for `gone` to tell
        }
        self.close(now, conn, ClosedBy::Us, why);
    }

    /// An encrypted try came to nothing, for whatever reason: the next may be in plaintext where the policy
    /// allows. So anybody who can break the first chooses the second.
    pub(crate) fn fall_back(&mut self, now: Time, conn: ConnId, connection: &Connection, why: &str) {
        if connection.direction == Direction::In || self.config.encryption.policy != Policy::Preferred {
            return;
        }
        let Some(entry) = connection.torrent.and_then(|key| self.torrents.get_mut(&key)) else { return };
        if !entry.candidates.try_in_plaintext(now, connection.remote) {
            return;
        }
        self.note(Event::EncryptionFellBack { conn: conn.0, remote: connection.name(), why: why.to_owned() });
    }
}
