//! All connections of a driver: which were signalled, which have something to send, which are
//! ending. Knows no node; the driver tells it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::Time;
use node::ConnId;
use tokio::net::TcpStream;

use super::buffers::Buffers;
use super::connection::Connection;
use super::ready::ReadyList;

#[derive(Debug, Default)]
pub(super) struct Links {
    connections: HashMap<ConnId, Connection>,
    ready: Arc<ReadyList>,
    /// Not read from while the disk is behind.
    paused: Vec<ConnId>,
    unsent: Vec<ConnId>,
    /// Done with, but for what is queued; and when patience ends.
    closing: VecDeque<(Time, ConnId)>,
    buffers: Buffers,
}

/// What a look at a connection's reading side gave.
pub(super) enum Received<'a> {
    /// Nothing for this turn.
    Nothing,
    /// More bytes, appended to those not yet consumed.
    Bytes(&'a mut BytesMut),
    /// It is gone: closed by the other side, or failed.
    Closed(Result<(), io::Error>),
}

/// What a look at a connection's writing side gave.
pub(super) enum Sent {
    /// No byte that the node should hear of.
    Nothing,
    /// So many bytes left for the system.
    Bytes(usize),
    /// It is gone.
    Failed(io::Error),
}

/// Bytes read from one connection, and written to one, until the others have their turn.
pub(super) const TURN_BYTES: usize = 512 * 1024;

/// How long a connection that we close may take to fetch what is queued for it.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

impl Links {
    /// Takes a connection that just came up.
    pub(super) fn add(&mut self, conn: ConnId, stream: TcpStream) {
        let connection = Connection::new(conn, stream, &self.ready);
        // The first look is what registers it with the system.
        connection.raise();
        self.connections.insert(conn, connection);
    }

    /// The connections that may have something to do. Asks for the driver to be woken if none.
    pub(super) fn signalled(&mut self, cx: &Context<'_>) -> Vec<ConnId> {
        let mut signalled = Vec::new();
        if self.ready.poll(cx, &mut signalled).is_pending() {
            return signalled;
        }
        for &conn in &signalled {
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            connection.lower();
            if !connection.is_drained() {
                note_unsent(&mut self.unsent, conn, connection);
            }
        }
        signalled
    }

    /// Reads once, as long as `turn` bytes are left of this turn.
    pub(super) fn receive(&mut self, conn: ConnId, turn: &mut usize) -> Received<'_> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Received::Nothing };
        if connection.closing {
            return Received::Nothing;
        }
        if *turn == 0 {
            connection.raise();
            return Received::Nothing;
        }
        let ended = match connection.poll_read(&mut self.buffers) {
            Poll::Pending => return Received::Nothing,
            Poll::Ready(Ok(0)) => Ok(()),
            Poll::Ready(Ok(count)) => {
                *turn = turn.saturating_sub(count);
                return Received::Bytes(self.inbox(conn));
            }
            Poll::Ready(Err(error)) => Err(error),
        };
        self.connections.remove(&conn);
        Received::Closed(ended)
    }

    fn inbox(&mut self, conn: ConnId) -> &mut BytesMut {
        &mut self.connections.get_mut(&conn).expect("it was just read from").inbox
    }

    /// Leaves a connection's bytes with the system until [`resume_reading`](Self::resume_reading).
    pub(super) fn pause_reading(&mut self, conn: ConnId) {
        self.paused.push(conn);
    }

    pub(super) fn resume_reading(&mut self) {
        for conn in self.paused.drain(..) {
            if let Some(connection) = self.connections.get(&conn) {
                connection.raise();
            }
        }
    }

    /// Appends to what a connection sends.
    pub(super) fn queue(&mut self, conn: ConnId, bytes: Bytes) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.closing {
            connection.queue(bytes);
            note_unsent(&mut self.unsent, conn, connection);
        }
    }

    /// Ends a connection when what is queued is sent, or when patience ends.
    pub(super) fn close_when_sent(&mut self, now: Time, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.closing = true;
        note_unsent(&mut self.unsent, conn, connection);
        self.closing.push_back((now.after(CLOSING_PATIENCE), conn));
    }

    /// Connections that [`send`](Self::send) should look at.
    pub(super) fn with_something_to_send(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.unsent)
    }

    /// Writes what is queued, as far as the system takes it and the turn goes.
    pub(super) fn send(&mut self, conn: ConnId) -> Sent {
        let Some(connection) = self.connections.get_mut(&conn) else { return Sent::Nothing };
        connection.in_unsent = false;
        let mut count = 0;
        let ended = loop {
            if connection.is_drained() {
                break connection.closing.then_some(Ok(()));
            }
            if count >= TURN_BYTES && !connection.closing {
                note_unsent(&mut self.unsent, conn, connection);
                break None;
            }
            match connection.poll_write() {
                Poll::Pending => break None,
                Poll::Ready(Ok(sent)) => count += sent,
                Poll::Ready(Err(error)) => break Some(Err(error)),
            }
        };
        let closing = connection.closing;
        if ended.is_some() {
            self.connections.remove(&conn);
        }
        match ended {
            _ if closing => Sent::Nothing,
            Some(Err(error)) => Sent::Failed(error),
            _ if count == 0 => Sent::Nothing,
            _ => Sent::Bytes(count),
        }
    }

    /// Drops connections that we closed and that did not fetch what was queued in time.
    pub(super) fn drop_overdue(&mut self, now: Time) {
        while let Some(&(until, conn)) = self.closing.front()
            && until <= now
        {
            self.closing.pop_front();
            self.connections.remove(&conn);
        }
    }

    /// When [`drop_overdue`](Self::drop_overdue) has something to do.
    pub(super) fn wake(&self) -> Option<Time> {
        self.closing.front().map(|(until, _)| *until)
    }
}

fn note_unsent(unsent: &mut Vec<ConnId>, conn: ConnId, connection: &mut Connection) {
    if !connection.in_unsent {
        connection.in_unsent = true;
        unsent.push(conn);
    }
}
