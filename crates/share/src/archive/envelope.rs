//! What a 7z file shows without its password: where the list of files lies, how it is encrypted, and
//! whether the file is whole. Everybody who has the file can read this much.
//!
//! Follows `7zFormat.txt` of 7-Zip: 32 bytes at the start point to the header at the end, which is the
//! list of files itself or, as here, tells how the list is packed and encrypted.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use model::ByteCount;

use super::method::{self, AesSettings, MethodError};
use super::probe::fill;

/// The key of our archives takes 2 to this power rounds of SHA-256, as 7-Zip's own do: some 20 ms
/// for the friend, and 20 ms more for each guess.
pub const KEY_ROUNDS_POWER: u8 = 19;

/// The outside of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Bytes of the whole file.
    pub length: ByteCount,
    /// How the list of files is encrypted. `None` where anybody can read the names; the contents may
    /// be encrypted all the same.
    pub encryption: Option<Encryption>,
    packed_list: Option<PackedList>,
}

/// How something is encrypted: all that is not the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// The key takes 2 to this power rounds of SHA-256 to derive.
    pub rounds_power: u8,
    /// Makes the same password another key.
    pub salt: Vec<u8>,
    /// Makes the same content other bytes.
    pub iv: Vec<u8>,
}

/// The packed and perhaps encrypted list of files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PackedList {
    start: u64,
    length: u64,
    crc: Option<u32>,
}

/// Why a file is not an archive that can be opened. Fits after "failed to open x: ".
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The system refused; its words.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It begins like something else.
    #[error("it is no 7z archive{0}")]
    Other(&'static str),
    /// A part of a split archive.
    #[error("it is one part of an archive in several volumes: join them first, with `7z x` or `cat x.7z.0* > x.7z`")]
    Volume,
    /// The end is missing.
    #[error("it is cut off: {has} of at least {needs} bytes are there")]
    CutOff {
        /// Bytes there are.
        has: u64,
        /// Bytes there should be, at least.
        needs: u64,
    },
    /// Its writer never got to the end.
    #[error("its writer never finished it")]
    Unfinished,
    /// It has no files in it, not even a list of none.
    #[error("it is empty")]
    Empty,
    /// Bytes are not what they were; holds where.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Made by a future 7-Zip.
    #[error("it has version {0} of the 7z format; 0 is known")]
    Version(u8),
    /// Packed in a way that is not known here.
    #[error(transparent)]
    Method(#[from] MethodError),
}

impl Envelope {
    /// Reads the outside of the archive at `path`.
    pub fn read(path: &Path) -> Result<Self, EnvelopeError> {
        let mut file = File::open(path)?;
        Self::of(&mut file).map_err(|error| match error {
            EnvelopeError::Other(_) | EnvelopeError::CutOff { .. } if is_volume(path) => EnvelopeError::Volume,
            other => other,
        })
    }

    pub(crate) fn of(file: &mut (impl Read + Seek)) -> Result<Self, EnvelopeError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut start = [0; START_BYTES];
        let read = fill(file, &mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(EnvelopeError::Other(looks_like(&start)));
        }
        if read < START_BYTES {
            return Err(EnvelopeError::CutOff { has: read as u64, needs: START_BYTES as u64 });
        }
        let header = next_header(file, &start, length)?;
        match header.first() {
            Some(&HEADER) => Ok(Self { length: ByteCount(length), encryption: None, packed_list: None }),
            Some(&ENCODED_HEADER) => Self::of_encoded(&header[1..], length),
            _ => Err(EnvelopeError::Damaged("the list of files begins wrongly")),
        }
    }

    fn of_encoded(header: &[u8], length: u64) -> Result<Self, EnvelopeError> {
        let (list, coders) = encoded_header(&mut Bytes(header)).ok_or(DAMAGED_LIST)?;
        let end = list.start.checked_add(list.length).ok_or(DAMAGED_LIST)?;
        if end > length {
            return Err(EnvelopeError::CutOff { has: length, needs: end });
        }
        let too_large = EnvelopeError::Damaged("the list of files would fill the memory");
        let most = list.length.saturating_mul(HEADER_GROWTH_MAX).clamp(HEADER_BYTES_FREE, HEADER_BYTES_MAX);
        if list.length > HEADER_BYTES_MAX || coders.iter().any(|coder| coder.unpacked > most) {
            return Err(too_large);
        }
        let mut encryption = None;
        for coder in &coders {
            method::check(&coder.id, &coder.properties)?;
            if method::is_aes(&coder.id) {
                encryption = Some(Encryption::read(&coder.properties).ok_or(DAMAGED_LIST)?);
            }
        }
        Ok(Self { length: ByteCount(length), encryption, packed_list: Some(list) })
    }

    /// Whether the encrypted list of files has all its bytes as they were written, which can be told
    /// without the password. `None` where the writer left no checksum of it, as 7-Zip does.
    pub fn list_is_whole(&self, file: &mut (impl Read + Seek)) -> io::Result<Option<bool>> {
        let Some(PackedList { start, length, crc: Some(crc) }) = self.packed_list else { return Ok(None) };
        file.seek(SeekFrom::Start(start))?;
        let mut list = Vec::new();
        file.take(length).read_to_end(&mut list)?;
        Ok(Some(list.len() as u64 == length && crc32fast::hash(&list) == crc))
    }
}

