//! How long pieces should be when nobody says.
//!
//! The hash list of a torrent grows with the number of pieces, the waste of a bad or partial
//! piece with their length. libtorrent, and with it qBittorrent's "auto", balances the two:
//! the hash list shall be about `2 * sqrt(total)` bytes. With 20 bytes a piece that asks for
//! pieces of `10 * sqrt(total)` bytes, rounded up to a power of two. We do the same, to the
//! byte, so that the same content gets the same torrent.

use model::ByteCount;

/// Smallest automatic piece: one block.
const SHORTEST: u32 = 16 * 1024;

/// Largest automatic piece, reached above 640 GiB.
const LONGEST: u32 = 16 * 1024 * 1024;

/// Bytes in a piece for content of `total` bytes: a power of two from 16 KiB to 16 MiB, and
/// what libtorrent 2 chooses.
///
/// ```
/// # use swarmlab_metainfo::piece_length_for;
/// assert_eq!(piece_length_for(model::ByteCount(16 << 20)), 64 << 10);
/// assert_eq!(piece_length_for(model::ByteCount(1 << 30)), 512 << 10);
/// ```
pub fn piece_length_for(total: ByteCount) -> u32 {
    let mut length = SHORTEST;
    while length < LONGEST && total.0 > most_content_for(length) {
        length *= 2;
    }
    length
}

/// The most bytes that pieces of this length serve: `(length / 10)^2`, rounded to the nearest.
fn most_content_for(length: u32) -> u64 {
    let length = u64::from(length);
    (length * length + 50) / 100
}
