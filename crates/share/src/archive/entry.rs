//! One file or folder in an archive, as the format says it and as we understand it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metainfo::{NameError, RelativePath};
use model::ByteCount;
use sevenz_rust2::{ArchiveEntry, NtTime};

use super::survey::{Found, FoundFolder, Stamp};

/// One file or folder in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name as the archive has it. Its maker's text: not to be printed raw.
    pub name: String,
    /// Where it goes, below the folder it is unpacked into; or why it may go nowhere.
    pub path: Result<RelativePath, NameError>,
    /// What it is.
    pub kind: Kind,
    /// Its size, unpacked.
    pub length: ByteCount,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
    /// The nine permission bits, where its maker's system had them.
    pub permissions: Option<u32>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link. Not made when unpacking: it may lead out of the folder.
    Link,
    /// A device, pipe or socket. Not made when unpacking.
    Special,
    /// Not a file but the wish to delete one. Not granted.
    Deletion,
}

impl Entry {
    pub(crate) fn read(entry: &ArchiveEntry) -> Self {
        let attributes = if entry.has_windows_attributes { entry.windows_attributes } else { 0 };
        let unix_mode = (attributes & UNIX_EXTENSION != 0).then_some(attributes >> 16);
        // Folders may be written with a slash behind.
        let name = if entry.is_directory { entry.name.trim_end_matches('/') } else { &entry.name };
        Self {
            path: name.parse(),
            name: entry.name.clone(),
            kind: kind(entry, attributes, unix_mode),
            length: ByteCount(entry.size),
            modified: entry.has_last_modified_date.then(|| time(entry.last_modified_date)).flatten(),
            permissions: unix_mode.map(|mode| mode & 0o777),
        }
    }
}

fn kind(entry: &ArchiveEntry, attributes: u32, unix_mode: Option<u32>) -> Kind {
    if entry.is_anti_item {
        return Kind::Deletion;
    }
    if attributes & REPARSE_POINT != 0 {
        return Kind::Link;
    }
    match unix_mode.map(|mode| mode & FILE_TYPE) {
        Some(LINK) => Kind::Link,
        _ if entry.is_directory => Kind::Folder,
        None | Some(0 | REGULAR) => Kind::File,
        Some(_) => Kind::Special,
    }
}

/// An entry of ours for a folder.
pub(crate) fn of_folder(folder: &FoundFolder) -> ArchiveEntry {
    stamped(ArchiveEntry::new_directory(folder.path.as_str()), folder.stamp, DIRECTORY, DIRECTORY_ATTRIBUTE)
}

/// An entry of ours for a file.
pub(crate) fn of_file(file: &Found) -> ArchiveEntry {
    stamped(ArchiveEntry::new_file(file.path.as_str()), file.stamp, REGULAR, ARCHIVE_ATTRIBUTE)
}

/// With the time of the last change and the permissions. When it was read and born is nobody's
/// business.
fn stamped(mut entry: ArchiveEntry, stamp: Stamp, file_type: u32, attribute: u32) -> ArchiveEntry {
    if let Some(modified) = stamp.modified.and_then(|modified| NtTime::try_from(modified).ok()) {
        entry.has_last_modified_date = true;
        entry.last_modified_date = modified;
    }
    let unix = stamp.permissions.map_or(0, |permissions| UNIX_EXTENSION | (file_type | permissions) << 16);
    entry.has_windows_attributes = true;
    entry.windows_attributes = attribute | unix;
    entry
}

/// Windows counts tenths of microseconds since 1601. `None` where the system cannot hold the time.
fn time(time: NtTime) -> Option<SystemTime> {
    let since_1601 = u64::from(time);
    let tenths = |count: u64| Duration::new(count / 10_000_000, (count % 10_000_000) as u32 * 100);
    match since_1601.checked_sub(TENTHS_FROM_1601_TO_1970) {
        Some(after) => UNIX_EPOCH.checked_add(tenths(after)),
        None => UNIX_EPOCH.checked_sub(tenths(TENTHS_FROM_1601_TO_1970 - since_1601)),
    }
}

const TENTHS_FROM_1601_TO_1970: u64 = 134_774 * 86_400 * 10_000_000;

/// Attributes of Windows, in the low 16 bits.
const DIRECTORY_ATTRIBUTE: u32 = 0x10;
const ARCHIVE_ATTRIBUTE: u32 = 0x20;
const REPARSE_POINT: u32 = 0x400;
/// p7zip's and 7-Zip's mark that the high 16 bits are a Unix mode.
const UNIX_EXTENSION: u32 = 0x8000;

/// Types of file in a Unix mode.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_attributes(attributes: u32) -> ArchiveEntry {
        ArchiveEntry { has_windows_attributes: true, windows_attributes: attributes, ..ArchiveEntry::new_file("a") }
    }

    #[test]
    fn links_and_special_files_are_told_by_their_attributes() {
        let kind = |attributes| Entry::read(&with_attributes(attributes)).kind;
        assert_eq!(kind(0x20), Kind::File);
        assert_eq!(kind(0x8020 | 0o100_644 << 16), Kind::File);
        assert_eq!(kind(0x8000 | 0o120_777 << 16), Kind::Link);
        assert_eq!(kind(0x420), Kind::Link);
        for special in [0o010_644, 0o020_644, 0o060_644, 0o140_644] {
            assert_eq!(kind(0x8000 | special << 16), Kind::Special);
        }
        let deletion = ArchiveEntry { is_anti_item: true, ..ArchiveEntry::new_directory("a") };
        assert_eq!(Entry::read(&deletion).kind, Kind::Deletion);
    }

    #[test]
    fn permissions_are_the_nine_bits_and_no_more() {
        assert_eq!(Entry::read(&with_attributes(0x8000 | 0o104_755 << 16)).permissions, Some(0o755));
        assert_eq!(Entry::read(&with_attributes(0x20)).permissions, None);
    }

    #[test]
    fn times_before_and_after_1970_come_back() {
        for seconds in [-86_400i64, 0, 1_763_712_000] {
            let offset = Duration::from_secs(seconds.unsigned_abs());
            let modified = if seconds < 0 { UNIX_EPOCH - offset } else { UNIX_EPOCH + offset };
            let stamp = Stamp { modified: Some(modified), permissions: Some(0o640) };
            let entry = stamped(ArchiveEntry::new_file("a"), stamp, REGULAR, ARCHIVE_ATTRIBUTE);
            let read = Entry::read(&entry);
            assert_eq!((read.modified, read.permissions, read.kind), (Some(modified), Some(0o640), Kind::File));
            assert!(!entry.has_access_date && !entry.has_creation_date);
        }
        let last = ArchiveEntry {
            has_last_modified_date: true,
            last_modified_date: NtTime::new(u64::MAX),
            ..ArchiveEntry::new_file("a")
        };
        let _held_or_not = Entry::read(&last).modified;
    }
}
