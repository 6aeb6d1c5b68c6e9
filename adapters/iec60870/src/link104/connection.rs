//! One TCP connection, seen from either side.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::{Channel, Close, SeqWindow};

use super::Deframer;
use super::receive_window::ReceiveWindow;
use crate::apci::{Apci, Function, START, split};
use crate::error::Error;
use crate::params::Params;

/// The limits of clause 9.6 and of the link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) k: u16,
    pub(crate) w: u16,
    pub(crate) t1: Duration,
    pub(crate) t2: Duration,
    pub(crate) t3: Duration,
    pub(crate) max_unacked: u64,
}

impl Timing {
    pub(crate) fn new(params: &Params, max_unacked: usize) -> Self {
        let Params { k, w, t1, t2, t3, .. } = *params;
        Self { k, w, t1, t2, t3, max_unacked: u64::try_from(max_unacked).unwrap_or(u64::MAX).max(1) }
    }
}

/// What one APDU was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken<'a> {
    /// An I frame with its number on this connection and its ASDU octets.
    Information(u64, &'a [u8]),
    /// An S frame.
    Supervisory,
    /// A U frame; test frames are answered already.
    Unnumbered(Function),
}

/// A connection whose sent I frames carry a tag `T` until the peer acknowledges them.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    pub(crate) channel: Channel,
    /// Counts the session's connections from 1.
    pub(crate) number: u32,
    pub(crate) deframer: Deframer,
    timing: Timing,
    send: SeqWindow<15>,
    in_flight: VecDeque<(Mono, T)>,
    /// Tags of the I frames that the last [`Connection::take`] found acknowledged, oldest first.
    pub(crate) acked: Vec<T>,
    receive: ReceiveWindow,
    last_heard: Mono,
    partial_since: Option<Mono>,
    /// U frames to send, in order. At most one of each kind but answers to tests, which are counted.
    functions: Vec<Function>,
    tests_to_answer: u32,
    /// Since when our STARTDT or STOPDT act is unanswered.
    awaiting_con: Option<Mono>,
    /// Since when our TESTFR act is unanswered.
    test_since: Option<Mono>,
    tests_asked: u64,
    tests_answered: u64,
    closing: Closing,
}

#[derive(Debug)]
enum Closing {
    No,
    Wanted(Close),
    Told(String),
}

impl<T> Connection<T> {
    pub(crate) fn new(channel: Channel, number: u32, timing: Timing, now: Mono) -> Self {
        Self {
            channel,
            number,
            deframer: Deframer::default(),
            timing,
            send: SeqWindow::default(),
            in_flight: VecDeque::new(),
            acked: Vec::new(),
            receive: ReceiveWindow::default(),
            last_heard: now,
            partial_since: None,
            functions: Vec::new(),
            tests_to_answer: 0,
            awaiting_con: None,
            test_since: None,
            tests_asked: 0,
            tests_answered: 0,
            closing: Closing::No,
        }
    }

