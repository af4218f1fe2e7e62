//! The disk pool: threads that read, write and hash for a node, so that a slow disk never holds up
//! the network.
//!
//! All operations on one piece go to one worker, in the order given. Results come back in batches:
//! one lock and at most one wake-up for many blocks. Neighbouring reads become one. While blocks of
//! a piece are written in order its hash is computed on the side ([`RunningHashes`]).
//!
//! The queues are as long as the node asks; it is bounded by what it lets peers have in flight.
//! [`DiskPool::write_backlog`] tells how many received bytes wait for the disk, for the driver to
//! stop reading from the network when that is too much.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use model::{Block, PieceIndex};
use node::{ConnId, DiskDone, DiskError, DiskOp, TorrentKey};

use crate::running_hash::RunningHashes;
use crate::storage::{Handles, Storage};

/// The threads and their queues.
#[derive(Debug)]
pub(crate) struct DiskPool {
    storages: BTreeMap<TorrentKey, Arc<Storage>>,
    workers: Vec<Worker>,
    results: Arc<Results>,
}

#[derive(Debug)]
struct Worker {
    /// Pushed, not yet handed over by [`DiskPool::submit`].
    staged: Vec<Job>,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Job {
    storage: Arc<Storage>,
    op: DiskOp,
}

impl DiskPool {
    /// Starts `threads` workers, at least one.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let results = Arc::new(Results::default());
        let mut pool = Self { storages: BTreeMap::new(), workers: Vec::new(), results };
        for n in 0..threads.max(1) {
            let queue = Arc::new(Queue::default());
            let task = WorkerTask::new(Arc::clone(&queue), Arc::clone(&pool.results));
            let thread = std::thread::Builder::new().name(format!("disk-{n}")).spawn(move || task.run())?;
            pool.workers.push(Worker { staged: Vec::new(), queue, thread });
        }
        Ok(pool)
    }

    /// Tells where a torrent lies, before its first operation.
    pub(crate) fn open(&mut self, storage: Storage) {
        self.storages.insert(storage.key(), Arc::new(storage));
    }

    /// Takes an operation on; it waits for [`submit`](Self::submit).
    ///
    /// # Panics
    /// When the torrent was not opened.
    pub(crate) fn push(&mut self, torrent: TorrentKey, op: DiskOp) {
        let storage = self.storages.get(&torrent).expect("a torrent is opened before its first operation");
        if let DiskOp::Write { data, .. } = &op {
            self.results.write_backlog.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        let worker = (torrent.0 as usize).wrapping_add(piece_of(&op).as_usize()) % self.workers.len();
        self.workers[worker].staged.push(Job { storage: Arc::clone(storage), op });
    }

    /// Hands over what was pushed.
    pub(crate) fn submit(&mut self) {
        for worker in &mut self.workers {
            if !worker.staged.is_empty() {
                worker.queue.append(&mut worker.staged);
            }
        }
    }

    /// Bytes of blocks that wait to be written.
    pub(crate) fn write_backlog(&self) -> u64 {
        self.results.write_backlog.load(Ordering::Relaxed)
    }

    /// Moves all results so far into `into`, or asks to be woken at the next one.
    pub(crate) fn poll_results(&self, cx: &mut Context<'_>, into: &mut Vec<(TorrentKey, DiskDone)>) -> Poll<()> {
        let mut inbox = lock(&self.results.inbox);
        if inbox.done.is_empty() {
            inbox.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        into.append(&mut inbox.done);
        Poll::Ready(())
    }

    /// Lets the workers write what they were given, drops what is to be read or hashed, and returns
    /// when every thread has ended.
    pub(crate) fn finish(mut self) {
        self.submit();
        for worker in &self.workers {
            worker.queue.close();
        }
        for worker in self.workers {
            if worker.thread.join().is_err() {
                tracing::error!("a disk worker panicked");
            }
        }
    }
}

fn piece_of(op: &DiskOp) -> PieceIndex {
    match op {
        DiskOp::Hash { piece } => *piece,
        DiskOp::Read { block, .. } | DiskOp::Write { block, .. } => block.piece,
    }
}

/// Jobs on their way to one worker.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    /// The worker waits: only then is it worth a system call to wake it.
    idle: bool,
    closed: bool,
}

impl Queue {
    fn append(&self, jobs: &mut Vec<Job>) {
        let mut state = lock(&self.state);
        state.jobs.extend(jobs.drain(..));
        if std::mem::take(&mut state.idle) {
            self.filled.notify_one();
        }
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.jobs.retain(|job| matches!(job.op, DiskOp::Write { .. }));
        self.filled.notify_one();
    }

