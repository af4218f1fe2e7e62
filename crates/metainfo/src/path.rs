//! Names out of a torrent, made fit for a disk: the one place that decides what a path may be.
//!
//! The crate's story says which names are refused, which are kept and which get an underscore
//! on Windows. Unicode normalisation is left out: on macOS two names that differ only in how
//! an accent is composed meet on disk, and the second to be written finds the first.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use model::bound::PATH_DEPTH_MAX;

/// Bytes in one name of a path: what ext4, APFS and most others hold, and no less than NTFS.
pub const NAME_BYTES_MAX: usize = 255;

/// One to [`PATH_DEPTH_MAX`] + 1 names, from a folder down to a file. Joined to a folder it
/// stays inside that folder, on the system this was built for; see [`windows_name`].
///
/// Sorts by its names, bytewise and one name at a time, which is the order of files in the
/// torrents we make.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelativePath(Box<str>);

/// Why text is not a name in a path. Fits after the name itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A path without names, or a name without characters.
    #[error("is empty")]
    Empty,
    /// `.` or `..`.
    #[error("has a name of dots that means another folder")]
    Dots,
    /// A slash or backslash inside a name: an absolute path, or more than one name.
    #[error("has {0:?} inside a name")]
    Separator(char),
    /// A drive, such as `C:`.
    #[error("names a drive")]
    Drive,
    /// NUL or another control character.
    #[error("has the control character {0:?}")]
    Control(char),
    /// Longer than [`NAME_BYTES_MAX`] bytes; holds the length found.
    #[error("has a name of {0} bytes: disks hold {NAME_BYTES_MAX}")]
    TooLong(usize),
    /// Below more than [`PATH_DEPTH_MAX`] folders; holds the names found.
    #[error("has {0} names: more than {PATH_DEPTH_MAX} folders deep")]
    TooDeep(usize),
    /// Not UTF-8; only for paths that come from a disk.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Absolute, or with `..` in it; only for paths that come from a disk.
    #[error("is not relative to the shared folder")]
    NotRelative,
}

impl RelativePath {
    /// From its names, outermost first.
    pub fn from_components<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, NameError> {
        let mut joined = String::new();
        let mut count = 0;
        for name in names {
            let name = disk_name(name)?;
            if count > 0 {
                joined.push('/');
            }
            joined.push_str(&name);
            count += 1;
        }
        match count {
            0 => Err(NameError::Empty),
            n if n > PATH_DEPTH_MAX + 1 => Err(NameError::TooDeep(n)),
            _ => Ok(Self(joined.into())),
        }
    }

    /// From a path relative to the shared folder, as a walk of that folder finds it.
    pub fn from_path(path: &Path) -> Result<Self, NameError> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name.to_str().ok_or(NameError::NotUtf8)?),
                _ => return Err(NameError::NotRelative),
            }
        }
        Self::from_components(names)
    }

    /// Its names, outermost first; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last name: the file's own.
    pub fn file_name(&self) -> &str {
        self.components().next_back().unwrap_or_default()
    }

    /// All names with `/` between them, on every system.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where this lies below `folder`, in the system's own form.
    pub fn under(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_path_buf();
        path.extend(self.components());
        path
    }

    /// What every disk that knows no case, and every Windows, would take for the same path.
    /// NUL stands between the names, so that a folder sorts right before what is in it. For
    /// comparing only: it is no path.
    pub fn sameness_key(&self) -> String {
        let mut key = String::with_capacity(self.0.len());
        for name in self.components() {
            if !key.is_empty() {
                key.push('\0');
            }
            key.extend(windows_name(name).chars().flat_map(char::to_lowercase));
        }
        key
    }
}

impl FromStr for RelativePath {
    type Err = NameError;

    /// Names with `/` between them.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_components(text.split('/'))
    }
}

impl Ord for RelativePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for RelativePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A name as this system's disk takes it, if any disk does.
fn disk_name(name: &str) -> Result<Cow<'_, str>, NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name == "." || name == ".." {
        return Err(NameError::Dots);
    }
    if let Some(separator) = name.chars().find(|c| matches!(c, '/' | '\\')) {
        return Err(NameError::Separator(separator));
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(NameError::Control(control));
    }
    if let [letter, b':'] = name.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        return Err(NameError::Drive);
    }
    // The longer of the two forms has to fit, or the torrent would work on one system only.
    let on_windows = windows_name(name);
    let longest = name.len().max(on_windows.len());
    if longest > NAME_BYTES_MAX {
        return Err(NameError::TooLong(longest));
    }
    Ok(if cfg!(windows) { on_windows } else { Cow::Borrowed(name) })
}

/// A name as Windows can hold it: `_` for each of `<>:"|?*` and for a final dot or space, and
/// `_` in front of a device (`CON`, `nul.txt`, `COM1.log`). Other clients on Windows do the
/// same to the forbidden characters, so a folder fetched with them can be seeded here.
///
/// ```
/// # use swarmlab_metainfo::windows_name;
/// assert_eq!(windows_name("Foo::Bar.3.gz"), "Foo__Bar.3.gz");
/// assert_eq!(windows_name("aux.c"), "_aux.c");
/// ```
pub fn windows_name(name: &str) -> Cow<'_, str> {
    let forbidden = |c: char| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    let bad_end = name.ends_with(['.', ' ']);
    let device = is_device(name);
    if !bad_end && !device && !name.contains(forbidden) {
        return Cow::Borrowed(name);
    }
    let mut safe = String::with_capacity(name.len() + 1);
    if device {
        safe.push('_');
    }
    safe.extend(name.chars().map(|c| if forbidden(c) { '_' } else { c }));
    if bad_end {
        safe.pop();
        safe.push('_');
    }
    Cow::Owned(safe)
}

