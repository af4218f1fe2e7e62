//! Who learned what, as a table, and by what in sentences.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use events::{Degree, Item, Learned, Observer};
use report::observers::Lessons;

use super::glass::{terminal_width, wrap};

/// A run: its name and what was learned in it.
type Told = (String, Lessons);

/// The table of one run, and how everybody learned it.
pub(crate) fn observers_of_one(run: &Told) -> String {
    let mut text = format!("{BOLD}Who learned what in {}{BOLD:#}\n\n", run.0);
    text.push_str(&table(&[run]));
    for observer in Observer::ALL {
        let known = |item: &Item| run.1.learned(observer, *item).degree > Degree::No;
        let (yes, no): (Vec<Item>, Vec<Item>) = Item::ALL.into_iter().partition(known);
        let _infallible = writeln!(text, "\n{BOLD}{}{BOLD:#}", title(observer));
        for item in yes {
            text.push_str(&sentence("", item, &run.1.learned(observer, item)));
        }
        if no.len() == Item::ALL.len() {
            text.push_str(&paragraph("", &format!("nothing: {}", run.1.learned(observer, no[0]).how)));
        } else {
            for item in no {
                text.push_str(&sentence("", item, &run.1.learned(observer, item)));
            }
        }
    }
    text.push_str(&join_note(&[run]));
    text
}

/// Two runs side by side, and the reasons where they differ.
pub(crate) fn observers_compared(runs: [&Told; 2]) -> String {
    let mut text = format!("{BOLD}Who learned what{BOLD:#}\n");
    for (number, run) in (1..).zip(runs) {
        let _infallible = writeln!(text, "  {number}  {}", run.0);
    }
    text.push('\n');
    text.push_str(&table(&runs));
    let mut differ = false;
    for observer in Observer::ALL {
        let mut shown = false;
        for item in Item::ALL {
            let learned = runs.map(|run| run.1.learned(observer, item));
            // A provider that learned as much in both, but by less in one, is the lesson.
            let other_ways = observer == Observer::Isp && learned[0].how != learned[1].how;
            if learned[0].degree == learned[1].degree && !other_ways {
                continue;
            }
            if !std::mem::replace(&mut shown, true) {
                let _infallible = writeln!(text, "\n{BOLD}{}: what differs{BOLD:#}", title(observer));
            }
            for (number, learned) in (1..).zip(&learned) {
                text.push_str(&sentence(&format!("{number}  "), item, learned));
            }
        }
        differ |= shown;
    }
    if !differ {
        text.push_str("\nThe two runs do not differ: everybody learned the same.\n");
    }
    text.push_str("\nWhat is the same in both is explained by `swarmlab observers` of one of them.\n");
    text.push_str(&join_note(&runs));
    text
}

fn table(runs: &[&Told]) -> String {
    let width = if runs.len() == 1 { 11 } else { 20 };
    let mut text = format!("{:11}", "");
    for observer in Observer::ALL {
        let _infallible = write!(text, "{:<width$}", observer.name());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    if runs.len() > 1 {
        let numbers: String = Observer::ALL.map(|_| format!("{:<9}{:<11}", "1", "2")).concat();
        let _infallible = writeln!(text, "{DIM}{:11}{}{DIM:#}", "", numbers.trim_end());
    }
    for item in Item::ALL {
        let _infallible = write!(text, "{:<11}", item.name());
        for observer in Observer::ALL {
            let degrees: Vec<Degree> = runs.iter().map(|run| run.1.learned(observer, item).degree).collect();
            let last = observer == Observer::Outsider;
            match degrees[..] {
                [one, two] => {
                    text.push_str(&cell(one, 9));
                    text.push_str(&cell(two, if last { 0 } else { 11 }));
                }
                _ => text.push_str(&cell(degrees[0], if last { 0 } else { 11 })),
            }
        }
        text.push('\n');
    }
    text
}

/// The word in its colour, with spaces behind it.
fn cell(degree: Degree, width: usize) -> String {
    let (style, word) = (style(degree), degree.name());
    format!("{style}{word}{style:#}{:1$}", "", width.saturating_sub(word.len()))
}

/// What is known is a loss to those who share.
fn style(degree: Degree) -> Style {
    match degree {
        Degree::No => AnsiColor::Green.on_default(),
        Degree::Partly => AnsiColor::Yellow.on_default(),
        Degree::Yes => AnsiColor::Red.on_default().bold(),
    }
}

fn title(observer: Observer) -> &'static str {
    match observer {
        Observer::Tracker => "The tracker",
        Observer::Isp => "The provider (isp), on the path of every packet",
        Observer::Member => "A member of the swarm",
        Observer::Outsider => "An outsider",
    }
}

