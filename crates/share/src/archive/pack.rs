//! From a survey to an encrypted archive.
//!
//! Folders and empty files come first, then the files that are stored, then those that are
//! compressed, each sorted and in blocks of less than 4 GiB. All is written to `….swarmlab-part`, forced
//! to the disk, opened once with the password, and only then called by its name.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{ByteCount, Rate};
use sevenz_rust2::encoder_options::{AesEncoderOptions, Lzma2Options};
use sevenz_rust2::{ArchiveWriter, EncoderConfiguration, SourceReader};

use super::disk::{free_space, sync_folder};
use super::entry;
use super::envelope::KEY_ROUNDS_POWER;
use super::open::{Archive, OpenError};
use super::part::{Part, PartError, exists, part_path};
use super::piece_hashes::{HashingWriter, PieceHashes};
use super::probe::Packing;
use super::progress::Watch;
use super::source::Reading;
use super::survey::{Found, Survey};
use crate::Password;

/// How to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackOptions {
    /// How hard to compress what compresses.
    pub level: Level,
    /// Threads that compress, 1 to [`THREADS_MAX`]. High levels use fewer, for the memory they take.
    pub threads: u32,
    /// Replace an archive that is there, and take away an unfinished one.
    pub replace: bool,
    /// Bytes in a piece of the torrent to come: then the pieces are hashed on the way.
    pub piece_length: Option<u32>,
}

/// 0 stores everything, 1 is quick, 9 takes long and much memory. As 7-Zip's `-mx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

/// An archive that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub length: ByteCount,
    /// Bytes of content in it, unpacked.
    pub content: ByteCount,
    /// Hashes of its pieces, when they were asked for.
    pub pieces: Option<PieceHashes>,
}

/// Why no archive was made. Nothing is left of it then. Fits after "failed to pack x: ".
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It would replace a file.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A folder is there, which no archive replaces.
    #[error("{} is a folder", .0.display())]
    Folder(PathBuf),
    /// There is no place beside it for what is not finished yet.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The archive would lie in the folder that is packed, and grow for ever; or replace the file that
    /// is packed.
    #[error("{} is, or lies in, what is packed: write the archive somewhere else", .0.display())]
    InsideItself(PathBuf),
    /// Not enough space for what will not compress.
    #[error("the disk has {free} free and {needed} are needed, in {}", at.display())]
    NoRoom {
        /// At least.
        needed: ByteCount,
        /// What there is.
        free: ByteCount,
        /// Where.
        at: PathBuf,
    },
    /// A file was written to since it was found.
    #[error("{} changed while it was packed: wait until nobody writes to it, and try again", .0.display())]
    Changed(PathBuf),
    /// A file is gone since it was found.
    #[error("{} vanished before it was packed", .0.display())]
    Vanished(PathBuf),
    /// A file cannot be read; the system's words are its source.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The archive cannot be written; the system's words are its source.
    #[error("write {}", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Broken off by the user.
    #[error("broken off")]
    Cancelled,
    /// No salt and no vector without it.
    #[error(transparent)]
    Chance(#[from] crate::ChanceError),
    /// The library refused something that it should not.
    #[error("the 7z library: {0}")]
    Library(String),
    /// What was written does not open: a fault of this program.
    #[error("what was written does not open with its password: {0}")]
    Unreadable(OpenError),
}

impl Level {
    /// Stores everything.
    pub const STORE: Self = Self(0);
    /// The quickest that compresses. Twice to four times as fast as 7-Zip's where there are photos.
    pub const QUICK: Self = Self(1);

    /// `None` above 9.
    pub fn new(level: u8) -> Option<Self> {
        (level <= 9).then_some(Self(level))
    }
}

impl Default for PackOptions {
    /// Quick, with the processor's cores or [`THREADS_MAX`] of them, and replacing nothing.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        Self { level: Level::QUICK, threads: cores.min(THREADS_MAX), replace: false, piece_length: None }
    }
}

