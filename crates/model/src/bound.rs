//! Ceilings. Whatever a wire, file or student can make larger stops at one of these.

/// Longest message body a peer may announce: a 16 KiB block with its header, or a
/// bitfield of [`PIECES_MAX`] pieces, whichever is larger, with room to spare.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Largest block a peer may ask for or send. BEP 3 names 2^14 as what all use; some
/// clients ask for up to 2^17, and 2^17 is where most close the connection.
pub const BLOCK_BYTES_MAX: u32 = 128 * 1024;

/// Pieces in one torrent. A terabyte in 256 KiB pieces is 4 million.
pub const PIECES_MAX: u32 = 4 * 1024 * 1024;

/// Bytes in one piece: 2^28. Larger than any client makes.
pub const PIECE_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// Bytes of an info dictionary fetched from peers (BEP 9).
pub const METADATA_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of a `.torrent` file.
pub const TORRENT_FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Files in one torrent.
pub const FILES_MAX: usize = 1_000_000;

/// Directories between the torrent's root and a file.
pub const PATH_DEPTH_MAX: usize = 64;

/// Peers in one announce answer or PEX message that are looked at.
pub const PEERS_PER_MESSAGE_MAX: usize = 200;

/// Peer addresses remembered for one torrent.
pub const CANDIDATES_MAX: usize = 2_000;
