//! What an inspecting provider makes of a run's flows, and how often it is wrong.
//!
//! Every flow of a run is BitTorrent, so one that is passed is missed. What is taken for BitTorrent and is not
//! can only be counted over other flows: the decoys of [`isp::decoys`].

use std::collections::BTreeSet;

use ::isp::{Classifier, Decoy, Flow, Score, Tally, Verdict};
use events::{Cipher, Event, Remote};

use crate::Run;
use crate::inspect::{Connection, connections};

/// All flows of a run, and the decoys, judged.
#[derive(Debug)]
pub struct Inspection {
    pub flows: Vec<Judged>,
    pub decoys: Vec<Decoy>,
}

/// One flow of a run, and what the provider makes of it.
#[derive(Debug)]
pub struct Judged {
    /// As in [`connections`].
    pub number: usize,
    pub dialler: String,
    pub dialled: String,
    pub kind: Kind,
    pub flow: Flow,
    pub verdict: Verdict,
    pub score: Score,
}

/// What a flow of a run is in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Its payload crossed, or was about to, in this.
    Crossed(Cipher),
    /// It ended before that was settled.
    CutShort,
}

/// Whether a decoy's hosts are known to a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    Unknown,
    WithTracker,
}

impl Kind {
    pub const ALL: [Self; 4] = [
        Self::Crossed(Cipher::Plaintext),
        Self::Crossed(Cipher::PlaintextAfterHandshake),
        Self::Crossed(Cipher::Rc4),
        Self::CutShort,
    ];

    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crossed(cipher) => cipher.name(),
            Self::CutShort => "cut short",
        }
    }
}

/// Judges every recorded connection of a run.
pub fn inspection(run: &Run) -> Inspection {
    let met = met_a_tracker(run);
    let connections = connections(run);
    let mut flows: Vec<Flow> = connections.iter().map(|connection| flow(connection, &met)).collect();
    ::isp::count_kin(&mut flows);
    let flows = connections.iter().zip(flows).filter_map(|(connection, flow)| judged(connection, flow)).collect();
    Inspection { flows, decoys: ::isp::decoys() }
}

impl Inspection {
    /// How a classifier does on the flows of one kind: none of it can be a false alarm.
    pub fn of_kind(&self, classifier: Classifier, kind: Kind) -> Tally {
        let flows = self.flows.iter().filter(|judged| judged.kind == kind);
        classifier.tally(flows.map(|judged| (&judged.flow, true)))
    }

    /// How a classifier does on all flows of the run.
    pub fn of_run(&self, classifier: Classifier) -> Tally {
        classifier.tally(self.flows.iter().map(|judged| (&judged.flow, true)))
    }

    /// How a classifier does on the decoys: as they are, or if one of their hosts had been seen with a tracker,
    /// as that of somebody who also uses BitTorrent.
    pub fn of_decoys(&self, classifier: Classifier, company: Company) -> Tally {
        let suspect = |decoy: &Decoy| Flow { met_a_tracker: company == Company::WithTracker, ..decoy.flow.clone() };
        let flows: Vec<Flow> = self.decoys.iter().map(suspect).collect();
        classifier.tally(flows.iter().map(|flow| (flow, false)))
    }

    /// Decoys of one kind that a classifier takes for BitTorrent, and all of that kind.
    pub fn alarms(&self, classifier: Classifier, kind: &str) -> (usize, usize) {
        let decoys = self.decoys.iter().filter(|decoy| decoy.kind == kind);
        let tally = classifier.tally(decoys.map(|decoy| (&decoy.flow, false)));
        (tally.false_alarms, tally.false_alarms + tally.passed)
    }

    /// The kinds of decoys, in their order.
    pub fn decoy_kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&str> = self.decoys.iter().map(|decoy| decoy.kind).collect();
        kinds.dedup();
        kinds
    }
}

fn flow(connection: &Connection<'_>, met: &BTreeSet<&str>) -> Flow {
    let by_dialler = connection.record.peer == connection.dialler;
    let hosts = [connection.dialler.clone(), connection.dialled.clone()];
    let met_a_tracker = hosts.iter().any(|host| met.contains(host.as_str()));
    Flow { hosts, met_a_tracker, ..Flow::from_wire(&connection.record.chunks, by_dialler) }
}

