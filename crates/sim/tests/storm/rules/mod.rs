//! What must hold in every storm, each rule in a file of its own. A rule hears of [`crate::facts::Fact`]s as they
//! happen, and says how it was broken.

mod bounds;
mod provenance;
mod quiet;
mod slots;
mod trust;
mod verified;

use model::Time;

pub(crate) use bounds::NoLeak;
pub(crate) use provenance::NoByteFromNowhere;
pub(crate) use quiet::Quiet;
pub(crate) use slots::NoIdleSlot;
pub(crate) use trust::NoHonestBanned;
pub(crate) use verified::OnlyVerified;

use crate::facts::{Broken, Fact, Playbill, Rule};

/// All of them.
pub(crate) struct Rules {
    rules: Vec<Box<dyn Rule>>,
}

impl Rules {
    pub(crate) fn new(playbill: &Playbill) -> Self {
        Self {
            rules: vec![
                Box::new(NoByteFromNowhere::default()),
                Box::new(OnlyVerified::default()),
                Box::new(NoHonestBanned::new(playbill.clone())),
                Box::new(NoIdleSlot::new(playbill.clone())),
                Box::new(NoLeak::new(playbill)),
                Box::new(Quiet::new(playbill)),
            ],
        }
    }

    pub(crate) fn see(&mut self, now: Time, fact: &Fact<'_>) -> Result<(), Broken> {
        for rule in &mut self.rules {
            rule.see(now, fact).map_err(|what| Broken { rule: rule.name(), what })?;
        }
        Ok(())
    }
}
