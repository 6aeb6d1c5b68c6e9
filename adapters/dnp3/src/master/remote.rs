//! What the master knows of one outstation, and what it wants of it next.

use std::time::Duration;

use bridge_model::{Mono, PointId};

use crate::app::{AppControl, Iin};
use crate::params::Params;

/// Requests in a row that stay unanswered before an outstation counts as silent.
pub(super) const ATTEMPTS: u8 = 2;
/// How long a silent outstation is left alone; doubled with each attempt up to [`SILENT_REST_MAX`].
pub(super) const SILENT_REST: Duration = Duration::from_secs(5);
/// The longest rest of a silent outstation.
pub(super) const SILENT_REST_MAX: Duration = Duration::from_secs(80);
/// After a poll that brought no event although the class bits said there are some; doubled up to [`EMPTY_REST_MAX`].
pub(super) const EMPTY_REST: Duration = Duration::from_secs(1);
/// The longest rest after polls that brought nothing.
pub(super) const EMPTY_REST_MAX: Duration = Duration::from_secs(64);
/// How long static values are left alone between two polls of them while the journal takes nothing; as long as the last poll took, if that
/// was longer.
pub(super) const STATICS_EVERY: Duration = Duration::from_secs(5);
/// How soon DEVICE_RESTART is cleared again, and the clock set again, if the outstation still asks for it.
pub(super) const STUBBORN_REST: Duration = Duration::from_secs(60);

/// Why everything is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// The channel was opened.
    Opened,
    /// DEVICE_RESTART.
    Restarted,
    /// EVENT_BUFFER_OVERFLOW: events were lost.
    Overflow,
    /// It was silent and answers again.
    Returned,
    /// Somebody asked for it.
    Requested,
    /// The journal took nothing for a while and takes it again.
    Kept,
}

impl Reason {
    /// One clause.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Opened => "the channel was opened",
            Self::Restarted => "it restarted",
            Self::Overflow => "it lost events",
            Self::Returned => "it answers again",
            Self::Requested => "it was asked for",
            Self::Kept => "the journal takes its events again",
        }
    }
}

/// What the master asks of its own accord.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Duty {
    /// No unsolicited responses until everything was read (row 30).
    Disable,
    /// DEVICE_RESTART is cleared.
    ClearRestart,
    /// Events of all classes, then all static values.
    Integrity(Reason),
    /// Unsolicited responses of the link's classes.
    Enable,
    /// Events of the classes of bits 1 to 3.
    Events(u8),
    /// Static values alone, while the journal takes no events (R23).
    Statics,
}

/// What an outstation shows for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Indicated {
    /// It restarted.
    pub(super) restarted: bool,
    /// It lost events.
    pub(super) overflow: bool,
    /// Indications worth a line in the log.
    pub(super) news: Iin,
}

/// One outstation.
#[derive(Debug)]
pub(super) struct Remote {
    /// Its address.
    pub(super) address: u16,
    seed: u64,
    /// The number of the next request.
    seq: u8,
    disable: bool,
    enable: bool,
    integrity: Option<Reason>,
    /// Everything was read since the channel opened or it restarted: unsolicited events are taken.
    pub(super) is_read: bool,
    /// It answered NO_FUNC_CODE_SUPPORT to the enabling or disabling of unsolicited responses.
    pub(super) is_polled_only: bool,
    iin: Iin,
    restarted: bool,
    clear_at: Mono,
    /// NEED_TIME is set.
    pub(super) needs_time: bool,
    /// When its clock may be set again.
    pub(super) clock_at: Mono,
    /// Classes whose events wait, as it says.
    waiting: u8,
    waiting_at: Mono,
    empty_rest: Duration,
    polls: [Option<Duration>; 3],
    poll_at: [Mono; 3],
    poll_count: u64,
    /// When static values are read next, while the journal takes no events.
    statics_at: Mono,
    failures: u8,
    /// How long what gave way to commands was waited for in vain, since it was last heard.
    waited: Duration,
    /// It does not answer.
    pub(super) is_silent: bool,
    silent_rest: Duration,
    /// Nothing is asked before.
    ask_at: Mono,
    /// A fragment of it waits to be confirmed; a request before that would cost the confirmation. Waited for until then.
    pub(super) confirm_due: Option<Mono>,
    /// A selection that the next request would undo, until then.
    pub(super) hold: Option<(PointId, Mono)>,
    /// The last unsolicited fragment that was taken.
    pub(super) last_unsolicited: Vec<u8>,
}

