//! A tracker's URL: `udp://host:port/path`. Other schemes are recognised and refused by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::usable;
use crate::codec::URL_DATA_BYTES_MAX;

/// Where to ask, and what to say of the URL there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackerUrl {
    pub(super) host: Host,
    /// Path and query, sent along with announces (BEP 41); `None` for a URL without.
    pub(super) path: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Addr(SocketAddr),
    /// Has to be looked up.
    Name(String, u16),
}

/// Why a URL is no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("{0} trackers are not supported, only udp")]
    Scheme(String),
    #[error("this is no URL of a tracker: udp://host:port is wanted")]
    Form,
    #[error("its port is missing or none: udp://host:port is wanted")]
    Port,
    #[error("its host is no name or address")]
    Host,
    #[error("it is longer than {URL_BYTES_MAX} bytes")]
    Long,
}

/// Longest URL that is looked at.
const URL_BYTES_MAX: usize = 2_048;

/// Longest scheme that is repeated to the reader.
const SCHEME_BYTES_MAX: usize = 16;

/// Longest name that DNS can hold.
const HOST_BYTES_MAX: usize = 253;

impl TrackerUrl {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        if url.len() > URL_BYTES_MAX {
            return Err(UrlError::Long);
        }
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Form)?;
        if !scheme.eq_ignore_ascii_case("udp") {
            let word =
                (1..=SCHEME_BYTES_MAX).contains(&scheme.len()) && scheme.bytes().all(|c| c.is_ascii_alphanumeric());
            return Err(if word { UrlError::Scheme(scheme.to_ascii_lowercase()) } else { UrlError::Form });
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = authority.rsplit_once(':').ok_or(UrlError::Port)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?;
        Ok(Self { host: parse_host(host, port)?, path: path_data(path) })
    }
}

fn parse_host(host: &str, port: u16) -> Result<Host, UrlError> {
    let address = |ip: IpAddr| {
        let addr = SocketAddr::new(ip, port);
        if usable(addr) { Ok(Host::Addr(addr)) } else { Err(UrlError::Host) }
    };
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().map_err(|_| UrlError::Host).and_then(|ip| address(ip.into()));
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return address(ip.into());
    }
    let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.bytes().all(name) {
        return Err(UrlError::Host);
    }
    Ok(Host::Name(host.to_owned(), port))
}

fn path_data(path: &str) -> Option<Vec<u8>> {
    let known = !path.is_empty() && path != "/" && path.len() <= URL_DATA_BYTES_MAX;
    known.then(|| path.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_trackers() {
        let addr = |addr: &str| Host::Addr(addr.parse().unwrap());
        let name = |name: &str, port| Host::Name(name.into(), port);
        for (url, host, path) in [
            ("udp://127.0.0.1:6969", addr("127.0.0.1:6969"), None),
            ("UDP://127.0.0.1:6969/", addr("127.0.0.1:6969"), None),
            ("udp://[fd00::1]:80/announce", addr("[fd00::1]:80"), Some("/announce")),
            ("udp://tracker.lab:6969/announce?pass=1#x", name("tracker.lab", 6969), Some("/announce?pass=1")),
            ("udp://tracker:1?pass", name("tracker", 1), Some("?pass")),
        ] {
            let path = path.map(|path| path.as_bytes().to_vec());
            assert_eq!(TrackerUrl::parse(url), Ok(TrackerUrl { host, path }), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_udp_tracker_says_why() {
        for (url, error) in [
            ("http://tracker.lab/announce", UrlError::Scheme("http".into())),
            ("WSS://tracker.lab", UrlError::Scheme("wss".into())),
            ("tracker.lab:6969", UrlError::Form),
            ("", UrlError::Form),
            ("://x:1", UrlError::Form),
            ("udp://tracker.lab/announce", UrlError::Port),
            ("udp://tracker.lab:0/announce", UrlError::Port),
            ("udp://tracker.lab:65536", UrlError::Port),
            ("udp://:80", UrlError::Host),
            ("udp://fd00::1:80", UrlError::Host),
            ("udp://[fd00::1:80", UrlError::Host),
            ("udp://224.0.0.1:80", UrlError::Host),
            ("udp://[::]:80", UrlError::Host),
            ("udp://user@tracker:80", UrlError::Host),
            ("udp://tra\u{7}cker:80", UrlError::Host),
        ] {
            assert_eq!(TrackerUrl::parse(url), Err(error), "{url}");
        }
        assert_eq!(TrackerUrl::parse(&format!("{}://x", "x".repeat(2_000))), Err(UrlError::Form));
        assert_eq!(TrackerUrl::parse(&format!("udp://{}:1", "x".repeat(3_000))), Err(UrlError::Long));
    }
}
