//! Cuts a record into spans from front to back.

use std::borrow::Cow;

use super::{Cover, Span, bytes_of};

/// Spans side by side, and how far they reach.
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Of the spans that come next.
    pub(super) cover: Cover,
    pub(super) spans: Vec<Span>,
    /// The record ended inside the last span or before it.
    cut: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, cover: Cover) -> Self {
        Self { bytes, at, cover, spans: Vec::new(), cut: false }
    }

    /// Where the next span begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What no span reaches yet.
    pub(super) fn left(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// True when everything that was added is there whole.
    pub(super) fn is_whole(&self) -> bool {
        !self.cut
    }

    /// The next `length` bytes. Where the record ends in them, the span says so; where no byte
    /// of them is there, or `length` is 0, there is no span. Gives the bytes when all are there.
    pub(super) fn add(
        &mut self,
        length: usize,
        name: impl Into<Cow<'static, str>>,
        value: impl FnOnce(&'a [u8]) -> String,
        note: impl Into<Cow<'static, str>>,
    ) -> Option<&'a [u8]> {
        let left = self.left();
        let found = &left[..length.min(left.len())];
        let whole = found.len() == length;
        self.cut |= !whole;
        if !found.is_empty() {
            let value = if whole { value(found) } else { cut_off(found.len(), length) };
            let span = Span { value, note: note.into(), cover: self.cover, ..Span::new(self.at, found.len(), name) };
            self.spans.push(span);
            self.at += found.len();
        }
        whole.then_some(found)
    }

    /// A number of `N` bytes, big-endian; `show` puts it in words.
    pub(super) fn number<const N: usize>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        show: impl FnOnce(u32) -> String,
        note: &'static str,
    ) -> Option<u32> {
        let read = |bytes: &[u8]| bytes.iter().fold(0u32, |n, &byte| n << 8 | u32::from(byte));
        self.add(N, name, |bytes| show(read(bytes)), note).map(read)
    }

    /// All that is left, as one.
    pub(super) fn rest(&mut self, name: impl Into<Cow<'static, str>>, note: impl Into<Cow<'static, str>>) {
        let left = self.left().len();
        if left > 0 {
            self.add(left, name, |_| bytes_of(left), note);
        }
    }
}

/// For a value that is not there whole.
pub(super) fn cut_off(found: usize, wanted: usize) -> String {
    format!("the record ends here, after {found} of {}", bytes_of(wanted))
}
