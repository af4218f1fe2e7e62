//! How a peer breaks the rules of framing. After any of these the stream has no known next
//! message, so the connection ends; the text goes to the event that says why.

/// Bytes that cannot be a handshake or a message. The numbers are those that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// BEP 3: a connection opens with the byte 19 and `BitTorrent protocol`.
    #[error("not a BitTorrent handshake: byte {at} is {found:#04x} where {wanted:#04x} is right")]
    Protocol {
        /// Position of the first byte that differs, from 0.
        at: usize,
        found: u8,
        wanted: u8,
    },
    /// The length prefix promises more than any message needs.
    #[error("a message of {length} bytes: at most {limit} are allowed")]
    MessageTooLong {
        /// Bytes announced, the message's number among them.
        length: u32,
        limit: u32,
    },
    /// A message whose length never varies has another one.
    #[error("a {name} message of {found} bytes where {wanted} are right")]
    FixedLength { name: &'static str, found: u32, wanted: u32 },
    /// A message that ends before its own header does.
    #[error("a {name} message of {found} bytes where at least {wanted} are needed")]
    TooShort { name: &'static str, found: u32, wanted: u32 },
    /// A block is asked for, sent or refused that is empty or larger than any client makes.
    #[error("a {name} message for a block of {length} bytes: 1 to {limit} are allowed")]
    BlockLength {
        name: &'static str,
        /// Bytes of the block itself.
        length: u32,
        limit: u32,
    },
    /// A bitfield for more pieces than a torrent may have.
    #[error("a bitfield of {bytes} bytes: at most {limit} are allowed")]
    BitfieldTooLong { bytes: u32, limit: u32 },
}
