//! A lesson whose check can't fail proves nothing: each scenario here is changed in one place so that its point no
//! longer holds, and a check of it must say so.

use scenario::Outcome;
use swarmlab_sim::{Play, content};

/// Scenario, what stands in it, what is put there, and the sentence that must come of it.
const SPOILT: [(&str, &str, &str, &str); 9] = [
    ("nat-basics", "nat: corporate", "nat: none", "two who are both behind a NAT met"),
    ("nat-two-homes", "inas:   { rtt: 20 ms, nat: home }", "inas: { rtt: 20 ms }", "a piece moved between two homes"),
    (
        "port-forward",
        "do: forward-port, who: seed }",
        "do: note, text: \"nobody opens a port\" }",
        "a leecher never got the file",
    ),
    ("firewalled-office", "firewall: office", "firewall: stateful", "an announce of hans reached the tracker"),
    (
        "isp-blocks-plaintext",
        "south: { rtt: 20 ms, isp: { matches: plaintext-bittorrent",
        "south: { rtt: 20 ms, isp: { matches: obfuscated-unknown",
        "that connection was in plaintext",
    ),
    (
        "flash-crowd",
        "role: leech, count: 200,",
        "role: leech, persona: free-rider, count: 20,",
        "a leecher did not have the file after 40 seconds",
    ),
    ("seed-dies", "seed uploads 80 %", "seed uploads 180 %", "somebody finished without the seed"),
    (
        "partition",
        "do: cut, net: island",
        "do: set-line, net: island, rtt: 90 ms",
        "an islander finished while the cable was cut",
    ),
    ("partition", "do: heal, net: island", "do: note, text: \"it stays cut\"", "an islander did not finish"),
];

#[test]
fn a_scenario_whose_point_is_taken_away_fails_and_says_so() {
    for (name, from, to, sentence) in SPOILT {
        let text = scenario::find(name).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{name} has {from:?} once");
        // What is cut no more is not healed either.
        let text = text
            .replace(from, to)
            .replace(if from.contains("cut") { "do: heal, net: island" } else { "\0" }, "do: note, text: x");
        let plan = scenario::parse(name, &text).unwrap_or_else(|faults| panic!("{faults}"));
        let (metainfo, bytes) = content::make(&plan.content, "spoilt", plan.seed).unwrap();
        let mut play = Play::new(&plan, metainfo, bytes).unwrap();
        play.by_ref().for_each(drop);
        let failed: Vec<String> = play
            .verdicts()
            .into_iter()
            .filter(|verdict| verdict.outcome == Outcome::Fail)
            .map(|verdict| verdict.text)
            .collect();
        assert!(failed.iter().any(|text| text.starts_with(sentence)), "{name}, with {to:?}: {failed:#?}");
    }
}
