//! Who gets a slot, round by round.

use proptest::prelude::{ProptestConfig, prop};
use proptest::proptest;

use super::*;
use UnchokeSlot::{Optimistic, Regular};

#[test]
fn regular_slots_go_to_those_who_sent_us_most() {
    let mut hall = Hall::new(3, 1).sending(&[10, 400, 0, 300, 20]);
    let verdicts = hall.round();
    assert_eq!(hall.holders(Regular), [1, 3]);
    assert_eq!(hall.holders(Optimistic).len(), 1);
    assert!(hall.holders(Optimistic)[0] != 1);
    assert_eq!(why(&verdicts, 1), "regular slot 1 of 2: 400 kB/s received");
    assert_eq!(why(&verdicts, 3), "regular slot 2 of 2: 300 kB/s received");
    assert!(why(&verdicts, hall.holders(Optimistic)[0]).starts_with("optimistic: drawn by lot among 3 waiting"));
}

#[test]
fn who_is_outrun_is_choked_and_told_its_rank() {
    let mut hall = Hall::new(3, 1).sending(&[100, 200, 50, 0]).holding(&[Some(Regular), Some(Regular)]);
    hall.rates(&[100, 200, 150, 160]);
    let verdicts = hall.round();
    let lost = why(&verdicts, 0);
    assert!(lost.starts_with("rank 4 of 4: 100 kB/s, 2 regular slots"), "{lost}");
    assert!(matches!(verdicts[0], Verdict::Choke { conn: ConnId(0), rank: 4, rate: Rate(100_000), .. }));
}

#[test]
fn a_holder_keeps_its_slot_against_one_that_is_hardly_faster() {
    let mut hall = Hall::new(2, 1).sending(&[400, 440, 0]).holding(&[Some(Regular), None, Some(Optimistic)]);
    hall.round();
    assert_eq!(hall.holders(Regular), [0]);
    hall.rates(&[400, 460, 0]);
    hall.round();
    assert_eq!(hall.holders(Regular), [1]);
}

#[test]
fn snubbed_by_a_peer_we_take_its_slot_at_the_next_round() {
    let mut hall = Hall::new(2, 1).sending(&[400, 10, 0]).holding(&[Some(Regular), None, Some(Optimistic)]);
    hall.peers[0].snubbing_us = true;
    let verdicts = hall.round();
    assert_eq!(why(&verdicts, 0), "snubbing us: no block for a minute");
    assert!(matches!(verdicts[0], Verdict::Choke { rank: 3, .. }), "who snubs us ranks last");
    assert_eq!((hall.holders(Regular), hall.holders(Optimistic)), (vec![1], vec![2]));
}

#[test]
fn a_snubber_may_come_back_by_lot() {
    let mut hall = Hall::new(3, 1).sending(&[400, 10]);
    hall.peers[0].snubbing_us = true;
    hall.round();
    assert_eq!((hall.holders(Regular), hall.holders(Optimistic)), (vec![1], vec![0]));
}

#[test]
fn a_free_rider_never_holds_a_regular_slot_and_waits_for_the_lot() {
    // Four givers and a rider, peer 4; one slot of three is drawn by lot.
    let mut hall = Hall::new(3, 1).sending(&[100, 110, 120, 130, 0]);
    let mut served = 0;
    for _ in 0..300 {
        hall.round();
        assert!(!hall.holders(Regular).contains(&4));
        served += usize::from(hall.peers[4].unchoked.is_some());
    }
    assert!((80..120).contains(&served), "a third of the time, as the other two that wait: {served} of 300");
}

#[test]
fn a_free_rider_is_served_where_slots_are_plenty() {
    let mut hall = Hall::new(5, 1).sending(&[100, 110, 0]);
    hall.round();
    assert_eq!((hall.holders(Regular), hall.holders(Optimistic)), (vec![0, 1], vec![2]));
}

#[test]
fn before_anybody_gave_all_slots_are_drawn_by_lot_at_once() {
    let mut hall = Hall::new(3, 1).sending(&[0; 6]);
    hall.fill();
    assert_eq!(hall.holders(Optimistic).len(), 3);
}

