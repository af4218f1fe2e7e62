//! `swarmlab observers`: who learned what.

use std::path::Path;
use std::process::ExitCode;

use events::{Item, Observer};
use report::Run;
use report::observers::{Lessons, lessons};
use serde_json::json;

use crate::cli;
use crate::output::{observers_compared, observers_of_one, print};

pub(crate) fn observers(args: &cli::Observers) -> anyhow::Result<ExitCode> {
    let folders: Vec<&Path> = [&args.run].into_iter().chain(&args.second).map(AsRef::as_ref).collect();
    let mut runs = Vec::new();
    for folder in folders {
        runs.push((name(folder), lessons(&Run::open(folder)?)));
    }
    let text = match &runs[..] {
        _ if args.json => runs.iter().map(|(name, lessons)| lines(name, lessons)).collect(),
        [one, two] => observers_compared([one, two]),
        _ => observers_of_one(&runs[0]),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What the run is called: the last part of its folder, behind `latest` the one that is meant.
pub(crate) fn name(folder: &Path) -> String {
    let real = folder.canonicalize();
    let real = real.as_deref().unwrap_or(folder);
    real.file_name().unwrap_or(real.as_os_str()).to_string_lossy().into_owned()
}

fn lines(run: &str, lessons: &Lessons) -> String {
    let pairs = Observer::ALL.iter().flat_map(|observer| Item::ALL.iter().map(move |item| (*observer, *item)));
    let line = |(observer, item): (Observer, Item)| {
        let learned = lessons.learned(observer, item);
        let line = json!({
            "run": run, "observer": observer.name(), "item": item.name(),
            "learned": learned.degree.name(), "how": learned.how, "evidence": learned.evidence,
        });
        format!("{line}\n")
    };
    pairs.map(line).collect()
}
