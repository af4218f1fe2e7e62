//! Does a file compress? Photos, films, music and archives do not, and trying costs many times what
//! storing does.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// How a file goes into the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// As it is.
    Store,
    /// With LZMA2.
    Compress,
}

/// Looks at up to three windows of a file (start, middle, end) of `length` bytes: where the bytes are
/// spread nearly evenly there is nothing to gain.
pub(crate) fn probe(file: &mut File, length: u64) -> io::Result<Packing> {
    if length < WORTH_LOOKING {
        return Ok(Packing::Compress);
    }
    let windows = if length < 4 * WINDOW { 1 } else { 3 };
    let mut counts = [0u32; 256];
    let mut buffer = vec![0; WINDOW as usize];
    for number in 0..windows {
        let offset = if windows == 1 { 0 } else { (length - WINDOW) / 2 * number };
        file.seek(SeekFrom::Start(offset))?;
        let read = fill(file, &mut buffer)?;
        for byte in &buffer[..read] {
            counts[usize::from(*byte)] += 1;
        }
    }
    Ok(if bits_a_byte(&counts) > EVENLY_SPREAD { Packing::Store } else { Packing::Compress })
}

/// Shannon's entropy of the bytes counted, 0 to 8.
fn bits_a_byte(counts: &[u32; 256]) -> f64 {
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let share = |count: &u32| f64::from(*count) / total;
    -counts.iter().filter(|count| **count > 0).map(share).map(|p| p * p.log2()).sum::<f64>()
}

/// Reads until the buffer is full or the end has come.
pub(crate) fn fill(source: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Bytes in one window.
const WINDOW: u64 = 64 * 1024;

/// In a small file even bytes by lot do not look evenly spread, and it costs little to try.
const WORTH_LOOKING: u64 = 16 * 1024;

/// In bits a byte. Text has 4 to 5, programs 6, JPEG and anything compressed or encrypted more than
/// this.
const EVENLY_SPREAD: f64 = 7.9;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packing(bytes: &[u8]) -> Packing {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        probe(&mut file, bytes.len() as u64).unwrap()
    }

    fn by_lot(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn evenly_spread_bytes_are_stored_and_text_is_compressed() {
        assert_eq!(packing(&by_lot(16 * 1024)), Packing::Store);
        assert_eq!(packing(&by_lot(1 << 20)), Packing::Store);
        assert_eq!(packing(&include_bytes!("probe.rs").repeat(20)), Packing::Compress);
        assert_eq!(packing(&[]), Packing::Compress);
    }

    #[test]
    fn a_head_of_another_kind_does_not_mislead() {
        let head = |mut bytes: Vec<u8>| {
            bytes[..4096].fill(b' ');
            bytes
        };
        assert_eq!(packing(&head(by_lot(1 << 20))), Packing::Store);
        let mut text = vec![b'a'; 1 << 20];
        text[..4096].copy_from_slice(&by_lot(4096));
        assert_eq!(packing(&text), Packing::Compress);
    }

    #[test]
    fn a_file_too_small_to_tell_is_compressed() {
        assert_eq!(packing(&by_lot(1000)), Packing::Compress);
    }
}
