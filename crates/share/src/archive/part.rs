//! What is not finished yet: a file or folder called `….part`, which goes when its writer gives up.
//! Only a power cut or `kill -9` leaves one behind; the next try then says so.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// `name.part` beside `path`.
pub(crate) fn part_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    PathBuf::from(name)
}

/// True for whatever lies there, a dangling link too.
pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Takes away a file, or a folder with all in it; links in it are removed, not followed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// An unfinished file or folder. Removed when dropped, unless it was handed over.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    finished: bool,
}

impl Part {
    /// Makes an unfinished file that was not there.
    pub(crate) fn file(path: PathBuf) -> io::Result<(Self, File)> {
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok((Self { path, finished: false }, file))
    }

    /// Makes an unfinished folder that was not there.
    pub(crate) fn folder(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self { path, finished: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives what is at `from`, the part itself or something in it, its final name. With `replace`,
    /// what is there already goes, and only once the new one is in its place.
    pub(crate) fn hand_over(mut self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        if exists(to) && !replace {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // A file takes a file's place in one step; a folder has to make way first.
        let makes_way = exists(to) && (from.is_dir() || (to.is_dir() && !to.is_symlink()));
        let old = makes_way.then(|| old_path(to));
        if let Some(old) = &old {
            remove(old)?;
            fs::rename(to, old)?;
        }
        if let Err(error) = fs::rename(from, to) {
            if let Some(old) = &old {
                fs::rename(old, to)?;
            }
            return Err(error);
        }
        self.finished = from == self.path;
        old.map_or(Ok(()), |old| remove(&old))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            let _nobody_left_to_tell = remove(&self.path);
        }
    }
}

fn old_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".old.part");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        drop(Part::file(dir.path().join("a.part")).unwrap());
        let folder = Part::folder(dir.path().join("b.part")).unwrap();
        fs::write(folder.path().join("c"), "c").unwrap();
        drop(folder);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_there_goes_only_when_the_new_is_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a");
        fs::create_dir(&to).unwrap();
        fs::write(to.join("old"), "old").unwrap();
        let part = Part::folder(part_path(&to)).unwrap();
        let nowhere = part.path().join("nowhere");
        part.hand_over(&nowhere, &to, true).unwrap_err();
        assert_eq!(fs::read_to_string(to.join("old")).unwrap(), "old");

        let (part, _file) = Part::file(part_path(&to)).unwrap();
        let new = part.path().to_owned();
        assert_eq!(part.hand_over(&new, &to, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        for content in ["over a folder", "over a file"] {
            let part = Part::folder(part_path(&to)).unwrap();
            let new = part.path().join("new");
            fs::write(&new, content).unwrap();
            part.hand_over(&new, &to, true).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), content);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
