//! Reads the checks.

use events::{Cipher, Degree, Direction, FlowClass, Item, KINDS, Observer};

use crate::check::{
    AnnounceEvent, CHECK_KINDS, COMMON_KEYS, Check, CheckKind, Expectation, LEARNED_KEYS, Quantity, RULES, Range,
    Until, What, direction_name,
};
use crate::cue;
use crate::diagnostic::{Faults, Spot};
use crate::named::UnknownName;
use crate::nearest::nearest;
use crate::plan::Role;
use crate::read::cue_at;
use crate::read::fields::{Fields, amount, items, name, text, whole};
use crate::read::script::some_time;
use crate::selector::{ALL, Quantifier, Roster, Selector};
use crate::tree::{Key, Node, Value};
use crate::units::{self, BadAmount, Share};

/// The checks with their places.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) list: Vec<Check>,
    pub(crate) spots: Vec<Spot>,
}

/// Reads `check`.
pub(crate) fn read(top: Fields<'_>, roster: Roster<'_>, faults: &mut Faults) -> Checks {
    let mut checks = Checks { list: Vec::new(), spots: Vec::new() };
    let Some(node) = top.get("check") else {
        let message = "there is no `check`: a scenario without checks is never green";
        faults.add_with_help(top.spot, message, "write `check: [{ complete: all, within: 60 s }]`");
        return checks;
    };
    if !matches!(node.value, Value::List(_)) {
        let message = format!("`check` must be a list, not {}", node.shape());
        faults.add_with_help(node.spot, message, "write a line `- { complete: all, within: 60 s }` for each check");
        return checks;
    }
    if items(node).is_empty() || items(node).len() > CHECKS_MAX {
        let message = format!("a scenario has from 1 to {CHECKS_MAX} checks: without any it is never green");
        faults.add_with_help(node.spot, message, "write `- { complete: all, within: 60 s }`");
    }
    for node in items(node).iter().take(CHECKS_MAX) {
        if let Some(check) = read_check(node, roster, faults) {
            checks.list.push(check);
            checks.spots.push(node.spot);
        }
    }
    checks
}

fn read_check(node: &Node, roster: Roster<'_>, faults: &mut Faults) -> Option<Check> {
    let fields = Fields::any(node, "a check", "{ complete: all, within: 60 s }", faults);
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    let (kind, value) = find_kind(fields, faults)?;
    let keys: Vec<&str> = [kind.name].iter().chain(kind.keys).chain(COMMON_KEYS).copied().collect();
    fields.allow(&format!("a check of kind `{}`", kind.name), &keys, faults);
    let expect = CheckReader { kind, value, fields, roster }.expectation(faults);
    let mut words = |key: &str| {
        let node = fields.get(key)?;
        text(node, &format!("`{key}`"), "the sharers have the file", faults).map(str::to_owned)
    };
    let (pass, fail, why) = (words("pass"), words("fail"), words("why"));
    let level = fields.get("level").and_then(|node| name(node, "`level`", faults)).unwrap_or_default();
    Some(Check { expect: expect?, pass, fail, why, level })
}

/// The one key that says what kind of check it is.
fn find_kind<'a>(fields: Fields<'a>, faults: &mut Faults) -> Option<(&'static CheckKind, &'a Node)> {
    let kind_of = |key: &Key| CHECK_KINDS.iter().find(|kind| kind.name == key.text);
    let found: Vec<_> = fields.entries().iter().filter_map(|(key, node)| Some((key, kind_of(key)?, node))).collect();
    match found.as_slice() {
        [(_, kind, node)] => Some((kind, node)),
        [] => {
            let kinds = || CHECK_KINDS.iter().map(|kind| kind.name);
            let near = fields.entries().iter().find_map(|(key, _)| Some((key, nearest(&key.text, kinds())?)));
            match near {
                Some((key, name)) => {
                    let message = format!("no kind of check is called `{}`", key.text);
                    faults.add_with_help(key.spot, message, format!("did you mean `{name}`?"));
                }
                None => {
                    let help = format!("it begins with one of: {}", kinds().collect::<Vec<_>>().join(", "));
                    faults.add_with_help(fields.spot, "this check does not say what it checks", help);
                }
            }
            None
        }
        [(_, first, _), (key, second, _), ..] => {
            let message = format!("one check can't be both `{}` and `{}`", first.name, second.name);
            faults.add_with_help(key.spot, message, "make it two checks");
            None
        }
    }
}

