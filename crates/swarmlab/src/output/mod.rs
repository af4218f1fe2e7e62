//! What people and programs see of a run: bars on a terminal, lines in a pipe, JSON for programs.

mod bars;
mod delivery;
mod diff;
mod glass;
mod json;
mod narrator;
mod nat_matrix;
mod observers;
mod plain;
mod provider;
mod qr;
mod storm;
mod table;
mod verdict;

use std::io::{self, IsTerminal, Write as _};

pub(crate) use bars::Bars;
pub(crate) use delivery::{DeliveryScreen, tally};
pub(crate) use diff::two_runs;
pub(crate) use glass::{Detail, connection_list, glass, terminal_width};
pub(crate) use json::Json;
use lab::Audience;
pub(crate) use narrator::{Narrator, line};
pub(crate) use nat_matrix::{matrix_page, matrix_svg, pairs_in_full, whole_matrix};
pub(crate) use observers::{observers_compared, observers_of_one};
pub(crate) use plain::Plain;
pub(crate) use provider::provider;
pub(crate) use qr::qr;
pub(crate) use storm::{seeds_named, storm, storm_audience};
pub(crate) use table::{Align, table};
pub(crate) use verdict::print_summary;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// What fits: bars where there is a terminal, lines where there is none.
    Fitting,
    /// One JSON object a line, and nothing else on standard output.
    Json,
    /// Only the verdict.
    Quiet,
}

/// The audience for a run in this style.
pub(crate) fn audience(style: Style) -> Box<dyn Audience> {
    match style {
        Style::Json => Box::new(Json),
        Style::Quiet => Box::new(()),
        Style::Fitting if is_terminal() => Box::new(Bars::new(Narrator::of_a_swarm())),
        Style::Fitting => Box::new(Plain::of_a_swarm()),
    }
}

/// The audience for one program that talks about itself, in this style.
pub(crate) fn audience_of_one(style: Style) -> Box<dyn Audience> {
    match style {
        Style::Fitting if is_terminal() => Box::new(Bars::new(Narrator::of_one())),
        Style::Fitting => Box::new(Plain::of_one()),
        Style::Json | Style::Quiet => audience(style),
    }
}

/// Somebody looks at both outputs.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// Prints a page. Who stops reading early (`head`, a pager) has seen enough: no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Share of a whole in per cent, rounded down so that 100 means all.
pub(crate) fn percent(have: u32, of: u32) -> u32 {
    if of == 0 { 0 } else { (u64::from(have) * 100 / u64::from(of)) as u32 }
}
