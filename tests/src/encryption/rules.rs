//! What two sides that meet come to, from the rules of each.
//!
//! Message Stream Encryption: the side that dials offers methods (`crypto_provide`), the side that was
//! dialled selects one of them (`crypto_select`) or ends the connection.

use std::fmt;

use events::Cipher;

/// What may follow the encrypted handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Rc4,
    /// The encrypted handshake only.
    Plaintext,
}

/// What one side does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When it dials: how it opens, and how it opens the next connection when that one is refused.
    pub opens: Vec<Opening>,
    pub again: Again,
    /// When it is dialled.
    pub answers: Answers,
}

/// How a connection begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// With the handshake of BEP 3, in the clear.
    Plaintext,
    /// With a public key; then these methods are offered.
    Encrypted(Vec<Method>),
}

/// When a refused connection is followed by the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Soon,
    /// Too late for a test to wait for it.
    MinutesLater,
    /// Soon; but where the other side had answered with its key, what comes is noise that nobody takes.
    InVainAfterKeys,
}

/// What is taken from who dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    pub plaintext: bool,
    /// The methods it can select, the one it likes best first. None: no encrypted handshake.
    pub selects: Vec<Method>,
    /// Of those, the ones that it selects and then fails to go on in: the connection ends.
    pub fails_in: Vec<Method>,
}

/// What comes of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    /// Connections that end before both sides have said who they are.
    pub refused: usize,
    /// What the one after them crosses in; `None` when there is no such connection.
    pub settled: Option<Cipher>,
}

/// What must come of one side dialling another.
pub fn meet(dials: &Rules, dialled: &Rules) -> Meeting {
    let keys_crossed = matches!(dials.opens[0], Opening::Encrypted(_)) && !dialled.answers.selects.is_empty();
    let in_vain = dials.again == Again::InVainAfterKeys && keys_crossed;
    for (refused, opening) in dials.opens.iter().enumerate() {
        let settled = dialled.answers.to(opening);
        if settled.is_some() && !(refused > 0 && in_vain) {
            return Meeting { refused, settled };
        }
    }
    Meeting { refused: dials.opens.len(), settled: None }
}

impl Rules {
    pub fn new(opens: Vec<Opening>, answers: Answers) -> Self {
        Self { opens, again: Again::Soon, answers }
    }
}

impl Answers {
    pub fn new(plaintext: bool, selects: Vec<Method>) -> Self {
        Self { plaintext, selects, fails_in: Vec::new() }
    }

    fn to(&self, opening: &Opening) -> Option<Cipher> {
        match opening {
            Opening::Plaintext => self.plaintext.then_some(Cipher::Plaintext),
            Opening::Encrypted(offered) => {
                let method = self.selects.iter().find(|method| offered.contains(method))?;
                (!self.fails_in.contains(method)).then_some(match method {
                    Method::Rc4 => Cipher::Rc4,
                    Method::Plaintext => Cipher::PlaintextAfterHandshake,
                })
            }
        }
    }
}

impl fmt::Display for Meeting {
    /// `rc4`, `header`, `plain` or `refused`, with a `+` for each connection refused before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cipher) = self.settled else { return f.pad("refused") };
        let name = match cipher {
            Cipher::Plaintext => "plain",
            Cipher::Rc4 => "rc4",
            Cipher::PlaintextAfterHandshake => "header",
        };
        f.pad(&format!("{name}{}", "+".repeat(self.refused)))
    }
}

#[cfg(test)]
mod tests {
    use Method::{Plaintext, Rc4};

    use super::*;

    #[test]
    fn the_dialled_side_selects_what_it_likes_best_among_what_is_offered() {
        for (offered, selects, settled) in [
            (&[Rc4, Plaintext][..], &[Rc4, Plaintext][..], Some(Cipher::Rc4)),
            (&[Rc4, Plaintext], &[Plaintext, Rc4], Some(Cipher::PlaintextAfterHandshake)),
            (&[Plaintext], &[Rc4, Plaintext], Some(Cipher::PlaintextAfterHandshake)),
            (&[Rc4], &[Plaintext, Rc4], Some(Cipher::Rc4)),
            (&[Rc4], &[Plaintext], None),
            (&[Plaintext], &[Rc4], None),
            (&[Rc4, Plaintext], &[], None),
        ] {
            let dials = opening(&[Opening::Encrypted(offered.to_vec())]);
            let meeting = meet(&dials, &answering(true, selects));
            assert_eq!(meeting.settled, settled, "{offered:?} met {selects:?}");
            assert_eq!(meeting.refused, usize::from(settled.is_none()));
        }
    }

    #[test]
    fn a_side_that_requires_encryption_takes_no_plaintext() {
        let dials = opening(&[Opening::Plaintext]);
        assert_eq!(meet(&dials, &answering(false, &[Rc4])), Meeting { refused: 1, settled: None });
        assert_eq!(meet(&dials, &answering(true, &[])), Meeting { refused: 0, settled: Some(Cipher::Plaintext) });
    }

    #[test]
    fn a_refused_opening_is_followed_by_the_next() {
        let falls_back = opening(&[Opening::Encrypted(vec![Rc4]), Opening::Plaintext]);
        let fell_back = meet(&falls_back, &answering(true, &[]));
        assert_eq!(fell_back, Meeting { refused: 1, settled: Some(Cipher::Plaintext) });
        assert_eq!(fell_back.to_string(), "plain+");
        let nothing_in_common = meet(&falls_back, &answering(false, &[Plaintext]));
        assert_eq!(nothing_in_common, Meeting { refused: 2, settled: None });
        assert_eq!(nothing_in_common.to_string(), "refused");
    }

    #[test]
    fn a_method_that_one_side_fails_in_refuses_though_it_is_selected() {
        let dials = opening(&[Opening::Encrypted(vec![Rc4, Plaintext]), Opening::Plaintext]);
        let mut dialled = answering(true, &[Plaintext, Rc4]);
        dialled.answers.fails_in = vec![Plaintext];
        assert_eq!(meet(&dials, &dialled), Meeting { refused: 1, settled: Some(Cipher::Plaintext) });
    }

    #[test]
    fn a_second_try_in_vain_is_one_only_where_keys_had_crossed() {
        let mut dials = opening(&[Opening::Encrypted(vec![Rc4]), Opening::Plaintext]);
        dials.again = Again::InVainAfterKeys;
        assert_eq!(meet(&dials, &answering(true, &[Plaintext])), Meeting { refused: 2, settled: None });
        assert_eq!(meet(&dials, &answering(true, &[])).settled, Some(Cipher::Plaintext));
        assert_eq!(meet(&dials, &answering(true, &[Rc4])).settled, Some(Cipher::Rc4));
    }

    fn opening(opens: &[Opening]) -> Rules {
        Rules::new(opens.to_vec(), Answers::new(true, Vec::new()))
    }

    fn answering(plaintext: bool, selects: &[Method]) -> Rules {
        Rules::new(vec![Opening::Plaintext], Answers::new(plaintext, selects.to_vec()))
    }
}
