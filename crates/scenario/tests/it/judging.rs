//! Every kind of check has a run that satisfies it, one that must trip it, and one that leaves it open.

use events::Event;
use swarmlab_scenario::{CHECK_KINDS, Facts, Judge, Level, Outcome, Plan, Verdict, parse};

use crate::log::log;

/// A check with three runs.
struct Case {
    check: &'static str,
    pass: (&'static str, &'static str),
    fail: (&'static str, &'static str),
    unknown: (&'static str, &'static str),
}

const CASES: &[Case] = &[
    Case {
        check: "{ complete: sharer, within: 10 s }",
        pass: (
            "4 sharer-1 complete
             8 sharer-2 complete",
            "as expected: sharer has everything within 10 s (the last was sharer-2, after 8.0 s)",
        ),
        fail: (
            "4 sharer-1 complete
             9 sharer-2 verified 6/8 seed:100
             11 seed note",
            "expected: sharer has everything within 10 s (sharer-2 had 75 %)",
        ),
        unknown: (
            "4 sharer-1 complete
             5 sharer-2 verified 6/8 seed:100",
            "can't tell whether sharer has everything within 10 s: the run ended after 5.0 s, before the 10 s were over",
        ),
    },
    Case {
        check: "{ hash-ok: all, pass: \"it is the same.\", fail: \"it is not the same\" }",
        pass: ("4 sharer-1 complete\n5 sharer-2 complete\n6 rider complete", "it is the same"),
        fail: ("4 sharer-1 complete\n5 sharer-2 complete\n6 spoilt complete", "it is not the same (not so with rider)"),
        unknown: (
            "4 sharer-1 complete",
            "can't tell whether what everybody has is the original, byte for byte: the content of rider, sharer-1 and sharer-2 was not compared",
        ),
    },
    Case {
        check: "{ delivered: rider }",
        pass: ("4 rider unpacked", "as expected: rider has opened it, and has the original"),
        fail: (
            "4 spoilt unpacked\n4 rider unpacked",
            "expected: rider has opened it, and has the original (rider lacks a.txt)",
        ),
        unknown: (
            "4 rider complete\n5 nobody unpacked\n6 rider unpacked unseen",
            "can't tell whether rider has opened it, and has the original: what rider unpacked was not compared",
        ),
    },
    Case {
        check: "{ sealed: rider, pass: \"shut\", fail: \"open\" }",
        pass: ("4 rider complete", "shut"),
        fail: ("4 rider complete\n5 spoilt complete", "open (rider read the name a.txt)"),
        unknown: (
            "4 rider verified 6/8 seed:100",
            "can't tell whether rider has all of it and can read neither names nor content: rider never had all of it to look at",
        ),
    },
    Case {
        check: "{ order: [sharer.complete, rider.complete] }",
        pass: (
            "4 sharer-1 complete\n5 sharer-2 complete\n6 rider complete",
            "as expected: first sharer.complete, then rider.complete (sharer.complete after 5.0 s, rider.complete after 6.0 s)",
        ),
        fail: (
            "4 sharer-1 complete\n5 rider complete\n6 sharer-2 complete",
            "expected: first sharer.complete, then rider.complete (rider.complete after 5.0 s, sharer.complete after 6.0 s)",
        ),
        unknown: (
            "4 sharer-1 complete\n5 sharer-2 complete",
            "can't tell whether first sharer.complete, then rider.complete: rider.complete never came",
        ),
    },
    Case {
        check: "{ never: unchoked, who: seed, remote: rider, after: any sharer.first-piece, until: rider.complete }",
        pass: (
            "0 seed unchoked rider
             1 sharer-2 verified 1/8 seed:100
             2 seed unchoked sharer-1
             3 rider complete
             4 seed unchoked rider",
            "as expected: no `unchoked` from seed about rider after any sharer.piece-verified before rider.complete",
        ),
        fail: (
            "1 sharer-2 verified 1/8 seed:100
             2 seed unchoked rider
             3 seed choked rider
             4 seed unchoked rider",
            "expected: no `unchoked` from seed about rider after any sharer.piece-verified before rider.complete (twice, first from seed after 2.0 s)",
        ),
        unknown: (
            "1 sharer-2 verified 1/8 seed:100
             2 seed unchoked sharer-1",
            "can't tell whether no `unchoked` from seed about rider after any sharer.piece-verified before rider.complete: rider.complete never came",
        ),
    },
    Case {
        check: "{ never: complete, who: rider, until: 16 s }",
        pass: ("1 rider joined\n17 rider complete", "as expected: no `complete` from rider in the first 16 s"),
        fail: (
            "1 rider joined\n15 rider complete",
            "expected: no `complete` from rider in the first 16 s (once, first from rider after 15.0 s)",
        ),
        unknown: (
            "1 rider joined\n15 sharer-1 complete",
            "can't tell whether no `complete` from rider in the first 16 s: the run ended before 16 s",
        ),
    },
    Case {
        check: "{ never: piece-failed, who: sharer }",
        pass: ("1 sharer-1 joined\n1 sharer-2 joined", "as expected: no `piece-failed` from sharer"),
        fail: (
            "1 sharer-1 joined\n2 sharer-2 failed rider",
            "expected: no `piece-failed` from sharer (once, first from sharer-2 after 2.0 s)",
        ),
        unknown: (
            "1 sharer-1 joined",
            "can't tell whether no `piece-failed` from sharer: nothing was heard from sharer-2",
        ),
    },
    Case {
        check: "{ always: up, who: seed, max: 1 MB/s }",
        pass: (
            "1 seed progress 8/8 up=900000\n2 seed progress 8/8 up=1000000",
            "as expected: the up rate of seed is always at most 1 MB/s (from 900 kB/s to 1.0 MB/s)",
        ),
        fail: (
            "1 seed progress 8/8 up=900000\n2 seed progress 8/8 up=1300000",
            "expected: the up rate of seed is always at most 1 MB/s (seed reported 1.3 MB/s after 2.0 s)",
        ),
        unknown: (
            "1 seed joined\n2 sharer-1 progress 1/8 up=1300000",
            "can't tell whether the up rate of seed is always at most 1 MB/s: seed reported no progress",
        ),
    },
    Case {
        check: "{ count: piece-failed, who: sharer, min: 1, max: 2 }",
        pass: (
            "1 sharer-1 joined\n2 sharer-2 failed rider",
            "as expected: between 1 and 2 of `piece-failed` from sharer (once, first from sharer-2 after 2.0 s)",
        ),
        fail: (
            "1 sharer-1 joined\n1 sharer-2 joined",
            "expected: between 1 and 2 of `piece-failed` from sharer (not once)",
        ),
        unknown: (
            "1 sharer-1 joined",
            "can't tell whether between 1 and 2 of `piece-failed` from sharer: nothing was heard from sharer-2",
        ),
    },
    Case {
        check: "{ never: connected, who: sharer-1, remote: seed, direction: in }",
        pass: (
            "1 sharer-1 connected seed out\n2 sharer-1 connected rider in",
            "as expected: no `connected` from sharer-1 about seed (in)",
        ),
        fail: (
            "1 sharer-1 connected seed out\n2 sharer-1 connected seed in",
            "expected: no `connected` from sharer-1 about seed (in) (once, first from sharer-1 after 2.0 s)",
        ),
        unknown: (
            "1 seed connected sharer-1 in",
            "can't tell whether no `connected` from sharer-1 about seed (in): nothing was heard from sharer-1",
        ),
    },
    Case {
        check: "{ count: packet-dropped, who: lan, remote: rider, rule: no-mapping, min: 1 }",
        pass: (
            "1 lan dropped seed rider no-mapping",
            "as expected: at least 1 of `packet-dropped` from lan about rider by rule no-mapping (once, first from lan after 1.0 s)",
        ),
        fail: (
            "1 lan dropped seed rider lost\n2 lan dropped seed sharer-1 no-mapping\n3 home dropped seed rider no-mapping",
            "expected: at least 1 of `packet-dropped` from lan about rider by rule no-mapping (not once)",
        ),
        unknown: (
            "",
            "can't tell whether at least 1 of `packet-dropped` from lan about rider by rule no-mapping: nothing was heard from lan",
        ),
    },
    Case {
        check: "{ pieces-from: seed, who: sharer, max: 60 % }",
        pass: (
            "1 sharer-1 verified 1/8 seed:50 sharer-2:50\n2 rider verified 1/8 seed:100",
            "as expected: at most 60 % of what sharer received came from seed (50 % of 100 B)",
        ),
        fail: (
            "1 sharer-1 verified 1/8 seed:50 sharer-2:50\n2 sharer-2 verified 1/8 seed:100",
            "expected: at most 60 % of what sharer received came from seed (75 % of 200 B)",
        ),
        unknown: (
            "2 rider verified 1/8 seed:100",
            "can't tell whether at most 60 % of what sharer received came from seed: sharer received no piece",
        ),
    },
    Case {
        check: "{ ratio: [seed, rider], max: 150 % }",
        pass: (
            "1 seed checked 8/8\n2 seed progress 8/8 gave=1200\n3 rider complete got=800 gave=0",
            "as expected: seed and rider gave at most 150 % of what it got (rider 0 % and seed 150 %)",
        ),
        fail: (
            "1 seed checked 8/8\n2 seed progress 8/8 gave=1300\n3 rider complete got=800 gave=0",
            "expected: seed and rider gave at most 150 % of what it got (seed 162.5 %)",
        ),
        unknown: (
            "1 seed checked 8/8\n3 rider complete got=800 gave=0",
            "can't tell whether seed and rider gave at most 150 % of what it got: seed reported nothing given or taken",
        ),
    },
    Case {
        check: "{ unchoked-time: rider, by: sharer, max: 5 s }",
        pass: (
            "1 sharer-1 unchoked rider
             3 sharer-1 choked rider
             4 sharer-2 unchoked rider
             5 sharer-2 unchoked sharer-1
             6 sharer-2 closed rider
             9 sharer-2 unchoked rider
             9.5 rider complete
             20 sharer-1 choked rider",
            "as expected: rider held upload slots of sharer for at most 5 s (rider 4.5 s)",
        ),
        fail: (
            "1 sharer-1 unchoked rider
             4 sharer-2 unchoked rider
             5 sharer-2 killed
             6 seed note",
            "expected: rider held upload slots of sharer for at most 5 s (rider 6.0 s)",
        ),
        unknown: (
            "1 seed unchoked rider\n9 sharer-1 unchoked sharer-2",
            "can't tell whether rider held upload slots of sharer for at most 5 s: sharer never met rider",
        ),
    },
    Case {
        check: "{ banned: rider, by: any sharer }",
        pass: (
            "1 sharer-1 failed rider\n2 sharer-1 banned rider",
            "as expected: one of sharer bans rider (by sharer-1)",
        ),
        fail: (
            "1 sharer-1 failed rider\n1 sharer-2 joined\n2 seed banned rider",
            "expected: one of sharer bans rider (sharer-1 dealt with rider and did not ban it)",
        ),
        unknown: (
            "1 sharer-1 joined\n1 sharer-2 joined\n2 seed banned rider",
            "can't tell whether one of sharer bans rider: sharer never dealt with rider",
        ),
    },
    Case {
        check: "{ banned: rider, by: sharer }",
        pass: (
            "1 sharer-1 banned rider\n2 sharer-2 banned rider",
            "as expected: sharer bans rider (by sharer-1 and sharer-2)",
        ),
        fail: (
            "1 sharer-1 banned rider\n2 sharer-2 handshake rider",
            "expected: sharer bans rider (sharer-2 dealt with rider and did not ban it)",
        ),
        unknown: ("1 sharer-1 banned rider", "can't tell whether sharer bans rider: nothing was heard from sharer-2"),
    },
    Case {
        check: "{ resumed: sharer-1 }",
        pass: (
            "1 sharer-1 checked 0/8
             2 sharer-1 verified 3/8 seed:100
             3 sharer-1 killed
             3.1 sharer-1 verified 4/8 seed:100
             4 sharer-1 checked 5/8",
            "as expected: sharer-1 loses nothing by the restart (sharer-1 had 4 pieces and found 5)",
        ),
        fail: (
            "1 sharer-1 checked 0/8
             2 sharer-1 verified 3/8 seed:100
             3 sharer-1 killed
             4 sharer-1 checked 2/8
             5 sharer-1 killed
             6 sharer-1 checked 2/8",
            "expected: sharer-1 loses nothing by the restart (sharer-1 had 3 pieces and found 2)",
        ),
        unknown: (
            "1 sharer-1 checked 0/8\n2 sharer-1 verified 3/8 seed:100\n3 sharer-1 killed",
            "can't tell whether sharer-1 loses nothing by the restart: sharer-1 did not come back after an end",
        ),
    },
    Case {
        check: "{ announce-count: sharer, event: started, min: 1, max: 1 }",
        pass: (
            "1 tracker announced sharer-1 started
             1 tracker announced sharer-2 started
             2 tracker announced sharer-2 completed
             2 tracker announced rider started",
            "as expected: exactly 1 announces (started) from sharer reach the tracker (sharer-1 once and sharer-2 once)",
        ),
        fail: (
            "1 tracker announced sharer-1 started\n2 tracker announced sharer-1 started",
            "expected: exactly 1 announces (started) from sharer reach the tracker (sharer-1 twice and sharer-2 not once)",
        ),
        unknown: (
            "1 sharer-1 joined",
            "can't tell whether exactly 1 announces (started) from sharer reach the tracker: nothing was heard from the tracker",
        ),
    },
    Case {
        check: "{ finished-rank: rider, min: 3 }",
        pass: (
            "1 sharer-1 complete\n2 sharer-2 complete\n3 seed checked 8/8",
            "as expected: rider does not finish before place 3 (rider had not finished, and 2 had)",
        ),
        fail: (
            "1 sharer-1 complete\n2 rider complete\n3 sharer-2 complete",
            "expected: rider does not finish before place 3 (rider was number 2 of 3)",
        ),
        unknown: (
            "1 sharer-1 complete\n3 seed checked 8/8",
            "can't tell whether rider does not finish before place 3: rider had not finished, and 1 had",
        ),
    },
    Case {
        check: "{ finished-rank: sharer-1, max: 1 }",
        pass: (
            "1 sharer-1 complete\n2 rider complete",
            "as expected: sharer-1 is among the first 1 to finish (sharer-1 was number 1 of 3)",
        ),
        fail: (
            "2 rider complete",
            "expected: sharer-1 is among the first 1 to finish (sharer-1 had not finished, and 1 had)",
        ),
        unknown: (
            "2 rider joined",
            "can't tell whether sharer-1 is among the first 1 to finish: sharer-1 had not finished, and 0 had",
        ),
    },
    Case {
        check: "{ reached: sharer, min: 10 %, max: 95 % }",
        pass: (
            "1 sharer-1 verified 4/8 seed:100\n2 sharer-2 progress 5/8",
            "as expected: sharer ends with between 10 % and 95 % of the pieces (from 50 % to 62 %)",
        ),
        fail: (
            "1 sharer-1 verified 4/8 seed:100\n2 sharer-2 complete",
            "expected: sharer ends with between 10 % and 95 % of the pieces (sharer-2 has 100 %)",
        ),
        unknown: (
            "1 sharer-1 verified 4/8 seed:100",
            "can't tell whether sharer ends with between 10 % and 95 % of the pieces: sharer-2 reported no piece",
        ),
    },
    Case {
        check: "{ never: plaintext-handshake, who: sharer }",
        pass: (
            "1 sharer-1 settled seed rc4\n1 sharer-2 settled seed rc4\n2 rider in-the-clear seed",
            "as expected: no `plaintext-handshake` from sharer",
        ),
        fail: (
            "1 sharer-1 settled seed rc4\n2 sharer-2 in-the-clear seed",
            "expected: no `plaintext-handshake` from sharer (once, first from sharer-2 after 2.0 s)",
        ),
        unknown: (
            "1 sharer-1 settled seed rc4",
            "can't tell whether no `plaintext-handshake` from sharer: nothing was heard from sharer-2",
        ),
    },
    Case {
        check: "{ cipher: rc4, who: sharer, remote: seed }",
        pass: (
            "1 sharer-1 settled seed rc4
             1 seed settled sharer-1 rc4
             2 seed settled sharer-2 rc4
             3 sharer-1 settled rider plaintext",
            "as expected: every connection between sharer and seed settles on rc4 (sharer-1 with seed and sharer-2 with seed)",
        ),
        fail: (
            "1 sharer-1 settled seed rc4
             2 seed settled sharer-2 plaintext-after-handshake
             2 seed classified sharer-2 obfuscated-unknown",
            "expected: every connection between sharer and seed settles on rc4 (sharer-2 with seed: plaintext-after-handshake after 2.0 s)",
        ),
        unknown: (
            "1 sharer-1 settled seed rc4
             2 sharer-2 settled rider rc4",
            "can't tell whether every connection between sharer and seed settles on rc4: no connection of sharer-2 with seed told of it",
        ),
    },
    Case {
        check: "{ cipher: [rc4, plaintext-after-handshake], who: [rider, seed] }",
        pass: (
            "1 rider settled seed rc4
             2 rider settled 127.0.0.1:6881 plaintext-after-handshake
             3 sharer-1 settled sharer-2 plaintext",
            "as expected: every connection of rider and seed settles on rc4 or plaintext-after-handshake (rider with 127.0.0.1:6881: plaintext-after-handshake and rider with seed: rc4)",
        ),
        fail: (
            "1 rider settled seed rc4
             2 rider settled 127.0.0.1:6881 plaintext",
            "expected: every connection of rider and seed settles on rc4 or plaintext-after-handshake (rider with 127.0.0.1:6881: plaintext after 2.0 s)",
        ),
        unknown: (
            "1 rider settled sharer-1 rc4",
            "can't tell whether every connection of rider and seed settles on rc4 or plaintext-after-handshake: no connection of seed with anybody told of it",
        ),
    },
    Case {
        check: "{ observer: isp, learns: [addresses, info-hash], partly: sizes, not: [content] }",
        pass: (
            "1 tracker announced sharer-1 started
             2 sharer-1 settled seed rc4
             3 sharer-1 verified 1/1 seed:100",
            "as expected: the provider on the path learns addresses and info-hash, something of sizes, nothing of content (addresses yes, info-hash yes, sizes partly, content no)",
        ),
        fail: (
            "1 tracker announced sharer-1 started
             2 sharer-1 settled seed plaintext-after-handshake
             3 sharer-1 verified 1/1 seed:100",
            "expected: the provider on the path learns addresses and info-hash, something of sizes, nothing of content (content yes: every piece crossed in the clear)",
        ),
        unknown: (
            "1 tracker announced sharer-1 started
             2 sharer-1 settled seed rc4",
            "can't tell whether the provider on the path learns addresses and info-hash, something of sizes, nothing of content: nobody at all learned anything of content",
        ),
    },
    Case {
        check: "{ classified: obfuscated-unknown, who: sharer, remote: seed }",
        pass: (
            "1 sharer-1 classified seed obfuscated-unknown
             1 sharer-1 settled seed rc4
             2 sharer-2 settled seed rc4
             2 sharer-2 classified seed obfuscated-unknown
             2 sharer-2 closed seed
             3 sharer-1 classified rider plaintext-bittorrent
             3 sharer-1 settled rider plaintext
             3 sharer-1 closed rider
             4 sharer-1 classified seed other
             4 sharer-1 closed seed",
            "as expected: every connection between sharer and seed is taken for obfuscated-unknown (sharer-1 with seed and sharer-2 with seed)",
        ),
        fail: (
            "1 sharer-1 classified seed obfuscated-unknown
             2 seed classified sharer-1 plaintext-bittorrent
             2 seed settled sharer-1 plaintext",
            "expected: every connection between sharer and seed is taken for obfuscated-unknown (sharer-1 with seed: plaintext-bittorrent after 2.0 s)",
        ),
        unknown: (
            "1 sharer-1 settled seed rc4
             2 sharer-2 classified seed obfuscated-unknown",
            "can't tell whether every connection between sharer and seed is taken for obfuscated-unknown: no connection of sharer-1 and sharer-2 with seed told of it",
        ),
    },
];

