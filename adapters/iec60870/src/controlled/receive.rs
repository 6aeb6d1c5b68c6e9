//! What a controlling station sends: answered here, or handed on.

use bridge_model::{Now, Timestamp};

use super::Controlled;
use super::commands::No;
use super::interrogation::Subject;
use crate::asdu::{CA_BROADCAST, mirror};
use crate::error::Error;
use crate::params::ClockPolicy;
use crate::{Asdu, AsduView, Cause, Cot, Cp56Time2a, Freeze, Repertoire, SystemAsdu, SystemElement, TypeId};

/// The qualifier of a station interrogation.
const QOI_STATION: u8 = 20;
/// The cause of an end of initialisation after power on.
pub(super) const COI_POWER_ON: u8 = 0;
/// The same after a remote reset.
pub(super) const COI_REMOTE_RESET: u8 = 2;

/// `M_EI_NA_1` of one common address (row 44).
pub(super) fn end_of_init(ca: u16, coi: u8, out: &mut Vec<u8>) {
    let element = SystemElement::EndOfInit(coi);
    SystemAsdu { cot: Cot::new(Cause::INITIALISED), ca, ioa: 0, element }.encode(out);
}

impl Controlled {
    /// One I frame. Its ASDU is answered by type, cause, common address, object address, in the order of causes 44 to 47.
    pub(super) fn information(&mut self, octets: &[u8], frame: u64, now: Now) -> Result<(), Error> {
        let view = AsduView::parse(octets)?;
        let no = |cause, why| No { cause, why };
        let taken = Repertoire::of(view.type_id).controlled.taken;
        let outcome = if taken.is_empty() {
            Err(no(Cause::UNKNOWN_TYPE, "unknown type"))
        } else if taken.contains(view.cot.cause) {
            self.served(&view, frame, now)?
        } else {
            Err(no(Cause::UNKNOWN_CAUSE, "unknown cause"))
        };
        if let Err(No { cause, why }) = outcome {
            self.answer(&view, cause, true);
            let what = || format!("{} cause {} ca {}: {why}", view.type_id, view.cot.cause.0, view.ca);
            self.findings.tell(what, &mut self.events, now.mono);
        }
        if self.replies.is_overfull() || self.cycles.is_overfull() {
            return Err(Error::misbehaved("requests are sent and their answers not acknowledged"));
        }
        Ok(())
    }

    /// Mirrors a request; one to all stations is answered by each of ours with its own address (row 27).
    pub(super) fn answer(&mut self, view: &AsduView<'_>, cause: Cause, negative: bool) {
        if view.ca != CA_BROADCAST || !takes_broadcast(view.type_id) {
            return self.replies.push_with(|out| mirror(view.octets, cause, negative, out));
        }
        for ca in self.image.cas() {
            self.replies.push_with(|out| {
                mirror(view.octets, cause, negative, out);
                if let Some(octets) = out.get_mut(4..6) {
                    octets.copy_from_slice(&ca.to_le_bytes());
                }
            });
        }
    }

