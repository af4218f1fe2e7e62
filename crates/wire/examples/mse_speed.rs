//! How fast encryption is here: `cargo run --release -p swarmlab-wire --example mse_speed`. One core; the best of
//! several rounds counts, because whatever else runs can only make it slower.
#![expect(clippy::disallowed_types, reason = "what measures time reads a clock")]

use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use model::{InfoHash, Rng};
use swarmlab_wire::mse::{Dice, Initiator, Methods, Progress, Rc4, Responder, SkeyTable};

fn main() {
    let mut rc4 = Rc4::new(b"a key of 20 bytes...");
    let mut block = vec![0; BLOCK];
    let rate = best_rate(2_000, || rc4.apply(black_box(&mut block))) * BLOCK as f64;
    println!("RC4                {:>7.0} MB/s in blocks of {BLOCK} bytes, {:.2} s a GiB", rate / 1e6, GIB / rate);

    let mut textbook = Textbook::new(b"a key of 20 bytes...");
    let rate = best_rate(2_000, || textbook.apply(black_box(&mut block))) * BLOCK as f64;
    println!("RC4, textbook form {:>7.0} MB/s", rate / 1e6);

    let skeys: SkeyTable = (0..=255).map(|n| InfoHash([n; 20])).collect();
    let mut rng = Rng::from_seed(1);
    let rate = best_rate(200, || shake_hands(&mut rng, &skeys));
    println!("handshakes         {rate:>7.0} a second, both roles on this core");
}

/// Runs a second of the best of seven rounds.
fn best_rate(count: u32, mut run: impl FnMut()) -> f64 {
    let mut round = || {
        let start = Instant::now();
        (0..count).for_each(|_| run());
        f64::from(count) / start.elapsed().as_secs_f64()
    };
    (0..7).map(|_| round()).fold(0.0, f64::max)
}

fn shake_hands(rng: &mut Rng, skeys: &SkeyTable) {
    let mut a = Initiator::new(Dice::draw(rng), InfoHash([7; 20]), Methods::ALL, Bytes::from_static(&[0; 68]));
    let mut b = Responder::new(Dice::draw(rng), Methods::ALL);
    let (mut to_a, mut to_b) = (BytesMut::new(), BytesMut::new());
    loop {
        while let Some(out) = a.take_output() {
            to_b.extend_from_slice(&out);
        }
        let b_is_done = matches!(b.receive(&mut to_b, skeys), Ok(Progress::Done(_)));
        while let Some(out) = b.take_output() {
            to_a.extend_from_slice(&out);
        }
        let a_is_done = matches!(a.receive(&mut to_a), Ok(Progress::Done(_)));
        if b_is_done {
            assert!(a_is_done, "one side is done alone");
            return;
        }
    }
}

/// RC4 as it is usually written down.
struct Textbook {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Textbook {
    fn new(key: &[u8]) -> Self {
        let mut state = std::array::from_fn(|n| n as u8);
        let mut j = 0u8;
        for (i, byte) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[i]).wrapping_add(*byte);
            state.swap(i, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    fn apply(&mut self, data: &mut [u8]) {
        let state = &mut self.state;
        for byte in data {
            self.i = self.i.wrapping_add(1);
            let x = state[usize::from(self.i)];
            self.j = self.j.wrapping_add(x);
            let y = state[usize::from(self.j)];
            state.swap(usize::from(self.i), usize::from(self.j));
            *byte ^= state[usize::from(x.wrapping_add(y))];
        }
    }
}

const BLOCK: usize = 16 * 1024;
const GIB: f64 = (1u64 << 30) as f64;
