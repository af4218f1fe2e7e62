//! What a torrent is: `.torrent` files and magnet links, read and made.
//!
//! Follows BEP 3 (version 1 torrents, one file or a folder), BEP 9 (magnet links, and info
//! dictionaries that arrive from peers), BEP 12 (tracker tiers), BEP 19 (`url-list`), BEP 27
//! (private) and of BEP 47 the pad and executable marks. Hybrids of version 1 and 2 (BEP 52)
//! are read as version 1; a torrent of version 2 alone is refused by that name.
//!
//! Holds no file and walks no folder: creation is told names, lengths and piece hashes, and
//! answers with bytes. Everything read here may be hostile, so a value that exists is a value
//! that was checked: an [`Info`] has pieces that fit its files, and a [`RelativePath`] cannot
//! leave the folder it is put in. Paths in the order from a torrent to the disk:
//!
//! - a single file lands at `<download folder>/<name>`, a folder's files at
//!   `<download folder>/<name>/<path>`; [`Info::disk_path`] says so for each file;
//! - names that could point elsewhere (`..`, separators, a bare drive letter, control
//!   characters) and names that no disk can hold are refused: no honest tool writes them, and
//!   a silent new name would hide the attempt;
//! - names that only Windows cannot hold (`Foo::Bar.3.gz`, `aux.c`, `why?`) are ordinary
//!   elsewhere, so they are kept there and get an underscore on Windows ([`windows_name`]);
//! - names that are the same to some disk (`Readme` and `README`, or `a?` and `a:` on
//!   Windows) are refused on every system, so that one torrent behaves the same in the whole
//!   class.

mod bencode;
mod builder;
mod error;
mod field;
mod file;
#[doc(hidden)]
pub mod fuzz;
mod geometry;
mod info;
mod magnet;
mod path;
mod piece_length;

pub use bencode::SyntaxError;
pub use builder::{BuildError, Builder};
pub use error::MetainfoError;
pub use file::{Metainfo, TRACKERS_MAX};
pub use geometry::{FileEntry, FileSlice, Geometry, LayoutError};
pub use info::Info;
pub use magnet::{Magnet, MagnetError};
pub use path::{NAME_BYTES_MAX, NameError, RelativePath, windows_name};
pub use piece_length::piece_length_for;
