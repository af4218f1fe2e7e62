//! The listening sockets. Visitors are let in at a bounded rate, so that a flood of connections
//! cannot take the time that transfers need; the rest waits in the system's own queue.

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use model::Time;
use tokio::net::{TcpListener, TcpStream};

use crate::sockets::{ListenError, listen_tcp};

#[derive(Debug)]
pub(super) struct Doors {
    listeners: Vec<TcpListener>,
    addrs: Vec<SocketAddr>,
    /// How many more may come in until `closed_until`, which begins the next window.
    left: u32,
    window_ends: Time,
    /// Nobody is let in before.
    closed_until: Option<Time>,
}

/// Visitors let in during one window.
const VISITORS_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_millis(250);

impl Doors {
    /// Listens at each address. Port 0 lets the system choose; those after the first get the port of
    /// the first where it is free, so that one number works for both families.
    pub(super) fn open(wanted: &[SocketAddr]) -> Result<Self, ListenError> {
        let mut doors =
            Self { listeners: Vec::new(), addrs: Vec::new(), left: 0, window_ends: Time::ZERO, closed_until: None };
        for &addr in wanted {
            let listener = doors.listen_like_the_first(addr)?;
            let bound = listener.local_addr().map_err(|source| ListenError::Other { addr, source })?;
            doors.addrs.push(bound);
            doors.listeners.push(listener);
        }
        Ok(doors)
    }

    fn listen_like_the_first(&self, addr: SocketAddr) -> Result<TcpListener, ListenError> {
        if addr.port() == 0
            && let Some(first) = self.addrs.first()
            && let Ok(listener) = listen_tcp(SocketAddr::new(addr.ip(), first.port()))
        {
            return Ok(listener);
        }
        listen_tcp(addr)
    }

    /// Where it listens, with the ports that the system chose.
    pub(super) fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The next visitor, if one waits and may come in.
    pub(super) fn poll_visitor(&mut self, now: Time, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        if self.closed_until.is_some_and(|until| now < until) {
            return Poll::Pending;
        }
        self.closed_until = None;
        if now >= self.window_ends {
            self.window_ends = now.after(WINDOW);
            self.left = VISITORS_MAX;
        }
        for listener in &self.listeners {
            match listener.poll_accept(cx) {
                Poll::Ready(Ok(visitor)) => {
                    self.count_one();
                    return Poll::Ready(visitor);
                }
                Poll::Ready(Err(error)) => {
                    // Out of file handles, most likely: pausing beats spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.closed_until = Some(now.after(WINDOW));
                    // Once more round, for the driver to take note of the time.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn count_one(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.closed_until = Some(self.window_ends);
        }
    }

    /// When to look again without being woken.
    pub(super) fn wake(&self) -> Option<Time> {
        self.closed_until
    }
}
