//! Starts the session, with everything off that could lead out of the lab.

use std::collections::HashSet;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;

use librqbit::limits::LimitsConfig;
use librqbit::{ListenerMode, ListenerOptions, Session, SessionOptions};
use librqbit_core::hash_id::Id20;
use model::{BLOCK_SIZE, PeerId, Rate, Rng};
use url::Url;

use crate::Options;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("listen at {addr}: {why}")]
    Listen { addr: SocketAddr, why: String },
    #[error("write the list of lab addresses for librqbit: {0}")]
    Allowlist(#[source] std::io::Error),
    #[error("open a window for its announces: {0}")]
    Window(#[source] std::io::Error),
}

/// A session that listens, and where.
pub(crate) async fn start(
    options: &Options,
    peer_id: PeerId,
    always_ask: HashSet<Url>,
) -> Result<(Arc<Session>, SocketAddr), SessionError> {
    let allowlist = if options.public { None } else { Some(Allowlist::write()?) };
    let mut tries = if options.listen.port() == 0 { LISTEN_TRIES } else { 1 };
    loop {
        tries -= 1;
        let addr = with_port(options.listen)?;
        let url = allowlist.as_ref().map(|list| list.url.clone());
        match Session::new_with_opts(std::env::temp_dir(), shut_in(options, addr, peer_id, always_ask.clone(), url))
            .await
        {
            Ok(session) => return Ok((session, addr)),
            Err(_) if tries > 0 => {}
            Err(why) => return Err(SessionError::Listen { addr, why: format!("{why:#}") }),
        }
    }
}

/// A peer id in rqbit's style (BEP 20), from the seed.
pub(crate) fn peer_id(seed: u64) -> PeerId {
    let mut id = PeerId::generate(&mut Rng::stream(seed, "rqbit peer id")).0;
    id[..8].copy_from_slice(b"-rQ9100-");
    PeerId(id)
}

/// librqbit's form of limits, and whether one had to be raised to the least it can bear.
pub(crate) fn limits(up: Option<Rate>, down: Option<Rate>) -> (LimitsConfig, bool) {
    let least = u64::from(BLOCK_SIZE);
    let limit = |rate: Option<Rate>| {
        let bytes = rate?.0.clamp(least, u64::from(u32::MAX));
        NonZeroU32::new(bytes as u32)
    };
    let raised = [up, down].into_iter().flatten().any(|rate| rate.0 < least);
    (LimitsConfig { upload_bps: limit(up), download_bps: limit(down) }, raised)
}

fn shut_in(
    options: &Options,
    addr: SocketAddr,
    peer_id: PeerId,
    always_ask: HashSet<Url>,
    allowlist_url: Option<String>,
) -> SessionOptions {
    SessionOptions {
        dht: None,
        disable_local_service_discovery: true,
        persistence: None,
        fastresume: false,
        peer_id: Some(Id20::new(peer_id.0)),
        listen: Some(ListenerOptions {
            mode: ListenerMode::TcpOnly,
            listen_addr: addr,
            enable_upnp_port_forwarding: false,
            // Must be given: on loopback librqbit would announce port 4240, whatever it listens at.
            announce_port: Some(addr.port()),
            ipv4_only: addr.is_ipv4(),
            ..ListenerOptions::default()
        }),
        ratelimits: limits(options.up, options.down).0,
        allowlist_url,
        trackers: always_ask,
        ..SessionOptions::default()
    }
}

/// The port must be known before librqbit listens, because it is announced. Between this look and
/// librqbit's own bind somebody else may take it; then another is tried.
fn with_port(addr: SocketAddr) -> Result<SocketAddr, SessionError> {
    if addr.port() != 0 {
        return Ok(addr);
    }
    let bound = TcpListener::bind(addr).and_then(|listener| listener.local_addr());
    bound.map_err(|why| SessionError::Listen { addr, why: why.to_string() })
}

const LISTEN_TRIES: u32 = 8;

/// What is inside the lab by nature (see [`net::Fence`]), in the form of a list of peer address ranges
/// that librqbit loads from a file.
struct Allowlist {
    url: String,
    _file: tempfile::NamedTempFile,
}

impl Allowlist {
    fn write() -> Result<Self, SessionError> {
        let mut file = tempfile::NamedTempFile::new().map_err(SessionError::Allowlist)?;
        file.write_all(LAB.as_bytes()).and_then(|()| file.flush()).map_err(SessionError::Allowlist)?;
        let no_url = || SessionError::Allowlist(std::io::Error::other("the temporary folder has no absolute path"));
        let url = Url::from_file_path(file.path()).map_err(|()| no_url())?;
        Ok(Self { url: url.into(), _file: file })
    }
}

const LAB: &str = "\
loopback:127.0.0.0-127.255.255.255
private:10.0.0.0-10.255.255.255
private:172.16.0.0-172.31.255.255
private:192.168.0.0-192.168.255.255
link-local:169.254.0.0-169.254.255.255
loopback:::1-::1
link-local:fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
unique-local:fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
";

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use net::Fence;

    use super::*;

    #[tokio::test]
    async fn the_allowlist_and_the_fence_agree() {
        let (session, _) = start(&options(), peer_id(1), HashSet::new()).await.unwrap();
        let allowlist = session.allowlist.as_ref().unwrap();
        for text in [
            "127.0.0.1",
            "127.255.255.255",
            "126.255.255.255",
            "128.0.0.0",
            "10.0.0.0",
            "10.255.255.255",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "169.255.0.0",
            "8.8.8.8",
            "100.64.0.1",
            "203.0.113.1",
            "::1",
            "::2",
            "fe80::",
            "febf:ffff::1",
            "fe7f::1",
            "fec0::",
            "fc00::",
            "fdff:ffff::1",
            "fbff::1",
            "fe00::",
            "2001:db8::1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(allowlist.has(ip), Fence::lab().allows(ip), "{text}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let error = start(&Options { listen, ..options() }, peer_id(1), HashSet::new()).await.err().unwrap();
        assert!(error.to_string().starts_with(&format!("listen at {listen}: ")), "{error}");
    }

    #[test]
    fn a_limit_that_would_stop_librqbit_for_ever_is_raised() {
        let (limits, raised) = limits(Some(Rate(1_000)), None);
        assert_eq!((limits.upload_bps.map(NonZeroU32::get), limits.download_bps), (Some(16_384), None));
        assert!(raised);
        assert!(!super::limits(None, Some(Rate(u64::MAX))).1);
    }

    #[test]
    fn the_seed_decides_the_peer_id() {
        assert_eq!(peer_id(7), peer_id(7));
        assert_ne!(peer_id(7), peer_id(8));
        assert_eq!(peer_id(7).client(), "rqbit 9.1.0.0");
    }

    fn options() -> Options {
        Options {
            name: "bob".into(),
            listen: "127.0.0.1:0".parse().unwrap(),
            up: None,
            down: None,
            epoch_micros: 0,
            seed: 1,
            public: false,
        }
    }
}
