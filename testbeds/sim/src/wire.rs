//! Ties a session to the simulated network: dials or accepts, moves octets, obeys wishes to close. What the socket driver does with real
//! sockets, in virtual time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, PeerInfo, Session};

use crate::net::Net;
use crate::net_event::{NetEvent, Socket};
use crate::topology::HostId;

/// How many octets are asked of a session at a time.
const OUTPUT_CHUNK: usize = 16 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Dial { to: (HostId, u16), retry: Duration },
    Accept { port: u16 },
}

/// The transport of one session on one host. The owner gives it the network's events that it [`Wire::owns`], then calls [`Wire::pump`]
/// after everything that touched the session.
#[derive(Debug)]
pub struct Wire {
    host: HostId,
    mode: Mode,
    channels: BTreeMap<Socket, Channel>,
    /// The attempt that is under way.
    dialling: Option<Socket>,
    dial_at: Mono,
    next_channel: u32,
}

impl Wire {
    /// Dials `to` at once, and again `retry` after a connection failed or ended.
    #[must_use]
    pub const fn dial(host: HostId, to: (HostId, u16), retry: Duration) -> Self {
        Self::new(host, Mode::Dial { to, retry })
    }

    /// Accepts at `port`; the network listens from the first [`Wire::pump`] on.
    #[must_use]
    pub const fn accept(host: HostId, port: u16) -> Self {
        Self::new(host, Mode::Accept { port })
    }

    const fn new(host: HostId, mode: Mode) -> Self {
        Self { host, mode, channels: BTreeMap::new(), dialling: None, dial_at: Mono(0), next_channel: 1 }
    }

    /// Whether an event is about this wire.
    #[must_use]
    pub fn owns<M>(&self, event: &NetEvent<M>) -> bool {
        match event {
            NetEvent::Accepted { socket, port, .. } => socket.host == self.host && self.mode == Mode::Accept { port: *port },
            NetEvent::Connected { socket } | NetEvent::Refused { socket, .. } => self.dialling == Some(*socket),
            NetEvent::Data { socket, .. } | NetEvent::Closed { socket } | NetEvent::Reset { socket, .. } => {
                self.channels.contains_key(socket)
            }
            NetEvent::Request { .. } | NetEvent::Reply { .. } | NetEvent::Unreachable { .. } => false,
        }
    }

    /// Whether a transport connection is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.channels.is_empty()
    }

    /// The open sockets, for tests that break them.
    pub fn sockets(&self) -> impl Iterator<Item = Socket> {
        self.channels.keys().copied()
    }

    /// Hands one event to the session.
    pub fn handle_event<M>(&mut self, event: &NetEvent<M>, net: &mut Net<M>, session: &mut dyn Session, now: Now) {
        match event {
            NetEvent::Accepted { socket, .. } | NetEvent::Connected { socket } => {
                self.dialling = None;
                let channel = Channel(self.next_channel);
                self.next_channel += 1;
                self.channels.insert(*socket, channel);
                let octet = (socket.conn % 60_000) as u16;
                let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), octet.saturating_add(1024));
                session.handle_open(channel, &PeerInfo { addr, tls_identity: None }, now);
            }
            NetEvent::Refused { .. } => {
                self.dialling = None;
                self.rest(now);
            }
            NetEvent::Data { socket, bytes } => {
                if let Some(channel) = self.channels.get(socket) {
                    session.handle_input(*channel, Chunk::Stream(bytes), now);
                }
            }
            NetEvent::Closed { socket } => {
                net.close(*socket, now.mono);
                self.gone(*socket, session, now);
            }
            NetEvent::Reset { socket, .. } => self.gone(*socket, session, now),
            NetEvent::Request { .. } | NetEvent::Reply { .. } | NetEvent::Unreachable { .. } => {}
        }
    }

    /// Dials if it is time, sends what the session has to send, closes what it wants closed.
    pub fn pump<M>(&mut self, net: &mut Net<M>, session: &mut dyn Session, now: Now) {
        match self.mode {
            Mode::Accept { port } => net.listen(self.host, port),
            Mode::Dial { to, .. } => {
                if self.dialling.is_none() && self.channels.is_empty() && self.dial_at <= now.mono {
                    self.dialling = Some(net.connect(self.host, to, now.mono));
                }
            }
        }
        let open: Vec<(Socket, Channel)> = self.channels.iter().map(|(socket, channel)| (*socket, *channel)).collect();
        for (socket, channel) in open {
            let mut bytes = Vec::new();
            while net.room(socket) > 0 && session.poll_output(channel, &mut bytes, OUTPUT_CHUNK, now) {
                net.send(socket, &bytes, now.mono);
                bytes.clear();
            }
            net.set_user_timeout(socket, session.user_timeout(channel, now));
            if let Some(close) = session.poll_close(channel) {
                if close.abort {
                    net.abort(socket, now.mono);
                } else {
                    net.close(socket, now.mono);
                }
                self.gone(socket, session, now);
            }
        }
    }

    /// The process ended: every channel is forgotten without a word to the session. The network side is [`Net::exit`].
    pub fn forget(&mut self) {
        self.channels.clear();
        self.dialling = None;
        self.dial_at = Mono(0);
    }

    /// When to pump again although nothing happened.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.mode {
            Mode::Dial { .. } if self.dialling.is_none() && self.channels.is_empty() => Some(self.dial_at),
            Mode::Dial { .. } | Mode::Accept { .. } => None,
        }
    }

    fn gone(&mut self, socket: Socket, session: &mut dyn Session, now: Now) {
        if let Some(channel) = self.channels.remove(&socket) {
            session.handle_close(channel, now);
            self.rest(now);
        }
    }

    fn rest(&mut self, now: Now) {
        if let Mode::Dial { retry, .. } = self.mode {
            self.dial_at = now.mono + retry;
        }
    }
}
