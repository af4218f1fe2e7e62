//! Two runs compared, for people: what their plans do not agree in, and the first event that differs.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use events::{KINDS, Record};
use lab::describe::describe;
use report::diff::{Diff, LOOK_AHEAD, Parting};
use serde_json::{Map, Value};

use super::{Align, table};

const A: Style = AnsiColor::Cyan.on_default();
const B: Style = AnsiColor::Magenta.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The whole page. `names` are those of the runs.
pub(crate) fn two_runs(names: &[String; 2], diff: &Diff) -> String {
    let mut text = format!("{A}A{A:#}  {}\n{B}B{B:#}  {}\n\n", clean(&names[0]), clean(&names[1]));
    if !diff.plan.is_empty() {
        let _infallible = writeln!(text, "{BOLD}What they were told differs{BOLD:#}");
        for change in &diff.plan {
            for (letter, ink, value) in [("A", A, &change.values[0]), ("B", B, &change.values[1])] {
                if let Some(value) = value {
                    let _infallible = writeln!(text, "  {ink}{letter}{ink:#}  {:<9} {}", change.what, clean(value));
                }
            }
        }
        text.push('\n');
    }
    match &diff.first {
        None => {
            let _infallible = writeln!(text, "The events are the same, all {} of them.", diff.same);
        }
        Some(first) => parting(&mut text, diff, first),
    }
    text
}

fn parting(text: &mut String, diff: &Diff, first: &Parting) {
    let before = match diff.same {
        0 => "The first event differs".to_owned(),
        1 => "The first event is the same, the second differs".to_owned(),
        same => format!("The first {same} events are the same, number {} differs", first.line),
    };
    let _infallible = writeln!(text, "{BOLD}{before}{BOLD:#} (line {} of events.jsonl)\n", first.line);
    for (line, event) in (first.line - diff.context.len() as u64..).zip(&diff.context) {
        let _infallible = writeln!(text, "{DIM}   {line:>7}  {}{DIM:#}", told(event));
    }
    for (letter, ink, event) in [("A", A, &first.texts[0]), ("B", B, &first.texts[1])] {
        let event = event.as_deref().map_or_else(|| "(the log ends here)".to_owned(), told);
        let _infallible = writeln!(text, "{ink}{letter}{ink:#}  {:>7}  {event}", first.line);
    }
    text.push('\n');
    if !first.fields.is_empty() {
        let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "–".to_owned(), plain);
        let row = |field: &report::diff::FieldChange| {
            vec![clean(&field.path), show(&field.values[0]), show(&field.values[1])]
        };
        let rows: Vec<Vec<String>> = first.fields.iter().map(row).collect();
        text.push_str(&table(&[("field", Align::Left), ("A", Align::Left), ("B", Align::Left)], &rows));
        if first.more_fields > 0 {
            let _infallible = writeln!(text, "and {} more", first.more_fields);
        }
    } else if first.texts.iter().all(Option::is_some) {
        text.push_str("Both lines say the same in other bytes: order of fields, spacing, or no JSON object.\n");
    }
    if !first.fields.is_empty() && first.fields.iter().all(|field| OF_THE_SEED.contains(&field.path.as_str())) {
        let flags: Vec<String> = OF_THE_SEED.iter().map(|field| format!("--ignore {field}")).collect();
        let _infallible = writeln!(text, "Ids come from the seed; `{}` looks past them.", flags.join(" "));
    }
    for (mine, other, line) in [("A", "B", first.later[0]), ("B", "A", first.later[1])] {
        if let Some(line) = line {
            let _infallible = writeln!(text, "{mine}'s event comes in {other} too, at line {line}.");
        }
    }
    if first.later == [None, None] && first.texts.iter().all(Option::is_some) {
        let _infallible = writeln!(text, "Neither event comes in the other run within {LOOK_AHEAD} lines.");
    }
}

/// A line of the log as people read it: its time, and the sentence for it, or who, what and the fields.
fn told(line: &str) -> String {
    let record: Option<Record> = line.parse().ok();
    let Some(record) = record else { return clean(line) };
    let sentence = describe(&record).unwrap_or_else(|| {
        let fields = serde_json::from_str::<Map<String, Value>>(line).unwrap_or_default();
        let kind = record.event.kind();
        let names = KINDS.iter().find(|known| known.name == kind).map_or(&[][..], |known| known.fields);
        let fields = names.iter().filter_map(|&name| Some(format!("{name} {}", plain(fields.get(name)?))));
        format!("{} {kind}: {}", record.peer, fields.collect::<Vec<_>>().join(", "))
    });
    let micros = record.time.as_micros();
    format!("{:>2}.{:06} s  {}", micros / 1_000_000, micros % 1_000_000, clean(&sentence))
}

