//! The table as one web page: light or dark as the reader's screen is, no script, nothing from elsewhere.

use std::fmt::Write as _;

use sim::matrix::{Cell, Matrix, Place};

use super::{Arrow, NOTES, READING, TITLE, axes, escaped, number, packet, told};

/// The whole page.
pub(crate) fn matrix_page(matrix: &Matrix) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{TITLE}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{TITLE}</h1>\n<p class=\"lead\">{READING} No cell comes from a book: in each, two peers with the real \
         engine were let loose in the simulated world.</p>\n"
    );
    legend(&mut page);
    table(&mut page, matrix);
    reasons(&mut page, matrix);
    notes(&mut page);
    places(&mut page, matrix);
    packets(&mut page, matrix);
    let version = env!("CARGO_PKG_VERSION");
    let _infallible = write!(
        page,
        "<footer>Swarmlab {version}, <code>swarmlab nat-matrix</code></footer>\n</main>\n</body>\n</html>\n"
    );
    page
}

fn legend(page: &mut String) {
    page.push_str("<ul class=\"legend\">\n");
    for arrow in Arrow::ALL {
        let _infallible = writeln!(
            page,
            "<li><span class=\"key {}\">{}</span> {}</li>",
            arrow.class(),
            arrow.glyph(),
            arrow.meaning()
        );
    }
    page.push_str("<li><span class=\"key\"><sub>n</sub></span> what stops the row’s own dialling</li>\n</ul>\n");
}

