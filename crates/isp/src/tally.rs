//! How often a classifier is wrong: flows whose kind is known, counted.

use events::FlowClass;

use crate::{End, Flow, shape, signature};

/// A way to tell BitTorrent from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Classifier {
    /// The handshake in the clear at the start.
    Signature,
    /// That, or noise that no pattern fits: what blocks all that it can't name.
    SignatureOrNoise,
    /// The sum of [`shape`].
    Shape,
}

/// What a classifier made of flows whose kind is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// BitTorrent, and taken for it.
    pub caught: usize,
    /// BitTorrent, and passed: a false negative.
    pub missed: usize,
    /// Something else, and taken for BitTorrent: a false positive.
    pub false_alarms: usize,
    /// Something else, and passed.
    pub passed: usize,
}

impl Tally {
    /// Wrong of all, in per cent, rounded to the nearest. `None` if there was nothing to judge.
    pub fn wrong_percent(self) -> Option<usize> {
        let wrong = self.missed + self.false_alarms;
        let all = wrong + self.caught + self.passed;
        (200 * wrong + all).checked_div(2 * all)
    }
}

impl Classifier {
    pub const ALL: [Self; 3] = [Self::Signature, Self::SignatureOrNoise, Self::Shape];

    /// What it goes by, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::SignatureOrNoise => "signature or noise",
            Self::Shape => "shape",
        }
    }

    /// Takes the flow for BitTorrent.
    pub fn suspects(self, flow: &Flow) -> bool {
        let class = || signature(flow.front(End::Dialler), flow.front(End::Dialled), true).map(|verdict| verdict.class);
        match self {
            Self::Signature => class() == Some(FlowClass::PlaintextBittorrent),
            Self::SignatureOrNoise => {
                matches!(class(), Some(FlowClass::PlaintextBittorrent | FlowClass::ObfuscatedUnknown))
            }
            Self::Shape => shape(flow).suspects(),
        }
    }

    /// Counts what it makes of flows; with each comes whether it is BitTorrent in truth.
    pub fn tally<'a>(self, flows: impl IntoIterator<Item = (&'a Flow, bool)>) -> Tally {
        let mut tally = Tally::default();
        for (flow, is_bittorrent) in flows {
            *match (is_bittorrent, self.suspects(flow)) {
                (true, true) => &mut tally.caught,
                (true, false) => &mut tally.missed,
                (false, true) => &mut tally.false_alarms,
                (false, false) => &mut tally.passed,
            } += 1;
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_against_all_that_was_judged() {
        let tally = Tally { caught: 1, missed: 2, ..Tally::default() };
        assert_eq!(tally.wrong_percent(), Some(67));
        let tally = Tally { false_alarms: 1, passed: 7, ..Tally::default() };
        assert_eq!(tally.wrong_percent(), Some(13));
        assert_eq!(Tally::default().wrong_percent(), None);
    }
}
