//! Where two runs part: the first event that differs, and what differed in their plans before that.
//!
//! In the simulated world the same scenario, seed and version give the same log, byte for byte. So the first line that
//! differs is where a change of the code, of the scenario or of the luck first showed. Logs are read side by
//! side, line by line: their size does not matter.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A log to be compared, and the folder of its run if it lies in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub log: PathBuf,
    pub folder: Option<PathBuf>,
}

/// Two runs compared. `A` and `B` are the first and the second of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// What of the two summaries and plans differs.
    pub plan: Vec<PlanChange>,
    /// Lines that both logs begin with.
    pub same: u64,
    /// The last of those, oldest first: [`CONTEXT`] at most.
    pub context: Vec<String>,
    /// `None` when the logs are the same.
    pub first: Option<Parting>,
}

/// Something that the plans, or those who played them, do not agree in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// `seed`, `version`, `scenario`, `world`, or `plan.yaml` for a line of it.
    pub what: &'static str,
    /// `None` where a run has no such thing.
    pub values: [Option<String>; 2],
}

/// The first lines that differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Parting {
    /// Its number in both logs, from 1.
    pub line: u64,
    /// `None` where a log has ended before it.
    pub texts: [Option<String>; 2],
    /// The fields that differ, by path (`from[0].bytes`): [`FIELDS_MAX`] at most. Empty where a line is no JSON
    /// object, or both say the same in other bytes.
    pub fields: Vec<FieldChange>,
    /// How many more there are.
    pub more_fields: usize,
    /// Where A's event comes in B, and B's in A, at another time, if it does within [`LOOK_AHEAD`] lines.
    pub later: [Option<u64>; 2],
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    pub path: String,
    pub values: [Option<Value>; 2],
}

/// Lines told before the first that differs.
pub const CONTEXT: usize = 3;

/// Fields named of one event.
pub const FIELDS_MAX: usize = 40;

/// Lines searched for an event that came at another time.
pub const LOOK_AHEAD: u64 = 2_000;

/// Bytes of one line of a log. The largest event we write is a few KiB.
const LINE_MAX: u64 = 1 << 20;

/// Bytes of a summary or a plan that are looked at.
const FILE_MAX: u64 = 64 << 20;

/// Lines of two plans that are laid side by side.
const PLAN_LINES_MAX: usize = 2_000;

/// Lines named of a plan.
const PLAN_CHANGES_MAX: usize = 40;

/// Why two runs can't be compared. Fits after "failed to ".
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error("find the run {0}: there is no such folder, log or name in {runs}", runs = .1.display())]
    NoRun(String, PathBuf),
    #[error("read {path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("read {path}: line {line} is longer than {LINE_MAX} bytes: this is no log of ours", path = .path.display())]
    LongLine { path: PathBuf, line: u64 },
}

impl Place {
    /// A run by the path of its folder or of its log, or by its name in `runs`; `latest` is the newest there.
    ///
    /// # Errors
    /// There is none.
    pub fn find(run: &Path, runs: &Path) -> Result<Self, DiffError> {
        for path in [run.to_owned(), runs.join(run)] {
            // Where links need a privilege, `latest` is a file that holds the name.
            let named = path.ends_with("latest") && path.is_file();
            let path = match named.then(|| head(&path)).flatten() {
                Some(name) => path.with_file_name(name.trim()),
                None => path,
            };
            if path.join(LOG).is_file() {
                return Ok(Self { log: path.join(LOG), folder: Some(path) });
            }
            if path.is_file() {
                let folder = path.parent().filter(|folder| folder.join(SUMMARY).is_file()).map(Path::to_owned);
                return Ok(Self { log: path, folder: folder.filter(|_| run.ends_with(LOG)) });
            }
        }
        Err(DiffError::NoRun(run.display().to_string(), runs.to_owned()))
    }
}

const LOG: &str = "events.jsonl";
const SUMMARY: &str = "summary.json";
const PLAN: &str = "plan.yaml";

