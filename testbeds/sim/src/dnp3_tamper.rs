//! What no lawful DNP3 session would send, or hear: a session around another whose frames are changed on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, Close, Event, FrameBatch, PeerInfo, Request, Session};

use crate::dnp3_frame::{Frame, PAYLOAD_MAX};
use crate::misbehave::{Misbehaviour, Side};

/// IIN1.1 to IIN1.3: events of classes 1 to 3.
const CLASS_EVENTS: u8 = 0x0E;
/// IIN1.7.
const DEVICE_RESTART: u8 = 0x80;
/// g110v0, a range from 0 to 0: one octet string of no octets.
const EMPTY_STRING: [u8; 5] = [110, 0, 0x00, 0, 0];
/// A fragment that is longer gets no octet string: it might not fit what the master takes.
const FRAGMENT_MAX: usize = 1800;
/// Of so many CONFIRMs one arrives.
const CONFIRMS: u64 = 3;

const CONFIRM: u8 = 0;
const WRITE: u8 = 2;
const RESPONSE: u8 = 129;
const UNSOLICITED: u8 = 130;

/// What is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tampering {
    class_bits_stay: bool,
    restarts_every: Option<Duration>,
    confirms_are_lost: bool,
    empty_strings: bool,
    /// The outstation, and how long after the beginning.
    silent: Option<(u16, Duration)>,
}

impl Tampering {
    /// What these misbehaviours change; `None` if nothing.
    pub(crate) fn of(misbehaviours: &[Misbehaviour]) -> Option<Self> {
        let mut all = Self::default();
        for misbehaviour in misbehaviours {
            if let Misbehaviour::RestartStorm { every } = misbehaviour {
                all.restarts_every = Some(*every);
            } else if let Misbehaviour::SilentOutstation { address, after } = misbehaviour {
                all.silent = Some((*address, *after));
            }
        }
        all.class_bits_stay = misbehaviours.contains(&Misbehaviour::ClassBitsStay);
        all.confirms_are_lost = misbehaviours.contains(&Misbehaviour::ConfirmLost);
        all.empty_strings = misbehaviours.contains(&Misbehaviour::EmptyOctetString);
        (all != Self::default()).then_some(all)
    }
}

/// The octets of one channel that are no whole frame yet, and the fragment that is leaving.
#[derive(Debug, Default)]
struct Way {
    received: Vec<u8>,
    sending: Vec<u8>,
    /// The fragment takes an octet string, and what of it left.
    takes_string: bool,
    fragment: usize,
}

/// The session with its changes.
pub(crate) struct Tampered {
    inner: Box<dyn Session>,
    side: Side,
    what: Tampering,
    ways: BTreeMap<Channel, Way>,
    began: Option<Mono>,
    /// DEVICE_RESTART is shown until it is cleared; when it is next.
    restarted: bool,
    restart_at: Mono,
    confirms: u64,
}

impl Tampered {
    pub(crate) fn new(inner: Box<dyn Session>, side: Side, what: Tampering) -> Self {
        Self { inner, side, what, ways: BTreeMap::new(), began: None, restarted: false, restart_at: Mono(0), confirms: 0 }
    }

    /// Whether this CONFIRM is lost on its way.
    fn loses(&mut self, frame: &mut Frame) -> bool {
        if !self.what.confirms_are_lost || frame.opening().is_none_or(|fragment| fragment.get(1) != Some(&CONFIRM)) {
            return false;
        }
        self.confirms += 1;
        !self.confirms.is_multiple_of(CONFIRMS)
    }

    /// Whether a frame that came reaches the session.
    fn hears(&mut self, frame: &mut Frame) -> bool {
        if frame.opening().is_some_and(|fragment| fragment.get(1..3) == Some(&[WRITE, 80])) {
            self.restarted = false;
        }
        !(self.side == Side::Station && self.loses(frame))
    }

