//! The bodies of extended messages (BEP 10): who speaks which, and each extension's own.
//!
//! Numbers are chosen by the receiver: [`ids`] are those under which we want to be spoken to;
//! to the other side one speaks with the numbers of its handshake.

pub(crate) mod handshake;
pub(crate) mod metadata;
pub(crate) mod pex;
pub(crate) mod upload_only;

use crate::bencode::BencodeError;

/// The numbers under which we take extended messages, and the names they go by in the
/// extension handshake (BEP 10).
pub mod ids {
    /// The extension handshake itself, for everybody.
    pub const HANDSHAKE: u8 = 0;
    /// Parts of the info dictionary (BEP 9).
    pub const UT_METADATA: u8 = 1;
    /// Peers telling of peers (BEP 11).
    pub const UT_PEX: u8 = 2;
    /// A change of mind about only uploading: libtorrent's message, beside BEP 21's key.
    pub const UPLOAD_ONLY: u8 = 3;

    pub const UT_METADATA_NAME: &str = "ut_metadata";
    pub const UT_PEX_NAME: &str = "ut_pex";
    pub const UPLOAD_ONLY_NAME: &str = "upload_only";
}

/// Why the body of an extended message cannot be read. The stream itself is in order: the
/// message can be noted and passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtError {
    /// Not the bencoded dictionary that it should be.
    #[error(transparent)]
    Bencode(#[from] BencodeError),
    /// A key without which the message means nothing.
    #[error("`{key}` is missing or not a number from 0 to 4294967295")]
    Key { key: &'static str },
    /// A part of the info dictionary has 16 KiB, the last one at most (BEP 9).
    #[error("{found} bytes of metadata in one message: at most {limit} are allowed")]
    MetadataBlock { found: usize, limit: usize },
    /// A body of fixed length with another one.
    #[error("{found} bytes where {wanted} are right")]
    Length { found: usize, wanted: usize },
}