#[test]
fn every_kind_of_check_can_pass_fail_and_stay_open() {
    for case in CASES {
        let outcomes = [(case.pass, Outcome::Pass), (case.fail, Outcome::Fail), (case.unknown, Outcome::Unknown)];
        for ((drawing, text), outcome) in outcomes {
            let verdict = judge(&plan_with(case.check), drawing).remove(0);
            assert_eq!((verdict.outcome, verdict.text.as_str()), (outcome, text), "{}\n{drawing}", case.check);
        }
    }
}

#[test]
fn no_kind_of_check_goes_untested() {
    for kind in CHECK_KINDS {
        let key = format!("{{ {}: ", kind.name);
        assert!(CASES.iter().any(|case| case.check.starts_with(&key)), "no case for {}", kind.name);
    }
}

#[test]
fn a_failure_cites_the_lines_that_prove_it() {
    let verdict =
        judge(&plan_with("{ never: piece-failed }"), "1 seed note\n2 sharer-1 failed rider\n3 seed note").remove(0);
    assert_eq!(verdict.evidence, [2]);
    let verdict = judge(
        &plan_with("{ complete: all, within: 9 s }"),
        "4 sharer-1 complete\n5 sharer-2 complete\n6 rider complete",
    );
    assert_eq!(verdict[0].evidence, [1, 2, 3]);
}

