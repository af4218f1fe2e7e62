//! Who has it, and when the sharer may go: a fold over the events of the sharer's own peer and, where it
//! runs one, of its own tracker.
//!
//! A recipient is a peer id. It has the content when its own account says so to the last piece, or when
//! our own tracker heard it say so. What cannot be known is said: a client that hangs up at 99 % may
//! have had the rest from somebody else; two peers at one address may be one person; and who lies about
//! its pieces is believed, for it only harms itself.
//!
//! Nobody is cut off in the middle: when the goal is reached, or the time is up, those who are being
//! served are finished first, for as long as bytes move and within a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use events::{Direction, Event, Remote};
use model::{ByteCount, PeerId, Rate, Time};

/// When a share has done its work. With neither, only its user ends it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Goal {
    /// So many recipients have everything.
    pub recipients: Option<u32>,
    /// The moment has come.
    pub until: Option<Time>,
}

/// What is known of a share in progress. Tell it every event with [`handle_event`](Self::handle_event) and the
/// time with [`handle_time`](Self::handle_time), about once a second; stop when [`end`](Self::end) says so.
#[derive(Debug, Clone)]
pub struct Delivery {
    me: PeerId,
    goal: Goal,
    phase: Phase,
    recipients: BTreeMap<PeerId, Recipient>,
    connections: BTreeMap<u64, Connection>,
    trackers: BTreeMap<String, TrackerState>,
    visitors: Visitors,
    uploaded: ByteCount,
}

/// One peer that takes, or took, what is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// From 1, in the order of their coming.
    pub number: u32,
    /// Where it was seen last; `None` where only our tracker knows of it.
    pub remote: Option<Remote>,
    /// Name and version of its program, by its own account.
    pub client: String,
    /// Pieces it has.
    pub have: u32,
    /// Pieces there are; 0 while it has not said what it has.
    pub pieces: u32,
    /// Bytes that it got from here.
    pub sent: ByteCount,
    /// What it gets from here.
    pub rate: Rate,
    /// A connection is up.
    pub connected: bool,
    /// How it is known that it has everything.
    pub complete: Option<Proof>,
    /// A peer of the same address had everything before this one came with everything: the same person
    /// again, most likely. Not counted.
    pub again: bool,
    /// Of the connections before this one.
    sent_before: ByteCount,
    moved_at: Time,
}

/// How it is known that a recipient has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By its own account, piece after piece.
    Pieces,
    /// It had everything when it came.
    CameWithAll,
    /// It told our tracker.
    Tracker,
}

/// How many have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Recipients that have everything.
    pub complete: u32,
    /// Recipients that left with nearly everything: they may have the rest from others.
    pub perhaps: u32,
    /// Recipients of `complete` beyond the first of their address: perhaps the same person.
    pub same_address: u32,
    /// How many there shall be.
    pub wanted: Option<u32>,
}

/// What a tracker answered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerState {
    /// It was asked.
    Asked,
    /// It knows us, and so many others.
    Answers { seeders: u32, leechers: u32 },
    /// It said no, in its own words.
    Refuses(String),
    /// It does not answer.
    Fails(String),
}

/// Whether others can dial in, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visitors {
    /// Somebody of the same machine or network did.
    pub near: u32,
    /// Somebody of the internet did.
    pub far: u32,
}

/// What the share is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// What lies on disk is compared with the torrent.
    Checking,
    /// Whoever comes is served.
    Seeding,
    /// The end has come for this reason, but for these recipients, who are in the middle.
    Finishing { why: Why, since: Time, waits_for: BTreeSet<PeerId> },
    /// It is over: `cut_off` recipients were in the middle of it all the same.
    Over { end: End, cut_off: u32 },
}

/// Why a share comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// As many as wanted have everything.
    Delivered,
    /// The time is up.
    TimeIsUp,
    /// Its user wants it.
    Asked,
}

/// How a share ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// In good order.
    Well(Why),
    /// It cannot go on.
    Failed(String),
}

#[derive(Debug, Clone)]
struct Connection {
    direction: Direction,
    remote: Remote,
    peer: Option<PeerId>,
}

impl Delivery {
    /// At the start of a share by the peer `me`.
    pub fn new(me: PeerId, goal: Goal) -> Self {
        Self {
            me,
            goal,
            phase: Phase::Checking,
            recipients: BTreeMap::new(),
            connections: BTreeMap::new(),
            trackers: BTreeMap::new(),
            visitors: Visitors::default(),
            uploaded: ByteCount::ZERO,
        }
    }