    /// Swaps all jobs into `into`, waiting for the first; false when there will be no more.
    fn take(&self, into: &mut VecDeque<Job>) -> bool {
        let mut state = lock(&self.state);
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.idle = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        std::mem::swap(&mut state.jobs, into);
        true
    }
}

/// What all workers report to.
#[derive(Debug, Default)]
struct Results {
    inbox: Mutex<Inbox>,
    write_backlog: AtomicU64,
}

#[derive(Debug, Default)]
struct Inbox {
    done: Vec<(TorrentKey, DiskDone)>,
    waker: Option<Waker>,
}

impl Results {
    fn deliver(&self, batch: &mut Vec<(TorrentKey, DiskDone)>) {
        if batch.is_empty() {
            return;
        }
        let waker = {
            let mut inbox = lock(&self.inbox);
            inbox.done.append(batch);
            inbox.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The state of a worker thread.
struct WorkerTask {
    queue: Arc<Queue>,
    results: Arc<Results>,
    handles: Handles,
    hashes: RunningHashes,
    /// For hashing what lies on disk; kept for the next time.
    scratch: Vec<u8>,
    batch: Vec<(TorrentKey, DiskDone)>,
}

/// A batch is delivered when it is this long or this old, whichever is first.
const BATCH_MAX: usize = 16;
const BATCH_AGE_MAX: Duration = Duration::from_millis(1);

/// Neighbouring reads are joined up to this many bytes.
const JOINED_READ_MAX: u32 = 256 * 1024;

impl WorkerTask {
    fn new(queue: Arc<Queue>, results: Arc<Results>) -> Self {
        let (handles, hashes) = (Handles::default(), RunningHashes::default());
        Self { queue, results, handles, hashes, scratch: Vec::new(), batch: Vec::new() }
    }

    fn run(mut self) {
        let mut jobs = VecDeque::new();
        while self.queue.take(&mut jobs) {
            self.work(&mut jobs);
        }
    }

    fn work(&mut self, jobs: &mut VecDeque<Job>) {
        let mut since = Instant::now();
        while let Some(job) = jobs.pop_front() {
            self.carry_out(job, jobs);
            if self.batch.len() >= BATCH_MAX || since.elapsed() >= BATCH_AGE_MAX {
                self.results.deliver(&mut self.batch);
                since = Instant::now();
            }
        }
        self.results.deliver(&mut self.batch);
    }

    fn carry_out(&mut self, job: Job, following: &mut VecDeque<Job>) {
        let storage = &job.storage;
        match job.op {
            DiskOp::Hash { piece } => {
                let result = self.hash(storage, piece);
                self.batch.push((storage.key(), DiskDone::Hashed { piece, result }));
            }
            DiskOp::Write { block, data } => {
                let result = self.write(storage, block, &data);
                self.results.write_backlog.fetch_sub(data.len() as u64, Ordering::Relaxed);
                self.batch.push((storage.key(), DiskDone::Written { block, result }));
            }
            DiskOp::Read { block, conn } => {
                let run = ReadRun::gather(storage.key(), block, conn, following);
                self.read(storage, run);
            }
        }
    }

    fn write(&mut self, storage: &Storage, block: Block, data: &Bytes) -> Result<(), DiskError> {
        let result = storage.write(&mut self.handles, block, data);
        match &result {
            Ok(()) => self.hashes.wrote(storage.key(), block, data),
            Err(_) => self.hashes.disturbed(storage.key(), block.piece),
        }
        result
    }

    fn hash(&mut self, storage: &Storage, piece: PieceIndex) -> Result<[u8; 20], DiskError> {
        let begun = self.hashes.take(storage.key(), piece);
        storage.hash(&mut self.handles, &mut self.scratch, piece, begun)
    }

    fn read(&mut self, storage: &Storage, run: ReadRun) {
        let joined = run.parts.len() > 1;
        let mut whole = if joined { self.read_range(storage, run.range).ok() } else { None };
        for (block, conn) in run.parts {
            // One by one where the whole failed, so that each block gets its own verdict.
            let result = match &mut whole {
                Some(bytes) => Ok(bytes.split_to(block.length as usize)),
                None => self.read_range(storage, block),
            };
            self.batch.push((storage.key(), DiskDone::Read { block, conn, result }));
        }
    }

    fn read_range(&mut self, storage: &Storage, range: Block) -> Result<BytesMut, DiskError> {
        let mut buf = BytesMut::zeroed(range.length as usize);
        storage.read(&mut self.handles, range.piece, range.offset, &mut buf)?;
        Ok(buf)
    }
}

/// Reads of one piece, each beginning where the one before ended.
struct ReadRun {
    range: Block,
    parts: Vec<(Block, Option<ConnId>)>,
}

impl ReadRun {
    /// Takes from `following` what continues the first read.
    fn gather(torrent: TorrentKey, first: Block, conn: Option<ConnId>, following: &mut VecDeque<Job>) -> Self {
        let mut run = Self { range: first, parts: vec![(first, conn)] };
        while let Some(Job { storage, op: DiskOp::Read { block, conn } }) = following.front() {
            let end = u64::from(run.range.offset.0) + u64::from(run.range.length);
            let continues = storage.key() == torrent
                && block.piece == run.range.piece
                && u64::from(block.offset.0) == end
                && run.range.length + block.length <= JOINED_READ_MAX;
            if !continues {
                break;
            }
            run.range.length += block.length;
            run.parts.push((*block, *conn));
            following.pop_front();
        }
        run
    }
}

/// A worker that panicked leaves whole values behind: nothing here is changed in two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::task::Wake;
    use std::thread::Thread;

    use model::BlockOffset;
    use proptest::prelude::*;
    use sha1::{Digest, Sha1};

    use super::*;
    use crate::testing::Sample;

    const KEY: TorrentKey = TorrentKey(3);

    #[test]
    fn neighbouring_reads_are_answered_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::folder(262_144, &[("a", 300_000), ("b", 100_000)]);
        sample.save(dir.path());
        let mut pool = pool(&sample, dir.path());
        let blocks: Vec<Block> = (0..2).flat_map(|n| sample.info.blocks(PieceIndex(n))).collect();
        for (n, &block) in blocks.iter().enumerate() {
            pool.push(KEY, DiskOp::Read { block, conn: Some(ConnId(n as u64)) });
        }
        let done = results(&mut pool, blocks.len());
        for (n, block) in blocks.iter().enumerate() {
            let expected = bytes_of(&sample, *block);
            let conn = Some(ConnId(n as u64));
            assert!(done.contains(&DiskDone::Read { block: *block, conn, result: Ok(expected) }), "{block}");
        }
        pool.finish();
    }

    #[test]
    fn a_read_that_fails_takes_no_neighbour_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::file(65_536, 65_536);
        std::fs::write(dir.path().join("stuff"), &sample.bytes[..20_000]).unwrap();
        let mut pool = pool(&sample, dir.path());
        for block in sample.info.blocks(PieceIndex(0)) {
            pool.push(KEY, DiskOp::Read { block, conn: None });
        }
        let good =
            results(&mut pool, 4).into_iter().filter(|done| matches!(done, DiskDone::Read { result: Ok(_), .. }));
        assert_eq!(good.count(), 1);
        pool.finish();
    }

