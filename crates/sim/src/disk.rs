//! Disks in memory. Everybody's content is the same, so it is there once ([`Original`]), and a disk
//! only remembers which blocks of it it holds; just what differs (a poisoner's bytes, a broken
//! sector) takes memory of its own. A piece that is the original's need not be hashed to know its hash, so
//! large swarms cost neither memory nor SHA-1.
//!
//! A disk takes its time ([`DiskSpeed`]), does one thing after the other, and fails on request
//! ([`DiskFaults`]).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::{Block, BlockOffset, ByteCount, PieceIndex, PieceSet, Rate, Rng, Time};
use node::{DiskDone, DiskError, DiskOp};
use sha1::{Digest, Sha1};

use crate::original::{BLOCK, Original};

/// One peer's disk, for one torrent. It outlives the program that uses it.
#[derive(Debug)]
pub struct Disk {
    original: Arc<Original>,
    /// Blocks that are as in the original.
    right: Blocks,
    /// Blocks that are not.
    wrong: BTreeMap<u64, Bytes>,
    speed: DiskSpeed,
    faults: DiskFaults,
    rng: Rng,
    busy_until: Time,
    used: ByteCount,
    /// Written a short while ago, oldest first: when, and which block.
    fresh: VecDeque<(Time, u64)>,
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpeed {
    /// Each operation, before its first byte.
    pub seek: Duration,
    /// Reading and writing.
    pub rate: Rate,
    /// Reading and hashing.
    pub hash_rate: Rate,
}

/// What is wrong with a disk. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// It holds so much and no more.
    pub room: Option<ByteCount>,
    /// So many of a million blocks are written with a wrong byte in them.
    pub corrupt_ppm: u32,
    /// What was written so shortly before a crash is lost in it.
    pub lost_in_crash: Duration,
}

/// Which blocks of 16 KiB there are.
#[derive(Debug, Clone)]
struct Blocks {
    words: Vec<u64>,
    count: u64,
    len: u64,
}

/// Blocks remembered as fresh; older ones count as safe.
const FRESH_MAX: usize = 65_536;

impl Default for DiskSpeed {
    /// A solid-state disk and one core.
    fn default() -> Self {
        Self { seek: Duration::from_micros(100), rate: Rate(500_000_000), hash_rate: Rate(1_000_000_000) }
    }
}

impl Disk {
    /// Nothing on it. `rng` decides which blocks go wrong, where faults ask for that.
    pub fn empty(original: Arc<Original>, rng: Rng) -> Self {
        let right = Blocks::none(original.len().div_ceil(BLOCK));
        Self {
            original,
            right,
            wrong: BTreeMap::new(),
            speed: DiskSpeed::default(),
            faults: DiskFaults::default(),
            rng,
            busy_until: Time::ZERO,
            used: ByteCount::ZERO,
            fresh: VecDeque::new(),
        }
    }

    /// Everything on it.
    pub fn full(original: Arc<Original>, rng: Rng) -> Self {
        let mut disk = Self::empty(original, rng);
        for block in 0..disk.right.len {
            disk.right.insert(block);
        }
        disk.used = ByteCount(disk.original.len());
        disk
    }

    pub fn set_speed(&mut self, speed: DiskSpeed) {
        self.speed = speed;
    }

    pub fn set_faults(&mut self, faults: DiskFaults) {
        self.faults = faults;
    }

    /// True when it holds the original, byte for byte.
    pub fn is_whole(&self) -> bool {
        self.right.count == self.right.len
    }

    /// Bytes on it that are right.
    pub fn right_bytes(&self) -> ByteCount {
        let last = self.right.len - 1;
        let short = if self.right.has(last) { self.right.len * BLOCK - self.original.len() } else { 0 };
        ByteCount(self.right.count * BLOCK - short)
    }

    /// True when this block is on it, byte for byte as in the original.
    pub fn holds(&self, block: Block) -> bool {
        blocks_of(&self.place(block)).all(|block| self.right.has(block))
    }

    /// The pieces on it that are right.
    pub fn right_pieces(&self) -> PieceSet {
        let info = self.original.info();
        let mut pieces = PieceSet::empty(info.piece_count());
        for piece in (0..info.piece_count()).map(PieceIndex) {
            let whole = Block { piece, offset: BlockOffset(0), length: info.piece_size(piece) };
            if self.holds(whole) {
                pieces.insert(piece);
            }
        }
        pieces
    }

