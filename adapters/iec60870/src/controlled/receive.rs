//! What a controlling station sends: answered here, or handed on.

use bridge_model::{Now, Timestamp};
use bridge_session::Event;

use super::Controlled;
use super::commands::No;
use crate::asdu::{CA_BROADCAST, mirror};
use crate::error::Error;
use crate::params::ClockPolicy;
use crate::{Asdu, AsduView, Cause, Cot, Cp56Time2a, SystemAsdu, SystemElement, TypeId};

/// The qualifier of a station interrogation.
const QOI_STATION: u8 = 20;
/// The cause of an end of initialisation after power on.
const COI_POWER_ON: u8 = 0;

/// `M_EI_NA_1` of one common address (row 44).
pub(super) fn end_of_init(ca: u16, out: &mut Vec<u8>) {
    let element = SystemElement::EndOfInit(COI_POWER_ON);
    SystemAsdu { cot: Cot::new(Cause::INITIALISED), ca, ioa: 0, element }.encode(out);
}

impl Controlled {
    /// One I frame. Its ASDU is answered by type, cause, common address, object address, in the order of causes 44 to 47.
    pub(super) fn information(&mut self, octets: &[u8], frame: u64, now: Now) -> Result<(), Error> {
        let view = AsduView::parse(octets)?;
        let served = matches!(
            view.type_id,
            TypeId::C_SC_NA_1
                | TypeId::C_DC_NA_1
                | TypeId::C_SE_NC_1
                | TypeId::C_SC_TA_1
                | TypeId::C_SE_TC_1
                | TypeId::C_IC_NA_1
                | TypeId::C_CS_NA_1
                | TypeId::C_TS_TA_1
        );
        let no = |cause, why| No { cause, why };
        let outcome = if served {
            match view.cot.cause {
                Cause::ACTIVATION | Cause::DEACTIVATION => self.served(&view, frame, now)?,
                _ => Err(no(Cause::UNKNOWN_CAUSE, "unknown cause")),
            }
        } else {
            Err(no(Cause::UNKNOWN_TYPE, "unknown type"))
        };
        if let Err(No { cause, why }) = outcome {
            self.replies.push_with(|out| mirror(octets, cause, true, out));
            let what = format!("{} cause {} ca {}: {why}", view.type_id, view.cot.cause.0, view.ca);
            self.events.push_back(Event::Refused { what });
        }
        if self.replies.is_overfull() {
            return Err(Error::misbehaved("requests are sent and their answers not acknowledged"));
        }
        Ok(())
    }

    fn served(&mut self, view: &AsduView<'_>, frame: u64, now: Now) -> Result<Result<(), No>, Error> {
        let Some(asdu) = view.meaning()? else {
            // Several objects in one command, or a sequence: the standard has neither.
            return Ok(Err(No { cause: Cause::ACTIVATION_CON, why: "a command carries one object" }));
        };
        let is_broadcast = view.ca == CA_BROADCAST && matches!(view.type_id, TypeId::C_IC_NA_1 | TypeId::C_CS_NA_1);
        if !is_broadcast && !self.image.knows_ca(view.ca) {
            return Ok(Err(No { cause: Cause::UNKNOWN_CA, why: "unknown common address" }));
        }
        Ok(match asdu {
            Asdu::Control(control) => {
                let connection = self.serving();
                self.commands.receive(&control, view.octets, (connection, frame), self.zone, now).map(|event| self.events.push_back(event))
            }
            Asdu::System(system) if system.ioa != 0 => Err(No { cause: Cause::UNKNOWN_IOA, why: "object address is not zero" }),
            Asdu::System(system) => self.system(&system, view, now),
            Asdu::Monitor(_) => Err(No { cause: Cause::UNKNOWN_TYPE, why: "monitored type in control direction" }),
        })
    }

    fn system(&mut self, asdu: &SystemAsdu, view: &AsduView<'_>, now: Now) -> Result<(), No> {
        let deactivation = asdu.cot.cause == Cause::DEACTIVATION;
        match asdu.element {
            SystemElement::Interrogation(QOI_STATION) if deactivation => {
                if !self.interrogation.is_running() {
                    return Err(No { cause: Cause::DEACTIVATION_CON, why: "no interrogation runs" });
                }
                self.interrogation.stop();
                self.replies.push_with(|out| mirror(view.octets, Cause::DEACTIVATION_CON, false, out));
                Ok(())
            }
            _ if deactivation => Err(No { cause: Cause::UNKNOWN_CAUSE, why: "cannot be deactivated" }),
            SystemElement::Interrogation(QOI_STATION) => {
                if self.interrogation.is_running() {
                    return Err(No { cause: Cause::ACTIVATION_CON, why: "an interrogation runs already" });
                }
                let wanted = asdu.ca;
                let cas: Vec<u16> = self.image.cas().filter(|ca| wanted == CA_BROADCAST || *ca == wanted).collect();
                self.interrogation.begin(view.octets, cas.into_iter());
                Ok(())
            }
            SystemElement::Interrogation(_) => Err(No { cause: Cause::ACTIVATION_CON, why: "interrogation of a group that is not served" }),
            SystemElement::ClockSync(_) => match self.params.clock {
                // We never step a clock (R22).
                ClockPolicy::Refuse => Err(No { cause: Cause::ACTIVATION_CON, why: "clock synchronisation is not served" }),
                ClockPolicy::Answer => {
                    let time = Cp56Time2a::from_timestamp(Timestamp::by_device(now.utc), self.zone);
                    let cas: Vec<u16> = self.image.cas().filter(|ca| asdu.ca == CA_BROADCAST || *ca == asdu.ca).collect();
                    for ca in cas {
                        let cot = Cot { cause: Cause::ACTIVATION_CON, ..asdu.cot };
                        self.replies.push_with(|out| SystemAsdu { cot, ca, ioa: 0, element: SystemElement::ClockSync(time) }.encode(out));
                    }
                    Ok(())
                }
            },
            SystemElement::Test(..) => {
                self.replies.push_with(|out| mirror(view.octets, Cause::ACTIVATION_CON, false, out));
                Ok(())
            }
            SystemElement::EndOfInit(_) => Err(No { cause: Cause::UNKNOWN_TYPE, why: "monitored type in control direction" }),
        }
    }
}
