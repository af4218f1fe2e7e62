//! A private tracker on real sockets: drives a [`tracker::Tracker`] (BEP 15).
//!
//! One task owns the tracker and all its sockets. Datagrams from outside the fence are thrown away
//! before the tracker sees them; the first from each address is reported. Whatever an ICMP message
//! makes a socket say (a client that is gone refuses our answer) concerns that client alone. The
//! task ends when it is told to, when its last [`TrackerControl`] is gone, or when its future is
//! dropped: nothing outlives its owner.
//!
//! Bounds: one datagram of [`DATAGRAM_BYTES_MAX`] bytes at a time, [`BATCH`] from a socket before the others
//! have their turn, [`ORDERS_MAX`] orders waiting.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use bytes::Bytes;
use events::Event;
use model::{InfoHash, Time};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracker::{Stats, Tracker, TrackerCommand};

use crate::Clock;
use crate::command::EventSink;
use crate::sockets::{ListenError, bind_udp};

/// A tracker that has its sockets and waits to be [run](Self::run).
pub struct TrackerServer<A, S> {
    sockets: Vec<UdpSocket>,
    addrs: Vec<SocketAddr>,
    tracker: Tracker,
    clock: Clock,
    allowed: A,
    sink: S,
    orders: mpsc::Receiver<Order>,
    /// Outside the fence, and reported.
    fenced: BTreeSet<IpAddr>,
    /// Times in a row that the system refused to hand over a datagram.
    errors: u32,
}

/// Tells a running tracker what to do. Cloned freely; the tracker ends with the last one.
#[derive(Debug, Clone)]
pub struct TrackerControl {
    orders: mpsc::Sender<Order>,
}

