//! Ports on loopback.

use std::net::TcpListener;

/// A TCP port on 127.0.0.1 that nothing listened on a moment ago. Another process may take it before the caller does; a test that must not
/// fail by that lets its server choose (port 0) instead.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

#[test]
fn a_free_port_can_be_bound() {
    let port = free_port();
    assert_ne!(port, 0);
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
}
