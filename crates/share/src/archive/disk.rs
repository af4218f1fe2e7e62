//! The file system's part: permissions, times, free space. What differs between systems is here.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use model::ByteCount;

/// Bytes that the user may still write at `path`, or at the nearest folder above that exists.
pub fn free_space(path: &Path) -> io::Result<ByteCount> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(&path);
    fs4::available_space(existing).map(ByteCount)
}

/// Sets when a file or folder was last changed. Best effort: some file systems hold no such time, and
/// a file with the wrong one is better than none.
pub(crate) fn set_modified(file: &File, modified: Option<SystemTime>) {
    if let Some(modified) = modified {
        let _best_effort = file.set_modified(modified);
    }
}

#[cfg(unix)]
pub use unix::create_private;
#[cfg(unix)]
pub(crate) use unix::{
    create_private_folder, folder_modified, make_writable, open_new, permissions, restrict, sync_folder,
};

#[cfg(not(unix))]
pub use elsewhere::create_private;
#[cfg(not(unix))]
pub(crate) use elsewhere::{
    create_private_folder, folder_modified, make_writable, open_new, permissions, restrict, sync_folder,
};

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, OpenOptions, Permissions};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use super::*;

    /// The nine permission bits.
    pub(crate) fn permissions(metadata: &Metadata) -> Option<u32> {
        Some(metadata.mode() & 0o777)
    }

    /// Makes a file that was not there. Its owner may write it, whatever `mode` says; the user's
    /// umask takes away what it takes from any file.
    pub(crate) fn open_new(path: &Path, mode: Option<u32>) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(mode.unwrap_or(0o666) | 0o600).open(path)
    }

    /// Makes a file that was not there and that nobody else may read.
    pub fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    /// Takes from a finished file or folder what its `mode` does not grant.
    pub(crate) fn restrict(path: &Path, mode: Option<u32>) -> io::Result<()> {
        let Some(mode) = mode else { return Ok(()) };
        let now = std::fs::metadata(path)?.permissions().mode() & 0o777;
        if now & mode == now { Ok(()) } else { std::fs::set_permissions(path, Permissions::from_mode(now & mode)) }
    }

    /// Makes a folder that was not there and that nobody else may look into.
    pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    /// Lets the owner take away what is in this folder and in those below it. Follows no link.
    pub(crate) fn make_writable(folder: &Path) -> io::Result<()> {
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            std::fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    waiting.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// A folder's time of change.
    pub(crate) fn folder_modified(path: &Path, modified: Option<SystemTime>) {
        if let Ok(folder) = File::open(path) {
            set_modified(&folder, modified);
        }
    }

    /// Makes a rename in this folder last through a power cut.
    pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::*;

    pub(crate) fn permissions(_: &Metadata) -> Option<u32> {
        None
    }

    pub(crate) fn open_new(path: &Path, _: Option<u32>) -> io::Result<File> {
        File::create_new(path)
    }

    /// Whoever else may read it is decided by the folder around it.
    pub fn create_private(path: &Path) -> io::Result<File> {
        File::create_new(path)
    }

    pub(crate) fn restrict(_: &Path, _: Option<u32>) -> io::Result<()> {
        Ok(())
    }

    /// Windows opens a folder only with a flag of its own; its time stays that of unpacking.
    pub(crate) fn folder_modified(_: &Path, _: Option<SystemTime>) {}

    /// Whoever else may look is decided by the folder around it.
    pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    pub(crate) fn make_writable(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn read_only_folders_become_writable_and_what_links_point_to_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let [outer, inner, elsewhere] = ["outer", "outer/inner", "elsewhere"].map(|name| dir.path().join(name));
        fs::create_dir_all(&inner).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, outer.join("link")).unwrap();
        for folder in [&inner, &outer, &elsewhere] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
        }
        make_writable(&outer).unwrap();
        assert_eq!([&outer, &inner, &elsewhere].map(|folder| mode(folder)), [0o700, 0o700, 0o555]);
    }

    #[test]
    fn a_private_folder_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        create_private_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
