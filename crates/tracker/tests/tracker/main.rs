//! The crate from outside: its bytes against another implementation, announcers and tracker face
//! to face, and the fuzzer's corpus.

extern crate swarmlab_tracker_core as tracker;

mod corpus;
mod face_to_face;
mod oracle;
