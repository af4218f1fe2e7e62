//! What the parts of a scenario must agree on: somebody has the content, everybody comes on
//! stage, every step can come to pass, and nothing is expected past the end.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::check::{Expectation, Until};
use crate::diagnostic::Faults;
use crate::net::{Nat, Net};
use crate::phrase;
use crate::plan::{Role, TrackerPlan};
use crate::read::checks::Checks;
use crate::read::fields::Fields;
use crate::read::net;
use crate::read::script::Script;
use crate::selector::{Quantifier, Roster, Selector, TRACKER};
use crate::step::{Action, Step, When};
use crate::units::show_duration;

/// What is played, as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) archive: bool,
    pub(crate) tracker: &'a TrackerPlan,
}

/// Looks at the whole, once its parts could be read.
pub(crate) fn check(
    top: Fields<'_>,
    roster: Roster<'_>,
    setting: Setting<'_>,
    script: &Script,
    checks: &Checks,
    deadline: Option<Duration>,
    faults: &mut Faults,
) {
    if !faults.is_empty() {
        return;
    }
    somebody_has_and_somebody_wants(top, roster, faults);
    shares_have_recipients(top, roster, setting.archive, faults);
    everybody_speaks_to_the_tracker(top, roster, setting.tracker, faults);
    everybody_joins_once(top, roster, script, faults);
    comings_follow_goings(script, faults);
    what_is_changed_is_there(roster, script, faults);
    every_step_can_come(roster, script, faults);
    if let Some(deadline) = deadline {
        nothing_is_past(deadline, script, checks, faults);
    }
}

fn somebody_has_and_somebody_wants(top: Fields<'_>, roster: Roster<'_>, faults: &mut Faults) {
    let spot = top.get("cast").map_or(top.spot, |node| node.spot);
    if !roster.cast.iter().any(|member| member.role.has_everything()) {
        let help = "give the cast a `seed: { role: seed }`";
        faults.add_with_help(spot, "nobody has the content: there is no seed", help);
    }
    if roster.cast.iter().all(|member| member.role.has_everything()) {
        let help = "give the cast a `leecher: { role: leech }`";
        faults.add_with_help(spot, "nobody wants the content: there is no leech", help);
    }
}

fn shares_have_recipients(top: Fields<'_>, roster: Roster<'_>, archive: bool, faults: &mut Faults) {
    let spot = top.get("cast").map_or(top.spot, |node| node.spot);
    let of_role = |role| roster.cast.iter().find(|member| member.role == role);
    if let Some(recipient) = of_role(Role::Recipient).filter(|_| !archive) {
        let message = format!("`{}` has a password, and nothing is encrypted", recipient.name);
        faults.add_with_help(spot, message, "write `archive: true` into `content`, or make it `role: leech`");
    }
    if let Some(sharer) = of_role(Role::Share).filter(|_| of_role(Role::Recipient).is_none()) {
        let message = format!("`{}` shares until every recipient has it, and there is no recipient", sharer.name);
        faults.add_with_help(spot, message, "add `friend: { role: recipient }`, or make it `role: seed`");
    }
}

