//! UDP, for announcing to trackers. Datagrams may be lost on their way, so one that the system does
//! not take at once is dropped here: whoever sent it asks again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use crate::sockets::{ListenError, bind_udp, source_for};

#[derive(Debug)]
pub(super) struct Datagrams {
    listening: Vec<SocketAddr>,
    /// With the address each was bound to, which has port 0.
    sockets: Vec<(SocketAddr, UdpSocket)>,
    buffer: Box<[u8]>,
}

/// Longer than any answer with [`model::bound::PEERS_PER_MESSAGE_MAX`] peers.
const DATAGRAM_MAX: usize = 16 * 1024;

impl Datagrams {
    /// Will send from the addresses listened at, where these can reach the receiver.
    pub(super) fn new(listening: &[SocketAddr]) -> Self {
        Self { listening: listening.to_vec(), sockets: Vec::new(), buffer: vec![0; DATAGRAM_MAX].into() }
    }

    /// Sends at once or not at all.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let result = match self.socket_for(to.ip()) {
            // Past tokio, which would refuse until it has heard that a new socket is writable.
            Ok(socket) => SockRef::from(socket).send_to(bytes, &to.into()).map(drop),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = result {
            tracing::debug!(%to, %error, "a datagram was not sent");
        }
    }

    /// Opens a socket with the first datagram that needs it.
    fn socket_for(&mut self, to: IpAddr) -> Result<&UdpSocket, ListenError> {
        let source = source_for(to, &self.listening).unwrap_or_else(|| anywhere(to));
        let at = self.sockets.iter().position(|(bound, _)| *bound == source);
        let at = match at {
            Some(at) => at,
            None => {
                self.sockets.push((source, bind_udp(source)?));
                self.sockets.len() - 1
            }
        };
        Ok(&self.sockets[at].1)
    }

    /// The next datagram that came.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SocketAddr, &[u8])> {
        let mut found = None;
        for (_, socket) in &self.sockets {
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match socket.poll_recv_from(cx, &mut buffer) {
                Poll::Ready(Ok(from)) => {
                    found = Some((from, buffer.filled().len()));
                    break;
                }
                // Windows tells here that an earlier datagram reached nobody. Look again later.
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "a datagram was not received");
                    cx.waker().wake_by_ref();
                }
                Poll::Pending => {}
            }
        }
        match found {
            Some((from, length)) => Poll::Ready((from, &self.buffer[..length])),
            None => Poll::Pending,
        }
    }
}

fn anywhere(to: IpAddr) -> SocketAddr {
    let ip: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn the_first_datagram_of_a_socket_leaves_and_its_answer_comes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tracker = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut datagrams = Datagrams::new(&["127.0.0.1:5000".parse().unwrap()]);
            datagrams.send(tracker.local_addr().unwrap(), b"question");
            let mut buffer = [0; 100];
            let (length, from) = tracker.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"question");
            tracker.send_to(b"answer", from).unwrap();
            let answer = poll_fn(|cx| datagrams.poll(cx).map(|(from, bytes)| (from, bytes.to_vec()))).await;
            assert_eq!(answer, (tracker.local_addr().unwrap(), b"answer".to_vec()));
        });
    }
}
