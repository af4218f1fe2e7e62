//! From verdicts to lines: what a run's summary says before, without and after the play.

use std::collections::BTreeMap;

use events::Event;
use metainfo::Info;
use scenario::{ContentSource, Level, Member, Plan, Verdict};

use crate::content::Content;
use crate::log::Log;
use crate::play::Settings;
use crate::summary::{Billing, CheckLine, CheckResult, ContentLine, Outcome, Summary, peer_lines, seeders_share};

/// The members of the cast, as the table names them.
pub(crate) fn billings(plan: &Plan) -> Vec<Billing> {
    let billing = |member: &Member| Billing {
        name: member.name.clone(),
        role: member.role.name().to_owned(),
        client: member.client.name().to_owned(),
    };
    plan.cast.iter().map(billing).collect()
}

/// What the lab is about to do, for whoever waits for it.
pub(crate) fn preparation(plan: &Plan, found: Option<&Content>) -> String {
    match (found, &plan.content.source) {
        (Some(content), _) => format!("hashing {}", content.path.display()),
        (None, ContentSource::Tree { files, size }) => format!("making and hashing {files} files, {size} in all"),
        (None, ContentSource::Size(size)) => format!("making and hashing a file of {size}"),
        (None, ContentSource::Path(_) | ContentSource::Given) => "hashing the content".to_owned(),
    }
}

/// A summary with nothing in it yet.
pub(crate) fn blank(plan: &Plan, settings: &Settings, started_at: String) -> Summary {
    Summary {
        scenario: settings.scenario.clone(),
        title: plan.title.clone(),
        world: settings.world.name().to_owned(),
        seed: plan.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        seconds: 0.0,
        outcome: Outcome::Undecided,
        exit_code: Outcome::Undecided.exit_code(),
        checks: Vec::new(),
        ended_because: None,
        content: ContentLine::default(),
        peers: Vec::new(),
        seeders_share: None,
        events: 0,
        processes: Vec::new(),
        folder: None,
        kept: false,
    }
}

/// What was shared, and who got how much of it from whom. `gone` is who ended before the end, and why.
pub(crate) fn fill(summary: &mut Summary, plan: &Plan, info: &Info, log: &Log, gone: &BTreeMap<String, String>) {
    summary.content = content_line(info);
    summary.peers = peer_lines(&billings(plan), log.view(), log.received());
    for peer in &mut summary.peers {
        peer.gone = gone.get(&peer.name).cloned();
    }
    summary.seeders_share = seeders_share(&summary.peers);
}

fn content_line(info: &Info) -> ContentLine {
    ContentLine {
        name: info.name().to_owned(),
        bytes: info.total_length(),
        files: info.files().len(),
        pieces: info.piece_count(),
        info_hash: info.info_hash().to_string(),
    }
}

/// The summary of a plan that can't be played here: every check is undecided, and says why.
pub(crate) fn nothing_played(plan: &Plan, settings: &Settings, reasons: &[String], started_at: String) -> Summary {
    let line = |text: &String| CheckLine {
        result: CheckResult::Unsupported,
        text: text.clone(),
        evidence: Vec::new(),
        why: None,
        warning: false,
    };
    Summary {
        checks: reasons.iter().map(line).collect(),
        ended_because: Some("Nothing was played: this scenario can't be played here.".to_owned()),
        ..blank(plan, settings, started_at)
    }
}

/// A verdict as a line of the summary.
pub(crate) fn check_line(verdict: Verdict) -> CheckLine {
    CheckLine {
        result: match verdict.outcome {
            scenario::Outcome::Pass => CheckResult::Pass,
            scenario::Outcome::Fail => CheckResult::Fail,
            scenario::Outcome::Unknown => CheckResult::Unknown,
            scenario::Outcome::Unsupported => CheckResult::Unsupported,
        },
        text: verdict.text,
        why: verdict.why,
        evidence: verdict.evidence,
        warning: verdict.level == Level::Warn,
    }
}

/// The event that puts a verdict into the log.
pub(crate) fn verdict_event(check: u32, line: &CheckLine) -> Event {
    let (text, evidence) = (line.text.clone(), line.evidence.clone());
    match line.result {
        CheckResult::Pass => Event::CheckPassed { check, text, evidence },
        CheckResult::Fail => Event::CheckFailed { check, text, evidence },
        CheckResult::Unknown => Event::CheckUndecided { check, text, unsupported: false },
        CheckResult::Unsupported => Event::CheckUndecided { check, text, unsupported: true },
    }
}