/// Why a tracker ended against its will. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum TrackerServerError {
    /// The system keeps refusing to hand over datagrams.
    #[error("receive on {addr}: {source}")]
    Receive {
        /// The tracker's socket.
        addr: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

#[derive(Debug)]
enum Order {
    Allow(InfoHash),
    Forbid(InfoHash),
    Shutdown,
}

/// What woke the task.
enum Woken {
    Order(Option<Order>),
    Datagrams,
    Timer,
}

impl<A, S> TrackerServer<A, S>
where
    A: Fn(SocketAddr) -> bool + Send,
    S: EventSink,
{
    /// Takes the addresses, at least one. Port 0 lets the system choose; after the first, it chooses that same
    /// port where it can, so that one URL serves both families. `allowed` is the fence.
    pub fn bind(
        addrs: &[SocketAddr],
        tracker: Tracker,
        clock: Clock,
        allowed: A,
        sink: S,
    ) -> Result<(Self, TrackerControl), ListenError> {
        let mut sockets: Vec<UdpSocket> = Vec::new();
        let mut bound = Vec::new();
        for addr in addrs {
            let socket = bind_like(*addr, bound.first().map(SocketAddr::port))?;
            bound.push(socket.local_addr().unwrap_or(*addr));
            sockets.push(socket);
        }
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let fenced = BTreeSet::new();
        let server = Self { sockets, addrs: bound, tracker, clock, allowed, sink, orders, fenced, errors: 0 };
        Ok((server, TrackerControl { orders: sender }))
    }

    /// Where it can be reached, in the order asked for.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until told to end. The numbers returned are those of the whole time.
    pub async fn run(mut self) -> Result<Stats, TrackerServerError> {
        loop {
            match self.woken().await {
                Woken::Order(None | Some(Order::Shutdown)) => return Ok(self.tracker.stats()),
                Woken::Order(Some(Order::Allow(hash))) => self.tracker.allow(hash),
                Woken::Order(Some(Order::Forbid(hash))) => self.tracker.forbid(hash),
                Woken::Timer => {
                    self.tracker.handle_timeout(self.clock.now());
                    self.carry_out(0).await;
                }
                Woken::Datagrams => self.receive_all().await?,
            }
            self.sink.pause();
        }
    }

    /// Waits for whatever comes first; orders go before datagrams.
    async fn woken(&mut self) -> Woken {
        let Self { sockets, tracker, clock, orders, .. } = self;
        let mut timer = tracker.wake().map(|wake| Box::pin(tokio::time::sleep_until(clock.instant_of(wake.at).into())));
        poll_fn(|cx| {
            if let Poll::Ready(order) = orders.poll_recv(cx) {
                return Poll::Ready(Woken::Order(order));
            }
            // All are asked, so that each will wake us.
            if sockets.iter().filter(|socket| socket.poll_recv_ready(cx).is_ready()).count() > 0 {
                return Poll::Ready(Woken::Datagrams);
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(cx).map(|()| Woken::Timer),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Each socket in turn, until it is empty or its batch is full.
    async fn receive_all(&mut self) -> Result<(), TrackerServerError> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        for at in 0..self.sockets.len() {
            for _ in 0..BATCH {
                match self.sockets[at].try_recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        self.errors = 0;
                        self.datagram(at, from, &buffer[..length]).await;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if concerns_one_client(&error) => {}
                    Err(source) if self.errors < ERRORS_MAX => {
                        tracing::debug!(%source, "receiving failed");
                        self.errors += 1;
                    }
                    Err(source) => return Err(TrackerServerError::Receive { addr: self.addrs[at], source }),
                }
            }
        }
        Ok(())
    }

    async fn datagram(&mut self, socket: usize, from: SocketAddr, bytes: &[u8]) {
        let now = self.clock.now();
        if !(self.allowed)(from) {
            return self.turn_away(now, from);
        }
        self.tracker.handle_datagram(now, from, bytes);
        self.carry_out(socket).await;
    }

    fn turn_away(&mut self, now: Time, from: SocketAddr) {
        if self.fenced.len() < FENCED_TOLD_MAX && self.fenced.insert(from.ip()) {
            self.sink.event(now, Event::Fenced { remote: from.into(), doing: "accept".to_owned() });
        }
    }

    /// Answers leave by the socket that the question came in by, or clients would not take them.
    async fn carry_out(&mut self, socket: usize) {
        while let Some(command) = self.tracker.poll() {
            match command {
                TrackerCommand::Send { to, datagram } => self.send(socket, to, &datagram).await,
                TrackerCommand::Event(event) => self.sink.event(self.clock.now(), event),
            }
        }
    }

    /// An answer that can't be sent is lost, as any datagram may be: clients ask again.
    async fn send(&mut self, socket: usize, to: SocketAddr, datagram: &Bytes) {
        if let Err(error) = self.sockets[socket].send_to(datagram, to).await {
            tracing::debug!(%error, %to, "answer not sent");
        }
    }
}

impl TrackerControl {
    /// Serves one more torrent.
    pub async fn allow(&self, hash: InfoHash) {
        self.tell(Order::Allow(hash)).await;
    }

    /// Serves a torrent no longer, and forgets its peers.
    pub async fn forbid(&self, hash: InfoHash) {
        self.tell(Order::Forbid(hash)).await;
    }

    /// Ends the tracker.
    pub async fn shutdown(&self) {
        self.tell(Order::Shutdown).await;
    }

    /// A tracker that has ended needs no orders.
    async fn tell(&self, order: Order) {
        self.orders.send(order).await.unwrap_or_default();
    }
}

impl<A, S> std::fmt::Debug for TrackerServer<A, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackerServer")
            .field("addrs", &self.addrs)
            .field("tracker", &self.tracker)
            .finish_non_exhaustive()
    }
}

/// A socket at `addr`; where its port is open, at `port` if that is free.
fn bind_like(addr: SocketAddr, port: Option<u16>) -> Result<UdpSocket, ListenError> {
    if addr.port() == 0
        && let Some(port) = port
        && let Ok(socket) = bind_udp(SocketAddr::new(addr.ip(), port))
    {
        return Ok(socket);
    }
    bind_udp(addr)
}

/// True for what one client caused: it is gone and its machine says so by ICMP, or (Windows) its
/// datagram is longer than our buffer.
fn concerns_one_client(error: &io::Error) -> bool {
    const WSAEMSGSIZE: i32 = 10_040;
    let kind = error.kind();
    matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
        || matches!(kind, io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
        || (cfg!(windows) && error.raw_os_error() == Some(WSAEMSGSIZE))
}

/// No announce is longer, whatever the URL in it; what is cut off decides nothing.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// Datagrams taken from one socket before it is another's turn.
const BATCH: usize = 64;

/// Errors in a row after which the sockets are given up.
const ERRORS_MAX: u32 = 64;

/// Orders that wait for the tracker to have time.
const ORDERS_MAX: usize = 64;

/// Addresses outside the fence that are reported; of further ones nothing is said.
const FENCED_TOLD_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use model::{ByteCount, PeerId, Rng};
    use tokio::task::JoinHandle;
    use tracker::{Allowed, AnnounceFacts, Announcer, AnnouncerCommand, TrackerConfig};

    use super::*;

    #[test]
    fn peers_find_each_other_over_both_families() {
        run(async {
            let v6 = std::net::UdpSocket::bind("[::1]:0").is_ok();
            let addrs: &[&str] = if v6 { &["127.0.0.1:0", "[::1]:0"] } else { &["127.0.0.1:0"] };
            let lab = Lab::start(addrs, |_| true);
            for addr in lab.addrs.clone() {
                let alice = lab.announce(addr, HASH, 7_001).await;
                let bob = lab.announce(addr, HASH, 7_002).await;
                assert_eq!(alice.unwrap(), []);
                assert_eq!(bob.unwrap(), [SocketAddr::new(addr.ip(), 7_001)]);
            }
            let announced = lab.events().into_iter().filter(|event| event.kind() == "tracker-announced");
            let all = 2 * lab.addrs.len();
            assert_eq!(announced.count(), all);
            let stats = lab.end().await;
            assert_eq!((stats.announces, stats.peers), (all as u64, all));
        });
    }

    #[test]
    fn torrents_are_allowed_and_forbidden_while_it_runs() {
        run(async {
            let lab = Lab::start(&["127.0.0.1:0"], |_| true);
            let other = InfoHash([9; 20]);
            let refused = lab.announce(lab.addrs[0], other, 7_001).await;
            assert!(refused.unwrap_err().contains("only the torrents of its lab"));
            lab.control.allow(other).await;
            assert_eq!(lab.announce(lab.addrs[0], other, 7_001).await, Ok(vec![]));
            lab.control.forbid(other).await;
            assert!(lab.announce(lab.addrs[0], other, 7_001).await.is_err());
            lab.end().await;
        });
    }

    #[test]
    fn datagrams_from_outside_the_fence_are_reported_once_and_not_answered() {
        run(async {
            let outsider = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let barred = outsider.local_addr().unwrap();
            let lab = Lab::start(&["127.0.0.1:0"], move |from| from != barred);
            for _ in 0..3 {
                outsider.send_to(&connect(), lab.addrs[0]).await.unwrap();
            }
            // Another client's answer shows that those before it have been dealt with.
            lab.announce(lab.addrs[0], HASH, 7_001).await.unwrap();
            let fenced = lab.events().into_iter().filter(|event| event.kind() == "fenced").count();
            assert_eq!(fenced, 1);
            let nothing = outsider.try_recv_from(&mut [0; 100]).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            assert_eq!(lab.end().await.connects, 1);
        });
    }

    #[test]
    fn clients_that_vanish_before_their_answer_disturb_nobody() {
        run(async {
            let lab = Lab::start(&["127.0.0.1:0"], |_| true);
            for _ in 0..20 {
                // The answer meets a closed port, and the system tells our socket so.
                UdpSocket::bind("127.0.0.1:0").await.unwrap().send_to(&connect(), lab.addrs[0]).await.unwrap();
            }
            assert_eq!(lab.announce(lab.addrs[0], HASH, 7_001).await, Ok(vec![]));
            assert_eq!(lab.end().await.connects, 21);
        });
    }

    #[test]
    fn it_ends_when_its_last_control_is_gone() {
        run(async {
            let Lab { control, task, .. } = Lab::start(&["127.0.0.1:0"], |_| true);
            let second = control.clone();
            drop(control);
            second.allow(HASH).await;
            drop(second);
            task.await.unwrap().unwrap();
        });
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        run(async {
            let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
            let addr = taken.local_addr().unwrap();
            let bound = TrackerServer::bind(&[addr], tracker(), Clock::start(), |_| true, |_, _| ());
            let error = bound.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(&addr.port().to_string()) && error.contains("taken"), "{error}");
        });
    }

    /// A running tracker, and what it reported.
    struct Lab {
        addrs: Vec<SocketAddr>,
        control: TrackerControl,
        task: JoinHandle<Result<Stats, TrackerServerError>>,
        heard: Arc<Mutex<Vec<Event>>>,
    }

    impl Lab {
        fn start(addrs: &[&str], allowed: impl Fn(SocketAddr) -> bool + Send + 'static) -> Self {
            let addrs: Vec<SocketAddr> = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let sink = {
                let heard = heard.clone();
                move |_: Time, event: Event| heard.lock().unwrap().push(event)
            };
            let (server, control) =
                TrackerServer::bind(&addrs, tracker(), Clock::start(), allowed, sink).expect("loopback can be had");
            let addrs = server.local_addrs().to_vec();
            Self { addrs, control, task: tokio::spawn(server.run()), heard }
        }

        fn events(&self) -> Vec<Event> {
            self.heard.lock().unwrap().clone()
        }

        async fn end(self) -> Stats {
            self.control.shutdown().await;
            self.task.await.unwrap().unwrap()
        }

        /// A client's first announce: the peers it is told of, or the refusal.
        async fn announce(&self, to: SocketAddr, hash: InfoHash, port: u16) -> Result<Vec<SocketAddr>, String> {
            let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await.unwrap();
            let (zero, left) = (ByteCount::ZERO, ByteCount(1));
            let facts = AnnounceFacts { downloaded: zero, left, uploaded: zero, port, num_want: -1 };
            let mut rng = Rng::from_seed(port.into());
            let id = PeerId::generate(&mut rng);
            let mut announcer = Announcer::new(vec![vec![format!("udp://{to}")]], hash, id, &mut rng);
            announcer.start(Time::ZERO, facts);
            let mut peers = Vec::new();
            loop {
                while let Some(command) = announcer.poll() {
                    match command {
                        AnnouncerCommand::Send { to, datagram } => {
                            socket.send_to(&datagram, to).await.unwrap();
                        }
                        AnnouncerCommand::Peers(told) => peers = told,
                        AnnouncerCommand::Event(Event::AnnounceRefused { reason, .. }) => return Err(reason),
                        AnnouncerCommand::Event(_) | AnnouncerCommand::Resolve { .. } => {}
                    }
                }
                if announcer.wake().is_some_and(|wake| wake.why.contains("interval")) {
                    return Ok(peers);
                }
                let mut buffer = [0; 2_048];
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                announcer.handle_datagram(Time::ZERO, from, &buffer[..length], facts);
            }
        }
    }

    fn tracker() -> Tracker {
        let allowed = Allowed::Only(BTreeSet::from([HASH]));
        Tracker::new(TrackerConfig::new(allowed, [3; 16]), Rng::from_seed(1))
    }

    fn connect() -> Bytes {
        tracker::Request::Connect { transaction: tracker::TransactionId(1) }.to_bytes()
    }

    /// To its end, which must come soon: a tracker that does not answer would hang otherwise.
    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await });
        ended.expect("the tracker went silent");
    }

    const HASH: InfoHash = InfoHash([1; 20]);
}