    fn served(&mut self, view: &AsduView<'_>, frame: u64, now: Now) -> Result<Result<(), No>, Error> {
        let Some(asdu) = view.meaning()? else {
            // Several objects in one command, or a sequence: the standard has neither.
            let cause = if view.type_id == TypeId::C_RD_NA_1 { Cause::UNKNOWN_IOA } else { con(view.cot.cause) };
            return Ok(Err(No { cause, why: "a command carries one object" }));
        };
        if let Asdu::Control(control) = &asdu {
            let party = self.started().and_then(|at| self.group.get(at)).map_or("", |link| link.party.as_str());
            self.events.extend(self.watch.look(control, party, now.mono).into_iter().map(bridge_session::Event::Suspicious));
        }
        let is_ours = self.image.knows_ca(view.ca) || (view.ca == CA_BROADCAST && takes_broadcast(view.type_id));
        if !is_ours {
            return Ok(Err(No { cause: Cause::UNKNOWN_CA, why: "unknown common address" }));
        }
        if self.changes_something(&asdu) && !self.may_change(view.cot.originator) {
            return Ok(Err(No { cause: con(view.cot.cause), why: "the originator may not change anything here" }));
        }
        Ok(match asdu {
            Asdu::Control(control) => {
                let connection = self.serving();
                self.commands.receive(&control, view.octets, (connection, frame), self.zone, &mut self.events, now)
            }
            Asdu::System(system) if system.element == SystemElement::Read => self.read(&system),
            Asdu::System(system) if system.ioa != 0 => Err(No { cause: Cause::UNKNOWN_IOA, why: "object address is not zero" }),
            Asdu::System(system) => self.system(&system, view, now),
            Asdu::Parameter(parameter) => self.parameter(&parameter, view, now),
            Asdu::Monitor(_) => Err(No { cause: Cause::UNKNOWN_TYPE, why: "monitored type in control direction" }),
        })
    }

    /// Whether it is more than reading.
    fn changes_something(&self, asdu: &Asdu) -> bool {
        match asdu {
            Asdu::Control(_) | Asdu::Parameter(_) => true,
            Asdu::System(system) => match system.element {
                SystemElement::ClockSync(_) => true,
                SystemElement::CounterInterrogation(qcc) => qcc.freeze != Freeze::Read,
                SystemElement::EndOfInit(_)
                | SystemElement::Interrogation(_)
                | SystemElement::Read
                | SystemElement::TestPattern(_)
                | SystemElement::Delay(_)
                | SystemElement::Test(..) => false,
            },
            Asdu::Monitor(_) => false,
        }
    }

    fn may_change(&self, originator: u8) -> bool {
        self.params.originators.is_empty() || self.params.originators.contains(&originator)
    }

    /// Read of one object (row 48).
    fn read(&mut self, asdu: &SystemAsdu) -> Result<(), No> {
        let Some(index) = self.image.at(asdu.ca, asdu.ioa) else {
            return Err(No { cause: Cause::UNKNOWN_IOA, why: "no such point" });
        };
        // Counters have a request of their own, and an event is over when it was told: neither is sent with cause 5.
        let is_read = self.image.get(index).is_some_and(|served| Repertoire::of(served.type_id).controlled.sent.contains(Cause::REQUESTED));
        if !is_read {
            return Err(No { cause: Cause::UNKNOWN_IOA, why: "not an object to be read" });
        }
        self.cycles.read(index);
        Ok(())
    }

