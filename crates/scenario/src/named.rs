//! Enums whose values have one name each in scenario files, help and messages.

use std::fmt;

use crate::nearest::did_you_mean;

/// A word that is none of the names of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    kind: &'static str,
    text: String,
    known: Vec<&'static str>,
}

impl UnknownName {
    pub(crate) fn new(kind: &'static str, text: &str, known: Vec<&'static str>) -> Self {
        Self { kind, text: text.to_owned(), known }
    }

    /// What to write instead: the nearest name, and all of them.
    pub fn help(&self) -> String {
        did_you_mean(&self.text, self.known.iter().copied())
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} is called `{}`", self.kind, self.text)
    }
}

impl std::error::Error for UnknownName {}

/// Defines an enum with a name for each value, readable and printable by it.
macro_rules! named {
    ($(#[$meta:meta])* $kind:literal $type:ident { $( $(#[$about:meta])* $variant:ident = $name:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $( $(#[$about])* $variant ),* }

        impl $type {
            /// Every value, in the order in which help lists them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),* ];

            /// The name in scenario files.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::named::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
                    $crate::named::UnknownName::new($kind, text, Self::ALL.iter().map(|value| value.name()).collect())
                })
            }
        }
    };
}

pub(crate) use named;
