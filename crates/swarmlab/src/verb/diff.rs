//! `swarmlab diff`: where two runs part.

use std::process::ExitCode;

use report::diff::{Diff, Place, diff};
use serde_json::{Value, json};

use super::observers::name;
use crate::cli;
use crate::output::{print, two_runs};

pub(crate) fn run(args: &cli::Diff) -> anyhow::Result<ExitCode> {
    let places = [Place::find(&args.a, &args.runs)?, Place::find(&args.b, &args.runs)?];
    let diff = diff([&places[0], &places[1]], &args.ignore)?;
    let names = [0, 1].map(|i| name(places[i].folder.as_deref().unwrap_or(&places[i].log)));
    print(&if args.json { format!("{}\n", for_programs(&names, &diff)) } else { two_runs(&names, &diff) })?;
    Ok(ExitCode::from(u8::from(diff.first.is_some())))
}

fn for_programs(names: &[String; 2], diff: &Diff) -> Value {
    let event = |text: &Option<String>| {
        text.as_ref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
    };
    let plan =
        diff.plan.iter().map(|change| json!({ "what": change.what, "a": change.values[0], "b": change.values[1] }));
    let mut value = json!({
        "a": names[0], "b": names[1], "equal": diff.first.is_none(), "same_lines": diff.same,
        "plan": plan.collect::<Vec<Value>>(),
        "context": diff.context.iter().map(|line| event(&Some(line.clone()))).collect::<Vec<_>>(),
    });
    if let Some(first) = &diff.first {
        let field = |field: &report::diff::FieldChange| {
            let [a, b] = &field.values;
            json!({ "path": field.path, "a": a, "b": b })
        };
        value["first"] = json!({
            "line": first.line, "a": event(&first.texts[0]), "b": event(&first.texts[1]),
            "fields": first.fields.iter().map(field).collect::<Vec<Value>>(), "more_fields": first.more_fields,
            "a_comes_in_b_at_line": first.later[0], "b_comes_in_a_at_line": first.later[1],
        });
    }
    value
}
