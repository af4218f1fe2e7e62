//! What must hold of an explanation whatever the bytes.

use model::InfoHash;

use super::{Key, Span, Stream, explain};
use crate::mse::{KEY_BYTES, Rc4, Secret, StreamKeys, VC_BYTES};

/// Panics when a byte is left unexplained: as a plain record, as one that no key opens, and as the encrypted part of one that a key opens.
pub(crate) fn exercise(bytes: &[u8]) {
    let key = Key { secret: Secret::new([7; KEY_BYTES]), skey: InfoHash([9; 20]) };
    let StreamKeys { initiator, responder } = StreamKeys::new(&key.secret, key.skey);
    let encrypted = |mut rc4: Rc4, mark: &[u8], constant: &[u8]| {
        let mut stream = [&[0xee; KEY_BYTES + 3], mark, constant, bytes].concat();
        rc4.apply(&mut stream[KEY_BYTES + 3 + mark.len()..]);
        stream
    };
    let hashes = [key.secret.key_hash(), [0; 20]].concat();
    let (front, back) = bytes.split_at(bytes.len() / 2);
    for (dialler, dialled) in [
        (front.to_vec(), back.to_vec()),
        (bytes.to_vec(), bytes.to_vec()),
        (encrypted(initiator, &hashes, &[0; VC_BYTES]), encrypted(responder, &[], &[0; VC_BYTES])),
    ] {
        for key in [None, Some(&key)] {
            let explained = explain(&dialler, &dialled, key);
            explained_to_the_end(&explained.dialler, dialler.len());
            explained_to_the_end(&explained.dialled, dialled.len());
        }
    }
}

fn explained_to_the_end(stream: &Stream, length: usize) {
    assert_eq!(stream.plain.len(), length);
    let end = stream.spans.iter().fold(0, |at, span| {
        assert!(span.at == at && span.length > 0, "a gap before {span:?}");
        parts_lie_inside(span);
        span.end()
    });
    assert_eq!(end, length, "bytes at the end are not explained");
}

fn parts_lie_inside(span: &Span) {
    let end = span.parts.iter().fold(span.at, |at, part| {
        assert!(part.at >= at && part.length > 0, "{part:?} overlaps");
        parts_lie_inside(part);
        part.end()
    });
    assert!(end <= span.end(), "{span:?} has parts outside");
}
