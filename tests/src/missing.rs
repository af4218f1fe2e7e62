//! Tests that need a program or a right that not every machine has.

use std::fmt;

/// What is missing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: needs {}", self.0)
    }
}

/// The thing, or `None` after saying what is missing; the test then returns.
///
/// # Panics
/// When something is missing and `SWARMLAB_REQUIRE_ALL=1` says that nothing may be.
pub fn needs<T>(found: Result<T, Missing>) -> Option<T> {
    match found {
        Ok(thing) => Some(thing),
        Err(missing) if std::env::var_os("SWARMLAB_REQUIRE_ALL").is_some_and(|value| value == "1") => {
            panic!("{missing}, and SWARMLAB_REQUIRE_ALL=1 allows no skipping")
        }
        Err(missing) => {
            eprintln!("{missing}");
            None
        }
    }
}
