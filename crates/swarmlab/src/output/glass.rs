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
use model::{ByteCount, Time};
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

/// A table of connections, for choosing one, with how many bytes of each direction are recorded.
pub(crate) fn connection_list(connections: &[Connection<'_>]) -> String {
    let headings = [
        ("", Align::Right),
        ("began", Align::Right),
        ("connection", Align::Left),
        ("cipher", Align::Left),
        ("-> bytes", Align::Right),
        ("<- bytes", Align::Right),
        ("recorded by", Align::Left),
    ];
    let row = |connection: &Connection<'_>| {
        vec![
            connection.number.to_string(),
            seconds(connection.record.began()),
            format!("{} -> {}", connection.dialler, connection.dialled),
            cipher(connection).to_owned(),
            connection.wire(End::Dialler).len().to_string(),
            connection.wire(End::Dialled).len().to_string(),
            connection.recorded_by.join(", "),
        ]
    };
    table(&headings, &connections.iter().map(row).collect::<Vec<_>>())
}

/// The two views of one connection, `width` columns wide.
pub(crate) fn glass(connection: &Connection<'_>, width: usize, detail: Detail) -> String {
    let mut page =
        Page { connection, width, detail, told: BTreeSet::new(), noted: BTreeSet::new(), text: String::new() };
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
    /// What notes were written before: to read one twice teaches nobody.
    noted: BTreeSet<String>,
    text: String,
}