impl PackOptions {
    /// How long packing will take, going by one machine of 2025: an order of magnitude, for whoever
    /// wonders whether to wait. Disks and older processors are slower.
    pub fn time_to_expect(&self, survey: &Survey) -> Duration {
        let compressed = match self.level {
            Level::STORE => ByteCount::ZERO,
            _ => survey.bytes(Packing::Compress),
        };
        let stored = survey.total().saturating_sub(compressed);
        let compressing = Rate(COMPRESS_BYTES_PER_S[usize::from(self.level.0)] * u64::from(self.threads_used()));
        let time = |rate: Rate, bytes| rate.time_for(bytes).unwrap_or_default();
        time(STORE_RATE, stored) + time(compressing, compressed)
    }

    /// Each thread has a dictionary of its own, and ten times as much to search it with: 8 MiB at
    /// level 5, 64 at level 9.
    fn threads_used(&self) -> u32 {
        let most = match self.level.0 {
            0..=5 => THREADS_MAX,
            6..=7 => 2,
            _ => 1,
        };
        self.threads.clamp(1, most)
    }

    /// How a file of the survey goes in, at this level.
    fn packing(&self, found: &Found) -> Packing {
        if self.level == Level::STORE { Packing::Store } else { found.packing }
    }

    fn compressor(&self, block_bytes: u64) -> EncoderConfiguration {
        let level = u32::from(self.level.0);
        let threads = self.threads_used();
        if threads < 2 {
            return Lzma2Options::from_level(level).into();
        }
        // Chunks are what threads share out among them, and what memory goes by.
        let chunk = block_bytes.div_ceil(threads.into()).clamp(CHUNK_BYTES_MIN, CHUNKS_BYTES_MAX / u64::from(threads));
        Lzma2Options::from_level_mt(level, threads, chunk).into()
    }
}

/// Packs what the survey found into the archive `output`, which nobody opens without `password`.
pub fn pack(
    survey: &Survey,
    output: &Path,
    password: &Password,
    options: &PackOptions,
    watch: Watch<'_>,
) -> Result<Packed, PackError> {
    check_place(survey, output, options)?;
    let failed = |source| PackError::Write { path: output.to_owned(), source };
    let part = Part::begin(output, options.replace)?;
    check_room(survey, output, options)?;
    let unfinished = part.content();
    let file = File::options().read(true).write(true).create_new(true).open(&unfinished).map_err(failed)?;

    let reading = Reading::new(survey, watch);
    let out = BufWriter::with_capacity(WRITE_BUFFER, HashingWriter::new(file, options.piece_length));
    let written = Writing { survey, password, options, reading: &reading, salt: random()? }.write(out);
    let out = written.map_err(|error| reading.failure().unwrap_or_else(|| error.into_pack_error(output)))?;
    let (file, pieces) = out.into_inner().map_err(|error| failed(error.into_error()))?.finish();
    file.sync_all().map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    drop(file);

    let check = Archive::open(&unfinished, Some(password)).map_err(PackError::Unreadable)?;
    assert_eq!(check.entries().len(), survey.files().len() + survey.folder_count(), "all that was found is in it");
    drop(check);
    part.hand_over(&unfinished, output, options.replace).map_err(failed)?;
    // The archive is there and whole: that its name may not outlive a power cut is no failure.
    let _best_effort = sync_folder(&folder_of(output));
    Ok(Packed { path: output.to_owned(), length: ByteCount(length), content: survey.total(), pieces })
}