    /// Changes a frame that leaves; `false` if it does not.
    fn sends(&mut self, frame: &mut Frame, way: &mut Way, now: Now) -> bool {
        if self.side == Side::Ems {
            return !self.loses(frame);
        }
        let is_silent =
            |(address, after): (u16, Duration)| frame.source == address && self.began.is_some_and(|began| now.mono >= began + after);
        if self.what.silent.is_some_and(is_silent) {
            return false;
        }
        if let Some(every) = self.what.restarts_every
            && now.mono >= self.restart_at
        {
            (self.restarted, self.restart_at) = (true, now.mono + every);
        }
        if let Some(fragment) = frame.opening() {
            let length = fragment.len();
            if let [control, function @ (RESPONSE | UNSOLICITED), iin1, _, objects @ ..] = fragment {
                *iin1 |= if self.what.class_bits_stay { CLASS_EVENTS } else { 0 };
                *iin1 |= if self.restarted { DEVICE_RESTART } else { 0 };
                // Only a response that reports values, and only its last fragment.
                let reports = objects.first().is_some_and(|group| matches!(group, 1..=4 | 10 | 11 | 20..=23 | 30..=33 | 40 | 42));
                way.takes_string = self.what.empty_strings && *function == RESPONSE && *control & 0x40 != 0 && reports;
            } else {
                way.takes_string = false;
            }
            way.fragment = length;
        } else if frame.carries_data() {
            way.fragment += frame.payload.len() - 1;
        }
        if way.takes_string && frame.carries_data() && frame.is_last() {
            let has_room = frame.payload.len() + EMPTY_STRING.len() <= PAYLOAD_MAX && way.fragment <= FRAGMENT_MAX;
            frame.payload.extend_from_slice(if has_room { &EMPTY_STRING } else { &[] });
        }
        true
    }
}

impl Session for Tampered {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.ways.insert(channel, Way::default());
        self.began.get_or_insert(now.mono);
        self.inner.handle_open(channel, peer, now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let bytes = match chunk {
            Chunk::Stream(bytes) | Chunk::Datagram { bytes, .. } => bytes,
        };
        let Some(way) = self.ways.get_mut(&channel) else { return };
        way.received.extend_from_slice(bytes);
        let mut received = std::mem::take(&mut way.received);
        let mut heard = Vec::new();
        while let Some(mut frame) = Frame::take(&mut received) {
            if self.hears(&mut frame) {
                frame.put(&mut heard);
            }
        }
        if let Some(way) = self.ways.get_mut(&channel) {
            way.received = received;
        }
        if !heard.is_empty() {
            let chunk = match chunk {
                Chunk::Stream(_) => Chunk::Stream(&heard),
                Chunk::Datagram { from, .. } => Chunk::Datagram { from, bytes: &heard },
            };
            self.inner.handle_input(channel, chunk, now);
        }
    }

    fn handle_request(&mut self, request: Request, now: Now) {
        self.inner.handle_request(request, now);
    }

    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now) {
        self.inner.handle_durable(connection, frame, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.inner.handle_timeout(now);
    }

    fn handle_close(&mut self, channel: Channel, now: Now) {
        self.ways.remove(&channel);
        self.inner.handle_close(channel, now);
    }

    fn poll_frames(&mut self, batch: &mut FrameBatch) -> bool {
        self.inner.poll_frames(batch)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.inner.poll_event()
    }

    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool {
        let start = out.len();
        let Some(mut way) = self.ways.remove(&channel) else { return false };
        // What is lost on its way left all the same: there may be more behind it.
        while out.len() == start && self.inner.poll_output(channel, &mut way.sending, limit, now) {
            while let Some(mut frame) = Frame::take(&mut way.sending) {
                if self.sends(&mut frame, &mut way, now) {
                    frame.put(out);
                }
            }
        }
        self.ways.insert(channel, way);
        out.len() > start
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.inner.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.inner.poll_timeout()
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.inner.user_timeout(channel, now)
    }

    fn connect_timeout(&self) -> Option<Duration> {
        self.inner.connect_timeout()
    }

    fn channels_max(&self) -> Option<usize> {
        self.inner.channels_max()
    }
}
