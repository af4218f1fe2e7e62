//! `swarmlab inspect`: a run's recorded connections, under glass.

use std::process::ExitCode;

use anyhow::bail;
use report::Run;
use report::inspect::{Connection, End, connections};
use serde_json::{Value, json};
use wire::explain::{Sight, Span};

use crate::cli;
use crate::output::{Detail, connection_list, glass, print, terminal_width};

pub(crate) fn inspect(args: &cli::Inspect) -> anyhow::Result<ExitCode> {
    let run = Run::open(&args.run)?;
    let listed = listed(&run, args)?;
    let chosen = match args.connection {
        Some(number) => Some(find(&listed, number)?),
        // A list of one would only be in the way.
        None if !args.json => Some(&listed[0]).filter(|_| listed.len() == 1),
        None => None,
    };
    let text = match chosen {
        Some(connection) if args.json => format!("{}\n", in_full(connection)),
        Some(connection) => {
            glass(connection, terminal_width(), if args.bytes { Detail::Everything } else { Detail::Lesson })
        }
        None if args.json => listed.iter().map(|connection| format!("{}\n", in_short(connection))).collect(),
        None => format!(
            "{}\nLook at one with `swarmlab inspect {} --connection {}`.\n",
            connection_list(&listed),
            args.run.display(),
            listed[0].number
        ),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The connections asked for, at least one.
fn listed<'a>(run: &'a Run, args: &cli::Inspect) -> anyhow::Result<Vec<Connection<'a>>> {
    let mut listed = connections(run);
    let folder = args.run.display();
    if listed.is_empty() {
        bail!(
            "{folder} has no wire record: `swarmlab run` makes one of our own clients' connections, \
             `swarmlab peer --wire-record FILE` of one peer's"
        );
    }
    if let Some(peer) = &args.peer {
        let mut ends: Vec<String> = listed.iter().flat_map(|one| [one.dialler.clone(), one.dialled.clone()]).collect();
        ends.sort();
        ends.dedup();
        listed.retain(|connection| connection.is_of(peer));
        if listed.is_empty() {
            bail!("no recorded connection of {folder} has {peer} at an end, but {}", ends.join(", "));
        }
    }
    Ok(listed)
}

fn find<'a, 'r>(listed: &'a [Connection<'r>], number: usize) -> anyhow::Result<&'a Connection<'r>> {
    let found = listed.iter().find(|connection| connection.number == number);
    let Some(found) = found else {
        bail!("there is no connection {number}, but these:\n\n{}", connection_list(listed))
    };
    Ok(found)
}

fn in_short(connection: &Connection<'_>) -> Value {
    json!({
        "connection": connection.number,
        "dialler": connection.dialler,
        "dialled": connection.dialled,
        "t": connection.record.began().as_micros() as f64 / 1e6,
        "cipher": connection.cipher.map(|cipher| cipher.name()),
        "failed": connection.failed,
        "sight": match connection.explained.sight {
            Sight::Clear => "clear",
            Sight::Opened => "opened",
            Sight::Closed => "closed",
        },
        "recorded_by": connection.recorded_by,
        "recorded": [connection.wire(End::Dialler).len(), connection.wire(End::Dialled).len()],
        "crossed": [connection.crossed(End::Dialler), connection.crossed(End::Dialled)],
    })
}

/// With the spans of both directions, the dialler's first.
fn in_full(connection: &Connection<'_>) -> Value {
    let mut value = in_short(connection);
    let streams = [End::Dialler, End::Dialled].map(|end| {
        let (wire, stream) = (connection.wire(end), connection.stream(end));
        let spans: Vec<Value> = stream.spans.iter().map(|found| span(found, wire, &stream.plain)).collect();
        json!({ "from": connection.name(end), "spans": spans })
    });
    value["streams"] = streams.into();
    let turns = connection.turns();
    let turns: Vec<Value> = turns
        .iter()
        .map(|turn| {
            let t = turn.time.as_micros() as f64 / 1e6;
            json!({ "t": t, "from": connection.name(turn.from), "at": turn.at, "len": turn.length })
        })
        .collect();
    value["turns"] = turns.into();
    value
}

fn span(span: &Span, wire: &[u8], plain: &[u8]) -> Value {
    let parts: Vec<Value> = span.parts.iter().map(|part| self::span(part, wire, plain)).collect();
    json!({
        "at": span.at,
        "len": span.length,
        "name": span.name,
        "value": span.value,
        "note": span.note,
        "source": span.source.map(|source| source.to_string()),
        "cover": span.cover.name(),
        "wire": hex(&wire[span.at..span.end()]),
        "plain": hex(&plain[span.at..span.end()]),
        "parts": parts,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
