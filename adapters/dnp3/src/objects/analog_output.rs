//! Commands of analogue outputs (g41).

use bridge_model::Value;

use crate::objects::{ControlStatus, Encoded, read::Reader};

/// An analogue output block: the value asked for and, in answers, what became of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AnalogOutput {
    /// Variation 1.
    Int32(i32, ControlStatus),
    /// Variation 2.
    Int16(i16, ControlStatus),
    /// Variation 3.
    Float32(f32, ControlStatus),
    /// Variation 4.
    Float64(f64, ControlStatus),
}

impl AnalogOutput {
    /// From the wire; `None` for a variation that is none or octets not of its size.
    #[must_use]
    pub fn decode(variation: u8, octets: &[u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let status = |reader: &mut Reader<'_>| reader.u8().map(ControlStatus);
        let output = match variation {
            1 => Self::Int32(i32::from_le_bytes(reader.octets()?), status(&mut reader)?),
            2 => Self::Int16(i16::from_le_bytes(reader.octets()?), status(&mut reader)?),
            3 => Self::Float32(f32::from_le_bytes(reader.octets()?), status(&mut reader)?),
            4 => Self::Float64(f64::from_le_bytes(reader.octets()?), status(&mut reader)?),
            _ => return None,
        };
        reader.end(output)
    }

    /// A value as a variation says it, for a request. `None` if the variation cannot say it exactly enough: a command is never clamped;
    /// a fraction is rounded to a whole number where the variation has none, and to the nearest short float.
    #[must_use]
    pub fn request(variation: u8, value: f64) -> Option<Self> {
        let status = ControlStatus::SUCCESS;
        if !value.is_finite() {
            return None;
        }
        let whole = value.round();
        let within = |min: f64, max: f64| (min..=max).contains(&whole);
        match variation {
            // Checked to be within the range: the conversions are exact.
            1 => within(f64::from(i32::MIN), f64::from(i32::MAX)).then_some(Self::Int32(whole as i32, status)),
            2 => within(f64::from(i16::MIN), f64::from(i16::MAX)).then_some(Self::Int16(whole as i16, status)),
            3 => Some(value as f32).filter(|short| short.is_finite()).map(|short| Self::Float32(short, status)),
            4 => Some(Self::Float64(value, status)),
            _ => None,
        }
    }

    /// The variation.
    #[must_use]
    pub const fn variation(self) -> u8 {
        match self {
            Self::Int32(..) => 1,
            Self::Int16(..) => 2,
            Self::Float32(..) => 3,
            Self::Float64(..) => 4,
        }
    }

    /// The value asked for.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Int32(value, _) => Value::Int(i64::from(value)),
            Self::Int16(value, _) => Value::Int(i64::from(value)),
            Self::Float32(value, _) => Value::Real32(value),
            Self::Float64(value, _) => Value::Real(value),
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(self) -> ControlStatus {
        match self {
            Self::Int32(_, status) | Self::Int16(_, status) | Self::Float32(_, status) | Self::Float64(_, status) => status,
        }
    }

    /// The same with another status: an answer.
    #[must_use]
    pub const fn answered(self, status: ControlStatus) -> Self {
        match self {
            Self::Int32(value, _) => Self::Int32(value, status),
            Self::Int16(value, _) => Self::Int16(value, status),
            Self::Float32(value, _) => Self::Float32(value, status),
            Self::Float64(value, _) => Self::Float64(value, status),
        }
    }

    /// To the wire.
    #[must_use]
    pub fn encode(self) -> Encoded {
        let mut encoded = Encoded::empty();
        match self {
            Self::Int32(value, _) => encoded.push(value.to_le_bytes()),
            Self::Int16(value, _) => encoded.push(value.to_le_bytes()),
            Self::Float32(value, _) => encoded.push(value.to_le_bytes()),
            Self::Float64(value, _) => encoded.push(value.to_le_bytes()),
        }
        encoded.push([self.status().0]);
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r40_each_variation_round_trips_with_its_status_behind() {
        for (variation, value) in [(1, -70_000.0), (2, -1234.0), (3, 3.5), (4, 1e-9)] {
            let request = AnalogOutput::request(variation, value).unwrap();
            assert_eq!(request.value().as_f64(), value);
            let answer = request.answered(ControlStatus::LOCAL);
            let encoded = answer.encode();
            assert_eq!(encoded.octets().last(), Some(&7));
            assert_eq!(AnalogOutput::decode(variation, encoded.octets()), Some(answer));
        }
    }

    #[test]
    fn a2_r40_a_command_is_never_clamped() {
        assert_eq!(AnalogOutput::request(2, 32_768.0), None);
        assert_eq!(AnalogOutput::request(1, 3e9), None);
        assert_eq!(AnalogOutput::request(3, 1e300), None);
        assert_eq!(AnalogOutput::request(4, f64::NAN), None);
    }
}
