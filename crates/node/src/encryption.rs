//! Which connections are encrypted: a policy, as a value. How it is done is `wire::mse`'s part.
//!
//! | policy | dials | when that is refused | whom it lets in |
//! |---|---|---|---|
//! | `disabled` | in plaintext | – | plaintext only |
//! | `allowed` | in plaintext | – | both |
//! | `preferred` | encrypted | dials again, in plaintext | both |
//! | `required` | encrypted | gives up | encrypted only |

use std::fmt;
use std::str::FromStr;

use wire::mse::Methods;

/// What to encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    pub policy: Policy,
    /// What is offered and accepted once the handshake is encrypted. Never empty.
    pub methods: Methods,
}

/// When to encrypt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    Disabled,
    /// The default: anybody can connect, and what is on the wire can be read and learned from.
    #[default]
    Allowed,
    Preferred,
    Required,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { policy: Policy::default(), methods: Methods::ALL }
    }
}

impl Policy {
    pub const ALL: [Self; 4] = [Self::Disabled, Self::Allowed, Self::Preferred, Self::Required];

    /// The name in scenario files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Allowed => "allowed",
            Self::Preferred => "preferred",
            Self::Required => "required",
        }
    }

    pub(crate) fn dials_encrypted(self) -> bool {
        matches!(self, Self::Preferred | Self::Required)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| format!("{text:?} is no encryption policy; they are {known}"))
    }
}
