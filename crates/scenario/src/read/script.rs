//! Reads the script: what is done, and at which moment.

use std::time::Duration;

use crate::diagnostic::{Faults, Spot};
use crate::nearest::did_you_mean;
use crate::plan::{Client, Persona};
use crate::read::cue_at;
use crate::read::fields::{Fields, amount, items, name, text};
use crate::read::stage::{loss, net_name};
use crate::selector::{Roster, Selector};
use crate::step::{Action, Limit, LineChange, Step, UNLIMITED, When};
use crate::tree::{Node, Value};
use crate::units;

/// The keys of a step.
pub const STEP_KEYS: &[&str] = &[
    "at", "after", "then", "within", "over", "do", "who", "net", "up", "down", "persona", "rtt", "jitter", "loss",
    "disk", "by", "text",
];

/// Verbs, with the keys that each takes beside those of time.
pub const VERBS: &[(&str, &[&str])] = &[
    ("join", &["who", "over"]),
    ("leave", &["who", "over"]),
    ("kill", &["who", "over"]),
    ("restart", &["who", "over"]),
    ("set-limit", &["who", "up", "down"]),
    ("set-persona", &["who", "persona"]),
    ("cut", &["net"]),
    ("heal", &["net"]),
    ("set-line", &["net", "rtt", "jitter", "loss"]),
    ("set-link", &["who", "up", "down"]),
    ("set-disk", &["who", "disk"]),
    ("skew-clock", &["who", "by"]),
    ("rebind-nat", &["net"]),
    ("forward-port", &["who"]),
    ("sign-in", &["who"]),
    ("stop-tracker", &[]),
    ("start-tracker", &[]),
    ("note", &["text"]),
];

const STEP_EXAMPLE: &str = "{ at: 0 s, do: join, who: all }";
const TIME_KEYS: &[&str] = &["at", "after", "then", "within", "do"];

/// The steps with their places.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) spots: Vec<Spot>,
}

impl Script {
    /// Steps that name no deadline of their own have the run's.
    pub(crate) fn fill_deadlines(&mut self, deadline: Duration) {
        for step in self.steps.iter_mut().filter(|step| step.within.is_zero()) {
            step.within = deadline;
        }
    }
}

/// Reads `script`; without it everybody joins at the start.
pub(crate) fn read(top: Fields<'_>, roster: Roster<'_>, faults: &mut Faults) -> Script {
    let Some(node) = top.get("script") else {
        let action = Action::Join(Selector::all(roster.cast));
        let step =
            Step { number: 1, when: When::At(Duration::ZERO), action, within: Duration::ZERO, over: Duration::ZERO };
        return Script { steps: vec![step], spots: vec![top.spot] };
    };
    let mut script = Script { steps: Vec::new(), spots: Vec::new() };
    if !matches!(node.value, Value::List(_)) {
        let message = format!("`script` must be a list, not {}", node.shape());
        faults.add_with_help(node.spot, message, format!("write a line `- {STEP_EXAMPLE}` for each step"));
        return script;
    }
    for (number, node) in (1..).zip(items(node).iter().take(STEPS_MAX)) {
        let reader = StepReader { roster, number };
        if let Some(step) = reader.read(node, faults) {
            script.steps.push(step);
            script.spots.push(node.spot);
        }
    }
    if items(node).len() > STEPS_MAX {
        faults.add(node.spot, format!("a script has at most {STEPS_MAX} steps"));
    }
    script
}

struct StepReader<'a> {
    roster: Roster<'a>,
    number: u32,
}

