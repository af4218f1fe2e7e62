//! Drawings: a torrent piece by piece, four blocks in each.
//!
//! `x` is a verified piece and `-` one that is not begun. In a begun one `.` is a free block, `A` in
//! flight to peer a, `a` arrived from peer a, `2` and `3` in flight to so many peers, and `#` was
//! picked last.

use proptest::prelude::{ProptestConfig, prop};
use proptest::proptest;

use super::*;

#[test]
fn a_begun_piece_is_finished_before_another_is_opened() {
    let mut scene = Scene::new("x - aB.. -", "1121");
    assert_eq!(scene.pick('a', "xxxx", 2), "x - aB## -");
    assert!(scene.picked.iter().all(|p| p.strategy == Strategy::Partial && !p.opened && p.why.is_empty()));
}

#[test]
fn when_nothing_begun_has_a_free_block_the_next_is_opened() {
    let mut scene = Scene::new("x x x x A... - -", "2222212");
    assert_eq!(scene.pick('a', "xxxxxxx", 5), "x x x x A### ##.. -");
    let opened: Vec<bool> = scene.picked.iter().map(|p| p.opened).collect();
    assert_eq!(opened, [false, false, false, true, false]);
}

#[test]
fn of_two_begun_pieces_the_one_with_fewer_free_blocks_goes_first() {
    let mut scene = Scene::new("A... aaA. -", "222");
    assert_eq!(scene.pick('a', "xxx", 1), "A... aaA# -");
}

#[test]
fn what_was_begun_with_another_is_left_to_it_while_there_is_something_new() {
    let mut scene = Scene::new("x aB.. -", "111");
    assert_eq!(scene.pick('c', "xxx", 2), "x aB.. ##..");
    assert_eq!(scene.pick('b', "xxx", 1), "x aB#. CC..", "nothing new is left: all help");
}

#[test]
fn a_piece_whose_peer_went_is_anybodys() {
    let mut scene = Scene::new("x aA.. -", "111");
    scene.picker.released_all(conn('a'));
    assert_eq!(scene.pick('c', "xxx", 2), "x a##. -");
}

#[test]
fn a_begun_piece_that_the_peer_lacks_is_passed_over() {
    let mut scene = Scene::new("A... aaA. -", "222");
    assert_eq!(scene.pick('b', "x..", 1), "A#.. aaA. -");
    assert_eq!(scene.pick('b', "...", 1), "AB.. aaA. -");
}

#[test]
fn the_rarest_piece_is_opened_first() {
    let mut scene = Scene::new("x x x x - - - -", "33333123");
    assert_eq!(scene.pick('a', "xxxxxxxx", 1), "x x x x - #... - -");
    assert_eq!(scene.picked[0].strategy, Strategy::RarestFirst);
    assert_eq!(scene.picked[0].availability, 1);
}

#[test]
fn the_rarest_piece_is_no_choice_when_the_peer_lacks_it() {
    let mut scene = Scene::new("x x x x - - - -", "33333123");
    assert_eq!(scene.pick('a', "xxxxx.xx", 1), "x x x x - - #... -");
}

#[test]
fn among_equally_rare_pieces_the_lot_decides_and_favours_none() {
    let mut times = [0; 8];
    for seed in 0..4_000 {
        let mut scene = Scene::new("x x x x - - - -", "33332121").seed(seed);
        scene.pick('a', "xxxxxxxx", 1);
        times[scene.picked[0].block.piece.as_usize()] += 1;
    }
    assert_eq!(times[5] + times[7], 4_000);
    assert!((1_850..2_150).contains(&times[5]), "{times:?}");
}

#[test]
fn the_lot_is_fair_in_a_long_list_too() {
    // 100 pieces as rare, of which the peer has the first, 50 and 51.
    let mut times = BTreeMap::new();
    for seed in 0..6_000 {
        let total = ByteCount(104 * 4 * u64::from(BLOCK_SIZE));
        let mut have = PieceSet::empty(104);
        (100..104).for_each(|p| _ = have.insert(PieceIndex(p)));
        let mut picker = Picker::new(4 * BLOCK_SIZE, total, have, Picking::RarestFirst);
        let mut all_but_one = PieceSet::full(104);
        all_but_one.remove(PieceIndex(103));
        picker.peer_has_set(&all_but_one);
        let mut theirs = PieceSet::empty(104);
        [0, 50, 51].into_iter().for_each(|p| _ = theirs.insert(PieceIndex(p)));
        let picks = picker.pick(conn('a'), &theirs, &[], 1, &mut Rng::from_seed(seed));
        *times.entry(picks[0].block.piece.0).or_insert(0) += 1;
    }
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), [0, 50, 51]);
    assert!(times.values().all(|n| (1_880..2_120).contains(n)), "{times:?}");
}

