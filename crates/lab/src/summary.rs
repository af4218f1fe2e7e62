//! What a run comes to: the verdict of each check, who finished when, from whom each got how much.
//! Written to `summary.json`, drawn as a table on the terminal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use events::{PeerView, SwarmView};
use model::{ByteCount, Time};
use scenario::Role;
use serde::Serialize;

use crate::log::Received;

/// How a run ended, over all its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every check held.
    Passed,
    /// A check did not hold.
    Failed,
    /// No check failed, yet one has no evidence, or this world can't show it, or there is none.
    Undecided,
    /// The lab itself broke: a program did not start, or died.
    Broke,
    /// The person at the keyboard ended it.
    Stopped,
}

/// The verdict on one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    Pass,
    Fail,
    Unknown,
    Unsupported,
}

/// One check of the scenario and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckLine {
    pub result: CheckResult,
    /// A sentence for the one who ran it.
    pub text: String,
    /// The lesson behind the check, where its author gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Lines (from 1) of `events.jsonl` that prove it.
    pub evidence: Vec<u64>,
    /// True when a failure of it is told, and no more.
    pub warning: bool,
}

/// One member of the cast, or the tracker, at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerLine {
    pub name: String,
    /// `seed`, `leech`.
    pub role: String,
    pub client: String,
    /// Seconds since the run's start at which it had everything. `None` for one that never had, and
    /// for one that began so.
    pub finished_at: Option<f64>,
    pub have: u32,
    pub pieces: u32,
    /// Bytes by who sent them: verified ones, or for a client that does not tell of single pieces
    /// those of whole connections.
    pub got: BTreeMap<String, ByteCount>,
    /// Bytes fetched by a client that does not tell from whom.
    pub got_of_unknown_origin: ByteCount,
    /// Bytes that others got from it.
    pub gave: ByteCount,
    /// Why it is not there any more, when it went before the end.
    pub gone: Option<String>,
}

/// What was shared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ContentLine {
    pub name: String,
    pub bytes: ByteCount,
    pub files: usize,
    pub pieces: u32,
    pub info_hash: String,
}

/// A program of the run, for whoever wants to see that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessLine {
    pub name: String,
    pub pid: u32,
}

/// Everything that `summary.json` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub scenario: String,
    pub title: String,
    pub world: String,
    pub seed: u64,
    /// Version of Swarmlab.
    pub version: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// How long the run took, preparations included.
    pub seconds: f64,
    pub outcome: Outcome,
    pub exit_code: u8,
    pub checks: Vec<CheckLine>,
    /// Why the lab broke, or who stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    pub content: ContentLine,
    pub peers: Vec<PeerLine>,
    /// Share of all bytes fetched that the seeds gave, 0 to 1. `None` when nothing was fetched.
    pub seeders_share: Option<f64>,
    pub events: u64,
    pub processes: Vec<ProcessLine>,
    /// `None` when nothing was played.
    pub folder: Option<PathBuf>,
    /// True when content and downloads are still in the folder.
    pub kept: bool,
}

/// Who a peer is, as the scenario has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    pub name: String,
    pub role: String,
    pub client: String,
}

impl Outcome {
    /// What the process returns.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Undecided => 3,
            Self::Broke => 4,
            Self::Stopped => 130,
        }
    }

    /// The verdict over all checks: a failure outweighs a doubt, and nothing checked is not green.
    pub fn of(checks: &[CheckLine]) -> Self {
        let any = |wanted: CheckResult| checks.iter().any(|check| !check.warning && check.result == wanted);
        if any(CheckResult::Fail) {
            Self::Failed
        } else if checks.is_empty() || any(CheckResult::Unknown) || any(CheckResult::Unsupported) {
            Self::Undecided
        } else {
            Self::Passed
        }
    }
}

/// The lines of the table, in the order of the cast. `received` is what clients that do not tell of
/// single pieces said of whole connections.
pub(crate) fn peer_lines(cast: &[Billing], view: &SwarmView, received: &Received) -> Vec<PeerLine> {
    let mut lines: Vec<PeerLine> = cast.iter().map(|member| peer_line(member, view, received)).collect();
    let mut gave: BTreeMap<String, ByteCount> = BTreeMap::new();
    for (from, &bytes) in lines.iter().flat_map(|line| &line.got) {
        *gave.entry(from.clone()).or_default() += bytes;
    }
    for line in &mut lines {
        line.gave = gave.get(&line.name).copied().unwrap_or_default();
    }
    lines
}

