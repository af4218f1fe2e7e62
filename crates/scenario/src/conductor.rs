//! Which step of the script is due. Told what happens and what time it is, it answers; it
//! carries nothing out itself.

use events::Record;
use model::{Time, Wake};

use crate::cue::Watch;
use crate::phrase;
use crate::plan::Plan;
use crate::selector::Quantifier;
use crate::step::{Step, When};
use crate::units::show_duration;

/// Follows one run through its script.
#[derive(Debug, Clone)]
pub struct Conductor {
    steps: Vec<Cued>,
}

/// A step that waits for its moment.
#[derive(Debug, Clone)]
struct Cued {
    step: Step,
    /// What it waits for, if not only for a time.
    watch: Option<Watch>,
    due: Option<Time>,
    over: bool,
}

/// A step whose moment did not come in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    pub step: Step,
    /// For a person: what did not happen, and who did not do it.
    pub waiting_for: String,
}

impl Conductor {
    pub fn new(plan: &Plan) -> Self {
        let cued = |step: &Step| match &step.when {
            When::At(at) => Cued { step: step.clone(), watch: None, due: Some(Time::ZERO.after(*at)), over: false },
            When::After { cue, .. } => {
                Cued { step: step.clone(), watch: Some(Watch::new(cue)), due: None, over: false }
            }
        };
        Self { steps: plan.script.iter().map(cued).collect() }
    }

    /// Tells what has happened.
    pub fn observe(&mut self, record: &Record) {
        for cued in &mut self.steps {
            if let Some(watch) = &mut cued.watch
                && let When::After { then, .. } = &cued.step.when
                && watch.observe(0, record)
            {
                cued.due = Some(record.time.after(*then));
            }
        }
    }

    /// The steps whose time has come, in the order in which they came due. Each is given once.
    pub fn due(&mut self, now: Time) -> Vec<Step> {
        let is_due = |cued: &&mut Cued| !cued.over && cued.due.is_some_and(|due| due <= now);
        let mut due: Vec<&mut Cued> = self.steps.iter_mut().filter(is_due).collect();
        due.sort_by_key(|cued| (cued.due, cued.step.number));
        due.into_iter()
            .map(|cued| {
                cued.over = true;
                cued.step.clone()
            })
            .collect()
    }

    /// When to ask again, if nothing happens before: the next step, or the next deadline.
    pub fn wake(&self) -> Option<Time> {
        let next = self.steps.iter().filter(|cued| !cued.over).map(|cued| match cued.due {
            Some(at) => Wake { at, why: "a step of the script" },
            None => Wake { at: Time::ZERO.after(cued.step.within), why: "a step's deadline" },
        });
        next.min_by_key(|wake| wake.at).map(|wake| wake.at)
    }

    /// The steps whose moment did not come before their deadline. Each is given once, and is not due any more.
    pub fn overdue(&mut self, now: Time) -> Vec<Overdue> {
        let late = |cued: &&mut Cued| !cued.over && cued.due.is_none() && Time::ZERO.after(cued.step.within) <= now;
        self.steps
            .iter_mut()
            .filter(late)
            .map(|cued| {
                cued.over = true;
                Overdue { step: cued.step.clone(), waiting_for: cued.waiting_for() }
            })
            .collect()
    }

    /// The steps that are still to come, with what each waits for.
    pub fn pending(&self) -> Vec<Overdue> {
        let pending = self.steps.iter().filter(|cued| !cued.over);
        pending.map(|cued| Overdue { step: cued.step.clone(), waiting_for: cued.waiting_for() }).collect()
    }

    /// True when every step was due, or overdue.
    pub fn is_finished(&self) -> bool {
        self.steps.iter().all(|cued| cued.over)
    }
}

impl Cued {
    fn waiting_for(&self) -> String {
        let Some(watch) = &self.watch else { return format!("{} to pass", self.step.when) };
        let (cue, within) = (watch.cue(), show_duration(self.step.within));
        let obvious = cue.who.is_one() || cue.quantifier == Quantifier::Any;
        match watch.missing().as_slice() {
            missing if obvious || missing.is_empty() => format!("{cue} within {within}"),
            missing => format!("{cue} within {within}: not so far {}", phrase::some(missing)),
        }
    }
}
