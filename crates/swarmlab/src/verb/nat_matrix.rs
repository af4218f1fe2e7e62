//! `swarmlab nat-matrix`: who can connect to whom.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use sim::What;
use sim::matrix::{Cell, Matrix, Method, Partner, Try};

use crate::cli;
use crate::output::{matrix_page, matrix_svg, pairs_in_full, print, whole_matrix};

pub(crate) fn nat_matrix(args: &cli::NatMatrix) -> anyhow::Result<ExitCode> {
    let matrix = Matrix::play();
    let rows: Vec<&str> = matrix.rows.iter().map(|place| place.name()).collect();
    let columns: Vec<&str> = matrix.columns.iter().map(|partner| partner.name()).collect();
    known(args.row.as_deref(), &rows)?;
    known(args.column.as_deref(), &columns)?;
    let wanted = |name: &str, asked: &Option<String>| asked.as_ref().is_none_or(|asked| asked == name);
    let cells: Vec<&Cell> = matrix
        .cells()
        .iter()
        .filter(|cell| wanted(cell.row.name(), &args.row) && wanted(cell.column.name(), &args.column))
        .collect();
    let written: Vec<&Path> = [&args.html, &args.svg].into_iter().flatten().map(AsRef::as_ref).collect();
    write(args.html.as_deref(), || matrix_page(&matrix))?;
    write(args.svg.as_deref(), || matrix_svg(&matrix))?;
    let text = if args.json {
        cells.iter().flat_map(|cell| cell.tries.iter().map(|one| format!("{}\n", line(cell, one)))).collect()
    } else if args.row.is_some() {
        pairs_in_full(&cells)
    } else if written.is_empty() {
        whole_matrix(&matrix)
    } else {
        written.iter().map(|path| format!("wrote {}\n", path.display())).collect()
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn known(asked: Option<&str>, names: &[&str]) -> anyhow::Result<()> {
    match asked {
        Some(asked) if !names.contains(&asked) => Err(anyhow!("there is no place {asked:?}, but {}", names.join(", "))),
        _ => Ok(()),
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).with_context(|| format!("write {}", path.display()))
}

/// One try for programs.
fn line(cell: &Cell, one: &Try) -> Value {
    let (row, column) = (cell.row.name(), cell.column.name());
    // A neighbour is in the same kind of place.
    let other = if cell.column == Partner::SameNetwork { row } else { column };
    let [dialler, dialled] = match one.method {
        Method::TcpOut => [row, other],
        Method::TcpIn => [other, row],
    };
    let mapped = one.incidents.iter().filter_map(|incident| match incident.what {
        What::Mapped { outside } => Some(json!({ "inside": incident.packet.from, "outside": outside })),
        _ => None,
    });
    let mut value = json!({
        "row": row, "column": column, "method": one.method.name(), "dialler": dialler, "dialled": dialled,
        "told": one.told, "connected": one.end.is_ok(), "translated": mapped.collect::<Vec<Value>>(),
    });
    match &one.end {
        Ok(after) => value["after_ms"] = json!(after.as_millis() as u64),
        Err(failure) => {
            value["rule"] = failure.reason.rule.name().into();
            value["because"] = failure.reason.rule.to_string().into();
            value["at"] = failure.reason.at.name().into();
            value["packet"] = json!({ "from": failure.packet.from, "to": failure.packet.to });
            value["answered_with_reset"] = failure.refused.into();
            value["dialler_says"] = failure.dialler_says.as_str().into();
        }
    }
    value
}
