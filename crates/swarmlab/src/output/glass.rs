//! Connections under glass: to the left what the wire showed, to the right what the two ends meant.
//!
//! ```text
//!     0  9f 31 6c 05 aa 71 0c 4e  .1l..q.N │ public key Ya  768 bits
//!     8  d2 40 18 b3 77 5f 0e …   .@..w_.… │   One half of a Diffie-Hellman exchange. …
//! ```
//! What anybody on the path could read stands out by its colour. Of messages of one kind only the first is
//! told in full, unless everything is asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use model::Time;
use report::inspect::{Connection, End, Turn};
use wire::explain::{Cover, Sight, Span};

use super::{Align, table};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const READABLE: Style = AnsiColor::Yellow.on_default();
const TURN: [Style; 2] = [AnsiColor::Cyan.on_default(), AnsiColor::Green.on_default()];

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The first of each kind in full, a line for those that follow.
    Lesson,
    Everything,
}

/// Columns that the terminal has and that a page needs: a line of more is hard to follow.
pub(crate) fn terminal_width() -> usize {
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.unwrap_or(WIDTH_MAX).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// A table of connections, for choosing one.
pub(crate) fn connection_list(connections: &[Connection<'_>]) -> String {
    let headings = [
        ("", Align::Right),
        ("began", Align::Right),
        ("connection", Align::Left),
        ("cipher", Align::Left),
        ("sent", Align::Right),
        ("received", Align::Right),
        ("recorded by", Align::Left),
    ];
    let row = |connection: &Connection<'_>| {
        vec![
            connection.number.to_string(),
            connection.began().map_or_else(String::new, seconds),
            format!("{} -> {}", connection.dialler, connection.dialled),
            cipher(connection).to_owned(),
            bytes(connection.crossed(End::Dialler)),
            bytes(connection.crossed(End::Dialled)),
            connection.recorded_by.join(", "),
        ]
    };
    table(&headings, &connections.iter().map(row).collect::<Vec<_>>())
}

/// The two views of one connection, `width` columns wide.
pub(crate) fn glass(connection: &Connection<'_>, width: usize, detail: Detail) -> String {
    let mut page = Page { connection, width, detail, told: BTreeSet::new(), text: String::new() };
    page.head();
    for turn in &connection.turns() {
        page.turn(turn);
    }
    page.foot();
    page.text
}

struct Page<'a> {
    connection: &'a Connection<'a>,
    width: usize,
    detail: Detail,
    /// Kinds told in full before, for each direction.
    told: BTreeSet<(End, String)>,
    text: String,
}

