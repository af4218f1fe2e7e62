//! Encrypted 7z archives: made, listed, tested, unpacked.
//!
//! Follows the 7z format as 7-Zip writes it, through the library `sevenz-rust2`, of which only the
//! parts are used that stay safe in our hands. What is done here rather than left to its defaults:
//!
//! - the key takes 2^19 rounds of SHA-256 to derive, as 7-Zip's does, and not 2^8;
//! - each block and the list of files has an initialisation vector of its own, so that equal files
//!   do not show as equal;
//! - the list of files is encrypted too;
//! - what does not compress (photos, films, archives) is stored, the rest is compressed;
//! - nothing is written under its final name before it is whole, nothing is replaced unasked;
//! - an archive from somebody else is taken for hostile: its names, sizes, methods, memory and
//!   rounds are checked before a byte is unpacked.
//!
//! ```text
//! survey    what is there to pack, what is left out      envelope  what shows without the password
//! probe     does it compress?                            open      the list of files, checked
//! pack      survey -> archive.7z                         unpack    archive.7z -> folder
//! ```
//! Links and special files are neither packed nor made. Owners, access and birth times, and
//! permissions beyond the nine of read, write and execute stay where they are.
//!
//! What it cannot do: AES-CBC has no seal, so whoever changes the archive on its way damages it, and
//! what tells is a checksum, no proof. The torrent's hashes are the proof. The size shows.

mod disk;
mod entry;
mod envelope;
mod method;
mod open;
mod pack;
mod part;
mod piece_hashes;
mod probe;
mod progress;
mod source;
mod survey;
mod unpack;

pub use disk::{create_private, free_space};
pub use entry::{Entry, Kind};
pub use envelope::{Encryption, Envelope, EnvelopeError, KEY_ROUNDS_POWER};
pub use method::MethodError;
pub use open::{Archive, OpenError};
pub use pack::{Level, PackError, PackOptions, Packed, THREADS_MAX, pack};
pub use part::{PartError, hold_renames};
pub use piece_hashes::PieceHashes;
pub use probe::Packing;
pub use progress::{Progress, Watch};
pub use survey::{Fault, Found, Skipped, Survey, SurveyError};
pub use unpack::{UnpackError, UnpackOptions, Unpacked};
