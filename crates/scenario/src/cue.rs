//! Moments that a script or check waits for, named by what the peers report:
//! `sharer.complete`, `any sharer.first-piece`, `leecher reaches 50 %`, `seed uploads 150 %`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use events::{Event, KINDS, Record, Remote};
use model::{ByteCount, Time};

use crate::diagnostic::Faults;
use crate::nearest::did_you_mean;
use crate::read::fields::text;
use crate::selector::{Quantifier, Roster, Selector};
use crate::tree::Node;
use crate::units::{self, Share};

/// A moment: something has happened to all (or any) of some peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    pub who: Selector,
    pub quantifier: Quantifier,
    pub moment: Moment,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The peer reported an event of this kind, one of [`KINDS`], for the first time.
    Event(&'static str),
    /// It has every piece, fetched or found on its disk.
    Complete,
    /// It has this part of the pieces.
    Reaches(Share),
    /// It has given so much: 100 % is as much as the content is large.
    Uploads(Share),
}

/// Reads a cue. `None` with the reason among the faults.
pub(crate) fn read(node: &Node, roster: Roster<'_>, faults: &mut Faults) -> Option<Cue> {
    let text = text(node, "a moment", EXAMPLE, faults)?;
    match parse(text, roster) {
        Ok(cue) => Some(cue),
        Err((message, help)) => {
            faults.add_with_help(node.spot, message, help);
            None
        }
    }
}

fn parse(text: &str, roster: Roster<'_>) -> Result<Cue, (String, String)> {
    let (quantifier, rest) = match text.split_once(char::is_whitespace) {
        Some(("any", rest)) => (Quantifier::Any, rest.trim_start()),
        _ => (Quantifier::All, text),
    };
    let (subject, moment) = match rest.split_once(char::is_whitespace) {
        None => {
            let (subject, kind) = rest
                .split_once('.')
                .ok_or_else(|| (format!("`{text}` is no moment"), format!("write it as `{EXAMPLE}`")))?;
            (subject, kind_moment(kind)?)
        }
        Some((subject, predicate)) => (subject, amount_moment(text, predicate.trim_start())?),
    };
    let unknown = || (format!("nobody in the cast is called `{subject}`"), roster.suggest(subject));
    let who = roster.subject(subject).ok_or_else(unknown)?;
    possible(who, quantifier, moment, roster)
}

fn kind_moment(kind: &str) -> Result<Moment, (String, String)> {
    match kind {
        "complete" => Ok(Moment::Complete),
        "first-piece" => Ok(Moment::Event("piece-verified")),
        "half" => Ok(Moment::Reaches(Share(500_000))),
        _ => event_kind(kind).map(Moment::Event),
    }
}

/// A kind of event by its name, with help for a misspelt one.
pub(crate) fn event_kind(name: &str) -> Result<&'static str, (String, String)> {
    let known = || KINDS.iter().filter(|kind| kind.family != events::Family::Verdict).map(|kind| kind.name);
    known().find(|known| *known == name).ok_or_else(|| {
        let message = format!("no kind of event is called `{name}`");
        let help = did_you_mean(name, ALIASES.iter().copied().chain(known()).collect::<Vec<_>>());
        match help.starts_with("one of") {
            true => (message, "`swarmlab events` lists the kinds; the usual ones are complete, first-piece, half, joined, left, killed".to_owned()),
            false => (message, help),
        }
    })
}

fn amount_moment(text: &str, predicate: &str) -> Result<Moment, (String, String)> {
    let (verb, amount) = predicate.split_once(char::is_whitespace).unwrap_or((predicate, ""));
    let make: fn(Share) -> Moment = match verb {
        "reaches" => Moment::Reaches,
        "uploads" => Moment::Uploads,
        _ => {
            let help = format!("write it as `{EXAMPLE}`, `leecher reaches 50 %` or `seed uploads 150 %`");
            return Err((format!("`{text}` is no moment"), help));
        }
    };
    let share = units::share(amount).map_err(|bad| (bad.message, bad.help))?;
    match verb {
        "reaches" if share > Share::WHOLE => Err((format!("nobody reaches {share}"), "the most is `100 %`".into())),
        _ if share.0 == 0 => Err((format!("`{text}` is so from the start"), "write more than `0 %`".into())),
        _ => Ok(make(share)),
    }
}

/// Refuses what can't come to pass: a seed never becomes complete, and never fetches a piece.
fn possible(
    who: Selector,
    quantifier: Quantifier,
    moment: Moment,
    roster: Roster<'_>,
) -> Result<Cue, (String, String)> {
    let downloads = matches!(moment, Moment::Complete | Moment::Reaches(_) | Moment::Event("piece-verified"));
    if !downloads {
        return reported(who, quantifier, moment, roster);
    }
    let text = who.to_string();
    let who = who.filtered(|name| !roster.is_seed(name) && name != crate::selector::TRACKER);
    if who.names().is_empty() {
        let message = format!("`{text}` downloads nothing, so this never happens");
        return Err((message, "wait for one who leeches, or for another moment".into()));
    }
    reported(who, quantifier, moment, roster)
}

/// Refuses what nobody would tell of: blocks where only pieces are reported, or what a stock client keeps to itself.
fn reported(
    who: Selector,
    quantifier: Quantifier,
    moment: Moment,
    roster: Roster<'_>,
) -> Result<Cue, (String, String)> {
    let kind = match moment {
        Moment::Event(kind) => kind,
        Moment::Complete => "complete",
        Moment::Reaches(_) | Moment::Uploads(_) => "progress",
    };
    let tells = |name: &String| roster.member(name).is_none_or(|m| m.client.reports(kind));
    let heard = match quantifier {
        Quantifier::All => who.names().iter().all(tells),
        Quantifier::Any => who.names().iter().any(tells),
    };
    if !heard {
        let message = format!("client rqbit does not report `{kind}`");
        return Err((message, format!("it reports {}", crate::plan::RQBIT_REPORTS.join(", "))));
    }
    blocks_told(&who, kind, roster)?;
    Ok(Cue { who, quantifier, moment })
}

