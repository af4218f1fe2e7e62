//! For programs: every event as a JSON line on standard output.

use std::io::Write;

use events::{Record, SwarmView};
use lab::Audience;
use lab::summary::Billing;
use model::Time;

/// Writes events as they come. The summary follows as the last line.
#[derive(Debug)]
pub(crate) struct Json;

impl Audience for Json {
    fn remark(&mut self, _: &str) {}

    fn cast(&mut self, _: &[Billing]) {}

    fn event(&mut self, record: &Record, _: &SwarmView) {
        // A reader that went away does not end the run: its checks and its folder still count.
        let _gone = writeln!(std::io::stdout(), "{record}");
    }

    fn tick(&mut self, _: Time, _: &SwarmView) {}
}