    // ---- facts ----

    /// Something happened at our peer, or at our own tracker.
    pub fn handle_event(&mut self, now: Time, event: &Event) {
        match event {
            Event::Checked { have, pieces, .. } => self.checked(*have, *pieces),
            Event::Stopped { why, .. } => self.fail(why.clone()),
            Event::Progress { uploaded, .. } => self.uploaded = *uploaded,
            Event::Connected { conn, remote, direction } => self.connected(*conn, remote, *direction),
            Event::HandshakeReceived { conn, peer_id, client, .. } => self.met(now, *conn, *peer_id, client),
            Event::ExtensionsReceived { conn, client: Some(client), .. } => {
                if let Some(recipient) = self.at(*conn) {
                    recipient.client.clone_from(client);
                }
            }
            Event::BitfieldReceived { conn, have, pieces, .. } => self.shown(now, *conn, *have, *pieces),
            Event::PeerProgress { conn, have, pieces, sent, up, .. } => {
                self.moved(now, *conn, (*have, *pieces), *sent, *up);
            }
            Event::Exchanged { remote, sent, .. } => self.exchanged(remote, *sent),
            Event::Closed { conn, .. } => self.closed(*conn),
            Event::TrackerAnnounced { remote, peer_id, left, event, .. } if *left == ByteCount::ZERO => {
                self.announced(now, *peer_id, remote, event);
            }
            Event::AnnounceSent { tracker, .. } => {
                self.trackers.entry(tracker.clone()).or_insert(TrackerState::Asked);
            }
            Event::AnnounceAnswered { tracker, seeders, leechers, .. } => {
                let answers = TrackerState::Answers { seeders: *seeders, leechers: *leechers };
                self.trackers.insert(tracker.clone(), answers);
            }
            Event::AnnounceRefused { tracker, reason } => {
                self.trackers.insert(tracker.clone(), TrackerState::Refuses(reason.clone()));
            }
            Event::AnnounceFailed { tracker, why, .. } => {
                self.trackers.insert(tracker.clone(), TrackerState::Fails(why.clone()));
            }
            _ => {}
        }
        self.decide(now);
    }

    /// Time passed.
    pub fn handle_time(&mut self, now: Time) {
        self.decide(now);
    }

    /// The user wants an end: those who are being served are finished first. A second time nobody is.
    pub fn stop(&mut self, now: Time) {
        match self.phase {
            Phase::Over { .. } => {}
            Phase::Finishing { why, .. } => self.over(End::Well(why)),
            Phase::Checking | Phase::Seeding => self.finish(now, Why::Asked),
        }
    }

    fn checked(&mut self, have: u32, pieces: u32) {
        if have < pieces {
            self.fail(format!("only {have} of {pieces} pieces on disk are as the torrent describes them"));
        } else if self.phase == Phase::Checking {
            self.phase = Phase::Seeding;
        }
    }

    fn connected(&mut self, conn: u64, remote: &Remote, direction: Direction) {
        if self.connections.len() < CONNECTIONS_MAX {
            self.connections.insert(conn, Connection { direction, remote: remote.clone(), peer: None });
        }
    }

