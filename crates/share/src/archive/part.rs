//! What is not finished yet. It lies in a folder `NAME.swarmlab-part` beside its place, which only its
//! user may look into, and which goes when the work ends, one way or the other.
//!
//! ```text
//! NAME.swarmlab-part/lock      locked by its writer for as long as it lives
//! NAME.swarmlab-part/content   the file or folder to be
//! NAME.swarmlab-old            what was called NAME, while the new one takes its place
//! ```
//! A power cut or `kill -9` leaves a part behind; the next try says so, and takes it away when asked
//! and when nobody holds its lock. What else has such a name is not ours and stays. `….swarmlab-old`
//! may be the only copy of what its user had, so nothing but the try that made it takes it away.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::disk::{create_private_folder, make_writable};

/// Why the work cannot begin beside the place where its result goes.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// An earlier try was ended by force.
    #[error("{} is there: an earlier try left it when it was killed", .0.display())]
    Left(PathBuf),
    /// Another is at it right now.
    #[error("another is writing {} right now: let it finish", .0.display())]
    Busy(PathBuf),
    /// It has the name of a part and is none.
    #[error("{} is in the way, and not of our making: move it", .0.display())]
    Foreign(PathBuf),
    /// An earlier try was ended while it replaced something.
    #[error("{} is there: what an earlier try was replacing when it was ended. Move it back, or delete it", .0.display())]
    Old(PathBuf),
    /// The system refused; its words are its source.
    #[error("write {}", .0.display())]
    System(PathBuf, #[source] io::Error),
}

/// `name.swarmlab-part` beside `path`.
pub(crate) fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, ".swarmlab-part")
}

fn old_path(path: &Path) -> PathBuf {
    with_suffix(path, ".swarmlab-old")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// True for whatever lies there, a dangling link too.
pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// While this is held, nothing is between two names: whoever ends the process at once holds it first.
pub fn hold_renames() -> MutexGuard<'static, ()> {
    RENAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

static RENAMES: Mutex<()> = Mutex::new(());

/// A place for unfinished work. Removed when dropped, with all that is still in it.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    /// Closed, and with it unlocked, after the folder is gone.
    _lock: File,
}

impl Part {
    /// Makes the place beside `target`. With `replace`, what a killed try left there is taken away.
    pub(crate) fn begin(target: &Path, replace: bool) -> Result<Self, PartError> {
        let old = old_path(target);
        if exists(&old) {
            return Err(PartError::Old(old));
        }
        let path = part_path(target);
        let system = |error| PartError::System(path.clone(), error);
        if exists(&path) {
            let _lock = lock_of_another(&path)?;
            if !replace {
                return Err(PartError::Left(path));
            }
            remove(&path).map_err(system)?;
        }
        create_private_folder(&path).map_err(system)?;
        let lock = File::create_new(path.join(LOCK)).map_err(system)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(PartError::Busy(path)),
            // A file system without locks: then the folder alone has to tell.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where the content goes: nothing is there yet.
    pub(crate) fn content(&self) -> PathBuf {
        self.path.join("content")
    }

    /// Gives what is at `from`, the content or something in it, its final name. With `replace`, what is
    /// there already goes, and only once the new one is in its place. Answers with the path of it where
    /// it could not be removed.
    pub(crate) fn hand_over(self, from: &Path, to: &Path, replace: bool) -> io::Result<Option<PathBuf>> {
        let renaming = hold_renames();
        if exists(to) && !replace {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // A file takes a file's place in one step; a folder has to make way first.
        let makes_way = exists(to) && (from.is_dir() || (to.is_dir() && !to.is_symlink()));
        if !makes_way {
            fs::rename(from, to)?;
            return Ok(None);
        }
        let old = old_path(to);
        if exists(&old) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there", old.display())));
        }
        fs::rename(to, &old)?;
        if let Err(error) = fs::rename(from, to) {
            fs::rename(&old, to).map_err(|_| {
                io::Error::new(error.kind(), format!("{error}; what was there is {} for now", old.display()))
            })?;
            return Err(error);
        }
        drop(renaming);
        Ok(remove(&old).is_err().then_some(old))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _nobody_left_to_tell = remove(&self.path);
    }
}

/// The lock of a part that nobody writes any more.
fn lock_of_another(path: &Path) -> Result<Option<File>, PartError> {
    let foreign = || PartError::Foreign(path.to_owned());
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(foreign());
    }
    let lock = match File::options().write(true).open(path.join(LOCK)) {
        Ok(lock) => lock,
        // Killed between the folder and its lock: then nothing else is in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            return if empty { Ok(None) } else { Err(foreign()) };
        }
        Err(error) => return Err(PartError::System(path.to_owned(), error)),
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(PartError::Busy(path.to_owned())),
        Err(TryLockError::Error(_)) => return Ok(Some(lock)),
        Ok(()) => {}
    }
    // Between opening and locking, its writer may have ended and another begun. The lock that lies
    // there is this one only if it cannot be taken a second time.
    let again = File::options().write(true).open(path.join(LOCK)).map(|again| again.try_lock());
    match again {
        Ok(Err(TryLockError::WouldBlock)) => Ok(Some(lock)),
        _ => Err(PartError::Busy(path.to_owned())),
    }
}

