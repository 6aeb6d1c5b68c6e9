//! The reversed direction (row 64; the `R` and `B` of clause 9.5): on one link the peer is controlling and controlled station at once, as an
//! EMS that serves values of its own and takes commands.
//!
//! The link's session keeps the connection: numbers, windows, timers, redundancy. What belongs to the other role goes to a session of that
//! role, which speaks to a channel that exists only here: its ASDUs leave in the connection's own I frames, and it is told that they are
//! acknowledged, and that the peer lives, when the connection is.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::{Mono, Now, PointUpdate};
use bridge_session::{Channel, Chunk, Event, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Request, Role, Session};

use crate::apci::{APCI_LEN, Apci, Function, START, split};
use crate::error::Error;
use crate::{AsduView, Cause, Controlled, Controlling, Params};

/// The other role's session of a link.
pub(crate) struct Reverse {
    role: Role,
    inner: Box<dyn Session>,
    channel: Option<Channel>,
    channels: u32,
    /// N(S) of what the inner session is given, and N(R): how many of its frames the peer has acknowledged.
    ns: u16,
    nr: u16,
    /// Its test is to be asked on the real connection.
    probe: bool,
    waiting: VecDeque<Vec<u8>>,
    batch: FrameBatch,
    out: Vec<u8>,
}

impl std::fmt::Debug for Reverse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reverse").field("role", &self.role).field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// A link as its own role sees it, and as the other role does if it has both directions: each with the points of its direction only.
pub(crate) fn directions(spec: &LinkSpec, params: &Params) -> (LinkSpec, Option<LinkSpec>) {
    let mut own = spec.clone();
    own.points.retain(|point| !point.is_reversed());
    if !params.both_directions {
        return (own, None);
    }
    let role = match spec.role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let mut other = LinkSpec { role, ..spec.clone() };
    other.points.retain(LinkPoint::is_reversed);
    for point in &mut other.points {
        point.address.remove(LinkPoint::REVERSED);
    }
    (own, Some(other))
}

/// The link as it reads and commands its peer: the link itself in the role of a controlling station, the reversed direction of a
/// controlled one; `None` for a controlled station of one direction.
pub(crate) fn controlling_direction(spec: &LinkSpec, params: &Params) -> Option<LinkSpec> {
    let (own, other) = directions(spec, params);
    [Some(own), other].into_iter().flatten().find(|direction| direction.role == Role::Client)
}

impl Reverse {
    /// What of a link belongs to its own role, and the session of the other, if the link has both directions.
    pub(crate) fn split(spec: &LinkSpec, params: &Params) -> (LinkSpec, Option<Self>) {
        let (own, other) = directions(spec, params);
        let Some(other) = other else { return (own, None) };
        let params = params.reversed();
        let inner: Box<dyn Session> = match other.role {
            Role::Client => Box::new(Controlling::with_params(&other, params)),
            Role::Server => Box::new(Controlled::with_params(&other, params)),
        };
        let (batch, out, waiting) = (FrameBatch::default(), Vec::new(), VecDeque::new());
        (own, Some(Self { role: other.role, inner, channel: None, channels: 0, ns: 0, nr: 0, probe: false, waiting, batch, out }))
    }

    /// Data transfer started on the real connection.
    pub(crate) fn begin(&mut self, peer: &PeerInfo, now: Now) {
        self.end(now);
        self.channels += 1;
        let channel = Channel(self.channels);
        self.channel = Some(channel);
        (self.ns, self.nr) = (0, 0);
        self.inner.handle_open(channel, peer, now);
        if self.role == Role::Server {
            self.give(&[START, 4, Function::StartAct as u8, 0, 0, 0], now);
        }
        self.pump(now);
    }

    /// It ended.
    pub(crate) fn end(&mut self, now: Now) {
        if let Some(channel) = self.channel.take() {
            self.inner.handle_close(channel, now);
        }
        self.waiting.clear();
        self.probe = false;
    }

    /// Whether an ASDU from the peer is the other direction's: values for who reads, requests for who serves, answers for who asked.
    pub(crate) fn takes(&self, view: &AsduView<'_>) -> bool {
        let is_answer = matches!(view.cot.cause, Cause::ACTIVATION_CON | Cause::DEACTIVATION_CON | Cause::ACTIVATION_TERM)
            || view.cot.cause.is_unknown();
        let is_value = matches!(view.type_id.0, 1..=70);
        let is_control = matches!(view.type_id.0, 45..=64);
        match self.role {
            Role::Client => (is_value && !is_control) || is_answer,
            Role::Server => !is_answer && (is_control || view.type_id.0 >= 100),
        }
    }

    /// As [`Reverse::takes`], of octets whose header may be cut: those are the link's own to refuse.
    pub(crate) fn takes_octets(&self, asdu: &[u8]) -> bool {
        AsduView::parse(asdu).is_ok_and(|view| self.takes(&view))
    }

    /// Whether an execute of it may still wait in the kernel: the connection then ends with RST (R5).
    pub(crate) fn aborts(&self, now: Now) -> bool {
        self.user_timeout(now).is_some()
    }

