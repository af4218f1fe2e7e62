//! The words that every other crate speaks: who ([`InfoHash`], [`PeerId`]), what
//! ([`PieceIndex`], [`Block`], [`PieceSet`]), how much ([`ByteCount`], [`Rate`]), when
//! ([`Time`]) and by what luck ([`Rng`]).
//!
//! Nothing here decides anything, reads a clock or rolls an ambient die. Sizes that a
//! hostile peer could grow have their ceilings in [`bound`].

pub mod bound;
mod id;
mod piece;
mod quantity;
mod rng;
mod time;

pub use id::{IdError, InfoHash, PeerId};
pub use piece::{BLOCK_SIZE, Block, BlockOffset, PieceIndex, PieceSet, PieceSetError};
pub use quantity::{ByteCount, Rate};
pub use rng::Rng;
pub use time::{Time, Wake};