impl Remote {
    pub(super) fn new(address: u16, seed: u64, params: &Params) -> Self {
        Self {
            address,
            seed: mixed(seed ^ u64::from(address)),
            seq: 0,
            disable: false,
            enable: false,
            integrity: None,
            is_read: false,
            is_polled_only: false,
            iin: Iin(0),
            restarted: false,
            clear_at: Mono(0),
            needs_time: false,
            clock_at: Mono(0),
            waiting: 0,
            waiting_at: Mono(0),
            empty_rest: EMPTY_REST,
            polls: params.polls,
            poll_at: [Mono::NEVER; 3],
            poll_count: 0,
            statics_at: Mono(0),
            failures: 0,
            waited: Duration::ZERO,
            is_silent: false,
            silent_rest: SILENT_REST,
            ask_at: Mono(0),
            confirm_due: None,
            hold: None,
            last_unsolicited: Vec::new(),
        }
    }

    /// The channel opened: nothing is known any more. `read` says whether everything is to be read.
    pub(super) fn opened(&mut self, read: bool, params: &Params, now: Mono) {
        let (seq, poll_count) = (self.seq, self.poll_count);
        let mut last_unsolicited = std::mem::take(&mut self.last_unsolicited);
        last_unsolicited.clear();
        *self =
            Self { seq, poll_count, seed: self.seed, last_unsolicited, is_silent: self.is_silent, ..Self::new(self.address, 0, params) };
        self.disable = true;
        self.enable = params.unsolicited != 0;
        self.integrity = read.then_some(Reason::Opened);
        self.is_read = !read;
        for class in 0..3 {
            self.plan_poll(class, now);
        }
    }

    /// The number of a request that leaves now.
    pub(super) const fn take_seq(&mut self) -> u8 {
        let seq = self.seq;
        self.seq = AppControl::next(seq);
        seq
    }

    /// When anything may be asked of it.
    pub(super) fn free_at(&self) -> Mono {
        let confirm = self.confirm_due.unwrap_or(Mono(0));
        confirm.max(self.hold.map_or(Mono(0), |(_, until)| until)).max(self.ask_at)
    }

    /// The point whose selection is kept from being undone.
    pub(super) fn holder(&self, now: Mono) -> Option<PointId> {
        self.hold.filter(|(_, until)| now < *until).map(|(holder, _)| holder)
    }

    /// As [`Remote::free_at`], for what somebody asked: a silent outstation is asked too.
    pub(super) fn free_for(&self, point: Option<PointId>, now: Mono) -> bool {
        let held = self.holder(now).is_some_and(|holder| Some(holder) != point);
        !held && self.confirm_due.is_none_or(|due| now >= due)
    }

    /// What is wanted next, each with the time from which it may be asked, the first before the others. `keeps`: the journal takes events.
    fn wants(&self, keeps: bool) -> [Option<(Mono, Duty)>; 6] {
        let start = Mono(0);
        if !keeps {
            // Unsolicited responses, unconfirmed and repeated, would put the reading off (row 33).
            let disable = self.disable.then_some((start, Duty::Disable));
            let clear = self.restarted.then_some((self.clear_at, Duty::ClearRestart));
            return [disable, clear, Some((self.statics_at, Duty::Statics)), None, None, None];
        }
        let due = self.poll_at.iter().copied().min().unwrap_or(Mono::NEVER);
        [
            self.disable.then_some((start, Duty::Disable)),
            self.restarted.then_some((self.clear_at, Duty::ClearRestart)),
            self.integrity.map(|reason| (start, Duty::Integrity(reason))),
            self.enable.then_some((start, Duty::Enable)),
            (self.waiting != 0).then_some((self.waiting_at, Duty::Events(self.waiting))),
            (due != Mono::NEVER).then_some((due, Duty::Events(0))),
        ]
    }