fn everybody_speaks_to_the_tracker(top: Fields<'_>, roster: Roster<'_>, tracker: &TrackerPlan, faults: &mut Faults) {
    let is_six = |at: &str| roster.nets.get(at).is_some_and(|net| net.ipv6);
    let Some(other) = roster.cast.iter().find(|member| is_six(&member.at) != is_six(&tracker.at)) else { return };
    let (theirs, its) = if is_six(&other.at) { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
    let spot = top.get("net").map_or(top.spot, |node| node.spot);
    let (name, at) = (&other.name, &tracker.at);
    let message = format!("`{name}` speaks {theirs}, and the tracker in net `{at}` {its}: they never meet");
    faults.add_with_help(spot, message, "give every network in use `ip: 6`, or none of them");
}

fn everybody_joins_once(top: Fields<'_>, roster: Roster<'_>, script: &Script, faults: &mut Faults) {
    let mut joined: BTreeSet<&str> = BTreeSet::new();
    for (step, spot) in script.steps.iter().zip(&script.spots) {
        let Action::Join(who) = &step.action else { continue };
        if let Some(twice) = who.names().iter().find(|name| !joined.insert(name)) {
            let help = "a peer joins once; `restart` brings back what was killed or has left";
            faults.add_with_help(*spot, format!("`{twice}` joins a second time"), help);
        }
    }
    let absent: Vec<&str> =
        roster.cast.iter().map(|member| member.name.as_str()).filter(|name| !joined.contains(name)).collect();
    if let Some(first) = absent.first() {
        let spot = top.get("script").map_or(top.spot, |node| node.spot);
        let help = format!("add `{{ at: 0 s, do: join, who: {first} }}`");
        faults.add_with_help(spot, format!("{} never joins", phrase::some(&absent)), help);
    }
}

fn comings_follow_goings(script: &Script, faults: &mut Faults) {
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut cut: BTreeSet<&str> = BTreeSet::new();
    let mut tracker_stopped = false;
    for (step, spot) in script.steps.iter().zip(&script.spots) {
        match &step.action {
            Action::Leave(who) | Action::Kill(who) => gone.extend(who.names().iter().map(String::as_str)),
            Action::Restart(who) => {
                if let Some(name) = who.names().iter().find(|name| !gone.contains(name.as_str())) {
                    let message = format!("`{name}` is restarted, but no step before this ends it");
                    faults.add_with_help(*spot, message, "put a `kill` or `leave` before it");
                }
            }
            Action::Cut(net) => drop(cut.insert(net)),
            Action::Heal(net) if !cut.remove(net.as_str()) => {
                let message = format!("`{net}` is healed, but no step before this cuts it");
                faults.add_with_help(*spot, message, "put a `cut` before it, or leave this away");
            }
            Action::StopTracker => tracker_stopped = true,
            Action::StartTracker if !tracker_stopped => {
                let help = "it runs from the start; put a `stop-tracker` before this, or leave it away";
                faults.add_with_help(*spot, "the tracker is started, but no step before this stops it", help);
            }
            _ => {}
        }
    }
}

/// A NAT that is rebound, a border in which a port is opened, a portal at which somebody signs in.
fn what_is_changed_is_there(roster: Roster<'_>, script: &Script, faults: &mut Faults) {
    for (step, spot) in script.steps.iter().zip(&script.spots) {
        let mut lacks = |who: &Selector, what: &str, has: &dyn Fn(&str) -> bool| {
            let members = who.names().iter().filter_map(|name| roster.member(name));
            for member in members.filter(|member| !has(&member.at)) {
                let message = format!("`{}` sits in net `{}`, which has no {what}", member.name, member.at);
                faults.add_with_help(*spot, message, format!("give the net its {what}, or leave this step away"));
            }
        };
        match &step.action {
            Action::ForwardPort(who) => {
                let has = |net: &Net| net.nat != Nat::NONE || net.firewall.is_some();
                lacks(who, "NAT or firewall", &|net| roster.nets.get(net).is_some_and(has));
            }
            Action::SignIn(who) => {
                lacks(who, "captive portal", &|net| net::around(roster.nets, net).any(|net| net.portal));
            }
            Action::RebindNat(net) if roster.nets.get(net).is_some_and(|net| net.nat == Nat::NONE) => {
                faults.add_with_help(*spot, format!("net `{net}` has no NAT to rebind"), "give it one: `nat: home`");
            }
            _ => {}
        }
    }
}

/// A step that waits for somebody who only joins after it waits for ever.
fn every_step_can_come(roster: Roster<'_>, script: &Script, faults: &mut Faults) {
    let mut on_stage: BTreeSet<&str> = roster.nets.keys().map(String::as_str).chain([TRACKER]).collect();
    let mut stuck: Vec<usize> = (0..script.steps.len()).collect();
    loop {
        let before = stuck.len();
        stuck.retain(|&i| {
            let step = &script.steps[i];
            let comes = can_come(step, &on_stage);
            if comes && let Action::Join(who) = &step.action {
                on_stage.extend(who.names().iter().map(String::as_str));
            }
            !comes
        });
        if stuck.len() == before {
            break;
        }
    }
    for i in stuck {
        let When::After { cue, .. } = &script.steps[i].when else { continue };
        let absent: Vec<&str> =
            cue.who.names().iter().map(String::as_str).filter(|name| !on_stage.contains(name)).collect();
        let message = format!("step {} waits for `{cue}`, which can never come", i + 1);
        let help = match roster.cast.len() {
            0 => "the cast is empty".to_owned(),
            _ => format!("{} only joins in a step that waits for this one", phrase::some(&absent)),
        };
        faults.add_with_help(script.spots[i], message, help);
    }
}

fn can_come(step: &Step, on_stage: &BTreeSet<&str>) -> bool {
    let When::After { cue, .. } = &step.when else { return true };
    let mut names = cue.who.names().iter();
    match cue.quantifier {
        Quantifier::All => names.all(|name| on_stage.contains(name.as_str())),
        Quantifier::Any => names.any(|name| on_stage.contains(name.as_str())),
    }
}

fn nothing_is_past(deadline: Duration, script: &Script, checks: &Checks, faults: &mut Faults) {
    let help = format!("the run ends at its `deadline`, after {}", show_duration(deadline));
    for (step, spot) in script.steps.iter().zip(&script.spots) {
        let last = match step.when {
            When::At(at) => at + step.over,
            When::After { .. } => step.within,
        };
        if last > deadline {
            let message = format!("step {} lies past the end of the run", step.number);
            faults.add_with_help(*spot, message, help.as_str());
        }
    }
    for (check, spot) in checks.list.iter().zip(&checks.spots) {
        let last = match &check.expect {
            Expectation::Complete { within, .. } => *within,
            Expectation::Never { until: Some(Until::Time(at)), .. } => *at,
            _ => continue,
        };
        if last > deadline {
            faults.add_with_help(*spot, "this check looks past the end of the run", help.as_str());
        }
    }
}
