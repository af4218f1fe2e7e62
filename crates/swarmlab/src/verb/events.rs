//! `swarmlab events`: the vocabulary of the log, from the one place where it is written down.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use events::{Family, KINDS, Kind};

use crate::cli;

pub(crate) fn events(args: &cli::Events) -> anyhow::Result<ExitCode> {
    let wanted = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| matches(kind, &wanted)).collect();
    if kinds.is_empty() {
        bail!("no kind or family of events has {wanted:?} in its name; `swarmlab events` lists all {}", KINDS.len());
    }
    if args.json {
        kinds.iter().for_each(|kind| anstream::println!("{}", json(kind)));
    } else if args.markdown {
        anstream::print!("{}", markdown(&kinds));
    } else {
        anstream::print!("{}", text(&kinds));
    }
    Ok(ExitCode::SUCCESS)
}

fn matches(kind: &Kind, wanted: &str) -> bool {
    kind.name.contains(wanted) || family(kind.family).contains(wanted)
}

fn family(family: Family) -> String {
    format!("{family:?}").to_lowercase()
}

fn doc(kind: &Kind) -> String {
    kind.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn json(kind: &Kind) -> serde_json::Value {
    serde_json::json!({ "ev": kind.name, "family": family(kind.family), "fields": fields(kind), "doc": doc(kind) })
}

/// Names as they stand in the log.
fn fields(kind: &Kind) -> Vec<&str> {
    kind.fields.iter().map(|&field| if field == "action" { "do" } else { field }).collect()
}

fn text(kinds: &[&Kind]) -> String {
    let bold = anstyle::Style::new().bold();
    let dim = anstyle::Style::new().dimmed();
    let mut text = String::new();
    for (i, kind) in kinds.iter().enumerate() {
        if i == 0 || kinds[i - 1].family != kind.family {
            let gap = if i == 0 { "" } else { "\n" };
            let _infallible = writeln!(text, "{gap}{bold}{}{bold:#}", family(kind.family));
        }
        let _infallible = writeln!(text, "  {:<20}  {}", kind.name, doc(kind));
        if !kind.fields.is_empty() {
            let _infallible = writeln!(text, "  {:<20}  {dim}{}{dim:#}", "", fields(kind).join(", "));
        }
    }
    text
}

fn markdown(kinds: &[&Kind]) -> String {
    let mut text = String::from(MARKDOWN_HEAD);
    for (i, kind) in kinds.iter().enumerate() {
        if i == 0 || kinds[i - 1].family != kind.family {
            let _infallible =
                writeln!(text, "\n## {}\n\n| `ev` | what happened | fields |\n|---|---|---|", family(kind.family));
        }
        let fields: Vec<String> = fields(kind).iter().map(|field| format!("`{field}`")).collect();
        let _infallible =
            writeln!(text, "| `{}` | {} | {} |", kind.name, doc(kind).replace('|', "\\|"), fields.join(" "));
    }
    text
}

const MARKDOWN_HEAD: &str = "\
# Events

Every line of `events.jsonl` has `t` (seconds since the run's start), `peer` (who reports) and `ev` (the kind).
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_explained_in_every_form() {
        let all: Vec<&Kind> = KINDS.iter().collect();
        let (text, markdown) = (text(&all), markdown(&all));
        for kind in KINDS {
            assert!(text.contains(kind.name) && markdown.contains(&format!("| `{}` |", kind.name)));
            assert!(!doc(kind).is_empty(), "{} has no documentation", kind.name);
        }
    }

    #[test]
    fn a_family_can_be_asked_for() {
        let choking: Vec<&Kind> = KINDS.iter().filter(|kind| matches(kind, "choking")).collect();
        assert!(choking.iter().any(|kind| kind.name == "unchoked"));
        assert!(choking.iter().all(|kind| kind.family == Family::Choking));
    }
}
