//! What tests of whole programs need: a network of their own ([`Namespace`]), processes that end
//! with the test ([`Process`]), content to share ([`Content`]), our own programs under control
//! ([`Swarmlab`]) and other people's clients, headless ([`clients`]). [`encryption`] is the matrix of our encryption settings and theirs.
//!
//! A test that lacks something says so and passes as skipped, unless `SWARMLAB_REQUIRE_ALL=1` is
//! set, as CI does: see [`needs`].

pub mod clients;
mod content;
pub mod encryption;
mod missing;
mod namespace;
mod process;
mod swarmlab;

pub use content::Content;
pub use missing::{Missing, needs};
pub use namespace::Namespace;
pub use process::Process;
pub use swarmlab::{Swarmlab, program};
