//! What the fuzzer and the replay of its corpus do with bytes: read them as everything this
//! crate reads, and hold the results to our promises. Not part of the interface.

use bytes::Bytes;
use model::PieceIndex;

use crate::{Info, Magnet, Metainfo};

/// Pieces looked at closely; a hostile file may name millions.
const PIECES_WALKED: u32 = 64;

/// Panics when a promise does not hold.
pub fn exercise(bytes: &[u8]) {
    if let Ok(torrent) = Metainfo::from_bytes(bytes) {
        check_info(&torrent.info);
        let again = Metainfo::from_bytes(&torrent.to_bytes()).expect("what we write we read");
        assert_eq!(again.info.raw(), torrent.info.raw());
        assert_eq!(again, torrent);
        check_magnet(&torrent.magnet());
    }
    if let Ok(info) = Info::from_bytes(Bytes::copy_from_slice(bytes)) {
        assert_eq!(&info.raw()[..], bytes);
        check_info(&info);
    }
    if let Ok(magnet) = String::from_utf8_lossy(bytes).parse::<Magnet>() {
        check_magnet(&magnet);
    }
}

fn check_magnet(magnet: &Magnet) {
    let again: Magnet = magnet.to_string().parse().expect("what we write we read");
    assert_eq!(again.info_hash, magnet.info_hash);
    assert_eq!(again.name, magnet.name);
    assert_eq!(again.peers, magnet.peers);
}

fn check_info(info: &Info) {
    let count = info.piece_count();
    let last = count.saturating_sub(PIECES_WALKED / 2)..count;
    for piece in (0..count.min(PIECES_WALKED / 2)).chain(last) {
        check_piece(info, PieceIndex(piece));
    }
    let total: u64 = info.files().iter().map(|f| f.length).sum();
    assert_eq!(total, info.total_length().0);
    for file in info.files() {
        assert!(file.path.components().all(|name| !matches!(name, "" | "." | "..")), "{:?}", file.path);
    }
}

/// A piece's slices are the torrent's bytes, each once and in order.
fn check_piece(info: &Info, piece: PieceIndex) {
    let size = info.piece_size(piece);
    let mut at = u64::from(piece.0) * u64::from(info.piece_length());
    for slice in info.slices(piece, 0, size) {
        let file = &info.files()[slice.file];
        assert_eq!(file.offset + slice.offset, at, "a gap or an overlap in {piece}");
        assert!(slice.length > 0 && slice.offset + slice.length <= file.length);
        at += slice.length;
    }
    assert_eq!(at, u64::from(piece.0) * u64::from(info.piece_length()) + u64::from(size));
    let last = info.block(piece, info.block_count(piece) - 1);
    assert!(info.contains(last) && last.offset.0 + last.length == size);
    let _hash = info.piece_hash(piece);
}
