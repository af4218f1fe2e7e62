//! What two peers say to each other over one connection: bytes in, values out.
//!
//! | what | where | BEP |
//! |---|---|---|
//! | the 68 bytes that open a connection | [`Handshake`], [`Reserved`] | 3 |
//! | messages | [`Message`], [`Decoder`] | 3, 5 (`port`), 6 (fast), 10 (`extended`) |
//! | which extensions the other speaks | [`ExtensionHandshake`] | 10, 21 |
//! | the info dictionary, in parts | [`MetadataMessage`] | 9 |
//! | peers telling of peers | [`Pex`] | 11 |
//! | "I only upload" | [`UploadOnly`], [`ExtensionHandshake::upload_only`] | 21 |
//! | what each recorded byte means | [`explain`] | all of these |
//! | all of it made to look like noise | [`mse`] | none: Message Stream Encryption |
//!
//! Bytes arrive in any portions: a decoder takes whole values from the front of the caller's
//! buffer and leaves the rest, and any split of the same bytes gives the same values. A
//! block's data is a view into that buffer, never a copy. What is unknown is carried as a
//! value. What is wrong is refused at the first byte that shows it.
//!
//! Left out: what a message means (that is the swarm's), whether a piece or an offset exists
//! in the torrent (only the swarm knows its size), and when to encrypt (the node's).

mod bencode;
mod decoder;
mod error;
pub mod explain;
mod ext;
mod fast;
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod message;
pub mod mse;
mod reserved;

pub use bencode::BencodeError;
pub use decoder::{Decoder, Limits};
pub use error::WireError;
pub use ext::handshake::ExtensionHandshake;
pub use ext::metadata::{METADATA_BLOCK, MetadataMessage};
pub use ext::pex::{Pex, PexFlags, PexPeer};
pub use ext::upload_only::UploadOnly;
pub use ext::{ExtError, ids};
pub use fast::{ALLOWED_FAST_MAX, allowed_fast_set};
pub use handshake::Handshake;
pub use message::Message;
pub use reserved::Reserved;
