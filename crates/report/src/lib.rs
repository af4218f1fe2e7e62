//! What a run folder can tell after the play: reads its events, wire records and keys, and makes tables and
//! views of them. Holds no opinion on what is right; that is the judge's.
//!
//! [`Run`] is the folder, read. Each view has a module of its own.

pub mod inspect;
pub mod isp;
pub mod observers;
mod run;

pub use run::{OpenError, Run, Stream, WireRecord};
