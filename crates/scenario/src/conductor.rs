//! Which step of the script is due. Told what happens and what time it is, it answers; it
//! carries nothing out itself.

use std::time::Duration;

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
    /// Who does it one after the other, in the order of the cast; nobody where all do it at once.
    queue: Vec<String>,
    /// How many of the queue had their turn.
    gone: usize,
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
        Self { steps: plan.script.iter().map(|step| Cued::new(step, plan)).collect() }
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

    /// The steps whose time has come, in the order in which they came due. Each is given once; one that
    /// takes its time is given in parts, each with those of its members whose turn has come.
    pub fn due(&mut self, now: Time) -> Vec<Step> {
        let is_due = |cued: &&mut Cued| !cued.over && cued.next().is_some_and(|due| due <= now);
        let mut due: Vec<&mut Cued> = self.steps.iter_mut().filter(is_due).collect();
        due.sort_by_key(|cued| (cued.next(), cued.step.number));
        due.into_iter().map(|cued| cued.take(now)).collect()
    }

    /// When to ask again, if nothing happens before: the next step, or the next deadline.
    pub fn wake(&self) -> Option<Time> {
        let next = self.steps.iter().filter(|cued| !cued.over).map(|cued| match cued.next() {
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

    /// True when every step was due to its end, or overdue.
    pub fn is_finished(&self) -> bool {
        self.steps.iter().all(|cued| cued.over)
    }
}

impl Cued {
    fn new(step: &Step, plan: &Plan) -> Self {
        let (watch, due) = match &step.when {
            When::At(at) => (None, Some(Time::ZERO.after(*at))),
            When::After { cue, .. } => (Some(Watch::new(cue)), None),
        };
        let queue = match step.action.who().filter(|_| !step.over.is_zero()) {
            Some(who) => plan.members(who).iter().map(|member| member.name.clone()).collect(),
            None => Vec::new(),
        };
        Self { step: step.clone(), watch, due, queue, gone: 0, over: false }
    }

    /// When it is due, or the next of its queue.
    fn next(&self) -> Option<Time> {
        self.due.map(|due| due.after(self.turn(self.gone)))
    }

    /// How long after the first one has its turn: the last when `over` has passed.
    fn turn(&self, place: usize) -> Duration {
        match u32::try_from(self.queue.len()) {
            Ok(of @ 2..) => self.step.over * place as u32 / (of - 1),
            _ => Duration::ZERO,
        }
    }

    /// The step as far as it is due, for it is.
    fn take(&mut self, now: Time) -> Step {
        let before = self.gone;
        while self.gone < self.queue.len() && self.next().is_some_and(|due| due <= now) {
            self.gone += 1;
        }
        self.over = self.gone == self.queue.len();
        if self.queue.is_empty() { self.step.clone() } else { self.step.only(&self.queue[before..self.gone]) }
    }

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