fn table(page: &mut String, matrix: &Matrix) {
    let numbers = matrix.reasons();
    page.push_str(
        "<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th class=\"corner\">row ↓ dials column →</th>",
    );
    for column in &matrix.columns {
        let _infallible = write!(page, "<th scope=\"col\"><span>{}</span></th>", column.name());
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in &matrix.rows {
        let _infallible = write!(page, "<tr><th scope=\"row\">{}</th>", row.name());
        for cell in matrix.cells().iter().filter(|cell| cell.row == *row) {
            let arrow = Arrow::of(cell);
            let why = number(cell, &numbers);
            let sub = why.map_or(String::new(), |why| format!("<sub>{why}</sub>"));
            let _infallible = write!(
                page,
                "<td class=\"{}\" title=\"{}\"><a href=\"#{}\">{}{sub}</a></td>",
                arrow.class(),
                escaped(&summary(cell)),
                id(cell),
                arrow.glyph()
            );
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n<p class=\"small\"><b>same-network</b>: a neighbour behind the same border, dialled by its outside address, for a tracker knows no other.</p>\n");
}

/// What a pointer over a cell says.
fn summary(cell: &Cell) -> String {
    let lines = cell.tries.iter().map(|one| match &one.end {
        Ok(_) => format!("{}: connected", told(cell, one)[0]),
        Err(failure) => format!("{}: {}, {}", told(cell, one)[0], packet(failure), failure.reason.rule.name()),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn id(cell: &Cell) -> String {
    format!("{}--{}", cell.row.name(), cell.column.name())
}

fn reasons(page: &mut String, matrix: &Matrix) {
    page.push_str("<h2>What stops a packet</h2>\n<ol class=\"reasons\">\n");
    for reason in matrix.reasons() {
        let _infallible = write!(
            page,
            "<li><b>{}</b> at {}: {}",
            reason.rule.name(),
            escaped(reason.at.name()),
            escaped(&reason.rule.to_string())
        );
        if let Some((cell, failure)) = super::example(matrix, reason) {
            let _infallible = write!(
                page,
                "<br><span class=\"packet\">{} to {}: {}</span>",
                cell.row.name(),
                cell.column.name(),
                packet(failure)
            );
        }
        page.push_str("</li>\n");
    }
    page.push_str("</ol>\n");
}

fn notes(page: &mut String) {
    page.push_str("<div class=\"notes\">\n");
    for (question, answer) in NOTES {
        let _infallible = writeln!(page, "<section><h3>{}</h3><p>{}</p></section>", escaped(question), escaped(answer));
    }
    page.push_str("</div>\n");
}

fn places(page: &mut String, matrix: &Matrix) {
    page.push_str(
        "<h2>The places</h2>\n<div class=\"scroll\"><table class=\"places\">\n<thead><tr><th>place</th><th>met as</th>\
         <th>mapping</th><th>filtering</th><th>ports</th><th>hairpin</th></tr></thead>\n<tbody>\n",
    );
    for place in &matrix.rows {
        let about = escaped(place.about());
        let _infallible = write!(page, "<tr><th scope=\"row\">{}</th><td>{about}</td>", place.name());
        axes(*place).iter().for_each(|axis| {
            let _infallible = write!(page, "<td>{}</td>", escaped(axis));
        });
        page.push_str("</tr>\n");
    }
    page.push_str(
        "</tbody>\n</table></div>\n<p class=\"small\">Mapping: when another outside port is given to the same inside one. \
         Filtering: who else may send to it. Hairpin: whether the inside reaches itself by the outside address. \
         The words are those of RFC 4787 (UDP) and RFC 5382 (TCP).</p>\n",
    );
}

fn packets(page: &mut String, matrix: &Matrix) {
    page.push_str("<h2>Packet by packet</h2>\n<p class=\"small\">A cell of the table leads here.</p>\n");
    for row in &matrix.rows {
        pairs_of(page, matrix, *row);
    }
}

fn pairs_of(page: &mut String, matrix: &Matrix, row: Place) {
    let _infallible = writeln!(page, "<details><summary>{}</summary>", row.name());
    for cell in matrix.cells().iter().filter(|cell| cell.row == row) {
        let arrow = Arrow::of(cell);
        let _infallible = writeln!(
            page,
            "<div class=\"pair\" id=\"{}\"><h4>{} <span class=\"key {}\">{}</span> {}</h4>",
            id(cell),
            row.name(),
            arrow.class(),
            arrow.glyph(),
            cell.column.name()
        );
        for one in &cell.tries {
            let lines: Vec<String> = told(cell, one).iter().map(|line| escaped(line)).collect();
            let _infallible = writeln!(page, "<pre>{}</pre>", lines.join("\n"));
        }
        page.push_str("</div>\n");
    }
    page.push_str("</details>\n");
}

const STYLE: &str = "\
:root { color-scheme: light dark; --ground: #fcfcfb; --ink: #1d1f24; --soft: #62666f; --line: #dcdee2;
  --both: #cdeed6; --both-ink: #0b5c2a; --out: #e4f5e8; --out-ink: #14713a; --in: #fdf0cf; --in-ink: #7a5200;
  --neither: #fbe2e1; --neither-ink: #a3221d; --raised: #f3f4f5; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171b; --ink: #e7e8ea; --soft: #9ca1ab; --line: #343841;
  --both: #135c31; --both-ink: #d6f8e0; --out: #123c24; --out-ink: #a5e6bb; --in: #4a3805; --in-ink: #fbdf94;
  --neither: #4d1f1e; --neither-ink: #f9bab6; --raised: #1d2026; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, 'Segoe UI', 'Noto Sans', sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 2rem 1.5rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .3rem; }
h4 { font-size: .95rem; margin: 0 0 .3rem; }
.lead { margin: 0 0 1rem; color: var(--soft); max-width: 46rem; }
.small { font-size: .875rem; color: var(--soft); margin: .6rem 0; max-width: 54rem; }
.scroll { overflow-x: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; padding: 0; margin: 0 0 1rem; }
.key { display: inline-block; min-width: 1.9em; text-align: center; border-radius: .3em; padding: 0 .3em; font-weight: 600; }
table { border-collapse: separate; border-spacing: 3px; }
.matrix th[scope=row] { text-align: left; font-weight: 500; padding-right: .7rem; white-space: nowrap; }
.matrix thead th { vertical-align: bottom; font-weight: 500; padding: 0 0 .3rem; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.matrix .corner { font-weight: 400; font-size: .875rem; color: var(--soft); text-align: left; }
.matrix td { width: 3.1rem; height: 2.1rem; text-align: center; border-radius: .35rem; padding: 0; }
.matrix td a { display: block; line-height: 2.1rem; color: inherit; text-decoration: none; font-size: 1.15rem; font-weight: 600; border-radius: .35rem; }
.matrix td a:hover, .matrix td a:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
.matrix sub { font-size: .7rem; font-weight: 500; margin-left: .12rem; vertical-align: -.25em; line-height: 0; }
.both { background: var(--both); color: var(--both-ink); } .out { background: var(--out); color: var(--out-ink); }
.in { background: var(--in); color: var(--in-ink); } .neither { background: var(--neither); color: var(--neither-ink); }
.reasons { padding-left: 1.5rem; margin: 0; } .reasons li { margin: .5rem 0; } .reasons li::marker { font-weight: 600; }
.packet, pre, code { font-family: ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', monospace; font-size: .82rem; }
.packet { color: var(--soft); }
.notes { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; margin-top: 2rem; }
.notes section { background: var(--raised); border-radius: .6rem; padding: .9rem 1.1rem; } .notes p { margin: 0; font-size: .925rem; }
.places { border-spacing: 0; font-size: .9rem; width: 100%; } .places th, .places td { text-align: left; padding: .35rem .9rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
.places thead th { border: 0; color: var(--soft); font-weight: 500; } .places th[scope=row] { font-weight: 500; white-space: nowrap; }
details { border-top: 1px solid var(--line); padding: .45rem 0; } summary { cursor: pointer; font-weight: 500; }
.pair { padding: .7rem 0 .2rem 1rem; scroll-margin-top: 1rem; } .pair:target { background: var(--raised); border-radius: .5rem; }
pre { margin: 0 0 .5rem; white-space: pre-wrap; } footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; }
@media print { main { max-width: none; padding: 0; } details { display: none; } .matrix td { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
";
