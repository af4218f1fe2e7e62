//! Who watches a run: a terminal, a pipe, a program, nobody.

use events::{Record, SwarmView};
use model::Time;

use crate::summary::Billing;

/// Is told of a run while it happens. No method may take long: the run waits for it.
pub trait Audience {
    /// The lab says what it is at when no event does: making content, stopping.
    fn remark(&mut self, what: &str);

    /// Who will play, in order; the tracker is not among them.
    fn cast(&mut self, cast: &[Billing]);

    /// Something happened. `view` has it already.
    fn event(&mut self, record: &Record, view: &SwarmView);

    /// Comes about ten times a second, whether or not anything happens.
    fn tick(&mut self, now: Time, view: &SwarmView);
}

/// Nobody watches.
impl Audience for () {
    fn remark(&mut self, _: &str) {}
    fn cast(&mut self, _: &[Billing]) {}
    fn event(&mut self, _: &Record, _: &SwarmView) {}
    fn tick(&mut self, _: Time, _: &SwarmView) {}
}
