//! STOPDT and STARTDT over and over: a session around another that does what no lawful session would (IEC 60870-5-104 clause 5.3).
//!
//! An EMS may ask to stop and to start as often as it likes; the inner session does not know, and what it wants to send meanwhile waits. A
//! station may ask neither: it does so on a started connection.

use std::time::Duration;

use bridge_iec60870::apci::{Apci, Function, START, split};
use bridge_model::{Mono, Now};
use bridge_session::{Channel, Chunk, Close, Event, FrameBatch, PeerInfo, Request, Session};

use crate::misbehave::Side;

/// Octets that may wait while the connection is stopped.
const HELD_MAX: usize = 1 << 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The inner session has not been started.
    Fresh,
    /// Data may flow; the next stop is due then.
    Open(Mono),
    /// STOPDT act was sent.
    Stopping,
    /// Stopped; the next start is due then.
    Stopped(Mono),
    /// STARTDT act was sent.
    Starting,
}

/// The storm.
pub(crate) struct Storm {
    inner: Box<dyn Session>,
    side: Side,
    every: Duration,
    phase: Phase,
    /// Received octets that are no whole APDU yet.
    partial: Vec<u8>,
    /// I frames of ours that wait for the next start.
    held: Vec<u8>,
    /// I frames that the inner session has received: what an S frame of ours says.
    received: u16,
    /// What to ask next on a station's side.
    next_is_start: bool,
}

impl Storm {
    pub(crate) fn new(inner: Box<dyn Session>, side: Side, every: Duration) -> Self {
        Self { inner, side, every, phase: Phase::Fresh, partial: Vec::new(), held: Vec::new(), received: 0, next_is_start: false }
    }

    /// Whether an APDU is an answer to the storm, which the inner session never asked for.
    fn swallows(&mut self, apdu: &[u8], now: Now) -> bool {
        match split(apdu).map(|(apci, _)| apci) {
            Ok(Apci::Unnumbered(Function::StopCon)) if self.phase == Phase::Stopping => {
                self.phase = Phase::Stopped(now.mono + self.every);
                true
            }
            Ok(Apci::Unnumbered(Function::StartCon)) if self.phase == Phase::Starting => {
                self.phase = Phase::Open(now.mono + self.every);
                true
            }
            Ok(Apci::Unnumbered(Function::StartCon)) if self.side == Side::Ems && self.phase == Phase::Fresh => {
                self.phase = Phase::Open(now.mono + self.every);
                false
            }
            Ok(Apci::Information { .. }) => {
                self.received = self.received.wrapping_add(1) & 0x7FFF;
                false
            }
            Ok(Apci::Supervisory { .. } | Apci::Unnumbered(_)) | Err(_) => false,
        }
    }

    /// What the inner session sends: an EMS holds its I frames while it is stopped.
    fn send(&mut self, sent: &[u8], out: &mut Vec<u8>, now: Now) {
        let mut rest = sent;
        while let [START, length, ..] = rest {
            let Some((apdu, later)) = rest.split_at_checked(usize::from(*length) + 2) else { break };
            rest = later;
            match split(apdu).map(|(apci, _)| apci) {
                Ok(Apci::Information { .. })
                    if self.side == Side::Ems && !matches!(self.phase, Phase::Open(_)) && self.held.len() < HELD_MAX =>
                {
                    self.held.extend_from_slice(apdu);
                }
                Ok(Apci::Unnumbered(Function::StartCon)) if self.side == Side::Station => {
                    self.phase = Phase::Open(now.mono + self.every);
                    out.extend_from_slice(apdu);
                }
                Ok(_) | Err(_) => out.extend_from_slice(apdu),
            }
        }
    }

    /// What waited leaves, with an N(R) of now: an older one would take acknowledgements back.
    fn release(&mut self, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        let mut at = 0;
        while let Some(length) = held.get(at + 1).map(|length| usize::from(*length) + 2) {
            let [low, high] = (self.received << 1).to_le_bytes();
            if let Some(number) = held.get_mut(at + 4..at + 6) {
                number.copy_from_slice(&[low, high]);
            }
            at += length;
        }
        out.append(&mut held);
    }

    fn rage(&mut self, out: &mut Vec<u8>, now: Now) {
        let ask = |out: &mut Vec<u8>, function: Function| out.extend_from_slice(&[START, 4, function as u8, 0, 0, 0]);
        match (self.side, self.phase) {
            (Side::Ems, Phase::Open(due)) => {
                self.release(out);
                if now.mono >= due {
                    ask(out, Function::StopAct);
                    // The station confirms when both directions are settled.
                    out.extend_from_slice(&[START, 4]);
                    out.extend_from_slice(&Apci::Supervisory { nr: self.received }.octets());
                    self.phase = Phase::Stopping;
                }
            }
            (Side::Ems, Phase::Stopped(due)) if now.mono >= due => {
                ask(out, Function::StartAct);
                self.phase = Phase::Starting;
            }
            (Side::Station, Phase::Open(due)) if now.mono >= due => {
                ask(out, if self.next_is_start { Function::StartAct } else { Function::StopAct });
                self.next_is_start = !self.next_is_start;
                self.phase = Phase::Open(now.mono + self.every);
            }
            (Side::Ems | Side::Station, Phase::Fresh | Phase::Open(_) | Phase::Stopping | Phase::Stopped(_) | Phase::Starting) => {}
        }
    }

    fn reset(&mut self) {
        self.phase = Phase::Fresh;
        self.partial.clear();
        self.held.clear();
        self.received = 0;
    }
}

impl Session for Storm {
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now) {
        self.reset();
        self.inner.handle_open(channel, peer, now);
    }

    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now) {
        let Chunk::Stream(bytes) = chunk else { return };
        self.partial.extend_from_slice(bytes);
        while let Some(length) = self.partial.get(1).map(|length| usize::from(*length) + 2).filter(|length| *length <= self.partial.len()) {
            let apdu: Vec<u8> = self.partial.drain(..length).collect();
            if !self.swallows(&apdu, now) {
                self.inner.handle_input(channel, Chunk::Stream(&apdu), now);
            }
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
        self.reset();
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
        let mut sent = Vec::new();
        self.inner.poll_output(channel, &mut sent, limit, now);
        self.send(&sent, out, now);
        self.rage(out, now);
        out.len() > start
    }

    fn poll_close(&mut self, channel: Channel) -> Option<Close> {
        self.inner.poll_close(channel)
    }

    fn poll_timeout(&self) -> Option<Mono> {
        let due = match self.phase {
            Phase::Open(due) | Phase::Stopped(due) => Some(due),
            Phase::Fresh | Phase::Stopping | Phase::Starting => None,
        };
        [self.inner.poll_timeout(), due].into_iter().flatten().min()
    }

    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration> {
        self.inner.user_timeout(channel, now)
    }
}