    fn met(&mut self, now: Time, conn: u64, peer_id: PeerId, client: &str) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.peer = Some(peer_id);
        let (direction, remote) = (connection.direction, connection.remote.clone());
        if direction == Direction::In {
            match address(&remote) {
                Some(ip) if is_far(ip) => self.visitors.far += 1,
                _ => self.visitors.near += 1,
            }
        }
        let Some(recipient) = self.recipient(now, peer_id) else { return };
        recipient.remote = Some(remote);
        recipient.connected = true;
        recipient.sent_before = recipient.sent;
        recipient.moved_at = now;
        if recipient.client.is_empty() {
            client.clone_into(&mut recipient.client);
        }
    }

    /// What a peer has when it comes.
    fn shown(&mut self, now: Time, conn: u64, have: u32, pieces: u32) {
        let Some(recipient) = self.at(conn) else { return };
        let is_new = recipient.pieces == 0;
        (recipient.have, recipient.pieces) = (have, pieces);
        recipient.moved_at = now;
        if have == pieces && recipient.complete.is_none() {
            recipient.complete = Some(if is_new { Proof::CameWithAll } else { Proof::Pieces });
            if is_new && let Some(id) = self.connections.get(&conn).and_then(|connection| connection.peer) {
                self.look_for_the_same(id);
            }
        }
    }

    /// Somebody came with everything: is it one that had everything before, and came again under another id?
    fn look_for_the_same(&mut self, id: PeerId) {
        let ip_of = |recipient: &Recipient| recipient.remote.as_ref().and_then(address);
        let Some(ip) = self.recipients.get(&id).and_then(ip_of) else { return };
        let before = |(other, recipient): (&PeerId, &Recipient)| {
            *other != id && recipient.complete.is_some() && !recipient.connected && ip_of(recipient) == Some(ip)
        };
        let again = self.recipients.iter().any(before);
        if let Some(recipient) = self.recipients.get_mut(&id) {
            recipient.again = again;
        }
    }

    fn moved(&mut self, now: Time, conn: u64, (have, pieces): (u32, u32), sent: ByteCount, rate: Rate) {
        let Some(recipient) = self.at(conn) else { return };
        let sent = recipient.sent_before + sent;
        if have > recipient.have || sent > recipient.sent {
            recipient.moved_at = now;
        }
        (recipient.have, recipient.pieces, recipient.sent, recipient.rate) = (have, pieces, sent, rate);
        if have == pieces {
            recipient.complete.get_or_insert(Proof::Pieces);
        }
    }

    /// A connection's sum: it may be more than was told of it last.
    fn exchanged(&mut self, remote: &Remote, sent: ByteCount) {
        let recipient = self.recipients.values_mut().find(|recipient| recipient.remote.as_ref() == Some(remote));
        if let Some(recipient) = recipient {
            recipient.sent = recipient.sent.max(recipient.sent_before + sent);
        }
    }

    fn closed(&mut self, conn: u64) {
        let Some(id) = self.connections.remove(&conn).and_then(|connection| connection.peer) else { return };
        let is_here = self.connections.values().any(|connection| connection.peer == Some(id));
        if let Some(recipient) = self.recipients.get_mut(&id).filter(|_| !is_here) {
            (recipient.connected, recipient.rate) = (false, Rate(0));
        }
    }

    /// Somebody told our tracker that it lacks nothing.
    fn announced(&mut self, now: Time, id: PeerId, remote: &Remote, event: &str) {
        let Some(recipient) = self.recipient(now, id) else { return };
        recipient.remote.get_or_insert_with(|| remote.clone());
        if recipient.complete.is_some() {
            return;
        }
        let was_met = recipient.connected || recipient.pieces > 0 || !recipient.client.is_empty();
        if !was_met && event == "completed" && self.is_another_name_of_one_we_met(id) {
            return;
        }
        let Some(recipient) = self.recipients.get_mut(&id) else { return };
        let came_with_all = event != "completed" && recipient.pieces == 0;
        recipient.complete = Some(if came_with_all { Proof::CameWithAll } else { Proof::Tracker });
        if came_with_all {
            self.look_for_the_same(id);
        }
    }

    /// Some clients (libtorrent since 1.2, so qBittorrent too) have another peer id on each connection than the one that they
    /// tell trackers. One that nobody met, at the address of one that we did meet, is that one; were it another
    /// person of the same household, we would only stay a little longer than needed.
    fn is_another_name_of_one_we_met(&mut self, id: PeerId) -> bool {
        let ip_of = |recipient: &Recipient| recipient.remote.as_ref().and_then(address);
        let Some(ip) = self.recipients.get(&id).and_then(ip_of) else { return false };
        let met = |(other, recipient): &(&PeerId, &Recipient)| {
            **other != id && !recipient.again && recipient.pieces > 0 && ip_of(recipient) == Some(ip)
        };
        let of_this_address = || self.recipients.iter().filter(met);
        let unfinished = of_this_address().find(|(_, recipient)| recipient.complete.is_none());
        let Some((&other, _)) = unfinished.or_else(|| of_this_address().next()) else { return false };
        if let Some(other) = self.recipients.get_mut(&other) {
            other.complete.get_or_insert(Proof::Tracker);
        }
        if let Some(recipient) = self.recipients.get_mut(&id) {
            recipient.again = true;
        }
        true
    }

    fn fail(&mut self, why: String) {
        self.over(End::Failed(why));
    }

    // ---- decisions ----

    fn decide(&mut self, now: Time) {
        match &mut self.phase {
            Phase::Checking | Phase::Over { .. } => {}
            Phase::Seeding => {
                let tally = self.tally();
                if tally.wanted.is_some_and(|wanted| tally.complete >= wanted) {
                    self.finish(now, Why::Delivered);
                } else if self.goal.until.is_some_and(|until| now >= until) {
                    self.finish(now, Why::TimeIsUp);
                }
            }
            Phase::Finishing { why, since, waits_for } => {
                let recipients = &self.recipients;
                waits_for.retain(|id| recipients.get(id).is_some_and(|recipient| recipient.is_served(now)));
                if waits_for.is_empty() || now.since(*since) >= FINISHING_MAX {
                    let end = End::Well(*why);
                    self.over(end);
                }
            }
        }
    }

    fn finish(&mut self, now: Time, why: Why) {
        let served = self.recipients.iter().filter(|(_, recipient)| recipient.is_served(now));
        let waits_for: BTreeSet<PeerId> = served.map(|(id, _)| *id).collect();
        self.phase = Phase::Finishing { why, since: now, waits_for };
        self.decide(now);
    }

    fn over(&mut self, end: End) {
        if !matches!(self.phase, Phase::Over { .. }) {
            let cut_off = self.recipients.values().filter(|one| one.connected && one.complete.is_none()).count() as u32;
            self.phase = Phase::Over { end, cut_off };
        }
    }

    // ---- what is known ----

    /// What the share is at.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// How it ended, once it has.
    pub fn end(&self) -> Option<&End> {
        match &self.phase {
            Phase::Over { end, .. } => Some(end),
            _ => None,
        }
    }

    /// All recipients, in the order of their coming.
    pub fn recipients(&self) -> Vec<&Recipient> {
        let mut all: Vec<&Recipient> = self.recipients.values().collect();
        all.sort_by_key(|recipient| recipient.number);
        all
    }

    /// How many have it.
    pub fn tally(&self) -> Tally {
        let complete = || self.recipients.values().filter(|one| one.complete.is_some() && !one.again);
        let addresses: BTreeSet<IpAddr> = complete().filter_map(|one| one.remote.as_ref().and_then(address)).collect();
        let of_known_address = complete().filter(|one| one.remote.as_ref().and_then(address).is_some()).count();
        Tally {
            complete: complete().count() as u32,
            perhaps: self.recipients.values().filter(|one| one.left_with_nearly_all()).count() as u32,
            same_address: (of_known_address - addresses.len()) as u32,
            wanted: self.goal.recipients,
        }
    }

    /// Each tracker and what it answered last.
    pub fn trackers(&self) -> impl Iterator<Item = (&str, &TrackerState)> {
        self.trackers.iter().map(|(url, state)| (url.as_str(), state))
    }

    /// Who dialled in.
    pub fn visitors(&self) -> Visitors {
        self.visitors
    }

    /// Bytes of content that left, to all. Our peer's own sum comes once a second, a connection's at its end.
    pub fn uploaded(&self) -> ByteCount {
        self.uploaded.max(self.recipients.values().map(|recipient| recipient.sent).sum())
    }

    fn at(&mut self, conn: u64) -> Option<&mut Recipient> {
        let id = self.connections.get(&conn)?.peer?;
        self.recipients.get_mut(&id)
    }

    /// The recipient of this id, which is not ourselves; a new one where there is room.
    fn recipient(&mut self, now: Time, id: PeerId) -> Option<&mut Recipient> {
        if id == self.me || (self.recipients.len() >= RECIPIENTS_MAX && !self.recipients.contains_key(&id)) {
            return None;
        }
        let number = self.recipients.len() as u32 + 1;
        Some(self.recipients.entry(id).or_insert_with(|| Recipient::new(number, now)))
    }
}

