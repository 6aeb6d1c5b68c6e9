//! What a station or an EMS may do wrong on purpose, to prove that it is noticed and harms nothing.
//!
//! [`NAMED`] is the list that `ies-bridge sim --misbehave` and simulations share: a name, what it does, and whose it is.

use std::time::Duration;

use bridge_session::Session;

use crate::dnp3_tamper::{Tampered, Tampering};
use crate::standard::Standard;
use crate::storm::Storm;

const HOUR_NS: i64 = 3_600_000_000_000;

/// One thing that is done wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// Every `every`-th event goes to the ledger and never to the wire. A station's.
    OmitEvent {
        /// At least 1.
        every: u64,
    },
    /// The command is confirmed at once and executed this much later. A station's.
    ExecuteLate {
        /// By how much.
        by: Duration,
    },
    /// The command is executed and never answered: the bridge cannot know. A station's.
    SilentAfterExecute,
    /// Every command is executed twice. A station's.
    ExecuteTwice,
    /// The command is neither executed nor answered. A station's.
    NeverAnswer,
    /// The select is answered this late; the execute is carried out at once and answered this late. A station's.
    AnswerLate {
        /// By how much: more than the peer waits.
        by: Duration,
        /// Selects too.
        select: bool,
    },
    /// The clock is wrong by this much, and nothing says so: time tags carry another wall clock, SU stays zero (R21).
    ClockOff {
        /// Nanoseconds ahead.
        by_ns: i64,
    },
    /// The clock steps by an hour, forth and back, ahead and behind: each time after this long.
    ClockSteps {
        /// Between two steps.
        every: Duration,
    },
    /// STOPDT and STARTDT over and over. An EMS may ask so, and is a nuisance; a station may not, and breaks the protocol.
    StopStartStorm {
        /// Between two of them.
        every: Duration,
    },
    /// Once, this long after the beginning: thousands of changes a second of everything that no model moves. A station's.
    Avalanche {
        /// After the first line of its ledger.
        after: Duration,
        /// Changes in each millisecond.
        per_ms: u32,
        /// For how long.
        lasts: Duration,
    },
    /// Received frames are never acknowledged. An EMS's.
    NeverAcknowledge,
    /// Received frames are acknowledged this late. An EMS's.
    AcknowledgeLate {
        /// By how much: more than the peer's t1.
        by: Duration,
    },
    /// DNP3: every response says that events of all classes wait, whether they do or not. A station's.
    ClassBitsStay,
    /// DNP3: DEVICE_RESTART is shown over and over, each time until it is cleared. A station's.
    RestartStorm {
        /// Between two of them.
        every: Duration,
    },
    /// DNP3: of three CONFIRMs two are lost on their way.
    ConfirmLost,
    /// DNP3: a response with values ends with an octet string of no octets (g110v0). A station's.
    EmptyOctetString,
    /// DNP3: nothing of this outstation's reaches the line, which others share. A station's.
    SilentOutstation {
        /// Which.
        address: u16,
        /// This long after the first connection.
        after: Duration,
    },
}

/// A misbehaviour with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named {
    /// As on the command line: `never-confirms`.
    pub name: &'static str,
    /// One line for its help.
    pub what: &'static str,
    /// What a station does under this name, if one does.
    pub station: Option<Misbehaviour>,
    /// What an EMS does under this name, if one does.
    pub ems: Option<Misbehaviour>,
    /// The standard whose it is; `None`: any.
    pub only: Option<Standard>,
}

impl Named {
    /// What this end does under this name over this standard, if it can.
    #[must_use]
    pub fn of(&self, standard: Standard, side: Side) -> Option<Misbehaviour> {
        let own = match side {
            Side::Station => self.station,
            Side::Ems => self.ems,
        };
        own.filter(|_| self.is_of(standard))
    }

    /// Whether it can be done over this standard.
    #[must_use]
    pub fn is_of(&self, standard: Standard) -> bool {
        self.only.is_none_or(|only| only == standard)
    }
}