/// True for what Windows takes for a device rather than a file, with any extension.
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 7] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ');
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let mut chars = stem.chars();
    let Some(port) = chars.next_back() else { return false };
    // Windows counts the superscript digits, too.
    matches!(port, '0'..='9' | '¹' | '²' | '³')
        && ["COM", "LPT"].iter().any(|device| chars.as_str().eq_ignore_ascii_case(device))
}

/// Bytes of a name as text. Bytes that are no UTF-8 are written as `%E9`: always the same, and
/// should two names come out equal, they are refused as duplicates rather than merged.
pub(crate) fn decode_name(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(text)
}

/// Text of a stranger for an error message: quoted, escaped and not too long.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        None => format!("{text:?}"),
        Some((cut, _)) => format!("{:?}...", &text[..cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_point_elsewhere_are_refused() {
        let table = [
            ("", NameError::Empty),
            ("a//b", NameError::Empty),
            ("/etc/passwd", NameError::Empty),
            ("..", NameError::Dots),
            ("a/../b", NameError::Dots),
            ("a/.", NameError::Dots),
            ("..\\evil", NameError::Separator('\\')),
            ("C:\\evil", NameError::Separator('\\')),
            ("C:", NameError::Drive),
            ("a/z:", NameError::Drive),
            ("a\0b", NameError::Control('\0')),
            ("a\nb", NameError::Control('\n')),
            ("\u{7f}", NameError::Control('\u{7f}')),
            ("\u{85}", NameError::Control('\u{85}')),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<RelativePath>(), Err(error), "{text:?}");
        }
        assert_eq!(RelativePath::from_components(["a/b"]), Err(NameError::Separator('/')));
        assert_eq!(RelativePath::from_components([]), Err(NameError::Empty));
    }

    #[test]
    fn names_and_depths_stop_at_what_disks_hold() {
        assert!(RelativePath::from_str(&"é".repeat(127)).is_ok());
        assert_eq!(RelativePath::from_str(&"é".repeat(128)), Err(NameError::TooLong(256)));
        let grows_on_windows = format!("con.{}", "x".repeat(251));
        assert_eq!(RelativePath::from_str(&grows_on_windows), Err(NameError::TooLong(256)));
        assert!(RelativePath::from_components(vec!["d"; PATH_DEPTH_MAX + 1]).is_ok());
        assert_eq!(
            RelativePath::from_components(vec!["d"; PATH_DEPTH_MAX + 2]),
            Err(NameError::TooDeep(PATH_DEPTH_MAX + 2))
        );
    }

    #[test]
    fn windows_gets_names_that_it_can_hold() {
        let table = [
            ("plain.txt", "plain.txt"),
            ("..a", "..a"),
            ("C:evil", "C_evil"),
            ("what?.mp3", "what_.mp3"),
            ("a<b>c\"d|e*f", "a_b_c_d_e_f"),
            ("CON", "_CON"),
            ("nul.tar.gz", "_nul.tar.gz"),
            ("Com1.log", "_Com1.log"),
            ("LPT³", "_LPT³"),
            ("con .txt", "_con .txt"),
            ("con:stream", "_con_stream"),
            ("COM", "COM"),
            ("COM10", "COM10"),
            ("console", "console"),
            ("...", ".._"),
            (".. ", ".._"),
            ("end.", "end_"),
            ("end ", "end_"),
        ];
        for (name, safe) in table {
            assert_eq!(windows_name(name), safe, "{name:?}");
            assert_eq!(windows_name(safe), safe, "not stable: {safe:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn names_that_only_windows_minds_are_kept_elsewhere() {
        for name in ["Foo::Bar.3.gz", "aux.c", "why?", "end."] {
            let path: RelativePath = name.parse().unwrap();
            assert_eq!(path.as_str(), name);
            assert_eq!(path.under(Path::new("/srv")), Path::new("/srv").join(name));
        }
    }

    #[test]
    fn paths_sort_by_names_and_not_by_the_slash() {
        let mut paths: Vec<RelativePath> = ["a.b/c", "a/z", "B", "a", "a!"].map(|p| p.parse().unwrap()).to_vec();
        paths.sort();
        let sorted: Vec<&str> = paths.iter().map(RelativePath::as_str).collect();
        assert_eq!(sorted, ["B", "a", "a/z", "a!", "a.b/c"]);
    }

    #[test]
    fn names_in_old_encodings_stay_apart() {
        assert_eq!(decode_name(b"caf\xe9"), "caf%E9");
        assert_eq!(decode_name(b"caf\xe8"), "caf%E8");
        assert_eq!(decode_name("café".as_bytes()), "café");
    }

    #[test]
    fn only_paths_inside_the_shared_folder_come_from_a_disk() {
        assert_eq!(RelativePath::from_path(Path::new("a/b")), "a/b".parse());
        assert_eq!(RelativePath::from_path(Path::new("../b")), Err(NameError::NotRelative));
        assert_eq!(RelativePath::from_path(Path::new("/b")), Err(NameError::NotRelative));
    }
}
