//! Cleverer inspection: what encryption leaves.
//!
//! MSE hides every byte. It does not hide that there are bytes, how many in which order, that they are noise from
//! the very first one (TLS and SSH begin with a hello that anybody can read), and who talks to whom. Each of these
//! is a [`Reason`] with a weight; the sum decides. The weights are set by hand and round: what matters is that each
//! can be argued with. [`crate::Tally`] says how often the sum is wrong.
//!
//! The sizes are those of the specification: a public key has 96 bytes, padding 0 to 512, the proof that follows
//! 56 bytes, padding and a handshake of 68. Random padding blurs a size, it does not hide the range.

use events::FlowClass;

use crate::{End, Flow, Turn, noise, signature};

/// Why a flow is, or is not, taken for BitTorrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    pub reasons: Vec<Reason>,
}

/// One thing that was noticed, and how much it weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub points: i32,
    /// In one sentence.
    pub what: String,
}

impl Score {
    /// From so many points on, a flow is taken for BitTorrent.
    pub const THRESHOLD: i32 = 60;

    pub fn points(&self) -> i32 {
        self.reasons.iter().map(|reason| reason.points).sum()
    }

    /// Taken for BitTorrent.
    pub fn suspects(&self) -> bool {
        self.points() >= Self::THRESHOLD
    }
}

/// What the beginning of a flow looks like, weighed.
pub fn shape(flow: &Flow) -> Score {
    let verdict = signature(flow.front(End::Dialler), flow.front(End::Dialled), true);
    let shows_itself = verdict.filter(|verdict| verdict.shows_itself());
    let noticed = [
        shows_itself.map(|verdict| {
            let points = if verdict.class == FlowClass::PlaintextBittorrent { CERTAIN } else { -CERTAIN };
            (points, verdict.rule.to_owned())
        }),
        buried_handshake(flow)
            .map(|at| (CERTAIN, format!("a BitTorrent handshake in the clear, {at} bytes further in"))),
        starts_as_noise(flow).map(|what| (25, what.to_owned())),
        two_keys(flow).map(|what| (25, what)),
        a_proof(flow).map(|what| (15, what)),
        requests(flow).map(|what| (20, what)),
        flow.met_a_tracker.then(|| (25, "one of the two was seen with a tracker, in the clear".to_owned())),
        (flow.kin >= KIN_MIN)
            .then(|| (15, format!("one of the two has flows that begin like this with {} hosts", flow.kin))),
    ];
    let reasons = noticed.into_iter().flatten().map(|(points, what)| Reason { points, what }).collect();
    Score { reasons }
}

pub(crate) fn begins_like_mse(flow: &Flow) -> bool {
    two_keys(flow).is_some()
}

/// With `plaintext-after-handshake` the side that was dialled sends its handshake in the clear: behind
/// its key (96), padding (0 to 512), the answer (14) and padding again (0 to 512). Where it begins.
fn buried_handshake(flow: &Flow) -> Option<usize> {
    let front = flow.front(End::Dialled);
    let depths = 110..=110 + 2 * PADDING_MAX;
    let at = front.windows(HANDSHAKE.len()).position(|window| window == HANDSHAKE)?;
    depths.contains(&at).then_some(at)
}

fn starts_as_noise(flow: &Flow) -> Option<&'static str> {
    let noise = flow.fronts.each_ref().map(|front| noise::is_noise(&front[..front.len().min(noise::SAMPLE_MIN)]));
    match noise {
        [true, true] => Some("noise from the first byte on, both ways: no hello that one could read"),
        _ => None,
    }
}

/// Noise, answered by noise, in the sizes of two public keys.
fn two_keys(flow: &Flow) -> Option<String> {
    let turns = flow.turns();
    let [one, two, ..] = &turns[..] else { return None };
    starts_as_noise(flow)?;
    let key = |turn: &Turn| KEY_AND_PADDING.contains(&turn.bytes);
    (one.by == End::Dialler && key(one) && key(two)).then(|| {
        format!("{} bytes answered by {}: two keys of 96 and up to 512 of padding would be so", one.bytes, two.bytes)
    })
}

/// What follows the two keys.
fn a_proof(flow: &Flow) -> Option<String> {
    two_keys(flow)?;
    let third = flow.turns().get(2).copied().filter(|turn| turn.by == End::Dialler)?;
    PROOF.contains(&third.bytes).then(|| {
        format!(
            "then {} bytes from who dialled: a proof and a handshake would be {} to {}",
            third.bytes,
            PROOF.start(),
            PROOF.end()
        )
    })
}

/// A request has 17 bytes (BEP 3), encrypted or not, and several leave together.
fn requests(flow: &Flow) -> Option<String> {
    [End::Dialler, End::Dialled].into_iter().find_map(|end| {
        let later = flow.chunks.iter().filter(|(by, _)| *by == end).skip(2);
        let small: Vec<u32> = later.map(|(_, bytes)| *bytes).filter(|bytes| *bytes <= REQUESTS_MAX * REQUEST).collect();
        let fitting = small.iter().filter(|bytes| *bytes % REQUEST == 0).count();
        (fitting >= REQUESTS_MIN && 2 * fitting >= small.len()).then(|| {
            format!("{fitting} of {} short messages have a multiple of 17 bytes, as requests have", small.len())
        })
    })
}

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";

/// More than all the rest together.
const CERTAIN: i32 = 200;

/// MSE: PadA to PadD have 0 to 512 bytes.
const PADDING_MAX: usize = 512;

/// Steps 1 and 2 of MSE.
const KEY_AND_PADDING: std::ops::RangeInclusive<u64> = 96..=96 + PADDING_MAX as u64;

/// Step 3 of MSE: two hashes (40), verification constant (8), methods (4), two lengths (4), padding, and
/// mostly a handshake (68).
const PROOF: std::ops::RangeInclusive<u64> = 56..=56 + PADDING_MAX as u64 + 68;

const REQUEST: u32 = 17;
/// Requests that leave together, at most.
const REQUESTS_MAX: u32 = 64;
/// One in 17 messages has such a size by chance: a few prove nothing.
const REQUESTS_MIN: usize = 4;

/// Partners with flows that begin alike, from which on a host stands out.
const KIN_MIN: usize = 3;

#[cfg(test)]
mod tests;
