//! Differential tests: what we write `aquatic_udp_protocol` reads as the same values, and the other
//! way round. It is not part of the core itself, because it brings dice along and does not build
//! for the browser.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;

use aquatic_udp_protocol as aquatic;
use aquatic_udp_protocol::{Ipv4AddrBytes, Ipv6AddrBytes};
use model::{ByteCount, InfoHash, PeerId};
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::Config;
use proptest::{prop_assert_eq, prop_oneof, proptest};
use tracker::codec::{AnnounceResponse, ScrapeCounts, ScrapeRequest};
use tracker::{AnnounceEvent, AnnounceRequest, ConnectionId, Family, Request, Response, TransactionId};

proptest! {
    #![proptest_config(Config::with_cases(500))]

    #[test]
    fn requests_are_the_same_to_both(request in request()) {
        let theirs = to_aquatic(&request);
        let ours = request.to_bytes();
        prop_assert_eq!(aquatic::Request::parse_bytes(&ours, 74).ok(), Some(theirs.clone()));
        let mut bytes = Vec::new();
        theirs.write_bytes(&mut bytes).unwrap();
        prop_assert_eq!(bytes.as_slice(), &ours[..bytes.len()], "aquatic knows no options");
        prop_assert_eq!(Request::parse(&bytes), Ok(without_options(request)));
    }

    #[test]
    fn responses_are_the_same_to_both((family, response) in response()) {
        let theirs = response_to_aquatic(family, &response);
        let ours = response.to_bytes();
        prop_assert_eq!(aquatic::Response::parse_bytes(&ours, family == Family::V4).ok(), Some(theirs.clone()));
        let mut bytes = Vec::new();
        theirs.write_bytes(&mut bytes).unwrap();
        prop_assert_eq!(&bytes, &ours.to_vec());
        prop_assert_eq!(Response::parse(&bytes, family), Ok(response));
    }

    /// Of arbitrary bytes, ours reads all that aquatic reads, as the same values.
    #[test]
    fn no_request_that_aquatic_reads_is_refused(
        id in prop_oneof![any::<u64>(), any::<()>().prop_map(|()| 0x0417_2710_1980_u64)],
        action in 0_u32..4,
        rest in prop::collection::vec(any::<u8>(), 0..160),
        event in 0_u8..7,
    ) {
        let mut bytes = [&id.to_be_bytes()[..], &action.to_be_bytes(), &rest].concat();
        if bytes.len() > 84 && action == 1 {
            bytes[80..84].copy_from_slice(&[0, 0, 0, event]);
        }
        if let Ok(theirs) = aquatic::Request::parse_bytes(&bytes, 74) {
            let ours = Request::parse(&bytes);
            prop_assert_eq!(ours.as_ref().ok().map(to_aquatic), Some(theirs));
        }
    }
}

fn request() -> impl Strategy<Value = Request> {
    let ids = || (any::<u64>().prop_map(ConnectionId), any::<u32>().prop_map(TransactionId));
    let hashes = prop::collection::vec(any::<[u8; 20]>().prop_map(InfoHash), 1..=74);
    prop_oneof![
        any::<u32>().prop_map(|transaction| Request::Connect { transaction: TransactionId(transaction) }),
        (ids(), hashes).prop_map(|((connection, transaction), hashes)| {
            Request::Scrape(ScrapeRequest { connection, transaction, hashes })
        }),
        (ids(), any::<([u8; 20], [u8; 20], [u64; 3])>(), event(), rest()).prop_map(
            |((connection, transaction), (hash, id, [downloaded, left, uploaded]), event, rest)| {
                Request::Announce(AnnounceRequest {
                    connection,
                    transaction,
                    info_hash: InfoHash(hash),
                    peer_id: PeerId(id),
                    downloaded: ByteCount(downloaded),
                    left: ByteCount(left),
                    uploaded: ByteCount(uploaded),
                    event,
                    ..rest
                })
            }
        ),
    ]
}

/// The fields from `ip` on.
fn rest() -> impl Strategy<Value = AnnounceRequest> {
    let url = prop::option::of(prop::collection::vec(any::<u8>(), 0..600));
    (any::<[u8; 4]>(), any::<u32>(), any::<i32>(), 1..=u16::MAX, url).prop_map(|(ip, key, num_want, port, url_data)| {
        AnnounceRequest {
            connection: ConnectionId(0),
            transaction: TransactionId(0),
            info_hash: InfoHash([0; 20]),
            peer_id: PeerId([0; 20]),
            downloaded: ByteCount(0),
            left: ByteCount(0),
            uploaded: ByteCount(0),
            event: AnnounceEvent::None,
            ip: Ipv4Addr::from(ip),
            key,
            num_want,
            port,
            url_data,
        }
    })
}

/// Without BEP 21's, which aquatic refuses.
fn event() -> impl Strategy<Value = AnnounceEvent> {
    let events = [AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::Started, AnnounceEvent::Stopped];
    prop::sample::select(events.to_vec())
}

