//! What a torrent asks of a disk, and what it is told. The driver owns files and threads.

use bytes::{Bytes, BytesMut};
use model::{Block, PieceIndex};

use crate::ConnId;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskOp {
    /// SHA-1 of a whole piece as it lies on disk. Missing files or too short ones are [`DiskError::Absent`].
    Hash { piece: PieceIndex },
    /// Read a block, to send it to `conn` or (without one) to look at it ourselves.
    Read { block: Block, conn: Option<ConnId> },
    /// Write a block. The file is made or lengthened as needed.
    Write { block: Block, data: Bytes },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskDone {
    Hashed {
        piece: PieceIndex,
        result: Result<[u8; 20], DiskError>,
    },
    /// The block's bytes, in memory that nobody else looks at: it may be encrypted in place.
    Read {
        block: Block,
        conn: Option<ConnId>,
        result: Result<BytesMut, DiskError>,
    },
    Written {
        block: Block,
        result: Result<(), DiskError>,
    },
}

/// Why the disk did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// There is nothing there (yet): no fault when checking what is on disk.
    #[error("not on disk")]
    Absent,
    /// Full, not allowed, broken: for a person to read, with the path.
    #[error("{0}")]
    Failed(String),
}