#[test]
fn evidence_is_bounded_however_long_the_log() {
    let drawing = "1 sharer-1 failed rider\n".repeat(5_000);
    let verdict = judge(&plan_with("{ never: piece-failed }"), &drawing).remove(0);
    assert_eq!(verdict.text, "expected: no `piece-failed` (5000 times, first from sharer-1 after 1.0 s)");
    assert_eq!(verdict.evidence.len(), swarmlab_scenario::EVIDENCE_MAX);
}

#[test]
fn the_authors_words_and_the_lesson_reach_the_verdict() {
    let check = "{ complete: rider, within: 9 s, pass: \"rider has it\", why: \"slots rotate\", level: warn }";
    let verdict = judge(&plan_with(check), "4 rider complete").remove(0);
    assert_eq!(verdict.text, "rider has it (after 4.0 s)");
    assert_eq!((verdict.why.as_deref(), verdict.level), (Some("slots rotate"), Level::Warn));
}

#[test]
fn a_stock_client_that_keeps_silent_makes_a_check_unsupported() {
    let plan = plan_of("stock: { role: leech, client: rqbit }", "{ never: plaintext-handshake }");
    let verdict = &judge(&plan, "")[0];
    assert_eq!(verdict.outcome, Outcome::Unsupported, "the silence of one who never tells proves nothing");
    assert!(verdict.text.contains("stock is played by client rqbit, which does not report `plaintext-handshake`"));

    let plan = plan_of("stock: { role: leech, client: rqbit }", "{ never: piece-failed, who: stock }");
    let verdict = judge(&plan, "1 stock joined").remove(0);
    assert_eq!(verdict.outcome, Outcome::Unsupported);
    assert_eq!(
        verdict.text,
        "can't tell whether no `piece-failed` from stock: stock is played by client rqbit, which does not report `piece-failed`"
    );
}

