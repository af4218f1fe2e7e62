//! The `upload_only` message: libtorrent's way of changing what BEP 21's key said in the
//! extension handshake. One byte: 0, or anything else for true.

use bytes::Bytes;

use super::ExtError;

/// Whether the sender has all it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadOnly(pub bool);

impl UploadOnly {
    /// The payload of an extended message.
    pub fn encode(self) -> Bytes {
        Bytes::from_static(if self.0 { &[1] } else { &[0] })
    }

    /// Reads the payload of an extended message.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtError> {
        match payload {
            [byte] => Ok(Self(*byte != 0)),
            _ => Err(ExtError::Length { found: payload.len(), wanted: 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_says_it() {
        assert_eq!(UploadOnly::decode(&UploadOnly(true).encode()), Ok(UploadOnly(true)));
        assert_eq!(UploadOnly::decode(&[0]), Ok(UploadOnly(false)));
        assert_eq!(UploadOnly::decode(&[7]), Ok(UploadOnly(true)));
        assert_eq!(UploadOnly::decode(&[]), Err(ExtError::Length { found: 0, wanted: 1 }));
    }
}