#[test]
fn earned_slots_push_out_those_drawn_by_lot() {
    let mut hall = Hall::new(3, 1).sending(&[0; 6]);
    hall.fill();
    let first = hall.holders(Optimistic);
    let givers: Vec<u64> = (0..6).filter(|n| !first.contains(n)).take(2).collect();
    givers.iter().for_each(|&n| hall.peers[n as usize].received = Rate(50_000));
    let verdicts = hall.round();
    assert_eq!(hall.holders(Regular), givers);
    assert_eq!(hall.holders(Optimistic).len(), 1);
    let lost = first.iter().filter(|n| hall.peers[**n as usize].unchoked.is_none());
    let pushed_out = lost.filter(|n| why(&verdicts, **n).starts_with("its optimistic slot is earned by another"));
    assert_eq!(pushed_out.count(), 2, "{verdicts:?}");
}

#[test]
fn a_spare_slot_is_up_for_the_lot_at_the_next_round() {
    let mut hall = Hall::new(1, 1).sending(&[0; 2]);
    hall.peers[1].interested = false;
    hall.fill();
    assert_eq!(hall.holders(Optimistic), [0], "free, and nobody else wants it");
    hall.peers[1].interested = true;
    let verdicts = hall.round();
    assert_eq!(hall.holders(Optimistic), [1]);
    assert!(why(&verdicts, 0).starts_with("it had a slot to spare"), "{verdicts:?}");
}

#[test]
fn the_optimistic_slot_is_kept_for_30_s_and_then_passed_on() {
    let mut hall = Hall::new(1, 1).sending(&[0; 4]);
    hall.round();
    let first = hall.holders(Optimistic);
    assert!(hall.round().is_empty());
    assert!(hall.round().is_empty());
    let verdicts = hall.round();
    assert_ne!(hall.holders(Optimistic), first);
    assert_eq!(why(&verdicts, first[0]), "its 30 s of the optimistic slot are over, 3 waiting");
}

#[test]
fn the_optimistic_slot_is_not_passed_on_when_nobody_waits() {
    let mut hall = Hall::new(2, 1).sending(&[100, 0]);
    hall.round();
    assert!((0..10).all(|_| hall.round().is_empty()));
}