/// Takes away a file, or a folder with all in it, read-only folders too; links in it are removed, not
/// followed.
fn remove(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_given_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let part = Part::begin(&dir.path().join("a"), false).unwrap();
        fs::create_dir(part.content()).unwrap();
        fs::write(part.content().join("c"), "c").unwrap();
        drop(part);
        assert_eq!(names(dir.path()), 0);
    }

    #[test]
    fn what_was_there_goes_only_when_the_new_is_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a");
        fs::create_dir(&to).unwrap();
        fs::write(to.join("old"), "old").unwrap();
        let part = Part::begin(&to, false).unwrap();
        fs::create_dir(part.content()).unwrap();
        let nowhere = part.content().join("nowhere");
        part.hand_over(&nowhere, &to, true).unwrap_err();
        assert_eq!(fs::read_to_string(to.join("old")).unwrap(), "old");

        let part = Part::begin(&to, false).unwrap();
        fs::write(part.content(), "new").unwrap();
        let new = part.content();
        assert_eq!(part.hand_over(&new, &to, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(dir.path()), 1);

        for content in ["over a folder", "over a file"] {
            let part = Part::begin(&to, false).unwrap();
            let new = part.content();
            fs::write(&new, content).unwrap();
            assert_eq!(part.hand_over(&new, &to, true).unwrap(), None);
            assert_eq!(fs::read_to_string(&to).unwrap(), content);
        }
        assert_eq!(names(dir.path()), 1);
    }

    #[test]
    fn a_part_that_somebody_writes_is_left_to_them_and_one_that_nobody_writes_goes_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a");
        let live = Part::begin(&to, false).unwrap();
        fs::write(live.content(), "live").unwrap();
        for replace in [false, true] {
            assert!(matches!(Part::begin(&to, replace), Err(PartError::Busy(_))));
        }
        assert_eq!(fs::read_to_string(live.content()).unwrap(), "live");
        drop(live);

        fs::create_dir(part_path(&to)).unwrap();
        fs::write(part_path(&to).join(LOCK), "").unwrap();
        assert!(matches!(Part::begin(&to, false), Err(PartError::Left(_))));
        drop(Part::begin(&to, true).unwrap());
        assert_eq!(names(dir.path()), 0);
    }

    #[test]
    fn what_is_not_of_our_making_stays() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a");
        fs::create_dir(part_path(&to)).unwrap();
        fs::write(part_path(&to).join("mine"), "mine").unwrap();
        assert!(matches!(Part::begin(&to, true), Err(PartError::Foreign(_))));
        assert!(part_path(&to).join("mine").exists());
        fs::remove_dir_all(part_path(&to)).unwrap();
        fs::write(part_path(&to), "mine").unwrap();
        assert!(matches!(Part::begin(&to, true), Err(PartError::Foreign(_))));

        fs::remove_file(part_path(&to)).unwrap();
        fs::write(old_path(&to), "the only copy").unwrap();
        assert!(matches!(Part::begin(&to, true), Err(PartError::Old(_))));
        assert!(old_path(&to).exists());
    }
}
