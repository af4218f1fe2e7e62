//! Yes or no, where there is somebody to ask.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::work::Interrupts;

/// What somebody said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// Ctrl-C, or the input ended.
    Nothing,
}

/// There is a person at the keyboard.
pub(crate) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; Enter alone means `default`.
pub(crate) fn ask(question: &str, default: Answer, interrupts: &Interrupts) -> Answer {
    let before = interrupts.count();
    let choices = if default == Answer::Yes { "[Y/n]" } else { "[y/N]" };
    loop {
        anstream::eprint!("{question} {choices} ");
        let _shown = std::io::stderr().flush();
        let answers = next_line();
        let line = loop {
            match answers.recv_timeout(LOOK_EVERY) {
                Ok(line) => break line,
                Err(RecvTimeoutError::Timeout) if interrupts.count() == before => {}
                Err(_) => return Answer::Nothing,
            }
        };
        match understood(&line, default) {
            Some(answer) => return answer,
            None => anstream::eprintln!("please say yes or no"),
        }
    }
}

/// The next line of the input. Reading cannot be broken off, so a thread does it: one line and no more, for
/// what comes after it is the answer to another question.
fn next_line() -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // At the end of the input nothing is sent, which says so.
        if std::io::stdin().lock().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let _nobody_waits = sender.send(line);
        }
    });
    lines
}

fn understood(line: &str, default: Answer) -> Option<Answer> {
    match line.trim().to_lowercase().as_str() {
        "" => Some(default),
        "y" | "yes" => Some(Answer::Yes),
        "n" | "no" => Some(Answer::No),
        _ => None,
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_alone_is_what_stands_in_capitals_and_anything_else_is_asked_again() {
        assert_eq!(understood("", Answer::Yes), Some(Answer::Yes));
        assert_eq!(understood(" Y ", Answer::No), Some(Answer::Yes));
        assert_eq!(understood("no", Answer::Yes), Some(Answer::No));
        assert_eq!(understood("maybe", Answer::Yes), None);
    }
}
