//! Loopback, for both halves of a pair.

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Attempts to connect, and between two of them.
const ATTEMPTS: u32 = 500;
const ATTEMPT_EVERY: Duration = Duration::from_millis(10);

/// A port that was free a moment ago, for a listener that cannot be asked which one it got.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// This port of loopback.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The port as an argument.
pub(crate) fn port(word: &str) -> Result<u16> {
    word.parse().context("a port")
}

/// A connection to whoever is about to listen.
pub(crate) fn connect(port: u16) -> Result<TcpStream> {
    for _ in 1..ATTEMPTS {
        if let Ok(stream) = TcpStream::connect(local(port)) {
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
        std::thread::sleep(ATTEMPT_EVERY);
    }
    TcpStream::connect(local(port)).context("nobody listens")
}

/// How many octets came. `None`: the other end is gone.
pub(crate) fn read(stream: &mut TcpStream, input: &mut [u8]) -> Result<Option<usize>> {
    match stream.read(input) {
        Ok(0) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error.into()),
    }
}
