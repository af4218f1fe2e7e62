//! Which step is due when.

use model::Time;
use swarmlab_scenario::{Conductor, Plan, Step, parse};

use crate::log::log;

#[test]
fn steps_at_a_time_are_due_at_that_time() {
    let mut conductor = Conductor::new(&plan("- { at: 2 s, do: note, text: b }\n  - { at: 1 s, do: note, text: a }"));
    assert_eq!(conductor.wake(), Some(Time::ZERO));
    assert_eq!(shown(&conductor.due(Time::ZERO)), ["step 1 (join: all), at 0 s"]);
    assert_eq!(conductor.wake(), Some(Time::from_secs(1)));
    let later = shown(&conductor.due(Time::from_secs(5)));
    assert_eq!(later, ["step 3 (note: a), at 1 s", "step 2 (note: b), at 2 s"]);
    assert!(conductor.is_finished());
    assert_eq!(conductor.wake(), None);
}

#[test]
fn a_role_has_done_it_when_all_of_it_have() {
    let mut conductor = started("- { after: sharer.complete, do: leave, who: seed }");
    tell(&mut conductor, "4 sharer-1 complete\n4.5 rider complete");
    assert!(conductor.due(Time::from_secs(5)).is_empty());
    tell(&mut conductor, "6 sharer-2 complete");
    assert_eq!(shown(&conductor.due(Time::from_secs(6))), ["step 2 (leave: seed), after sharer.complete"]);
    assert!(conductor.due(Time::from_secs(7)).is_empty(), "a step is due once");
}

#[test]
fn any_of_a_role_is_enough_when_asked_for() {
    let mut conductor = started("- { after: any sharer.first-piece, then: 2 s, do: leave, who: seed }");
    tell(&mut conductor, "4 sharer-2 verified 1/8 seed:100");
    assert!(conductor.due(Time::from_secs(5)).is_empty());
    assert_eq!(conductor.wake(), Some(Time::from_secs(6)));
    let due = shown(&conductor.due(Time::from_secs(6)));
    assert_eq!(due, ["step 2 (leave: seed), after any sharer.piece-verified and 2 s more"]);
}

#[test]
fn amounts_are_moments() {
    let steps = "- { after: rider reaches 50 %, do: kill, who: rider }\n  - { after: seed uploads 150 %, do: leave, who: seed }\n  - { after: any sharer.half, do: note, text: half }";
    let mut conductor = started(steps);
    tell(&mut conductor, "1 seed checked 8/8\n2 rider verified 3/8 seed:300\n2 sharer-1 progress 3/8");
    assert!(conductor.due(Time::from_secs(2)).is_empty());
    tell(&mut conductor, "3 rider progress 4/8\n4 sharer-1 verified 4/8 seed:800");
    assert_eq!(
        shown(&conductor.due(Time::from_secs(4))),
        ["step 2 (kill: rider), after rider reaches 50 %", "step 4 (note: half), after any sharer reaches 50 %",]
    );
    tell(&mut conductor, "5 seed progress 8/8 gave=1200");
    assert_eq!(shown(&conductor.due(Time::from_secs(5))), ["step 3 (leave: seed), after seed uploads 150 %"]);
}

