//! All the chance of one handshake, so that the machines roll no die.

use std::fmt;

use model::Rng;

use super::PADDING_BYTES_MAX;

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
    /// Draws from `rng`.
    ///
    /// [`Rng`] is no generator for secrets: who sees enough of its numbers can compute the rest,
    /// and the padding is 512 such bytes in the open. Seeded by the operating system it is
    /// as good as this protocol's purpose, which is to look like noise to who inspects traffic; an
    /// opponent that would rather compute keys needs no broken die, it needs the info-hash.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut secret = [0; 20];
        rng.fill(&mut secret);
        let mut pad = vec![0; usize::from(padding_length(rng))];
        rng.fill(&mut pad);
        Self { secret, pad, pad_last: padding_length(rng) }
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

fn padding_length(rng: &mut Rng) -> u16 {
    rng.below(u64::from(PADDING_BYTES_MAX) + 1) as u16
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
    fn dice_do_not_print_their_secret() {
        let dice = Dice { secret: [0xab; 20], pad: vec![0xcd; 3], pad_last: 4 };
        assert_eq!(format!("{dice:?}"), "Dice { pad: 3 bytes, pad_last: 4 bytes, .. }");
    }
}