impl Encryption {
    pub(crate) fn read(properties: &[u8]) -> Option<Self> {
        let AesSettings { rounds_power, salt, iv } = AesSettings::read(properties)?;
        Some(Self { rounds_power, salt, iv })
    }
}

/// The bytes that the start points to, checked.
fn next_header(
    file: &mut (impl Read + Seek),
    start: &[u8; START_BYTES],
    length: u64,
) -> Result<Vec<u8>, EnvelopeError> {
    if start[6] != 0 {
        return Err(EnvelopeError::Version(start[6]));
    }
    if start[8..].iter().all(|byte| *byte == 0) {
        return Err(EnvelopeError::Unfinished);
    }
    let mut fields = Bytes(&start[8..]);
    let damaged = EnvelopeError::Damaged("its first 32 bytes do not fit their checksum");
    let crc = fields.u32().ok_or(DAMAGED_LIST)?;
    if crc32fast::hash(fields.0) != crc {
        return Err(damaged);
    }
    let (Some(offset), Some(size), Some(crc)) = (fields.u64(), fields.u64(), fields.u32()) else { return Err(damaged) };
    if size == 0 {
        return Err(EnvelopeError::Empty);
    }
    let begin = offset.saturating_add(START_BYTES as u64);
    let end = begin.saturating_add(size);
    if end > length {
        return Err(EnvelopeError::CutOff { has: length, needs: end });
    }
    if size > HEADER_BYTES_MAX {
        return Err(EnvelopeError::Damaged("the list of files would fill the memory"));
    }
    file.seek(SeekFrom::Start(begin))?;
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header)?;
    if crc32fast::hash(&header) != crc {
        return Err(EnvelopeError::Damaged("the list of files does not fit its checksum"));
    }
    Ok(header)
}

struct Coder {
    id: Vec<u8>,
    properties: Vec<u8>,
    /// Bytes that come out of it.
    unpacked: u64,
}

/// One packed stream, unpacked by a chain of coders: more is never written for a list of files.
fn encoded_header(bytes: &mut Bytes<'_>) -> Option<(PackedList, Vec<Coder>)> {
    bytes.expect(PACK_INFO)?;
    let position = bytes.number()?;
    bytes.expect_number(1)?;
    bytes.expect(SIZE)?;
    let length = bytes.number()?;
    let mut next = bytes.byte()?;
    let mut crc = None;
    if next == CRC {
        crc = checksum_of_one(bytes)?;
        next = bytes.byte()?;
    }
    if next != END {
        return None;
    }
    let list = PackedList { start: position.checked_add(START_BYTES as u64)?, length, crc };
    bytes.expect(UNPACK_INFO)?;
    bytes.expect(FOLDER)?;
    bytes.expect_number(1)?;
    bytes.expect(0)?;
    let mut coders = coders(bytes)?;
    bytes.expect(UNPACK_SIZES)?;
    for coder in &mut coders {
        coder.unpacked = bytes.number()?;
    }
    Some((list, coders))
}

fn coders(bytes: &mut Bytes<'_>) -> Option<Vec<Coder>> {
    let count = bytes.number()?;
    if !(1..=HEADER_CODERS_MAX).contains(&count) {
        return None;
    }
    let mut coders = Vec::new();
    for _ in 0..count {
        let flags = bytes.byte()?;
        if flags & (MANY_STREAMS | ALTERNATIVES) != 0 {
            return None;
        }
        let id = bytes.take(usize::from(flags & 15))?.to_vec();
        let size = if flags & HAS_PROPERTIES != 0 { bytes.number()? } else { 0 };
        let properties = bytes.take(usize::try_from(size).ok()?)?.to_vec();
        coders.push(Coder { id, properties, unpacked: 0 });
    }
    // Which coder feeds which.
    for _ in 0..2 * (count - 1) {
        bytes.number()?;
    }
    Some(coders)
}

fn checksum_of_one(bytes: &mut Bytes<'_>) -> Option<Option<u32>> {
    let all_have_one = bytes.byte()? != 0;
    if all_have_one || bytes.byte()? & 0x80 != 0 { Some(Some(bytes.u32()?)) } else { Some(None) }
}

/// Bytes to be read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.byte()? == wanted).then_some(())
    }

    fn expect_number(&mut self, wanted: u64) -> Option<()> {
        (self.number()? == wanted).then_some(())
    }

    /// A number of 1 to 9 bytes. As many ones as the first byte begins with, so many bytes follow, low
    /// ones first; the rest of the first byte goes on top.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let following = first.leading_ones() as usize;
        let mut low = [0; 8];
        low[..following].copy_from_slice(self.take(following)?);
        let low = u64::from_le_bytes(low);
        if following >= 7 {
            return Some(low);
        }
        let high = u64::from(first & (0x7F >> following));
        Some(high << (8 * following) | low)
    }
}

