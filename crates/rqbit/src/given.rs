//! The door for peers that the script adds: a tracker on loopback (BEP 15) that only this session
//! asks, and that answers with what was added.
//!
//! An announce is held until there is something to tell, at most [`HOLD`]. librqbit then waits five
//! seconds before it asks again, so added peers are collected for a moment, to go together.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use events::Source;
use model::InfoHash;
use model::bound::PEERS_PER_MESSAGE_MAX;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracker::codec::AnnounceResponse;
use tracker::{ConnectionId, Family, Request, Response, TransactionId};
use url::Url;

use crate::found::Found;

/// Where to hand in peers.
pub(crate) struct Given {
    found: Found,
    desks: Vec<(Family, Url, mpsc::UnboundedSender<SocketAddr>)>,
}

impl Given {
    /// One desk for each family, because BEP 15 tells a datagram's own family only. A system without
    /// IPv6 gets one.
    pub(crate) async fn open(found: Found) -> io::Result<Self> {
        let mut desks = vec![open_desk(Family::V4).await?];
        desks.extend(open_desk(Family::V6).await.ok());
        Ok(Self { found, desks })
    }

    /// What the session is to ask for every torrent.
    pub(crate) fn urls(&self) -> impl Iterator<Item = Url> {
        self.desks.iter().map(|(_, url, _)| url.clone())
    }

    /// Lets the session hear of a peer, if it is inside the fence.
    pub(crate) fn add(&self, addr: SocketAddr) {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        if !self.found.admit(addr, Source::Given) {
            return;
        }
        for (family, _, desk) in &self.desks {
            if *family == Family::of(addr) {
                let _ending = desk.send(addr);
            }
        }
    }
}

async fn open_desk(family: Family) -> io::Result<(Family, Url, mpsc::UnboundedSender<SocketAddr>)> {
    let socket = UdpSocket::bind(SocketAddr::new(loopback(family), 0)).await?;
    let url = udp_url(socket.local_addr()?)?;
    let (sender, inbox) = mpsc::unbounded_channel();
    tokio::spawn(Desk { socket, added: Vec::new(), told: BTreeMap::new(), held: Vec::new(), settled: None }.run(inbox));
    Ok((family, url, sender))
}

pub(crate) fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

pub(crate) fn udp_url(addr: SocketAddr) -> io::Result<Url> {
    Url::parse(&format!("udp://{addr}/announce")).map_err(io::Error::other)
}

struct Desk {
    socket: UdpSocket,
    added: Vec<SocketAddr>,
    /// How many of `added` each asker knows.
    told: BTreeMap<Asker, usize>,
    held: Vec<Held>,
    /// When those added lately are told.
    settled: Option<Instant>,
}

/// A torrent, and the key that librqbit draws anew when it starts to ask for it.
type Asker = (InfoHash, u32);

struct Held {
    asker: Asker,
    from: SocketAddr,
    transaction: TransactionId,
    until: Instant,
}

impl Desk {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<SocketAddr>) {
        let mut datagram = [0; 2048];
        loop {
            let due = self.held.iter().map(|held| held.until).chain(self.settled).min();
            let wait = due.unwrap_or_else(|| Instant::now() + HOLD);
            tokio::select! {
                // An error is an ICMP complaint about an answer of ours: the asker is gone.
                received = self.socket.recv_from(&mut datagram) => if let Ok((length, from)) = received {
                    self.asked(&datagram[..length], from).await;
                },
                addr = inbox.recv() => match addr {
                    Some(addr) => self.add(addr),
                    None => return,
                },
                () = sleep_until(wait), if due.is_some() => self.answer_all().await,
            }
        }
    }

    fn add(&mut self, addr: SocketAddr) {
        if !self.added.contains(&addr) && self.added.len() < PEERS_PER_MESSAGE_MAX {
            self.added.push(addr);
            self.settled = Some(Instant::now() + SETTLE);
        }
    }

    async fn asked(&mut self, datagram: &[u8], from: SocketAddr) {
        match Request::parse(datagram) {
            Ok(Request::Connect { transaction }) => {
                // Only this machine can reach this socket: the connection id has nothing to prove.
                let answer = Response::Connect { transaction, connection: ConnectionId(1) };
                let _lost = self.socket.send_to(&answer.to_bytes(), from).await;
            }
            Ok(Request::Announce(announce)) if self.held.len() < HELD_MAX => {
                let asker = (announce.info_hash, announce.key);
                let until = Instant::now() + HOLD;
                self.held.push(Held { asker, from, transaction: announce.transaction, until });
                if self.news_for(asker) > 0 {
                    self.settled.get_or_insert(Instant::now() + SETTLE);
                }
            }
            _ => {}
        }
    }

    fn news_for(&self, asker: Asker) -> usize {
        self.added.len() - self.told.get(&asker).copied().unwrap_or(0)
    }

    async fn answer_all(&mut self) {
        let now = Instant::now();
        let settled = self.settled.take_if(|at| *at <= now).is_some();
        for held in std::mem::take(&mut self.held) {
            if (settled && self.news_for(held.asker) > 0) || held.until <= now {
                self.answer(held).await;
            } else {
                self.held.push(held);
            }
        }
    }

    async fn answer(&mut self, held: Held) {
        let known = self.told.insert(held.asker, self.added.len()).unwrap_or(0);
        let answer = Response::Announce(AnnounceResponse {
            transaction: held.transaction,
            interval: 0,
            leechers: 0,
            seeders: 0,
            peers: self.added[known..].to_vec(),
        });
        let _lost = self.socket.send_to(&answer.to_bytes(), held.from).await;
    }
}

/// librqbit gives an answer up after ten seconds, and then waits for a minute.
const HOLD: Duration = Duration::from_secs(8);

const SETTLE: Duration = Duration::from_millis(20);

/// Two for each torrent that is being joined; further ones go unanswered and come again.
const HELD_MAX: usize = 1_000;