/// Block-level events come only from peers that are told to report them.
pub(crate) fn blocks_told(who: &Selector, kind: &str, roster: Roster<'_>) -> Result<(), (String, String)> {
    let silent = |name: &&String| roster.member(name).is_some_and(|member| member.detail != events::Detail::Block);
    match who.names().iter().find(silent) {
        Some(name) if BLOCK_KINDS.contains(&kind) => {
            let message = format!("`{name}` does not report `{kind}`: its events tell of pieces, not of blocks");
            Err((message, "add `detail: block` to it in the cast".into()))
        }
        _ => Ok(()),
    }
}

/// The kinds of event that need `detail: block`.
pub const BLOCK_KINDS: &[&str] =
    &["block-requested", "block-received", "block-sent", "request-cancelled", "request-rejected"];

/// Moments with a name of their own, beside the kinds of events.
pub const ALIASES: &[&str] = &["complete", "first-piece", "half"];

const EXAMPLE: &str = "sharer.complete";

impl fmt::Display for Cue {
    /// As it is written in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quantifier == Quantifier::Any {
            f.write_str("any ")?;
        }
        match &self.moment {
            Moment::Event(kind) => write!(f, "{}.{kind}", self.who),
            Moment::Complete => write!(f, "{}.complete", self.who),
            Moment::Reaches(share) => write!(f, "{} reaches {share}", self.who),
            Moment::Uploads(share) => write!(f, "{} uploads {share}", self.who),
        }
    }
}

/// True when the event says that its peer has every piece.
pub(crate) fn is_complete(event: &Event) -> bool {
    match event {
        Event::Complete { .. } => true,
        Event::Checked { have, pieces, .. } => *pieces > 0 && have == pieces,
        _ => false,
    }
}

/// How many pieces of how many the peer has, where the event tells.
pub(crate) fn pieces_held(event: &Event) -> Option<(u32, u32)> {
    match event {
        Event::Checked { have, pieces, .. }
        | Event::Progress { have, pieces, .. }
        | Event::PieceVerified { have, pieces, .. } => Some((*have, *pieces)),
        _ => None,
    }
}

/// Waits for a cue: remembers which of those it needs have done it.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    cue: Cue,
    done: BTreeSet<String>,
    /// Who gave how much, as they or the receivers say.
    given: BTreeMap<String, ByteCount>,
    content: Option<ByteCount>,
    came: Option<(Time, u64)>,
}

impl Watch {
    pub(crate) fn new(cue: &Cue) -> Self {
        Self { cue: cue.clone(), done: BTreeSet::new(), given: BTreeMap::new(), content: None, came: None }
    }

    /// When it came, and on which line of the log.
    pub(crate) fn came(&self) -> Option<(Time, u64)> {
        self.came
    }

    pub(crate) fn cue(&self) -> &Cue {
        &self.cue
    }

    /// Those of whom it takes all, and who have not done it yet.
    pub(crate) fn missing(&self) -> Vec<&str> {
        self.cue.who.names().difference(&self.done).map(String::as_str).collect()
    }

    /// True when the moment came with this record.
    pub(crate) fn observe(&mut self, line: u64, record: &Record) -> bool {
        if self.came.is_some() {
            return false;
        }
        for name in self.did(record) {
            self.done.insert(name);
        }
        let enough = match self.cue.quantifier {
            Quantifier::All => self.done.len() == self.cue.who.names().len(),
            Quantifier::Any => !self.done.is_empty(),
        };
        if enough {
            self.came = Some((record.time, line));
        }
        enough
    }

    /// Who did it, by this record.
    fn did(&mut self, record: &Record) -> Vec<String> {
        if let Moment::Uploads(share) = self.cue.moment {
            return self.uploaded(record, share);
        }
        let concerns = self.cue.who.has(&record.peer);
        let did = match self.cue.moment {
            Moment::Event(kind) => record.event.kind() == kind,
            Moment::Complete => is_complete(&record.event),
            Moment::Reaches(share) => {
                matches!(record.event, Event::Complete { .. })
                    || pieces_held(&record.event)
                        .and_then(|(have, pieces)| Share::of(have.into(), pieces.into()))
                        .is_some_and(|part| part >= share)
            }
            Moment::Uploads(_) => false,
        };
        if concerns && did { vec![record.peer.clone()] } else { Vec::new() }
    }

    fn uploaded(&mut self, record: &Record, share: Share) -> Vec<String> {
        match &record.event {
            Event::Checked { have, pieces, bytes } if *pieces > 0 && have == pieces => self.content = Some(*bytes),
            Event::Complete { bytes, .. } => self.content = Some(*bytes),
            Event::PieceVerified { from, .. } => {
                for part in from {
                    if let Remote::Name(name) = &part.remote
                        && self.cue.who.has(name)
                    {
                        *self.given.entry(name.clone()).or_default() += ByteCount(part.bytes.into());
                    }
                }
            }
            _ => {}
        }
        let Some(content) = self.content else { return Vec::new() };
        let enough = |given: &ByteCount| Share::of(given.0, content.0).is_some_and(|part| part >= share);
        let mut names: Vec<String> =
            self.given.iter().filter(|(_, given)| enough(given)).map(|(name, _)| name.clone()).collect();
        if let Event::Progress { uploaded, .. } | Event::Complete { uploaded, .. } = &record.event
            && self.cue.who.has(&record.peer)
            && enough(uploaded)
        {
            names.push(record.peer.clone());
        }
        names
    }
}
