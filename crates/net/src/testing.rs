//! Builders for this crate's own tests.

use std::path::Path;
use std::sync::Arc;

use metainfo::{Builder, Info, RelativePath};
use model::{PieceIndex, Rng};
use sha1::{Digest, Sha1};

/// A folder torrent called `stuff` with content from a seed.
pub(crate) struct Sample {
    pub(crate) info: Arc<Info>,
    /// All files in a row.
    pub(crate) bytes: Vec<u8>,
}

impl Sample {
    pub(crate) fn folder(piece_length: u32, files: &[(&str, u64)]) -> Self {
        let files = files.iter().map(|(path, length)| (path.parse::<RelativePath>().unwrap(), *length)).collect();
        Self::of(&Builder { piece_length, ..Builder::folder("stuff", files) })
    }

    pub(crate) fn file(piece_length: u32, length: u64) -> Self {
        Self::of(&Builder { piece_length, ..Builder::single_file("stuff", length) })
    }

    fn of(builder: &Builder) -> Self {
        let plan = builder.plan().unwrap();
        let mut bytes = vec![0; plan.total_length().0 as usize];
        Rng::from_seed(plan.total_length().0).fill(&mut bytes);
        let hashes: Vec<[u8; 20]> =
            bytes.chunks(plan.piece_length() as usize).map(|piece| Sha1::digest(piece).into()).collect();
        Self { info: Arc::new(builder.build(&hashes).unwrap().info), bytes }
    }

    /// The bytes of a piece.
    pub(crate) fn piece(&self, piece: PieceIndex) -> &[u8] {
        let start = self.info.geometry().piece_offset(piece) as usize;
        &self.bytes[start..start + self.info.piece_size(piece) as usize]
    }

    /// Puts all files below `dir`.
    pub(crate) fn save(&self, dir: &Path) {
        for (file, entry) in self.info.files().iter().enumerate() {
            let path = self.info.disk_path(dir, file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &self.bytes[entry.offset as usize..][..entry.length as usize]).unwrap();
        }
    }
}
