//! Addresses of peers on their way to the session: kept inside the fence, and told once each.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use events::{Event, Source};
use net::Fence;

use crate::voice::Voice;

/// Who has been heard of.
#[derive(Clone)]
pub(crate) struct Found {
    voice: Voice,
    fence: Fence,
    told: Arc<Mutex<BTreeSet<(SocketAddr, bool)>>>,
}

impl Found {
    pub(crate) fn new(voice: Voice, fence: Fence) -> Self {
        Self { voice, fence, told: Arc::default() }
    }

    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// True when the session may hear of this address. Either way it is reported, the first time.
    pub(crate) fn admit(&self, addr: SocketAddr, source: Source) -> bool {
        let inside = addr.port() != 0 && self.fence.allows(addr.ip());
        if self.is_news(addr, inside) {
            let remote = addr.into();
            self.voice.say(match inside {
                true => Event::PeerFound { remote, source },
                false => Event::Fenced { remote, doing: "dial".to_owned() },
            });
        }
        inside
    }

    fn is_news(&self, addr: SocketAddr, inside: bool) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < TOLD_MAX && told.insert((addr, inside))
    }
}

/// Addresses remembered as told. With more, further ones are used untold.
const TOLD_MAX: usize = 10_000;