/// The first bytes of a file, as text.
fn head(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(300).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Compares two runs. Fields named in `ignore` (`t`, for runs in real time) do not count.
///
/// # Errors
/// A log can't be read.
pub fn diff(places: [&Place; 2], ignore: &[String]) -> Result<Diff, DiffError> {
    let [mut a, mut b] = [Lines::open(&places[0].log)?, Lines::open(&places[1].log)?];
    let plan = plan_changes(places);
    let (mut same, mut context) = (0, VecDeque::new());
    loop {
        let texts = [a.next()?, b.next()?];
        let alike = match &texts {
            [None, None] => return Ok(Diff { plan, same, context: context.into(), first: None }),
            [Some(a), Some(b)] => a == b || (!ignore.is_empty() && is_alike(a, b, ignore)),
            _ => false,
        };
        if !alike {
            let [x, y] = [&texts[0], &texts[1]];
            let (fields, more_fields) = fields(x.as_deref(), y.as_deref(), ignore);
            let later = [b.find(x.as_deref(), ignore)?, a.find(y.as_deref(), ignore)?];
            let first = Parting { line: same + 1, texts, fields, more_fields, later };
            return Ok(Diff { plan, same, context: context.into(), first: Some(first) });
        }
        same += 1;
        if context.len() == CONTEXT {
            context.pop_front();
        }
        context.extend(texts.into_iter().next().flatten());
    }
}

// ---- lines ----

/// A log, line by line.
struct Lines {
    path: PathBuf,
    from: BufReader<File>,
    read: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, DiffError> {
        let from = File::open(path).map_err(|source| DiffError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), from: BufReader::with_capacity(1 << 16, from), read: 0 })
    }

    fn next(&mut self) -> Result<Option<String>, DiffError> {
        let mut line = Vec::new();
        let got = self.from.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line);
        let got = got.map_err(|source| DiffError::Io { path: self.path.clone(), source })?;
        if got == 0 {
            return Ok(None);
        }
        self.read += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if got as u64 > LINE_MAX {
            return Err(DiffError::LongLine { path: self.path.clone(), line: self.read });
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(line) => line,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }))
    }

    /// The line, further down, that tells the same event at whatever time.
    fn find(&mut self, wanted: Option<&str>, ignore: &[String]) -> Result<Option<u64>, DiffError> {
        let besides_time: Vec<String> = ignore.iter().cloned().chain(["t".to_owned()]).collect();
        let Some(wanted) = wanted.and_then(|wanted| object(wanted, &besides_time)) else { return Ok(None) };
        for _ in 0..LOOK_AHEAD {
            let Some(line) = self.next()? else { return Ok(None) };
            if object(&line, &besides_time).as_ref() == Some(&wanted) {
                return Ok(Some(self.read));
            }
        }
        Ok(None)
    }
}

fn is_alike(a: &str, b: &str, ignore: &[String]) -> bool {
    matches!((object(a, ignore), object(b, ignore)), (Some(a), Some(b)) if a == b)
}

fn object(line: &str, ignore: &[String]) -> Option<Map<String, Value>> {
    let mut object: Map<String, Value> = serde_json::from_str(line).ok()?;
    object.retain(|key, _| !ignore.contains(key));
    Some(object)
}

// ---- fields ----

fn fields(a: Option<&str>, b: Option<&str>, ignore: &[String]) -> (Vec<FieldChange>, usize) {
    let read = |line: Option<&str>| line.and_then(|line| object(line, ignore)).map(Value::Object);
    let mut found = Vec::new();
    if let (Some(a), Some(b)) = (read(a), read(b)) {
        compare(String::new(), Some(&a), Some(&b), &mut found);
    }
    let more = found.len().saturating_sub(FIELDS_MAX);
    found.truncate(FIELDS_MAX);
    (found, more)
}

fn compare(path: String, a: Option<&Value>, b: Option<&Value>, found: &mut Vec<FieldChange>) {
    match (a, b) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let only_in_b = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(only_in_b) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(path, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for i in 0..a.len().max(b.len()) {
                compare(format!("{path}[{i}]"), a.get(i), b.get(i), found);
            }
        }
        (a, b) => found.push(FieldChange { path, values: [a.cloned(), b.cloned()] }),
    }
}

// ---- plans ----

/// What of a summary says how a run came about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Origin {
    scenario: Option<String>,
    world: Option<String>,
    seed: Option<u64>,
    version: Option<String>,
}

fn plan_changes(places: [&Place; 2]) -> Vec<PlanChange> {
    let folders = places.map(|place| place.folder.as_deref());
    if folders.iter().all(Option::is_none) {
        return Vec::new();
    }
    let [a, b] = folders.map(|folder| folder.and_then(origin).unwrap_or_default());
    let pairs = [
        ("scenario", [a.scenario, b.scenario]),
        ("world", [a.world, b.world]),
        ("seed", [a.seed, b.seed].map(|seed| seed.map(|seed| seed.to_string()))),
        ("version", [a.version, b.version]),
    ];
    let differ = pairs.into_iter().filter(|(_, [a, b])| a != b);
    let mut changes: Vec<PlanChange> = differ.map(|(what, values)| PlanChange { what, values }).collect();
    if let [Some(a), Some(b)] = folders.map(|folder| folder.and_then(|folder| text(&folder.join(PLAN)))) {
        let seed_is_told = changes.iter().any(|change| change.what == "seed");
        changes.extend(lines_that_differ(&a, &b).into_iter().filter(|change| {
            let is_seed = |line: &Option<String>| line.as_ref().is_none_or(|line| line.starts_with("seed:"));
            !(seed_is_told && change.values.iter().all(is_seed))
        }));
    }
    changes
}

