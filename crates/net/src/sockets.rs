//! Opening sockets, with errors that say what to do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// Why no socket listens at an address. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error("listen on {0}: port {port} is taken by another program; end that one, or give another port (0 lets the system choose)", port = .0.port())]
    Taken(SocketAddr),
    /// The address is no address of this machine.
    #[error("listen on {0}: this machine has no address {ip}", ip = .0.ip())]
    NotHere(SocketAddr),
    /// The user may not have the port.
    #[error("listen on {0}: not allowed; ports below 1024 often need an administrator, take a higher one")]
    NotAllowed(SocketAddr),
    /// Anything else the system said.
    #[error("listen on {addr}: {source}")]
    Other {
        /// Where.
        addr: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

impl ListenError {
    fn of(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken(addr),
            io::ErrorKind::AddrNotAvailable => Self::NotHere(addr),
            io::ErrorKind::PermissionDenied => Self::NotAllowed(addr),
            _ => Self::Other { addr, source },
        }
    }
}

/// A TCP socket that listens. An IPv6 one takes no IPv4 connections, so that both families can have
/// the same port.
pub(crate) fn listen_tcp(addr: SocketAddr) -> Result<TcpListener, ListenError> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        prepare(&socket, addr)?;
        // A port whose last user is gone can be had at once. Windows would share a port in use.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    open().map_err(|source| ListenError::of(addr, source))
}

/// A UDP socket at an address.
pub(crate) fn bind_udp(addr: SocketAddr) -> Result<UdpSocket, ListenError> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        prepare(&socket, addr)?;
        socket.bind(&addr.into())?;
        UdpSocket::from_std(socket.into())
    };
    open().map_err(|source| ListenError::of(addr, source))
}

fn prepare(socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(())
}

/// Connections that the system holds until we look: more is asked for by few, and taken by none.
const BACKLOG: i32 = 128;

/// A connection to `to`, seen there as coming from `source` if given. The error is for a person:
/// "connection refused".
pub(crate) async fn dial(to: SocketAddr, source: Option<SocketAddr>) -> Result<TcpStream, String> {
    let attempt = async {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = source {
            #[cfg(unix)]
            socket.set_reuseaddr(true)?;
            socket.bind(source)?;
        }
        let stream = socket.connect(to).await?;
        // A message should leave when it is whole; blocks are sent in large writes anyway.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let stream = match tokio::time::timeout(DIAL_PATIENCE, attempt).await {
        Err(_) => return Err("timed out".to_owned()),
        Ok(result) => result.map_err(|error: io::Error| in_plain_words(&error))?,
    };
    // On one machine TCP can join a port with itself, when nobody listens there.
    match stream.local_addr().ok() == stream.peer_addr().ok() {
        true => Err("connection refused".to_owned()),
        false => Ok(stream),
    }
}

/// How long a connection may take to come up.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// The address to send from, so that others see the one we listen at and not another of this
/// machine: of several loopback addresses the system would choose 127.0.0.1.
pub(crate) fn source_for(to: IpAddr, listening: &[SocketAddr]) -> Option<SocketAddr> {
    let fits = |from: &&SocketAddr| {
        let ip = from.ip();
        // From loopback nothing but loopback can be reached.
        ip.is_ipv4() == to.is_ipv4() && !ip.is_unspecified() && (!ip.is_loopback() || to.is_loopback())
    };
    let mut source = *listening.iter().find(fits)?;
    source.set_port(0);
    Some(source)
}

/// The address under which other machines of the network see this one, going by the system's routes.
/// Nothing is sent. `None` without a network.
pub fn address_outward() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Of the range for documentation (RFC 5737): it lies behind the default route, and is nobody.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_unspecified())
}

/// What a socket's error means, without numbers.
pub(crate) fn in_plain_words(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "connection refused".to_owned(),
        Kind::ConnectionReset => "connection reset".to_owned(),
        Kind::ConnectionAborted => "connection aborted".to_owned(),
        Kind::BrokenPipe => "closed by the other side".to_owned(),
        Kind::TimedOut => "timed out".to_owned(),
        Kind::HostUnreachable => "no route to the host".to_owned(),
        Kind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_listening_address_where_it_can_reach() {
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        let listening = [at("127.0.0.3:5000"), at("[::]:5000")];
        assert_eq!(source_for(ip("127.0.0.1"), &listening), Some(at("127.0.0.3:0")));
        assert_eq!(source_for(ip("192.168.0.1"), &listening), None);
        assert_eq!(source_for(ip("::1"), &listening), None);
        assert_eq!(source_for(ip("127.0.0.1"), &[at("192.168.0.9:1")]), Some(at("192.168.0.9:0")));
    }
}