struct CheckReader<'a> {
    kind: &'static CheckKind,
    value: &'a Node,
    fields: Fields<'a>,
    roster: Roster<'a>,
}

impl CheckReader<'_> {
    fn expectation(&self, faults: &mut Faults) -> Option<Expectation> {
        match self.kind.name {
            "complete" => self.complete(faults),
            "hash-ok" => Some(Expectation::HashOk { who: self.downloaders(faults)? }),
            "delivered" => Some(Expectation::Delivered { who: self.of_roles(&[Role::Recipient], faults)? }),
            "sealed" => Some(Expectation::Sealed { who: self.of_roles(&[Role::Leech], faults)? }),
            "order" => self.order(faults),
            "never" => self.never(faults),
            "always" => self.always(faults),
            "count" => {
                let (what, range) = (self.what(faults), self.numbers(0, faults));
                Some(Expectation::Count { what: what?, range: range? })
            }
            "pieces-from" => self.pieces_from(faults),
            "ratio" => {
                let (who, range) = (self.subject(faults), self.shares(faults));
                Some(Expectation::Ratio { who: who?, range: range? })
            }
            "unchoked-time" => self.unchoked_time(faults),
            "banned" => self.banned(faults),
            "resumed" => Some(Expectation::Resumed { who: self.downloaders(faults)? }),
            "announce-count" => self.announce_count(faults),
            "finished-rank" => {
                let (who, range) = (self.downloaders(faults), self.numbers(1, faults));
                Some(Expectation::FinishedRank { who: who?, range: range? })
            }
            "cipher" => {
                let (ciphers, (who, remote)) =
                    (self.names(self.value, "cipher", &Cipher::ALL, Cipher::name, faults), self.ends(faults)?);
                Some(Expectation::Cipher { ciphers: ciphers?, who, remote })
            }
            "classified" => {
                let classes = self.names(self.value, "class of flows", &FlowClass::ALL, FlowClass::name, faults);
                let (who, remote) = self.ends(faults)?;
                Some(Expectation::Classified { classes: classes?, who, remote })
            }
            "observer" => self.observer(faults),
            _ => {
                let (who, range) = (self.downloaders(faults), self.shares(faults));
                Some(Expectation::Reached { who: who?, range: range? })
            }
        }
    }

    fn complete(&self, faults: &mut Faults) -> Option<Expectation> {
        let who = self.downloaders(faults);
        let within = self.fields.need("within", "`complete`", self.kind.example, faults);
        let within = within.and_then(|node| some_time(node, "`within`", faults));
        Some(Expectation::Complete { who: who?, within: within? })
    }

    fn order(&self, faults: &mut Faults) -> Option<Expectation> {
        let nodes = items(self.value);
        if nodes.len() < 2 || nodes.len() > CUES_MAX {
            let message = format!("`order` needs from 2 to {CUES_MAX} moments, and has {}", nodes.len());
            faults.add_with_help(self.value.spot, message, format!("write `{}`", self.kind.example));
            return None;
        }
        let cues: Vec<_> = nodes.iter().map(|node| cue::read(node, self.roster, faults)).collect();
        Some(Expectation::Order { cues: cues.into_iter().collect::<Option<_>>()? })
    }

    fn never(&self, faults: &mut Faults) -> Option<Expectation> {
        let what = self.what(faults);
        let after = cue_at(self.fields, "after", self.roster, faults);
        let until = self.fields.get("until").and_then(|node| self.until(node, faults));
        Some(Expectation::Never { what: what?, after, until })
    }

    /// A span after the run's start, or a moment.
    fn until(&self, node: &Node, faults: &mut Faults) -> Option<Until> {
        match &node.value {
            Value::Text(text) if text.trim().starts_with(|c: char| c.is_ascii_digit()) => {
                some_time(node, "`until`", faults).map(Until::Time)
            }
            _ => cue::read(node, self.roster, faults).map(Until::Cue),
        }
    }

    fn always(&self, faults: &mut Faults) -> Option<Expectation> {
        let quantity: Option<Quantity> = name(self.value, "`always`", faults);
        let who = self.who_or_all("who", faults);
        let range = match quantity? {
            Quantity::Peers => self.numbers(0, faults),
            Quantity::Up | Quantity::Down => self.range(|rate| rate.0, "1 MB/s", units::rate, faults),
        };
        Some(Expectation::Always { quantity: quantity?, who: who?, range: range? })
    }

    fn pieces_from(&self, faults: &mut Faults) -> Option<Expectation> {
        let source = self.subject(faults);
        let range = self.shares(faults);
        let source = source?;
        let who = match self.fields.get("who") {
            Some(node) => self.downloading(node, faults)?,
            None => Selector::all(self.roster.cast).filtered(|name| !self.roster.is_seed(name)),
        };
        if let Some(max) = range.and_then(|range| range.max.or(range.min))
            && max > Share::WHOLE
        {
            faults.add_with_help(self.fields.spot, format!("nobody gets {max} of what it got"), "the most is `100 %`");
        }
        Some(Expectation::PiecesFrom { source, who, range: range? })
    }

    fn unchoked_time(&self, faults: &mut Faults) -> Option<Expectation> {
        let who = self.downloaders(faults);
        let by = match self.fields.get("by") {
            Some(node) => Some(self.roster.selector(node, "`by`", faults)).filter(|by| !by.names().is_empty()),
            None => Some(Selector::all(self.roster.cast)),
        };
        let range = self.range(|span| span, "10 s", units::duration, faults);
        let (who, by) = (who?, by?);
        Some(Expectation::UnchokedTime { who, by, range: range? })
    }

    /// `by: leecher`, `by: any leecher`; anybody who downloads when left away.
    fn banned(&self, faults: &mut Faults) -> Option<Expectation> {
        let who = self.subject(faults)?;
        let honest = |name: &str| !self.roster.is_seed(name) && !who.has(name);
        let Some(node) = self.fields.get("by") else {
            let by = Selector::all(self.roster.cast).filtered(honest);
            return Some(Expectation::Banned { who, quantifier: Quantifier::Any, by });
        };
        let (quantifier, by) = match &node.value {
            Value::Text(text) if text.trim().starts_with("any ") => {
                let word = text.trim()[4..].trim_start();
                let inner = Node { spot: node.spot, value: Value::Text(word.to_owned()) };
                (Quantifier::Any, self.roster.selector(&inner, "`by`", faults))
            }
            _ => (Quantifier::All, self.roster.selector(node, "`by`", faults)),
        };
        let by = if by.to_string() == ALL { by.filtered(honest) } else { by };
        if by.names().is_empty() {
            return None;
        }
        Some(Expectation::Banned { who, quantifier, by })
    }

    fn announce_count(&self, faults: &mut Faults) -> Option<Expectation> {
        let (who, range) = (self.subject(faults), self.numbers(0, faults));
        let event: Option<AnnounceEvent> = match self.fields.get("event") {
            Some(node) => Some(name(node, "`event`", faults)?),
            None => None,
        };
        Some(Expectation::AnnounceCount { who: who?, event, range: range? })
    }

    fn observer(&self, faults: &mut Faults) -> Option<Expectation> {
        let names = self.names(self.value, "observer", &Observer::ALL, Observer::name, faults)?;
        let [observer] = names[..] else {
            faults.add_with_help(self.value.spot, "a check is about one observer", "make it several checks");
            return None;
        };
        let mut learned: Vec<(Item, Degree)> = Vec::new();
        for (key, degree) in LEARNED_KEYS {
            let Some(node) = self.fields.get(key) else { continue };
            for item in self.names(node, "thing to learn", &Item::ALL, Item::name, faults)? {
                if learned.iter().any(|(known, _)| *known == item) {
                    let message = format!("`{}` is in two of the lists", item.name());
                    faults.add_with_help(node.spot, message, "it is learned fully, partly or not at all");
                    return None;
                }
                learned.push((item, degree));
            }
        }
        if learned.is_empty() {
            let message = "`observer` needs one of `learns`, `partly` and `not`";
            faults.add_with_help(self.fields.spot, message, format!("write something like `{}`", self.kind.example));
            return None;
        }
        Some(Expectation::Observer { observer, learned })
    }

    /// The kind of event that is the check's value, with `who` and `remote`.
    fn what(&self, faults: &mut Faults) -> Option<What> {
        let word = text(self.value, &format!("`{}`", self.kind.name), "piece-failed", faults)?;
        let alias = if word == "first-piece" { "piece-verified" } else { word };
        let event = match cue::event_kind(alias) {
            Ok(event) => event,
            Err((message, help)) => {
                faults.add_with_help(self.value.spot, message, help);
                return None;
            }
        };
        let read = |key: &str, faults: &mut Faults| match self.fields.get(key) {
            Some(node) => {
                let word = match &node.value {
                    Value::Text(text) => self.roster.subject(text.trim()),
                    _ => None,
                };
                let who = word.unwrap_or_else(|| self.roster.selector(node, &format!("`{key}`"), faults));
                (!who.names().is_empty()).then_some(Some(who))
            }
            None => Some(None),
        };
        let (who, remote) = (read("who", faults), read("remote", faults));
        if let Some(node) = self.fields.get("remote")
            && !names_another(event)
        {
            faults.add_with_help(node.spot, format!("`{event}` names no other side"), "leave `remote` away");
        }
        let (direction, rule) = (self.direction(event, faults), self.rule(event, faults));
        let what = What { event, who: who?, remote: remote?, direction: direction?, rule: rule? };
        self.told(&what, faults);
        Some(what)
    }

    /// Who dialled, for events that tell it.
    fn direction(&self, event: &str, faults: &mut Faults) -> Option<Option<Direction>> {
        let Some(node) = self.fields.get("direction") else { return Some(None) };
        if !has_field(event, "direction") {
            faults.add_with_help(node.spot, format!("`{event}` has no direction"), "leave `direction` away");
            return None;
        }
        let all = [Direction::In, Direction::Out];
        match self.names(node, "direction", &all, direction_name, faults)?[..] {
            [one] => Some(Some(one)),
            _ => Some(None), // both are all there are
        }
    }

    /// By which rule a packet was stopped.
    fn rule(&self, event: &str, faults: &mut Faults) -> Option<Option<&'static str>> {
        let Some(node) = self.fields.get("rule") else { return Some(None) };
        if !has_field(event, "packet") {
            let message = format!("`{event}` tells of no rule that stopped a packet");
            faults.add_with_help(node.spot, message, "leave `rule` away, or look for `packet-dropped`");
            return None;
        }
        let word = text(node, "`rule`", "no-mapping", faults)?;
        let known = RULES.iter().find(|rule| **rule == word);
        if known.is_none() {
            let unknown = UnknownName::new("rule", word, RULES.to_vec());
            faults.add_with_help(node.spot, unknown.to_string(), unknown.help());
        }
        Some(Some(*known?))
    }

    /// One or several of the names of a kind, each there once.
    fn names<T: Copy + PartialEq>(
        &self,
        node: &Node,
        kind: &'static str,
        all: &[T],
        name_of: impl Fn(T) -> &'static str,
        faults: &mut Faults,
    ) -> Option<Vec<T>> {
        let known = || all.iter().map(|value| name_of(*value));
        let mut named: Vec<T> = Vec::new();
        for item in items(node) {
            let word = text(item, &format!("`{}`", self.kind.name), known().next().unwrap_or_default(), faults)?;
            let Some(value) = all.iter().copied().find(|value| name_of(*value) == word) else {
                let unknown = UnknownName::new(kind, word, known().collect());
                faults.add_with_help(item.spot, unknown.to_string(), unknown.help());
                return None;
            };
            if named.contains(&value) {
                faults.add_with_help(item.spot, format!("`{word}` is named twice"), "name it once");
                return None;
            }
            named.push(value);
        }
        if named.is_empty() {
            let message = format!("`{}` names none", self.kind.name);
            faults.add_with_help(node.spot, message, format!("write `{}`", self.kind.example));
            return None;
        }
        Some(named)
    }

    /// Between whom: `who` is everybody if left away, `remote` anybody.
    fn ends(&self, faults: &mut Faults) -> Option<(Selector, Option<Selector>)> {
        let who = self.who_or_all("who", faults);
        let remote = match self.fields.get("remote") {
            Some(node) => {
                let remote = self.roster.selector(node, "`remote`", faults);
                (!remote.names().is_empty()).then_some(Some(remote))
            }
            None => Some(None),
        };
        Some((who?, remote?))
    }

    /// The check's value as some of the cast.
    fn subject(&self, faults: &mut Faults) -> Option<Selector> {
        let who = self.roster.selector(self.value, &format!("`{}`", self.kind.name), faults);
        (!who.names().is_empty()).then_some(who)
    }

    /// The same, without the seeds: they have everything from the start.
    fn downloaders(&self, faults: &mut Faults) -> Option<Selector> {
        self.downloading(self.value, faults)
    }

    fn downloading(&self, node: &Node, faults: &mut Faults) -> Option<Selector> {
        let named = self.roster.selector(node, &format!("`{}`", self.kind.name), faults);
        if named.names().is_empty() {
            return None;
        }
        let who = named.filtered(|name| !self.roster.is_seed(name));
        if who.names().is_empty() {
            let message = format!("`{named}` has everything from the start: there is nothing to check");
            faults.add_with_help(node.spot, message, format!("name someone with `role: {}`", Role::Leech));
            return None;
        }
        Some(who)
    }

    /// The check's value, all of whom must have one of these roles.
    fn of_roles(&self, roles: &[Role], faults: &mut Faults) -> Option<Selector> {
        let who = self.subject(faults)?;
        let stranger = |name: &&String| self.roster.member(name).is_some_and(|member| !roles.contains(&member.role));
        if let Some(name) = who.names().iter().find(stranger) {
            let wanted: Vec<String> = roles.iter().map(|role| format!("`role: {role}`")).collect();
            let message = format!("`{}` is not about `{name}`", self.kind.name);
            faults.add_with_help(self.value.spot, message, format!("name someone with {}", wanted.join(" or ")));
            return None;
        }
        Some(who)
    }

    fn who_or_all(&self, key: &str, faults: &mut Faults) -> Option<Selector> {
        let Some(node) = self.fields.get(key) else { return Some(Selector::all(self.roster.cast)) };
        let who = self.roster.selector(node, &format!("`{key}`"), faults);
        (!who.names().is_empty()).then_some(who)
    }

    fn numbers(&self, least: u64, faults: &mut Faults) -> Option<Range<u64>> {
        let mut end = |key: &str| match self.fields.get(key) {
            Some(node) => whole(node, &format!("`{key}`"), least, NUMBER_MAX, faults).map(Some),
            None => Some(None),
        };
        let range = Range { min: end("min")?, max: end("max")? };
        self.sound(range, faults)
    }

    fn shares(&self, faults: &mut Faults) -> Option<Range<Share>> {
        self.range(|share| share, "60 %", units::share, faults)
    }

    fn range<A, T: PartialOrd + Copy>(
        &self,
        make: impl Fn(A) -> T,
        example: &str,
        read: impl Fn(&str) -> Result<A, BadAmount>,
        faults: &mut Faults,
    ) -> Option<Range<T>> {
        let mut end = |key: &str| match self.fields.get(key) {
            Some(node) => amount(node, &format!("`{key}`"), &read, example, faults).map(|amount| Some(make(amount))),
            None => Some(None),
        };
        let range = Range { min: end("min")?, max: end("max")? };
        self.sound(range, faults)
    }

    /// A range has an end at least, and the right way round.
    fn sound<T: PartialOrd + Copy>(&self, range: Range<T>, faults: &mut Faults) -> Option<Range<T>> {
        let help = format!("write something like `{}`", self.kind.example);
        match range {
            Range { min: None, max: None } => {
                let message = format!("`{}` needs `min` or `max`, or both", self.kind.name);
                faults.add_with_help(self.fields.spot, message, help);
                None
            }
            Range { min: Some(min), max: Some(max) } if min > max => {
                faults.add_with_help(self.fields.spot, "`min` is larger than `max`: nothing can be right", help);
                None
            }
            range => Some(range),
        }
    }

    /// Refuses a check on events that none of those it is about would report.
    fn told(&self, what: &What, faults: &mut Faults) {
        let all = Selector::all(self.roster.cast);
        let who = what.who.as_ref().unwrap_or(&all);
        if let Err((message, help)) = cue::blocks_told(who, what.event, self.roster) {
            faults.add_with_help(self.value.spot, message, help);
        }
    }
}

/// True for a kind of event that names another peer.
fn names_another(event: &str) -> bool {
    ["remote", "from", "suspects", "inside"].iter().any(|field| has_field(event, field))
}

fn has_field(event: &str, field: &str) -> bool {
    KINDS.iter().any(|kind| kind.name == event && kind.fields.contains(&field))
}

const CHECKS_MAX: usize = 100;
const CUES_MAX: usize = 10;
const NUMBER_MAX: u64 = 1_000_000_000;
