//! A TCP network as a value: hosts, listeners, connections and a message lane, driven by virtual time.
//!
//! A connection delivers octets in order, in segments of any size, or not at all. What matters to a control room is modelled as a kernel
//! does it: a cut path is a black hole; octets wait in the *sender's* retransmission buffer and arrive after the path heals, at the next
//! backed-off retransmission; an acknowledgement that is lost leaves the sender in doubt about octets that did arrive; a connection whose
//! user timeout passes dies silently on its own side; an abort drops the buffer and sends RST; a closed end answers octets with RST. What is
//! not modelled: bandwidth, receive windows, reordering within a connection (go-back-N stands for it), half-close.
//!
//! The message lane carries requests and replies of any type with the same latency and cuts, as one HTTPS exchange looks from above.
//! A driver calls [`Net::poll`] at [`Net::next_event_at`] and gives every [`NetEvent`] to the host it names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::Mono;

use crate::net_event::{Lost, MessageId, NetEvent, Refused, Socket, Why};
use crate::rng::TraceHash;
use crate::topology::{HostId, NetOptions, Topology};

/// The network. `M` is the payload of the message lane.
#[derive(Debug)]
pub struct Net<M = Vec<u8>> {
    topology: Topology,
    queue: BTreeMap<(Mono, u64), Packet<M>>,
    order: u64,
    conns: BTreeMap<u64, Conn>,
    listeners: BTreeSet<(HostId, u16)>,
    exchanges: BTreeMap<MessageId, Exchange>,
    lanes: BTreeMap<(HostId, HostId), Mono>,
    next_id: u64,
    out: Vec<NetEvent<M>>,
    trace: TraceHash,
}

#[derive(Debug)]
enum Packet<M> {
    Syn { conn: u64 },
    SynAck { conn: u64 },
    SynRefused { conn: u64 },
    SynTimer { conn: u64, again: Duration },
    Segment { conn: u64, side: usize, from: u64, bytes: Vec<u8>, fin: bool },
    Ack { conn: u64, side: usize, upto: u64 },
    Rto { conn: u64, side: usize },
    UserTimeout { conn: u64, side: usize },
    Rst { conn: u64, side: usize, forged: bool },
    Request { id: MessageId, payload: M },
    Reply { id: MessageId, payload: M },
    Fail { id: MessageId, why: Lost },
}

#[derive(Debug)]
struct Conn {
    /// The connecting host and the accepting host.
    hosts: [HostId; 2],
    port: u16,
    opened: Mono,
    ends: [End; 2],
    /// `flows[i]` runs from end `i` to the other.
    flows: [Flow; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Opening,
    Open,
    /// Its owner closed it; what was sent before is still on its way.
    Closing,
    Closed,
}

#[derive(Debug)]
struct Flow {
    /// Sent or waiting, not yet acknowledged; the first has number `base`.
    unacked: VecDeque<u8>,
    base: u64,
    /// The next number to put on the wire. A FIN takes the number after the last octet.
    next: u64,
    /// The owner closed: a FIN follows the last octet.
    fin: bool,
    /// The number of the FIN, once it was on the wire.
    fin_number: Option<u64>,
    /// When each stretch, up to the number, first went out.
    marks: VecDeque<(u64, Mono)>,
    rto: Duration,
    timer_from: Mono,
    rto_armed: bool,
    user_timeout: Duration,
    user_armed: Mono,
    last_arrival: Mono,
    /// Of the receiver: the next number it expects.
    received: u64,
    fin_received: bool,
}

#[derive(Debug)]
struct Exchange {
    from: HostId,
    to: HostId,
    delivered: bool,
}

impl Flow {
    fn new(rto: Duration, user_timeout: Duration) -> Self {
        Self {
            unacked: VecDeque::new(),
            base: 0,
            next: 0,
            fin: false,
            fin_number: None,
            marks: VecDeque::new(),
            rto,
            timer_from: Mono(0),
            rto_armed: false,
            user_timeout,
            user_armed: Mono::NEVER,
            last_arrival: Mono(0),
            received: 0,
            fin_received: false,
        }
    }

