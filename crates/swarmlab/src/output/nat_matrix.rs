//! Who can connect to whom, for people: a table for terminals, and what happened to each packet. `page` and
//! `picture` draw the same table.

mod page;
mod picture;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use sim::matrix::{Cell, Failure, Matrix, Method, Partner, Place, Reason, Try};
use sim::{Dependence, PortChoice, Protocol, Stage, What};

pub(crate) use page::matrix_page;
pub(crate) use picture::matrix_svg;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Who of two can dial whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrow {
    Both,
    /// Only the row's peer can.
    Out,
    /// Only the column's can.
    In,
    Neither,
}

impl Arrow {
    const ALL: [Self; 4] = [Self::Both, Self::Out, Self::In, Self::Neither];

    fn of(cell: &Cell) -> Self {
        match (cell.connects(Method::TcpOut), cell.connects(Method::TcpIn)) {
            (true, true) => Self::Both,
            (true, false) => Self::Out,
            (false, true) => Self::In,
            (false, false) => Self::Neither,
        }
    }

    fn glyph(self) -> char {
        match self {
            Self::Both => '↔',
            Self::Out => '→',
            Self::In => '←',
            Self::Neither => '✗',
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Both => "each can dial the other",
            Self::Out => "only the row can dial",
            Self::In => "only the column can dial",
            Self::Neither => "neither can",
        }
    }

    /// A word for style sheets.
    fn class(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Out => "out",
            Self::In => "in",
            Self::Neither => "neither",
        }
    }

    fn ink(self) -> Style {
        match self {
            Self::Both => AnsiColor::Green.on_default().bold(),
            Self::Out => AnsiColor::Green.on_default(),
            Self::In => AnsiColor::Yellow.on_default(),
            Self::Neither => AnsiColor::Red.on_default(),
        }
    }
}

/// What each table is called.
const TITLE: &str = "Who can connect to whom over TCP";

/// How it is read.
const READING: &str = "A row's peer dials a column's at the address a tracker told it.";

/// What everybody asks who sees it.
const NOTES: [(&str, &str); 3] = [
    (
        "Why is even full-cone closed?",
        "A NAT lets in what comes to an outside port that somebody inside has sent from. TCP dials from a port of its \
         own, so nothing has ever left from the port a peer listens at. How a NAT maps and filters is asked only \
         after that: it will matter to uTP, which listens and dials with one port, and to hole punching.",
    ),
    (
        "Does a swarm work where it says ✗?",
        "Those two exchange nothing with each other. But whoever may dial at all can dial a third peer that is \
         reachable, and that one passes the pieces on.",
    ),
    (
        "What opens a closed row?",
        "A forwarded port: compare home with home-forwarded. The router then has a mapping before anybody sends.",
    ),
];

/// How a place is referred to in a heading: `a`, `b`, ….
fn letter(index: usize) -> char {
    char::from(b'a' + (index % 26) as u8)
}

/// The heading of a column.
fn heading(matrix: &Matrix, column: Partner) -> String {
    match column {
        Partner::At(place) => letter_of(matrix, place).to_string(),
        Partner::SameNetwork => "same".to_owned(),
    }
}

fn letter_of(matrix: &Matrix, place: Place) -> char {
    letter(matrix.rows.iter().position(|row| *row == place).unwrap_or_default())
}

/// The number of what stops the row's own dialling.
fn number(cell: &Cell, reasons: &[Reason]) -> Option<usize> {
    let reason = cell.with(Method::TcpOut)?.end.as_ref().err()?.reason;
    reasons.iter().position(|known| *known == reason).map(|place| place + 1)
}

// ---- the whole table ----