#[test]
fn everyone_is_drawn_once_before_anyone_is_drawn_twice() {
    let mut hall = Hall::new(1, 1).sending(&[0; 7]);
    let mut turns = Vec::new();
    for _ in 0..3 * 7 {
        turns.extend(hall.round().iter().filter_map(unchoked));
    }
    turns.sort_unstable();
    assert_eq!(turns, (0..7).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_is_drawn_three_times_as_often() {
    let mut times = [0u32; 4];
    for seed in 0..3_000 {
        let mut hall = Hall::new(1, 1).sending(&[0; 4]).seed(seed);
        hall.now = Time::from_secs(600);
        hall.peers[2].connected_at = Time::from_secs(560);
        hall.round();
        times[hall.holders(Optimistic)[0] as usize] += 1;
    }
    assert!((1_420..1_580).contains(&times[2]), "three lots of six: {times:?}");
}

#[test]
fn an_optimist_that_gives_well_earns_a_regular_slot_and_makes_room_for_the_next() {
    let mut hall = Hall::new(2, 1).sending(&[50, 100, 0]).holding(&[Some(Regular), Some(Optimistic), None]);
    let verdicts = hall.round();
    assert_eq!(hall.holders(Regular), [1]);
    assert_eq!(hall.holders(Optimistic), [2]);
    assert_eq!(why(&verdicts, 1), "regular slot 1 of 1: 100 kB/s received");
}

#[test]
fn no_slot_stands_empty_while_someone_wants_it() {
    let mut hall = Hall::new(4, 1).sending(&[0, 0, 0]).holding(&[Some(Regular), Some(Regular)]);
    hall.peers[1].snubbing_us = true;
    let verdicts = hall.round();
    assert_eq!(hall.holders(Optimistic), [0, 1, 2]);
    assert_eq!(why(&verdicts, 0), "nothing received lately; keeps a slot that nobody else wants");
    assert!(hall.round().is_empty());
}

#[test]
fn who_wants_nothing_holds_no_slot() {
    let mut hall = Hall::new(4, 1).sending(&[100, 100, 100]).holding(&[Some(Regular), Some(Optimistic)]);
    hall.peers[0].interested = false;
    hall.peers[1].upload_only = true;
    let verdicts = hall.round();
    assert_eq!(why(&verdicts, 0), "not interested any more");
    assert_eq!(why(&verdicts, 1), "upload-only: it fetches nothing");
    assert_eq!(hall.holders(Regular), [2]);
}

#[test]
fn between_rounds_a_free_slot_goes_out_and_none_in_use_is_taken() {
    let mut hall = Hall::new(3, 1).sending(&[50, 0, 100, 200]).holding(&[Some(Regular), Some(Optimistic)]);
    let verdicts = hall.fill();
    assert_eq!(hall.holders(Regular), [0, 3]);
    assert_eq!(why(&verdicts, 3), "regular slot 2 of 2: 200 kB/s received");
    assert!(hall.fill().is_empty(), "no slot is free, however fast peer 2 is");
}

#[test]
fn between_rounds_who_lost_interest_makes_room_for_who_waits() {
    let mut hall = Hall::new(1, 0).sending(&[100]).holding(&[Some(Regular)]);
    hall.peers[0].interested = false;
    assert!(hall.fill().is_empty(), "nobody waits");
    hall.peers.push(candidate(1, 10));
    hall.fill();
    assert_eq!(hall.holders(Regular), [1]);
}

#[test]
fn between_rounds_who_lost_interest_keeps_a_slot_that_nobody_waits_for() {
    let mut hall = Hall::new(3, 1).sending(&[100, 200]).holding(&[Some(Regular), Some(Regular)]);
    hall.peers.iter_mut().for_each(|peer| peer.interested = false);
    hall.peers.push(candidate(2, 10));
    hall.fill();
    assert_eq!(hall.holders(Regular), [0, 1], "there was a free slot for peer 2");
    hall.peers.push(candidate(3, 10));
    hall.fill();
    assert_eq!(hall.holders(Regular).len(), 2, "one of them makes room for peer 3");
}

#[test]
fn with_no_slots_nobody_is_served() {
    let mut hall = Hall::new(2, 1).sending(&[100, 200]);
    hall.round();
    hall.choker.set_slots(0);
    hall.round();
    assert!(hall.peers.iter().all(|p| p.unchoked.is_none()));
    assert!(hall.fill().is_empty());
}

#[test]
fn a_round_is_due_every_ten_seconds() {
    let mut hall = Hall::new(1, 1).sending(&[0]);
    assert_eq!(hall.choker.next_round(), Time::from_secs(10));
    hall.round();
    assert_eq!(hall.choker.next_round(), Time::from_secs(20));
    hall.fill();
    assert_eq!(hall.choker.next_round(), Time::from_secs(20));
}

#[test]
fn a_seeder_gives_the_slot_of_who_had_its_share_to_who_waited_longest() {
    let mut hall = Hall::new(2, 1).sending(&[0, 0]).seeding();
    hall.fill();
    hall.peers.push(candidate(2, 0));
    hall.fill();
    hall.now = Time::from_secs(5);
    hall.peers.push(candidate(3, 0));
    hall.fill();
    hall.peers[1].sent_since_unchoke = ByteCount(5 << 19);
    let verdicts = hall.round();
    assert_eq!(hall.holders(Regular), [0, 2]);
    assert_eq!(why(&verdicts, 1), "seeding round-robin: 2.5 MiB sent in 10 s, others waited longer");
    assert_eq!(why(&verdicts, 2), "seeding round-robin: waited 10 s");
}

#[test]
fn a_seeders_share_is_four_pieces_where_those_are_large() {
    let mut hall = Hall::new(1, 1).sending(&[0, 0]).seeding();
    hall.piece_length = 1 << 20;
    hall.fill();
    let holder = hall.holders(Regular)[0] as usize;
    hall.peers[holder].sent_since_unchoke = ByteCount(3 << 20);
    assert!(hall.round().is_empty());
    hall.peers[holder].sent_since_unchoke = ByteCount(4 << 20);
    assert_eq!(hall.round().len(), 2);
}

#[test]
fn at_a_seeder_a_turn_ends_with_a_piece_and_not_within_one() {
    let mut hall = Hall::new(1, 1).sending(&[0, 0]).seeding();
    hall.fill();
    let holder = hall.holders(Regular)[0] as usize;
    hall.peers[holder].sent_since_unchoke = ByteCount(5 << 19);
    hall.peers[holder].amid_piece = true;
    assert!(hall.round().is_empty(), "it is to have the rest of the piece");
    hall.peers[holder].amid_piece = false;
    let verdicts = hall.piece_sent();
    assert_eq!(hall.holders(Regular), [1 - holder as u64]);
    assert!(why(&verdicts, holder as u64).starts_with("seeding round-robin: 2.5 MiB sent"), "{verdicts:?}");
    assert!(hall.piece_sent().is_empty(), "the next has its turn before it");
}

#[test]
fn at_a_seeder_who_never_ends_a_piece_has_two_minutes() {
    let mut hall = Hall::new(1, 1).sending(&[0, 0]).seeding();
    hall.round();
    hall.peers.iter_mut().for_each(|peer| peer.amid_piece = true);
    let changes: Vec<usize> = (0..12).map(|_| hall.round().len()).collect();
    assert_eq!(changes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
}

#[test]
fn at_a_seeder_a_slow_peers_turn_ends_after_a_minute() {
    let mut hall = Hall::new(1, 1).sending(&[0, 0]).seeding();
    hall.round();
    let changes: Vec<usize> = (0..6).map(|_| hall.round().len()).collect();
    assert_eq!(changes, [0, 0, 0, 0, 0, 2]);
}

#[test]
fn at_a_seeder_an_unfinished_turn_goes_on_however_much_was_sent() {
    let mut hall = Hall::new(2, 1).sending(&[0, 0, 0]).holding(&[Some(Regular), Some(Regular)]).seeding();
    hall.now = Time::from_secs(60);
    hall.peers[1].unchoked_at = Some(Time::from_secs(50));
    hall.peers[1].sent_since_unchoke = ByteCount(1 << 20);
    hall.round();
    assert_eq!(hall.holders(Regular), [1, 2]);
}

#[test]
fn a_seeder_takes_no_slot_away_while_nobody_waits() {
    let mut hall = Hall::new(3, 1).sending(&[0, 0, 0]).seeding();
    hall.round();
    hall.peers.iter_mut().for_each(|p| p.sent_since_unchoke = ByteCount(1 << 30));
    assert!((0..20).all(|_| hall.round().is_empty()));
}

#[test]
fn a_seeder_does_not_ask_who_gave() {
    let mut hall = Hall::new(1, 1).sending(&[900, 0, 0]).seeding();
    let mut turns = Vec::new();
    for _ in 0..3 * 6 {
        turns.extend(hall.round().iter().filter_map(unchoked));
    }
    turns.sort_unstable();
    assert_eq!(turns, [0, 1, 2]);
}

#[test]
fn the_same_seed_gives_the_same_verdicts() {
    let run = |seed| {
        let mut hall = Hall::new(3, 1).sending(&[0, 0, 5, 0, 0, 5, 0]).seed(seed);
        (0..20).flat_map(|_| hall.round()).collect::<Vec<_>>()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn slots_are_never_exceeded_nor_idle_and_nobody_waits_for_ever(
        seed: u64,
        seeding: bool,
        slots in 1usize..6,
        crowd in prop::collection::vec(0u64..4, 1..9),
    ) {
        let mut hall = Hall::new(slots, 1).sending(&crowd).seed(seed);
        hall.seeding = seeding;
        // A seeder goes round. The lot may miss one of n for long, for 20 n turns once in 10^8 times.
        let turn = if seeding { SEED_TURN + ROUND } else { 20 * TURN };
        let patience = turn * crowd.len() as u32 + 2 * ROUND;
        let mut waits = vec![Time::ZERO; crowd.len()];
        for _ in 0..600 {
            hall.change_something();
            hall.fill();
            hall.check_slots(false);
            hall.round();
            hall.check_slots(true);
            for (peer, waits) in hall.peers.iter().zip(&mut waits) {
                if !wants(peer) || peer.unchoked.is_some() {
                    *waits = hall.now;
                }
                assert!(hall.now.since(*waits) <= patience, "{:?} waits since {waits}, it is {}", peer.conn, hall.now);
            }
        }
    }
}

/// Connected peers, numbered from 0, and a choker whose verdicts are carried out.
struct Hall {
    choker: Choker,
    peers: Vec<Candidate>,
    now: Time,
    seeding: bool,
    piece_length: u32,
    rng: Rng,
}

impl Hall {
    fn new(slots: usize, optimistic: usize) -> Self {
        let choker = Choker::new(ChokerConfig { slots, optimistic }, Time::ZERO);
        let (peers, now, rng) = (Vec::new(), Time::ZERO, Rng::from_seed(7));
        Self { choker, peers, now, seeding: false, piece_length: 16_384, rng }
    }

    /// Interested peers that sent us so many kB/s.
    fn sending(mut self, rates: &[u64]) -> Self {
        self.peers = rates.iter().zip(0..).map(|(&kilobytes, n)| candidate(n, kilobytes)).collect();
        self
    }

    fn holding(mut self, slots: &[Option<UnchokeSlot>]) -> Self {
        for (peer, slot) in self.peers.iter_mut().zip(slots) {
            (peer.unchoked, peer.unchoked_at) = (*slot, slot.map(|_| Time::ZERO));
        }
        self
    }

    fn seeding(mut self) -> Self {
        self.seeding = true;
        self
    }

    fn seed(mut self, seed: u64) -> Self {
        self.rng = Rng::from_seed(seed);
        self
    }

    fn rates(&mut self, rates: &[u64]) {
        self.peers.iter_mut().zip(rates).for_each(|(peer, &rate)| peer.received = Rate(rate * 1_000));
    }

    /// Ten seconds later, or when the next round is due.
    fn round(&mut self) -> Vec<Verdict> {
        self.now = self.now.max(self.choker.next_round());
        let verdicts = self.choker.round(self.now, self.seeding, &self.peers, self.piece_length, &mut self.rng);
        self.carry_out(&verdicts);
        verdicts
    }

    fn fill(&mut self) -> Vec<Verdict> {
        let verdicts = self.choker.fill(self.now, self.seeding, &self.peers, &mut self.rng);
        self.carry_out(&verdicts);
        verdicts
    }

    fn piece_sent(&mut self) -> Vec<Verdict> {
        let verdicts = self.choker.piece_sent(self.now, &self.peers, self.piece_length, &mut self.rng);
        self.carry_out(&verdicts);
        verdicts
    }

    fn carry_out(&mut self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            let (conn, slot) = match verdict {
                Verdict::Unchoke { conn, slot, .. } => (conn, Some(*slot)),
                Verdict::Choke { conn, .. } => (conn, None),
            };
            let peer = &mut self.peers[conn.0 as usize];
            assert_ne!(peer.unchoked, slot, "no change: {verdict:?}");
            if peer.unchoked.is_none() {
                (peer.unchoked_at, peer.sent_since_unchoke) = (Some(self.now), ByteCount::ZERO);
            }
            peer.unchoked = slot;
            let unchoked = self.peers.iter().filter(|p| p.unchoked.is_some()).count();
            assert!(slot.is_none() || unchoked <= self.choker.config.slots, "{verdict:?} is one too many");
        }
    }

    fn holders(&self, slot: UnchokeSlot) -> Vec<u64> {
        self.peers.iter().filter(|p| p.unchoked == Some(slot)).map(|p| p.conn.0).collect()
    }

    /// One peer's rate, interest or manners change, and time passes.
    fn change_something(&mut self) {
        let (n, rng) = (self.peers.len() as u64, &mut self.rng);
        let peer = &mut self.peers[rng.below(n) as usize];
        match rng.below(4) {
            0 => peer.received = Rate(rng.below(3) * 50_000),
            1 => peer.snubbing_us = rng.chance(1, 3),
            2 => peer.interested = rng.chance(3, 4),
            _ => peer.sent_since_unchoke += ByteCount(rng.below(4 << 20)),
        }
        self.now = self.now.after(Duration::from_millis(rng.below(9_000)));
    }

    fn check_slots(&self, after_round: bool) {
        let unchoked = self.peers.iter().filter(|p| p.unchoked.is_some()).count();
        let regular = self.holders(Regular).len();
        let slots = self.choker.config.slots;
        assert!(unchoked <= slots && (self.seeding || regular < slots), "{:?}", self.peers);
        let waiting = self.peers.iter().filter(|p| wants(p) && p.unchoked.is_none()).count();
        assert!(waiting == 0 || unchoked == slots, "idle slots: {:?}", self.peers);
        let idle = self.peers.iter().any(|p| p.unchoked.is_some() && !wants(p));
        assert!(!(after_round && idle), "{:?}", self.peers);
    }
}

fn candidate(n: u64, kilobytes: u64) -> Candidate {
    Candidate {
        conn: ConnId(n),
        interested: true,
        unchoked: None,
        received: Rate(kilobytes * 1_000),
        sent: Rate(0),
        sent_since_unchoke: ByteCount::ZERO,
        amid_piece: false,
        unchoked_at: None,
        connected_at: Time::ZERO,
        snubbing_us: false,
        upload_only: false,
    }
}

fn unchoked(verdict: &Verdict) -> Option<u64> {
    match verdict {
        Verdict::Unchoke { conn, .. } => Some(conn.0),
        Verdict::Choke { .. } => None,
    }
}

fn why(verdicts: &[Verdict], n: u64) -> &str {
    let about = |v: &&Verdict| {
        let (Verdict::Unchoke { conn, .. } | Verdict::Choke { conn, .. }) = v;
        conn.0 == n
    };
    let found = verdicts.iter().find(about).unwrap_or_else(|| panic!("nothing about {n}: {verdicts:?}"));
    let (Verdict::Unchoke { why, .. } | Verdict::Choke { why, .. }) = found;
    why
}
