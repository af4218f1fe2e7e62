//! The crate as its callers see it: against another client's torrents, against hostile and
//! foreign files, and against chance.

mod bencode;
mod corpus;
mod foreign;
mod golden;
mod hostile;
mod properties;