    /// What is to be asked now.
    pub(super) fn duty(&self, keeps: bool, now: Mono) -> Option<Duty> {
        if now < self.free_at() {
            return None;
        }
        let (_, duty) = self.wants(keeps).into_iter().flatten().find(|(at, _)| *at <= now)?;
        let Duty::Events(_) = duty else { return Some(duty) };
        // One request for all that is due.
        let waiting = if self.waiting_at <= now { self.waiting } else { 0 };
        let polled = self.poll_at.iter().zip(1_u8..).filter(|(at, _)| **at <= now).fold(0, |all, (_, class)| all | 1 << class);
        Some(Duty::Events(waiting | polled))
    }

    /// When [`Remote::duty`] has something to say.
    pub(super) fn deadline(&self, keeps: bool) -> Mono {
        let next = self.wants(keeps).into_iter().flatten().map(|(at, _)| at).min().unwrap_or(Mono::NEVER);
        next.max(self.free_at())
    }

    /// The request left.
    pub(super) fn asked(&mut self, duty: Duty, now: Mono) {
        match duty {
            Duty::Disable => self.disable = false,
            Duty::ClearRestart => self.clear_at = now + STUBBORN_REST,
            Duty::Integrity(_) => self.integrity = None,
            Duty::Enable => self.enable = false,
            Duty::Events(classes) => self.polled(classes, now),
            Duty::Statics => self.statics_at = now + STATICS_EVERY,
        }
    }

    /// Static values were read, which took so long.
    pub(super) fn statics_read(&mut self, took: Duration, now: Mono) {
        self.statics_at = now + took.max(STATICS_EVERY);
    }

    /// The journal takes no events any more, or takes them again: then everything is read, events first.
    pub(super) fn journal_turned(&mut self, takes: bool, params: &Params) {
        self.last_unsolicited.clear();
        if takes {
            self.want_integrity(Reason::Kept);
            self.enable = params.unsolicited != 0 && !self.is_polled_only;
        } else {
            self.statics_at = Mono(0);
            self.quieten();
        }
    }

    /// The events of these classes are being read.
    pub(super) fn polled(&mut self, classes: u8, now: Mono) {
        self.waiting &= !classes;
        for class in 0..3 {
            if classes & 2 << class != 0 {
                self.plan_poll(class, now);
            }
        }
    }

    fn plan_poll(&mut self, class: usize, now: Mono) {
        let (Some(at), Some(Some(interval))) = (self.poll_at.get_mut(class), self.polls.get(class)) else { return };
        self.poll_count += 1;
        // Between 95 and 105 of a hundred parts: links that were opened together do not stay together.
        let part = u32::try_from(mixed(self.seed ^ self.poll_count) % 1024).unwrap_or(0);
        *at = now + *interval * 19 / 20 + *interval / 10 * part / 1024;
    }

    /// It did not answer this, or nothing that can be used: to be asked again.
    pub(super) fn wants_again(&mut self, duty: Duty) {
        match duty {
            Duty::Disable => self.disable = true,
            Duty::ClearRestart => self.clear_at = Mono(0),
            Duty::Integrity(reason) => self.integrity = self.integrity.or(Some(reason)),
            Duty::Enable => self.enable = true,
            Duty::Events(classes) => self.waiting |= classes,
            // It is due again in a while.
            Duty::Statics => {}
        }
    }

    /// It sends events before everything was read, though nobody enabled that: they are not confirmed, and until they are it puts the READ
    /// off (row 33). So it is told to be quiet, as at the start; what enables it again is wanted already.
    pub(super) fn quieten(&mut self) {
        self.disable = !self.is_polled_only;
    }

    /// Everything is to be read.
    pub(super) fn want_integrity(&mut self, reason: Reason) {
        self.integrity = self.integrity.or(Some(reason));
    }

    /// Whether everything is to be read and it may be hoped for.
    pub(super) fn awaits_integrity(&self) -> bool {
        self.integrity.is_some() && !self.is_silent
    }