fn peer_line(member: &Billing, view: &SwarmView, received: &Received) -> PeerLine {
    let empty = PeerView::default();
    let peer = view.peers.get(&member.name).unwrap_or(&empty);
    let mut got: BTreeMap<String, ByteCount> =
        peer.received_from.iter().map(|(from, &bytes)| (from.to_string(), bytes)).collect();
    let mut of_unknown_origin = ByteCount::ZERO;
    if got.is_empty() && !is_source(&member.role) {
        got = received.get(&member.name).cloned().unwrap_or_default();
        of_unknown_origin = peer.downloaded.saturating_sub(got.values().copied().sum());
    }
    got.retain(|_, bytes| *bytes > ByteCount::ZERO);
    PeerLine {
        name: member.name.clone(),
        role: member.role.clone(),
        client: member.client.clone(),
        finished_at: peer.complete_at.filter(|_| !peer.began_complete).map(seconds),
        have: peer.have,
        pieces: peer.pieces,
        got,
        got_of_unknown_origin: of_unknown_origin,
        gave: ByteCount::ZERO,
        gone: None,
    }
}

/// Whether members of this role have everything from the start.
pub fn is_source(role: &str) -> bool {
    role.parse().is_ok_and(Role::has_everything)
}

/// Of all bytes with a known origin, the share that came from members who had everything from the start.
pub fn seeders_share(peers: &[PeerLine]) -> Option<f64> {
    let is_seed = |name: &str| peers.iter().any(|peer| peer.name == name && is_source(&peer.role));
    let (mut from_seeds, mut all) = (0, 0);
    for (from, bytes) in peers.iter().flat_map(|peer| &peer.got) {
        all += bytes.0;
        from_seeds += if is_seed(from) { bytes.0 } else { 0 };
    }
    (all > 0).then(|| from_seeds as f64 / all as f64)
}

/// Seconds since the run's start.
pub fn seconds(time: Time) -> f64 {
    time.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use events::{Event, Provenance, Record};

    use super::*;

    #[test]
    fn the_table_tells_who_gave_what_to_whom() {
        let peers = peer_lines(&cast(), &two_fetch(), &Received::new());
        assert_eq!(peers[0].gave, ByteCount(150));
        assert_eq!(peers[1].got["seed"], ByteCount(100));
        assert_eq!(peers[1].gave, ByteCount(50));
        assert_eq!(peers[1].finished_at, Some(2.0));
        assert_eq!(peers[0].finished_at, None, "who began complete has not finished anything");
        assert_eq!(seeders_share(&peers), Some(0.75));
    }

    #[test]
    fn who_tells_of_no_pieces_is_known_by_its_connections() {
        let mut view = SwarmView::default();
        let bytes = ByteCount(100);
        view.apply(&record("bob", 2, Event::Complete { bytes, downloaded: bytes, uploaded: ByteCount::ZERO }));
        let from_seed = BTreeMap::from([("seed".to_owned(), ByteCount(80)), ("alice".to_owned(), ByteCount(0))]);
        let peers = peer_lines(&cast(), &view, &BTreeMap::from([("bob".to_owned(), from_seed)]));
        assert_eq!(peers[2].got, BTreeMap::from([("seed".to_owned(), ByteCount(80))]));
        assert_eq!(peers[2].got_of_unknown_origin, ByteCount(20));
        assert_eq!(peers[0].gave, ByteCount(80));
    }

    #[test]
    fn nothing_fetched_is_no_share() {
        assert_eq!(seeders_share(&peer_lines(&cast(), &SwarmView::default(), &Received::new())), None);
    }

    #[test]
    fn a_failure_outweighs_a_doubt_and_nothing_is_not_green() {
        let check = |result, warning| CheckLine { result, text: String::new(), why: None, evidence: vec![], warning };
        use CheckResult::*;
        assert_eq!(Outcome::of(&[]), Outcome::Undecided);
        assert_eq!(Outcome::of(&[check(Pass, false)]), Outcome::Passed);
        assert_eq!(Outcome::of(&[check(Pass, false), check(Fail, true)]), Outcome::Passed);
        assert_eq!(Outcome::of(&[check(Unknown, false), check(Fail, false)]), Outcome::Failed);
        assert_eq!(Outcome::of(&[check(Pass, false), check(Unsupported, false)]), Outcome::Undecided);
    }

    fn cast() -> Vec<Billing> {
        ["seed", "alice", "bob"]
            .map(|name| Billing {
                name: name.into(),
                role: if name == "seed" { "seed" } else { "leech" }.into(),
                client: "swarmlab".into(),
            })
            .into()
    }

    fn two_fetch() -> SwarmView {
        let mut view = SwarmView::default();
        view.apply(&record("seed", 0, Event::Checked { have: 1, pieces: 1, bytes: ByteCount(100) }));
        for (peer, from) in [("alice", vec![("seed", 100)]), ("bob", vec![("seed", 50), ("alice", 50)])] {
            let from = from.into_iter().map(|(from, bytes)| Provenance { remote: from.into(), bytes }).collect();
            view.apply(&record(peer, 1, Event::PieceVerified { piece: 0, from, have: 1, pieces: 1 }));
            let done = Event::Complete { bytes: ByteCount(100), downloaded: ByteCount(100), uploaded: ByteCount::ZERO };
            view.apply(&record(peer, 2, done));
        }
        view
    }

    fn record(peer: &str, secs: u64, event: Event) -> Record {
        Record { time: Time::from_secs(secs), peer: peer.into(), event }
    }
}
