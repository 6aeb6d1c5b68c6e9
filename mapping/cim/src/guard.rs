//! A reader that stops at its bounds.

use std::fmt;
use std::io::{self, BufRead, Read};

/// A bound that was reached, as the inside of an [`io::Error`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Over {
    /// One tag, text or comment.
    Token(u64),
    /// One document, or what all may have together.
    Document(u64),
    /// An entry of an archive grows too much when unpacked.
    Ratio(u64),
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(most) => write!(f, "one tag, text or comment is longer than {most} bytes"),
            Self::Document(most) => write!(f, "the document is longer than the {most} bytes it may have"),
            Self::Ratio(most) => write!(f, "the entry grows to more than {most} times its packed size"),
        }
    }
}

impl std::error::Error for Over {}

impl Over {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// Counts what is taken from a reader.
pub(crate) struct Guard<R> {
    inner: R,
    consumed: u64,
    token_start: u64,
    token_bytes: u64,
    most: u64,
    over: Over,
}

impl<R: BufRead> Guard<R> {
    /// Fails with `over` beyond `most` bytes in all, and with [`Over::Token`] beyond `token_bytes` since [`Self::mark`].
    pub(crate) const fn new(inner: R, token_bytes: u64, most: u64, over: Over) -> Self {
        Self { inner, consumed: 0, token_start: 0, token_bytes, most, over }
    }

    /// Bytes taken so far.
    pub(crate) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// A token begins here.
    pub(crate) const fn mark(&mut self) {
        self.token_start = self.consumed;
    }
}

impl<R: BufRead> BufRead for Guard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed > self.most {
            return Err(io::Error::other(self.over));
        }
        if self.consumed - self.token_start > self.token_bytes {
            return Err(io::Error::other(Over::Token(self.token_bytes)));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.consumed += amount as u64;
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let n = chunk.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..n), chunk.get(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n);
        Ok(n)
    }
}
