//! What must come of a run: the kinds of check, and the sentences that tell their outcome.

use std::fmt;
use std::time::Duration;

use events::{Cipher, Degree, Direction, FlowClass, Item, Observer};

use crate::cue::Cue;
use crate::named::named;
use crate::phrase;
use crate::selector::{Quantifier, Selector};
use crate::units::{Share, show_duration, show_rate};

/// One expectation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Check {
    pub expect: Expectation,
    /// What the author says when it holds.
    pub pass: Option<String>,
    /// What the author says when it does not.
    pub fail: Option<String>,
    /// The lesson behind it.
    pub why: Option<String>,
    pub level: Level,
}

/// What is expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Each of `who` has every piece before `within`.
    Complete { who: Selector, within: Duration },
    /// What each of `who` has on its disk is the original, byte for byte.
    HashOk { who: Selector },
    /// Each of these recipients unpacked the archive, and has what the sharer has.
    Delivered { who: Selector },
    /// Each of these has all of it, knows no password, and can read nothing of the original.
    Sealed { who: Selector },
    /// The moments come one after the other.
    Order { cues: Vec<Cue> },
    /// No such event between `after` (or the start) and `until` (or the end).
    Never { what: What, after: Option<Cue>, until: Option<Until> },
    /// Whenever one of `who` reports its progress, the quantity lies within the range.
    Always { quantity: Quantity, who: Selector, range: Range<u64> },
    /// So many such events.
    Count { what: What, range: Range<u64> },
    /// This part of all verified bytes that `who` received came from `source`.
    PiecesFrom { source: Selector, who: Selector, range: Range<Share> },
    /// What each of `who` gave, by what it got; for one that began with everything, by the content's size.
    Ratio { who: Selector, range: Range<Share> },
    /// So long each of `who`, while it was downloading, held upload slots of `by`, all slots added up.
    UnchokedTime { who: Selector, by: Selector, range: Range<Duration> },
    /// Each of `who` was banned by any or by all of `by`.
    Banned { who: Selector, quantifier: Quantifier, by: Selector },
    /// Each of `who` was stopped and started again, and found on its disk all it had verified before.
    Resumed { who: Selector },
    /// So many announces of each of `who` reached the tracker.
    AnnounceCount { who: Selector, event: Option<AnnounceEvent>, range: Range<u64> },
    /// Each of `who` became complete in such a place, from 1, among all who had to download.
    FinishedRank { who: Selector, range: Range<u64> },
    /// At the end each of `who` has this part of the pieces.
    Reached { who: Selector, range: Range<Share> },
    /// Every connection between one of `who` and one of `remote` (or anybody) settled on one of these, and
    /// each of `who` had one.
    Cipher { ciphers: Vec<Cipher>, who: Selector, remote: Option<Selector> },
    /// Every connection between one of `who` and one of `remote` (or anybody) that joined was taken for one of
    /// these by a provider that compares first bytes, and each of `who` had one.
    Classified { classes: Vec<FlowClass>, who: Selector, remote: Option<Selector> },
    /// What one party around the swarm learned: exactly so much of each thing. Never empty, each thing once.
    Observer { observer: Observer, learned: Vec<(Item, Degree)> },
}

/// An event that is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct What {
    /// One of [`events::KINDS`].
    pub event: &'static str,
    /// Who reports it; anybody where `None`.
    pub who: Option<Selector>,
    /// Whom it names as the other side, or of a packet as either end; anybody where `None`.
    pub remote: Option<Selector>,
    /// Of `connected` and its like: who dialled.
    pub direction: Option<Direction>,
    /// Of packets that were stopped: by which of [`RULES`].
    pub rule: Option<&'static str>,
}

/// How long something must not happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// So long after the run's start.
    Time(Duration),
    Cue(Cue),
}

/// From the smallest to the largest that is right. At least one end is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

named! {
    /// What a check's failure means for the run.
    #[derive(Default)]
    "level" Level {
        /// The run has failed.
        #[default]
        Fail = "fail",
        /// Worth saying, and no more.
        Warn = "warn",
    }
}