    /// The machine crashed, or the program was killed, at `now`: what was not safe is lost.
    pub fn crash(&mut self, now: Time) {
        while let Some((at, block)) = self.fresh.pop_back() {
            if at <= now && now.since(at) >= self.faults.lost_in_crash {
                break;
            }
            self.forget(block);
        }
        self.fresh.clear();
        self.busy_until = now;
    }

    /// What should be on it.
    pub fn original(&self) -> &Arc<Original> {
        &self.original
    }

    /// Does it; answers with what the node is told, and when.
    pub fn carry_out(&mut self, now: Time, op: DiskOp) -> (Time, DiskDone) {
        let (bytes, rate) = match &op {
            DiskOp::Hash { piece } => (self.original.info().piece_size(*piece).into(), self.speed.hash_rate),
            DiskOp::Read { block, .. } => (block.length.into(), self.speed.rate),
            DiskOp::Write { data, .. } => (data.len() as u64, self.speed.rate),
        };
        let span = self.speed.seek + rate.time_for(ByteCount(bytes)).unwrap_or_default();
        let at = self.busy_until.max(now).after(span);
        self.busy_until = at;
        let done = match op {
            DiskOp::Hash { piece } => DiskDone::Hashed { piece, result: self.hash(piece) },
            DiskOp::Read { block, conn } => DiskDone::Read { block, conn, result: self.read(self.place(block)) },
            DiskOp::Write { block, data } => DiskDone::Written { block, result: self.write(at, block, &data) },
        };
        (at, done)
    }

    fn place(&self, block: Block) -> Range<u64> {
        let start = self.original.info().geometry().piece_offset(block.piece) + u64::from(block.offset.0);
        start..start + u64::from(block.length)
    }

    fn hash(&self, piece: PieceIndex) -> Result<[u8; 20], DiskError> {
        let info = self.original.info();
        let start = info.geometry().piece_offset(piece);
        let place = start..start + u64::from(info.piece_size(piece));
        if blocks_of(&place).all(|block| self.right.has(block)) {
            return Ok(info.piece_hash(piece));
        }
        Ok(Sha1::digest(self.read(place)?).into())
    }

    fn read(&self, place: Range<u64>) -> Result<BytesMut, DiskError> {
        if blocks_of(&place).all(|block| self.right.has(block)) {
            return Ok(self.original.range(place));
        }
        let mut bytes = BytesMut::with_capacity((place.end - place.start) as usize);
        for block in blocks_of(&place) {
            let span = self.span(block);
            let part = place.start.max(span.start) - span.start..place.end.min(span.end) - span.start;
            let content = self.content(block).ok_or(DiskError::Absent)?;
            bytes.extend_from_slice(&content[part.start as usize..part.end as usize]);
        }
        Ok(bytes)
    }

    fn write(&mut self, at: Time, block: Block, data: &[u8]) -> Result<(), DiskError> {
        let place = self.place(block);
        for block in blocks_of(&place) {
            let span = self.span(block);
            let part = place.start.max(span.start)..place.end.min(span.end);
            let new = &data[(part.start - place.start) as usize..(part.end - place.start) as usize];
            self.make_room(block, &span)?;
            self.write_part(block, (part.start - span.start) as usize, new, &span);
            self.note_fresh(at, block);
        }
        Ok(())
    }

    fn make_room(&mut self, block: u64, span: &Range<u64>) -> Result<(), DiskError> {
        if self.is_written(block) {
            return Ok(());
        }
        let used = self.used + ByteCount(span.end - span.start);
        if self.faults.room.is_some_and(|room| used > room) {
            return Err(DiskError::Failed("no space left on the disk".to_owned()));
        }
        self.used = used;
        Ok(())
    }

    fn write_part(&mut self, block: u64, offset: usize, new: &[u8], span: &Range<u64>) {
        let goes_wrong = self.faults.corrupt_ppm > 0 && self.rng.chance(self.faults.corrupt_ppm.into(), 1_000_000);
        let length = (span.end - span.start) as usize;
        if new.len() == length && self.original.has(span.start, new) && !goes_wrong {
            self.right.insert(block);
            self.wrong.remove(&block);
            return;
        }
        let mut content = self.content(block).map_or_else(|| vec![0; length], |bytes| bytes.to_vec());
        content[offset..offset + new.len()].copy_from_slice(new);
        if goes_wrong && !new.is_empty() {
            content[offset + self.rng.below(new.len() as u64) as usize] ^= 1;
        }
        if self.original.has(span.start, &content) {
            self.right.insert(block);
            self.wrong.remove(&block);
        } else {
            self.right.remove(block);
            self.wrong.insert(block, content.into());
        }
    }