impl Recipient {
    fn new(number: u32, now: Time) -> Self {
        Self {
            number,
            remote: None,
            client: String::new(),
            have: 0,
            pieces: 0,
            sent: ByteCount::ZERO,
            rate: Rate(0),
            connected: false,
            complete: None,
            again: false,
            sent_before: ByteCount::ZERO,
            moved_at: now,
        }
    }

    /// Share of the pieces it has, in per cent, rounded down.
    pub fn percent(&self) -> u32 {
        if self.pieces == 0 { 0 } else { (u64::from(self.have) * 100 / u64::from(self.pieces)) as u32 }
    }

    /// It is here, wants more, and something moves.
    fn is_served(&self, now: Time) -> bool {
        self.connected && self.complete.is_none() && now.since(self.moved_at) < STALLED_AFTER
    }

    fn left_with_nearly_all(&self) -> bool {
        self.complete.is_none()
            && !self.connected
            && self.pieces > 0
            && u64::from(self.have) * 100 >= u64::from(self.pieces) * NEARLY_ALL_PERCENT
    }
}

impl fmt::Display for Tally {
    /// `at least 2 of 3 have it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.perhaps > 0 && self.wanted != Some(self.complete) { "at least " } else { "" };
        match (self.complete, self.wanted) {
            (0, None) if self.perhaps == 0 => write!(f, "nobody has it yet"),
            (complete, Some(wanted)) => write!(f, "{least}{complete} of {wanted} have it"),
            (1, None) => write!(f, "{least}1 has it"),
            (complete, None) => write!(f, "{least}{complete} have it"),
        }
    }
}

