//! A plan written out: every default filled in, and itself a scenario that reads back as the same plan.

use std::fmt::{Display, Write};

use events::Detail;

use crate::check::{Check, Expectation, LEARNED_KEYS, Level, Quantity, Range, Until, What, direction_name};
use crate::net::{Nat, Net};
use crate::plan::{ContentSource, Encryption, Member, Plan, Role};
use crate::selector::Quantifier;
use crate::step::{Action, Limit, LineChange, Step, When};
use crate::units::{show_duration, show_rate, show_size};

/// `{ key: value, ... }`, built key by key.
#[derive(Debug, Default)]
struct Flow {
    pairs: Vec<String>,
}

impl Flow {
    fn add(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.pairs.push(format!("{key}: {value}"));
        self
    }

    fn add_some(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.add(key, value);
        }
        self
    }

    fn range<T: Display>(&mut self, range: Range<T>) -> &mut Self {
        self.add_some("min", range.min).add_some("max", range.max)
    }

    fn text(&self) -> String {
        if self.pairs.is_empty() { "{}".into() } else { format!("{{ {} }}", self.pairs.join(", ")) }
    }
}

impl Plan {
    /// The plan as a scenario file in which nothing is left to defaults.
    pub fn to_yaml(&self) -> String {
        let mut out = String::from("scenario: 1\n");
        let mut line = |key: &str, value: String| {
            let _ = writeln!(out, "{key}: {value}");
        };
        line("title", quoted(&self.title));
        if !self.about.is_empty() {
            line("about", quoted(&self.about));
        }
        line("seed", self.seed.to_string());
        line("worlds", list(&self.worlds));
        line("deadline", show_duration(self.deadline));
        line("content", self.content_flow());
        let mut tracker = Flow::default();
        tracker.add("at", &self.tracker.at).add("interval", show_duration(self.tracker.interval));
        line("tracker", tracker.text());
        out.push_str("net:\n");
        for (name, net) in &self.nets {
            let _ = writeln!(out, "  {name}: {}", net_flow(net));
        }
        out.push_str("cast:\n");
        for (first, count) in self.roles() {
            let _ = writeln!(out, "  {}: {}", first.role_name, member_flow(first, count));
        }
        out.push_str(if self.script.is_empty() { "script: []\n" } else { "script:\n" });
        for step in &self.script {
            let _ = writeln!(out, "  - {}", step_flow(step));
        }
        out.push_str("check:\n");
        for check in &self.checks {
            let _ = writeln!(out, "  - {}", check_flow(check));
        }
        out
    }

    /// The first member of each role, and how many there are.
    fn roles(&self) -> Vec<(&Member, usize)> {
        let mut roles: Vec<(&Member, usize)> = Vec::new();
        for member in &self.cast {
            match roles.iter_mut().find(|(first, _)| first.role_name == member.role_name) {
                Some((_, count)) => *count += 1,
                None => roles.push((member, 1)),
            }
        }
        roles
    }

    fn content_flow(&self) -> String {
        let mut flow = Flow::default();
        match &self.content.source {
            ContentSource::Size(size) => flow.add("size", show_size(*size)),
            ContentSource::Tree { files, size } => {
                flow.add("tree", format!("{{ files: {files}, size: {} }}", show_size(*size)))
            }
            ContentSource::Path(path) => flow.add("path", quoted(path)),
            ContentSource::Given => flow.add("given", true),
        };
        flow.add_some("piece", self.content.piece.map(show_size));
        flow.add_some("name", self.content.name.as_deref().map(quoted));
        flow.add_some("archive", self.content.archive.then_some(true));
        flow.add_some("elide", self.content.elide.then_some(true));
        flow.text()
    }
}

fn net_flow(net: &Net) -> String {
    let mut flow = Flow::default();
    flow.add_some("in", net.inside.as_ref());
    flow.add_some("rtt", net.rtt.map(show_duration)).add_some("jitter", net.jitter.map(show_duration));
    flow.add_some("loss", net.loss).add_some("up", net.up.map(show_rate)).add_some("down", net.down.map(show_rate));
    flow.add_some("nat", (net.nat != Nat::NONE).then_some(net.nat)).add_some("firewall", net.firewall.as_ref());
    flow.add_some("ip", net.ipv6.then_some(6)).add_some("isp", net.isp.as_ref());
    flow.add_some("portal", net.portal.then_some(true));
    flow.text()
}

fn member_flow(member: &Member, count: usize) -> String {
    let mut flow = Flow::default();
    flow.add("at", &member.at).add("role", member.role).add("count", count).add("client", member.client);
    if member.client == crate::plan::Client::Swarmlab {
        flow.add("persona", member.persona);
        flow.add("detail", if member.detail == Detail::Block { "block" } else { "piece" });
        flow.add("encryption", member.encryption);
        if member.encryption != Encryption::Disabled {
            flow.add("encryption-methods", list(&member.encryption_methods));
        }
    }
    flow.add_some("password", (member.role == Role::Recipient).then_some(member.password));
    if !member.role.has_everything() {
        flow.add("knows", member.knows);
        if member.client == crate::plan::Client::Swarmlab {
            flow.add("picking", member.picking);
        }
    }
    flow.add_some("up", member.up.map(show_rate)).add_some("down", member.down.map(show_rate));
    flow.add_some("slots", member.slots);
    flow.text()
}

