//! How peers find each other through a tracker, over UDP: the tracker's rules, and the client that
//! asks it.
//!
//! - [`codec`]: BEP 15's datagrams as values, both ways, with BEP 41's options and BEP 7's IPv6 form.
//! - [`server`]: [`Tracker`], a private tracker: who may ask, who is in which swarm, whom to name.
//! - [`announcer`]: [`Announcer`], the announcing side for one torrent: BEP 15's retries, BEP 12's tiers.
//!
//! Both machines hold no socket, clock or dice. They are told facts (`handle_*`) and asked for
//! commands (`poll`) and for the moment they want to be woken at (`wake`). HTTP trackers (BEP 3, 23)
//! are not spoken here.

pub mod announcer;
pub mod codec;
#[doc(hidden)]
pub mod fuzz;
pub mod server;

pub use announcer::{AnnounceFacts, Announcer, AnnouncerCommand};
pub use codec::{
    AnnounceEvent, AnnounceRequest, ConnectionId, Family, Request, RequestError, Response, ResponseError, TransactionId,
};
pub use server::{Allowed, Stats, Tracker, TrackerCommand, TrackerConfig};
