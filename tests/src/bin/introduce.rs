//! Announces to a UDP tracker (BEP 15) on behalf of a peer that does not do it itself, so that others are
//! told of the peer and dial it, and it never dials them.
//!
//! `introduce TRACKER INFO_HASH PEER LEFT`, the peer by its IP:PORT, LEFT in bytes. The announce comes from the peer's
//! IP, as trackers list nobody elsewhere.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use model::{ByteCount, PeerId};
use swarmlab_tests::encryption::INTRODUCED;
use tracker::{AnnounceEvent, AnnounceRequest, Family, Request, Response, TransactionId};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [tracker, info_hash, peer, left] = &args[..] else { panic!("TRACKER INFO_HASH PEER LEFT are wanted") };
    let (tracker, peer): (SocketAddr, SocketAddr) = (tracker.parse().unwrap(), peer.parse().unwrap());
    let socket = UdpSocket::bind((peer.ip(), 0)).unwrap();
    socket.connect(tracker).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();

    let connect = Request::Connect { transaction: TransactionId(1) };
    let Response::Connect { connection, .. } = ask(&socket, &connect, peer) else { panic!("no connection id") };
    let announce = Request::Announce(AnnounceRequest {
        connection,
        transaction: TransactionId(2),
        info_hash: info_hash.parse().unwrap(),
        peer_id: PeerId(INTRODUCED),
        downloaded: ByteCount(0),
        left: ByteCount(left.parse().unwrap()),
        uploaded: ByteCount(0),
        event: AnnounceEvent::Started,
        ip: Ipv4Addr::UNSPECIFIED,
        key: 0,
        num_want: 0,
        port: peer.port(),
        url_data: None,
    });
    match ask(&socket, &announce, peer) {
        Response::Announce(_) => {}
        other => panic!("the tracker says {other:?}"),
    }
}

fn ask(socket: &UdpSocket, request: &Request, peer: SocketAddr) -> Response {
    socket.send(&request.to_bytes()).unwrap();
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).expect("an answer of the tracker");
    Response::parse(&answer[..length], Family::of(peer)).expect("an answer that makes sense")
}

/// Everything is on one machine.
const PATIENCE: Duration = Duration::from_secs(10);