    #[test]
    fn what_was_written_is_on_disk_when_the_pool_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::file(65_536, 600_000);
        let mut pool = pool(&sample, dir.path());
        for n in 0..sample.info.piece_count() {
            for block in sample.info.blocks(PieceIndex(n)) {
                pool.push(KEY, DiskOp::Write { block, data: bytes_of(&sample, block).freeze() });
            }
        }
        assert_eq!(pool.write_backlog(), 600_000);
        let results = Arc::clone(&pool.results);
        pool.finish();
        assert_eq!(results.write_backlog.load(Ordering::Relaxed), 0);
        assert_eq!(std::fs::read(dir.path().join("stuff")).unwrap(), sample.bytes);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Two pieces of five blocks are written in any order, some blocks twice with other bytes, and
        /// hashed in between.
        #[test]
        fn the_hash_is_that_of_the_bytes_on_disk(steps in proptest::collection::vec(step(), 1..40)) {
            let dir = tempfile::tempdir().unwrap();
            let sample = Sample::file(5 * 16_384, 9 * 16_384 + 100);
            // A file of the right length, so that every hash has bytes to work on.
            let mut disk = vec![0; sample.bytes.len()];
            std::fs::write(dir.path().join("stuff"), &disk).unwrap();
            let mut pool = pool(&sample, dir.path());
            let mut expected: Vec<(PieceIndex, [u8; 20])> = Vec::new();
            for step in &steps {
                match *step {
                    Step::Write { piece, block, fill } => {
                        let block = sample.info.block(PieceIndex(piece), block);
                        let start = (piece * 5 * 16_384 + block.offset.0) as usize;
                        let data = Bytes::from(vec![fill; block.length as usize]);
                        disk[start..start + data.len()].copy_from_slice(&data);
                        pool.push(KEY, DiskOp::Write { block, data });
                    }
                    Step::Hash { piece } => {
                        let piece = PieceIndex(piece);
                        let start = sample.info.geometry().piece_offset(piece) as usize;
                        let hash = Sha1::digest(&disk[start..start + sample.info.piece_size(piece) as usize]);
                        expected.push((piece, hash.into()));
                        pool.push(KEY, DiskOp::Hash { piece });
                    }
                }
            }
            let done = results(&mut pool, steps.len());
            for wanted in 0..2 {
                let hashes = done.iter().filter_map(|done| match done {
                    DiskDone::Hashed { piece, result } if piece.0 == wanted => Some(result.clone().unwrap()),
                    _ => None,
                });
                let of_piece = expected.iter().filter(|(piece, _)| piece.0 == wanted).map(|(_, hash)| *hash);
                prop_assert!(hashes.eq(of_piece));
            }
            pool.finish();
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write { piece: u32, block: u32, fill: u8 },
        Hash { piece: u32 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..2u32, 0..5u32, any::<u8>()).prop_map(|(piece, block, fill)| Step::Write { piece, block, fill }),
            1 => (0..2u32).prop_map(|piece| Step::Hash { piece }),
        ]
    }