/// What the first bytes of other files say, for a better message.
fn looks_like(start: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"PK", ": it begins like a ZIP"),
        (b"Rar!", ": it begins like a RAR"),
        (b"\x1F\x8B", ": it begins like a gzip"),
        (b"\xFD7zXZ", ": it begins like an xz"),
        (b"BZh", ": it begins like a bzip2"),
        (b"(\xB5/\xFD", ": it begins like a Zstandard"),
        (b"MZ", ": it begins like a Windows program; if it unpacks itself, its sender can send the 7z alone"),
        (b"d8:announce", ": it is a torrent. Fetch what it describes first"),
    ];
    KNOWN.iter().find(|(begin, _)| start.starts_with(begin)).map_or("", |(_, text)| text)
}

/// True for `x.7z.001` and the like.
fn is_volume(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.len() == 3 && extension.as_encoded_bytes().iter().all(u8::is_ascii_digit))
}

const DAMAGED_LIST: EnvelopeError = EnvelopeError::Damaged("the list of files is not told rightly");

const MAGIC: &[u8] = &[b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C];
const START_BYTES: usize = 32;

/// Half a million files with names of fifty characters. The library takes a hundred bytes of memory for
/// each byte here where the list lies.
pub(crate) const HEADER_BYTES_MAX: u64 = 64 << 20;
/// Lists of people's files get twenty times smaller at most, for checksums do not compress.
const HEADER_GROWTH_MAX: u64 = 100;
/// Up to here a list may grow however much.
const HEADER_BYTES_FREE: u64 = 1 << 20;
/// A filter, a compressor and a cipher; 7-Zip writes two.
const HEADER_CODERS_MAX: u64 = 4;

const MANY_STREAMS: u8 = 0x10;
const HAS_PROPERTIES: u8 = 0x20;
const ALTERNATIVES: u8 = 0x80;

/// Marks of `7zFormat.txt`.
const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0A;
const FOLDER: u8 = 0x0B;
const UNPACK_SIZES: u8 = 0x0C;
const ENCODED_HEADER: u8 = 0x17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_nine_bytes() {
        let table: [(&[u8], u64); 6] = [
            (&[0x7F], 0x7F),
            (&[0x80, 0x80], 0x80),
            (&[0xBF, 0xFF], 0x3FFF),
            (&[0xC1, 0x34, 0x12], 0x11234),
            (&[0xFE, 1, 2, 3, 4, 5, 6, 7], 0x07_0605_0403_0201),
            (&[0xFF, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
        ];
        for (bytes, number) in table {
            assert_eq!(Bytes(bytes).number(), Some(number), "{bytes:x?}");
            assert_eq!(Bytes(&bytes[..bytes.len() - 1]).number(), None, "{bytes:x?}");
        }
    }

    fn opened(bytes: &[u8], name: &str) -> EnvelopeError {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Envelope::read(&path).unwrap_err()
    }

    #[test]
    fn other_files_are_called_what_they_are() {
        assert_eq!(opened(b"PK\x03\x04", "x.7z").to_string(), "it is no 7z archive: it begins like a ZIP");
        assert_eq!(opened(b"", "x.7z").to_string(), "it is no 7z archive");
        assert!(matches!(opened(MAGIC, "x.7z"), EnvelopeError::CutOff { has: 6, needs: 32 }));
        assert!(matches!(opened(b"second part", "x.7z.002"), EnvelopeError::Volume));
        let unfinished = [MAGIC, &[0; 100]].concat();
        assert!(matches!(opened(&unfinished, "x.7z"), EnvelopeError::Unfinished));
        let mut future = unfinished;
        future[6] = 1;
        assert!(matches!(opened(&future, "x.7z"), EnvelopeError::Version(1)));
    }

    /// A list of 8192 packed bytes that one LZMA2 step unpacks.
    fn list_of(sixteenths_of_a_mebibyte: u8) -> Result<Envelope, EnvelopeError> {
        let packed = [PACK_INFO, 0, 1, SIZE, 0xA0, 0x00, END];
        let coder = [UNPACK_INFO, FOLDER, 1, 0, 1, HAS_PROPERTIES | 1, 0x21, 1, 0];
        let unpacked = [UNPACK_SIZES, 0xE0, 0, 0, sixteenths_of_a_mebibyte, END, END];
        Envelope::of_encoded(&[&packed[..], &coder, &unpacked].concat(), 10_000)
    }

    #[test]
    fn a_list_of_files_that_would_grow_beyond_measure_is_refused() {
        assert!(list_of(17).is_err_and(|error| error.to_string().contains("memory")));
        list_of(16).unwrap();
    }
}