    /// An answer, or anything else lawful, came of it. `true` if it was silent.
    pub(super) fn heard(&mut self) -> bool {
        (self.failures, self.waited) = (0, Duration::ZERO);
        self.silent_rest = SILENT_REST;
        if self.is_silent {
            self.ask_at = Mono(0);
        }
        std::mem::take(&mut self.is_silent)
    }

    /// Whether the last request was not answered.
    pub(super) const fn is_failing(&self) -> bool {
        self.is_silent || self.failures > 0
    }

    /// A request that waited for so long gave way to a command; gives how long all such waited.
    pub(super) fn gave_way(&mut self, waited: Duration) -> Duration {
        self.waited = self.waited.saturating_add(waited);
        self.waited
    }

    /// It did not answer. `true` if it is silent from now on.
    pub(super) fn unanswered(&mut self, now: Mono) -> bool {
        (self.failures, self.waited) = (self.failures.saturating_add(1), Duration::ZERO);
        if self.failures < ATTEMPTS && !self.is_silent {
            return false;
        }
        self.ask_at = now + self.silent_rest;
        self.silent_rest = (self.silent_rest * 2).min(SILENT_REST_MAX);
        !std::mem::replace(&mut self.is_silent, true)
    }

    /// The link layer hears it again: it is asked at once.
    pub(super) fn wake(&mut self) {
        self.ask_at = Mono(0);
    }

    /// What was asked cannot be had now: nothing is asked for a while.
    pub(super) fn rest(&mut self, until: Mono) {
        self.ask_at = self.ask_at.max(until);
    }

    /// Takes the indications of a fragment; those of classes only with the last one of a response.
    pub(super) fn indicate(&mut self, iin: Iin, is_last: bool, params: &Params) -> Indicated {
        const NEWS: Iin = Iin(Iin::LOCAL_CONTROL.0
            | Iin::DEVICE_TROUBLE.0
            | Iin::CONFIG_CORRUPT.0
            | Iin::EVENT_BUFFER_OVERFLOW.0
            | Iin::RESERVED_6.0
            | Iin::RESERVED_7.0);
        let is_new = |bit: Iin| iin.contains(bit) && !self.iin.contains(bit);
        let indicated = Indicated {
            restarted: is_new(Iin::DEVICE_RESTART),
            overflow: is_new(Iin::EVENT_BUFFER_OVERFLOW),
            news: Iin(iin.without(self.iin).0 & NEWS.0),
        };
        self.iin = iin;
        self.needs_time = iin.contains(Iin::NEED_TIME);
        self.restarted = iin.contains(Iin::DEVICE_RESTART);
        if indicated.restarted {
            self.clear_at = Mono(0);
            self.enable = params.unsolicited != 0 && !self.is_polled_only;
            if params.integrity_on.restart {
                self.want_integrity(Reason::Restarted);
                self.is_read = false;
            }
        }
        if indicated.overflow && params.integrity_on.overflow {
            self.want_integrity(Reason::Overflow);
        }
        if is_last {
            self.waiting = (1..=3).filter(|class| iin.contains(Iin::class_events(*class))).fold(0, |all, class| all | 1 << class);
            if self.waiting == 0 {
                (self.waiting_at, self.empty_rest) = (Mono(0), EMPTY_REST);
            }
        }
        indicated
    }

    /// A poll of events ended: if it brought none although some are said to wait, the next one waits longer and longer. Gives that wait
    /// from the second such poll in a row on: the first may have crossed with an event.
    pub(super) fn events_read(&mut self, brought: bool, now: Mono) -> Option<Duration> {
        if brought {
            (self.waiting_at, self.empty_rest) = (Mono(0), EMPTY_REST);
            return None;
        }
        if self.waiting == 0 {
            return None;
        }
        let rest = self.empty_rest;
        self.waiting_at = now + rest;
        self.empty_rest = (rest * 2).min(EMPTY_REST_MAX);
        (rest > EMPTY_REST).then_some(rest)
    }
}

/// The hash of a link's name: what differs between links that are otherwise alike.
pub(super) fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3))
}

const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
