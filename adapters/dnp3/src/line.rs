//! One channel as both roles use it: octets in, fragments out; fragments in, octets out.
//!
//! A line joins the search for frames, the stations of every association on the channel, and the transport function. What it finds wrong
//! is told by [`Line::poll_finding`] and dropped; only silence and endless junk on a connection make it wish to be closed.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::{Chunk, Close, Role};

use crate::error::Error;
use crate::link::address::{Broadcast, SELF, is_station};
use crate::link::{
    Control, Cut, Deframer, Due, Fault, Finding, FindingLog, Interval, LinkFrame, LinkHeader, Patience, Primary, PrimaryFunction,
    SecondaryFunction, Station, Verdict, Wish, broadcast_verdict,
};
use crate::transport::Segmenter;

/// Octets of a frame without data.
const HEADER_OCTETS: usize = 10;
/// Link answers and questions that may wait to be sent.
pub(crate) const ANSWERS_MAX: usize = 64;
/// Octets of frames that may wait to be sent.
pub(crate) const OUTPUT_MAX: usize = 256 * 1024;
/// Octets without one good frame that end a connection: its peer does not speak DNP3.
pub(crate) const JUNK_MAX: u64 = 4096;

/// How a line behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineSettings {
    /// `Client`: we are a master; `Server`: we are outstations.
    pub(crate) role: Role,
    /// Whether the channel is a connection (TCP, TLS), which is closed when its peer is silent or talks junk. On a serial line and on UDP
    /// nothing would be gained: a silent station is told as such, and asked again.
    pub(crate) closes: bool,
    /// Silence before REQUEST_LINK_STATUS; `None` on lines where nobody may speak unasked. Row 11: 60 s.
    pub(crate) keep_alive: Option<Duration>,
    /// How long the answer to REQUEST_LINK_STATUS may take.
    pub(crate) status_timeout: Duration,
    /// Whether data is sent confirmed by the link. Row 7: off.
    pub(crate) confirmed: bool,
    /// How long the confirmation of data may take.
    pub(crate) confirm_timeout: Duration,
    /// How often confirmed data, and REQUEST_LINK_STATUS off connections, is sent again.
    pub(crate) retries: u8,
    /// How long a frame may take from its first octet to its last. TCP may stall for many seconds and lose nothing; a serial line that
    /// stalls has lost octets, and what waits for them swallows the peer's next attempt: there, not much more than 292 octets take.
    pub(crate) frame_timeout: Duration,
    /// Whether an outstation takes the self-address for its own.
    pub(crate) self_address: bool,
    /// Octets of the longest fragment that is received, at least 249.
    pub(crate) max_fragment: usize,
}

impl LineSettings {
    /// The defaults of a TCP connection.
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            closes: true,
            keep_alive: Some(Duration::from_secs(60)),
            status_timeout: Duration::from_secs(5),
            confirmed: false,
            confirm_timeout: Duration::from_secs(1),
            retries: 3,
            frame_timeout: Duration::from_secs(15),
            self_address: false,
            max_fragment: 2048,
        }
    }

    fn interval(&self) -> Interval {
        // A connection loses nothing, so that asking twice would only tell later.
        let retries = if self.closes { 0 } else { self.retries };
        Interval { keep_alive: self.keep_alive, timeout: self.status_timeout, retries }
    }

    fn patience(&self) -> Patience {
        Patience { timeout: self.confirm_timeout, retries: self.retries }
    }

    fn is_master(&self) -> bool {
        self.role == Role::Client
    }
}

/// A received fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Received<'a> {
    /// The peer's address: one of the line's associations has it.
    pub(crate) source: u16,
    /// Our address (also where the self-address was used), or the broadcast address, which every outstation on the line that knows
    /// `source` takes as its own.
    pub(crate) destination: u16,
    /// Which broadcast, if it is one.
    pub(crate) broadcast: Option<Broadcast>,
    /// The octets of the application layer, 1 to `max_fragment`.
    pub(crate) fragment: &'a [u8],
}

/// What happened to an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    /// The peer did not answer REQUEST_LINK_STATUS.
    Silent,
    /// A silent peer was heard again.
    Back,
    /// A fragment sent confirmed was not acknowledged: it may have arrived or not.
    GaveUp,
}