/// The table, its reasons and its places, eighty characters wide.
pub(crate) fn whole_matrix(matrix: &Matrix) -> String {
    let reasons = matrix.reasons();
    let mut text = format!("{BOLD}{TITLE}{BOLD:#}\n{READING}\n\n{:LABEL$}", "");
    for column in &matrix.columns {
        let _infallible = write!(text, " {DIM}{:<3}{DIM:#}", heading(matrix, *column));
    }
    text.push('\n');
    for (i, row) in matrix.rows.iter().enumerate() {
        let _infallible = write!(text, "{DIM}{}{DIM:#} {:<width$}", letter(i), row.name(), width = LABEL - 2);
        for cell in matrix.cells().iter().filter(|cell| cell.row == *row) {
            let arrow = Arrow::of(cell);
            let why = number(cell, &reasons).map_or(String::new(), |number| number.to_string());
            let ink = arrow.ink();
            let _infallible = write!(text, " {ink}{}{ink:#}{why:<2}", arrow.glyph());
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push('\n');
    for two in Arrow::ALL.chunks(2) {
        for arrow in two {
            let ink = arrow.ink();
            let _infallible = write!(text, "{ink}{}{ink:#} {:<27}", arrow.glyph(), arrow.meaning());
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push_str("same: a neighbour behind the same border, dialled by its outside address\n");
    let _infallible = writeln!(text, "\n{BOLD}The number says what stops the row's packet{BOLD:#}");
    for (number, reason) in (1..).zip(&reasons) {
        let _infallible = writeln!(text, "{number}  {BOLD}{}{BOLD:#} at {}", reason.rule.name(), reason.at.name());
        let _infallible = writeln!(text, "   {}", reason.rule);
        if let Some((cell, failure)) = example(matrix, *reason) {
            let (row, column) = (letter_of(matrix, cell.row), heading(matrix, cell.column));
            let _infallible = writeln!(text, "   {DIM}{row} to {column}: {}{DIM:#}", packet(failure));
        }
    }
    let _infallible = writeln!(text, "\n{BOLD}The places{BOLD:#}");
    for (i, place) in matrix.rows.iter().enumerate() {
        let _infallible = writeln!(text, "{DIM}{}{DIM:#} {:<18} {}", letter(i), place.name(), place.about());
    }
    for (question, answer) in NOTES {
        let _infallible = writeln!(text, "\n{BOLD}{question}{BOLD:#}\n{}", wrap(answer));
    }
    text.push_str("\n`swarmlab nat-matrix home cgnat` shows two places packet by packet.\n");
    text
}

/// Characters before the first column.
const LABEL: usize = 20;

/// The first cell whose row was stopped by this.
fn example(matrix: &Matrix, reason: Reason) -> Option<(&Cell, &Failure)> {
    matrix.cells().iter().find_map(|cell| {
        let failure = cell.with(Method::TcpOut)?.end.as_ref().err()?;
        (failure.reason == reason).then_some((cell, failure))
    })
}

/// `SYN 10.1.0.1:49153 → 198.18.0.2:6882, dropped`.
fn packet(failure: &Failure) -> String {
    let kind = match (failure.packet.protocol, failure.packet.stage) {
        (Protocol::Tcp, Stage::Open) => "SYN",
        (Protocol::Tcp, Stage::Data) => "answer",
        (Protocol::Tcp, Stage::End) => "reset",
        (Protocol::Udp, _) => "datagram",
    };
    let end = if failure.refused { "turned back with a reset" } else { "dropped" };
    format!("{kind} {} → {}, {end}", failure.packet.from, failure.packet.to)
}

fn wrap(text: &str) -> String {
    super::glass::wrap(text, 78).join("\n")
}

// ---- pairs ----

/// Each cell in full: who dialled, what became of its packets.
pub(crate) fn pairs_in_full(cells: &[&Cell]) -> String {
    let mut text = String::new();
    for (i, cell) in cells.iter().enumerate() {
        let arrow = Arrow::of(cell);
        let ink = arrow.ink();
        let gap = if i == 0 { "" } else { "\n" };
        let _infallible = writeln!(
            text,
            "{gap}{BOLD}{} {ink}{}{ink:#} {BOLD}{}{BOLD:#}  {DIM}{}{DIM:#}",
            cell.row.name(),
            arrow.glyph(),
            cell.column.name(),
            arrow.meaning()
        );
        for one in &cell.tries {
            for line in told(cell, one) {
                let _infallible = writeln!(text, "  {line}");
            }
        }
    }
    text
}

/// One try in lines.
fn told(cell: &Cell, one: &Try) -> Vec<String> {
    let [row, column] = match cell.column {
        Partner::At(place) if place == cell.row => {
            [format!("one {}", place.name()), format!("the other {}", place.name())]
        }
        Partner::At(place) => [cell.row.name().to_owned(), place.name().to_owned()],
        Partner::SameNetwork => ["the one".to_owned(), "its neighbour".to_owned()],
    };
    let [dialler, dialled] = match one.method {
        Method::TcpOut => [row, column],
        Method::TcpIn => [column, row],
    };
    let mut lines = vec![format!("{dialler} dials {dialled} at {}", one.told)];
    for incident in &one.incidents {
        if let What::Mapped { outside } = incident.what {
            lines.push(format!("  {} is seen as {outside} from here on", incident.packet.from));
        }
    }
    match &one.end {
        Ok(after) => lines.push(format!("  connected: handshakes exchanged after {} ms", after.as_millis())),
        Err(failure) => {
            let Reason { rule, at } = failure.reason;
            lines.push(format!("  {} at {}", packet(failure), at.name()));
            lines.push(format!("  {}: {rule}", rule.name()));
            lines.push(format!("  {dialler} sees: {}", failure.dialler_says));
        }
    }
    lines
}

/// How the NATs of a place map, filter, choose ports and hairpin: `–` where it has none, from inside to outside where
/// it has more than one.
fn axes(place: Place) -> [String; 4] {
    let dependence = |dependence| match dependence {
        Dependence::Independent => "endpoint-independent",
        Dependence::Address => "address-dependent",
        Dependence::AddressAndPort => "address- and port-dependent",
    };
    let ports = |choice| match choice {
        PortChoice::Preserve => "kept",
        PortChoice::Sequential => "in a row",
        PortChoice::Random => "by lot",
    };
    let nats = place.behaviours();
    let all = |of: &dyn Fn(&sim::Behaviour) -> &'static str| {
        let words: Vec<&str> = nats.iter().map(of).collect();
        if words.is_empty() { "–".to_owned() } else { words.join(", then ") }
    };
    [
        all(&|nat| dependence(nat.mapping)),
        all(&|nat| dependence(nat.filtering)),
        all(&|nat| ports(nat.ports)),
        all(&|nat| if nat.hairpin { "yes" } else { "no" }),
    ]
}

/// As text within HTML and SVG, also in an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
