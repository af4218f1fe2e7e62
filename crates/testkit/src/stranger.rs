//! One node alone, and a stranger who talks to it byte by byte: for what well-behaved peers never say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use events::Event;
use metainfo::{Info, Metainfo};
use model::{PeerId, Rng, Time};
use node::{Command, ConnId, JoinOptions, Node, NodeConfig, TorrentKey, TorrentSource};
use wire::{Decoder, Handshake, Message, Reserved};

use crate::MemoryDisk;

/// A node with one torrent, and one connection that the stranger dialled.
#[derive(Debug)]
pub struct Stranger {
    pub node: Node,
    pub now: Time,
    pub torrent: TorrentKey,
    pub disk: MemoryDisk,
    pub log: Vec<Event>,
    info: Option<Arc<Info>>,
    conn: ConnId,
    inbox: BytesMut,
    /// What the node sent and the stranger has not looked at.
    sent: BytesMut,
    decoder: Decoder,
    /// The node hung up.
    pub closed: bool,
    /// False for one that lets what it is sent pile up.
    pub reads: bool,
}

impl Stranger {
    /// A node that has `on_disk` of the torrent; the stranger has connected and said nothing.
    pub fn meet(torrent: &Arc<Metainfo>, on_disk: &[u8]) -> Self {
        Self::meet_with(TorrentSource::Metainfo(Arc::clone(torrent)), on_disk)
    }

    pub fn meet_with(source: TorrentSource, on_disk: &[u8]) -> Self {
        let mut rng = Rng::from_seed(1);
        let config = NodeConfig::new(PeerId::generate(&mut rng));
        let mut node = Node::new(config, rng);
        node.listening(Time::ZERO, ([10, 0, 0, 1], 6881).into());
        let torrent = node.join(Time::ZERO, source, JoinOptions::default()).unwrap();
        let mut stranger = Self {
            node,
            now: Time::ZERO,
            torrent,
            disk: MemoryDisk { bytes: on_disk.to_vec(), room: None },
            log: Vec::new(),
            info: None,
            conn: ConnId(0),
            inbox: BytesMut::new(),
            sent: BytesMut::new(),
            decoder: Decoder::new(),
            closed: false,
            reads: true,
        };
        stranger.settle();
        stranger.conn = stranger.node.handle_incoming(Time::ZERO, ([10, 0, 0, 2], 50_000).into()).unwrap();
        stranger.settle();
        stranger
    }

    /// Dials once more, from there, and says nothing yet. The first connection stays as it is, as after a cut that only
    /// one side has noticed.
    pub fn dial_again(&mut self, from: SocketAddr) {
        self.conn = self.node.handle_incoming(self.now, from).unwrap();
        self.inbox.clear();
        self.sent.clear();
        self.decoder = Decoder::new();
        self.closed = false;
        self.settle();
    }

    /// Shakes hands as an ordinary client with these reserved bits, and reads the answer.
    pub fn shake_hands(&mut self, torrent: &Metainfo, reserved: Reserved) {
        self.say_handshake(torrent, reserved);
        let answer = Handshake::decode(&mut self.sent).unwrap();
        assert!(answer.is_some(), "the node did not answer the handshake");
    }

    /// The same, and does not look for an answer.
    pub fn say_handshake(&mut self, torrent: &Metainfo, reserved: Reserved) {
        let handshake =
            Handshake { reserved, info_hash: torrent.info.info_hash(), peer_id: PeerId(*b"-XX0001-strangerrrrr") };
        self.say_bytes(&handshake.encode());
    }

    pub fn say(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes);
        self.say_bytes(&bytes);
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        self.inbox.extend_from_slice(bytes);
        self.node.handle_received(self.now, self.conn, &mut self.inbox);
        self.settle();
    }

    /// What the node has said since the last look.
    pub fn hear(&mut self) -> Vec<Message> {
        let mut heard = Vec::new();
        while let Some(message) = self.decoder.next(&mut self.sent).unwrap() {
            heard.push(message);
        }
        heard
    }

    /// Lets time pass, with every wake-up on the way.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some(wake) = self.node.wake().filter(|wake| wake.at <= end) {
            self.now = self.now.max(wake.at);
            self.node.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// The reason the node gave for the rule that was broken, if it saw one.
    pub fn complaint(&self) -> Option<&str> {
        self.log.iter().find_map(|event| match event {
            Event::PeerMisbehaved { why, .. } => Some(why.as_str()),
            _ => None,
        })
    }

    fn settle(&mut self) {
        while let Some(command) = self.node.poll() {
            match command {
                Command::Send { conn, bytes } if conn == self.conn => {
                    self.sent.extend_from_slice(&bytes);
                    if self.reads {
                        self.node.handle_sent(self.now, conn, bytes.len());
                    }
                }
                Command::Close { conn } if conn == self.conn => self.closed = true,
                Command::Dial { conn, .. } => self.node.handle_dialled(self.now, conn, Err("nobody there".to_owned())),
                Command::Open { info, .. } => self.info = Some(info),
                Command::Disk { torrent, op } => {
                    let info = Arc::clone(self.info.as_ref().unwrap());
                    let done = self.disk.carry_out(&info, op);
                    self.node.handle_disk(self.now, torrent, done);
                }
                Command::Event(event) => self.log.push(event),
                _ => {}
            }
        }
    }
}