/// Why a fragment was not taken for sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotSent {
    /// No association has these addresses.
    #[error("no association of {from} with {to}")]
    Unknown {
        /// The destination.
        to: u16,
        /// The source.
        from: u16,
    },
    /// A fragment has at least one octet.
    #[error("an empty fragment cannot be sent")]
    Empty,
    /// Too much waits already.
    #[error("too much waits to be sent")]
    Full,
    /// The line is closing.
    #[error("the line is closing")]
    Closing,
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Line {
    deframer: Deframer,
    partial_since: Option<Mono>,
    ends: Ends,
}

/// Everything behind the search for frames.
#[derive(Debug)]
struct Ends {
    settings: LineSettings,
    /// By our address, then the peer's.
    stations: Vec<Station>,
    /// Broadcasts of ours.
    broadcaster: Segmenter,
    /// Link answers and questions: they leave before data.
    answers: VecDeque<LinkHeader>,
    /// Frames of data, and the octets of each piece that is written at once.
    output: Vec<u8>,
    pieces: VecDeque<usize>,
    findings: FindingLog,
    /// When any lawful frame of a known peer last came.
    heard: Option<Mono>,
    closing: Closing,
}

#[derive(Debug)]
enum Closing {
    No,
    Wanted(Close),
    Told,
}

/// Where a fragment became whole.
struct Whole {
    station: usize,
    destination: u16,
    broadcast: Option<Broadcast>,
}

impl Line {
    /// A channel that just opened, between addresses of ours and of peers (`(local, remote)`, each 0 to 0xFFEF; others are left out).
    pub(crate) fn new(settings: LineSettings, associations: &[(u16, u16)], now: Mono) -> Self {
        let mut associations: Vec<_> = associations.iter().filter(|(local, remote)| is_station(*local) && is_station(*remote)).collect();
        associations.sort_unstable();
        associations.dedup();
        let station = |(local, remote): &(u16, u16)| Station::new(*local, *remote, settings.max_fragment, now);
        let ends = Ends {
            settings,
            stations: associations.into_iter().map(station).collect(),
            broadcaster: Segmenter::default(),
            answers: VecDeque::new(),
            output: Vec::new(),
            pieces: VecDeque::new(),
            findings: FindingLog::default(),
            heard: None,
            closing: Closing::No,
        };
        Self { deframer: Deframer::default(), partial_since: None, ends }
    }