    /// Takes one whole APDU: numbers, acknowledgements and tests. Whether it is lawful in the present state of data transfer is the role's.
    #[inline]
    pub(crate) fn take<'a>(&mut self, apdu: &'a [u8], now: Mono) -> Result<Taken<'a>, Error> {
        self.acked.clear();
        let (apci, asdu) = split(apdu)?;
        self.last_heard = now;
        match apci {
            Apci::Information { ns, nr } => {
                if ns != self.receive.expected() {
                    return Err(Error::misbehaved(format!("sequence gap: expected {}, got {ns}", self.receive.expected())));
                }
                self.acknowledged(nr)?;
                let number = self.receive.receive();
                if self.receive.waiting() > self.timing.max_unacked {
                    return Err(Error::JournalBehind { waiting: self.receive.waiting(), limit: self.timing.max_unacked });
                }
                Ok(Taken::Information(number, asdu))
            }
            Apci::Supervisory { nr } => {
                self.acknowledged(nr)?;
                Ok(Taken::Supervisory)
            }
            Apci::Unnumbered(function) => {
                match function {
                    Function::TestAct => self.tests_to_answer = self.tests_to_answer.saturating_add(1),
                    Function::TestCon => {
                        // An unsolicited con proves nothing and harms nothing.
                        if self.test_since.take().is_some() {
                            self.tests_answered = self.tests_asked;
                        }
                    }
                    Function::StartCon | Function::StopCon => {
                        if self.awaiting_con.take().is_none() {
                            return Err(Error::misbehaved(format!("unsolicited {}", function.name())));
                        }
                    }
                    Function::StartAct | Function::StopAct => {}
                }
                Ok(Taken::Unnumbered(function))
            }
        }
    }

    fn acknowledged(&mut self, nr: u16) -> Result<(), Error> {
        let (oldest, next) = (self.send.oldest(), self.send.next());
        let Some(count) = self.send.acknowledge(nr) else {
            return Err(Error::misbehaved(format!("N(R) {nr} outside the window {oldest} to {next}")));
        };
        for _ in 0..count {
            if let Some((_, tag)) = self.in_flight.pop_front() {
                self.acked.push(tag);
            }
        }
        Ok(())
    }

    /// The chunk is used up: notes whether it cut an APDU.
    pub(crate) fn end_of_chunk(&mut self, now: Mono) {
        if self.deframer.is_partial() {
            self.partial_since.get_or_insert(now);
        } else {
            self.partial_since = None;
        }
    }

    /// Clears the clock of a cut APDU: it was completed within the chunk.
    #[inline]
    pub(crate) fn apdu_complete(&mut self) {
        self.partial_since = None;
    }

    pub(crate) fn make_durable(&mut self, frame: u64, now: Mono) {
        self.receive.make_durable(frame, now);
    }

    /// The frame just received is acknowledged as soon as it is durable.
    pub(crate) fn hurry(&mut self) {
        self.receive.hurry();
    }

    /// Nothing of ours is unacknowledged and everything received is durable, so that an S frame settles both directions (row 15).
    pub(crate) fn is_sendable_stop(&self) -> bool {
        self.in_flight.is_empty() && self.receive.waiting() == 0
    }

    /// Queues a U frame; an act is supervised by t1 from here.
    pub(crate) fn ask(&mut self, function: Function, now: Mono) {
        match function {
            Function::StartAct | Function::StopAct => self.awaiting_con = Some(now),
            Function::TestAct => {
                if self.test_since.is_some() {
                    return;
                }
                self.test_since = Some(now);
                self.tests_asked += 1;
            }
            // An act that is repeated before its confirmation left is confirmed once: a flood queues nothing.
            Function::StartCon | Function::StopCon | Function::TestCon => {
                if self.functions.last() == Some(&function) {
                    return;
                }
            }
        }
        self.functions.push(function);
    }

    /// A mark for [`Connection::answered_since`].
    pub(crate) fn test_mark(&self) -> u64 {
        self.tests_asked
    }

    /// Whether a test asked after the mark was answered: TCP keeps order, so what left before the test has arrived.
    pub(crate) fn answered_since(&self, mark: u64) -> bool {
        self.tests_answered > mark
    }

    pub(crate) fn heard_within(&self, span: Duration, now: Mono) -> bool {
        now.since(self.last_heard) <= span
    }

    /// Whether k allows another I frame.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.closing, Closing::No) && self.in_flight.len() < usize::from(self.timing.k)
    }

    /// Tags of what the peer has not acknowledged, oldest first.
    pub(crate) fn in_flight_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.in_flight.iter_mut().map(|(_, tag)| tag)
    }

    /// Appends U frames and a due S frame, within `limit` octets of `out`'s length.
    pub(crate) fn put_control(&mut self, out: &mut Vec<u8>, limit: usize, now: Mono) {
        if self.is_closing() {
            return;
        }
        for function in self.functions.drain(..) {
            put_apdu(out, Apci::Unnumbered(function));
        }
        while self.tests_to_answer > 0 && out.len() < limit {
            self.tests_to_answer -= 1;
            put_apdu(out, Apci::Unnumbered(Function::TestCon));
        }
        if self.receive.due(self.timing.w, self.timing.t2, now) {
            self.put_supervisory(out);
        }
    }

    /// Appends an S frame, due or not.
    pub(crate) fn put_supervisory(&mut self, out: &mut Vec<u8>) {
        put_apdu(out, Apci::Supervisory { nr: self.receive.nr() });
        self.receive.acknowledge();
    }

    /// Whether our last TESTFR act, or a STARTDT or STOPDT act, still waits for its confirmation: the peer may be dead.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.test_since.is_some() || self.awaiting_con.is_some()
    }

    /// The connection, and how many of its frames the peer was told are taken.
    pub(crate) fn settled(&self) -> (u32, u64) {
        (self.number, self.receive.told())
    }

    /// Whether the durable frames are all acknowledged.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.receive.is_settled()
    }

    /// Appends an I frame whose ASDU `write` appends, with the tag that `write` gives. The caller asked [`Connection::may_send`].
    pub(crate) fn put_information(&mut self, out: &mut Vec<u8>, now: Mono, write: impl FnOnce(&mut Vec<u8>) -> T) {
        let start = out.len();
        out.extend_from_slice(&[START, 0]);
        out.extend_from_slice(&Apci::Information { ns: self.send.next(), nr: self.receive.nr() }.octets());
        let tag = write(out);
        let length = out.len() - start - 2;
        if let Some(octet) = out.get_mut(start + 1) {
            // Every writer bounds its ASDU by 249 octets.
            *octet = u8::try_from(length).unwrap_or(u8::MAX);
        }
        self.send.advance();
        self.receive.acknowledge();
        self.in_flight.push_back((now, tag));
    }

    /// t1, t3 and the time a cut APDU may take.
    pub(crate) fn supervise(&mut self, now: Mono) -> Result<(), Error> {
        let Timing { t1, t3, .. } = self.timing;
        let expired = |what| Error::TimerExpired { timer: "t1", after: t1, what };
        let over = |since: Option<Mono>| since.is_some_and(|since| now >= since + t1);
        if over(self.in_flight.front().map(|(sent, _)| *sent)) {
            return Err(expired("no acknowledgement of an I frame"));
        }
        if over(self.awaiting_con) {
            return Err(expired("no confirmation of STARTDT or STOPDT"));
        }
        if over(self.test_since) {
            return Err(expired("no confirmation of TESTFR"));
        }
        if over(self.partial_since) {
            return Err(expired("an APDU was begun and not ended"));
        }
        if now >= self.last_heard + t3 {
            self.ask(Function::TestAct, now);
        }
        self.receive.handle_timeout(self.timing.t2, now);
        Ok(())
    }

    /// When [`Connection::supervise`] or an S frame is next due.
    pub(crate) fn deadline(&self) -> Mono {
        if self.is_closing() {
            return Mono::NEVER;
        }
        let Timing { t1, t2, t3, .. } = self.timing;
        let idle = if self.test_since.is_none() { Some(self.last_heard + t3) } else { None };
        let supervised = [self.in_flight.front().map(|(sent, _)| *sent), self.awaiting_con, self.test_since, self.partial_since];
        supervised.into_iter().flatten().map(|since| since + t1).chain(idle).chain(self.receive.deadline(t2)).min().unwrap_or(Mono::NEVER)
    }

    /// Wants the connection closed, with RST if `abort`; the first cause counts.
    pub(crate) fn close(&mut self, cause: &Error, abort: bool) {
        if matches!(self.closing, Closing::No) {
            self.closing = Closing::Wanted(Close { abort, cause: cause.to_string() });
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        !matches!(self.closing, Closing::No)
    }

    /// Gives the wish to close, once.
    pub(crate) fn poll_close(&mut self) -> Option<Close> {
        match std::mem::replace(&mut self.closing, Closing::No) {
            Closing::No => None,
            Closing::Wanted(close) => {
                self.closing = Closing::Told(close.cause.clone());
                Some(close)
            }
            Closing::Told(cause) => {
                self.closing = Closing::Told(cause);
                None
            }
        }
    }

    /// Why it is gone.
    pub(crate) fn cause(&self) -> String {
        match &self.closing {
            Closing::No => "closed by the peer or the transport".to_owned(),
            Closing::Wanted(close) => close.cause.clone(),
            Closing::Told(cause) => cause.clone(),
        }
    }
}

fn put_apdu(out: &mut Vec<u8>, apci: Apci) {
    out.extend_from_slice(&[START, 4]);
    out.extend_from_slice(&apci.octets());
}

#[cfg(test)]
mod tests;