named! {
    /// What a peer reports in its `progress` events.
    "quantity" Quantity {
        /// Connected peers.
        Peers = "peers",
        /// Upload rate, in bytes per second.
        Up = "up",
        /// Download rate, in bytes per second.
        Down = "down",
    }
}

named! {
    /// What an announce says about the peer (BEP 15).
    "announce event" AnnounceEvent {
        Started = "started",
        Completed = "completed",
        Stopped = "stopped",
        /// A regular one.
        None = "none",
    }
}

impl<T: PartialOrd + Copy> Range<T> {
    pub fn has(&self, value: T) -> bool {
        !self.is_below(value) && !self.is_above(value)
    }

    /// True when `value` is too small.
    pub fn is_below(&self, value: T) -> bool {
        self.min.is_some_and(|min| value < min)
    }

    /// True when `value` is too large.
    pub fn is_above(&self, value: T) -> bool {
        self.max.is_some_and(|max| value > max)
    }

    pub(crate) fn map<U>(self, f: impl Fn(T) -> U) -> Range<U> {
        Range { min: self.min.map(&f), max: self.max.map(&f) }
    }
}

impl<T: fmt::Display + PartialEq> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "exactly {min}"),
            (Some(min), Some(max)) => write!(f, "between {min} and {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("any amount"),
        }
    }
}

impl Expectation {
    /// The key that makes a check one of this kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::HashOk { .. } => "hash-ok",
            Self::Delivered { .. } => "delivered",
            Self::Sealed { .. } => "sealed",
            Self::Order { .. } => "order",
            Self::Never { .. } => "never",
            Self::Always { .. } => "always",
            Self::Count { .. } => "count",
            Self::PiecesFrom { .. } => "pieces-from",
            Self::Ratio { .. } => "ratio",
            Self::UnchokedTime { .. } => "unchoked-time",
            Self::Banned { .. } => "banned",
            Self::Resumed { .. } => "resumed",
            Self::AnnounceCount { .. } => "announce-count",
            Self::FinishedRank { .. } => "finished-rank",
            Self::Reached { .. } => "reached",
            Self::Cipher { .. } => "cipher",
            Self::Classified { .. } => "classified",
            Self::Observer { .. } => "observer",
        }
    }
}