fn sentence(before: &str, item: Item, learned: &Learned) -> String {
    let lines: Vec<String> = learned.evidence.iter().take(LINES_MAX).map(u64::to_string).collect();
    let lines = if lines.is_empty() { String::new() } else { format!(" [{}]", lines.join(", ")) };
    let (style, word) = (style(learned.degree), learned.degree.name());
    let head = format!("  {before}{:<11}{style}{word:<8}{style:#}", item.name());
    paragraph(&head, &format!("{}{lines}", learned.how))
}

/// Wrapped text behind its head.
fn paragraph(head: &str, text: &str) -> String {
    let indent = anstream::adapter::strip_str(head).to_string().chars().count().max(2);
    let head = if head.is_empty() { "  " } else { head };
    let lines = wrap(text, terminal_width().saturating_sub(indent));
    let separator = format!("\n{:indent$}", "");
    format!("{head}{}\n", lines.join(&separator))
}

fn join_note(runs: &[&Told]) -> String {
    if runs.iter().any(|run| run.1.provider_can_join()) {
        "\nWho has the info-hash can ask the tracker, join, and is then a member: the provider too.\n".to_owned()
    } else {
        String::new()
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Lines of evidence named for one thing.
const LINES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use report::Run;
    use report::observers::lessons;

    use super::*;

    #[test]
    fn one_run_is_told_with_its_reasons_and_their_lines() {
        let text = plain(&observers_of_one(&run("off", "plaintext")));
        let wanted = [
            "           tracker    isp        member     outsider\n",
            "info-hash  no         yes        yes        no\n",
            "content    no         yes        yes        no\n",
            "The provider (isp), on the path of every packet\n",
            "  content    yes     every piece crossed in the clear [5]\n",
            "  nothing: sees no packet and takes no part\n",
            "Who has the info-hash can ask the tracker",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        fits(&text);
    }

    #[test]
    fn two_runs_stand_side_by_side_and_what_differs_is_told() {
        let text = plain(&observers_compared([&run("off", "plaintext"), &run("on", "rc4")]));
        let wanted = [
            "  1  off\n  2  on\n",
            "           tracker             isp                 member              outsider\n",
            "           1        2          1        2          1        2          1        2\n",
            "content    no       no         yes      no         yes      yes        no       no\n",
            "  1  content    yes     every piece crossed in the clear [5]\n",
            "  2  content    no      no block crossed in the clear\n",
        ];
        for part in wanted {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert!(!text.contains("A member of the swarm: what differs"), "{text}");
        fits(&text);
    }

    fn fits(text: &str) {
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn run(name: &str, cipher: &str) -> Told {
        let hash = "57434994131594ef69451ee2bc2523a66fcf4b86";
        let head = r#"{"t":0,"peer":"alice","ev":"#;
        let first = match cipher {
            "plaintext" => r#""plaintext-handshake","conn":1,"remote":"seed","direction":"in"}"#,
            _ => r#""key-sent","conn":1,"remote":"seed","padding":7}"#,
        };
        let lines = [
            format!(r#""joined","info_hash":"{hash}","name":"holiday","private":false}}"#),
            r#""connected","conn":1,"remote":"seed","direction":"out"}"#.to_owned(),
            first.to_owned(),
            format!(r#""cipher-settled","conn":1,"remote":"seed","cipher":"{cipher}"}}"#),
            r#""piece-verified","piece":0,"from":[{"remote":"seed","bytes":32}],"have":1,"pieces":1}"#.to_owned(),
            r#""complete","bytes":32,"downloaded":32,"uploaded":0}"#.to_owned(),
        ];
        let records = lines.iter().map(|line| format!("{head}{line}").parse().unwrap()).collect();
        let run = Run { folder: PathBuf::new(), records, wire: std::collections::BTreeMap::new() };
        (name.to_owned(), lessons(&run))
    }
}
