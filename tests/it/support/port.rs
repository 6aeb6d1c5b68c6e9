//! Ports on loopback.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where ports are looked for: below those that Linux gives to outgoing connections (32768 to 60999), so that no connection of another test
/// takes one before its server listens, and no client that tries before that reaches itself.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// How far apart two processes begin, so that those that run side by side seldom look at the same ports.
const APART: u32 = 397;

/// A TCP port on 127.0.0.1 that nothing listens on and that this process gives once only. Another process may take it before the caller does;
/// a test that must not fail by that lets its server choose (port 0) instead.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % COUNT * APART;
    let port = (0..COUNT).find_map(|_| {
        let port = u16::try_from(FIRST + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT).expect("below 32000");
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    });
    port.expect("loopback has a free port")
}

#[test]
fn a_free_port_can_be_bound_and_is_given_once() {
    let ports = [free_port(), free_port(), free_port()];
    for (at, port) in ports.iter().enumerate() {
        assert!((10_000..32_000).contains(port) && !ports[..at].contains(port), "{ports:?}");
        TcpListener::bind(("127.0.0.1", *port)).expect("the port is free");
    }
}