#[test]
fn a_step_over_a_time_takes_one_after_the_other_in_the_order_of_the_cast() {
    let crowd = "{ role: leech, count: 11 }";
    let text = "scenario: 1
title: Crowd
content: { size: 1 MiB }
cast: { seed: { role: seed }, late: CROWD }
script:
  - { at: 0 s, do: join, who: seed }
  - { at: 2 s, do: join, who: late, over: 10 s }
check: [{ complete: all, within: 60 s }]
";
    let plan = parse("test.yaml", &text.replace("CROWD", crowd)).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let mut conductor = Conductor::new(&plan);
    conductor.due(Time::ZERO);
    let who = |steps: Vec<Step>| -> Vec<String> {
        steps.iter().flat_map(|step| step.action.who().unwrap().names().iter().cloned()).collect()
    };
    assert_eq!(conductor.wake(), Some(Time::from_secs(2)));
    assert_eq!(who(conductor.due(Time::from_secs(2))), ["late-1"]);
    assert_eq!(conductor.wake(), Some(Time::from_secs(3)));
    // Who asks late is given all whose turn has come, in one step.
    assert_eq!(who(conductor.due(Time::from_micros(4_900_000))), ["late-2", "late-3"]);
    assert!(conductor.due(Time::from_micros(4_900_000)).is_empty());
    assert_eq!(who(conductor.due(Time::from_micros(11_999_999))).len(), 7);
    assert!(!conductor.is_finished());
    let last = conductor.due(Time::from_secs(12));
    assert_eq!(shown(&last), ["step 2 (join: late), at 2 s, over 10 s"]);
    assert_eq!(who(last), ["late-11"]);
    assert!(conductor.is_finished());
}

#[test]
fn one_alone_takes_no_time_over_it() {
    let mut conductor = started("- { after: rider.half, do: kill, who: rider, over: 10 s }");
    tell(&mut conductor, "3 rider verified 4/8 seed:100");
    assert_eq!(
        shown(&conductor.due(Time::from_secs(3))),
        ["step 2 (kill: rider), after rider reaches 50 %, over 10 s"]
    );
    assert!(conductor.is_finished());
}

#[test]
fn a_kill_brings_about_a_restart() {
    let steps = "- { after: rider.half, do: kill, who: rider }\n  - { after: rider.killed, then: 1 s, do: restart, who: rider }";
    let mut conductor = started(steps);
    tell(&mut conductor, "3 rider verified 4/8 seed:100");
    assert_eq!(conductor.due(Time::from_secs(3)).len(), 1);
    tell(&mut conductor, "3.5 rider killed");
    assert_eq!(conductor.wake(), Some(Time::from_micros(4_500_000)));
    assert_eq!(conductor.due(Time::from_secs(5))[0].action.verb(), "restart");
}

#[test]
fn a_moment_that_does_not_come_is_told_with_whom_it_waits_for() {
    let mut conductor = started("- { after: sharer.complete, within: 9 s, do: leave, who: seed }");
    tell(&mut conductor, "4 sharer-1 complete");
    assert!(conductor.overdue(Time::from_secs(8)).is_empty());
    assert_eq!(conductor.pending().len(), 1);
    let overdue = conductor.overdue(Time::from_secs(9));
    assert_eq!(overdue[0].waiting_for, "sharer.complete within 9 s: not so far sharer-2");
    assert_eq!(overdue[0].step.number, 2);
    assert!(conductor.overdue(Time::from_secs(10)).is_empty(), "it is told once");
    assert!(conductor.is_finished());
}

#[test]
fn a_step_without_a_deadline_has_the_runs() {
    let plan = plan("- { after: sharer.complete, do: leave, who: seed }");
    assert_eq!(plan.script[1].within, plan.deadline);
}

fn started(steps: &str) -> Conductor {
    let mut conductor = Conductor::new(&plan(steps));
    conductor.due(Time::ZERO);
    conductor
}

fn tell(conductor: &mut Conductor, drawing: &str) {
    log(drawing).iter().for_each(|record| conductor.observe(record));
}

fn shown(steps: &[Step]) -> Vec<String> {
    steps.iter().map(Step::to_string).collect()
}

fn plan(steps: &str) -> Plan {
    let text = format!(
        "scenario: 1
title: Test
content: {{ size: 1 MiB }}
cast:
  seed: {{ role: seed }}
  sharer: {{ role: leech, count: 2 }}
  rider: {{ role: leech }}
script:
  - {{ at: 0 s, do: join, who: all }}
  {steps}
check:
  - {{ complete: all, within: 60 s }}
"
    );
    parse("test.yaml", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}
