//! Real MSE handshakes, made by the machines of `wire`, as a provider sees them.

use bytes::{Bytes, BytesMut};
use model::{InfoHash, Rng};
use wire::mse::{Cipher, Dice, Initiator, Methods, Progress, Responder, SkeyTable};

use super::*;
use crate::{Classifier, count_kin, decoys};

#[test]
fn encryption_beats_the_signature_and_not_the_shape() {
    let flows: Vec<(Flow, bool)> = (0..200).map(|seed| (encrypted(seed, RC4), true)).collect();
    let tally = |classifier: Classifier| classifier.tally(flows.iter().map(|(flow, is)| (flow, *is)));
    assert_eq!((tally(Classifier::Signature).caught, tally(Classifier::Signature).missed), (0, 200));
    assert_eq!((tally(Classifier::Shape).caught, tally(Classifier::Shape).missed), (200, 0));
}

#[test]
fn a_handshake_buried_behind_an_encrypted_header_is_found_where_it_stands() {
    for seed in 0..50 {
        let flow = encrypted(seed, HEADER_ONLY);
        let score = shape(&flow);
        let at = flow.front(End::Dialled).windows(20).position(|window| window == HANDSHAKE).unwrap();
        assert!(
            score.reasons.iter().any(|reason| reason.what.contains(&format!("{at} bytes further in"))),
            "{score:?}"
        );
        assert!(!Classifier::Signature.suspects(&flow));
    }
}

#[test]
fn what_shows_itself_as_something_else_is_believed() {
    for decoy in decoys().iter().filter(|decoy| ["tls", "ssh", "http"].contains(&decoy.kind)) {
        let mut flow = decoy.flow.clone();
        flow.met_a_tracker = true; // who uses a tracker reads web pages too
        assert!(!shape(&flow).suspects(), "{}: {:?}", decoy.kind, shape(&flow));
    }
}

#[test]
fn a_key_that_nobody_answered_needs_company_to_be_suspect() {
    let mut rng = Rng::from_seed(1);
    let mut front = vec![0; 300];
    rng.fill(&mut front);
    let flow = Flow { fronts: [front, Vec::new()], chunks: vec![(End::Dialler, 300)], ..Flow::default() };
    assert_eq!(shape(&flow).reasons, []);
    let known = Flow { met_a_tracker: true, ..flow };
    assert_eq!((shape(&known).points(), shape(&known).suspects()), (25, false));
}

#[test]
fn requests_keep_their_size_under_encryption() {
    let mut flow = encrypted(3, RC4);
    assert!(!noticed(&flow, "multiple of 17"));
    for _ in 0..6 {
        flow.chunks.extend([(End::Dialler, 34), (End::Dialled, 16_397)]);
    }
    assert!(noticed(&flow, "6 of 6 short messages"), "{:?}", shape(&flow));
}

#[test]
fn many_flows_alike_weigh_on_each_of_them() {
    let mut flows: Vec<Flow> = (0..3)
        .map(|seed| Flow { hosts: ["alice".to_owned(), format!("peer {seed}")], ..encrypted(seed, RC4) })
        .collect();
    count_kin(&mut flows[..2]);
    assert!(!noticed(&flows[0], "begin like this"));
    count_kin(&mut flows);
    assert!(flows.iter().all(|flow| flow.kin == 3 && noticed(flow, "with 3 hosts")), "{flows:?}");
}

#[test]
fn whatever_crosses_is_judged_without_a_panic() {
    let mut rng = Rng::from_seed(11);
    for _ in 0..2_000 {
        let fronts = [0, 1].map(|_| {
            let mut front = vec![0; rng.below(2_100) as usize];
            rng.fill(&mut front);
            if rng.chance(1, 2) {
                let at = rng.below(front.len() as u64 + 1) as usize;
                front.splice(at..at, HANDSHAKE.iter().copied());
            }
            front
        });
        let chunk = |rng: &mut Rng| {
            (if rng.chance(1, 2) { End::Dialler } else { End::Dialled }, rng.next_u32() >> rng.below(32))
        };
        let chunks = (0..rng.below(130)).map(|_| chunk(&mut rng)).collect();
        let flow =
            Flow { fronts, chunks, kin: rng.below(5) as usize, met_a_tracker: rng.chance(1, 2), ..Flow::default() };
        let score = shape(&flow);
        assert!(score.points().abs() <= 1_000 && score.reasons.iter().all(|reason| !reason.what.is_empty()));
    }
}

fn noticed(flow: &Flow, what: &str) -> bool {
    shape(flow).reasons.iter().any(|reason| reason.what.contains(what))
}

const RC4: Methods = Methods { rc4: true, plaintext: false };
const HEADER_ONLY: Methods = Methods { rc4: false, plaintext: true };

/// The start of a connection with MSE: the machines talk, then the side that was dialled shakes hands.
fn encrypted(seed: u64, methods: Methods) -> Flow {
    let mut rng = Rng::from_seed(seed);
    let skey = InfoHash([7; 20]);
    let mut skeys = SkeyTable::new();
    skeys.insert(skey);
    let handshake = [HANDSHAKE, &[0; 48]].concat();
    let mut dialler = Initiator::new(Dice::draw(&mut rng), skey, methods, Bytes::from(handshake.clone()));
    let mut dialled = Responder::new(Dice::draw(&mut rng), methods);
    let mut flow = Flow::default();
    let (mut to_dialler, mut to_dialled) = (BytesMut::new(), BytesMut::new());
    for _ in 0..8 {
        while let Some(bytes) = dialler.take_output() {
            say(&mut flow, End::Dialler, &bytes, &mut to_dialled);
        }
        let done = dialled.receive(&mut to_dialled, &skeys).unwrap();
        while let Some(bytes) = dialled.take_output() {
            say(&mut flow, End::Dialled, &bytes, &mut to_dialler);
        }
        if let Progress::Done(mut secured) = done {
            assert_eq!(secured.cipher == Cipher::Rc4, methods.rc4);
            let mut answer = handshake;
            if let Some(key) = &mut secured.send {
                key.apply(&mut answer);
            }
            say(&mut flow, End::Dialled, &answer, &mut to_dialler);
            return flow;
        }
        assert!(matches!(dialler.receive(&mut to_dialler).unwrap(), Progress::Wants));
    }
    panic!("seed {seed}: the machines did not finish");
}

fn say(flow: &mut Flow, end: End, bytes: &[u8], to: &mut BytesMut) {
    flow.fronts[end as usize].extend_from_slice(bytes);
    flow.chunks.push((end, bytes.len() as u32));
    to.extend_from_slice(bytes);
}
