//! What a check would need to hear and nobody it is about will say, because a stock client keeps it to itself.

use crate::check::{Check, Expectation};
use crate::phrase;
use crate::plan::Plan;
use crate::selector::Selector;

/// Why a check can't be decided in this cast at all; `None` when it can.
pub(super) fn missing(check: &Check, plan: &Plan) -> Option<String> {
    let (tellers, kind) = needs(&check.expect)?;
    let mut members = tellers.iter().flat_map(|who| plan.members(who)).peekable();
    let client = members.peek()?.client;
    if members.any(|member| member.client.reports(kind)) {
        return None;
    }
    let who: Vec<String> = tellers.iter().map(|who| who.phrase()).collect();
    let are = if who.len() == 1 { "is" } else { "are" };
    Some(format!("{} {are} played by client {client}, which does not report `{kind}`", phrase::list(&who)))
}

/// Who would have to report what; one of those named is enough.
fn needs(expect: &Expectation) -> Option<(Vec<&Selector>, &'static str)> {
    match expect {
        Expectation::Never { what, .. } | Expectation::Count { what, .. } => {
            Some((vec![what.who.as_ref()?], what.event))
        }
        Expectation::PiecesFrom { who, .. } => Some((vec![who], "piece-verified")),
        Expectation::UnchokedTime { by, .. } => Some((vec![by], "unchoked")),
        Expectation::Banned { by, .. } => Some((vec![by], "peer-banned")),
        Expectation::Cipher { who, remote, .. } => Some((vec![who, remote.as_ref()?], "cipher-settled")),
        Expectation::Classified { who, remote, .. } => Some((vec![who, remote.as_ref()?], "flow-classified")),
        _ => None,
    }
}
