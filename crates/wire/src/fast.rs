//! BEP 6's allowed fast set: pieces that a newcomer may ask for although it is choked, so that
//! it soon has something to trade. The set follows from its address, so that coming back
//! brings no other pieces.

use std::net::Ipv4Addr;

use model::{InfoHash, PieceIndex};
use sha1::{Digest, Sha1};

/// The largest set given. BEP 6 suggests ten pieces.
pub const ALLOWED_FAST_MAX: usize = 64;

/// The pieces that a peer at `ip` may fetch from a torrent of `pieces` pieces while choked, in
/// the order in which BEP 6 finds them: `k` of them, or fewer where the torrent or
/// [`ALLOWED_FAST_MAX`] ends the list.
pub fn allowed_fast_set(ip: Ipv4Addr, info_hash: InfoHash, pieces: u32, k: usize) -> Vec<PieceIndex> {
    let wanted = k.min(pieces as usize).min(ALLOWED_FAST_MAX);
    let [a, b, c, _] = ip.octets();
    // "we use the three most significant bytes of the IP address": neighbours share a set.
    let mut x: [u8; 20] = Sha1::new().chain_update([a, b, c, 0]).chain_update(info_hash.0).finalize().into();
    let mut set = Vec::with_capacity(wanted);
    while set.len() < wanted {
        for y in x.chunks_exact(4) {
            let piece = PieceIndex(y.iter().fold(0, |n, &byte| n << 8 | u32::from(byte)) % pieces);
            if set.len() < wanted && !set.contains(&piece) {
                set.push(piece);
            }
        }
        x = Sha1::digest(x).into();
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(80, 4, 4, 200);
    const INFO_HASH: InfoHash = InfoHash([0xaa; 20]);

    #[test]
    fn the_examples_of_bep_6_come_out() {
        let seven = [1059, 431, 808, 1217, 287, 376, 1188].map(PieceIndex);
        assert_eq!(allowed_fast_set(IP, INFO_HASH, 1313, 7), seven);
        let nine = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508].map(PieceIndex);
        assert_eq!(allowed_fast_set(IP, INFO_HASH, 1313, 9), nine);
    }

    #[test]
    fn neighbours_share_a_set() {
        let neighbour = Ipv4Addr::new(80, 4, 4, 1);
        assert_eq!(allowed_fast_set(IP, INFO_HASH, 1313, 9), allowed_fast_set(neighbour, INFO_HASH, 1313, 9));
    }

    #[test]
    fn a_small_torrent_gives_every_piece_once() {
        let mut set = allowed_fast_set(IP, INFO_HASH, 5, 10);
        set.sort_unstable();
        assert_eq!(set, [0, 1, 2, 3, 4].map(PieceIndex));
        assert_eq!(allowed_fast_set(IP, INFO_HASH, 0, 10), []);
        assert_eq!(allowed_fast_set(IP, INFO_HASH, u32::MAX, usize::MAX).len(), ALLOWED_FAST_MAX);
    }
}
