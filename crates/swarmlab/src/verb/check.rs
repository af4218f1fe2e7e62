//! `swarmlab check`: is the scenario written right?

use std::path::Path;
use std::process::ExitCode;

use scenario::Diagnostics;
use serde_json::json;

use crate::{cli, source};

pub(crate) fn check(args: &cli::Check) -> anyhow::Result<ExitCode> {
    let wrong = args.files.iter().filter(|file| !is_right(file, args.json)).count();
    if wrong > 0 && !args.json && args.files.len() > 1 {
        anstream::eprintln!("{wrong} of {} files are wrong", args.files.len());
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(crate::WRONG_CALL) })
}

/// Reads one file and tells what was found.
fn is_right(path: &Path, as_json: bool) -> bool {
    let file = path.display().to_string();
    let error = match source::from_file(path) {
        Ok(source) if as_json => {
            println!("{}", json!({ "file": file, "ok": true, "title": source.plan.title }));
            return true;
        }
        Ok(source) => {
            anstream::println!("{file}: right ({})", contents(&source.plan));
            return true;
        }
        Err(error) => error,
    };
    match error.downcast_ref::<Diagnostics>() {
        Some(found) if as_json => found.0.iter().for_each(|found| println!("{}", finding(found))),
        Some(found) => anstream::eprintln!("{found}"),
        None if as_json => println!("{}", json!({ "file": file, "ok": false, "message": format!("{error:#}") })),
        None => anstream::eprintln!("error: {error:#}"),
    }
    false
}

fn contents(plan: &scenario::Plan) -> String {
    let count = |n: usize, noun| lab::describe::count(u32::try_from(n).unwrap_or(u32::MAX), noun);
    format!(
        "{}, {}, {}",
        count(plan.cast.len(), "peer"),
        count(plan.script.len(), "step"),
        count(plan.checks.len(), "check")
    )
}

fn finding(found: &scenario::Diagnostic) -> serde_json::Value {
    json!({
        "file": found.file,
        "ok": false,
        "line": found.line,
        "column": found.column,
        "message": found.message,
        "help": found.help,
    })
}
