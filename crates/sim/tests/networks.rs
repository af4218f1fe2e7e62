//! Networks of a plan, played: NATs by their axes, firewalls, boxes that inspect, portals, IPv6, and what befalls
//! disks and clocks. What stopped whom is an event that names the rule.

use scenario::{Outcome, Plan};
use swarmlab_sim::{Play, content};

#[test]
fn a_nat_by_its_axes_behaves_as_the_preset_with_these_axes() {
    let with = |nat: &str| {
        let net = format!("lan: {{}}, home: {{ nat: {nat} }}");
        log(&scenario(&net, "at: home,", "", "{ complete: all, within: 20 s }"))
    };
    let made = "{ mapping: endpoint-independent, filtering: address-and-port-dependent, ports: preserve }";
    assert_eq!(with("home"), with(made));
    assert_ne!(with("home"), with("symmetric"));
}

#[test]
fn a_call_that_nobody_asked_for_is_dropped_and_the_drop_names_who_called_whom() {
    // The other leecher is told of this one, and calls it.
    let text = scenario("home: { nat: home }, lan: {}", "at: home, ", "", "{ complete: all, within: 20 s }")
        .replace("cast: { ", "cast: { other: { at: lan, role: leech }, ");
    let log = log(&text);
    let dropped = find(&log, r#""ev":"packet-dropped""#);
    assert!(dropped.contains(r#""peer":"home""#), "{dropped}");
    assert!(dropped.contains(r#""to":"leecher""#) && dropped.contains(r#""packet":"open""#), "{dropped}");
    assert!(
        dropped.contains(r#""rule":"no-mapping","why":"nobody inside has sent from this outside port""#),
        "{dropped}"
    );
    assert!(!log.iter().any(|line| line.contains("198.18.0.1:") && line.contains(r#""remote":"198"#)), "{log:#?}");
}

#[test]
fn a_forwarded_port_opens_the_nat_and_the_firewall() {
    for (script, opened) in [("{ at: 0 s, do: forward-port, who: leecher },", true), ("", false)] {
        let net = "lan: {}, home: { nat: home, firewall: stateful }";
        let text = scenario(net, "at: home,", script, "{ complete: leecher, within: 20 s }")
            .replace("cast: { ", "cast: { other: { at: lan, role: leech }, ");
        let log = log(&text);
        let came_in = |line: &String| line.contains(r#""peer":"leecher","ev":"connected""#) && line.contains(r#""in""#);
        assert_eq!(log.iter().any(came_in), opened, "{log:#?}");
        assert_eq!(log.iter().any(|line| line.contains(r#""rule":"no-mapping""#)), !opened, "{log:#?}");
    }
}

#[test]
fn an_office_refuses_what_its_firewall_does_not_let_out() {
    let net = "office: { firewall: { ports: [6969], refuse: true } }, lan: {}";
    let text = scenario(net, "at: office,", "", "{ count: packet-refused, who: office, min: 1 }")
        .replace("cast: { ", "cast: { other: { at: lan, role: leech }, ");
    let log = log(&text);
    let refused = find(&log, r#""ev":"packet-refused""#);
    assert!(refused.contains(r#""from":"leecher""#) && refused.contains(r#""rule":"port-blocked""#), "{refused}");
    assert!(log.iter().any(|line| line.contains("dial-failed") && line.contains("connection refused")), "{log:#?}");
    find(&log, r#""rule":"unsolicited""#);
}

#[test]
fn ipv6_members_fetch_and_a_firewall_keeps_callers_out() {
    let net = "lan: { ip: 6 }, home: { ip: 6, firewall: stateful }";
    let text = scenario(net, "at: home,", "", "{ complete: all, within: 20 s }");
    let log = log(&text);
    assert!(find(&log, r#""ev":"started","#).contains("[fd00:"), "{log:#?}");
}

#[test]
fn a_home_in_a_providers_network_is_translated_twice() {
    let net = "lan: {}, carrier: { nat: cgnat }, home: { in: carrier, nat: home }";
    let text =
        scenario(net, "at: home,", "{ at: 0 s, do: forward-port, who: leecher },", "{ complete: all, within: 20 s }");
    let log = log(&text);
    let mapped = |net: &str| {
        log.iter().any(|line| {
            line.contains(&format!(r#""peer":"{net}","ev":"nat-mapped""#))
                && line.contains(r#""from":"leecher","to":"seed""#)
        })
    };
    assert!(mapped("home") && mapped("carrier"), "{log:#?}");
    find(&log, r#""peer":"home","ev":"port-forwarded","protocol":"tcp","inside":"leecher","outside":"100.6"#);
}

#[test]
fn a_provider_that_recognises_plaintext_drops_resets_or_slows_it_down() {
    let run = |does: &str, encryption: &str, check: &str| {
        let net = format!("lan: {{}}, dsl: {{ isp: {{ matches: plaintext-bittorrent, does: {does} }} }}");
        let text = scenario(&net, &format!("at: dsl, encryption: {encryption}, "), "", check);
        // Who knows of the other first, dials: here the leecher.
        log(&text.replace(
            "{ at: 0 s, do: join, who: all }",
            "{ at: 0 s, do: join, who: seed }, { at: 1 s, do: join, who: leecher }",
        ))
    };
    let resets = run("reset", "disabled", "{ reached: leecher, max: 0 % }");
    let inspected = find(&resets, r#""ev":"flow-inspected""#);
    assert!(inspected.contains(r#""peer":"dsl""#) && inspected.contains(r#""to":"seed""#), "{inspected}");
    assert!(inspected.contains(r#""class":"plaintext-bittorrent""#) && inspected.contains(r#""does":"reset""#));
    find(&resets, r#""ev":"packet-refused","protocol":"tcp","from":"leecher","to":"seed","packet":"data""#);
    assert!(
        resets.iter().any(|line| line.contains(r#""ev":"closed""#) && line.contains("connection reset")),
        "{resets:#?}"
    );

    let drops = run("drop", "disabled", "{ reached: leecher, max: 0 % }");
    find(&drops, r#""ev":"packet-dropped","protocol":"tcp","from":"leecher","to":"seed","packet":"data""#);
    find(&drops, r#""rule":"inspected""#);

    // 1 MiB at 100 kB/s: ten seconds and a half, where a line without limits takes none.
    let slow = run("throttle, to: 100 kB/s", "disabled", "{ complete: leecher, within: 25 s }");
    find(&slow, r#""does":"throttle","rate":100000"#);
    let finished = slow.iter().find(|line| line.contains(r#""peer":"leecher","ev":"complete""#)).expect("it finishes");
    let t: f64 = finished[5..].split(',').next().unwrap().parse().unwrap();
    assert!((10.0..14.0).contains(&t), "{finished}");

    let encrypted = run("drop", "required", "{ complete: leecher, within: 10 s }");
    assert!(!encrypted.iter().any(|line| line.contains("flow-inspected")), "{encrypted:#?}");
}

#[test]
fn who_has_not_signed_in_reaches_only_the_others_behind_the_portal() {
    let net = "lan: {}, cafe: { portal: true }";
    let text =
        scenario(net, "at: cafe,", "{ at: 5 s, do: sign-in, who: leecher },", "{ complete: leecher, within: 60 s }");
    let text = text.replace("tracker: {", "deadline: 90 s\ntracker: {");
    let log = log(&text);
    let dropped = find(&log, r#""rule":"captive-portal""#);
    assert!(dropped.contains(r#""peer":"cafe""#) && dropped.contains(r#""from":"leecher""#), "{dropped}");
    let connected = log.iter().find(|line| line.contains(r#""ev":"connected""#)).unwrap();
    assert!(!connected.starts_with(r#"{"t":0."#), "{connected}");
}

#[test]
fn disks_fail_as_they_are_told_to() {
    let run = |fault: &str, check: &str| {
        let script = format!("{{ at: 0 s, do: set-disk, who: leecher, disk: {fault} }},");
        log(&scenario("lan: {}", "", &script, check))
    };
    let full = run("full", "{ count: disk-failed, who: leecher, min: 1 }");
    assert!(find(&full, "disk-failed").contains("no space left"), "{full:#?}");
    let slow = run("slow", "{ complete: leecher, within: 9 s }");
    assert!(find(&slow, r#""peer":"leecher","ev":"complete""#).starts_with(r#"{"t":1."#), "1 MiB at 1 MB/s: {slow:#?}");
    run("corrupting", "{ complete: leecher, within: 9 s }");
    run("none", "{ complete: leecher, within: 9 s }");
}

#[test]
fn a_clock_that_jumps_ahead_makes_announces_due_and_the_log_keeps_the_worlds_time() {
    let script = "{ at: 2 s, do: skew-clock, who: seed, by: 1 h },";
    let log = log(&scenario("lan: { up: 100 kB/s }", "", script, "{ announce-count: seed, event: none, min: 1 }"));
    let times: Vec<f64> = log.iter().map(|line| line[5..].split(',').next().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{log:#?}");
    assert!(times.iter().all(|t| *t < 100.0), "{log:#?}");
}

/// The plan that has every key and step of networks, which the tests of the reader and its fuzzer read too.
#[test]
fn every_network_and_step_is_played_and_twice_the_same() {
    let plan = parse(include_str!("../../../fuzz/corpus/scenario/networks.yaml"));
    let log = played(&plan);
    assert_eq!(log, played(&plan));
    assert!(!log.iter().any(|line| line.contains("not played")), "{log:#?}");
    for kind in ["nat-mapped", "port-forwarded", "packet-dropped", "packet-refused", "flow-inspected"] {
        find(&log, &format!(r#""ev":"{kind}""#));
    }
    let steps = log.iter().filter(|line| line.contains(r#""ev":"step""#)).count();
    assert_eq!(steps, plan.script.len());
    let times: Vec<f64> = log.iter().map(|line| line[5..].split(',').next().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted());
}

#[test]
fn the_rules_that_checks_name_are_those_that_events_name() {
    assert_eq!(scenario::RULES, swarmlab_sim::Rule::ALL.map(swarmlab_sim::Rule::name));
}

/// A scenario with a seed and a leecher.
fn scenario(nets: &str, leecher: &str, script: &str, check: &str) -> String {
    format!(
        "
scenario: 1
title: Networks
worlds: [sim]
content: {{ size: 1 MiB, piece: 64 KiB }}
net: {{ {nets} }}
tracker: {{ interval: 5 s }}
cast: {{ seed: {{ role: seed }}, leecher: {{ {leecher} role: leech }} }}
script: [ {{ at: 0 s, do: join, who: all }}, {script} ]
check: [{check}, {{ complete: leecher, within: 25 s, level: warn }}]
"
    )
}

fn parse(text: &str) -> Plan {
    scenario::parse("networks.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The lines of the log of a run whose checks hold.
fn log(text: &str) -> Vec<String> {
    played(&parse(text))
}

fn played(plan: &Plan) -> Vec<String> {
    let (metainfo, bytes) = content::make(&plan.content, "lesson", plan.seed).unwrap();
    let mut play = Play::new(plan, metainfo, bytes).unwrap();
    let log: Vec<String> = play.by_ref().map(|record| record.to_string()).collect();
    for verdict in play.verdicts() {
        let fine = verdict.outcome == Outcome::Pass || verdict.level == scenario::Level::Warn;
        assert!(fine, "{}\n{}", verdict.text, log.join("\n"));
    }
    log
}

fn find<'a>(log: &'a [String], what: &str) -> &'a str {
    log.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in\n{}", log.join("\n")))
}
