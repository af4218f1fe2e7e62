//! Every command in a lab sheet is run here, in order, in an empty folder, and must print what the
//! sheet says.
//!
//! A block fenced as `console` is a session: lines that begin with `$ ` are commands, the lines after
//! one are what its output must contain, in this order (more may stand between). `[..]` stands for
//! anything within a line. A block fenced as `console background` is a terminal that stays open: its
//! command goes on until the sheet ends.
//!
//! What world sim prints is the same on every machine, so sheets quote its numbers. When the engine changes, they
//! change: `SWARMLAB_SHEETS=rewrite cargo test -p swarmlab-tests --test lab_sheets` puts the ones that are printed in the
//! place of those that differ in nothing but digits. Read the difference: the words around them must still be true.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use swarmlab_tests::program;

#[test]
fn lab_1_first_swarm_does_what_it_says() {
    play("01-first-swarm.md");
}

#[test]
fn lab_2_make_your_own_torrent_does_what_it_says() {
    play("02-make-your-own-torrent.md");
}

#[test]
fn lab_3_who_gets_served_does_what_it_says() {
    play("03-who-gets-served.md");
}

#[test]
fn lab_4_what_encryption_hides_does_what_it_says() {
    play("04-encryption.md");
}

#[test]
fn lab_5_who_can_reach_whom_does_what_it_says() {
    play("05-who-can-reach-whom.md");
}

#[test]
fn lab_6_the_flash_crowd_does_what_it_says() {
    play("06-the-flash-crowd.md");
}

#[test]
fn lab_7_everyday_encrypted_sharing_does_what_it_says() {
    play("07-everyday-encrypted-sharing.md");
}

#[test]
fn every_sheet_is_played() {
    let labs = labs();
    let sheets = std::fs::read_dir(&labs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let numbered: Vec<String> = sheets.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
    let source = include_str!("lab_sheets.rs");
    for sheet in numbered {
        assert!(
            source.contains(&format!("play(\"{sheet}\")")),
            "labs/{sheet} is not played by tests/tests/lab_sheets.rs"
        );
        let text = std::fs::read_to_string(labs.join(&sheet)).unwrap();
        for part in [
            "**Goal.**",
            "## What you need",
            "## Start",
            "## Predict",
            "## Tasks",
            "## What if it fails",
            "## What next",
        ] {
            assert!(text.contains(part), "labs/{sheet} has no {part:?}");
        }
    }
}

#[test]
fn the_page_of_events_is_what_the_program_prints() {
    let printed = Command::new(program()).args(["events", "--markdown"]).output().unwrap();
    let page = std::fs::read_to_string(labs().join("EVENTS.md")).unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(page == printed, "labs/EVENTS.md is old: swarmlab events --markdown > labs/EVENTS.md");
}

// ---- the player ----

fn labs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs")
}

fn play(sheet: &str) {
    let path = labs().join(sheet);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut open_terminals = Vec::new();
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{sheet} has no console blocks");
    for mut step in steps {
        let place = format!("labs/{sheet}:{}: $ {}", step.line, step.command);
        if step.background {
            open_terminals.push(Terminal::open(&step, folder.path(), &place));
        } else {
            let printed = print(&step, folder.path(), &place);
            if std::env::var_os("SWARMLAB_SHEETS").is_some_and(|value| value == "rewrite") {
                text = rewritten(&text, &mut step, &printed);
            }
            compare(&step, &printed, &place);
        }
    }
    if text != std::fs::read_to_string(&path).unwrap() {
        std::fs::write(&path, text).unwrap();
    }
}

/// The sheet with the numbers that a command printed, where only they differ.
fn rewritten(sheet: &str, step: &mut Step, printed: &str) -> String {
    let mut lines: Vec<String> = sheet.lines().map(str::to_owned).collect();
    for (i, expected) in step.expected.iter_mut().enumerate() {
        if printed.lines().any(|line| matches(expected, line)) {
            continue;
        }
        if let Some(new) = printed.lines().find_map(|line| renumbered(expected, line)) {
            // The command's own line is `step.line`, counted from 1.
            lines[step.line + i].clone_from(&new);
            *expected = new;
        }
    }
    lines.join("\n") + "\n"
}

/// The pattern with a line's numbers, if they differ in nothing else.
fn renumbered(pattern: &str, line: &str) -> Option<String> {
    let parts: Vec<&str> = pattern.trim_end().split("[..]").collect();
    let mut rest = line.trim_end();
    let mut new = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let (is_first, is_last) = (i == 0, i + 1 == parts.len());
        let found = match part.is_empty() {
            // What stands for anything goes on doing so.
            true => 0..if is_last { rest.len() } else { 0 },
            false => find_shape(rest, &shape(part), is_first, is_last)?,
        };
        new.push(if part.is_empty() { "" } else { &rest[found.clone()] });
        rest = &rest[found.end..];
    }
    rest.is_empty().then(|| new.join("[..]"))
}