fn origin(folder: &Path) -> Option<Origin> {
    serde_json::from_str(&text(&folder.join(SUMMARY))?).ok()
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Lines of one plan that the other has not, those in the same place beside each other.
fn lines_that_differ(a: &str, b: &str) -> Vec<PlanChange> {
    let (mut a, mut b): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
    while a.first().is_some_and(|line| b.first() == Some(line)) {
        a.remove(0);
        b.remove(0);
    }
    while a.last().is_some_and(|line| b.last() == Some(line)) {
        a.pop();
        b.pop();
    }
    let change = |a: Option<&str>, b: Option<&str>| PlanChange {
        what: PLAN,
        values: [a, b].map(|line| line.map(|line| line.trim().to_owned())),
    };
    if a.len().max(b.len()) > PLAN_LINES_MAX {
        let count = |lines: &[&str]| format!("{} lines from here on", lines.len());
        return vec![change(Some(&count(&a)), Some(&count(&b)))];
    }
    let mut changes = Vec::new();
    let (mut only_a, mut only_b) = (Vec::new(), Vec::new());
    let mut flush = |only_a: &mut Vec<&str>, only_b: &mut Vec<&str>| {
        let rows = only_a.len().max(only_b.len());
        changes.extend((0..rows).map(|i| change(only_a.get(i).copied(), only_b.get(i).copied())));
        only_a.clear();
        only_b.clear();
    };
    let common = common(&a, &b);
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            flush(&mut only_a, &mut only_b);
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            only_a.push(a[i]);
            i += 1;
        } else {
            only_b.push(b[j]);
            j += 1;
        }
    }
    flush(&mut only_a, &mut only_b);
    changes.truncate(PLAN_CHANGES_MAX);
    changes
}

