//! What is wrong in a scenario file, shown as a compiler shows it: where, the line itself,
//! and what a right one looks like. Plain text: colours are the terminal's business.

use std::fmt;

/// One thing that is wrong, with the place where its author can put it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name as the caller gave it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How many characters from `column` on are meant; at least 1.
    pub width: usize,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line of the file, without its end. Empty when the file has no such line.
    pub excerpt: String,
}

/// Everything that is wrong in one file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// A place in the text: line and column from 1, width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

/// Faults found so far. Reading goes on after one, so that an author sees them all at once.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<(Spot, String, Option<String>)>,
}

impl Spot {
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };
}

impl Faults {
    pub(crate) fn add(&mut self, spot: Spot, message: impl Into<String>) {
        self.push(spot, message.into(), None);
    }

    pub(crate) fn add_with_help(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.push(spot, message.into(), Some(help.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// True when no more will be kept: looking for help is in vain.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() == FAULTS_MAX
    }

    pub(crate) fn into_diagnostics(mut self, file: &str, text: &str) -> Diagnostics {
        self.list.sort_by_key(|(spot, ..)| (spot.line, spot.column));
        let line_of = |line: usize| text.lines().nth(line - 1).unwrap_or_default();
        let diagnostic = |(spot, message, help): (Spot, String, Option<String>)| Diagnostic {
            file: file.to_owned(),
            line: spot.line,
            column: spot.column,
            width: spot.width,
            message,
            help,
            excerpt: line_of(spot.line).to_owned(),
        };
        Diagnostics(self.list.into_iter().map(diagnostic).collect())
    }

    fn push(&mut self, spot: Spot, message: String, help: Option<String>) {
        if self.list.len() < FAULTS_MAX {
            self.list.push((spot, message, help));
        }
    }
}

/// A file with more faults than this is of another kind.
const FAULTS_MAX: usize = 50;

/// How much of a line is shown.
const EXCERPT_CHARS: usize = 110;

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        if !self.excerpt.is_empty() {
            let (shown, before, width) = self.window();
            writeln!(f, "{margin} |")?;
            writeln!(f, "{number} | {shown}")?;
            writeln!(f, "{margin} | {}{}", " ".repeat(before), "^".repeat(width))?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "{margin} = help: {help}")?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// The part of the line around the place, what stands before the place in it, and how much
    /// of it to underline.
    fn window(&self) -> (String, usize, usize) {
        let chars: Vec<char> = self.excerpt.chars().map(printable).collect();
        let at = (self.column - 1).min(chars.len());
        let start = if chars.len() <= EXCERPT_CHARS { 0 } else { at.saturating_sub(EXCERPT_CHARS / 3) };
        let end = chars.len().min(start + EXCERPT_CHARS);
        let mut shown: String = chars[start..end].iter().collect();
        let mut before = at - start;
        if start > 0 {
            shown.insert(0, '…');
            before += 1;
        }
        if end < chars.len() {
            shown.push('…');
        }
        let width = self.width.clamp(1, (end - at).max(1));
        (shown.trim_end().to_owned(), before, width)
    }
}

/// One column each: a tab as a blank, what can't be seen as a dot.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '·',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_reads_like_a_compilers() {
        let mut faults = Faults::default();
        let spot = Spot { line: 2, column: 1, width: 7 };
        faults.add_with_help(spot, "unknown key `contnet`", "did you mean `content`?");
        let shown = faults.into_diagnostics("first.yaml", "scenario: 1\ncontnet: { size: 16 MiB }\n").to_string();
        let wanted = "\
error: unknown key `contnet`
 --> first.yaml:2:1
  |
2 | contnet: { size: 16 MiB }
  | ^^^^^^^
  = help: did you mean `content`?
";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_very_long_line_is_shown_in_part() {
        let text = format!("a: {}\tx", "y".repeat(5_000));
        let mut faults = Faults::default();
        faults.add(Spot { line: 1, column: 4_000, width: 3_000 }, "too much");
        let shown = faults.into_diagnostics("f", &text).to_string();
        assert!(shown.lines().all(|line| line.chars().count() < 130), "{shown}");
    }

    #[test]
    fn a_place_past_the_end_of_the_file_is_no_trouble() {
        let mut faults = Faults::default();
        faults.add(Spot { line: 9, column: 9, width: 9 }, "the file ends too early");
        assert_eq!(faults.into_diagnostics("f", "a").to_string(), "error: the file ends too early\n --> f:9:9\n");
    }
}
