//! What a plan says of itself: defaults, members, worlds, and itself as a scenario again.

use std::time::Duration;

use events::{Detail, Direction};
use model::{ByteCount, Rate};
use swarmlab_scenario::{
    Action, Client, ContentSource, Dependence, Encryption, EncryptionMethod, Expectation, Firewall, InspectionAction,
    Knows, Limit, Nat, NatKind, Persona, Picking, Plan, PortChoice, Role, Share, Told, When, World, parse, shipped,
};

const FULL: &str = r#"
scenario: 1
title: Everything
about: >
  All that can be
  written.
seed: 42
worlds: [sim, local]
deadline: 3 min
content: { tree: { files: 12, size: 3 MiB }, piece: 32 KiB, name: "holiday photos", archive: true }
net:
  lan: { rtt: 20 ms, jitter: 2.5 ms, loss: 0.5 % }
  dsl: { rtt: 40 ms, up: 1 Mbit/s, down: 8 Mbit/s, nat: port-restricted }
tracker: { at: lan, interval: 2 min }
cast:
  seed:   { at: lan, role: seed, up: 4 Mbit/s, slots: 4, detail: block, encryption: disabled }
  sharer: { at: dsl, role: leech, count: 3, down: 1 MiB/s, knows: magnet, picking: sequential, encryption: preferred, encryption-methods: rc4 }
  rider:  { at: dsl, role: leech, persona: free-rider, up: 900 kB/s, encryption: required, encryption-methods: [plaintext-after-handshake, rc4] }
  stock:  { role: leech, client: rqbit, count: 2 }
  giver:  { role: share, slots: 2 }
  friend: { role: recipient, knows: magnet, password: wrong }
script:
  - { at: 0 s, do: join, who: [seed, sharer, rider, giver, friend] }
  - { after: any sharer.first-piece, then: 1500 ms, do: join, who: stock }
  - { after: tracker.tracker-announced, do: stop-tracker, within: 20 s }
  - { at: 30 s, do: start-tracker }
  - { after: sharer-2 reaches 12.5 %, do: set-limit, who: sharer-2, up: unlimited, down: 10 kB/s }
  - { after: seed uploads 120 %, do: set-persona, who: seed, persona: slow }
  - { at: 40 s, do: kill, who: [sharer-1, rider] }
  - { at: 41 s, do: restart, who: sharer-1, over: 2 s }
  - { at: 50 s, do: note, text: "look: it \"goes\" on\\" }
check:
  - { complete: [sharer, stock], within: 2 min, level: warn }
  - { hash-ok: all }
  - { delivered: friend }
  - { sealed: [rider, sharer] }
  - { order: [any sharer.complete, seed.copy-out, "sharer-1.left"] }
  - { never: block-sent, who: seed, remote: rider, after: sharer.half, until: 100 s }
  - { never: peer-banned, remote: sharer, until: sharer.complete }
  - { never: tracker-refused, who: tracker }
  - { always: peers, who: seed, min: 1, max: 20 }
  - { always: up, max: 10 MB/s }
  - { count: piece-failed, max: 0 }
  - { pieces-from: seed, max: 60 % }
  - { pieces-from: sharer, who: [rider, sharer-1], min: 10 %, max: 90 % }
  - { ratio: all, min: 1.5 % }
  - { unchoked-time: rider, by: sharer, max: 2500 ms }
  - { unchoked-time: sharer, min: 1 s }
  - { banned: rider }
  - { banned: rider, by: all }
  - { banned: [rider, seed], by: any sharer, why: "because" }
  - { resumed: sharer-1 }
  - { announce-count: stock, min: 1 }
  - { announce-count: all, event: none, max: 100 }
  - { finished-rank: rider, min: 2, max: 6 }
  - { reached: rider, max: 99.9 % }
  - { cipher: [rc4, plaintext], who: [rider, sharer], remote: stock }
  - { cipher: plaintext }
  - { observer: outsider, not: [content, names], partly: sizes }
  - { classified: [http, other], who: sharer-1 }
"#;

