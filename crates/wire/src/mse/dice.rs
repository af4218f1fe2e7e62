//! All the chance of one handshake, so that the machines roll no die.

use std::fmt;

use model::Rng;
use sha1::{Digest, Sha1};

use super::{PADDING_BYTES_MAX, Rc4};

/// What one side draws for one handshake.
#[derive(Clone, PartialEq, Eq)]
pub struct Dice {
    /// The private key: 160 bits, as the specification advises.
    pub secret: [u8; 20],
    /// PadA or PadB: at most [`PADDING_BYTES_MAX`] bytes of noise after the public key.
    pub pad: Vec<u8>,
    /// Bytes of PadC or PadD, at most [`PADDING_BYTES_MAX`]. They are zero before encryption.
    pub pad_last: u16,
}

impl Dice {
    /// Draws from `rng`, which should have no other use.
    ///
    /// [`Rng`] is no generator for secrets: who sees a few of its numbers can compute the rest, and the padding
    /// crosses in the open. So none of them leaves here as it is: the key is a hash of what was drawn, and the
    /// padding a keystream from another. What remains is the seed, 64 bits: from the operating system in a
    /// peer of its own, written in the plan of a lab, where everybody may compute everybody's keys.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut drawn = [0; 32];
        rng.fill(&mut drawn);
        let part = |name: &[u8]| -> [u8; 20] { Sha1::new().chain_update(name).chain_update(drawn).finalize().into() };
        let mut noise = Rc4::new(&part(b"padding"));
        noise.discard(1024);
        let mut length = || {
            let mut bytes = [0; 4];
            noise.apply(&mut bytes);
            (u32::from_le_bytes(bytes) % (u32::from(PADDING_BYTES_MAX) + 1)) as u16
        };
        let (pad, pad_last) = (length(), length());
        let mut pad = vec![0; usize::from(pad)];
        noise.apply(&mut pad);
        Self { secret: part(b"key"), pad, pad_last }
    }

    /// # Panics
    /// When a padding is longer than the protocol has room for.
    pub(super) fn check(&self) {
        let longest = self.pad.len().max(usize::from(self.pad_last));
        assert!(longest <= usize::from(PADDING_BYTES_MAX), "a padding of {longest} bytes in the dice");
    }
}

/// Shows no secret: what is printed may end in a log.
impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dice {{ pad: {} bytes, pad_last: {} bytes, .. }}", self.pad.len(), self.pad_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_use_the_whole_room_for_padding_and_no_more() {
        let mut rng = Rng::from_seed(5);
        let drawn: Vec<Dice> = (0..20_000).map(|_| Dice::draw(&mut rng)).collect();
        let lengths = drawn.iter().map(|dice| (dice.pad.len() as u16, dice.pad_last));
        let (pads, lasts): (Vec<u16>, Vec<u16>) = lengths.unzip();
        for lengths in [pads, lasts] {
            assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&0), Some(&512)));
        }
        assert_ne!(drawn[0].secret, drawn[1].secret);
    }

    #[test]
    fn what_crosses_in_the_open_holds_no_number_of_the_generator() {
        let mut rng = Rng::from_seed(7);
        let mut numbers = rng.clone();
        let drawn: Vec<Dice> = (0..50).map(|_| Dice::draw(&mut rng)).collect();
        for _ in 0..1_000 {
            let number = numbers.next_u64().to_le_bytes();
            let shows = |dice: &Dice| dice.pad.windows(8).any(|bytes| bytes == number);
            assert!(!drawn.iter().any(shows), "with four of them in a row, all others could be computed");
        }
    }

    #[test]
    fn dice_do_not_print_their_secret() {
        let dice = Dice { secret: [0xab; 20], pad: vec![0xcd; 3], pad_last: 4 };
        assert_eq!(format!("{dice:?}"), "Dice { pad: 3 bytes, pad_last: 4 bytes, .. }");
    }
}
