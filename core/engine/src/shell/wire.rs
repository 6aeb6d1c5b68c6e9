//! What octets travel on, and who is at its other end.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::Mono;
use rustls_pki_types::CertificateDer;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::serial::Port;
use super::tls::{Facts, TlsStream};
use super::udp::{DATAGRAM, Udp};

/// How many octets a session is asked for at a time.
const WRITE_CHUNK: usize = 16 << 10;

/// Who, or what, is at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Far {
    /// An address. Of a datagram's channel: the one that it was opened for.
    Net(SocketAddr),
    /// Whoever is on a serial line.
    Device(Arc<str>),
}

impl Far {
    /// What a session is told: a serial line has no address.
    pub(crate) fn addr(&self) -> SocketAddr {
        match self {
            Self::Net(addr) => *addr,
            Self::Device(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        }
    }
}

impl fmt::Display for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(addr) => addr.fmt(f),
            Self::Device(path) => path.fmt(f),
        }
    }
}

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// So many octets of a stream.
    Octets(usize),
    /// One datagram of so many octets.
    Datagram(usize, SocketAddr),
    /// A datagram that is nothing to this link.
    Stranger(SocketAddr),
    /// The peer said goodbye.
    End,
}

/// What octets travel on.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
    Udp(Box<Udp>),
    Serial(Box<Port>),
}

impl Wire {
    /// The TCP socket, if it is one.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(tls) => Some(&tls.stream),
            Self::Udp(_) | Self::Serial(_) => None,
        }
    }

    fn tls(&self) -> Option<&TlsStream> {
        match self {
            Self::Tls(tls) => Some(tls),
            Self::Plain(_) | Self::Udp(_) | Self::Serial(_) => None,
        }
    }

    /// What the peer's certificate says.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.tls().map(|tls| &tls.facts)
    }

    /// What the peer showed, end entity first.
    pub(crate) fn chain(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls().map(TlsStream::chain)
    }

    /// The version of TLS, if it is spoken.
    pub(crate) fn tls_version(&self) -> Option<&'static str> {
        self.tls().map(TlsStream::version)
    }

    /// Takes new keys. `false`: it cannot.
    pub(crate) fn rekey(&mut self) -> bool {
        match self {
            Self::Tls(tls) => tls.rekey(),
            Self::Plain(_) | Self::Udp(_) | Self::Serial(_) => false,
        }
    }

    /// No delay, and from now on whatever ends it without [`Wire::goodbye`] ends it with RST.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let Some(tcp) = self.tcp() else { return Ok(()) };
        tcp.set_nodelay(true)?;
        SockRef::from(tcp).set_linger(Some(Duration::ZERO))
    }

    /// Octets to ask a session for at a time: one write, or one datagram.
    pub(crate) const fn chunk(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Tls(_) | Self::Serial(_) => WRITE_CHUNK,
            Self::Udp(_) => DATAGRAM,
        }
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        let count = match self {
            Self::Plain(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
                buffer.filled().len()
            }
            Self::Tls(tls) => ready!(tls.poll_read(cx, buffer))?,
            Self::Udp(udp) => return udp.poll_read(cx, buffer),
            Self::Serial(port) => return port.poll_read(cx, buffer),
        };
        Poll::Ready(Ok(if count == 0 { Got::End } else { Got::Octets(count) }))
    }

    /// Hands over what it can of `bytes`, which are not empty; of a datagram everything.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8], now: Mono) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(tls) => tls.poll_write(cx, bytes),
            Self::Udp(udp) => udp.poll_send(cx, bytes).map(|()| Ok(bytes.len())),
            Self::Serial(port) => port.poll_write(cx, bytes, now),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(tls) => tls.poll_flush(cx),
            Self::Plain(_) | Self::Udp(_) | Self::Serial(_) => Poll::Ready(Ok(())),
        }
    }

    /// From here on dropping it sends what the kernel has and then FIN; what a serial line still holds is thrown away all the same, see
    /// [`Wire::drained`].
    pub(crate) fn goodbye(&mut self) {
        if let Self::Tls(tls) = self {
            tls.say_goodbye();
        }
        if let Some(tcp) = self.tcp() {
            // If this fails the peer sees a reset instead of an end: it reconnects either way.
            let _ = SockRef::from(tcp).set_linger(None);
        }
    }

    /// When everything written has left this machine, where that is to be waited for before closing.
    pub(crate) fn drained(&self) -> Mono {
        match self {
            Self::Serial(port) => port.drained(),
            Self::Plain(_) | Self::Tls(_) | Self::Udp(_) => Mono(0),
        }
    }

    /// Ends it with RST, at once.
    pub(crate) fn reset(self) {
        if let Some(tcp) = self.tcp() {
            // If this fails the peer sees an orderly end.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Ends a connection with RST, at once.
pub(crate) fn reset(stream: TcpStream) {
    Wire::Plain(stream).reset();
}