    /// Gives it an ASDU that came in frame `frame` of connection `connection`; its updates go to the frame's.
    ///
    /// # Errors
    /// If it would close its connection: the real one is closed then.
    pub(crate) fn take(
        &mut self,
        asdu: &[u8],
        (connection, frame): (u32, u64),
        updates: &mut Vec<PointUpdate>,
        events: &mut VecDeque<Event>,
        now: Now,
    ) -> Result<(), Error> {
        let mut apdu = vec![START, 0];
        apdu.extend_from_slice(&Apci::Information { ns: self.ns, nr: self.nr }.octets());
        apdu.extend_from_slice(asdu);
        let length = u8::try_from(apdu.len() - 2).unwrap_or(u8::MAX);
        if let Some(octet) = apdu.get_mut(1) {
            *octet = length;
        }
        self.ns = (self.ns + 1) & 0x7FFF;
        self.give(&apdu, now);
        while self.inner.poll_frames(&mut self.batch) {
            updates.extend_from_slice(&self.batch.updates);
            let last = self.batch.frames.last().map(|frame| (frame.connection, frame.number));
            self.batch.clear();
            if let Some((connection, number)) = last {
                // The real frame waits for the journal; this one need not.
                self.inner.handle_durable(connection, number, now);
            }
        }
        self.tell((connection, frame), events);
        self.check(now)
    }

    /// So many of its frames were acknowledged by the peer.
    pub(crate) fn acknowledged(&mut self, count: usize, now: Now) {
        if count > 0 {
            self.nr = (self.nr + u16::try_from(count).unwrap_or(0)) & 0x7FFF;
            let [a, b, c, d] = Apci::Supervisory { nr: self.nr }.octets();
            self.give(&[START, 4, a, b, c, d], now);
        }
    }

    /// The peer answered a test on the real connection.
    pub(crate) fn test_answered(&mut self, now: Now) {
        self.give(&[START, 4, Function::TestCon as u8, 0, 0, 0], now);
    }

    /// Whether it wants the real connection tested, once.
    pub(crate) fn poll_probe(&mut self) -> bool {
        std::mem::take(&mut self.probe)
    }

    /// The next ASDU to send.
    pub(crate) fn poll_asdu(&mut self, now: Now) -> Option<Vec<u8>> {
        if self.waiting.is_empty() {
            self.pump(now);
        }
        self.waiting.pop_front()
    }

    /// A request for its role.
    pub(crate) fn request(&mut self, request: Request, events: &mut VecDeque<Event>, now: Now) {
        self.inner.handle_request(request, now);
        self.tell((0, 0), events);
    }

    /// Its deadlines.
    ///
    /// # Errors
    /// If it would close its connection.
    pub(crate) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Now) -> Result<(), Error> {
        self.inner.handle_timeout(now);
        self.tell((0, 0), events);
        self.check(now)
    }

    pub(crate) fn deadline(&self) -> Mono {
        // Whoever holds it drains its events: that its own deadline is past then says nothing.
        self.inner.poll_timeout().filter(|at| *at > Mono(0)).unwrap_or(Mono::NEVER)
    }

    pub(crate) fn user_timeout(&self, now: Now) -> Option<Duration> {
        self.channel.and_then(|channel| self.inner.user_timeout(channel, now))
    }

    /// Hands its events on, but those about its channel, which is none of the link's.
    pub(crate) fn tell(&mut self, (connection, frame): (u32, u64), events: &mut VecDeque<Event>) {
        while let Some(event) = self.inner.poll_event() {
            match event {
                Event::LinkState(_) | Event::Closed { .. } | Event::Standby { .. } | Event::SwitchedOver { .. } => {}
                Event::CommandReceived(command) => {
                    events.push_back(Event::CommandReceived(bridge_session::CommandReceived { connection, frame, ..command }));
                }
                other @ (Event::InterrogationBegan
                | Event::InterrogationEnded
                | Event::InterrogationFailed
                | Event::PeerRestarted
                | Event::Progress { .. }
                | Event::Settled { .. }
                | Event::Housekept { .. }
                | Event::Delivered(_)
                | Event::DeliveredOf(..)
                | Event::Undeliverable(_)
                | Event::Reach { .. }
                | Event::FilePart { .. }
                | Event::Refused { .. }
                | Event::Suspicious(_)
                | Event::SelectLapsed(_)) => events.push_back(other),
            }
        }
    }

    fn give(&mut self, apdu: &[u8], now: Now) {
        if let Some(channel) = self.channel {
            self.inner.handle_input(channel, Chunk::Stream(apdu), now);
        }
    }

    /// Takes what it wants to send: ASDUs wait, starts are confirmed here, tests go to the real connection.
    fn pump(&mut self, now: Now) {
        let Some(channel) = self.channel else { return };
        let mut out = std::mem::take(&mut self.out);
        let mut started = false;
        // Two rounds: what it sends after its start was confirmed.
        for _ in 0..2 {
            while self.inner.poll_output(channel, &mut out, 4096, now) {
                if !out.is_empty() {
                    break;
                }
            }
            let mut rest = out.as_slice();
            while let [START, length, ..] = rest {
                let Some((apdu, after)) = rest.split_at_checked(usize::from(*length) + 2) else { break };
                match split(apdu) {
                    Ok((Apci::Information { .. }, _)) => self.waiting.push_back(apdu.get(APCI_LEN..).unwrap_or_default().to_vec()),
                    Ok((Apci::Unnumbered(Function::StartAct), _)) => started = true,
                    Ok((Apci::Unnumbered(Function::TestAct), _)) => self.probe = true,
                    Ok(_) | Err(_) => {}
                }
                rest = after;
            }
            out.clear();
            if !std::mem::take(&mut started) {
                break;
            }
            self.give(&[START, 4, Function::StartCon as u8, 0, 0, 0], now);
        }
        self.out = out;
    }

    fn check(&mut self, now: Now) -> Result<(), Error> {
        let Some(close) = self.channel.and_then(|channel| self.inner.poll_close(channel)) else { return Ok(()) };
        self.end(now);
        Err(if close.abort { Error::ExecuteOverdue } else { Error::misbehaved(close.cause) })
    }
}

#[cfg(test)]
mod tests;
