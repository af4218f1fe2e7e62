//! Scenarios: what is shared, by whom, what happens when, and what must come of it.
//!
//! [`parse`] turns YAML into a [`Plan`], which exists only checked, or into [`Diagnostics`] that
//! name line, column and a likely fix. A [`Conductor`] says which step of the script is due,
//! and a [`Judge`] folds the events of a run into [`Verdict`]s. Nothing here reads a file or a clock or
//! starts anything: text and events in, values out. The format is described in `labs/SCENARIOS.md`.

mod check;
mod conductor;
mod cue;
mod diagnostic;
mod judge;
mod named;
mod nearest;
mod net;
mod phrase;
mod plan;
mod read;
mod selector;
mod shipped;
mod step;
mod tree;
mod units;
mod yaml;

pub use check::{
    AnnounceEvent, CHECK_KINDS, COMMON_KEYS, Check, CheckKind, Expectation, Level, Quantity, RULES, Range, Until, What,
};
pub use conductor::{Conductor, Overdue};
pub use cue::{Cue, Moment};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use judge::{EVIDENCE_MAX, Facts, Judge, Outcome, Verdict};
pub use named::UnknownName;
pub use net::{Dependence, Firewall, Inspection, InspectionAction, Nat, NatBehaviour, NatKind, Net, PortChoice};
pub use plan::{
    Client, Content, ContentSource, Encryption, EncryptionMethod, Knows, Member, Persona, Picking, Plan, RQBIT_REPORTS,
    Role, Told, TrackerPlan, World,
};
pub use read::{parse, parse_bytes};
pub use selector::{Quantifier, Selector};
pub use shipped::{UnknownScenario, find, shipped};
pub use step::{Action, DiskFault, Limit, LineChange, Step, When};
pub use units::Share;

/// The keys of the format, for its documentation's test.
#[doc(hidden)]
pub mod vocabulary {
    pub use crate::cue::{ALIASES, BLOCK_KINDS};
    pub use crate::read::TOP_KEYS;
    pub use crate::read::cast::CAST_KEYS;
    pub use crate::read::net::{FIREWALL_KEYS, ISP_KEYS, NAT_KEYS, NET_KEYS};
    pub use crate::read::script::{STEP_KEYS, VERBS};
    pub use crate::read::stage::{CONTENT_KEYS, TRACKER_KEYS, TREE_KEYS};
}

/// The door for the fuzzer.
#[doc(hidden)]
pub mod fuzz {
    /// Reads anything; a plan that comes of it must survive being written and read again.
    pub fn exercise(bytes: &[u8]) {
        match crate::parse_bytes("fuzzed.yaml", bytes) {
            Ok(plan) => {
                let again = crate::parse("again.yaml", &plan.to_yaml());
                assert_eq!(again.as_ref(), Ok(&plan), "a plan is read back as it was written");
            }
            Err(diagnostics) => assert!(!diagnostics.to_string().is_empty(), "a refusal has its reason"),
        }
    }
}
