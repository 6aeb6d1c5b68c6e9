//! Station interrogation (IEC 60870-5-5 clause 6.6): every common address of the link in turn, one event pair for all. One that refuses or
//! is silent does not keep the others from being read: it is named, and the whole has failed when all were asked.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::Event;

use super::Sent;
use crate::link104::Connection;
use crate::params::Params;
use crate::{Cause, Cot, SystemAsdu, SystemElement};

/// The qualifier of a station interrogation.
const QOI_STATION: u8 = 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Nothing runs and nothing is wanted.
    Idle,
    /// After STARTDT con, until the end of initialisation comes or this time (row 44).
    AwaitingInit(Mono),
    /// The next common address is to be asked.
    Due,
    /// Asked; the confirmation is due by then.
    Asked(u16, Mono),
    /// Confirmed; the next value or the end is due by then.
    Running(u16, Mono),
}

#[derive(Debug)]
pub(super) struct Interrogation {
    cas: BTreeSet<u16>,
    oa: u8,
    ei_wait: Duration,
    con_timeout: Duration,
    silence: Duration,
    step: Step,
    /// Common addresses still to be asked.
    rest: VecDeque<u16>,
    /// Those of this round that were not read.
    failed: BTreeSet<u16>,
    began: bool,
    /// The station restarted while one ran: its image is to be read again.
    again: bool,
}

impl Interrogation {
    pub(super) fn new(params: &Params, cas: BTreeSet<u16>) -> Self {
        Self {
            cas,
            oa: params.oa,
            ei_wait: params.ei_wait,
            con_timeout: params.command_timeout,
            silence: params.gi_timeout,
            step: Step::Idle,
            rest: VecDeque::new(),
            failed: BTreeSet::new(),
            began: false,
            again: false,
        }
    }

    /// STARTDT was confirmed.
    pub(super) fn started(&mut self, now: Mono) {
        if self.ei_wait.is_zero() {
            self.want(now);
        } else {
            self.step = Step::AwaitingInit(now + self.ei_wait);
        }
    }

    /// Reads the image, unless that is already under way.
    pub(super) fn want(&mut self, _now: Mono) {
        match self.step {
            Step::Idle | Step::AwaitingInit(_) => self.begin(),
            Step::Due | Step::Asked(..) | Step::Running(..) => {}
        }
    }

    fn begin(&mut self) {
        self.rest = self.cas.iter().copied().collect();
        self.failed.clear();
        self.began = false;
        self.again = false;
        self.step = if self.rest.is_empty() { Step::Idle } else { Step::Due };
    }

    /// A value came with this cause.
    pub(super) fn heard(&mut self, cause: Cause, now: Mono) {
        if cause == Cause::INTERROGATED
            && let Step::Running(ca, _) = self.step
        {
            self.step = Step::Running(ca, now + self.silence);
        }
    }

    /// A system ASDU came.
    pub(super) fn system(&mut self, asdu: &SystemAsdu, events: &mut VecDeque<Event>, now: Mono) {
        match asdu.element {
            SystemElement::EndOfInit(_) if asdu.cot.cause == Cause::INITIALISED && !asdu.cot.test => {
                events.push_back(Event::PeerRestarted);
                match self.step {
                    Step::Idle | Step::AwaitingInit(_) => self.begin(),
                    // What is not confirmed yet will be answered after the initialisation that was just announced.
                    Step::Due | Step::Asked(..) => {}
                    Step::Running(..) => self.again = true,
                }
            }
            SystemElement::Interrogation(QOI_STATION) if asdu.cot.answers(self.oa) => self.answered(asdu, events, now),
            SystemElement::EndOfInit(_)
            | SystemElement::Interrogation(_)
            | SystemElement::CounterInterrogation(_)
            | SystemElement::Read
            | SystemElement::ClockSync(_)
            | SystemElement::TestPattern(_)
            | SystemElement::Delay(_)
            | SystemElement::Test(..) => {}
        }
    }

    fn answered(&mut self, asdu: &SystemAsdu, events: &mut VecDeque<Event>, now: Mono) {
        match self.step {
            Step::Asked(ca, _) if ca == asdu.ca => {
                if asdu.cot.cause == Cause::ACTIVATION_CON && !asdu.cot.negative {
                    if !self.began {
                        self.began = true;
                        events.push_back(Event::InterrogationBegan);
                    }
                    self.step = Step::Running(ca, now + self.silence);
                } else if asdu.cot.cause == Cause::ACTIVATION_CON || asdu.cot.cause.is_unknown() {
                    self.fail(ca, events);
                }
            }
            Step::Running(ca, _) if ca == asdu.ca && asdu.cot.cause == Cause::ACTIVATION_TERM => {
                if asdu.cot.negative {
                    self.fail(ca, events);
                } else {
                    self.next(events);
                }
            }
            Step::Asked(..) | Step::Running(..) | Step::Idle | Step::AwaitingInit(_) | Step::Due => {}
        }
    }

    /// One common address was not read: the others are.
    fn fail(&mut self, ca: u16, events: &mut VecDeque<Event>) {
        self.failed.insert(ca);
        self.next(events);
    }

    /// Goes on with the next common address, or ends the round.
    fn next(&mut self, events: &mut VecDeque<Event>) {
        if !self.rest.is_empty() {
            self.step = Step::Due;
            return;
        }
        if self.failed.is_empty() {
            events.push_back(Event::InterrogationEnded);
        } else {
            // Of a single one there is nothing to name.
            if self.cas.len() > 1 {
                let failed: Vec<String> = self.failed.iter().map(u16::to_string).collect();
                let what = format!("interrogation: common address {} refused, was silent or did not end", failed.join(", "));
                events.push_back(Event::Refused { what });
            }
            events.push_back(Event::InterrogationFailed);
        }
        self.step = Step::Idle;
        if self.again {
            self.begin();
        }
    }

    /// Asks the next common address, if that is due. The caller asked the window.
    pub(super) fn put(&mut self, connection: &mut Connection<Sent>, out: &mut Vec<u8>, now: Mono) {
        if self.step != Step::Due {
            return;
        }
        let Some(ca) = self.rest.pop_front() else {
            self.step = Step::Idle;
            return;
        };
        let cot = Cot { originator: self.oa, ..Cot::new(Cause::ACTIVATION) };
        connection.put_information(out, now, |out| {
            SystemAsdu { cot, ca, ioa: 0, element: SystemElement::Interrogation(QOI_STATION) }.encode(out);
            Sent::Harmless
        });
        self.step = Step::Asked(ca, now + self.con_timeout);
    }

    pub(super) fn handle_timeout(&mut self, events: &mut VecDeque<Event>, now: Mono) {
        match self.step {
            Step::AwaitingInit(until) if now >= until => self.begin(),
            Step::Asked(ca, until) | Step::Running(ca, until) if now >= until => self.fail(ca, events),
            Step::Idle | Step::AwaitingInit(_) | Step::Due | Step::Asked(..) | Step::Running(..) => {}
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        match self.step {
            Step::AwaitingInit(until) | Step::Asked(_, until) | Step::Running(_, until) => until,
            Step::Idle | Step::Due => Mono::NEVER,
        }
    }

    pub(super) fn connection_lost(&mut self, events: &mut VecDeque<Event>) {
        match self.step {
            Step::Due | Step::Asked(..) | Step::Running(..) => events.push_back(Event::InterrogationFailed),
            Step::Idle | Step::AwaitingInit(_) => {}
        }
        self.step = Step::Idle;
        self.again = false;
    }
}
