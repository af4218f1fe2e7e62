//! Puts the cast's names in the place of addresses.
//!
//! A peer knows others by address, and of one that dialled in only a passing port. The lab
//! knows who listens where and whose peer id is whose. A dialled address is looked up among
//! the listening ones; any other is learnt, for the peer that reports it, from the handshake, or failing
//! that from an address that a single member has for itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use model::PeerId;

use crate::{Event, Record, Remote};

/// What is known of names so far. Feed it every record of a run in order.
#[derive(Debug, Clone, Default)]
pub struct Names {
    listening: BTreeMap<SocketAddr, String>,
    ids: BTreeMap<PeerId, String>,
    /// Keyed by who reports and what address it saw.
    met: BTreeMap<(String, SocketAddr), String>,
}

impl Names {
    /// Tells that `name` listens at `addr`: for programs that do not report it themselves.
    pub fn listens(&mut self, name: &str, addr: SocketAddr) {
        self.listening.insert(addr, name.to_owned());
    }

    /// Tells that `name` uses `id`.
    pub fn uses_id(&mut self, name: &str, id: PeerId) {
        self.ids.insert(id, name.to_owned());
    }

    /// Tells that it was `name` whom `observer` met at `addr`, such as an address that a NAT gave out.
    pub fn met(&mut self, observer: &str, addr: SocketAddr, name: &str) {
        self.met.insert((observer.to_owned(), addr), name.to_owned());
    }

    /// Learns from the record and rewrites the addresses in it that have a name.
    pub fn apply(&mut self, record: &mut Record) {
        self.learn(record);
        for remote in record.event.remotes_mut() {
            if let Remote::Addr(addr) = remote
                && let Some(name) = self.name_of(&record.peer, *addr)
            {
                *remote = Remote::Name(name.to_owned());
            }
        }
    }

    fn learn(&mut self, record: &Record) {
        match &record.event {
            Event::Started { peer_id, listen, .. } => {
                self.listens(&record.peer, *listen);
                self.uses_id(&record.peer, *peer_id);
            }
            Event::HandshakeReceived { remote: Remote::Addr(addr), peer_id, .. }
            | Event::TrackerAnnounced { remote: Remote::Addr(addr), peer_id, .. } => {
                if let Some(name) = self.ids.get(peer_id) {
                    self.met.insert((record.peer.clone(), *addr), name.clone());
                }
            }
            _ => {}
        }
    }

    fn name_of(&self, observer: &str, addr: SocketAddr) -> Option<&str> {
        let met = self.met.get(&(observer.to_owned(), addr));
        met.or_else(|| self.listening.get(&addr)).or_else(|| self.only_one_at(addr.ip())).map(String::as_str)
    }

    /// The only member that listens at this address, whatever the port. Not for 127.0.0.1, from which
    /// comes whoever does not choose its address.
    fn only_one_at(&self, ip: IpAddr) -> Option<&String> {
        let mut here = self.listening.iter().filter(|(addr, _)| addr.ip() == ip).map(|(_, name)| name);
        let first = here.next().filter(|_| ip != IpAddr::from(Ipv4Addr::LOCALHOST))?;
        here.all(|other| other == first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use model::{InfoHash, Time};

    use super::*;

    #[test]
    fn a_passing_port_gets_its_name_from_the_handshake() {
        let mut names = Names::default();
        names.uses_id("bob", PeerId([7; 20]));
        let passing: SocketAddr = "127.0.0.1:50123".parse().unwrap();
        let mut record = record(Event::HandshakeReceived {
            conn: 1,
            remote: passing.into(),
            info_hash: InfoHash([0; 20]),
            peer_id: PeerId([7; 20]),
            client: String::new(),
            reserved: vec![],
        });
        names.apply(&mut record);
        let mut later = self::record(Event::Interested { conn: 1, remote: passing.into() });
        names.apply(&mut later);
        assert_eq!(later.event.remote(), Some(&Remote::Name("bob".into())));
    }

    #[test]
    fn an_address_of_its_own_names_a_member_at_any_port() {
        let mut names = Names::default();
        names.listens("bob", "127.0.0.3:6881".parse().unwrap());
        names.listens("tracker", "127.0.0.1:6969".parse().unwrap());
        let named = |names: &mut Names, addr: &str| {
            let remote = Remote::from(addr);
            let mut record = record(Event::Interested { conn: 1, remote });
            names.apply(&mut record);
            record.event.remote().map(ToString::to_string)
        };
        assert_eq!(named(&mut names, "127.0.0.3:50000").as_deref(), Some("bob"));
        assert_eq!(named(&mut names, "127.0.0.1:50000").as_deref(), Some("127.0.0.1:50000"));
        names.listens("carol", "127.0.0.3:6882".parse().unwrap());
        assert_eq!(named(&mut names, "127.0.0.3:50000").as_deref(), Some("127.0.0.3:50000"));
    }

    #[test]
    fn an_unknown_address_stays_an_address() {
        let addr: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut record = record(Event::Interested { conn: 1, remote: addr.into() });
        Names::default().apply(&mut record);
        assert_eq!(record.event.remote(), Some(&Remote::Addr(addr)));
    }

    fn record(event: Event) -> Record {
        Record { time: Time::ZERO, peer: "alice".into(), event }
    }
}
