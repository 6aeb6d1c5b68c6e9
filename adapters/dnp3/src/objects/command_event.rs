//! Events that tell of commands (g13, g43): what was asked for, by whomever, and what became of it.

use bridge_model::Value;

use crate::app::Payload;
use crate::objects::measurement::{Fitted, push_time, read_time, read_value};
use crate::objects::read::Reader;
use crate::objects::{Coding, ControlStatus, Encoded, Lead, ObjectTime, Variation};

/// A command that an outstation was given.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CommandEvent {
    /// What became of it.
    pub status: ControlStatus,
    /// The state or number asked for.
    pub value: Value,
    /// When.
    pub time: ObjectTime,
}

impl CommandEvent {
    /// From an object of g13 or g43; `None` for others and for a payload not of its size.
    #[must_use]
    pub fn decode(variation: &Variation, payload: Payload<'_>) -> Option<Self> {
        if variation.lead != Lead::Status {
            return None;
        }
        let mut reader = Reader(payload.octets());
        let status = reader.u8()?;
        let value = read_value(variation.coding, status, &mut reader)?;
        let time = read_time(variation.tag, &mut reader)?;
        reader.end(Self { status: ControlStatus(status & status_mask(variation.coding)), value, time })
    }

    /// To an object; `None` if the variation cannot say it.
    #[must_use]
    pub fn encode(&self, variation: &Variation) -> Option<Encoded> {
        let fitted = Fitted::new(self.value, variation).filter(Fitted::exact)?;
        if variation.lead != Lead::Status {
            return None;
        }
        let mut encoded = Encoded::empty();
        encoded.push([self.status.0 & status_mask(variation.coding) | fitted.state_bits(variation.coding)]);
        fitted.push_number(&mut encoded);
        push_time(variation.tag, self.time, &mut encoded)?;
        Some(encoded)
    }
}

/// The bits that a status has beside a state; the highest is reserved where there is none, and kept.
fn status_mask(coding: Coding) -> u8 {
    if coding == Coding::State { 0x7F } else { 0xFF }
}