impl Page<'_> {
    fn head(&mut self) {
        let connection = self.connection;
        let (dialler, dialled) = (&connection.dialler, &connection.dialled);
        let cipher = cipher(connection);
        self.line(&format!("{BOLD}Connection {}: {dialler} -> {dialled}, {cipher}{BOLD:#}", connection.number));
        let (began, by) = (seconds(connection.record.began()), connection.recorded_by.join(" and "));
        let mut about = format!("{dialler} dialled; the first byte crossed at {began}; recorded by {by}.");
        if let Some(why) = connection.failed {
            let _infallible = write!(about, " No encrypted connection came of it: {why}.");
        }
        match (connection.explained.sight, connection.key_of) {
            (Sight::Opened, Some(peer)) => {
                let _infallible = write!(about, " Opened with the key that {peer} logged.");
            }
            (Sight::Closed, Some(peer)) => {
                let _infallible = write!(about, " The key that {peer} logged does not open it.");
            }
            // Nobody logs a key of a handshake that was not completed.
            (Sight::Closed, None) if connection.failed.is_some() => about.push_str(" So there is no key either."),
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
        self.line(&format!("{:7}{BOLD}{:<34}{BOLD:#}{DIM}│{DIM:#} {BOLD}{right}{BOLD:#}", "", "What the wire showed"));
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
        // Of messages that have no field, one tells all.
        let kind =
            if span.parts.len() == BARE { (End::Dialler, "bare".to_owned()) } else { (from, span.name.to_string()) };
        let first = self.told.insert(kind);
        self.span(from, span, 0, first || self.detail == Detail::Everything);
    }

    fn span(&mut self, from: End, span: &Span, depth: usize, in_full: bool) {
        let opens = in_full && !span.parts.is_empty();
        let right = self.right(from, span, depth);
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
    fn right(&mut self, from: End, span: &Span, depth: usize) -> Vec<String> {
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
        if self.noted.insert(span.note.to_string()) || self.detail == Detail::Everything {
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

    /// What all of this was worth to an onlooker.
    fn foot(&mut self) {
        let connection = self.connection;
        let ends = [End::Dialler, End::Dialled];
        let recorded: usize = ends.iter().map(|&end| connection.wire(end).len()).sum();
        let spans = ends.iter().flat_map(|&end| connection.stream(end).spans.iter());
        let readable: usize = spans.filter(|span| span.cover == Cover::Plain).map(|span| span.length).sum();
        let all = bytes(recorded as u64);
        let mut text = match readable {
            _ if recorded == 0 => "Nothing crossed.".to_owned(),
            0 => format!("Anybody on the path could read none of these {all}, only their number and their time."),
            n if n == recorded => format!("Anybody on the path could read all of these {all}."),
            n => format!("Anybody on the path could read {n} of these {all}, and of the rest its size and time."),
        };
        let crossed: u64 = ends.iter().map(|&end| connection.crossed(end)).sum();
        let unrecorded = crossed.saturating_sub(recorded as u64);
        if unrecorded > 0 {
            let more = ByteCount(unrecorded);
            let _infallible = write!(text, " At least {more} more crossed and are not in the record.");
        }
        let style = if readable > 0 { READABLE } else { BOLD };
        self.line("");
        for line in wrap(&text, self.width) {
            self.line(&format!("{style}{line}{style:#}"));
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
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
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

/// Parts of a message without fields: length and number.
const BARE: usize = 2;

/// Of more messages of one kind in a row only the first and the last are shown.
const ALIKE_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use node::Policy;
    use report::Run;
    use report::inspect::connections;
    use testkit::record_run;

    use super::*;

    #[test]
    fn an_encrypted_connection_shows_noise_to_the_left_and_sense_to_the_right() {
        let page = page(&run(Policy::Required), 100, Detail::Lesson);
        let beginning = [
            "Connection 1: alice -> bob, rc4",
            "alice dialled; the first byte crossed at 0.010 s; recorded by alice and bob. Opened with the key",
            "that alice logged.",
            "",
            "       What the wire showed              │ What alice and bob meant",
        ];
        assert_eq!(page.lines().take(5).collect::<Vec<_>>(), beginning);
        let (left, right): (Vec<&str>, Vec<&str>) = page.lines().filter_map(|line| line.split_once(" │ ")).unzip();
        let told = ["public key Ya  768 bits", "crypto_provide  rc4, plaintext (0x03)", "crypto_select  rc4 (0x02)"];
        let said = ["  handshake  Swarmlab 0.1.0.0", "    protocol  19, \"BitTorrent protocol\"", "have-all"];
        for line in told.iter().chain(&said) {
            assert!(right.contains(line), "{line:?} is missing in\n{page}");
        }
        assert!(!left.iter().any(|line| line.contains("13 42 69 74")), "{page}");
        assert!(page.contains("\nAnybody on the path could read none of these "), "{page}");
    }

    #[test]
    fn a_plain_connection_shows_the_same_on_both_sides() {
        let page = page(&run(Policy::Disabled), 100, Detail::Lesson);
        let protocol = "    0  13 42 69 74 54 6f 72 72  ·BitTorr │   protocol  19, \"BitTorrent protocol\"\n";
        assert_eq!(page.matches(protocol).count(), 2, "{page}");
        assert!(page.contains("\nAnybody on the path could read all of these "), "{page}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for policy in [Policy::Required, Policy::Disabled] {
            let run = run(policy);
            for width in [WIDTH_MIN, 91, WIDTH_MAX] {
                for detail in [Detail::Lesson, Detail::Everything] {
                    let page = page(&run, width, detail);
                    let widest = page.lines().max_by_key(|line| line.chars().count()).unwrap();
                    assert_eq!(widest.chars().count(), width, "{widest:?}");
                    assert!(page.lines().all(|line| line.trim_end() == line));
                }
            }
        }
    }

    #[test]
    fn everything_means_every_byte_and_its_plain_text_beside_it() {
        let run = run(Policy::Required);
        let connections = connections(&run);
        let page = glass(&connections[0], 100, Detail::Everything);
        let page = anstream::adapter::strip_str(&page).to_string();
        for end in [End::Dialler, End::Dialled] {
            for span in &connections[0].stream(end).spans {
                let first = &connections[0].wire(end)[span.at..span.end().min(span.at + 8)];
                assert!(!span.parts.is_empty() || page.contains(&pairs(first)), "{span:?}");
            }
        }
        assert!(!page.contains('…'), "something was left out");
        assert!(
            page.contains("│     13 42 69 74 54 6f 72 72\n"),
            "the plain text of the handshake is missing in\n{page}"
        );
    }

    #[test]
    fn a_crowd_of_requests_is_two_lines_and_a_number() {
        let page = page(&run(Policy::Disabled), 100, Detail::Lesson);
        let crowd = page.lines().find(|line| line.contains("more of request")).unwrap_or_else(|| panic!("{page}"));
        assert!(crowd.contains(" bytes "), "{crowd}");
        let notes = page.matches("How many bytes follow. All numbers are big-endian.").count();
        assert_eq!(notes, 1, "a note is told once\n{page}");
    }

    #[test]
    fn without_a_key_the_page_says_why_it_stays_closed() {
        let mut run = run(Policy::Required);
        run.wire.values_mut().flat_map(|records| records.values_mut()).for_each(|record| record.key = None);
        let page = page(&run, 100, Detail::Lesson);
        assert!(page.contains("No key was logged for") && page.contains("│ What can be said of it\n"), "{page}");
        assert!(page.contains("│ noise  ") && page.contains("│ a public key?  96 bytes that could be one\n"), "{page}");
    }

    #[test]
    fn a_handshake_that_failed_says_why_and_asks_for_no_key() {
        let folder = tempfile::tempdir().unwrap();
        record_run(folder.path(), Policy::Preferred, Policy::Disabled).unwrap();
        let page = page(&Run::open(folder.path()).unwrap(), 100, Detail::Lesson);
        assert!(page.starts_with("Connection 1: alice -> bob, failed\n"), "{page}");
        let told = page.replace('\n', " "); // wherever a line breaks
        assert!(told.contains("No encrypted connection came of it: ") && told.contains("So there is no key"), "{page}");
        assert!(!page.contains("--keylog"), "{page}");
    }

    #[test]
    fn the_list_names_both_ends_and_what_they_agreed_on() {
        let run = run(Policy::Required);
        let connections = connections(&run);
        let sizes = [End::Dialler, End::Dialled].map(|end| connections[0].wire(end).len());
        let wanted = format!(
            "     began  connection    cipher  -> bytes  <- bytes  recorded by\n\
             1  0.010 s  alice -> bob  rc4     {:>8}  {:>8}  alice, bob\n",
            sizes[0], sizes[1]
        );
        let text = connection_list(&connections);
        assert_eq!(text, wanted);
    }

    #[test]
    fn text_breaks_at_spaces_and_only_if_it_must_in_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a  b", 9), ["a  b"]);
        assert_eq!(wrap("", 9), [""]);
    }

    fn page(run: &Run, width: usize, detail: Detail) -> String {
        let connections = connections(run);
        anstream::adapter::strip_str(&glass(&connections[0], width, detail)).to_string()
    }

    /// Alice and Bob, both with this policy.
    fn run(policy: Policy) -> Run {
        let folder = tempfile::tempdir().unwrap();
        record_run(folder.path(), policy, policy).unwrap();
        Run::open(folder.path()).unwrap()
    }
}