    /// The next whole fragment in `chunk`, which shrinks by what was used; to be called until `None`. Answers of the link queue meanwhile.
    pub(crate) fn receive(&mut self, chunk: &mut Chunk<'_>, now: Mono) -> Option<Received<'_>> {
        let Whole { station, destination, broadcast } = self.find(chunk, now)?;
        let station = self.ends.stations.get(station)?;
        let reassembly = if broadcast.is_some() { &station.broadcasts } else { &station.reassembly };
        Some(Received { source: station.remote, destination, broadcast, fragment: reassembly.fragment() })
    }

    fn find(&mut self, chunk: &mut Chunk<'_>, now: Mono) -> Option<Whole> {
        let Self { deframer, partial_since, ends } = self;
        while !ends.is_closing() {
            let cut = match chunk {
                Chunk::Stream(octets) => deframer.next(octets),
                Chunk::Datagram { bytes, .. } => deframer.datagram(bytes),
            };
            let found = match cut {
                Some(Cut::Frame(frame)) => ends.take(&frame, now),
                Some(Cut::Bad(fault)) => {
                    ends.findings.tell(None, fault, now);
                    None
                }
                None => {
                    if deframer.is_partial() {
                        partial_since.get_or_insert(now);
                    } else {
                        *partial_since = None;
                    }
                    ends.judge_junk(deframer.barren());
                    return None;
                }
            };
            *partial_since = None;
            ends.judge_junk(deframer.barren());
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Queues a fragment from our address `from` to `to`, a peer's or a broadcast address: all its frames leave in one piece, or one by one
    /// where the link confirms them.
    ///
    /// # Errors
    ///
    /// Nothing of it was queued.
    pub(crate) fn send(&mut self, to: u16, from: u16, fragment: &[u8], now: Mono) -> Result<(), NotSent> {
        let confirmed = self.ends.settings.confirmed;
        self.ends.send(to, from, fragment, confirmed, now)
    }

    /// The same for what must not arrive late (R5): it leaves at once or not at all, the link neither holds it back nor repeats it.
    ///
    /// # Errors
    ///
    /// Nothing of it was queued.
    pub(crate) fn send_once(&mut self, to: u16, from: u16, fragment: &[u8], now: Mono) -> Result<(), NotSent> {
        self.ends.send(to, from, fragment, false, now)
    }

    /// Asks the peer for its link status now, unless it is being asked: its answer moves [`Line::heard`].
    pub(crate) fn ask_status(&mut self, remote: u16, local: u16, now: Mono) {
        let Some(index) = self.ends.position(local, remote) else { return };
        self.ends.ask(index, false, now);
    }

    /// Gives up what waits for a confirmation of the link and was not acknowledged, so that it is not sent again (R5). What left may have
    /// arrived; the next fragment resets the link states first.
    pub(crate) fn withdraw(&mut self, remote: u16, local: u16) {
        let index = self.ends.position(local, remote);
        if let Some(station) = index.and_then(|index| self.ends.stations.get_mut(index)) {
            station.primary = Primary::default();
        }
    }

    /// When the peer last showed that it lives, on this channel.
    pub(crate) fn heard(&self, remote: u16, local: u16) -> Option<Mono> {
        self.ends.stations.get(self.ends.position(local, remote)?)?.liveness.heard()
    }

    /// When the peer last answered every REQUEST_LINK_STATUS of ours, on this channel: what was sent before the last one has arrived.
    pub(crate) fn status_answered(&self, remote: u16, local: u16) -> Option<Mono> {
        self.ends.stations.get(self.ends.position(local, remote)?)?.status_answered
    }

    /// Whether the peer left REQUEST_LINK_STATUS unanswered since it was last heard.
    pub(crate) fn is_silent(&self, remote: u16, local: u16) -> bool {
        self.ends
            .position(local, remote)
            .and_then(|index| self.ends.stations.get(index))
            .is_some_and(|station| station.liveness.is_silent())
    }

    /// Whether nothing waits to be sent or confirmed by the link.
    pub(crate) fn is_drained(&self) -> bool {
        self.ends.answers.is_empty() && self.ends.output.is_empty() && self.ends.stations.iter().all(|station| station.primary.is_idle())
    }

    /// Appends what is to be sent: link answers, then frames of data, in whole pieces up to `limit` octets; of a longer piece as many frames as
    /// fit, at least one. `false`: nothing.
    pub(crate) fn poll_output(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        self.ends.poll_output(out, limit)
    }

    /// When [`Line::handle_timeout`] is next due.
    pub(crate) fn deadline(&self) -> Mono {
        if self.ends.is_closing() {
            return Mono::NEVER;
        }
        let partial = self.partial_since.map(|since| since + self.ends.settings.frame_timeout);
        let stations = self.ends.stations.iter().flat_map(|station| self.ends.deadlines(station)).flatten();
        stations.chain(partial).min().unwrap_or(Mono::NEVER)
    }

    /// The deadline has come, or earlier.
    pub(crate) fn handle_timeout(&mut self, now: Mono) {
        let after = self.ends.settings.frame_timeout;
        if self.partial_since.is_some_and(|since| now >= since + after) {
            self.partial_since = None;
            let octets = self.deframer.abandon();
            self.ends.findings.tell(None, Fault::Unended { octets, after }, now);
            self.ends.judge_junk(self.deframer.barren());
        }
        self.ends.handle_timeout(now);
    }

    /// The next finding to be told, oldest first: their number is bounded in time.
    pub(crate) fn poll_finding(&mut self) -> Option<Finding> {
        self.ends.findings.poll()
    }

    /// The next thing that happened to the association of a peer: `(remote, local, what)`.
    pub(crate) fn poll_notice(&mut self) -> Option<(u16, u16, Notice)> {
        self.ends.stations.iter_mut().find_map(|station| {
            let notice = if std::mem::take(&mut station.gave_up) {
                Notice::GaveUp
            } else if station.liveness.change()? {
                Notice::Silent
            } else {
                Notice::Back
            };
            Some((station.remote, station.local, notice))
        })
    }

    /// The wish to be closed, once.
    pub(crate) fn poll_close(&mut self) -> Option<Close> {
        match std::mem::replace(&mut self.ends.closing, Closing::No) {
            Closing::No => None,
            Closing::Wanted(close) => {
                self.ends.closing = Closing::Told;
                Some(close)
            }
            Closing::Told => {
                self.ends.closing = Closing::Told;
                None
            }
        }
    }
}

impl Ends {
    fn position(&self, local: u16, remote: u16) -> Option<usize> {
        self.stations.binary_search_by_key(&(local, remote), |station| (station.local, station.remote)).ok()
    }

    /// Whose frame it is and whether it may be: the association it belongs to. `Ok(None)`: somebody else's on the same wire.
    fn associate(&self, frame: &LinkFrame<'_>) -> Result<Option<(usize, Option<Broadcast>)>, Fault> {
        let LinkHeader { control, destination, source } = frame.header;
        let is_ours = |address: u16| self.stations.iter().any(|station| station.local == address);
        if is_station(destination) && !is_ours(destination) {
            return Ok(None);
        }
        if control.is_from_master() == self.settings.is_master() {
            return Err(Fault::Direction(u8::from(control.is_from_master())));
        }
        let broadcast = Broadcast::from_address(destination);
        if broadcast.is_some() {
            let is_data = PrimaryFunction::from_code(control.code()) == Some(PrimaryFunction::UnconfirmedUserData);
            if self.settings.is_master() || !control.is_primary() || !is_data {
                return Err(Fault::Broadcast { destination, function: control.code() });
            }
        } else if destination == SELF {
            if self.settings.is_master() || !self.settings.self_address {
                return Err(Fault::SelfAddress);
            }
        } else if !is_station(destination) {
            return Err(Fault::Reserved(destination));
        }
        if !is_station(source) {
            return Err(Fault::Source(source));
        }
        let index = if is_station(destination) {
            self.position(destination, source)
        } else {
            self.stations.iter().position(|station| station.remote == source)
        };
        index.map(|index| Some((index, broadcast))).ok_or(Fault::Unknown(source))
    }

    /// Takes a frame: answers it, and says where it made a fragment whole.
    fn take(&mut self, frame: &LinkFrame<'_>, now: Mono) -> Option<Whole> {
        let source = frame.header.source;
        let (index, broadcast) = match self.associate(frame) {
            Ok(found) => found?,
            Err(fault) => {
                self.findings.tell(Some(source), fault, now);
                return None;
            }
        };
        if !frame.header.control.is_primary() {
            self.take_answer(index, frame, now);
            return None;
        }
        let station = self.stations.get_mut(index)?;
        let local = station.local;
        let verdict = if broadcast.is_some() { broadcast_verdict(frame) } else { station.secondary.take(frame) };
        let Verdict { answer, deliver, mut fault } = verdict;
        if verdict.is_lawful() {
            station.liveness.hear(now);
            self.heard = Some(now);
        }
        let mut whole = None;
        if deliver {
            let (reassembly, destination) =
                if broadcast.is_some() { (&mut station.broadcasts, frame.header.destination) } else { (&mut station.reassembly, local) };
            let reassembled = reassembly.take(destination, frame.payload);
            fault = reassembled.fault;
            whole = reassembled.is_whole.then_some(Whole { station: index, destination, broadcast });
        }
        if let Some(fault) = fault {
            self.findings.tell(Some(source), fault, now);
        }
        if let Some(function) = answer {
            let control = Control::secondary(self.settings.is_master(), function);
            self.put_answer(LinkHeader { control, destination: source, source: local }, now);
        }
        whole
    }

    fn take_answer(&mut self, index: usize, frame: &LinkFrame<'_>, now: Mono) {
        let LinkHeader { control, source, .. } = frame.header;
        let patience = self.settings.patience();
        let Some(station) = self.stations.get_mut(index) else { return };
        let Some(function) = SecondaryFunction::from_code(control.code()) else {
            self.findings.tell(Some(source), Fault::SecondaryFunction(control.code()), now);
            return;
        };
        if !frame.payload.is_empty() {
            let fault = Fault::PayloadLength { function: control.code(), octets: frame.payload.len() };
            self.findings.tell(Some(source), fault, now);
            return;
        }
        let is_status = match function {
            SecondaryFunction::LinkStatus => station.questions > 0,
            // It may be the answer to something else.
            SecondaryFunction::NotSupported => station.liveness.is_asked(),
            SecondaryFunction::Ack | SecondaryFunction::Nack => false,
        };
        let (wish, fault) = station.primary.take(function, control.dfc(), &mut station.segmenter, patience, now);
        // An answer to nothing proves nothing and harms nothing.
        let fault = fault.filter(|fault| !(is_status && matches!(fault, Fault::Unasked(_))));
        if is_status {
            station.questions = station.questions.saturating_sub(1);
            if station.questions == 0 {
                station.status_answered = Some(now);
            }
        }
        if !matches!(fault, Some(Fault::Unasked(_))) {
            station.liveness.hear(now);
            self.heard = Some(now);
        }
        self.go_on(index, wish, fault, now);
    }

    /// Does what a primary station wants, and tells what it gave up.
    fn go_on(&mut self, index: usize, wish: Option<Wish>, fault: Option<Fault>, now: Mono) {
        let is_master = self.settings.is_master();
        let Some(station) = self.stations.get_mut(index) else { return };
        let (remote, local) = (station.remote, station.local);
        if let Some(fault) = fault {
            station.gave_up |= matches!(fault, Fault::NotConfirmed(_) | Fault::NotSupported);
            self.findings.tell(Some(remote), fault, now);
        }
        let header = |function, fcb| LinkHeader { control: Control::primary(is_master, function, fcb), destination: remote, source: local };
        match wish {
            None => {}
            Some(Wish::Reset) => self.put_answer(header(PrimaryFunction::ResetLinkStates, false), now),
            Some(Wish::Status) => self.put_answer(header(PrimaryFunction::RequestLinkStatus, false), now),
            Some(Wish::Data(fcb)) => {
                let Some(segment) = station.primary.segment(&station.segmenter) else { return };
                let start = self.output.len();
                header(PrimaryFunction::ConfirmedUserData, fcb).put(segment.octets(), &mut self.output);
                self.pieces.push_back(self.output.len() - start);
            }
        }
    }

    fn put_answer(&mut self, answer: LinkHeader, now: Mono) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push_back(answer);
        } else {
            self.findings.tell(Some(answer.destination), Fault::Answers, now);
        }
    }

    fn send(&mut self, to: u16, from: u16, fragment: &[u8], confirmed: bool, now: Mono) -> Result<(), NotSent> {
        if self.is_closing() {
            return Err(NotSent::Closing);
        }
        if fragment.is_empty() {
            return Err(NotSent::Empty);
        }
        if self.output.len() + fragment.len() > OUTPUT_MAX {
            return Err(NotSent::Full);
        }
        let is_master = self.settings.is_master();
        let unknown = NotSent::Unknown { to, from };
        let segmenter = if Broadcast::from_address(to).is_some() {
            if !is_master || !self.stations.iter().any(|station| station.local == from) {
                return Err(unknown);
            }
            &mut self.broadcaster
        } else {
            let index = self.position(from, to).ok_or(unknown)?;
            let patience = self.settings.patience();
            let station = self.stations.get_mut(index).ok_or(unknown)?;
            if confirmed {
                if !station.primary.has_room() {
                    return Err(NotSent::Full);
                }
                let wish = station.primary.queue(fragment, patience, now);
                self.go_on(index, wish, None, now);
                return Ok(());
            }
            &mut station.segmenter
        };
        let control = Control::primary(is_master, PrimaryFunction::UnconfirmedUserData, false);
        let header = LinkHeader { control, destination: to, source: from };
        let start = self.output.len();
        let mut at = 0;
        while let Some(segment) = segmenter.segment(fragment, at) {
            header.put(segment.octets(), &mut self.output);
            segmenter.advance();
            at += segment.octets().len() - 1;
        }
        self.pieces.push_back(self.output.len() - start);
        Ok(())
    }

    fn poll_output(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        if self.is_closing() {
            return false;
        }
        let start = out.len();
        let limit = start.saturating_add(limit);
        while (out.len() == start || out.len() + HEADER_OCTETS <= limit)
            && let Some(answer) = self.answers.pop_front()
        {
            answer.put(&[], out);
        }
        let mut taken = 0;
        while let Some(piece) = self.pieces.front_mut() {
            if out.len() + taken + *piece <= limit {
                taken += *piece;
                self.pieces.pop_front();
                continue;
            }
            if out.len() + taken == start {
                // Longer than may leave at once, over UDP a datagram: the frames of it that fit, and the others next.
                let room = limit.saturating_sub(start);
                taken = whole_frames(self.output.get(..*piece).unwrap_or_default(), room);
                *piece -= taken;
                if *piece == 0 {
                    self.pieces.pop_front();
                }
            }
            break;
        }
        out.extend_from_slice(self.output.get(..taken).unwrap_or_default());
        self.output.drain(..taken.min(self.output.len()));
        out.len() > start
    }

    fn deadlines(&self, station: &Station) -> [Option<Mono>; 2] {
        [station.liveness.deadline(self.interval(station)), station.primary.deadline()]
    }

    /// An outstation that several masters may call asks only those that called on this channel, and all while nobody did.
    fn interval(&self, station: &Station) -> Interval {
        let interval = self.settings.interval();
        let is_elsewhere = !self.settings.is_master() && self.heard.is_some() && station.liveness.heard().is_none();
        if is_elsewhere { Interval { keep_alive: None, ..interval } } else { interval }
    }

    fn handle_timeout(&mut self, now: Mono) {
        let patience = self.settings.patience();
        let is_master = self.settings.is_master();
        for index in 0..self.stations.len() {
            let Some(interval) = self.stations.get(index).map(|station| self.interval(station)) else { return };
            let Some(station) = self.stations.get_mut(index) else { return };
            let (wish, fault) = station.primary.handle_timeout(patience, now);
            let due = station.liveness.handle_timeout(interval, now);
            self.go_on(index, wish, fault, now);
            match due {
                Due::Nothing => {}
                Due::Ask => self.ask(index, true, now),
                // One silent station among others that speak is no reason to close what they speak on.
                Due::Missed(asked) if self.settings.closes && self.heard.is_none_or(|heard| heard <= asked) => {
                    if is_master && self.ask_others(now) {
                        continue;
                    }
                    let after = self.settings.status_timeout;
                    self.close(&Error::TimerExpired { timer: "link status", after, what: "no answer to REQUEST_LINK_STATUS" });
                }
                Due::Missed(_) => {}
            }
        }
    }

    /// Asks every station that is not known to be silent: one that is need not mean that the line is. `false` if there is none.
    fn ask_others(&mut self, now: Mono) -> bool {
        let mut any = false;
        for index in 0..self.stations.len() {
            if self.stations.get(index).is_some_and(|station| !station.liveness.is_silent()) {
                any = true;
                self.ask(index, false, now);
            }
        }
        any
    }

    /// Sends REQUEST_LINK_STATUS, again if `again`.
    fn ask(&mut self, index: usize, again: bool, now: Mono) {
        let Some(station) = self.stations.get_mut(index) else { return };
        if station.liveness.is_asked() && !again {
            return;
        }
        station.liveness.ask(now);
        station.questions = station.questions.saturating_add(1);
        self.go_on(index, Some(Wish::Status), None, now);
    }

    fn judge_junk(&mut self, octets: u64) {
        if self.settings.closes && octets > JUNK_MAX {
            self.close(&Error::misbehaved(format!("more than {JUNK_MAX} octets without a frame")));
        }
    }

    /// Wants the channel closed; the first cause counts.
    fn close(&mut self, cause: &Error) {
        if matches!(self.closing, Closing::No) {
            self.closing = Closing::Wanted(Close { abort: false, cause: cause.to_string() });
        }
    }

    fn is_closing(&self) -> bool {
        !matches!(self.closing, Closing::No)
    }
}

/// The octets of as many of these frames as fit, at least of one. They are our own and begin with a frame.
fn whole_frames(frames: &[u8], room: usize) -> usize {
    let mut end = 0;
    while let Some(length) = frames.get(end + 2) {
        // Start octets, LENGTH itself, what it counts, and the CRCs of header and blocks (clause 9.2.4).
        let data = usize::from(*length).saturating_sub(5);
        let next = end + HEADER_OCTETS + data + 2 * data.div_ceil(16);
        if end > 0 && next > room {
            break;
        }
        end = next.min(frames.len());
    }
    end
}

#[cfg(test)]
mod kit;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
