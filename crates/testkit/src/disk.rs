//! A disk in memory for one torrent of one node.

use std::sync::Arc;

use bytes::BytesMut;
use metainfo::Info;
use model::{Block, PieceIndex};
use node::{DiskDone, DiskError, DiskOp};
use sha1::{Digest, Sha1};

/// The content of one torrent as one run of bytes, as far as it is there.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    pub bytes: Vec<u8>,
    /// Writes past this length fail, as on a full disk.
    pub room: Option<usize>,
}

impl MemoryDisk {
    pub fn carry_out(&mut self, info: &Arc<Info>, op: DiskOp) -> DiskDone {
        match op {
            DiskOp::Hash { piece } => DiskDone::Hashed { piece, result: self.hash(info, piece) },
            DiskOp::Read { block, conn } => DiskDone::Read { block, conn, result: self.read(info, block) },
            DiskOp::Write { block, data } => DiskDone::Written { block, result: self.write(info, block, &data) },
        }
    }

    fn hash(&self, info: &Info, piece: PieceIndex) -> Result<[u8; 20], DiskError> {
        let start = start_of(info, piece);
        let bytes = self.bytes.get(start..start + info.piece_size(piece) as usize).ok_or(DiskError::Absent)?;
        Ok(Sha1::digest(bytes).into())
    }

    fn read(&self, info: &Info, block: Block) -> Result<BytesMut, DiskError> {
        let start = start_of(info, block.piece) + block.offset.0 as usize;
        let bytes = self.bytes.get(start..start + block.length as usize).ok_or(DiskError::Absent)?;
        Ok(BytesMut::from(bytes))
    }

    fn write(&mut self, info: &Info, block: Block, data: &[u8]) -> Result<(), DiskError> {
        let start = start_of(info, block.piece) + block.offset.0 as usize;
        let end = start + data.len();
        if self.room.is_some_and(|room| end > room) {
            return Err(DiskError::Failed("lesson.bin: no space left on device".to_owned()));
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(data);
        Ok(())
    }
}

fn start_of(info: &Info, piece: PieceIndex) -> usize {
    piece.as_usize() * info.piece_length() as usize
}