/// The address behind a name for the other side, where it is one.
fn address(remote: &Remote) -> Option<IpAddr> {
    match remote {
        Remote::Addr(addr) => Some(SocketAddr::ip(addr).to_canonical()),
        Remote::Name(_) => None,
    }
}

/// Neither of this machine nor of a private network.
fn is_far(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

/// Who took nothing for so long is not in the middle of anything. Longer than a choke round, in which
/// everybody may have to wait for its turn.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Who is served at the end is finished within this, or not at all.
pub const FINISHING_MAX: Duration = Duration::from_secs(30 * 60);

/// With so much, one who leaves may have had the rest from another.
const NEARLY_ALL_PERCENT: u64 = 99;

/// Recipients and connections that are remembered: a public swarm may have any number of either.
const RECIPIENTS_MAX: usize = 10_000;
const CONNECTIONS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use events::ClosedBy;

    use super::*;

    #[test]
    fn it_ends_when_as_many_as_wanted_have_every_piece() {
        let mut share = Share::to(2);
        share.comes(1, "10.0.0.1:1", 0);
        share.comes(2, "10.0.0.2:1", 0);
        share.has(1, 4);
        assert_eq!(share.delivery.end(), None);
        assert_eq!(share.delivery.tally().to_string(), "1 of 2 have it");
        share.has(2, 4);
        assert_eq!(share.delivery.end(), Some(&End::Well(Why::Delivered)));
        assert_eq!(share.delivery.tally().to_string(), "2 of 2 have it");
    }

    #[test]
    fn nobody_is_cut_off_in_the_middle_when_enough_have_it() {
        let mut share = Share::to(1);
        share.comes(1, "10.0.0.1:1", 0);
        share.comes(2, "10.0.0.2:1", 0);
        share.has(2, 2);
        share.has(1, 4);
        assert!(matches!(share.delivery.phase(), Phase::Finishing { why: Why::Delivered, .. }));
        share.passes(10);
        share.has(2, 3);
        share.passes(29);
        assert_eq!(share.delivery.end(), None, "something moved 29 s ago");
        share.has(2, 4);
        assert_eq!(share.delivery.phase(), &Phase::Over { end: End::Well(Why::Delivered), cut_off: 0 });
    }

    #[test]
    fn the_time_that_is_up_cuts_nobody_off_but_who_moves_no_more() {
        let mut share = Share::until(100);
        share.comes(1, "10.0.0.1:1", 0);
        share.comes(2, "10.0.0.2:1", 0);
        share.passes(90);
        share.has(1, 1);
        share.passes(10);
        let Phase::Finishing { why: Why::TimeIsUp, waits_for, .. } = share.delivery.phase() else {
            panic!("{:?}", share.delivery.phase())
        };
        assert_eq!(waits_for, &BTreeSet::from([id(1)]), "the second has stood still since it came");
        share.passes(20);
        assert_eq!(share.delivery.phase(), &Phase::Over { end: End::Well(Why::TimeIsUp), cut_off: 2 });
    }

    #[test]
    fn finishing_has_a_bound_and_waits_for_no_newcomer() {
        let mut share = Share::until(1);
        share.comes(1, "10.0.0.1:1", 0);
        share.passes(1);
        share.comes(2, "10.0.0.2:1", 0);
        let mut sent = 0;
        while share.delivery.end().is_none() {
            sent += 1;
            share.gets(1, sent);
            share.gets(2, sent);
            share.passes(20);
            assert!(share.now <= 2 + FINISHING_MAX.as_secs() + 20, "for ever");
        }
        let mut share = Share::until(1);
        share.comes(1, "10.0.0.1:1", 0);
        share.passes(1);
        share.comes(2, "10.0.0.2:1", 0);
        share.has(1, 4);
        assert!(share.delivery.end().is_some(), "the second came when the end had begun");
    }

    #[test]
    fn ctrl_c_finishes_who_is_served_and_a_second_one_nobody() {
        let mut share = Share::to(9);
        share.comes(1, "10.0.0.1:1", 0);
        share.delivery.stop(share.time());
        assert!(matches!(share.delivery.phase(), Phase::Finishing { why: Why::Asked, .. }));
        share.delivery.stop(share.time());
        assert_eq!(share.delivery.phase(), &Phase::Over { end: End::Well(Why::Asked), cut_off: 1 });
        let mut idle = Share::to(9);
        idle.delivery.stop(idle.time());
        assert_eq!(idle.delivery.end(), Some(&End::Well(Why::Asked)));
    }

    #[test]
    fn who_hangs_up_at_99_percent_counts_as_perhaps() {
        let mut share = Share::of(200, Goal { recipients: Some(3), until: None });
        for (who, addr) in [(1, "10.0.0.1:1"), (2, "10.0.0.2:1"), (3, "10.0.0.3:1")] {
            share.comes(who, addr, 0);
        }
        share.has(1, 200);
        share.has(2, 200);
        share.has(3, 197);
        share.goes(3);
        assert_eq!(share.delivery.tally().to_string(), "2 of 3 have it", "98 % is not nearly all");
        share.comes(3, "10.0.0.3:2", 198);
        share.goes(3);
        let tally = share.delivery.tally();
        assert_eq!((tally.to_string().as_str(), tally.perhaps), ("at least 2 of 3 have it", 1));
        share.comes(3, "10.0.0.3:3", 200);
        assert_eq!(share.delivery.end(), Some(&End::Well(Why::Delivered)), "it came again, with everything");
    }

    #[test]
    fn the_same_person_who_comes_again_with_everything_is_counted_once() {
        let mut share = Share::to(2);
        share.comes(1, "10.0.0.1:1", 0);
        share.has(1, 4);
        share.goes(1);
        share.comes(7, "10.0.0.1:9", 4);
        assert_eq!(share.delivery.tally().complete, 1);
        assert!(share.delivery.recipients()[1].again);
        // Two who fetch at once from one address may be two friends: counted, and said.
        let mut share = Share::to(3);
        share.comes(1, "10.0.0.1:1", 0);
        share.comes(2, "10.0.0.1:2", 0);
        share.has(1, 4);
        share.has(2, 4);
        let tally = share.delivery.tally();
        assert_eq!((tally.complete, tally.same_address), (2, 1));
    }

    #[test]
    fn our_own_tracker_knows_of_those_that_we_never_met() {
        let mut share = Share::to(1);
        share.tell(&announced(ME, 0, "started"));
        share.tell(&announced(id(1), 5, "started"));
        assert_eq!(share.delivery.tally().complete, 0, "the sharer is no recipient");
        share.tell(&announced(id(1), 0, "completed"));
        assert_eq!(share.delivery.recipients()[0].complete, Some(Proof::Tracker));
        assert_eq!(share.delivery.end(), Some(&End::Well(Why::Delivered)));

        // A client that was started again has another id, and everything.
        let mut share = Share::to(2);
        share.tell(&announced(id(1), 0, "completed"));
        share.tell(&announced(id(2), 0, "started"));
        assert_eq!(share.delivery.tally().complete, 1);
        assert_eq!(share.delivery.end(), None);
    }

    #[test]
    fn a_client_with_another_id_for_trackers_is_counted_once() {
        let mut share = Share::to(2);
        share.comes(1, "10.0.0.9:40000", 0);
        share.has(1, 3);
        share.tell(&announced(id(7), 0, "completed"));
        assert_eq!(share.delivery.recipients()[0].complete, Some(Proof::Tracker), "it told by its other name");
        share.has(1, 4);
        assert_eq!((share.delivery.tally().complete, share.delivery.end()), (1, None));
    }

    fn announced(who: PeerId, left: u64, event: &str) -> Event {
        Event::TrackerAnnounced {
            remote: "10.0.0.9:1".into(),
            info_hash: model::InfoHash([1; 20]),
            peer_id: who,
            event: event.to_owned(),
            port: 1,
            left: ByteCount(left),
            downloaded: ByteCount(0),
            uploaded: ByteCount(0),
            returned: 0,
            seeders: 0,
            leechers: 0,
        }
    }

    #[test]
    fn content_that_is_not_what_the_torrent_describes_is_no_share() {
        let mut delivery = Delivery::new(ME, Goal::default());
        delivery.handle_event(Time::ZERO, &Event::Checked { have: 3, pieces: 4, bytes: ByteCount(3) });
        let Some(End::Failed(why)) = delivery.end() else { panic!("{:?}", delivery.phase()) };
        assert!(why.contains("3 of 4"), "{why}");
    }

    #[test]
    fn who_dialled_in_from_afar_proves_that_it_can_be_reached() {
        let mut share = Share::to(9);
        share.comes(1, "192.168.1.7:1", 0);
        assert_eq!(share.delivery.visitors(), Visitors { near: 1, far: 0 });
        share.comes(2, "203.0.113.5:1", 0);
        assert_eq!(share.delivery.visitors(), Visitors { near: 1, far: 1 });
    }

    #[test]
    fn bytes_of_several_connections_add_up() {
        let mut share = Share::to(9);
        share.comes(1, "10.0.0.1:1", 0);
        share.gets(1, 300);
        share.tell(&Event::Exchanged { remote: "10.0.0.1:1".into(), sent: ByteCount(400), received: ByteCount(0) });
        share.goes(1);
        share.comes(1, "10.0.0.1:2", 1);
        share.gets(1, 50);
        assert_eq!(share.delivery.recipients()[0].sent, ByteCount(450));
    }

    const ME: PeerId = PeerId([0; 20]);

    fn id(who: u8) -> PeerId {
        PeerId([who; 20])
    }

    /// A share whose peers are numbered, and so are their connections.
    struct Share {
        delivery: Delivery,
        pieces: u32,
        now: u64,
    }

    impl Share {
        fn to(recipients: u32) -> Self {
            Self::of(4, Goal { recipients: Some(recipients), until: None })
        }

        fn until(secs: u64) -> Self {
            Self::of(4, Goal { recipients: None, until: Some(Time::from_secs(secs)) })
        }

        fn of(pieces: u32, goal: Goal) -> Self {
            let mut share = Self { delivery: Delivery::new(ME, goal), pieces, now: 0 };
            share.tell(&Event::Checked { have: pieces, pieces, bytes: ByteCount(1) });
            share
        }

        fn time(&self) -> Time {
            Time::from_secs(self.now)
        }

        fn tell(&mut self, event: &Event) {
            self.delivery.handle_event(self.time(), event);
        }

        fn passes(&mut self, secs: u64) {
            self.now += secs;
            self.delivery.handle_time(self.time());
        }

        fn comes(&mut self, who: u8, addr: &str, have: u32) {
            let (conn, remote, pieces) = (who.into(), Remote::Addr(addr.parse().unwrap()), self.pieces);
            self.tell(&Event::Connected { conn, remote: remote.clone(), direction: Direction::In });
            self.tell(&Event::HandshakeReceived {
                conn,
                remote: remote.clone(),
                info_hash: model::InfoHash([1; 20]),
                peer_id: id(who),
                client: "a client".to_owned(),
                reserved: Vec::new(),
            });
            self.tell(&Event::BitfieldReceived { conn, remote, have, pieces });
        }

        fn has(&mut self, who: u8, have: u32) {
            self.progress(who, have, 0);
        }

        fn gets(&mut self, who: u8, sent: u64) {
            self.progress(who, 1, sent);
        }

        fn progress(&mut self, who: u8, have: u32, sent: u64) {
            let (conn, remote, pieces) = (who.into(), "x".into(), self.pieces);
            let (sent, received) = (ByteCount(sent), ByteCount(0));
            let event = Event::PeerProgress { conn, remote, have, pieces, sent, received, up: Rate(1), down: Rate(0) };
            self.tell(&event);
        }

        fn goes(&mut self, who: u8) {
            let (conn, remote) = (who.into(), "x".into());
            self.tell(&Event::Closed { conn, remote, by: ClosedBy::Them, why: String::new() });
        }
    }
}