/// Every name. Times: t1 and `command_timeout` of 104 are 15 and 10 s, DNP3's confirm and response timeouts 5 s, unless a profile says
/// otherwise.
pub const NAMED: &[Named] = &[
    Named {
        name: "drop-event",
        what: "every tenth event is written to the ledger and never sent",
        station: Some(Misbehaviour::OmitEvent { every: 10 }),
        ems: None,
        only: None,
    },
    Named {
        name: "late-command",
        what: "commands are confirmed at once and executed 30 s later",
        station: Some(Misbehaviour::ExecuteLate { by: Duration::from_secs(30) }),
        ems: None,
        only: None,
    },
    Named {
        name: "silent",
        what: "commands are executed and never answered",
        station: Some(Misbehaviour::SilentAfterExecute),
        ems: None,
        only: None,
    },
    Named { name: "twice", what: "commands are executed twice", station: Some(Misbehaviour::ExecuteTwice), ems: None, only: None },
    Named {
        name: "su-always-zero",
        what: "time tags run an hour ahead, as of summer time, and SU never says so",
        station: Some(Misbehaviour::ClockOff { by_ns: HOUR_NS }),
        ems: Some(Misbehaviour::ClockOff { by_ns: HOUR_NS }),
        only: Some(Standard::Iec104),
    },
    Named {
        name: "stopdt-storm",
        what: "STOPDT and STARTDT over and over; from a station, which may not",
        station: Some(Misbehaviour::StopStartStorm { every: Duration::from_secs(5) }),
        ems: Some(Misbehaviour::StopStartStorm { every: Duration::from_millis(200) }),
        only: Some(Standard::Iec104),
    },
    Named {
        name: "clock-step",
        what: "the clock steps by an hour every 15 s: ahead, back, behind, back",
        station: Some(Misbehaviour::ClockSteps { every: Duration::from_secs(15) }),
        ems: Some(Misbehaviour::ClockSteps { every: Duration::from_secs(15) }),
        only: None,
    },
    Named {
        name: "avalanche",
        what: "after 5 s, five thousand changes a second of every type for two seconds",
        station: Some(Misbehaviour::Avalanche { after: Duration::from_secs(5), per_ms: 5, lasts: Duration::from_secs(2) }),
        ems: None,
        only: None,
    },
    Named {
        name: "never-confirms",
        what: "a station never answers a command and executes none; an EMS never acknowledges a frame",
        station: Some(Misbehaviour::NeverAnswer),
        ems: Some(Misbehaviour::NeverAcknowledge),
        only: None,
    },
    Named {
        name: "answers-late",
        what: "a station confirms what it executed after 15 s; an EMS acknowledges frames after 20 s",
        station: Some(Misbehaviour::AnswerLate { by: Duration::from_secs(15), select: false }),
        ems: Some(Misbehaviour::AcknowledgeLate { by: Duration::from_secs(20) }),
        only: None,
    },
    Named {
        name: "class-bits-never-clear",
        what: "every response says that events of all classes wait",
        station: Some(Misbehaviour::ClassBitsStay),
        ems: None,
        only: Some(Standard::Dnp3),
    },
    Named {
        name: "restart-storm",
        what: "DEVICE_RESTART every 5 s, each time until it is cleared",
        station: Some(Misbehaviour::RestartStorm { every: Duration::from_secs(5) }),
        ems: None,
        only: Some(Standard::Dnp3),
    },
    Named {
        name: "confirm-lost",
        what: "of three CONFIRMs two are lost: to a station on their way in, of a master on their way out",
        station: Some(Misbehaviour::ConfirmLost),
        ems: Some(Misbehaviour::ConfirmLost),
        only: Some(Standard::Dnp3),
    },
    Named {
        name: "empty-g110",
        what: "responses with values end with an octet string of no octets (g110v0)",
        station: Some(Misbehaviour::EmptyOctetString),
        ems: None,
        only: Some(Standard::Dnp3),
    },
];

/// The misbehaviour of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

/// Which end of the line misbehaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The controlled station.
    Station,
    /// The controlling station.
    Ems,
}

/// Wraps a session in what a lawful one could not send.
#[must_use]
pub fn misbehaving(session: Box<dyn Session>, side: Side, misbehaviours: &[Misbehaviour]) -> Box<dyn Session> {
    let storm = |misbehaviour: &Misbehaviour| {
        if let Misbehaviour::StopStartStorm { every } = misbehaviour { Some(*every) } else { None }
    };
    if let Some(every) = misbehaviours.iter().find_map(storm) {
        return Box::new(Storm::new(session, side, every));
    }
    match Tampering::of(misbehaviours) {
        Some(what) => Box::new(Tampered::new(session, side, what)),
        None => session,
    }
}

/// How far the clock is off, so long after the beginning.
#[must_use]
pub(crate) fn clock_error_ns(misbehaviours: &[Misbehaviour], since: Duration) -> i64 {
    let one = |misbehaviour: &Misbehaviour| match misbehaviour {
        Misbehaviour::ClockOff { by_ns } => *by_ns,
        Misbehaviour::ClockSteps { every } => match since.as_nanos() / every.as_nanos().max(1) % 4 {
            1 => HOUR_NS,
            3 => -HOUR_NS,
            _ => 0,
        },
        Misbehaviour::OmitEvent { .. }
        | Misbehaviour::ExecuteLate { .. }
        | Misbehaviour::SilentAfterExecute
        | Misbehaviour::ExecuteTwice
        | Misbehaviour::NeverAnswer
        | Misbehaviour::AnswerLate { .. }
        | Misbehaviour::StopStartStorm { .. }
        | Misbehaviour::Avalanche { .. }
        | Misbehaviour::NeverAcknowledge
        | Misbehaviour::AcknowledgeLate { .. }
        | Misbehaviour::ClassBitsStay
        | Misbehaviour::RestartStorm { .. }
        | Misbehaviour::ConfirmLost
        | Misbehaviour::EmptyOctetString
        | Misbehaviour::SilentOutstation { .. } => 0,
    };
    misbehaviours.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::{Duration, HOUR_NS, Misbehaviour, NAMED, Side, Standard, clock_error_ns, named};

    #[test]
    fn every_name_is_one_and_does_something() {
        let mut names: Vec<&str> = NAMED.iter().map(|named| named.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMED.len());
        assert!(NAMED.iter().all(|named| named.station.is_some() || named.ems.is_some()));
        for name in ["su-always-zero", "stopdt-storm", "clock-step", "avalanche", "never-confirms", "answers-late"] {
            assert!(named(name).is_some_and(|named| named.station.is_some()), "{name}");
        }
        let over = |standard, name| named(name).is_some_and(|named| named.of(standard, Side::Station).is_some());
        for name in ["class-bits-never-clear", "restart-storm", "confirm-lost", "empty-g110", "avalanche", "never-confirms"] {
            assert!(over(Standard::Dnp3, name), "{name}");
        }
        assert!(!over(Standard::Iec104, "restart-storm") && !over(Standard::Dnp3, "stopdt-storm"), "each standard has its own");
    }

    #[test]
    fn a_stepping_clock_comes_back() {
        let steps = [Misbehaviour::ClockSteps { every: Duration::from_secs(10) }];
        let at = |seconds| clock_error_ns(&steps, Duration::from_secs(seconds));
        assert_eq!([0, 9, 10, 20, 30, 40, 50].map(at), [0, 0, HOUR_NS, 0, -HOUR_NS, 0, HOUR_NS]);
    }
}