#[test]
fn a_stock_client_is_judged_by_what_the_other_end_tells() {
    let stock = "stock: { role: leech, client: rqbit, count: 2 }";
    let verdict = judge(
        &plan_of(stock, "{ cipher: plaintext, who: stock }"),
        "1 seed settled stock-1 plaintext\n1 seed settled stock-2 plaintext",
    );
    assert_eq!(verdict[0].outcome, Outcome::Pass, "{}", verdict[0].text);
    let verdict = judge(
        &plan_of(stock, "{ cipher: plaintext, who: stock-1, remote: stock-2 }"),
        "1 seed settled stock-1 plaintext",
    )
    .remove(0);
    assert_eq!(verdict.outcome, Outcome::Unsupported);
    assert_eq!(
        verdict.text,
        "can't tell whether every connection between stock-1 and stock-2 settles on plaintext: stock-1 and stock-2 are played by client rqbit, which does not report `cipher-settled`"
    );
}

#[test]
fn a_run_is_settled_once_nothing_is_left_to_wait_for() {
    let plan = plan_with("{ complete: sharer, within: 10 s }\n  - { never: piece-failed }");
    let mut judge = Judge::new(&plan);
    let records = log("1 sharer-1 complete\n2 sharer-2 complete");
    judge.observe(1, &records[0]);
    assert!(!judge.settled());
    judge.observe(2, &records[1]);
    assert!(judge.settled());
}

