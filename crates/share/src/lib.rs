//! The encrypted share: a folder becomes an archive that only a password opens, to be sent by
//! BitTorrent as any file is.
//!
//! - [`archive`]: makes, lists, tests and unpacks encrypted 7z archives, as 7-Zip does and reads.
//! - [`Password`]: made, estimated, and kept out of logs.
//! - [`code_name`]: three words to call a share by. No secret.
//!
//! The words are those of the Electronic Frontier Foundation's large list (7776 of them,
//! <https://www.eff.org/dice>). All chance is the operating system's. Torrents are made in
//! `metainfo`; [`archive::pack`] hands it the pieces' hashes, so that the archive is not read again.

pub mod archive;
mod password;
mod strength;
mod words;

pub use password::{Password, PasswordError, RANDOM_CHARS, WORDS};
pub use strength::Strength;
pub use words::{ChanceError, code_name};
