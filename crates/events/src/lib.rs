//! The event vocabulary: what a peer, a tracker or the lab itself can report, written as
//! one JSON object a line. Pages, checks, tables, sheets and tests are folds over these
//! events, so a kind is named once, here.
//!
//! ```
//! use swarmlab_events::{Event, Record};
//! let line = r#"{"t":1.250312,"peer":"alice","ev":"choked-by","conn":3,"remote":"bob"}"#;
//! let record: Record = line.parse().unwrap();
//! assert_eq!(record.event.kind(), "choked-by");
//! assert_eq!(record.to_string(), line);
//! ```
//!
//! `t` is seconds since the run's start with microseconds. A reader that meets a kind it does
//! not know says so and goes on; a writer never invents one.

mod control;
mod kinds;
mod names;
mod observers;
mod record;
mod view;
mod wire_record;

pub use control::Control;
pub use kinds::{
    Cipher, ClosedBy, Detail, Direction, Event, Family, FlowClass, KINDS, Kind, Provenance, Side, Source, Strategy,
    Transport, UnchokeSlot,
};
pub use names::Names;
pub use observers::{Degree, Item, Learned, Observer, Observers};
pub use record::{ReadError, Record, Remote, read};
pub use view::{PeerView, SwarmView};
pub use wire_record::{Chunk, LabKey, WireLine, read_keys, read_wire};
