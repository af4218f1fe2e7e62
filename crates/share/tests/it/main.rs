//! Archives on a real disk: packed, opened, unpacked, attacked, and exchanged with 7-Zip and py7zr.

mod bad_archives;
mod bad_moments;
mod corpus;
mod encryption;
mod interop;
mod parcels;
mod round_trip;
mod sample;
