//! What came of all seeds together.

use crate::storm::{SeedLine, Seeds};
use crate::summary::{CheckResult, Outcome};

/// A storm that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Storm {
    /// What was asked for.
    pub seeds: Seeds,
    /// How many were played at a time.
    pub jobs: usize,
    /// What was played, in the order of the seeds.
    pub lines: Vec<SeedLine>,
    /// What the checks of the plan expect, in its order.
    pub checks: Vec<String>,
    /// Seconds that all of it took.
    pub seconds: f64,
}

/// A check that did not hold with every seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTally<'a> {
    /// Its place among the checks of the plan, from 1.
    pub check: usize,
    /// What it expects.
    pub text: &'a str,
    /// True when a failure of it is told, and no more.
    pub warning: bool,
    /// What was said of it with the first of its seeds.
    pub example: &'a str,
    /// Seeds with which it failed.
    pub failed: Vec<u64>,
    /// Seeds with which it stayed undecided.
    pub undecided: Vec<u64>,
}

/// How a quantity is spread over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    pub least: f64,
    /// The first seed that had it.
    pub least_seed: u64,
    /// Half of the seeds had no more. Of an even number the lower of the two in the middle.
    pub median: f64,
    pub most: f64,
    pub most_seed: u64,
    /// How many seeds fell into each of [`Spread::BINS`] equal parts between least and most.
    pub bins: [u64; Spread::BINS],
    /// How many seeds had the quantity at all.
    pub count: u64,
}

impl Storm {
    /// The worst of all seeds. Nothing played is [`Outcome::Stopped`], and so is less than was asked for unless
    /// something failed.
    pub fn outcome(&self) -> Outcome {
        let has = |outcome| self.count(outcome) > 0;
        let broken_off = (self.lines.len() as u64) < self.seeds.count();
        match () {
            () if has(Outcome::Broke) => Outcome::Broke,
            () if has(Outcome::Failed) => Outcome::Failed,
            () if broken_off => Outcome::Stopped,
            () if has(Outcome::Undecided) => Outcome::Undecided,
            () => Outcome::Passed,
        }
    }

    /// How many seeds ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.lines.iter().filter(|line| line.outcome == outcome).count() as u64
    }

    /// The checks that did not hold with every seed, in the order of the plan.
    pub fn checks_not_held(&self) -> Vec<CheckTally<'_>> {
        let tally = |(check, text)| {
            let of_it = || {
                let not_held = self.lines.iter().flat_map(|line| line.not_held.iter().map(|one| (line.seed, one)));
                not_held.filter(move |(_, one)| one.check == check)
            };
            let (_, first) = of_it().next()?;
            let seeds = |failed: bool| {
                let wanted = of_it().filter(|(_, one)| (one.line.result == CheckResult::Fail) == failed);
                wanted.map(|(seed, _)| seed).collect()
            };
            Some(CheckTally {
                check,
                text,
                warning: first.line.warning,
                example: &first.line.text,
                failed: seeds(true),
                undecided: seeds(false),
            })
        };
        (1..).zip(self.checks.iter().map(String::as_str)).filter_map(tally).collect()
    }

    /// How what `of` finds in a line is spread; `None` where it finds nothing.
    pub fn spread(&self, of: impl Fn(&SeedLine) -> Option<f64>) -> Option<Spread> {
        let mut values: Vec<(f64, u64)> =
            self.lines.iter().filter_map(|line| Some((of(line)?, line.seed))).filter(|(x, _)| x.is_finite()).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (&(least, least_seed), &(most, _)) = (values.first()?, values.last()?);
        let most_seed = values.iter().find(|(value, _)| *value == most)?.1;
        let mut bins = [0; Spread::BINS];
        for (value, _) in &values {
            let part = if most > least { (value - least) / (most - least) } else { 0.5 };
            bins[((part * Spread::BINS as f64) as usize).min(Spread::BINS - 1)] += 1;
        }
        let median = values[(values.len() - 1) / 2].0;
        Some(Spread { least, least_seed, median, most, most_seed, bins, count: values.len() as u64 })
    }
}

impl Spread {
    pub const BINS: usize = 12;
}
