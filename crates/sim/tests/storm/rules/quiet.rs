//! The world does not spin: so much happens in a second and no more, and once all have left nothing does.

use model::Time;

use crate::facts::{Fact, Lie, Playbill, Rule};

/// Happenings in one second of virtual time, a few times what the busiest storm needs: links of ten
/// megabits and a dozen connections.
const PER_SECOND_MAX: u64 = 20_000;

#[derive(Debug)]
pub(crate) struct Quiet {
    times: u64,
}

impl Quiet {
    pub(crate) fn new(playbill: &Playbill) -> Self {
        Self { times: if let Lie::Busier(times) = playbill.lie { times } else { 1 } }
    }
}

impl Rule for Quiet {
    fn name(&self) -> &'static str {
        "the world does not spin, and gets quiet"
    }

    fn see(&mut self, _: Time, fact: &Fact<'_>) -> Result<(), String> {
        match *fact {
            Fact::Second { happened } if happened * self.times > PER_SECOND_MAX => {
                Err(format!("{happened} things in a second"))
            }
            Fact::Quiet { connections, waits } if connections > 0 || waits => {
                Err(format!("all have left: {connections} connections, and something to come: {waits}"))
            }
            _ => Ok(()),
        }
    }
}
