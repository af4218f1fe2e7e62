//! Which connections have something to do, told by the system through one waker a connection. The
//! driver looks at these only, however many others are idle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use node::ConnId;

/// The connections that were signalled and not yet looked at.
#[derive(Debug, Default)]
pub(super) struct ReadyList {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    signalled: Vec<ConnId>,
    driver: Option<Waker>,
}

/// One connection's line to the list.
#[derive(Debug)]
pub(super) struct Signal {
    conn: ConnId,
    /// In the list already.
    raised: AtomicBool,
    list: Arc<ReadyList>,
}

impl ReadyList {
    /// Moves what was signalled into `into`, or asks for the driver to be woken.
    pub(super) fn poll(&self, cx: &Context<'_>, into: &mut Vec<ConnId>) -> Poll<()> {
        let mut state = self.lock();
        if !state.signalled.is_empty() {
            into.append(&mut state.signalled);
            return Poll::Ready(());
        }
        state.driver = Some(cx.waker().clone());
        Poll::Pending
    }

    fn push(&self, conn: ConnId) {
        let driver = {
            let mut state = self.lock();
            state.signalled.push(conn);
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signal {
    pub(super) fn new(conn: ConnId, list: Arc<ReadyList>) -> Arc<Self> {
        Arc::new(Self { conn, raised: AtomicBool::new(false), list })
    }

    /// Puts the connection on the list, once.
    pub(super) fn raise(&self) {
        if !self.raised.swap(true, Ordering::AcqRel) {
            self.list.push(self.conn);
        }
    }

    /// The connection is about to be looked at: later signals count again.
    pub(super) fn lower(&self) {
        self.raised.store(false, Ordering::Release);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}
