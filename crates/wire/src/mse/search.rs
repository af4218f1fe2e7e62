//! Finds the mark at which padding of unknown length ends.

use bytes::{Buf, BytesMut};

use super::PADDING_BYTES_MAX;

/// A mark of `N` bytes that must begin at one of the first [`PADDING_BYTES_MAX`] + 1 places.
///
/// A place that was ruled out is never looked at again: its byte leaves the buffer.
#[derive(Debug)]
pub(super) struct Search<const N: usize> {
    mark: [u8; N],
    ruled_out: u16,
}

/// Every place where the mark may begin is ruled out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotThere;

impl<const N: usize> Search<N> {
    pub(super) fn new(mark: [u8; N]) -> Self {
        Self { mark, ruled_out: 0 }
    }

    /// Takes the padding and the mark from the front of `buf` and tells the padding's length.
    /// `None`: more bytes are needed.
    pub(super) fn take(&mut self, buf: &mut BytesMut) -> Result<Option<u16>, NotThere> {
        let places = usize::from(PADDING_BYTES_MAX + 1 - self.ruled_out);
        let found = buf.windows(N).take(places).position(|window| window == self.mark);
        if let Some(at) = found {
            buf.advance(at + N);
            return Ok(Some(self.ruled_out + at as u16));
        }
        let seen = (buf.len() + 1).saturating_sub(N).min(places);
        buf.advance(seen);
        self.ruled_out += seen as u16;
        if self.ruled_out > PADDING_BYTES_MAX { Err(NotThere) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> (Result<Option<u16>, NotThere>, usize) {
        let mut buf = BytesMut::from(bytes);
        (Search::new(*b"mark").take(&mut buf), buf.len())
    }

    /// The first answer that is not "more", and the bytes it took.
    fn dripping(bytes: &[u8]) -> (Result<Option<u16>, NotThere>, usize) {
        let (mut search, mut buf) = (Search::new(*b"mark"), BytesMut::new());
        for (i, byte) in bytes.iter().enumerate() {
            buf.extend_from_slice(&[*byte]);
            assert!(buf.len() <= 4, "padding is not hoarded");
            let answer = search.take(&mut buf);
            if answer != Ok(None) {
                return (answer, i + 1);
            }
        }
        (Ok(None), bytes.len())
    }

    #[test]
    fn a_mark_is_found_up_to_the_last_place_it_may_have() {
        for padding in [0, 1, 2, 3, 4, 255, 511, 512] {
            let bytes = [&vec![b'm'; padding][..], b"mark", b"rest"].concat();
            assert_eq!(whole(&bytes), (Ok(Some(padding as u16)), 4));
            assert_eq!(dripping(&bytes), (Ok(Some(padding as u16)), padding + 4));
        }
    }

    #[test]
    fn a_mark_that_comes_too_late_is_not_waited_for() {
        let late = [&[b'm'; 513][..], b"mark"].concat();
        assert_eq!(whole(&late).0, Err(NotThere));
        assert_eq!(dripping(&late), (Err(NotThere), 512 + 4));
        assert_eq!(whole(&[0; 512 + 3]).0, Ok(None));
        assert_eq!(whole(&[0; 512 + 4]).0, Err(NotThere));
    }
}