/// `None` for a connection on which nothing crossed.
fn judged(connection: &Connection<'_>, flow: Flow) -> Option<Judged> {
    let verdict = ::isp::signature(flow.front(::isp::End::Dialler), flow.front(::isp::End::Dialled), true)?;
    Some(Judged {
        number: connection.number,
        dialler: connection.dialler.clone(),
        dialled: connection.dialled.clone(),
        kind: connection.cipher.map_or(Kind::CutShort, Kind::Crossed),
        verdict,
        score: ::isp::shape(&flow),
        flow,
    })
}

/// Whose announces crossed in the clear (UDP), as the tracker saw them or as their answers prove.
fn met_a_tracker(run: &Run) -> BTreeSet<&str> {
    let names = run.records.iter().filter_map(|record| match &record.event {
        Event::TrackerAnnounced { remote: Remote::Name(name), .. } => Some(name.as_str()),
        Event::AnnounceAnswered { tracker, .. } if tracker.starts_with("udp:") => Some(record.peer.as_str()),
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use events::FlowClass;
    use node::{Encryption, Glass, Methods, Policy, TorrentSource};
    use testkit::{Table, content, torrent_of};

    use super::*;

    #[test]
    fn what_beats_the_signature_does_not_beat_the_shape() {
        for (methods, kind) in [("rc4", Cipher::Rc4), ("plaintext", Cipher::PlaintextAfterHandshake)] {
            let methods = Methods { rc4: methods == "rc4", plaintext: methods == "plaintext" };
            let inspection = inspection(&play(Encryption { policy: Policy::Required, methods }));
            let kind = Kind::Crossed(kind);
            assert_eq!(inspection.of_kind(Classifier::Signature, kind).missed, 1);
            assert_eq!(inspection.of_kind(Classifier::SignatureOrNoise, kind).caught, 1);
            assert_eq!(inspection.of_kind(Classifier::Shape, kind).caught, 1, "{:?}", inspection.flows);
            assert_eq!(inspection.flows[0].verdict.class, FlowClass::ObfuscatedUnknown);
        }
    }

    #[test]
    fn plaintext_is_caught_by_everybody() {
        let off = Encryption { policy: Policy::Disabled, methods: Methods::ALL };
        let inspection = inspection(&play(off));
        for classifier in Classifier::ALL {
            assert_eq!(inspection.of_kind(classifier, Kind::Crossed(Cipher::Plaintext)).caught, 1);
        }
        assert_eq!(inspection.flows[0].verdict.class, FlowClass::PlaintextBittorrent);
    }

    #[test]
    fn every_decoy_is_counted_once() {
        let inspection = Inspection { flows: Vec::new(), decoys: ::isp::decoys() };
        for classifier in Classifier::ALL {
            let all = inspection.of_decoys(classifier, Company::Unknown);
            let alarms = inspection.decoy_kinds().into_iter().map(|kind| inspection.alarms(classifier, kind));
            let summed = alarms.fold((0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1));
            assert_eq!((all.false_alarms, all.false_alarms + all.passed), summed);
            assert_eq!(summed.1, inspection.decoys.len());
        }
    }

    #[test]
    fn who_uses_a_tracker_and_a_tunnel_is_suspected_for_the_tunnel() {
        let inspection = Inspection { flows: Vec::new(), decoys: ::isp::decoys() };
        let alarms = |company| inspection.of_decoys(Classifier::Shape, company).false_alarms;
        assert!(alarms(Company::WithTracker) > alarms(Company::Unknown));
    }

    /// Alice dials Bob, who has the file; what they recorded goes through a folder.
    fn play(encryption: Encryption) -> Run {
        let bytes = content(7, 400_000);
        let torrent = std::sync::Arc::new(torrent_of(&bytes, 16_384, ""));
        let mut table = Table::new(Duration::from_millis(10));
        for (name, bytes) in [("bob", &bytes[..]), ("alice", &[])] {
            table.seat(name, |config| {
                config.encryption = encryption;
                config.glass = Glass { wire: true, keys: true };
            });
            table.join(name, TorrentSource::Metainfo(std::sync::Arc::clone(&torrent)), bytes);
        }
        let bob = table.addr("bob");
        let key = *table.seat_mut("alice").disks.keys().next().unwrap();
        table.with("alice", |node, now| node.add_peer(now, key, bob));
        assert!(table.run_until(Duration::from_secs(30), |table| table.complete_at("alice").is_some()));
        let folder = tempfile::tempdir().unwrap();
        table.write_run(folder.path()).unwrap();
        Run::open(folder.path()).unwrap()
    }
}