    fn pool(sample: &Sample, dir: &Path) -> DiskPool {
        let mut pool = DiskPool::start(2).unwrap();
        pool.open(Storage::new(KEY, dir.to_owned(), Arc::clone(&sample.info)));
        pool
    }

    fn bytes_of(sample: &Sample, block: Block) -> BytesMut {
        let start = block.offset.0 as usize;
        BytesMut::from(&sample.piece(block.piece)[start..start + block.length as usize])
    }

    /// Hands over what was pushed and waits for so many results.
    fn results(pool: &mut DiskPool, count: usize) -> Vec<DiskDone> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        pool.submit();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut done = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        while done.len() < count {
            if pool.poll_results(&mut Context::from_waker(&waker), &mut done).is_pending() {
                assert!(Instant::now() < deadline, "{} of {count} results", done.len());
                std::thread::park_timeout(Duration::from_secs(1));
            }
        }
        done.into_iter().map(|(_, done)| done).collect()
    }

    #[test]
    fn blocks_in_order_leave_nothing_to_read_back() {
        let sample = Sample::file(65_536, 65_536);
        let mut hashes = RunningHashes::default();
        for block in sample.info.blocks(PieceIndex(0)) {
            hashes.wrote(KEY, block, &bytes_of(&sample, block));
        }
        let (sha, upto) = hashes.take(KEY, PieceIndex(0));
        assert_eq!(upto, 65_536);
        assert_eq!(<[u8; 20]>::from(sha.finalize()), sample.info.piece_hash(PieceIndex(0)));
        assert_eq!(hashes.take(KEY, PieceIndex(0)).1, 0);
    }

    #[test]
    fn few_hashes_run_at_once() {
        let mut hashes = RunningHashes::default();
        for piece in 0..1_000 {
            let block = Block { piece: PieceIndex(piece), offset: BlockOffset(0), length: 4 };
            hashes.wrote(KEY, block, b"abcd");
        }
        let running = (0..1_000).filter(|&piece| hashes.take(KEY, PieceIndex(piece)).1 > 0).count();
        assert_eq!(running, 64);
    }
}
