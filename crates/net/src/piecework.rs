//! Work on all pieces of a torrent on a few threads, in order of the pieces as far as threads go: for
//! making and verifying torrents.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;

use model::{ByteCount, PieceIndex};

/// How far a long task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashProgress {
    /// Bytes hashed.
    pub done: ByteCount,
    /// Bytes in all.
    pub total: ByteCount,
}

/// Calls `work` for each piece on [`THREADS`] threads, each with its own `tools`, and `done` with each
/// result on the calling thread. Breaking from `done` ends it all soon.
pub(crate) fn for_all_pieces<Tools, T: Send>(
    count: u32,
    tools: impl Fn() -> Tools + Sync,
    work: impl Fn(&mut Tools, PieceIndex) -> T + Sync,
    mut done: impl FnMut(PieceIndex, T) -> ControlFlow<()>,
) {
    let next = AtomicU32::new(0);
    let (sender, results) = sync_channel(RESULTS_WAITING);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                let mut tools = tools();
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= count {
                        return;
                    }
                    let result = work(&mut tools, PieceIndex(piece));
                    if sender.send((PieceIndex(piece), result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (piece, result) in results {
            if done(piece, result).is_break() {
                // The receiver goes; the threads notice at their next result.
                return;
            }
        }
    });
}

/// Two are faster than any disk but the fastest, and leave the rest of the machine alone.
const THREADS: usize = 2;

/// Results that may wait for the caller.
const RESULTS_WAITING: usize = 64;
