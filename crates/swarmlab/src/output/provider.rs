//! What an inspecting provider makes of flows, for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use events::FlowClass;
use isp::{Classifier, Score};
use report::isp::{Inspection, Judged, Kind};

use super::glass::{terminal_width, wrap};
use super::{Align, table};

/// The flows and what they are taken for, the reasons (of one flow of each kind, or of all), and how
/// often each classifier is wrong.
pub(crate) fn provider(run: &str, inspection: &Inspection, all_reasons: bool) -> String {
    let mut text = format!("{BOLD}What an inspecting provider makes of {run}{BOLD:#}\n\n");
    text.push_str(&flows(&inspection.flows));
    let mut told = BTreeSet::new();
    for judged in &inspection.flows {
        let likeness = (judged.kind, judged.verdict.rule, judged.score.suspects());
        if told.insert(likeness) || all_reasons {
            text.push_str(&reasons(judged));
        }
    }
    text.push_str(&rates(inspection));
    text
}

fn flows(flows: &[Judged]) -> String {
    let headings = [
        ("", Align::Right),
        ("flow", Align::Left),
        ("crossed in", Align::Left),
        ("signature", Align::Left),
        ("shape", Align::Right),
        ("", Align::Left),
    ];
    let row = |judged: &Judged| {
        vec![
            judged.number.to_string(),
            format!("{} -> {}", judged.dialler, judged.dialled),
            judged.kind.name().to_owned(),
            judged.verdict.class.name().to_owned(),
            judged.score.points().to_string(),
            if judged.score.suspects() { "BitTorrent" } else { "passed" }.to_owned(),
        ]
    };
    let text = table(&headings, &flows.iter().map(row).collect::<Vec<_>>());
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let mut text = format!("{DIM}{head}{DIM:#}\n");
    for (line, judged) in lines.zip(flows) {
        let _infallible = writeln!(text, "{}", coloured(line, judged));
    }
    text
}

/// Red where the flow was recognised, green where it passed.
fn coloured(line: &str, judged: &Judged) -> String {
    let class = judged.verdict.class;
    let caught = class == FlowClass::PlaintextBittorrent;
    let (before, after) = line.rsplit_once(class.name()).unwrap_or((line, ""));
    let signature = if caught { CAUGHT } else { PASSED };
    let shape = if judged.score.suspects() { CAUGHT } else { PASSED };
    format!("{before}{signature}{}{signature:#}{shape}{after}{shape:#}", class.name())
}

fn reasons(judged: &Judged) -> String {
    let (dialler, dialled, kind) = (&judged.dialler, &judged.dialled, judged.kind.name());
    let mut text = format!("\n{BOLD}Flow {}: {dialler} -> {dialled}, {kind}{BOLD:#}\n", judged.number);
    text.push_str(&hanging("  signature  ", &format!("{}: {}", judged.verdict.class.name(), judged.verdict.rule)));
    for (i, reason) in judged.score.reasons.iter().enumerate() {
        let head = if i == 0 { "shape" } else { "" };
        text.push_str(&hanging(&format!("  {head:<9}  {:>+5}  ", reason.points), &reason.what));
    }
    let sum = judged.score.points();
    let _infallible = writeln!(
        text,
        "  {:<9}  {sum:>5}  {}",
        if judged.score.reasons.is_empty() { "shape" } else { "" },
        if judged.score.suspects() {
            format!("in all: BitTorrent ({} and more is)", Score::THRESHOLD)
        } else {
            format!("in all: passed ({} and more is BitTorrent)", Score::THRESHOLD)
        }
    );
    text
}

fn hanging(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let separator = format!("\n{:indent$}", "");
    format!("{head}{}\n", wrap(text, terminal_width().saturating_sub(indent)).join(&separator))
}

fn rates(inspection: &Inspection) -> String {
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| inspection.flows.iter().any(|one| one.kind == *kind)).collect();
    let mut headings = vec![("caught by", Align::Left)];
    headings.extend(kinds.iter().map(|kind| (kind.name(), Align::Right)));
    headings.push(("wrong alarms", Align::Right));
    let row = |classifier: Classifier| {
        let of_kind = |kind: &Kind| {
            let tally = inspection.of_kind(classifier, *kind);
            format!("{} of {}", tally.caught, tally.caught + tally.missed)
        };
        let decoys = inspection.of_decoys(classifier, None);
        let alarms = format!("{} of {}", decoys.false_alarms, inspection.decoys.len());
        [classifier.name().to_owned()].into_iter().chain(kinds.iter().map(of_kind)).chain([alarms]).collect()
    };
    let rows: Vec<Vec<String>> = Classifier::ALL.map(row).into();
    let mut text = format!("\n{BOLD}How often each is right{BOLD:#}\n{}\n", table(&headings, &rows));
    text.push_str(&hanging("", &about_decoys(inspection)));
    text
}

/// Whom the wrong alarms hit.
fn about_decoys(inspection: &Inspection) -> String {
    let hit = |classifier: Classifier| {
        let kinds = inspection.decoy_kinds().into_iter().filter_map(|kind| {
            let tally = inspection.of_decoys(classifier, Some(kind));
            (tally.false_alarms > 0)
                .then(|| format!("{kind} {} of {}", tally.false_alarms, tally.false_alarms + tally.passed))
        });
        let kinds: Vec<String> = kinds.collect();
        if kinds.is_empty() { "nobody".to_owned() } else { kinds.join(", ") }
    };
    format!(
        "Wrong alarms are counted over {} flows of other programs ({}), recorded once: {} by \"{}\", {} by \"{}\". The \
         weights were chosen with them at hand; on real traffic expect more.",
        inspection.decoys.len(),
        inspection.decoy_kinds().join(", "),
        hit(Classifier::SignatureOrNoise),
        Classifier::SignatureOrNoise.name(),
        hit(Classifier::Shape),
        Classifier::Shape.name(),
    )
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CAUGHT: Style = AnsiColor::Red.on_default();
const PASSED: Style = AnsiColor::Green.on_default();
