//! `swarmlab isp`: what a provider takes the flows for.

use std::process::ExitCode;

use anyhow::bail;
use isp::Classifier;
use report::Run;
use report::isp::{Company, Inspection, Judged, Kind, inspection};
use serde_json::{Value, json};

use crate::cli;
use crate::output::{print, provider};

pub(crate) fn isp(args: &cli::Isp) -> anyhow::Result<ExitCode> {
    let inspection = inspection(&Run::open(&args.run)?);
    if inspection.flows.is_empty() {
        bail!(
            "{} has no wire record, so there is no flow to judge: `swarmlab run` makes one of our own clients' \
             connections",
            args.run.display()
        );
    }
    let text = if args.json {
        let flows = inspection.flows.iter().map(flow);
        flows.chain(Classifier::ALL.map(|one| rate(&inspection, one))).map(|line| format!("{line}\n")).collect()
    } else {
        provider(&super::observers::name(&args.run), &inspection, args.reasons)
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn flow(judged: &Judged) -> Value {
    let reasons = judged.score.reasons.iter().map(|reason| json!({ "points": reason.points, "what": reason.what }));
    json!({
        "connection": judged.number,
        "dialler": judged.dialler,
        "dialled": judged.dialled,
        "kind": judged.kind.name(),
        "signature": { "class": judged.verdict.class.name(), "rule": judged.verdict.rule },
        "shape": {
            "points": judged.score.points(),
            "suspects": judged.score.suspects(),
            "reasons": reasons.collect::<Vec<Value>>(),
        },
    })
}

fn rate(inspection: &Inspection, classifier: Classifier) -> Value {
    let mut value = json!({ "classifier": classifier.name() });
    for kind in Kind::ALL {
        let tally = inspection.of_kind(classifier, kind);
        value[kind.name()] = json!({ "caught": tally.caught, "missed": tally.missed });
    }
    for (name, company) in [("decoys", Company::Unknown), ("decoys with tracker", Company::WithTracker)] {
        let decoys = inspection.of_decoys(classifier, company);
        value[name] = json!({ "false_alarms": decoys.false_alarms, "passed": decoys.passed });
    }
    value
}
