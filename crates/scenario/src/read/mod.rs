//! From text to a [`Plan`]. Each part of a scenario has its reader; what several parts must
//! agree on is looked at last. All faults of a file are reported together.

pub(crate) mod cast;
pub(crate) mod checks;
pub(crate) mod cross;
pub(crate) mod fields;
pub(crate) mod net;
pub(crate) mod script;
pub(crate) mod stage;

use std::time::Duration;

use crate::check::Until;
use crate::cue::Cue;
use crate::diagnostic::{Diagnostics, Faults, Spot};
use crate::plan::{Plan, World};
use crate::read::cast::CastReader;
use crate::read::fields::{Fields, amount, items, name, text, whole};
use crate::selector::Roster;
use crate::step::{Step, When};
use crate::tree::{self, Node, Value};
use crate::units;
use crate::{Check, Expectation};

/// Reads a scenario. `file_name` only goes into the messages.
///
/// # Errors
/// Everything that is wrong with the text, each with its place and a likely fix.
pub fn parse(file_name: &str, text: &str) -> Result<Plan, Diagnostics> {
    let mut faults = Faults::default();
    let plan = tree::read(text, &mut faults).and_then(|root| read_root(&root, &mut faults));
    match plan {
        Some(plan) if faults.is_empty() => Ok(plan),
        _ => Err(faults.into_diagnostics(file_name, text)),
    }
}

fn read_root(root: &Node, faults: &mut Faults) -> Option<Plan> {
    if let Value::Map(_) = root.value {
        return Some(read_plan(root, faults));
    }
    let message = format!("this is {}, not a scenario", root.shape());
    faults.add_with_help(root.spot, message, "a scenario is a mapping that begins with `scenario: 1`");
    None
}

/// The same for the bytes of a file, which may not be text at all.
///
/// # Errors
/// As [`parse`]; the first byte that is not UTF-8 is named.
pub fn parse_bytes(file_name: &str, bytes: &[u8]) -> Result<Plan, Diagnostics> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(file_name, text),
        Err(error) => {
            let readable = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = readable.matches('\n').count() + 1;
            let column = readable.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let mut faults = Faults::default();
            let message = "the file is not text: this byte is not UTF-8";
            faults.add_with_help(Spot { line, column, width: 1 }, message, "save the file as UTF-8");
            Err(faults.into_diagnostics(file_name, &readable))
        }
    }
}

/// The keys of a scenario file.
pub const TOP_KEYS: &[&str] = &[
    "scenario", "title", "about", "seed", "worlds", "deadline", "content", "net", "tracker", "cast", "script", "check",
];

fn read_plan(root: &Node, faults: &mut Faults) -> Plan {
    let what = "a scenario";
    let top = Fields::of(root, what, TOP_KEYS, "scenario: 1", faults);
    read_version(top, faults);
    let nets = net::nets(top, faults);
    let tracker = stage::tracker(top, &nets, faults);
    let content = stage::content(top, faults);
    let worlds = read_worlds(top, faults);
    let cast = CastReader { nets: &nets }.read(top, faults);
    let roster = Roster { cast: &cast, nets: &nets };
    let stated = top.get("deadline").and_then(|node| amount(node, "`deadline`", units::duration, "60 s", faults));
    let mut script = script::read(top, roster, faults);
    let checks = checks::read(top, roster, faults);
    let deadline = stated.unwrap_or_else(|| default_deadline(&script.steps, &checks.list));
    script.fill_deadlines(deadline);
    let setting = cross::Setting { archive: content.archive, tracker: &tracker };
    cross::check(top, roster, setting, &script, &checks, stated, faults);
    Plan {
        title: top
            .need("title", what, "title: First swarm", faults)
            .and_then(|node| text(node, "`title`", "First swarm", faults))
            .unwrap_or_default()
            .to_owned(),
        about: top
            .get("about")
            .and_then(|node| text(node, "`about`", "Who waits?", faults))
            .unwrap_or_default()
            .to_owned(),
        seed: top.get("seed").and_then(|node| whole(node, "`seed`", 0, u64::MAX, faults)).unwrap_or(DEFAULT_SEED),
        worlds,
        content,
        nets,
        tracker,
        script: script.steps,
        checks: checks.list,
        deadline,
        cast,
    }
}

fn read_version(top: Fields<'_>, faults: &mut Faults) {
    let Some(node) = top.need("scenario", "the file", "scenario: 1", faults) else { return };
    if let Some(version) = text(node, "`scenario`", "1", faults)
        && version != "1"
    {
        let message = format!("version `{version}` of the format is not known");
        faults.add_with_help(node.spot, message, "this program reads `scenario: 1`");
    }
}

fn read_worlds(top: Fields<'_>, faults: &mut Faults) -> Vec<World> {
    let Some(node) = top.get("worlds") else { return vec![World::Local] };
    let mut worlds: Vec<World> = Vec::new();
    for item in items(node) {
        let Some(world) = name(item, "`worlds`", faults) else { continue };
        if worlds.contains(&world) {
            faults.add(item.spot, format!("world `{world}` is named twice"));
        }
        worlds.push(world);
    }
    if items(node).is_empty() {
        faults.add_with_help(node.spot, "`worlds` names none", "write `worlds: [local]`");
    }
    worlds
}

/// Past the last moment that the file names, with some room; a minute when it names none.
fn default_deadline(script: &[Step], checks: &[Check]) -> Duration {
    let within = checks.iter().filter_map(|check| match &check.expect {
        Expectation::Complete { within, .. } => Some(*within),
        Expectation::Never { until: Some(Until::Time(at)), .. } => Some(*at),
        _ => None,
    });
    let waits = script.iter().filter(|step| !step.within.is_zero()).map(|step| step.within + step.over);
    let last = within.chain(waits).max().unwrap_or(DEADLINE_WITHOUT_MOMENTS);
    let fixed = script.iter().map(|step| match step.when {
        When::At(at) => at + step.over,
        When::After { .. } => Duration::ZERO,
    });
    (fixed.fold(last, Duration::max) + DEADLINE_ROOM).min(DEADLINE_MAX)
}

const DEFAULT_SEED: u64 = 1;
const DEADLINE_WITHOUT_MOMENTS: Duration = Duration::from_secs(60);
/// The longest span that an author can write, too.
const DEADLINE_MAX: Duration = Duration::from_secs(86_400);
const DEADLINE_ROOM: Duration = Duration::from_secs(5);

/// Reads the value of a key that holds a cue.
pub(crate) fn cue_at(fields: Fields<'_>, key: &str, roster: Roster<'_>, faults: &mut Faults) -> Option<Cue> {
    fields.get(key).and_then(|node| crate::cue::read(node, roster, faults))
}
