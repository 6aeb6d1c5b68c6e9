//! Reset process and parameter loading (rows 51 and 58): off unless the link allows them (R22).
//!
//! Loaded parameters are declared volatile: a restart of the bridge or a reset process forgets them.

use bridge_model::Now;
use bridge_session::Event;

use super::Controlled;
use super::commands::No;
use super::pace::Kind;
use super::receive::{COI_REMOTE_RESET, con};
use crate::{AsduView, Cause, Family, ParameterAsdu, ParameterElement, Qpm};

impl Controlled {
    pub(super) fn parameter(&mut self, asdu: &ParameterAsdu, view: &AsduView<'_>, now: Now) -> Result<(), No> {
        let con = con(asdu.cot.cause);
        let deactivation = asdu.cot.cause == Cause::DEACTIVATION;
        let no = |why| Err(No { cause: con, why });
        match asdu.element {
            ParameterElement::Reset(_) if !self.params.allow.reset => return no("reset process is not served"),
            ParameterElement::Reset(_) if asdu.ioa != 0 => return Err(No { cause: Cause::UNKNOWN_IOA, why: "object address is not zero" }),
            // Waiting events are never thrown away because somebody asks for it.
            ParameterElement::Reset(qrp) if qrp != 1 => return no("only the general reset is served"),
            ParameterElement::Reset(_) => {
                self.answer(view, Cause::ACTIVATION_CON, false);
                // What is part of a test changes nothing (row 30).
                if !asdu.cot.test {
                    self.reset();
                }
                return Ok(());
            }
            _ if !self.params.allow.parameters => return no("parameters are not served"),
            ParameterElement::Activation(qpa) => self.activate(asdu, qpa, !deactivation, now)?,
            ParameterElement::Normalised(value, qpm) => self.load(asdu, Family::Normalised, f64::from(value) / 32768.0, qpm)?,
            ParameterElement::Scaled(value, qpm) => self.load(asdu, Family::Scaled, f64::from(value), qpm)?,
            ParameterElement::Float(value, _) if !value.is_finite() => return no("the parameter is no number"),
            ParameterElement::Float(value, qpm) => self.load(asdu, Family::Float, f64::from(value), qpm)?,
        }
        self.answer(view, con, false);
        Ok(())
    }

    /// The measurand that a parameter is of.
    fn measurand(&self, asdu: &ParameterAsdu) -> Result<(u32, Family), No> {
        let found = self.image.at(asdu.ca, asdu.ioa).and_then(|index| self.image.get(index).map(|served| (index, served.family)));
        found.ok_or(No { cause: Cause::UNKNOWN_IOA, why: "no such measurand" })
    }

    fn load(&mut self, asdu: &ParameterAsdu, family: Family, value: f64, qpm: Qpm) -> Result<(), No> {
        let (index, of) = self.measurand(asdu)?;
        let no = |why| No { cause: Cause::ACTIVATION_CON, why };
        if of != family && !(of == Family::Bare && family == Family::Normalised) {
            return Err(No { cause: Cause::UNKNOWN_IOA, why: "the measurand has another type" });
        }
        let Some(kind) = Kind::of(qpm.kind) else { return Err(no("a kind of parameter that is not served")) };
        if kind == Kind::Threshold && value < 0.0 {
            return Err(no("a threshold is not negative"));
        }
        if asdu.cot.test {
            return Ok(());
        }
        self.image.pace(index).load(kind, value, !qpm.not_in_operation);
        Ok(())
    }

    /// QPA 1: all loaded parameters; 2: those of the object; 3: cyclic transmission of the object.
    fn activate(&mut self, asdu: &ParameterAsdu, qpa: u8, on: bool, now: Now) -> Result<(), No> {
        let no = |why| No { cause: con(asdu.cot.cause), why };
        let done = match qpa {
            1..=3 if asdu.cot.test => true,
            1 if asdu.ioa == 0 => self.image.activate_all(on),
            2 => {
                let (index, _) = self.measurand(asdu)?;
                self.image.pace(index).activate(on)
            }
            3 => {
                let (index, _) = self.measurand(asdu)?;
                let every = self.image.get(index).and_then(|served| served.transmission.cyclic).or(self.params.background);
                self.cycles.activate(index, every, on, now.mono)
            }
            _ => return Err(no("reserved qualifier of activation")),
        };
        if done { Ok(()) } else { Err(no("nothing is loaded there")) }
    }

    /// The station's application begins again: parameters, selections and interrogations are forgotten; the image and what waits to be told
    /// are the process's, and stay.
    fn reset(&mut self) {
        self.interrogation.stop();
        self.image.forget_parameters();
        self.commands.reset(&mut self.events);
        self.announce(COI_REMOTE_RESET);
        self.events.push_back(Event::Refused {
            what: "reset process by the controlling station: parameters and selections are forgotten".to_owned(),
        });
    }
}
