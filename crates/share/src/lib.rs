//! The encrypted share: a folder becomes an archive that only a password opens, to be sent by
//! BitTorrent as any file is.
//!
//! - [`archive`]: makes, lists, tests and unpacks encrypted 7z archives, as 7-Zip does and reads.
//! - [`pack`] and [`pack_plain`]: a folder becomes a [`Parcel`], which is an archive, or the folder as it
//!   is, with its torrent. [`Parcel::again`] finds one that was made before.
//! - [`Delivery`]: who has it and when the sharer may go, told by events. [`SeedOn`]: when a recipient may.
//! - [`Password`]: made, estimated, and kept out of logs.
//! - [`code_name`]: three words to call a share by. No secret.
//!
//! The words are those of the Electronic Frontier Foundation's large list (7776 of them,
//! <https://www.eff.org/dice>). All chance is the operating system's. Torrents are made in
//! `metainfo`; [`archive::pack`] hands it the pieces' hashes, so that the archive is not read again.
//! Who sends and fetches is crate `net`'s driver, run by the binary.

pub mod archive;
mod delivery;
#[doc(hidden)]
pub mod fuzz;
mod parcel;
mod password;
mod seed_on;
mod strength;
mod words;

pub use delivery::{Delivery, End, FINISHING_MAX, Goal, Phase, Proof, Recipient, Tally, TrackerState, Visitors, Why};
pub use parcel::{AgainError, Note, Parcel, ParcelError, Wrapping, note_of, pack, pack_plain};
pub use password::{Password, PasswordError, RANDOM_CHARS, WORDS};
pub use seed_on::{Enough, Ratio, SeedOn};
pub use strength::Strength;
pub use words::{ChanceError, code_name};