    fn note_fresh(&mut self, at: Time, block: u64) {
        self.fresh.push_back((at, block));
        if self.fresh.len() > FRESH_MAX {
            self.fresh.pop_front();
        }
        while let Some((old, _)) = self.fresh.front()
            && at.since(*old) > self.faults.lost_in_crash.max(SETTLES_WITHIN)
        {
            self.fresh.pop_front();
        }
    }

    fn forget(&mut self, block: u64) {
        if self.is_written(block) {
            let span = self.span(block);
            self.used = self.used.saturating_sub(ByteCount(span.end - span.start));
        }
        self.right.remove(block);
        self.wrong.remove(&block);
    }

    /// True when something is written there, right or wrong.
    fn is_written(&self, block: u64) -> bool {
        self.right.has(block) || self.wrong.contains_key(&block)
    }

    fn content(&self, block: u64) -> Option<Bytes> {
        if self.right.has(block) {
            return Some(self.original.range(self.span(block)).freeze());
        }
        self.wrong.get(&block).cloned()
    }

    fn span(&self, block: u64) -> Range<u64> {
        block * BLOCK..((block + 1) * BLOCK).min(self.original.len())
    }
}

/// Blocks this old are on the disk, whatever it is busy with.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

fn blocks_of(place: &Range<u64>) -> Range<u64> {
    place.start / BLOCK..place.end.div_ceil(BLOCK)
}

impl Blocks {
    fn none(len: u64) -> Self {
        Self { words: vec![0; len.div_ceil(64) as usize], count: 0, len }
    }

    fn has(&self, block: u64) -> bool {
        self.words[(block / 64) as usize] & 1 << (block % 64) != 0
    }

    fn insert(&mut self, block: u64) {
        if !self.has(block) {
            self.words[(block / 64) as usize] |= 1 << (block % 64);
            self.count += 1;
        }
    }