fn step_flow(step: &Step) -> String {
    let mut flow = Flow::default();
    match &step.when {
        When::At(at) => flow.add("at", show_duration(*at)),
        When::After { cue, then } => {
            flow.add("after", cue);
            flow.add_some("then", (!then.is_zero()).then(|| show_duration(*then)));
            flow.add("within", show_duration(step.within))
        }
    };
    flow.add("do", step.action.verb()).add_some("who", step.action.who()).add_some("net", step.action.net());
    flow.add_some("over", (!step.over.is_zero()).then(|| show_duration(step.over)));
    match &step.action {
        Action::SetLimit { up, down, .. } | Action::SetLink { up, down, .. } => {
            for (key, limit) in [("up", up), ("down", down)] {
                flow.add_some(key, (*limit != Limit::Keep).then_some(limit));
            }
        }
        Action::SetPersona { persona, .. } => {
            flow.add("persona", persona);
        }
        Action::SetLine { change, .. } => {
            let LineChange { rtt, jitter, loss } = change;
            flow.add_some("rtt", rtt.map(show_duration)).add_some("jitter", jitter.map(show_duration));
            flow.add_some("loss", *loss);
        }
        Action::SetDisk { fault, .. } => {
            flow.add("disk", fault);
        }
        Action::SkewClock { by, .. } => {
            flow.add("by", show_duration(*by));
        }
        Action::Note(text) => {
            flow.add("text", quoted(text));
        }
        _ => {}
    }
    flow.text()
}

fn check_flow(check: &Check) -> String {
    let mut flow = Flow::default();
    let kind = check.expect.kind();
    match &check.expect {
        Expectation::Complete { who, within } => flow.add(kind, who).add("within", show_duration(*within)),
        Expectation::HashOk { who }
        | Expectation::Resumed { who }
        | Expectation::Delivered { who }
        | Expectation::Sealed { who } => flow.add(kind, who),
        Expectation::Order { cues } => flow.add(kind, list(cues)),
        Expectation::Never { what, after, until } => {
            what_flow(&mut flow, kind, what).add_some("after", after.as_ref());
            flow.add_some(
                "until",
                until.as_ref().map(|until| match until {
                    Until::Time(at) => show_duration(*at),
                    Until::Cue(cue) => cue.to_string(),
                }),
            )
        }
        Expectation::Always { quantity, who, range } => {
            flow.add(kind, quantity).add("who", who);
            match quantity {
                Quantity::Peers => flow.range(*range),
                Quantity::Up | Quantity::Down => flow.range(range.map(|rate| show_rate(model::Rate(rate)))),
            }
        }
        Expectation::Count { what, range } => what_flow(&mut flow, kind, what).range(*range),
        Expectation::PiecesFrom { source, who, range } => flow.add(kind, source).add("who", who).range(*range),
        Expectation::Ratio { who, range } | Expectation::Reached { who, range } => flow.add(kind, who).range(*range),
        Expectation::UnchokedTime { who, by, range } => {
            flow.add(kind, who).add("by", by).range(range.map(show_duration))
        }
        Expectation::Banned { who, quantifier, by } => {
            let any = if *quantifier == Quantifier::Any { "any " } else { "" };
            flow.add(kind, who).add("by", format!("{any}{by}"))
        }
        Expectation::AnnounceCount { who, event, range } => flow.add(kind, who).add_some("event", *event).range(*range),
        Expectation::FinishedRank { who, range } => flow.add(kind, who).range(*range),
        Expectation::Cipher { ciphers, who, remote } => {
            let names: Vec<&str> = ciphers.iter().map(|cipher| cipher.name()).collect();
            flow.add(kind, list(&names)).add("who", who).add_some("remote", remote.as_ref())
        }
        Expectation::Observer { observer, learned } => {
            flow.add(kind, observer.name());
            for (key, degree) in LEARNED_KEYS {
                let of_degree = learned.iter().filter(|(_, wanted)| *wanted == degree);
                let names: Vec<&str> = of_degree.map(|(item, _)| item.name()).collect();
                flow.add_some(key, (!names.is_empty()).then(|| list(&names)));
            }
            &mut flow
        }
        Expectation::Classified { classes, who, remote } => {
            let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
            flow.add(kind, list(&names)).add("who", who).add_some("remote", remote.as_ref())
        }
    };
    for (key, text) in [("pass", &check.pass), ("fail", &check.fail), ("why", &check.why)] {
        flow.add_some(key, text.as_deref().map(quoted));
    }
    flow.add_some("level", (check.level != Level::Fail).then_some(check.level));
    flow.text()
}

fn what_flow<'a>(flow: &'a mut Flow, kind: &str, what: &What) -> &'a mut Flow {
    flow.add(kind, what.event).add_some("who", what.who.as_ref()).add_some("remote", what.remote.as_ref());
    flow.add_some("direction", what.direction.map(direction_name)).add_some("rule", what.rule)
}

/// `[a, b]`.
fn list(items: &[impl Display]) -> String {
    format!("[{}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// In double quotes, with YAML's escapes for what can't stand there.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || !is_printable(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a YAML reader takes as it stands: marks of order, breaks of other conventions and blanks
/// that editors drop are better escaped.
fn is_printable(c: char) -> bool {
    !matches!(c, '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
