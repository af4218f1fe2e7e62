//! A program on a host whose clock may run ahead of the world's. The world speaks its own time; the program is told
//! the host's, and what it wants to be woken for comes back in the world's.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use events::ClosedBy;
use model::{Rate, Time, Wake};
use node::{Command, ConnId, DiskDone, JoinError, JoinOptions, Node, Persona, TorrentKey, TorrentSource};

/// A node and how far its host's clock is ahead. Its methods are the node's.
pub(crate) struct OnClock {
    node: Node,
    ahead: Duration,
}

impl OnClock {
    pub(crate) fn new(node: Node, ahead: Duration) -> Self {
        Self { node, ahead }
    }

    /// The clock jumps: it is later at once.
    pub(crate) fn skew(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// To be looked at.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        let Wake { at, why } = self.node.wake()?;
        Some(Wake { at: Time::ZERO.after(at.since(Time::ZERO.after(self.ahead))), why })
    }

    pub(crate) fn poll(&mut self) -> Option<Command> {
        self.node.poll()
    }

    pub(crate) fn listening(&mut self, now: Time, addr: SocketAddr) {
        self.node.listening(now.after(self.ahead), addr);
    }

    pub(crate) fn join(
        &mut self,
        now: Time,
        source: TorrentSource,
        options: JoinOptions,
    ) -> Result<TorrentKey, JoinError> {
        self.node.join(now.after(self.ahead), source, options)
    }

    pub(crate) fn add_peer(&mut self, now: Time, torrent: TorrentKey, addr: SocketAddr) {
        self.node.add_peer(now.after(self.ahead), torrent, addr);
    }

    pub(crate) fn set_limits(&mut self, now: Time, up: Option<Rate>, down: Option<Rate>) {
        self.node.set_limits(now.after(self.ahead), up, down);
    }

    pub(crate) fn set_persona(&mut self, now: Time, persona: Persona) {
        self.node.set_persona(now.after(self.ahead), persona);
    }

    pub(crate) fn leave(&mut self, now: Time) {
        self.node.leave(now.after(self.ahead));
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.node.handle_timeout(now.after(self.ahead));
    }

    pub(crate) fn handle_dialled(&mut self, now: Time, conn: ConnId, result: Result<(), String>) {
        self.node.handle_dialled(now.after(self.ahead), conn, result);
    }

    pub(crate) fn handle_incoming(&mut self, now: Time, addr: SocketAddr) -> Option<ConnId> {
        self.node.handle_incoming(now.after(self.ahead), addr)
    }

    pub(crate) fn handle_received(&mut self, now: Time, conn: ConnId, buf: &mut BytesMut) {
        self.node.handle_received(now.after(self.ahead), conn, buf);
    }

    pub(crate) fn handle_sent(&mut self, now: Time, conn: ConnId, bytes: usize) {
        self.node.handle_sent(now.after(self.ahead), conn, bytes);
    }

    pub(crate) fn handle_closed(&mut self, now: Time, conn: ConnId, by: ClosedBy, why: &str) {
        self.node.handle_closed(now.after(self.ahead), conn, by, why);
    }

    pub(crate) fn handle_datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        self.node.handle_datagram(now.after(self.ahead), from, bytes);
    }

    pub(crate) fn handle_resolved(&mut self, now: Time, token: u64, result: Result<Vec<SocketAddr>, String>) {
        self.node.handle_resolved(now.after(self.ahead), token, result);
    }

    pub(crate) fn handle_disk(&mut self, now: Time, torrent: TorrentKey, done: DiskDone) {
        self.node.handle_disk(now.after(self.ahead), torrent, done);
    }
}
