//! A flow as a provider has it: two streams of bytes, and who sent how much in which order.

use std::collections::{BTreeMap, BTreeSet};

use events::{Direction, WireLine};

/// One connection between two hosts, its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Who dialled and who was dialled: a name or an address, the same for all flows of that host.
    pub hosts: [String; 2],
    /// The first bytes that each of them sent.
    pub fronts: [Vec<u8>; 2],
    /// The sizes of what crossed, in order. Reads and writes of the recording program, where a provider has
    /// packets: the borders differ, the sums of each [turn](Self::turns) do not.
    pub chunks: Vec<(End, u32)>,
    /// One of the hosts was seen to announce itself to a BitTorrent tracker, in the clear.
    pub met_a_tracker: bool,
    /// With how many hosts one of the two has flows that begin like this one. [`count_kin`] fills it.
    pub kin: usize,
}

/// One of the two hosts of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Dialler,
    Dialled,
}

/// All that one end sent until the other spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub by: End,
    pub bytes: u64,
}

impl Flow {
    /// From a wire record. `dialled` says that the program which recorded is the one that dialled.
    pub fn from_wire<'a>(lines: impl IntoIterator<Item = &'a WireLine>, dialled: bool) -> Self {
        let mut flow = Self::default();
        for WireLine { chunk, .. } in lines {
            let end = if (chunk.direction == Direction::Out) == dialled { End::Dialler } else { End::Dialled };
            let front = &mut flow.fronts[end as usize];
            // A chunk that does not follow on would put bytes in the wrong place.
            if chunk.at == front.len() as u64 {
                front.extend_from_slice(&chunk.bytes);
            }
            flow.chunks.push((end, chunk.len));
        }
        flow
    }

    /// The first bytes that one end sent.
    pub fn front(&self, end: End) -> &[u8] {
        &self.fronts[end as usize]
    }

    /// Who sent how much before the other spoke again.
    pub fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for &(by, bytes) in &self.chunks {
            match turns.last_mut() {
                Some(last) if last.by == by => last.bytes += u64::from(bytes),
                _ => turns.push(Turn { by, bytes: bytes.into() }),
            }
        }
        turns
    }
}

/// Counts for each flow the hosts with which one of its two ends has flows that begin alike.
pub fn count_kin(flows: &mut [Flow]) {
    let alike = flows.iter().filter(|flow| crate::shape::begins_like_mse(flow)).map(|flow| &flow.hosts);
    let mut partners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for [dialler, dialled] in alike {
        partners.entry(dialler).or_default().insert(dialled);
        partners.entry(dialled).or_default().insert(dialler);
    }
    let kin = |flow: &Flow| flow.hosts.iter().filter_map(|host| partners.get(host.as_str())).map(BTreeSet::len).max();
    let kin: Vec<usize> = flows.iter().map(|flow| kin(flow).unwrap_or(0)).collect();
    for (flow, kin) in flows.iter_mut().zip(kin) {
        flow.kin = kin;
    }
}