#[test]
fn everything_that_can_be_written_is_read() {
    let plan = full();
    assert_eq!((plan.title.as_str(), plan.about.as_str()), ("Everything", "All that can be written."));
    assert_eq!((plan.seed, plan.deadline), (42, Duration::from_secs(180)));
    assert_eq!(plan.worlds, [World::Sim, World::Local]);
    assert_eq!(plan.content.source, ContentSource::Tree { files: 12, size: ByteCount(3 << 20) });
    assert_eq!(plan.nets["lan"].loss, Some(Share(5_000)));
    assert_eq!(plan.nets["dsl"].nat, Nat::Kind(NatKind::PortRestricted));
    let names: Vec<&str> = plan.cast.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["seed", "sharer-1", "sharer-2", "sharer-3", "rider", "stock-1", "stock-2", "giver", "friend"]);
    let sharer = plan.member("sharer-3").unwrap();
    assert_eq!((sharer.role_name.as_str(), sharer.role), ("sharer", Role::Leech));
    assert_eq!((sharer.knows, sharer.picking, sharer.down), (Knows::Magnet, Picking::Sequential, Some(Rate(1 << 20))));
    let seed = plan.member("seed").unwrap();
    assert!(plan.content.archive);
    assert_eq!(
        (plan.member("friend").unwrap().role, plan.member("friend").unwrap().password),
        (Role::Recipient, Told::Wrong)
    );
    assert_eq!((seed.detail, seed.slots, seed.up), (Detail::Block, Some(4), Some(Rate(500_000))));
    assert_eq!(plan.member("rider").unwrap().persona, Persona::FreeRider);
    let encryption = |name: &str| {
        let member = plan.member(name).unwrap();
        (member.encryption, member.encryption_methods.clone())
    };
    let both = EncryptionMethod::ALL.to_vec();
    assert_eq!(encryption("seed"), (Encryption::Disabled, both.clone()));
    assert_eq!(encryption("sharer-2"), (Encryption::Preferred, vec![EncryptionMethod::Rc4]));
    assert_eq!(encryption("rider"), (Encryption::Required, both.clone()), "the order of the methods says nothing");
    assert_eq!(encryption("stock-1"), (Encryption::Allowed, both));
    assert_eq!(
        (plan.member("stock-1").unwrap().client, plan.member("stock-1").unwrap().at.as_str()),
        (Client::Rqbit, "lan")
    );
    let Action::SetLimit { up, down, .. } = &plan.script[4].action else { panic!("{}", plan.script[4]) };
    assert_eq!((up.applied_to(Some(Rate(1))), down.applied_to(None)), (None, Some(Rate(10_000))));
    assert_eq!(Limit::Keep.applied_to(Some(Rate(1))), Some(Rate(1)));
    assert_eq!(plan.checks.len(), 28);
}

const NETWORKS: &str = include_str!("../../../../fuzz/corpus/scenario/networks.yaml");

#[test]
fn every_network_and_what_befalls_it_is_read() {
    let plan = networks();
    let home = &plan.nets["home"];
    assert_eq!((home.inside.as_deref(), home.up), (Some("carrier"), Some(Rate(250_000))));
    let Nat::Made(made) = home.nat else { panic!("{:?}", home.nat) };
    assert_eq!((made.mapping, made.filtering), (Dependence::AddressDependent, Dependence::EndpointIndependent));
    assert_eq!((made.ports, made.hairpin), (PortChoice::Random, true));
    assert_eq!((made.udp_timeout, made.tcp_timeout), (Duration::from_secs(30), Duration::from_secs(7_200)));
    let throttle = InspectionAction::Throttle(Rate(1_000_000));
    assert_eq!(plan.nets["carrier"].isp.as_ref().map(|isp| (isp.matches.len(), isp.action)), Some((2, throttle)));
    let office = plan.nets["office"].firewall.as_ref().unwrap();
    assert_eq!((office.ports.as_ref().map(|ports| ports.len()), office.refuses), (Some(3), true));
    assert_eq!(plan.nets["strict"].firewall, Firewall::named(Firewall::OFFICE));
    assert!(plan.nets["cafe"].portal && plan.content.elide);
    assert_eq!(plan.tracker.at, "server", "the first that everybody can reach");
    assert_eq!(plan.member("seed").unwrap().at, "server");
    let Expectation::Never { what, .. } = &plan.checks[1].expect else { panic!("{:?}", plan.checks[1]) };
    assert_eq!(what.direction, Some(Direction::In));
}

#[test]
fn where_every_network_is_closed_the_tracker_is_on_the_internet() {
    let text = SMALL.replace("cast:", "net: { a-home: { nat: home }, cafe: { portal: true } }\ncast:");
    let plan = parse("f", &text).unwrap();
    assert_eq!((plan.tracker.at.as_str(), plan.member("seed").unwrap().at.as_str()), ("internet", "internet"));
    assert_eq!(parse("plan.yaml", &plan.to_yaml()).unwrap(), plan);
}

#[test]
fn world_local_says_of_each_network_and_step_why_it_can_not_be_shown() {
    let mut plan = networks();
    plan.worlds.push(World::Local);
    let reasons = plan.unsupported_in(World::Local);
    let no_links =
        |net: &str, key: &str| format!("net {net} has `{key}`, and the loopback of world local has no links to shape");
    for (net, key) in [
        ("carrier", "rtt"),
        ("carrier", "nat"),
        ("carrier", "isp"),
        ("home", "nat"),
        ("office", "firewall"),
        ("cafe", "portal"),
    ] {
        assert!(reasons.contains(&no_links(net, key)), "{net} {key}: {reasons:#?}");
    }
    let of_sim = plan.script.iter().filter(|step| step.action.needs_sim());
    for step in of_sim {
        let begin = format!("step {} is `{}`, and world local has only", step.number, step.action.verb());
        assert!(reasons.iter().any(|reason| reason.starts_with(&begin)), "{begin}: {reasons:#?}");
    }
    let asked = "the scenario looks for `packet-dropped`, and world local has no networks that could tell of it";
    assert!(reasons.contains(&asked.to_owned()), "{reasons:#?}");
    assert_eq!(plan.unsupported_in(World::Sim), [""; 0]);
}

