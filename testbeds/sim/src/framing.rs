//! Whole messages over a byte stream: a four-octet big-endian length before each. For simulated server-sent events, which must keep the
//! order and the all-or-nothing prefix of one TCP connection.

use bridge_session::ByteQueue;

/// Longest message, in octets.
pub const MAX_FRAMED: usize = 16 << 20;

/// Puts messages together from a stream that is split anywhere.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    queue: ByteQueue,
}

impl Framer {
    /// Appends one message with its length to `out`; a message longer than [`MAX_FRAMED`] is cut to it.
    pub fn encode(message: &[u8], out: &mut Vec<u8>) {
        let message = message.get(..MAX_FRAMED).unwrap_or(message);
        out.extend_from_slice(&(message.len() as u32).to_be_bytes());
        out.extend_from_slice(message);
    }

    /// Takes octets of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.queue.extend(bytes);
    }

    /// The next whole message, if it has arrived. A length beyond [`MAX_FRAMED`] never completes.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        let waiting = self.queue.as_slice();
        let length = u32::from_be_bytes(waiting.first_chunk().copied()?) as usize;
        if length > MAX_FRAMED {
            return None;
        }
        let message = waiting.get(4..4 + length)?.to_vec();
        self.queue.consume(4 + length);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::{Framer, MAX_FRAMED};

    #[test]
    fn any_split_gives_the_same_messages() {
        let mut stream = Vec::new();
        for message in [&b"one"[..], b"", b"three and more"] {
            Framer::encode(message, &mut stream);
        }
        for size in 1..stream.len() {
            let mut framer = Framer::default();
            let mut messages = Vec::new();
            for piece in stream.chunks(size) {
                framer.push(piece);
                messages.extend(std::iter::from_fn(|| framer.next_message()));
            }
            assert_eq!(messages, [&b"one"[..], b"", b"three and more"]);
        }
    }

    #[test]
    fn the_limit_holds_both_ways() {
        let mut framer = Framer::default();
        framer.push(&u32::MAX.to_be_bytes());
        assert_eq!(framer.next_message(), None);
        let mut out = Vec::new();
        Framer::encode(&vec![0; MAX_FRAMED + 1], &mut out);
        assert_eq!(out.len(), MAX_FRAMED + 4);
    }
}
