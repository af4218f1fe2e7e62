//! What the fuzzer and the replay of its corpus do with bytes: read them as the outside of an archive, and hold
//! the result to our promises. Not part of the interface.

use std::io::Cursor;

use crate::archive::{Envelope, EnvelopeError};

/// Panics when a promise does not hold.
pub fn exercise(bytes: &[u8]) {
    read(bytes);
    // Checksums stop nearly all changes: what is behind them is reached by making them right.
    read(&behind_right_checksums(bytes));
}

fn read(bytes: &[u8]) {
    let mut file = Cursor::new(bytes);
    let envelope = match Envelope::of(&mut file) {
        Ok(envelope) => envelope,
        Err(EnvelopeError::CutOff { has, needs }) => return assert!(has < needs, "{has} of {needs} are not cut off"),
        Err(EnvelopeError::Read(error)) => panic!("memory can be read: {error}"),
        Err(_) => return,
    };
    assert_eq!(envelope.length.0, bytes.len() as u64);
    if let Some(encryption) = &envelope.encryption {
        assert!(encryption.salt.len() <= 16 && encryption.iv.len() <= 16, "{encryption:?}");
    }
    // Of a whole list it says so, or nothing; and it reads no further than the file goes.
    let _either = envelope.list_is_whole(&mut file).expect("memory can be read");
}

/// The bytes as the header at the end of an archive that holds nothing else.
fn behind_right_checksums(header: &[u8]) -> Vec<u8> {
    let mut fields = Vec::from(0u64.to_le_bytes());
    fields.extend((header.len() as u64).to_le_bytes());
    fields.extend(crc32fast::hash(header).to_le_bytes());
    let mut file = b"7z\xbc\xaf\x27\x1c\x00\x04".to_vec();
    file.extend(crc32fast::hash(&fields).to_le_bytes());
    file.extend(fields);
    file.extend(header);
    file
}