impl Page<'_> {
    fn head(&mut self) {
        let connection = self.connection;
        let (dialler, dialled) = (&connection.dialler, &connection.dialled);
        let cipher = cipher(connection);
        self.line(&format!("{BOLD}Connection {}: {dialler} -> {dialled}, {cipher}{BOLD:#}", connection.number));
        let began =
            connection.began().map_or_else(|| "nothing crossed".to_owned(), |at| format!("from {}", seconds(at)));
        let mut about = format!("{dialler} dialled; {began}; recorded by {}.", connection.recorded_by.join(" and "));
        if let Some(why) = connection.failed {
            let _infallible = write!(about, " The encrypted handshake came to nothing: {why}.");
        }
        match (connection.explained.sight, connection.key_of) {
            (Sight::Opened, Some(peer)) => {
                let _infallible = write!(about, " Opened with the key that {peer} logged.");
            }
            (Sight::Closed, Some(peer)) => {
                let _infallible = write!(about, " The key that {peer} logged does not open it.");
            }
            (Sight::Closed, None) => about.push_str(
                " No key was logged for it, so the right side stays closed, as it is to anybody on the path. Our own \
                 clients log keys in `swarmlab run` and with `swarmlab peer --keylog FILE`.",
            ),
            _ => {}
        }
        for line in wrap(&about, self.width) {
            self.line(&line);
        }
        self.line("");
        let meant = format!("What {dialler} and {dialled} meant");
        let right = if connection.explained.sight == Sight::Closed { "What can be said of it" } else { &meant };
        self.line(&format!("{:7}{BOLD}{:<35}{BOLD:#}{DIM}│{DIM:#} {BOLD}{right}{BOLD:#}", "", "What the wire showed"));
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        let (from, to) = match turn.from {
            End::Dialler => (End::Dialler, End::Dialled),
            End::Dialled => (End::Dialled, End::Dialler),
        };
        let style = TURN[usize::from(turn.from == End::Dialled)].bold();
        let title = format!("{}  {} -> {}", seconds(turn.time), self.connection.name(from), self.connection.name(to));
        let crossed = bytes(turn.length);
        let line = self.width.saturating_sub(title.chars().count() + crossed.chars().count() + 6);
        self.line(&format!("{style}─ {title} {}{style:#} {crossed} {style}─{style:#}", "─".repeat(line)));
        let mut spans = turn.spans.as_slice();
        while let Some((span, rest)) = spans.split_first() {
            self.top(turn.from, span);
            let like_it = rest.iter().take_while(|next| next.name == span.name).count();
            let hidden = if self.detail == Detail::Lesson && like_it > ALIKE_MAX { like_it - 1 } else { 0 };
            // The last one is shown: it may be the one that the record cuts off.
            if let Some(first) = rest.first().filter(|_| hidden > 0) {
                let length: usize = rest[..hidden].iter().map(|span| span.length).sum();
                let left =
                    Left { at: Some(first.at), text: format!("… {}", bytes(length as u64)), ..Left::default() };
                self.row(&left, &format!("{DIM}… {hidden} more of {}{DIM:#}", span.name));
            }
            spans = &rest[hidden..];
        }
    }

    fn top(&mut self, from: End, span: &Span) {
        let first = self.told.insert((from, span.name.to_string()));
        self.span(from, span, 0, first || self.detail == Detail::Everything);
    }

    fn span(&mut self, from: End, span: &Span, depth: usize, in_full: bool) {
        let opens = in_full && !span.parts.is_empty();
        let right = self.right(from, span, depth, in_full);
        let left = if opens {
            vec![Left { at: Some(span.at), text: bytes(span.length as u64), ..Left::default() }]
        } else {
            self.hex(from, span, if in_full { right.len().max(ROWS_MIN) } else { 1 })
        };
        for i in 0..left.len().max(right.len()) {
            let nothing = Left::default();
            self.row(left.get(i).unwrap_or(&nothing), right.get(i).map_or("", String::as_str));
        }
        if opens {
            for part in &span.parts {
                self.span(from, part, depth + 1, true);
            }
        }
    }

    /// Name, value, what it is for, and on demand the bytes behind the cipher.
    fn right(&self, from: End, span: &Span, depth: usize, in_full: bool) -> Vec<String> {
        let indent = " ".repeat(INDENT * depth);
        let room = self.width - LEFT - indent.len();
        let mut lines = Vec::new();
        let name: &str = &span.name;
        let mut value = wrap(&format!("{name}  {}", span.value), room);
        // The name is bold, wherever the line breaks.
        let first = value.remove(0);
        let (bold, plain) = first.split_at(first.len().min(name.len()));
        lines.push(format!("{indent}{BOLD}{bold}{BOLD:#}{plain}"));
        lines.extend(value.into_iter().map(|line| format!("{indent}{line}")));
        if in_full {
            let source = span.source.map(|source| format!(" ({source})")).unwrap_or_default();
            let note = if span.note.is_empty() { String::new() } else { format!("{}{source}", span.note) };
            let note = wrap(&note, room - INDENT).into_iter().filter(|line| !line.is_empty());
            lines.extend(note.map(|line| format!("{indent}{:INDENT$}{DIM}{line}{DIM:#}", "")));
        }
        if self.detail == Detail::Everything && span.cover == Cover::Rc4 && span.parts.is_empty() {
            let plain = &self.connection.stream(from).plain[span.at..span.end()];
            lines.extend(plain.chunks(PER_ROW).map(|row| format!("{indent}{READABLE}{}{READABLE:#}", pairs(row))));
        }
        lines
    }

    /// Rows of bytes as they were on the wire, `rows_max` of them unless everything is wanted.
    fn hex(&self, from: End, span: &Span, rows_max: usize) -> Vec<Left> {
        let wire = &self.connection.wire(from)[span.at..span.end()];
        let rows = wire.len().div_ceil(PER_ROW);
        let shown = if self.detail == Detail::Everything { rows } else { rows.min(rows_max) };
        let style = if span.cover == Cover::Plain { READABLE } else { DIM };
        let chunks = wire.chunks(PER_ROW).take(shown).enumerate();
        let row = |(i, chunk): (usize, &[u8])| {
            let cut = i + 1 == shown && shown < rows;
            let chunk = if cut { &chunk[..PER_ROW - 1] } else { chunk };
            let more = if cut { "…" } else { "" };
            let text = format!("{}{}{more}", pairs(chunk), if cut { " " } else { "" });
            Left { at: Some(span.at + PER_ROW * i), text, ascii: format!("{}{more}", printable(chunk)), style }
        };
        chunks.map(row).collect()
    }

    fn foot(&mut self) {
        let connection = self.connection;
        self.line("");
        let ends = [End::Dialler, End::Dialled];
        let recorded: usize = ends.iter().map(|&end| connection.wire(end).len()).sum();
        let spans = ends.iter().flat_map(|&end| connection.stream(end).spans.iter());
        let readable: usize = spans.map(readable).sum();
        let crossed: u64 = ends.iter().map(|&end| connection.crossed(end)).sum();
        let mut text = match readable {
            0 if recorded == 0 => "Nothing crossed.".to_owned(),
            n if n == recorded => format!("Anybody on the path could read all of these {}.", bytes(recorded as u64)),
            n => format!(
                "Anybody on the path could read {n} of these {}; of the rest only size and time.",
                bytes(recorded as u64)
            ),
        };
        let unrecorded = crossed.saturating_sub(recorded as u64);
        if unrecorded > 0 {
            let _infallible = write!(text, " At least {} more crossed and are not in the record.", bytes(unrecorded));
        }
        for line in wrap(&text, self.width) {
            self.line(&line);
        }
    }

    fn row(&mut self, left: &Left, right: &str) {
        let at = left.at.map(|at| at.to_string()).unwrap_or_default();
        let style = left.style;
        let line = format!(
            "{DIM}{at:>5}{DIM:#}  {style}{:<HEX$}  {:<PER_ROW$}{style:#} {DIM}│{DIM:#} {right}",
            left.text, left.ascii
        );
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// The left half of a row.
#[derive(Default)]
struct Left {
    at: Option<usize>,
    text: String,
    ascii: String,
    style: Style,
}

fn cipher(connection: &Connection<'_>) -> &'static str {
    match connection.cipher {
        Some(cipher) => cipher.name(),
        None if connection.failed.is_some() => "failed",
        None => "unknown",
    }
}

/// Bytes of it that crossed as they were meant.
fn readable(span: &Span) -> usize {
    if span.cover == Cover::Plain { span.length } else { 0 }
}

fn seconds(time: Time) -> String {
    format!("{:.3} s", time.as_micros() as f64 / 1e6)
}

fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

fn pairs(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn printable(bytes: &[u8]) -> String {
    let visible = |&byte: &u8| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '·' };
    bytes.iter().map(visible).collect()
}

/// Breaks at spaces, and inside words that are longer than a line. At least one line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if column > 0 && column + length > width {
            lines.push(String::new());
            column = 0;
        }
        for c in word.chars() {
            if column == width && c != ' ' {
                lines.push(String::new());
                column = 0;
            }
            if let Some(line) = lines.last_mut().filter(|_| column < width) {
                line.push(c);
                column += 1;
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

const WIDTH_MIN: usize = 80;
const WIDTH_MAX: usize = 100;

/// Bytes in a row.
const PER_ROW: usize = 8;

/// Columns of their hexadecimal digits.
const HEX: usize = 3 * PER_ROW - 1;

/// Columns to the left of what was meant.
const LEFT: usize = 5 + 2 + HEX + 2 + PER_ROW + 3;

const INDENT: usize = 2;

/// Rows of bytes shown of something long.
const ROWS_MIN: usize = 2;

/// Of more messages of one kind in a row only the first and the last are shown.
const ALIKE_MAX: usize = 3;
