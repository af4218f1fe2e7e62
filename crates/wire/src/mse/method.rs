//! What may be agreed on, and what a connection's bytes cross in as a result.

use std::fmt;
use std::str::FromStr;

/// Ways to send the payload, as offered (`crypto_provide`) or accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Methods {
    /// RC4 from the first byte to the last.
    pub rc4: bool,
    /// RC4 for the handshake only, then plaintext.
    pub plaintext: bool,
}

impl Methods {
    pub const ALL: Self = Self { rc4: true, plaintext: true };
    pub const RC4: Self = Self { rc4: true, plaintext: false };
    pub const PLAINTEXT: Self = Self { rc4: false, plaintext: true };

    /// The names of those that are in, the stronger first.
    pub fn names(self) -> Vec<&'static str> {
        let named = [(self.rc4, "rc4"), (self.plaintext, "plaintext")];
        named.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
    }

    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// What is in both.
    pub fn common(self, other: Self) -> Self {
        Self { rc4: self.rc4 && other.rc4, plaintext: self.plaintext && other.plaintext }
    }

    /// The bit field of `crypto_provide` and `crypto_select`.
    pub fn bits(self) -> u32 {
        u32::from(self.rc4) * RC4_BIT + u32::from(self.plaintext) * PLAINTEXT_BIT
    }

    /// "Bits with an unknown meaning in crypto_provide and crypto_select should be ignored."
    pub fn from_bits(bits: u32) -> Self {
        Self { rc4: bits & RC4_BIT != 0, plaintext: bits & PLAINTEXT_BIT != 0 }
    }

    /// The one that is chosen: RC4 where it is in, because who encrypts the handshake for the
    /// sake of an inspecting provider gains little when plaintext follows at once.
    pub(super) fn strongest(self) -> Option<Cipher> {
        match self {
            Self { rc4: true, .. } => Some(Cipher::Rc4),
            Self { plaintext: true, .. } => Some(Cipher::PlaintextAfterHandshake),
            _ => None,
        }
    }

    /// The method, when there is exactly one.
    pub(super) fn only(self) -> Option<Cipher> {
        if self == Self::ALL { None } else { self.strongest() }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("none") } else { f.write_str(&self.names().join(", ")) }
    }
}

/// Names with commas between them: `rc4`, `plaintext`, `rc4, plaintext`.
impl FromStr for Methods {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let mut methods = Self::default();
        for name in text.split(',').map(str::trim) {
            match name {
                "rc4" => methods.rc4 = true,
                "plaintext" => methods.plaintext = true,
                _ => return Err(UnknownMethod { name: name.to_owned() }),
            }
        }
        Ok(methods)
    }
}

/// A word that names no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no encryption method: rc4 and plaintext are")]
pub struct UnknownMethod {
    pub name: String,
}

/// What the payload of a connection crosses in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cipher {
    /// Never encrypted.
    Plaintext,
    /// RC4 to the end.
    Rc4,
    /// The handshake of this module was encrypted, the payload is not.
    PlaintextAfterHandshake,
}

impl Cipher {
    pub const ALL: [Self; 3] = [Self::Plaintext, Self::Rc4, Self::PlaintextAfterHandshake];

    /// The name in events, scenarios and checks.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Rc4 => "rc4",
            Self::PlaintextAfterHandshake => "plaintext-after-handshake",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.name() == name)
    }

    /// `crypto_select` for it.
    pub(super) fn bits(self) -> u32 {
        if self == Self::Rc4 { RC4_BIT } else { PLAINTEXT_BIT }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const PLAINTEXT_BIT: u32 = 0x01;
const RC4_BIT: u32 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_survive_bits_and_names() {
        for (methods, bits, text) in
            [(Methods::RC4, 2, "rc4"), (Methods::PLAINTEXT, 1, "plaintext"), (Methods::ALL, 3, "rc4, plaintext")]
        {
            assert_eq!((methods.bits(), methods.to_string().as_str()), (bits, text));
            assert_eq!(Methods::from_bits(bits), methods);
            assert_eq!(text.parse(), Ok(methods));
        }
        assert_eq!(Methods::default().to_string(), "none");
        let error = "rc4,rot13".parse::<Methods>().unwrap_err();
        assert_eq!(error.to_string(), "\"rot13\" is no encryption method: rc4 and plaintext are");
    }

    #[test]
    fn bits_of_the_future_are_ignored() {
        assert_eq!(Methods::from_bits(0xffff_fffe), Methods::RC4);
        assert_eq!(Methods::from_bits(0xffff_fffc), Methods::default());
    }

    #[test]
    fn every_cipher_has_a_name_of_its_own() {
        for cipher in Cipher::ALL {
            assert_eq!(Cipher::from_name(cipher.name()), Some(cipher));
        }
        assert_eq!(Cipher::from_name("rot13"), None);
    }
}
