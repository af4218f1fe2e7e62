//! Every pair of encryption settings, ours and another client's, with what must come of it.
//!
//! [`rules`] is a small model: what a side sends first when it dials, and what it takes when it is
//! dialled. Each client's settings are turned into such rules beside the code that starts it, ours in
//! [`ours`]. What a pair must come to is then computed ([`rules::meet`]), never typed; [`matrix`]
//! plays the pairs, [`watch`] tells from our events what came of each, and [`table`] shows it.

pub mod matrix;
pub mod ours;
pub mod rules;
pub mod table;
pub mod watch;

/// The peer id under which the program `introduce` announces a peer.
pub const INTRODUCED: [u8; 20] = *b"-XX0000-introduction";
