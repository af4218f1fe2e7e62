//! What our events tell of one pair, and whether it is what must come of it.

use std::collections::BTreeSet;

use events::{Cipher, Direction, Event};

use super::rules::Meeting;

/// What our peer has told so far.
#[derive(Debug, Default)]
pub struct Watch {
    /// Connections that came up.
    pub connected: usize,
    /// Why each that ended before any was settled did so.
    pub refused: Vec<String>,
    /// The first that both sides shook hands on, and what it crosses in. What comes after it is no part of the
    /// pair: whoever has all it wanted leaves, and a seed may dial it once more.
    pub settled: Option<(u64, Cipher)>,
    /// How often we fell back to plaintext before that.
    pub fell_back: usize,
    /// Everything arrived, verified.
    pub complete: bool,
    /// The connections and directions in which a handshake crossed in the clear.
    pub in_the_clear: BTreeSet<(u64, Direction)>,
}

/// What must come of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub meeting: Meeting,
    /// Of the refused connections, so many we dial again in plaintext.
    pub fall_backs: usize,
}

impl Watch {
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Connected { .. } => self.connected += 1,
            Event::Closed { why, .. } if self.settled.is_none() => self.refused.push(why.clone()),
            Event::CipherSettled { conn, cipher, .. } => self.settled = self.settled.or(Some((*conn, *cipher))),
            Event::EncryptionFellBack { .. } if self.settled.is_none() => self.fell_back += 1,
            Event::Complete { .. } => self.complete = true,
            Event::PlaintextHandshake { conn, direction, .. } => {
                self.in_the_clear.insert((*conn, *direction));
            }
            _ => {}
        }
    }

    /// What came of it, once that is sure: `None` as long as it can still become what it must.
    /// `delivered`: the content lies where it was missing, byte for byte.
    pub fn verdict(&self, must: &Expected, delivered: bool) -> Option<Result<(), String>> {
        let refused = self.refused.len();
        match (must.meeting.settled, self.settled.map(|(_, cipher)| cipher)) {
            (None, Some(cipher)) => Some(Err(format!("joined in {}{}", cipher.name(), self.after()))),
            (Some(wanted), Some(cipher)) if wanted != cipher => {
                Some(Err(format!("joined in {}, not {}{}", cipher.name(), wanted.name(), self.after())))
            }
            (Some(_), Some(_)) if refused != must.meeting.refused => {
                Some(Err(format!("joined, but not after {} refused connections{}", must.meeting.refused, self.after())))
            }
            (Some(_), None) if refused > must.meeting.refused => Some(Err(format!("did not join{}", self.after()))),
            (_, settled) if refused < must.meeting.refused || (settled.is_some() && !delivered) => None,
            (Some(_), None) => None,
            _ if self.fell_back != must.fall_backs => {
                Some(Err(format!("we fell back to plaintext {} times, not {}", self.fell_back, must.fall_backs)))
            }
            _ => Some(Ok(())),
        }
    }

    /// What there is to say when the time is over.
    pub fn story(&self) -> String {
        let settled = self.settled.map_or("none was settled", |(_, cipher)| cipher.name());
        format!("{} connections, {settled}{}", self.connected, self.after())
    }

    fn after(&self) -> String {
        if self.refused.is_empty() { String::new() } else { format!("; ended before: {}", self.refused.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use events::{ClosedBy, Remote};

    use super::*;

    const REFUSED: Expected = Expected { meeting: Meeting { refused: 2, settled: None }, fall_backs: 1 };
    const SECOND: Expected =
        Expected { meeting: Meeting { refused: 1, settled: Some(Cipher::Plaintext) }, fall_backs: 1 };

    #[test]
    fn a_pair_that_must_not_meet_is_through_when_all_its_tries_ended() {
        let mut watch = Watch::default();
        watch.hear(&closed(1));
        watch.hear(&fell_back(1));
        assert_eq!(watch.verdict(&REFUSED, false), None, "the second try is to come");
        watch.hear(&closed(2));
        assert_eq!(watch.verdict(&REFUSED, false), Some(Ok(())));
        watch.hear(&settled(3, Cipher::Rc4));
        assert!(watch.verdict(&REFUSED, false).unwrap().unwrap_err().starts_with("joined in rc4"));
    }

    #[test]
    fn a_pair_that_must_meet_is_through_when_the_content_is_there() {
        let mut watch = Watch::default();
        assert_eq!(watch.verdict(&SECOND, false), None);
        watch.hear(&closed(1));
        watch.hear(&fell_back(1));
        assert_eq!(watch.verdict(&SECOND, false), None);
        watch.hear(&settled(2, Cipher::Plaintext));
        assert_eq!(watch.verdict(&SECOND, false), None, "nothing was delivered yet");
        assert_eq!(watch.verdict(&SECOND, true), Some(Ok(())));
        watch.hear(&closed(2));
        assert_eq!(watch.verdict(&SECOND, true), Some(Ok(())), "an end after the meeting is no refusal");
    }

    #[test]
    fn another_cipher_another_number_of_tries_and_a_missing_fall_back_are_wrong() {
        let wrong = |events: &[Event]| {
            let mut watch = Watch::default();
            events.iter().for_each(|event| watch.hear(event));
            watch.verdict(&SECOND, true).unwrap().unwrap_err()
        };
        assert!(wrong(&[closed(1), settled(2, Cipher::Rc4)]).contains("not plaintext"));
        assert!(wrong(&[settled(1, Cipher::Plaintext)]).contains("not after 1 refused"));
        assert!(wrong(&[closed(1), closed(2)]).contains("did not join"));
        assert!(wrong(&[closed(1), settled(2, Cipher::Plaintext)]).contains("fell back"));
    }

    fn closed(conn: u64) -> Event {
        Event::Closed { conn, remote: remote(), by: ClosedBy::Them, why: "enough".to_owned() }
    }

    fn settled(conn: u64, cipher: Cipher) -> Event {
        Event::CipherSettled { conn, remote: remote(), cipher }
    }

    fn fell_back(conn: u64) -> Event {
        Event::EncryptionFellBack { conn, remote: remote(), why: "refused".to_owned() }
    }

    fn remote() -> Remote {
        Remote::Addr("10.99.0.1:7001".parse().unwrap())
    }
}
