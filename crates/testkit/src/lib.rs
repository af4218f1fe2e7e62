//! For tests only: whole nodes and a tracker face to face, in virtual time and in memory, on links
//! that have a delay and nothing else. No sockets, no sleep; the same every time.
//!
//! This is no simulator: bytes take the delay of the link and no time for their number. What wants rates,
//! loss or NAT belongs there.

mod content;
mod disk;
mod recorded;
mod stranger;
mod table;

pub use content::{content, folder_torrent, torrent_of};
pub use disk::MemoryDisk;
pub use recorded::record_run;
pub use stranger::Stranger;
pub use table::{Seat, Table};