#[test]
fn the_first_four_pieces_are_drawn_from_all_that_the_peer_has() {
    let mut firsts = PieceSet::empty(8);
    for seed in 0..200 {
        let mut scene = Scene::new("- - - - - - - -", "12333333").seed(seed);
        scene.pick('a', ".xxxxxx.", 20);
        let opened: Vec<&Pick> = scene.picked.iter().filter(|p| p.opened).collect();
        assert!(opened[..4].iter().all(|p| p.strategy == Strategy::RandomFirst));
        assert_eq!(opened[4].strategy, Strategy::RarestFirst);
        firsts.insert(opened[0].block.piece);
    }
    assert_eq!(firsts.iter().map(|p| p.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn of_pieces_as_rare_the_suggested_one_is_opened() {
    let mut scene = Scene::new("x x x x - - - -", "33332112").suggesting(&[9, 4, 6]);
    assert_eq!(scene.pick('a', "xxxxxxxx", 1), "x x x x - - #... -");
    assert_eq!(scene.picked[0].why, "1 of 3 peers has it; 2 pieces are as rare, and the peer suggests this one");
    assert_eq!(scene.pick('b', "xxxx.x..", 1), "x x x x - #... A... -", "no suggestion makes up for what it lacks");
}

#[test]
fn of_the_first_four_pieces_any_may_be_suggested() {
    let mut scene = Scene::new("- - - - -", "11111").suggesting(&[7, 3]);
    assert_eq!(scene.pick('a', "xxxxx", 1), "- - - #... -");
    assert_eq!(scene.picked[0].why, "one of our first 4: any will do, and the peer suggests this one");
}

#[test]
fn a_seed_is_not_asked_for_the_rest_of_what_others_have_while_it_has_what_they_have_not() {
    let mut scene = Scene::new("x x x x aA.. - -", "1111100");
    scene.picker.released_all(conn('a'));
    scene.picker.peer_has_set(&set("xxxxxxx"));
    let picture = scene.pick('b', "xxxxxxx", 1);
    assert!(picture.starts_with("x x x x a... "), "{picture}");
    assert_eq!(scene.pick('c', "xxxxx..", 1).split(' ').nth(4), Some("a#.."), "another may be");
}

#[test]
fn in_sequence_the_lowest_piece_comes_first_however_rare_others_are() {
    let mut scene = Scene::new("x x x x - A... - -", "33333311").sequential();
    assert_eq!(scene.pick('b', "xxxxxxxx", 5), "x x x x #### A#.. - -");
    assert_eq!(scene.picked[0].strategy, Strategy::Sequential);
    assert_eq!(scene.pick('c', "xxxxxx.x", 3), "x x x x BBBB AB## - #...");
}

#[test]
fn a_pick_says_why_the_piece_was_opened() {
    let mut scene = Scene::new("x x x x - - - -", "33331223");
    scene.pick('a', ".....xx.", 1);
    assert_eq!(scene.picked[0].why, "2 of 3 peers have it; 2 pieces are as rare, drawn by lot");
    scene.pick('b', "....x...", 1);
    assert_eq!(scene.picked[0].why, "1 of 3 peers has it; no other that we lack is as rare");
    let mut scene = Scene::new("- - -", "111");
    scene.pick('a', "x.x", 1);
    assert_eq!(scene.picked[0].why, "one of our first 4: any will do, drawn by lot from 2");
    let mut scene = Scene::new("- - -", "111").sequential();
    scene.pick('a', ".xx", 1);
    assert_eq!(scene.picked[0].why, "the lowest piece that we lack and this peer has");
}

#[test]
fn the_last_block_is_as_short_as_the_torrent_says() {
    let total = ByteCount(u64::from(4 * BLOCK_SIZE + BLOCK_SIZE + 5));
    let mut picker = Picker::new(4 * BLOCK_SIZE, total, PieceSet::empty(2), Picking::Sequential);
    picker.peer_has_set(&PieceSet::full(2));
    let picks = picker.pick(conn('a'), &PieceSet::full(2), &[], 99, &mut Rng::from_seed(1));
    let lengths: Vec<u32> = picks.iter().map(|p| p.block.length).collect();
    assert_eq!(lengths, [BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE, BLOCK_SIZE, 5]);
    assert_eq!(picker.left(), total);
}

#[test]
fn what_arrives_is_no_longer_missing() {
    let mut scene = Scene::new("x aaA. -", "111");
    assert_eq!((scene.picker.missing_blocks(), scene.picker.left()), (6, ByteCount(6 * 16_384)));
    assert_eq!(scene.receive('a', 1, 2), Arrival::New { piece_done: false, cancel: vec![] });
    assert_eq!((scene.picker.missing_blocks(), scene.picker.left()), (5, ByteCount(5 * 16_384)));
    scene.pick('b', ".x.", 1);
    assert_eq!(scene.receive('b', 1, 3), Arrival::New { piece_done: true, cancel: vec![] });
    assert_eq!(scene.picker.contributors(PieceIndex(1)), [(conn('a'), 3 * 16_384), (conn('b'), 16_384)]);
    scene.picker.verified(PieceIndex(1));
    assert_eq!(scene.picture(), "x x -");
    assert_eq!((scene.picker.missing_blocks(), scene.picker.left()), (4, ByteCount(4 * 16_384)));
}

#[test]
fn in_the_endgame_blocks_in_flight_are_asked_for_again_from_the_last_on() {
    let mut scene = Scene::new("x aAAA", "22");
    assert!(scene.picker.endgame());
    assert_eq!(scene.pick('b', "xx", 2), "x aA##");
    assert!(scene.picked.iter().all(|p| p.strategy == Strategy::Endgame));
    assert_eq!(scene.pick('c', "xx", 2), "x a#2#", "those with the fewest askers first");
    assert_eq!(scene.pick('a', "xx", 4), "x a223", "never twice from the same peer");
    assert_eq!(scene.pick('d', "xx", 4), "x a##3", "three askers at most");
}

#[test]
fn a_peer_with_enough_to_send_gets_no_blocks_of_others_in_the_endgame() {
    let mut scene = Scene::new("x AAAA BBB. x", "2222");
    assert_eq!(scene.pick('b', "xxxx", 9), "x AAAA BBB# x", "four in flight are enough");
    assert_eq!(scene.pick('c', "xxxx", 9).matches('#').count(), 4);
}

#[test]
fn there_is_no_endgame_while_a_block_is_free_or_a_piece_unopened() {
    assert!(!Scene::new("x AAA.", "22").picker.endgame());
    assert!(!Scene::new("x AAAA -", "222").picker.endgame());
    assert!(!Scene::new("x aaaa", "22").picker.endgame(), "nothing in flight");
    assert!(Scene::new("x AAAA", "22").picker.endgame());
}

#[test]
fn the_first_to_deliver_wins_and_the_others_are_cancelled() {
    let mut scene = Scene::new("aaaA", "2");
    scene.pick('b', "x", 1);
    scene.pick('c', "x", 1);
    assert_eq!(scene.picture(), "aaa3");
    assert_eq!(scene.receive('b', 0, 3), Arrival::New { piece_done: true, cancel: vec![conn('a'), conn('c')] });
    assert_eq!(scene.picture(), "aaab");
    assert_eq!(scene.picker.in_flight(conn('a')), 0);
    assert_eq!(scene.receive('a', 0, 3), Arrival::Late, "the cancel crossed the block");
    assert_eq!(scene.receive('a', 0, 3), Arrival::Unrequested, "but that was the only one owed");
    scene.picker.verified(PieceIndex(0));
    assert_eq!(scene.receive('c', 0, 3), Arrival::Late);
}

#[test]
fn a_block_that_was_never_asked_for_is_unrequested() {
    let mut scene = Scene::new("x A... -", "222");
    assert_eq!(scene.receive('b', 1, 0), Arrival::Unrequested);
    assert_eq!(scene.receive('a', 1, 1), Arrival::Unrequested);
    assert_eq!(scene.receive('a', 2, 0), Arrival::Unrequested);
    let Block { piece, offset, .. } = block(1, 0);
    let short = Block { piece, offset, length: 7 };
    assert_eq!(scene.picker.received(conn('a'), short), Arrival::Unrequested);
    assert_eq!(scene.picture(), "x A... -");
}

#[test]
fn a_lost_request_makes_the_block_free_again() {
    let mut scene = Scene::new("x aAA. -", "111");
    scene.picker.released(conn('a'), block(1, 1));
    assert_eq!(scene.picture(), "x a.A. -");
    assert_eq!(scene.pick('b', "xxx", 1), "x a#A. -");
    scene.picker.released(conn('a'), block(1, 1));
    assert_eq!(scene.picture(), "x aBA. -", "said twice, it changes nothing");
}

#[test]
fn a_block_given_up_and_yet_delivered_is_welcome_while_it_is_missing() {
    let mut scene = Scene::new("x aAA. A...", "111");
    scene.picker.released(conn('a'), block(1, 1));
    scene.pick('b', "xxx", 1);
    assert_eq!(scene.receive('a', 1, 1), Arrival::New { piece_done: false, cancel: vec![conn('b')] });
    scene.picker.released(conn('a'), block(2, 0));
    assert_eq!(scene.picture(), "x aaA. -");
    assert_eq!(scene.receive('a', 2, 0), Arrival::New { piece_done: false, cancel: vec![] });
    assert_eq!(scene.picture(), "x aaA. a...");
}

#[test]
fn a_peer_that_goes_gives_all_its_blocks_back_in_the_order_they_were_asked() {
    let mut scene = Scene::new("x x x x aA.. BB.. - -", "22222222");
    scene.pick('b', "....xxxx", 3);
    let lost = scene.picker.released_all(conn('b'));
    assert_eq!(lost[..2], [block(5, 0), block(5, 1)]);
    assert_eq!(lost.len(), 5);
    assert_eq!(scene.picture(), "x x x x aA.. - - -");
    assert_eq!(scene.picker.in_flight(conn('b')), 0);
    assert_eq!(scene.receive('b', 5, 0), Arrival::Unrequested);
}

#[test]
fn a_slow_peers_blocks_may_be_asked_elsewhere_and_are_welcome_when_they_come() {
    let mut scene = Scene::new("x x x x aAA. -", "222221");
    assert_eq!(scene.picker.timed_out(conn('a')), [block(4, 1), block(4, 2)]);
    assert_eq!(scene.pick('b', "....x.", 1), "x x x x a#.. -");
    assert_eq!(scene.receive('a', 4, 1), Arrival::New { piece_done: false, cancel: vec![conn('b')] });
    assert_eq!(scene.receive('a', 4, 2), Arrival::New { piece_done: false, cancel: vec![] });
    assert_eq!(scene.picture(), "x x x x aaa. -");
}

#[test]
fn a_piece_of_which_nothing_came_takes_its_place_by_rarity_again() {
    let mut scene = Scene::new("x x x x A... - -", "2222311");
    scene.picker.released(conn('a'), block(4, 0));
    assert_eq!(scene.picture(), "x x x x - - -");
    scene.pick('b', "xxxxxxx", 1);
    assert_ne!(scene.picked[0].block.piece, PieceIndex(4), "it is not the rarest");
}

#[test]
fn a_failed_piece_is_missing_again_but_rests_until_it_is_reopened() {
    let mut scene = Scene::new("x aabb -", "111");
    let senders = scene.picker.failed(PieceIndex(1));
    let [a, b] = [conn('a'), conn('b')];
    assert_eq!(senders, [(block(1, 0), a), (block(1, 1), a), (block(1, 2), b), (block(1, 3), b)]);
    assert_eq!(scene.picker.missing_blocks(), 8);
    assert_eq!(scene.pick('c', ".x.", 9), "x aabb -");
    scene.picker.reopen(PieceIndex(1));
    assert_eq!(scene.pick('c', ".x.", 2), "x ##.. -");
    scene.picker.reopen(PieceIndex(1));
    assert_eq!(scene.picture(), "x CC.. -", "said twice, it changes nothing");
}

#[test]
fn a_failed_piece_is_fetched_from_one_peer_at_a_time() {
    let mut scene = Scene::new("x x x x aabb - -", "2222222");
    scene.picker.failed(PieceIndex(4));
    scene.picker.reopen(PieceIndex(4));
    assert_eq!(scene.pick('c', "xxxxxxx", 2), "x x x x ##.. - -");
    assert_eq!(scene.pick('d', "....xx.", 1), "x x x x CC.. #... -");
    assert_eq!(scene.pick('c', "....x..", 1), "x x x x CC#. D... -");
    scene.picker.released_all(conn('c'));
    assert_eq!(scene.pick('d', "....x..", 2), "x x x x ##.. D... -");
}

#[test]
fn a_lonely_piece_is_not_shared_in_the_endgame_either() {
    let mut scene = Scene::new("x aabb", "22");
    scene.picker.failed(PieceIndex(1));
    scene.picker.reopen(PieceIndex(1));
    scene.pick('c', "xx", 4);
    assert!(scene.picker.endgame());
    assert_eq!(scene.pick('d', "xx", 4), "x CCCC");
}

#[test]
fn pieces_found_on_disk_are_never_asked_for() {
    let mut scene = Scene::new("- - A... -", "1111");
    scene.picker.verified(PieceIndex(0));
    scene.picker.verified(PieceIndex(2));
    assert_eq!(scene.picture(), "x - x -");
    assert_eq!(scene.picker.in_flight(conn('a')), 0);
    assert_eq!(scene.pick('b', "xxxx", 99).replace('x', ""), " ####  ####");
    assert_eq!(scene.picker.missing_blocks(), 8);
}

#[test]
fn availability_follows_who_comes_gains_and_goes() {
    let mut picker = Picker::new(BLOCK_SIZE, ByteCount(3 * 16_384), PieceSet::empty(3), Picking::RarestFirst);
    let all = |p: &Picker| [0, 1, 2].map(|i| p.availability(PieceIndex(i)));
    picker.peer_has_set(&set("x.."));
    picker.peer_has_set(&set("xxx"));
    assert_eq!(all(&picker), [2, 1, 1]);
    assert!(picker.copies_out(), "a complete peer has a copy");
    picker.peer_has(PieceIndex(1));
    picker.peer_has(PieceIndex(2));
    assert_eq!(all(&picker), [2, 2, 2]);
    picker.peer_left(&set("xxx"));
    picker.peer_left(&set("xxx"));
    assert_eq!(all(&picker), [0, 0, 0]);
    assert!(!picker.copies_out());
    picker.peer_has_set(&set("x.x"));
    assert!(!picker.copies_out());
    picker.peer_has_set(&set(".x."));
    assert!(picker.copies_out(), "between them they have a copy");
}

#[test]
fn a_peer_interests_us_while_it_has_what_we_lack() {
    let scene = Scene::new("x - x", "111");
    assert!(scene.picker.interesting(&set("xx.")));
    assert!(!scene.picker.interesting(&set("x.x")));
}

#[test]
fn an_empty_torrent_has_nothing_to_pick() {
    let mut picker = Picker::new(BLOCK_SIZE, ByteCount::ZERO, PieceSet::empty(0), Picking::RarestFirst);
    assert!(picker.pick(conn('a'), &PieceSet::empty(0), &[], 9, &mut Rng::from_seed(1)).is_empty());
    assert!(!picker.endgame());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_run_of_facts_keeps_the_picker_honest_and_ends_with_all_pieces(
        seed: u64,
        sequential: bool,
        blocks_per_piece in 1u32..6,
        tail in 1u64..=16_384,
        steps in prop::collection::vec((0u8..10, 0u8..5, 0u8..255), 0..150),
    ) {
        let picking = if sequential { Picking::Sequential } else { Picking::RarestFirst };
        let mut storm = Storm::new(seed, picking, blocks_per_piece, tail);
        for (what, who, luck) in steps {
            storm.step(what, who, luck.into());
            storm.check();
        }
        storm.finish();
    }
}

/// A picker in a drawn state.
struct Scene {
    picker: Picker,
    rng: Rng,
    suggested: Vec<PieceIndex>,
    picked: Vec<Pick>,
}

impl Scene {
    /// `peers` is how many peers have each piece.
    fn new(drawing: &str, peers: &str) -> Self {
        let pieces: Vec<&str> = drawing.split(' ').collect();
        let count = pieces.len() as u32;
        let mut have = PieceSet::empty(count);
        pieces.iter().zip(0..).filter(|(p, _)| **p == "x").for_each(|(_, i)| _ = have.insert(PieceIndex(i)));
        let total = ByteCount(u64::from(count) * 4 * u64::from(BLOCK_SIZE));
        let picker = Picker::new(4 * BLOCK_SIZE, total, have, Picking::RarestFirst);
        let mut scene = Self { picker, rng: Rng::from_seed(7), suggested: vec![], picked: vec![] };
        for level in 1..=9 {
            let has = |c: char| if c.to_digit(10).unwrap() >= level { 'x' } else { '.' };
            let theirs = set(&peers.chars().map(has).collect::<String>());
            if !theirs.is_empty() {
                scene.picker.peer_has_set(&theirs);
            }
        }
        for (i, piece) in pieces.iter().enumerate().filter(|(_, p)| p.len() > 1) {
            scene.begin(i as u32, piece);
        }
        scene
    }

    /// Asks for each block in its turn, those drawn free from a peer that then leaves.
    fn begin(&mut self, piece: u32, drawing: &str) {
        let mut only = PieceSet::empty(self.picker.have().len());
        only.insert(PieceIndex(piece));
        for c in drawing.chars() {
            self.picker.pick(conn(c.to_ascii_lowercase()), &only, &[], 1, &mut self.rng);
        }
        for (i, c) in drawing.chars().enumerate().filter(|(_, c)| c.is_lowercase()) {
            assert!(matches!(self.receive(c, piece, i as u32), Arrival::New { .. }));
        }
        self.picker.released_all(conn('.'));
    }

    fn seed(mut self, seed: u64) -> Self {
        self.rng = Rng::from_seed(seed);
        self
    }

    fn suggesting(mut self, pieces: &[u32]) -> Self {
        self.suggested = pieces.iter().copied().map(PieceIndex).collect();
        self
    }

    fn sequential(mut self) -> Self {
        self.picker.set_picking(Picking::Sequential);
        self
    }

    fn pick(&mut self, who: char, theirs: &str, want: usize) -> String {
        self.picked = self.picker.pick(conn(who), &set(theirs), &self.suggested, want, &mut self.rng);
        self.picture_with(&self.picked)
    }

    fn receive(&mut self, who: char, piece: u32, index: u32) -> Arrival {
        self.picker.received(conn(who), block(piece, index))
    }

    fn picture(&self) -> String {
        self.picture_with(&[])
    }

    fn picture_with(&self, picked: &[Pick]) -> String {
        let count = self.picker.have().len();
        (0..count).map(|i| self.piece_picture(PieceIndex(i), picked)).collect::<Vec<_>>().join(" ")
    }

    fn piece_picture(&self, piece: PieceIndex, picked: &[Pick]) -> String {
        if self.picker.have().has(piece) {
            return "x".into();
        }
        let Some(partial) = self.picker.begun.get(&piece) else { return "-".into() };
        let mut picture = vec!['.'; 4];
        for (i, conn) in partial.senders() {
            picture[i] = char::from(conn.0 as u8);
        }
        for (i, conn) in partial.asked() {
            picture[i] = match picture[i] {
                '.' => char::from(conn.0 as u8).to_ascii_uppercase(),
                '2' => '3',
                _ => '2',
            };
        }
        for pick in picked.iter().filter(|p| p.block.piece == piece) {
            picture[index_of(pick.block)] = '#';
        }
        picture.into_iter().collect()
    }
}

/// A picker beside a plain model of what it should hold, under a random run of facts.
struct Storm {
    picker: Picker,
    rng: Rng,
    /// What each of the connected peers has.
    peers: BTreeMap<ConnId, PieceSet>,
    asked: BTreeMap<Block, BTreeSet<ConnId>>,
    there: BTreeMap<Block, ConnId>,
    /// Given up or cancelled, each as often as it was asked for.
    lapsed: Vec<(ConnId, Block)>,
    whole: BTreeSet<PieceIndex>,
    failed: BTreeSet<PieceIndex>,
}

impl Storm {
    const PIECES: u32 = 9;

    fn new(seed: u64, picking: Picking, blocks_per_piece: u32, tail: u64) -> Self {
        let piece_length = blocks_per_piece * BLOCK_SIZE - 100;
        let total = ByteCount(u64::from(piece_length) * u64::from(Self::PIECES - 1) + tail.min(piece_length.into()));
        let picker = Picker::new(piece_length, total, PieceSet::empty(Self::PIECES), picking);
        Self {
            picker,
            rng: Rng::from_seed(seed),
            peers: BTreeMap::new(),
            asked: BTreeMap::new(),
            there: BTreeMap::new(),
            lapsed: Vec::new(),
            whole: BTreeSet::new(),
            failed: BTreeSet::new(),
        }
    }

    fn step(&mut self, what: u8, who: u8, luck: u64) {
        let conn = ConnId(who.into());
        if !self.peers.contains_key(&conn) {
            return self.join(conn);
        }
        match what {
            0..3 => self.pick(conn, luck as usize % 12),
            3..6 => self.deliver(conn, luck),
            6 => self.gain(conn, PieceIndex(luck as u32 % Self::PIECES)),
            7 => self.lose(conn, luck),
            8 if luck.is_multiple_of(4) => self.leave(conn),
            8 => self.deliver_late(conn, luck),
            _ => self.judge(luck),
        }
    }

    fn join(&mut self, conn: ConnId) {
        let mut theirs = PieceSet::empty(Self::PIECES);
        let odds = self.rng.below(4);
        (0..Self::PIECES).filter(|_| self.rng.chance(odds, 3)).for_each(|p| _ = theirs.insert(PieceIndex(p)));
        self.picker.peer_has_set(&theirs);
        self.peers.insert(conn, theirs);
    }

    fn gain(&mut self, conn: ConnId, piece: PieceIndex) {
        if self.peers.get_mut(&conn).unwrap().insert(piece) {
            self.picker.peer_has(piece);
        }
    }

    fn leave(&mut self, conn: ConnId) {
        let theirs = self.peers.remove(&conn).unwrap();
        self.picker.peer_left(&theirs);
        let lost: BTreeSet<Block> = self.picker.released_all(conn).into_iter().collect();
        assert_eq!(lost, self.in_flight(conn));
        for block in lost {
            self.no_longer_asked(conn, block);
        }
        self.lapsed.retain(|&(c, _)| c != conn);
    }

    fn pick(&mut self, conn: ConnId, want: usize) {
        let theirs = self.peers[&conn].clone();
        let picks = self.picker.pick(conn, &theirs, &[], want, &mut self.rng);
        assert!(picks.len() <= want);
        for pick in picks {
            let block = pick.block;
            assert!(theirs.has(block.piece), "{block}: the peer lacks it");
            assert!(!self.there.contains_key(&block), "{block}: it is there");
            assert!(!self.picker.have().has(block.piece) && !self.failed.contains(&block.piece));
            assert_eq!(pick.availability, self.peers.values().filter(|p| p.has(block.piece)).count() as u32);
            let askers = self.asked.entry(block).or_default();
            assert_eq!(pick.strategy == Strategy::Endgame, !askers.is_empty(), "{block}: who else is asked?");
            assert!(askers.insert(conn) && askers.len() <= ASKERS_MAX, "{block}: {askers:?}");
            let fresh = |b: &&Block| b.piece == block.piece && **b != block;
            let begun = self.asked.keys().find(fresh).or_else(|| self.there.keys().find(fresh)).is_some();
            assert!(!pick.opened || !begun, "{block}: its piece was open already");
        }
    }

    fn deliver(&mut self, conn: ConnId, luck: u64) {
        let in_flight: Vec<Block> = self.in_flight(conn).into_iter().collect();
        if let Some(&block) = in_flight.get(luck as usize % in_flight.len().max(1)) {
            self.asked.get_mut(&block).unwrap().remove(&conn);
            self.arrives(conn, block);
        }
    }

    fn deliver_late(&mut self, conn: ConnId, luck: u64) {
        let owed: Vec<Block> = self.lapsed.iter().filter(|l| l.0 == conn).map(|l| l.1).collect();
        let Some(&block) = owed.get(luck as usize % owed.len().max(1)) else { return };
        let late = self.picker.have().has(block.piece)
            || self.failed.contains(&block.piece)
            || self.there.contains_key(&block);
        if self.in_flight(conn).contains(&block) {
            return; // that is an ordinary delivery
        }
        self.take_lapsed(conn, block);
        if late {
            assert_eq!(self.picker.received(conn, block), Arrival::Late);
        } else {
            self.arrives(conn, block);
        }
    }

    /// A block that is missing comes.
    fn arrives(&mut self, conn: ConnId, block: Block) {
        let others: Vec<ConnId> = self.asked.remove(&block).unwrap_or_default().into_iter().collect();
        let Arrival::New { piece_done, mut cancel } = self.picker.received(conn, block) else {
            panic!("{block} was missing and asked for");
        };
        cancel.sort_unstable();
        assert_eq!(cancel, others, "{block}: exactly the others are cancelled");
        self.lapsed.extend(others.into_iter().map(|other| (other, block)));
        self.there.insert(block, conn);
        assert_eq!(piece_done, self.blocks_of(block.piece).iter().all(|b| self.there.contains_key(b)));
        if piece_done {
            self.whole.insert(block.piece);
        }
        let again = if self.take_lapsed(conn, block) { Arrival::Late } else { Arrival::Unrequested };
        assert_eq!(self.picker.received(conn, block), again, "{block}: a second time");
    }

    fn take_lapsed(&mut self, conn: ConnId, block: Block) -> bool {
        let found = self.lapsed.iter().position(|&lapsed| lapsed == (conn, block));
        found.map(|i| self.lapsed.swap_remove(i)).is_some()
    }

    fn lose(&mut self, conn: ConnId, luck: u64) {
        let in_flight: Vec<Block> = self.in_flight(conn).into_iter().collect();
        if let Some(&block) = in_flight.get(luck as usize % in_flight.len().max(1)) {
            self.picker.released(conn, block);
            self.no_longer_asked(conn, block);
            self.lapsed.push((conn, block));
        }
    }

    fn no_longer_asked(&mut self, conn: ConnId, block: Block) {
        let askers = self.asked.get_mut(&block).unwrap();
        askers.remove(&conn);
        if askers.is_empty() {
            self.asked.remove(&block);
        }
    }

    /// A whole piece is hashed, or a failed one reopened.
    fn judge(&mut self, luck: u64) {
        if let Some(piece) = self.failed.pop_first() {
            return self.picker.reopen(piece);
        }
        let Some(piece) = self.whole.pop_first() else { return };
        let senders: Vec<(Block, ConnId)> =
            self.there.iter().filter(|t| t.0.piece == piece).map(|(b, c)| (*b, *c)).collect();
        if !luck.is_multiple_of(3) {
            let sent: u32 = self.picker.contributors(piece).iter().map(|c| c.1).sum();
            assert_eq!(sent, self.picker.piece_size(piece));
            return self.picker.verified(piece);
        }
        assert_eq!(self.picker.failed(piece), senders);
        self.there.retain(|block, _| block.piece != piece);
        self.failed.insert(piece);
    }

    /// A block is had, there, asked for or free, never two; and all the counts agree.
    fn check(&self) {
        let missing: Vec<Block> = (0..Self::PIECES)
            .map(PieceIndex)
            .filter(|&piece| !self.picker.have().has(piece))
            .flat_map(|piece| self.blocks_of(piece))
            .filter(|block| !self.there.contains_key(block))
            .collect();
        assert!(self.asked.keys().all(|block| missing.contains(block)));
        assert_eq!(self.picker.missing_blocks() as usize, missing.len());
        assert_eq!(self.picker.left(), missing.iter().map(|b| ByteCount(b.length.into())).sum());
        let endgame = !self.asked.is_empty()
            && missing.iter().all(|b| self.asked.contains_key(b) || self.failed.contains(&b.piece));
        assert_eq!(self.picker.endgame(), endgame);
        for conn in self.peers.keys() {
            assert_eq!(self.picker.in_flight(*conn), self.in_flight(*conn).len());
        }
        for piece in (0..Self::PIECES).map(PieceIndex) {
            let has = self.peers.values().filter(|theirs| theirs.has(piece)).count();
            assert_eq!(self.picker.availability(piece) as usize, has);
        }
    }

    /// Every peer gets every piece, nothing is lost or wrong any more: the torrent completes.
    fn finish(&mut self) {
        self.join_all();
        for _ in 0..100 {
            for conn in self.peers.keys().copied().collect::<Vec<_>>() {
                self.pick(conn, 8);
                while !self.in_flight(conn).is_empty() {
                    self.deliver(conn, 0);
                }
                self.judge(1);
                self.check();
            }
        }
        assert!(self.picker.have().is_full(), "{:?}", self.picker);
        assert_eq!((self.picker.missing_blocks(), self.picker.left()), (0, ByteCount::ZERO));
    }

    fn join_all(&mut self) {
        for conn in (0..5).map(ConnId) {
            if !self.peers.contains_key(&conn) {
                self.join(conn);
            }
            (0..Self::PIECES).for_each(|piece| self.gain(conn, PieceIndex(piece)));
        }
    }

    fn in_flight(&self, conn: ConnId) -> BTreeSet<Block> {
        self.asked.iter().filter(|(_, askers)| askers.contains(&conn)).map(|(block, _)| *block).collect()
    }

    fn blocks_of(&self, piece: PieceIndex) -> Vec<Block> {
        let size = self.picker.piece_size(piece);
        (0..size.div_ceil(BLOCK_SIZE) as usize).map(|i| block_at(piece, size, i)).collect()
    }
}

fn conn(letter: char) -> ConnId {
    ConnId(letter as u64)
}

fn block(piece: u32, index: u32) -> Block {
    Block { piece: PieceIndex(piece), offset: BlockOffset(index * BLOCK_SIZE), length: BLOCK_SIZE }
}

fn set(drawing: &str) -> PieceSet {
    let mut set = PieceSet::empty(drawing.len() as u32);
    drawing.chars().zip(0..).filter(|(c, _)| *c == 'x').for_each(|(_, i)| _ = set.insert(PieceIndex(i)));
    set
}