fn networks() -> Plan {
    parse("networks.yaml", NETWORKS).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn a_plan_written_out_is_a_scenario_again() {
    let written = networks().to_yaml();
    assert_eq!(parse("plan.yaml", &written).unwrap_or_else(|faults| panic!("{faults}\n{written}")), networks());
    let plan = full();
    let written = plan.to_yaml();
    assert_eq!(parse("plan.yaml", &written).unwrap_or_else(|faults| panic!("{faults}\n{written}")), plan, "{written}");
    for (name, text) in shipped() {
        let plan = parse(name, text).unwrap();
        assert_eq!(parse("plan.yaml", &plan.to_yaml()), Ok(plan), "{name}");
    }
}

#[test]
fn what_is_left_away_has_a_default() {
    let plan = parse("f", SMALL).unwrap();
    assert_eq!((plan.seed, plan.worlds.as_slice(), plan.about.as_str()), (1, [World::Local].as_slice(), ""));
    assert_eq!(plan.nets.keys().collect::<Vec<_>>(), ["lan"]);
    assert_eq!((plan.tracker.at.as_str(), plan.tracker.interval), ("lan", Duration::from_secs(30)));
    assert_eq!(plan.deadline, Duration::from_secs(15), "the last moment that is named, and 5 s");
    assert_eq!(plan.script.len(), 1);
    assert_eq!(plan.script[0].when, When::At(Duration::ZERO));
    let Action::Join(who) = &plan.script[0].action else { panic!("{}", plan.script[0]) };
    assert_eq!(plan.members(who).len(), 2);
    let Expectation::Complete { who, .. } = &plan.checks[0].expect else { panic!("{:?}", plan.checks[0]) };
    assert_eq!(plan.members(who)[0].name, "leecher", "a seed has nothing to complete");
}

#[test]
fn worlds_say_what_they_can_not_show() {
    let plan = full();
    assert_eq!(
        plan.unsupported_in(World::Local),
        [
            "net dsl has `rtt`, and the loopback of world local has no links to shape",
            "net dsl has `nat`, and the loopback of world local has no links to shape",
            "net lan has `rtt`, and the loopback of world local has no links to shape",
            "net lan has `jitter`, and the loopback of world local has no links to shape",
            "net lan has `loss`, and the loopback of world local has no links to shape",
        ]
    );
    assert_eq!(
        plan.unsupported_in(World::Sim),
        [
            "an archive has fresh keys each time, and in world sim nothing is left to chance",
            "client rqbit needs real sockets, and world sim has none"
        ]
    );
    assert_eq!(plan.unsupported_in(World::Netns), ["the scenario is made for world sim and local, not for netns"]);
    assert!(parse("f", SMALL).unwrap().unsupported_in(World::Local).is_empty());
}

#[test]
fn without_links_the_tighter_limit_counts() {
    let plan = full();
    let limits = |name: &str| plan.limits(plan.member(name).unwrap());
    assert_eq!(limits("rider"), (Some(Rate(125_000)), Some(Rate(1_000_000))));
    assert_eq!(limits("seed"), (Some(Rate(500_000)), None));
}

#[test]
fn names_are_read_as_they_are_shown() {
    assert_eq!("netns".parse(), Ok(World::Netns));
    let unknown = "lokal".parse::<World>().unwrap_err();
    assert_eq!(unknown.to_string(), "no world is called `lokal`");
    assert_eq!(unknown.help(), "did you mean `local`?");
}

#[test]
fn personas_are_called_as_the_engine_calls_them() {
    let ours: Vec<&str> = Persona::ALL.iter().map(|persona| persona.name()).collect();
    assert_eq!(ours, swarm::Persona::ALL.map(swarm::Persona::name));
}

#[test]
fn encryption_is_called_as_the_engine_and_the_events_call_it() {
    let ours: Vec<&str> = Encryption::ALL.iter().map(|policy| policy.name()).collect();
    assert_eq!(ours, node::Policy::ALL.map(node::Policy::name));
    assert_eq!(Encryption::default().name(), node::Policy::default().name());
    for method in EncryptionMethod::ALL {
        assert!(events::Cipher::ALL.iter().any(|cipher| cipher.name() == method.name()), "{method}");
    }
}

const SMALL: &str = "scenario: 1\ntitle: x\ncontent: { size: 1 MiB }\ncast: { seed: { role: seed }, leecher: { role: leech } }\ncheck: [{ complete: all, within: 10 s }]\n";

fn full() -> Plan {
    parse("full.yaml", FULL).unwrap_or_else(|faults| panic!("{faults}"))
}
