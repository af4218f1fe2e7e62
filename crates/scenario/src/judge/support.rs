//! What a check would need to hear and nobody it is about will say, because a stock client keeps it to itself.

use events::{Family, KINDS};

use crate::check::{Check, Expectation};
use crate::phrase;
use crate::plan::{Member, Plan};
use crate::selector::Selector;

/// Why a check can't be decided in this cast at all; `None` when it can.
pub(super) fn missing(check: &Check, plan: &Plan) -> Option<String> {
    if let Some((kind, member)) = silent_one(&check.expect, plan) {
        let (name, client) = (&member.name, member.client);
        return Some(format!(
            "{name} is played by client {client}, which does not report `{kind}`; say `who` is meant"
        ));
    }
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

/// Where nobody at all may do something: one whose silence would prove nothing.
fn silent_one<'a>(expect: &Expectation, plan: &'a Plan) -> Option<(&'static str, &'a Member)> {
    let kind = match expect {
        Expectation::Never { what, .. } if what.who.is_none() => what.event,
        Expectation::Count { what, range } if what.who.is_none() && range.max.is_some() => what.event,
        _ => return None,
    };
    let family = KINDS.iter().find(|known| known.name == kind)?.family;
    if matches!(family, Family::Tracker | Family::Network | Family::Script | Family::Verdict) {
        return None; // no peer tells of these
    }
    let member = plan.cast.iter().find(|member| !member.client.reports(kind))?;
    Some((kind, member))
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
