//! What the script of a plan does, and when.

use std::fmt;
use std::time::Duration;

use model::Rate;

use crate::cue::Cue;
use crate::named::named;
use crate::plan::Persona;
use crate::selector::Selector;
use crate::units::{Share, show_duration, show_rate};

/// One step of the script.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// From 1, in the order of the file.
    pub number: u32,
    pub when: When,
    pub action: Action,
    /// Counted from the run's start: what has not come to pass by then never will.
    pub within: Duration,
    /// They do it one after the other, evenly, the last of them so long after the first. All at once where zero.
    pub over: Duration,
}

/// When a step is due.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// So long after the run's start.
    At(Duration),
    /// Once something has happened, and `then` a while later.
    After { cue: Cue, then: Duration },
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start the peers, and take part in the torrent.
    Join(Selector),
    /// Say goodbye and end.
    Leave(Selector),
    /// End without a word, as a crash or a pulled plug does.
    Kill(Selector),
    /// Start once more what was killed or has left, on the same disk.
    Restart(Selector),
    SetLimit {
        who: Selector,
        up: Limit,
        down: Limit,
    },
    SetPersona {
        who: Selector,
        persona: Persona,
    },
    /// Cuts the way between a network and the rest of the world.
    Cut(String),
    /// Heals what was cut.
    Heal(String),
    /// Changes the line between a network and the rest of the world.
    SetLine {
        net: String,
        change: LineChange,
    },
    /// Changes members' links to their network.
    SetLink {
        who: Selector,
        up: Limit,
        down: Limit,
    },
    /// Gives members' disks a fault, or takes it away.
    SetDisk {
        who: Selector,
        fault: DiskFault,
    },
    /// Members' clocks jump ahead, as when a laptop wakes.
    SkewClock {
        who: Selector,
        by: Duration,
    },
    /// The NAT of a network forgets every mapping, as after a power cut.
    RebindNat(String),
    /// Makes members reachable by a port of their network's border, as by hand in the router's settings.
    ForwardPort(Selector),
    /// Members pass their network's captive portal.
    SignIn(Selector),
    /// The tracker goes away.
    StopTracker,
    /// The tracker comes back, at the same address.
    StartTracker,
    /// A remark for whoever watches.
    Note(String),
}

/// What becomes of a line; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineChange {
    pub rtt: Option<Duration>,
    pub jitter: Option<Duration>,
    pub loss: Option<Share>,
}

named! {
    /// How a disk misbehaves.
    "fault of a disk" DiskFault {
        /// Not at all.
        None = "none",
        /// It takes nothing more.
        Full = "full",
        /// It moves 1 MB/s.
        Slow = "slow",
        /// One of a hundred blocks is written with a wrong byte in it.
        Corrupting = "corrupting",
        /// What was written in the second before a crash is lost in it.
        Forgetful = "forgetful",
    }
}

/// What a step does to a rate limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Limit {
    /// Leaves it as it is.
    #[default]
    Keep,
    /// Takes it away.
    Unlimited,
    To(Rate),
}

impl Limit {
    /// What the limit is after the step, when it was `before`.
    pub fn applied_to(self, before: Option<Rate>) -> Option<Rate> {
        match self {
            Self::Keep => before,
            Self::Unlimited => None,
            Self::To(rate) => Some(rate),
        }
    }
}

impl Step {
    /// When it is done, and over how long: `at 2 s`, `at 0 s, over 10 s`.
    pub fn timing(&self) -> String {
        if self.over.is_zero() {
            self.when.to_string()
        } else {
            format!("{}, over {}", self.when, show_duration(self.over))
        }
    }

    /// The same step for some of those whom it concerns.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        let some = |who: &Selector| who.filtered(|name| names.iter().any(|some| some == name));
        let action = match &self.action {
            Action::Join(who) => Action::Join(some(who)),
            Action::Leave(who) => Action::Leave(some(who)),
            Action::Kill(who) => Action::Kill(some(who)),
            Action::Restart(who) => Action::Restart(some(who)),
            other => other.clone(),
        };
        Self { action, ..self.clone() }
    }
}

