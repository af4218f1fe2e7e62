//! Do bytes look like noise? Integers only, so that the answer is the same everywhere.
//!
//! Good encryption leaves nothing to hold on to: every value is as frequent as every other. Text, numbers,
//! lengths and names are not like that. The test is Pearson's: cut each byte into two halves of four bits,
//! count how often each of the 16 values comes, and see how far the counts are from equal.

/// Fewer bytes than these prove nothing.
pub(crate) const SAMPLE_MIN: usize = 96;

/// True if the bytes are as even as noise is. Compressed data is too: nobody can tell it from encrypted data
/// by counting.
///
/// One sample of real noise in thirty million is taken for something else.
pub(crate) fn is_noise(sample: &[u8]) -> bool {
    sample.len() >= SAMPLE_MIN && unevenness(sample) <= UNEVENNESS_MAX
}

/// How far from even the halves of the bytes are: chi-square with 15 degrees of freedom, rounded down. About
/// 15 for noise; 200 and more for a hundred bytes of text. 0 for no bytes.
pub(crate) fn unevenness(sample: &[u8]) -> u64 {
    let mut counts = [0u64; 16];
    for byte in sample {
        counts[usize::from(byte >> 4)] += 1;
        counts[usize::from(byte & 15)] += 1;
    }
    let halves = 2 * sample.len() as u64;
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    // sum((count - halves/16)^2 / (halves/16)), multiplied out.
    (16 * squares).checked_div(halves).unwrap_or(0) - halves
}

/// Noise reaches 65 once in thirty million (`scipy.stats.chi2.sf(65, 15)` is 3.4e-8).
const UNEVENNESS_MAX: u64 = 64;

#[cfg(test)]
mod tests {
    use model::Rng;

    use super::*;

    #[test]
    fn text_numbers_and_zeros_are_no_noise() {
        let text =
            "Everything that decides is a plain value without sockets, files, clock, threads or dice. It is told.";
        let base64 =
            "TWVzc2FnZSBTdHJlYW0gRW5jcnlwdGlvbiBoaWRlcyBhIHBhdHRlcm4sIG5vdCBhIGhhYml0LiBXaG8ga25vd3MgdGhlIGluZm8=";
        let mut bitfield = vec![0xff; 100];
        bitfield[..5].copy_from_slice(&[0, 0, 0, 96, 5]);
        for sample in [text.as_bytes(), base64.as_bytes(), &bitfield, &[0; 200]] {
            assert!(!is_noise(sample), "{}", unevenness(sample));
        }
    }

    #[test]
    fn noise_of_any_length_passes_and_too_little_proves_nothing() {
        let mut rng = Rng::from_seed(7);
        for round in 0..20_000 {
            let sample: Vec<u8> = (0..SAMPLE_MIN + round % 400).map(|_| rng.next_u64() as u8).collect();
            assert!(is_noise(&sample), "round {round}: {}", unevenness(&sample));
        }
        assert!(!is_noise(&[1, 2, 3]) && !is_noise(&[]));
    }

    #[test]
    fn even_halves_are_even() {
        let each_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(unevenness(&each_byte), 0);
        assert_eq!(unevenness(&[0; 8]), 16 * 256 / 16 - 16);
    }
}
