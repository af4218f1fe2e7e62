//! The crate from outside: errors as an author sees them, verdicts over synthetic logs, the
//! script, the shipped scenarios and their documentation, and hostile input.

mod conducting;
mod errors;
mod hostile;
mod judging;
mod log;
mod plans;
mod shipped;