    /// Everything to the FIN is acknowledged.
    fn settled(&self) -> bool {
        self.fin_number.is_some_and(|number| number < self.base)
    }
}

impl Conn {
    fn socket(&self, conn: u64, side: usize) -> Socket {
        Socket { conn, accepted: side == 1, host: self.hosts[side] }
    }

    /// Nothing can happen on this connection any more.
    fn over(&self) -> bool {
        (0..2).all(|side| match self.ends[side] {
            End::Closed => true,
            End::Closing => self.flows[side].settled() && self.flows[1 - side].fin_received,
            End::Opening | End::Open => false,
        })
    }
}

const fn side_of(socket: Socket) -> usize {
    if socket.accepted { 1 } else { 0 }
}

impl<M> Net<M> {
    /// How many unacknowledged octets a kernel takes before it makes a writer wait: a driver sends only while [`Self::room`] is not zero.
    pub const SEND_BUFFER: usize = 256 << 10;

    /// An empty network. All chance comes from `seed`.
    #[must_use]
    pub fn new(seed: u64, options: NetOptions) -> Self {
        Self {
            topology: Topology::new(seed, options),
            queue: BTreeMap::new(),
            order: 0,
            conns: BTreeMap::new(),
            listeners: BTreeSet::new(),
            exchanges: BTreeMap::new(),
            lanes: BTreeMap::new(),
            next_id: 0,
            out: Vec::new(),
            trace: TraceHash::default(),
        }
    }

    /// The host of this name, made at its first mention.
    pub fn host(&mut self, name: &str) -> HostId {
        self.topology.host(name)
    }

    /// A host's name.
    #[must_use]
    pub fn name(&self, host: HostId) -> &str {
        self.topology.name(host)
    }

    /// Accepts connections at `port` of `host`.
    pub fn listen(&mut self, host: HostId, port: u16) {
        self.listeners.insert((host, port));
    }

    /// Refuses connections at `port` of `host` again. Connections that exist go on.
    pub fn unlisten(&mut self, host: HostId, port: u16) {
        self.listeners.remove(&(host, port));
    }

    /// Starts a connection; [`NetEvent::Connected`] or [`NetEvent::Refused`] follows.
    pub fn connect(&mut self, from: HostId, to: (HostId, u16), now: Mono) -> Socket {
        let conn = self.next_id;
        self.next_id += 1;
        let flow = || Flow::new(self.topology.first_rto(), self.topology.options.user_timeout);
        let made = Conn { hosts: [from, to.0], port: to.1, opened: now, ends: [End::Opening; 2], flows: [flow(), flow()] };
        self.conns.insert(conn, made);
        self.send_syn(conn, now);
        self.push(now + Duration::from_secs(1), Packet::SynTimer { conn, again: Duration::from_secs(2) });
        Socket { conn, accepted: false, host: from }
    }

    /// Sends octets. On a socket that is not open they vanish.
    pub fn send(&mut self, socket: Socket, bytes: &[u8], now: Mono) {
        let side = side_of(socket);
        let Some(conn) = self.conns.get_mut(&socket.conn) else { return };
        if !matches!(conn.ends[side], End::Open | End::Opening) || bytes.is_empty() {
            return;
        }
        conn.flows[side].unacked.extend(bytes);
        self.transmit(socket.conn, side, now);
    }

    /// How many octets this socket takes before a kernel would make the writer wait.
    #[must_use]
    pub fn room(&self, socket: Socket) -> usize {
        Self::SEND_BUFFER.saturating_sub(self.unacknowledged(socket))
    }

    /// How many sent octets the peer's transport has not acknowledged, as this end knows.
    #[must_use]
    pub fn unacknowledged(&self, socket: Socket) -> usize {
        self.conns.get(&socket.conn).map_or(0, |conn| conn.flows[side_of(socket)].unacked.len())
    }

