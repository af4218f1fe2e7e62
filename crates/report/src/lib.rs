//! What a run folder can tell after the play: reads its events, wire records and keys, and makes tables and
//! views of them. Holds no opinion on what is right; that is the judge's.
//!
//! [`Run`] is the folder, read. Each view has a module of its own. [`diff`] compares two runs without reading them whole.

pub mod diff;
pub mod inspect;
pub mod isp;
pub mod observers;
mod run;

pub use run::{OpenError, Run, Stream, WireRecord};
