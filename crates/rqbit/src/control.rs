//! Commands in: a thread reads lines, because reading standard input can't be given up half-way.

use std::io::BufRead;

use events::Control;
use tokio::sync::mpsc;

/// A line of the input.
#[derive(Debug)]
pub(crate) enum Order {
    Do(Control),
    /// No command; what is wrong with it.
    Unreadable(String),
}

/// Reads until the input ends or nobody wants more. The channel closes at the end.
pub(crate) fn orders_from(input: impl BufRead + Send + 'static) -> mpsc::Receiver<Order> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        for line in input.lines() {
            let Ok(line) = line else { return };
            if line.trim().is_empty() {
                continue;
            }
            if sender.blocking_send(understand(&line)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn understand(line: &str) -> Order {
    match serde_json::from_str(line) {
        Ok(control) => Order::Do(control),
        Err(why) => Order::Unreadable(why.to_string()),
    }
}

const QUEUE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_command_does_not_end_the_reading() {
        let mut orders = orders_from(&b"{\"do\":\"dance\"}\n\n{\"do\":\"leave\"}\n"[..]);
        assert!(matches!(orders.blocking_recv(), Some(Order::Unreadable(why)) if why.contains("dance")));
        assert!(matches!(orders.blocking_recv(), Some(Order::Do(Control::Leave))));
        assert!(orders.blocking_recv().is_none());
    }
}