impl fmt::Display for Expectation {
    /// What ought to be, as half a sentence: `sharer has everything within 120 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { who, within } => {
                write!(f, "{} {} everything within {}", who.phrase(), has(who), show_duration(*within))
            }
            Self::HashOk { who } => write!(f, "what {} {} is the original, byte for byte", who.phrase(), has(who)),
            Self::Delivered { who } => {
                write!(f, "{} {} opened it, and {} the original", who.phrase(), has(who), has(who))
            }
            Self::Sealed { who } => {
                write!(f, "{} {} all of it and can read neither names nor content", who.phrase(), has(who))
            }
            Self::Order { cues } => {
                let cues: Vec<String> = cues.iter().map(Cue::to_string).collect();
                write!(f, "first {}", cues.join(", then "))
            }
            Self::Never { what, after, until } => {
                write!(f, "no {what}")?;
                if let Some(cue) = after {
                    write!(f, " after {cue}")?;
                }
                match until {
                    Some(Until::Time(at)) => write!(f, " in the first {}", show_duration(*at)),
                    Some(Until::Cue(cue)) => write!(f, " before {cue}"),
                    None => Ok(()),
                }
            }
            Self::Always { quantity, who, range } => {
                let who = who.phrase();
                match quantity {
                    Quantity::Peers => write!(f, "{who} is always connected to {range} peers"),
                    Quantity::Up | Quantity::Down => {
                        let range = range.map(|n| show_rate(model::Rate(n)));
                        write!(f, "the {quantity} rate of {who} is always {range}")
                    }
                }
            }
            Self::Count { what, range } => write!(f, "{range} of {what}"),
            Self::PiecesFrom { source, who, range } => {
                write!(f, "{range} of what {} received came from {}", who.phrase(), source.phrase())
            }
            Self::Ratio { who, range } => write!(f, "{} gave {range} of what it got", who.phrase()),
            Self::UnchokedTime { who, by, range } => {
                let range = range.map(show_duration);
                write!(f, "{} held upload slots of {} for {range}", who.phrase(), by.phrase())
            }
            Self::Banned { who, quantifier, by } => match quantifier {
                Quantifier::Any => write!(f, "one of {} bans {}", by.phrase(), who.phrase()),
                Quantifier::All => write!(f, "{} bans {}", by.phrase(), who.phrase()),
            },
            Self::Resumed { who } => write!(f, "{} loses nothing by the restart", who.phrase()),
            Self::AnnounceCount { who, event, range } => {
                let event = event.map(|event| format!(" ({event})")).unwrap_or_default();
                write!(f, "{} announces{event} from {} reach the tracker", range, who.phrase())
            }
            Self::FinishedRank { who, range } => match (range.min, range.max) {
                (Some(min), None) => write!(f, "{} does not finish before place {min}", who.phrase()),
                (None, Some(max)) => write!(f, "{} is among the first {max} to finish", who.phrase()),
                _ => write!(f, "the place of {} is {range}", who.phrase()),
            },
            Self::Reached { who, range } => write!(f, "{} ends with {range} of the pieces", who.phrase()),
            Self::Cipher { ciphers, who, remote } => {
                let ciphers: Vec<&str> = ciphers.iter().map(|cipher| cipher.name()).collect();
                write!(f, "every connection {} settles on {}", ends(who, remote.as_ref()), ciphers.join(" or "))
            }
            Self::Classified { classes, who, remote } => {
                let classes: Vec<&str> = classes.iter().map(|class| class.name()).collect();
                write!(f, "every connection {} is taken for {}", ends(who, remote.as_ref()), classes.join(" or "))
            }
            Self::Observer { observer, learned } => {
                write!(f, "{} learns {}", party(*observer), learned_phrase(learned))
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.event)?;
        if let Some(who) = &self.who {
            write!(f, " from {}", who.phrase())?;
        }
        if let Some(remote) = &self.remote {
            write!(f, " about {}", remote.phrase())?;
        }
        if let Some(direction) = self.direction {
            write!(f, " ({})", direction_name(direction))?;
        }
        if let Some(rule) = self.rule {
            write!(f, " by rule {rule}")?;
        }
        Ok(())
    }
}

/// `addresses and info-hash, something of sizes, nothing of content`.
fn learned_phrase(learned: &[(Item, Degree)]) -> String {
    let of = |wanted: Degree| -> Vec<&str> {
        learned.iter().filter(|(_, degree)| *degree == wanted).map(|(item, _)| item.name()).collect()
    };
    let parts = [("", of(Degree::Yes)), ("something of ", of(Degree::Partly)), ("nothing of ", of(Degree::No))];
    let told = parts.iter().filter(|(_, items)| !items.is_empty());
    told.map(|(how_much, items)| format!("{how_much}{}", phrase::list(items))).collect::<Vec<_>>().join(", ")
}

/// How sentences call an observer.
fn party(observer: Observer) -> &'static str {
    match observer {
        Observer::Tracker => "the tracker",
        Observer::Isp => "the provider on the path",
        Observer::Member => "whoever takes part",
        Observer::Outsider => "an outsider",
    }
}

/// `of sharer`, `between sharer and seed`.
fn ends(who: &Selector, remote: Option<&Selector>) -> String {
    match remote {
        Some(remote) => format!("between {} and {}", who.phrase(), remote.phrase()),
        None => format!("of {}", who.phrase()),
    }
}

fn has(who: &Selector) -> &'static str {
    if who.is_one() || !who.to_string().contains(',') { "has" } else { "have" }
}

impl Check {
    /// The sentence for a check that held, with what was measured.
    pub(crate) fn passed(&self, measured: &str) -> String {
        match &self.pass {
            Some(sentence) => told(sentence, measured),
            None => told(&format!("as expected: {}", self.expect), measured),
        }
    }

    /// The sentence for a check that did not hold.
    pub(crate) fn failed(&self, measured: &str) -> String {
        match &self.fail {
            Some(sentence) => told(sentence, measured),
            None => told(&format!("expected: {}", self.expect), measured),
        }
    }

    /// The sentence for a check that nothing can be said about.
    pub(crate) fn undecided(&self, reason: &str) -> String {
        format!("can't tell whether {}: {reason}", self.expect)
    }
}

