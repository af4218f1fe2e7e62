//! Memory to read into. Payloads go to the disk as views into the buffer they were read into; when
//! the last view is gone the buffer is read into again, so a download allocates next to nothing.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Buffers that were read full, some of them still looked at by others.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    spent: VecDeque<BytesMut>,
}

/// Bytes of one buffer: what one read can bring.
const BUFFER: usize = 256 * 1024;

/// A read is worth its system call when there is this much room.
const ROOM_MIN: usize = 64 * 1024;

/// Buffers kept for later, 4 MiB in all.
const SPENT_MAX: usize = 16;

impl Buffers {
    /// Sees to it that `inbox`, which may hold the start of a message, has room for a good read.
    pub(super) fn make_room(&mut self, inbox: &mut BytesMut) {
        if inbox.capacity() - inbox.len() >= ROOM_MIN {
            return;
        }
        let wanted = BUFFER.max(2 * inbox.len());
        if inbox.try_reclaim(wanted - inbox.len()) {
            return;
        }
        let mut fresh = self.fresh(wanted);
        fresh.extend_from_slice(inbox);
        inbox.clear();
        self.keep(std::mem::replace(inbox, fresh));
    }

    /// Takes the buffer of a connection that has nothing to read.
    pub(super) fn give_back(&mut self, inbox: &mut BytesMut) {
        if inbox.is_empty() && inbox.capacity() > 0 {
            self.keep(std::mem::take(inbox));
        }
    }

    fn fresh(&mut self, wanted: usize) -> BytesMut {
        // The latest is the likeliest to be in the processor's cache, the earliest to be free.
        for at in (0..self.spent.len()).rev() {
            if self.spent[at].try_reclaim(wanted) {
                return self.spent.remove(at).unwrap_or_default();
            }
        }
        BytesMut::with_capacity(wanted)
    }

    fn keep(&mut self, buffer: BytesMut) {
        if self.spent.len() == SPENT_MAX {
            self.spent.pop_front();
        }
        self.spent.push_back(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_view_is_gone() {
        let mut buffers = Buffers::default();
        let mut inbox = BytesMut::new();
        buffers.make_room(&mut inbox);
        let first = inbox.as_ptr();
        inbox.resize(BUFFER, 7);
        let view = inbox.split_to(BUFFER - 10).freeze();

        buffers.make_room(&mut inbox);
        assert_eq!(&inbox[..], [7; 10], "the start of a message moves along");
        assert_ne!(inbox.as_ptr(), first);
        assert!(view.iter().all(|&byte| byte == 7));

        drop(view);
        let mut other = BytesMut::new();
        buffers.make_room(&mut other);
        assert_eq!(other.as_ptr(), first);
        assert_eq!(other.capacity(), BUFFER);
    }

    #[test]
    fn a_message_larger_than_a_buffer_gets_room() {
        let mut buffers = Buffers::default();
        let mut inbox = BytesMut::zeroed(BUFFER);
        buffers.make_room(&mut inbox);
        assert_eq!(inbox.len(), BUFFER);
        assert!(inbox.capacity() >= 2 * BUFFER);
    }

    #[test]
    fn few_buffers_are_kept() {
        let mut buffers = Buffers::default();
        let mut views = Vec::new();
        for _ in 0..100 {
            let mut inbox = BytesMut::new();
            buffers.make_room(&mut inbox);
            inbox.resize(100, 1);
            views.push(inbox.split().freeze());
            buffers.give_back(&mut inbox);
        }
        assert!(buffers.spent.len() <= SPENT_MAX);
        assert_eq!(views.len(), 100);
    }
}
