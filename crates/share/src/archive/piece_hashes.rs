//! The pieces' hashes, taken while the archive is written: the torrent then costs no second read.
//!
//! The first 32 bytes of a 7z file are written last, since they point to its end. So the first piece
//! is kept in memory and hashed when all is there.

use std::io::{self, Seek, SeekFrom, Write};

use sha1::{Digest, Sha1};

/// SHA-1 of every piece of a file, in order: what `metainfo::Builder::build` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceHashes {
    /// Bytes in a piece; the last may have fewer.
    pub piece_length: u32,
    /// One hash a piece.
    pub hashes: Vec<[u8; 20]>,
}

/// Hashes what is written through it.
pub(crate) struct HashingWriter<W> {
    inner: W,
    position: u64,
    hasher: Option<Hasher>,
}

impl<W> HashingWriter<W> {
    /// With a piece length, pieces are hashed.
    pub(crate) fn new(inner: W, piece_length: Option<u32>) -> Self {
        Self { inner, position: 0, hasher: piece_length.map(Hasher::new) }
    }

    /// The file, and the hashes of all that was written into it.
    pub(crate) fn finish(self) -> (W, Option<PieceHashes>) {
        (self.inner, self.hasher.and_then(Hasher::finish))
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.written(self.position, &bytes[..written]);
        }
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Seek> Seek for HashingWriter<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }
}

struct Hasher {
    piece_length: u64,
    first: Vec<u8>,
    /// Where the next byte behind the first piece has to go.
    upto: u64,
    current: Sha1,
    /// Of the second piece and all after it.
    hashes: Vec<[u8; 20]>,
    /// Something was written where it cannot be hashed any more: then there are no hashes.
    out_of_order: bool,
}

impl Hasher {
    fn new(piece_length: u32) -> Self {
        assert!(piece_length > 0, "pieces have bytes");
        let piece_length = u64::from(piece_length);
        Self {
            piece_length,
            first: Vec::new(),
            upto: piece_length,
            current: Sha1::new(),
            hashes: Vec::new(),
            out_of_order: false,
        }
    }

    fn written(&mut self, position: u64, bytes: &[u8]) {
        let in_first = self.piece_length.saturating_sub(position).min(bytes.len() as u64) as usize;
        let (first, mut rest) = bytes.split_at(in_first);
        if !first.is_empty() {
            let begin = position as usize;
            self.first.resize(self.first.len().max(begin + first.len()), 0);
            self.first[begin..begin + first.len()].copy_from_slice(first);
        }
        if !rest.is_empty() && position + in_first as u64 != self.upto {
            self.out_of_order = true;
        }
        while !rest.is_empty() {
            let left = self.piece_length - self.upto % self.piece_length;
            let (part, after) = rest.split_at((left as usize).min(rest.len()));
            self.current.update(part);
            self.upto += part.len() as u64;
            if self.upto.is_multiple_of(self.piece_length) {
                self.hashes.push(self.current.finalize_reset().into());
            }
            rest = after;
        }
    }

    fn finish(self) -> Option<PieceHashes> {
        if self.out_of_order {
            return None;
        }
        let mut hashes = vec![Sha1::digest(&self.first).into()];
        hashes.extend(self.hashes);
        if !self.upto.is_multiple_of(self.piece_length) {
            hashes.push(self.current.finalize().into());
        }
        Some(PieceHashes { piece_length: self.piece_length as u32, hashes })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn hashed(content: &[u8], piece_length: u32, step: usize) -> PieceHashes {
        let mut writer = HashingWriter::new(Cursor::new(Vec::new()), Some(piece_length));
        writer.seek(SeekFrom::Start(32)).unwrap();
        for part in content[32..].chunks(step) {
            writer.write_all(part).unwrap();
        }
        writer.rewind().unwrap();
        writer.write_all(&content[..32]).unwrap();
        let (inner, hashes) = writer.finish();
        assert_eq!(inner.into_inner(), content);
        hashes.unwrap()
    }

    #[test]
    fn pieces_are_hashed_as_if_read_from_the_finished_file() {
        for length in [33usize, 63, 64, 65, 127, 128, 129, 1000] {
            let content: Vec<u8> = (0..length).map(|n| (n * 7 + n / 251) as u8).collect();
            let expected: Vec<[u8; 20]> = content.chunks(64).map(|piece| Sha1::digest(piece).into()).collect();
            for step in [1, 16, 63, 64, 65, 5000] {
                assert_eq!(hashed(&content, 64, step).hashes, expected, "{length} bytes in steps of {step}");
            }
        }
    }

    #[test]
    fn writing_behind_the_first_piece_again_gives_no_hashes() {
        let mut writer = HashingWriter::new(Cursor::new(Vec::new()), Some(16));
        writer.write_all(&[1; 100]).unwrap();
        writer.seek(SeekFrom::Start(50)).unwrap();
        writer.write_all(&[2; 10]).unwrap();
        assert_eq!(writer.finish().1, None);
    }
}
