//! What an inspecting provider makes of flows, for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use events::FlowClass;
use isp::{Classifier, Score, Tally};
use report::isp::{Company, Inspection, Judged, Kind};

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

/// A column for each classifier.
fn rates(inspection: &Inspection) -> String {
    let mut headings = vec![("taken for BitTorrent", Align::Left)];
    headings.extend(Classifier::ALL.map(|classifier| (classifier.name(), Align::Right)));
    let row =
        |name: String, cell: &dyn Fn(Classifier) -> String| [vec![name], Classifier::ALL.map(cell).into()].concat();
    let caught = |tally: Tally| format!("{} of {}", tally.caught, tally.caught + tally.missed);
    let alarms = |tally: Tally| format!("{} of {}", tally.false_alarms, tally.false_alarms + tally.passed);
    let percent = |tally: Tally| tally.wrong_percent().map_or_else(String::new, |percent| format!("{percent} %"));
    let mut rows = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| inspection.flows.iter().any(|judged| judged.kind == *kind)) {
        rows.push(row(format!("this run, {}", kind.name()), &|one| caught(inspection.of_kind(one, kind))));
    }
    let decoys = |one, company| inspection.of_decoys(one, company);
    rows.push(row("other programs".to_owned(), &|one| alarms(decoys(one, Company::Unknown))));
    rows.push(row("the same, on hosts seen with a tracker".to_owned(), &|one| {
        alarms(decoys(one, Company::WithTracker))
    }));
    rows.push(row("error: BitTorrent missed".to_owned(), &|one| percent(inspection.of_run(one))));
    rows.push(row("error: others suspected".to_owned(), &|one| percent(decoys(one, Company::Unknown))));
    let mut text = format!("\n{BOLD}How often each is wrong{BOLD:#}\n{}\n", table(&headings, &rows));
    text.push_str(&hanging("", &about_decoys(inspection)));
    text
}

/// Whom the wrong alarms hit.
fn about_decoys(inspection: &Inspection) -> String {
    let hit = |classifier: Classifier| {
        let kinds = inspection.decoy_kinds().into_iter().filter_map(|kind| {
            let (alarms, all) = inspection.alarms(classifier, kind);
            (alarms > 0).then(|| format!("{kind} {alarms} of {all}"))
        });
        let kinds: Vec<String> = kinds.collect();
        if kinds.is_empty() { "nobody".to_owned() } else { kinds.join(" and ") }
    };
    let [signature, noise, shape] = Classifier::ALL.map(hit);
    format!(
        "The other programs are {} flows recorded once: {}. Suspected wrongly by the signature: {signature}; by \
         signature or noise: {noise}; by shape: {shape}. The weights were chosen with these flows at hand: on real \
         traffic expect more errors.",
        inspection.decoys.len(),
        inspection.decoy_kinds().join(", "),
    )
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CAUGHT: Style = AnsiColor::Red.on_default();
const PASSED: Style = AnsiColor::Green.on_default();

#[cfg(test)]
mod tests {
    use events::Cipher;
    use isp::{End, Flow, decoys, shape, signature};

    use super::*;

    #[test]
    fn a_flow_is_told_with_both_verdicts_and_the_errors_are_stated() {
        let text = plain(&provider("on", &inspection(), false));
        let wanted = [
            "What an inspecting provider makes of on\n",
            "1  alice -> bob  rc4         obfuscated-unknown       25  passed\n",
            "2  alice -> bob  plaintext   plaintext-bittorrent    200  BitTorrent\n",
            "Flow 1: alice -> bob, rc4\n",
            "  shape        +25  one of the two was seen with a tracker, in the clear\n",
            "                25  in all: passed (60 and more is BitTorrent)\n",
            "this run, rc4                             0 of 2              2 of 2   0 of 2\n",
            "error: BitTorrent missed                    67 %                0 %     67 %\n",
        ];
        // Columns are as wide as they must be: that is the table's affair.
        let squeezed = |text: &str| text.split_inclusive('\n').map(squeeze).collect::<String>();
        for part in wanted {
            assert!(squeezed(&text).contains(&squeezed(part)), "{part:?} is missing in\n{text}");
        }
        assert!(!text.contains("Flow 3"), "of each kind one is enough:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn every_flow_gives_its_reasons_when_asked() {
        let text = plain(&provider("on", &inspection(), true));
        assert!((1..=3).all(|number| text.contains(&format!("\nFlow {number}: "))), "{text}");
    }

    /// Two flows that nobody answered and one in plaintext.
    fn inspection() -> Inspection {
        let mut noise = vec![0; 200];
        model::Rng::from_seed(7).fill(&mut noise);
        let plaintext = [b"\x13BitTorrent protocol".as_slice(), &[0; 48]].concat();
        let flows = [(1, &noise, Cipher::Rc4), (2, &plaintext, Cipher::Plaintext), (3, &noise, Cipher::Rc4)];
        let judge = |(number, front, cipher): (usize, &Vec<u8>, Cipher)| {
            let fronts = [front.clone(), Vec::new()];
            let met_a_tracker = cipher == Cipher::Rc4;
            let flow = Flow { fronts, met_a_tracker, ..Flow::default() };
            Judged {
                number,
                dialler: "alice".to_owned(),
                dialled: "bob".to_owned(),
                kind: Kind::Crossed(cipher),
                verdict: signature(flow.front(End::Dialler), &[], true).unwrap(),
                score: shape(&flow),
                flow,
            }
        };
        Inspection { flows: flows.map(judge).into(), decoys: decoys() }
    }

    fn squeeze(line: &str) -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n"
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }
}
