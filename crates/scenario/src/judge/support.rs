//! What a check would need to hear and nobody it is about will say, because a stock client keeps it to itself.

use crate::check::{Check, Expectation};
use crate::plan::Plan;
use crate::selector::Selector;

/// Why a check can't be decided in this cast at all; `None` when it can.
pub(super) fn missing(check: &Check, plan: &Plan) -> Option<String> {
    let (who, kind) = needs(&check.expect)?;
    let members = plan.members(who);
    if members.is_empty() || members.iter().any(|member| member.client.reports(kind)) {
        return None;
    }
    Some(format!("{} is played by client {}, which does not report `{kind}`", who.phrase(), members[0].client))
}

/// Who would have to report what.
fn needs(expect: &Expectation) -> Option<(&Selector, &'static str)> {
    match expect {
        Expectation::Never { what, .. } | Expectation::Count { what, .. } => Some((what.who.as_ref()?, what.event)),
        Expectation::PiecesFrom { who, .. } => Some((who, "piece-verified")),
        Expectation::UnchokedTime { by, .. } => Some((by, "unchoked")),
        Expectation::Banned { by, .. } => Some((by, "peer-banned")),
        _ => None,
    }
}