#[test]
fn a_deadline_that_passes_settles_too() {
    let mut judge = Judge::new(&plan_with("{ complete: sharer, within: 10 s }"));
    judge.advance(model::Time::from_secs(10));
    assert!(!judge.settled());
    judge.advance(model::Time::from_micros(10_000_001));
    assert!(judge.settled());
}

#[test]
fn what_only_forbids_is_watched_to_the_end() {
    let mut judge = Judge::new(&plan_with("{ never: piece-failed }"));
    for (line, record) in (1..).zip(&log("1 sharer-1 complete\n2 sharer-2 complete\n30 rider complete")) {
        judge.observe(line, record);
        assert!(!judge.settled());
    }
}

#[test]
fn a_peer_that_restarts_keeps_its_account() {
    let drawing = "1 rider started\n2 rider progress 4/8 got=400 gave=300\n3 rider killed\n4 rider started\n5 rider complete got=400 gave=100";
    let verdict = judge(&plan_with("{ ratio: rider, min: 50 %, max: 50 % }"), drawing).remove(0);
    assert_eq!((verdict.outcome, verdict.evidence), (Outcome::Pass, vec![5]), "{}", verdict.text);
}

/// Verdicts after a run. Who finished by the drawing has good content; a finisher called `spoilt` stands
/// for a rider whose content is wrong.
fn judge(plan: &Plan, drawing: &str) -> Vec<Verdict> {
    let mut judge = Judge::new(plan);
    let mut facts = Facts::default();
    let records = log(drawing);
    let all_done = records.iter().filter(|record| record.event.kind() == "complete").count() >= 3;
    for (line, record) in (1..).zip(&records) {
        judge.observe(line, record);
        if all_done && record.event.kind() == "complete" {
            let name = if record.peer == "spoilt" { "rider" } else { &record.peer };
            facts.content_ok.insert(name.to_owned(), record.peer != "spoilt");
        }
        let spoilt = record.peer == "spoilt";
        let name = if spoilt { "rider" } else { &record.peer };
        match &record.event {
            Event::Unpacked { archive, .. } if archive != "unseen" => {
                let lacks = || Err("lacks a.txt".to_owned());
                facts.unpacked.entry(name.to_owned()).or_insert_with(|| if spoilt { lacks() } else { Ok(()) });
            }
            Event::Complete { .. } => {
                facts.learned.entry(name.to_owned()).or_default().extend(spoilt.then(|| "the name a.txt".to_owned()));
            }
            _ => {}
        }
    }
    judge.finish(&facts)
}

fn plan_with(check: &str) -> Plan {
    let role = if check.starts_with("{ delivered") { "recipient" } else { "leech" };
    plan_of(&format!("rider: {{ role: {role} }}"), check)
}

fn plan_of(member: &str, check: &str) -> Plan {
    let text = format!(
        "scenario: 1
title: Test
content: {{ size: 1 MiB, archive: true }}
cast:
  seed: {{ role: seed }}
  sharer: {{ role: leech, count: 2 }}
  {member}
check:
  - {check}
"
    );
    parse("test.yaml", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}
