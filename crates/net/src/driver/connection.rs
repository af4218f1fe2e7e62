//! One TCP connection: bytes read and not yet understood, bytes to send, nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use node::ConnId;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::buffers::Buffers;
use super::ready::{ReadyList, Signal};

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Read and not yet consumed by the node.
    pub(super) inbox: BytesMut,
    outbox: VecDeque<Bytes>,
    signal: Arc<Signal>,
    waker: Waker,
    /// The node is done with it: it ends when the outbox is empty.
    pub(super) closing: bool,
    /// Waits in the driver's list of those with something to send.
    pub(super) in_unsent: bool,
}

/// Pieces of memory handed to the system in one write.
const SLICES_MAX: usize = 64;

impl Connection {
    pub(super) fn new(id: ConnId, stream: TcpStream, list: &Arc<ReadyList>) -> Self {
        let signal = Signal::new(id, Arc::clone(list));
        let waker = Waker::from(Arc::clone(&signal));
        let (inbox, outbox) = (BytesMut::new(), VecDeque::new());
        Self { stream, inbox, outbox, signal, waker, closing: false, in_unsent: false }
    }

    /// Asks to be looked at.
    pub(super) fn raise(&self) {
        self.signal.raise();
    }

    /// Is being looked at.
    pub(super) fn lower(&self) {
        self.signal.lower();
    }

    /// Appends to what is to be sent.
    pub(super) fn queue(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.outbox.push_back(bytes);
        }
    }

    /// True when there is nothing to send.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Reads once into the inbox. Zero bytes: the other side has closed.
    pub(super) fn poll_read(&mut self, buffers: &mut Buffers) -> Poll<io::Result<usize>> {
        buffers.make_room(&mut self.inbox);
        let mut cx = Context::from_waker(&self.waker);
        let result = pin!(self.stream.read_buf(&mut self.inbox)).poll(&mut cx);
        if result.is_pending() {
            buffers.give_back(&mut self.inbox);
        }
        result
    }

    /// Writes once from the outbox, which must hold something.
    pub(super) fn poll_write(&mut self) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        for (slice, bytes) in slices.iter_mut().zip(&self.outbox) {
            *slice = IoSlice::new(bytes);
        }
        let count = self.outbox.len().min(SLICES_MAX);
        let mut cx = Context::from_waker(&self.waker);
        let result = Pin::new(&mut self.stream).poll_write_vectored(&mut cx, &slices[..count]);
        if let Poll::Ready(Ok(sent)) = result {
            self.forget_sent(sent);
        }
        result
    }

    fn forget_sent(&mut self, mut sent: usize) {
        while sent > 0 {
            let Some(first) = self.outbox.front_mut() else { return };
            if sent < first.len() {
                first.advance(sent);
                return;
            }
            sent -= first.len();
            self.outbox.pop_front();
        }
    }
}