fn check_place(survey: &Survey, output: &Path, options: &PackOptions) -> Result<(), PackError> {
    if exists(output) && !options.replace {
        return Err(PackError::Exists(output.to_owned()));
    }
    if output.is_dir() {
        return Err(PackError::Folder(output.to_owned()));
    }
    let folder = folder_of(output);
    let folder = folder.canonicalize().map_err(|source| PackError::Write { path: output.to_owned(), source })?;
    let itself = output.canonicalize().is_ok_and(|output| output == survey.root());
    if itself || folder.starts_with(survey.root()) {
        return Err(PackError::InsideItself(output.to_owned()));
    }
    // What lies there may be taken away before anything is packed.
    let unfinished = part_path(output);
    if unfinished.canonicalize().is_ok_and(|unfinished| survey.root().starts_with(unfinished)) {
        return Err(PackError::InsideItself(unfinished));
    }
    Ok(())
}

/// What compresses may need next to nothing, so only what does not is certain.
fn check_room(survey: &Survey, output: &Path, options: &PackOptions) -> Result<(), PackError> {
    let at = folder_of(output);
    let stored = survey.files().iter().filter(|file| options.packing(file) == Packing::Store);
    let needed = stored.map(|file| file.length).sum();
    let free = free_space(&at).map_err(|source| PackError::Write { path: output.to_owned(), source })?;
    if needed > free { Err(PackError::NoRoom { needed, free, at }) } else { Ok(()) }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

struct Writing<'a, 'w> {
    survey: &'a Survey,
    password: &'a Password,
    options: &'a PackOptions,
    reading: &'a Reading<'w>,
    /// One for the archive, so that its key is derived once.
    salt: [u8; 16],
}

type Out = BufWriter<HashingWriter<File>>;

impl Writing<'_, '_> {
    fn write(&self, out: Out) -> Result<Out, WriteError> {
        let mut archive = ArchiveWriter::new(out)?;
        for folder in self.survey.folders() {
            archive.push_archive_entry(entry::of_folder(folder), NO_CONTENT)?;
        }
        for file in self.survey.files().iter().filter(|file| file.length == ByteCount::ZERO) {
            self.empty(&mut archive, file)?;
        }
        for packing in [Packing::Store, Packing::Compress] {
            let files = self.survey.files().iter();
            let files: Vec<&Found> =
                files.filter(|file| file.length > ByteCount::ZERO && self.options.packing(file) == packing).collect();
            for block in blocks(&files) {
                self.block(&mut archive, packing, block)?;
            }
        }
        // The list of files is encrypted as the last block was, so it gets a vector of its own too.
        archive.set_content_methods(vec![self.cipher()?]);
        Ok(archive.finish().map_err(sevenz_rust2::Error::from)?)
    }

    /// An empty file has no bytes in any block, but may no longer be empty.
    fn empty(&self, archive: &mut ArchiveWriter<Out>, file: &Found) -> Result<(), WriteError> {
        io::copy(&mut self.reading.of(file), &mut io::sink()).map_err(sevenz_rust2::Error::from)?;
        archive.push_archive_entry(entry::of_file(file), NO_CONTENT)?;
        Ok(())
    }

    fn block(&self, archive: &mut ArchiveWriter<Out>, packing: Packing, files: &[&Found]) -> Result<(), WriteError> {
        let mut methods = vec![self.cipher()?];
        if packing == Packing::Compress {
            methods.push(self.options.compressor(length_of(files)));
        }
        archive.set_content_methods(methods);
        let entries = files.iter().map(|file| entry::of_file(file)).collect();
        let readers = files.iter().map(|file| SourceReader::new(self.reading.of(file))).collect();
        archive.push_archive_entries(entries, readers)?;
        Ok(())
    }

    /// AES-256 with a vector that nothing else in the archive has.
    fn cipher(&self) -> Result<EncoderConfiguration, WriteError> {
        let aes = AesEncoderOptions {
            password: self.password.for_7z(),
            iv: random()?,
            salt: self.salt,
            num_cycles_power: KEY_ROUNDS_POWER,
        };
        Ok(aes.into())
    }
}

/// Files in turn, in blocks of less than [`BLOCK_BYTES_MAX`]. Only a larger file makes a larger block:
/// the format cannot cut it.
fn blocks<'a, 'f>(files: &'a [&'f Found]) -> Vec<&'a [&'f Found]> {
    let mut blocks = Vec::new();
    let mut rest = files;
    while !rest.is_empty() {
        let mut bytes = 0u64;
        let fits = |file: &&&Found| {
            bytes = bytes.saturating_add(file.length.0);
            bytes < BLOCK_BYTES_MAX
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (block, after) = rest.split_at(count);
        blocks.push(block);
        rest = after;
    }
    blocks
}

fn length_of(files: &[&Found]) -> u64 {
    files.iter().map(|file| file.length.0).sum()
}

fn random() -> Result<[u8; 16], crate::ChanceError> {
    let mut bytes = [0; 16];
    crate::words::fill(&mut bytes)?;
    Ok(bytes)
}

enum WriteError {
    Library(sevenz_rust2::Error),
    Chance(crate::ChanceError),
}

impl From<sevenz_rust2::Error> for WriteError {
    fn from(error: sevenz_rust2::Error) -> Self {
        Self::Library(error)
    }
}

impl From<crate::ChanceError> for WriteError {
    fn from(error: crate::ChanceError) -> Self {
        Self::Chance(error)
    }
}

impl WriteError {
    /// Reading has its own errors; what is left is writing.
    fn into_pack_error(self, output: &Path) -> PackError {
        match self {
            Self::Chance(error) => PackError::Chance(error),
            Self::Library(sevenz_rust2::Error::Io(source, _)) => PackError::Write { path: output.to_owned(), source },
            Self::Library(other) => PackError::Library(other.to_string()),
        }
    }
}

const NO_CONTENT: Option<&[u8]> = None;

/// More make little difference and each takes its memory.
pub const THREADS_MAX: u32 = 4;

/// The library writes 16 bytes at a time.
const WRITE_BUFFER: usize = 1 << 20;

/// Bytes of content in one block. The library counts those of a block in 32 bits, and what is
/// damaged in a block spoils the rest of it.
const BLOCK_BYTES_MAX: u64 = 4000 << 20;

/// Bytes of one chunk at least: in smaller ones little is said twice.
const CHUNK_BYTES_MIN: u64 = 4 << 20;

/// Bytes of the chunks that all threads have in hand.
const CHUNKS_BYTES_MAX: u64 = 32 << 20;

const STORE_RATE: Rate = Rate(200_000_000);

/// By level, for one thread, text and programs mixed.
const COMPRESS_BYTES_PER_S: [u64; 10] =
    [200_000_000, 36_000_000, 18_000_000, 7_000_000, 5_000_000, 3_500_000, 2_800_000, 2_500_000, 2_300_000, 2_000_000];

#[cfg(test)]
mod tests {
    use super::super::survey::Stamp;
    use super::*;

    fn found(mebibytes: u64) -> Found {
        Found {
            path: "x".parse().unwrap(),
            length: ByteCount(mebibytes << 20),
            packing: Packing::Store,
            stamp: Stamp { modified: None, permissions: None },
        }
    }

    #[test]
    fn blocks_stay_below_4_gib_and_only_a_larger_file_makes_a_larger_one() {
        let files: Vec<Found> = [1000, 2999, 1, 3000, 6000, 10, 3989, 1].map(found).into();
        let files: Vec<&Found> = files.iter().collect();
        let sizes: Vec<Vec<u64>> =
            blocks(&files).iter().map(|block| block.iter().map(|file| file.length.0 >> 20).collect()).collect();
        assert_eq!(sizes, [vec![1000, 2999], vec![1, 3000], vec![6000], vec![10, 3989], vec![1]]);
        assert!(blocks(&[]).is_empty());
    }

    #[test]
    fn levels_are_0_to_9() {
        assert_eq!(Level::new(0), Some(Level::STORE));
        assert!(Level::new(9) > Level::new(1));
        assert_eq!(Level::new(10), None);
    }
}
