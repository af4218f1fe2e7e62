//! How long a password that somebody chose would stand against guessing.
//!
//! A plain lower estimate: the text is cut into what a guesser would try as a whole (words, dates,
//! runs like `1234` and `aaaa`, rows of the keyboard) and each part counts as few bits as it takes
//! to name it. Names, song lines and leaked passwords are not known here, so the truth may be
//! worse; letters by lot without digits between are taken for words, so it may be better; whoever wants certainty lets the words be drawn.

use std::fmt;

use crate::words;

/// Bits of guessing, in tenths: 10 bits are 1024 guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strength {
    tenths: u32,
}

impl Strength {
    /// An estimate for `text`.
    pub(crate) fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut tenths: u32 = 0;
        let mut known: Vec<String> = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            if let Some(length) = said_again(&chars, at) {
                at += length;
                tenths += REPEATED;
                continue;
            }
            let part = next_part(&chars[at..]);
            at += part.length;
            // The same part again is one choice more, not a part more.
            let text: String = chars[at - part.length..at].iter().flat_map(|c| c.to_lowercase()).collect();
            if part.length > 1 && known.contains(&text) {
                tenths += REPEATED;
            } else {
                tenths += part.tenths;
                known.push(text);
            }
        }
        Self { tenths }
    }

    /// Bits, rounded down.
    pub fn bits(self) -> u32 {
        self.tenths / 10
    }

    /// True where a patient guesser with the archive in hand would get through.
    pub fn is_weak(self) -> bool {
        self.bits() < WEAK_BELOW
    }
}

impl fmt::Display for Strength {
    /// `about 58 bits`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} bits", self.bits())
    }
}

/// How many characters from `at` on say again what stands right before, capitals aside: at least two.
fn said_again(chars: &[char], at: usize) -> Option<usize> {
    let same = |a: &[char], b: &[char]| a.iter().zip(b).all(|(a, b)| a.to_lowercase().eq(b.to_lowercase()));
    let longest = at.min(chars.len() - at);
    (2..=longest).rev().find(|length| same(&chars[at - length..at], &chars[at..at + length]))
}

/// How many letters come before these letters repeat themselves, all of them where they do not.
fn period(letters: &[char]) -> usize {
    let repeats = |period: &usize| said_again(letters, *period) == Some(*period);
    (3..=letters.len() / 2).find(repeats).unwrap_or(letters.len())
}

/// Fewer bits than this are weak. At 2^19 rounds a thousand fast graphics cards, each with 100 000
/// guesses a second, need about two centuries for half of 60 bits, and two months for half of 50.
const WEAK_BELOW: u32 = 60;

struct Part {
    /// In characters.
    length: usize,
    tenths: u32,
}

fn next_part(chars: &[char]) -> Part {
    let run = run_length(chars);
    if run >= 3 {
        // Where it starts, how long it is, which way it goes.
        return Part { length: run, tenths: SYMBOL + 30 };
    }
    let letters = chars.iter().take_while(|c| c.is_alphabetic()).count();
    if letters >= 3 {
        return word(&chars[..period(&chars[..letters])]);
    }
    let digits = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    if digits > 0 {
        // Dates and years are few: digits are not all alike.
        let tenths = if digits >= 4 { DIGIT * digits as u32 - DIGIT } else { DIGIT * digits as u32 };
        return Part { length: digits, tenths };
    }
    let tenths = if chars[0].is_alphabetic() { LETTER } else { SYMBOL };
    Part { length: 1, tenths }
}

/// Letters in a row: a word of a list, else something that reads like one.
fn word(letters: &[char]) -> Part {
    let lower: String = letters.iter().flat_map(|c| c.to_lowercase()).collect();
    let capitals = letters.iter().filter(|c| c.is_uppercase()).count();
    let capitals = match capitals {
        0 => 0,
        _ if letters[0].is_uppercase() && capitals == 1 || capitals == letters.len() => 10,
        // Which of them: as many bits as letters, at most.
        _ => 10 * letters.len() as u32 / 2,
    };
    let (within, beyond) = (letters.len().min(WORD_LETTERS) as u32, letters.len().saturating_sub(WORD_LETTERS) as u32);
    let spelled = LETTER_IN_WORD * within + LETTER_IN_PHRASE * beyond;
    // The list has 7776 words, a language ten times as many that come to mind.
    let tenths = if words::is_listed(&lower) { LISTED_WORD.min(spelled) } else { spelled };
    Part { length: letters.len(), tenths: tenths + capitals }
}

/// Characters that follow from the first: `aaaa`, `abcd`, `4321`, `qwer`.
fn run_length(chars: &[char]) -> usize {
    let step = |a: char, b: char| i64::from(u32::from(b)) - i64::from(u32::from(a));
    let mut longest = 1;
    for wanted in [-1, 0, 1] {
        let run = 1 + chars.windows(2).take_while(|pair| step(pair[0], pair[1]) == wanted).count();
        longest = longest.max(run);
    }
    for row in KEYBOARD_ROWS {
        let neighbours = |pair: &[char]| {
            let place = |c: char| row.find(c.to_ascii_lowercase());
            place(pair[0]).zip(place(pair[1])).is_some_and(|(a, b)| a.abs_diff(b) == 1)
        };
        longest = longest.max(1 + chars.windows(2).take_while(|pair| neighbours(pair)).count());
    }
    longest
}

const KEYBOARD_ROWS: [&str; 4] = ["qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm"];

/// Tenths of bits: log2 of the number of choices.
const DIGIT: u32 = 33;
const LETTER: u32 = 47;
const SYMBOL: u32 = 50;
const REPEATED: u32 = 20;
/// A letter of a language tells less than one by lot.
const LETTER_IN_WORD: u32 = 25;
/// More letters than this are words in a row, and one that comes to mind has 11 bits.
const WORD_LETTERS: usize = 8;
const LETTER_IN_PHRASE: u32 = 15;
/// log2(7776).
const LISTED_WORD: u32 = 129;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_chooses_is_weak() {
        for text in [
            "password",
            "Password123!",
            "qwertzuiop",
            "aaaaaaaaaaaaaaaaaaaa",
            "12345678901234567890",
            "summer2026",
            "hunter2",
            "dragon dragon dragon dragon",
            "iloveyou1989",
            "passwordpasswordpassword",
            "correcthorsebatterystaple",
            "PasswordpasswordPASSWORD",
            "xK7xK7xK7xK7xK7xK7xK7xK7",
        ] {
            let strength = Strength::of(text);
            assert!(strength.is_weak(), "{text}: {strength}");
        }
    }

    #[test]
    fn words_and_characters_by_lot_are_strong() {
        for text in ["bXq7mPz4hNw9kTr2vLs6dYc8", "vessel-cognitive-dimple-uphill-starry-pellet"] {
            let strength = Strength::of(text);
            assert!(!strength.is_weak(), "{text}: {strength}");
        }
    }

    #[test]
    fn more_never_counts_less() {
        let mut before = Strength::of("");
        assert_eq!(before.bits(), 0);
        for end in 1..=20 {
            let strength = Strength::of(&"kT7#mQ2!zR9%wX4&vB6?"[..end]);
            assert!(strength >= before, "{end}");
            before = strength;
        }
        assert_eq!(before.to_string(), format!("about {} bits", before.bits()));
    }
}
