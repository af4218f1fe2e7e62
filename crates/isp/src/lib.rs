//! The provider that inspects: what one who carries the packets can tell of a flow of bytes.
//!
//! [`signature`] does what simple inspection does: it compares the first bytes with patterns it knows.
//! Encryption (MSE) beats it. It holds no socket and no state; the peer asks it live, `swarmlab isp` asks it
//! again over the wire records of a run.

mod noise;
mod signature;

pub use signature::{Verdict, WINDOW, signature};
