//! Reading commands, one JSON object a line ([`Control`]). Whoever gives them is trusted but may
//! be wrong: a line that makes no sense is answered with a note, and the next one is read.

use std::io::{BufRead, Read};

use events::Control;

/// The longest line that is looked at. A command holds a path or a magnet link.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// A line from the controller.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlLine {
    /// A command.
    Command(Control),
    /// What is wrong with it, in words for a person.
    Bad(String),
}

/// Reads the next line that is not blank; `None` when the input ended or failed, which both mean that
/// the controller is gone.
pub fn next_control_line(input: &mut impl BufRead) -> Option<ControlLine> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        if count == 0 {
            return None;
        }
        if count as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(input)?;
            return Some(ControlLine::Bad(format!("a command longer than {LINE_BYTES_MAX} bytes was passed over")));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            return Some(parse(text));
        }
    }
}

fn parse(text: &[u8]) -> ControlLine {
    match serde_json::from_slice(text) {
        Ok(command) => ControlLine::Command(command),
        Err(error) => {
            let shown: String = String::from_utf8_lossy(text).chars().take(SHOWN_MAX).collect();
            ControlLine::Bad(format!("not a command: {shown}: {error}"))
        }
    }
}

/// Characters of a wrong line that are repeated in the answer.
const SHOWN_MAX: usize = 200;

fn skip_line(input: &mut impl BufRead) -> Option<()> {
    loop {
        let (skipped, done) = {
            let bytes = input.fill_buf().ok()?;
            let end = bytes.iter().position(|&byte| byte == b'\n');
            (end.map_or(bytes.len(), |at| at + 1), end.is_some() || bytes.is_empty())
        };
        input.consume(skipped);
        if done {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_and_the_next_one_read() {
        let mut input: &[u8] = b"{\"do\":\"dance\"}\n\n  \nnonsense\n\xff\xfe\n{\"do\":\"leave\"}";
        let mut bad = || match next_control_line(&mut input) {
            Some(ControlLine::Bad(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(bad().contains("dance"));
        assert!(bad().contains("nonsense"));
        assert!(bad().starts_with("not a command"));
        assert_eq!(next_control_line(&mut input), Some(ControlLine::Command(Control::Leave)));
        assert_eq!(next_control_line(&mut input), None);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut endless = vec![b'x'; 5 * LINE_BYTES_MAX as usize];
        endless.extend_from_slice(b"\n{\"do\":\"leave\"}\n");
        let mut input = &endless[..];
        assert!(matches!(next_control_line(&mut input), Some(ControlLine::Bad(_))));
        assert_eq!(next_control_line(&mut input), Some(ControlLine::Command(Control::Leave)));
    }
}