/// A value without the quotes of a text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        value => clean(&value.to_string()),
    }
}

/// What is written in a log may be anybody's: no control characters reach the terminal, and no more than a few lines.
fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    for c in text.chars().take(SHOWN_MAX) {
        if c.is_control() { cleaned.extend(c.escape_default()) } else { cleaned.push(c) }
    }
    if text.chars().nth(SHOWN_MAX).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Fields that every other seed has otherwise.
const OF_THE_SEED: [&str; 2] = ["peer_id", "info_hash"];

/// Characters shown of one text.
const SHOWN_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use report::diff::{FieldChange, PlanChange};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_sees_what_was_told_what_came_before_and_what_differs() {
        let text = page(&Diff {
            plan: vec![PlanChange { what: "seed", values: [Some("1".into()), Some("2".into())] }],
            same: 811,
            context: vec![line(1.0, "\"ev\":\"left\",\"why\":\"asked to\"")],
            first: Some(Parting {
                line: 812,
                texts: [
                    Some(line(1.5, "\"ev\":\"interested\",\"conn\":3,\"remote\":\"bob\"")),
                    Some(line(1.5, "\"ev\":\"interested\",\"conn\":4,\"remote\":\"bob\"")),
                ],
                fields: vec![FieldChange { path: "conn".into(), values: [Some(json!(3)), Some(json!(4))] }],
                more_fields: 0,
                later: [Some(815), None],
            }),
        });
        let wanted = [
            "A  one\nB  two\n\n",
            "  A  seed      1\n  B  seed      2\n",
            "The first 811 events are the same, number 812 differs (line 812 of events.jsonl)\n",
            "       811   1.000000 s  alice leaves: asked to\n",
            "A      812   1.500000 s  alice interested: conn 3, remote bob\n",
            "field  A  B\nconn   3  4\n",
            "A's event comes in B too, at line 815.\n",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn a_log_that_is_made_to_paint_the_terminal_does_not() {
        let evil = "\u{1b}[2J\u{7}".to_owned() + &"x".repeat(10_000);
        let shown = json!({ "t": 1, "peer": "a", "ev": "left", "why": evil.as_str() }).to_string();
        let texts = [Some(shown), Some(evil.clone())];
        let fields = vec![FieldChange { path: evil.clone(), values: [Some(json!(evil)), None] }];
        let first = Parting { line: 1, texts, fields, more_fields: 3, later: [None, None] };
        let text = two_runs(
            &["a", "b"].map(str::to_owned),
            &Diff { plan: Vec::new(), same: 0, context: Vec::new(), first: Some(first) },
        );
        assert!(!anstream::adapter::strip_str(&text).to_string().contains(['\u{1b}', '\u{7}']), "{text:?}");
        assert!(!text.contains("\u{1b}[2J"), "{text:?}");
        assert!(text.len() < 3_000 && text.contains("and 3 more"), "{}", text.len());
    }

    #[test]
    fn ids_that_only_another_seed_changed_can_be_looked_past() {
        let part = |path: &str| Parting {
            line: 1,
            texts: [Some("{}".to_owned()), Some("{}".to_owned())],
            fields: vec![FieldChange { path: path.to_owned(), values: [Some(json!("1")), Some(json!("2"))] }],
            more_fields: 0,
            later: [None, None],
        };
        let hinted = |path: &str| {
            let first = Some(part(path));
            page(&Diff { plan: Vec::new(), same: 0, context: Vec::new(), first })
                .contains("`--ignore peer_id --ignore info_hash` looks past them")
        };
        assert!(hinted("peer_id") && !hinted("piece"));
    }

    #[test]
    fn equal_runs_are_said_to_be() {
        let text = page(&Diff { plan: Vec::new(), same: 9, context: Vec::new(), first: None });
        assert!(text.ends_with("The events are the same, all 9 of them.\n"), "{text}");
    }

    fn page(diff: &Diff) -> String {
        anstream::adapter::strip_str(&two_runs(&["one", "two"].map(str::to_owned), diff)).to_string()
    }

    fn line(t: f64, rest: &str) -> String {
        format!("{{\"t\":{t},\"peer\":\"alice\",{rest}}}")
    }
}
