//! The table as a picture (SVG), for slides: light or dark as the reader's screen is, nothing from elsewhere.

use std::fmt::Write as _;

use sim::matrix::{Matrix, Partner};

use super::{Arrow, READING, TITLE, escaped, heading, letter, number};

/// Side of a cell, and the gap between two.
const CELL: usize = 40;
const GAP: usize = 4;

/// Room for the names of rows, and above the table.
const LEFT: usize = 210;
const TOP: usize = 120;
const MARGIN: usize = 28;

/// The whole picture.
pub(crate) fn matrix_svg(matrix: &Matrix) -> String {
    let reasons = matrix.reasons();
    let step = CELL + GAP;
    let width = MARGIN * 2 + LEFT + matrix.columns.len() * step;
    let table_end = TOP + matrix.rows.len() * step;
    let height = table_end + 66 + (reasons.len() + 1) * 24 + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{TITLE}\">\n<style>\n{STYLE}</style>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"46\">{TITLE}</text>\n<text class=\"soft\" x=\"{MARGIN}\" y=\"70\">{}</text>\n",
        escaped(READING)
    );
    let x = |column: usize| MARGIN + LEFT + column * step;
    for (i, column) in matrix.columns.iter().enumerate() {
        let _infallible = writeln!(
            svg,
            "<text class=\"soft middle\" x=\"{}\" y=\"{}\">{}<title>{}</title></text>",
            x(i) + CELL / 2,
            TOP - 10,
            heading(matrix, *column),
            column.name()
        );
    }
    for (j, row) in matrix.rows.iter().enumerate() {
        let y = TOP + j * step;
        let _infallible = writeln!(
            svg,
            "<text class=\"soft\" x=\"{MARGIN}\" y=\"{base}\">{}</text><text x=\"{}\" y=\"{base}\">{}</text>",
            letter(j),
            MARGIN + 22,
            row.name(),
            base = y + 26
        );
        for (i, column) in matrix.columns.iter().enumerate() {
            let cell = matrix.cell(*row, *column);
            let arrow = Arrow::of(cell);
            let why = number(cell, &reasons);
            let middle = x(i) + CELL / 2 - if why.is_some() { 4 } else { 0 };
            let _infallible = write!(
                svg,
                "<g class=\"{}\"><title>{} {} {}</title><rect x=\"{}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" rx=\"6\"/>\
                 <text class=\"glyph middle\" x=\"{middle}\" y=\"{}\">{}</text>",
                arrow.class(),
                row.name(),
                arrow.glyph(),
                column.name(),
                x(i),
                y + 27,
                arrow.glyph()
            );
            if let Some(why) = why {
                let _infallible =
                    write!(svg, "<text class=\"why\" x=\"{}\" y=\"{}\">{why}</text>", middle + 10, y + 31);
            }
            svg.push_str("</g>\n");
        }
    }
    legend(&mut svg, matrix, table_end + 30);
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, matrix: &Matrix, top: usize) {
    let mut x = MARGIN;
    for arrow in Arrow::ALL {
        let _infallible = writeln!(
            svg,
            "<g class=\"{}\"><rect x=\"{x}\" y=\"{}\" width=\"26\" height=\"24\" rx=\"5\"/><text class=\"glyph middle\" x=\"{}\" y=\"{}\">{}</text></g>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            arrow.class(),
            top - 17,
            x + 13,
            top + 1,
            arrow.glyph(),
            x + 34,
            top,
            arrow.meaning()
        );
        x += 50 + arrow.meaning().chars().count() * 8;
    }
    let mut y = top + 36;
    for (number, reason) in (1..).zip(matrix.reasons()) {
        let _infallible = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\"><tspan class=\"number\">{number}</tspan>  {} at {}: {}</text>",
            reason.rule.name(),
            escaped(reason.at.name()),
            escaped(&reason.rule.to_string())
        );
        y += 24;
    }
    if matrix.columns.contains(&Partner::SameNetwork) {
        let _infallible = writeln!(
            svg,
            "<text class=\"soft\" x=\"{MARGIN}\" y=\"{y}\">same: a neighbour behind the same border, dialled by its outside address</text>"
        );
    }
}

const STYLE: &str = "\
svg { color-scheme: light dark; font: 15px system-ui, 'Segoe UI', 'Noto Sans', sans-serif; }
text { fill: #1d1f24; } .soft { fill: #62666f; } .ground { fill: #fcfcfb; } .title { font-size: 25px; font-weight: 600; }
.middle { text-anchor: middle; } .glyph { font-size: 19px; font-weight: 600; } .why { font-size: 11px; } .number { font-weight: 700; }
.both rect { fill: #cdeed6; } .both text { fill: #0b5c2a; } .out rect { fill: #e4f5e8; } .out text { fill: #14713a; }
.in rect { fill: #fdf0cf; } .in text { fill: #7a5200; } .neither rect { fill: #fbe2e1; } .neither text { fill: #a3221d; }
@media (prefers-color-scheme: dark) { text { fill: #e7e8ea; } .soft { fill: #9ca1ab; } .ground { fill: #15171b; }
.both rect { fill: #135c31; } .both text { fill: #d6f8e0; } .out rect { fill: #123c24; } .out text { fill: #a5e6bb; }
.in rect { fill: #4a3805; } .in text { fill: #fbdf94; } .neither rect { fill: #4d1f1e; } .neither text { fill: #f9bab6; } }
";
