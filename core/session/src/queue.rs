//! A byte queue for stream reassembly: bounded by its caller, compacting, never reallocating in the steady state.

/// Bytes received and not yet consumed.
#[derive(Clone, Debug, Default)]
pub struct ByteQueue {
    bytes: Vec<u8>,
    start: usize,
}

impl ByteQueue {
    /// The unconsumed bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether no byte waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.start == self.bytes.len() {
            self.clear();
        } else if self.start > 4096 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops `count` bytes from the front, at most all.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
    }

    /// Drops everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::ByteQueue;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut queue = ByteQueue::default();
        let mut expected = 0_u8;
        for round in 0..200_u16 {
            let first = queue.as_slice().last().map_or(expected, |last| last.wrapping_add(1));
            let chunk: Vec<u8> = (0..100).map(|i: u8| first.wrapping_add(i)).collect();
            queue.extend(&chunk);
            let take = usize::from(round % 130).min(queue.len());
            for byte in &queue.as_slice()[..take] {
                assert_eq!(*byte, expected);
                expected = expected.wrapping_add(1);
            }
            queue.consume(take);
        }
        queue.consume(usize::MAX / 2);
        assert!(queue.is_empty());
    }
}