fn told(sentence: &str, measured: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    if measured.is_empty() { sentence.to_owned() } else { format!("{sentence} ({measured})") }
}

/// Every kind of check with the keys it takes beside those of [`COMMON_KEYS`], and an example.
#[derive(Debug, Clone, Copy)]
pub struct CheckKind {
    pub name: &'static str,
    pub keys: &'static [&'static str],
    pub example: &'static str,
}

/// Keys that every check may have.
pub const COMMON_KEYS: &[&str] = &["pass", "fail", "why", "level"];

/// The vocabulary of checks.
pub const CHECK_KINDS: &[CheckKind] = &[
    CheckKind { name: "complete", keys: &["within"], example: "{ complete: sharer, within: 120 s }" },
    CheckKind { name: "hash-ok", keys: &[], example: "{ hash-ok: all }" },
    CheckKind { name: "delivered", keys: &[], example: "{ delivered: friend }" },
    CheckKind { name: "sealed", keys: &[], example: "{ sealed: eve }" },
    CheckKind { name: "order", keys: &[], example: "{ order: [sharer.complete, rider.complete] }" },
    CheckKind {
        name: "never",
        keys: &["who", "remote", "direction", "rule", "after", "until"],
        example: "{ never: unchoked, who: seed, remote: rider }",
    },
    CheckKind { name: "always", keys: &["who", "min", "max"], example: "{ always: up, who: seed, max: 1 MB/s }" },
    CheckKind {
        name: "count",
        keys: &["who", "remote", "direction", "rule", "min", "max"],
        example: "{ count: piece-failed, who: sharer, min: 1 }",
    },
    CheckKind {
        name: "pieces-from",
        keys: &["who", "min", "max"],
        example: "{ pieces-from: seed, who: sharer, max: 60 % }",
    },
    CheckKind { name: "ratio", keys: &["min", "max"], example: "{ ratio: seed, max: 150 % }" },
    CheckKind {
        name: "unchoked-time",
        keys: &["by", "min", "max"],
        example: "{ unchoked-time: rider, by: sharer, max: 5 s }",
    },
    CheckKind { name: "banned", keys: &["by"], example: "{ banned: mallory, by: any leecher }" },
    CheckKind { name: "resumed", keys: &[], example: "{ resumed: leecher }" },
    CheckKind {
        name: "announce-count",
        keys: &["event", "min", "max"],
        example: "{ announce-count: sharer, event: started, min: 1, max: 1 }",
    },
    CheckKind { name: "finished-rank", keys: &["min", "max"], example: "{ finished-rank: rider, min: 4 }" },
    CheckKind { name: "reached", keys: &["min", "max"], example: "{ reached: sharer, max: 90 % }" },
    CheckKind { name: "cipher", keys: &["who", "remote"], example: "{ cipher: rc4, who: sharer, remote: seed }" },
    CheckKind {
        name: "classified",
        keys: &["who", "remote"],
        example: "{ classified: obfuscated-unknown, who: sharer, remote: seed }",
    },
    CheckKind {
        name: "observer",
        keys: &["learns", "partly", "not"],
        example: "{ observer: isp, learns: [addresses, info-hash], not: content }",
    },
];

/// By which rules networks stop packets, as their events name them.
pub const RULES: &[&str] = &[
    "no-route",
    "cut",
    "no-mapping",
    "filtered-by-address",
    "filtered-by-port",
    "no-hairpin",
    "out-of-ports",
    "unsolicited",
    "port-blocked",
    "udp-blocked",
    "captive-portal",
    "inspected",
    "queue-full",
    "lost",
];

/// How scenarios say who dialled.
pub(crate) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "out",
        Direction::In => "in",
    }
}

/// Which key of the check `observer` asks for which degree.
pub(crate) const LEARNED_KEYS: [(&str, Degree); 3] =
    [("learns", Degree::Yes), ("partly", Degree::Partly), ("not", Degree::No)];

/// What a check that was not even heard of ends with.
pub(crate) fn not_heard_of(names: &[&str]) -> String {
    format!("nothing was heard from {}", phrase::some(names))
}
