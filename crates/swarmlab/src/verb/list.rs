//! `swarmlab list` and `swarmlab show`: the scenarios that come with the program.

use std::process::ExitCode;

use serde_json::json;

use crate::output::{Align, table};
use crate::{cli, source};

pub(crate) fn list(args: &cli::List) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for (name, _) in scenario::shipped() {
        let plan = source::shipped(name)?.plan;
        let worlds: Vec<&str> = plan.worlds.iter().map(|world| world.name()).collect();
        if args.json {
            let (title, about, peers) = (plan.title, plan.about, plan.cast.len());
            let line = json!({ "name": name, "title": title, "about": about, "worlds": worlds, "peers": peers });
            println!("{line}");
        } else {
            rows.push(vec![(*name).to_owned(), plan.cast.len().to_string(), worlds.join(", "), plan.title]);
        }
    }
    if !args.json {
        let headings =
            [("name", Align::Left), ("peers", Align::Right), ("worlds", Align::Left), ("title", Align::Left)];
        anstream::print!("{}", table(&headings, &rows));
        anstream::println!("\nPlay one with `swarmlab run NAME`, read it with `swarmlab show NAME`.");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(args: &cli::Show) -> anyhow::Result<ExitCode> {
    print!("{}", scenario::find(&args.name)?);
    Ok(ExitCode::SUCCESS)
}