    fn system(&mut self, asdu: &SystemAsdu, view: &AsduView<'_>, now: Now) -> Result<(), No> {
        let deactivation = asdu.cot.cause == Cause::DEACTIVATION;
        let cas =
            |image: &super::image::Image| -> Vec<u16> { image.cas().filter(|ca| asdu.ca == CA_BROADCAST || *ca == asdu.ca).collect() };
        match asdu.element {
            SystemElement::Interrogation(qoi @ QOI_STATION..=36) => {
                let subject = Subject::Image((qoi > QOI_STATION).then_some(qoi - QOI_STATION));
                let cas = cas(&self.image);
                if deactivation {
                    if !self.interrogation.deactivate(subject, &cas) {
                        return Err(No { cause: Cause::DEACTIVATION_CON, why: "no such interrogation runs" });
                    }
                    self.answer(view, Cause::DEACTIVATION_CON, false);
                    return Ok(());
                }
                if let Subject::Image(Some(group)) = subject
                    && !self
                        .image
                        .objects()
                        .any(|(_, served)| cas.contains(&served.ca) && served.transmission.is_in(group) && served.family.is_interrogated())
                {
                    return Err(No { cause: Cause::ACTIVATION_CON, why: "no point is in the group" });
                }
                if self.interrogation.runs(false, &cas) {
                    return Err(No { cause: Cause::ACTIVATION_CON, why: "an interrogation runs already" });
                }
                self.interrogation.begin(view.octets, subject, cas.into_iter());
                Ok(())
            }
            SystemElement::Interrogation(_) => Err(No { cause: con(asdu.cot.cause), why: "reserved qualifier of interrogation" }),
            SystemElement::CounterInterrogation(qcc) => {
                let Some(group) = qcc.group() else {
                    return Err(No { cause: con(asdu.cot.cause), why: "reserved request of counters" });
                };
                let cas = cas(&self.image);
                if deactivation {
                    if !self.interrogation.deactivate(Subject::Counters(group), &cas) {
                        return Err(No { cause: Cause::DEACTIVATION_CON, why: "no such counter interrogation runs" });
                    }
                    self.answer(view, Cause::DEACTIVATION_CON, false);
                    return Ok(());
                }
                if self.interrogation.runs(true, &cas) {
                    return Err(No { cause: Cause::ACTIVATION_CON, why: "a counter interrogation runs already" });
                }
                let resets = matches!(qcc.freeze, Freeze::FreezeReset | Freeze::Reset);
                if qcc.freeze != Freeze::Read && (!self.counters.takes_freeze() || resets && !self.params.allow.counter_reset) {
                    return Err(No { cause: Cause::ACTIVATION_CON, why: "counters are not frozen or reset by command here" });
                }
                let subject = if qcc.freeze == Freeze::Read { Subject::Counters(group) } else { Subject::Nothing };
                // What is part of a test changes nothing (row 30).
                for ca in cas.iter().filter(|_| !asdu.cot.test) {
                    self.counters.freeze(&self.image, *ca, group, qcc.freeze, now);
                }
                self.interrogation.begin(view.octets, subject, cas.into_iter());
                Ok(())
            }
            SystemElement::ClockSync(theirs) => self.clock(theirs, asdu, cas(&self.image), now),
            SystemElement::Test(..) => {
                self.replies.push_with(|out| mirror(view.octets, Cause::ACTIVATION_CON, false, out));
                Ok(())
            }
            SystemElement::EndOfInit(_) | SystemElement::Read | SystemElement::TestPattern(_) | SystemElement::Delay(_) => {
                Err(No { cause: Cause::UNKNOWN_TYPE, why: "not a type of this direction" })
            }
        }
    }

    /// Clock synchronisation (row 49): the offset is told, our time is answered, no clock is stepped (R22).
    fn clock(&mut self, theirs: Cp56Time2a, asdu: &SystemAsdu, cas: Vec<u16>, now: Now) -> Result<(), No> {
        let stamp = theirs.timestamp(self.zone, now.utc, &mut crate::DayCache::default());
        let offset_ms = (stamp.utc.0 - now.utc.0) / 1_000_000;
        let what = || format!("clock synchronisation: the peer's clock is {offset_ms} ms from ours; ours is not stepped");
        self.findings.tell(what, &mut self.events, now.mono);
        match self.params.clock {
            ClockPolicy::Refuse => Err(No { cause: Cause::ACTIVATION_CON, why: "clock synchronisation is not served" }),
            ClockPolicy::Answer => {
                let time = Cp56Time2a::from_timestamp(Timestamp::by_device(now.utc), self.zone);
                for ca in cas {
                    let cot = Cot { cause: Cause::ACTIVATION_CON, negative: false, ..asdu.cot };
                    self.replies.push_with(|out| SystemAsdu { cot, ca, ioa: 0, element: SystemElement::ClockSync(time) }.encode(out));
                }
                Ok(())
            }
        }
    }
}

/// The types that a broadcast address may carry (row 27).
const fn takes_broadcast(type_id: TypeId) -> bool {
    matches!(type_id.0, 100 | 101 | 103 | 105)
}

/// The confirmation of a cause.
pub(super) const fn con(cause: Cause) -> Cause {
    match cause {
        Cause::DEACTIVATION => Cause::DEACTIVATION_CON,
        _ => Cause::ACTIVATION_CON,
    }
}
