//! What the script of a plan does, and when.

use std::fmt;
use std::time::Duration;

use model::Rate;

use crate::cue::Cue;
use crate::plan::Persona;
use crate::selector::Selector;
use crate::units::{show_duration, show_rate};

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
    /// The tracker goes away.
    StopTracker,
    /// The tracker comes back, at the same address.
    StartTracker,
    /// A remark for whoever watches.
    Note(String),
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
            | Self::SetPersona { who, .. } => Some(who),
            Self::StopTracker | Self::StartTracker | Self::Note(_) => None,
        }
    }
}

impl fmt::Display for Action {
    /// `leave: seed`, `set-limit: sharer, up 100 kB/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        if let Some(who) = self.who() {
            write!(f, ": {who}")?;
        }
        match self {
            Self::SetLimit { up, down, .. } => {
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
        write!(f, "step {} ({}), {}", self.number, self.action, self.when)
    }
}

/// What takes a limit away.
pub(crate) const UNLIMITED: &str = "unlimited";