impl StepReader<'_> {
    fn read(&self, node: &Node, faults: &mut Faults) -> Option<Step> {
        let what = format!("step {}", self.number);
        let fields = Fields::of(node, &what, STEP_KEYS, STEP_EXAMPLE, faults);
        if !matches!(node.value, Value::Map(_)) {
            return None;
        }
        let when = self.when(&what, fields, faults);
        let action = self.action(&what, fields, faults);
        let within = fields.get("within").and_then(|node| some_time(node, "`within`", faults)).unwrap_or_default();
        let over = fields.get("over").and_then(|node| some_time(node, "`over`", faults)).unwrap_or_default();
        Some(Step { number: self.number, when: when?, action: action?, within, over })
    }

    fn when(&self, what: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<When> {
        match (fields.get("at"), fields.get("after")) {
            (Some(at), None) => {
                for key in ["then", "within"] {
                    if let Some(node) = fields.get(key) {
                        let message = format!("`{key}` goes with `after`: a step with `at` is done at its time");
                        faults.add_with_help(node.spot, message, "leave it away");
                    }
                }
                amount(at, "`at`", units::duration, "2 s", faults).map(When::At)
            }
            (None, Some(_)) => {
                let then = fields.get("then").and_then(|node| amount(node, "`then`", units::duration, "2 s", faults));
                let cue = cue_at(fields, "after", self.roster, faults)?;
                Some(When::After { cue, then: then.unwrap_or_default() })
            }
            (Some(_), Some(after)) => {
                faults.add_with_help(after.spot, format!("{what} has both `at` and `after`"), "keep one of the two");
                None
            }
            (None, None) => {
                let help = "begin it with `at: 2 s` or `after: sharer.complete`";
                faults.add_with_help(fields.spot, format!("{what} does not say when"), help);
                None
            }
        }
    }

    fn action(&self, what: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<Action> {
        let node = fields.need("do", what, STEP_EXAMPLE, faults)?;
        let verb = text(node, "`do`", "join", faults)?;
        let Some((verb, keys)) = VERBS.iter().find(|(name, _)| *name == verb) else {
            let help = did_you_mean(verb, VERBS.iter().map(|(name, _)| *name));
            faults.add_with_help(node.spot, format!("no verb is called `{verb}`"), help);
            return None;
        };
        for (key, _) in fields.entries() {
            let word = key.text.as_str();
            if STEP_KEYS.contains(&word) && !TIME_KEYS.contains(&word) && !keys.contains(&word) {
                let takes =
                    if keys.is_empty() { "nothing more".to_owned() } else { format!("`{}`", keys.join("`, `")) };
                faults.add_with_help(key.spot, format!("`{verb}` takes no `{word}`"), format!("it takes {takes}"));
            }
        }
        self.verb(verb, fields, faults)
    }

    fn verb(&self, verb: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<Action> {
        match verb {
            "join" => self.who(verb, fields, faults).map(Action::Join),
            "leave" => self.who(verb, fields, faults).map(Action::Leave),
            "kill" => self.who(verb, fields, faults).map(Action::Kill),
            "restart" => self.who(verb, fields, faults).map(Action::Restart),
            "set-limit" => self.set_limit(verb, fields, faults),
            "set-link" => self.set_limit(verb, fields, faults),
            "cut" => self.net(verb, fields, faults).map(Action::Cut),
            "heal" => self.net(verb, fields, faults).map(Action::Heal),
            "rebind-nat" => self.net(verb, fields, faults).map(Action::RebindNat),
            "set-line" => self.set_line(fields, faults),
            "set-disk" => {
                let who = self.who(verb, fields, faults);
                let node =
                    fields.need("disk", "`set-disk`", "{ at: 5 s, do: set-disk, who: bob, disk: full }", faults)?;
                Some(Action::SetDisk { fault: name(node, "`disk`", faults)?, who: who? })
            }
            "skew-clock" => {
                let who = self.who(verb, fields, faults);
                let node =
                    fields.need("by", "`skew-clock`", "{ at: 5 s, do: skew-clock, who: bob, by: 1 h }", faults)?;
                Some(Action::SkewClock { by: some_time(node, "`by`", faults)?, who: who? })
            }
            "forward-port" => self.who(verb, fields, faults).map(Action::ForwardPort),
            "sign-in" => self.who(verb, fields, faults).map(Action::SignIn),
            "set-persona" => self.set_persona(fields, faults),
            "stop-tracker" => Some(Action::StopTracker),
            "start-tracker" => Some(Action::StartTracker),
            _ => {
                let node = fields.need("text", "`note`", "{ at: 5 s, do: note, text: \"look now\" }", faults)?;
                text(node, "`text`", "look now", faults).map(|text| Action::Note(text.to_owned()))
            }
        }
    }

    fn who(&self, verb: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<Selector> {
        let node = fields.need("who", &format!("`{verb}`"), &format!("do: {verb}, who: all"), faults)?;
        let who = self.roster.selector(node, "`who`", faults);
        (!who.names().is_empty()).then_some(who)
    }

    fn net(&self, verb: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<String> {
        let node = fields.need("net", &format!("`{verb}`"), &format!("do: {verb}, net: home"), faults)?;
        net_name(node, "`net`", self.roster.nets, faults)
    }

    fn set_line(&self, fields: Fields<'_>, faults: &mut Faults) -> Option<Action> {
        let net = self.net("set-line", fields, faults);
        let mut duration =
            |key| fields.get(key).and_then(|node| amount(node, &format!("`{key}`"), units::duration, "20 ms", faults));
        let (rtt, jitter) = (duration("rtt"), duration("jitter"));
        let change = LineChange { rtt, jitter, loss: fields.get("loss").and_then(|node| loss(node, faults)) };
        if ["rtt", "jitter", "loss"].iter().all(|key| fields.get(key).is_none()) {
            let help = "write `rtt: 200 ms`, `jitter: 20 ms`, `loss: 5 %`";
            faults.add_with_help(fields.spot, "`set-line` changes nothing", help);
        }
        Some(Action::SetLine { net: net?, change })
    }

    fn set_limit(&self, verb: &str, fields: Fields<'_>, faults: &mut Faults) -> Option<Action> {
        let who = self.who(verb, fields, faults);
        let mut limit = |key: &str| fields.get(key).map_or(Some(Limit::Keep), |node| limit(node, key, faults));
        let (up, down) = (limit("up"), limit("down"));
        if (up, down) == (Some(Limit::Keep), Some(Limit::Keep)) {
            let help = "write `up: 100 kB/s`, `down: 1 MB/s`, or `up: unlimited`";
            faults.add_with_help(fields.spot, format!("`{verb}` sets no limit"), help);
        }
        let (who, up, down) = (who?, up?, down?);
        Some(match verb {
            "set-link" => Action::SetLink { who, up, down },
            _ => Action::SetLimit { who, up, down },
        })
    }

    fn set_persona(&self, fields: Fields<'_>, faults: &mut Faults) -> Option<Action> {
        let who = self.who("set-persona", fields, faults);
        let example = "{ at: 5 s, do: set-persona, who: sharer-1, persona: free-rider }";
        let node = fields.need("persona", "`set-persona`", example, faults)?;
        let persona: Persona = name(node, "`persona`", faults)?;
        let who = who?;
        let stock = |name: &&String| self.roster.member(name).is_some_and(|m| m.client == Client::Rqbit);
        if let Some(name) = who.names().iter().find(stock) {
            let message = format!("`{name}` is played by rqbit, a stock client without personas");
            faults.add_with_help(node.spot, message, "leave it out of `who`");
        }
        Some(Action::SetPersona { who, persona })
    }
}

fn limit(node: &Node, key: &str, faults: &mut Faults) -> Option<Limit> {
    if matches!(&node.value, Value::Text(text) if text.trim() == UNLIMITED) {
        return Some(Limit::Unlimited);
    }
    amount(node, &format!("`{key}`"), units::rate, "100 kB/s", faults).map(Limit::To)
}

/// A span that is not nothing.
pub(crate) fn some_time(node: &Node, what: &str, faults: &mut Faults) -> Option<Duration> {
    let span = amount(node, what, units::duration, "30 s", faults)?;
    if span.is_zero() {
        faults.add_with_help(node.spot, format!("{what} leaves no time at all"), "write something like `30 s`");
        return None;
    }
    Some(span)
}

const STEPS_MAX: usize = 200;
