//! Buffers: borrowed while bytes are in them, given back while nothing comes.
//!
//! Ten thousand idle connections hold no buffer at all; busy ones share a worker's few, which stay in its caches.

use std::cell::RefCell;
use std::rc::Rc;

/// The size that buffers begin with, in bytes.
pub(super) const SIZE: usize = 16 * 1024;
/// The size that a buffer may grow to: a head, and what came behind it.
const LARGEST: usize = 96 * 1024;
/// How many unused buffers a worker keeps.
const KEPT: usize = 256;

/// A worker's unused buffers.
#[derive(Debug, Default)]
pub(super) struct Pool {
    unused: RefCell<Vec<Vec<u8>>>,
}

impl Pool {
    fn take(&self) -> Vec<u8> {
        self.unused.borrow_mut().pop().unwrap_or_else(|| vec![0; SIZE])
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut unused = self.unused.borrow_mut();
        if bytes.len() == SIZE && unused.len() < KEPT {
            unused.push(bytes);
        }
    }
}

/// Bytes that were read and are not used up.
#[derive(Debug)]
pub(super) struct Buffer {
    pool: Rc<Pool>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn new(pool: Rc<Pool>) -> Self {
        Buffer { pool, bytes: Vec::new(), start: 0, end: 0 }
    }

    /// What is in it.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Forgets `count` bytes that come behind the first `kept`.
    pub(super) fn cut(&mut self, kept: usize, count: usize) {
        self.bytes.copy_within(self.start..self.start + kept, self.start + count);
        self.consume(count);
    }

    /// Room for more; empty when the buffer is as large as it may become.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = self.pool.take();
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else if self.bytes.len() < LARGEST {
                self.bytes.resize((self.bytes.len() * 2).min(LARGEST), 0);
            }
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were put into the room.
    pub(super) fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Gives the memory back if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            self.pool.give(std::mem::take(&mut self.bytes));
            (self.start, self.end) = (0, 0);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.end = self.start;
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut Buffer, bytes: &[u8]) -> usize {
        let room = buffer.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        buffer.advance(count);
        count
    }

    #[test]
    fn memory_goes_back_and_comes_again() {
        let pool = Rc::new(Pool::default());
        let mut buffer = Buffer::new(pool.clone());
        put(&mut buffer, b"hello");
        buffer.release();
        assert_eq!((buffer.filled(), pool.unused.borrow().len()), (&b"hello"[..], 0));
        buffer.consume(5);
        buffer.release();
        assert_eq!((buffer.len(), pool.unused.borrow().len()), (0, 1));
        put(&mut buffer, b"x");
        assert_eq!(pool.unused.borrow().len(), 0);
        drop(buffer);
        assert_eq!(pool.unused.borrow().len(), 1);
    }

    #[test]
    fn it_grows_to_its_limit_only() {
        let mut buffer = Buffer::new(Rc::default());
        let mut total = 0;
        loop {
            match put(&mut buffer, &[7; 10_000]) {
                0 => break,
                count => total += count,
            }
        }
        assert_eq!((total, buffer.len()), (LARGEST, LARGEST));
        buffer.consume(10);
        assert_eq!(buffer.room().len(), 10);
    }

    #[test]
    fn framing_is_cut_out() {
        let mut buffer = Buffer::new(Rc::default());
        put(&mut buffer, b"hel\r\n2\r\nlo");
        buffer.cut(3, 5);
        assert_eq!(buffer.filled(), b"hello");
    }
}
