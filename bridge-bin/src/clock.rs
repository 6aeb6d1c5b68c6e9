//! Time and randomness, from the engine's one clock file.

use bridge_engine::shell::{SystemClock, random};
use bridge_model::Now;

/// Both clocks, once, for commands that need no more.
pub(crate) fn now() -> Now {
    SystemClock::new().now()
}

/// Fills a slice with secret random octets.
pub(crate) fn fill(out: &mut [u8]) {
    for chunk in out.chunks_mut(16) {
        let octets = random().to_le_bytes();
        let count = chunk.len();
        chunk.copy_from_slice(&octets[..count]);
    }
}
