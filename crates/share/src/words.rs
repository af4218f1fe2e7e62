//! Words and characters by lot, with the operating system's randomness and no word likelier than
//! another.

use diceware_wordlists::EFF_LONG_WORDLIST;

/// The operating system gave no randomness; its words follow. Nothing can be made secret without.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness: {0}")]
pub struct ChanceError(String);

/// Three words with dashes between, such as `burly-duckbill-aviation`: a name that can be said on
/// the telephone and is not yet taken. It is no secret and does not make one.
///
/// # Errors
/// The system gives no randomness.
pub fn code_name() -> Result<String, ChanceError> {
    joined(3)
}

/// Fills `bytes` with randomness of the system.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), ChanceError> {
    getrandom::fill(bytes).map_err(|error| ChanceError(error.to_string()))
}

/// `count` words of the list with dashes between.
pub(crate) fn joined(count: usize) -> Result<String, ChanceError> {
    let mut text = String::with_capacity(count * (WORD_CHARS_MAX + 1));
    for number in 0..count {
        if number > 0 {
            text.push('-');
        }
        text.push_str(EFF_LONG_WORDLIST[usize::from(below(WORD_COUNT)?)]);
    }
    Ok(text)
}

/// `count` characters of `alphabet`, which is ASCII.
pub(crate) fn characters(count: usize, alphabet: &[u8]) -> Result<String, ChanceError> {
    let size = u16::try_from(alphabet.len()).expect("an alphabet is short");
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        text.push(char::from(alphabet[usize::from(below(size)?)]));
    }
    Ok(text)
}

/// True for a word of the list, in small letters.
pub(crate) fn is_listed(word: &str) -> bool {
    EFF_LONG_WORDLIST.binary_search(&word).is_ok()
}

/// Words in the list: five dice throws.
pub(crate) const WORD_COUNT: u16 = 7776;

const WORD_CHARS_MAX: usize = 9;

/// A number from 0 to `bound` - 1, each as likely as another: what would be left over at the top of
/// 16 bits is thrown again, for a remainder would favour the small numbers.
fn below(bound: u16) -> Result<u16, ChanceError> {
    let usable = u16::MAX - u16::MAX % bound;
    loop {
        let mut bytes = [0; 2];
        fill(&mut bytes)?;
        let number = u16::from_le_bytes(bytes);
        if number < usable {
            return Ok(number % bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_whole_one_and_in_order() {
        assert_eq!(EFF_LONG_WORDLIST.len(), usize::from(WORD_COUNT));
        assert!(EFF_LONG_WORDLIST.is_sorted());
        assert_eq!(EFF_LONG_WORDLIST.iter().map(|word| word.len()).max(), Some(WORD_CHARS_MAX));
        assert!(is_listed("aviation") && is_listed("abacus") && is_listed("zoom"));
        assert!(!is_listed("burly") && !is_listed(""));
    }

    #[test]
    fn a_code_name_is_three_words_of_the_list() {
        // Four words of the list have a dash of their own, so three words may look like more.
        let name = code_name().unwrap();
        assert!((3..=6).contains(&name.split('-').count()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        assert_ne!(name, code_name().unwrap());
    }

    #[test]
    fn no_number_is_left_out_and_none_is_favoured() {
        const DRAWS: u32 = 30_000;
        let mut counts = [0u32; 3];
        for _ in 0..DRAWS {
            counts[usize::from(below(3).unwrap())] += 1;
        }
        // Ten standard deviations: once in more runs than there will be.
        let (least, most) = (DRAWS / 3 - 820, DRAWS / 3 + 820);
        assert!(counts.iter().all(|count| (least..most).contains(count)), "{counts:?}");
    }
}