    /// Closes in order: what was sent still arrives, then the peer sees [`NetEvent::Closed`]. No event follows here.
    pub fn close(&mut self, socket: Socket, now: Mono) {
        let side = side_of(socket);
        let Some(conn) = self.conns.get_mut(&socket.conn) else { return };
        match conn.ends[side] {
            End::Open => {
                conn.ends[side] = End::Closing;
                conn.flows[side].fin = true;
                self.transmit(socket.conn, side, now);
            }
            End::Opening => conn.ends[side] = End::Closed,
            End::Closing | End::Closed => {}
        }
        self.reap(socket.conn);
    }

    /// Closes with RST: what was not yet on the wire never arrives, also not after a heal. No event follows here.
    pub fn abort(&mut self, socket: Socket, now: Mono) {
        let side = side_of(socket);
        if self.end(socket.conn, side) != Some(End::Closed) {
            self.kill_end(socket.conn, side);
            self.send_rst(socket.conn, 1 - side, now, false);
        }
        self.reap(socket.conn);
    }

    /// Something on the path sends RST to both ends, cut or not.
    pub fn reset(&mut self, conn: u64, now: Mono) {
        self.send_rst(conn, 0, now, true);
        self.send_rst(conn, 1, now, true);
    }

    /// Limits how long sent octets may stay unacknowledged (`TCP_USER_TIMEOUT`); `None` sets the network's own limit again.
    pub fn set_user_timeout(&mut self, socket: Socket, limit: Option<Duration>) {
        let limit = limit.unwrap_or(self.topology.options.user_timeout);
        let side = side_of(socket);
        let Some(conn) = self.conns.get_mut(&socket.conn) else { return };
        conn.flows[side].user_timeout = limit;
        self.arm_user(socket.conn, side);
    }

    /// Black hole between two hosts, both ways.
    pub fn cut(&mut self, a: HostId, b: HostId) {
        self.topology.cut(a, b);
        self.topology.cut(b, a);
    }

    /// Black hole one way only: answers are lost, requests are not.
    pub fn cut_one_way(&mut self, from: HostId, to: HostId) {
        self.topology.cut(from, to);
    }

    /// The path is whole again, both ways. Waiting octets arrive at their next retransmission.
    pub fn heal(&mut self, a: HostId, b: HostId) {
        self.topology.heal(a, b);
        self.topology.heal(b, a);
    }

    /// While `refusing` (its process is not up), the host answers connection attempts and requests with a refusal.
    pub fn refuse(&mut self, host: HostId, refusing: bool) {
        self.topology.set_refusing(host, refusing);
    }

    /// The host's process ends (also by kill -9): its kernel closes the sockets in order and delivers what was sent; its listeners and
    /// requests are gone; who waits for a reply of it is told. Requests are refused until [`Self::refuse`] says otherwise.
    pub fn exit(&mut self, host: HostId, now: Mono) {
        self.topology.set_refusing(host, true);
        self.listeners.retain(|(at, _)| *at != host);
        for socket in self.sockets_of(host) {
            self.close(socket, now);
        }
        let waiting: Vec<_> = self.exchanges.iter().filter(|(_, e)| e.to == host && e.delivered).map(|(id, _)| *id).collect();
        for id in waiting {
            let at = now + self.topology.flight();
            self.push(at, Packet::Fail { id, why: Lost::Reset });
        }
        self.exchanges.retain(|_, exchange| exchange.from != host);
    }

    /// The host loses power: its sockets vanish without a word, packets to it are lost. After [`Self::power_on`] its kernel answers old
    /// connections with RST.
    pub fn power_off(&mut self, host: HostId) {
        self.listeners.retain(|(at, _)| *at != host);
        for socket in self.sockets_of(host) {
            self.kill_end(socket.conn, side_of(socket));
            self.reap(socket.conn);
        }
        self.exchanges.retain(|_, exchange| exchange.from != host);
        self.topology.set_off(host, true);
    }