impl Action {
    /// The verb in scenario files.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::Leave(_) => "leave",
            Self::Kill(_) => "kill",
            Self::Restart(_) => "restart",
            Self::SetLimit { .. } => "set-limit",
            Self::SetPersona { .. } => "set-persona",
            Self::Cut(_) => "cut",
            Self::Heal(_) => "heal",
            Self::SetLine { .. } => "set-line",
            Self::SetLink { .. } => "set-link",
            Self::SetDisk { .. } => "set-disk",
            Self::SkewClock { .. } => "skew-clock",
            Self::RebindNat(_) => "rebind-nat",
            Self::ForwardPort(_) => "forward-port",
            Self::SignIn(_) => "sign-in",
            Self::StopTracker => "stop-tracker",
            Self::StartTracker => "start-tracker",
            Self::Note(_) => "note",
        }
    }

    /// Whom it concerns; `None` when no member of the cast.
    pub fn who(&self) -> Option<&Selector> {
        match self {
            Self::Join(who)
            | Self::Leave(who)
            | Self::Kill(who)
            | Self::Restart(who)
            | Self::SetLimit { who, .. }
            | Self::SetPersona { who, .. }
            | Self::SetLink { who, .. }
            | Self::SetDisk { who, .. }
            | Self::SkewClock { who, .. }
            | Self::ForwardPort(who)
            | Self::SignIn(who) => Some(who),
            Self::Cut(_) | Self::Heal(_) | Self::SetLine { .. } | Self::RebindNat(_) => None,
            Self::StopTracker | Self::StartTracker | Self::Note(_) => None,
        }
    }

    /// The names of those whom it concerns: members, or a network.
    pub fn names(&self) -> Vec<String> {
        let members = self.who().into_iter().flat_map(|who| who.names().iter().cloned());
        members.chain(self.net().map(str::to_owned)).collect()
    }

    /// The network that it concerns, if it does not concern members.
    pub fn net(&self) -> Option<&str> {
        match self {
            Self::Cut(net) | Self::Heal(net) | Self::RebindNat(net) | Self::SetLine { net, .. } => Some(net),
            _ => None,
        }
    }

    /// True when only a world that makes links, disks and clocks itself can carry it out.
    pub fn needs_sim(&self) -> bool {
        self.net().is_some()
            || matches!(
                self,
                Self::SetLink { .. }
                    | Self::SetDisk { .. }
                    | Self::SkewClock { .. }
                    | Self::ForwardPort(_)
                    | Self::SignIn(_)
            )
    }
}

impl fmt::Display for Action {
    /// `leave: seed`, `set-limit: sharer, up 100 kB/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        if let Some(who) = self.who() {
            write!(f, ": {who}")?;
        }
        if let Some(net) = self.net() {
            write!(f, ": {net}")?;
        }
        match self {
            Self::SetLine { change: LineChange { rtt, jitter, loss }, .. } => {
                for (key, span) in [("rtt", rtt), ("jitter", jitter)] {
                    if let Some(span) = span {
                        write!(f, ", {key} {}", show_duration(*span))?;
                    }
                }
                loss.map_or(Ok(()), |loss| write!(f, ", loss {loss}"))
            }
            Self::SetDisk { fault, .. } => write!(f, ", {fault}"),
            Self::SkewClock { by, .. } => write!(f, ", by {}", show_duration(*by)),
            Self::SetLimit { up, down, .. } | Self::SetLink { up, down, .. } => {
                for (way, limit) in [("up", up), ("down", down)] {
                    if *limit != Limit::Keep {
                        write!(f, ", {way} {limit}")?;
                    }
                }
                Ok(())
            }
            Self::SetPersona { persona, .. } => write!(f, ", {persona}"),
            Self::Note(text) => write!(f, ": {text}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Limit {
    /// As it is written in a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("as it is"),
            Self::Unlimited => f.write_str(UNLIMITED),
            Self::To(rate) => f.write_str(&show_rate(*rate)),
        }
    }
}

impl fmt::Display for When {
    /// `at 2 s`, `after sharer.complete`, `after sharer.complete and 2 s more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => write!(f, "at {}", show_duration(*at)),
            Self::After { cue, then } if then.is_zero() => write!(f, "after {cue}"),
            Self::After { cue, then } => write!(f, "after {cue} and {} more", show_duration(*then)),
        }
    }
}

impl fmt::Display for Step {
    /// `step 2 (leave: seed), after sharer.complete`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} ({}), {}", self.number, self.action, self.timing())
    }
}

/// What takes a limit away.
pub(crate) const UNLIMITED: &str = "unlimited";
