//! Each rule must be able to fail. Here each is broken: by facts that are made up, one at a time, and in whole storms
//! about which the rules are [lied to](Lie).

use model::{PeerId, PieceIndex, PieceSet, Time};
use node::{Held, Persona};

use crate::facts::{Fact, Lie, Playbill, Rule, Sight, block};
use crate::plan::{Peer, Plan, Who};
use crate::rules::{NoByteFromNowhere, NoHonestBanned, NoIdleSlot, NoLeak, OnlyVerified, Quiet};
use crate::stage::play;

#[test]
fn each_lie_in_a_whole_storm_trips_its_rule() {
    let lies = [
        (Lie::NoBlockIsSent, "no byte from nowhere"),
        (Lie::NoPieceIsVerified, "only verified pieces are told of and served"),
        (Lie::Whitewashed(Persona::Poisoner), "no honest peer is banned"),
        (Lie::Whitewashed(Persona::FreeRider), "no slot is idle while somebody is interested"),
        (Lie::MoreSlots(3), "no slot is idle while somebody is interested"),
        (Lie::NobodyEnds, "nothing leaks"),
        (Lie::Busier(1_000), "the world does not spin, and gets quiet"),
        (Lie::NobodyLeaves, "the world does not spin, and gets quiet"),
        (Lie::AllCanFinish, "everyone who can finish does"),
    ];
    for (lie, rule) in lies {
        let failure = (0..50).find_map(|seed| play(&Plan::draw(seed), lie).err());
        let failure = failure.unwrap_or_else(|| panic!("{lie:?} is not noticed in fifty storms"));
        assert_eq!(failure.broken.rule, rule, "{lie:?}: {}", failure.in_short());
    }
}

#[test]
fn a_byte_from_nowhere_is_noticed() {
    let sent = |right| Fact::Sent { by: A, to: Some(B), block: block(0, 0, 16), right };
    let received = || Fact::Received { by: B, from: Some(A), block: block(0, 0, 16) };
    let landed = || Fact::Landed { who: B, block: block(0, 0, 16) };
    let broken = |facts| trips(NoByteFromNowhere::default(), facts);
    assert!(!broken(vec![sent(true), received(), landed()]));
    assert!(broken(vec![landed()]), "nobody sent it");
    assert!(broken(vec![received()]), "not by him");
    assert!(broken(vec![sent(true), received(), received()]), "once sent, twice received");
    assert!(broken(vec![sent(true), landed()]), "it did not come yet");
    assert!(broken(vec![sent(false), received(), landed()]), "the sender did not have it");
    assert!(broken(vec![Fact::Sent { by: A, to: None, block: block(0, 0, 16), right: true }]));
    assert!(broken(vec![Fact::Received { by: A, from: None, block: block(0, 0, 16) }]));
}

#[test]
fn a_piece_that_was_not_verified_is_noticed() {
    let (none, first, both) = (PieceSet::empty(2), set(&[0]), set(&[0, 1]));
    let verified = |right| Fact::Verified { who: A, piece: PieceIndex(1), right };
    let told = |pieces| Fact::Sees(Sight { pieces: Some(pieces), ..sight(B, A) });
    let served = || Fact::Sent { by: A, to: Some(B), block: block(1, 0, 16), right: true };
    let joined = |right| Fact::Joined { who: A, right };
    let broken = |facts| trips(OnlyVerified::default(), facts);
    assert!(!broken(vec![joined(&first), verified(true), told(&both), served()]));
    assert!(broken(vec![joined(&first), told(&both)]));
    assert!(broken(vec![joined(&first), served()]));
    assert!(broken(vec![joined(&none), verified(false)]));
    assert!(broken(vec![joined(&both), Fact::Checked { who: A, said: 1 }]));
    assert!(broken(vec![joined(&both), Fact::Completed { who: A, whole: false }]));
    // What it knew before it was killed and lost some of it does not count.
    let again = Fact::Began { who: A, id: PeerId([9; 20]) };
    assert!(broken(vec![joined(&both), again, joined(&first), served()]));
}

#[test]
fn a_ban_of_an_honest_peer_is_noticed() {
    let bans = |whom| Fact::Banned { by: A, whom, why: "it lied" };
    let failed = |suspects| Fact::Failed { who: A, suspects };
    let broken = |facts| trips(NoHonestBanned::new(cast()), facts);
    assert!(!broken(vec![bans(Some(LIAR)), failed(vec![Some(B), Some(LIAR)])]));
    assert!(broken(vec![bans(Some(B))]));
    assert!(broken(vec![bans(None)]));
    assert!(broken(vec![failed(vec![Some(B)])]));
    assert!(broken(vec![Fact::Misbehaved { by: A, why: "it swore" }]));
    // Misled by its own disk, it may err; nobody else may.
    let (misled, other) = (Fact::Corrupts { who: A }, Fact::Corrupts { who: B });
    assert!(!broken(vec![misled, bans(Some(B)), failed(vec![Some(B)])]));
    assert!(broken(vec![other, bans(Some(B))]));
}