/// How many lines in a row, gaps allowed, `a[i..]` and `b[j..]` have in common at most.
fn common(a: &[&str], b: &[&str]) -> Vec<Vec<u16>> {
    let mut longest = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] =
                if a[i] == b[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named_with_its_fields_and_what_came_before() {
        let lab = Lab::new();
        let a =
            lab.log("a", &[STARTED, "{\"t\":1,\"peer\":\"a\",\"ev\":\"x\",\"from\":[{\"n\":1},{\"n\":2}]}", STARTED]);
        let b =
            lab.log("b", &[STARTED, "{\"t\":1,\"peer\":\"a\",\"ev\":\"y\",\"from\":[{\"n\":1},{\"n\":3}],\"z\":0}"]);
        let found = diff([&a, &b], &[]).unwrap();
        assert_eq!((found.same, found.context.len(), found.plan.len()), (1, 1, 0));
        let first = found.first.unwrap();
        assert_eq!(first.line, 2);
        let fields: Vec<String> =
            first.fields.iter().map(|field| format!("{} {:?}", field.path, field.values.clone().map(show))).collect();
        assert_eq!(fields, [r#"ev ["\"x\"", "\"y\""]"#, r#"from[1].n ["2", "3"]"#, r#"z ["-", "0"]"#]);
    }

    #[test]
    fn equal_logs_are_equal_and_a_shorter_one_is_not() {
        let lab = Lab::new();
        let long = lab.log("long", &[STARTED; 5]);
        let short = lab.log("short", &[STARTED; 3]);
        let same = diff([&long, &long], &[]).unwrap();
        assert_eq!((same.first, same.same, same.context.len()), (None, 5, CONTEXT));
        let first = diff([&long, &short], &[]).unwrap().first.unwrap();
        assert_eq!((first.line, first.texts[1].as_deref(), first.fields.len()), (4, None, 0));
        assert_eq!(diff([&short, &long], &[]).unwrap().first.unwrap().texts[0], None);
    }

    #[test]
    fn a_field_may_be_left_out_of_account() {
        let lab = Lab::new();
        let [a, b] = [("a", "1.5"), ("b", "2.5")]
            .map(|(name, t)| lab.log(name, &[&STARTED.replace("\"t\":0", &format!("\"t\":{t}"))]));
        assert!(diff([&a, &b], &[]).unwrap().first.is_some());
        assert!(diff([&a, &b], &["t".to_owned()]).unwrap().first.is_none());
        assert!(diff([&a, &b], &["peer".to_owned()]).unwrap().first.is_some());
    }

    #[test]
    fn an_event_that_comes_later_in_the_other_run_is_found_there() {
        let lab = Lab::new();
        let event = |t: u32, peer: &str| format!("{{\"t\":{t},\"peer\":\"{peer}\",\"ev\":\"left\",\"why\":\"x\"}}");
        let a = lab.log("a", &[&event(1, "alice"), &event(2, "bob")]);
        let b = lab.log("b", &[&event(1, "carol"), &event(2, "bob"), &event(3, "alice")]);
        assert_eq!(diff([&a, &b], &[]).unwrap().first.unwrap().later, [Some(3), None]);
    }

    #[test]
    fn what_is_no_json_is_compared_all_the_same() {
        let lab = Lab::new();
        let [a, b] = ["\u{1b}[2J{", "[[[["].map(|text| lab.log(&format!("x{}", text.len()), &[text]));
        let first = diff([&a, &b], &["t".to_owned()]).unwrap().first.unwrap();
        assert_eq!((first.line, first.fields.len(), first.later), (1, 0, [None, None]));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let lab = Lab::new();
        let a = lab.log("a", &[&"x".repeat(LINE_MAX as usize + 10)]);
        let b = lab.log("b", &[STARTED]);
        let error = diff([&a, &b], &[]).unwrap_err();
        assert!(matches!(error, DiffError::LongLine { line: 1, .. }), "{error}");
        let just_fits = lab.log("c", &[&"x".repeat(LINE_MAX as usize)]);
        assert!(diff([&just_fits, &just_fits], &[]).unwrap().first.is_none());
    }

    #[test]
    fn what_differs_in_the_plan_is_told() {
        let lab = Lab::new();
        let summary = |seed, version| {
            format!("{{\"scenario\":\"x\",\"world\":\"sim\",\"seed\":{seed},\"version\":\"{version}\",\"more\":[]}}")
        };
        let a = lab.run("a", &summary(1, "1.0"), "title: T\nseed: 1\nnet:\n  dsl: { rtt: 20 ms }\ncast: 1\n");
        let b =
            lab.run("b", &summary(2, "1.1"), "title: T\nseed: 2\nnet:\n  lan: {}\n  dsl: { rtt: 30 ms }\ncast: 1\n");
        let told: Vec<String> = diff([&a, &b], &[])
            .unwrap()
            .plan
            .into_iter()
            .map(|change| format!("{} {}", change.what, change.values.map(|v| v.unwrap_or("-".into())).join(" | ")))
            .collect();
        assert_eq!(
            told,
            [
                "seed 1 | 2",
                "version 1.0 | 1.1",
                "plan.yaml dsl: { rtt: 20 ms } | lan: {}",
                "plan.yaml - | dsl: { rtt: 30 ms }"
            ]
        );
        assert!(diff([&a, &a], &[]).unwrap().plan.is_empty());
    }

    #[test]
    fn a_plan_that_is_all_different_is_not_laid_side_by_side_for_ever() {
        let many = |word: &str| (0..PLAN_LINES_MAX + 1).map(|i| format!("{word} {i}\n")).collect::<String>();
        assert_eq!(lines_that_differ(&many("a"), &many("b")).len(), 1);
        assert_eq!(lines_that_differ(&many("a"), &(many("a") + "more\n")).len(), 1);
    }

    #[test]
    fn a_run_is_found_by_folder_log_name_and_latest() {
        let lab = Lab::new();
        let runs = lab.dir.path();
        let place = lab.run("one", "{}", "");
        let folder = runs.join("one");
        for path in [folder.clone(), folder.join(LOG)] {
            assert_eq!(Place::find(&path, Path::new("/nowhere")).unwrap(), place);
        }
        assert_eq!(Place::find(Path::new("one"), runs).unwrap(), place);
        std::fs::write(runs.join("latest"), "one\n").unwrap();
        assert_eq!(Place::find(Path::new("latest"), runs).unwrap(), place);
        let error = Place::find(Path::new("two"), runs).unwrap_err().to_string();
        assert!(error.starts_with("find the run two: there is no such folder, log or name in "), "{error}");
    }

    const STARTED: &str = "{\"t\":0,\"peer\":\"alice\",\"ev\":\"left\",\"why\":\"asked to\"}";

    fn show(value: Option<Value>) -> String {
        value.map_or("-".to_owned(), |value| value.to_string())
    }

    struct Lab {
        dir: tempfile::TempDir,
    }

    impl Lab {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn log(&self, name: &str, lines: &[&str]) -> Place {
            let log = self.dir.path().join(format!("{name}.jsonl"));
            std::fs::write(&log, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            Place { log, folder: None }
        }

        fn run(&self, name: &str, summary: &str, plan: &str) -> Place {
            let folder = self.dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            for (file, text) in [(LOG, ""), (SUMMARY, summary), (PLAN, plan)] {
                std::fs::write(folder.join(file), text).unwrap();
            }
            Place { log: folder.join(LOG), folder: Some(folder) }
        }
    }
}
