//! The scenarios that come with the program: they are inside it, so that the binary alone is enough.

use crate::nearest::did_you_mean;

/// Name and text of each, in the order of the lessons.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    SHIPPED
}

/// The text of a shipped scenario.
///
/// # Errors
/// No scenario has this name; the error offers the nearest.
pub fn find(name: &str) -> Result<&'static str, UnknownScenario> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| UnknownScenario { name: name.to_owned() })
}

/// No shipped scenario has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScenario {
    name: String,
}

impl std::fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let help = did_you_mean(&self.name, SHIPPED.iter().map(|(name, _)| *name));
        write!(f, "no scenario is called `{}`; {help}", self.name)
    }
}

impl std::error::Error for UnknownScenario {}

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        &[ $( ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/", $name, ".yaml"))) ),* ]
    };
}

const SHIPPED: &[(&str, &str)] = scenarios![
    "first-swarm",
    "tit-for-tat",
    "rarest-first",
    "sequential-trap",
    "poisoner",
    "magnet",
    "churn",
    "mixed-clients",
    "encryption-off",
    "encryption-on",
    "isp-signature",
    "encryption-fallback",
    "encryption-required-meets-plaintext",
    "encrypted-share",
    "share-many",
    "share-eavesdropper",
    "share-plain",
    "nat-basics",
    "nat-two-homes",
    "port-forward",
    "firewalled-office",
    "isp-blocks-plaintext",
    "lower-bound",
    "flash-crowd",
    "seed-dies",
    "partition",
    "your-own-file",
];
