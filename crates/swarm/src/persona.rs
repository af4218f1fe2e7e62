//! How a peer behaves, as a value: the lab's misbehaviours are ordinary settings, the same in
//! every build and world, not hooks for tests.

use std::fmt;
use std::str::FromStr;

use model::Rate;

/// The character a peer plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Persona {
    /// Plays by the rules.
    #[default]
    Honest,
    /// Takes and never gives: nobody is ever unchoked.
    FreeRider,
    /// Serves every block with wrong bytes in it.
    Poisoner,
    /// Serves honestly, at [`Persona::SLOW_RATE`].
    Slow,
}

/// Which piece comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Picking {
    /// Random first pieces, then what the fewest have.
    #[default]
    RarestFirst,
    /// From the first to the last, as a media player would.
    Sequential,
}

impl Persona {
    /// What a slow peer uploads at.
    pub const SLOW_RATE: Rate = Rate(32_000);

    pub const ALL: [Self; 4] = [Self::Honest, Self::FreeRider, Self::Poisoner, Self::Slow];

    /// The name in scenario files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::FreeRider => "free-rider",
            Self::Poisoner => "poisoner",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Persona {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| format!("no persona {text:?}: one of {known}"))
    }
}