fn response() -> impl Strategy<Value = (Family, Response)> {
    let transaction = || any::<u32>().prop_map(TransactionId);
    let count =
        any::<[u32; 3]>().prop_map(|[seeders, completed, leechers]| ScrapeCounts { seeders, completed, leechers });
    let v4 = prop::collection::vec(any::<([u8; 4], u16)>().prop_map(|(ip, port)| SocketAddr::from((ip, port))), 0..200);
    let v6 = prop::collection::vec(any::<([u8; 16], u16)>().prop_map(|(ip, port)| SocketAddr::from((ip, port))), 0..67);
    let peers = prop_oneof![v4.prop_map(|peers| (Family::V4, peers)), v6.prop_map(|peers| (Family::V6, peers))];
    prop_oneof![
        (transaction(), any::<u64>()).prop_map(|(transaction, id)| {
            (Family::V4, Response::Connect { transaction, connection: ConnectionId(id) })
        }),
        (transaction(), any::<[u32; 3]>(), peers).prop_map(|(transaction, numbers, (family, peers))| {
            let [interval, leechers, seeders] = numbers;
            (family, Response::Announce(AnnounceResponse { transaction, interval, leechers, seeders, peers }))
        }),
        (transaction(), prop::collection::vec(count, 0..74))
            .prop_map(|(transaction, counts)| (Family::V4, Response::Scrape { transaction, counts })),
        (transaction(), ".{0,120}")
            .prop_map(|(transaction, message)| (Family::V6, Response::Error { transaction, message })),
    ]
}

fn without_options(request: Request) -> Request {
    match request {
        Request::Announce(announce) => Request::Announce(AnnounceRequest { url_data: None, ..announce }),
        other => other,
    }
}

fn to_aquatic(request: &Request) -> aquatic::Request {
    match request {
        Request::Connect { transaction } => {
            aquatic::ConnectRequest { transaction_id: their_transaction(*transaction) }.into()
        }
        Request::Scrape(scrape) => aquatic::ScrapeRequest {
            connection_id: their_connection(scrape.connection),
            transaction_id: their_transaction(scrape.transaction),
            info_hashes: scrape.hashes.iter().map(|hash| aquatic::InfoHash(hash.0)).collect(),
        }
        .into(),
        Request::Announce(announce) => announce_to_aquatic(announce).into(),
    }
}

fn announce_to_aquatic(announce: &AnnounceRequest) -> aquatic::AnnounceRequest {
    let event = match announce.event {
        AnnounceEvent::Completed => aquatic::AnnounceEvent::Completed,
        AnnounceEvent::Started => aquatic::AnnounceEvent::Started,
        AnnounceEvent::Stopped => aquatic::AnnounceEvent::Stopped,
        AnnounceEvent::None => aquatic::AnnounceEvent::None,
        AnnounceEvent::Paused => panic!("aquatic does not know it"),
    };
    let amount = |bytes: ByteCount| aquatic::NumberOfBytes::new(bytes.0.cast_signed());
    aquatic::AnnounceRequest {
        connection_id: their_connection(announce.connection),
        action_placeholder: Default::default(),
        transaction_id: their_transaction(announce.transaction),
        info_hash: aquatic::InfoHash(announce.info_hash.0),
        peer_id: aquatic::PeerId(announce.peer_id.0),
        bytes_downloaded: amount(announce.downloaded),
        bytes_left: amount(announce.left),
        bytes_uploaded: amount(announce.uploaded),
        event: event.into(),
        ip_address: announce.ip.into(),
        key: aquatic::PeerKey::new(announce.key.cast_signed()),
        peers_wanted: aquatic::NumberOfPeers::new(announce.num_want),
        port: aquatic::Port::new(NonZeroU16::new(announce.port).unwrap()),
    }
}

fn response_to_aquatic(family: Family, response: &Response) -> aquatic::Response {
    let number = |number: u32| aquatic::NumberOfPeers::new(number.cast_signed());
    match response {
        Response::Connect { transaction, connection } => aquatic::ConnectResponse {
            transaction_id: their_transaction(*transaction),
            connection_id: their_connection(*connection),
        }
        .into(),
        Response::Announce(answer) => {
            let fixed = aquatic::AnnounceResponseFixedData {
                transaction_id: their_transaction(answer.transaction),
                announce_interval: aquatic::AnnounceInterval::new(answer.interval.cast_signed()),
                leechers: number(answer.leechers),
                seeders: number(answer.seeders),
            };
            match family {
                Family::V4 => aquatic::AnnounceResponse { fixed, peers: peers(answer, v4) }.into(),
                Family::V6 => aquatic::AnnounceResponse { fixed, peers: peers(answer, v6) }.into(),
            }
        }
        Response::Scrape { transaction, counts } => aquatic::ScrapeResponse {
            transaction_id: their_transaction(*transaction),
            torrent_stats: counts
                .iter()
                .map(|count| aquatic::TorrentScrapeStatistics {
                    seeders: number(count.seeders),
                    completed: aquatic::NumberOfDownloads::new(count.completed.cast_signed()),
                    leechers: number(count.leechers),
                })
                .collect(),
        }
        .into(),
        Response::Error { transaction, message } => {
            aquatic::ErrorResponse { transaction_id: their_transaction(*transaction), message: message.clone().into() }
                .into()
        }
    }
}

fn peers<I: aquatic::Ip>(answer: &AnnounceResponse, ip: fn(IpAddr) -> I) -> Vec<aquatic::ResponsePeer<I>> {
    answer
        .peers
        .iter()
        .map(|peer| aquatic::ResponsePeer { ip_address: ip(peer.ip()), port: aquatic::Port(peer.port().into()) })
        .collect()
}

fn v4(ip: IpAddr) -> Ipv4AddrBytes {
    match ip {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(_) => panic!("not of the family"),
    }
}

fn v6(ip: IpAddr) -> Ipv6AddrBytes {
    match ip {
        IpAddr::V6(ip) => ip.into(),
        IpAddr::V4(_) => panic!("not of the family"),
    }
}

fn their_transaction(transaction: TransactionId) -> aquatic::TransactionId {
    aquatic::TransactionId::new(transaction.0.cast_signed())
}

fn their_connection(connection: ConnectionId) -> aquatic::ConnectionId {
    aquatic::ConnectionId::new(connection.0.cast_signed())
}
