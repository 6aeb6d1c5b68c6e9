//! The value of a point, in the width the device gave it.

use std::fmt;

/// A double-point state (IEC 60870-5-101 clause 7.2.6.2, 61850 Dbpos): the number is the wire code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum DoublePoint {
    /// Moving, or neither contact made.
    Intermediate = 0,
    /// Off, open.
    Off = 1,
    /// On, closed.
    On = 2,
    /// Both contacts made.
    Bad = 3,
}

impl DoublePoint {
    /// From the two wire bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::Intermediate,
            1 => Self::Off,
            2 => Self::On,
            _ => Self::Bad,
        }
    }
}

/// The value of a point. A 32-bit float stays one, so that 243.6 prints as 243.6 wherever it goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// A single-point state.
    Bool(bool),
    /// A double-point state.
    Double(DoublePoint),
    /// A whole number: counters, steps, enumerations.
    Int(i64),
    /// A short float.
    Real32(f32),
    /// A long float.
    Real(f64),
}

impl Value {
    /// The value as a number: states give their wire code. A short float gives the double nearest to its shortest decimal
    /// form only through [`Display`](fmt::Display); here it is widened.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Bool(v) => f64::from(u8::from(v)),
            Self::Double(v) => f64::from(v as u8),
            #[expect(clippy::cast_precision_loss, reason = "counters beyond 2^53 are compared as integers elsewhere")]
            Self::Int(v) => v as f64,
            Self::Real32(v) => f64::from(v),
            Self::Real(v) => v,
        }
    }

    /// Whether the value is a state (single, double) rather than a quantity.
    #[must_use]
    pub const fn is_state(self) -> bool {
        matches!(self, Self::Bool(_) | Self::Double(_))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{}", u8::from(*v)),
            Self::Double(v) => write!(f, "{}", *v as u8),
            Self::Int(v) => write!(f, "{v}"),
            Self::Real32(v) => write!(f, "{v}"),
            Self::Real(v) => write!(f, "{v}"),
        }
    }
}
