//! The password of a share: words by lot, characters by lot, or the user's own.

use std::fmt;

use zeroize::Zeroizing;

use crate::Strength;
use crate::words::{self, ChanceError};

/// Words in a password made by lot: 77.5 bits. At the 2^19 rounds of the archive, a thousand fast
/// graphics cards, each with 100 000 guesses a second, need thirty million years for half of them.
pub const WORDS: usize = 6;

/// Characters in a random password: 140 bits.
pub const RANDOM_CHARS: usize = 24;

/// A secret text. It is neither shown by `Debug` nor compared, and its memory is cleared when it is
/// dropped. What the 7z library copies of it, and the key that it keeps, are not ours to clear.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text is no password. Fits after "failed to use the password: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Without characters, nothing is encrypted.
    #[error("it is empty")]
    Empty,
    /// A line break or the like, which nobody could type at a prompt.
    #[error("it has a control character in it, such as a line break")]
    Control,
    /// Longer than any program is sure to take.
    #[error("it is longer than {PASSWORD_CHARS_MAX} characters")]
    TooLong,
}

impl Password {
    /// A password that somebody chose.
    pub fn new(text: String) -> Result<Self, PasswordError> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordError::Control);
        }
        if text.chars().count() > PASSWORD_CHARS_MAX {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(text))
    }

    /// [`WORDS`] words by lot, with dashes between.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn of_words() -> Result<Self, ChanceError> {
        words::joined(WORDS).map(Zeroizing::new).map(Self)
    }

    /// [`RANDOM_CHARS`] letters and digits by lot.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn of_characters() -> Result<Self, ChanceError> {
        words::characters(RANDOM_CHARS, ALPHABET).map(Zeroizing::new).map(Self)
    }

    /// The text itself: to be shown once, to be handed to a cipher, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How many guesses it would stand. A lower estimate, for passwords that somebody chose.
    pub fn strength(&self) -> Strength {
        Strength::of(&self.0)
    }

    /// The library's own form of it, which is not cleared after use.
    pub(crate) fn for_7z(&self) -> sevenz_rust2::Password {
        sevenz_rust2::Password::from(self.expose())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// What 7-Zip's own programs take with certainty.
const PASSWORD_CHARS_MAX: usize = 256;

/// Letters and digits without those that look alike: I, l, 1, O, o, 0.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_words_by_lot_are_77_bits() {
        let password = Password::of_words().unwrap();
        assert!((6..=12).contains(&password.expose().split('-').count()));
        assert_ne!(password.expose(), Password::of_words().unwrap().expose());
        let tenths = 10.0 * WORDS as f64 * f64::from(words::WORD_COUNT).log2();
        assert_eq!(tenths as u32, 775);
    }

    #[test]
    fn a_random_password_has_no_characters_that_look_alike() {
        let password = Password::of_characters().unwrap();
        assert_eq!(password.expose().len(), RANDOM_CHARS);
        assert!(!password.expose().contains(['I', 'l', '1', 'O', 'o', '0']));
        assert!(RANDOM_CHARS as f64 * (ALPHABET.len() as f64).log2() > 139.0);
    }

    #[test]
    fn a_password_is_never_shown_by_debug() {
        let password = Password::new("correct horse".to_owned()).unwrap();
        assert_eq!(format!("{password:?} {:?}", Some(&password)), "Password(hidden) Some(Password(hidden))");
    }

    #[test]
    fn texts_that_cannot_be_typed_are_no_passwords() {
        let error = |text: &str| Password::new(text.to_owned()).unwrap_err();
        assert_eq!(error(""), PasswordError::Empty);
        assert_eq!(error("two\nlines"), PasswordError::Control);
        assert_eq!(error(&"x".repeat(257)), PasswordError::TooLong);
        assert_eq!(Password::new(" Größe 🦆 ".to_owned()).unwrap().expose(), " Größe 🦆 ");
    }
}