/// The first and there the longest part of a line that has this shape: from its start, to its end, or anywhere.
fn find_shape(line: &str, wanted: &str, from_start: bool, to_end: bool) -> Option<std::ops::Range<usize>> {
    let places: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
    let starts = if from_start { &places[..1] } else { &places[..] };
    let ends = if to_end { &places[places.len() - 1..] } else { &places[..] };
    let ranges = starts.iter().flat_map(|start| ends.iter().rev().map(move |end| *start..*end));
    ranges.filter(|range| range.start < range.end).find(|range| shape(&line[range.clone()]) == wanted)
}

/// A line without its numbers, and without the blanks that make a table straight.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for c in line.chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if !((c == '0' || c == ' ') && shape.ends_with(c)) {
            shape.push(c);
        }
    }
    shape
}

struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
    background: bool,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for (i, line) in text.lines().enumerate() {
        match (block, line) {
            (None, "```console") => block = Some(false),
            (None, "```console background") => block = Some(true),
            (Some(_), "```") => block = None,
            (Some(background), line) => match line.strip_prefix("$ ") {
                Some(command) => {
                    let (command, expected) = (command.to_owned(), Vec::new());
                    steps.push(Step { line: i + 1, command, expected, background });
                }
                None => steps.last_mut().expect("output before a command").expected.push(line.to_owned()),
            },
            (None, _) => {}
        }
    }
    steps
}

/// A shell in the sheet's folder that finds `swarmlab`.
fn shell(command: &str, folder: &Path) -> Command {
    let program = program();
    let own = program.parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(own).chain(std::env::split_paths(&path));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(folder);
    shell.env("PATH", std::env::join_paths(paths).unwrap()).env("NO_COLOR", "1").stdin(Stdio::null());
    shell
}

/// Runs a command to its end, and answers with what it printed.
fn print(step: &Step, folder: &Path, place: &str) -> String {
    // Both streams as a terminal shows them.
    let output = shell(&format!("{{ {}\n}} 2>&1", step.command), folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{place}\nended with {}:\n{text}", output.status);
    text
}

fn compare(step: &Step, text: &str, place: &str) {
    let mut lines = text.lines();
    for expected in &step.expected {
        assert!(
            lines.any(|line| matches(expected, line)),
            "{place}\ndid not print, or not in this order:\n  {expected}\nbut:\n{text}"
        );
    }
}

/// A command that goes on in the background, and ends with the sheet.
struct Terminal(Child);

impl Terminal {
    fn open(step: &Step, folder: &Path, place: &str) -> Self {
        let mut command = shell(&format!("exec {} 2>&1", step.command), folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let terminal = Self(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seen = String::new();
        for expected in &step.expected {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let Ok(line) = lines.recv_timeout(left) else {
                    panic!("{place}\ndid not print:\n  {expected}\nbut:\n{seen}")
                };
                seen.push_str(&line);
                seen.push('\n');
                if matches(expected, &line) {
                    break;
                }
            }
        }
        terminal
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // When nobody listens any more the pipe is still emptied, so that the program can go on.
            let _ = send.send(line);
        }
    });
    lines
}

/// `[..]` in the pattern stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.trim_end().split("[..]");
    let Some(mut rest) = line.trim_end().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (i, part) in parts.iter().enumerate() {
        if i + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn a_rewrite_changes_numbers_and_nothing_else() {
    let sheet =
        "one\n```console\n$ run\nall after 12.4 s\n✓ done ([..], after 7 s)[..]\nall after [..] s\nno number\n```\n";
    let mut step = steps(sheet).remove(0);
    let printed = "other 7\nall after   9.25 s\n✓ done (the last was bob, after 10 s)  events.jsonl:5\n";
    let new = rewritten(sheet, &mut step, printed);
    assert_eq!(new, sheet.replace("after 12.4", "after   9.25").replace("after 7 s", "after 10 s"));
    assert_eq!(step.expected[2..], ["all after [..] s", "no number"]);
    assert_eq!(renumbered("exit code 0", "exit code: 1"), None);
}

#[test]
fn a_pattern_matches_what_it_says() {
    assert!(matches("a [..] c [..]", "a b c d"));
    assert!(matches("[..]b[..]", "abc"));
    assert!(!matches("a[..]", "ba"));
    assert!(matches("exact", "exact"));
    assert!(!matches("exact", "exactly"));
}