    /// The host has power again, with nothing listening.
    pub fn power_on(&mut self, host: HostId) {
        self.topology.set_off(host, false);
    }

    /// Sends a request on the message lane; [`NetEvent::Reply`] or [`NetEvent::Unreachable`] follows. Requests between two hosts arrive in
    /// the order they were sent.
    pub fn request(&mut self, from: HostId, to: HostId, payload: M, now: Mono) -> MessageId {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        self.exchanges.insert(id, Exchange { from, to, delivered: false });
        if self.topology.open(from, to) {
            let at = self.lane_arrival(from, to, now);
            self.push(at, Packet::Request { id, payload });
        }
        self.push(now + self.topology.options.message_timeout, Packet::Fail { id, why: Lost::TimedOut });
        id
    }

    /// Answers a request. It may be lost on the way, or come too late.
    pub fn reply(&mut self, id: MessageId, payload: M, now: Mono) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.delivered = false;
        let (from, to) = (exchange.to, exchange.from);
        if self.topology.open(from, to) {
            let at = self.lane_arrival(from, to, now);
            self.push(at, Packet::Reply { id, payload });
        }
    }

    /// Everything that happened up to `now`, in order.
    pub fn poll(&mut self, now: Mono) -> Vec<NetEvent<M>> {
        while let Some(entry) = self.queue.first_entry() {
            let (at, order) = *entry.key();
            if at > now {
                break;
            }
            self.trace.add_u64(at.0);
            self.trace.add_u64(order);
            let packet = entry.remove();
            self.arrive(packet, at);
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Self::poll`] may next give something.
    #[must_use]
    pub fn next_event_at(&self) -> Option<Mono> {
        if self.out.is_empty() { self.queue.first_key_value().map(|((at, _), _)| *at) } else { Some(Mono(0)) }
    }

    /// A hash of everything that ever moved: the same seed and the same calls give the same one.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.trace.value()
    }

    fn arrive(&mut self, packet: Packet<M>, at: Mono) {
        match packet {
            Packet::Syn { conn } => self.syn_arrived(conn, at),
            Packet::SynAck { conn } => self.syn_ack_arrived(conn, at),
            Packet::SynRefused { conn } => self.give_up(conn, Refused::Refused),
            Packet::SynTimer { conn, again } => self.syn_again(conn, again, at),
            Packet::Segment { conn, side, from, bytes, fin } => self.segment_arrived(conn, side, from, bytes, fin, at),
            Packet::Ack { conn, side, upto } => self.ack_arrived(conn, side, upto, at),
            Packet::Rto { conn, side } => self.rto_passed(conn, side, at),
            Packet::UserTimeout { conn, side } => self.user_timeout_passed(conn, side, at),
            Packet::Rst { conn, side, forged } => self.rst_arrived(conn, side, forged),
            Packet::Request { id, payload } => self.request_arrived(id, payload, at),
            Packet::Reply { id, payload } => self.reply_arrived(id, payload),
            Packet::Fail { id, why } => {
                if let Some(exchange) = self.exchanges.remove(&id) {
                    self.out.push(NetEvent::Unreachable { id, to: exchange.from, why });
                }
            }
        }
    }

    fn syn_arrived(&mut self, id: u64, at: Mono) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let [from, to] = conn.hosts;
        if !self.topology.open(from, to) {
            return;
        }
        match conn.ends[1] {
            End::Opening if self.topology.refuses(to) || !self.listeners.contains(&(to, conn.port)) => {
                conn.ends[1] = End::Closed;
                let back = at + self.topology.flight();
                self.push(back, Packet::SynRefused { conn: id });
                return;
            }
            End::Opening => {
                conn.ends[1] = End::Open;
                let event = NetEvent::Accepted { socket: conn.socket(id, 1), port: conn.port, from };
                self.out.push(event);
            }
            End::Open | End::Closing => {}
            End::Closed => return,
        }
        if self.topology.open(to, from) {
            let back = self.stream_arrival(id, 1, at);
            self.push(back, Packet::SynAck { conn: id });
        }
    }

    fn syn_ack_arrived(&mut self, id: u64, at: Mono) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let [from, to] = conn.hosts;
        if !self.topology.open(to, from) {
            return;
        }
        match conn.ends[0] {
            End::Opening => {
                conn.ends[0] = End::Open;
                let event = NetEvent::Connected { socket: conn.socket(id, 0) };
                self.out.push(event);
                self.transmit(id, 0, at);
            }
            End::Closed => self.send_rst(id, 1, at, false),
            End::Open | End::Closing => {}
        }
    }

    fn syn_again(&mut self, id: u64, again: Duration, at: Mono) {
        let Some(conn) = self.conns.get(&id) else { return };
        if conn.ends[0] != End::Opening {
            return;
        }
        if at.since(conn.opened) >= self.topology.options.connect_timeout {
            self.give_up(id, Refused::TimedOut);
            return;
        }
        let deadline = conn.opened + self.topology.options.connect_timeout;
        self.send_syn(id, at);
        self.push((at + again).min(deadline), Packet::SynTimer { conn: id, again: again * 2 });
    }

    fn give_up(&mut self, id: u64, why: Refused) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.ends[0] != End::Opening || (why == Refused::Refused && !self.topology.open(conn.hosts[1], conn.hosts[0])) {
            return;
        }
        conn.ends[0] = End::Closed;
        let event = NetEvent::Refused { socket: conn.socket(id, 0), why };
        if conn.ends[1] == End::Opening {
            conn.ends[1] = End::Closed;
        }
        self.out.push(event);
        self.reap(id);
    }

    fn segment_arrived(&mut self, id: u64, side: usize, from: u64, mut bytes: Vec<u8>, fin: bool, at: Mono) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let receiver = 1 - side;
        if !self.topology.open(conn.hosts[side], conn.hosts[receiver]) {
            return;
        }
        let flow = &mut conn.flows[side];
        let fin_number = from + bytes.len() as u64;
        let known = usize::try_from(flow.received.saturating_sub(from)).unwrap_or(usize::MAX).min(bytes.len());
        let fresh = from <= flow.received && known < bytes.len();
        match conn.ends[receiver] {
            End::Opening => return,
            End::Closed => {
                self.send_rst(id, side, at, false);
                return;
            }
            End::Closing if fresh => {
                // The owner is gone: the kernel answers octets that nobody will read with RST.
                self.kill_end(id, receiver);
                self.send_rst(id, side, at, false);
                return;
            }
            End::Closing | End::Open => {}
        }
        if fresh {
            bytes.drain(..known);
            flow.received += bytes.len() as u64;
        }
        let finished = fin && !flow.fin_received && flow.received == fin_number;
        if finished {
            flow.fin_received = true;
            flow.received += 1;
        }
        let (upto, open) = (flow.received, conn.ends[receiver] == End::Open);
        let socket = conn.socket(id, receiver);
        if fresh {
            self.trace.add(&bytes);
            self.out.push(NetEvent::Data { socket, bytes });
        }
        if finished && open {
            self.out.push(NetEvent::Closed { socket });
        }
        let back = at + self.topology.flight();
        self.push(back, Packet::Ack { conn: id, side, upto });
    }

    fn ack_arrived(&mut self, id: u64, side: usize, upto: u64, at: Mono) {
        let first_rto = self.topology.first_rto();
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if !self.topology.open(conn.hosts[1 - side], conn.hosts[side]) || conn.ends[side] == End::Closed {
            return;
        }
        let flow = &mut conn.flows[side];
        let newly = upto.saturating_sub(flow.base);
        if newly > 0 {
            let octets = usize::try_from(newly).unwrap_or(usize::MAX).min(flow.unacked.len());
            flow.unacked.drain(..octets);
            flow.base = upto;
            flow.next = flow.next.max(upto);
            flow.rto = first_rto;
            flow.timer_from = at;
            while flow.marks.front().is_some_and(|(end, _)| *end <= upto) {
                flow.marks.pop_front();
            }
        }
        self.reap(id);
    }

    fn rto_passed(&mut self, id: u64, side: usize, at: Mono) {
        let most = self.topology.options.rto_max;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let flow = &mut conn.flows[side];
        flow.rto_armed = false;
        if conn.ends[side] == End::Closed || flow.next == flow.base {
            return;
        }
        let due = flow.timer_from + flow.rto;
        if at < due {
            flow.rto_armed = true;
            self.push(due, Packet::Rto { conn: id, side });
            return;
        }
        flow.rto = (flow.rto * 2).min(most);
        flow.timer_from = at;
        flow.next = flow.base;
        self.transmit(id, side, at);
    }

    fn user_timeout_passed(&mut self, id: u64, side: usize, at: Mono) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let flow = &mut conn.flows[side];
        flow.user_armed = Mono::NEVER;
        let Some((_, sent)) = flow.marks.front() else { return };
        if at < *sent + flow.user_timeout {
            self.arm_user(id, side);
            return;
        }
        let told = conn.ends[side] == End::Open;
        let socket = conn.socket(id, side);
        self.kill_end(id, side);
        if told {
            self.out.push(NetEvent::Reset { socket, why: Why::UserTimeout });
        }
        self.reap(id);
    }

    fn rst_arrived(&mut self, id: u64, side: usize, forged: bool) {
        let Some(conn) = self.conns.get(&id) else { return };
        if !forged && !self.topology.open(conn.hosts[1 - side], conn.hosts[side]) {
            return;
        }
        let socket = conn.socket(id, side);
        let event = match conn.ends[side] {
            End::Opening if side == 0 => Some(NetEvent::Refused { socket, why: Refused::Refused }),
            End::Open => Some(NetEvent::Reset { socket, why: Why::ByPeer }),
            End::Opening | End::Closing | End::Closed => None,
        };
        self.kill_end(id, side);
        self.out.extend(event);
        self.reap(id);
    }

    fn request_arrived(&mut self, id: MessageId, payload: M, at: Mono) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let (from, to) = (exchange.from, exchange.to);
        if !self.topology.open(from, to) {
            return;
        }
        if self.topology.refuses(to) {
            let back = at + self.topology.flight();
            self.push(back, Packet::Fail { id, why: Lost::Refused });
            return;
        }
        exchange.delivered = true;
        self.out.push(NetEvent::Request { id, from, to, payload });
    }

    fn reply_arrived(&mut self, id: MessageId, payload: M) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        if self.topology.open(exchange.to, exchange.from) {
            let to = exchange.from;
            self.exchanges.remove(&id);
            self.out.push(NetEvent::Reply { id, to, payload });
        }
    }

    /// Puts everything not yet on the wire there, in segments.
    fn transmit(&mut self, id: u64, side: usize, now: Mono) {
        loop {
            let most = self.topology.options.segment_max.max(1);
            let Some(conn) = self.conns.get_mut(&id) else { return };
            if !matches!(conn.ends[side], End::Open | End::Closing) {
                return;
            }
            let flow = &mut conn.flows[side];
            let start = usize::try_from(flow.next - flow.base).unwrap_or(usize::MAX);
            let waiting = flow.unacked.len().saturating_sub(start);
            let fin_due = flow.fin && flow.fin_number.is_none_or(|number| flow.next <= number);
            if waiting == 0 && !fin_due {
                break;
            }
            let length = (self.topology.rng.index(most) + 1).min(waiting);
            let bytes: Vec<u8> = if length == 0 { Vec::new() } else { flow.unacked.range(start..start + length).copied().collect() };
            let fin = fin_due && length == waiting;
            if fin {
                flow.fin_number = Some(flow.next + length as u64);
            }
            let from = flow.next;
            if flow.next == flow.base {
                flow.timer_from = now;
            }
            flow.next += length as u64 + u64::from(fin);
            let upto = flow.next;
            if flow.marks.back().is_none_or(|(end, _)| *end < upto) {
                flow.marks.push_back((upto, now));
            }
            let (sender, receiver) = (conn.hosts[side], conn.hosts[1 - side]);
            if self.topology.open(sender, receiver) {
                let at = self.stream_arrival(id, side, now);
                self.push(at, Packet::Segment { conn: id, side, from, bytes, fin });
            }
        }
        self.arm_user(id, side);
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let flow = &mut conn.flows[side];
        if !flow.rto_armed && flow.next > flow.base {
            flow.rto_armed = true;
            let due = flow.timer_from + flow.rto;
            self.push(due, Packet::Rto { conn: id, side });
        }
    }

    fn arm_user(&mut self, id: u64, side: usize) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let flow = &mut conn.flows[side];
        let Some((_, sent)) = flow.marks.front() else { return };
        let due = *sent + flow.user_timeout;
        if due < flow.user_armed {
            flow.user_armed = due;
            self.push(due, Packet::UserTimeout { conn: id, side });
        }
    }

    fn send_syn(&mut self, id: u64, now: Mono) {
        let Some(conn) = self.conns.get(&id) else { return };
        if self.topology.open(conn.hosts[0], conn.hosts[1]) {
            let at = self.stream_arrival(id, 0, now);
            self.push(at, Packet::Syn { conn: id });
        }
    }

    /// RST to the end `side`, after what the other end already put on the wire.
    fn send_rst(&mut self, id: u64, side: usize, now: Mono, forged: bool) {
        let Some(conn) = self.conns.get(&id) else { return };
        if forged || self.topology.open(conn.hosts[1 - side], conn.hosts[side]) {
            let at = self.stream_arrival(id, 1 - side, now);
            self.push(at, Packet::Rst { conn: id, side, forged });
        }
    }

    /// When a packet of this direction arrives: never before an earlier one.
    fn stream_arrival(&mut self, id: u64, side: usize, now: Mono) -> Mono {
        let at = now + self.topology.flight();
        let Some(conn) = self.conns.get_mut(&id) else { return at };
        let flow = &mut conn.flows[side];
        flow.last_arrival = flow.last_arrival.max(at);
        flow.last_arrival
    }

    fn lane_arrival(&mut self, from: HostId, to: HostId, now: Mono) -> Mono {
        let at = now + self.topology.flight();
        let last = self.lanes.entry((from, to)).or_insert(at);
        *last = (*last).max(at);
        *last
    }

    fn end(&self, id: u64, side: usize) -> Option<End> {
        self.conns.get(&id).map(|conn| conn.ends[side])
    }

    /// This end forgets the connection and everything it still had to send.
    fn kill_end(&mut self, id: u64, side: usize) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.ends[side] = End::Closed;
            let flow = &mut conn.flows[side];
            flow.unacked.clear();
            flow.marks.clear();
            flow.next = flow.base;
        }
    }

    fn reap(&mut self, id: u64) {
        if self.conns.get(&id).is_some_and(Conn::over) {
            self.conns.remove(&id);
        }
    }

    fn sockets_of(&self, host: HostId) -> Vec<Socket> {
        let ends = self.conns.iter().flat_map(|(id, conn)| (0..2).map(|side| conn.socket(*id, side)));
        ends.filter(|socket| socket.host == host).collect()
    }

    fn push(&mut self, at: Mono, packet: Packet<M>) {
        self.queue.insert((at, self.order), packet);
        self.order += 1;
    }
}

#[cfg(test)]
#[path = "net_tests.rs"]
mod tests;
