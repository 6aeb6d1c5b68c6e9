//! One open channel of a session, and how TCP connections are made.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::Channel;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::wire::{Far, Got, Wire};

/// How long a connection attempt may take if its session does not say (IEC 60870-5-104 clause 9.6, t0).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16;

/// Two deadlines closer than this are the same: it is what computing a remaining life at different moments costs.
const SAME_DEADLINE: Duration = Duration::from_millis(2);

/// An attempt under way.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// An open connection and the octets that were taken from the session for it.
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    pub(crate) far: Far,
    pub(crate) opened: Mono,
    /// Where it came from: the side of its link.
    pub(crate) side: usize,
    /// The line of a connecting side that it is on.
    pub(crate) line: Option<usize>,
    /// Said goodbye; what is left to write may be written until then.
    pub(crate) closing: Option<Mono>,
    /// When its peer's certificate is to be judged again, in seconds since 1970.
    pub(crate) review: Option<i64>,
    /// When it takes new keys.
    pub(crate) rekey: Option<Mono>,
    pub(crate) wire: Wire,
    out: Vec<u8>,
    written: usize,
    alive_until: Option<Mono>,
}

impl Connection {
    /// No delay, and from the first moment on whatever ends this connection without [`Connection::goodbye`] ends it with RST: an abort, a
    /// panic or the end of the process must not leave a command in the kernel that would still arrive (R5).
    pub(crate) fn new(wire: Wire, channel: Channel, far: Far, opened: Mono) -> io::Result<Self> {
        wire.prepare()?;
        let review = wire.facts().map(|facts| facts.not_after);
        let (out, written, alive_until) = (Vec::new(), 0, None);
        Ok(Self { channel, far, opened, side: 0, line: None, closing: None, review, rekey: None, wire, out, written, alive_until })
    }

    /// One read.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        self.wire.poll_read(cx, buffer)
    }

    /// Writes what was taken from the session. `Ready(Ok(()))`: all of it is with the kernel.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, now: Mono) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(self.wire.poll_write(cx, rest, now))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.out.clear();
        self.written = 0;
        self.wire.poll_flush(cx)
    }

    /// Where the session puts its octets; empty after a complete [`Connection::poll_flush`].
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Lets the kernel give up at the end of this life (`TCP_USER_TIMEOUT`). The kernel counts from the moment of sending, so the option is
    /// set when the instant changes and not when merely less of the life remains. No kernel does that for a serial line: see
    /// [`Connection::bury`].
    pub(crate) fn limit_life(&mut self, remaining: Option<Duration>, now: Mono) {
        // On a serial line what is over was thrown away already.
        let over = matches!(self.wire, Wire::Serial(_)) && remaining.is_some_and(|life| life.is_zero());
        let until = remaining.filter(|_| !over).map(|remaining| now + remaining);
        let same = match (self.alive_until, until) {
            (None, None) => true,
            (Some(old), Some(new)) => old.since(new).max(new.since(old)) < SAME_DEADLINE,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if same {
            return;
        }
        self.alive_until = until;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(tcp) = self.wire.tcp()
            && let Err(error) = SockRef::from(tcp).set_tcp_user_timeout(remaining.map(|life| life.max(Duration::from_millis(1))))
        {
            tracing::warn!(%error, "the kernel does not limit how long a command may stay on the wire");
        }
    }

    /// When [`Connection::bury`] will have something to do.
    pub(crate) fn burial(&self) -> Option<Mono> {
        self.alive_until.filter(|_| matches!(self.wire, Wire::Serial(_)))
    }

    /// At the end of its life a command that a serial line's other end holds back (RTS/CTS) is thrown away: it must not leave later (R5).
    /// What is cut off with it the protocols on such lines find by their check sums and repeat.
    pub(crate) fn bury(&mut self, now: Mono) {
        if let Wire::Serial(port) = &mut self.wire
            && self.alive_until.is_some_and(|until| until <= now)
        {
            port.discard();
            self.out.clear();
            self.written = 0;
            self.alive_until = None;
        }
    }

    /// From here on the connection ends in order.
    pub(crate) fn goodbye(&mut self) {
        self.wire.goodbye();
    }
}

/// Connects within a time, from a local address if one is named.
pub(crate) fn attempt(to: SocketAddr, bind: Option<IpAddr>, within: Duration) -> Attempt {
    Box::pin(async move {
        let connect = async {
            let socket = socket(to)?;
            if let Some(local) = bind {
                socket.bind(SocketAddr::new(local, 0))?;
            }
            socket.connect(to).await
        };
        let connected = tokio::time::timeout(within, connect).await;
        connected.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")))
    })
}

/// Listens.
pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(at)?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (Connection, TcpStream) {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let ours = attempt(listener.local_addr().unwrap(), Some("127.0.0.1".parse().unwrap()), CONNECT_TIMEOUT).await.unwrap();
        let (theirs, peer) = listener.accept().await.unwrap();
        (Connection::new(Wire::Plain(ours), Channel(1), Far::Net(peer), Mono(0)).unwrap(), theirs)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn r05_the_kernels_limit_follows_the_commands_end_and_not_the_clock() {
        let (mut connection, _peer) = pair().await;
        let limit = |connection: &Connection| SockRef::from(connection.wire.tcp().unwrap()).tcp_user_timeout().unwrap();
        let second = Duration::from_secs(1);
        connection.limit_life(Some(10 * second), Mono(0));
        assert_eq!(limit(&connection), Some(10 * second));
        connection.limit_life(Some(6 * second), Mono(0) + 4 * second);
        assert_eq!(limit(&connection), Some(10 * second), "the same end, later asked");
        connection.limit_life(Some(3 * second), Mono(0) + 4 * second);
        assert_eq!(limit(&connection), Some(3 * second));
        connection.limit_life(Some(Duration::ZERO), Mono(0) + 8 * second);
        assert_eq!(limit(&connection), Some(Duration::from_millis(1)), "zero would mean no limit");
        connection.limit_life(None, Mono(0) + 8 * second);
        assert!(limit(&connection).is_none_or(|limit| limit.is_zero()));
        assert!(connection.wire.tcp().unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn without_a_goodbye_the_peer_sees_a_reset_and_with_it_an_end() {
        for (polite, expected) in [(false, Err(io::ErrorKind::ConnectionReset)), (true, Ok(0))] {
            let (mut connection, mut peer) = pair().await;
            if polite {
                connection.goodbye();
            }
            drop(connection);
            let read = tokio::io::AsyncReadExt::read(&mut peer, &mut [0; 8]).await;
            assert_eq!(read.map_err(|error| error.kind()), expected);
        }
    }
}
