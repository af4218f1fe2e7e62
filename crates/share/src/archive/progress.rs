//! How far a long task is, and whether it shall go on.

use std::ops::ControlFlow;

use model::ByteCount;

/// How far a long task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Bytes of content done.
    pub done: ByteCount,
    /// Bytes of content in all.
    pub total: ByteCount,
    /// The file that is worked on.
    pub current: &'a str,
}

/// Is told of the progress several times a second and breaks off the task with
/// [`ControlFlow::Break`]; the task then cleans up and ends with its error for that.
pub type Watch<'a> = &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>;