    fn remove(&mut self, block: u64) {
        if self.has(block) {
            self.words[(block / 64) as usize] &= !(1 << (block % 64));
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::made_up;

    const PIECE: u32 = 64 * 1024;

    #[test]
    fn what_was_written_is_read() {
        let mut disk = empty();
        let block = block(1, 16_384, 16_384);
        assert_eq!(read(&mut disk, block), Err(DiskError::Absent));
        write_right(&mut disk, block).unwrap();
        assert_eq!(read(&mut disk, block).unwrap(), right(&disk, block));
        assert_eq!(disk.right_bytes(), ByteCount(16_384));
    }

    #[test]
    fn wrong_bytes_are_kept_as_they_are_and_spoil_the_hash() {
        let mut disk = full();
        let block = block(0, 0, 16_384);
        let mut lie = right(&disk, block).to_vec();
        lie[7] ^= 1;
        write(&mut disk, block, &lie).unwrap();
        assert_eq!(read(&mut disk, block).unwrap(), lie);
        assert_ne!(hash(&mut disk, 0).unwrap(), disk.original.info().piece_hash(PieceIndex(0)));
        assert!(!disk.is_whole());
        write_right(&mut disk, block).unwrap();
        assert_eq!(hash(&mut disk, 0).unwrap(), disk.original.info().piece_hash(PieceIndex(0)));
        assert!(disk.is_whole());
    }

    #[test]
    fn the_hash_that_is_not_computed_is_the_one_that_would_be() {
        let mut disk = full();
        for piece in 0..disk.original.info().piece_count() {
            let size = disk.original.info().piece_size(PieceIndex(piece));
            let bytes = read(&mut disk, block(piece, 0, size)).unwrap();
            assert_eq!(hash(&mut disk, piece).unwrap(), <[u8; 20]>::from(Sha1::digest(&bytes)));
        }
    }

    #[test]
    fn odd_ranges_are_written_and_read_across_blocks() {
        let mut disk = empty();
        let parts = [block(0, 0, 10_000), block(0, 10_000, 20_000), block(0, 30_000, 35_536)];
        for part in parts {
            write_right(&mut disk, part).unwrap();
        }
        let whole = block(0, 0, PIECE);
        assert_eq!(read(&mut disk, whole).unwrap(), right(&disk, whole));
        assert!(disk.wrong.is_empty(), "what turned out right takes no memory");
    }

    #[test]
    fn a_full_disk_says_so_and_can_still_be_written_over() {
        let mut disk = empty();
        disk.set_faults(DiskFaults { room: Some(ByteCount(20_000)), ..DiskFaults::default() });
        let (first, second) = (block(0, 0, 16_384), block(0, 16_384, 16_384));
        write_right(&mut disk, first).unwrap();
        assert!(matches!(write_right(&mut disk, second), Err(DiskError::Failed(_))));
        write_right(&mut disk, first).unwrap();
    }

    #[test]
    fn a_corrupting_disk_corrupts_about_as_often_as_asked() {
        let mut disk = empty();
        disk.set_faults(DiskFaults { corrupt_ppm: 500_000, ..DiskFaults::default() });
        let info = Arc::clone(disk.original.info());
        for piece in 0..info.piece_count() {
            for block in info.blocks(PieceIndex(piece)) {
                write_right(&mut disk, block).unwrap();
            }
        }
        let wrong = disk.wrong.len();
        assert!((10..=54).contains(&wrong), "{wrong} of 64 are wrong");
    }

    #[test]
    fn a_crash_loses_what_was_under_way_and_what_was_fresh() {
        let mut disk = empty();
        disk.set_faults(DiskFaults { lost_in_crash: Duration::from_secs(1), ..DiskFaults::default() });
        for (piece, at) in [(0, 1_000), (1, 4_500), (2, 5_000)] {
            let block = block(piece, 0, 16_384);
            disk.carry_out(Time::from_micros(at * 1_000), DiskOp::Write { block, data: right(&disk, block) });
        }
        disk.crash(Time::from_secs(5));
        assert!(read(&mut disk, block(0, 0, 16_384)).is_ok());
        assert_eq!(read(&mut disk, block(1, 0, 16_384)), Err(DiskError::Absent), "half a second old");
        assert_eq!(read(&mut disk, block(2, 0, 16_384)), Err(DiskError::Absent), "not done yet");
    }

    #[test]
    fn one_thing_after_the_other_at_the_disks_own_speed() {
        let mut disk = full();
        disk.set_speed(DiskSpeed { seek: Duration::from_millis(10), rate: Rate(16_384), hash_rate: Rate(65_536) });
        let read = DiskOp::Read { block: block(0, 0, 16_384), conn: None };
        assert_eq!(disk.carry_out(Time::ZERO, read).0, Time::from_micros(1_010_000));
        let hash = DiskOp::Hash { piece: PieceIndex(0) };
        assert_eq!(disk.carry_out(Time::from_micros(500_000), hash).0, Time::from_micros(2_020_000));
    }

    fn original() -> Arc<Original> {
        let (metainfo, bytes) = made_up("lesson.bin", (1 << 20) - 5, PIECE, 7).unwrap();
        Arc::new(Original::new(Arc::new(metainfo.info), bytes).unwrap())
    }

    fn empty() -> Disk {
        Disk::empty(original(), Rng::from_seed(1))
    }

    fn full() -> Disk {
        Disk::full(original(), Rng::from_seed(1))
    }

    fn block(piece: u32, offset: u32, length: u32) -> Block {
        Block { piece: PieceIndex(piece), offset: BlockOffset(offset), length }
    }

    fn right(disk: &Disk, block: Block) -> Bytes {
        disk.original.range(disk.place(block)).freeze()
    }

    fn read(disk: &mut Disk, block: Block) -> Result<BytesMut, DiskError> {
        match disk.carry_out(Time::ZERO, DiskOp::Read { block, conn: None }).1 {
            DiskDone::Read { result, .. } => result,
            other => panic!("{other:?}"),
        }
    }

    fn write(disk: &mut Disk, block: Block, data: &[u8]) -> Result<(), DiskError> {
        let op = DiskOp::Write { block, data: Bytes::copy_from_slice(data) };
        match disk.carry_out(Time::ZERO, op).1 {
            DiskDone::Written { result, .. } => result,
            other => panic!("{other:?}"),
        }
    }

    fn write_right(disk: &mut Disk, block: Block) -> Result<(), DiskError> {
        let data = right(disk, block);
        write(disk, block, &data)
    }

    fn hash(disk: &mut Disk, piece: u32) -> Result<[u8; 20], DiskError> {
        match disk.carry_out(Time::ZERO, DiskOp::Hash { piece: PieceIndex(piece) }).1 {
            DiskDone::Hashed { result, .. } => result,
            other => panic!("{other:?}"),
        }
    }
}
