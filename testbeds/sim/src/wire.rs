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

/// One way to the peer: an interface of our host, and what is done there.
#[derive(Debug)]
struct Path {
    host: HostId,
    mode: Mode,
    /// The attempt that is under way.
    dialling: Option<Socket>,
    dial_at: Mono,
}

impl Path {
    fn rest(&mut self, now: Now) {
        self.dialling = None;
        if let Mode::Dial { retry, .. } = self.mode {
            self.dial_at = now.mono + retry;
        }
    }
}

/// The transport of one session. The owner gives it the network's events that it [`Wire::owns`], then calls [`Wire::pump`] after everything
/// that touched the session.
#[derive(Debug)]
pub struct Wire {
    paths: Vec<Path>,
    /// Each channel with its path.
    channels: BTreeMap<Socket, (Channel, usize)>,
    next_channel: u32,
}

impl Wire {
    /// Dials `to` at once, and again `retry` after a connection failed or ended.
    #[must_use]
    pub fn dial(host: HostId, to: (HostId, u16), retry: Duration) -> Self {
        Self::new(host, Mode::Dial { to, retry })
    }

    /// Accepts at `port`; the network listens from the first [`Wire::pump`] on.
    #[must_use]
    pub fn accept(host: HostId, port: u16) -> Self {
        Self::new(host, Mode::Accept { port })
    }

    fn new(host: HostId, mode: Mode) -> Self {
        let path = Path { host, mode, dialling: None, dial_at: Mono(0) };
        Self { paths: vec![path], channels: BTreeMap::new(), next_channel: 1 }
    }

    /// With the paths of another one beside its own: the peer of the first path has the address 127.0.0.1, that of the second 127.0.0.2.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self
    }

    /// Whether an event is about this wire.
    #[must_use]
    pub fn owns<M>(&self, event: &NetEvent<M>) -> bool {
        match event {
            NetEvent::Accepted { .. } | NetEvent::Connected { .. } | NetEvent::Refused { .. } => self.path_of(event).is_some(),
            NetEvent::Data { socket, .. } | NetEvent::Closed { socket } | NetEvent::Reset { socket, .. } => {
                self.channels.contains_key(socket)
            }
            NetEvent::Request { .. } | NetEvent::Reply { .. } | NetEvent::Unreachable { .. } => false,
        }
    }

    /// The path that an event about opening is about.
    fn path_of<M>(&self, event: &NetEvent<M>) -> Option<usize> {
        match event {
            NetEvent::Accepted { socket, port, .. } => {
                self.paths.iter().position(|path| socket.host == path.host && path.mode == Mode::Accept { port: *port })
            }
            NetEvent::Connected { socket } | NetEvent::Refused { socket, .. } => {
                self.paths.iter().position(|path| path.dialling == Some(*socket))
            }
            NetEvent::Data { .. }
            | NetEvent::Closed { .. }
            | NetEvent::Reset { .. }
            | NetEvent::Request { .. }
            | NetEvent::Reply { .. }
            | NetEvent::Unreachable { .. } => None,
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
                let Some(place) = self.path_of(event) else { return };
                if let Some(path) = self.paths.get_mut(place) {
                    path.dialling = None;
                }
                let channel = Channel(self.next_channel);
                self.next_channel += 1;
                self.channels.insert(*socket, (channel, place));
                let port = (socket.conn % 60_000) as u16;
                let last = u8::try_from(place).unwrap_or(u8::MAX).saturating_add(1);
                let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port.saturating_add(1024));
                session.handle_open(channel, &PeerInfo { addr, tls_identity: None }, now);
            }
            NetEvent::Refused { .. } => {
                if let Some(path) = self.path_of(event).and_then(|place| self.paths.get_mut(place)) {
                    path.rest(now);
                }
            }
            NetEvent::Data { socket, bytes } => {
                if let Some((channel, _)) = self.channels.get(socket) {
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
        for (place, path) in self.paths.iter_mut().enumerate() {
            match path.mode {
                Mode::Accept { port } => net.listen(path.host, port),
                Mode::Dial { to, .. } => {
                    let is_open = self.channels.values().any(|(_, of)| *of == place);
                    if path.dialling.is_none() && !is_open && path.dial_at <= now.mono {
                        path.dialling = Some(net.connect(path.host, to, now.mono));
                    }
                }
            }
        }
        let open: Vec<(Socket, Channel)> = self.channels.iter().map(|(socket, (channel, _))| (*socket, *channel)).collect();
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
        for path in &mut self.paths {
            path.dialling = None;
            path.dial_at = Mono(0);
        }
    }

    /// When to pump again although nothing happened.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        let waits = |(place, path): (usize, &Path)| {
            let is_idle = path.dialling.is_none() && !self.channels.values().any(|(_, of)| *of == place);
            (is_idle && matches!(path.mode, Mode::Dial { .. })).then_some(path.dial_at)
        };
        self.paths.iter().enumerate().filter_map(waits).min()
    }

    fn gone(&mut self, socket: Socket, session: &mut dyn Session, now: Now) {
        if let Some((channel, place)) = self.channels.remove(&socket) {
            session.handle_close(channel, now);
            if let Some(path) = self.paths.get_mut(place) {
                path.rest(now);
            }
        }
    }
}
