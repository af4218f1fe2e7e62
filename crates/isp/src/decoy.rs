//! Flows that are no BitTorrent: recorded once from programs that people use, by `decoys/record.py`.

use std::collections::BTreeMap;

use events::{WireLine, read_wire};

use crate::{Flow, count_kin};

/// A recorded flow that is no BitTorrent.
#[derive(Debug, Clone)]
pub struct Decoy {
    /// What made it.
    pub kind: &'static str,
    pub flow: Flow,
}

/// All of them, in the order of their files.
///
/// Among them are flows that nobody can tell from MSE by their first bytes: a Shadowsocks tunnel, and random
/// bytes sent through netcat.
///
/// # Panics
/// Never: the files are part of the program, and a test reads them.
pub fn decoys() -> Vec<Decoy> {
    let mut all = Vec::new();
    for (kind, text) in FILES {
        let mut flows: BTreeMap<u64, Vec<WireLine>> = BTreeMap::new();
        for line in read_wire(text.as_bytes()) {
            let line = line.expect("decoys are recorded in the form of wire records");
            flows.entry(line.chunk.conn).or_default().push(line);
        }
        for lines in flows.values() {
            let hosts = [format!("{kind} client"), format!("{kind} server")];
            all.push(Decoy { kind, flow: Flow { hosts, ..Flow::from_wire(lines, true) } });
        }
    }
    let mut flows: Vec<Flow> = all.iter().map(|decoy| decoy.flow.clone()).collect();
    count_kin(&mut flows);
    all.into_iter().zip(flows).map(|(decoy, flow)| Decoy { flow, ..decoy }).collect()
}

const FILES: [(&str, &str); 6] = [
    ("tls", include_str!("../decoys/tls.jsonl")),
    ("http", include_str!("../decoys/http.jsonl")),
    ("ssh", include_str!("../decoys/ssh.jsonl")),
    ("git", include_str!("../decoys/git.jsonl")),
    ("tunnel", include_str!("../decoys/tunnel.jsonl")),
    ("noise", include_str!("../decoys/noise.jsonl")),
];

#[cfg(test)]
mod tests {
    use events::FlowClass;

    use super::*;
    use crate::{Classifier, End, Tally, signature};

    #[test]
    fn signatures_name_what_shows_itself() {
        for Decoy { kind, flow } in decoys() {
            let verdict = signature(flow.front(End::Dialler), flow.front(End::Dialled), true).unwrap();
            let wanted: &[FlowClass] = match kind {
                "http" => &[FlowClass::Http],
                "tunnel" => &[FlowClass::ObfuscatedUnknown],
                // Some of it is too short to be called noise.
                "noise" => &[FlowClass::ObfuscatedUnknown, FlowClass::Other],
                _ => &[FlowClass::Other],
            };
            assert!(wanted.contains(&verdict.class), "{kind}: {verdict:?}");
        }
    }

    #[test]
    fn error_rates_are_these_and_a_change_of_a_weight_shows_here() {
        let decoys = decoys();
        let tally = |classifier: Classifier| classifier.tally(decoys.iter().map(|decoy| (&decoy.flow, false)));
        let alarms = |false_alarms| Tally { false_alarms, passed: 33 - false_alarms, ..Tally::default() };
        assert_eq!(tally(Classifier::Signature), alarms(0));
        assert_eq!(tally(Classifier::SignatureOrNoise), alarms(14));
        assert_eq!(tally(Classifier::Shape), alarms(2));
    }
}
