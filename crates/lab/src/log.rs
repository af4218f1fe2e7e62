//! The event log of a run: puts names in the place of addresses, writes each event as it comes, and
//! keeps the swarm's state.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;

use events::{Event, Names, Record, Remote, SwarmView};
use model::ByteCount;

/// The one place through which every event of a run goes.
#[derive(Debug)]
pub(crate) struct Log {
    file: BufWriter<File>,
    names: Names,
    /// Addresses that belong to one member alone, whatever the port.
    owners: BTreeMap<IpAddr, String>,
    view: SwarmView,
    received: Received,
    lines: u64,
}

/// Bytes of blocks by who received them from whom, as told when connections end. The only such
/// numbers of clients that do not tell of single pieces.
pub(crate) type Received = BTreeMap<String, BTreeMap<String, ByteCount>>;

impl Log {
    pub(crate) fn create(path: &Path, owners: BTreeMap<IpAddr, String>) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create_new(path)?),
            names: Names::default(),
            owners,
            view: SwarmView::default(),
            received: Received::new(),
            lines: 0,
        })
    }

    /// Takes the event in; answers with the number of its line, from 1.
    pub(crate) fn write(&mut self, record: &mut Record) -> io::Result<u64> {
        self.names.apply(record);
        for remote in record.event.remotes_mut() {
            if let Remote::Addr(addr) = remote
                && let Some(owner) = self.owners.get(&addr.ip())
            {
                *remote = Remote::Name(owner.clone());
            }
        }
        self.view.apply(record);
        if let Event::Exchanged { remote, received, .. } = &record.event {
            *self.received.entry(record.peer.clone()).or_default().entry(remote.to_string()).or_default() += *received;
        }
        self.lines += 1;
        writeln!(self.file, "{record}")?;
        Ok(self.lines)
    }

    /// Hands everything to the system, for those who read along.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    pub(crate) fn view(&self) -> &SwarmView {
        &self.view
    }

    pub(crate) fn received(&self) -> &Received {
        &self.received
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use model::{PeerId, Time};

    use super::*;

    #[test]
    fn an_address_that_somebody_listens_at_becomes_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut log = Log::create(&path, BTreeMap::new()).unwrap();
        let addr: std::net::SocketAddr = "127.0.0.3:4000".parse().unwrap();
        let started = Event::Started { peer_id: PeerId([1; 20]), listen: addr, client: "x".into() };
        assert_eq!(log.write(&mut record("bob", started)).unwrap(), 1);
        assert_eq!(log.write(&mut record("alice", Event::Interested { conn: 1, remote: addr.into() })).unwrap(), 2);
        log.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().nth(1).unwrap().contains(r#""remote":"bob""#), "{text}");
    }

    #[test]
    fn whoever_owns_an_address_is_known_on_every_port() {
        let dir = tempfile::tempdir().unwrap();
        let owners = BTreeMap::from([("127.0.0.3".parse().unwrap(), "bob".to_owned())]);
        let mut log = Log::create(&dir.path().join("events.jsonl"), owners).unwrap();
        let passing: std::net::SocketAddr = "127.0.0.3:50123".parse().unwrap();
        let event = Event::Exchanged { remote: passing.into(), sent: ByteCount(1), received: ByteCount(7) };
        log.write(&mut record("alice", event)).unwrap();
        assert_eq!(log.received()["alice"]["bob"], ByteCount(7));
    }

    fn record(peer: &str, event: Event) -> Record {
        Record { time: Time::ZERO, peer: peer.into(), event }
    }
}
