//! What takes its time elsewhere: connections coming up and host names being looked up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use node::ConnId;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};

use crate::fence::Fence;
use crate::sockets::{dial, in_plain_words};

#[derive(Debug, Default)]
pub(super) struct Errands {
    under_way: JoinSet<Errand>,
    dialling: HashMap<ConnId, AbortHandle>,
}

/// What came of one.
#[derive(Debug)]
pub(super) enum Errand {
    Dialled { conn: ConnId, result: Result<TcpStream, String> },
    Resolved { token: u64, result: Result<Vec<SocketAddr>, String> },
}

/// How long a name server may take.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);

impl Errands {
    pub(super) fn dial(&mut self, conn: ConnId, to: SocketAddr, source: Option<SocketAddr>) {
        let task = self.under_way.spawn(async move { Errand::Dialled { conn, result: dial(to, source).await } });
        self.dialling.insert(conn, task);
    }

    /// True when the connection was being dialled, and is no longer.
    pub(super) fn give_up(&mut self, conn: ConnId) -> bool {
        let Some(task) = self.dialling.remove(&conn) else { return false };
        task.abort();
        true
    }

    pub(super) fn resolve(&mut self, token: u64, host: String, port: u16, fence: Fence) {
        self.under_way.spawn(async move { Errand::Resolved { token, result: resolve(&host, port, &fence).await } });
    }

    /// The next that is done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Errand> {
        loop {
            match self.under_way.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Errand::Dialled { conn, result }))) => {
                    // A dial that was given up may have succeeded at the same moment.
                    if self.dialling.remove(&conn).is_some() {
                        return Poll::Ready(Errand::Dialled { conn, result });
                    }
                }
                Poll::Ready(Some(Ok(resolved))) => return Poll::Ready(resolved),
                Poll::Ready(Some(Err(error))) => assert!(error.is_cancelled(), "an errand failed: {error}"),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The addresses of a host that are inside the fence.
async fn resolve(host: &str, port: u16, fence: &Fence) -> Result<Vec<SocketAddr>, String> {
    let lookup = tokio::time::timeout(LOOKUP_PATIENCE, tokio::net::lookup_host((host, port)));
    let all: Vec<SocketAddr> = match lookup.await {
        Err(_) => return Err(format!("no name server answered for {host}")),
        Ok(Err(error)) => return Err(format!("no address for {host}: {}", in_plain_words(&error))),
        Ok(Ok(addrs)) => addrs.collect(),
    };
    let inside: Vec<SocketAddr> = all.iter().copied().filter(|addr| fence.allows(addr.ip())).collect();
    match (all.first(), inside.is_empty()) {
        (None, _) => Err(format!("no address for {host}")),
        (Some(outside), true) => Err(format!("{host} is outside the lab, at {}", outside.ip())),
        (Some(_), false) => Ok(inside),
    }
}