#[test]
fn an_idle_slot_is_noticed_after_two_rounds() {
    // One waits, and one holds a slot that it does not want.
    let waits = || {
        let holds = Fact::Sees(Sight { conn: 2, has_slot: true, ..sight(A, LIAR) });
        [holds, Fact::Sees(Sight { wants: true, ..sight(A, B) }), no_more(A)]
    };
    let served = || [Fact::Sees(Sight { wants: true, has_slot: true, ..sight(A, B) }), no_more(A)];
    let broken = |until: u64, meanwhile: Vec<Fact<'static>>| {
        let at = |second| move |fact| (second, fact);
        let (first, last) = (waits().into_iter().map(at(0)), waits().into_iter().map(at(until)));
        trips_in_time(NoIdleSlot::new(cast()), first.chain(meanwhile.into_iter().map(at(10))).chain(last))
    };
    assert!(!broken(20, vec![]));
    assert!(broken(21, vec![]));
    assert!(!broken(21, served().into()), "it was served meanwhile");
    assert!(!broken(21, vec![Fact::Turned { who: A, persona: Persona::FreeRider }]), "a free rider serves nobody");
    assert!(broken(21, vec![Fact::Turned { who: A, persona: Persona::Slow }]));
}

#[test]
fn a_leak_is_noticed() {
    let broken = |facts| trips(NoLeak::new(&cast()), facts);
    assert!(!broken(vec![Fact::Sees(sight(A, B)), no_more(A)]));
    assert!(broken(vec![Fact::Sees(sight(A, B)), Fact::Sees(Sight { conn: 2, ..sight(A, B) })]), "two to the same");
    assert!(broken(vec![Fact::Sees(Sight { unsent: 1 << 20, ..sight(A, B) })]));
    assert!(broken(vec![Fact::Sees(Sight { asked: 501, ..sight(A, B) })]));
    for held in [Held { connections: 100, ..NOTHING }, Held { addresses: 100, ..NOTHING }] {
        assert!(broken(vec![Fact::SeesNoMore { by: A, held }]), "{held:?}");
    }
    let half_open = |until| {
        let one_knows = [Fact::Sees(sight(A, B)), no_more(A), no_more(B), Fact::Second { happened: 0 }];
        let first = one_knows.into_iter().map(|fact| (0, fact));
        trips_in_time(NoLeak::new(&cast()), first.chain([(until, Fact::Second { happened: 0 })]))
    };
    assert!(!half_open(400));
    assert!(half_open(401), "the other end does not know of it");
}

#[test]
fn a_world_that_spins_or_never_rests_is_noticed() {
    let broken = |fact| trips(Quiet::new(&cast()), vec![fact]);
    assert!(!broken(Fact::Second { happened: 20_000 }));
    assert!(broken(Fact::Second { happened: 20_001 }));
    assert!(!broken(Fact::Quiet { connections: 0, waits: false }));
    assert!(broken(Fact::Quiet { connections: 1, waits: false }));
    assert!(broken(Fact::Quiet { connections: 0, waits: true }));
}

const A: Who = 0;
const B: Who = 1;
const LIAR: Who = 2;
const NOTHING: Held = Held { connections: 0, strangers: 0, addresses: 0 };

fn cast() -> Playbill {
    let mut plan = Plan::draw(0);
    let honest = Peer { persona: Persona::Honest, slots: 2, ..plan.peer(A).clone() };
    let lies = Peer { who: LIAR, persona: Persona::Poisoner, ..honest };
    let other = Peer { who: B, ..honest };
    plan.peers = vec![honest, other, lies];
    Playbill { plan, lie: Lie::None }
}

fn id(who: Who) -> PeerId {
    PeerId([who as u8; 20])
}

/// One knows another, that has nothing and wants nothing.
fn sight(by: Who, whom: Who) -> Sight<'static> {
    Sight { by, conn: 1, id: id(whom), pieces: None, has_slot: false, wants: false, unsent: 0, asked: 0 }
}

fn no_more(by: Who) -> Fact<'static> {
    Fact::SeesNoMore { by, held: NOTHING }
}

fn set(pieces: &[u32]) -> PieceSet {
    let mut set = PieceSet::empty(2);
    for &piece in pieces {
        set.insert(PieceIndex(piece));
    }
    set
}

fn trips<'a>(rule: impl Rule, facts: Vec<Fact<'a>>) -> bool {
    trips_in_time(rule, facts.into_iter().map(|fact| (0, fact)))
}

/// With all three there, these facts at these seconds break the rule; all but the last do not.
fn trips_in_time<'a>(mut rule: impl Rule, facts: impl IntoIterator<Item = (u64, Fact<'a>)>) -> bool {
    let began = [A, B, LIAR].map(|who| (0, Fact::Began { who, id: id(who) }));
    let facts: Vec<(u64, Fact<'a>)> = began.into_iter().chain(facts).collect();
    let broken = facts.iter().position(|(second, fact)| rule.see(Time::from_secs(*second), fact).is_err());
    assert!(broken.is_none_or(|at| at + 1 == facts.len()), "{:?} is no known-bad end", broken.map(|at| &facts[at]));
    broken.is_some()
}
