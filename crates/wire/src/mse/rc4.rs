//! The RC4 stream cipher: a keystream that is xored over the payload, the same way to encrypt and
//! to decrypt. Broken as a cipher; here it is noise, and the specification's choice.

use std::fmt;

/// A keystream at some position.
///
/// Each byte of it changes the state that the next is read from, so no two are computed side by
/// side; all that can be won is the wait for memory. Hence two things beside the textbook: the
/// state's bytes are kept as 32-bit words, and the next one is fetched before two others swap,
/// and put right in the rare case that it was one of them.
#[derive(Clone)]
pub struct Rc4 {
    state: Box<[u32; 256]>,
    /// Where the next byte swaps from.
    i: u32,
    j: u32,
}

impl Rc4 {
    /// The keystream of `key` from its first byte. An empty key counts as one zero byte.
    pub fn new(key: &[u8]) -> Self {
        let mut state = Box::new(std::array::from_fn(|n| n as u32));
        let key = if key.is_empty() { &[0] } else { key };
        let mut j = 0;
        for (i, &byte) in (0..256).zip(key.iter().cycle()) {
            j = low(j + state[i] + u32::from(byte));
            state.swap(i, at(j));
        }
        Self { state, i: 1, j: 0 }
    }

    /// Skips `count` bytes of the keystream.
    pub fn discard(&mut self, count: usize) {
        for _ in 0..count {
            self.next_byte();
        }
    }

    /// Encrypts or decrypts `data` in place.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (chunks, rest) = data.as_chunks_mut::<8>();
        self.apply_chunks(chunks);
        for byte in rest {
            *byte ^= self.next_byte();
        }
    }

    fn apply_chunks(&mut self, chunks: &mut [[u8; 8]]) {
        let state = &mut *self.state;
        let (mut i, mut j) = (self.i, self.j);
        let mut x = state[at(i)];
        for chunk in chunks {
            let mut keystream = 0;
            for n in 0..8 {
                let next_i = low(i + 1);
                let early = state[at(next_i)];
                j = low(j + x);
                let y = state[at(j)];
                state[at(j)] = x;
                state[at(i)] = y;
                keystream |= u64::from(state[at(x + y)]) << (8 * n);
                // The swap put x there after `early` was read.
                x = if next_i == j { x } else { early };
                i = next_i;
            }
            *chunk = (u64::from_le_bytes(*chunk) ^ keystream).to_le_bytes();
        }
        (self.i, self.j) = (i, j);
    }

    fn next_byte(&mut self) -> u8 {
        let state = &mut *self.state;
        let x = state[at(self.i)];
        self.j = low(self.j + x);
        let y = state[at(self.j)];
        state[at(self.j)] = x;
        state[at(self.i)] = y;
        self.i = low(self.i + 1);
        state[at(x + y)] as u8
    }
}

/// Shows neither state nor position: what is printed may end in a log.
impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4(..)")
    }
}

fn low(n: u32) -> u32 {
    n & 0xff
}

fn at(n: u32) -> usize {
    low(n) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook: no word is read early.
    fn byte_by_byte(mut rc4: Rc4, count: usize) -> Vec<u8> {
        (0..count).map(|_| rc4.next_byte()).collect()
    }

    #[test]
    fn the_keystream_is_that_of_rfc_6229() {
        let mut keystream = [0; 1040];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut keystream);
        assert_eq!(keystream[..16], 0xb239_6305_f03d_c027_ccc3_524a_0a11_18a8u128.to_be_bytes());
        assert_eq!(keystream[1024..], 0x30ab_bcc7_c20b_0160_9f23_ee2d_5f6b_b7dfu128.to_be_bytes());
    }

    #[test]
    fn eight_at_a_time_is_the_same_as_one_by_one() {
        for key in 0..=255u8 {
            let rc4 = Rc4::new(&[key, 7, 99]);
            let mut fast = vec![0; 8 * 1024];
            rc4.clone().apply(&mut fast);
            assert!(fast == byte_by_byte(rc4, fast.len()), "key {key}");
        }
    }

    #[test]
    fn portions_of_any_size_continue_the_keystream() {
        let rc4 = Rc4::new(b"swarm");
        let mut whole = vec![0; 3_000];
        rc4.clone().apply(&mut whole);
        for size in [1, 3, 7, 8, 9, 16, 31, 1_000] {
            let (mut portions, mut rc4) = (vec![0; 3_000], rc4.clone());
            portions.chunks_mut(size).for_each(|portion| rc4.apply(portion));
            assert!(portions == whole, "{size} at a time");
        }
        let mut later = rc4;
        later.discard(1_024);
        assert_eq!(byte_by_byte(later, 100), whole[1_024..1_124]);
    }

    #[test]
    fn a_key_of_any_length_is_no_panic() {
        assert_eq!(byte_by_byte(Rc4::new(&[]), 9), byte_by_byte(Rc4::new(&[0]), 9));
        assert_eq!(byte_by_byte(Rc4::new(&[5; 256]), 9), byte_by_byte(Rc4::new(&[5; 300]), 9));
    }
}
